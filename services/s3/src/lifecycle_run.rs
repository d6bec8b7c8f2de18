//! Lifecycle rules at work: once a day, bucket by bucket, a page of keys at a time.
//!
//! A configuration leaves a timer for the next midnight (UTC, as S3 counts). The timer's delivery does one
//! page in one transaction and leaves the next: the page behind it at once, or the next midnight when the
//! bucket is through. So a crash repeats nothing and forgets nothing, and a moved clock is followed. A
//! timer that a newer configuration has replaced finds another number stored and ends.

use cumulet_engine::Context;
use cumulet_engine::engine::Engine;
use cumulet_engine::error::{Error, Result};
use cumulet_kernel::outbox::{self, Entry};
use cumulet_kernel::store::Direction;
use cumulet_kernel::{Event, Timestamp, Tx};
use serde_json::json;

use super::api::{LifecycleConfiguration, LifecycleRule};
use super::delete::check_lock;
use super::lifecycle::{self, applies, expires, filter_of, next_midnight};
use super::scan::{Query, after_key, object_key_of};
use super::state::{
    BUCKETS, Bucket, CONFIGURATIONS, CURRENT, OLDER, UPLOADS, Upload, Version, Versioning,
    bucket_key, configuration_key, object_key,
};
use super::{access_log, multipart, notify, versions};

pub(crate) const TIMER: &str = "lifecycle";
const RUN: &str = "lifecycle-run";
const KEYS_A_PAGE: usize = 250;
const DAY_MS: i64 = 86_400_000;

/// Begins the daily runs of a bucket whose configuration has changed.
pub(crate) fn schedule(tx: &mut Tx<'_>, context: &Context, bucket: &str) -> Result<()> {
    let run = tx.next_sequence()?;
    tx.save(CONFIGURATIONS, configuration_key(bucket, RUN), &run)?;
    emit(tx, next_midnight(context.now.plus_ms(1)), bucket, run, "")
}

fn emit(tx: &mut Tx<'_>, due: Timestamp, bucket: &str, run: u64, after: &str) -> Result<()> {
    let event = Event::Timer {
        service: "s3".to_owned(),
        kind: TIMER.to_owned(),
        subject: bucket.to_owned(),
        detail: json!({ "run": run, "after": after }),
    };
    outbox::emit(tx, due, event)?;
    Ok(())
}

/// Does a page of a bucket's daily run.
pub(crate) async fn deliver(engine: &Engine, context: Context, entry: Entry) -> Result<()> {
    engine.write(move |tx| run_page(tx, &context, &entry)).await
}

fn run_page(tx: &mut Tx<'_>, context: &Context, entry: &Entry) -> Result<()> {
    outbox::finish(tx, entry.id)?;
    let Event::Timer {
        subject: name,
        detail,
        ..
    } = &entry.event
    else {
        return Err(Error::internal("not a timer"));
    };
    let run = detail["run"].as_u64().unwrap_or_default();
    let stored: Option<u64> = tx.load(CONFIGURATIONS, configuration_key(name, RUN))?;
    let bucket: Option<Bucket> = tx.load(BUCKETS, bucket_key(name))?;
    let configuration = lifecycle::configuration(tx, name)?;
    let (Some(bucket), Some(configuration)) = (bucket, configuration) else {
        return Ok(());
    };
    if stored != Some(run) {
        return Ok(());
    }
    let context = context
        .as_service("s3.amazonaws.com", &bucket.arn(), &bucket.account)
        .located(&bucket.account, &bucket.region);
    let work = Work {
        context: &context,
        bucket: &bucket,
        configuration: &configuration,
    };
    let after = detail["after"].as_str().unwrap_or_default();
    if after.is_empty() {
        work.abort_uploads(tx)?;
    }
    match work.page(tx, after)? {
        Some(last) => emit(tx, context.now, name, run, &last),
        None => emit(tx, next_midnight(context.now.plus_ms(1)), name, run, ""),
    }
}

struct Work<'a> {
    context: &'a Context,
    bucket: &'a Bucket,
    configuration: &'a LifecycleConfiguration,
}

