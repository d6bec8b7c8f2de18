//! What is tidied up while nobody waits for it.

use std::time::Duration;

use super::Server;

const EVERY: Duration = Duration::from_secs(60);

/// Tidies for ever: space of released bodies.
pub(super) async fn run(server: Server) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = server.engine.blobs.sweep().await {
            tracing::warn!(%error, "the space of released bodies is not reclaimed");
        }
    }
}
