//! Keys through the registry, as clients and as services use them.

use std::collections::BTreeMap;

use cumulet_engine::registry::Registry;
use cumulet_fixture::house::{ACCOUNT, House, OTHER, allow, root};
use cumulet_kernel::outbox;
use serde_json::{Value, json};

/// This service, and those that its tests need around it.
pub(super) fn registry() -> Registry {
    let others = [crate::service()];
    let all = cumulet_identity::services().into_iter().chain(others);
    Registry::new(all, cumulet_identity::iam::authorise)
}

fn new_key(house: &House) -> String {
    let output = house
        .call(&root(ACCOUNT), "kms", "CreateKey", json!({}))
        .unwrap();
    output["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

fn encryption_context() -> BTreeMap<String, String> {
    BTreeMap::from([("aws:s3:arn".into(), "arn:aws:s3:::b/k".into())])
}

#[test]
fn what_is_encrypted_opens_with_the_same_context_only() {
    let (house, root) = (House::new(registry()), root(ACCOUNT));
    let key = new_key(&house);
    let input = json!({"KeyId": key, "Plaintext": "aGVsbG8=", "EncryptionContext": {"a": "1"}});
    let blob = house.call(&root, "kms", "Encrypt", input).unwrap()["CiphertextBlob"].take();
    let open = |context: Value| {
        house.refusal(
            &root,
            "kms",
            "Decrypt",
            json!({"CiphertextBlob": blob, "EncryptionContext": context}),
        )
    };
    assert!(open(json!({"a": "1"})).contains("aGVsbG8="));
    assert_eq!(open(json!({"a": "2"})), "400 InvalidCiphertextException: ");
    assert_eq!(open(json!({})), "400 InvalidCiphertextException: ");
    let other = new_key(&house);
    let wrong = json!({"CiphertextBlob": blob, "EncryptionContext": {"a": "1"}, "KeyId": other});
    assert_eq!(
        house.refusal(&root, "kms", "Decrypt", wrong),
        "400 IncorrectKeyException: The key ID in the request does not identify a CMK that can perform this operation."
    );
}

#[test]
fn old_material_still_opens_after_rotation() {
    let (house, root) = (House::new(registry()), root(ACCOUNT));
    let key = new_key(&house);
    let blob = house
        .call(
            &root,
            "kms",
            "Encrypt",
            json!({"KeyId": key, "Plaintext": "YQ=="}),
        )
        .unwrap();
    let blob = blob["CiphertextBlob"].clone();
    house
        .call(&root, "kms", "RotateKeyOnDemand", json!({"KeyId": key}))
        .unwrap();
    let opened = house
        .call(&root, "kms", "Decrypt", json!({"CiphertextBlob": blob}))
        .unwrap();
    assert_eq!(opened["Plaintext"], "YQ==");
    let described = house
        .call(&root, "kms", "DescribeKey", json!({"KeyId": key}))
        .unwrap();
    assert_ne!(
        described["KeyMetadata"]["CurrentKeyMaterialId"],
        opened["KeyMaterialId"]
    );
    let listed = house
        .call(&root, "kms", "ListKeyRotations", json!({"KeyId": key}))
        .unwrap();
    assert_eq!(listed["Rotations"][0]["RotationType"], "ON_DEMAND");
}

#[test]
fn automatic_rotation_follows_the_clock() {
    let (house, root) = (House::new(registry()), root(ACCOUNT));
    let key = new_key(&house);
    house
        .call(
            &root,
            "kms",
            "EnableKeyRotation",
            json!({"KeyId": key, "RotationPeriodInDays": 90}),
        )
        .unwrap();
    house.now.set(house.now.get().plus_s(90 * 86_400));
    let context = house.context(&root);
    house
        .write(move |tx| {
            for entry in outbox::due(tx, context.now, 10)? {
                super::rotation::rotate_due(tx, &context, &entry)?;
            }
            Ok(())
        })
        .unwrap();
    let listed = house
        .call(&root, "kms", "ListKeyRotations", json!({"KeyId": key}))
        .unwrap();
    assert_eq!(listed["Rotations"][0]["RotationType"], "AUTOMATIC");
    let status = house
        .call(&root, "kms", "GetKeyRotationStatus", json!({"KeyId": key}))
        .unwrap();
    assert_eq!(
        status["NextRotationDate"],
        1_790_000_000.0 + 180.0 * 86_400.0
    );
}

#[test]
fn a_disabled_and_a_dying_key_open_nothing_and_a_shredded_one_never_again() {
    let (house, root) = (House::new(registry()), root(ACCOUNT));
    let key = new_key(&house);
    let context = house.context(&root);
    let arn = key.clone();
    let made = house
        .write(move |tx| super::generate_data_key(tx, &context, &arn, &encryption_context()))
        .unwrap();
    let open = || {
        let context = house.context(&root);
        let opened = house.store.read(|tx| {
            super::decrypt_data_key(tx, &context, &made.ciphertext, &encryption_context())
        });
        opened
            .map(|opened| opened.as_bytes() == made.plaintext.as_bytes())
            .map_err(|error| error.to_string())
    };
    assert_eq!(open(), Ok(true));
    house
        .call(&root, "kms", "DisableKey", json!({"KeyId": key}))
        .unwrap();
    assert_eq!(
        open(),
        Err(format!("DisabledException: {key} is disabled."))
    );
    house
        .call(
            &root,
            "kms",
            "ScheduleKeyDeletion",
            json!({"KeyId": key, "PendingWindowInDays": 7}),
        )
        .unwrap();
    assert_eq!(
        open(),
        Err(format!(
            "KMSInvalidStateException: {key} is pending deletion."
        ))
    );
    house
        .call(&root, "kms", "CancelKeyDeletion", json!({"KeyId": key}))
        .unwrap();
    house
        .call(&root, "kms", "EnableKey", json!({"KeyId": key}))
        .unwrap();
    assert_eq!(open(), Ok(true));
    house
        .call(
            &root,
            "kms",
            "ScheduleKeyDeletion",
            json!({"KeyId": key, "PendingWindowInDays": 7}),
        )
        .unwrap();
    let due = house.now.get().plus_s(7 * 86_400);
    let shredded = house.write(move |tx| {
        let entries = outbox::due(tx, due, 10)?;
        entries
            .iter()
            .try_for_each(|entry| super::lifecycle::shred_due(tx, entry))?;
        Ok(entries.len())
    });
    assert_eq!(shredded, Ok(1));
    assert!(
        open()
            .unwrap_err()
            .starts_with("AccessDenied: The ciphertext refers to a customer master key")
    );
}

#[test]
fn identity_policies_count_only_where_the_key_policy_delegates() {
    let house = House::new(registry());
    let key = new_key(&house);
    let user = house.role("reader", Some(allow("kms:*", "*")));
    let nobody = house.role("nobody", None);
    let encrypt = |who: &cumulet_engine::Principal| {
        house.refusal(
            who,
            "kms",
            "Encrypt",
            json!({"KeyId": key, "Plaintext": "YQ=="}),
        )
    };
    assert!(encrypt(&user).starts_with("allowed"));
    assert_eq!(
        encrypt(&nobody),
        format!(
            "400 AccessDeniedException: User: arn:aws:sts::{ACCOUNT}:assumed-role/nobody/session is not authorized to perform: kms:Encrypt on resource: {key} because no identity-based policy allows the kms:Encrypt action"
        )
    );
    assert!(
        encrypt(&root(OTHER))
            .contains("because no resource-based policy allows the kms:Encrypt action")
    );
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:role/nobody")}, "Action": "kms:*", "Resource": "*"},
    ]});
    let input = json!({"KeyId": key, "Policy": policy.to_string()});
    let lockout = house.refusal(&root(ACCOUNT), "kms", "PutKeyPolicy", input.clone());
    assert!(
        lockout.contains(
            "The new key policy will not allow you to update the key policy in the future."
        ),
        "{lockout}"
    );
    let mut forced = input;
    forced["BypassPolicyLockoutSafetyCheck"] = true.into();
    house
        .call(&root(ACCOUNT), "kms", "PutKeyPolicy", forced)
        .unwrap();
    assert!(encrypt(&nobody).starts_with("allowed"));
    assert!(encrypt(&user).contains("because no resource-based policy allows"));
    assert!(encrypt(&root(ACCOUNT)).contains("because no resource-based policy allows"));
}

