//! FSC error codes (Core 2.0.0 §4.4.5, §4.6, §4.7; Logging 1.1.0) and the error object of FSC ports.

use serde_json::{Map, Value};
use verbond_domain::Problem;

/// Which component speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorDomain {
    /// `ERROR_DOMAIN_MANAGER`
    Manager,
    /// `ERROR_DOMAIN_INWAY`
    Inway,
    /// `ERROR_DOMAIN_OUTWAY`
    Outway,
}

macro_rules! codes {
    ($($(#[$documentation:meta])* $name:ident = $text:literal, $status:literal;)*) => {
        /// The codes of the standard.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$documentation])* $name),* }
        impl ErrorCode {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$name),*];
            /// As it stands in the header `Fsc-Error-Code` and in `code`.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $text),* } }
            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 { match self { $(Self::$name => $status),* } }
        }
    };
}
codes! {
    /// `group_id` is not this group's.
    IncorrectGroupId = "ERROR_CODE_INCORRECT_GROUP_ID", 422;
    /// The submitter is in none of the grants.
    SubmittingPeerNotPartOfContract = "ERROR_CODE_SUBMITTING_PEER_NOT_PART_OF_CONTRACT", 422;
    /// The receiver is in none of the grants.
    ReceivingPeerNotPartOfContract = "ERROR_CODE_RECEIVING_PEER_NOT_PART_OF_CONTRACT", 422;
    /// The signature is over another content.
    SignatureContractContentHashMismatch = "ERROR_CODE_SIGNATURE_CONTRACT_CONTENT_HASH_MISMATCH", 422;
    /// The signing certificate is not trusted.
    PeerCertificateVerificationFailed = "ERROR_CODE_PEER_CERTIFICATE_VERIFICATION_FAILED", 400;
    /// The signing certificate is not the submitter's.
    PeerIdSignatureMismatch = "ERROR_CODE_PEER_ID_SIGNATURE_MISMATCH", 422;
    /// The signature does not verify.
    SignatureVerificationFailed = "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED", 422;
    /// Publication grants next to others.
    GrantCombinationNotAllowed = "ERROR_CODE_GRANT_COMBINATION_NOT_ALLOWED", 422;
    /// The hash in the path is not the content's.
    UrlPathContentHashMismatch = "ERROR_CODE_URL_PATH_CONTENT_HASH_MISMATCH", 422;
    /// Unknown hash algorithm.
    UnknownHashAlgorithmHash = "ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH", 422;
    /// Unknown signature algorithm.
    UnknownAlgorithmSignature = "ERROR_CODE_UNKNOWN_ALGORITHM_SIGNATURE", 422;
    /// Unknown `fsc_version`.
    UnknownFscVersion = "ERROR_CODE_UNKNOWN_FSC_VERSION", 422;
    /// No access token.
    AccessTokenMissing = "ERROR_CODE_ACCESS_TOKEN_MISSING", 401;
    /// An access token that cannot be used.
    AccessTokenInvalid = "ERROR_CODE_ACCESS_TOKEN_INVALID", 401;
    /// An access token past its time.
    AccessTokenExpired = "ERROR_CODE_ACCESS_TOKEN_EXPIRED", 401;
    /// A token of another group.
    WrongGroupIdInToken = "ERROR_CODE_WRONG_GROUP_ID_IN_TOKEN", 403;
    /// A service that this inway does not offer.
    ServiceNotFound = "ERROR_CODE_SERVICE_NOT_FOUND", 404;
    /// The service behind the inway does not answer.
    ServiceUnreachable = "ERROR_CODE_SERVICE_UNREACHABLE", 502;
    /// CONNECT at the outway.
    MethodUnsupported = "ERROR_CODE_METHOD_UNSUPPORTED", 405;
    /// The record could not be written (Logging; without prefix).
    TransactionLogWriteError = "TRANSACTION_LOG_WRITE_ERROR", 500;
    /// `Fsc-Transaction-Id` is not usable (Logging).
    InvalidLogRecordId = "INVALID_LOG_RECORD_ID", 400;
    /// `Fsc-Transaction-Id` is missing (Logging).
    MissingLogRecordId = "MISSING_LOG_RECORD_ID", 400;
}

