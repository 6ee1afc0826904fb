//! What this participant does with agreements, and what it takes from the others.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use tokio::sync::Mutex;
use verbond_agreement::{Agreement, Prose, SignedBy, Stage, Statement, StatementStep};
use verbond_domain::{Actor, ParticipantId, Problem, Timestamp};
use verbond_store::{
    Transaction,
    agreements::{AgreementRow, StepRow},
};
use verbond_trust::{IdentityHandle, TrustStore, jws, personal};

use super::{
    AgreementVersion, Envelope, Reader, WireJudge,
    advising::{differs_in_advice_only, take_the_place},
    foreign, received, refusals, with_successors,
};
use crate::{
    OpContext,
    context::{database_problem, signing_problem},
};

/// Kinds of messages in the outbox, delivered in this order.
const DOCUMENT: &str = "agreement.document";
const STATEMENT: &str = "agreement.statement";

/// Versions of one other participant on which nothing has been decided yet, at most.
const MOST_UNDECIDED: usize = 100;

/// Where this participant keeps its agreements.
pub struct AgreementOffice {
    /// This participant.
    pub own: ParticipantId,
    /// The coalition that it belongs to.
    pub coalition: String,
    /// With what it signs.
    pub identity: Arc<IdentityHandle>,
    /// By what others' statements are judged.
    pub trust: Arc<TrustStore>,
    /// Reads what versions name.
    pub reader: Arc<dyn Reader>,
    /// Judges what others show of foreign participants.
    pub wire: Arc<dyn WireJudge>,
    /// Where others reach this participant's public registers, if that is known.
    pub public_address: Option<String>,
    /// The directories of the group, the first that are asked to read what a foreign party's node cannot.
    pub directories: Vec<ParticipantId>,
    /// Held from the check of a version until what follows from it stands: of two that may not stand beside each other
    /// the second is checked with the first in sight.
    pub deciding: Mutex<()>,
}

/// What this participant is about to state.
pub(super) struct Stated {
    statement: Statement,
    envelope: Envelope,
}

impl AgreementOffice {
    /// All versions that this node holds, the newest first.
    pub async fn list(&self, context: &OpContext) -> Result<Vec<AgreementVersion>, Problem> {
        let rows = context.store.agreements().await.map_err(database_problem)?;
        let versions = rows.into_iter().map(AgreementVersion::read).collect::<Result<_, _>>();
        versions.map(with_successors).map_err(database_problem)
    }

    /// One version, by its hash.
    pub async fn get(&self, context: &OpContext, hash: &str) -> Result<AgreementVersion, Problem> {
        let row =
            context.store.agreement(hash).await.map_err(database_problem)?.ok_or_else(refusals::unknown)?;
        let versions =
            AgreementVersion::of_agreement(&context.store, &row.agreement).await.map_err(database_problem)?;
        versions.into_iter().find(|version| version.hash == hash).ok_or_else(refusals::unknown)
    }

    /// Takes a document in as a draft of this participant's. The same document once more is the draft that stands.
    pub async fn draft(&self, context: &OpContext, document: &[u8]) -> Result<AgreementVersion, Problem> {
        let document = Agreement::parse(document).map_err(|error| refusals::document(&error))?;
        self.is_ours(&document)?;
        self.store(context, &document, "agreement.draft").await
    }

    /// Takes a draft away.
    pub async fn discard(&self, context: &OpContext, hash: &str) -> Result<(), Problem> {
        let mut transaction = context.store.begin().await.map_err(database_problem)?;
        let version = locked(&mut transaction, hash).await?;
        if version.offered_by().is_some() {
            let step = StatementStep::Offered;
            let error = Statement::about(&version.document, &self.own, context.ambient.now(), step)
                .map_err(|error| refusals::document(&error))?
                .take(version.life);
            return Err(error.err().map_or_else(refusals::unknown, |error| refusals::transition(&error)));
        }
        transaction.delete_agreement(hash).await.map_err(database_problem)?;
        context.record(&mut transaction, "agreement.discard", hash, json!({})).await?;
        transaction.commit().await.map_err(database_problem)
    }

