//! Writes once a second what was measured, and what access logs are told.

use std::time::Duration;

use super::Server;

const EVERY: Duration = Duration::from_secs(1);

/// Writes for ever; nothing is written where nothing was measured.
pub(super) async fn run(server: Server) {
    loop {
        tokio::time::sleep(EVERY).await;
        flush(&server).await;
    }
}

/// Writes what waits: the access logs first, since they measure too.
pub(super) async fn flush(server: &Server) {
    if let Err(error) = server.access_log.flush(&server.engine).await {
        tracing::warn!(%error, "lines of access logs are lost");
    }
    if let Err(error) = server.engine.flush_metrics().await {
        tracing::warn!(%error, "what the services measured is lost");
    }
}
