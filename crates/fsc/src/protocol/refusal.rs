//! Why a contract is refused: the code of the standard where it has one, and sentences that say what to do.

use verbond_domain::Problem;

use super::{error::ErrorCode, i_json::IJsonError};

/// Why a contract is refused.
///
/// The standard has no codes for several of these (Core 2.0.0 §4.4.5.3); they get status 422 and a code of our own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.problem().detail.en)]
pub enum ContractRefusal {
    /// Not I-JSON (§4.1.8).
    Document(IJsonError),
    /// A member is missing or of the wrong form; holds its JSON pointer.
    Member(String),
    /// `fsc_version` is missing or not 2.0.0.
    FscVersion,
    /// `hash_algorithm` is not known.
    HashAlgorithm,
    /// `group_id` is another group's.
    GroupId,
    /// `created_at` lies in the future.
    CreatedInFuture,
    /// `not_after` is not after `not_before`.
    ValidityOrder,
    /// `not_after` has passed.
    Expired,
    /// No grants.
    NoGrants,
    /// More grants than this bound.
    TooManyGrants(usize),
    /// Publication grants next to others.
    GrantCombination,
    /// The same grant twice, in a contract that we make.
    DuplicateGrant,
    /// Who submits or signs is in none of the grants.
    SubmitterNotInContract,
    /// This participant is in none of the grants.
    ReceiverNotInContract,
    /// The `iv` has been used for another contract.
    IvUsed,
    /// A connection grant for a service of ours that does not exist; holds its name.
    ServiceNotOffered(String),
    /// The hash in the URL is not the content's.
    PathHash,
    /// The hash in the URL has an unknown algorithm.
    PathHashAlgorithm,
}

impl From<IJsonError> for ContractRefusal {
    fn from(error: IJsonError) -> Self {
        Self::Document(error)
    }
}

impl ContractRefusal {
    /// The code of the standard, where there is one.
    pub const fn code(&self) -> Option<ErrorCode> {
        Some(match self {
            Self::FscVersion => ErrorCode::UnknownFscVersion,
            Self::HashAlgorithm | Self::PathHashAlgorithm => ErrorCode::UnknownHashAlgorithmHash,
            Self::GroupId => ErrorCode::IncorrectGroupId,
            Self::GrantCombination => ErrorCode::GrantCombinationNotAllowed,
            Self::SubmitterNotInContract => ErrorCode::SubmittingPeerNotPartOfContract,
            Self::ReceiverNotInContract => ErrorCode::ReceivingPeerNotPartOfContract,
            Self::PathHash => ErrorCode::UrlPathContentHashMismatch,
            Self::Document(_)
            | Self::Member(_)
            | Self::CreatedInFuture
            | Self::ValidityOrder
            | Self::Expired
            | Self::NoGrants
            | Self::TooManyGrants(_)
            | Self::DuplicateGrant
            | Self::IvUsed
            | Self::ServiceNotOffered(_) => return None,
        })
    }

