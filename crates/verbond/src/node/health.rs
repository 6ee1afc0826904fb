//! Whether the node can do its work.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;
use verbond_application::snapshot::SnapshotKeeper;
use verbond_domain::Ambient;
use verbond_store::Store;
use verbond_supervision::Supervisor;
use verbond_trust::{IdentityHandle, TrustStore, Usage};

/// How the node is.
#[derive(Debug, Serialize, ToSchema)]
pub struct HealthView {
    /// Whether all is well.
    pub ok: bool,
    /// What was looked at.
    pub checks: Vec<CheckView>,
}

/// One thing that was looked at.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckView {
    /// `database`, `picture`, `certificate`, `tasks`.
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// What is the matter with it; empty when it is well.
    pub detail: String,
}

impl HealthView {
    /// A process that answers is alive.
    pub const fn live() -> Self {
        Self { ok: true, checks: Vec::new() }
    }
}

/// Looks at what exchanges depend on.
pub struct Health {
    /// Must answer and keep what it confirms.
    pub store: Store,
    /// Must have been confirmed against the database.
    pub snapshots: Arc<SnapshotKeeper>,
    /// Must be valid.
    pub identity: Arc<IdentityHandle>,
    /// By these anchors.
    pub trust: Arc<TrustStore>,
    /// At this time.
    pub ambient: Ambient,
    /// Must get their work done.
    pub supervisor: Supervisor,
}

impl Health {
    /// Looks at everything.
    pub async fn look(&self) -> HealthView {
        let database = self.store.check_durability().await.map_err(|error| {
            tracing::warn!(%error, "the database is not well");
            // The database's own words may name hosts and users.
            "does not answer, or does not keep what it confirms".to_owned()
        });
        let picture = self.snapshots.current().map(drop).map_err(|stale| stale.to_string());
        let identity = self.identity.current();
        let certificate = self
            .trust
            .judge(&identity.chain, Usage::Server, self.ambient.now())
            .map(drop)
            .map_err(|refusal| refusal.to_string());
        let failing = self.supervisor.failing();
        let tasks = match failing.is_empty() {
            true => Ok(()),
            false => Err(format!("come to a fault of the program again and again: {}", failing.join(", "))),
        };
        let checks: Vec<CheckView> =
            [("database", database), ("picture", picture), ("certificate", certificate), ("tasks", tasks)]
                .into_iter()
                .map(|(name, outcome)| CheckView {
                    name: name.to_owned(),
                    ok: outcome.is_ok(),
                    detail: outcome.err().unwrap_or_default(),
                })
                .collect();
        HealthView { ok: checks.iter().all(|check| check.ok), checks }
    }
}
