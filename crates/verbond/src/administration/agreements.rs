//! Agreements of this participant with others.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use verbond_agreement::{
    Advice, Agreement, Moment, OnTheWire, Prose, SignatureMark, Stage, StatementStep, TwoLanguages,
    check::Finding,
    text::{self, Language},
};
use verbond_application::agreements::AgreementVersion;
use verbond_domain::{Actor, Bilingual, ParticipantId, Timestamp};

use super::{
    Shared,
    extract::{Body, Context, Named, Query},
    failure::{Failure, ProblemDetails, unreadable},
    views::{List, TextLanguage, TextParameters},
};
use crate::ambient::rfc_3339;

/// How a party stands to a version.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgreementPartyView {
    /// Which.
    pub participant: ParticipantId,
    /// Its name.
    pub name: String,
    /// How it is bound, if it is.
    pub signature: Option<SignatureMark>,
    /// The same in words.
    pub bound: Option<Bilingual>,
    /// Since when.
    pub signed_at: Option<String>,
}

/// How a party is bound, as people read it. Whoever accepted on the wire is never called somebody who signed.
fn in_words(mark: SignatureMark) -> Bilingual {
    match mark {
        SignatureMark::Signed => Bilingual::new("getekend", "signed"),
        SignatureMark::AcceptedOnTheWire => Bilingual::new("aanvaard op de lijn", "accepted on the wire"),
    }
}

/// What a party has stated.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatementView {
    /// Which party.
    pub participant: ParticipantId,
    /// `offered`, `signed`, `refused`, `withdrawn`, `suspended`, `resumed`, `revoked`; of a foreign participant, by who saw
    /// it: `contract_bound`, `accepted_on_the_wire`, `refused_on_the_wire`, `revoked_on_the_wire`.
    pub step: &'static str,
    /// When, as the party says.
    pub at: Moment,
    /// Who signed for it.
    pub signatory: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// What a foreign participant did on the wire, and to which contracts.
    pub on_the_wire: Option<OnTheWire>,
}

/// One version of an agreement.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgreementView {
    /// Hash over its canonical form.
    pub hash: String,
    /// The same in all versions.
    pub id: String,
    /// Which version.
    pub version: u32,
    /// What it is about.
    pub title: TwoLanguages,
    /// How far it is.
    pub stage: Stage,
    /// Whether exchanges may rest on it now.
    pub in_force: bool,
    /// First moment of its term.
    pub from: Moment,
    /// First moment after its term.
    pub until: Moment,
    /// The parties.
    pub parties: Vec<AgreementPartyView>,
    /// Hash of the version whose place it takes.
    pub replaces: Option<String>,
    /// Hash of the later version that takes its place, once all have signed that one.
    pub replaced_by: Option<String>,
    /// When that version takes over. Until then this one stays in force.
    pub replaced_from: Option<String>,
    /// Parties whose signature is awaited.
    pub waits_for: Vec<ParticipantId>,
    /// What has been stated, in the order in which it came here.
    pub statements: Vec<StatementView>,
    /// Who brought it here.
    pub author: Actor,
    /// When it came here.
    pub created_at: String,
}

impl AgreementView {
    pub(super) fn of(version: AgreementVersion, now: Timestamp) -> Self {
        let AgreementVersion { hash, document, author, created_at, statements, life, successor, .. } =
            version;
        let signatures = life.signatures();
        let parties = document.parties.iter().map(|party| {
            let signature = signatures.get(&party.participant);
            AgreementPartyView {
                participant: party.participant.clone(),
                name: party.name.to_string(),
                signature: signature.map(|signature| signature.mark),
                bound: signature.map(|signature| in_words(signature.mark)),
                signed_at: signature.map(|signature| rfc_3339(signature.at)),
            }
        });
        Self {
            hash,
            id: document.id.to_string(),
            version: document.version,
            stage: life.stage_at(now),
            in_force: life.is_in_force(now),
            from: document.term.from,
            until: document.term.until,
            parties: parties.collect(),
            replaces: document.replaces.map(|replaced| replaced.to_string()),
            replaced_by: successor,
            replaced_from: life.successor_from().map(rfc_3339),
            waits_for: life.awaited().cloned().collect(),
            statements: statements
                .into_iter()
                .map(|(statement, _)| StatementView {
                    participant: statement.participant,
                    step: statement.step.name(),
                    at: statement.at,
                    on_the_wire: statement.step.on_the_wire().cloned(),
                    signatory: match &statement.step {
                        StatementStep::Signed(signed) => Some(signed.name.to_string()),
                        _ => None,
                    },
                    reason: match &statement.step {
                        StatementStep::Refused { reason }
                        | StatementStep::Withdrawn { reason }
                        | StatementStep::Suspended { reason }
                        | StatementStep::ContractBound { reason, .. }
                        | StatementStep::Revoked { reason } => Some(reason.to_string()),
                        _ => None,
                    },
                })
                .collect(),
            author,
            created_at: rfc_3339(created_at),
            title: document.title.clone(),
        }
    }
}

