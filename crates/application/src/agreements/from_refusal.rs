//! From a refusal to a draft: the text that was agreed, with what was missing filled in as far as the recorded decision says.
//! Whether there is a ground for it the draft leaves open, and `check` refuses until somebody has said so.

use verbond_agreement::{
    Agreement, AlgorithmReference, AlgorithmUse, Clause, Compatibility, Contact, DescribedOperation,
    DescribedService, Element, EntryName, Line, Moment, Operation, Party, Prose, Receiver, RegisterContent,
    RegisterKind, Sensitivity, SourceType, TwoLanguages,
};
use verbond_domain::{ParticipantId, Problem, ServiceName, TransactionId};
use verbond_policy::{DecisionRecord, ParameterFact, ParameterRefusal, ReasonCode};

use super::{AgreementOffice, AgreementVersion, refusals};
use crate::{OpContext, context::database_problem, registers};

impl AgreementOffice {
    /// Drafts an amendment from a refusal in this node's journal. `operation`: the name in the service's description of the
    /// operation that was meant, since a record does not hold what could name a person.
    pub async fn amend_from_refusal(
        &self,
        context: &OpContext,
        transaction: TransactionId,
        operation: Option<&EntryName>,
        from: Option<Moment>,
    ) -> Result<AgreementVersion, Problem> {
        let refusal = context.store.refusal(transaction).await.map_err(database_problem)?;
        let decision = refusal.and_then(|refusal| refusal.decision).ok_or_else(refusals::no_refusal)?;
        let record: DecisionRecord =
            serde_json::from_value(decision.into_value()).map_err(|_| refusals::no_refusal())?;
        let policies = record.attributes.policies.as_ref().ok_or_else(refusals::not_mendable)?;
        let base = self.amendable(context, &policies.agreement.hash.to_string()).await?;
        let service = record.body.request.resource.properties.service.name.clone();
        let registers = Registers {
            service: described(context, &service).await?,
            algorithms: algorithms(context).await?,
            operation,
        };
        let mut document = Agreement::clone(&base.document);
        for reason in &record.body.response.context.reasons {
            mend(&mut document, reason.code, &record, &registers)?;
        }
        if document == *base.document {
            return Err(refusals::not_mendable());
        }
        self.draft_successor(context, &base, document, from).await
    }
}

/// What the draft is filled in from, beside the record.
struct Registers<'asked> {
    /// The service as it is described in this node's register.
    service: Option<DescribedService>,
    /// Algorithms in this node's register.
    algorithms: Vec<AlgorithmReference>,
    /// The operation that was meant, where somebody says so.
    operation: Option<&'asked EntryName>,
}

async fn algorithms(context: &OpContext) -> Result<Vec<AlgorithmReference>, Problem> {
    let entries = registers::list(context, RegisterKind::Algorithm).await?;
    let of_it = entries.into_iter().filter(|entry| entry.ended_at.is_none());
    let algorithms = of_it.filter_map(|entry| match entry.content {
        RegisterContent::Algorithm(algorithm) => Some(*algorithm),
        _ => None,
    });
    Ok(algorithms.collect())
}

/// The service as it is described in this node's register.
async fn described(context: &OpContext, service: &ServiceName) -> Result<Option<DescribedService>, Problem> {
    let entries = registers::list(context, RegisterKind::Service).await?;
    let of_it = entries.into_iter().filter(|entry| entry.ended_at.is_none());
    Ok(of_it.into_iter().find_map(|entry| match entry.content {
        RegisterContent::Service(described) if described.service == *service => Some(*described),
        _ => None,
    }))
}

