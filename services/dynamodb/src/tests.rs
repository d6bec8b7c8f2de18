//! Whole calls against an installation: what must hold between items, indexes, streams, clocks and keys.

mod protection;

use std::collections::BTreeMap;

use cumulet_engine::registry::Registry;
use cumulet_fixture::{Installation, REGION};
use serde_json::{Value, json};

/// This service, and those that its tests need around it.
pub(super) fn registry() -> Registry {
    let others = [cumulet_kms::service()];
    let all = cumulet_identity::services()
        .into_iter()
        .chain(others)
        .chain(crate::services());
    Registry::new(all, cumulet_identity::iam::authorise)
}

async fn installation_with_table(extra: Value) -> Installation {
    let installation = Installation::new(registry());
    let mut input = json!({
        "TableName": "shop",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "N"},
            {"AttributeName": "g", "AttributeType": "S"},
        ],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "GlobalSecondaryIndexes": [{
            "IndexName": "by-g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "ALL"},
        }],
        "BillingMode": "PAY_PER_REQUEST",
    });
    for (name, value) in extra.as_object().into_iter().flatten() {
        input[name] = value.clone();
    }
    call(&installation, "CreateTable", input).await;
    installation.advance_s(1).await;
    installation
}

async fn call(installation: &Installation, operation: &str, input: Value) -> Value {
    let answer = installation
        .call("dynamodb", operation, input.clone())
        .await;
    answer.unwrap_or_else(|error| panic!("{operation} {input}: {error}"))
}

async fn refused(installation: &Installation, operation: &str, input: Value) -> String {
    installation.refused("dynamodb", operation, input).await
}

/// A small generator: the same start gives the same operations.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What the table should hold, kept the simplest way: partition and sort key to (g, n).
type Model = BTreeMap<(u64, i64), (Option<u64>, i64)>;

fn key(pk: u64, sk: i64) -> Value {
    json!({"pk": {"S": format!("p{pk}")}, "sk": {"N": sk.to_string()}})
}

async fn random_write(installation: &Installation, draw: &mut Draw, model: &mut Model) {
    let (pk, sk) = (draw.below(4), i64::try_from(draw.below(9)).unwrap_or(0) - 4);
    let (group, number) = (draw.below(3), i64::try_from(draw.below(50)).unwrap_or(0));
    let present = model.get(&(pk, sk)).copied();
    match draw.below(4) {
        0 => {
            let mut item = key(pk, sk);
            item["n"] = json!({"N": number.to_string()});
            if group > 0 {
                item["g"] = json!({"S": format!("g{group}")});
            }
            call(
                installation,
                "PutItem",
                json!({"TableName": "shop", "Item": item}),
            )
            .await;
            model.insert((pk, sk), ((group > 0).then_some(group), number));
        }
        1 => {
            call(
                installation,
                "DeleteItem",
                json!({"TableName": "shop", "Key": key(pk, sk)}),
            )
            .await;
            model.remove(&(pk, sk));
        }
        2 => {
            let input = json!({"TableName": "shop", "Key": key(pk, sk), "UpdateExpression": "ADD n :n SET g = :g",
                "ExpressionAttributeValues": {":n": {"N": number.to_string()}, ":g": {"S": format!("g{group}")}}});
            call(installation, "UpdateItem", input).await;
            model.insert(
                (pk, sk),
                (Some(group), present.map_or(0, |(_, n)| n) + number),
            );
        }
        _ => {
            let input = json!({"TableName": "shop", "Key": key(pk, sk), "UpdateExpression": "REMOVE g SET n = n - :one",
                "ConditionExpression": "n > :n", "ExpressionAttributeValues": {":n": {"N": number.to_string()}, ":one": {"N": "1"}}});
            let answer = installation.call("dynamodb", "UpdateItem", input).await;
            let holds = present.is_some_and(|(_, n)| n > number);
            assert_eq!(answer.is_ok(), holds, "{answer:?}");
            if let Some((_, n)) = present.filter(|_| holds) {
                model.insert((pk, sk), (None, n - 1));
            }
        }
    }
}

/// All items of paged queries, as (sort key, n), in the order they came.
async fn query(installation: &Installation, input: &Value) -> Vec<(String, i64, i64)> {
    let (mut found, mut start) = (Vec::new(), Value::Null);
    loop {
        let mut input = input.clone();
        input["Limit"] = 2.into();
        if !start.is_null() {
            input["ExclusiveStartKey"] = start;
        }
        let answer = call(installation, "Query", input).await;
        for item in answer["Items"].as_array().into_iter().flatten() {
            let number = |name: &str| {
                item[name]["N"]
                    .as_str()
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(0)
            };
            found.push((
                item["pk"]["S"].as_str().unwrap_or_default().to_owned(),
                number("sk"),
                number("n"),
            ));
        }
        start = answer["LastEvaluatedKey"].clone();
        if start.is_null() {
            return found;
        }
    }
}