/// The signatory's own signature.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Signing {
    /// Detached JWS (RFC 7515 appendix F) over the canonical form of the document, by the caller's key.
    pub signature: String,
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Why.
    pub reason: Prose,
}

/// A contract that names no agreement.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BoundContract {
    /// Hash of the contract.
    contract: String,
    /// Why.
    reason: Prose,
}

/// Has a contract that names no agreement count as one that follows from this version: a foreign party that has signed
/// elsewhere takes no properties into a contract.
#[utoipa::path(post, path = "/v1/agreements/{hash}/contracts", tag = "agreements", params(("hash" = String, Path)),
    request_body = BoundContract, responses((status = 200, body = AgreementView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn bind(
    State(office): State<Shared>,
    Context(context): Context,
    Named(hash): Named<String>,
    Body(body): Body<BoundContract>,
) -> Result<Json<AgreementView>, Failure> {
    let version = office.fsc.bind_contract(&context, &hash, &body.contract, body.reason).await?;
    Ok(Json(AgreementView::of(version, context.ambient.now())))
}

/// All versions that this node holds, the newest first.
#[utoipa::path(get, path = "/v1/agreements", tag = "agreements", responses(
    (status = 200, body = List<AgreementView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn list(
    State(office): State<Shared>,
    Context(context): Context,
) -> Result<Json<List<AgreementView>>, Failure> {
    let (versions, now) = (office.agreements.list(&context).await?, context.ambient.now());
    Ok(Json(List::whole(versions.into_iter().map(|version| AgreementView::of(version, now)))))
}

/// One version.
#[utoipa::path(get, path = "/v1/agreements/{hash}", tag = "agreements", params(("hash" = String, Path)), responses(
    (status = 200, body = AgreementView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn get(
    State(office): State<Shared>,
    Context(context): Context,
    Named(hash): Named<String>,
) -> Result<Json<AgreementView>, Failure> {
    let version = office.agreements.get(&context, &hash).await?;
    Ok(Json(AgreementView::of(version, context.ambient.now())))
}

/// The document of a version: its canonical form, byte for byte what is signed.
#[utoipa::path(get, path = "/v1/agreements/{hash}/document", tag = "agreements", params(("hash" = String, Path)),
    responses((status = 200, body = Agreement),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn document(
    State(office): State<Shared>,
    Context(context): Context,
    Named(hash): Named<String>,
) -> Result<Response, Failure> {
    let version = office.agreements.get(&context, &hash).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], version.canonical).into_response())
}

/// What is missing before a version may be offered, and what people should look at, by what this node knows. It judges
/// nothing as lawful.
#[utoipa::path(get, path = "/v1/agreements/{hash}/findings", tag = "agreements", params(("hash" = String, Path)),
    responses((status = 200, description = "findings, those that refuse first"),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn findings(
    State(office): State<Shared>,
    Context(context): Context,
    Named(hash): Named<String>,
) -> Result<Json<List<Finding>>, Failure> {
    Ok(Json(List::whole(office.agreements.check(&context, &hash).await?)))
}

/// A version as people read it, made from the document that is signed.
#[utoipa::path(get, path = "/v1/agreements/{hash}/text", tag = "agreements",
    params(("hash" = String, Path), TextParameters), responses(
    (status = 200, body = String, content_type = "text/markdown"),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn text(
    State(office): State<Shared>,
    Context(context): Context,
    Named(hash): Named<String>,
    Query(parameters): Query<TextParameters>,
) -> Result<Response, Failure> {
    let version = office.agreements.get(&context, &hash).await?;
    let language = match parameters.language {
        Some(TextLanguage::En) => Language::English,
        Some(TextLanguage::Nl) | None => Language::Dutch,
    };
    let mut text = text::text(&version.document, language).map_err(|error| unreadable(&error.to_string()))?;
    text.push_str(&text::bound_on_the_wire(&version.document, &version.life, language));
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response())
}

/// Takes in a draft.
#[utoipa::path(post, path = "/v1/agreements", tag = "agreements", request_body = Agreement, responses(
    (status = 200, body = AgreementView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn draft(
    State(office): State<Shared>,
    Context(context): Context,
    document: Bytes,
) -> Result<Json<AgreementView>, Failure> {
    let version = office.agreements.draft(&context, &document).await?;
    Ok(Json(AgreementView::of(version, context.ambient.now())))
}

/// Takes a draft away.
#[utoipa::path(delete, path = "/v1/agreements/{hash}", tag = "agreements", params(("hash" = String, Path)), responses(
    (status = 204),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn discard(
    State(office): State<Shared>,
    Context(context): Context,
    Named(hash): Named<String>,
) -> Result<StatusCode, Failure> {
    office.agreements.discard(&context, &hash).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the advice of this organisation's data protection officer into a draft. The draft with the advice has another
/// hash and takes the place of the one without.
#[utoipa::path(post, path = "/v1/agreements/{hash}/advice", tag = "agreements", params(("hash" = String, Path)),
    request_body = Advice, responses((status = 200, body = AgreementView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn advise(
    State(office): State<Shared>,
    Context(context): Context,
    Named(hash): Named<String>,
    Body(advice): Body<Advice>,
) -> Result<Json<AgreementView>, Failure> {
    let version = office.agreements.advise(&context, &hash, advice).await?;
    Ok(Json(AgreementView::of(version, context.ambient.now())))
}

/// Offers a draft to the other parties.
#[utoipa::path(post, path = "/v1/agreements/{hash}/offer", tag = "agreements", params(("hash" = String, Path)),
    responses((status = 200, body = AgreementView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn offer(
    State(office): State<Shared>,
    Context(context): Context,
    Named(hash): Named<String>,
) -> Result<Json<AgreementView>, Failure> {
    let version = office.agreements.offer(&context, &hash).await?;
    Ok(Json(AgreementView::of(version, context.ambient.now())))
}

/// Signs for this organisation, with the caller's own signature over the document.
#[utoipa::path(post, path = "/v1/agreements/{hash}/signature", tag = "agreements", params(("hash" = String, Path)),
    request_body = Signing, responses((status = 200, body = AgreementView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn sign(
    State(office): State<Shared>,
    Context(context): Context,
    Named(hash): Named<String>,
    Body(signing): Body<Signing>,
) -> Result<Json<AgreementView>, Failure> {
    let version = office.agreements.sign(&context, &hash, signing.signature).await?;
    Ok(Json(AgreementView::of(version, context.ambient.now())))
}

macro_rules! with_a_reason {
    ($(#[$documentation:meta])* $name:ident, $path:literal) => {
        $(#[$documentation])*
        #[utoipa::path(post, path = $path, tag = "agreements", params(("hash" = String, Path)),
            request_body = Reason, responses((status = 200, body = AgreementView),
            (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
        ))]
        pub async fn $name(
            State(office): State<Shared>,
            Context(context): Context,
            Named(hash): Named<String>,
            Body(body): Body<Reason>,
        ) -> Result<Json<AgreementView>, Failure> {
            let version = office.agreements.$name(&context, &hash, body.reason).await?;
            Ok(Json(AgreementView::of(version, context.ambient.now())))
        }
    };
}

with_a_reason!(
    /// Says no to what another party offers.
    refuse, "/v1/agreements/{hash}/refuse"
);
with_a_reason!(
    /// Takes back what this participant has offered.
    withdraw, "/v1/agreements/{hash}/withdraw"
);
with_a_reason!(
    /// Holds an agreement up: nothing is exchanged until it is let go.
    suspend, "/v1/agreements/{hash}/suspend"
);
with_a_reason!(
    /// Ends an agreement, for all.
    revoke, "/v1/agreements/{hash}/revoke"
);

/// Lets go of what this participant held up.
#[utoipa::path(post, path = "/v1/agreements/{hash}/resume", tag = "agreements", params(("hash" = String, Path)),
    responses((status = 200, body = AgreementView),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn resume(
    State(office): State<Shared>,
    Context(context): Context,
    Named(hash): Named<String>,
) -> Result<Json<AgreementView>, Failure> {
    let version = office.agreements.resume(&context, &hash).await?;
    Ok(Json(AgreementView::of(version, context.ambient.now())))
}
