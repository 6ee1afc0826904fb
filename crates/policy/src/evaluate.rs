//! Weighs the facts: parameters first, then whatever the policies say.

use std::sync::Arc;

use cedar_policy::{
    Authorizer, Context as CedarContext, Decision as CedarDecision, EntityUid, Request, RestrictedExpression,
    Schema,
};
use verbond_agreement::Clause;

use crate::{
    Basis, CompiledAgreement, Context, Decision, Facts, Obligations, Outcome, Reason, ReasonCode,
    compile::{CompiledClause, Vocabulary, reason_of, vocabulary},
    decision::Place,
    matching::judge,
    rules::stage_word,
    text::day_and_minute,
};

/// The decision that follows from facts, now or years later.
pub(crate) fn weigh(
    compiled: &Arc<CompiledAgreement>,
    place: Place,
    facts: Facts,
    context: &Context,
) -> Decision {
    let clause = compiled.agreement.clauses.get(place.clause);
    let reasons = match (clause, place.operation(&compiled.agreement)) {
        (Some(_), None) => vec![Reason::new(ReasonCode::OperationNotAgreed)],
        (Some(clause), Some(operation)) => match judge(operation, &facts.parameters) {
            reasons if reasons.is_empty() => {
                match compiled.clauses().ok().and_then(|clauses| clauses.get(place.clause)) {
                    Some(policies) => ask(policies, clause, place.receiver, &facts, context),
                    None => vec![Reason::new(ReasonCode::DecisionFailed)],
                }
            }
            reasons => reasons,
        },
        (None, _) => vec![Reason::new(ReasonCode::DecisionFailed)],
    };
    let basis = clause.map(|clause| Basis {
        agreement: compiled.id(),
        version: compiled.version(),
        hash: compiled.hash,
        policy_hash: compiled.policy_hash,
        clause: clause.name.clone(),
    });
    let outcome = if reasons.is_empty() { Outcome::Permit } else { Outcome::Deny };
    let obligations = (outcome == Outcome::Permit)
        .then(|| Obligations::new(Arc::clone(compiled), place, facts.elements.clone()));
    Decision { outcome, basis, reasons, obligations, facts }
}

/// What the policies have against it; nothing, if they permit it. What cannot be evaluated is denied: Cedar itself would
/// go on without the policy that failed, and that policy may be a forbid.
fn ask(
    policies: &CompiledClause,
    clause: &Clause,
    receiver: usize,
    facts: &Facts,
    context: &Context,
) -> Vec<Reason> {
    let failed = || vec![Reason::new(ReasonCode::DecisionFailed)];
    let (Ok(vocabulary), Some(principal)) = (vocabulary(), policies.receivers.get(receiver)) else {
        return failed();
    };
    if policies.memory.holds(receiver, facts, context) {
        return Vec::new();
    }
    let request = request(vocabulary, policies, principal, clause, facts, context, None);
    let Some(request) = request else { return failed() };
    let response = Authorizer::new().is_authorized(&request, &policies.policies, &vocabulary.entities);
    if response.diagnostics().errors().next().is_some() {
        return failed();
    }
    if response.decision() == CedarDecision::Allow {
        policies.memory.keep(receiver, facts, context);
        return Vec::new();
    }
    let mut codes: Vec<ReasonCode> = response.diagnostics().reason().filter_map(reason_of).collect();
    codes.sort();
    codes.dedup();
    // No place within a limit is taken for what is refused anyhow.
    let of_limit =
        |code: &ReasonCode| matches!(code, ReasonCode::VolumeExhausted | ReasonCode::PersonLimitReached);
    if !codes.iter().all(of_limit) {
        codes.retain(|code| !of_limit(code));
    }
    if codes.is_empty() {
        codes.push(ReasonCode::OperationNotAgreed);
    }
    codes.into_iter().map(Reason::new).collect()
}

