use cumulet_engine::registry::Registry;
use cumulet_fixture::{ACCOUNT, Installation, REGION};
use serde_json::{Value, json};

/// This service, and those that its tests need around it.
pub(super) fn registry() -> Registry {
    let others = [cumulet_kms::service(), crate::service()];
    let all = cumulet_identity::services().into_iter().chain(others);
    Registry::new(all, cumulet_identity::iam::authorise)
}

async fn call(installation: &Installation, operation: &str, input: Value) -> Value {
    let called = installation.call("sqs", operation, input).await;
    called.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

async fn refused(installation: &Installation, operation: &str, input: Value) -> String {
    installation.refused("sqs", operation, input).await
}

fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

async fn create(installation: &Installation, name: &str, attributes: Value) -> String {
    let input = json!({ "QueueName": name, "Attributes": attributes });
    let created = call(installation, "CreateQueue", input).await;
    created["QueueUrl"].as_str().expect("a URL").to_owned()
}

async fn send(installation: &Installation, url: &str, body: &str) -> Value {
    call(
        installation,
        "SendMessage",
        json!({ "QueueUrl": url, "MessageBody": body }),
    )
    .await
}

async fn receive(installation: &Installation, url: &str, limit: usize) -> Vec<Value> {
    let input = json!({
        "QueueUrl": url, "MaxNumberOfMessages": limit, "AttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
    });
    let received = call(installation, "ReceiveMessage", input).await;
    received["Messages"].as_array().cloned().unwrap_or_default()
}

fn bodies(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .filter_map(|message| message["Body"].as_str())
        .collect()
}

async fn delete(installation: &Installation, url: &str, message: &Value) {
    let input = json!({ "QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"] });
    call(installation, "DeleteMessage", input).await;
}

async fn counted(installation: &Installation, url: &str) -> [String; 3] {
    let input = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
    let attributes = call(installation, "GetQueueAttributes", input).await;
    let names = ["", "NotVisible", "Delayed"];
    names.map(|name| {
        let name = format!("ApproximateNumberOfMessages{name}");
        attributes["Attributes"][name]
            .as_str()
            .expect("a count")
            .to_owned()
    })
}

