//! Reading certificates and revocation lists again, without dropping a connection.

use std::sync::Arc;

use serde_json::json;
use verbond_application::{OpContext, database_problem};
use verbond_domain::Problem;
use verbond_fsc::RevocationRefresh;
use verbond_trust::{IdentityHandle, TrustStore};

use super::identity;
use crate::{administration::Reloaded, ambient::rfc_3339, configuration::Settings};

/// Reads again on request.
pub struct Reloader {
    settings: Arc<Settings>,
    identity: Arc<IdentityHandle>,
    trust: Arc<TrustStore>,
    lists: Arc<RevocationRefresh>,
}

impl Reloader {
    /// For this node.
    pub const fn new(
        settings: Arc<Settings>,
        identity: Arc<IdentityHandle>,
        trust: Arc<TrustStore>,
        lists: Arc<RevocationRefresh>,
    ) -> Self {
        Self { settings, identity, trust, lists }
    }

    /// The certificate in use.
    pub const fn identity(&self) -> &Arc<IdentityHandle> {
        &self.identity
    }

    /// Reads everything again. Lists come first: the new certificate is judged by them.
    pub async fn reload(&self, context: &OpContext) -> Result<Reloaded, Problem> {
        let unreadable = self
            .lists
            .refresh()
            .await
            .into_iter()
            .map(|(source, reason)| format!("{source}: {reason}"))
            .collect();
        let changed = identity::replace(&self.settings, &self.identity, &self.trust, &context.ambient)?;
        let certificate = &self.identity.current().certificate;
        let detail =
            json!({ "certificate_changed": changed, "certificate": certificate.thumbprint.to_string() });
        let failed = |error| database_problem(&error);
        let mut transaction = context.store.begin().await.map_err(failed)?;
        context.record(&mut transaction, "node.reload", &certificate.participant.to_string(), detail).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(Reloaded {
            certificate_changed: changed,
            certificate_valid_until: rfc_3339(certificate.not_after),
            revocation_lists: self.trust.revocation_lists().len(),
            unreadable,
        })
    }
}
