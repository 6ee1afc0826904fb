//! People who act for the organisation, with the key that each is known by.

use verbond_domain::{PersonName, PersonRoles, Timestamp};

use crate::{
    Store, StoreError, Transaction,
    changes::Changed,
    cursor::{from_hexadecimal, to_hexadecimal},
    sql::Sql,
};

/// How far somebody has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonState {
    /// Has a key that is known here.
    Enrolled,
    /// Has been asked to show a key.
    Invited,
    /// May do nothing any more; stays known, because the journal names them.
    Disabled,
}

impl PersonState {
    /// The state as one lower-case word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enrolled => "enrolled",
            Self::Invited => "invited",
            Self::Disabled => "disabled",
        }
    }
}

/// The key that a person is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonKeyRow {
    /// Lower-case hexadecimal SHA-256 of the SubjectPublicKeyInfo.
    pub thumbprint: String,
    /// The certificate that it was enrolled with, PEM.
    pub certificate: String,
    /// When that certificate ends, and the key with it.
    pub ends_at: Timestamp,
}

/// A code that lets somebody enrol a key, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationRow {
    /// SHA-256 of the code.
    pub sha256: [u8; 32],
    /// When it ends.
    pub ends_at: Timestamp,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRow {
    /// Short stable name.
    pub name: PersonName,
    /// As people call them.
    pub display_name: String,
    /// What they act as.
    pub roles: PersonRoles,
    /// How far they have come.
    pub state: PersonState,
    /// Their key, if one has been enrolled; good only in the state [`PersonState::Enrolled`].
    pub key: Option<PersonKeyRow>,
    /// The code that is out for them.
    pub invitation: Option<InvitationRow>,
    /// When they were added.
    pub added_at: Timestamp,
    /// When their key was enrolled.
    pub enrolled_at: Option<Timestamp>,
    /// When they were disabled.
    pub disabled_at: Option<Timestamp>,
}

impl PersonRow {
    /// The key that this person may act with at this moment.
    pub fn key_in_use(&self, now: Timestamp) -> Option<&PersonKeyRow> {
        self.key.as_ref().filter(|key| self.state == PersonState::Enrolled && now <= key.ends_at)
    }
}

/// In the order of [`ALL`].
type PersonColumns = (
    String,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<String>,
    Option<i64>,
    i64,
    Option<i64>,
    Option<i64>,
);

const ALL: &str = "SELECT name, display_name, roles, state, key_thumbprint, certificate, certificate_ends_at, \
    invitation, invitation_ends_at, added_at, enrolled_at, disabled_at FROM person ORDER BY name";

impl Store {
    /// All persons, by name.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn persons(&self) -> Result<Vec<PersonRow>, StoreError> {
        self.inner.pools.rows(Sql::new(ALL)).await?.into_iter().map(person).collect()
    }
}

impl Transaction {
    /// All persons, by name; nobody else changes one of them before this transaction ends.
    ///
    /// # Errors
    /// As [`Store::persons`].
    pub async fn persons(&mut self) -> Result<Vec<PersonRow>, StoreError> {
        let mut sql = Sql::new(ALL);
        let connection = self.connection()?;
        connection.dialect().lock_rows(&mut sql);
        let rows = connection.rows::<PersonColumns>(sql).await;
        self.noting_failure(rows)?.into_iter().map(person).collect()
    }

    /// Adds a person; false if there is one of that name. Raises the generation.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when another person has that key.
    pub async fn add_person(&mut self, person: &PersonRow) -> Result<bool, StoreError> {
        let sql = Sql::new(
            "INSERT INTO person (display_name, roles, state, key_thumbprint, certificate, certificate_ends_at, \
             invitation, invitation_ends_at, added_at, enrolled_at, disabled_at, name) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (name) DO NOTHING",
        );
        self.changes(Changed::Persons);
        Ok(self.execute(bound(sql, person)?).await? > 0)
    }

    /// Changes a person; false if there is none of that name. Raises the generation.
    ///
    /// # Errors
    /// As [`Transaction::add_person`].
    pub async fn update_person(&mut self, person: &PersonRow) -> Result<bool, StoreError> {
        let sql = Sql::new(
            "UPDATE person SET display_name = $1, roles = $2, state = $3, key_thumbprint = $4, certificate = $5, \
             certificate_ends_at = $6, invitation = $7, invitation_ends_at = $8, added_at = $9, enrolled_at = $10, \
             disabled_at = $11 WHERE name = $12",
        );
        self.changes(Changed::Persons);
        Ok(self.execute(bound(sql, person)?).await? > 0)
    }
}

fn bound(sql: Sql, person: &PersonRow) -> Result<Sql, StoreError> {
    let roles = serde_json::to_string(&person.roles)
        .map_err(|error| StoreError::Database(format!("roles cannot be written: {error}")))?;
    let (key, invitation) = (person.key.as_ref(), person.invitation.as_ref());
    Ok(sql
        .bind(person.display_name.as_str())
        .bind(roles)
        .bind(person.state.as_str())
        .bind(key.map(|key| key.thumbprint.clone()))
        .bind(key.map(|key| key.certificate.clone()))
        .bind(key.map(|key| key.ends_at.millis()))
        .bind(invitation.map(|invitation| to_hexadecimal(&invitation.sha256)))
        .bind(invitation.map(|invitation| invitation.ends_at.millis()))
        .bind(person.added_at)
        .bind(person.enrolled_at.map(Timestamp::millis))
        .bind(person.disabled_at.map(Timestamp::millis))
        .bind(person.name.as_str()))
}

fn person(columns: PersonColumns) -> Result<PersonRow, StoreError> {
    let (
        name,
        display_name,
        roles,
        state,
        thumbprint,
        certificate,
        key_ends,
        code,
        code_ends,
        added,
        enrolled,
        disabled,
    ) = columns;
    let key = match (thumbprint, certificate, key_ends) {
        (Some(thumbprint), Some(certificate), Some(ends)) => {
            Some(PersonKeyRow { thumbprint, certificate, ends_at: Timestamp::from_millis(ends) })
        }
        (None, None, None) => None,
        _ => return Err(StoreError::damaged("the key of a person")),
    };
    let invitation = match (code, code_ends) {
        (Some(code), Some(ends)) => Some(InvitationRow {
            sha256: from_hexadecimal(&code)
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or_else(|| StoreError::damaged("the invitation of a person"))?,
            ends_at: Timestamp::from_millis(ends),
        }),
        _ => None,
    };
    Ok(PersonRow {
        name: name.parse().map_err(|_| StoreError::damaged("the name of a person"))?,
        display_name,
        roles: serde_json::from_str(&roles).map_err(|_| StoreError::damaged("the roles of a person"))?,
        state: [PersonState::Enrolled, PersonState::Invited, PersonState::Disabled]
            .into_iter()
            .find(|known| known.as_str() == state)
            .ok_or_else(|| StoreError::damaged("the state of a person"))?,
        key,
        invitation,
        added_at: Timestamp::from_millis(added),
        enrolled_at: enrolled.map(Timestamp::from_millis),
        disabled_at: disabled.map(Timestamp::from_millis),
    })
}
