//! A clause and its sides as the rules look at them: with who it is, where it stands, and how grave the data is.

use verbond_domain::{ParticipantId, Timestamp};

use super::finding::Words;
use crate::{Agreement, Clause, Operation, PartyRole, Sensitivity, Side};

/// A clause where it stands.
#[derive(Clone, Copy)]
pub(super) struct ClauseView<'a> {
    pub(super) agreement: &'a Agreement,
    pub(super) clause: &'a Clause,
    number: usize,
}

/// What one party answers for in a clause, where it stands.
#[derive(Clone)]
pub(super) struct SideView<'a> {
    pub(super) of: ClauseView<'a>,
    pub(super) side: &'a Side,
    pub(super) participant: &'a ParticipantId,
    pub(super) receives: bool,
    pub(super) pointer: String,
}

/// All clauses of an agreement.
pub(super) fn clauses(agreement: &Agreement) -> impl Iterator<Item = ClauseView<'_>> {
    agreement.clauses.iter().enumerate().map(|(number, clause)| ClauseView { agreement, clause, number })
}

impl<'a> ClauseView<'a> {
    /// Where the clause stands.
    pub(super) fn pointer(&self) -> String {
        format!("/clauses/{}", self.number)
    }

    /// Its operations, each with where it stands.
    pub(super) fn operations(&self) -> impl Iterator<Item = (&'a Operation, String)> + use<'a> {
        let pointer = self.pointer();
        let at = move |(number, operation)| (operation, format!("{pointer}/operations/{number}"));
        self.clause.operations.iter().enumerate().map(at)
    }

    /// The provider's side and the receivers'.
    pub(super) fn sides(&self) -> Vec<SideView<'a>> {
        let provider = SideView {
            of: *self,
            side: &self.clause.provider,
            participant: &self.clause.service.provider,
            receives: false,
            pointer: format!("{}/provider", self.pointer()),
        };
        let receivers = self.clause.receivers.iter().enumerate().map(|(number, receiver)| SideView {
            of: *self,
            side: &receiver.side,
            participant: &receiver.participant,
            receives: true,
            pointer: format!("{}/receivers/{number}/side", self.pointer()),
        });
        std::iter::once(provider).chain(receivers).collect()
    }

    /// The receivers' sides.
    pub(super) fn receivers(&self) -> Vec<SideView<'a>> {
        self.sides().into_iter().filter(|side| side.receives).collect()
    }

    /// What is delivered and is as grave as asked: paths, and operations that give their whole document.
    pub(super) fn delivered(&self, grave: impl Fn(Sensitivity) -> bool) -> Vec<String> {
        let mut found = Vec::new();
        for operation in &self.clause.operations {
            let elements = operation.exchanged().filter(|one| grave(one.sensitivity));
            found.extend(elements.map(|one| format!("`{}`", one.path)));
            let whole = operation.whole_document.iter().filter(|one| grave(one.sensitivity));
            found.extend(whole.map(|_| format!("`{}`", operation.name)));
        }
        found
    }

    /// What makes the clause one on personal data: elements, and numbers of persons in request or response.
    pub(super) fn personal(&self) -> Vec<String> {
        let mut found = self.delivered(Sensitivity::is_personal);
        for operation in &self.clause.operations {
            let named = operation.exchanged().filter(|one| one.identifies.is_some());
            found.extend(
                named.filter(|one| !one.sensitivity.is_personal()).map(|one| format!("`{}`", one.path)),
            );
            let asked = operation.parameters.iter().filter(|one| one.identifies.is_some());
            found.extend(asked.map(|one| format!("`{}`", one.name)));
            if found.is_empty() && !operation.people.is_empty() {
                found.push(format!("`{}`", operation.name));
            }
        }
        found
    }

    /// Whether the clause is on personal data.
    pub(super) fn is_personal(&self) -> bool {
        !self.personal().is_empty()
    }

    /// Categories of what is delivered and is as grave as asked, each once.
    pub(super) fn categories(&self, grave: impl Fn(Sensitivity) -> bool) -> Vec<&'a crate::EntryName> {
        let mut found: Vec<_> = Vec::new();
        for operation in &self.clause.operations {
            let elements = operation.exchanged().filter(|one| grave(one.sensitivity));
            found.extend(elements.map(|one| &one.category));
            let whole = operation.whole_document.iter().filter(|one| grave(one.sensitivity));
            found.extend(whole.flat_map(|one| &one.categories));
        }
        found.sort();
        found.dedup();
        found
    }

    /// The first moment at which nothing is exchanged under it any more.
    pub(super) fn ends(&self) -> Timestamp {
        let until = self.agreement.term.until;
        self.clause.until.map_or(until, |clause| clause.min(until)).timestamp()
    }
}

impl<'a> SideView<'a> {
    /// The party's name.
    pub(super) fn name(&self) -> Words {
        name(self.of.agreement, self.participant)
    }

    /// The party as a text.
    pub(super) fn name_text(&self) -> &'a str {
        self.of.agreement.party(self.participant).map_or("", |party| party.name.as_str())
    }

    /// Whether it is called so.
    pub(super) fn is_called(&self, text: &str) -> bool {
        same_name(text, self.name_text()) || text.trim() == self.participant.to_string()
    }

    /// What it does with the data, as a verb.
    pub(super) fn act(&self) -> Words {
        match self.receives {
            true => Words::Both("ontvangen", "receive"),
            false => Words::Both("verstrekken", "provide"),
        }
    }

    /// The activity's name, or a dash.
    pub(super) fn activity_name(&self) -> Words {
        self.side.activity.as_ref().map_or_else(|| "-".into(), |one| one.entry.name.to_string().into())
    }

    /// Whether it is a joint controller.
    pub(super) const fn is_joint(&self) -> bool {
        matches!(self.side.role, PartyRole::JointController { .. })
    }
}

/// The name of a party.
pub(super) fn name(agreement: &Agreement, participant: &ParticipantId) -> Words {
    match agreement.party(participant) {
        Some(party) => party.name.to_string().into(),
        None => participant.to_string().into(),
    }
}

/// Whether two names are the same but for case and spaces at the ends.
pub(super) fn same_name(left: &str, right: &str) -> bool {
    left.trim().to_lowercase() == right.trim().to_lowercase()
}

/// Some things by name, not too many.
pub(super) fn list<T: std::fmt::Display>(things: &[T]) -> Words {
    let named: Vec<_> = things.iter().take(3).map(ToString::to_string).collect();
    let more = match things.len().saturating_sub(named.len()) {
        0 => String::new(),
        more => format!(" (+{more})"),
    };
    format!("{}{more}", named.join(", ")).into()
}
