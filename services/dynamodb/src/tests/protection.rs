//! Recovery, backups and resource policies, against the simple model of the random writes.

use super::*;

/// What a table or one of its indexes holds, as the model has it.
async fn contents(installation: &Installation, table: &str, index: Option<&str>) -> Model {
    let mut input = json!({"TableName": table});
    if let Some(index) = index {
        input["IndexName"] = index.into();
    }
    let answer = call(installation, "Scan", input).await;
    let items = answer["Items"].as_array().cloned().unwrap_or_default();
    let number = |value: &Value| value["N"].as_str().and_then(|text| text.parse().ok());
    let text = |value: &Value| -> Option<u64> { value["S"].as_str()?.get(1..)?.parse().ok() };
    let item = |item: &Value| {
        let key = (text(&item["pk"])?, number(&item["sk"])?);
        Some((key, (text(&item["g"]), number(&item["n"])?)))
    };
    items.iter().filter_map(item).collect()
}

fn seconds(installation: &Installation) -> Value {
    let now = installation.engine.clock.now().milliseconds();
    #[expect(clippy::cast_precision_loss, reason = "milliseconds stay below 2^52")]
    let seconds = now as f64 / 1000.0;
    json!(seconds)
}

async fn enable_recovery(installation: &Installation) {
    let on = json!({"TableName": "shop", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true}});
    call(installation, "UpdateContinuousBackups", on).await;
}

async fn create_backup(installation: &Installation, name: &str) -> Value {
    let input = json!({"TableName": "shop", "BackupName": name});
    let answer = call(installation, "CreateBackup", input).await;
    assert_eq!(answer["BackupDetails"]["BackupStatus"], "CREATING");
    answer["BackupDetails"]["BackupArn"].clone()
}

/// A chunk a step, and every step falls due after the one before.
const STEPS: usize = 12;

async fn settle(installation: &Installation) {
    for _ in 0..STEPS {
        installation.advance_s(1).await;
    }
}

#[tokio::test]
async fn a_table_comes_back_as_it_was_at_any_moment_and_in_every_backup() {
    for start in [5, 20_261_122] {
        let (mut draw, mut model) = (Draw(start), Model::new());
        let mut installation = installation_with_table(json!({})).await;
        enable_recovery(&installation).await;
        let (mut requests, mut expected) = (Vec::new(), Vec::new());
        for round in 0..8 {
            for _ in 0..12 {
                random_write(&installation, &mut draw, &mut model).await;
            }
            let at = seconds(&installation);
            requests.push((
                "RestoreTableToPointInTime",
                json!({"SourceTableName": "shop", "RestoreDateTime": at}),
            ));
            expected.push(model.clone());
            installation.advance_s(1).await;
            if round % 3 == 0 {
                let arn = create_backup(&installation, "a-backup").await;
                requests.push(("RestoreTableFromBackup", json!({"BackupArn": arn})));
                expected.push(model.clone());
            }
            if round == 4 {
                installation = installation.reopen();
            }
        }
        settle(&installation).await;
        for (number, (operation, mut input)) in requests.into_iter().enumerate() {
            input["TargetTableName"] = format!("restored-{number}").into();
            let answer = call(&installation, operation, input).await;
            let summary = &answer["TableDescription"]["RestoreSummary"];
            assert_eq!(summary["RestoreInProgress"], true);
        }
        // The source goes on changing while it is restored.
        for _ in 0..STEPS {
            random_write(&installation, &mut draw, &mut model).await;
            installation.advance_s(1).await;
        }
        for (number, expected) in expected.iter().enumerate() {
            let name = format!("restored-{number}");
            let table = call(&installation, "DescribeTable", json!({"TableName": name})).await;
            assert_eq!(table["Table"]["TableStatus"], "ACTIVE", "{name}");
            assert_eq!(table["Table"]["ItemCount"], expected.len(), "{name}");
            assert_eq!(
                &contents(&installation, &name, None).await,
                expected,
                "start {start}, {name}"
            );
            let grouped: Model = expected
                .clone()
                .into_iter()
                .filter(|(_, (g, _))| g.is_some())
                .collect();
            assert_eq!(
                contents(&installation, &name, Some("by-g")).await,
                grouped,
                "start {start}, {name}"
            );
        }
        assert_eq!(contents(&installation, "shop", None).await, model);
    }
}

#[tokio::test]
async fn a_backup_outlives_its_table_and_is_listed_until_it_is_deleted() {
    let installation = installation_with_table(json!({})).await;
    let mut item = key(1, 1);
    item["n"] = json!({"N": "1"});
    call(
        &installation,
        "PutItem",
        json!({"TableName": "shop", "Item": item}),
    )
    .await;
    let arn = create_backup(&installation, "only").await;
    let delete = json!({"BackupArn": arn});
    assert!(
        refused(&installation, "DeleteBackup", delete.clone())
            .await
            .contains("BackupInUseException")
    );
    call(&installation, "DeleteTable", json!({"TableName": "shop"})).await;
    installation.advance_s(1).await;
    let listed = call(&installation, "ListBackups", json!({"TableName": "shop"})).await;
    let summary = &listed["BackupSummaries"][0];
    assert_eq!(
        (&summary["BackupArn"], &summary["BackupStatus"]),
        (&arn, &json!("AVAILABLE"))
    );
    let described = call(&installation, "DescribeBackup", delete.clone()).await;
    let details = &described["BackupDescription"]["SourceTableDetails"];
    assert_eq!(
        (&details["ItemCount"], &details["TableName"]),
        (&json!(1), &json!("shop"))
    );
    let restore = json!({"BackupArn": arn, "TargetTableName": "shop"});
    call(&installation, "RestoreTableFromBackup", restore.clone()).await;
    installation.advance_s(1).await;
    assert_eq!(
        contents(&installation, "shop", None).await,
        Model::from([((1, 1), (None, 1))])
    );
    let again = refused(&installation, "RestoreTableFromBackup", restore).await;
    assert!(again.contains("TableAlreadyExistsException"), "{again}");
    let deleted = call(&installation, "DeleteBackup", delete.clone()).await;
    assert_eq!(
        deleted["BackupDescription"]["BackupDetails"]["BackupStatus"],
        "DELETED"
    );
    assert!(
        refused(&installation, "DescribeBackup", delete)
            .await
            .contains("BackupNotFoundException")
    );
}