/// Header that carries the code.
pub const ERROR_CODE_HEADER: &str = "fsc-error-code";

impl ErrorCode {
    /// The code of this name; also the two that manager.yaml still has in place of newer ones of the text.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "ERROR_CODE_PEER_NOT_PART_OF_CONTRACT" => Some(Self::SubmittingPeerNotPartOfContract),
            "ERROR_CODE_INCORRECT_PUBLIC_KEY_THUMBPRINT" => Some(Self::SignatureVerificationFailed),
            _ => Self::ALL.iter().copied().find(|code| code.as_str() == text),
        }
    }

    /// The value of `WWW-Authenticate` that must go with the code (Core 2.0.0 §4.7.2.2.1).
    pub const fn challenge(self) -> Option<&'static str> {
        match self {
            Self::AccessTokenMissing | Self::AccessTokenInvalid | Self::AccessTokenExpired => Some("Bearer"),
            _ => None,
        }
    }
}

impl ErrorDomain {
    /// `ERROR_DOMAIN_…`
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manager => "ERROR_DOMAIN_MANAGER",
            Self::Inway => "ERROR_DOMAIN_INWAY",
            Self::Outway => "ERROR_DOMAIN_OUTWAY",
        }
    }
}

/// The error object of an FSC port: `{message, domain, code}` with the members of RFC 9457 in the same object.
pub fn body(domain: ErrorDomain, problem: &Problem) -> Map<String, Value> {
    let mut members = problem.to_json();
    members.insert("message".to_owned(), problem.detail.en.as_str().into());
    members.insert("domain".to_owned(), domain.as_str().into());
    members.insert("code".to_owned(), problem.code.into());
    if matches!(domain, ErrorDomain::Inway | ErrorDomain::Outway) {
        let user = problem.for_user();
        members.insert("user".to_owned(), user.en.into());
        members.insert("user_nl".to_owned(), user.nl.into());
    }
    members
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The tables of Core 2.0.0 §4.4.5.3, §4.6.1.4.1 and §4.7.2.2.1 and of Logging 1.1.0, counted.
    #[test]
    fn every_code_of_the_texts_is_there_once() {
        assert_eq!(ErrorCode::ALL.len(), 12 + 1 + 6 + 3);
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::parse(code.as_str()), Some(*code));
            assert!((400..600).contains(&code.status()));
        }
        assert_eq!(ErrorCode::parse("ERROR_CODE_OTHER"), None);
    }

    #[test]
    fn names_that_only_the_schema_still_has_are_read() {
        for name in ["ERROR_CODE_PEER_NOT_PART_OF_CONTRACT", "ERROR_CODE_INCORRECT_PUBLIC_KEY_THUMBPRINT"] {
            assert!(ErrorCode::parse(name).is_some(), "{name}");
            assert!(ErrorCode::ALL.iter().all(|code| code.as_str() != name), "{name} is not written");
        }
    }

    #[test]
    fn the_error_object_is_also_a_problem() {
        let problem =
            Problem::new(ErrorCode::ServiceNotFound.as_str(), 404, "Nee.", "No.").next("Zoek.", "Look.");
        let object = body(ErrorDomain::Inway, &problem);
        for (name, value) in [
            ("message", json!("No.")),
            ("domain", json!("ERROR_DOMAIN_INWAY")),
            ("code", json!("ERROR_CODE_SERVICE_NOT_FOUND")),
            ("status", json!(404)),
            ("detail", json!("No.")),
            ("detail_nl", json!("Nee.")),
            ("user", json!(problem.for_user().en)),
            ("user_nl", json!(problem.for_user().nl)),
        ] {
            assert_eq!(object.get(name), Some(&value), "{name}");
        }
    }
}
