//! A group's rules as data: which trust anchors, where a participant's identifier stands, which ports and limits.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use verbond_domain::{ParticipantId, Problem, Scheme};
use verbond_trust::{IdentityRules, ParticipantAttribute, RevocationRules, tls::TlsRules};

use super::parse;

const SHIPPED: [(&str, &str); 2] = [
    ("test", include_str!("../../profiles/test.toml")),
    ("digikoppeling", include_str!("../../profiles/digikoppeling.toml")),
];

/// The rules of a group. Every member may also stand under `[group]` in `verbond.toml`, where it replaces this one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// The group's identifier: 1 to 100 of letters, digits and `. / _ -` (FSC Core 2.0.0 §2.1).
    pub id: String,
    /// PEM files with the group's trust anchors.
    #[schema(value_type = Vec<String>)]
    pub trust_anchors: Vec<PathBuf>,
    /// Participants whose managers act as the group's directories.
    pub directories: Vec<Directory>,
    /// Ports on which managers and inways may be reached; empty: any.
    pub ports: Vec<u16>,
    /// How long transaction records are kept, in days.
    pub retention_days: u32,
    /// Where the participant's identifier stands in a certificate.
    pub identity: IdentityProfile,
    /// The group's rules for TLS.
    pub tls: TlsProfile,
    /// The group's rules for certificate revocation.
    pub revocation: RevocationProfile,
    /// Bounds that the group has agreed on.
    pub limits: GroupLimits,
    /// Where the group's standard leaves a choice, or the group is stricter than it.
    pub rules: GroupRules,
}

/// A participant whose manager acts as a directory of the group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// Its identifier.
    pub id: ParticipantId,
    /// `https://host:port` of its manager.
    pub manager_address: String,
}

/// Where the participant's identifier stands in a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityProfile {
    /// The scheme of the identifiers in this group.
    pub scheme: Scheme,
    /// The attribute of the certificate's subject that holds the identifier.
    pub participant_id: ParticipantAttribute,
}

/// The group's rules for TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TlsProfile {
    /// `1.2` or `1.3`.
    pub minimum_version: String,
    /// IANA names of allowed cipher suites; empty: all forward-secret suites of the library.
    pub cipher_suites: Vec<String>,
}

/// The group's rules for certificate revocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RevocationProfile {
    /// Whether certificate revocation lists are checked.
    pub check: bool,
    /// Seconds that a list may be used past its nextUpdate; after that certificates of its issuer are refused.
    pub grace_seconds: i64,
    /// Seconds between two looks for newer lists.
    pub refresh_seconds: u64,
    /// Files or http URLs of lists, in addition to those that certificates name themselves.
    pub lists: Vec<String>,
}

/// Bounds that the group has agreed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GroupLimits {
    /// Grants in one contract at most.
    pub grants: usize,
}

/// Where the group's standard leaves a choice, or the group is stricter than it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GroupRules {
    /// Lifetime of access tokens in seconds; FSC prescribes none.
    pub token_lifetime_seconds: u32,
    /// Whether the inway asks at each request that the contract still runs. Stricter than FSC Core 2.0.0 §4.7.1.2.
    pub contract_per_request: bool,
    /// Whether transaction identifiers must be UUIDs of version 7 (Digikoppeling REST-API 4.0.1).
    pub transaction_id_version_7: bool,
    /// Seconds that the time in a transaction identifier may differ from the node's clock.
    pub transaction_id_skew_seconds: u32,
}

impl Default for IdentityProfile {
    fn default() -> Self {
        Self { scheme: Scheme::Oin, participant_id: ParticipantAttribute::SerialNumber }
    }
}

impl Default for TlsProfile {
    fn default() -> Self {
        Self { minimum_version: "1.2".to_owned(), cipher_suites: Vec::new() }
    }
}

impl Default for RevocationProfile {
    fn default() -> Self {
        Self { check: true, grace_seconds: 86_400, refresh_seconds: 3600, lists: Vec::new() }
    }
}

impl Default for GroupLimits {
    fn default() -> Self {
        Self { grants: 10 }
    }
}

impl Default for GroupRules {
    fn default() -> Self {
        Self {
            token_lifetime_seconds: 60,
            contract_per_request: true,
            transaction_id_version_7: true,
            transaction_id_skew_seconds: 86_400,
        }
    }
}

