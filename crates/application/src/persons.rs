//! The people who act for the organisation: added by an operator, enrolled with a key of their own, changed, disabled.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use verbond_domain::{Actor, PersonName, PersonRole, PersonRoles, Problem, Timestamp};
use verbond_store::{
    Transaction,
    persons::{InvitationRow, PersonKeyRow, PersonRow, PersonState},
};
use verbond_trust::personal::PersonalCertificate;

mod refusals;

use self::refusals::{
    already_there, certificate_over, certificate_unusable, code_expired, code_unknown, display_name_unusable,
    hours_unusable, is_disabled, key_taken, only_stewards, roles_conflict, unknown,
};
use crate::{OpContext, context::database_problem};

/// Hours that an invitation holds unless told otherwise, and at most.
const HOURS: u32 = 24;
const LONGEST_HOURS: u32 = 30 * 24;

/// A person as they are to be.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonDraft {
    /// Short stable name, such as `s-voorbeeld`.
    pub name: PersonName,
    /// As people call them.
    pub display_name: String,
    /// What they act as.
    pub roles: Vec<PersonRole>,
    /// Hours that the code holds; 24 if absent.
    #[serde(default)]
    pub hours: Option<u32>,
}

/// For how long a new code is to hold.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationDraft {
    /// Hours that the code holds; 24 if absent.
    #[serde(default)]
    pub hours: Option<u32>,
}

/// A person with the code that enrols a key for them. The code is kept nowhere.
#[derive(Clone, Debug)]
pub struct Invited {
    /// The person.
    pub person: PersonRow,
    /// The code, shown this once.
    pub code: String,
    /// Until when it holds.
    pub ends_at: Timestamp,
}

/// All persons, by name.
pub async fn list(context: &OpContext) -> Result<Vec<PersonRow>, Problem> {
    context.store.persons().await.map_err(database_problem)
}

/// One person.
pub async fn get(context: &OpContext, name: &PersonName) -> Result<PersonRow, Problem> {
    list(context).await?.into_iter().find(|person| person.name == *name).ok_or_else(|| unknown(name))
}

/// Adds a person, and makes the code with which they enrol a key.
pub async fn add(context: &OpContext, draft: PersonDraft) -> Result<Invited, Problem> {
    let roles = PersonRoles::new(draft.roles).map_err(roles_conflict)?;
    let (code, invitation) = invitation(context, draft.hours)?;
    let ends_at = invitation.ends_at;
    let person = PersonRow {
        name: draft.name,
        display_name: display_name(&draft.display_name)?,
        roles,
        state: PersonState::Invited,
        key: None,
        invitation: Some(invitation),
        added_at: context.ambient.now(),
        enrolled_at: None,
        disabled_at: None,
    };
    let failed = database_problem;
    let mut transaction = context.store.begin().await.map_err(failed)?;
    if !transaction.add_person(&person).await.map_err(failed)? {
        return Err(already_there(&person.name));
    }
    let detail = json!({
        "display_name": person.display_name,
        "roles": person.roles,
        "code_ends_at": ends_at,
    });
    context.record(&mut transaction, "person.add", person.name.as_str(), detail).await?;
    transaction.commit().await.map_err(failed)?;
    Ok(Invited { person, code, ends_at })
}

/// Makes a new code for somebody who is there: it takes the place of the one before. A key that is in use stays in use
/// until another is enrolled; somebody who was disabled is invited anew.
pub async fn invite(
    context: &OpContext,
    name: &PersonName,
    draft: InvitationDraft,
) -> Result<Invited, Problem> {
    let (code, invitation) = invitation(context, draft.hours)?;
    let ends_at = invitation.ends_at;
    let change = |person: &mut PersonRow| {
        person.invitation = Some(invitation);
        if person.state == PersonState::Disabled {
            person.state = PersonState::Invited;
            person.disabled_at = None;
        }
        Ok(json!({ "code_ends_at": ends_at }))
    };
    let person = changed(context, name, "person.invite", change).await?;
    Ok(Invited { person, code, ends_at })
}

/// Gives a person other roles.
pub async fn set_roles(
    context: &OpContext,
    name: &PersonName,
    roles: Vec<PersonRole>,
) -> Result<PersonRow, Problem> {
    let roles = PersonRoles::new(roles).map_err(roles_conflict)?;
    let change = |person: &mut PersonRow| {
        let before = std::mem::replace(&mut person.roles, roles.clone());
        Ok(json!({ "roles": roles, "before": before }))
    };
    changed(context, name, "person.roles", change).await
}

/// Ends what a person may do, at once. They stay known, because the journal names them.
pub async fn disable(context: &OpContext, name: &PersonName) -> Result<PersonRow, Problem> {
    let now = context.ambient.now();
    let change = |person: &mut PersonRow| {
        person.state = PersonState::Disabled;
        person.invitation = None;
        person.disabled_at = Some(now);
        Ok(json!({}))
    };
    changed(context, name, "person.disable", change).await
}

/// Enrols the key of a certificate that was handed over in a way that the operator trusts.
pub async fn enrol_handed_over(
    context: &OpContext,
    name: &PersonName,
    certificate_pem: &str,
) -> Result<PersonRow, Problem> {
    let key = key(context, certificate_pem)?;
    let failed = database_problem;
    let mut transaction = context.store.begin().await.map_err(failed)?;
    let persons = transaction.persons().await.map_err(failed)?;
    let person = persons.iter().find(|person| person.name == *name).ok_or_else(|| unknown(name))?;
    if person.state == PersonState::Disabled {
        return Err(is_disabled(name));
    }
    let person = with_key(context, &persons, person, key)?;
    record_enrolment(context, &mut transaction, &person, "handed_over").await?;
    transaction.commit().await.map_err(failed)?;
    Ok(person)
}

