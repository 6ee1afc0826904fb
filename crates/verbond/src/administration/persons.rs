//! The people who act for the organisation.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use verbond_application::persons::{self, InvitationDraft, Invited, PersonDraft};
use verbond_domain::{PersonName, PersonRole, Timestamp};
use verbond_store::persons::PersonRow;

use super::{
    extract::{Body, Context, Named, ShownCertificate},
    failure::{Failure, ProblemDetails},
    views::List,
};
use crate::ambient::rfc_3339;

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub struct PersonView {
    /// Short stable name.
    pub name: PersonName,
    /// As people call them.
    pub display_name: String,
    /// What they act as.
    pub roles: Vec<PersonRole>,
    /// `enrolled`, `invited` or `disabled`.
    pub state: String,
    /// SHA-256 of their public key (SubjectPublicKeyInfo), hexadecimal.
    pub key_thumbprint: Option<String>,
    /// The certificate that the key was enrolled with, PEM.
    pub certificate: Option<String>,
    /// When that certificate ends, and the key with it.
    pub key_ends_at: Option<String>,
    /// Until when a code is out with which they enrol a key.
    pub code_ends_at: Option<String>,
    /// When they were added.
    pub added_at: String,
    /// When their key was enrolled.
    pub enrolled_at: Option<String>,
    /// When they were disabled.
    pub disabled_at: Option<String>,
}

impl From<PersonRow> for PersonView {
    fn from(row: PersonRow) -> Self {
        let moment = |moment: Option<Timestamp>| moment.map(rfc_3339);
        Self {
            name: row.name,
            display_name: row.display_name,
            roles: row.roles.iter().collect(),
            state: row.state.as_str().to_owned(),
            key_thumbprint: row.key.as_ref().map(|key| key.thumbprint.clone()),
            certificate: row.key.as_ref().map(|key| key.certificate.clone()),
            key_ends_at: moment(row.key.as_ref().map(|key| key.ends_at)),
            code_ends_at: moment(row.invitation.as_ref().map(|invitation| invitation.ends_at)),
            added_at: rfc_3339(row.added_at),
            enrolled_at: moment(row.enrolled_at),
            disabled_at: moment(row.disabled_at),
        }
    }
}

/// A person with the code that enrols their key.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationView {
    /// The person.
    pub name: PersonName,
    /// The code, shown this once.
    pub code: String,
    /// Until when it holds.
    pub code_ends_at: String,
}

impl From<Invited> for InvitationView {
    fn from(invited: Invited) -> Self {
        Self { name: invited.person.name, code: invited.code, code_ends_at: rfc_3339(invited.ends_at) }
    }
}

/// A certificate that a person has handed over.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateDraft {
    /// PEM; only the first certificate counts.
    certificate: String,
}

/// Roles as they are to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RolesDraft {
    /// All of them.
    roles: Vec<PersonRole>,
}

/// A code that somebody was given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentDraft {
    /// The code.
    code: String,
}

/// The people who act for the organisation, by name.
#[utoipa::path(get, path = "/v1/persons", tag = "persons", responses(
    (status = 200, body = List<PersonView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn list(Context(context): Context) -> Result<Json<List<PersonView>>, Failure> {
    Ok(Json(List::whole(persons::list(&context).await?)))
}

/// One person.
#[utoipa::path(get, path = "/v1/persons/{name}", tag = "persons", params(("name" = PersonName, Path)), responses(
    (status = 200, body = PersonView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn get(
    Context(context): Context,
    Named(name): Named<PersonName>,
) -> Result<Json<PersonView>, Failure> {
    Ok(Json(persons::get(&context, &name).await?.into()))
}

/// Adds a person; the answer holds the code with which they enrol a key, once and within its time.
#[utoipa::path(post, path = "/v1/persons", tag = "persons", request_body = PersonDraft, responses(
    (status = 200, body = InvitationView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn add(
    Context(context): Context,
    Body(draft): Body<PersonDraft>,
) -> Result<Json<InvitationView>, Failure> {
    Ok(Json(persons::add(&context, draft).await?.into()))
}

/// Makes a new code for a person, who keeps the key that they have until they enrol another.
#[utoipa::path(post, path = "/v1/persons/{name}/invitation", tag = "persons", params(("name" = PersonName, Path)),
    request_body = InvitationDraft, responses(
    (status = 200, body = InvitationView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn invite(
    Context(context): Context,
    Named(name): Named<PersonName>,
    Body(draft): Body<InvitationDraft>,
) -> Result<Json<InvitationView>, Failure> {
    Ok(Json(persons::invite(&context, &name, draft).await?.into()))
}

/// Enrols the key of a certificate that the person handed over.
#[utoipa::path(put, path = "/v1/persons/{name}/certificate", tag = "persons", params(("name" = PersonName, Path)),
    request_body = CertificateDraft, responses(
    (status = 200, body = PersonView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn put_certificate(
    Context(context): Context,
    Named(name): Named<PersonName>,
    Body(draft): Body<CertificateDraft>,
) -> Result<Json<PersonView>, Failure> {
    Ok(Json(persons::enrol_handed_over(&context, &name, &draft.certificate).await?.into()))
}

/// Gives a person other roles.
#[utoipa::path(put, path = "/v1/persons/{name}/roles", tag = "persons", params(("name" = PersonName, Path)),
    request_body = RolesDraft, responses(
    (status = 200, body = PersonView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn set_roles(
    Context(context): Context,
    Named(name): Named<PersonName>,
    Body(draft): Body<RolesDraft>,
) -> Result<Json<PersonView>, Failure> {
    Ok(Json(persons::set_roles(&context, &name, draft.roles).await?.into()))
}

/// Ends what a person may do, at once; their standing connections end too.
#[utoipa::path(post, path = "/v1/persons/{name}/disable", tag = "persons", params(("name" = PersonName, Path)),
    responses(
    (status = 200, body = PersonView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn disable(
    Context(context): Context,
    Named(name): Named<PersonName>,
) -> Result<Json<PersonView>, Failure> {
    Ok(Json(persons::disable(&context, &name).await?.into()))
}

/// Enrols the key with which this connection was opened, for whoever the code was made for. Over mutual TLS only.
#[utoipa::path(post, path = "/v1/enrolments", tag = "persons", request_body = EnrolmentDraft, responses(
    (status = 200, body = PersonView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn enrol(
    Context(context): Context,
    ShownCertificate(certificate): ShownCertificate,
    Body(draft): Body<EnrolmentDraft>,
) -> Result<Json<PersonView>, Failure> {
    Ok(Json(persons::enrol_by_code(&context, &draft.code, &certificate).await?.into()))
}
