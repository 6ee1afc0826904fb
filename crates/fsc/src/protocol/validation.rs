//! What a contract must satisfy when it arrives, and when we make one (FSC Core 2.0.0 §4.2.1).
//!
//! Form and types have been judged by [`super::content`]. Two rules need the store and are the caller's: that the `iv`
//! is new ([`ContractRefusal::IvUsed`]), and which services exist ([`services_offered`]).

use verbond_domain::{ParticipantId, ServiceName, Timestamp};

use super::refusal::ContractRefusal;
use super::{
    content::ContractContent,
    hash::{ContentHash, HashError},
};

/// The node's bounds on a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContractLimits {
    /// Most grants in one contract (Digikoppeling: 10).
    pub maximum_grants: usize,
    /// Seconds that a peer's clock may be ahead of ours.
    pub clock_skew_seconds: i64,
}

/// What the contract is judged against.
#[derive(Clone, Copy, Debug)]
pub struct ValidationContext<'a> {
    /// Who submitted, by its TLS certificate; this participant itself for a contract that we make.
    pub submitter: &'a ParticipantId,
    /// This participant.
    pub own: &'a ParticipantId,
    /// The group.
    pub group_id: &'a str,
    /// The present.
    pub now: Timestamp,
    /// Bounds.
    pub limits: ContractLimits,
}

/// Judges a contract.
///
/// §4.2.1.1 to §4.2.1.4 name who offers which contract (the service's peer to the directory, the outway's peer to the
/// provider), §3.2.1 lets any peer on it do so: this node sends as named and accepts from any peer on the contract.
pub fn validate(content: &ContractContent, context: &ValidationContext<'_>) -> Result<(), ContractRefusal> {
    if content.group_id != context.group_id {
        return Err(ContractRefusal::GroupId);
    }
    if content.grants.is_empty() {
        return Err(ContractRefusal::NoGrants);
    }
    let publications = content.grants.iter().filter(|grant| grant.grant_type().is_publication()).count();
    if publications != 0 && publications != content.grants.len() {
        return Err(ContractRefusal::GrantCombination);
    }
    if content.grants.len() > context.limits.maximum_grants {
        return Err(ContractRefusal::TooManyGrants(context.limits.maximum_grants));
    }
    on_contract(content, context.submitter, context.own)?;
    if content.not_after <= content.not_before {
        return Err(ContractRefusal::ValidityOrder);
    }
    if content.not_after <= context.now {
        return Err(ContractRefusal::Expired);
    }
    if content.created_at > context.now.plus_seconds(context.limits.clock_skew_seconds) {
        return Err(ContractRefusal::CreatedInFuture);
    }
    Ok(())
}

/// Judges whether who submits or signs, and who receives, are on the contract.
pub fn on_contract(
    content: &ContractContent,
    submitter: &ParticipantId,
    own: &ParticipantId,
) -> Result<(), ContractRefusal> {
    if !content.names(submitter) {
        return Err(ContractRefusal::SubmitterNotInContract);
    }
    if !content.names(own) {
        return Err(ContractRefusal::ReceiverNotInContract);
    }
    Ok(())
}

/// Judges whether every service of ours that a connection grant names exists (§4.2.1.3).
pub fn services_offered(
    content: &ContractContent,
    own: &ParticipantId,
    offered: impl Fn(&ServiceName) -> bool,
) -> Result<(), ContractRefusal> {
    let missing = content
        .grants
        .iter()
        .filter(|grant| !grant.grant_type().is_publication() && grant.provider() == own)
        .find(|grant| !offered(grant.service_name()));
    match missing {
        Some(grant) => Err(ContractRefusal::ServiceNotOffered(grant.service_name().as_str().to_owned())),
        None => Ok(()),
    }
}