    /// Offers a draft to the other parties, if `check` finds nothing that refuses.
    pub async fn offer(&self, context: &OpContext, hash: &str) -> Result<AgreementVersion, Problem> {
        let _alone = self.must_pass(context, hash, None).await?;
        self.state(context, hash, StatementStep::Offered).await
    }

    /// Signs for this participant, if its own `check` finds nothing that refuses: the signatory has signed the document,
    /// the certificate vouches for the signatory.
    pub async fn sign(
        &self,
        context: &OpContext,
        hash: &str,
        signature: String,
    ) -> Result<AgreementVersion, Problem> {
        let version = self.get(context, hash).await?;
        // Who has brought the draft here does not sign it, whatever roles they may have been given since.
        if version.author == context.actor {
            return Err(refusals::drafter_signs());
        }
        let key = key_of_caller(context).await?;
        let signatory = version.document.signatories.iter().find(|one| one.participant == self.own);
        let signatory = signatory.ok_or_else(refusals::not_a_party)?;
        let signed = SignedBy {
            name: signatory.name.clone(),
            mandate: signatory.mandate.clone(),
            key: URL_SAFE_NO_PAD.encode(key),
            signature,
        };
        received::signs(&version.document, &signed, context.ambient.now())?;
        let _alone = self.must_pass(context, hash, Some(&context.actor)).await?;
        self.state(context, hash, StatementStep::Signed(signed)).await
    }

    /// Says no to what another party offers.
    pub async fn refuse(
        &self,
        context: &OpContext,
        hash: &str,
        reason: Prose,
    ) -> Result<AgreementVersion, Problem> {
        self.state(context, hash, StatementStep::Refused { reason }).await
    }

    /// Takes back what this participant has offered.
    pub async fn withdraw(
        &self,
        context: &OpContext,
        hash: &str,
        reason: Prose,
    ) -> Result<AgreementVersion, Problem> {
        self.state(context, hash, StatementStep::Withdrawn { reason }).await
    }

    /// Holds an agreement up: nothing is exchanged until [`AgreementOffice::resume`].
    pub async fn suspend(
        &self,
        context: &OpContext,
        hash: &str,
        reason: Prose,
    ) -> Result<AgreementVersion, Problem> {
        self.state(context, hash, StatementStep::Suspended { reason }).await
    }

    /// Lets go of what this participant held up.
    pub async fn resume(&self, context: &OpContext, hash: &str) -> Result<AgreementVersion, Problem> {
        self.state(context, hash, StatementStep::Resumed).await
    }

    /// Ends an agreement, for all.
    pub async fn revoke(
        &self,
        context: &OpContext,
        hash: &str,
        reason: Prose,
    ) -> Result<AgreementVersion, Problem> {
        self.state(context, hash, StatementStep::Revoked { reason }).await
    }

    /// Takes in a document that another party sends, as it is. A statement that offers it follows.
    pub async fn receive_document(
        &self,
        context: &OpContext,
        document: &[u8],
    ) -> Result<AgreementVersion, Problem> {
        let document = Agreement::parse_canonical(document).map_err(|error| refusals::document(&error))?;
        self.is_ours(&document)?;
        match &context.actor {
            Actor::Participant { id } if document.party(id).is_some() => self.has_room(context, id).await?,
            _ => return Err(refusals::not_a_party()),
        }
        self.store(context, &document, "agreement.receive").await
    }

    /// Takes in what a party states. The same statement once more changes nothing.
    pub async fn receive_statement(
        &self,
        context: &OpContext,
        hash: &str,
        envelope: Envelope,
    ) -> Result<AgreementVersion, Problem> {
        let now = context.ambient.now();
        let before = self.get(context, hash).await?;
        let statement = envelope.verify(&before.document, &self.trust, now)?;
        if statement.participant == self.own {
            return Err(refusals::statement("what this participant states it states itself"));
        }
        foreign::must_be_shown(self.wire.as_ref(), &before, &statement, now)?;
        if before.statements.iter().any(|(known, _)| *known == statement) {
            return Ok(before);
        }
        let mut transaction = context.store.begin().await.map_err(database_problem)?;
        let version = locked(&mut transaction, hash).await?;
        if version.statements.iter().any(|(known, _)| *known == statement) {
            return Ok(version);
        }
        received::signs_for_one(version.statements.iter().map(|(known, _)| known), &statement)?;
        take(&version, &statement)?;
        foreign::was_foreign(&mut transaction, &self.own, &statement).await?;
        add(&mut transaction, &version, &statement, &envelope, now).await?;
        let action = format!("agreement.{}", statement.step.name());
        let detail = json!({ "participant": statement.participant, "statement": envelope.statement });
        context.record(&mut transaction, &action, hash, detail).await?;
        transaction.commit().await.map_err(database_problem)?;
        self.get(context, hash).await
    }

