//! Names of parameters: bare, as paths, as ARNs, each with a selector.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::arn::{self, Arn};
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::error::{not_found, validation};
use super::state::{PARAMETERS, ParameterRecord, parameter_key};

const LEVELS_MAX: usize = 15;
const NAME_BYTES_MAX: usize = 1011;

/// A name as a call gives it, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) selector: Option<Selector>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selector {
    Version(u64),
    Label(String),
}

impl std::fmt::Display for Selector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(version) => write!(formatter, ":{version}"),
            Self::Label(label) => write!(formatter, ":{label}"),
        }
    }
}

/// `name`, `name:3`, `name:label`, or the same as an ARN. `/a` and `a` are two parameters with one ARN;
/// an ARN means the one that exists, the bare one first.
pub(super) fn parse(tx: &Tx<'_>, context: &Context, text: &str) -> Result<Named> {
    let Some(rest) = text.strip_prefix("arn:") else {
        return Ok(split_selector(text));
    };
    let arn = Arn::parse(text).filter(|arn| arn.service == "ssm" && rest.len() > 4);
    let path = arn.and_then(|arn| arn.resource.strip_prefix("parameter"));
    let (Some(arn), Some(path)) = (arn, path) else {
        return Err(validation(format!("Invalid parameter name {text}.")));
    };
    if arn.account != &*context.account || arn.region != &*context.region {
        return Err(not_found());
    }
    let mut named = split_selector(path);
    let bare = named.name.trim_start_matches('/');
    if !bare.contains('/') && tx.get(PARAMETERS, parameter_key(context, bare))?.is_some() {
        named.name = bare.to_owned();
    }
    Ok(named)
}

fn split_selector(text: &str) -> Named {
    let Some((name, selector)) = text.split_once(':') else {
        return Named {
            name: text.to_owned(),
            selector: None,
        };
    };
    let selector = match selector.parse() {
        Ok(version) => Selector::Version(version),
        Err(_) => Selector::Label(selector.to_owned()),
    };
    Named {
        name: name.to_owned(),
        selector: Some(selector),
    }
}

pub(super) fn arn_of(context: &Context, name: &str) -> String {
    let slash = if name.starts_with('/') { "" } else { "/" };
    arn::regional(context, "ssm", format_args!("parameter{slash}{name}"))
}

/// The permission for `action` on the parameter that `named` names, whether it exists or not.
pub(super) fn access(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    named: &str,
) -> Result<Vec<Access>> {
    let name = parse(tx, context, named)?.name;
    refuse_public(&name)?;
    let parameter = load(tx, context, &name)?;
    Ok(vec![access_to(context, action, &name, parameter.as_ref())])
}

pub(super) fn access_to(
    context: &Context,
    action: &str,
    name: &str,
    parameter: Option<&ParameterRecord>,
) -> Access {
    let mut access = Access::new(action, arn_of(context, name));
    for (key, value) in parameter.iter().flat_map(|parameter| &parameter.tags) {
        access = access.condition(format!("aws:ResourceTag/{key}"), value);
        access = access.condition(format!("ssm:resourceTag/{key}"), value);
    }
    access
}

/// Parameters that AWS publishes, and references to other services' data, are not kept here: to call
/// them absent would be a lie.
pub(super) fn refuse_public(name: &str) -> Result<()> {
    if name.starts_with("/aws/") {
        return Err(Error::not_implemented(format!(
            "ssm: the public parameter {name}"
        )));
    }
    Ok(())
}

pub(super) fn load(tx: &Tx<'_>, context: &Context, name: &str) -> Result<Option<ParameterRecord>> {
    Ok(tx.load(PARAMETERS, parameter_key(context, name))?)
}

/// Refuses a name that a new parameter cannot have.
pub(super) fn check_new(name: &str) -> Result<()> {
    let lower = name.to_ascii_lowercase();
    if lower == "/aws"
        || lower == "/ssm"
        || lower.starts_with("/aws/")
        || lower.starts_with("/ssm/")
    {
        let message = format!("No access to reserved parameter name: {name}.");
        return Err(Error::access_denied(message));
    }
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    let reserved = lower.trim_start_matches('/');
    let reserved = reserved.starts_with("aws") || reserved.starts_with("ssm");
    if reserved || !name.bytes().all(is_valid) || name.contains("//") || name.ends_with('/') {
        return Err(validation(
            "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). If formed as a \
             path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix \
             of letters, numbers and the following 3 symbols .-_",
        ));
    }
    if name.contains('/') && !name.starts_with('/') {
        return Err(validation("Parameter name must be a fully qualified name."));
    }
    check_size(name)
}

fn check_size(name: &str) -> Result<()> {
    if name.matches('/').count() > LEVELS_MAX {
        let message = format!(
            "A hierarchy can have a maximum of {LEVELS_MAX} levels. For more information, see Requirements \
             and constraints for parameter names in the AWS Systems Manager User Guide."
        );
        return Err(Error::new("HierarchyLevelLimitExceededException", message));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(validation(format!(
            "Parameter name can't be longer than {NAME_BYTES_MAX} characters."
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_versions_or_labels() {
        let named = |text| split_selector(text).selector;
        assert_eq!(named("/a/b"), None);
        assert_eq!(named("/a/b:3"), Some(Selector::Version(3)));
        assert_eq!(named("a:prod"), Some(Selector::Label("prod".into())));
    }

    #[test]
    fn names_are_checked_as_aws_checks_them() {
        let code = |name: &str| check_new(name).err().map(|error| error.code.into_owned());
        assert_eq!(code("/a/b-c_d.e"), None);
        assert_eq!(code("a"), None);
        assert_eq!(code("/aws/x").as_deref(), Some("AccessDenied"));
        for bad in ["awsome", "/ssmx", "a/b", "/a//b", "/a b", "/a/"] {
            assert_eq!(code(bad).as_deref(), Some("ValidationException"), "{bad}");
        }
        let deep = "/a".repeat(16);
        assert_eq!(
            code(&deep).as_deref(),
            Some("HierarchyLevelLimitExceededException")
        );
    }
}
