//! Which operation a method and a path are, by the models' URI templates.
//!
//! Several operations may share a path; the one that demands most of the request is meant: literal segments before labels,
//! then query literals (`?versioning`), then required query members (`uploadId`), then the copy source.

use std::borrow::Cow;

use http::request;
use percent_encoding::percent_decode_str;

use super::{Labels, host};
use crate::model::{Location, Operation, Service};
use crate::protocol::form;

/// An operation's URI template, taken apart once.
#[derive(Debug)]
pub(crate) struct Pattern {
    operation: &'static Operation,
    segments: Vec<Segment>,
    query: Vec<(String, Option<String>)>,
    required_query: Vec<&'static str>,
    copy_source: bool,
}

#[derive(Debug)]
enum Segment {
    Literal(String),
    Label(String),
    Greedy(String),
}

const COPY_SOURCE: &str = "x-amz-copy-source";

impl Pattern {
    pub(crate) fn new(operation: &'static Operation) -> Self {
        let (path, query) = operation
            .uri
            .split_once('?')
            .unwrap_or((&operation.uri, ""));
        let required = operation
            .input
            .into_iter()
            .flat_map(|input| input.required_members());
        let required: Vec<_> = required
            .map(|member| (member.location, member.wire()))
            .collect();
        let of_query = required
            .iter()
            .filter(|(location, _)| *location == Location::QueryString);
        Self {
            operation,
            segments: segments(path).map(Segment::new).collect(),
            query: query
                .split('&')
                .filter(|pair| !pair.is_empty())
                .map(query_literal)
                .collect(),
            required_query: of_query.map(|(_, name)| *name).collect(),
            copy_source: required
                .iter()
                .any(|(_, name)| name.eq_ignore_ascii_case(COPY_SOURCE)),
        }
    }

    /// How closely the path matches, with the labels found; literal segments weigh by position.
    fn match_path(&self, path: &[&str]) -> Option<(u64, Labels)> {
        let mut labels = Labels::default();
        let mut score = 0;
        for (at, segment) in self.segments.iter().enumerate() {
            let found = *path.get(at)?;
            score <<= 2;
            match segment {
                Segment::Literal(literal) if *literal == decode(found) => score |= 3,
                Segment::Literal(_) => return None,
                Segment::Label(_) if found.is_empty() => return None,
                Segment::Label(name) => {
                    labels.insert(name.clone(), decode(found));
                    score |= 2;
                }
                Segment::Greedy(name) => {
                    labels.insert(name.clone(), decode(&path[at..].join("/")));
                    return Some((score | 1, labels));
                }
            }
        }
        (path.len() == self.segments.len()).then_some((score, labels))
    }

    /// How much of its query string the operation finds; `None` if a literal is missing.
    fn match_query(&self, query: &form::Pairs<'_>) -> Option<u64> {
        for (name, value) in &self.query {
            let found = form::get(query, name)?;
            if value.as_deref().is_some_and(|value| value != found) {
                return None;
            }
        }
        let missing = self
            .required_query
            .iter()
            .any(|name| form::get(query, name).is_none());
        let (literals, required) = (self.query.len() as u64, self.required_query.len() as u64);
        Some(literals * 16 + if missing { 0 } else { required + 1 })
    }

    fn lacks_required_query(&self, query: &form::Pairs<'_>) -> bool {
        self.required_query
            .iter()
            .any(|name| form::get(query, name).is_none())
    }
}

impl Segment {
    fn new(text: &str) -> Self {
        match text
            .strip_prefix('{')
            .and_then(|label| label.strip_suffix('}'))
        {
            Some(label) => match label.strip_suffix('+') {
                Some(greedy) => Self::Greedy(greedy.to_owned()),
                None => Self::Label(label.to_owned()),
            },
            None => Self::Literal(text.to_owned()),
        }
    }
}

fn query_literal(pair: &str) -> (String, Option<String>) {
    match pair.split_once('=') {
        Some((name, value)) if !value.is_empty() => (name.to_owned(), Some(value.to_owned())),
        Some((name, _)) => (name.to_owned(), None),
        None => (pair.to_owned(), None),
    }
}

/// A trailing slash does not count.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.trim_matches('/')
        .split('/')
        .filter(|segment| !segment.is_empty())
}

/// Whether a path is text once it is decoded.
pub(super) fn is_utf8(path: &str) -> bool {
    percent_decode_str(path).decode_utf8().is_ok()
}

fn decode(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}

/// The operation of a REST service other than S3.
pub(super) fn find(
    service: &'static Service,
    head: &request::Parts,
) -> Option<(&'static Operation, Labels)> {
    let path: Vec<&str> = segments(head.uri.path()).collect();
    let query = form::parse(head.uri.query().unwrap_or("").as_bytes());
    let candidates = service
        .routes()
        .iter()
        .filter(|pattern| pattern.operation.method == head.method);
    let scored = candidates.filter_map(|pattern| {
        let (path_score, labels) = pattern.match_path(&path)?;
        Some((
            (path_score, pattern.match_query(&query)?),
            pattern.operation,
            labels,
        ))
    });
    scored
        .max_by_key(|(score, ..)| *score)
        .map(|(_, operation, labels)| (operation, labels))
}

/// The bucket and key that a request names, in either style.
#[derive(Debug)]
pub(super) struct S3Target {
    pub(super) bucket: Option<String>,
    pub(super) key: Option<String>,
}

impl S3Target {
    /// A key may begin with a slash and hold empty segments, so it is never split.
    pub(super) fn of(place: &host::Place, path: &str) -> Self {
        let path = path.strip_prefix('/').unwrap_or(path);
        let (bucket, key) = match place {
            host::Place::Bucket(bucket) => (bucket.clone(), path),
            _ => {
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                (decode(bucket).into_owned(), key)
            }
        };
        let present = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            bucket: present(bucket),
            key: present(decode(key).into_owned()),
        }
    }

    fn labels(&self) -> Labels {
        let mut labels = Labels::default();
        for (name, value) in [("Bucket", &self.bucket), ("Key", &self.key)] {
            if let Some(value) = value {
                labels.insert(name, value.clone());
            }
        }
        labels
    }

    /// Whether a template addresses this level: service, bucket or object.
    fn suits(&self, pattern: &Pattern) -> bool {
        let labels = pattern
            .segments
            .iter()
            .filter(|segment| !matches!(segment, Segment::Literal(_)))
            .count();
        let level = usize::from(self.bucket.is_some()) + usize::from(self.key.is_some());
        labels == level && pattern.segments.len() == level
    }
}

/// The operation of an S3 request. Where an older operation shares a route with its successor, the successor answers.
pub(super) fn find_s3(
    service: &'static Service,
    head: &request::Parts,
    target: &S3Target,
) -> Option<(&'static Operation, Labels)> {
    let query = form::parse(head.uri.query().unwrap_or("").as_bytes());
    let copies = head.headers.contains_key(COPY_SOURCE);
    let candidates = service.routes().iter().filter(|pattern| {
        let current =
            !pattern.operation.deprecated && pattern.operation.name != "ListDirectoryBuckets";
        let matched = pattern.operation.method == head.method && current && target.suits(pattern);
        let told_apart = !pattern.query.is_empty() || !pattern.lacks_required_query(&query);
        matched && told_apart && (copies || !pattern.copy_source)
    });
    let scored = candidates.filter_map(|pattern| {
        let score = pattern.match_query(&query)? * 2 + u64::from(pattern.copy_source);
        Some((score, pattern.operation))
    });
    let (_, operation) = scored.max_by_key(|(score, _)| *score)?;
    Some((operation, target.labels()))
}
