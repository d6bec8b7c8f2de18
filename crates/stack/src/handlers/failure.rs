//! Why an invocation failed.

use std::any::type_name;
use std::error::Error;

use lambda_runtime::Diagnostic;

/// What Lambda reports of an invocation that failed, logs, and counts as an error.
///
/// Any error becomes one by `?`, with the text of all its causes: an SDK's own text is only "service error".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub kind: String,
    pub message: String,
}

impl Failure {
    #[must_use]
    pub fn new(kind: &str, message: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            message: message.into(),
        }
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let path = type_name::<E>();
        let path = path.split_once('<').map_or(path, |(outer, _)| outer);
        let kind = path.rsplit_once("::").map_or(path, |(_, name)| name);
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message.push_str(&format!(": {error}"));
            cause = error.source();
        }
        Self::new(kind, message)
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self {
            error_type: failure.kind,
            error_message: failure.message,
        }
    }
}

impl From<Failure> for Box<dyn Error + Send + Sync> {
    fn from(failure: Failure) -> Self {
        format!("{}: {}", failure.kind, failure.message).into()
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[derive(Debug, thiserror::Error)]
    #[error("service error")]
    struct Outer(#[source] std::fmt::Error);

    #[test]
    fn every_cause_is_told_and_the_type_names_the_kind() {
        let failure = Failure::from(Outer(std::fmt::Error));
        assert_eq!(failure.kind, "Outer");
        let cause = std::fmt::Error.to_string();
        assert_eq!(failure.message, format!("service error: {cause}"));
    }
}
