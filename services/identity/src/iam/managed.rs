//! AWS's own managed policies: the common ones, as data.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, OnceLock};

use cumulet_kernel::Timestamp;
use serde_json::Value;

use super::policy::condition::epoch_ms;
use super::policy::{Policy, parse};

/// A policy that AWS maintains; the same in every account.
#[derive(Debug)]
pub(crate) struct ManagedPolicy {
    pub(crate) arn: Arc<str>,
    pub(crate) name: String,
    pub(crate) path: String,
    /// `v3`
    pub(crate) version: String,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) document: String,
    parsed: OnceLock<Arc<Policy>>,
}

static POLICIES: LazyLock<BTreeMap<Arc<str>, ManagedPolicy>> = LazyLock::new(|| {
    let rows: Vec<Value> = serde_json::from_str(include_str!("managed.json")).unwrap_or_default();
    let policies = rows.iter().map(ManagedPolicy::read);
    policies
        .map(|policy| (policy.arn.clone(), policy))
        .collect()
});

pub(crate) fn by_arn(arn: &str) -> Option<&'static ManagedPolicy> {
    // Nearly all ARNs asked for are an account's own; those cost one comparison.
    arn.starts_with("arn:aws:iam::aws:policy/")
        .then(|| POLICIES.get(arn))?
}

pub(crate) fn all() -> impl Iterator<Item = &'static ManagedPolicy> {
    POLICIES.values()
}

impl ManagedPolicy {
    fn read(row: &Value) -> Self {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let time = |name: &str| Timestamp(epoch_ms(&text(name)).unwrap_or_default());
        let (name, path) = (text("name"), text("path"));
        Self {
            arn: format!("arn:aws:iam::aws:policy{path}{name}").into(),
            version: text("version"),
            created: time("created"),
            updated: time("updated"),
            document: row["document"].to_string(),
            parsed: OnceLock::new(),
            name,
            path,
        }
    }

    /// AWS's ids are not published: this one is made from the name, so it never changes.
    pub(crate) fn id(&self) -> String {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let seed = self
            .arn
            .bytes()
            .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
            });
        let digit = |place: u32| {
            let bits = seed
                .rotate_left(5 * place)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                >> 59;
            char::from(alphabet[usize::try_from(bits).unwrap_or_default()])
        };
        std::iter::once("ANPA".to_owned())
            .chain((0..17).map(|place| digit(place).to_string()))
            .collect()
    }

    pub(crate) fn parsed(&self) -> Arc<Policy> {
        let parse = || Arc::new(parse::parse(&self.document).unwrap_or_else(|_| parse::deny_all()));
        self.parsed.get_or_init(parse).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_of_the_table_can_be_read() {
        assert!(POLICIES.len() > 80);
        for policy in all() {
            assert!(parse::parse(&policy.document).is_ok(), "{}", policy.arn);
            assert!(
                policy.created.0 > 0 && policy.updated >= policy.created,
                "{}",
                policy.arn
            );
        }
    }
}
