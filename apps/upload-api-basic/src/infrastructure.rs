//! The infrastructure: four resources and what belongs to them.

use cumulet_stack::{
    Attribute, Bucket, Cors, Expression, Function, Index, Output, RestApi, Route, Settings, Stack,
    Table,
};

pub(crate) fn stack(settings: &Settings) -> Stack {
    let suffix = settings.suffix();
    let mut stack = Stack::new(&format!("UploadApiBasic-{suffix}"));
    stack.description = "Stores uploaded product files in S3 and DynamoDB".to_owned();
    stack.example = upload_api::EXAMPLE.to_owned();
    let files = stack.add(
        "Files",
        Bucket {
            name: Some(Expression::sub(&format!(
                "upload-basic-${{AWS::AccountId}}-${{AWS::Region}}-{suffix}"
            ))),
            versioned: true,
            empty_on_destroy: true,
            ..Bucket::private()
        },
    );
    let products = stack.add("Products", products(suffix));
    let uploads = files.under("uploads/");
    let upload = stack.add(
        "Upload",
        Function {
            handler: "upload",
            name: Some(format!("upload-basic-{suffix}").into()),
            memory_mb: 256,
            timeout_s: 29,
            concurrency: Some(settings.number("concurrency")),
            environment: vec![
                ("BUCKET_NAME", files.name()),
                ("TABLE_NAME", products.name()),
            ],
            allow: vec![uploads.write(), uploads.delete(), products.put()],
            ..Function::rust()
        },
    );
    let api = stack.add(
        "Api",
        RestApi {
            name: Some(format!("upload-basic-api-{suffix}").into()),
            routes: vec![Route::new("POST", "/upload", &upload)],
            cors: Some(Cors::any_origin(vec!["POST"])),
            ..RestApi::regional()
        },
    );
    let url = api.url().within("", "upload");
    stack.output("ApiGatewayUrl", Output::new("Where to POST a product", url));
    stack.output("S3BucketName", files.name());
    stack.output("DynamoDBTableName", products.name());
    stack
}

fn products(suffix: &str) -> Table<'static> {
    let by_price = Index {
        name: "PriceIndex",
        partition_key: Attribute::number("price"),
        sort_key: Some(Attribute::string("productName")),
    };
    Table {
        name: Some(format!("ProductMetadataBasic-{suffix}").into()),
        sort_key: Some(Attribute::string("productName")),
        indexes: vec![by_price],
        ..Table::recoverable(Attribute::string("productId"))
    }
}