    /// The versions that another participant is a party to, that have been offered, and whose term is not over.
    pub async fn shared_with(
        &self,
        context: &OpContext,
        participant: &ParticipantId,
        now: Timestamp,
    ) -> Result<Vec<AgreementVersion>, Problem> {
        let shared = |version: &AgreementVersion| {
            version.document.party(participant).is_some()
                && version.offered_by().is_some()
                && version.document.term.until.timestamp() > now
        };
        let versions = AgreementVersion::running(&context.store, now).await.map_err(database_problem)?;
        Ok(versions.into_iter().filter(shared).collect())
    }

    /// The canonical form of a version that has been offered, for another party to it.
    pub async fn document_for(
        &self,
        context: &OpContext,
        participant: &ParticipantId,
        hash: &str,
    ) -> Result<String, Problem> {
        let version = self.get(context, hash).await?;
        match version.document.party(participant).is_some() && version.offered_by().is_some() {
            true => Ok(version.canonical),
            false => Err(refusals::unknown()),
        }
    }

    /// Takes over a version with what has been stated about it, as a counterpart shows it after an absence. Gives how
    /// many statements were new.
    pub async fn adopt(
        &self,
        context: &OpContext,
        document: &str,
        statements: Vec<Envelope>,
    ) -> Result<usize, Problem> {
        let version = self.receive_document(context, document.as_bytes()).await?;
        let mut taken: usize = 0;
        for envelope in statements {
            let known = envelope.unverified().is_some_and(|statement| {
                statement.participant == self.own
                    || version.statements.iter().any(|(known, _)| *known == statement)
            });
            if !known {
                self.receive_statement(context, &version.hash, envelope).await?;
                taken = taken.saturating_add(1);
            }
        }
        Ok(taken)
    }

    fn is_ours(&self, document: &Agreement) -> Result<(), Problem> {
        document.party(&self.own).ok_or_else(refusals::not_a_party)?;
        match document.coalition.as_str() == self.coalition {
            true => Ok(()),
            false => Err(refusals::other_coalition(&self.coalition)),
        }
    }

    /// One participant cannot fill this node's database with what nobody has decided on.
    async fn has_room(&self, context: &OpContext, submitter: &ParticipantId) -> Result<(), Problem> {
        let now = context.ambient.now();
        let versions = AgreementVersion::running(&context.store, now).await.map_err(database_problem)?;
        let undecided = versions.iter().filter(|version| {
            version.author == Actor::Participant { id: submitter.clone() }
                && matches!(version.stage(now), Stage::Draft | Stage::Offered)
        });
        match undecided.count() < MOST_UNDECIDED {
            true => Ok(()),
            false => Err(refusals::too_many_undecided()),
        }
    }

    async fn store(
        &self,
        context: &OpContext,
        document: &Agreement,
        action: &str,
    ) -> Result<AgreementVersion, Problem> {
        self.succeeds(context, document).await?;
        let row = row_of(document, &context.actor, context)?;
        let detail = json!({ "agreement": document.id, "version": document.version });
        let known = context.store.agreement_versions(&row.agreement).await.map_err(database_problem)?;
        let known = known.into_iter().find(|one| one.version == row.version && one.hash != row.hash);
        let mut transaction = context.store.begin().await.map_err(database_problem)?;
        let draft = match known {
            Some(known) => Some(locked(&mut transaction, &known.hash).await?),
            None => None,
        };
        match draft.filter(|draft| differs_in_advice_only(draft, document)) {
            Some(draft) => {
                take_the_place(&mut transaction, &draft, &row).await?;
                context.record(&mut transaction, action, &row.hash, detail).await?;
            }
            None if transaction.insert_agreement(&row).await.map_err(database_problem)? => {
                context.record(&mut transaction, action, &row.hash, detail).await?;
            }
            None => {}
        }
        transaction.commit().await.map_err(database_problem)?;
        let hash = row.hash;
        let row = context.store.agreement(&hash).await.map_err(database_problem)?;
        AgreementVersion::read(row.ok_or_else(refusals::version_taken)?).map_err(database_problem)
    }

