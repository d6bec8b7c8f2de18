//! The infrastructure, in the order in which one would explain it.

use cumulet_stack::{
    Attribute, Bucket, BucketCors, BucketHandle, Cors, Encryption, Expression, Function,
    FunctionHandle, Index, Key, KeyHandle, Model, Output, RestApi, RestApiHandle, Route, Settings,
    Stack, Table, TableHandle, Throttle, UsagePlan,
};
use serde_json::json;

/// A command to try the API with.
pub const EXAMPLE: &str = r#"curl -X POST ${ApiGatewayUrl} -H 'content-type: application/json' -d '{"productId":"PROD-001","productName":"Test Product","price":99.99,"fileName":"a.txt","fileContent":"VGhpcyBpcyBhIHRlc3QgZmlsZQ=="}'"#;

/// The whole application.
#[must_use]
pub fn stack(settings: &Settings) -> Stack {
    let suffix = settings.suffix();
    let mut stack = Stack::new(&format!("UploadApi-{suffix}"));
    stack.description =
        "Stores uploaded product files in S3 and their metadata in DynamoDB".to_owned();
    stack.example = EXAMPLE.to_owned();
    let storage = add_storage(&mut stack, suffix);
    let upload = add_function(&mut stack, &storage, suffix);
    let api = stack.add("Api", api(&upload, suffix, settings.is_on("api-key")));
    add_outputs(&mut stack, &api, &upload, &storage);
    stack
}

/// Where uploads go.
#[derive(Clone, Debug)]
pub struct Storage {
    pub files: BucketHandle,
    pub products: TableHandle,
}

/// The bucket and the table, each under a key of its own.
pub fn add_storage(stack: &mut Stack, suffix: &str) -> Storage {
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
    Storage {
        files: add_files(stack, &files_key, suffix),
        products: add_products(stack, &products_key, suffix),
    }
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

/// The function behind the API. It may put files under `uploads/` and take them back, and put items. It may read
/// neither.
pub fn add_function(stack: &mut Stack, storage: &Storage, suffix: &str) -> FunctionHandle {
    let uploads = storage.files.under("uploads/");
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
                ("BUCKET_NAME", storage.files.name()),
                ("TABLE_NAME", storage.products.name()),
            ],
            allow: vec![uploads.write(), uploads.delete(), storage.products.put()],
            tracing: true,
            ..Function::rust()
        },
    )
}

/// `POST /upload`; an application may add routes of its own before it adds the API.
#[must_use]
pub fn api<'a>(upload: &'a FunctionHandle, suffix: &str, api_key: bool) -> RestApi<'a> {
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
    }
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

fn add_outputs(stack: &mut Stack, api: &RestApiHandle, upload: &FunctionHandle, storage: &Storage) {
    let url = api.url().within("", "upload");
    let (bucket, table) = (storage.files.name(), storage.products.name());
    stack.output("ApiGatewayUrl", Output::new("Where to POST a product", url));
    stack.output(
        "LambdaFunctionArn",
        Output::new("The function behind the API", upload.arn()),
    );
    stack.output(
        "S3BucketName",
        Output::new("The bucket of the files", bucket),
    );
    stack.output(
        "DynamoDBTableName",
        Output::new("The table of the metadata", table),
    );
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::application;

    fn template(chosen: &[(&str, &str)]) -> Value {
        application().template(chosen).expect("valid")
    }

    #[test]
    fn the_stack_is_what_was_asked_for() {
        let template = template(&[]);
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
        let template = template(&[]);
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
            let template = template(chosen);
            template["Resources"]["ApiUploadPost"]["Properties"]["ApiKeyRequired"].clone()
        };
        assert_eq!(required(&[]), false);
        assert_eq!(required(&[("api-key", "on")]), true);
    }
}