fn mend(
    document: &mut Agreement,
    code: ReasonCode,
    record: &DecisionRecord,
    registers: &Registers<'_>,
) -> Result<(), Problem> {
    let (request, described) = (&record.body.request, registers.service.as_ref());
    let name = request.action.properties.clause.as_ref().ok_or_else(refusals::not_mendable)?;
    let place = document.clauses.iter().position(|clause| clause.name == *name);
    let place = place.ok_or_else(refusals::not_mendable)?;
    let clause = document.clauses.get_mut(place).ok_or_else(refusals::not_mendable)?;
    match code {
        ReasonCode::PurposeNotAgreed => {
            let asked = for_purpose(clause, record)?;
            document.clauses.push(asked);
        }
        ReasonCode::OperationNotAgreed => {
            let meant = operation_meant(clause, described, registers.operation)?;
            clause.operations.push(meant);
        }
        ReasonCode::ElementNotAgreed => {
            let operations = &mut clause.operations;
            let operation = operations.iter_mut().find(|one| one.name.as_str() == request.action.name);
            let operation = operation.ok_or_else(refusals::not_mendable)?;
            for path in &request.context.elements {
                if operation.delivered.iter().all(|element| element.path.as_str() != path) {
                    let element = element(path, operation, described)?;
                    operation.delivered.push(element);
                }
            }
        }
        ReasonCode::ParameterNotAgreed => parameters(clause, record, described)?,
        ReasonCode::AlgorithmNotAgreed => {
            let name = request.context.algorithm.as_ref().ok_or_else(refusals::not_mendable)?;
            use_by(clause, name);
            if document.algorithms.iter().all(|one| one.name != *name) {
                let party = &request.subject.properties.participant;
                document.algorithms.push(algorithm(name, party, &registers.algorithms)?);
            }
        }
        ReasonCode::MandateNotAgreed => {
            let other = request.context.on_behalf_of.as_ref().ok_or_else(refusals::not_mendable)?;
            receives_too(clause, &request.subject.properties.participant, other)?;
            if document.party(other).is_none() {
                document.parties.push(party(other)?);
            }
        }
        ReasonCode::ClauseEnded => clause.until = None,
        _ => return Err(refusals::not_mendable()),
    }
    Ok(())
}

/// The clause once more, for the other purpose and for who asked. A ground and an activity for it are for people to name.
fn for_purpose(clause: &Clause, record: &DecisionRecord) -> Result<Clause, Problem> {
    let request = &record.body.request;
    let purpose = request.context.purpose.clone();
    let mut asked = clause.clone();
    let name = format!("{}-{purpose}", clause.name);
    asked.name = name.parse().map_err(|_| refusals::not_mendable())?;
    asked.purpose_text = words(
        &format!("Nog te beschrijven: het doel {purpose}."),
        &format!("Still to be described: the purpose {purpose}."),
    )?;
    asked.purpose = purpose;
    asked.until = None;
    let participant = &request.subject.properties.participant;
    asked.receivers.retain(|receiver| receiver.participant == *participant);
    let weighed: Prose = "Still to be weighed: this purpose against that of collection."
        .parse()
        .map_err(|_| refusals::not_mendable())?;
    let receivers = asked.receivers.iter_mut().map(|receiver| &mut receiver.side);
    for side in std::iter::once(&mut asked.provider).chain(receivers) {
        side.ground = None;
        side.activity = None;
        side.compatibility = Compatibility::Compatible { reasoning: weighed.clone() };
    }
    Ok(asked)
}

/// Parameters that were refused, as the service describes them: one that was not agreed at all, and one of which the description
/// allows more than was agreed. Which value it had is written down nowhere.
fn parameters(
    clause: &mut Clause,
    record: &DecisionRecord,
    described: Option<&DescribedService>,
) -> Result<(), Problem> {
    let action = &record.body.request.action;
    let operation = clause.operations.iter_mut().find(|one| one.name.as_str() == action.name);
    let operation = operation.ok_or_else(refusals::not_mendable)?;
    let operations = described.into_iter().flat_map(|service| &service.operations);
    let mut operations = operations.filter(|one| one.name == operation.name);
    let described = operations.next().ok_or_else(refusals::not_mendable)?;
    for (name, fact) in &action.properties.parameters {
        let ParameterFact::Refused(refusal) = fact else { continue };
        let meant = described.parameters.iter().find(|one| one.name.as_str() == name);
        let meant = meant.ok_or_else(refusals::not_mendable)?.clone();
        let agreed = operation.parameters.iter_mut().find(|one| one.name.as_str() == name);
        match (refusal, agreed) {
            (ParameterRefusal::Unknown, None) => operation.parameters.push(meant),
            (ParameterRefusal::Value, Some(agreed)) if agreed.values != meant.values => {
                agreed.values = meant.values;
            }
            _ => return Err(refusals::not_mendable()),
        }
    }
    Ok(())
}

