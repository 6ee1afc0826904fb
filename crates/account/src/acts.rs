//! Which acts evidence of an exchange needs: those that certify the journal's keys, declared its service open or governed, gave
//! those who signed and advised their keys and roles, and took in what parties stated (docs/formats/evidence.md).

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use verbond_agreement::{Agreement, StatementStep};
use verbond_application::{OpContext, agreements::Envelope, database_problem};
use verbond_domain::{Direction, ParticipantId, Problem};
use verbond_journal::{Act, Entry, Permit};
use verbond_store::{
    agreements::{AgreementRow, StepRow},
    checkpoints::CheckpointRow,
    tree::TreeEntry,
};
use verbond_trust::PublicKeyThumbprint;

use crate::evidence::{PAGE, payload};

/// The statement that an act took in, if it is an act about an agreement.
pub(crate) fn statement_in(act: &Act) -> Option<&str> {
    act.action.starts_with("agreement.").then_some(())?;
    act.detail.get("statement")?.as_str()
}

/// How long before a checkpoint a statement may have come of which the act stands behind that checkpoint, in milliseconds.
const SEQUENCED: i64 = 10 * 60 * 1000;

/// The statements about agreements that acts took in.
#[derive(Debug, Default)]
pub(crate) struct TakenIn {
    /// The signature of each, which no two share.
    signatures: BTreeSet<String>,
}

impl TakenIn {
    pub(crate) fn take_entry(&mut self, kind: &str, payload: &str) {
        if kind != "act" || !payload.contains("\"statement\"") {
            return;
        }
        let Ok(Entry::Act(act)) = serde_json::from_str(payload) else { return };
        self.signatures.extend(statement_in(&act).and_then(signature).map(str::to_owned));
    }

    /// Whether the act that took a statement in stands below a checkpoint. What came long before it does, also where that act can no
    /// longer be read.
    pub(crate) fn stands_below(
        &self,
        checkpoint: &CheckpointRow,
        step: &StepRow,
        envelope: &Envelope,
    ) -> bool {
        let is_old = step.at.millis().saturating_add(SEQUENCED) < checkpoint.signed_at.millis();
        is_old || signature(&envelope.statement).is_some_and(|signature| self.signatures.contains(signature))
    }
}

/// The last part of a compact JWS.
fn signature(statement: &str) -> Option<&str> {
    statement.rsplit('.').next()
}

/// What acts are needed about.
#[derive(Debug, Default)]
pub(crate) struct Needed {
    /// Names of own services.
    services: BTreeSet<String>,
    /// Applications, each with a service of another participant that it used.
    used: BTreeSet<(String, String)>,
    /// Thumbprints of keys of own signatories and officers.
    keys: BTreeSet<String>,
    /// Hashes of versions of agreements.
    versions: BTreeSet<String>,
}

impl Needed {
    /// Takes in the permits among the entries of an exchange.
    pub(crate) fn take_entries(&mut self, about: &[TreeEntry]) {
        for entry in about {
            if let Some(Entry::Permit(permit)) = payload(entry) {
                self.take_permit(&permit);
            }
        }
    }

    fn take_permit(&mut self, permit: &Permit) {
        let service = permit.parties.service.as_str();
        match (permit.direction, &permit.application) {
            (Direction::Incoming, _) => drop(self.services.insert(service.to_owned())),
            (Direction::Outgoing, Some(application)) => {
                let service = format!("{}/{service}", permit.parties.provider);
                self.used.insert((application.clone(), service));
            }
            (Direction::Outgoing, None) => {}
        }
    }

    /// Takes in a version: the keys with which this participant's people signed and advised, and what was stated.
    pub(crate) fn take_version(&mut self, row: &AgreementRow, own: &ParticipantId) {
        self.versions.insert(row.hash.clone());
        let statements =
            row.steps.iter().filter_map(|step| serde_json::from_str::<Envelope>(&step.detail).ok());
        let statements = statements.filter_map(|envelope| envelope.unverified());
        let signed = statements.filter(|statement| statement.participant == *own).filter_map(|statement| {
            match statement.step {
                StatementStep::Signed(by) => Some(by.key),
                _ => None,
            }
        });
        let document = Agreement::parse(row.document.as_bytes()).ok();
        let advice = document.into_iter().flat_map(|document| document.advice);
        let advised = advice.filter(|one| one.participant == *own).filter_map(|one| one.act);
        let advised = advised.map(|act| act.key.as_str().to_owned());
        let keys = signed.chain(advised).filter_map(|key| URL_SAFE_NO_PAD.decode(key).ok());
        self.keys.extend(keys.map(|key| PublicKeyThumbprint::of(&key).to_string()));
    }

    /// Whether an act may be needed; which of these are shows when all are there.
    fn may_need(&self, act: &Act) -> bool {
        let application = || act.detail.get("application").and_then(|name| name.as_str());
        match act.action.as_str() {
            "journal.key" | "journal.continue" | "journal.loss" => true,
            "service.put" | "service.class-decided" | "service.remove" | "service.governed" => {
                self.services.contains(&act.subject)
            }
            "application.bind" | "application.unbind" => {
                application().is_some_and(|name| self.used.iter().any(|(used_by, _)| used_by == name))
            }
            "application.remove" => self.used.iter().any(|(used_by, _)| *used_by == act.subject),
            "person.enrol" | "person.roles" | "person.disable" => !self.keys.is_empty(),
            _ => self.versions.contains(&act.subject) && statement_in(act).is_some(),
        }
    }

    /// The acts below `size` that are needed, in the order of the journal.
    ///
    /// # Errors
    /// A problem with the database.
    pub(crate) async fn acts(&self, context: &OpContext, size: u64) -> Result<Vec<TreeEntry>, Problem> {
        let mut acts = Vec::new();
        let mut from = 0;
        loop {
            let page = context.store.tree_entries_of("act", from, PAGE).await.map_err(database_problem)?;
            let Some(last) = page.last().map(|entry| entry.index) else { break };
            from = last.saturating_add(1);
            let read = page.into_iter().filter(|entry| entry.index < size).filter_map(|entry| {
                let Some(Entry::Act(act)) = payload(&entry) else { return None };
                self.may_need(&act).then_some((entry, act))
            });
            acts.extend(read);
        }
        let names = self.names(&acts);
        let people = self.people(&acts);
        acts.retain(|(_, act)| match act.action.as_str() {
            "application.bind" | "application.unbind" => names.contains(&act.subject),
            "person.enrol" | "person.roles" | "person.disable" => people.contains(&act.subject),
            _ => true,
        });
        Ok(acts.into_iter().map(|(entry, _)| entry).collect())
    }

    /// The names by which applications used the services.
    fn names(&self, acts: &[(TreeEntry, Act)]) -> BTreeSet<String> {
        let text = |act: &Act, member: &str| act.detail.get(member)?.as_str().map(str::to_owned);
        let binds = acts.iter().filter(|(_, act)| act.action == "application.bind");
        let used = binds.filter(|(_, act)| {
            let bound = text(act, "application").zip(text(act, "service"));
            bound.is_some_and(|bound| self.used.contains(&bound))
        });
        used.map(|(_, act)| act.subject.clone()).collect()
    }

    /// The people who ever had one of the keys.
    fn people(&self, acts: &[(TreeEntry, Act)]) -> BTreeSet<String> {
        let enrolled = acts.iter().filter(|(_, act)| {
            let thumbprint = act.detail.get("thumbprint").and_then(|text| text.as_str());
            thumbprint.is_some_and(|thumbprint| self.keys.contains(thumbprint))
        });
        enrolled.map(|(_, act)| act.subject.clone()).collect()
    }
}
