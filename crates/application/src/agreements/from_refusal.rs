//! From a refusal to a draft: the text that was agreed, with what was missing filled in as far as the recorded decision says.
//! Whether there is a ground for it the draft leaves open, and `check` refuses until somebody has said so.

use verbond_agreement::{
    Agreement, Clause, Compatibility, DescribedOperation, DescribedService, Element, EntryName, Moment,
    Operation, Prose, RegisterContent, RegisterKind, Sensitivity, SourceType, TwoLanguages,
};
use verbond_domain::{Problem, ServiceName, TransactionId};
use verbond_policy::{DecisionRecord, ReasonCode};

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
        let described = described(context, &service).await?;
        let mut document = Agreement::clone(&base.document);
        for reason in &record.body.response.context.reasons {
            mend(&mut document, reason.code, &record, described.as_ref(), operation)?;
        }
        if document == *base.document {
            return Err(refusals::not_mendable());
        }
        self.draft_successor(context, &base, document, from).await
    }
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
    described: Option<&DescribedService>,
    wanted: Option<&EntryName>,
) -> Result<(), Problem> {
    let request = &record.body.request;
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
            let meant = operation_meant(clause, described, wanted)?;
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
