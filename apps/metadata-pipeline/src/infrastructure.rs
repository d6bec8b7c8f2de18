//! The infrastructure: a bucket, a table, and the function between them.

use cumulet_stack::{
    Attribute, Bucket, BucketHandle, BucketNotification, Expression, Function, FunctionHandle,
    Output, Settings, Stack, Table, TableHandle,
};

/// The whole application.
#[must_use]
pub fn stack(settings: &Settings) -> Stack {
    let suffix = settings.suffix();
    let mut stack = Stack::new(&format!("MetadataPipeline-{suffix}"));
    stack.description = "Keeps what is known of every file in a table".to_owned();
    stack.example = "aws s3 cp README.md s3://${BucketName}/".to_owned();
    stack.tag("Project", "MetadataPipeline");
    stack.tag("Environment", suffix);
    let bucket = format!("file-metadata-bucket-{suffix}-${{AWS::AccountId}}");
    let files = stack.add(
        "Files",
        Bucket {
            name: Some(Expression::sub(&bucket)),
            versioned: true,
            empty_on_destroy: true,
            ..Bucket::private()
        },
    );
    let indexing = add_indexer(&mut stack, &files, suffix);
    stack.add(
        "FilesToIndexer",
        BucketNotification::created(&files, &indexing.function),
    );
    stack.output("BucketName", Output::new("Where files come", files.name()));
    let table = indexing.table.name();
    stack.output("TableName", Output::new("What is known of them", table));
    stack.output("FunctionName", indexing.function.name());
    stack
}

/// An indexer and its table.
#[derive(Clone, Debug)]
pub struct Indexing {
    pub function: FunctionHandle,
    pub table: TableHandle,
}

/// The indexer of the files that come into a bucket.
pub fn add_indexer(stack: &mut Stack, files: &BucketHandle, suffix: &str) -> Indexing {
    let table = stack.add(
        "Metadata",
        Table {
            name: Some(format!("file-metadata-table-{suffix}").into()),
            ..Table::recoverable(Attribute::string("file_key"))
        },
    );
    let function = stack.add(
        "Indexer",
        Function {
            handler: "index",
            name: Some(format!("file-metadata-{suffix}").into()),
            description: "Writes an item for every file",
            memory_mb: 256,
            timeout_s: 15,
            environment: vec![("TABLE_NAME", table.name())],
            allow: vec![files.read(), table.put()],
            ..Function::rust()
        },
    );
    Indexing { function, table }
}

#[cfg(test)]
mod tests {
    use cumulet_stack::Application;
    use serde_json::{Value, json};

    use crate::application;

    fn template() -> Value {
        Application::template(&application(), &[]).expect("valid")
    }

    #[test]
    fn the_table_is_keyed_by_file_and_the_function_is_small() {
        let resources = &template()["Resources"];
        let key = &resources["Metadata"]["Properties"]["KeySchema"];
        assert_eq!(
            key,
            &json!([{ "AttributeName": "file_key", "KeyType": "HASH" }])
        );
        let indexer = &resources["Indexer"]["Properties"];
        assert_eq!(
            [&indexer["MemorySize"], &indexer["Timeout"]],
            [&json!(256), &json!(15)]
        );
    }

    #[test]
    fn everything_that_can_carry_tags_carries_them() {
        let resources = template()["Resources"].clone();
        let untagged: Vec<&String> = resources
            .as_object()
            .expect("resources")
            .iter()
            .filter(|(_, resource)| resource["Properties"]["Tags"].is_null())
            .map(|(id, _)| id)
            .collect();
        assert_eq!(
            untagged,
            ["FilesPolicy", "FilesToIndexer"],
            "types without tags"
        );
    }

    #[test]
    fn it_puts_items_and_changes_no_file() {
        let role = template()["Resources"]["IndexerRole"]["Properties"]["Policies"].to_string();
        assert!(
            role.contains("dynamodb:PutItem") && !role.contains("dynamodb:Scan"),
            "{role}"
        );
        assert!(
            !role.contains("s3:Put") && !role.contains("s3:Delete"),
            "{role}"
        );
    }
}