    /// A code of our own, for what the standard has none.
    const fn own_code(&self) -> &'static str {
        match self {
            Self::Document(IJsonError::Malformed(..)) => "CONTRACT_NOT_JSON",
            Self::Document(IJsonError::TooLong(_)) => "CONTRACT_TOO_LARGE",
            Self::Document(_) => "CONTRACT_NOT_I_JSON",
            Self::CreatedInFuture => "CONTRACT_CREATED_IN_FUTURE",
            Self::ValidityOrder => "CONTRACT_VALIDITY_ORDER",
            Self::Expired => "CONTRACT_EXPIRED",
            Self::NoGrants => "CONTRACT_WITHOUT_GRANTS",
            Self::TooManyGrants(_) => "CONTRACT_TOO_MANY_GRANTS",
            Self::DuplicateGrant => "CONTRACT_DUPLICATE_GRANT",
            Self::IvUsed => "CONTRACT_IV_USED",
            Self::ServiceNotOffered(_) => "CONTRACT_SERVICE_NOT_OFFERED",
            _ => "CONTRACT_MEMBER_INVALID",
        }
    }

    /// What to tell the peer.
    pub fn problem(&self) -> Problem {
        let (code, status) = match (self.code(), self) {
            (Some(code), _) => (code.as_str(), code.status()),
            (None, Self::Document(IJsonError::Malformed(..))) => (self.own_code(), 400),
            (None, Self::Document(IJsonError::TooLong(_))) => (self.own_code(), 413),
            (None, _) => (self.own_code(), 422),
        };
        let [nl, en, next_nl, next_en] = self.sentences();
        Problem::new(code, status, nl, en).next(next_nl, next_en)
    }

    /// Dutch and English: what is the matter, and what to do about it.
    fn sentences(&self) -> [String; 4] {
        let fixed = |texts: [&str; 4]| texts.map(str::to_owned);
        match self {
            Self::Document(error) => [
                "Het bericht is geen I-JSON (RFC 7493).".to_owned(),
                format!("The message is not I-JSON (RFC 7493): {error}."),
                "Stuur JSON in UTF-8 zonder dubbele namen, en niet dieper dan 32 niveaus.".to_owned(),
                "Send JSON in UTF-8 without duplicate names, nested at most 32 levels.".to_owned(),
            ],
            Self::Member(pointer) => {
                let place = if pointer.is_empty() { "/" } else { pointer };
                [
                    format!("In het contract ontbreekt {place}, of het heeft niet de voorgeschreven vorm."),
                    format!("The contract lacks {place}, or it does not have the prescribed form."),
                    "Vergelijk het contract met het schema in FSC Core 2.0.0 (manager.yaml).".to_owned(),
                    "Compare the contract with the schema in FSC Core 2.0.0 (manager.yaml).".to_owned(),
                ]
            }
            Self::FscVersion => fixed([
                "Het contract noemt niet FSC-versie 2.0.0; eerdere versies hebben andere hashes en worden niet herkend.",
                "The contract does not name FSC version 2.0.0; earlier versions have other hashes and are not recognised.",
                "Werk het knooppunt bij naar FSC Core 2.0.0 en maak het contract opnieuw, met \"fsc_version\": \"2.0.0\".",
                "Upgrade the node to FSC Core 2.0.0 and make the contract anew, with \"fsc_version\": \"2.0.0\".",
            ]),
            Self::HashAlgorithm => fixed([
                "Het hashalgoritme van het contract is niet bekend.",
                "The contract's hash algorithm is not known.",
                "Gebruik HASH_ALGORITHM_SHA3_512.",
                "Use HASH_ALGORITHM_SHA3_512.",
            ]),
            Self::PathHashAlgorithm => fixed([
                "De hash in het adres heeft een onbekend algoritme.",
                "The hash in the address has an unknown algorithm.",
                "Gebruik de contracthash die met $1$1$ begint.",
                "Use the contract hash that starts with $1$1$.",
            ]),
            Self::GroupId => fixed([
                "Het contract is van een andere groep.",
                "The contract belongs to another group.",
                "Vraag de beheerder van de groep naar het juiste groeps-ID en maak het contract opnieuw.",
                "Ask the group's administrator for the right group id and make the contract anew.",
            ]),
            Self::CreatedInFuture => fixed([
                "De aanmaakdatum van het contract ligt in de toekomst.",
                "The contract's creation time lies in the future.",
                "Zet de klok van het knooppunt gelijk (NTP) en maak het contract opnieuw.",
                "Set the node's clock right (NTP) and make the contract anew.",
            ]),
            Self::ValidityOrder => fixed([
                "Het einde van de geldigheid ligt niet na het begin.",
                "The end of the validity does not lie after its start.",
                "Geef een not_after die later is dan not_before.",
                "Give a not_after that is later than not_before.",
            ]),
            Self::Expired => fixed([
                "De geldigheid van het contract is al voorbij.",
                "The contract's validity has already passed.",
                "Maak een nieuw contract met een not_after in de toekomst.",
                "Make a new contract with a not_after in the future.",
            ]),
            Self::NoGrants => fixed([
                "Het contract bevat geen grant.",
                "The contract holds no grant.",
                "Voeg ten minste één grant toe.",
                "Add at least one grant.",
            ]),
            Self::TooManyGrants(most) => [
                format!("Het contract bevat meer dan {most} grants, het maximum in deze groep."),
                format!("The contract holds more than {most} grants, the most that this group allows."),
                "Verdeel de grants over meer contracten.".to_owned(),
                "Spread the grants over several contracts.".to_owned(),
            ],
            Self::GrantCombination => fixed([
                "Publicatiegrants mogen niet met andere grants in één contract staan.",
                "Publication grants may not stand in one contract with other grants.",
                "Maak een contract voor de publicaties en een ander voor de rest.",
                "Make one contract for the publications and another for the rest.",
            ]),
            Self::DuplicateGrant => fixed([
                "Dezelfde grant staat twee keer in het contract.",
                "The same grant stands twice in the contract.",
                "Laat er één weg.",
                "Leave one out.",
            ]),
            Self::SubmitterNotInContract => fixed([
                "De indiener komt in geen van de grants van het contract voor.",
                "The submitter does not occur in any of the contract's grants.",
                "Dien in met het certificaat van een deelnemer die op het contract staat.",
                "Submit with the certificate of a participant that is on the contract.",
            ]),
            Self::ReceiverNotInContract => fixed([
                "De ontvanger komt in geen van de grants van het contract voor.",
                "The receiver does not occur in any of the contract's grants.",
                "Stuur het contract naar de managers van de deelnemers die erop staan.",
                "Send the contract to the managers of the participants that are on it.",
            ]),
            Self::IvUsed => fixed([
                "Er is al een ander contract met deze iv.",
                "There is another contract with this iv already.",
                "Maak het contract opnieuw met een nieuwe UUID als iv.",
                "Make the contract anew with a new UUID as iv.",
            ]),
            Self::ServiceNotOffered(name) => [
                format!("De gegevensdienst {name} wordt hier niet aangeboden."),
                format!("The data service {name} is not offered here."),
                "Zoek de juiste naam op in de directory van de groep.".to_owned(),
                "Look the right name up in the group's directory.".to_owned(),
            ],
            Self::PathHash => fixed([
                "De contracthash in het adres is niet die van de meegestuurde inhoud.",
                "The contract hash in the address is not that of the content sent along.",
                "Bereken de hash over de canonieke vorm (RFC 8785) van content en zet die in het adres.",
                "Compute the hash over the canonical form (RFC 8785) of content and put it in the address.",
            ]),
        }
    }
}
