//! Filter expressions over traces: `service("api") AND responsetime > 1`, `annotation.user = "x" OR fault`.
//!
//! Edges, root causes and groups by reference are refused by name.
//!
//! <https://docs.aws.amazon.com/xray/latest/devguide/xray-console-filters.html>

use cumulet_engine::error::{Error, Result};
use serde_json::{Value, json};

use super::invalid;
use super::traces::walk;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    /// `ok`, `fault`: true of the trace as a whole.
    Flag(String),
    Compare(Keyword, Operator, Value),
    /// `service("name") { ... }`: a service by name, whose segments match what is inside.
    Service(Option<String>, Option<Box<Filter>>),
    Not(Box<Filter>),
    All(Vec<Filter>),
    Any(Vec<Filter>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    Duration,
    ResponseTime,
    /// A member of the summary's `Http`.
    Http(&'static str),
    User,
    Annotation(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
    BeginsWith,
    EndsWith,
    /// The keyword is there at all.
    Exists,
}

const DEPTH_MAX: usize = 50;

impl Filter {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut reader = Reader {
            rest: text.trim_start(),
            depth: 0,
        };
        let filter = reader.any()?;
        if reader.rest.is_empty() {
            Ok(filter)
        } else {
            Err(reader.unexpected())
        }
    }

    pub(super) fn matches(&self, summary: &Value, segments: &[Value]) -> bool {
        match self {
            Self::Flag(name) => flag(name, summary),
            Self::Compare(keyword, operator, wanted) => values(keyword, summary)
                .iter()
                .any(|value| compare(value, *operator, wanted)),
            Self::Service(name, inner) => of_service(name.as_deref(), inner.as_deref(), segments),
            Self::Not(inner) => !inner.matches(summary, segments),
            Self::All(all) => all.iter().all(|each| each.matches(summary, segments)),
            Self::Any(all) => all.iter().any(|each| each.matches(summary, segments)),
        }
    }
}

fn flag(name: &str, summary: &Value) -> bool {
    let has = |name: &str| summary[name] == json!(true);
    match name {
        "error" => has("HasError"),
        "throttle" => has("HasThrottle"),
        "fault" => has("HasFault"),
        "partial" => has("IsPartial"),
        _ => !has("HasError") && !has("HasThrottle") && !has("HasFault"),
    }
}

fn values(keyword: &Keyword, summary: &Value) -> Vec<Value> {
    let one = |value: &Value| {
        if value.is_null() {
            Vec::new()
        } else {
            vec![value.clone()]
        }
    };
    match keyword {
        Keyword::Duration => one(&summary["Duration"]),
        Keyword::ResponseTime => one(&summary["ResponseTime"]),
        Keyword::Http(name) => one(&summary["Http"][*name]),
        Keyword::User => {
            let users = summary["Users"].as_array().into_iter().flatten();
            users.map(|user| user["UserName"].clone()).collect()
        }
        Keyword::Annotation(key) => {
            let entries = summary["Annotations"][key].as_array().into_iter().flatten();
            let value = |entry: &Value| {
                entry["AnnotationValue"]
                    .as_object()?
                    .values()
                    .next()
                    .cloned()
            };
            entries.filter_map(value).collect()
        }
    }
}

fn compare(value: &Value, operator: Operator, wanted: &Value) -> bool {
    let numbers = value.as_f64().zip(wanted.as_f64());
    let texts = value.as_str().zip(wanted.as_str());
    let ordered =
        |holds: fn(f64, f64) -> bool| numbers.is_some_and(|(value, wanted)| holds(value, wanted));
    let is_equal = match (numbers, texts) {
        (Some((value, wanted)), _) => value == wanted,
        (_, Some((value, wanted))) => value == wanted,
        _ => value == wanted,
    };
    match operator {
        Operator::Exists => true,
        Operator::Equal => is_equal,
        Operator::NotEqual => !is_equal,
        Operator::Less => ordered(|value, wanted| value < wanted),
        Operator::LessOrEqual => ordered(|value, wanted| value <= wanted),
        Operator::Greater => ordered(|value, wanted| value > wanted),
        Operator::GreaterOrEqual => ordered(|value, wanted| value >= wanted),
        Operator::Contains => texts.is_some_and(|(value, wanted)| value.contains(wanted)),
        Operator::BeginsWith => texts.is_some_and(|(value, wanted)| value.starts_with(wanted)),
        Operator::EndsWith => texts.is_some_and(|(value, wanted)| value.ends_with(wanted)),
    }
}

/// Whether a service of that name has a segment that matches.
fn of_service(name: Option<&str>, inner: Option<&Filter>, segments: &[Value]) -> bool {
    let mut found = false;
    walk(segments, &mut |segment| {
        let is_named = name.is_none_or(|name| segment["name"] == json!(name));
        let has = |name: &str| segment[name] == json!(true);
        let own = || {
            let span = segment["end_time"]
                .as_f64()
                .zip(segment["start_time"].as_f64());
            let duration = span.map(|(end, start)| end - start);
            json!({
                "HasError": has("error"), "HasFault": has("fault"), "HasThrottle": has("throttle"),
                "Duration": duration, "ResponseTime": duration,
                "Http": { "HttpStatus": segment["http"]["response"]["status"],
                          "HttpURL": segment["http"]["request"]["url"],
                          "HttpMethod": segment["http"]["request"]["method"] },
            })
        };
        let matches = |inner: &Filter| inner.matches(&own(), std::slice::from_ref(segment));
        found |= is_named && inner.is_none_or(matches);
    });
    found
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn any(&mut self) -> Result<Filter> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(invalid("The filter expression is nested too deeply."));
        }
        let mut all = vec![self.all()?];
        while self.word("OR") || self.sign("||") {
            all.push(self.all()?);
        }
        self.depth -= 1;
        Ok(if all.len() == 1 {
            all.remove(0)
        } else {
            Filter::Any(all)
        })
    }

    fn all(&mut self) -> Result<Filter> {
        let mut all = vec![self.single()?];
        while self.word("AND") || self.sign("&&") {
            all.push(self.single()?);
        }
        Ok(if all.len() == 1 {
            all.remove(0)
        } else {
            Filter::All(all)
        })
    }

    fn single(&mut self) -> Result<Filter> {
        let mut is_negated = false;
        while self.word("NOT") || self.sign("!") {
            is_negated = !is_negated;
        }
        let filter = if self.sign("(") {
            let inner = self.any()?;
            self.expect(")")?;
            inner
        } else {
            self.term()?
        };
        Ok(if is_negated {
            Filter::Not(Box::new(filter))
        } else {
            filter
        })
    }

    fn term(&mut self) -> Result<Filter> {
        let name = self.name()?.to_owned();
        match name.to_ascii_lowercase().as_str() {
            flag @ ("ok" | "error" | "throttle" | "fault" | "partial") => {
                self.truth(Filter::Flag(flag.to_owned()))
            }
            "service" => self.service(),
            "edge" | "rootcause" | "group" | "json" | "coldstart" | "availabilityzone"
            | "instance" => Err(Error::not_implemented(format!(
                "xray: {name} in filter expressions"
            ))),
            _ => {
                let keyword = self.keyword(&name)?;
                self.comparison(keyword)
            }
        }
    }

    /// `fault`, `fault = true`, `fault = false`.
    fn truth(&mut self, flag: Filter) -> Result<Filter> {
        if !self.sign("=") {
            return Ok(flag);
        }
        if self.word("true") {
            return Ok(flag);
        }
        if self.word("false") {
            return Ok(Filter::Not(Box::new(flag)));
        }
        Err(self.unexpected())
    }

    fn service(&mut self) -> Result<Filter> {
        self.expect("(")?;
        let name = if self.rest.starts_with(['"', '\'']) {
            Some(self.text()?)
        } else {
            None
        };
        if !self.rest.starts_with(')') {
            return Err(Error::not_implemented(
                "xray: services by id in filter expressions",
            ));
        }
        self.expect(")")?;
        let inner = if self.sign("{") {
            let inner = self.any()?;
            self.expect("}")?;
            Some(Box::new(inner))
        } else {
            None
        };
        Ok(Filter::Service(name, inner))
    }

    fn keyword(&mut self, name: &str) -> Result<Keyword> {
        let lower = name.to_ascii_lowercase();
        Ok(match lower.as_str() {
            "duration" => Keyword::Duration,
            "responsetime" => Keyword::ResponseTime,
            "http.status" => Keyword::Http("HttpStatus"),
            "http.url" => Keyword::Http("HttpURL"),
            "http.method" => Keyword::Http("HttpMethod"),
            "http.useragent" => Keyword::Http("UserAgent"),
            "http.clientip" => Keyword::Http("ClientIp"),
            "user" => Keyword::User,
            "annotation" => {
                self.expect("[")?;
                let key = if self.rest.starts_with(['"', '\'']) {
                    self.text()?
                } else {
                    self.name()?.to_owned()
                };
                self.expect("]")?;
                Keyword::Annotation(key)
            }
            _ if lower.starts_with("annotation.") => {
                Keyword::Annotation(name["annotation.".len()..].to_owned())
            }
            _ => {
                return Err(invalid(format!(
                    "Invalid filter expression: unknown keyword {name}."
                )));
            }
        })
    }

    fn comparison(&mut self, keyword: Keyword) -> Result<Filter> {
        let signs = [
            ("!=", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let words = [
            ("CONTAINS", Operator::Contains),
            ("BEGINSWITH", Operator::BeginsWith),
            ("ENDSWITH", Operator::EndsWith),
        ];
        let sign = signs.into_iter().find(|(sign, _)| self.sign(sign));
        let found = sign.or_else(|| words.into_iter().find(|(word, _)| self.word(word)));
        let Some((_, operator)) = found else {
            return Ok(Filter::Compare(keyword, Operator::Exists, Value::Null));
        };
        let value = self.value()?;
        Ok(Filter::Compare(keyword, operator, value))
    }

    fn value(&mut self) -> Result<Value> {
        if self.rest.starts_with(['"', '\'']) {
            return self.text().map(Value::from);
        }
        let word = self.name()?;
        serde_json::from_str(word)
            .map_err(|_| invalid(format!("Invalid filter expression: {word} is no value.")))
    }

    fn text(&mut self) -> Result<String> {
        let quote = if self.rest.starts_with('"') {
            '"'
        } else {
            '\''
        };
        let inner = &self.rest[1..];
        let end = inner.find(quote).ok_or_else(|| self.unexpected())?;
        self.rest = inner[end + 1..].trim_start();
        Ok(inner[..end].to_owned())
    }

    fn name(&mut self) -> Result<&'a str> {
        let is_part = |each: char| each.is_alphanumeric() || matches!(each, '.' | '_' | '-' | ':');
        let end = self
            .rest
            .find(|each| !is_part(each))
            .unwrap_or(self.rest.len());
        if end == 0 {
            return Err(self.unexpected());
        }
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        Ok(name)
    }

    fn word(&mut self, word: &str) -> bool {
        let (Some(head), Some(after)) = (self.rest.get(..word.len()), self.rest.get(word.len()..))
        else {
            return false;
        };
        let ends = !after.starts_with(|next: char| next.is_alphanumeric() || next == '_');
        let is_it = head.eq_ignore_ascii_case(word) && ends;
        if is_it {
            self.rest = after.trim_start();
        }
        is_it
    }

    fn sign(&mut self, sign: &str) -> bool {
        match self.rest.strip_prefix(sign) {
            Some(after) => {
                self.rest = after.trim_start();
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, sign: &str) -> Result<()> {
        if self.sign(sign) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn unexpected(&self) -> Error {
        let near: String = self.rest.chars().take(20).collect();
        invalid(format!("Invalid filter expression near '{near}'."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_choose_traces() {
        let summary = json!({
            "Duration": 1.5, "ResponseTime": 0.5, "HasFault": true, "HasError": false, "HasThrottle": false,
            "Http": { "HttpStatus": 502, "HttpURL": "/orders/7", "HttpMethod": "POST" },
            "Users": [{ "UserName": "ana" }],
            "Annotations": { "tier": [{ "AnnotationValue": { "StringValue": "gold" } }],
                             "count": [{ "AnnotationValue": { "NumberValue": 3 } }] },
        });
        let segments = [json!({
            "name": "api", "start_time": 1.0, "end_time": 2.5, "fault": true,
            "subsegments": [{ "name": "db", "start_time": 1.0, "end_time": 1.2 }],
        })];
        let holds =
            |text: &str| Filter::parse(text).map(|filter| filter.matches(&summary, &segments));
        let yes = [
            "fault",
            "fault = true",
            "!ok",
            "duration >= 1.5 AND responsetime < 1",
            "http.status = 502",
            "http.url BEGINSWITH \"/orders\"",
            "http.url CONTAINS 'ders'",
            "user = \"ana\"",
            "annotation.tier = \"gold\"",
            "annotation[count] > 2",
            "annotation.tier",
            "service(\"api\")",
            "service(\"api\") { fault }",
            "service(\"db\") { ok AND duration < 1 }",
            "ok OR (http.method = \"POST\" AND NOT error)",
        ];
        for text in yes {
            assert_eq!(holds(text), Ok(true), "{text}");
        }
        let no = [
            "ok",
            "fault = false",
            "annotation.tier = \"silver\"",
            "annotation.x",
            "service(\"web\")",
            "service(\"db\") { fault }",
            "http.status != 502",
            "user ENDSWITH \"b\"",
        ];
        for text in no {
            assert_eq!(holds(text), Ok(false), "{text}");
        }
        for text in ["", "fault AND", "nonsense = 1", "(fault", "duration > x"] {
            assert_eq!(
                holds(text).map_err(|error| error.code),
                Err("InvalidRequestException".into()),
                "{text}"
            );
        }
        assert_eq!(
            holds("edge(\"a\", \"b\")").map_err(|error| error.status),
            Err(501)
        );
    }
}
