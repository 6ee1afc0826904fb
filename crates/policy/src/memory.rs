//! The last question that policies permitted, so that the same one in the same second is not evaluated again, and what was
//! written down of it, so that it is not written again.
//!
//! What is compared is everything that the evaluation, or the record, takes; both are pure functions, so the same question has the
//! same answer. Time is in it in seconds. Only permits are kept: a refusal names its reasons, and is rarer.

use std::collections::BTreeSet;

use arc_swap::ArcSwapOption;
use verbond_agreement::{AssuranceLevel, EntryName, Stage};
use verbond_domain::{ParticipantId, ServiceReference};

use crate::{Context, DecisionRequest, Facts, Leases, SharedBody, Subject};

/// A question as policies see it.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    receiver: usize,
    second: i64,
    stage: Stage,
    leases: Leases,
    operation: Option<EntryName>,
    purpose: EntryName,
    activity: Option<EntryName>,
    algorithm: Option<EntryName>,
    on_behalf_of: Option<ParticipantId>,
    assurance: Option<AssuranceLevel>,
    human_stated: bool,
    elements: BTreeSet<String>,
}

impl Asked {
    fn is(&self, receiver: usize, facts: &Facts, context: &Context) -> bool {
        self.second == context.now.seconds()
            && self.receiver == receiver
            && self.stage == facts.stage
            && self.leases == facts.leases
            && self.operation == facts.operation
            && self.purpose == context.purpose
            && self.activity == context.activity
            && self.algorithm == context.algorithm
            && self.on_behalf_of == context.on_behalf_of
            && self.assurance == context.claims.assurance
            && self.human_stated == context.claims.human.is_some()
            && self.elements == facts.elements
    }
}

/// What one clause's policies permitted last. Neither reading nor writing it waits for anybody.
#[derive(Default)]
pub(crate) struct Memory(ArcSwapOption<Asked>);

impl Memory {
    pub(crate) fn holds(&self, receiver: usize, facts: &Facts, context: &Context) -> bool {
        self.0.load().as_ref().is_some_and(|last| last.is(receiver, facts, context))
    }

    pub(crate) fn keep(&self, receiver: usize, facts: &Facts, context: &Context) {
        let asked = Asked {
            receiver,
            second: context.now.seconds(),
            stage: facts.stage,
            leases: facts.leases,
            operation: facts.operation.clone(),
            purpose: context.purpose.clone(),
            activity: context.activity.clone(),
            algorithm: context.algorithm.clone(),
            on_behalf_of: context.on_behalf_of.clone(),
            assurance: context.claims.assurance,
            human_stated: context.claims.human.is_some(),
            elements: facts.elements.clone(),
        };
        self.0.store(Some(asked.into()));
    }
}

/// A permitted question with all that stands of it in its record.
struct Recorded {
    subject: Subject,
    resource: ServiceReference,
    context: Context,
    facts: Facts,
    body: SharedBody,
}

impl Recorded {
    fn is_of(&self, request: &DecisionRequest<'_>, facts: &Facts) -> bool {
        // What a call is stands in the facts, and nothing else of it in a record.
        let DecisionRequest { subject, call: _, resource, context } = request;
        // The elements asked for stand in the facts, as they can be shown.
        let Context { now, agreement, purpose, activity, algorithm, on_behalf_of, claims, elements: _ } =
            context;
        self.context.now.seconds() == now.seconds()
            && self.context.purpose == *purpose
            && self.subject == *subject
            && self.resource == *resource
            && self.context.agreement == *agreement
            && self.context.activity == *activity
            && self.context.algorithm == *algorithm
            && self.context.on_behalf_of == *on_behalf_of
            && self.context.claims == *claims
            && self.facts == *facts
    }
}

/// What was written down last of a permit under one clause. As [`Memory`], it lets nobody wait.
#[derive(Default)]
pub(crate) struct Records(ArcSwapOption<Recorded>);

impl Records {
    /// What is written of a permit of this question; written by `write` if it is another question than the last one.
    pub(crate) fn of(
        &self,
        request: &DecisionRequest<'_>,
        facts: &Facts,
        write: impl FnOnce() -> SharedBody,
    ) -> SharedBody {
        if let Some(last) = self.0.load().as_ref().filter(|last| last.is_of(request, facts)) {
            debug_assert_eq!(last.body, write(), "the same question has the same answer");
            return last.body.clone();
        }
        let body = write();
        let DecisionRequest { subject, call: _, resource, context } = request;
        let recorded = Recorded {
            subject: subject.clone(),
            resource: resource.clone(),
            context: context.clone(),
            facts: facts.clone(),
            body: body.clone(),
        };
        self.0.store(Some(recorded.into()));
        body
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use verbond_agreement::AgreementId;
    use verbond_domain::{ApplicationName, ServiceName, Timestamp};

    use super::*;
    use crate::{Body, Call, Claims, HumanReference, ParameterFact};

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn body() -> Result<Body, serde_json::Error> {
        serde_json::from_value(json!({
            "adl.core.request": {
                "subject": {"type": "participant", "id": "oin:00000099000000020000", "properties": {"participant": "oin:00000099000000020000"}},
                "action": {"name": "ask", "properties": {"parameters": {}}},
                "resource": {"type": "service", "id": "oin:00000099000000030000/incomes", "properties": {"service": {"provider": "oin:00000099000000030000", "name": "incomes"}}},
                "context": {"purpose": "help", "volume_held": true, "person_held": true}
            },
            "adl.core.response": {"decision": true, "context": {}}
        }))
    }

    fn question(path: &str) -> Result<DecisionRequest<'_>, Box<dyn std::error::Error>> {
        Ok(DecisionRequest {
            subject: Subject { participant: "oin:00000099000000020000".parse()?, application: None },
            call: Call { method: "GET", path, query: None },
            resource: serde_json::from_value(
                json!({"provider": "oin:00000099000000030000", "name": "incomes"}),
            )?,
            context: Context {
                now: Timestamp::from_millis(7_000),
                agreement: None,
                purpose: "help".parse()?,
                activity: None,
                algorithm: None,
                on_behalf_of: None,
                claims: Claims::default(),
                elements: BTreeSet::new(),
            },
        })
    }