#[test]
fn a_grant_allows_its_operations_under_its_constraints_until_it_ends() {
    let house = House::new(registry());
    let key = new_key(&house);
    let nobody = house.role("nobody", None);
    let input = json!({
        "KeyId": key, "GranteePrincipal": format!("arn:aws:iam::{ACCOUNT}:role/nobody"),
        "Operations": ["Encrypt", "RetireGrant"], "Constraints": {"EncryptionContextSubset": {"a": "1"}},
    });
    let grant = house
        .call(&root(ACCOUNT), "kms", "CreateGrant", input)
        .unwrap();
    let encrypt = |context: Value| {
        house.refusal(
            &nobody,
            "kms",
            "Encrypt",
            json!({"KeyId": key, "Plaintext": "YQ==", "EncryptionContext": context}),
        )
    };
    assert!(encrypt(json!({"a": "1", "b": "2"})).starts_with("allowed"));
    assert!(encrypt(json!({"b": "2"})).contains("AccessDenied"));
    let random = house.refusal(&nobody, "kms", "DescribeKey", json!({"KeyId": key}));
    assert!(random.contains("AccessDenied"), "{random}");
    house
        .call(
            &nobody,
            "kms",
            "RetireGrant",
            json!({"GrantToken": grant["GrantToken"]}),
        )
        .unwrap();
    assert!(encrypt(json!({"a": "1"})).contains("AccessDenied"));
}

