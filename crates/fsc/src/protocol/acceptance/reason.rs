//! The reasons that a verdict can have: a stable code, and a sentence for the person who has to decide.

use serde::Serialize;
use verbond_domain::{Bilingual, ParticipantId, ServiceName};

use crate::protocol::state::ContractState;

/// One reason for a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Reason {
    /// Stable code.
    pub code: &'static str,
    /// The sentence. Text of a peer in it has been through [`neutralise`].
    pub sentence: Bilingual,
}

/// Longest piece of a peer's text that is shown, in characters.
const SHOWN: usize = 120;

/// A peer's text made fit to show: control characters, line breaks and marks that change the direction or the looks of
/// the text become U+FFFD, and what is too long is cut off.
pub fn neutralise(text: &str) -> String {
    let unfit = |character: char| {
        character.is_control()
            || matches!(character,
                '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}')
    };
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .map(|character| if unfit(character) { '\u{fffd}' } else { character })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

fn reason(code: &'static str, nl: impl Into<String>, en: impl Into<String>) -> Reason {
    Reason { code, sentence: Bilingual::new(nl, en) }
}

pub(super) fn connection_clean() -> Reason {
    reason(
        "CONNECTION_ALLOWED",
        "Eén verbinding met een eigen open dienst, aangevraagd en getekend door een bekende afnemer, binnen de toegestane duur.",
        "One connection to an open service of our own, proposed and signed by a known consumer, within the allowed term.",
    )
}

pub(super) fn publication_clean() -> Reason {
    reason(
        "PUBLICATION_ALLOWED",
        "Eén publicatie, aangevraagd en getekend door wie de dienst aanbiedt; deze directory plaatst die.",
        "One publication, proposed and signed by whoever offers the service; this directory lists it.",
    )
}

pub(super) fn several_grants(count: usize) -> Reason {
    reason(
        "SEVERAL_GRANTS",
        format!(
            "Het contract bevat {count} grants; een contract voor een verbinding mag er precies één bevatten."
        ),
        format!("The contract holds {count} grants; a contract for a connection may hold exactly one."),
    )
}

pub(super) fn several_publications(count: usize) -> Reason {
    reason(
        "SEVERAL_PUBLICATIONS",
        format!("Het contract bevat {count} publicaties; de norm raadt één publicatie per contract aan."),
        format!(
            "The contract holds {count} publications; the standard recommends one publication per contract."
        ),
    )
}

pub(super) fn not_offered(service: &ServiceName) -> Reason {
    reason(
        "SERVICE_NOT_OFFERED",
        format!("De gegevensdienst {service} wordt hier niet aangeboden."),
        format!("The data service {service} is not offered here."),
    )
}

pub(super) fn governed(service: &ServiceName) -> Reason {
    reason(
        "SERVICE_GOVERNED",
        format!(
            "De gegevensdienst {service} is niet open: zonder gegevensafspraak blijft een verbinding wachten op een mens."
        ),
        format!(
            "The data service {service} is governed: without an agreement a connection waits for a person."
        ),
    )
}

pub(super) fn delegated_grant() -> Reason {
    reason(
        "DELEGATED_GRANT",
        "De afnemer handelt namens een ander; een mens moet de machtiging beoordelen.",
        "The consumer acts on behalf of another; a person must judge the mandate.",
    )
}

pub(super) fn delegated_service() -> Reason {
    reason(
        "DELEGATED_SERVICE",
        "De dienst wordt namens een ander aangeboden; een mens moet dit contract beoordelen.",
        "The service is offered on behalf of another; a person must judge this contract.",
    )
}

pub(super) fn other_role() -> Reason {
    reason(
        "OTHER_ROLE",
        "Deze deelnemer is niet de aanbieder of de directory in dit contract; een mens moet beslissen of dit de bedoeling is.",
        "This participant is not the provider or the directory in this contract; a person must decide whether that is meant.",
    )
}

pub(super) fn not_a_directory() -> Reason {
    reason(
        "NOT_A_DIRECTORY",
        "Dit knooppunt is geen directory; de publicatie hoort bij een directory van de groep.",
        "This node is not a directory; the publication belongs at a directory of the group.",
    )
}

pub(super) fn other_submitter(submitter: &ParticipantId) -> Reason {
    reason(
        "OTHER_SUBMITTER",
        format!(
            "Het contract kwam hier met de handtekening van {submitter}, niet met die van de partij die de grant nodig heeft."
        ),
        format!(
            "The contract came with the signature of {submitter}, not with that of the party that needs the grant."
        ),
    )
}

pub(super) fn not_signed(submitter: &ParticipantId) -> Reason {
    reason(
        "SUBMITTER_NOT_SIGNED",
        format!("De indiener {submitter} heeft het contract zelf nog niet geaccepteerd."),
        format!("The submitter {submitter} has not accepted the contract itself yet."),
    )
}

pub(super) fn not_known(consumer: &ParticipantId) -> Reason {
    reason(
        "CONSUMER_NOT_KNOWN",
        format!("De afnemer {consumer} staat niet in de lijst van bekende afnemers."),
        format!("The consumer {consumer} is not on the list of known consumers."),
    )
}

pub(super) fn connections_are_left() -> Reason {
    reason(
        "CONNECTIONS_LEFT_TO_A_PERSON",
        "Het beleid van dit knooppunt laat elk contract voor een verbinding aan een mens over.",
        "The policy of this node leaves every connection contract to a person.",
    )
}

pub(super) fn too_long(days: i64) -> Reason {
    reason(
        "VALIDITY_TOO_LONG",
        format!("Het contract loopt langer dan {days} dagen vanaf nu door."),
        format!("The contract goes on for more than {days} days from now."),
    )
}

pub(super) fn over(state: ContractState) -> Reason {
    let (nl, en) = match state {
        ContractState::Rejected => ("afgewezen", "has been rejected"),
        ContractState::Revoked => ("ingetrokken", "has been revoked"),
        _ => ("verlopen", "has expired"),
    };
    reason("CONTRACT_OVER", format!("Het contract is al {nl}."), format!("The contract {en} already."))
}

pub(super) fn unknown_member(pointer: &str) -> Reason {
    let pointer = neutralise(pointer);
    reason(
        "UNKNOWN_MEMBER",
        format!("Het contract bevat {pointer}, dat FSC Core 2.0.0 niet kent."),
        format!("The contract holds {pointer}, which FSC Core 2.0.0 does not know."),
    )
}

pub(super) fn unknown_property(name: &str) -> Reason {
    let name = neutralise(name);
    reason(
        "UNKNOWN_PROPERTY",
        format!("De grant heeft de eigenschap {name}, die het beleid niet toestaat."),
        format!("The grant has the property {name}, which the policy does not allow."),
    )
}

pub(super) fn external_reference(name: &str) -> Reason {
    reason(
        "EXTERNAL_REFERENCE",
        format!("De eigenschap {name} verwijst naar een overeenkomst buiten FSC; een mens moet die nagaan."),
        format!("The property {name} refers to an agreement outside FSC; a person must verify it."),
    )
}
