//! Writes once a second what the services have measured.

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

/// Writes what waits.
pub(super) async fn flush(server: &Server) {
    if let Err(error) = server.engine.flush_metrics().await {
        tracing::warn!(%error, "what the services measured is lost");
    }
}
