//! CloudFormation's types of S3.
//!
//! A bucket's template is one tree, its service one operation a setting: a table says which property
//! goes to which operation, and a function beside it how the tree is turned.

use cumulet_engine::error::Result;
use cumulet_engine::provider::{Outcome, Provider, ResourceCall, pairs};
use serde_json::{Map, Value, json};

/// The stack library's mark on a bucket that may be emptied when its stack goes.
const EMPTY_ON_DESTROY: &str = "cumulet:empty-on-destroy";
/// Versions deleted in one transaction.
const DELETED_AT_ONCE: usize = 500;

pub(crate) fn resource_types() -> Vec<Provider> {
    vec![
        Provider::new(
            "AWS::S3::Bucket",
            &[
                "AccessControl",
                "BucketEncryption",
                "BucketName",
                "CorsConfiguration",
                "LifecycleConfiguration",
                "LoggingConfiguration",
                "MetricsConfigurations",
                "NotificationConfiguration",
                "ObjectLockEnabled",
                "OwnershipControls",
                "PublicAccessBlockConfiguration",
                "Tags",
                "VersioningConfiguration",
                "WebsiteConfiguration",
            ],
            create_bucket,
            update_bucket,
            delete_bucket,
        ),
        Provider::new(
            "AWS::S3::BucketPolicy",
            &["Bucket", "PolicyDocument"],
            create_policy,
            put_policy,
            delete_policy,
        ),
    ]
}

/// A property of a bucket that is an operation of its own.
struct Setting {
    property: &'static str,
    put: &'static str,
    member: &'static str,
    turn: fn(&Value) -> Value,
    /// Takes the setting away; none where putting the default does.
    delete: Option<&'static str>,
    default: fn() -> Value,
}

const SETTINGS: [Setting; 9] = [
    Setting {
        property: "PublicAccessBlockConfiguration",
        put: "PutPublicAccessBlock",
        member: "PublicAccessBlockConfiguration",
        turn: Value::clone,
        delete: Some("DeletePublicAccessBlock"),
        default: || Value::Null,
    },
    Setting {
        property: "OwnershipControls",
        put: "PutBucketOwnershipControls",
        member: "OwnershipControls",
        turn: Value::clone,
        delete: Some("DeleteBucketOwnershipControls"),
        default: || Value::Null,
    },
    Setting {
        property: "BucketEncryption",
        put: "PutBucketEncryption",
        member: "ServerSideEncryptionConfiguration",
        turn: encryption,
        delete: Some("DeleteBucketEncryption"),
        default: || Value::Null,
    },
    Setting {
        property: "VersioningConfiguration",
        put: "PutBucketVersioning",
        member: "VersioningConfiguration",
        turn: Value::clone,
        delete: None,
        default: || json!({ "Status": "Suspended" }),
    },
    Setting {
        property: "CorsConfiguration",
        put: "PutBucketCors",
        member: "CORSConfiguration",
        turn: cors,
        delete: Some("DeleteBucketCors"),
        default: || Value::Null,
    },
    Setting {
        property: "LifecycleConfiguration",
        put: "PutBucketLifecycleConfiguration",
        member: "LifecycleConfiguration",
        turn: lifecycle,
        delete: Some("DeleteBucketLifecycle"),
        default: || Value::Null,
    },
    Setting {
        property: "WebsiteConfiguration",
        put: "PutBucketWebsite",
        member: "WebsiteConfiguration",
        turn: website,
        delete: Some("DeleteBucketWebsite"),
        default: || Value::Null,
    },
    Setting {
        property: "LoggingConfiguration",
        put: "PutBucketLogging",
        member: "BucketLoggingStatus",
        turn: logging,
        delete: None,
        default: || json!({}),
    },
    Setting {
        property: "NotificationConfiguration",
        put: "PutBucketNotificationConfiguration",
        member: "NotificationConfiguration",
        turn: notification,
        delete: None,
        default: || json!({}),
    },
];