    fn facts() -> Result<Facts, Box<dyn std::error::Error>> {
        Ok(Facts {
            operation: Some("ask".parse()?),
            parameters: [("person".to_owned(), ParameterFact::Present)].into(),
            elements: BTreeSet::new(),
            stage: Stage::Signed,
            leases: Leases { volume: true, per_person: true },
        })
    }

    #[test]
    fn a_question_that_differs_in_anything_is_written_anew() -> Outcome {
        let records = Records::default();
        let kept = std::cell::RefCell::new(SharedBody::from(body()?));
        let is_kept = |request: &DecisionRequest<'_>, facts: &Facts| -> Result<bool, serde_json::Error> {
            let body = body()?;
            let now = records.of(request, facts, || body.into());
            Ok(kept.replace(now.clone()).is(&now))
        };
        let (asked, found) = (question("/1")?, facts()?);
        let other: ParticipantId = "oin:00000099000000040000".parse()?;
        let (application, service): (ApplicationName, ServiceName) = ("outreach".parse()?, "others".parse()?);
        let (name, human): (EntryName, HumanReference) =
            ("enforcement".parse()?, "01890a5d-ac96-774b-bcce-b302099a8057".parse()?);
        let agreement = AgreementId(uuid::Uuid::from_u128(1));
        type Change<'a> = &'a dyn Fn(&mut DecisionRequest<'_>, &mut Facts);
        let changes: [Change<'_>; 17] = [
            &|request, _| request.subject.participant = other.clone(),
            &|request, _| request.subject.application = Some(application.clone()),
            &|request, _| request.resource.name = service.clone(),
            &|request, _| request.context.now = Timestamp::from_millis(8_000),
            &|request, _| request.context.agreement = Some(agreement),
            &|request, _| request.context.purpose = name.clone(),
            &|request, _| request.context.activity = Some(name.clone()),
            &|request, _| request.context.algorithm = Some(name.clone()),
            &|request, _| request.context.on_behalf_of = Some(other.clone()),
            &|request, _| request.context.claims.assurance = Some(AssuranceLevel::High),
            &|request, _| request.context.claims.human = Some(human),
            &|_, facts| facts.operation = None,
            &|_, facts| facts.parameters.clear(),
            &|_, facts| facts.elements = BTreeSet::from(["$.year".to_owned()]),
            &|_, facts| facts.stage = Stage::Suspended,
            &|_, facts| facts.leases.volume = false,
            &|_, facts| facts.leases.per_person = false,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let (mut request, mut facts) = (asked.clone(), found.clone());
            change(&mut request, &mut facts);
            is_kept(&asked, &found)?;
            assert!(is_kept(&asked, &found)?, "the same question");
            assert!(!is_kept(&request, &facts)?, "change {number}");
        }
        is_kept(&asked, &found)?;
        let mut later = question("/2")?;
        later.context.now = Timestamp::from_millis(7_999);
        assert!(is_kept(&later, &found)?, "another person in the same second");
        Ok(())
    }

    #[test]
    fn whoever_changes_what_is_shared_changes_its_own() -> Outcome {
        let shared = SharedBody::from(body()?);
        let before = serde_json::to_string(&shared)?;
        let mut own = shared.clone();
        own.request.context.person_held = false;
        assert_eq!(serde_json::to_value(&own)?["adl.core.request"]["context"]["person_held"], false);
        own.request.context.person_held = true;
        assert_eq!(serde_json::to_string(&own)?, before);
        // Shared and written, then its own again.
        let other = own.clone();
        assert_eq!(serde_json::to_string(&own)?, before);
        drop(other);
        own.response.decision = false;
        assert_ne!(own, shared);
        assert_eq!(format!("{own:?}"), format!("{:?}", *own));
        let other = own.clone();
        assert_ne!(serde_json::to_string(&other)?, before);
        assert_eq!(serde_json::to_string(&shared)?, before);
        assert_eq!(serde_json::to_value(&shared)?, serde_json::to_value(body()?)?);
        Ok(())
    }
}