/// The clause says that this algorithm uses what is delivered.
fn use_by(clause: &mut Clause, name: &EntryName) {
    match &mut clause.conditions.algorithm {
        AlgorithmUse::These { names } if !names.contains(name) => names.push(name.clone()),
        AlgorithmUse::These { .. } => {}
        none => *none = AlgorithmUse::These { names: vec![name.clone()] },
    }
}

/// An algorithm as the register of its user has it; else by its name, with the rest to be filled in. That it was assessed is for
/// people to say.
fn algorithm(
    name: &EntryName,
    party: &ParticipantId,
    registered: &[AlgorithmReference],
) -> Result<AlgorithmReference, Problem> {
    let known = registered.iter().find(|one| one.name == *name && one.party == *party);
    if let Some(known) = known {
        return Ok(known.clone());
    }
    Ok(AlgorithmReference {
        party: party.clone(),
        name: name.clone(),
        url: to_be_named("https://algoritmes.invalid/")?,
        register_id: to_be_named("still to be named")?,
        version: to_be_named("still to be named")?,
        title: to_be_named("still to be described")?,
    })
}

/// For whom was asked receives as well, as who asked does: a mandate is agreed by having the other take part. On which ground, and for
/// which activity of its own, is for people to name.
fn receives_too(clause: &mut Clause, asked: &ParticipantId, other: &ParticipantId) -> Result<(), Problem> {
    if clause.receivers.iter().any(|receiver| receiver.participant == *other) {
        return Err(refusals::not_mendable());
    }
    let receiver = clause.receivers.iter().find(|receiver| receiver.participant == *asked);
    let mut side = receiver.ok_or_else(refusals::not_mendable)?.side.clone();
    (side.ground, side.activity) = (None, None);
    clause.receivers.push(Receiver { participant: other.clone(), side });
    Ok(())
}

fn party(participant: &ParticipantId) -> Result<Party, Problem> {
    let contact =
        Contact { name: to_be_named("still to be named")?, address: to_be_named("still to be named")? };
    Ok(Party { participant: participant.clone(), name: to_be_named("still to be named")?, contact })
}

fn to_be_named(text: &str) -> Result<Line, Problem> {
    text.parse().map_err(|_| refusals::not_mendable())
}

/// The operation that was meant: the one named, else the only one that is described and not agreed.
fn operation_meant(
    clause: &Clause,
    described: Option<&DescribedService>,
    wanted: Option<&EntryName>,
) -> Result<Operation, Problem> {
    let operations = described.into_iter().flat_map(|service| &service.operations);
    let missing = operations.filter(|one| clause.operations.iter().all(|agreed| agreed.name != one.name));
    let mut meant = missing.filter(|one| wanted.is_none_or(|wanted| one.name == *wanted));
    match (meant.next(), meant.next()) {
        (Some(operation), None) => Ok(agreed_as_described(operation)),
        _ => Err(refusals::operation_unclear()),
    }
}

fn agreed_as_described(operation: &DescribedOperation) -> Operation {
    let DescribedOperation {
        name,
        method,
        path,
        parameters,
        request,
        content_type,
        record,
        elements,
        people,
    } = operation.clone();
    Operation {
        name,
        method,
        path,
        parameters,
        request,
        content_type,
        record,
        delivered: elements,
        whole_document: None,
        people,
    }
}

