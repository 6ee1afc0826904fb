//! Numbers by which people are known: national ones need a ground of their own, and none belongs in an address.

use super::{
    CheckContext, Code,
    finding::Findings,
    view::{clauses, list},
};
use crate::{Agreement, IdentifierKind, Operation, PersonPlace};

pub(super) fn rules(agreement: &Agreement, _context: &CheckContext, findings: &mut Findings) {
    for view in clauses(agreement) {
        let clause = Some(&view.clause.name);
        let mut places: Vec<_> = view.clause.operations.iter().flat_map(national).collect();
        places.sort();
        places.dedup();
        for side in view.sides() {
            let ground = side.side.ground.as_ref();
            if places.is_empty() || ground.is_none_or(|one| one.ground.national_number.is_some()) {
                continue;
            }
            let filling = [("party", side.name()), ("places", list(&places))];
            let at = format!("{}/ground/ground", side.pointer);
            findings.add(Code::NationalNumberWithoutGround, clause, at, filling);
        }
        for (operation, at) in view.operations() {
            for (number, parameter) in operation.parameters.iter().enumerate() {
                // A pseudonym that is bound to a party means nothing to whoever reads a log.
                if parameter.identifies.is_none_or(|kind| kind == IdentifierKind::Pseudonym) {
                    continue;
                }
                let filling = [
                    ("operation", format!("`{}`", operation.name).into()),
                    ("parameter", format!("`{}`", parameter.name).into()),
                    ("template", operation.path.clone().into()),
                ];
                let at = format!("{at}/parameters/{number}");
                findings.add(Code::IdentifierInRequest, clause, at, filling);
            }
        }
    }
}

/// Where an operation holds a national number: as element, as parameter, or as the key by which a person is found.
fn national(operation: &Operation) -> Vec<String> {
    let is = |kind: Option<IdentifierKind>| kind == Some(IdentifierKind::NationalNumber);
    let elements = operation.exchanged().filter(|one| is(one.identifies)).map(|one| &one.path);
    let parameters = operation.parameters.iter().filter(|one| is(one.identifies)).map(|one| &one.name);
    let keys = operation.people.iter().filter(|one| is(Some(one.identifies))).map(|one| match &one.at {
        PersonPlace::Parameter { name } => name,
        PersonPlace::Response { path } => path,
    });
    elements.chain(parameters).chain(keys).map(|one| format!("`{one}`")).collect()
}
