//! What acts of the journal do to the section that is read: rules of retention, keys, epochs, classes, people.

use crate::{
    act::{Action, ContinueDetail, DropDetail, HoldDetail, KeyDetail},
    finding::{Alarm, Findings, at_index},
    kept::{Continuation, Drop, KeyWord, Names},
    line::Signed,
    loss::{Class, LossAct, LossDetail},
    note::{Checkpoint, Origin, VerifierKey},
    section::Section,
};

impl Section {
    pub(super) fn act(
        &mut self,
        index: u64,
        at: i64,
        subject: String,
        action: Action,
        names: &mut Names,
        findings: &mut Findings,
    ) {
        let place = at_index(index);
        let readable = match action {
            Action::Other | Action::Release => {
                if matches!(action, Action::Release) {
                    self.keeping.holds.retain(|(name, _)| *name != subject);
                }
                true
            }
            Action::Class(class) => {
                self.declarations.take(&subject, &class, at, names);
                true
            }
            Action::Person(person) => {
                self.people.take(&subject, &person, at, names);
                true
            }
            Action::Stated(statement) => {
                let first = self.taken_in.entry(statement).or_insert(at);
                *first = at.min(*first);
                self.stated.entry(subject).or_default().push(statement);
                true
            }
            Action::Retention(days) => {
                self.keeping.days = days;
                days.is_some()
            }
            Action::Hold(Some(detail)) => {
                self.keeping.holds.push((subject, detail));
                true
            }
            Action::Drop(Some(detail)) => {
                self.dropped(index, at, detail);
                true
            }
            Action::Loss(Some(detail)) => {
                self.lost(index, at, detail);
                true
            }
            Action::Key(detail) => return self.key(index, detail, findings),
            Action::Continue(Some(detail)) => {
                // One that contradicts itself explains nothing, which then shows.
                self.continuations.extend(self.continued(index, &detail));
                true
            }
            Action::Hold(None) | Action::Drop(None) | Action::Loss(None) | Action::Continue(None) => false,
        };
        if !readable {
            self.has_unknown_acts = true;
            let (nl, en) = (
                "De handeling over het journaal is niet leesbaar.",
                "the act about the journal cannot be read",
            );
            self.alarm(findings, Alarm::Form, place, nl, en);
        }
    }

    fn dropped(&mut self, index: u64, at: i64, detail: DropDetail) {
        let days = self.keeping.days.filter(|days| *days > 0 && *days == detail.keep_days);
        let kept = days.and_then(|days| i64::try_from(days).ok()?.checked_mul(86_400_000));
        let is_by_rule = kept.is_some_and(|kept| detail.written_before <= at.saturating_sub(kept));
        self.keeping.drops.push(Drop { index, detail, is_by_rule, holds: self.standing_holds() });
    }

    fn lost(&mut self, index: u64, at: i64, detail: LossDetail) {
        // Of one exchange only acts are given that can be read: which are missing among them nobody knows.
        self.has_unknown_acts |= !self.is_journal() && detail.class == Class::Act;
        let (days, holds) = (self.keeping.days, self.standing_holds());
        self.keeping.losses.push(LossAct { index, at, detail, days, holds });
    }

    fn standing_holds(&self) -> Vec<HoldDetail> {
        self.keeping.holds.iter().map(|(_, hold)| hold.clone()).collect()
    }

    fn key(&mut self, index: u64, detail: Option<KeyDetail>, findings: &mut Findings) {
        self.has_unknown_acts |= detail.is_none();
        let own = self.participant().to_owned();
        let read = detail.and_then(|KeyDetail { origin, verifier_key, statement, chain }| {
            let key = VerifierKey::parse(&verifier_key)?;
            let parsed = Origin::parse(&origin).filter(|_| key.name == origin)?;
            let signed = Signed { statement, chain };
            let is_own = parsed.participant == own;
            is_own.then_some(KeyWord { index, participant: own, origin, key, key_text: verifier_key, signed })
        });
        let Some(word) = read else {
            let (nl, en) = (
                "De journaalsleutel is niet leesbaar, of van een ander.",
                "the journal key cannot be read, or is another's",
            );
            return self.alarm(findings, Alarm::JournalKey, at_index(index), nl, en);
        };
        self.certified.push((index, word.key.clone()));
        self.own_words.push(word);
    }

    fn continued(&self, index: u64, detail: &ContinueDetail) -> Option<Continuation> {
        let (origin, previous) = (Origin::parse(&detail.origin)?, Origin::parse(&detail.previous_origin)?);
        let last_known = Checkpoint::parse(&detail.last_known)?;
        let coherent = origin.participant == self.participant()
            && previous.participant == origin.participant
            && previous.epoch.checked_add(1) == Some(origin.epoch)
            && detail.size == index
            && last_known.origin == previous
            && last_known.size >= detail.size;
        let times = (self.last_times.1, self.last_times.0);
        coherent.then_some(Continuation { previous, size: detail.size, last_known, index, times })
    }
}
