//! Reading trust anchors, certificates and revocation lists again, without dropping a connection.

use std::{path::PathBuf, sync::Arc};

use aws_lc_rs::digest::{Digest, SHA256, digest};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use verbond_application::OpContext;
use verbond_domain::Problem;
use verbond_fsc::RevocationRefresh;
use verbond_trust::{IdentityHandle, TrustStore};

use super::identity;
use crate::{
    ambient::rfc_3339,
    configuration::{FILE, Settings},
};

/// What was read again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reloaded {
    /// Whether other trust anchors of the group are in use now.
    pub trust_anchors_changed: bool,
    /// Whether another certificate is in use now.
    pub certificate_changed: bool,
    /// Until when the certificate in use is valid.
    pub certificate_valid_until: String,
    /// Revocation lists in use.
    pub revocation_lists: usize,
    /// Sources of revocation lists that could not be read.
    pub unreadable: Vec<String>,
    /// Files that have changed and are read at a start only.
    pub restart_needed_for: Vec<String>,
}

/// Files that count at the start only, as they were then.
pub struct AtStart(Vec<(PathBuf, Option<Digest>)>);

impl AtStart {
    /// Looks at the configuration, the group's profile, and the anchors of those who are not of the group.
    pub fn look(settings: &Settings) -> Arc<Self> {
        let configuration = &settings.configuration;
        let tls = configuration.outway.iter().flat_map(|outway| &outway.tls);
        let paths = [settings.path(FILE.as_ref()), settings.path(configuration.profile.as_ref())]
            .into_iter()
            .chain(configuration.administration.client_anchors.iter().map(|path| settings.path(path)))
            .chain(tls.flat_map(|tls| &tls.client_anchors).map(|path| settings.path(path)))
            .chain(
                configuration
                    .inway
                    .iter()
                    .flat_map(|inway| inway.source_anchors.iter().flatten())
                    .map(|path| settings.path(path)),
            );
        let of_servers = configuration.own_servers();
        let of_servers =
            of_servers.flat_map(|access| access.files().map(|path| settings.path(path)).collect::<Vec<_>>());
        let paths = paths.chain(of_servers);
        Arc::new(Self(paths.map(|path| (path.clone(), fingerprint(&path))).collect()))
    }

    /// Those that are different now: what they say counts after a restart.
    pub fn changed(&self) -> Vec<String> {
        let differs = |path: &PathBuf, before: &Option<Digest>| {
            let now = fingerprint(path);
            now.as_ref().map(Digest::as_ref) != before.as_ref().map(Digest::as_ref)
        };
        let changed = self.0.iter().filter(|(path, before)| differs(path, before));
        changed.map(|(path, _)| path.display().to_string()).collect()
    }
}

fn fingerprint(path: &PathBuf) -> Option<Digest> {
    Some(digest(&SHA256, &std::fs::read(path).ok()?))
}

/// Reads again on request.
pub struct Reloader {
    settings: Arc<Settings>,
    identity: Arc<IdentityHandle>,
    trust: Arc<TrustStore>,
    lists: Arc<RevocationRefresh>,
    at_start: Arc<AtStart>,
}

impl Reloader {
    /// For this node.
    pub const fn new(
        settings: Arc<Settings>,
        identity: Arc<IdentityHandle>,
        trust: Arc<TrustStore>,
        lists: Arc<RevocationRefresh>,
        at_start: Arc<AtStart>,
    ) -> Self {
        Self { settings, identity, trust, lists, at_start }
    }

    /// Files that have changed since the start and count only then.
    pub fn restart_needed_for(&self) -> Vec<String> {
        self.at_start.changed()
    }

    /// The certificate in use.
    pub const fn identity(&self) -> &Arc<IdentityHandle> {
        &self.identity
    }

    /// Reads everything again: anchors, by which lists are taken, by which the new certificate is judged.
    pub async fn reload(&self, context: &OpContext) -> Result<Reloaded, Problem> {
        let anchors_changed = identity::replace_anchors(&self.settings, &self.trust, &context.ambient)?;
        let unreadable = self
            .lists
            .refresh()
            .await
            .into_iter()
            .map(|(source, reason)| format!("{source}: {reason}"))
            .collect();
        let changed = identity::replace(&self.settings, &self.identity, &self.trust, &context.ambient)?;
        let certificate = &self.identity.current().certificate;
        let detail = json!({ "trust_anchors_changed": anchors_changed, "certificate_changed": changed,
                "certificate": certificate.thumbprint.to_string() });
        context.record_alone("node.reload", &certificate.participant.to_string(), detail).await?;
        Ok(Reloaded {
            trust_anchors_changed: anchors_changed,
            certificate_changed: changed,
            certificate_valid_until: rfc_3339(certificate.not_after),
            revocation_lists: self.trust.revocation_lists().len(),
            unreadable,
            restart_needed_for: self.restart_needed_for(),
        })
    }
}
