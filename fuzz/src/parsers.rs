//! One function per parser of what strangers send: each must return on any input, and keep what it promises.
//!
//! The fuzz targets call them, and a test of the FSC crate replays the corpus through the same functions.

use std::{fmt::Display, str::FromStr};

use rustls_pki_types::CertificateDer;
use serde::de::DeserializeOwned;
use verbond_agreement::{Agreement, RegisterContent, RegisterKind, Statement};
use verbond_domain::{Alias, ParticipantId, Scheme, ServiceName, TransactionId};
use verbond_fsc::{
    ManagerAddress,
    protocol::{
        acceptance::KnownConsumer,
        content::ContractContent,
        error::ErrorCode,
        hash::{ContentHash, GrantHash},
        i_json,
        log_record::LogRecords,
        query::{ContractsQuery, LogsQuery, PeersQuery, ServicesQuery},
        signature::{SignaturePayload, certificate_thumbprint},
        token::{AccessTokenClaims, TokenRequest, access_token},
        wire::{Contracts, PeerInfo, Peers, Services, SignatureRequest, TokenResponse},
    },
};
use verbond_trust::{Certificate, IdentityRules, ParticipantAttribute, RevocationList, jwk, jws::Jws};

/// A parser under test.
pub type Parser = fn(&[u8]);

/// All of them, by the name of their fuzz target and corpus.
pub const PARSERS: [(&str, Parser); 16] = [
    ("agreement", agreement),
    ("certificate", certificate),
    ("content", content),
    ("i_json", i_json),
    ("jws", jws),
    ("listing", listing),
    ("manager_address", manager_address),
    ("message", message),
    ("name", name),
    ("query", query),
    ("register", register),
    ("revocation_list", revocation_list),
    ("signature_payload", signature_payload),
    ("statement", statement),
    ("token_claims", token_claims),
    ("token_request", token_request),
];

/// I-JSON: the canonical form is read back as the same tree.
pub fn i_json(bytes: &[u8]) {
    if let Ok(tree) = i_json::parse(bytes) {
        let canonical = i_json::canonicalise(&tree).expect("what was parsed has a canonical form");
        assert_eq!(i_json::parse(canonical.as_bytes()), Ok(tree));
    }
}

/// A contract's content: stored in canonical form and read back, it is the same contract.
pub fn content(bytes: &[u8]) {
    if let Ok(content) = ContractContent::parse(bytes, Scheme::Oin) {
        let again = ContractContent::parse(content.canonical().as_bytes(), Scheme::Oin);
        assert_eq!(again.as_ref(), Ok(&content));
        for grant in &content.grants {
            assert!(grant.data.parties().all(|(_, peer)| content.names(peer)));
        }
    }
}

/// Messages between managers.
pub fn message(bytes: &[u8]) {
    if let Ok(request) = SignatureRequest::parse(bytes) {
        let _ = ContractContent::from_tree(request.content, Scheme::Oin);
    }
    let _ = Contracts::parse(bytes, 1 << 20);
    if let Ok(key_set) = i_json::parse(bytes) {
        let _ = jwk::chains(&key_set);
    }
}

/// Answers of other managers and of directories.
pub fn listing(bytes: &[u8]) {
    fn read<T: DeserializeOwned>(tree: &serde_json::Value) {
        let _ = serde_json::from_value::<T>(tree.clone());
    }
    if let Ok(tree) = i_json::parse(bytes) {
        read::<Services>(&tree);
        read::<Peers>(&tree);
        read::<PeerInfo>(&tree);
        read::<LogRecords>(&tree);
        read::<TokenResponse>(&tree);
    }
}

/// The address that a manager gives as its own: written again, it is the same, and no longer than the text allows.
pub fn manager_address(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(address) = ManagerAddress::parse(text, &[]) {
        assert_eq!(ManagerAddress::parse(address.as_str(), &[]).as_ref(), Ok(&address));
        assert!(address.as_str().is_ascii());
    }
    let _ = ManagerAddress::parse(text, &[443, 8443]);
}