async fn compare(installation: &Installation, model: &Model) {
    for pk in 0..4 {
        for low in [-4, 0] {
            let input = json!({"TableName": "shop", "KeyConditionExpression": "pk = :p AND sk >= :s", "ScanIndexForward": low == 0,
                "ExpressionAttributeValues": {":p": {"S": format!("p{pk}")}, ":s": {"N": low.to_string()}}});
            let mut expected: Vec<_> = model
                .iter()
                .filter(|((p, s), _)| *p == pk && *s >= low)
                .map(|((p, s), (_, n))| (format!("p{p}"), *s, *n))
                .collect();
            if low != 0 {
                expected.reverse();
            }
            assert_eq!(query(installation, &input).await, expected);
        }
    }
    for group in 0..3 {
        let input = json!({"TableName": "shop", "IndexName": "by-g", "KeyConditionExpression": "g = :g",
            "ExpressionAttributeValues": {":g": {"S": format!("g{group}")}}});
        let mut found = query(installation, &input).await;
        assert!(
            found.is_sorted_by_key(|(_, sk, _)| *sk),
            "index order: {found:?}"
        );
        let mut expected: Vec<_> = model
            .iter()
            .filter(|(_, (g, _))| *g == Some(group))
            .map(|((p, s), (_, n))| (format!("p{p}"), *s, *n))
            .collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "group {group}");
    }
    let table = call(installation, "DescribeTable", json!({"TableName": "shop"})).await;
    assert_eq!(table["Table"]["ItemCount"], model.len());
    let indexed = model.values().filter(|(group, _)| group.is_some()).count();
    assert_eq!(
        table["Table"]["GlobalSecondaryIndexes"][0]["ItemCount"],
        indexed
    );
}

#[tokio::test]
async fn random_writes_leave_what_a_simple_model_says() {
    for start in [1, 20_261_121] {
        let (mut draw, mut model) = (Draw(start), Model::new());
        let mut installation = installation_with_table(json!({})).await;
        for round in 0..6 {
            for _ in 0..25 {
                random_write(&installation, &mut draw, &mut model).await;
            }
            if round == 3 {
                installation = installation.reopen();
            }
            compare(&installation, &model).await;
        }
    }
}

#[tokio::test]
async fn an_index_made_later_holds_what_was_there_and_skips_what_does_not_fit() {
    let installation = installation_with_table(json!({})).await;
    for (sk, later) in [
        (1, json!({"S": "x"})),
        (2, json!({"N": "7"})),
        (3, json!({"S": ""})),
    ] {
        let mut item = key(1, sk);
        item["later"] = later;
        call(
            &installation,
            "PutItem",
            json!({"TableName": "shop", "Item": item}),
        )
        .await;
    }
    let index = json!({"IndexName": "l", "KeySchema": [{"AttributeName": "later", "KeyType": "HASH"}], "Projection": {"ProjectionType": "KEYS_ONLY"}});
    let update = json!({"TableName": "shop", "AttributeDefinitions": [{"AttributeName": "later", "AttributeType": "S"}],
        "GlobalSecondaryIndexUpdates": [{"Create": index}]});
    let answer = call(&installation, "UpdateTable", update).await;
    assert_eq!(
        answer["TableDescription"]["GlobalSecondaryIndexes"][1]["Backfilling"],
        true
    );
    assert!(
        refused(&installation, "DeleteTable", json!({"TableName": "shop"}))
            .await
            .contains("ResourceInUseException")
    );
    installation.advance_s(1).await;
    let found = call(
        &installation,
        "Scan",
        json!({"TableName": "shop", "IndexName": "l"}),
    )
    .await;
    assert_eq!(
        (&found["Count"], &found["Items"][0]["sk"]),
        (&json!(1), &json!({"N": "1"}))
    );
}

