//! The people who act for the organisation: what each may be at once, and what excludes what.

use std::{collections::BTreeSet, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::service::{NameError, name};

name!(
    /// Short stable name of a person who acts for the organisation, such as `s-voorbeeld`: it stands in the journal
    /// beside everything that the person does. Never a number that the state gave to somebody.
    PersonName, 64, "^[a-zA-Z0-9._-]{1,64}$"
);

/// In what capacity a person acts for the organisation.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PersonRole {
    /// Runs the node: technical acts.
    Operator,
    /// Describes data services and answers for what is declared about them (*bronhouder*).
    Steward,
    /// Drafts agreements (*opsteller*).
    Drafter,
    /// Advises, sees everything, signs nothing (*functionaris gegevensbescherming*, FG; GDPR art. 37-39).
    DataProtectionOfficer,
    /// Signs for the organisation under a recorded mandate (*tekenbevoegde*).
    Signatory,
    /// Reads what has been decided and exchanged.
    Auditor,
}

impl PersonRole {
    /// All roles.
    pub const ALL: [Self; 6] = [
        Self::Operator,
        Self::Steward,
        Self::Drafter,
        Self::DataProtectionOfficer,
        Self::Signatory,
        Self::Auditor,
    ];

    /// The role as the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Steward => "steward",
            Self::Drafter => "drafter",
            Self::DataProtectionOfficer => "data_protection_officer",
            Self::Signatory => "signatory",
            Self::Auditor => "auditor",
        }
    }
}

impl fmt::Display for PersonRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A text that is no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of operator, steward, drafter, data-protection-officer (or fg), signatory, auditor")]
pub struct UnknownRole;

impl FromStr for PersonRole {
    type Err = UnknownRole;

    /// Reads the role as the API writes it, with hyphens, and the Dutch abbreviation that everybody uses.
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        let text = text.to_ascii_lowercase().replace('-', "_");
        if text == "fg" {
            return Ok(Self::DataProtectionOfficer);
        }
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

/// Why somebody cannot have these roles together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoleConflict {
    /// A person without a role may do nothing.
    #[error("a person has at least one role")]
    None,
    /// Whoever signs judges what another has written.
    #[error("nobody is drafter and signatory at once")]
    DrafterAndSignatory,
    /// GDPR art. 38(6): no other tasks that bring a conflict of interests.
    #[error("the data protection officer has no other role than auditor")]
    DataProtectionOfficer,
}

/// The roles of one person, which go together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeSet<PersonRole>", into = "BTreeSet<PersonRole>")]
pub struct PersonRoles(BTreeSet<PersonRole>);

impl PersonRoles {
    /// These roles, if one person can have them at once.
    pub fn new(roles: impl IntoIterator<Item = PersonRole>) -> Result<Self, RoleConflict> {
        let roles: BTreeSet<PersonRole> = roles.into_iter().collect();
        if roles.is_empty() {
            return Err(RoleConflict::None);
        }
        if roles.contains(&PersonRole::Drafter) && roles.contains(&PersonRole::Signatory) {
            return Err(RoleConflict::DrafterAndSignatory);
        }
        let beside_officer =
            |role: &PersonRole| matches!(role, PersonRole::DataProtectionOfficer | PersonRole::Auditor);
        if roles.contains(&PersonRole::DataProtectionOfficer) && !roles.iter().all(beside_officer) {
            return Err(RoleConflict::DataProtectionOfficer);
        }
        Ok(Self(roles))
    }

    /// Whether the role is among them.
    pub fn contains(&self, role: PersonRole) -> bool {
        self.0.contains(&role)
    }

    /// The roles, in the order of [`PersonRole::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = PersonRole> {
        self.0.iter().copied()
    }
}

impl TryFrom<BTreeSet<PersonRole>> for PersonRoles {
    type Error = RoleConflict;

    fn try_from(roles: BTreeSet<PersonRole>) -> Result<Self, RoleConflict> {
        Self::new(roles)
    }
}

impl From<PersonRoles> for BTreeSet<PersonRole> {
    fn from(roles: PersonRoles) -> Self {
        roles.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every combination of roles, by the bits of a number.
    fn combination(number: u8) -> Vec<PersonRole> {
        let has = |place: usize| number >> place & 1 == 1;
        PersonRole::ALL
            .into_iter()
            .enumerate()
            .filter(|(place, _)| has(*place))
            .map(|(_, role)| role)
            .collect()
    }

    #[test]
    fn of_all_combinations_those_are_refused_that_mix_who_judges_with_who_is_judged() {
        for roles in (0..64).map(combination) {
            let has = |role| roles.contains(&role);
            let officer = has(PersonRole::DataProtectionOfficer);
            let others =
                [PersonRole::Operator, PersonRole::Steward, PersonRole::Drafter, PersonRole::Signatory];
            let conflict = roles.is_empty()
                || (has(PersonRole::Drafter) && has(PersonRole::Signatory))
                || (officer && others.into_iter().any(has));
            assert_eq!(PersonRoles::new(roles.clone()).is_err(), conflict, "{roles:?}");
        }
    }

    #[test]
    fn a_conflict_is_named() {
        use PersonRole::{Auditor, DataProtectionOfficer, Drafter, Signatory};
        let code = |roles: &[PersonRole]| PersonRoles::new(roles.iter().copied()).err();
        assert_eq!(code(&[Drafter, Signatory]), Some(RoleConflict::DrafterAndSignatory));
        assert_eq!(code(&[DataProtectionOfficer, Signatory]), Some(RoleConflict::DataProtectionOfficer));
        assert_eq!(code(&[DataProtectionOfficer, Auditor]), None);
        assert_eq!(code(&[]), Some(RoleConflict::None));
    }

    #[test]
    fn roles_are_read_as_they_are_written_and_never_in_a_combination_that_is_refused()
    -> Result<(), Box<dyn std::error::Error>> {
        for role in PersonRole::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role)?, role.as_str());
        }
        assert_eq!("FG".parse(), Ok(PersonRole::DataProtectionOfficer));
        assert_eq!("data-protection-officer".parse(), Ok(PersonRole::DataProtectionOfficer));
        assert_eq!("root".parse::<PersonRole>(), Err(UnknownRole));
        assert!(serde_json::from_str::<PersonRoles>(r#"["drafter","signatory"]"#).is_err());
        let both = serde_json::from_str::<PersonRoles>(r#"["auditor","steward"]"#)?;
        assert_eq!(serde_json::to_string(&both)?, r#"["steward","auditor"]"#);
        Ok(())
    }
}
