//! Conditional requests: on reads, on writes, on the source of a copy.

use cumulet_engine::error::Result;
use cumulet_kernel::{Timestamp, Tx};

use super::api::CopySourceConditions;
use super::errors::{header_not_implemented, no_such_key, precondition_failed};
use super::versions;

/// What a read depends on.
#[derive(Debug, Default)]
pub(crate) struct ReadConditions<'a> {
    pub(crate) if_match: Option<&'a str>,
    pub(crate) if_none_match: Option<&'a str>,
    pub(crate) if_modified_since: Option<f64>,
    pub(crate) if_unmodified_since: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadOutcome {
    Proceed,
    NotModified,
}

impl ReadConditions<'_> {
    pub(crate) fn check(&self, etag: &str, modified: Timestamp) -> Result<ReadOutcome> {
        match (self.if_match, self.if_unmodified_since) {
            (Some(wanted), _) if !names(wanted, etag) => {
                return Err(precondition_failed("If-Match"));
            }
            (None, Some(since)) if is_after(modified, since) => {
                return Err(precondition_failed("If-Unmodified-Since"));
            }
            _ => {}
        }
        let unchanged = match (self.if_none_match, self.if_modified_since) {
            (Some(known), _) => names(known, etag),
            (None, Some(since)) => !is_after(modified, since),
            (None, None) => false,
        };
        Ok(if unchanged {
            ReadOutcome::NotModified
        } else {
            ReadOutcome::Proceed
        })
    }
}

/// Refuses a copy whose source is not as the conditions say.
pub(crate) fn check_copy_source(
    conditions: &CopySourceConditions,
    etag: &str,
    modified: Timestamp,
) -> Result<()> {
    let failed = |name: &str| Err(precondition_failed(name));
    match (&conditions.if_match, conditions.if_unmodified_since) {
        (Some(wanted), _) if !names(wanted, etag) => return failed("x-amz-copy-source-If-Match"),
        (None, Some(since)) if is_after(modified, since) => {
            return failed("x-amz-copy-source-If-Unmodified-Since");
        }
        _ => {}
    }
    match (&conditions.if_none_match, conditions.if_modified_since) {
        (Some(known), _) if names(known, etag) => failed("x-amz-copy-source-If-None-Match"),
        (None, Some(since)) if !is_after(modified, since) => {
            failed("x-amz-copy-source-If-Modified-Since")
        }
        _ => Ok(()),
    }
}

/// What a write depends on.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriteConditions {
    pub(crate) if_match: Option<String>,
    pub(crate) if_none_match: Option<String>,
}

impl WriteConditions {
    /// Refuses combinations and values that S3 does not take.
    pub(crate) fn check_form(&self) -> Result<()> {
        match (&self.if_match, &self.if_none_match) {
            (Some(_), Some(_)) => Err(header_not_implemented(
                "If-Match,If-None-Match",
                "Multiple conditional request headers present in the request",
            )),
            (None, Some(value)) if value != "*" => Err(header_not_implemented(
                "If-None-Match",
                "We don't accept the provided value of If-None-Match header for this API",
            )),
            (Some(value), None) if value == "*" => Err(header_not_implemented(
                "If-Match",
                "We don't accept the provided value of If-Match header for this API",
            )),
            _ => Ok(()),
        }
    }

    pub(crate) fn check(&self, tx: &Tx<'_>, bucket: &str, key: &str) -> Result<()> {
        self.check_form()?;
        if self.if_match.is_none() && self.if_none_match.is_none() {
            return Ok(());
        }
        let current = versions::current(tx, bucket, key)?.and_then(|version| version.object);
        match (&self.if_match, current) {
            (Some(_), None) => Err(no_such_key(key)),
            (Some(wanted), Some(object)) if !names(wanted, &object.etag) => {
                Err(precondition_failed("If-Match"))
            }
            (None, Some(_)) => Err(precondition_failed("If-None-Match")),
            _ => Ok(()),
        }
    }
}

/// Whether a header's list of ETags (or `*`) names this one.
pub(crate) fn names(list: &str, etag: &str) -> bool {
    list.split(',').any(|one| {
        let one = one.trim();
        one == "*" || one.trim_start_matches("W/").trim_matches('"') == etag
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "seconds since the epoch fit a double exactly"
)]
fn is_after(modified: Timestamp, since: f64) -> bool {
    modified.seconds() as f64 > since
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matching_etag_outweighs_the_dates() {
        let modified = Timestamp::from_seconds(1_000);
        let conditions = ReadConditions {
            if_match: Some("\"a\", \"b\""),
            if_unmodified_since: Some(500.0),
            ..ReadConditions::default()
        };
        assert_eq!(conditions.check("b", modified), Ok(ReadOutcome::Proceed));
        let conditions = ReadConditions {
            if_none_match: Some("\"x\""),
            if_modified_since: Some(1_500.0),
            ..ReadConditions::default()
        };
        assert_eq!(conditions.check("b", modified), Ok(ReadOutcome::Proceed));
        let conditions = ReadConditions {
            if_modified_since: Some(1_000.0),
            ..ReadConditions::default()
        };
        assert_eq!(
            conditions.check("b", modified),
            Ok(ReadOutcome::NotModified)
        );
    }
}
