//! The check of a version by what this node knows, and the gate that it is: nothing is offered or signed while it finds
//! something that refuses. There is no way round it.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::sync::MutexGuard;
use verbond_agreement::{
    Agreement, DocumentHash, PublishedActivity, RegisterContent, RegisterKind, Stage, StatementStep,
    Versioned,
    check::{
        ActivityReading, AssessmentReading, CheckContext, Credential, Drafter, Finding, OwnPublication,
        check, may_be_offered,
    },
};
use verbond_domain::{Actor, ParticipantId, Problem, Timestamp};
use verbond_store::{interfaces::Interface, readings::ReadingRow};

use super::{
    AgreementOffice, AgreementVersion,
    foreign::among,
    reading::{self, Outcome},
    refusals,
};
use crate::{OpContext, context::database_problem, registers};

impl AgreementOffice {
    /// What `check` finds in a version, by what this node knows and by what has been read for it
    /// ([`AgreementOffice::read_sources`]).
    ///
    /// # Errors
    /// When the version is unknown or the database fails.
    pub async fn check(&self, context: &OpContext, hash: &str) -> Result<Vec<Finding>, Problem> {
        let version = self.get(context, hash).await?;
        self.findings(context, &version, None).await
    }

    /// Reads anew what the version names, and refuses while something in it refuses. No other version is decided on until
    /// what is given back is dropped.
    ///
    /// # Errors
    /// The refusal, with what was found.
    pub(super) async fn must_pass(
        &self,
        context: &OpContext,
        hash: &str,
        signatory: Option<&Actor>,
    ) -> Result<MutexGuard<'_, ()>, Problem> {
        let document = self.get(context, hash).await?.document;
        self.foreign_parties(context, &document).await?;
        self.read_sources(context, hash).await?;
        let alone = self.deciding.lock().await;
        let version = self.get(context, hash).await?;
        let findings = self.findings(context, &version, signatory.and_then(credential)).await?;
        match may_be_offered(&findings) {
            true => Ok(alone),
            false => Err(refusals::findings(&findings)),
        }
    }

    async fn findings(
        &self,
        context: &OpContext,
        version: &AgreementVersion,
        signatory: Option<Credential>,
    ) -> Result<Vec<Finding>, Problem> {
        let now = context.ambient.now();
        let coalition = self.coalition.parse().map_err(|_| refusals::other_coalition(&self.coalition))?;
        let mut known = CheckContext::new(now, coalition);
        known.own =
            self.public_address.clone().map(|base| OwnPublication { participant: self.own.clone(), base });
        for entry in registers::list(context, RegisterKind::Service).await? {
            if let RegisterContent::Service(service) = entry.content {
                known.services.push((self.own.clone(), *service));
            }
        }
        if let (Some(credential), Actor::Person { name, .. }) = (credential(&version.author), &version.author)
        {
            known.drafter = name.as_str().parse().ok().map(|name| Drafter { credential, name });
        }
        known.advice = self.advice_given(context, &version.document).await?;
        self.assessments(context, &mut known).await?;
        known.foreign =
            among(&version.document, &context.store.foreign_peers().await.map_err(database_problem)?);
        let spoken = context.store.peer_interfaces().await.map_err(database_problem)?;
        let takes_none =
            |party: &&ParticipantId| spoken.get(*party) == Some(&Interface::ForeignWithoutProperties);
        known.without_properties = known.foreign.iter().filter(takes_none).cloned().collect();
        let elsewhere = version.document.signed_elsewhere.iter();
        known.named_elsewhere.extend(elsewhere.flat_map(|one| one.activities.iter().copied()));
        let own = self.own_activities(context).await?;
        let rows = context.store.agreement_readings(&version.hash).await.map_err(database_problem)?;
        read(&rows, own, &mut known);
        for other in AgreementVersion::running(&context.store, now).await.map_err(database_problem)? {
            if other.document.id != version.document.id && is_standing(&other, now) {
                known.others.push(Agreement::clone(&other.document));
            }
        }
        for (statement, _) in &version.statements {
            if let StatementStep::Signed(signed) = &statement.step
                && let Ok(key) = URL_SAFE_NO_PAD.decode(&signed.key)
            {
                known.signatories.insert(statement.participant.clone(), of_key(&key));
            }
        }
        if let Some(signatory) = signatory {
            known.signatories.insert(self.own.clone(), signatory);
        }
        Ok(check(&version.document, &known))
    }

    /// This party's assessments, each with who stands behind it.
    async fn assessments(&self, context: &OpContext, known: &mut CheckContext) -> Result<(), Problem> {
        let register = RegisterKind::Assessment;
        let confirmed =
            context.store.register_confirmations(register.as_str()).await.map_err(database_problem)?;
        for entry in registers::list(context, register).await? {
            let recorded_by = credential(&entry.author);
            let entry_confirmed = confirmed
                .iter()
                .filter(|one| one.name == entry.name.as_str() && one.version == i64::from(entry.version));
            let by = entry_confirmed.map(|one| Credential(one.thumbprint.clone()));
            // One person counts once: whoever wrote it down or drafted is not somebody else.
            let mut by: Vec<_> = by.filter(|one| Some(one) != recorded_by.as_ref()).collect();
            by.sort_by_key(|one| known.drafter.as_ref().is_some_and(|drafter| drafter.credential == *one));
            if let RegisterContent::Assessment(assessment) = entry.content {
                known.assessments.push(AssessmentReading {
                    party: self.own.clone(),
                    entry: Versioned { name: entry.name, version: entry.version },
                    assessment: *assessment,
                    recorded_by,
                    confirmed_by: by.into_iter().next(),
                });
            }
        }
        Ok(())
    }

    /// What this party publishes itself, by its hash: others have read it, and this node may not reach its own address.
    async fn own_activities(
        &self,
        context: &OpContext,
    ) -> Result<BTreeMap<DocumentHash, PublishedActivity>, Problem> {
        let published = crate::publication::list(&context.store, RegisterKind::Activity).await?;
        let parsed = published.iter().filter_map(|one| PublishedActivity::parse(&one.bytes).ok());
        Ok(parsed.map(|(activity, hash)| (hash, activity)).collect())
    }
}

