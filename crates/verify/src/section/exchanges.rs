//! What entries of exchanges say is put aside for those who compare it.

use crate::{
    compared::{Compared, Decided, Decision, Fact, NONE, Role, Side, number_of},
    line::Id,
    merkle::halves,
    payload::{Completion, DecisionId, Direction, Owed, Permit, Processing},
    section::Section,
    told,
};

/// How far the moment of a decision may be from its entry's time, in milliseconds.
const NEAR: i64 = 60 * 1000;

impl Section {
    pub(super) fn permit(
        &mut self,
        index: u64,
        id: Id,
        at: i64,
        permit: Permit,
        compared: &mut Compared,
    ) -> u128 {
        let Permit { transaction, direction, counterpart, decision, service, application, .. } = permit;
        let counterpart = compared.names.number(&counterpart);
        let mut fact = Fact {
            what: transaction.0,
            at,
            moment: at,
            direction: number_of(direction),
            counterpart,
            has_processing: u8::from(permit.has_processing),
            is_owed: u8::from(permit.owed.is_some()),
            ..Fact::new(self.place, id.0, Role::Permit, index)
        };
        let (mut decided, mut version) = (Decided::Not, None);
        if let Some(decision) = decision {
            self.decision(index, decision.id, Some(transaction), compared);
            decided = if decision.holds { Decided::Holds } else { Decided::Faulty };
            if decision.at.abs_diff(at) <= NEAR.unsigned_abs() {
                fact.moment = decision.at;
            }
            fact.list = self.operations.place(decision.operation);
            version = decision.version.and_then(|name| self.version_number(name));
        } else {
            let application = application.filter(|_| direction == Direction::Outgoing);
            fact.application = application.map_or(NONE, |name| compared.names.number(&name));
            fact.service = compared.names.number(&service);
        }
        (fact.decided, fact.version) = (decided as u8, version.unwrap_or(NONE));
        compared.facts.put(fact.pack());
        if let Some(owed) = permit.owed {
            self.owed(index, id, &owed, compared);
        }
        let side =
            Side { version: fact.version, ..self.side(index, at, transaction, direction, counterpart) };
        compared.sides.put(side.pack());
        let version = version.and_then(|number| self.named.get(usize::try_from(number).ok()?));
        told::permitted(&fact, version)
    }

    fn owed(&self, index: u64, permit: Id, Owed { due, about }: &Owed, compared: &mut Compared) {
        for whom in about {
            let fact = Fact { what: *whom, at: *due, ..Fact::new(self.place, permit.0, Role::Owed, index) };
            compared.facts.put(fact.pack());
        }
    }

    fn side(&self, index: u64, at: i64, transaction: Id, direction: Direction, counterpart: u32) -> Side {
        let (consumer, provider) = match direction {
            Direction::Outgoing => (self.number, counterpart),
            Direction::Incoming => (counterpart, self.number),
        };
        Side {
            transaction: transaction.0,
            consumer,
            provider,
            is_outgoing: number_of(direction),
            is_completion: 0,
            section: self.place,
            index,
            is_told: u8::from(self.half.told.contains_key(&index)),
            at,
            delivery: 0,
            status: NONE,
            content: 0,
            crossed: 0,
            version: NONE,
        }
    }

    pub(super) fn completion(
        &mut self,
        index: u64,
        at: i64,
        completion: Completion,
        compared: &mut Compared,
    ) -> u128 {
        let Completion { transaction, direction, counterpart, permit, elements, .. } = completion;
        let counterpart = compared.names.number(&counterpart);
        let ([content, _], [crossed, _]) = (halves(&completion.content), halves(&completion.crossed));
        let list = if elements.is_empty() { NONE } else { self.element_lists.place(elements) };
        let fact = Fact {
            what: transaction.0,
            direction: number_of(direction),
            counterpart,
            list,
            ..Fact::new(self.place, permit.0, Role::Completion, index)
        };
        compared.facts.put(fact.pack());
        let side = Side {
            is_completion: 1,
            delivery: completion.delivery as u8,
            status: completion.status.map_or(NONE, u32::from),
            content,
            crossed,
            ..self.side(index, at, transaction, direction, counterpart)
        };
        compared.sides.put(side.pack());
        told::completed(&fact, &side)
    }

    pub(super) fn refusal(&self, index: u64, decision: Option<DecisionId>, compared: &mut Compared) {
        if let Some(decision) = decision {
            self.decision(index, decision, None, compared);
        }
    }

    fn decision(
        &self,
        index: u64,
        (trace, span): DecisionId,
        transaction: Option<Id>,
        compared: &mut Compared,
    ) {
        let is_permit = u8::from(transaction.is_some());
        let transaction = transaction.map_or(0, |id| id.0);
        let decision = Decision { section: self.place, trace, span, index, is_permit, transaction };
        compared.decisions.put(decision.pack());
    }

    pub(super) fn processing(&self, index: u64, processing: Processing, compared: &mut Compared) {
        let (role, what) = match processing.by_application {
            Some(whom) => (Role::RecordByApplication, whom),
            None => (Role::RecordByNode, 0),
        };
        compared.facts.put(Fact { what, ..Fact::new(self.place, processing.permit.0, role, index) }.pack());
    }
}
