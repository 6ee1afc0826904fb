//! Contracts as evidence of what a foreign participant did on the wire: made for those who are not in them, and judged when
//! others show them.

use std::{collections::BTreeSet, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use verbond_agreement::{Connection, Line, OnTheWire, Statement, StatementStep, WireEvidence};
use verbond_application::agreements::{AgreementVersion, WireJudge};
use verbond_domain::{ParticipantId, Scheme, Timestamp};
use verbond_trust::{CertificateDer, TrustStore, Usage};

use super::{
    StoredContract,
    following::{named_hash, names_version},
    foreign::{between, is_connection},
};
use crate::{
    FscNode, FscRules,
    protocol::{
        content::ContractContent,
        signature::{self, Expectation, SignatureKind},
    },
};

/// Most certificates of a chain that is read.
const LONGEST_CHAIN: usize = 8;

impl FscNode {
    /// A contract with one signature of a foreign participant, for others to judge. `None` when the certificates are not
    /// to be had.
    pub(super) async fn evidence(
        &self,
        party: &ParticipantId,
        contract: &StoredContract,
        kind: SignatureKind,
    ) -> Option<WireEvidence> {
        let signed =
            |one: &&verbond_store::contracts::SignatureRow| one.peer == *party && one.kind == kind.as_str();
        let signature = contract.row.signatures.iter().find(signed)?.jws.clone();
        let thumbprint = signature::certificate_thumbprint(&signature).ok()?;
        let chain = match kind {
            SignatureKind::Accept => self.published_chain(party, &thumbprint, None).await?,
            // That something has ended waits for nobody's key set.
            SignatureKind::Reject | SignatureKind::Revoke => self.kept_chain(party, &thumbprint).await?,
        };
        let chain = chain.iter().map(|der| URL_SAFE_NO_PAD.encode(der)).collect();
        Some(WireEvidence { content: contract.row.content.clone(), signature, chain })
    }
}

/// Judges contracts that other parties show.
#[derive(Clone, Debug)]
pub struct ShownContracts {
    group_id: String,
    scheme: Scheme,
    clock_skew_seconds: i64,
    trust: Arc<TrustStore>,
}

impl ShownContracts {
    /// By the group's rules and anchors.
    pub fn new(rules: &FscRules, trust: Arc<TrustStore>) -> Self {
        Self {
            group_id: rules.group_id.clone(),
            scheme: rules.scheme(),
            clock_skew_seconds: rules.limits.clock_skew_seconds,
            trust,
        }
    }

    /// The contract that is shown, if it is the one with this hash and within this group.
    fn content(&self, hash: &Line, evidence: &WireEvidence) -> Result<ContractContent, String> {
        let content = ContractContent::parse(evidence.content.as_bytes(), self.scheme)
            .map_err(|refusal| format!("a contract cannot be read: {refusal}"))?;
        let is_it = content.hash.as_str() == hash.as_str() && content.canonical() == evidence.content;
        match is_it && content.group_id == self.group_id {
            true => Ok(content),
            false => Err("a contract is another than its hash says, or of another group".to_owned()),
        }
    }

    /// Whether the foreign participant has said so of the contract, in one of these ways.
    fn signed(
        &self,
        party: &ParticipantId,
        content: &ContractContent,
        evidence: &WireEvidence,
        kinds: &[SignatureKind],
        now: Timestamp,
    ) -> Result<(), String> {
        if evidence.chain.len() > LONGEST_CHAIN {
            return Err("a chain has too many certificates".to_owned());
        }
        let chain = evidence.chain.iter().map(|text| URL_SAFE_NO_PAD.decode(text).map(CertificateDer::from));
        let chain: Vec<_> =
            chain.collect::<Result<_, _>>().map_err(|_| "a certificate is not base64url".to_owned())?;
        let at = signature::signed_at(&evidence.signature).map_err(|refusal| refusal.to_string())?;
        let certificate = self
            .trust
            .judge_at(&chain, Usage::Signature, at, now)
            .map_err(|refusal| format!("the certificate that signed is not good: {refusal}"))?;
        let verified = kinds.iter().map(|kind| {
            let expectation = Expectation {
                signer: party,
                content_hash: &content.hash,
                kind: *kind,
                now,
                clock_skew_seconds: self.clock_skew_seconds,
            };
            signature::verify(&evidence.signature, &certificate, &expectation)
        });
        let refusals = verified.filter_map(Result::err);
        match refusals.collect::<Vec<_>>() {
            refused if refused.len() < kinds.len() => Ok(()),
            refused => Err(refused.first().map_or_else(String::new, ToString::to_string)),
        }
    }
}

impl WireJudge for ShownContracts {
    fn judge(
        &self,
        version: &AgreementVersion,
        statement: &Statement,
        seen: &OnTheWire,
        now: Timestamp,
    ) -> Result<(), String> {
        let accepted = matches!(statement.step, StatementStep::AcceptedOnTheWire(_));
        let kinds: &[SignatureKind] = match accepted {
            true => &[SignatureKind::Accept],
            false => &[SignatureKind::Reject, SignatureKind::Revoke],
        };
        let by = &statement.participant;
        let connections = between(&version.document, by, &seen.party);
        if seen.evidence.is_empty() || seen.evidence.len() != seen.contracts.len() {
            return Err("the contracts do not come along".to_owned());
        }
        let mut shown: BTreeSet<Connection<'_>> = BTreeSet::new();
        for (hash, evidence) in seen.contracts.iter().zip(&seen.evidence) {
            let content = self.content(hash, evidence)?;
            let connection = connection(&content, version, by, &connections)
                .ok_or("a contract is no connection of this version between the two")?;
            if accepted && content.not_after <= statement.at.timestamp() {
                return Err("a contract was over".to_owned());
            }
            self.signed(&seen.party, &content, evidence, kinds, now)?;
            shown.insert(connection);
        }
        match accepted && shown.len() < connections.len() {
            true => Err("not every connection between the two was accepted".to_owned()),
            false => Ok(()),
        }
    }
}

/// The connection of a version that a contract is and says to be; what names no version is one by an act of whoever shows it.
fn connection<'a>(
    content: &ContractContent,
    version: &AgreementVersion,
    by: &ParticipantId,
    connections: &BTreeSet<Connection<'a>>,
) -> Option<Connection<'a>> {
    let [grant] = content.grants.as_slice() else { return None };
    let follows = names_version(grant, version)
        || (named_hash(grant).is_none() && version.binds_contract(by, content.hash.as_str()));
    connections.iter().find(|connection| follows && is_connection(grant, **connection)).copied()
}
