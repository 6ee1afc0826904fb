//! Which versions of agreements stood at this node, and when: from the acts in its journal, which are never taken away, and not from
//! what the database holds of agreements now.

use std::collections::BTreeSet;

use serde::Deserialize;
use verbond_agreement::AgreementId;
use verbond_domain::{ParticipantId, ServiceReference, Timestamp};
use verbond_store::{SortOrder, Store, StoreError, records::JournalLine};

use super::AgreementVersion;

/// Acts that are read at once.
const PAGE: i64 = 1000;

/// Every version that this node ever held, from when until when.
pub struct AgreementHistory(Vec<Stood>);

/// A version that stood here.
pub struct Stood {
    /// Its hash.
    pub hash: String,
    /// The identifier that all versions share.
    pub agreement: AgreementId,
    /// Its number.
    pub version: u32,
    /// When it came here.
    from: Timestamp,
    /// When it was first offered, from when on what is decided on holds it.
    pub offered: Option<Timestamp>,
    /// When it was taken away, or another draft took its place.
    until: Option<Timestamp>,
    /// What it says; `None`: it is not held any more.
    pub document: Option<Known>,
}

/// What of a document is looked at.
pub struct Known {
    /// Who receives from which service.
    pairs: BTreeSet<(ParticipantId, ServiceReference)>,
    ends: Timestamp,
}

#[derive(Deserialize)]
struct Act {
    action: String,
    subject: String,
    #[serde(default)]
    detail: serde_json::Value,
}

#[derive(Deserialize)]
struct Numbered {
    agreement: AgreementId,
    version: u32,
}

impl AgreementHistory {
    /// Reads all acts, and the documents of the versions that they name.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn read(store: &Store) -> Result<Self, StoreError> {
        let mut history = Self(Vec::new());
        let mut cursor = None;
        loop {
            let page =
                store.journal_lines(Some("act"), cursor.as_deref(), PAGE, SortOrder::Ascending).await?;
            for line in &page.items {
                history.take(line);
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        for stood in &mut history.0 {
            stood.document = store.agreement(&stood.hash).await?.and_then(|row| {
                let version = AgreementVersion::read(row).ok()?;
                (version.document.hash().ok()?.to_string() == stood.hash).then(|| known(&version))
            });
        }
        Ok(history)
    }

    fn take(&mut self, line: &JournalLine) {
        let Ok(act) = Act::deserialize(&line.payload) else { return };
        match act.action.as_str() {
            "agreement.draft" | "agreement.receive" => {
                if let Ok(Numbered { agreement, version }) = Numbered::deserialize(&act.detail) {
                    self.begin(act.subject, agreement, version, line.at);
                }
            }
            "agreement.advise" => {
                let before = act.detail.get("draft").and_then(serde_json::Value::as_str);
                let before = before.and_then(|hash| self.0.iter().rfind(|stood| stood.hash == hash));
                if let Some((agreement, version)) = before.map(|stood| (stood.agreement, stood.version)) {
                    self.begin(act.subject, agreement, version, line.at);
                }
            }
            "agreement.offered" => {
                for stood in self.0.iter_mut().filter(|stood| stood.hash == act.subject) {
                    stood.offered.get_or_insert(line.at);
                }
            }
            "agreement.discard" => self.end(|stood| stood.hash == act.subject, line.at),
            _ => {}
        }
    }

    /// A version came; a draft of the same number ends, whose place it took.
    fn begin(&mut self, hash: String, agreement: AgreementId, version: u32, at: Timestamp) {
        self.end(|stood| stood.agreement == agreement && stood.version == version, at);
        self.0.push(Stood { hash, agreement, version, from: at, offered: None, until: None, document: None });
    }

    fn end(&mut self, is_meant: impl Fn(&Stood) -> bool, at: Timestamp) {
        for stood in self.0.iter_mut().filter(|stood| stood.until.is_none() && is_meant(stood)) {
            stood.until = Some(at);
        }
    }

    /// Versions that stood at a moment and under which a participant receives from a service, or of which that cannot be told because
    /// the document is not held any more. An agreement of which each version's term was over is none of them.
    pub fn at(
        &self,
        moment: Timestamp,
        named: Option<AgreementId>,
        participant: &ParticipantId,
        service: &ServiceReference,
    ) -> Vec<&Stood> {
        let stands = |stood: &&Stood| {
            stood.from <= moment
                && stood.until.is_none_or(|until| until > moment)
                && named.is_none_or(|id| id == stood.agreement)
        };
        let pair = (participant.clone(), service.clone());
        let running = |id: AgreementId| {
            let mut versions = self.0.iter().filter(stands).filter(|stood| stood.agreement == id);
            versions.any(|stood| stood.document.as_ref().is_none_or(|known| known.ends > moment))
        };
        let may_cover =
            |stood: &&Stood| stood.document.as_ref().is_none_or(|known| known.pairs.contains(&pair));
        let found = self.0.iter().filter(stands).filter(may_cover);
        found.filter(|stood| running(stood.agreement)).collect()
    }
}

fn known(version: &AgreementVersion) -> Known {
    let clauses = version.document.clauses.iter();
    let pairs = clauses.flat_map(|clause| {
        clause.receivers.iter().map(|one| (one.participant.clone(), clause.service.clone()))
    });
    Known { pairs: pairs.collect(), ends: version.document.term.until.timestamp() }
}