impl Work<'_> {
    /// Works through the keys behind `after`; the last one done, if there are more.
    fn page(&self, tx: &mut Tx<'_>, after: &str) -> Result<Option<String>> {
        let mut from = if after.is_empty() {
            self.query().start()
        } else {
            after_key(&self.bucket.name, after)
        };
        let mut last = None;
        for _ in 0..KEYS_A_PAGE {
            let Some(key) = self.next_key(tx, &from)? else {
                return Ok(None);
            };
            self.work_on(tx, &key)?;
            from = after_key(&self.bucket.name, &key);
            last = Some(key);
        }
        Ok(last)
    }

    fn query(&self) -> Query<'_> {
        Query {
            bucket: &self.bucket.name,
            prefix: "",
            delimiter: None,
            limit: KEYS_A_PAGE,
        }
    }

    fn next_key(&self, tx: &Tx<'_>, from: &[u8]) -> Result<Option<String>> {
        let end = self.query().end();
        let mut first: Option<String> = None;
        for table in [CURRENT, OLDER] {
            let mut range = tx.range(table, from, end.as_deref(), Direction::Forward)?;
            if let Some((stored, _)) = range.next().transpose()? {
                let key = object_key_of(&stored)?;
                first = Some(first.map_or(key.clone(), |first: String| first.min(key)));
            }
        }
        Ok(first)
    }

    fn work_on(&self, tx: &mut Tx<'_>, key: &str) -> Result<()> {
        self.expire_noncurrent(tx, key)?;
        self.expire_current(tx, key)?;
        self.expire_marker(tx, key)
    }

    fn rules(&self) -> impl Iterator<Item = &LifecycleRule> {
        self.configuration
            .rules
            .iter()
            .filter(|rule| rule.status == "Enabled")
    }

    fn is_due(&self, due: Timestamp) -> bool {
        due <= self.context.now
    }

    /// Removes an old object, or hides it where older versions are kept.
    fn expire_current(&self, tx: &mut Tx<'_>, key: &str) -> Result<()> {
        let Some(version) = versions::current(tx, &self.bucket.name, key)? else {
            return Ok(());
        };
        let Some(object) = &version.object else {
            return Ok(());
        };
        let expired = self.rules().any(|rule| {
            applies(rule, key, object)
                && expires(rule, version.modified).is_some_and(|due| self.is_due(due))
        });
        if !expired {
            return Ok(());
        }
        if self.bucket.versioning == Versioning::Never {
            return self.remove(tx, key, &version);
        }
        let marker = versions::insert_delete_marker(tx, self.context, self.bucket, key)?;
        self.log(tx, "S3.CREATE.DELETEMARKER", key)?;
        let event = "LifecycleExpiration:DeleteMarkerCreated";
        notify::object_event(tx, self.context, self.bucket, key, &marker, event)
    }

    fn log(&self, tx: &mut Tx<'_>, operation: &str, key: &str) -> Result<()> {
        access_log::note_object(tx, self.context, self.bucket, operation, key, Ok(204))
    }

    fn remove(&self, tx: &mut Tx<'_>, key: &str, version: &Version) -> Result<()> {
        if check_lock(self.context, version, false).is_err() {
            return Ok(());
        }
        versions::remove(tx, &self.bucket.name, key, version)?;
        self.log(tx, "S3.EXPIRE.OBJECT", key)?;
        let event = "LifecycleExpiration:Delete";
        notify::object_event(tx, self.context, self.bucket, key, version, event)
    }

    /// Removes versions that were replaced long enough ago. The clock of each began when its successor came.
    fn expire_noncurrent(&self, tx: &mut Tx<'_>, key: &str) -> Result<()> {
        let older = self.older(tx, key)?;
        let current = versions::current(tx, &self.bucket.name, key)?;
        let mut successor = current.map(|current| current.modified);
        let mut newer = 0;
        for version in older {
            if let Some(replaced) = successor {
                if self.noncurrent_expired(key, &version, replaced, newer) {
                    self.remove(tx, key, &version)?;
                }
                newer += 1;
            }
            successor = Some(version.modified);
        }
        Ok(())
    }

    fn older(&self, tx: &Tx<'_>, key: &str) -> Result<Vec<Version>> {
        let prefix = object_key(&self.bucket.name, key);
        let scan = tx.prefix(OLDER, prefix, Direction::Forward)?;
        let keys: Vec<_> = scan.map(|pair| Ok(pair?.0)).collect::<Result<_>>()?;
        let loaded = keys.into_iter().map(|key| Ok(tx.load(OLDER, key)?));
        loaded.filter_map(Result::transpose).collect()
    }

    fn noncurrent_expired(
        &self,
        key: &str,
        version: &Version,
        replaced: Timestamp,
        newer: u64,
    ) -> bool {
        self.rules().any(|rule| {
            let Some(noncurrent) = &rule.noncurrent_version_expiration else {
                return false;
            };
            let days = noncurrent.noncurrent_days.unwrap_or_default();
            let due = next_midnight(replaced.plus_ms(days.saturating_mul(DAY_MS)));
            let is_spared = newer < noncurrent.newer_noncurrent_versions.unwrap_or_default();
            let is_meant = match &version.object {
                Some(object) => applies(rule, key, object),
                None => covers_markers(rule, key),
            };
            is_meant && !is_spared && self.is_due(due)
        })
    }

    /// Removes a delete marker with nothing left to hide, where a rule asks for it.
    fn expire_marker(&self, tx: &mut Tx<'_>, key: &str) -> Result<()> {
        let older = self.older(tx, key)?;
        let [marker] = older.as_slice() else {
            return Ok(());
        };
        let hides_nothing = versions::current(tx, &self.bucket.name, key)?.is_none();
        if !marker.is_delete_marker() || !hides_nothing {
            return Ok(());
        }
        let asked = self.rules().any(|rule| {
            let Some(expiration) = rule
                .expiration
                .as_ref()
                .filter(|_| covers_markers(rule, key))
            else {
                return false;
            };
            expiration.expired_object_delete_marker == Some(true)
                || expires(rule, marker.modified).is_some_and(|due| self.is_due(due))
        });
        if asked {
            self.remove(tx, key, marker)
        } else {
            Ok(())
        }
    }

    /// Gives up uploads that were begun long ago and never completed.
    fn abort_uploads(&self, tx: &mut Tx<'_>) -> Result<()> {
        let scan = tx.prefix(UPLOADS, bucket_key(&self.bucket.name), Direction::Forward)?;
        let keys: Vec<_> = scan.map(|pair| Ok(pair?.0)).collect::<Result<_>>()?;
        for stored in keys {
            let upload: Option<Upload> = tx.load(UPLOADS, &stored)?;
            let key = object_key_of(&stored)?;
            if upload.is_some_and(|upload| self.upload_expired(&key, &upload)) {
                multipart::discard(tx, &stored)?;
            }
        }
        Ok(())
    }

    fn upload_expired(&self, key: &str, upload: &Upload) -> bool {
        let due = abort_due(self.configuration, key, upload.initiated);
        due.is_some_and(|(due, _)| self.is_due(due))
    }
}

