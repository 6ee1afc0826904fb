//! Contracts that a new key needs, and those that an old one no longer does.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use verbond_fsc::{Replacement, Superseded};
use verbond_trust::PublicKeyThumbprint;

use super::{
    Office, Shared,
    contract_views::ContractView,
    extract::{Body, Context},
    failure::{Failure, ProblemDetails, unreadable},
    views::List,
};

/// A key that is to take the place of the one in use.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// SHA-256 of the public key, hexadecimal.
    public_key_thumbprint: String,
}

/// A contract for a new key.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplacementView {
    /// Hash of the contract in force that it is to replace.
    replaces: String,
    /// The contract that says the same of the new key.
    contract: ContractView,
}

/// A contract on a former key that nothing needs any more.
#[derive(Debug, Serialize, ToSchema)]
pub struct SupersededView {
    /// The contract.
    contract: ContractView,
    /// Hashes of the contracts in force that say the same of the key in use.
    replaced_by: Vec<String>,
}

/// Proposes for every contract on the key in use one that says the same of a new key; those that stand already are
/// given back. When all are `valid`, the key can be replaced without a call failing.
#[utoipa::path(post, path = "/v1/key-replacements", tag = "contracts", request_body = NewKey, responses(
    (status = 200, body = List<ReplacementView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn replace(
    State(office): State<Shared>,
    Context(context): Context,
    Body(NewKey { public_key_thumbprint }): Body<NewKey>,
) -> Result<Json<List<ReplacementView>>, Failure> {
    let new = PublicKeyThumbprint::parse(&public_key_thumbprint);
    let new = new.ok_or_else(|| unreadable("`public_key_thumbprint`"))?;
    let replacements = office.fsc.propose_replacements(&context.actor, new).await?;
    let now = office.ambient.now();
    let view = |Replacement { replaces, proposed }| ReplacementView {
        replaces,
        contract: ContractView::of(&proposed.contract, now),
    };
    Ok(Json(List::whole(replacements.into_iter().map(view))))
}

/// Contracts on former keys whose replacements are in force.
#[utoipa::path(get, path = "/v1/superseded-contracts", tag = "contracts", responses(
    (status = 200, body = List<SupersededView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn superseded(State(office): State<Shared>) -> Result<Json<List<SupersededView>>, Failure> {
    Ok(Json(shown(&office, office.fsc.superseded().await?)))
}

/// Revokes the contracts on former keys whose replacements are in force, and gives those that it has revoked.
#[utoipa::path(post, path = "/v1/superseded-contracts/revocations", tag = "contracts", responses(
    (status = 200, body = List<SupersededView>),
    (status = "default", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn revoke_superseded(
    State(office): State<Shared>,
    Context(context): Context,
) -> Result<Json<List<SupersededView>>, Failure> {
    Ok(Json(shown(&office, office.fsc.revoke_superseded(&context.actor).await?)))
}

fn shown(office: &Office, superseded: Vec<Superseded>) -> List<SupersededView> {
    let now = office.ambient.now();
    let view = |Superseded { contract, replaced_by }| SupersededView {
        contract: ContractView::of(&contract, now),
        replaced_by,
    };
    List::whole(superseded.into_iter().map(view))
}