/// Everything in the stream of the table.
async fn stream_records(installation: &Installation) -> Value {
    let table = call(installation, "DescribeTable", json!({"TableName": "shop"})).await;
    let arn = &table["Table"]["LatestStreamArn"];
    let ask = async |operation: &str, input: Value| {
        installation
            .call("dynamodbstreams", operation, input)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    };
    let described = ask("DescribeStream", json!({"StreamArn": arn})).await;
    let shard = &described["StreamDescription"]["Shards"][0]["ShardId"];
    let iterator = json!({"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
    let iterator = ask("GetShardIterator", iterator).await["ShardIterator"].clone();
    ask("GetRecords", json!({"ShardIterator": iterator})).await["Records"].clone()
}

#[tokio::test]
async fn what_expires_is_swept_and_says_so_in_the_stream() {
    let stream =
        json!({"StreamSpecification": {"StreamEnabled": true, "StreamViewType": "OLD_IMAGE"}});
    let installation = installation_with_table(stream).await;
    let expiry = installation.engine.clock.now().seconds() + 90;
    let mut item = key(1, 1);
    item["ttl"] = json!({"N": expiry.to_string()});
    call(
        &installation,
        "PutItem",
        json!({"TableName": "shop", "Item": item.clone()}),
    )
    .await;
    call(
        &installation,
        "PutItem",
        json!({"TableName": "shop", "Item": item}),
    )
    .await;
    let specification = json!({"Enabled": true, "AttributeName": "ttl"});
    call(
        &installation,
        "UpdateTimeToLive",
        json!({"TableName": "shop", "TimeToLiveSpecification": specification}),
    )
    .await;
    installation.advance_s(60).await;
    let get = json!({"TableName": "shop", "Key": key(1, 1)});
    assert!(
        call(&installation, "GetItem", get.clone())
            .await
            .get("Item")
            .is_some()
    );
    installation.advance_s(120).await;
    assert!(
        call(&installation, "GetItem", get)
            .await
            .get("Item")
            .is_none()
    );

    let records = stream_records(&installation).await;
    let names: Vec<&str> = records
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|record| record["eventName"].as_str())
        .collect();
    assert_eq!(
        names,
        ["INSERT", "REMOVE"],
        "the second put changed nothing"
    );
    assert_eq!(
        records[1]["userIdentity"]["PrincipalId"],
        "dynamodb.amazonaws.com"
    );
    assert_eq!(records[1]["dynamodb"]["OldImage"]["pk"], json!({"S": "p1"}));
    assert!(records[0]["dynamodb"].get("NewImage").is_none());
    assert_eq!(records[0]["awsRegion"], REGION);
}

#[tokio::test]
async fn a_disabled_key_closes_the_table() {
    let installation = Installation::new(registry());
    let made = installation
        .call("kms", "CreateKey", json!({}))
        .await
        .expect("a key");
    let kms_key = made["KeyMetadata"]["KeyId"].clone();
    let table = json!({
        "TableName": "shop", "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST",
        "SSESpecification": {"Enabled": true, "SSEType": "KMS", "KMSMasterKeyId": kms_key},
    });
    call(&installation, "CreateTable", table).await;
    installation.advance_s(1).await;
    let item = json!({"pk": {"S": "a"}, "secret": {"S": "b"}});
    call(
        &installation,
        "PutItem",
        json!({"TableName": "shop", "Item": item}),
    )
    .await;
    let get = json!({"TableName": "shop", "Key": {"pk": {"S": "a"}}});
    assert_eq!(
        call(&installation, "GetItem", get.clone()).await["Item"],
        item
    );
    installation
        .call("kms", "DisableKey", json!({"KeyId": kms_key}))
        .await
        .expect("disabled");
    let refusal = refused(&installation, "GetItem", get.clone()).await;
    assert!(refusal.contains("disabled"), "{refusal}");
    installation
        .call("kms", "EnableKey", json!({"KeyId": kms_key}))
        .await
        .expect("enabled");
    let open = json!({"TableName": "shop", "SSESpecification": {"Enabled": false}});
    call(&installation, "UpdateTable", open).await;
    installation
        .call("kms", "DisableKey", json!({"KeyId": kms_key}))
        .await
        .expect("disabled");
    assert_eq!(
        call(&installation, "GetItem", get).await["Item"],
        item,
        "the table's key is its own again"
    );
}

#[tokio::test]
async fn a_token_stands_for_one_transaction_whatever_the_order_of_members() {
    let installation = installation_with_table(json!({})).await;
    let transaction = |by: &str, flip: bool| {
        let (table, key) = (json!("shop"), key(1, 1));
        let values = json!({":by": {"N": by}});
        let update = if flip {
            json!({"ExpressionAttributeValues": values, "UpdateExpression": "ADD n :by", "Key": key, "TableName": table})
        } else {
            json!({"TableName": table, "Key": key, "UpdateExpression": "ADD n :by", "ExpressionAttributeValues": values})
        };
        json!({"TransactItems": [{"Update": update}], "ClientRequestToken": "token"})
    };
    call(&installation, "TransactWriteItems", transaction("5", false)).await;
    let installation = installation.reopen();
    call(&installation, "TransactWriteItems", transaction("5", true)).await;
    let mismatch = refused(&installation, "TransactWriteItems", transaction("6", false)).await;
    assert!(
        mismatch.contains("IdempotentParameterMismatchException"),
        "{mismatch}"
    );
    let get = json!({"TableName": "shop", "Key": key(1, 1)});
    assert_eq!(
        call(&installation, "GetItem", get.clone()).await["Item"]["n"],
        json!({"N": "5"})
    );
    installation.advance_s(601).await;
    call(&installation, "TransactWriteItems", transaction("5", false)).await;
    assert_eq!(
        call(&installation, "GetItem", get).await["Item"]["n"],
        json!({"N": "10"})
    );
}