fn create_bucket(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let name = call.name("BucketName", 63).to_lowercase();
    let region = call.stack.region.clone();
    let mut input = json!({ "Bucket": name });
    if region != "us-east-1" {
        input["CreateBucketConfiguration"] = json!({ "LocationConstraint": region });
    }
    if let Some(acl) = call.property("AccessControl").and_then(Value::as_str) {
        input["ACL"] = canned_acl(acl).into();
    }
    if let Some(locked) = call.property("ObjectLockEnabled") {
        input["ObjectLockEnabledForBucket"] = locked.clone();
    }
    let ownership = call
        .properties
        .pointer("/OwnershipControls/Rules/0/ObjectOwnership");
    if let Some(ownership) = ownership {
        input["ObjectOwnership"] = ownership.clone();
    }
    call.call("s3", "CreateBucket", input)?;
    addresses(call, &name, &region);
    call.identify(name);
    for setting in &SETTINGS {
        if call.property(setting.property).is_some() {
            set(call, setting)?;
        }
    }
    if call.property(METRICS).is_some() {
        set_metrics(call)?;
    }
    if !call.own_tags().is_empty() {
        tag(call)?;
    }
    Ok(Outcome::Done)
}

const METRICS: &str = "MetricsConfigurations";

/// Each is put by its id; what the template names no more is taken away.
fn set_metrics(call: &mut ResourceCall<'_, '_>) -> Result<()> {
    let wanted = call.property(METRICS).and_then(Value::as_array);
    let wanted: Vec<Value> = wanted.into_iter().flatten().map(metrics).collect();
    let present = on_bucket(call, "ListBucketMetricsConfigurations", json!({}))?;
    let present = present["MetricsConfigurationList"].as_array().cloned();
    for old in present.unwrap_or_default() {
        if !wanted.iter().any(|new| new["Id"] == old["Id"]) {
            let input = json!({ "Id": old["Id"] });
            on_bucket(call, "DeleteBucketMetricsConfiguration", input)?;
        }
    }
    for new in wanted {
        let input = json!({ "Id": new["Id"], "MetricsConfiguration": new });
        on_bucket(call, "PutBucketMetricsConfiguration", input)?;
    }
    Ok(())
}

/// One criterion stands alone, several stand in an `And`.
fn metrics(value: &Value) -> Value {
    let names = [
        ("Prefix", "Prefix"),
        ("TagFilters", "Tags"),
        ("AccessPointArn", "AccessPointArn"),
    ];
    let criteria = renamed(value, &names);
    match (criteria.len(), criteria.get("Prefix")) {
        (0, _) => json!({ "Id": value["Id"] }),
        (1, Some(prefix)) => json!({ "Id": value["Id"], "Filter": { "Prefix": prefix } }),
        _ => json!({ "Id": value["Id"], "Filter": { "And": criteria } }),
    }
}

/// `PublicRead` is `public-read`, `LogDeliveryWrite` is `log-delivery-write`.
fn canned_acl(name: &str) -> String {
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}

fn addresses(call: &mut ResourceCall<'_, '_>, name: &str, region: &str) {
    call.attribute("Arn", format!("arn:aws:s3:::{name}"));
    call.attribute("DomainName", format!("{name}.s3.amazonaws.com"));
    call.attribute(
        "RegionalDomainName",
        format!("{name}.s3.{region}.amazonaws.com"),
    );
    call.attribute(
        "DualStackDomainName",
        format!("{name}.s3.dualstack.{region}.amazonaws.com"),
    );
    // The older regions have a hyphen where the newer have a dot.
    const WITH_HYPHEN: [&str; 8] = [
        "us-east-1",
        "us-west-1",
        "us-west-2",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-northeast-1",
        "eu-west-1",
        "sa-east-1",
    ];
    let mark = if WITH_HYPHEN.contains(&region) {
        '-'
    } else {
        '.'
    };
    let website = format!("http://{name}.s3-website{mark}{region}.amazonaws.com");
    call.attribute("WebsiteURL", website);
}

fn on_bucket(call: &mut ResourceCall<'_, '_>, operation: &str, mut input: Value) -> Result<Value> {
    input["Bucket"] = call.physical_id.as_str().into();
    call.call("s3", operation, input)
}

fn set(call: &mut ResourceCall<'_, '_>, setting: &Setting) -> Result<()> {
    let value = match (call.property(setting.property), setting.delete) {
        (Some(value), _) => with_own_name(call, (setting.turn)(value)),
        (None, Some(delete)) => return on_bucket(call, delete, json!({})).map(drop),
        (None, None) => (setting.default)(),
    };
    on_bucket(call, setting.put, json!({ (setting.member): value })).map(drop)
}

