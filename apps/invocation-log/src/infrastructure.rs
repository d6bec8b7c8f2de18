//! The infrastructure: the smallest of the five.

use cumulet_stack::{
    Attribute, Bucket, BucketNotification, Expression, Function, FunctionHandle, Output, Settings,
    Stack, Table, TableHandle,
};

/// The whole application.
#[must_use]
pub fn stack(settings: &Settings) -> Stack {
    let suffix = settings.suffix();
    let mut stack = Stack::new(&format!("InvocationLog-{suffix}"));
    stack.description = "Logs every invocation that a file causes".to_owned();
    stack.example = "aws s3 cp README.md s3://${BucketName}/".to_owned();
    let bucket = format!("lambda-trigger-bucket-{suffix}-${{AWS::AccountId}}");
    let files = stack.add(
        "Trigger",
        Bucket {
            name: Some(Expression::sub(&bucket)),
            empty_on_destroy: true,
            ..Bucket::private()
        },
    );
    let logging = add_logger(&mut stack, suffix);
    stack.add(
        "TriggerToLogger",
        BucketNotification::created(&files, &logging.function),
    );
    stack.output("BucketName", Output::new("Where files come", files.name()));
    stack.output(
        "TableName",
        Output::new("What they caused", logging.table.name()),
    );
    stack.output("FunctionName", logging.function.name());
    stack
}

/// A logger and its table.
#[derive(Clone, Debug)]
pub struct Logging {
    pub function: FunctionHandle,
    pub table: TableHandle,
}

/// The logger: it may put items, and see no file.
pub fn add_logger(stack: &mut Stack, suffix: &str) -> Logging {
    let table = stack.add(
        "Invocations",
        Table {
            name: Some(format!("lambda-invocation-logs-{suffix}").into()),
            sort_key: Some(Attribute::string("timestamp")),
            ..Table::recoverable(Attribute::string("requestId"))
        },
    );
    let function = stack.add(
        "Logger",
        Function {
            handler: "record",
            name: Some(format!("lambda-invocation-log-{suffix}").into()),
            description: "Writes an item for every record of its event",
            memory_mb: 128,
            timeout_s: 30,
            environment: vec![("TABLE_NAME", table.name())],
            allow: vec![table.put()],
            ..Function::rust()
        },
    );
    Logging { function, table }
}

#[cfg(test)]
mod tests {
    use crate::application;

    #[test]
    fn the_bucket_is_private_under_s3s_own_key_and_the_role_only_puts_items() {
        let template = application().template(&[]).expect("valid");
        let resources = &template["Resources"];
        let encryption = resources["Trigger"]["Properties"]["BucketEncryption"].to_string();
        assert!(encryption.contains("AES256"), "{encryption}");
        let policy = resources["TriggerPolicy"].to_string();
        assert!(policy.contains("aws:SecureTransport"), "{policy}");
        let role = resources["LoggerRole"]["Properties"]["Policies"].to_string();
        assert!(
            role.contains("dynamodb:PutItem") && !role.contains("s3:"),
            "{role}"
        );
        assert_eq!(resources["Logger"]["Properties"]["Timeout"], 30);
        assert_eq!(resources["Logger"]["Properties"]["MemorySize"], 128);
    }
}
