//! What a node does by itself, beside answering.

use std::{sync::Arc, time::Duration};

use verbond_domain::Ambient;
use verbond_store::Store;
use verbond_trust::{IdentityHandle, TrustStore};

use super::identity;
use crate::configuration::Settings;

/// Entries that one step derives views from at most.
const STEP: i64 = 1000;
/// Pause when there is nothing to derive: views follow the journal within a second.
const PAUSE: Duration = Duration::from_millis(300);
/// Pause when the database fails.
const TROUBLE: Duration = Duration::from_secs(2);

/// Time between two looks at the certificate's file.
const LOOK: Duration = Duration::from_secs(2);

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

/// Takes over a replaced certificate until it is aborted: of the processes of one node only the one with the
/// administration socket is told of it, the others see it by the file.
pub async fn follow_certificate(
    settings: Arc<Settings>,
    handle: Arc<IdentityHandle>,
    trust: Arc<TrustStore>,
    ambient: Ambient,
) {
    let path = settings.path(&settings.configuration.identity.certificate);
    let modified = async || tokio::fs::metadata(&path).await.and_then(|metadata| metadata.modified()).ok();
    let mut seen = modified().await;
    loop {
        tokio::time::sleep(LOOK).await;
        let now = modified().await;
        if now.is_none() || now == seen {
            continue;
        }
        seen = now;
        match identity::replace(&settings, &handle, &trust, &ambient) {
            Ok(changed) => tracing::info!(changed, "the certificate's file has been read again"),
            Err(problem) => {
                tracing::error!(%problem, "the new certificate cannot be used; the one in use stays")
            }
        }
    }
}