#[tokio::test]
async fn a_message_is_hidden_while_it_is_worked_on_and_comes_back_by_the_clock() {
    let installation = Installation::new(registry());
    let url = create(&installation, "q", json!({ "VisibilityTimeout": "20" })).await;
    assert_eq!(url, format!("http://127.0.0.1:4566/{ACCOUNT}/q"));
    let sent = json!({
        "QueueUrl": url, "MessageBody": "one",
        "MessageAttributes": { "k": { "DataType": "String", "StringValue": "v" } },
    });
    let sent = call(&installation, "SendMessage", sent).await;
    assert_eq!(sent["MD5OfMessageBody"], "f97c5d29941bfb1b2fdab0874906ab82");
    let delayed = json!({ "QueueUrl": url, "MessageBody": "later", "DelaySeconds": 10 });
    call(&installation, "SendMessage", delayed).await;
    assert_eq!(counted(&installation, &url).await, ["1", "0", "1"]);

    let first = receive(&installation, &url, 10).await;
    assert_eq!(bodies(&first), ["one"]);
    assert_eq!(
        first[0]["MD5OfMessageAttributes"],
        sent["MD5OfMessageAttributes"]
    );
    assert_eq!(first[0]["Attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(counted(&installation, &url).await, ["0", "1", "1"]);
    assert!(receive(&installation, &url, 10).await.is_empty());
    installation.advance_s(10).await;
    let later = receive(&installation, &url, 10).await;
    assert_eq!(bodies(&later), ["later"]);
    delete(&installation, &url, &later[0]).await;
    installation.advance_s(10).await;
    let again = receive(&installation, &url, 10).await;
    assert_eq!(again[0]["Attributes"]["ApproximateReceiveCount"], "2");
    // Only the newest receipt deletes.
    delete(&installation, &url, &first[0]).await;
    assert_eq!(counted(&installation, &url).await, ["0", "1", "0"]);
    delete(&installation, &url, &again[0]).await;
    delete(&installation, &url, &again[0]).await;
    assert_eq!(counted(&installation, &url).await, ["0", "0", "0"]);
    let change = json!({ "QueueUrl": url, "ReceiptHandle": again[0]["ReceiptHandle"], "VisibilityTimeout": 5 });
    let answer = refused(&installation, "ChangeMessageVisibility", change).await;
    assert!(
        answer
            .ends_with("Message does not exist or is not available for visibility timeout change.")
    );
    let malformed = json!({ "QueueUrl": url, "ReceiptHandle": "x" });
    assert!(
        refused(&installation, "DeleteMessage", malformed)
            .await
            .contains("ReceiptHandleIsInvalid")
    );
}

#[tokio::test]
async fn queues_are_checked_as_aws_checks_them() {
    let installation = Installation::new(registry());
    let url = create(&installation, "q", json!({ "DelaySeconds": "1" })).await;
    create(&installation, "q", json!({ "DelaySeconds": "1" })).await;
    let differs = json!({ "QueueName": "q", "Attributes": { "DelaySeconds": "2" } });
    assert_eq!(
        refused(&installation, "CreateQueue", differs).await,
        "400 QueueNameExists A queue already exists with the same name and a different value for attribute \
         DelaySeconds"
    );
    let fifo = json!({ "QueueName": "q2", "Attributes": { "FifoQueue": "false" } });
    assert_eq!(
        refused(&installation, "CreateQueue", fifo).await,
        "400 InvalidAttributeName Unknown Attribute FifoQueue."
    );
    let empty = json!({ "QueueUrl": url, "MessageBody": "" });
    assert_eq!(
        refused(&installation, "SendMessage", empty).await,
        "400 MissingParameter The request must contain the parameter MessageBody."
    );
    let many = json!({ "QueueUrl": url, "MaxNumberOfMessages": 11 });
    assert_eq!(
        refused(&installation, "ReceiveMessage", many).await,
        "400 InvalidParameterValue Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be \
         between 1 and 10, if provided."
    );
    let large = json!({ "QueueUrl": url, "MessageBody": "x".repeat(1_048_577) });
    assert!(
        refused(&installation, "SendMessage", large)
            .await
            .ends_with("shorter than 1048576 bytes.")
    );
    let entries: Vec<Value> = (0..20)
        .map(|id| json!({ "Id": id.to_string(), "MessageBody": "m" }))
        .collect();
    let batch = json!({ "QueueUrl": url, "Entries": entries });
    assert_eq!(
        refused(&installation, "SendMessageBatch", batch).await,
        "400 TooManyEntriesInBatchRequest Maximum number of entries per request are 10. You have sent 20."
    );
    let batch = json!({ "QueueUrl": url, "Entries": [
        { "Id": "good", "MessageBody": "m" }, { "Id": "bad", "MessageBody": "m", "DelaySeconds": 901 },
    ] });
    let batch = call(&installation, "SendMessageBatch", batch).await;
    assert_eq!(
        (&batch["Successful"][0]["Id"], &batch["Failed"][0]["Id"]),
        (&json!("good"), &json!("bad"))
    );
}

#[tokio::test]
async fn purging_and_deleting_are_allowed_once_a_minute() {
    let installation = Installation::new(registry());
    let url = create(&installation, "q", json!({})).await;
    send(&installation, &url, "m").await;
    let input = json!({ "QueueUrl": url });
    call(&installation, "PurgeQueue", input.clone()).await;
    assert_eq!(counted(&installation, &url).await, ["0", "0", "0"]);
    assert_eq!(
        refused(&installation, "PurgeQueue", input.clone()).await,
        "403 PurgeQueueInProgress Only one PurgeQueue operation on q is allowed every 60 seconds."
    );
    call(&installation, "DeleteQueue", input.clone()).await;
    assert!(
        refused(&installation, "DeleteQueue", input)
            .await
            .starts_with("400 QueueDoesNotExist")
    );
    let create_again = json!({ "QueueName": "q" });
    assert!(
        refused(&installation, "CreateQueue", create_again)
            .await
            .contains("QueueDeletedRecently")
    );
    installation.advance_s(60).await;
    create(&installation, "q", json!({})).await;
}

#[tokio::test]
async fn dead_letters_go_over_and_come_back_by_a_task() {
    let installation = Installation::new(registry());
    let dead = create(&installation, "dead", json!({})).await;
    let redrive = json!({ "deadLetterTargetArn": arn("dead"), "maxReceiveCount": 2 }).to_string();
    let attributes = json!({ "RedrivePolicy": redrive, "VisibilityTimeout": "0" });
    let url = create(&installation, "work", attributes).await;
    send(&installation, &url, "poison").await;
    for _ in 0..2 {
        assert_eq!(bodies(&receive(&installation, &url, 10).await), ["poison"]);
    }
    assert!(receive(&installation, &url, 10).await.is_empty());
    assert_eq!(counted(&installation, &dead).await, ["1", "0", "0"]);
    let sources = call(
        &installation,
        "ListDeadLetterSourceQueues",
        json!({ "QueueUrl": dead }),
    )
    .await;
    assert_eq!(sources["queueUrls"], json!([url]));
    let wrong = json!({ "SourceArn": arn("work") });
    assert_eq!(
        refused(&installation, "StartMessageMoveTask", wrong).await,
        "400 InvalidParameterValue Source queue must be configured as a Dead Letter Queue."
    );
    let start = json!({ "SourceArn": arn("dead") });
    call(&installation, "StartMessageMoveTask", start.clone()).await;
    assert!(
        refused(&installation, "StartMessageMoveTask", start.clone())
            .await
            .contains("already a task")
    );
    installation.deliver_due().await;
    let tasks = call(&installation, "ListMessageMoveTasks", start).await;
    assert_eq!(
        (
            &tasks["Results"][0]["Status"],
            &tasks["Results"][0]["ApproximateNumberOfMessagesMoved"]
        ),
        (&json!("COMPLETED"), &json!(1))
    );
    let back = receive(&installation, &url, 10).await;
    assert_eq!(back[0]["Attributes"]["ApproximateReceiveCount"], "1");
}

#[tokio::test]
async fn what_is_past_its_retention_is_neither_received_nor_kept() {
    let installation = Installation::new(registry());
    let url = create(
        &installation,
        "q",
        json!({ "MessageRetentionPeriod": "60" }),
    )
    .await;
    send(&installation, &url, "old").await;
    installation.engine.clock.advance_ms(30_000);
    send(&installation, &url, "young").await;
    installation.engine.clock.advance_ms(30_000);
    assert_eq!(bodies(&receive(&installation, &url, 10).await), ["young"]);
    installation.advance_s(3600).await;
    assert_eq!(counted(&installation, &url).await, ["0", "0", "0"]);
    // An idle queue is measured for a while.
    for _ in 0..=super::measure::IDLE_MINUTES_MAX {
        installation.advance_s(60).await;
    }
    assert_eq!(
        installation.advance_s(1_000_000).await,
        0,
        "an empty queue sets no timer"
    );
}

#[tokio::test]
async fn a_long_poll_ends_when_something_comes() {
    let installation = Installation::new(registry());
    let url = create(&installation, "q", json!({})).await;
    let poll = json!({ "QueueUrl": url, "WaitTimeSeconds": 20 });
    let (received, ()) = tokio::join!(call(&installation, "ReceiveMessage", poll), async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        send(&installation, &url, "there").await;
    });
    assert_eq!(received["Messages"][0]["Body"], "there");
    let poll = json!({ "QueueUrl": url, "WaitTimeSeconds": 1 });
    assert_eq!(call(&installation, "ReceiveMessage", poll).await, json!({}));
}

#[tokio::test]
async fn a_disabled_key_closes_the_queue() {
    let installation = Installation::new(registry());
    let key = installation
        .call("kms", "CreateKey", json!({}))
        .await
        .expect("a key");
    let key = key["KeyMetadata"]["KeyId"].clone();
    let url = create(&installation, "q", json!({ "KmsMasterKeyId": key })).await;
    send(&installation, &url, "secret").await;
    send(&installation, &url, "other").await;
    assert_eq!(bodies(&receive(&installation, &url, 1).await), ["secret"]);
    installation
        .call("kms", "DisableKey", json!({ "KeyId": key }))
        .await
        .expect("disabled");
    let answer = refused(&installation, "ReceiveMessage", json!({ "QueueUrl": url })).await;
    assert!(answer.starts_with("400 KmsDisabled"), "{answer}");
    let body = json!({ "QueueUrl": url, "MessageBody": "m" });
    assert!(
        refused(&installation, "SendMessage", body)
            .await
            .starts_with("400 KmsDisabled")
    );
    // What could not be opened was not received.
    assert_eq!(counted(&installation, &url).await, ["1", "1", "0"]);
}

#[tokio::test]
async fn duplicates_are_sent_once_in_five_minutes() {
    let installation = Installation::new(registry());
    let attributes = json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true" });
    let url = create(&installation, "q.fifo", attributes).await;
    let input = json!({ "QueueUrl": url, "MessageBody": "m", "MessageGroupId": "g" });
    let first = call(&installation, "SendMessage", input.clone()).await;
    installation.engine.clock.advance_ms(299_000);
    let second = call(&installation, "SendMessage", input.clone()).await;
    assert_eq!(
        (&second["MessageId"], &second["SequenceNumber"]),
        (&first["MessageId"], &first["SequenceNumber"])
    );
    installation.engine.clock.advance_ms(1_000);
    let third = call(&installation, "SendMessage", input).await;
    assert_ne!(third["MessageId"], first["MessageId"]);
    assert_eq!(counted(&installation, &url).await, ["2", "0", "0"]);
    let lacking = json!({ "QueueUrl": url, "MessageBody": "m" });
    assert_eq!(
        refused(&installation, "SendMessage", lacking).await,
        "400 MissingParameter The request must contain the parameter MessageGroupId."
    );
}

/// What a queue should do, said as plainly as possible: every message in a list, every rule a scan.
mod model {
    #[derive(Clone, Debug)]
    pub(super) struct Message {
        pub(super) body: String,
        pub(super) group: Option<u32>,
        pub(super) visible_ms: i64,
        pub(super) in_flight: bool,
    }

    #[derive(Debug, Default)]
    pub(super) struct Queue {
        pub(super) messages: Vec<Message>,
    }

    impl Queue {
        /// Bodies that may be received now, and of each group only as AWS orders it.
        pub(super) fn may_receive(&self, body: &str, taken: &[String], now_ms: i64) -> bool {
            let Some(position) = self
                .messages
                .iter()
                .position(|message| message.body == body)
            else {
                return false;
            };
            let message = &self.messages[position];
            if message.visible_ms > now_ms {
                return false;
            }
            let Some(group) = message.group else {
                return true;
            };
            let of_group = |other: &&Message| other.group == Some(group);
            let locked = self.messages.iter().filter(of_group).any(|other| {
                other.in_flight && other.visible_ms > now_ms && !taken.contains(&other.body)
            });
            let mut earlier = self.messages[..position].iter().filter(of_group);
            !locked && earlier.all(|other| taken.contains(&other.body))
        }

        /// Whether a receive that found nothing should have found something.
        pub(super) fn has_any(&self, now_ms: i64) -> bool {
            let bodies = self.messages.iter().map(|message| &message.body);
            bodies
                .into_iter()
                .any(|body| self.may_receive(body, &[], now_ms))
        }
    }
}

#[tokio::test]
async fn random_work_keeps_order_locks_and_visibility() {
    for (seed, name, attributes) in [
        (1, "standard", json!({ "VisibilityTimeout": "5" })),
        (
            2,
            "ordered.fifo",
            json!({ "VisibilityTimeout": "5", "FifoQueue": "true" }),
        ),
        (
            3,
            "other.fifo",
            json!({ "VisibilityTimeout": "5", "FifoQueue": "true" }),
        ),
    ] {
        let installation = Installation::new(registry());
        let url = create(&installation, name, attributes).await;
        run_model(&installation, &url, name.ends_with(".fifo"), seed).await;
    }
}

/// One run of a queue beside its model.
struct Run<'a> {
    installation: &'a Installation,
    url: &'a str,
    fifo: bool,
    queue: model::Queue,
    /// The newest receipt of each message received and not deleted.
    receipts: Vec<(String, Value)>,
    /// Seed and step, for whoever has to look for a failure.
    place: String,
}

