//! Finding queues, and what it takes to be allowed to use one.

use cumulet_engine::Context;
use cumulet_engine::access::Access;
use cumulet_engine::arn::Arn;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::Tx;

use super::error::no_queue;
use super::state::{QUEUES, QueueRecord, queue_key};

/// Account and name out of a URL, whatever its host: clients keep the URLs of other endpoints.
pub(super) fn named(url: &str) -> Result<(&str, &str)> {
    let mut parts = url.trim_end_matches('/').rsplit('/');
    let (name, account) = (parts.next(), parts.next());
    let is_account =
        |account: &&str| account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    match (
        name.filter(|name| !name.is_empty()),
        account.filter(is_account),
    ) {
        (Some(name), Some(account)) => Ok((account, name)),
        _ => {
            let message = format!("The address {url} is not valid for this endpoint.");
            Err(Error::new("InvalidAddress", message).status(404))
        }
    }
}

pub(super) fn by_url(tx: &Tx<'_>, context: &Context, url: &str) -> Result<QueueRecord> {
    let (account, name) = named(url)?;
    load(tx, account, &context.region, name)?.ok_or_else(no_queue)
}

pub(super) fn by_arn(tx: &Tx<'_>, arn: &str) -> Result<Option<QueueRecord>> {
    match Arn::parse(arn).filter(|arn| arn.service == "sqs") {
        Some(arn) => load(tx, arn.account, arn.region, arn.resource),
        None => Ok(None),
    }
}

pub(super) fn load(
    tx: &Tx<'_>,
    account: &str,
    region: &str,
    name: &str,
) -> Result<Option<QueueRecord>> {
    Ok(tx.load(QUEUES, queue_key(account, region, name))?)
}

pub(super) fn save(tx: &mut Tx<'_>, queue: &QueueRecord) -> Result<()> {
    Ok(tx.save(QUEUES, queue.key(), queue)?)
}

/// The permission for `action` on the queue at a URL.
pub(super) fn access(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    url: &str,
) -> Result<Vec<Access>> {
    let (account, name) = named(url)?;
    access_to(tx, &context.region, account, name, action)
}

/// The same by ARN.
pub(super) fn access_by_arn(
    tx: &Tx<'_>,
    context: &Context,
    action: &str,
    arn: &str,
) -> Result<Vec<Access>> {
    match Arn::parse(arn) {
        Some(arn) => access_to(tx, arn.region, arn.account, arn.resource, action),
        None => access_to(tx, &context.region, &context.account, arn, action),
    }
}

pub(super) fn access_to(
    tx: &Tx<'_>,
    region: &str,
    account: &str,
    name: &str,
    action: &str,
) -> Result<Vec<Access>> {
    let arn = format!("arn:aws:sqs:{region}:{account}:{name}");
    let queue = load(tx, account, region, name)?;
    let policy = queue
        .as_ref()
        .and_then(|queue| queue.settings.policy.clone());
    let mut access = Access::new(&format!("sqs:{action}"), arn).governed_by(policy, account);
    for (key, value) in queue.iter().flat_map(|queue| &queue.tags) {
        access = access.condition(format!("aws:ResourceTag/{key}"), value);
    }
    Ok(vec![access])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_any_endpoint_are_read() {
        let read = |url| named(url).ok();
        let expected = Some(("111122223333", "q.fifo"));
        assert_eq!(read("http://127.0.0.1:4566/111122223333/q.fifo"), expected);
        assert_eq!(
            read("https://sqs.eu-west-1.amazonaws.com/111122223333/q.fifo"),
            expected
        );
        assert_eq!(read("http://127.0.0.1:4566/q"), None);
    }
}
