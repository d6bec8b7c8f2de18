//! CloudFormation's types of Secrets Manager.

use cumulet_engine::error::{Error, Result};
use cumulet_engine::provider::{Outcome, Provider, ResourceCall, pairs};
use serde_json::{Map, Value, json};

pub(crate) fn resource_types() -> Vec<Provider> {
    let secret = Provider::new(
        "AWS::SecretsManager::Secret",
        &[
            "Description",
            "GenerateSecretString",
            "KmsKeyId",
            "Name",
            "SecretString",
            "Tags",
        ],
        create_secret,
        update_secret,
        delete_secret,
    );
    let policy = Provider::new(
        "AWS::SecretsManager::ResourcePolicy",
        &["BlockPublicPolicy", "ResourcePolicy", "SecretId"],
        create_policy,
        put_policy,
        delete_policy,
    );
    vec![secret, policy]
}

/// Known by its secret: there is one policy a secret.
fn create_policy(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    identify_by_secret(call);
    put_policy(call)
}

fn identify_by_secret(call: &mut ResourceCall<'_, '_>) {
    let id = call.text("SecretId").to_owned();
    call.attribute("Id", id.as_str());
    call.identify(id);
}

fn put_policy(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut input = call.pick(&["BlockPublicPolicy", "SecretId"]);
    let policy = call.document("ResourcePolicy").unwrap_or_default();
    input.insert("ResourcePolicy".into(), policy.into());
    call.call("secretsmanager", "PutResourcePolicy", input.into())?;
    Ok(Outcome::Done)
}

fn delete_policy(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "SecretId": call.text("SecretId") });
    call.call_unless_absent("secretsmanager", "DeleteResourcePolicy", input)?;
    Ok(Outcome::Done)
}

fn create_secret(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = match call.property("Name").and_then(Value::as_str) {
        Some(name) => name.to_owned(),
        None => {
            let id: String = call.logical_id.chars().take(32).collect();
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
            format!("{id}-{}", call.context.ids.text(12, alphabet))
        }
    };
    let mut input = Value::Object(call.pick(&["Description", "KmsKeyId"]));
    input["Name"] = name.into();
    input["SecretString"] = secret_string(call)?.unwrap_or_default().into();
    input["Tags"] = pairs("Key", "Value", &call.own_tags());
    let answer = call.call("secretsmanager", "CreateSecret", input)?;
    let arn = answer["ARN"].as_str().unwrap_or_default().to_owned();
    call.attribute("Id", arn.as_str());
    call.identify(arn);
    Ok(Outcome::Done)
}

/// The text that the template gives, or a password made by its rules, within a document where it says so.
fn secret_string(call: &mut ResourceCall<'_, '_>) -> Result<Option<String>> {
    if let Some(text) = call.property("SecretString").and_then(Value::as_str) {
        return Ok(Some(text.to_owned()));
    }
    let Some(rules) = call.property("GenerateSecretString").cloned() else {
        return Ok(None);
    };
    let names = [
        "ExcludeCharacters",
        "ExcludeLowercase",
        "ExcludeNumbers",
        "ExcludePunctuation",
        "ExcludeUppercase",
        "IncludeSpace",
        "PasswordLength",
        "RequireEachIncludedType",
    ];
    let given = names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), rules.get(name)?.clone())));
    let input: Map<String, Value> = given.collect();
    let answer = call.call("secretsmanager", "GetRandomPassword", input.into())?;
    let password = &answer["RandomPassword"];
    let (Some(template), Some(key)) = (
        rules["SecretStringTemplate"].as_str(),
        rules["GenerateStringKey"].as_str(),
    ) else {
        return Ok(password.as_str().map(str::to_owned));
    };
    let mut document: Value = serde_json::from_str(template).map_err(|_| {
        Error::new(
            "ValidationError",
            "SecretStringTemplate must be a JSON object",
        )
    })?;
    document[key] = password.clone();
    Ok(Some(document.to_string()))
}

fn update_secret(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mut input = Value::Object(call.pick(&["Description", "KmsKeyId"]));
    input["SecretId"] = call.physical_id.as_str().into();
    if call.any_changed(&["SecretString", "GenerateSecretString"])
        && let Some(text) = secret_string(call)?
    {
        input["SecretString"] = text.into();
    }
    call.call("secretsmanager", "UpdateSecret", input)?;
    let (set, gone) = call.tag_changes();
    let id = call.physical_id.clone();
    if !gone.is_empty() {
        let input = json!({ "SecretId": id, "TagKeys": gone });
        call.call("secretsmanager", "UntagResource", input)?;
    }
    if !set.is_empty() {
        let input = json!({ "SecretId": id, "Tags": pairs("Key", "Value", &set) });
        call.call("secretsmanager", "TagResource", input)?;
    }
    Ok(Outcome::Done)
}

/// Without a recovery window, so that the name is free for the next deployment.
fn delete_secret(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "SecretId": call.physical_id, "ForceDeleteWithoutRecovery": true });
    call.call_unless_absent("secretsmanager", "DeleteSecret", input)?;
    Ok(Outcome::Done)
}
