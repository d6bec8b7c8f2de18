//! A row: an event with the fields that are discovered in it, or what commands made of others.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::value::Value;

/// A log event as it is found.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Event {
    pub(in super::super) time_ms: i64,
    pub(in super::super) ingested_ms: i64,
    pub(in super::super) message: String,
    pub(in super::super) log_stream: String,
    /// Account and group: `123456789012:/aws/lambda/x`.
    pub(in super::super) log: String,
    /// What GetLogRecord takes.
    pub(in super::super) pointer: String,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    event: Option<Event>,
    document: OnceCell<Option<serde_json::Value>>,
    /// Made by commands; the latest of a name counts.
    made: Vec<(String, Value)>,
}

impl Row {
    pub(super) fn event(event: Event) -> Self {
        Self {
            event: Some(event),
            ..Self::default()
        }
    }

    pub(super) fn of(made: Vec<(String, Value)>) -> Self {
        Self {
            made,
            ..Self::default()
        }
    }

    pub(super) fn set(&mut self, name: &str, value: Value) {
        match self.made.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.made.push((name.to_owned(), value)),
        }
    }

    pub(super) fn time_ms(&self) -> i64 {
        self.event.as_ref().map_or(0, |event| event.time_ms)
    }

    /// What commands made under this name.
    pub(super) fn made(&self, name: &str) -> Option<&Value> {
        let made = self.made.iter().find(|(known, _)| known == name);
        made.map(|(_, value)| value)
    }

    pub(super) fn field(&self, name: &str) -> Value {
        if let Some(value) = self.made(name) {
            return value.clone();
        }
        let Some(event) = &self.event else {
            return Value::Missing;
        };
        match name {
            "@timestamp" => Value::Time(event.time_ms),
            "@ingestionTime" => Value::Time(event.ingested_ms),
            "@message" => Value::Text(event.message.clone()),
            "@logStream" => Value::Text(event.log_stream.clone()),
            "@log" => Value::Text(event.log.clone()),
            "@ptr" => Value::Text(event.pointer.clone()),
            _ if name.starts_with('@') => of_function(&event.message, name),
            _ => self.member(event, name),
        }
    }

    fn member(&self, event: &Event, name: &str) -> Value {
        let document = self.document.get_or_init(|| {
            let message = event.message.trim();
            // A function's own lines may lead up to their document with time and request id.
            let begin = message.find('{')?;
            let is_document = begin == 0 || message[..begin].ends_with('\t');
            is_document.then(|| serde_json::from_str(&message[begin..]).ok())?
        });
        let found = document.as_ref().and_then(|document| at(document, name));
        found.map_or(Value::Missing, Value::from)
    }
}

/// `a.b.0` is the first element of member `b` of member `a`, or a member of that whole name.
fn at<'d>(document: &'d serde_json::Value, name: &str) -> Option<&'d serde_json::Value> {
    let step = |name: &str| match document {
        serde_json::Value::Object(members) => members.get(name),
        serde_json::Value::Array(elements) => elements.get(name.parse::<usize>().ok()?),
        _ => None,
    };
    if let Some(found) = step(name) {
        return Some(found);
    }
    name.match_indices('.')
        .find_map(|(dot, _)| at(step(&name[..dot])?, &name[dot + 1..]))
}

static REPORT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(Billed Duration|Init Duration|Duration|Memory Size|Max Memory Used): ([0-9.]+) (ms|MB)",
    )
    .ok()
});
static REQUEST_ID: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    Regex::new(&format!("(?:RequestId: |\t|\"requestId\":\\s?\")({uuid})")).ok()
});

/// The fields that are discovered in what a function logs, platform lines above all.
fn of_function(message: &str, name: &str) -> Value {
    let measured = |wanted: &str| {
        let parts = REPORT.as_ref()?.captures_iter(message);
        let found = parts.into_iter().find(|part| &part[1] == wanted)?;
        let number: f64 = found[2].parse().ok()?;
        let scale = if &found[3] == "MB" { 1e6 } else { 1.0 };
        Some(Value::Number(number * scale))
    };
    let is_report = message.starts_with("REPORT RequestId: ");
    let found = match name {
        "@requestId" => REQUEST_ID
            .as_ref()
            .and_then(|regex| regex.captures(message))
            .map(|found| Value::Text(found[1].to_owned())),
        "@type" => ["START", "END", "REPORT"]
            .into_iter()
            .find(|kind| {
                message
                    .strip_prefix(kind)
                    .is_some_and(|rest| rest.starts_with(" RequestId: "))
            })
            .map(|kind| Value::Text(kind.to_owned())),
        "@duration" if is_report => measured("Duration"),
        "@billedDuration" if is_report => measured("Billed Duration"),
        "@initDuration" if is_report => measured("Init Duration"),
        "@memorySize" if is_report => measured("Memory Size"),
        "@maxMemoryUsed" if is_report => measured("Max Memory Used"),
        _ => None,
    };
    found.unwrap_or(Value::Missing)
}

/// Every field that is discovered in an event, as GetLogRecord tells it.
pub(in super::super) fn described(event: Event) -> BTreeMap<String, String> {
    const BUILT_IN: [&str; 13] = [
        "@timestamp",
        "@ingestionTime",
        "@message",
        "@logStream",
        "@log",
        "@ptr",
        "@requestId",
        "@type",
        "@duration",
        "@billedDuration",
        "@initDuration",
        "@memorySize",
        "@maxMemoryUsed",
    ];
    let document: Option<serde_json::Value> = serde_json::from_str(&event.message).ok();
    let row = Row::event(event);
    let mut found: BTreeMap<String, String> = BUILT_IN
        .into_iter()
        .filter_map(|name| {
            let value = match row.field(name) {
                Value::Time(time_ms) => time_ms.to_string(),
                other => other.shown()?,
            };
            Some((name.to_owned(), value))
        })
        .collect();
    if let Some(document) = document.filter(serde_json::Value::is_object) {
        flatten("", &document, &mut found);
    }
    found
}

fn flatten(prefix: &str, value: &serde_json::Value, found: &mut BTreeMap<String, String>) {
    let mut below = |name: &str, value| {
        let name = if prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{prefix}.{name}")
        };
        flatten(&name, value, found);
    };
    match value {
        serde_json::Value::Object(members) => {
            members.iter().for_each(|(name, value)| below(name, value));
        }
        serde_json::Value::Array(elements) => {
            let numbered = elements.iter().enumerate();
            numbered.for_each(|(at, value)| below(&at.to_string(), value));
        }
        scalar => {
            if let Some(shown) = Value::from(scalar).shown() {
                found.insert(prefix.to_owned(), shown);
            }
        }
    }
}
