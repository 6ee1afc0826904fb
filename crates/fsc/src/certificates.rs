//! Certificates of those who sign: looked up by thumbprint in the signer's own key set (FSC Core 2.0.0 §4.4.1.4).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use rustls_pki_types::CertificateDer;
use serde_json::Value;
use verbond_domain::ParticipantId;
use verbond_trust::{Certificate, CertificateThumbprint, Usage, jwk};

use crate::{FscNode, address::ManagerAddress, client::Counterpart, protocol::signature::SignatureRefusal};

type Chain = Vec<CertificateDer<'static>>;

/// Participants whose key sets are kept in memory at most; beyond that all are forgotten and fetched again.
const MAXIMUM_KEY_SETS: usize = 4096;
/// Longest key set kept in the database.
const MAXIMUM_KEY_SET_BYTES: usize = 512 * 1024;

/// Over which connection a signature came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    /// The certificate at its other end, judged for this request.
    pub presented: &'a Certificate,
    /// The manager's address that the request tells.
    pub address: &'a ManagerAddress,
}

/// Key sets that have been fetched, one entry per participant.
#[derive(Default)]
pub(crate) struct KeySets {
    entries: Mutex<HashMap<ParticipantId, Arc<Entry>>>,
}

#[derive(Default)]
struct Entry {
    chains: Mutex<Arc<Vec<Chain>>>,
    /// Held while the set is fetched: signatures that wait for the same set share one call.
    fetching: tokio::sync::Mutex<()>,
}

impl Entry {
    fn chains(&self) -> Arc<Vec<Chain>> {
        Arc::clone(&self.chains.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, key_set: &Value) {
        *self.chains.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(jwk::chains(key_set));
    }
}

impl KeySets {
    fn entry(&self, id: &ParticipantId) -> Arc<Entry> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MAXIMUM_KEY_SETS && !entries.contains_key(id) {
            entries.clear();
        }
        Arc::clone(entries.entry(id.clone()).or_default())
    }

    /// A chain of anybody but `id` whose leaf has this thumbprint.
    fn of_others(&self, id: &ParticipantId, thumbprint: &CertificateThumbprint) -> Option<Chain> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries
            .iter()
            .filter(|(other, _)| *other != id)
            .find_map(|(_, entry)| pick(&entry.chains(), thumbprint))
    }
}

fn pick(chains: &[Chain], thumbprint: &CertificateThumbprint) -> Option<Chain> {
    let fits =
        |chain: &&Chain| chain.first().is_some_and(|leaf| CertificateThumbprint::of(leaf) == *thumbprint);
    chains.iter().find(fits).cloned()
}

impl FscNode {
    /// The certificate with which `signer` says that it signed, judged by the group's rules.
    ///
    /// When the signer itself has sent the signature, over a connection with the same certificate (`origin`), the
    /// judgement of that certificate for this request stands and nothing is fetched. Else the signer's key set is
    /// asked: first as kept, then fetched again, since a renewed certificate is not in an older set.
    pub(crate) async fn signing_certificate(
        &self,
        signer: &ParticipantId,
        thumbprint: &CertificateThumbprint,
        origin: Option<Origin<'_>>,
    ) -> Result<Certificate, SignatureRefusal> {
        if let Some(origin) = origin.filter(|origin| origin.presented.thumbprint == *thumbprint) {
            return Ok(origin.presented.clone());
        }
        let now = self.ambient.now();
        if *signer == self.rules.own {
            return self.identity.find(thumbprint, now).ok_or(SignatureRefusal::CertificateNotFound);
        }
        let chain = match self.published_chain(signer, thumbprint, origin).await {
            Some(chain) => chain,
            // A signature of somebody else gets the code that says so, if it can be seen here whose it is.
            None => match self.identity.find(thumbprint, now) {
                Some(own) => return Ok(own),
                None => self
                    .key_sets
                    .of_others(signer, thumbprint)
                    .ok_or(SignatureRefusal::CertificateNotFound)?,
            },
        };
        self.trust.judge(&chain, Usage::Signature, now).map_err(SignatureRefusal::Certificate)
    }

    /// A chain of this signer's as this node keeps it, asked for nowhere.
    pub(crate) async fn kept_chain(
        &self,
        signer: &ParticipantId,
        thumbprint: &CertificateThumbprint,
    ) -> Option<Chain> {
        if let Some(chain) = pick(&self.key_sets.entry(signer).chains(), thumbprint) {
            return Some(chain);
        }
        let kept = self.store.peer(signer).await.ok().flatten()?.key_set?;
        pick(&jwk::chains(&serde_json::from_str(&kept).ok()?), thumbprint)
    }

    /// The chain of this signer's as its key set shows it: first as kept, then fetched.
    pub(crate) async fn published_chain(
        &self,
        signer: &ParticipantId,
        thumbprint: &CertificateThumbprint,
        origin: Option<Origin<'_>>,
    ) -> Option<Chain> {
        let entry = self.key_sets.entry(signer);
        if let Some(chain) = pick(&entry.chains(), thumbprint) {
            return Some(chain);
        }
        let before = entry.chains();
        let _fetching = entry.fetching.lock().await;
        // While this one waited, another may have fetched the set.
        if !Arc::ptr_eq(&before, &entry.chains())
            && let Some(chain) = pick(&entry.chains(), thumbprint)
        {
            return Some(chain);
        }
        let peer = self.store.peer(signer).await.ok().flatten();
        match self.fetch_key_set(signer, origin).await {
            Ok(key_set) => entry.keep(&key_set),
            Err(error) => {
                tracing::warn!(%signer, error, "the key set of a signer cannot be fetched; the one kept is used");
                let kept = peer.and_then(|peer| peer.key_set)?;
                entry.keep(&serde_json::from_str(&kept).ok()?);
            }
        }
        pick(&entry.chains(), thumbprint)
    }

    async fn fetch_key_set(
        &self,
        signer: &ParticipantId,
        origin: Option<Origin<'_>>,
    ) -> Result<Value, String> {
        let address = match origin {
            Some(origin) => origin.address.clone(),
            None => self.manager_of(signer).await.map_err(|problem| problem.detail.en)?,
        };
        let manager = Counterpart { id: signer.clone(), address };
        let key_set = self.client.key_set(&manager).await.map_err(|error| error.to_string())?;
        let text = key_set.to_string();
        if text.len() <= MAXIMUM_KEY_SET_BYTES
            && let Err(error) = self.keep_key_set(signer, &text).await
        {
            tracing::warn!(%signer, %error, "the key set of a signer cannot be kept");
        }
        Ok(key_set)
    }

    async fn keep_key_set(
        &self,
        signer: &ParticipantId,
        text: &str,
    ) -> Result<(), verbond_store::StoreError> {
        if self.store.peer(signer).await?.and_then(|peer| peer.key_set).as_deref() == Some(text) {
            return Ok(());
        }
        let mut transaction = self.store.begin().await?;
        transaction.set_key_set(signer, text).await?;
        transaction.commit().await
    }
}
