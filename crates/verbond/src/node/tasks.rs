//! What a node does by itself, beside answering.

use std::time::Duration;

use verbond_store::Store;

/// Entries that one step derives views from at most.
const STEP: i64 = 1000;
/// Pause when there is nothing to derive: views follow the journal within a second.
const PAUSE: Duration = Duration::from_millis(300);
/// Pause when the database fails.
const TROUBLE: Duration = Duration::from_secs(2);

/// Derives views from the journal until it is aborted.
pub async fn derive_views(store: Store) {
    loop {
        match store.derive_views(STEP).await {
            Ok(0) => tokio::time::sleep(PAUSE).await,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "views cannot be derived from the journal yet");
                tokio::time::sleep(TROUBLE).await;
            }
        }
    }
}
