//! The infrastructure, in the order in which one would explain it.

use cumulet_stack::{
    Attribute, Bucket, BucketCors, BucketHandle, Cors, Encryption, Expression, Function,
    FunctionHandle, Grant, Index, Key, KeyHandle, Model, Output, RestApi, RestApiHandle, Route,
    Settings, Stack, Table, TableHandle, Throttle, UsagePlan,
};
use serde_json::json;

const EXAMPLE: &str = r#"curl -X POST ${ApiGatewayUrl} -H 'content-type: application/json' -d '{"productId":"PROD-001","productName":"Test Product","price":99.99,"fileName":"a.txt","fileContent":"VGhpcyBpcyBhIHRlc3QgZmlsZQ=="}'"#;

pub(crate) fn upload_api(settings: &Settings) -> Stack {
    let suffix = settings.get("suffix");
    let mut stack = Stack::new(&format!("UploadApi-{suffix}"));
    if !is_suffix(suffix) {
        stack.refuse("--suffix is 1 to 20 lower-case letters, digits and hyphens: it is part of a bucket name");
    }
    stack.description =
        "Stores uploaded product files in S3 and their metadata in DynamoDB".to_owned();
    stack.example = EXAMPLE.to_owned();
    let files_key = stack.add(
        "FilesKey",
        Key {
            description: "Encrypts the uploaded files",
            ..Key::rotating()
        },
    );
    let products_key = stack.add(
        "ProductsKey",
        Key {
            description: "Encrypts the metadata",
            ..Key::rotating()
        },
    );
    let files = add_files(&mut stack, &files_key, suffix);
    let products = add_products(&mut stack, &products_key, suffix);
    let upload = add_upload(&mut stack, &files, &products, suffix);
    let api = add_api(&mut stack, &upload, suffix, settings.is_on("api-key"));
    add_outputs(&mut stack, &api, &upload, &files, &products);
    stack
}

fn is_suffix(suffix: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=20).contains(&suffix.len()) && suffix.bytes().all(allowed) && !suffix.ends_with('-')
}

fn add_files(stack: &mut Stack, key: &KeyHandle, suffix: &str) -> BucketHandle {
    let name = Expression::sub(&format!(
        "file-upload-${{AWS::AccountId}}-${{AWS::Region}}-{suffix}"
    ));
    let from_pages = BucketCors {
        methods: vec!["POST", "PUT"],
        ..BucketCors::default()
    };
    stack.add(
        "Files",
        Bucket {
            name: Some(name),
            encryption: Encryption::Kms(key),
            versioned: true,
            noncurrent_days: Some(30),
            cors: vec![from_pages],
            empty_on_destroy: true,
            ..Bucket::private()
        },
    )
}

fn add_products(stack: &mut Stack, key: &KeyHandle, suffix: &str) -> TableHandle {
    let by_price = Index {
        name: "PriceIndex",
        partition_key: Attribute::number("price"),
        sort_key: Some(Attribute::string("productName")),
    };
    stack.add(
        "Products",
        Table {
            name: Some(format!("ProductMetadata-{suffix}").into()),
            sort_key: Some(Attribute::string("productName")),
            indexes: vec![by_price],
            encryption: Encryption::Kms(key),
            ttl_attribute: Some("ttl"),
            ..Table::recoverable(Attribute::string("productId"))
        },
    )
}

/// It may put files under `uploads/` and take them back, and put items. It may read neither.
fn add_upload(
    stack: &mut Stack,
    files: &BucketHandle,
    products: &TableHandle,
    suffix: &str,
) -> FunctionHandle {
    let uploads = files.under("uploads/");
    stack.add(
        "Upload",
        Function {
            handler: "upload",
            name: Some(format!("file-upload-{suffix}").into()),
            description: "Stores an uploaded file and its metadata",
            memory_mb: 512,
            timeout_s: 300,
            concurrency: Some(10),
            environment: vec![
                ("BUCKET_NAME", files.name()),
                ("TABLE_NAME", products.name()),
            ],
            allow: vec![
                Grant::all([uploads.write(), uploads.delete()]),
                products.put(),
            ],
            tracing: true,
            ..Function::rust()
        },
    )
}

fn add_api(
    stack: &mut Stack,
    upload: &FunctionHandle,
    suffix: &str,
    api_key: bool,
) -> RestApiHandle {
    let route = Route {
        model: Some(product()),
        api_key_required: api_key,
        ..Route::new("POST", "/upload", upload)
    };
    let throttle = Throttle {
        rate_per_s: 1000,
        burst: 2000,
    };
    let plan = UsagePlan {
        name: Some(format!("file-upload-plan-{suffix}").into()),
        description: "A million uploads a day",
        quota_per_day: Some(1_000_000),
        throttle: Some(throttle),
        with_key: api_key,
    };
    stack.add(
        "Api",
        RestApi {
            name: Some(format!("file-upload-api-{suffix}").into()),
            description: "Uploads of product files",
            routes: vec![route],
            cors: Some(Cors::any_origin(vec!["POST"])),
            throttle: Some(throttle),
            execution_logs: true,
            data_trace: true,
            metrics: true,
            tracing: true,
            usage_plan: Some(plan),
            ..RestApi::regional()
        },
    )
}