/// Enrols the key with which the caller has opened the connection, for whoever the code was made for.
pub async fn enrol_by_code(
    context: &OpContext,
    code: &str,
    certificate_pem: &str,
) -> Result<PersonRow, Problem> {
    let key = key(context, certificate_pem)?;
    let wanted = sha256(code.trim().as_bytes());
    let failed = database_problem;
    let mut transaction = context.store.begin().await.map_err(failed)?;
    let persons = transaction.persons().await.map_err(failed)?;
    let mut invited = persons.iter().filter_map(|person| Some((person, person.invitation.as_ref()?)));
    let (person, invitation) =
        invited.find(|(_, invitation)| invitation.sha256 == wanted).ok_or_else(code_unknown)?;
    if context.ambient.now() > invitation.ends_at {
        return Err(code_expired());
    }
    let person = with_key(context, &persons, person, key)?;
    let author = Actor::Person {
        name: person.name.clone(),
        thumbprint: person.key.as_ref().map(|key| key.thumbprint.clone()).unwrap_or_default(),
    };
    let as_person = OpContext { actor: author, ..context.clone() };
    record_enrolment(&as_person, &mut transaction, &person, "code").await?;
    transaction.commit().await.map_err(failed)?;
    Ok(person)
}

/// Refuses to declare a service open unless a steward does so. As long as no steward has ever been enrolled, whoever
/// opens the node's socket may: a node must be able to begin.
pub(crate) async fn may_declare_open(
    context: &OpContext,
    transaction: &mut Transaction,
) -> Result<(), Problem> {
    let persons = transaction.persons().await.map_err(database_problem)?;
    let is_steward = |person: &&PersonRow| person.roles.contains(PersonRole::Steward);
    let may = match &context.actor {
        Actor::Person { name, .. } => persons.iter().filter(is_steward).any(|person| person.name == *name),
        Actor::Operator => !persons.iter().filter(is_steward).any(|person| person.enrolled_at.is_some()),
        Actor::Certificate { .. } | Actor::Participant { .. } | Actor::Node { .. } => false,
    };
    if may { Ok(()) } else { Err(only_stewards()) }
}

async fn changed(
    context: &OpContext,
    name: &PersonName,
    action: &str,
    change: impl FnOnce(&mut PersonRow) -> Result<serde_json::Value, Problem>,
) -> Result<PersonRow, Problem> {
    let failed = database_problem;
    let mut transaction = context.store.begin().await.map_err(failed)?;
    let persons = transaction.persons().await.map_err(failed)?;
    let mut person = persons.into_iter().find(|person| person.name == *name).ok_or_else(|| unknown(name))?;
    let detail = change(&mut person)?;
    transaction.update_person(&person).await.map_err(failed)?;
    context.record(&mut transaction, action, name.as_str(), detail).await?;
    transaction.commit().await.map_err(failed)?;
    Ok(person)
}

/// The person with the key, unless it is another's: one key under two names would be one person in two roles.
fn with_key(
    context: &OpContext,
    persons: &[PersonRow],
    person: &PersonRow,
    key: PersonKeyRow,
) -> Result<PersonRow, Problem> {
    let is_same =
        |other: &PersonRow| other.key.as_ref().is_some_and(|known| known.thumbprint == key.thumbprint);
    if persons.iter().any(|other| other.name != person.name && is_same(other)) {
        return Err(key_taken());
    }
    Ok(PersonRow {
        state: PersonState::Enrolled,
        key: Some(key),
        invitation: None,
        enrolled_at: Some(context.ambient.now()),
        disabled_at: None,
        ..person.clone()
    })
}

/// Keeps the whole certificate in the journal: signatures are judged by the key that was a person's at their time.
async fn record_enrolment(
    context: &OpContext,
    transaction: &mut Transaction,
    person: &PersonRow,
    way: &str,
) -> Result<(), Problem> {
    transaction.update_person(person).await.map_err(database_problem)?;
    let detail = json!({
        "way": way,
        "roles": person.roles,
        "thumbprint": person.key.as_ref().map(|key| &key.thumbprint),
        "certificate": person.key.as_ref().map(|key| &key.certificate),
    });
    context.record(transaction, "person.enrol", person.name.as_str(), detail).await
}

fn key(context: &OpContext, certificate_pem: &str) -> Result<PersonKeyRow, Problem> {
    let certificate = PersonalCertificate::from_pem(certificate_pem)
        .map_err(|error| certificate_unusable(&error.to_string()))?;
    if !certificate.is_valid_at(context.ambient.now()) {
        return Err(certificate_over());
    }
    Ok(PersonKeyRow {
        thumbprint: certificate.key.to_string(),
        certificate: certificate_pem.trim().to_owned(),
        ends_at: certificate.not_after,
    })
}

fn invitation(context: &OpContext, hours: Option<u32>) -> Result<(String, InvitationRow), Problem> {
    let hours = hours.unwrap_or(HOURS);
    if !(1..=LONGEST_HOURS).contains(&hours) {
        return Err(hours_unusable(LONGEST_HOURS));
    }
    let code = format!("vbe_{}", URL_SAFE_NO_PAD.encode(context.ambient.random::<24>()));
    let ends_at = context.ambient.now().plus_seconds(i64::from(hours) * 3600);
    Ok((code.clone(), InvitationRow { sha256: sha256(code.as_bytes()), ends_at }))
}

fn display_name(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 200 || text.chars().any(char::is_control) {
        return Err(display_name_unusable());
    }
    Ok(text.to_owned())
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut result = [0; 32];
    result.copy_from_slice(digest(&SHA256, bytes).as_ref());
    result
}

#[cfg(test)]
mod tests;
