//! What the clauses of an agreement come to, as policies.

use verbond_agreement::{
    Agreement, AlgorithmUse, AssessmentOutcome, Clause, IdentifierKind, LegalGround, Operation, Receiver,
    Sensitivity, Side, Stage, TimeWindow, WeekDay,
};
use verbond_domain::Timestamp;

use crate::{
    ReasonCode,
    compile::PolicyText,
    text::{DAYS, one_of, quoted},
};

/// All policies of an agreement: first those that hold for all of it, then clause by clause.
pub(crate) fn policies(agreement: &Agreement) -> Vec<PolicyText> {
    let whole = Rules { agreement, clause: None, policies: Vec::new() };
    let mut policies = whole.of_agreement();
    for number in 0..agreement.clauses.len() {
        policies.extend(Rules { agreement, clause: Some(number), policies: Vec::new() }.of_clause());
    }
    policies
}

/// The word for a stage, in policies and in records.
pub(crate) const fn stage_word(stage: Stage) -> &'static str {
    match stage {
        Stage::Draft => "draft",
        Stage::Offered => "offered",
        Stage::Signed => "signed",
        Stage::Refused => "refused",
        Stage::Withdrawn => "withdrawn",
        Stage::Suspended => "suspended",
        Stage::Revoked => "revoked",
        Stage::Replaced => "replaced",
        Stage::Expired => "expired",
    }
}

struct Rules<'agreement> {
    agreement: &'agreement Agreement,
    clause: Option<usize>,
    policies: Vec<PolicyText>,
}

/// Whom and what a policy is about.
struct Scope<'scope> {
    receiver: Option<(usize, &'scope Receiver)>,
    clause: Option<&'scope Clause>,
    operation: Option<&'scope Operation>,
}

impl Scope<'_> {
    fn head(&self, effect: &str) -> String {
        let principal = match self.receiver {
            Some((_, receiver)) => {
                format!("principal == Verbond::Participant::{}", quoted(&receiver.participant.to_string()))
            }
            None => "principal".to_owned(),
        };
        let resource = match self.clause {
            Some(clause) => format!("resource == Verbond::Service::{}", quoted(&clause.service.to_string())),
            None => "resource".to_owned(),
        };
        format!("{effect} ({principal}, action == Verbond::Action::\"ask\", {resource})")
    }

    fn conditions(&self) -> Vec<String> {
        let clause = self.clause.map(|clause| format!("context.clause == {}", quoted(clause.name.as_str())));
        let operation = self
            .operation
            .map(|operation| format!("context.operation == {}", quoted(operation.name.as_str())));
        clause.into_iter().chain(operation).collect()
    }

    fn path(&self) -> String {
        let clause = self.clause.map_or("*", |clause| clause.name.as_str());
        let operation = self.operation.map_or("*", |operation| operation.name.as_str());
        format!("{clause}/{operation}")
    }
}

