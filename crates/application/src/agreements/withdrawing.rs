//! Withdrawing a ground, a provision of law or an assessment: what rests on it is found first, and then all of it stops.

use serde_json::json;
use verbond_agreement::{
    Agreement, Basis, Day, EntryName, LawIdentifier, Line, Prose, RegisterContent, RegisterKind,
    RestingClause, Stage, StatementStep,
};
use verbond_domain::{Actor, ParticipantId, Problem, Timestamp};
use verbond_store::{StoreError, withdrawals::WithdrawalRow};

use super::{AgreementOffice, AgreementVersion, refusals};
use crate::{OpContext, context::database_problem, registers};

/// How often is looked for what was signed while the withdrawal was written.
const LOOKS: usize = 3;

/// What somebody means to withdraw.
#[derive(Clone, Debug)]
pub enum BasisAsked {
    /// An entry of a register; without a version all that there are now.
    Entry {
        /// Grounds or assessments.
        register: RegisterKind,
        /// The entry.
        name: EntryName,
        /// One version of it.
        version: Option<u32>,
    },
    /// A provision of law.
    Article {
        /// Which law.
        law: LawIdentifier,
        /// The article; none: the whole law.
        article: Option<Line>,
        /// As it read on this day; none: however it read.
        version: Option<Day>,
    },
}

/// What becomes of a version when that on which it rests is withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// It may not be offered any more.
    NotOffered,
    /// This participant takes its offer back.
    TakenBack,
    /// This participant says no.
    Refused,
    /// This participant ends it, for all.
    Revoked,
}

impl Consequence {
    /// As shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotOffered => "not_offered",
            Self::TakenBack => "taken_back",
            Self::Refused => "refused",
            Self::Revoked => "revoked",
        }
    }

    pub(super) fn of(version: &AgreementVersion, own: &ParticipantId, now: Timestamp) -> Option<Self> {
        match version.stage(now) {
            Stage::Draft => Some(Self::NotOffered),
            Stage::Offered if version.offered_by() == Some(own) => Some(Self::TakenBack),
            Stage::Offered => Some(Self::Refused),
            // Under one that was replaced a stream may still run.
            Stage::Signed | Stage::Suspended | Stage::Replaced => Some(Self::Revoked),
            Stage::Refused | Stage::Withdrawn | Stage::Revoked | Stage::Expired => None,
        }
    }

    pub(super) fn step(self, reason: Prose) -> Option<StatementStep> {
        match self {
            Self::NotOffered => None,
            Self::TakenBack => Some(StatementStep::Withdrawn { reason }),
            Self::Refused => Some(StatementStep::Refused { reason }),
            Self::Revoked => Some(StatementStep::Revoked { reason }),
        }
    }
}

/// A version that rests on something.
pub struct Resting {
    /// The version.
    pub version: AgreementVersion,
    /// Its clauses that do.
    pub clauses: Vec<RestingClause>,
    /// What becomes of it.
    pub then: Consequence,
}

/// Something that was withdrawn.
pub struct Withdrawal {
    /// What.
    pub basis: Basis,
    /// Why.
    pub reason: String,
    /// Who did.
    pub author: Actor,
    /// When.
    pub at: Timestamp,
}

impl AgreementOffice {
    /// What is meant, exactly: of an entry the versions that there are now, in the register or in a document.
    pub async fn basis(&self, context: &OpContext, asked: BasisAsked) -> Result<Basis, Problem> {
        let (register, name, version) = match asked {
            BasisAsked::Article { law, article, version } => {
                return Ok(Basis::Article { law, article, version });
            }
            BasisAsked::Entry { register, name, version } => (register, name, version),
        };
        let of = |first, last| match register {
            RegisterKind::Ground => Some(Basis::Ground { name: name.clone(), first, last }),
            RegisterKind::Assessment => Some(Basis::Assessment { name: name.clone(), first, last }),
            RegisterKind::Activity | RegisterKind::Service | RegisterKind::Algorithm => None,
        };
        let rows = context
            .store
            .register_versions(register.as_str(), name.as_str())
            .await
            .map_err(database_problem)?;
        let newest = rows.first().and_then(|row| u32::try_from(row.version).ok());
        let all = of(1, u32::MAX).ok_or_else(refusals::not_withdrawable)?;
        let rests = self.resting(context, &all).await?;
        if newest.is_none() && rests.is_empty() {
            return Err(registers::unknown(register, &name));
        }
        let named = rests.iter().flat_map(|one| versions_named(&one.version.document, register, &name));
        let last = named.chain(newest).max().unwrap_or(1);
        let (first, last) = version.map_or((1, last), |version| (version, version));
        of(first, last).ok_or_else(refusals::not_withdrawable)
    }

    /// The versions of agreements that have not ended and rest on this at this participant, and what becomes of each when it
    /// is withdrawn.
    pub async fn resting(&self, context: &OpContext, basis: &Basis) -> Result<Vec<Resting>, Problem> {
        let now = context.ambient.now();
        let versions = AgreementVersion::running(&context.store, now).await.map_err(database_problem)?;
        let resting = versions.into_iter().filter_map(|version| {
            let clauses = basis.rests(&version.document, &self.own);
            let then = Consequence::of(&version, &self.own, now)?;
            (!clauses.is_empty()).then_some(Resting { version, clauses, then })
        });
        Ok(resting.collect())
    }

