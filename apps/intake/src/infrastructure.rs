//! How the five hang together: the upload's bucket tells `spread`, which tells the three that follow it. A bucket can
//! tell only one function of the same event, and each of the three is to have retries of its own.

use cumulet_stack::{
    BucketNotification, Function, FunctionHandle, Grant, Output, Route, Settings, Stack,
    alarm_states,
};
use file_processor::{Processing, add_processor};
use invocation_log::{Logging, add_logger};
use metadata_pipeline::{Indexing, add_indexer};
use upload_api::{Storage, add_function, add_storage, api};

/// `intake-` and this are as long as the bucket's name allows.
const SUFFIX_CHARACTERS_MAX: usize = 13;

/// What follows an upload.
struct Followers {
    processing: Processing,
    indexing: Indexing,
    logging: Logging,
}

pub(crate) fn stack(settings: &Settings) -> Stack {
    let own = settings.suffix();
    let suffix = &format!("intake-{own}");
    let mut stack = Stack::new(&format!("Intake-{own}"));
    if own.len() > SUFFIX_CHARACTERS_MAX {
        stack.refuse("--suffix has 13 characters at most: it is part of a bucket's name");
    }
    stack.description = "Takes files, processes, indexes and logs them".to_owned();
    stack.example = "xdg-open ${PageUrl}".to_owned();
    stack.tag("Project", "Intake");
    stack.tag("Environment", own);
    let storage = add_storage(&mut stack, suffix);
    let upload = add_function(&mut stack, &storage, suffix);
    let followers = Followers {
        processing: add_processor(&mut stack, &storage.files, suffix),
        indexing: add_indexer(&mut stack, &storage.files, suffix),
        logging: add_logger(&mut stack, suffix),
    };
    add_spread(&mut stack, &storage, &followers, suffix);
    let page = add_page(&mut stack, &storage, &followers, suffix);
    let mut api = api(&upload, suffix, false);
    api.routes.push(Route::new("GET", "/", &page));
    api.routes.push(Route::new("GET", "/way", &page));
    let api = stack.add("Api", api);
    stack.output("PageUrl", Output::new("The page", api.url()));
    let upload_url = api.url().within("", "upload");
    stack.output(
        "ApiGatewayUrl",
        Output::new("Where to POST a product", upload_url),
    );
    add_outputs(&mut stack, &storage, &followers);
    stack
}

fn add_spread(stack: &mut Stack, storage: &Storage, followers: &Followers, suffix: &str) {
    let all = [
        ("PROCESSOR", &followers.processing.function),
        ("INDEXER", &followers.indexing.function),
        ("LOGGER", &followers.logging.function),
    ];
    let spread = stack.add(
        "Spread",
        Function {
            handler: "spread",
            name: Some(format!("intake-spread-{suffix}").into()),
            description: "Tells one event to all that follow",
            timeout_s: 30,
            environment: all
                .iter()
                .map(|(name, function)| (*name, function.arn()))
                .collect(),
            allow: all.iter().map(|(_, function)| function.invoke()).collect(),
            retries: Some(2),
            dead_letter: Some(&followers.processing.dead_letters),
            ..Function::rust()
        },
    );
    stack.add(
        "FilesToSpread",
        BucketNotification {
            prefix: "uploads/",
            ..BucketNotification::created(&storage.files, &spread)
        },
    );
}

/// It looks, and changes nothing.
fn add_page(
    stack: &mut Stack,
    storage: &Storage,
    followers: &Followers,
    suffix: &str,
) -> FunctionHandle {
    let processor = &followers.processing;
    let [errors, _] = &processor.alarms;
    let look: Vec<Grant> = vec![
        storage.files.under("uploads/").read(),
        followers.indexing.table.allow(&["dynamodb:GetItem"]),
        processor.function.logs().search(),
        alarm_states(),
    ];
    stack.add(
        "Page",
        Function {
            handler: "page",
            name: Some(format!("intake-page-{suffix}").into()),
            description: "The page, and the way of a file",
            memory_mb: 256,
            timeout_s: 29,
            environment: vec![
                ("BUCKET_NAME", storage.files.name()),
                ("METADATA_TABLE", followers.indexing.table.name()),
                ("PROCESSOR_LOGS", processor.function.logs().name()),
                ("ERRORS_ALARM", errors.name()),
                ("DURATION_ALARM", processor.alarms[1].name()),
            ],
            allow: look,
            ..Function::rust()
        },
    )
}

fn add_outputs(stack: &mut Stack, storage: &Storage, followers: &Followers) {
    let outputs = [
        (
            "S3BucketName",
            "The bucket of the files",
            storage.files.name(),
        ),
        (
            "DynamoDBTableName",
            "The table of the products",
            storage.products.name(),
        ),
        (
            "MetadataTableName",
            "What is known of the files",
            followers.indexing.table.name(),
        ),
        (
            "InvocationsTableName",
            "What the files caused",
            followers.logging.table.name(),
        ),
        (
            "DeadLettersUrl",
            "What failed for good",
            followers.processing.dead_letters.url(),
        ),
        (
            "SecretArn",
            "What seals the files",
            followers.processing.secret.arn(),
        ),
    ];
    for (id, description, value) in outputs {
        stack.output(id, Output::new(description, value));
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
    fn a_bucket_tells_one_function_and_that_one_tells_three() {
        let resources = template()["Resources"].clone();
        let told =
            &resources["Files"]["Properties"]["NotificationConfiguration"]["LambdaConfigurations"];
        assert_eq!(told.as_array().map(Vec::len), Some(1));
        let role = resources["SpreadRole"]["Properties"]["Policies"].to_string();
        for id in ["Processor", "Indexer", "Logger"] {
            let arn = json!({ "Fn::GetAtt": [id, "Arn"] }).to_string();
            assert!(role.contains(&arn), "{id} is not in {role}");
        }
    }

    #[test]
    fn the_page_looks_and_changes_nothing() {
        let role = template()["Resources"]["PageRole"]["Properties"]["Policies"].to_string();
        for verb in ["Put", "Delete", "Update", "Invoke"] {
            let own_log = role.matches("logs:PutLogEvents").count();
            let found = role.matches(&format!(":{verb}")).count();
            assert_eq!(
                found,
                if verb == "Put" { own_log } else { 0 },
                "{verb}: {role}"
            );
        }
    }

    #[test]
    fn the_longest_suffix_fits_the_name_of_a_bucket() {
        let template = application()
            .template(&[("suffix", "thirteen-char")])
            .expect("fits");
        let name =
            template["Resources"]["Files"]["Properties"]["BucketName"]["Fn::Sub"].to_string();
        let longest = name
            .replace("${AWS::AccountId}", "000000000000")
            .replace("${AWS::Region}", "ap-southeast-2");
        assert!(longest.trim_matches('"').len() <= 63, "{longest}");
        assert!(
            application()
                .template(&[("suffix", "fourteen-chars")])
                .is_err()
        );
    }
}