#[test]
fn an_aws_managed_key_works_through_its_service_only() {
    let house = House::new(registry());
    let nobody = house.role("nobody", None);
    let context = house.context(&root(ACCOUNT));
    let arn = house
        .write(move |tx| super::aws_managed_key(tx, &context, "s3"))
        .unwrap();
    let again = house.context(&root(ACCOUNT));
    assert_eq!(
        house.write(move |tx| super::aws_managed_key(tx, &again, "s3")),
        Ok(arn)
    );
    let described = house.refusal(
        &root(ACCOUNT),
        "kms",
        "DescribeKey",
        json!({"KeyId": "alias/aws/sqs"}),
    );
    assert!(described.contains("\"KeyManager\":\"AWS\""), "{described}");
    let generate = |context: cumulet_engine::Context| {
        house.write(move |tx| {
            super::generate_data_key(tx, &context, "alias/aws/s3", &encryption_context())
        })
    };
    assert!(generate(house.context(&nobody).through("s3")).is_ok());
    assert!(generate(house.context(&nobody).through("sqs")).is_err());
    assert!(generate(house.context(&nobody)).is_err());
}

#[test]
fn aliases_name_keys_and_not_found_has_its_texts() {
    let (house, root) = (House::new(registry()), root(ACCOUNT));
    let (first, second) = (new_key(&house), new_key(&house));
    let describe =
        |named: &str| house.refusal(&root, "kms", "DescribeKey", json!({"KeyId": named}));
    house
        .call(
            &root,
            "kms",
            "CreateAlias",
            json!({"AliasName": "alias/a", "TargetKeyId": first}),
        )
        .unwrap();
    assert!(describe("alias/a").contains(&first));
    let again = house.refusal(
        &root,
        "kms",
        "CreateAlias",
        json!({"AliasName": "alias/a", "TargetKeyId": second}),
    );
    assert_eq!(
        again,
        format!(
            "400 AlreadyExistsException: An alias with the name arn:aws:kms:us-east-1:{ACCOUNT}:alias/a already exists"
        )
    );
    house
        .call(
            &root,
            "kms",
            "UpdateAlias",
            json!({"AliasName": "alias/a", "TargetKeyId": second}),
        )
        .unwrap();
    assert!(describe(&format!("arn:aws:kms:us-east-1:{ACCOUNT}:alias/a")).contains(&second));
    let of_key = |key: &str| {
        house
            .call(&root, "kms", "ListAliases", json!({"KeyId": key}))
            .unwrap()["Aliases"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!((of_key(&first), of_key(&second)), (0, 1));
    house
        .call(&root, "kms", "DeleteAlias", json!({"AliasName": "alias/a"}))
        .unwrap();
    assert_eq!(
        describe("alias/a"),
        format!(
            "400 NotFoundException: Alias arn:aws:kms:us-east-1:{ACCOUNT}:alias/a is not found."
        )
    );
    assert_eq!(
        describe("fake-key-id"),
        "400 NotFoundException: Invalid keyId 'fake-key-id'"
    );
    let absent = "01234567-89ab-4cde-8f01-23456789abcd";
    assert_eq!(
        describe(absent),
        format!(
            "400 NotFoundException: Key 'arn:aws:kms:us-east-1:{ACCOUNT}:key/{absent}' does not exist"
        )
    );
    assert_eq!(
        describe(&first.replace("us-east-1", "eu-west-1")),
        "400 NotFoundException: Invalid arn eu-west-1"
    );
    let bad = house.refusal(
        &root,
        "kms",
        "CreateAlias",
        json!({"AliasName": "a", "TargetKeyId": second}),
    );
    assert!(
        bad.contains("Alias must start with the prefix \"alias/\"."),
        "{bad}"
    );
}

#[test]
fn a_service_uses_a_key_on_its_own_only_by_a_grant_made_through_it() {
    let house = House::new(registry());
    let caller = house.role("caller", None);
    let managed = house.context(&root(ACCOUNT));
    let key = house
        .write(move |tx| super::aws_managed_key(tx, &managed, "dynamodb"))
        .unwrap();
    let through = house.context(&caller).through("dynamodb");
    let (context, arn) = (through.clone(), key.clone());
    let sealed = house
        .write(move |tx| super::generate_data_key(tx, &context, &arn, &encryption_context()))
        .unwrap();
    let open = || {
        let context = house.context(&root(ACCOUNT));
        let context = context.as_service("dynamodb.amazonaws.com", "arn:aws:dynamodb:::t", ACCOUNT);
        let opened = house.store.read(|tx| {
            super::decrypt_data_key(tx, &context, &sealed.ciphertext, &encryption_context())
        });
        opened.is_ok()
    };
    assert!(!open());
    for _ in 0..2 {
        let (context, arn) = (through.clone(), key.clone());
        let grant = move |tx: &mut cumulet_kernel::Tx<'_>| {
            super::grant_to_service(tx, &context, &arn, "dynamodb.amazonaws.com", &["Decrypt"])
        };
        house.write(grant).unwrap();
    }
    assert!(open());
    let grants = house
        .call(&root(ACCOUNT), "kms", "ListGrants", json!({"KeyId": key}))
        .unwrap();
    assert_eq!(grants["Grants"].as_array().unwrap().len(), 1);
}