/// Judges the hash in the path of `PUT /contracts/{hash}/…`, percent-decoded, against the content of the body.
pub fn path_hash(path: &str, content: &ContractContent) -> Result<(), ContractRefusal> {
    match path.parse::<ContentHash>() {
        Ok(hash) if hash == content.hash => Ok(()),
        Err(HashError::UnknownAlgorithm) => Err(ContractRefusal::PathHashAlgorithm),
        _ => Err(ContractRefusal::PathHash),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use verbond_domain::Scheme;

    use super::*;
    use crate::protocol::{error::ErrorCode, fixtures::*, i_json::IJsonError};

    fn judge(grants: &[Value], change: impl FnOnce(&mut Value)) -> Result<(), ContractRefusal> {
        judge_between(CONSUMER, PROVIDER, grants, change)
    }

    fn judge_between(
        submitter: &str,
        own: &str,
        grants: &[Value],
        change: impl FnOnce(&mut Value),
    ) -> Result<(), ContractRefusal> {
        let mut tree = tree(grants);
        change(&mut tree);
        let content = ContractContent::from_tree(tree, Scheme::Oin)?;
        let context = ValidationContext {
            submitter: &peer(submitter),
            own: &peer(own),
            group_id: GROUP,
            now: now(),
            limits: ContractLimits { maximum_grants: 3, clock_skew_seconds: 60 },
        };
        validate(&content, &context)
    }

    fn unchanged(_: &mut Value) {}

    #[test]
    fn a_contract_by_the_book_is_let_through_whoever_on_it_submits() {
        assert_eq!(judge(&[connection()], unchanged), Ok(()));
        assert_eq!(judge_between(PROVIDER, CONSUMER, &[connection()], unchanged), Ok(()));
        assert_eq!(judge_between(DELEGATOR, PROVIDER, &[delegated(connection())], unchanged), Ok(()));
        let grant = connection_to_delegated_service();
        assert_eq!(judge_between(CONSUMER, SERVICE_DELEGATOR, &[grant], unchanged), Ok(()));
    }

    #[test]
    fn each_rule_has_its_refusal() {
        let set = |pointer: &'static str, value: Value| {
            judge(&[connection()], move |tree| {
                if let Some(place) = tree.pointer_mut(pointer) {
                    *place = value;
                }
            })
        };
        assert_eq!(set("/group_id", "other".into()), Err(ContractRefusal::GroupId));
        assert_eq!(set("/validity/not_after", START.into()), Err(ContractRefusal::ValidityOrder));
        assert_eq!(set("/validity/not_after", NOW.into()), Err(ContractRefusal::Expired));
        assert_eq!(set("/validity/not_after", (NOW + 1).into()), Ok(()));
        assert_eq!(set("/created_at", (NOW + 60).into()), Ok(()));
        assert_eq!(set("/created_at", (NOW + 61).into()), Err(ContractRefusal::CreatedInFuture));
        assert_eq!(judge(&[], unchanged), Err(ContractRefusal::NoGrants));
        let many = [connection(), connection(), connection(), connection()];
        assert_eq!(judge(&many, unchanged), Err(ContractRefusal::TooManyGrants(3)));
        assert_eq!(judge(&[connection(), publication()], unchanged), Err(ContractRefusal::GrantCombination));
        assert_eq!(
            judge(&[delegated(publication()), connection()], unchanged),
            Err(ContractRefusal::GrantCombination)
        );
    }

    #[test]
    fn publications_may_stand_together() {
        let grants = [publication(), delegated(publication())];
        assert_eq!(judge_between(PROVIDER, DIRECTORY, &grants, unchanged), Ok(()));
    }

    #[test]
    fn strangers_neither_submit_nor_receive() {
        assert_eq!(
            judge_between(STRANGER, PROVIDER, &[connection()], unchanged),
            Err(ContractRefusal::SubmitterNotInContract)
        );
        assert_eq!(
            judge_between(CONSUMER, STRANGER, &[connection()], unchanged),
            Err(ContractRefusal::ReceiverNotInContract)
        );
    }

    #[test]
    fn only_services_of_our_own_are_asked_after() -> Result<(), Failure> {
        let content = contract(&[connection()])?;
        assert_eq!(services_offered(&content, &peer(PROVIDER), |name| name.as_str() == "incomes"), Ok(()));
        assert_eq!(
            services_offered(&content, &peer(PROVIDER), |_| false),
            Err(ContractRefusal::ServiceNotOffered("incomes".to_owned()))
        );
        assert_eq!(services_offered(&content, &peer(CONSUMER), |_| false), Ok(()));
        assert_eq!(services_offered(&contract(&[publication()])?, &peer(PROVIDER), |_| false), Ok(()));
        Ok(())
    }

    #[test]
    fn the_hash_in_the_path_must_be_the_contents() -> Result<(), Failure> {
        let (content, other) = (contract(&[connection()])?, contract(&[publication()])?);
        assert_eq!(path_hash(content.hash.as_str(), &content), Ok(()));
        assert_eq!(path_hash(other.hash.as_str(), &content), Err(ContractRefusal::PathHash));
        assert_eq!(path_hash("hash", &content), Err(ContractRefusal::PathHash));
        let unknown = content.hash.as_str().replacen("$1$", "$2$", 1);
        assert_eq!(path_hash(&unknown, &content), Err(ContractRefusal::PathHashAlgorithm));
        Ok(())
    }

    #[test]
    fn every_refusal_says_what_to_do_in_both_languages() {
        for refusal in [
            ContractRefusal::Document(IJsonError::DuplicateMember),
            ContractRefusal::Document(IJsonError::Malformed(1, 2)),
            ContractRefusal::Document(IJsonError::TooLong(3)),
            ContractRefusal::Member("/iv".to_owned()),
            ContractRefusal::FscVersion,
            ContractRefusal::HashAlgorithm,
            ContractRefusal::GroupId,
            ContractRefusal::CreatedInFuture,
            ContractRefusal::ValidityOrder,
            ContractRefusal::Expired,
            ContractRefusal::NoGrants,
            ContractRefusal::TooManyGrants(10),
            ContractRefusal::GrantCombination,
            ContractRefusal::DuplicateGrant,
            ContractRefusal::SubmitterNotInContract,
            ContractRefusal::ReceiverNotInContract,
            ContractRefusal::IvUsed,
            ContractRefusal::ServiceNotOffered("x".to_owned()),
            ContractRefusal::PathHash,
            ContractRefusal::PathHashAlgorithm,
        ] {
            let problem = refusal.problem();
            assert_eq!(refusal.code().is_some(), problem.code.starts_with("ERROR_CODE_"), "{refusal:?}");
            assert!(problem.status == 422 || refusal.code().is_none(), "{refusal:?}");
            for text in [&problem.detail.nl, &problem.detail.en, &problem.next.nl, &problem.next.en] {
                assert!(text.ends_with('.') && text.len() > 10, "{refusal:?}: {text}");
            }
        }
        assert_eq!(ContractRefusal::GroupId.code(), Some(ErrorCode::IncorrectGroupId));
    }
}
