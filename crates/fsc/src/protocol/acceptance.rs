//! The acceptance policy for contracts that peers propose: data in, a verdict with all its reasons out.
//!
//! A reject is final, so it is given only for what a person could not put right either. Whatever else is not clean is
//! left to a person.

mod policy;
mod reason;

use serde::{Deserialize, Serialize};
use verbond_domain::{ParticipantId, ServiceClass, ServiceName, Timestamp};

pub use policy::{AcceptancePolicy, ConnectionAnswer, KnownConsumer};
pub use reason::{Reason, neutralise};

use super::{
    content::ContractContent,
    grant::Grant,
    signature::SignatureKind,
    state::{Signed, state_of},
};

/// Properties whose receiver must validate them outside FSC (External Contract Reference 1.0.0): always left to a
/// person, whatever the policy allows.
const EXTERNAL_REFERENCES: [&str; 2] = [
    "delegation.connection.external_contract_reference",
    "delegation.publication.external_contract_reference",
];
/// Most properties that are told as reasons: a peer decides how many there are.
const MAXIMUM_PROPERTIES: usize = 10;
/// Seconds in a day.
const DAY: i64 = 86_400;

/// What to do with a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Sign an accept.
    Accept,
    /// Sign a reject.
    Reject,
    /// A person decides.
    Leave,
}

impl Verdict {
    /// `accept`, `reject` or `leave`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::Leave => "leave",
        }
    }
}

/// The verdict with all its reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Assessment {
    /// What to do.
    pub verdict: Verdict,
    /// Why; at least one. Reasons to reject come first.
    pub reasons: Vec<Reason>,
}

/// What the policy must know beside the contract.
#[derive(Clone, Copy)]
pub struct AcceptanceContext<'a> {
    /// This participant.
    pub own: &'a ParticipantId,
    /// Who submitted it.
    pub submitter: &'a ParticipantId,
    /// Verified signatures that are there.
    pub signatures: &'a [Signed],
    /// The class of a service of ours; `None` when there is no such service.
    pub offered: &'a dyn Fn(&ServiceName) -> Option<ServiceClass>,
    /// Whether this node is a directory of the group.
    pub directory: bool,
    /// The present.
    pub now: Timestamp,
}

/// Judges a contract that [`super::validation::validate`] let through.
pub fn assess(
    policy: &AcceptancePolicy,
    content: &ContractContent,
    context: &AcceptanceContext<'_>,
) -> Assessment {
    let (mut reject, mut leave) = (Vec::new(), Vec::new());
    let state = state_of(content, context.signatures, context.now);
    if state.is_final() {
        leave.push(reason::over(state));
    }
    let mut clean = reason::publication_clean();
    match content.grants.as_slice() {
        [grant] if grant.grant_type().is_publication() => judge_publication(grant, context, &mut leave),
        [grant] => {
            clean = reason::connection_clean();
            judge_connection(policy, grant, context, &mut reject, &mut leave);
        }
        // The text allows several publications in one contract and advises against it (§4.5.1.1).
        grants if grants.iter().all(|grant| grant.grant_type().is_publication()) => {
            leave.push(reason::several_publications(grants.len()));
        }
        grants => reject.push(reason::several_grants(grants.len())),
    }
    if !signed_accept(context, context.submitter) {
        leave.push(reason::not_signed(context.submitter));
    }
    if content.not_after > context.now.plus_seconds(policy.maximum_validity_days.saturating_mul(DAY)) {
        leave.push(reason::too_long(policy.maximum_validity_days));
    }
    if let Some(pointer) = content.unknown_members.first() {
        leave.push(reason::unknown_member(pointer));
    }
    let properties =
        content.grants.iter().filter_map(|grant| grant.properties.as_ref()).flat_map(|all| all.keys());
    leave.extend(properties.filter_map(|name| judge_property(policy, name)).take(MAXIMUM_PROPERTIES));
    if !reject.is_empty() {
        reject.append(&mut leave);
        Assessment { verdict: Verdict::Reject, reasons: reject }
    } else if !leave.is_empty() {
        Assessment { verdict: Verdict::Leave, reasons: leave }
    } else {
        Assessment { verdict: Verdict::Accept, reasons: vec![clean] }
    }
}

