//! What is tidied up while nobody waits for it.

use std::time::Duration;

use cumulet_kernel::{StoreError, trace};

use super::Server;

const EVERY: Duration = Duration::from_secs(60);
/// Requests whose traces are kept.
const TRACED_REQUESTS_MAX: usize = 20_000;

/// Tidies for ever: space of released bodies, traces nobody can want any more.
pub(super) async fn run(server: Server) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = server.engine.blobs.sweep().await {
            tracing::warn!(%error, "the space of released bodies is not reclaimed");
        }
        if let Err(error) = prune_traces(&server).await {
            tracing::warn!(%error, "old traces are not removed");
        }
    }
}

/// Removes old traces in steps, so that no group of commits waits long for it.
async fn prune_traces(server: &Server) -> Result<(), StoreError> {
    loop {
        let removed = server
            .engine
            .store
            .write(|tx| trace::prune(tx, TRACED_REQUESTS_MAX))
            .await?;
        if removed == 0 {
            return Ok(());
        }
    }
}