/// Types and lengths. It requires nothing: what is missing, the handler names, where API Gateway would only say that
/// the body is invalid.
fn product() -> Model<'static> {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "Product",
        "type": "object",
        "properties": {
            "productId": { "type": "string", "minLength": 1, "maxLength": 128 },
            "productName": { "type": "string", "minLength": 1, "maxLength": 256 },
            "price": { "type": "number", "minimum": 0 },
            "fileName": { "type": "string", "minLength": 1, "maxLength": 256 },
            "fileContent": { "type": "string" },
        },
    });
    Model {
        name: "Product",
        schema,
    }
}

fn add_outputs(
    stack: &mut Stack,
    api: &RestApiHandle,
    upload: &FunctionHandle,
    files: &BucketHandle,
    products: &TableHandle,
) {
    let outputs = [
        (
            "ApiGatewayUrl",
            "Where to POST a product",
            api.url().within("", "upload"),
        ),
        (
            "LambdaFunctionArn",
            "The function behind the API",
            upload.arn(),
        ),
        ("S3BucketName", "The bucket of the files", files.name()),
        (
            "DynamoDBTableName",
            "The table of the metadata",
            products.name(),
        ),
    ];
    for (id, description, value) in outputs {
        stack.output(
            id,
            Output {
                value,
                description,
                export_name: None,
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use cumulet_stack::{Settings, Synthesis};
    use serde_json::{Value, json};

    use super::upload_api;
    use crate::{API_KEY, SUFFIX};

    fn synthesise(chosen: &[(&str, &str)]) -> Result<Value, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = folder.path().join("program");
        fs::write(
            &program,
            [b"\x7fELF".as_slice(), &[0; 14], &[0x3e, 0]].concat(),
        )
        .expect("written");
        let stack = upload_api(&Settings::chosen(&[SUFFIX, API_KEY], chosen));
        let synthesis = Synthesis {
            stack: &stack,
            handlers: &["upload"],
            program: &program,
        };
        synthesis
            .write(folder.path())
            .map_err(|error| error.to_string())?;
        let template = format!("{}.template.json", stack.name());
        let text = fs::read_to_string(folder.path().join(template)).expect("written");
        Ok(serde_json::from_str(&text).expect("JSON"))
    }

    #[test]
    fn the_stack_is_what_was_asked_for() {
        let template = synthesise(&[]).expect("valid");
        let of = |id: &str| template["Resources"][id]["Properties"].clone();
        assert!(
            of("FilesKey")["EnableKeyRotation"] == true
                && of("ProductsKey")["EnableKeyRotation"] == true
        );
        let bucket = json!({ "Fn::Sub": "file-upload-${AWS::AccountId}-${AWS::Region}-dev" });
        assert_eq!(of("Files")["BucketName"], bucket);
        assert_eq!(
            of("Files")["CorsConfiguration"]["CorsRules"][0]["AllowedMethods"],
            json!(["POST", "PUT"])
        );
        assert_eq!(
            of("Products")["TimeToLiveSpecification"],
            json!({ "AttributeName": "ttl", "Enabled": true })
        );
        let upload = of("Upload");
        let limits = ["MemorySize", "Timeout", "ReservedConcurrentExecutions"]
            .map(|name| upload[name].clone());
        assert_eq!(limits, [json!(512), json!(300), json!(10)]);
        let outputs: Vec<&String> = template["Outputs"]
            .as_object()
            .expect("outputs")
            .keys()
            .collect();
        assert_eq!(
            outputs,
            [
                "ApiGatewayUrl",
                "LambdaFunctionArn",
                "S3BucketName",
                "DynamoDBTableName"
            ]
        );
    }

    #[test]
    fn the_role_reads_nothing_and_reaches_only_uploads() {
        let template = synthesise(&[]).expect("valid");
        let policy = &template["Resources"]["UploadRole"]["Properties"]["Policies"][0]["PolicyDocument"]
            ["Statement"];
        for statement in policy.as_array().expect("statements") {
            let tracing = statement["Action"][0] == "xray:PutTraceSegments";
            assert_eq!(
                statement["Resource"] == "*",
                tracing,
                "only tracing has no resource to name: {statement}"
            );
        }
        let text = policy.to_string();
        assert!(
            text.contains("-dev/uploads/*")
                && !text.contains("s3:Get")
                && !text.contains("dynamodb:Get"),
            "{text}"
        );
    }

    #[test]
    fn a_key_is_needed_only_when_asked_for() {
        let required = |chosen: &[(&str, &str)]| {
            let template = synthesise(chosen).expect("valid");
            template["Resources"]["ApiUploadPost"]["Properties"]["ApiKeyRequired"].clone()
        };
        assert_eq!(required(&[]), false);
        assert_eq!(required(&[("api-key", "on")]), true);
    }

    #[test]
    fn a_suffix_that_no_bucket_could_have_is_refused() {
        for suffix in ["", "Prod", "a_b", "dev-", &"x".repeat(21)] {
            assert!(
                synthesise(&[("suffix", suffix)]).is_err_and(|error| error.contains("--suffix")),
                "{suffix}"
            );
        }
        assert!(synthesise(&[("suffix", "pr-12")]).is_ok());
    }
}