/// Why a person must look at a property; `None` if the policy allows it.
fn judge_property(policy: &AcceptancePolicy, name: &String) -> Option<Reason> {
    if EXTERNAL_REFERENCES.contains(&name.as_str()) {
        return Some(reason::external_reference(name));
    }
    (!policy.allowed_properties.contains(name)).then(|| reason::unknown_property(name))
}

/// A publication: signed by a directory, for whoever offers the service or has it offered.
fn judge_publication(grant: &Grant, context: &AcceptanceContext<'_>, leave: &mut Vec<Reason>) {
    if grant.counterpart() != context.own {
        leave.push(reason::other_role());
    } else if !context.directory {
        leave.push(reason::not_a_directory());
    }
    if grant.provider() != context.submitter && grant.data.delegator() != Some(context.submitter) {
        leave.push(reason::other_submitter(context.submitter));
    }
}

/// A connection to a service of ours, proposed by its consumer.
fn judge_connection(
    policy: &AcceptancePolicy,
    grant: &Grant,
    context: &AcceptanceContext<'_>,
    reject: &mut Vec<Reason>,
    leave: &mut Vec<Reason>,
) {
    if grant.grant_type().is_delegated() {
        leave.push(reason::delegated_grant());
    }
    if grant.data.service_delegator().is_some() {
        leave.push(reason::delegated_service());
    }
    if grant.provider() != context.own {
        leave.push(reason::other_role());
        return;
    }
    match (context.offered)(grant.service_name()) {
        None => reject.push(reason::not_offered(grant.service_name())),
        Some(ServiceClass::Governed) => leave.push(reason::governed(grant.service_name())),
        Some(ServiceClass::Open) => {}
    }
    let consumer = grant.counterpart();
    if consumer != context.submitter {
        leave.push(reason::other_submitter(context.submitter));
    }
    if !policy.known_consumers.iter().any(|known| known.covers(consumer)) {
        leave.push(reason::not_known(consumer));
    }
    if policy.connection == ConnectionAnswer::Leave {
        leave.push(reason::connections_are_left());
    }
}