/// What nodes have read, as `check` takes it.
fn read(
    rows: &[ReadingRow],
    mut contents: BTreeMap<DocumentHash, PublishedActivity>,
    known: &mut CheckContext,
) {
    for row in rows.iter().filter(|row| row.kind == RegisterKind::Activity.as_str()) {
        let parsed = row.content.as_ref().map(|content| PublishedActivity::parse(content.as_bytes()));
        if let Some(Ok((activity, hash))) = parsed {
            contents.insert(hash, activity);
        }
    }
    for row in rows {
        if row.kind == RegisterKind::Algorithm.as_str() {
            known.algorithms.extend(reading::algorithm(row));
            continue;
        }
        let (open, closed) = (row.outcome == Outcome::Read.as_str(), row.outcome == Outcome::Closed.as_str());
        let Ok(url) = row.url.parse() else { continue };
        let hash = row.content_hash.as_deref().and_then(|hash| hash.parse().ok());
        let hash = match (open, closed, hash) {
            (true, _, Some(hash)) => hash,
            (_, true, _) => DocumentHash::of(&[]),
            _ => continue,
        };
        // What another has read and this node has not: nothing is known of it but the hash.
        let content = contents.get(&hash).cloned().unwrap_or(PublishedActivity::NameOnly { article: None });
        known.activities.push(ActivityReading {
            url,
            read_by: row.reader.clone(),
            without_credentials: open,
            hash,
            content,
        });
    }
}

/// Whether a version is offered, signed or in force: a draft, or what has ended, asks nothing.
fn is_standing(version: &AgreementVersion, now: Timestamp) -> bool {
    matches!(version.stage(now), Stage::Offered | Stage::Signed | Stage::Suspended)
}

/// By what the author of something is known, if it is a person.
fn credential(author: &Actor) -> Option<Credential> {
    match author {
        Actor::Person { thumbprint, .. } => Some(Credential(thumbprint.clone())),
        _ => None,
    }
}

/// By what the holder of a public key is known.
pub(super) fn of_key(key: &[u8]) -> Credential {
    Credential(digest(&SHA256, key).as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}