    /// Withdraws it: ends the entries, and stops all that rests on it, in one transaction. Gives what rested on it.
    pub async fn withdraw_basis(
        &self,
        context: &OpContext,
        basis: &Basis,
        reason: Prose,
    ) -> Result<Vec<Resting>, Problem> {
        // Nobody offers or signs at this node meanwhile.
        let _alone = self.deciding.lock().await;
        let mut stopped = Vec::new();
        for look in 0..LOOKS {
            let resting = self.resting(context, basis).await?;
            let mut stated = Vec::new();
            for one in &resting {
                if let Some(step) = one.then.step(reason.clone()) {
                    stated.push((&one.version.hash, self.prepared(context, &one.version, step).await?));
                }
            }
            if look > 0 && stated.is_empty() {
                break;
            }
            let ended = if look == 0 { self.entries(context, basis).await? } else { Vec::new() };
            let mut transaction = context.store.begin().await.map_err(database_problem)?;
            if look == 0 {
                let now = context.ambient.now();
                for (register, name) in &ended {
                    let (register, name) = (register.as_str(), name.as_str());
                    transaction.end_register_entry(register, name, now).await.map_err(database_problem)?;
                }
                let id = context.ambient.uuid_v7().to_string();
                let agreements: Vec<&str> = resting.iter().map(|one| one.version.hash.as_str()).collect();
                let row = WithdrawalRow {
                    id: id.clone(),
                    basis: serde_json::to_string(basis).map_err(|_| refusals::not_withdrawable())?,
                    reason: reason.to_string(),
                    author: serde_json::to_string(&context.actor).unwrap_or_default(),
                    at: now,
                };
                transaction.put_withdrawal(&row).await.map_err(database_problem)?;
                let detail = json!({ "basis": basis, "reason": reason, "agreements": agreements });
                context.record(&mut transaction, "basis.withdraw", &id, detail).await?;
            }
            for (hash, stated) in &stated {
                self.write(context, &mut transaction, hash, stated).await?;
            }
            transaction.commit().await.map_err(database_problem)?;
            stopped
                .extend(resting.into_iter().filter(|one| look == 0 || one.then != Consequence::NotOffered));
        }
        Ok(stopped)
    }

    /// All that has been withdrawn, the oldest first.
    pub async fn withdrawals(&self, context: &OpContext) -> Result<Vec<Withdrawal>, Problem> {
        let damaged = || database_problem(StoreError::Damaged("a withdrawal".to_owned()));
        let rows = context.store.withdrawals().await.map_err(database_problem)?;
        let read = |row: WithdrawalRow| {
            let basis = serde_json::from_str(&row.basis).ok()?;
            let author = serde_json::from_str(&row.author).ok()?;
            Some(Withdrawal { basis, reason: row.reason, author, at: row.at })
        };
        rows.into_iter().map(|row| read(row).ok_or_else(damaged)).collect()
    }

    /// Whether a document rests on nothing that this participant has withdrawn.
    pub(super) async fn still_rests(&self, context: &OpContext, document: &Agreement) -> Result<(), Problem> {
        for withdrawal in self.withdrawals(context).await? {
            if let Some(resting) = withdrawal.basis.rests(document, &self.own).first() {
                return Err(refusals::basis_withdrawn(&resting.clause));
            }
        }
        Ok(())
    }

    /// The entries of this participant's registers that end with it.
    async fn entries(
        &self,
        context: &OpContext,
        basis: &Basis,
    ) -> Result<Vec<(RegisterKind, EntryName)>, Problem> {
        let register = match basis {
            Basis::Assessment { .. } => RegisterKind::Assessment,
            Basis::Ground { .. } | Basis::Article { .. } => RegisterKind::Ground,
        };
        let entries = registers::list(context, register).await?;
        let ends = entries.into_iter().filter(|entry| match (basis, &entry.content) {
            (Basis::Ground { name, first, last } | Basis::Assessment { name, first, last }, _) => {
                entry.name == *name && (*first..=*last).contains(&entry.version)
            }
            (Basis::Article { .. }, RegisterContent::Ground(ground)) => basis.is_cited(ground),
            (Basis::Article { .. }, _) => false,
        });
        Ok(ends.map(|entry| (register, entry.name)).collect())
    }
}

/// The versions of an entry that a document names.
fn versions_named(document: &Agreement, register: RegisterKind, name: &EntryName) -> Vec<u32> {
    let sides = document.clauses.iter().flat_map(|clause| {
        std::iter::once(&clause.provider).chain(clause.receivers.iter().map(|receiver| &receiver.side))
    });
    let grounds = sides.filter_map(|side| side.ground.as_ref()).map(|ground| &ground.entry);
    let assessments = document.assessments.iter().map(|one| &one.entry);
    let entries: Vec<_> = match register {
        RegisterKind::Assessment => assessments.collect(),
        _ => grounds.collect(),
    };
    entries.into_iter().filter(|entry| entry.name == *name).map(|entry| entry.version).collect()
}