    /// States something as this participant: signed by its certificate, written down with its author, told to the other
    /// parties.
    pub(super) async fn state(
        &self,
        context: &OpContext,
        hash: &str,
        step: StatementStep,
    ) -> Result<AgreementVersion, Problem> {
        let before = self.get(context, hash).await?;
        if binds(&step) || step == StatementStep::Resumed {
            self.still_rests(context, &before.document).await?;
        }
        let stated = self.prepared(context, &before, step).await?;
        let mut transaction = context.store.begin().await.map_err(database_problem)?;
        self.write(context, &mut transaction, hash, &stated).await?;
        transaction.commit().await.map_err(database_problem)?;
        self.get(context, hash).await
    }

    /// A statement of this participant's, signed before the transaction that writes it: the key may lie in a slow device,
    /// and SQLite has one writer.
    pub(super) async fn prepared(
        &self,
        context: &OpContext,
        version: &AgreementVersion,
        step: StatementStep,
    ) -> Result<Stated, Problem> {
        let statement = Statement::about(&version.document, &self.own, context.ambient.now(), step)
            .map_err(|error| refusals::document(&error))?;
        take(version, &statement)?;
        let envelope = self.envelope(&statement).await?;
        Ok(Stated { statement, envelope })
    }

    /// Writes down what this participant states, with its author, and tells the other parties.
    pub(super) async fn write(
        &self,
        context: &OpContext,
        transaction: &mut Transaction,
        hash: &str,
        Stated { statement, envelope }: &Stated,
    ) -> Result<(), Problem> {
        let version = locked(transaction, hash).await?;
        take(&version, statement)?;
        if let StatementStep::AcceptedOnTheWire(seen) = &statement.step {
            foreign::must_be_foreign(transaction, &seen.party).await?;
        }
        add(transaction, &version, statement, envelope, context.ambient.now()).await?;
        let action = format!("agreement.{}", statement.step.name());
        let detail = json!({ "statement": envelope.statement });
        context.record(transaction, &action, hash, detail).await?;
        self.tell(context, transaction, &version, statement, envelope).await
    }

    async fn envelope(&self, statement: &Statement) -> Result<Envelope, Problem> {
        let payload = statement.canonical().map_err(|error| refusals::document(&error))?;
        let identity = self.identity.current();
        let statement = jws::sign(&identity, &payload).await.map_err(|error| {
            tracing::error!(%error, "a statement about an agreement cannot be signed");
            signing_problem()
        })?;
        let chain = identity.chain.iter().map(|der| URL_SAFE_NO_PAD.encode(der)).collect();
        Ok(Envelope { statement, chain })
    }

    /// Puts a statement in the outbox for every other party that speaks the interface among nodes; the document goes before
    /// the statement that offers it.
    async fn tell(
        &self,
        context: &OpContext,
        transaction: &mut Transaction,
        version: &AgreementVersion,
        statement: &Statement,
        envelope: &Envelope,
    ) -> Result<(), Problem> {
        let body = as_text(envelope)?;
        let foreign = transaction.foreign_peers().await.map_err(database_problem)?;
        let others = version.document.parties.iter().map(|party| &party.participant);
        for to in others.filter(|one| **one != self.own && !foreign.contains(*one)) {
            if statement.step == StatementStep::Offered {
                put(context, transaction, to, DOCUMENT, &version.hash, &version.canonical).await?;
            }
            put(context, transaction, to, STATEMENT, &version.hash, &body).await?;
        }
        Ok(())
    }
}

/// Puts a version with all that the others have stated about it in the outbox for one party.
pub(super) async fn bring(
    context: &OpContext,
    transaction: &mut Transaction,
    version: &AgreementVersion,
    to: &ParticipantId,
) -> Result<(), Problem> {
    put(context, transaction, to, DOCUMENT, &version.hash, &version.canonical).await?;
    for (_, envelope) in version.statements.iter().filter(|(statement, _)| statement.participant != *to) {
        put(context, transaction, to, STATEMENT, &version.hash, &as_text(envelope)?).await?;
    }
    Ok(())
}

