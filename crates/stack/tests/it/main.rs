//! What an application relies on: the template says what was written, and wrong applications are refused.

use std::fs;
use std::path::PathBuf;

use cumulet_stack::{
    Alarm, Attribute, Bucket, BucketNotification, Comparison, Cors, Encryption, Expression,
    Function, GeneratedSecret, Grant, Key, Metric, Model, Queue, RestApi, Route, Secret, Stack,
    Synthesis, Table, Throttle, UsagePlan, put_metrics,
};
use expect_test::{Expect, expect};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with a program in it that looks as if built for Linux.
struct Workshop {
    folder: TempDir,
    program: PathBuf,
}

impl Workshop {
    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let program = folder.path().join("program");
        let header = [
            b"\x7fELF".as_slice(),
            &[0; 14],
            &[0x3e, 0],
            b"the rest of it",
        ]
        .concat();
        fs::write(&program, header).expect("written");
        Self { folder, program }
    }

    fn write(&self, stack: &Stack, handlers: &[&str], out: &str) -> Result<(), String> {
        let synthesis = Synthesis {
            stack,
            handlers,
            program: &self.program,
        };
        synthesis
            .write(&self.folder.path().join(out))
            .map_err(|error| error.to_string())
    }

    fn read(&self, file: &str) -> Value {
        let text = fs::read_to_string(self.folder.path().join(file)).expect("was written");
        serde_json::from_str(&text).expect("is JSON")
    }
}

fn template(stack: &Stack, handlers: &[&str]) -> Value {
    let workshop = Workshop::new();
    workshop
        .write(stack, handlers, "out")
        .expect("a valid stack");
    workshop.read(&format!("out/{}.template.json", stack.name()))
}

fn refused(stack: &Stack, handlers: &[&str], expected: &Expect) {
    let workshop = Workshop::new();
    let error = workshop
        .write(stack, handlers, "out")
        .expect_err("a stack with mistakes");
    expected.assert_eq(&error);
    assert!(
        !workshop.folder.path().join("out").exists(),
        "a refused stack writes nothing"
    );
}

fn hello() -> Function<'static> {
    Function {
        handler: "hello",
        ..Function::rust()
    }
}

fn only_statements(template: &Value, role: &str) -> Value {
    template["Resources"][role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"].clone()
}

#[test]
fn an_assembly_is_complete_and_the_same_each_time() {
    let workshop = Workshop::new();
    let build = || {
        let mut stack = Stack::new("App");
        let function = stack.add("Hello", hello());
        stack.output("Arn", function.arn());
        stack
    };
    workshop.write(&build(), &["hello"], "one").expect("valid");
    workshop.write(&build(), &["hello"], "two").expect("valid");
    let names = |out: &str| {
        let entries = fs::read_dir(workshop.folder.path().join(out)).expect("written");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("readable").file_name())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("one"), names("two"));
    for name in names("one") {
        let read =
            |out: &str| fs::read(workshop.folder.path().join(out).join(&name)).expect("readable");
        assert_eq!(read("one"), read("two"), "{}", name.display());
    }
    let assets = workshop.read("one/App.assets.json");
    let (hash, file) = assets["files"]
        .as_object()
        .and_then(|files| files.iter().next())
        .expect("one asset");
    assert_eq!(file["source"]["path"], format!("asset.{hash}.zip"));
    let function = &workshop.read("one/App.template.json")["Resources"]["Hello"]["Properties"];
    assert_eq!(function["Code"]["S3Key"], format!("{hash}.zip"));
    assert_eq!(function["Architectures"], json!(["x86_64"]));
    assert_eq!(
        workshop.read("one/manifest.json")["artifacts"]["App"]["type"],
        "aws:cloudformation:stack"
    );
}

