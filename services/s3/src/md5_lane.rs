//! MD5 beside the socket.
//!
//! It is the slowest of all that is computed of a body, three times slower than SHA-256 here, and cannot be split. So a body
//! that goes on has it computed on another thread, a batch behind what is being received; a small one is over before that
//! would pay.

use bytes::Bytes;
use cumulet_engine::error::{Error, Result};
use md5::{Digest, Md5};
use tokio::task::{JoinHandle, spawn_blocking};

const BATCH_BYTES: usize = 512 << 10;

/// An MD5 under way; holds at most two batches.
#[derive(Default)]
pub(crate) struct Md5Lane {
    resting: Md5,
    running: Option<JoinHandle<Md5>>,
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
}

impl std::fmt::Debug for Md5Lane {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Md5Lane")
    }
}

impl Md5Lane {
    pub(crate) async fn update(&mut self, bytes: &Bytes) -> Result<()> {
        self.waiting.push(bytes.clone());
        self.waiting_bytes += bytes.len();
        if self.waiting_bytes < BATCH_BYTES {
            return Ok(());
        }
        let mut md5 = self.rest().await?;
        let batch = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        self.running = Some(spawn_blocking(move || {
            batch.iter().for_each(|bytes| md5.update(bytes));
            md5
        }));
        Ok(())
    }

    /// The state once nothing runs any more.
    async fn rest(&mut self) -> Result<Md5> {
        match self.running.take() {
            Some(running) => running
                .await
                .map_err(|_| Error::internal("the MD5 of a body was not computed")),
            None => Ok(std::mem::take(&mut self.resting)),
        }
    }

    pub(crate) async fn finish(mut self) -> Result<[u8; 16]> {
        let mut md5 = self.rest().await?;
        self.waiting.iter().for_each(|bytes| md5.update(bytes));
        Ok(md5.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn batches_make_the_same_sum_as_the_whole() {
        let body: Vec<u8> = (0..3_000_001_u32).map(|at| at.to_le_bytes()[1]).collect();
        let mut lane = Md5Lane::default();
        for chunk in body.chunks(70_001) {
            lane.update(&Bytes::copy_from_slice(chunk)).await.unwrap();
        }
        let expected: [u8; 16] = Md5::digest(&body).into();
        assert_eq!(lane.finish().await.unwrap(), expected);
    }
}