async fn put(
    context: &OpContext,
    transaction: &mut Transaction,
    to: &ParticipantId,
    kind: &str,
    hash: &str,
    payload: &str,
) -> Result<(), Problem> {
    let (id, now) = (context.ambient.uuid_v7(), context.ambient.now());
    transaction.put_outbox(id, to, kind, hash, payload, now).await.map_err(database_problem)
}

fn as_text(envelope: &Envelope) -> Result<String, Problem> {
    serde_json::to_string(envelope).map_err(|_| refusals::statement("it cannot be written as JSON"))
}

/// A version without statements, as it is stored.
pub(super) fn row_of(
    document: &Agreement,
    author: &Actor,
    context: &OpContext,
) -> Result<AgreementRow, Problem> {
    let unreadable = |error| refusals::document(&error);
    let canonical = document.canonical().map_err(unreadable)?;
    Ok(AgreementRow {
        hash: document.hash().map_err(unreadable)?.to_string(),
        agreement: document.id.to_string(),
        version: document.version.into(),
        document: String::from_utf8_lossy(&canonical).into_owned(),
        author: serde_json::to_string(author).unwrap_or_default(),
        term_until: document.term.until.timestamp(),
        created_at: context.ambient.now(),
        steps: Vec::new(),
    })
}

/// The public key of the person who asks, as enrolled here.
pub(super) async fn key_of_caller(context: &OpContext) -> Result<Vec<u8>, Problem> {
    let Actor::Person { name, .. } = &context.actor else { return Err(refusals::no_person()) };
    let persons = context.store.persons().await.map_err(database_problem)?;
    let person = persons.iter().find(|person| person.name == *name);
    let key = person.and_then(|person| person.key_in_use(context.ambient.now()));
    let key = key.and_then(|key| personal::public_key(&key.certificate).ok());
    key.ok_or_else(refusals::no_person)
}

pub(super) async fn locked(transaction: &mut Transaction, hash: &str) -> Result<AgreementVersion, Problem> {
    let row =
        transaction.lock_agreement(hash).await.map_err(database_problem)?.ok_or_else(refusals::unknown)?;
    AgreementVersion::read(row).map_err(database_problem)
}

/// Whether somebody binds themselves by the step, or is bound.
const fn binds(step: &StatementStep) -> bool {
    matches!(step, StatementStep::Offered | StatementStep::Signed(_) | StatementStep::AcceptedOnTheWire(_))
}

/// Whether the statement may follow what has been stated before.
fn take(version: &AgreementVersion, statement: &Statement) -> Result<(), Problem> {
    let life = version.life.clone();
    let binds = binds(&statement.step);
    let (begin, stage) = (version.document.term.from.timestamp(), version.stage(statement.at.timestamp()));
    // The moment of a handover is one that all parties knew beforehand, so that they switch together.
    if binds && version.document.replaces.is_some() && statement.at.timestamp() >= begin {
        return Err(refusals::handover());
    }
    if binds && stage == Stage::Replaced {
        return Err(refusals::superseded());
    }
    let after = statement.take(life).map_err(|error| refusals::transition(&error))?;
    let taken_back_by_another = matches!(statement.step, StatementStep::Withdrawn { .. })
        && version.offered_by() != Some(&statement.participant);
    // A term that is over leaves nothing to state.
    let over = stage == Stage::Expired;
    match taken_back_by_another || over || after.stage_at(statement.at.timestamp()) == Stage::Expired {
        true => Err(refusals::statement("its term is over, or only who has offered it may take it back")),
        false => Ok(()),
    }
}

async fn add(
    transaction: &mut Transaction,
    version: &AgreementVersion,
    statement: &Statement,
    envelope: &Envelope,
    now: Timestamp,
) -> Result<(), Problem> {
    let step = StepRow {
        step: statement.step.name().to_owned(),
        participant: statement.participant.clone(),
        detail: as_text(envelope)?,
        at: now,
    };
    transaction.add_agreement_step(&version.hash, &step).await.map_err(database_problem)
}
