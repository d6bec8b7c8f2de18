//! The infrastructure: a bucket that tells a function, what the function may use, and who is told when it fails.

use cumulet_stack::{
    Alarm, AlarmHandle, Bucket, BucketHandle, BucketNotification, Expression, Function,
    FunctionHandle, GeneratedSecret, Output, Queue, QueueHandle, Secret, SecretHandle, Settings,
    Stack, put_metrics,
};

use crate::metrics::NAMESPACE;

const DURATION_MAX_MS: f64 = 30_000.0;

/// The whole application.
#[must_use]
pub fn stack(settings: &Settings) -> Stack {
    let suffix = settings.suffix();
    let mut stack = Stack::new(&format!("FileProcessor-{suffix}"));
    stack.description = "Processes files as they come".to_owned();
    stack.example = "aws s3 cp README.md s3://${BucketName}/uploads/".to_owned();
    stack.tag("Project", "ServerlessApp");
    stack.tag("Environment", suffix);
    stack.tag("Owner", settings.get("owner"));
    let bucket = format!("serverlessapp-files-{suffix}-${{AWS::AccountId}}");
    let files = stack.add(
        "Files",
        Bucket {
            name: Some(Expression::sub(&bucket)),
            versioned: true,
            access_log_prefix: Some("access-logs/"),
            empty_on_destroy: true,
            ..Bucket::private()
        },
    );
    let processing = add_processor(&mut stack, &files, suffix);
    stack.add(
        "FilesToProcessor",
        BucketNotification {
            prefix: "uploads/",
            ..BucketNotification::created(&files, &processing.function)
        },
    );
    add_outputs(&mut stack, suffix, &files, &processing);
    stack
}

/// A processor and what watches it.
#[derive(Clone, Debug)]
pub struct Processing {
    pub function: FunctionHandle,
    pub secret: SecretHandle,
    pub dead_letters: QueueHandle,
    /// On errors and on duration.
    pub alarms: [AlarmHandle; 2],
}

/// The processor of the files that come under `uploads/` of a bucket.
pub fn add_processor(stack: &mut Stack, files: &BucketHandle, suffix: &str) -> Processing {
    let secret = stack.add("Credentials", credentials(suffix));
    let dead_letters = stack.add(
        "DeadLetters",
        Queue {
            name: Some(format!("serverlessapp-dead-letters-{suffix}").into()),
            ..Queue::dead_letters()
        },
    );
    let function = stack.add(
        "Processor",
        Function {
            handler: "process",
            name: Some(format!("serverlessapp-processor-{suffix}").into()),
            description: "Reads, seals and measures a file",
            memory_mb: 256,
            timeout_s: 60,
            environment: vec![("SECRET_ARN", secret.arn())],
            allow: vec![
                files.under("uploads/").read(),
                secret.read(),
                put_metrics(NAMESPACE),
            ],
            retries: Some(2),
            dead_letter: Some(&dead_letters),
            ..Function::rust()
        },
    );
    let alarms = add_alarms(stack, &function, suffix);
    Processing {
        function,
        secret,
        dead_letters,
        alarms,
    }
}

fn credentials(suffix: &str) -> Secret<'static> {
    Secret {
        name: Some(format!("serverlessapp/credentials-{suffix}").into()),
        description: "What the processor seals files with",
        generated: GeneratedSecret {
            template: "{\"username\":\"admin\"}",
            ..GeneratedSecret::default()
        },
        ..Secret::default()
    }
}

fn add_alarms(stack: &mut Stack, function: &FunctionHandle, suffix: &str) -> [AlarmHandle; 2] {
    let errors = Alarm {
        name: Some(format!("serverlessapp-{suffix}-errors").into()),
        description: "The processor fails",
        ..Alarm::on_sum(function.metric("Errors"), 1.0)
    };
    let duration = Alarm {
        name: Some(format!("serverlessapp-{suffix}-duration").into()),
        description: "The processor takes half of its time",
        ..Alarm::on_average(function.metric("Duration"), DURATION_MAX_MS, 2)
    };
    [
        stack.add("ErrorsAlarm", errors),
        stack.add("DurationAlarm", duration),
    ]
}