#[test]
fn a_role_may_do_what_was_granted_and_nothing_else() {
    let mut stack = Stack::new("App");
    let key = stack.add("FilesKey", Key::rotating());
    let bucket = Bucket {
        name: Some("files".into()),
        encryption: Encryption::Kms(&key),
        ..Bucket::private()
    };
    let files = stack.add("Files", bucket);
    let products = stack.add("Products", Table::recoverable(Attribute::string("id")));
    let allow = vec![
        files.under("in/").read(),
        files.under("in/").delete(),
        products.put(),
        put_metrics("App"),
    ];
    stack.add("Hello", Function { allow, ..hello() });
    let statements = only_statements(&template(&stack, &["hello"]), "HelloRole");
    let lines: Vec<String> = statements
        .as_array()
        .expect("a list")
        .iter()
        .map(Value::to_string)
        .collect();
    expect![[r#"
        {"Action":["s3:GetObject","s3:GetObjectVersion","s3:DeleteObject","s3:DeleteObjectVersion"],"Effect":"Allow","Resource":{"Fn::Sub":"arn:${AWS::Partition}:s3:::files/in/*"}}
        {"Action":"s3:ListBucket","Condition":{"StringLike":{"s3:prefix":"in/*"}},"Effect":"Allow","Resource":{"Fn::Sub":"arn:${AWS::Partition}:s3:::files"}}
        {"Action":"kms:Decrypt","Condition":{"StringEquals":{"kms:ViaService":{"Fn::Sub":"s3.${AWS::Region}.amazonaws.com"}}},"Effect":"Allow","Resource":{"Fn::GetAtt":["FilesKey","Arn"]}}
        {"Action":"dynamodb:PutItem","Effect":"Allow","Resource":{"Fn::GetAtt":["Products","Arn"]}}
        {"Action":"cloudwatch:PutMetricData","Condition":{"StringEquals":{"cloudwatch:namespace":"App"}},"Effect":"Allow","Resource":"*"}
        {"Action":["logs:CreateLogStream","logs:PutLogEvents"],"Effect":"Allow","Resource":{"Fn::GetAtt":["HelloLogs","Arn"]}}"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn read_and_write_of_one_resource_become_one_statement() {
    let mut stack = Stack::new("App");
    let files = stack.add("Files", Bucket::private());
    stack.add(
        "Hello",
        Function {
            allow: vec![Grant::all([files.write(), files.delete(), files.write()])],
            ..hello()
        },
    );
    let statements = only_statements(&template(&stack, &["hello"]), "HelloRole");
    let actions = [
        "s3:PutObject",
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
    ];
    assert_eq!(statements[0]["Action"], json!(actions));
    assert_eq!(
        statements[0]["Resource"],
        json!({ "Fn::Sub": "${Files.Arn}/*" })
    );
}

#[test]
fn a_private_bucket_refuses_the_public_and_plain_http() {
    let mut stack = Stack::new("App");
    stack.add(
        "Files",
        Bucket {
            empty_on_destroy: true,
            ..Bucket::private()
        },
    );
    let resources = &template(&stack, &[])["Resources"];
    let blocked = &resources["Files"]["Properties"]["PublicAccessBlockConfiguration"];
    assert!(
        blocked
            .as_object()
            .expect("given")
            .values()
            .all(|flag| flag == &json!(true))
    );
    let statement = &resources["FilesPolicy"]["Properties"]["PolicyDocument"]["Statement"][0];
    assert_eq!(statement["Effect"], "Deny");
    assert_eq!(
        statement["Condition"],
        json!({ "Bool": { "aws:SecureTransport": "false" } })
    );
    let tag = json!([{ "Key": "cumulet:empty-on-destroy", "Value": "true" }]);
    assert_eq!(resources["Files"]["Properties"]["Tags"], tag);
}

#[test]
fn a_named_bucket_tells_its_function_without_a_circle() {
    let build = |name: Option<Expression>| {
        let mut stack = Stack::new("App");
        let files = stack.add(
            "Files",
            Bucket {
                name,
                ..Bucket::private()
            },
        );
        let hello = stack.add(
            "Hello",
            Function {
                allow: vec![files.read()],
                ..hello()
            },
        );
        let created = BucketNotification::created(&files, &hello);
        stack.add(
            "FilesToHello",
            BucketNotification {
                prefix: "uploads/",
                ..created
            },
        );
        stack
    };
    let named = template(
        &build(Some(Expression::sub("files-${AWS::AccountId}"))),
        &["hello"],
    );
    let files = &named["Resources"]["Files"];
    assert_eq!(files["DependsOn"], json!(["FilesToHello"]));
    expect![[r#"{"LambdaConfigurations":[{"Event":"s3:ObjectCreated:*","Function":{"Fn::GetAtt":["Hello","Arn"]},"Filter":{"S3Key":{"Rules":[{"Name":"prefix","Value":"uploads/"}]}}}]}"#]].assert_eq(&files["Properties"]["NotificationConfiguration"].to_string());
    refused(
        &build(None),
        &["hello"],
        &expect![[r#"
        the stack cannot be synthesised:
          FilesToHello: bucket Files needs a name, or it and its function wait for each other
          circular dependency between resources: [Files, FilesPolicy, HelloRole, Hello, FilesToHello]"#]],
    );
}

#[test]
fn mistakes_are_told_all_at_once() {
    let mut stack = Stack::new("App");
    stack.add("Hello", hello());
    stack.raw(
        "Queue",
        "AWS::SQS::Queue",
        json!({ "QueueNam": "x", "RedrivePolicy": { "Ref": "Nowhere" } }),
    );
    stack.raw("Queue", "AWS::SQS::Queue", json!({}));
    stack.raw(
        "My-Topic",
        "AWS::SNS::Topic",
        json!({ "DisplayName": { "Fn::GetAtt": ["Hello", "Colour"] } }),
    );
    stack.raw("Server", "AWS::EC2::Instance", json!({}));
    stack.output("Url", Expression::sub("https://${Missing}/"));
    stack.refuse("the suffix is too long");
    refused(
        &stack,
        &["good-bye"],
        &expect![[r#"
        the stack cannot be synthesised:
          resource Queue is added twice
          logical id "My-Topic" is not made of letters and digits
          the suffix is too long
          function Hello names the handler "hello", which the application does not have
          handler "good-bye" is run by no function of the stack
          resource Server: type AWS::EC2::Instance is not known here
          resource My-Topic: attribute Colour does not exist in the schema of AWS::Lambda::Function
          output Url: refers to Missing, which is not in the stack"#]],
    );
    refused(
        &Stack::new("Empty"),
        &[],
        &expect![[r#"
        the stack cannot be synthesised:
          a stack needs at least one resource"#]],
    );
}

#[test]
fn a_misspelt_property_and_a_circle_are_refused() {
    let mut stack = Stack::new("App");
    stack.raw(
        "One",
        "AWS::SQS::Queue",
        json!({ "QueueNam": "x", "QueueName": { "Fn::Sub": "${Two.QueueName}-a" } }),
    );
    stack.raw(
        "Two",
        "AWS::SQS::Queue",
        json!({ "QueueName": { "Ref": "One" } }),
    );
    refused(
        &stack,
        &[],
        &expect![[r#"
        the stack cannot be synthesised:
          resource One (AWS::SQS::Queue): #: extraneous key [QueueNam] is not permitted
          circular dependency between resources: [One, Two]"#]],
    );
}

#[test]
fn references_are_found_in_every_form_of_the_language() {
    let mut stack = Stack::new("App");
    let own = json!({ "Fn::Sub": ["${Name}-${Gone.Arn}", { "Name": { "Ref": "Away" } }] });
    stack.raw("Topic", "AWS::SNS::Topic", json!({ "DisplayName": own }));
    stack.resource_mut("Topic").expect("added")["DependsOn"] = json!("Never");
    refused(
        &stack,
        &[],
        &expect![[r#"
        the stack cannot be synthesised:
          resource Topic: refers to Gone, which is not in the stack
          resource Topic: refers to Away, which is not in the stack
          resource Topic: refers to Never, which is not in the stack"#]],
    );
}

fn api(memory_mb: u32, schema: Value, api_key: bool) -> Stack {
    let mut stack = Stack::new("App");
    let hello = stack.add(
        "Hello",
        Function {
            memory_mb,
            ..hello()
        },
    );
    let model = Some(Model {
        name: "Greeting",
        schema,
    });
    let post = Route {
        model,
        api_key_required: api_key,
        ..Route::new("POST", "/people/{id}/greet", &hello)
    };
    let plan = UsagePlan {
        quota_per_day: Some(10),
        with_key: api_key,
        ..UsagePlan::default()
    };
    let handle = stack.add(
        "Api",
        RestApi {
            routes: vec![post, Route::new("GET", "/", &hello)],
            cors: Some(Cors::any_origin(vec!["POST"])),
            throttle: Some(Throttle {
                rate_per_s: 5,
                burst: 10,
            }),
            execution_logs: true,
            usage_plan: Some(plan),
            ..RestApi::regional()
        },
    );
    stack.output("Url", handle.url());
    stack
}

fn deployment(template: &Value) -> String {
    let resources = template["Resources"].as_object().expect("resources");
    let id = resources.keys().find(|id| id.starts_with("ApiDeployment"));
    id.expect("one deployment").clone()
}

#[test]
fn an_api_has_its_paths_methods_and_permissions() {
    let template = template(&api(128, json!({ "type": "object" }), false), &["hello"]);
    let resources = template["Resources"].as_object().expect("resources");
    let kinds: Vec<String> = resources
        .iter()
        .filter(|(id, _)| id.starts_with("Api") && !id.starts_with("ApiDeployment"))
        .map(|(id, resource)| format!("{id} {}", resource["Type"].as_str().unwrap_or_default()))
        .collect();
    expect![[r#"
        Api AWS::ApiGateway::RestApi
        ApiPeople AWS::ApiGateway::Resource
        ApiPeopleId AWS::ApiGateway::Resource
        ApiPeopleIdGreet AWS::ApiGateway::Resource
        ApiGreetingModel AWS::ApiGateway::Model
        ApiBodyValidator AWS::ApiGateway::RequestValidator
        ApiPeopleIdGreetPostPermission AWS::Lambda::Permission
        ApiPeopleIdGreetPost AWS::ApiGateway::Method
        ApiGetPermission AWS::Lambda::Permission
        ApiGet AWS::ApiGateway::Method
        ApiOptions AWS::ApiGateway::Method
        ApiPeopleIdGreetOptions AWS::ApiGateway::Method
        ApiStage AWS::ApiGateway::Stage
        ApiLogsRole AWS::IAM::Role
        ApiAccount AWS::ApiGateway::Account
        ApiUsagePlan AWS::ApiGateway::UsagePlan"#]]
    .assert_eq(&kinds.join("\n"));
    let source = &template["Resources"]["ApiPeopleIdGreetPostPermission"]["Properties"]["SourceArn"]
        ["Fn::Sub"];
    let expected = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/prod/POST/people/*/greet";
    assert_eq!(source, expected);
    let root = &template["Resources"]["ApiGet"]["Properties"]["ResourceId"];
    assert_eq!(root, &json!({ "Fn::GetAtt": ["Api", "RootResourceId"] }));
}

#[test]
fn what_changes_the_api_is_a_new_deployment_and_nothing_else_is() {
    let before = deployment(&template(
        &api(128, json!({ "type": "object" }), false),
        &["hello"],
    ));
    let more_memory = deployment(&template(
        &api(256, json!({ "type": "object" }), false),
        &["hello"],
    ));
    let other_model = deployment(&template(
        &api(128, json!({ "type": "array" }), false),
        &["hello"],
    ));
    let with_key = deployment(&template(
        &api(128, json!({ "type": "object" }), true),
        &["hello"],
    ));
    assert_eq!(before, more_memory);
    assert!(before != other_model && before != with_key && other_model != with_key);
}

#[test]
fn a_key_of_the_usage_plan_is_made_only_when_asked_for() {
    let without = template(&api(128, json!({}), false), &["hello"]);
    let with = template(&api(128, json!({}), true), &["hello"]);
    assert!(
        without["Resources"]["ApiKey"].is_null()
            && without["Resources"]["ApiUsagePlanKey"].is_null()
    );
    assert_eq!(
        with["Resources"]["ApiUsagePlanKey"]["Properties"]["KeyId"],
        json!({ "Ref": "ApiKey" })
    );
    assert_eq!(
        with["Resources"]["ApiPeopleIdGreetPost"]["Properties"]["ApiKeyRequired"],
        true
    );
}

#[test]
fn the_tags_of_the_stack_are_on_everything_that_has_tags() {
    let mut stack = Stack::new("App");
    stack.tag("Project", "demo");
    stack.add(
        "Files",
        Bucket {
            empty_on_destroy: true,
            ..Bucket::private()
        },
    );
    let setting = json!({ "Type": "String", "Value": "v", "Tags": { "Project": "own" } });
    stack.raw("Setting", "AWS::SSM::Parameter", setting);
    let resources = &template(&stack, &[])["Resources"];
    let project = json!({ "Key": "Project", "Value": "demo" });
    assert_eq!(resources["Files"]["Properties"]["Tags"][1], project);
    assert_eq!(
        resources["Setting"]["Properties"]["Tags"],
        json!({ "Project": "own" })
    );
    assert!(
        resources["FilesPolicy"]["Properties"]["Tags"].is_null(),
        "a policy has no tags"
    );
}

/// Every resource struct in one stack passes the schemas: an asynchronous pipeline with dead letters and alarms.
#[test]
fn a_pipeline_is_valid() {
    let mut stack = Stack::new("Pipeline");
    let key = stack.add(
        "Key",
        Key {
            alias: Some("alias/pipeline".into()),
            ..Key::rotating()
        },
    );
    let name = Some(Expression::sub("pipeline-${AWS::AccountId}"));
    let files = stack.add(
        "Files",
        Bucket {
            name,
            access_log_prefix: Some("access-logs/"),
            ..Bucket::private()
        },
    );
    let dead = stack.add(
        "Dead",
        Queue {
            encryption: Encryption::Kms(&key),
            ..Queue::dead_letters()
        },
    );
    stack.add(
        "Jobs",
        Queue {
            dead_letter: Some((&dead, 3)),
            ..Queue::default()
        },
    );
    let generated = GeneratedSecret {
        template: "{\"username\":\"admin\"}",
        ..GeneratedSecret::default()
    };
    let secret = stack.add(
        "Secret",
        Secret {
            generated,
            encryption: Encryption::Kms(&key),
            ..Secret::default()
        },
    );
    let allow = vec![
        files.read(),
        secret.read(),
        put_metrics("ServerlessApp/Lambda"),
    ];
    let function = Function {
        allow,
        retries: Some(2),
        dead_letter: Some(&dead),
        tracing: true,
        ..hello()
    };
    let processor = stack.add("Processor", function);
    stack.add(
        "FilesToProcessor",
        BucketNotification::created(&files, &processor),
    );
    stack.add("Errors", Alarm::on_sum(processor.metric("Errors"), 1.0));
    let own = Metric {
        namespace: "ServerlessApp/Lambda".to_owned(),
        name: "ProcessingErrors",
        dimensions: vec![],
    };
    stack.add(
        "Own",
        Alarm {
            comparison: Comparison::Above,
            ..Alarm::on_sum(own, 0.0)
        },
    );
    let template = template(&stack, &["hello"]);
    let processor = &template["Resources"]["Processor"]["Properties"];
    assert_eq!(
        processor["DeadLetterConfig"],
        json!({ "TargetArn": { "Fn::GetAtt": ["Dead", "Arn"] } })
    );
    let role = only_statements(&template, "ProcessorRole").to_string();
    assert!(
        role.contains("sqs:SendMessage") && role.contains("sqs.${AWS::Region}.amazonaws.com"),
        "{role}"
    );
}
