//! Taking space back, and having some ready.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::space::{Growth, SEGMENT_UNITS};
use super::{BlobId, Blobs, Extent, Shared, ledger, writer};
use crate::clock::wall_now;
use crate::store::StoreError;

/// How long a released body stays readable for those who looked its place up before.
const GRACE_MS: i64 = 60_000;
/// How long a finished body may wait to be kept.
const UNKEPT_MS: i64 = 600_000;
/// A body younger than this is probably about to be kept; asking the store would be for nothing.
const SETTLED_MS: i64 = 10_000;
/// 4 MiB at a time, until a quarter of what is used lies ready, but no more than 64 MiB.
const PREPARED_UNITS: u32 = 1024;

/// What a sweep took back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub released_bodies: usize,
    pub abandoned_bodies: usize,
    pub removed_segments: usize,
}

impl Blobs {
    /// Takes back the space of bodies that were released, or finished and never kept. To be called
    /// about once a minute.
    pub async fn sweep(&self) -> Result<Swept, StoreError> {
        self.sweep_after(GRACE_MS, UNKEPT_MS).await
    }

    pub(crate) async fn sweep_after(
        &self,
        grace_ms: i64,
        unkept_ms: i64,
    ) -> Result<Swept, StoreError> {
        if !self.0.swept_before.swap(true, Ordering::AcqRel) {
            self.0.store.write(ledger::forget_abandoned).await?;
        }
        if self.0.holds.load(Ordering::Acquire) > 0 {
            return Ok(Swept::default());
        }
        let now_ms = wall_now().milliseconds();
        Ok(Swept {
            released_bodies: self.sweep_released(now_ms - grace_ms).await?,
            abandoned_bodies: self.sweep_unkept(now_ms, unkept_ms).await?,
            removed_segments: self.remove_empty_segments()?,
        })
    }

    async fn sweep_released(&self, before_ms: i64) -> Result<usize, StoreError> {
        let mut swept = 0;
        loop {
            let strike = move |tx: &mut crate::Tx<'_>| ledger::strike_released(tx, before_ms);
            let struck = self.0.store.write(strike).await?;
            if struck.is_empty() {
                return Ok(swept);
            }
            swept += struck.len();
            for (id, extents) in struck {
                self.0.unkept().remove(&id);
                self.0.space().free_body(id, &extents);
            }
        }
    }

    async fn sweep_unkept(&self, now_ms: i64, unkept_ms: i64) -> Result<usize, StoreError> {
        self.forget_kept(now_ms - SETTLED_MS.min(unkept_ms))?;
        let overdue = self.unkept_before(now_ms - unkept_ms);
        if overdue.is_empty() {
            return Ok(0);
        }
        let abandon = move |tx: &mut crate::Tx<'_>| ledger::abandon(tx, overdue);
        let abandoned = self.0.store.write(abandon).await?;
        for id in &abandoned {
            if let Some(body) = self.0.unkept().remove(id) {
                self.0.space().free_body(*id, &body.extents);
            }
        }
        Ok(abandoned.len())
    }

    fn unkept_before(&self, before_ms: i64) -> Vec<BlobId> {
        let unkept = self.0.unkept();
        let overdue = unkept
            .iter()
            .filter(|(_, body)| body.finished_ms <= before_ms);
        overdue.map(|(id, _)| *id).collect()
    }

    /// Stops watching the bodies that the store has taken over.
    fn forget_kept(&self, before_ms: i64) -> Result<(), StoreError> {
        let settled = self.unkept_before(before_ms);
        let known: Result<Vec<BlobId>, StoreError> = self.0.store.read(|tx| {
            let mut known = Vec::new();
            for id in settled {
                if ledger::is_known(tx, id)? {
                    known.push(id);
                }
            }
            Ok(known)
        });
        let known = known?;
        let mut unkept = self.0.unkept();
        for id in known {
            unkept.remove(&id);
        }
        Ok(())
    }

    /// Returns the disk what a large deletion left, above half of what is used.
    fn remove_empty_segments(&self) -> Result<usize, StoreError> {
        let mut removed = 0;
        loop {
            let keep_bytes = self.usage().used_bytes / 2 + 4 * u64::from(SEGMENT_UNITS) * 4096;
            let Some(segment) = self.0.space().take_empty_segment(keep_bytes) else {
                return Ok(removed);
            };
            self.0.segments.remove(segment)?;
            removed += 1;
        }
    }
}

impl Shared {
    /// Begins to write space ahead, in the background, where little of it is left.
    pub(super) fn prepare_if_short(self: &Arc<Self>) {
        if self.next_preparation_wanted() && !self.preparing.swap(true, Ordering::AcqRel) {
            let shared = self.clone();
            tokio::spawn(async move {
                shared.prepare().await;
                shared.preparing.store(false, Ordering::Release);
            });
        }
    }

    fn next_preparation_wanted(&self) -> bool {
        let usage = self.space().usage();
        let segment_bytes = u64::from(SEGMENT_UNITS) * 4096;
        usage.free_bytes < (usage.used_bytes / 4).min(segment_bytes)
    }

    async fn prepare(self: &Arc<Self>) {
        while self.next_preparation_wanted() {
            let ahead_bytes = u64::from(PREPARED_UNITS) * 4096;
            if self.segments.check_room(2 * ahead_bytes).is_err() {
                return;
            }
            let extent: Extent = self.space().grow(PREPARED_UNITS, Growth::Preparation);
            let prepared = writer::prepare(self, extent).await;
            self.space().free(&[extent]);
            if let Err(error) = prepared {
                tracing::warn!(%error, "no space could be prepared for bodies");
                return;
            }
        }
    }
}
