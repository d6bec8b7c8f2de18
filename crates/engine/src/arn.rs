//! Amazon Resource Names: `arn:aws:service:region:account:resource`.

use crate::Context;

/// The ARN of a resource in the context's account and region.
pub fn regional(context: &Context, service: &str, resource: impl std::fmt::Display) -> String {
    format!(
        "arn:aws:{service}:{}:{}:{resource}",
        context.region, context.account
    )
}

/// The ARN of a resource that belongs to an account but to no region: IAM's.
pub fn global(context: &Context, service: &str, resource: impl std::fmt::Display) -> String {
    format!("arn:aws:{service}::{}:{resource}", context.account)
}

/// An ARN taken apart; `resource` may hold more colons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    pub service: &'a str,
    pub region: &'a str,
    pub account: &'a str,
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if (parts.next(), parts.next()) != (Some("arn"), Some("aws")) {
            return None;
        }
        let (service, region, account) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            service,
            region,
            account,
            resource: parts.next()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_comes_apart() {
        let arn = Arn::parse("arn:aws:lambda:eu-west-1:111122223333:function:f:live");
        let resource = "function:f:live";
        assert_eq!(
            arn,
            Some(Arn {
                service: "lambda",
                region: "eu-west-1",
                account: "111122223333",
                resource
            })
        );
        assert_eq!(Arn::parse("arn:aws:s3"), None);
    }
}