/// Names and numbers that come in header fields, paths, tokens and contracts: written again, they are the same.
pub fn name(bytes: &[u8]) {
    fn again<T: FromStr + Display + PartialEq>(text: &str) {
        if let Ok(value) = text.parse::<T>() {
            assert!(value.to_string().parse::<T>().is_ok_and(|again| again == value), "{text:?}");
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    again::<TransactionId>(text);
    again::<ParticipantId>(text);
    again::<ServiceName>(text);
    again::<Alias>(text);
    again::<ContentHash>(text);
    again::<GrantHash>(text);
    again::<KnownConsumer>(text);
    if let Ok(id) = ParticipantId::new(Scheme::Oin, text) {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    let _ = ErrorCode::parse(text);
}

/// An agreement that another participant's node has sent: its canonical form is read back as the same agreement.
pub fn agreement(bytes: &[u8]) {
    if let Ok(agreement) = Agreement::parse(bytes) {
        let canonical = agreement.canonical().expect("what was parsed has a canonical form");
        assert_eq!(Agreement::parse_canonical(&canonical).as_ref(), Ok(&agreement));
    }
}

/// What a party states about an agreement: its canonical form is read back as the same statement.
pub fn statement(bytes: &[u8]) {
    if let Ok(statement) = Statement::parse(bytes) {
        let canonical = statement.canonical().expect("what was parsed has a canonical form");
        assert_eq!(Statement::parse(&canonical).as_ref(), Ok(&statement));
    }
}

/// Entries of the registers: the canonical form is read back as the same entry.
pub fn register(bytes: &[u8]) {
    for kind in RegisterKind::ALL {
        if let Ok(entry) = RegisterContent::parse(kind, bytes) {
            let (canonical, _) = entry.canonical().expect("what was parsed has a canonical form");
            assert_eq!(RegisterContent::parse(kind, &canonical).as_ref(), Ok(&entry));
        }
    }
}

/// Compact JWS, as signature and as access token.
pub fn jws(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = certificate_thumbprint(text);
    if let Ok(jws) = Jws::parse(access_token(text).unwrap_or_default()) {
        let _ = AccessTokenClaims::parse(jws.payload(), Scheme::Oin);
        // A DER SubjectPublicKeyInfo of nothing: verification must fail, not break.
        assert!(jws.verify(&[0x30, 0x00]).is_err());
    }
}

/// The payload of a signature: written again, it says the same.
pub fn signature_payload(bytes: &[u8]) {
    if let Ok(payload) = SignaturePayload::parse(bytes) {
        assert_eq!(SignaturePayload::parse(&payload.to_bytes()), Ok(payload));
    }
}

/// The claims of a token: written again, they say the same.
pub fn token_claims(bytes: &[u8]) {
    if let Ok(claims) = AccessTokenClaims::parse(bytes, Scheme::Oin) {
        assert_eq!(AccessTokenClaims::parse(&claims.to_bytes(), Scheme::Oin), Ok(claims));
    }
}

/// The form of a token request: written again, it asks the same.
pub fn token_request(bytes: &[u8]) {
    if let Ok(request) = TokenRequest::parse(bytes, Scheme::Oin) {
        assert_eq!(TokenRequest::parse(request.to_form().as_bytes(), Scheme::Oin), Ok(request));
    }
}

/// Query parameters of the listings; a list that is there never becomes no filter.
pub fn query(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(ContractsQuery::GrantHashes(hashes)) = ContractsQuery::parse(text) {
        assert!(!hashes.is_empty());
    }
    if let Ok(PeersQuery::Ids(ids)) = PeersQuery::parse(text, Scheme::Oin) {
        assert!(!ids.is_empty());
    }
    if let Ok(LogsQuery::Transactions(transactions)) = LogsQuery::parse(text) {
        assert!(!transactions.is_empty());
    }
    if let Ok(query) = ServicesQuery::parse(text, Scheme::Oin) {
        assert!((1..=1000).contains(&query.paging.limit));
    }
}

/// X.509 certificates.
pub fn certificate(bytes: &[u8]) {
    for participant_id in [ParticipantAttribute::SerialNumber, ParticipantAttribute::OrganizationIdentifier] {
        let rules = IdentityRules { scheme: Scheme::Oin, participant_id };
        let _ = Certificate::parse(&CertificateDer::from(bytes), &rules);
    }
}

/// Certificate revocation lists.
pub fn revocation_list(bytes: &[u8]) {
    if let Ok(list) = RevocationList::parse(bytes) {
        let _ = (list.this_update(), list.next_update());
        assert!(RevocationList::parse(list.der()).is_ok());
    }
}
