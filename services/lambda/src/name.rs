//! The ways to name a function: a name, a partial ARN, an ARN, each with or without a qualifier.
//!
//! A name also says where the function lives, so everything below takes a [`FunctionName`] and never
//! asks the context whose account is meant.

use cumulet_engine::Context;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Key;

use super::errors;

pub(super) const LATEST: &str = "$LATEST";
const NAME_LENGTH_MAX: usize = 64;

/// Which function, where, and which of its versions or aliases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FunctionName {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) name: String,
    pub(super) qualifier: Option<String>,
}

impl FunctionName {
    /// Reads a `FunctionName` member; the wire has checked its pattern.
    pub(super) fn parse(context: &Context, text: &str) -> Result<Self> {
        let mut parts = text.split(':').peekable();
        if parts.next_if_eq(&"arn").is_some() {
            // Partition and service.
            let _partition_and_service = (parts.next(), parts.next());
        }
        let more_than_one = text.contains(':');
        let region = parts
            .next_if(|part| more_than_one && is_region(part))
            .map_or_else(|| context.region.to_string(), str::to_owned);
        let account = parts
            .next_if(|part| more_than_one && is_account(part))
            .map_or_else(|| context.account.to_string(), str::to_owned);
        if more_than_one {
            let _kind = parts.next_if_eq(&"function");
        }
        let name = parts.next().unwrap_or_default().to_owned();
        let qualifier = parts.next().map(str::to_owned);
        let parsed = Self {
            account,
            region,
            name,
            qualifier,
        };
        parsed.check(context)
    }

    /// Reads a `FunctionName` beside a `Qualifier`, which may repeat but not contradict it.
    pub(super) fn qualified(
        context: &Context,
        text: &str,
        qualifier: Option<&str>,
    ) -> Result<Self> {
        let mut parsed = Self::parse(context, text)?;
        match (&parsed.qualifier, qualifier.filter(|text| !text.is_empty())) {
            (Some(derived), Some(given)) if derived != given => Err(errors::invalid(
                "The derived qualifier from the function name does not match the specified qualifier.",
            )),
            (_, None) => Ok(parsed),
            (_, Some(given)) => {
                parsed.qualifier = Some(given.to_owned());
                Ok(parsed)
            }
        }
    }

    fn check(self, context: &Context) -> Result<Self> {
        if self.name.len() > NAME_LENGTH_MAX {
            let reason = "Member must have length less than or equal to 64";
            let refused = errors::constraint(&self.name, "functionName", reason);
            return Err(Error {
                code: "InvalidParameterValueException".into(),
                ..refused
            });
        }
        if *self.region != *context.region {
            return Err(errors::missing(format!(
                "Functions from '{}' are not reachable in this region ('{}')",
                self.region, context.region
            )));
        }
        Ok(self)
    }

    /// The function's ARN, without qualifier.
    pub(super) fn arn(&self) -> String {
        format!(
            "arn:aws:lambda:{}:{}:function:{}",
            self.region, self.account, self.name
        )
    }

    pub(super) fn arn_of(&self, qualifier: &str) -> String {
        format!("{}:{qualifier}", self.arn())
    }

    /// The ARN as the caller meant it: qualified if the name was.
    pub(super) fn asked_arn(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => self.arn_of(qualifier),
            None => self.arn(),
        }
    }

    /// The qualifier in effect.
    pub(super) fn qualifier_or_latest(&self) -> &str {
        self.qualifier.as_deref().unwrap_or(LATEST)
    }

    pub(super) fn key(&self) -> Key {
        Key::new()
            .text(&self.account)
            .text(&self.region)
            .text(&self.name)
    }
}

/// Whether a qualifier is a version number rather than an alias.
pub(super) fn is_version_number(qualifier: &str) -> bool {
    !qualifier.is_empty() && qualifier.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_account(part: &str) -> bool {
    part.len() == 12 && is_version_number(part)
}

/// `eu-west-1`, `us-gov-east-1`: lower-case words and a digit.
fn is_region(part: &str) -> bool {
    let mut words = part.rsplit('-');
    let number = words
        .next()
        .is_some_and(|digit| digit.len() == 1 && is_version_number(digit));
    let rest: Vec<_> = words.collect();
    number
        && rest.len() >= 2
        && rest.last().is_some_and(|first| first.len() <= 4)
        && rest
            .iter()
            .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
}