fn signed_accept(context: &AcceptanceContext<'_>, participant: &ParticipantId) -> bool {
    context
        .signatures
        .iter()
        .any(|signed| signed.kind == SignatureKind::Accept && signed.signer == *participant)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use verbond_domain::Scheme;

    use super::*;
    use crate::protocol::fixtures::*;

    struct Case {
        policy: AcceptancePolicy,
        submitter: &'static str,
        own: &'static str,
        signatures: Vec<Signed>,
        class: Option<ServiceClass>,
        directory: bool,
        now: i64,
    }

    impl Case {
        fn new(own: &'static str, submitter: &'static str) -> Self {
            let policy = AcceptancePolicy {
                known_consumers: vec![KnownConsumer::Participant(peer(CONSUMER))],
                connection: ConnectionAnswer::Accept,
                maximum_validity_days: 1,
                allowed_properties: vec!["flow".to_owned()],
            };
            Self {
                policy,
                submitter,
                own,
                signatures: vec![signed(submitter, SignatureKind::Accept)],
                class: Some(ServiceClass::Open),
                directory: true,
                now: NOW,
            }
        }

        fn assess(&self, tree: Value) -> Result<(Verdict, Vec<&'static str>), Failure> {
            let content = ContractContent::from_tree(tree, Scheme::Oin)?;
            let assessment = assess(
                &self.policy,
                &content,
                &AcceptanceContext {
                    own: &peer(self.own),
                    submitter: &peer(self.submitter),
                    signatures: &self.signatures,
                    offered: &|name| self.class.filter(|_| name.as_str() == "incomes"),
                    directory: self.directory,
                    now: Timestamp::from_seconds(self.now),
                },
            );
            for Reason { sentence, .. } in &assessment.reasons {
                assert!(sentence.nl.ends_with('.') && sentence.en.ends_with('.'), "{sentence:?}");
            }
            Ok((assessment.verdict, assessment.reasons.iter().map(|reason| reason.code).collect()))
        }
    }

    fn clean() -> Case {
        Case::new(PROVIDER, CONSUMER)
    }

    fn leave(code: &'static str) -> (Verdict, Vec<&'static str>) {
        (Verdict::Leave, vec![code])
    }

    #[test]
    fn a_clean_connection_of_a_known_consumer_is_accepted() -> Result<(), Failure> {
        let accepted = (Verdict::Accept, vec!["CONNECTION_ALLOWED"]);
        assert_eq!(clean().assess(tree(&[connection()]))?, accepted);
        let mut named = connection();
        named["outway"]["identification"] = domain_name("outway.gemeente.test");
        named["properties"] = json!({ "flow": "query" });
        assert_eq!(clean().assess(tree(&[named]))?, accepted);
        let mut case = clean();
        case.policy.known_consumers = vec![KnownConsumer::Everyone];
        assert_eq!(case.assess(tree(&[connection()]))?, accepted);
        Ok(())
    }

    #[test]
    fn a_smuggled_extra_grant_is_rejected() -> Result<(), Failure> {
        let mut other = connection();
        other["service"]["name"] = "pensions".into();
        let verdict = clean().assess(tree(&[connection(), other]))?;
        assert_eq!(verdict, (Verdict::Reject, vec!["SEVERAL_GRANTS"]));
        Ok(())
    }

    #[test]
    fn a_service_that_we_do_not_offer_is_rejected() -> Result<(), Failure> {
        let mut case = clean();
        case.class = None;
        case.policy.known_consumers.clear();
        let verdict = case.assess(tree(&[connection()]))?;
        assert_eq!(verdict, (Verdict::Reject, vec!["SERVICE_NOT_OFFERED", "CONSUMER_NOT_KNOWN"]));
        Ok(())
    }

    #[test]
    fn without_configuration_a_person_decides() -> Result<(), Failure> {
        let mut case = clean();
        case.policy = AcceptancePolicy { maximum_validity_days: 1, ..AcceptancePolicy::default() };
        let (verdict, reasons) = case.assess(tree(&[connection()]))?;
        assert_eq!(verdict, Verdict::Leave);
        assert_eq!(reasons, ["CONSUMER_NOT_KNOWN", "CONNECTIONS_LEFT_TO_A_PERSON"]);
        Ok(())
    }

    #[test]
    fn each_thing_that_is_not_clean_is_left_to_a_person() -> Result<(), Failure> {
        let connection_tree = || tree(&[connection()]);
        let mut case = clean();
        case.class = Some(ServiceClass::Governed);
        assert_eq!(case.assess(connection_tree())?, leave("SERVICE_GOVERNED"));
        let mut case = clean();
        case.signatures = vec![signed(PROVIDER, SignatureKind::Accept)];
        assert_eq!(case.assess(connection_tree())?, leave("SUBMITTER_NOT_SIGNED"));
        let mut case = clean();
        case.signatures.push(signed(CONSUMER, SignatureKind::Revoke));
        assert_eq!(case.assess(connection_tree())?, leave("CONTRACT_OVER"));
        let mut case = clean();
        case.now = START - 1;
        assert_eq!(case.assess(connection_tree())?, leave("VALIDITY_TOO_LONG"));
        let mut case = clean();
        case.policy.connection = ConnectionAnswer::Leave;
        assert_eq!(case.assess(connection_tree())?, leave("CONNECTIONS_LEFT_TO_A_PERSON"));
        assert_eq!(clean().assess(tree(&[delegated(connection())]))?, leave("DELEGATED_GRANT"));
        assert_eq!(clean().assess(tree(&[connection_to_delegated_service()]))?, leave("DELEGATED_SERVICE"));
        let mut extra = connection_tree();
        extra["grants"][0]["data"]["service"]["delegator"] = json!({ "peer_id": DELEGATOR });
        assert_eq!(clean().assess(extra)?, leave("UNKNOWN_MEMBER"));
        for (name, code) in [
            ("other", "UNKNOWN_PROPERTY"),
            ("delegation.connection.external_contract_reference", "EXTERNAL_REFERENCE"),
        ] {
            let mut grant = connection();
            grant["properties"] = json!({ "flow": 1, name: {} });
            let mut case = clean();
            case.policy.allowed_properties.extend(EXTERNAL_REFERENCES.map(str::to_owned));
            assert_eq!(case.assess(tree(&[grant]))?, leave(code));
        }
        // We are the consumer, and the provider proposes.
        assert_eq!(Case::new(CONSUMER, PROVIDER).assess(connection_tree())?, leave("OTHER_ROLE"));
        // The one who submits is on the contract, but not as its consumer.
        let mut case = Case::new(PROVIDER, PROVIDER);
        case.policy.known_consumers = vec![KnownConsumer::Everyone];
        assert_eq!(case.assess(connection_tree())?, leave("OTHER_SUBMITTER"));
        Ok(())
    }

    #[test]
    fn a_directory_signs_publications_and_nobody_else_does() -> Result<(), Failure> {
        let accepted = (Verdict::Accept, vec!["PUBLICATION_ALLOWED"]);
        let directory = || Case::new(DIRECTORY, PROVIDER);
        assert_eq!(directory().assess(tree(&[publication()]))?, accepted);
        assert_eq!(directory().assess(tree(&[delegated(publication())]))?, accepted);
        assert_eq!(Case::new(DIRECTORY, DELEGATOR).assess(tree(&[delegated(publication())]))?, accepted);
        let mut case = directory();
        case.directory = false;
        assert_eq!(case.assess(tree(&[publication()]))?, leave("NOT_A_DIRECTORY"));
        let two = tree(&[publication(), delegated(publication())]);
        assert_eq!(directory().assess(two)?, leave("SEVERAL_PUBLICATIONS"));
        // The directory proposes to publish a service of ours.
        let verdict = Case::new(PROVIDER, DIRECTORY).assess(tree(&[publication()]))?;
        assert_eq!(verdict, (Verdict::Leave, vec!["OTHER_ROLE", "OTHER_SUBMITTER"]));
        Ok(())
    }

    #[test]
    fn an_unknown_property_does_not_hide_behind_many_known_ones() -> Result<(), Failure> {
        let mut case = clean();
        let names: Vec<String> = (0..100).map(|number| format!("known{number:03}")).collect();
        let mut grant = connection();
        grant["properties"] =
            names.iter().map(|name| (name.clone(), json!(1))).collect::<serde_json::Map<_, _>>().into();
        case.policy.allowed_properties = names;
        assert_eq!(case.assess(tree(&[grant.clone()]))?.0, Verdict::Accept);
        grant["properties"]["zz"] = json!(1);
        assert_eq!(case.assess(tree(&[grant.clone()]))?, leave("UNKNOWN_PROPERTY"));
        case.policy.allowed_properties.clear();
        assert_eq!(case.assess(tree(&[grant]))?.1.len(), MAXIMUM_PROPERTIES);
        Ok(())
    }

    #[test]
    fn text_of_a_peer_cannot_steer_the_screen() -> Result<(), Failure> {
        let hostile = "a\r\n\u{1b}[2J\u{202e}\u{200b}\u{7f}\u{85}b";
        assert_eq!(neutralise(hostile), format!("a{0}{0}{0}[2J{0}{0}{0}{0}b", '\u{fffd}'));
        assert_eq!(neutralise(&"x".repeat(500)).chars().count(), 121);
        let mut grant = connection();
        grant["properties"] = json!({ hostile: 1 });
        let content = contract(&[grant])?;
        let case = clean();
        let assessment = assess(
            &case.policy,
            &content,
            &AcceptanceContext {
                own: &peer(PROVIDER),
                submitter: &peer(CONSUMER),
                signatures: &case.signatures,
                offered: &|_| Some(ServiceClass::Open),
                directory: false,
                now: now(),
            },
        );
        let shown = serde_json::to_string(&assessment)?;
        assert!(
            !shown.contains("\\n") && !shown.contains("\\u001b") && !shown.contains('\u{202e}'),
            "{shown}"
        );
        Ok(())
    }

    #[test]
    fn the_policy_is_read_strictly() {
        let read = |text: &str| serde_json::from_str::<AcceptancePolicy>(text);
        assert!(read(r#"{"known_consumers":["*","oin:1234"],"connection":"accept"}"#).is_ok());
        assert_eq!(read("{}").ok(), Some(AcceptancePolicy::default()));
        for text in [r#"{"known":[]}"#, r#"{"known_consumers":["1234"]}"#, r#"{"connection":"yes"}"#] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
