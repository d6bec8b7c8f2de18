//! PATCH: the operations `add`, `remove` and `replace` on the paths that a kind of thing allows.
//! <https://docs.aws.amazon.com/apigateway/latest/api/patch-operations.html>

use cumulet_engine::error::{Error, Result};

use super::super::api::PatchOperation;
use super::super::errors::bad_request;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Add,
    Remove,
    Replace,
    /// Only a stage knows it: promoting a canary.
    Copy,
}

impl Op {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Replace => "replace",
            Self::Copy => "copy",
        }
    }
}

/// One operation: what to do, where, and with which value.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    pub(crate) op: Op,
    pub(crate) path: &'a str,
    pub(crate) value: Option<&'a str>,
    pub(crate) from: Option<&'a str>,
}

impl Change<'_> {
    /// The parts of the path, `~1` and `~0` resolved.
    pub(crate) fn segments(&self) -> Vec<String> {
        let parts = self.path.trim_start_matches('/').split('/');
        parts
            .map(|part| part.replace("~1", "/").replace("~0", "~"))
            .collect()
    }

    /// The value that a `replace` or `add` brings; a `remove` brings none.
    pub(crate) fn text(&self) -> Option<String> {
        self.value
            .filter(|_| self.op != Op::Remove)
            .map(str::to_owned)
    }

    /// Whether the value says `true`; whatever else it says means no.
    pub(crate) fn is_true(&self) -> bool {
        self.value
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Refuses everything but `replace`.
    pub(crate) fn only_replaces(&self) -> Result<()> {
        match self.op {
            Op::Replace => Ok(()),
            _ => Err(bad_request(
                "Invalid patch operation specified. Must be one of: [replace]",
            )),
        }
    }

    pub(crate) fn flag(&self) -> Result<bool> {
        match self.value {
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(bad_request(format!(
                "Invalid boolean value for {}",
                self.path
            ))),
        }
    }

    pub(crate) fn number<N: std::str::FromStr>(&self) -> Result<N> {
        let number = self.value.and_then(|value| value.parse().ok());
        number.ok_or_else(|| bad_request(format!("Invalid number value for {}", self.path)))
    }

    /// Refuses a path that this kind of thing has not.
    pub(crate) fn unknown(&self, paths: &[&str]) -> Error {
        let choice = match self.op {
            Op::Replace => format!("Must be one of: [{}]", paths.join(", ")),
            _ => "Please choose supported operations".to_owned(),
        };
        let (path, op) = (self.path, self.op.name());
        bad_request(format!(
            "Invalid patch path  '{path}' specified for op '{op}'. {choice}"
        ))
    }

    pub(crate) fn invalid_path(&self) -> Error {
        bad_request(format!("Invalid patch path {}", self.path))
    }
}

/// Makes every change in order; the first refusal undoes all, since its transaction is given up.
pub(crate) fn each(
    operations: &[PatchOperation],
    change: impl FnMut(&Change<'_>) -> Result<()>,
) -> Result<()> {
    each_of(operations, false, change)
}

/// Where `copy` is allowed too.
pub(crate) fn each_with_copy(
    operations: &[PatchOperation],
    change: impl FnMut(&Change<'_>) -> Result<()>,
) -> Result<()> {
    each_of(operations, true, change)
}

fn each_of(
    operations: &[PatchOperation],
    copies: bool,
    mut change: impl FnMut(&Change<'_>) -> Result<()>,
) -> Result<()> {
    for operation in operations {
        let op = match operation.op.as_deref() {
            Some("add") => Op::Add,
            Some("remove") => Op::Remove,
            Some("replace") => Op::Replace,
            Some("copy") if copies => Op::Copy,
            _ => {
                return Err(bad_request(
                    "Invalid patch operation specified. Must be 'add'|'remove'|'replace'",
                ));
            }
        };
        let path = operation
            .path
            .as_deref()
            .ok_or_else(|| bad_request("Invalid patch path null"))?;
        change(&Change {
            op,
            path,
            value: operation.value.as_deref(),
            from: operation.from.as_deref(),
        })?;
    }
    Ok(())
}
