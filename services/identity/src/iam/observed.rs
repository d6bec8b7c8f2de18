//! What principals were seen to do: the decisions of calls, gathered a while after they were made.
//!
//! "Last used" and policy suggestions go by this, as on AWS a little late. Gathering stands off the way of
//! a call; what a crash loses of it is no data of anybody's.

use std::collections::BTreeMap;

use cumulet_engine::error::Result;
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Key, Timestamp, Tx};
use serde_json::Value;

use super::state::{LAST_USED, LastUsedRecord, OBSERVED, ObservedRecord, SeenRecord};

/// Beyond so many resources of one action they are remembered by their folder.
const RESOURCES_MAX: usize = 64;

/// An action that a principal was seen to ask for.
#[derive(Debug)]
pub(super) struct Observed {
    pub(super) action: String,
    pub(super) record: ObservedRecord,
}

/// Takes the decisions of finished calls, as [`super::authorise`] notes them.
pub fn observe(tx: &mut Tx<'_>, decisions: &[Value]) -> Result<()> {
    let mut by_action: BTreeMap<(&str, &str), Vec<&Value>> = BTreeMap::new();
    let mut used: BTreeMap<&str, &Value> = BTreeMap::new();
    for decision in decisions {
        let (Some(entity), Some(action)) = (entity(decision), decision["action"].as_str()) else {
            continue;
        };
        by_action
            .entry((entity, action))
            .or_default()
            .push(decision);
        for id in [decision["role"].as_str(), decision["key"].as_str()] {
            used.extend(id.map(|id| (id, decision)));
        }
    }
    for ((entity, action), decisions) in by_action {
        remember(tx, entity, action, &decisions)?;
    }
    used.into_iter()
        .try_for_each(|(id, decision)| note_use(tx, id, decision))
}

/// The role or user that asked; services and strangers are not remembered.
fn entity(decision: &Value) -> Option<&str> {
    let principal = decision["principal"].as_str()?;
    let named = decision["role"].as_str().unwrap_or(principal);
    named.starts_with("arn:aws:iam:").then_some(named)
}

fn key_of(entity: &str, action: &str) -> Key {
    Key::new().text(entity).text(action)
}

fn remember(tx: &mut Tx<'_>, entity: &str, action: &str, decisions: &[&Value]) -> Result<()> {
    let key = key_of(entity, action);
    let mut record: ObservedRecord = tx.load(OBSERVED, &key)?.unwrap_or_default();
    for decision in decisions {
        let allowed = decision["verdict"] == "allow";
        let at = Timestamp::from_seconds(decision["at_s"].as_i64().unwrap_or_default());
        record.last = record.last.max(at);
        let resource = decision["resource"].as_str().unwrap_or("*");
        record.see(resource, allowed);
    }
    Ok(tx.save(OBSERVED, key, &record)?)
}

impl ObservedRecord {
    fn see(&mut self, resource: &str, allowed: bool) {
        if !self.resources.contains_key(resource) && self.resources.len() >= RESOURCES_MAX {
            self.fold();
        }
        let folder = folder(resource);
        let seen = match self.resources.contains_key(&folder) {
            true => self.resources.entry(folder).or_default(),
            false => self.resources.entry(resource.to_owned()).or_default(),
        };
        match allowed {
            true => seen.allowed += 1,
            false => seen.denied += 1,
        }
    }

    /// Remembers resources by their folder, and where even those are many, all together.
    fn fold(&mut self) {
        for shorten in [folder, |_: &str| "*".to_owned()] {
            let mut folded: BTreeMap<String, SeenRecord> = BTreeMap::new();
            for (resource, seen) in std::mem::take(&mut self.resources) {
                let sum = folded.entry(shorten(&resource)).or_default();
                sum.allowed += seen.allowed;
                sum.denied += seen.denied;
            }
            self.resources = folded;
            if self.resources.len() < RESOURCES_MAX / 2 {
                return;
            }
        }
    }
}

/// `arn:aws:s3:::bucket/a/b` lies in `arn:aws:s3:::bucket/a/*`.
pub(super) fn folder(resource: &str) -> String {
    match resource.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/*"),
        None => resource.to_owned(),
    }
}

fn note_use(tx: &mut Tx<'_>, id: &str, decision: &Value) -> Result<()> {
    let text = |name: &str| decision[name].as_str().unwrap_or_default().to_owned();
    let service = text("action")
        .split(':')
        .next()
        .unwrap_or_default()
        .to_owned();
    let record = LastUsedRecord {
        at: Timestamp::from_seconds(decision["at_s"].as_i64().unwrap_or_default()),
        region: text("region"),
        service,
    };
    Ok(tx.save(LAST_USED, Key::new().text(id), &record)?)
}

/// When an access key or (by its ARN) a role was last used.
pub(super) fn last_used(tx: &Tx<'_>, id: &str) -> Result<Option<LastUsedRecord>> {
    Ok(tx.load(LAST_USED, Key::new().text(id))?)
}

/// All that a role or user was seen to ask for.
pub(super) fn of(tx: &Tx<'_>, entity: &str) -> Result<Vec<Observed>> {
    let mut all = Vec::new();
    for pair in tx.prefix(OBSERVED, Key::new().text(entity), Direction::Forward)? {
        let (key, bytes) = pair?;
        let mut reader = cumulet_kernel::key::KeyReader::new(&key);
        if let (Some(_), Some(action)) = (reader.text(), reader.text()) {
            let record = cumulet_kernel::store::decode(&bytes)?;
            all.push(Observed { action, record });
        }
    }
    Ok(all)
}

/// Whoever is made anew under the same name begins with an empty page.
pub(super) fn forget(tx: &mut Tx<'_>, id: &str) -> Result<()> {
    for observed in of(tx, id)? {
        tx.delete(OBSERVED, key_of(id, &observed.action))?;
    }
    Ok(tx.delete(LAST_USED, Key::new().text(id))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_resources_are_remembered_by_their_folder_and_none_is_lost() {
        let mut record = ObservedRecord::default();
        for number in 0..200 {
            record.see(&format!("arn:aws:s3:::b/in/{number}"), number % 2 == 0);
        }
        let folder = record.resources["arn:aws:s3:::b/in/*"];
        assert_eq!((folder.allowed, folder.denied), (100, 100));
        assert_eq!(record.resources.len(), 1);
        for number in 0..200 {
            record.see(&format!("arn:aws:s3:::b/{number}/x"), true);
        }
        let seen: u64 = record.resources.values().map(|seen| seen.allowed).sum();
        assert_eq!(seen, 300);
        assert!(record.resources.len() <= RESOURCES_MAX);
    }
}