/// A bucket that logs without naming another logs to itself.
fn with_own_name(call: &ResourceCall<'_, '_>, mut value: Value) -> Value {
    if let Some(logging) = value.get_mut("LoggingEnabled")
        && logging.get("TargetBucket").is_none()
    {
        logging["TargetBucket"] = call.physical_id.as_str().into();
    }
    value
}

fn tag(call: &mut ResourceCall<'_, '_>) -> Result<()> {
    let tags = call.own_tags();
    if tags.is_empty() {
        return on_bucket(call, "DeleteBucketTagging", json!({})).map(drop);
    }
    let tagging = json!({ "Tagging": { "TagSet": pairs("Key", "Value", &tags) } });
    on_bucket(call, "PutBucketTagging", tagging).map(drop)
}

fn update_bucket(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    for setting in &SETTINGS {
        if call.changed(setting.property) {
            set(call, setting)?;
        }
    }
    if call.changed(METRICS) {
        set_metrics(call)?;
    }
    if call.changed("AccessControl") {
        let acl = call.property("AccessControl").and_then(Value::as_str);
        let acl = canned_acl(acl.unwrap_or("Private"));
        on_bucket(call, "PutBucketAcl", json!({ "ACL": acl }))?;
    }
    let (added, gone) = call.tag_changes();
    if !added.is_empty() || !gone.is_empty() {
        tag(call)?;
    }
    Ok(Outcome::Done)
}

fn delete_bucket(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let mark = (EMPTY_ON_DESTROY.to_owned(), "true".to_owned());
    if call.own_tags().contains(&mark) && !empty(call)? {
        return Ok(Outcome::AskAgain { after_ms: 0 });
    }
    let input = json!({ "Bucket": call.physical_id });
    call.call_unless_absent("s3", "DeleteBucket", input)?;
    Ok(Outcome::Done)
}

/// Deletes some versions; whether none is left.
fn empty(call: &mut ResourceCall<'_, '_>) -> Result<bool> {
    let listed = on_bucket(
        call,
        "ListObjectVersions",
        json!({ "MaxKeys": DELETED_AT_ONCE }),
    );
    let listed = match listed {
        Err(error) if cumulet_engine::provider::is_absence(&error) => return Ok(true),
        listed => listed?,
    };
    let versions = ["Versions", "DeleteMarkers"]
        .into_iter()
        .filter_map(|name| listed[name].as_array());
    for version in versions.flatten() {
        let input = json!({ "Key": version["Key"], "VersionId": version["VersionId"] });
        on_bucket(call, "DeleteObject", input)?;
    }
    Ok(listed["IsTruncated"] != true)
}

/// The members of `value` under other names; those without a new name are left out.
fn renamed(value: &Value, names: &[(&str, &str)]) -> Map<String, Value> {
    let given = names.iter().filter_map(|(old, new)| {
        let member = value.get(old)?;
        Some(((*new).to_owned(), member.clone()))
    });
    given.collect()
}

fn each(value: &Value, turn: impl Fn(&Value) -> Value) -> Value {
    value.as_array().into_iter().flatten().map(turn).collect()
}

fn encryption(value: &Value) -> Value {
    let names = [
        (
            "ServerSideEncryptionByDefault",
            "ApplyServerSideEncryptionByDefault",
        ),
        ("BucketKeyEnabled", "BucketKeyEnabled"),
        ("BlockedEncryptionTypes", "BlockedEncryptionTypes"),
    ];
    let rules = &value["ServerSideEncryptionConfiguration"];
    json!({ "Rules": each(rules, |rule| renamed(rule, &names).into()) })
}

fn cors(value: &Value) -> Value {
    let names = [
        ("AllowedHeaders", "AllowedHeaders"),
        ("AllowedMethods", "AllowedMethods"),
        ("AllowedOrigins", "AllowedOrigins"),
        ("ExposedHeaders", "ExposeHeaders"),
        ("Id", "ID"),
        ("MaxAge", "MaxAgeSeconds"),
    ];
    json!({ "CORSRules": each(&value["CorsRules"], |rule| renamed(rule, &names).into()) })
}