impl Rules<'_> {
    fn of_agreement(mut self) -> Vec<PolicyText> {
        let all = Scope { receiver: None, clause: None, operation: None };
        let term = &self.agreement.term;
        let unsigned = [Stage::Draft, Stage::Offered];
        let unsigned = one_of(unsigned.into_iter().map(stage_word), "context.stage");
        let lives = [Stage::Draft, Stage::Offered, Stage::Signed, Stage::Suspended];
        let lives = one_of(lives.into_iter().map(stage_word), "context.stage");
        let suspended = quoted(stage_word(Stage::Suspended));
        self.forbid_when(&all, ReasonCode::AgreementUnsigned, &unsigned);
        self.forbid_when(&all, ReasonCode::AgreementSuspended, &format!("context.stage == {suspended}"));
        let until = before(term.until.timestamp());
        self.forbid_unless(&all, ReasonCode::AgreementEnded, &format!("{lives} && {until}"));
        self.forbid_when(&all, ReasonCode::AgreementNotBegun, &before(term.from.timestamp()));
        self.forbid_when(&all, ReasonCode::MandateNotAgreed, "context has on_behalf_of");
        self.policies
    }

    fn of_clause(mut self) -> Vec<PolicyText> {
        let Some(clause) = self.clause.and_then(|number| self.agreement.clauses.get(number)) else {
            return self.policies;
        };
        let all = Scope { receiver: None, clause: Some(clause), operation: None };
        let purpose = format!("context.purpose == {}", quoted(clause.purpose.as_str()));
        self.forbid_unless(&all, ReasonCode::PurposeNotAgreed, &purpose);
        if let Some(until) = clause.until {
            self.forbid_unless(&all, ReasonCode::ClauseEnded, &before(until.timestamp()));
        }
        self.conditions(clause, &all);
        for receiver in clause.receivers.iter().enumerate() {
            let scope = Scope { receiver: Some(receiver), clause: Some(clause), operation: None };
            if let Some(activity) = &receiver.1.side.activity {
                let activity = quoted(activity.entry.name.as_str());
                let agreed = format!("context.activity == {activity}");
                self.forbid_stated(&scope, ReasonCode::ActivityNotAgreed, "activity", &agreed);
            }
        }
        for operation in &clause.operations {
            self.elements(clause, operation);
            for receiver in clause.receivers.iter().enumerate() {
                let scope =
                    Scope { receiver: Some(receiver), clause: Some(clause), operation: Some(operation) };
                self.operation(clause, operation, receiver.1, &scope);
            }
        }
        self.policies
    }

    fn conditions(&mut self, clause: &Clause, all: &Scope<'_>) {
        let conditions = &clause.conditions;
        if let Some(window) = &conditions.time {
            self.forbid_unless(all, ReasonCode::OutsideTimeWindow, &within(window));
        }
        if conditions.volume.is_some() {
            self.forbid_unless(all, ReasonCode::VolumeExhausted, "context.volume_held");
        }
        if clause.person_limit().is_some() {
            self.forbid_unless(all, ReasonCode::PersonLimitReached, "context.person_held");
        }
        if let Some(level) = conditions.assurance {
            let enough = format!("context has assurance && context.assurance >= {}", level.rank());
            self.forbid_unless(all, ReasonCode::AssuranceTooLow, &enough);
        }
        if conditions.human_in_the_loop.is_some() {
            self.forbid_unless(all, ReasonCode::HumanStepNotStated, "context.human_stated");
        }
        match &conditions.algorithm {
            AlgorithmUse::None => {
                self.forbid_when(all, ReasonCode::AlgorithmNotAgreed, "context has algorithm");
            }
            AlgorithmUse::These { names } => {
                let these = one_of(names.iter().map(|name| name.as_str()), "context.algorithm");
                self.forbid_stated(all, ReasonCode::AlgorithmNotAgreed, "algorithm", &these);
                let assessed = match assessed_until(self.agreement, names) {
                    Some(until) => before(until),
                    None => "false".to_owned(),
                };
                self.forbid_unless(all, ReasonCode::AlgorithmNotAssessed, &assessed);
            }
        }
    }

    fn elements(&mut self, clause: &Clause, operation: &Operation) {
        let scope = Scope { receiver: None, clause: Some(clause), operation: Some(operation) };
        let delivered: Vec<String> =
            operation.delivered.iter().map(|element| quoted(element.path.as_str())).collect();
        let agreed = match delivered.is_empty() {
            true => "context.elements.isEmpty()".to_owned(),
            false => format!("[{}].containsAll(context.elements)", delivered.join(", ")),
        };
        self.forbid_unless(&scope, ReasonCode::ElementNotAgreed, &agreed);
    }

    /// The permit of an operation for a receiver; where a ground is missing, none.
    fn operation(&mut self, clause: &Clause, operation: &Operation, receiver: &Receiver, scope: &Scope<'_>) {
        let sides = [&clause.provider, &receiver.side];
        let needs = Needs::of(operation);
        let mut complete = true;
        if sides.iter().any(|side| needs.lack_ground(side, clause)) {
            complete = false;
            self.forbid_when(scope, ReasonCode::GroundMissing, "true");
        }
        if needs.person && sides.iter().any(|side| side.activity.is_none()) {
            complete = false;
            self.forbid_when(scope, ReasonCode::ActivityMissing, "true");
        }
        let grounds = sides.iter().filter_map(|side| side.ground.as_ref());
        if let Some(last) =
            grounds.filter_map(|ground| ground.ground.valid_until).min().filter(|_| needs.person)
        {
            self.forbid_unless(scope, ReasonCode::GroundEnded, &before(last.end()));
        }
        if complete {
            let number = scope.receiver.map_or(0, |(number, _)| number);
            let purpose = format!("context.purpose == {}", quoted(clause.purpose.as_str()));
            let signed = format!("context.stage == {}", quoted(stage_word(Stage::Signed)));
            let conditions: Vec<String> = scope.conditions().into_iter().chain([purpose, signed]).collect();
            let id = self.id(scope, &format!("receiver-{number}"));
            let rule = format!("when {{ {} }}", conditions.join(" && "));
            self.add(scope, "permit", id, &rule);
        }
    }

    fn forbid_when(&mut self, scope: &Scope<'_>, code: ReasonCode, condition: &str) {
        let mut conditions = scope.conditions();
        if condition != "true" {
            conditions.push(condition.to_owned());
        }
        self.forbid(scope, code, &format!("when {{ {} }}", conditions.join(" && ")));
    }

    fn forbid_unless(&mut self, scope: &Scope<'_>, code: ReasonCode, condition: &str) {
        let conditions = scope.conditions();
        let rule = match conditions.is_empty() {
            true => format!("unless {{ {condition} }}"),
            false => format!("when {{ {} }} unless {{ {condition} }}", conditions.join(" && ")),
        };
        self.forbid(scope, code, &rule);
    }

    /// Forbids where something is stated, unless it is so.
    fn forbid_stated(&mut self, scope: &Scope<'_>, code: ReasonCode, name: &str, condition: &str) {
        let conditions: Vec<String> =
            scope.conditions().into_iter().chain([format!("context has {name}")]).collect();
        self.forbid(scope, code, &format!("when {{ {} }} unless {{ {condition} }}", conditions.join(" && ")));
    }

    fn forbid(&mut self, scope: &Scope<'_>, code: ReasonCode, rule: &str) {
        let last = match scope.receiver {
            Some((number, _)) => format!("{}#receiver-{number}", code.as_str()),
            None => code.as_str().to_owned(),
        };
        let id = self.id(scope, &last);
        self.add(scope, "forbid", id, rule);
    }

    fn id(&self, scope: &Scope<'_>, last: &str) -> String {
        format!("{}/{}/{}/{last}", self.agreement.id, self.agreement.version, scope.path())
    }

    fn add(&mut self, scope: &Scope<'_>, effect: &str, id: String, rule: &str) {
        let text = format!("@id({})\n{}\n{rule};\n", quoted(&id), scope.head(effect));
        self.policies.push(PolicyText { clause: self.clause, id, text });
    }
}