/// Whether a rule's filter takes in markers: they have neither tags nor size.
fn covers_markers(rule: &LifecycleRule, key: &str) -> bool {
    let filter = filter_of(rule);
    filter.tags.is_empty()
        && filter.object_size_greater_than.is_none()
        && filter.object_size_less_than.is_none()
        && filter
            .prefix
            .as_deref()
            .is_none_or(|prefix| key.starts_with(prefix))
}

/// When an upload begun at `initiated` is given up, and by which rule.
pub(crate) fn abort_due<'a>(
    configuration: &'a LifecycleConfiguration,
    key: &str,
    initiated: Timestamp,
) -> Option<(Timestamp, &'a LifecycleRule)> {
    let rules = configuration
        .rules
        .iter()
        .filter(|rule| rule.status == "Enabled");
    let due = rules.filter_map(|rule| {
        let days = rule
            .abort_incomplete_multipart_upload
            .as_ref()?
            .days_after_initiation?;
        let prefix = filter_of(rule).prefix;
        let is_meant = prefix.is_none_or(|prefix| key.starts_with(&prefix));
        let due = next_midnight(initiated.plus_ms(days.saturating_mul(DAY_MS)));
        is_meant.then_some((due, rule))
    });
    due.min_by_key(|(due, _)| *due)
}