async fn run_model(installation: &Installation, url: &str, fifo: bool, seed: u8) {
    let dice = cumulet_kernel::Ids::seeded([seed; 32]);
    let mut run = Run {
        installation,
        url,
        fifo,
        queue: model::Queue::default(),
        receipts: Vec::new(),
        place: String::new(),
    };
    for step in 0..200 {
        let [action, choice] = dice.bytes::<2>();
        run.place = format!("seed {seed} step {step}");
        match action % 8 {
            0..=2 => run.send(step, choice).await,
            3 | 4 => run.receive(choice).await,
            5 if !run.receipts.is_empty() => run.delete(choice).await,
            6 if !run.receipts.is_empty() => run.change(choice).await,
            _ => installation.engine.clock.advance_ms(u64::from(choice) * 10),
        }
    }
    let now_ms = run.now_ms();
    let visible = run.queue.messages.iter();
    let visible = visible.filter(|message| message.visible_ms <= now_ms);
    let visible = visible.count().to_string();
    assert_eq!(counted(installation, url).await[0], visible, "seed {seed}");
}

impl Run<'_> {
    fn now_ms(&self) -> i64 {
        self.installation.engine.clock.now().0
    }

    fn known(&mut self, body: &str) -> &mut model::Message {
        let mut messages = self.queue.messages.iter_mut();
        let known = messages.find(|message| message.body == body);
        known.expect("the model knows every message")
    }

    async fn send(&mut self, step: u32, choice: u8) {
        let body = step.to_string();
        let mut input = json!({ "QueueUrl": self.url, "MessageBody": body });
        let group = self.fifo.then_some(u32::from(choice % 3));
        if let Some(group) = group {
            input["MessageGroupId"] = format!("g{group}").into();
            input["MessageDeduplicationId"] = body.as_str().into();
        }
        call(self.installation, "SendMessage", input).await;
        let visible_ms = self.now_ms();
        self.queue.messages.push(model::Message {
            body,
            group,
            visible_ms,
            in_flight: false,
        });
    }

    async fn receive(&mut self, choice: u8) {
        let now_ms = self.now_ms();
        let limit = usize::from(choice % 10) + 1;
        let received = receive(self.installation, self.url, limit).await;
        let place = &self.place;
        assert_eq!(received.is_empty(), !self.queue.has_any(now_ms), "{place}");
        let mut taken: Vec<String> = Vec::new();
        for message in received {
            let body = message["Body"].as_str().expect("a body").to_owned();
            let allowed = self.queue.may_receive(&body, &taken, now_ms);
            assert!(
                allowed,
                "{}: {body} after {taken:?} of {:?}",
                self.place, self.queue
            );
            self.receipts.retain(|(other, _)| *other != body);
            self.receipts.push((body.clone(), message));
            taken.push(body);
        }
        for body in taken {
            let known = self.known(&body);
            known.in_flight = true;
            known.visible_ms = now_ms + 5_000;
        }
    }

    async fn delete(&mut self, choice: u8) {
        let chosen = usize::from(choice) % self.receipts.len();
        let (body, message) = self.receipts.swap_remove(chosen);
        let input = json!({ "QueueUrl": self.url, "ReceiptHandle": message["ReceiptHandle"] });
        let deleted = self.installation.call("sqs", "DeleteMessage", input).await;
        let expired = self.known(&body).visible_ms <= self.now_ms();
        assert_eq!(deleted.is_err(), self.fifo && expired, "{}", self.place);
        if deleted.is_ok() {
            self.queue.messages.retain(|message| message.body != body);
        }
    }

    async fn change(&mut self, choice: u8) {
        let (body, message) = self.receipts[usize::from(choice) % self.receipts.len()].clone();
        let timeout_s = i64::from(choice % 4);
        let input = json!({
            "QueueUrl": self.url, "ReceiptHandle": message["ReceiptHandle"],
            "VisibilityTimeout": timeout_s,
        });
        let changed = self
            .installation
            .call("sqs", "ChangeMessageVisibility", input)
            .await;
        let now_ms = self.now_ms();
        let in_flight = self.known(&body).visible_ms > now_ms;
        assert_eq!(changed.is_ok(), in_flight, "{}", self.place);
        if changed.is_ok() {
            self.known(&body).visible_ms = now_ms + timeout_s * 1000;
        }
    }
}