/// The facts as Cedar takes them; `None` when it does not.
pub(crate) fn request(
    vocabulary: &Vocabulary,
    clause: &CompiledClause,
    principal: &EntityUid,
    agreed: &Clause,
    facts: &Facts,
    stated: &Context,
    schema: Option<&Schema>,
) -> Option<Request> {
    let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
    let (day, minute) = day_and_minute(stated.now);
    let elements = facts.elements.iter().map(|element| text(element));
    let mut context = Vec::with_capacity(15);
    context.extend([
        ("clause", text(agreed.name.as_str())),
        ("operation", text(facts.operation.as_ref()?.as_str())),
        ("purpose", text(stated.purpose.as_str())),
        ("elements", RestrictedExpression::new_set(elements)),
        ("stage", text(stage_word(facts.stage))),
        ("now", RestrictedExpression::new_long(stated.now.seconds())),
        ("day", text(day)),
        ("minute", RestrictedExpression::new_long(minute)),
        ("volume_held", RestrictedExpression::new_bool(facts.leases.volume)),
        ("person_held", RestrictedExpression::new_bool(facts.leases.per_person)),
        ("human_stated", RestrictedExpression::new_bool(stated.claims.human.is_some())),
    ]);
    context.extend(stated.activity.as_ref().map(|activity| ("activity", text(activity.as_str()))));
    context.extend(stated.algorithm.as_ref().map(|algorithm| ("algorithm", text(algorithm.as_str()))));
    context.extend(
        stated.on_behalf_of.as_ref().map(|participant| ("on_behalf_of", text(&participant.to_string()))),
    );
    let assurance = stated.claims.assurance;
    context.extend(assurance.map(|level| ("assurance", RestrictedExpression::new_long(level.rank()))));
    let context = context.into_iter().map(|(name, value)| (name.to_owned(), value));
    let context = CedarContext::from_pairs(context).ok()?;
    let (principal, action, resource) =
        (principal.clone(), vocabulary.action.clone(), clause.service.clone());
    Request::new(principal, action, resource, context, schema).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use verbond_agreement::{Agreement, AssuranceLevel, Stage};
    use verbond_domain::Timestamp;

    use super::*;
    use crate::{
        Claims, Leases, ParameterFacts,
        memory::{Memory, Records},
    };

    const EXAMPLE: &[u8] = include_bytes!("../../agreement/tests/pensioners.json");

    fn claimed() -> Result<Claims, Box<dyn std::error::Error>> {
        let human = Some("01890a5d-ac96-774b-bcce-b302099a8057".parse()?);
        Ok(Claims { assurance: Some(AssuranceLevel::Substantial), human })
    }

    /// The clause under other policies, with nothing remembered.
    fn under(policies: &str, clause: &CompiledClause) -> Result<CompiledClause, Box<dyn std::error::Error>> {
        Ok(CompiledClause {
            policies: policies.parse()?,
            service: clause.service.clone(),
            receivers: clause.receivers.clone(),
            memory: Memory::default(),
            records: Records::default(),
        })
    }

    #[test]
    fn every_question_fits_the_schema() -> Result<(), Box<dyn std::error::Error>> {
        let compiled = CompiledAgreement::compile(Arc::new(Agreement::parse(EXAMPLE)?))?;
        let clause = compiled.agreement.clauses.first().ok_or("a clause")?;
        let policies = compiled.clauses().map_err(Clone::clone)?.first().ok_or("policies")?;
        let vocabulary = vocabulary()?;
        for everything in [false, true] {
            let facts = Facts {
                operation: Some("income-of-person".parse()?),
                parameters: ParameterFacts::new(),
                elements: if everything { BTreeSet::from(["$.year".to_owned()]) } else { BTreeSet::new() },
                stage: Stage::Signed,
                leases: Leases::default(),
            };
            let context = Context {
                now: Timestamp::from_seconds(0),
                agreement: None,
                purpose: "supplement-outreach".parse()?,
                activity: everything.then(|| "supplement-outreach".parse()).transpose()?,
                algorithm: everything.then(|| "scores".parse()).transpose()?,
                on_behalf_of: everything.then(|| "oin:00000099000000040000".parse()).transpose()?,
                claims: if everything { claimed()? } else { Claims::default() },
                elements: BTreeSet::new(),
            };
            let principal = policies.receivers.first().ok_or("a receiver")?;
            let schema = Some(&vocabulary.schema);
            let asked = request(vocabulary, policies, principal, clause, &facts, &context, schema);
            assert!(asked.is_some(), "{context:?}");
        }
        Ok(())
    }

    #[test]
    fn a_policy_that_fails_is_a_deny() -> Result<(), Box<dyn std::error::Error>> {
        let compiled = CompiledAgreement::compile(Arc::new(Agreement::parse(EXAMPLE)?))?;
        let clause = compiled.agreement.clauses.first().ok_or("a clause")?;
        let facts = Facts {
            operation: Some("income-of-person".parse()?),
            parameters: ParameterFacts::new(),
            elements: BTreeSet::new(),
            stage: Stage::Signed,
            leases: Leases::default(),
        };
        let context = Context {
            now: Timestamp::from_seconds(0),
            agreement: None,
            purpose: "supplement-outreach".parse()?,
            activity: None,
            algorithm: None,
            on_behalf_of: None,
            claims: Claims::default(),
            elements: BTreeSet::new(),
        };
        let first = compiled.clauses().map_err(Clone::clone)?.first().ok_or("policies")?;
        let codes = |policies: &str| -> Result<Vec<ReasonCode>, Box<dyn std::error::Error>> {
            let policies = under(policies, first)?;
            Ok(ask(&policies, clause, 0, &facts, &context).into_iter().map(|reason| reason.code).collect())
        };
        // The schema has no such fact: only validation keeps such a policy out.
        let permit = "permit(principal, action, resource);";
        let fails = "forbid(principal, action, resource) when { context.nothing };";
        assert_eq!(codes(permit)?, []);
        assert_eq!(codes(&format!("{permit}{fails}"))?, [ReasonCode::DecisionFailed]);
        assert_eq!(codes("")?, [ReasonCode::OperationNotAgreed]);
        Ok(())
    }

    /// Each fact that a policy may look at makes it another question.
    #[test]
    fn what_was_permitted_is_remembered_for_the_same_question_only() -> Result<(), Box<dyn std::error::Error>>
    {
        let compiled = CompiledAgreement::compile(Arc::new(Agreement::parse(EXAMPLE)?))?;
        let clause = compiled.agreement.clauses.first().ok_or("a clause")?;
        let first = compiled.clauses().map_err(Clone::clone)?.first().ok_or("policies")?;
        let policies = r#"permit(principal, action, resource) when {
            context.now == 7 && context.operation == "ask" && context.purpose == "help" && context.stage == "signed" &&
            context.volume_held && context.person_held && context.human_stated && context.assurance == 2 && context.elements == [] &&
            !(context has activity) && !(context has algorithm) && !(context has on_behalf_of) };"#;
        let policies = under(policies, first)?;
        let facts = Facts {
            operation: Some("ask".parse()?),
            parameters: ParameterFacts::new(),
            elements: BTreeSet::new(),
            stage: Stage::Signed,
            leases: Leases { volume: true, per_person: true },
        };
        let context = Context {
            now: Timestamp::from_millis(7_000),
            agreement: None,
            purpose: "help".parse()?,
            activity: None,
            algorithm: None,
            on_behalf_of: None,
            claims: claimed()?,
            elements: BTreeSet::new(),
        };
        let permits = |facts: &Facts, context: &Context| ask(&policies, clause, 0, facts, context).is_empty();
        assert!(!policies.memory.holds(0, &facts, &context) && permits(&facts, &context));
        assert!(policies.memory.holds(
            0,
            &facts,
            &Context { now: Timestamp::from_millis(7_999), ..context.clone() }
        ));
        assert!(!policies.memory.holds(1, &facts, &context));
        let no_volume = Leases { volume: false, per_person: true };
        for other in [
            Facts { operation: Some("other".parse()?), ..facts.clone() },
            Facts { elements: BTreeSet::from(["$.year".to_owned()]), ..facts.clone() },
            Facts { stage: Stage::Suspended, ..facts.clone() },
            Facts { leases: no_volume, ..facts.clone() },
        ] {
            assert!(!permits(&other, &context), "{other:?}");
        }
        for other in [
            Context { now: Timestamp::from_millis(8_000), ..context.clone() },
            Context { purpose: "enforce".parse()?, ..context.clone() },
            Context { activity: Some("other".parse()?), ..context.clone() },
            Context { algorithm: Some("scores".parse()?), ..context.clone() },
            Context { on_behalf_of: Some("oin:00000099000000040000".parse()?), ..context.clone() },
            Context { claims: Claims { human: None, ..context.claims }, ..context.clone() },
            Context { claims: Claims { assurance: None, ..context.claims }, ..context.clone() },
            Context {
                claims: Claims { assurance: Some(AssuranceLevel::High), ..context.claims },
                ..context.clone()
            },
        ] {
            assert!(!permits(&facts, &other), "{other:?}");
        }
        assert!(permits(&facts, &context));
        Ok(())
    }
}