fn lifecycle(value: &Value) -> Value {
    json!({ "Rules": each(&value["Rules"], lifecycle_rule) })
}

fn lifecycle_rule(rule: &Value) -> Value {
    let mut turned = renamed(
        rule,
        &[
            ("Id", "ID"),
            ("Status", "Status"),
            (
                "AbortIncompleteMultipartUpload",
                "AbortIncompleteMultipartUpload",
            ),
            ("NoncurrentVersionExpiration", "NoncurrentVersionExpiration"),
        ],
    );
    turned.insert("Filter".into(), lifecycle_filter(rule));
    let expiration = renamed(
        rule,
        &[
            ("ExpirationInDays", "Days"),
            ("ExpirationDate", "Date"),
            ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker"),
        ],
    );
    if !expiration.is_empty() {
        turned.insert("Expiration".into(), expiration.into());
    }
    if let Some(days) = rule.get("NoncurrentVersionExpirationInDays") {
        let expiration = json!({ "NoncurrentDays": days });
        turned.insert("NoncurrentVersionExpiration".into(), expiration);
    }
    transitions(rule, &mut turned);
    turned.into()
}

fn transitions(rule: &Value, turned: &mut Map<String, Value>) {
    let current = [
        ("StorageClass", "StorageClass"),
        ("TransitionInDays", "Days"),
        ("TransitionDate", "Date"),
    ];
    let noncurrent = [
        ("StorageClass", "StorageClass"),
        ("TransitionInDays", "NoncurrentDays"),
        ("NewerNoncurrentVersions", "NewerNoncurrentVersions"),
    ];
    for (many, one, names) in [
        ("Transitions", "Transition", current),
        (
            "NoncurrentVersionTransitions",
            "NoncurrentVersionTransition",
            noncurrent,
        ),
    ] {
        let listed = rule[many].as_array().into_iter().flatten();
        let all: Vec<Value> = listed
            .chain(rule.get(one))
            .map(|transition| renamed(transition, &names).into())
            .collect();
        if !all.is_empty() {
            turned.insert(many.into(), all.into());
        }
    }
}

/// One condition stands for itself, several under `And`.
fn lifecycle_filter(rule: &Value) -> Value {
    let mut conditions = renamed(
        rule,
        &[
            ("Prefix", "Prefix"),
            ("ObjectSizeGreaterThan", "ObjectSizeGreaterThan"),
            ("ObjectSizeLessThan", "ObjectSizeLessThan"),
        ],
    );
    for name in ["ObjectSizeGreaterThan", "ObjectSizeLessThan"] {
        let number = conditions.get(name).and_then(Value::as_str);
        if let Some(number) = number.and_then(|text| text.parse::<i64>().ok()) {
            conditions.insert(name.into(), number.into());
        }
    }
    let tags = rule["TagFilters"].as_array().cloned().unwrap_or_default();
    match (conditions.len() + tags.len(), tags.as_slice()) {
        (0, _) => json!({ "Prefix": "" }),
        (1, [tag]) => json!({ "Tag": tag }),
        (1, _) => conditions.into(),
        _ => {
            if !tags.is_empty() {
                conditions.insert("Tags".into(), tags.into());
            }
            json!({ "And": conditions })
        }
    }
}

fn website(value: &Value) -> Value {
    let mut turned = Map::new();
    if let Some(suffix) = value.get("IndexDocument") {
        turned.insert("IndexDocument".into(), json!({ "Suffix": suffix }));
    }
    if let Some(key) = value.get("ErrorDocument") {
        turned.insert("ErrorDocument".into(), json!({ "Key": key }));
    }
    if let Some(redirect) = value.get("RedirectAllRequestsTo") {
        turned.insert("RedirectAllRequestsTo".into(), redirect.clone());
    }
    if let Some(rules) = value.get("RoutingRules") {
        let names = [
            ("RedirectRule", "Redirect"),
            ("RoutingRuleCondition", "Condition"),
        ];
        let rules = each(rules, |rule| renamed(rule, &names).into());
        turned.insert("RoutingRules".into(), rules);
    }
    turned.into()
}