/// A condition: it is not yet this moment. Bounds are whole seconds; the fact is rounded down, which makes no difference.
fn before(moment: Timestamp) -> String {
    format!("context.now < {}", moment.seconds())
}

fn within(window: &TimeWindow) -> String {
    let days = window.days.iter().map(|day| match day {
        WeekDay::Monday => DAYS[0],
        WeekDay::Tuesday => DAYS[1],
        WeekDay::Wednesday => DAYS[2],
        WeekDay::Thursday => DAYS[3],
        WeekDay::Friday => DAYS[4],
        WeekDay::Saturday => DAYS[5],
        WeekDay::Sunday => DAYS[6],
    });
    let days = one_of(days, "context.day");
    let (from, until) = (window.from_minute, window.until_minute);
    format!("{days} && context.minute >= {from} && context.minute < {until}")
}

/// Until when all of these algorithms have an assessment that lets them be used; `None`: one of them has none, or none is
/// named where the clause says that some are used.
fn assessed_until(agreement: &Agreement, names: &[verbond_agreement::EntryName]) -> Option<Timestamp> {
    let until = names.iter().map(|name| {
        agreement.algorithms.iter().find(|algorithm| algorithm.name == *name)?;
        let assessments = agreement.assessments.iter().map(|reference| &reference.assessment);
        assessments
            .filter(|one| one.algorithms.contains(name) && one.outcome != AssessmentOutcome::Negative)
            .map(|one| one.valid_until.end())
            .max()
    });
    until.collect::<Option<Vec<_>>>()?.into_iter().min()
}

/// What an operation asks of the grounds of both parties.
struct Needs {
    person: bool,
    national_number: bool,
    special_category: bool,
    criminal: bool,
}

impl Needs {
    fn of(operation: &Operation) -> Self {
        let exchanged = operation.exchanged().map(|element| element.sensitivity);
        let whole = operation.whole_document.as_ref().map(|whole| whole.sensitivity);
        let sensitivities: Vec<Sensitivity> = exchanged.chain(whole).collect();
        let numbers = operation.exchanged().filter_map(|element| element.identifies);
        let numbers = numbers.chain(operation.parameters.iter().filter_map(|one| one.identifies));
        let numbers: Vec<IdentifierKind> =
            numbers.chain(operation.people.iter().map(|one| one.identifies)).collect();
        Self {
            person: sensitivities.iter().any(|one| one.is_personal()) || !numbers.is_empty(),
            national_number: numbers.contains(&IdentifierKind::NationalNumber),
            special_category: sensitivities.contains(&Sensitivity::SpecialCategory),
            criminal: sensitivities.contains(&Sensitivity::Criminal),
        }
    }

    fn lack_ground(&self, side: &Side, clause: &Clause) -> bool {
        if !self.person {
            return false;
        }
        let suffices = |ground: &LegalGround| {
            ground.purposes.contains(&clause.purpose)
                && (!self.national_number || ground.national_number.is_some())
                && (!self.special_category || ground.special_categories.is_some())
                && (!self.criminal || ground.criminal_data.is_some())
        };
        !side.ground.as_ref().is_some_and(|reference| suffices(&reference.ground))
    }
}