fn add_outputs(stack: &mut Stack, suffix: &str, files: &BucketHandle, processing: &Processing) {
    let outputs = [
        ("BucketName", "Where files come", files.name()),
        (
            "FunctionName",
            "What processes them",
            processing.function.name(),
        ),
        ("FunctionArn", "The same, by ARN", processing.function.arn()),
        ("SecretArn", "What seals them", processing.secret.arn()),
        (
            "DeadLettersUrl",
            "What failed for good",
            processing.dead_letters.url(),
        ),
    ];
    for (id, description, value) in outputs {
        let export = format!("ServerlessApp-{suffix}-{id}");
        stack.output(id, Output::new(description, value).exported(export));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::application;

    fn template() -> Value {
        application().template(&[]).expect("valid")
    }

    #[test]
    fn the_processor_is_tried_three_times_and_then_kept() {
        let resources = &template()["Resources"];
        let processor = &resources["Processor"]["Properties"];
        assert_eq!(
            [&processor["MemorySize"], &processor["Timeout"]],
            [&json!(256), &json!(60)]
        );
        let retries = &resources["ProcessorRetries"]["Properties"]["MaximumRetryAttempts"];
        assert_eq!(retries, 2);
        assert_eq!(
            processor["DeadLetterConfig"]["TargetArn"],
            json!({ "Fn::GetAtt": ["DeadLetters", "Arn"] })
        );
    }

    #[test]
    fn its_alarms_say_what_was_asked() {
        let resources = &template()["Resources"];
        let told = |id: &str| {
            let alarm = &resources[id]["Properties"];
            let names = [
                "MetricName",
                "Statistic",
                "Threshold",
                "Period",
                "EvaluationPeriods",
            ];
            names.map(|name| alarm[name].clone())
        };
        let errors = [
            json!("Errors"),
            json!("Sum"),
            json!(1.0),
            json!(300),
            json!(1),
        ];
        let duration = [
            json!("Duration"),
            json!("Average"),
            json!(30000.0),
            json!(300),
            json!(2),
        ];
        assert_eq!(told("ErrorsAlarm"), errors);
        assert_eq!(told("DurationAlarm"), duration);
    }

    #[test]
    fn it_publishes_in_its_namespace_and_reads_uploads_only() {
        let role = template()["Resources"]["ProcessorRole"]["Properties"]["Policies"].to_string();
        assert!(
            role.contains(r#""cloudwatch:namespace":"ServerlessApp/Lambda""#),
            "{role}"
        );
        assert!(
            role.contains("/uploads/*") && !role.contains("s3:Put"),
            "{role}"
        );
        assert!(
            !role.contains("s3:Delete") && !role.contains("secretsmanager:Put"),
            "{role}"
        );
    }

    #[test]
    fn no_template_holds_the_password() {
        let secret = &template()["Resources"]["Credentials"]["Properties"]["GenerateSecretString"];
        assert_eq!(secret["PasswordLength"], 32);
        assert_eq!(secret["SecretStringTemplate"], "{\"username\":\"admin\"}");
        assert_eq!(secret["GenerateStringKey"], "password");
    }

    #[test]
    fn tags_and_exports_name_the_project() {
        let template = application().template(&[("owner", "me")]).expect("valid");
        for id in [
            "Files",
            "Processor",
            "Credentials",
            "DeadLetters",
            "ProcessorRole",
        ] {
            let tags = template["Resources"][id]["Properties"]["Tags"].to_string();
            for tag in [
                ("Project", "ServerlessApp"),
                ("Environment", "dev"),
                ("Owner", "me"),
            ] {
                let written = json!({ "Key": tag.0, "Value": tag.1 }).to_string();
                assert!(tags.contains(&written), "{id}: {tags}");
            }
        }
        assert_eq!(
            template["Outputs"]["BucketName"]["Export"]["Name"],
            "ServerlessApp-dev-BucketName"
        );
    }
}