fn logging(value: &Value) -> Value {
    let mut enabled = renamed(
        value,
        &[
            ("DestinationBucketName", "TargetBucket"),
            ("LogFilePrefix", "TargetPrefix"),
            ("TargetObjectKeyFormat", "TargetObjectKeyFormat"),
        ],
    );
    enabled.entry("TargetPrefix").or_insert_with(|| "".into());
    json!({ "LoggingEnabled": enabled })
}

fn notification(value: &Value) -> Value {
    let mut turned = Map::new();
    for (list, target, member, arn) in [
        (
            "LambdaConfigurations",
            "Function",
            "LambdaFunctionConfigurations",
            "LambdaFunctionArn",
        ),
        (
            "QueueConfigurations",
            "Queue",
            "QueueConfigurations",
            "QueueArn",
        ),
        (
            "TopicConfigurations",
            "Topic",
            "TopicConfigurations",
            "TopicArn",
        ),
    ] {
        if let Some(configurations) = value.get(list) {
            let each = each(configurations, |one| destination(one, target, arn));
            turned.insert(member.into(), each);
        }
    }
    let bridge = value.pointer("/EventBridgeConfiguration/EventBridgeEnabled");
    if bridge == Some(&true.into()) {
        turned.insert("EventBridgeConfiguration".into(), json!({}));
    }
    turned.into()
}

fn destination(one: &Value, target: &str, arn: &str) -> Value {
    let mut turned = json!({ "Events": [one["Event"]] });
    turned[arn] = one[target].clone();
    if let Some(rules) = one.pointer("/Filter/S3Key/Rules") {
        turned["Filter"] = json!({ "Key": { "FilterRules": rules } });
    }
    turned
}

fn create_policy(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let bucket = call.text("Bucket").to_owned();
    call.identify(bucket);
    put_policy(call)
}

fn put_policy(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let policy = call.document("PolicyDocument").unwrap_or_default();
    on_bucket(call, "PutBucketPolicy", json!({ "Policy": policy }))?;
    Ok(Outcome::Done)
}

fn delete_policy(call: &mut ResourceCall<'_, '_>) -> Result<Outcome> {
    let input = json!({ "Bucket": call.physical_id });
    call.call_unless_absent("s3", "DeleteBucketPolicy", input)?;
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{canned_acl, lifecycle, metrics, notification};

    #[test]
    fn a_buckets_tree_is_turned_into_the_members_of_its_operations() {
        let rules = json!({ "Rules": [
            { "Id": "old", "Status": "Enabled", "NoncurrentVersionExpiration": { "NoncurrentDays": 30 } },
            { "Status": "Enabled", "Prefix": "a/", "TagFilters": [{ "Key": "k", "Value": "v" }], "ExpirationInDays": 3,
              "Transitions": [{ "StorageClass": "GLACIER", "TransitionInDays": 1 }] },
        ] });
        let expected = json!({ "Rules": [
            { "ID": "old", "Status": "Enabled", "NoncurrentVersionExpiration": { "NoncurrentDays": 30 }, "Filter": { "Prefix": "" } },
            { "Status": "Enabled", "Filter": { "And": { "Prefix": "a/", "Tags": [{ "Key": "k", "Value": "v" }] } },
              "Expiration": { "Days": 3 }, "Transitions": [{ "StorageClass": "GLACIER", "Days": 1 }] },
        ] });
        assert_eq!(lifecycle(&rules), expected);
        let notifications = json!({ "LambdaConfigurations": [{ "Event": "s3:ObjectCreated:*", "Function": "arn:f",
            "Filter": { "S3Key": { "Rules": [{ "Name": "prefix", "Value": "in/" }] } } }] });
        let expected = json!({ "LambdaFunctionConfigurations": [{ "Events": ["s3:ObjectCreated:*"],
            "LambdaFunctionArn": "arn:f", "Filter": { "Key": { "FilterRules": [{ "Name": "prefix", "Value": "in/" }] } } }] });
        assert_eq!(notification(&notifications), expected);
        assert_eq!(canned_acl("LogDeliveryWrite"), "log-delivery-write");
        let counted = json!({ "Id": "m", "Prefix": "in/", "TagFilters": [] });
        let expected = json!({ "Id": "m", "Filter": { "And": { "Prefix": "in/", "Tags": [] } } });
        assert_eq!(metrics(&counted), expected);
    }
}
