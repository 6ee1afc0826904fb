//! Deciding on an exchange and recording the decision before anything of it moves.

use verbond_domain::{ClassDeclaration, Problem, ServiceClass, TransactionId};
use verbond_journal::{AppendError, Entry, EntryId, Journal, Permit, RefusedExchange};

/// Why an exchange may take place. There is one way to get it: [`decide`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ground(GroundKind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GroundKind {
    /// A steward has declared that the service holds no personal or confidential data.
    OpenService,
}

/// Decides on the class of the service, as declared by the deciding side's own steward. A governed service answers
/// only under an agreement in force, and there are none yet: everything to it is refused. Undeclared is governed.
pub fn decide(declaration: Option<&ClassDeclaration>) -> Result<Ground, Problem> {
    match declaration.map(|declaration| declaration.class) {
        Some(ServiceClass::Open) => Ok(Ground(GroundKind::OpenService)),
        Some(ServiceClass::Governed) => Err(ground_missing()),
        None => Err(ground_missing().next(
            "Laat de gegevensbeheerder de dienst beoordelen en als open verklaren, of sluit een gegevensafspraak.",
            "Have the data steward assess the service and declare it open, or conclude an agreement.",
        )),
    }
}

fn ground_missing() -> Problem {
    Problem::new(
        "GROUND_MISSING",
        403,
        "Deze dienst levert alleen onder een gegevensafspraak die van kracht is, en die is er niet.",
        "This service answers only under an agreement in force, and there is none.",
    )
    .next("Sluit een gegevensafspraak met de andere partij.", "Conclude an agreement with the other party.")
}

/// Proof that the permit of one exchange is durable. What forwards asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Permitted {
    entry: EntryId,
    transaction_id: TransactionId,
}

impl Permitted {
    /// The journal entry that holds the permit.
    pub const fn entry(&self) -> EntryId {
        self.entry
    }

    /// The exchange.
    pub const fn transaction_id(&self) -> TransactionId {
        self.transaction_id
    }
}

/// Writes decisions on exchanges to the journal.
#[derive(Clone)]
pub struct Exchanges {
    journal: Journal,
}

impl Exchanges {
    /// On this journal.
    pub const fn new(journal: Journal) -> Self {
        Self { journal }
    }

    /// Writes the permit and returns when it is durable. What could not be written comes back, so that the refusal that
    /// follows can say what it was about.
    pub async fn permit(
        &self,
        _ground: Ground,
        permit: Permit,
    ) -> Result<Permitted, Box<(AppendError, Permit)>> {
        let transaction_id = permit.transaction_id;
        let entry = Entry::Permit(permit);
        match (self.journal.append(&entry).await, entry) {
            (Ok(entry), _) => Ok(Permitted { entry, transaction_id }),
            (Err(error), Entry::Permit(permit)) => Err(Box::new((error, permit))),
            (Err(_), Entry::Refusal(_) | Entry::Act(_)) => unreachable!("the entry is the permit from above"),
        }
    }

    /// Writes a refusal of a caller who is known.
    pub async fn refuse(&self, refusal: RefusedExchange) -> Result<EntryId, AppendError> {
        self.journal.append(&Entry::Refusal(refusal)).await
    }
}

#[cfg(test)]
mod tests {
    use verbond_domain::{Actor, Timestamp};

    use super::*;

    fn declared(class: ServiceClass) -> ClassDeclaration {
        ClassDeclaration {
            class,
            steward: "A. Steward".to_owned(),
            reason: "synthetic".to_owned(),
            declared_at: Timestamp::from_millis(0),
            declared_by: Actor::Operator,
        }
    }

    #[test]
    fn only_what_a_steward_has_declared_open_answers_without_an_agreement() {
        assert!(decide(Some(&declared(ServiceClass::Open))).is_ok());
        for declaration in [Some(declared(ServiceClass::Governed)), None] {
            let refused = decide(declaration.as_ref()).map_err(|problem| (problem.code, problem.status));
            assert_eq!(refused, Err(("GROUND_MISSING", 403)));
        }
    }
}
