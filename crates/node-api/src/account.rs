//! The account that two parties compare: what this node tells a counterpart, and asking the counterpart for its own.

#![expect(unused_qualifications, reason = "the description macro writes paths of its own to the parameters")]

use std::sync::Arc;

use async_trait::async_trait;
use axum::{
    Json,
    extract::{Query, State},
    http::{Method, StatusCode},
};
use bytes::Bytes;
use serde::Deserialize;
use utoipa::IntoParams;
use verbond_account::{Counterpart, Period, Told, ToldPage};
use verbond_application::{Managers, database_problem};
use verbond_domain::{ParticipantId, Problem, Timestamp};
use verbond_transport::Client;

use crate::{
    NodeApi,
    answer::Refused,
    call::{Call, call},
    caller::Caller,
    courier, routes,
};

/// Most bytes of a page: five hundred exchanges, each with as many elements as an agreement holds.
const MAXIMUM_BYTES: usize = 32 * 1024 * 1024;
/// Time for one page.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

/// Which exchanges.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExchangesAsked {
    /// Transaction ids made from here on (milliseconds since 1970),
    from_millis: i64,
    /// and before this moment.
    until_millis: i64,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
}

/// What this node has written down of its exchanges with the caller, and of what became of them. A participant sees its own
/// exchanges only.
#[utoipa::path(get, path = "/verbond/v1/exchanges", params(ExchangesAsked), responses(
    (status = 200, description = "a page, in the order of transaction ids", body = ToldPage),
    (status = 400, description = "not of the form asked"),
    (status = 401, description = "the certificate cannot be used"),
    (status = 429, description = "the caller has asked too often")))]
pub(crate) async fn exchanges(
    State(node): State<Arc<NodeApi>>,
    caller: Caller,
    asked: Result<Query<ExchangesAsked>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<ToldPage>, Refused> {
    let Query(asked) = asked.map_err(|rejection| Refused(routes::unreadable(&rejection.body_text())))?;
    if !node.asked.admits(&caller.participant, 1) {
        return Err(Refused(routes::too_often()));
    }
    let told = Told {
        counterpart: &caller.participant,
        from: Timestamp::from_millis(asked.from_millis),
        until: Timestamp::from_millis(asked.until_millis),
    };
    let page = verbond_account::told_to_counterpart(&node.store, &told, asked.cursor.as_deref()).await;
    Ok(Json(page.map_err(database_problem)?))
}

/// Asks other participants for their account.
pub struct AccountReader {
    peers: Client,
    managers: Arc<dyn Managers>,
}

impl AccountReader {
    /// With a client for participants, and who knows where their managers are.
    pub fn new(peers: Client, managers: Arc<dyn Managers>) -> Self {
        Self { peers, managers }
    }
}

#[async_trait]
impl Counterpart for AccountReader {
    async fn page(
        &self,
        participant: &ParticipantId,
        period: Period,
        cursor: Option<&str>,
    ) -> Result<ToldPage, Problem> {
        let manager = self.managers.manager_of(participant).await;
        let manager = manager.ok_or_else(|| unreachable("its manager is not known"))?;
        let path = format!("/verbond/v1/exchanges?{}", query(period, cursor));
        let (method, body) = (Method::GET, Bytes::new());
        let asked = Call { method, path: &path, body, most: MAXIMUM_BYTES, within: TIMEOUT };
        let answered = call(&self.peers, participant, &manager, asked).await;
        let (status, answer) = answered.map_err(|why| unreachable(&why))?;
        match status {
            status if status.is_success() => {
                serde_json::from_slice(&answer).map_err(|_| unreadable_account())
            }
            StatusCode::NOT_FOUND => Err(keeps_no_account()),
            status => Err(unreachable(&courier::told(status, &answer))),
        }
    }
}

fn query(period: Period, cursor: Option<&str>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("fromMillis", &period.from.millis().to_string());
    query.append_pair("untilMillis", &period.until.millis().to_string());
    if let Some(cursor) = cursor {
        query.append_pair("cursor", cursor);
    }
    query.finish()
}

fn unreachable(why: &str) -> Problem {
    Problem::new(
        "COUNTERPART_UNREACHABLE",
        502,
        format!("De andere deelnemer heeft niet verteld wat hij vastlegde: {why}"),
        format!("the other participant did not tell what it has written down: {why}"),
    )
    .next(
        "Controleer met `verbond doctor` of die deelnemer te bereiken is, en probeer het opnieuw.",
        "check with `verbond doctor` whether it can be reached, and try again",
    )
}

fn keeps_no_account() -> Problem {
    Problem::new(
        "COUNTERPART_KEEPS_NO_ACCOUNT",
        422,
        "De andere deelnemer gebruikt een ander programma, dat niet vertelt wat er van uitwisselingen werd.",
        "the other participant runs another program, which does not tell what became of exchanges",
    )
    .next(
        "Vergelijk de transactielogs van FSC: `verbond record list`.",
        "compare the transaction logs of FSC: `verbond record list`",
    )
}

fn unreadable_account() -> Problem {
    Problem::new(
        "COUNTERPART_UNREADABLE",
        502,
        "Wat de andere deelnemer vertelt, kan niet worden gelezen.",
        "what the other participant tells cannot be read",
    )
    .next(
        "Controleer of beide knooppunten dezelfde versie draaien.",
        "check that both nodes run the same version",
    )
}