#[tokio::test]
async fn recovery_is_only_to_moments_that_were_kept() {
    let installation = installation_with_table(json!({})).await;
    let at = seconds(&installation);
    let input =
        json!({"SourceTableName": "shop", "TargetTableName": "other", "RestoreDateTime": at});
    let unavailable = refused(&installation, "RestoreTableToPointInTime", input.clone()).await;
    assert!(
        unavailable.contains("PointInTimeRecoveryUnavailableException"),
        "{unavailable}"
    );
    installation.advance_s(10).await;
    enable_recovery(&installation).await;
    let early = refused(&installation, "RestoreTableToPointInTime", input).await;
    assert!(early.contains("InvalidRestoreTimeException"), "{early}");
    installation.advance_s(40 * 86_400).await;
    let described = call(
        &installation,
        "DescribeContinuousBackups",
        json!({"TableName": "shop"}),
    )
    .await;
    let recovery = &described["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"];
    let now = seconds(&installation).as_f64().unwrap_or_default();
    assert_eq!(
        recovery["EarliestRestorableDateTime"],
        now - 35.0 * 86_400.0
    );
}

#[tokio::test]
async fn a_tables_policy_counts_and_does_not_lock_its_author_out_by_mistake() {
    let installation = installation_with_table(json!({})).await;
    let table = call(&installation, "DescribeTable", json!({"TableName": "shop"})).await;
    let arn = table["Table"]["TableArn"].clone();
    let deny = |action: &str| {
        let statement =
            json!({"Effect": "Deny", "Principal": "*", "Action": action, "Resource": arn});
        json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
    };
    let named = json!({"ResourceArn": arn});
    let put = |policy: String| json!({"ResourceArn": arn, "Policy": policy});
    let none = refused(&installation, "GetResourcePolicy", named.clone()).await;
    assert!(none.contains("PolicyNotFoundException"), "{none}");
    let revision = call(
        &installation,
        "PutResourcePolicy",
        put(deny("dynamodb:GetItem")),
    )
    .await;
    let get = json!({"TableName": "shop", "Key": key(1, 1)});
    assert!(
        refused(&installation, "GetItem", get.clone())
            .await
            .contains("AccessDenied")
    );
    let read = call(&installation, "GetResourcePolicy", named.clone()).await;
    assert_eq!(read["RevisionId"], revision["RevisionId"]);
    let mut other = put(deny("dynamodb:GetItem"));
    other["ExpectedRevisionId"] = "another".into();
    let unexpected = refused(&installation, "PutResourcePolicy", other).await;
    assert!(
        unexpected.contains("PolicyNotFoundException"),
        "{unexpected}"
    );
    let lockout = refused(&installation, "PutResourcePolicy", put(deny("dynamodb:*"))).await;
    assert!(lockout.contains("ValidationException"), "{lockout}");
    call(&installation, "DeleteResourcePolicy", named).await;
    assert_eq!(call(&installation, "GetItem", get).await, json!({}));
}

#[tokio::test]
async fn provisioned_capacity_runs_out_and_comes_back_with_time() {
    let provisioned = json!({
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
        "GlobalSecondaryIndexes": [{
            "IndexName": "by-g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "ALL"}, "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
        }],
    });
    let installation = installation_with_table(provisioned).await;
    let mut item = key(1, 1);
    item["large"] = json!({"S": "x".repeat(100_000)});
    let put = json!({"TableName": "shop", "Item": item});
    // Five minutes of one unit a second, and 98 units each time.
    for _ in 0..4 {
        call(&installation, "PutItem", put.clone()).await;
        item["n"] = json!({"N": "1"});
    }
    let refusal = refused(&installation, "PutItem", put.clone()).await;
    assert!(
        refusal.contains("ProvisionedThroughputExceededException"),
        "{refusal}"
    );
    assert!(refusal.contains("for the table was exceeded"), "{refusal}");
    let batch = json!({"RequestItems": {"shop": [{"DeleteRequest": {"Key": key(1, 1)}}]}});
    let refusal = refused(&installation, "BatchWriteItem", batch).await;
    assert!(
        refusal.contains("ProvisionedThroughputExceededException"),
        "{refusal}"
    );
    let get = json!({"TableName": "shop", "Key": key(1, 1)});
    assert!(call(&installation, "GetItem", get).await["Item"].is_object());
    installation.advance_s(120).await;
    call(&installation, "PutItem", put).await;
}
