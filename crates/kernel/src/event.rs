//! Everything that one service leaves for another to do.
//!
//! Calls go down the service order and happen at once; whatever must go up, or happen later, is an
//! event. The list is closed: whoever reads this file knows every interaction between services, and
//! every kind of work that time alone sets off.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Work left in the outbox, to be delivered at least once and in order per [`Event::order_key`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// s3 -> lambda, sqs: an object changed, and the bucket's notification configuration names who wants to know.
    ObjectChanged {
        bucket: String,
        /// The account and region of the bucket.
        account: String,
        region: String,
        destination_arn: String,
        configuration_id: String,
        /// One entry of the `Records` list that the destination receives.
        record: Value,
    },
    /// lambda -> lambda: an asynchronous invocation waits for its (next) attempt.
    FunctionInvocation {
        /// The function with its qualifier, as it was invoked.
        function_arn: String,
        request_id: String,
        /// Base64 of the payload.
        payload: String,
        accepted_ms: i64,
        /// Attempts made so far that ended in a function error.
        failed_attempts: u32,
        trace_id: Option<String>,
        client_context: Option<String>,
        /// The last response, for the dead letter or destination record.
        last_response: Option<Value>,
        /// Who wants to know at once when the function fails: what [`Event::InvocationFailed`] names.
        #[serde(default)]
        watcher: Option<String>,
    },
    /// lambda -> cloudformation: a function that was to answer a custom resource failed.
    InvocationFailed {
        watcher: String,
        /// The error's type and message.
        message: String,
    },
    /// lambda -> lambda: a created or updated function becomes usable.
    FunctionReady {
        function_arn: String,
        revision_id: String,
    },
    /// dynamodb -> dynamodb: a table or index reaches the next state of its life.
    TableTransition {
        account: String,
        region: String,
        table: String,
        table_id: String,
    },
    /// cloudformation -> cloudformation: the next step of a stack operation.
    StackStep {
        stack_id: String,
        operation_id: String,
    },
    /// kms -> kms: a key's deletion window has passed.
    KeyDeletion { key_arn: String },
    /// cloudwatch -> lambda: an alarm changed its state, and one of its actions is a function.
    AlarmAction {
        alarm_arn: String,
        action_arn: String,
        /// What the function is given.
        payload: Value,
    },
    /// logs -> lambda: events were stored that a subscription filter may want. It names where they lie and
    /// not what they say, so what a key protects does not lie in the outbox in the clear.
    LogsArrived {
        account: String,
        region: String,
        group: String,
        stream: String,
        filter: String,
        destination_arn: String,
        /// Time in milliseconds and sequence of the first event, and of the last.
        first: (i64, u64),
        last: (i64, u64),
    },
    /// any -> its own service: something that only time sets off (retention, lifecycle, TTL, alarm evaluation).
    Timer {
        service: String,
        kind: String,
        subject: String,
        detail: Value,
    },
}

impl Event {
    /// Events with the same key are delivered one at a time, in the order they fall due.
    pub fn order_key(&self) -> String {
        match self {
            Self::ObjectChanged {
                destination_arn,
                record,
                bucket,
                ..
            } => {
                let key = record
                    .pointer("/s3/object/key")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                format!("object {destination_arn} {bucket}/{key}")
            }
            Self::FunctionInvocation { request_id, .. } => format!("invocation {request_id}"),
            Self::InvocationFailed { watcher, .. } => format!("watcher {watcher}"),
            Self::FunctionReady { function_arn, .. } => format!("function {function_arn}"),
            Self::TableTransition { table_id, .. } => format!("table {table_id}"),
            Self::StackStep { stack_id, .. } => format!("stack {stack_id}"),
            Self::KeyDeletion { key_arn } => format!("key {key_arn}"),
            Self::AlarmAction {
                alarm_arn,
                action_arn,
                ..
            } => format!("alarm {alarm_arn} {action_arn}"),
            Self::LogsArrived {
                group,
                stream,
                filter,
                ..
            } => format!("logs {group} {stream} {filter}"),
            Self::Timer {
                service,
                kind,
                subject,
                ..
            } => format!("timer {service} {kind} {subject}"),
        }
    }

    /// What the event is called in traces and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ObjectChanged { .. } => "ObjectChanged",
            Self::FunctionInvocation { .. } => "FunctionInvocation",
            Self::InvocationFailed { .. } => "InvocationFailed",
            Self::FunctionReady { .. } => "FunctionReady",
            Self::TableTransition { .. } => "TableTransition",
            Self::StackStep { .. } => "StackStep",
            Self::KeyDeletion { .. } => "KeyDeletion",
            Self::AlarmAction { .. } => "AlarmAction",
            Self::LogsArrived { .. } => "LogsArrived",
            Self::Timer { .. } => "Timer",
        }
    }
}