impl Profile {
    /// The profile that `name` stands for (shipped, or the path of a file, taken from `base`), with the members of
    /// `overrides` in place of its own. Paths within a profile's file are taken from where that file lies, paths
    /// within the overrides from `base`.
    pub fn load(name: &str, base: &Path, overrides: toml::Table) -> Result<Self, Problem> {
        let mut table = match SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            Some((shipped, text)) => parse::table::<Self>(text, shipped)?,
            None => Self::read(name, base)?,
        };
        let mut overrides = overrides;
        take_paths_from(&mut overrides, base);
        merge(&mut table, overrides);
        toml::Value::Table(table).try_into().map_err(|error| unreadable(name, error.message()))
    }

    fn read(name: &str, base: &Path) -> Result<toml::Table, Problem> {
        let path = base.join(name);
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(name, &error.to_string()))?;
        let mut table = parse::table::<Self>(&text, &path.display().to_string())?;
        take_paths_from(&mut table, path.parent().unwrap_or(base));
        Ok(table)
    }

    /// The rules for reading a participant's certificate.
    pub const fn identity_rules(&self) -> IdentityRules {
        IdentityRules { scheme: self.identity.scheme, participant_id: self.identity.participant_id }
    }

    /// The rules for judging revocation.
    pub const fn revocation_rules(&self) -> RevocationRules {
        RevocationRules { check: self.revocation.check, grace_seconds: self.revocation.grace_seconds }
    }

    /// The rules for TLS.
    pub fn tls_rules(&self) -> TlsRules {
        TlsRules {
            minimum_version: self.tls.minimum_version.clone(),
            cipher_suites: self.tls.cipher_suites.clone(),
        }
    }
}

fn unreadable(name: &str, reason: &str) -> Problem {
    let known = SHIPPED.map(|(shipped, _)| format!("`{shipped}`")).join(", ");
    Problem::new(
        "PROFILE_UNREADABLE",
        400,
        format!("Het profiel `{name}` kan niet worden gelezen: {reason}"),
        format!("the profile `{name}` cannot be read: {reason}"),
    )
    .next(
        format!("Noem een meegeleverd profiel ({known}) of het pad van een eigen profielbestand."),
        format!("name a shipped profile ({known}) or the path of a profile file of your own"),
    )
}

/// Replaces single members: tables are joined member by member, everything else is replaced whole.
fn merge(table: &mut toml::Table, overrides: toml::Table) {
    for (name, value) in overrides {
        match (table.get_mut(&name), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(value)) => merge(inner, value),
            (_, value) => {
                table.insert(name, value);
            }
        }
    }
}

fn take_paths_from(table: &mut toml::Table, base: &Path) {
    let resolve = |value: &mut toml::Value| {
        for entry in value.as_array_mut().into_iter().flatten() {
            if let toml::Value::String(text) = entry
                && !text.contains("://")
            {
                *text = base.join(&*text).display().to_string();
            }
        }
    };
    if let Some(value) = table.get_mut("trust_anchors") {
        resolve(value);
    }
    if let Some(value) = table.get_mut("revocation").and_then(|value| value.get_mut("lists")) {
        resolve(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_profile_is_readable() -> Result<(), Problem> {
        for (name, _) in SHIPPED {
            let profile = Profile::load(name, Path::new("/nowhere"), toml::Table::new())?;
            assert!(profile.revocation.check, "{name}");
            assert!(profile.rules.contract_per_request, "{name}");
        }
        Ok(())
    }

    #[test]
    fn digikoppeling_asks_for_its_ports_and_ten_grants() -> Result<(), Problem> {
        let profile = Profile::load("digikoppeling", Path::new("/nowhere"), toml::Table::new())?;
        assert_eq!((profile.ports, profile.limits.grants), (vec![443, 8443], 10));
        Ok(())
    }

    #[test]
    fn one_overridden_member_leaves_its_neighbours() -> Result<(), Box<dyn std::error::Error>> {
        let overrides =
            toml::from_str("trust_anchors = ['ca.pem']\n[revocation]\nlists = ['a.crl', 'http://x/y']")?;
        let profile = Profile::load("digikoppeling", Path::new("/data"), overrides)?;
        assert_eq!(profile.trust_anchors, [PathBuf::from("/data/ca.pem")]);
        assert_eq!(profile.revocation.lists, ["/data/a.crl", "http://x/y"]);
        assert_eq!(profile.revocation.refresh_seconds, 3600);
        assert_eq!(profile.ports, [443, 8443]);
        Ok(())
    }

    #[test]
    fn a_profile_that_is_not_there_names_the_shipped_ones() {
        let problem = Profile::load("digikopeling", Path::new("/nowhere"), toml::Table::new()).err();
        assert!(problem.is_some_and(|problem| problem.next.en.contains("digikoppeling")));
    }
}