/// An element as the service describes it; else as a text about a person, of the category of what stands beside it.
fn element(
    path: &str,
    operation: &Operation,
    described: Option<&DescribedService>,
) -> Result<Element, Problem> {
    let operations = described.into_iter().flat_map(|service| &service.operations);
    let mut elements = operations.filter(|one| one.name == operation.name).flat_map(|one| &one.elements);
    if let Some(element) = elements.find(|element| element.path.as_str() == path) {
        return Ok(element.clone());
    }
    let beside = operation.delivered.first().ok_or_else(refusals::not_mendable)?;
    Ok(Element {
        path: path.parse().map_err(|_| refusals::not_mendable())?,
        kind: SourceType::String,
        nullable: false,
        category: beside.category.clone(),
        sensitivity: beside.sensitivity.max(Sensitivity::Personal),
        identifies: None,
        derived: None,
        meaning: "still to be described".parse().map_err(|_| refusals::not_mendable())?,
        why_all: None,
    })
}

fn words(nl: &str, en: &str) -> Result<TwoLanguages, Problem> {
    let text = |text: &str| text.parse().map_err(|_| refusals::not_mendable());
    Ok(TwoLanguages { nl: text(nl)?, en: text(en)? })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use serde_json::{Value, json};
    use verbond_agreement::{LifeCycle, PartySignature, SignatureMark};
    use verbond_domain::Timestamp;
    use verbond_policy::{
        Call, Claims, Context, DecisionRequest, Leases, PolicySnapshot, SpanId, Subject, Trace, TraceId,
    };

    use super::*;

    type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

    const RECEIVER: &str = "oin:00000099000000020000";
    const OTHER: &str = "oin:00000099000000040000";

    fn agreement() -> Outcome<Agreement> {
        Ok(Agreement::parse(include_bytes!("../../../agreement/tests/pensioners.json"))?)
    }

    /// The service with one parameter more than was agreed, and longer values of the other.
    fn registers<'none>() -> Outcome<Registers<'none>> {
        let agreed = agreement()?;
        let operation = agreed.clauses.first().and_then(|clause| clause.operations.first()).ok_or("one")?;
        let mut described = serde_json::to_value(operation)?;
        let members = described.as_object_mut().ok_or("an object")?;
        let delivered = members.remove("delivered").ok_or("elements")?;
        members.insert("elements".to_owned(), delivered);
        let parameters = members.get_mut("parameters").and_then(Value::as_array_mut).ok_or("parameters")?;
        *parameters.first_mut().and_then(|one| one.pointer_mut("/values/longest")).ok_or("values")? =
            json!(30);
        parameters.push(json!({ "name": "year", "place": "query", "values": { "allow": "day" } }));
        let service = json!({ "service": "incomes", "title": "Incomes", "description": "Of people.", "operations": [described] });
        Ok(Registers {
            service: Some(serde_json::from_value(service)?),
            algorithms: Vec::new(),
            operation: None,
        })
    }

    /// What the refusal of a request comes to as a draft.
    fn mended(
        call: Call<'_>,
        stated: impl FnOnce(&mut Context) -> Outcome,
    ) -> Outcome<(Agreement, Agreement)> {
        let agreed = agreement()?;
        let (from, until) = (agreed.term.from.timestamp(), agreed.term.until.timestamp());
        let signed = PartySignature { mark: SignatureMark::Signed, at: Timestamp::from_millis(0) };
        let mut life =
            LifeCycle::draft(agreed.parties.iter().map(|one| one.participant.clone()), from, until)
                .offer()?;
        for party in &agreed.parties {
            life = life.sign(&party.participant, signed)?;
        }
        let (snapshot, _) = PolicySnapshot::build([(Arc::new(agreed.clone()), life)]);
        let mut context = Context {
            now: Timestamp::from_seconds(1_796_731_200),
            agreement: None,
            purpose: "supplement-outreach".parse()?,
            activity: None,
            algorithm: None,
            on_behalf_of: None,
            claims: Claims::default(),
            elements: BTreeSet::new(),
        };
        stated(&mut context)?;
        let request = DecisionRequest {
            subject: Subject { participant: RECEIVER.parse()?, application: None },
            call,
            resource: serde_json::from_str(r#"{"provider":"oin:00000099000000030000","name":"incomes"}"#)?,
            context,
        };
        let decision = snapshot.decide(&request, |_| Leases { volume: true, per_person: true });
        assert!(!decision.is_permit(), "nothing is refused");
        let trace = Trace { trace_id: TraceId([1; 16]), span_id: SpanId([1; 8]), parent_span_id: None };
        let record = DecisionRecord::new(&request, &decision, trace, None);
        let mut draft = agreed.clone();
        for reason in &record.body.response.context.reasons {
            mend(&mut draft, reason.code, &record, &registers()?)?;
        }
        // What could not be taken in as a draft is none.
        let mut canonical = draft.clone();
        canonical.version = 2;
        canonical.replaces = Some(agreed.hash()?);
        Agreement::parse(&canonical.canonical()?)?;
        Ok((agreed, draft))
    }

    const INCOME: Call<'static> = Call { method: "GET", path: "/incomes/P-0042", query: None };

    fn nothing_more(_: &mut Context) -> Outcome {
        Ok(())
    }

    #[test]
    fn a_parameter_is_filled_in_as_the_service_describes_it() -> Outcome {
        let names = |agreement: &Agreement| -> Vec<String> {
            let operations = agreement.clauses.iter().flat_map(|clause| &clause.operations);
            operations.flat_map(|one| &one.parameters).map(|one| one.name.to_string()).collect()
        };
        let (agreed, draft) = mended(Call { query: Some("year=2026-01-01"), ..INCOME }, nothing_more)?;
        assert_eq!(names(&draft).len(), names(&agreed).len() + 1);
        assert!(names(&draft).contains(&"year".to_owned()));
        // A value that is longer than agreed, and not than described.
        let (_, wider) = mended(Call { path: "/incomes/P-0042000000000000000042", ..INCOME }, nothing_more)?;
        assert_eq!(names(&wider), names(&agreed));
        let text = serde_json::to_string(&wider)?;
        assert!(text.contains(r#""longest":30"#) && !text.contains("P-0042"));
        // One that nobody describes is not made up.
        assert!(mended(Call { query: Some("other=1"), ..INCOME }, nothing_more).is_err());
        Ok(())
    }

    #[test]
    fn for_whom_was_asked_takes_part_without_a_ground() -> Outcome {
        let (agreed, draft) = mended(INCOME, |context| {
            context.on_behalf_of = Some(OTHER.parse()?);
            Ok(())
        })?;
        assert!(draft.party(&OTHER.parse()?).is_some());
        assert_eq!(draft.parties.len(), agreed.parties.len() + 1);
        let receivers = draft.clauses.first().map(|clause| clause.receivers.as_slice()).unwrap_or_default();
        let [_, other] = receivers else { return Err("two receivers".into()) };
        assert!(other.side.ground.is_none() && other.side.activity.is_none());
        Ok(())
    }

    #[test]
    fn an_algorithm_is_named_and_nothing_is_said_of_its_assessment() -> Outcome {
        let (agreed, draft) = mended(INCOME, |context| {
            context.algorithm = Some("rank".parse()?);
            Ok(())
        })?;
        let clause = draft.clauses.first().ok_or("a clause")?;
        assert!(matches!(&clause.conditions.algorithm, AlgorithmUse::These { names } if names.len() == 1));
        let [named] = draft.algorithms.as_slice() else { return Err("one algorithm".into()) };
        assert_eq!((named.name.as_str(), named.party.to_string()), ("rank", RECEIVER.to_owned()));
        assert_eq!(draft.assessments, agreed.assessments);
        Ok(())
    }
}
