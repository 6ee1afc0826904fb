//! The account that two parties compare: what this node tells a counterpart, and asking the counterpart for its own.

#![expect(unused_qualifications, reason = "the description macro writes paths of its own to the parameters")]

use std::sync::Arc;

use async_trait::async_trait;
use axum::{
    Json,
    extract::{Path, Query, State},
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Deserialize;
use utoipa::IntoParams;
use verbond_account::{Counterpart, HalvesPage, Period, Told, ToldPage, half_for, halves_for};
use verbond_application::{Managers, database_problem};
use verbond_domain::{ParticipantId, Problem, Timestamp, TransactionId};
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
/// Most bytes of a half: what is said of one exchange, and the versions of agreements that it rests on.
const LARGEST_HALF: usize = 8 * 1024 * 1024;
/// What a half costs of what a participant may ask in a minute: it is signed, proved and journalled.
const COST_OF_A_HALF: usize = 10;
/// How long is waited when a participant says that it was asked too often, and how often in a row.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(5);
const MOST_OFTEN: u32 = 24;
/// Time for one page, or one half.
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

/// This participant's half of one exchange with the caller, as evidence (docs/formats/evidence.md), without what the caller may not
/// have. Of exchanges with others nothing is told, not even that there are any. That it was handed over is journalled.
#[utoipa::path(get, path = "/verbond/v1/exchanges/{transaction}/evidence", params(("transaction" = String, Path)), responses(
    (status = 200, description = "one section, with `for` the caller", body = String, content_type = "application/jsonl"),
    (status = 400, description = "no transaction id"),
    (status = 401, description = "the certificate cannot be used"),
    (status = 404, description = "there is no such exchange with the caller (`EXCHANGE_UNKNOWN`)"),
    (status = 409, description = "there is no checkpoint yet"),
    (status = 429, description = "the caller has asked too often")))]
pub(crate) async fn half(
    State(node): State<Arc<NodeApi>>,
    caller: Caller,
    transaction: Result<Path<TransactionId>, axum::extract::rejection::PathRejection>,
) -> Result<Response, Refused> {
    let Path(transaction) =
        transaction.map_err(|rejection| Refused(routes::unreadable(&rejection.body_text())))?;
    if !node.asked.admits(&caller.participant, COST_OF_A_HALF) {
        return Err(Refused(routes::too_often()));
    }
    // Of now, as far as this process has the key.
    node.checkpoints.sign(&caller.context).await?;
    let (own, identity) = (&node.office.own, &node.office.identity);
    let half = half_for(&caller.context, own, identity, &caller.participant, transaction).await?;
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], half).into_response())
}

/// This participant's halves of the exchanges of a period with the caller: a page of them, as one section of evidence. That they
/// were handed over is journalled.
#[utoipa::path(get, path = "/verbond/v1/evidence", params(ExchangesAsked), responses(
    (status = 200, description = "one section, with `for` the caller, and where the next page begins", body = HalvesPage),
    (status = 400, description = "not of the form asked"),
    (status = 401, description = "the certificate cannot be used"),
    (status = 409, description = "there is no checkpoint yet"),
    (status = 429, description = "the caller has asked too often")))]
pub(crate) async fn halves(
    State(node): State<Arc<NodeApi>>,
    caller: Caller,
    asked: Result<Query<ExchangesAsked>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<HalvesPage>, Refused> {
    let Query(asked) = asked.map_err(|rejection| Refused(routes::unreadable(&rejection.body_text())))?;
    if !node.asked.admits(&caller.participant, COST_OF_A_HALF) {
        return Err(Refused(routes::too_often()));
    }
    // Of now, as far as this process has the key.
    node.checkpoints.sign(&caller.context).await?;
    let period = Period {
        from: Timestamp::from_millis(asked.from_millis),
        until: Timestamp::from_millis(asked.until_millis),
    };
    let (own, identity, cursor) = (&node.office.own, &node.office.identity, asked.cursor.as_deref());
    let page = halves_for(&caller.context, own, identity, &caller.participant, period, cursor).await?;
    Ok(Json(page))
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
        let path = format!("/verbond/v1/exchanges?{}", query(period, cursor));
        let (status, answer) = self.ask(participant, &path, MAXIMUM_BYTES).await?;
        match status {
            status if status.is_success() => {
                serde_json::from_slice(&answer).map_err(|_| unreadable_account())
            }
            StatusCode::NOT_FOUND => Err(keeps_no_account()),
            status => Err(unreachable(&courier::told(status, &answer))),
        }
    }

    async fn half(
        &self,
        participant: &ParticipantId,
        transaction: TransactionId,
    ) -> Result<Vec<u8>, Problem> {
        let path = format!("/verbond/v1/exchanges/{transaction}/evidence");
        let (status, answer) = self.ask(participant, &path, LARGEST_HALF).await?;
        match status {
            status if status.is_success() => Ok(answer.into()),
            StatusCode::NOT_FOUND if code(&answer).as_deref() == Some("EXCHANGE_UNKNOWN") => Err(knows_not()),
            StatusCode::NOT_FOUND => Err(keeps_no_account()),
            status => Err(unreachable(&courier::told(status, &answer))),
        }
    }

    async fn halves(
        &self,
        participant: &ParticipantId,
        period: Period,
        cursor: Option<&str>,
    ) -> Result<HalvesPage, Problem> {
        let path = format!("/verbond/v1/evidence?{}", query(period, cursor));
        let mut asked = 0;
        loop {
            let (status, answer) = self.ask(participant, &path, MAXIMUM_BYTES).await?;
            match status {
                status if status.is_success() => {
                    return serde_json::from_slice(&answer).map_err(|_| unreadable_account());
                }
                // What may be asked in a minute comes back by the second.
                StatusCode::TOO_MANY_REQUESTS if asked < MOST_OFTEN => {
                    asked += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                StatusCode::NOT_FOUND => return Err(keeps_no_account()),
                status => return Err(unreachable(&courier::told(status, &answer))),
            }
        }
    }
}

impl AccountReader {
    async fn ask(
        &self,
        participant: &ParticipantId,
        path: &str,
        most: usize,
    ) -> Result<(StatusCode, Bytes), Problem> {
        let manager = self.managers.manager_of(participant).await;
        let manager = manager.ok_or_else(|| unreachable("its manager is not known"))?;
        let (method, body) = (Method::GET, Bytes::new());
        let asked = Call { method, path, body, most, within: TIMEOUT };
        call(&self.peers, participant, &manager, asked).await.map_err(|why| unreachable(&why))
    }
}

/// The stable code in problem details.
fn code(answer: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Coded {
        code: String,
    }
    serde_json::from_slice::<Coded>(answer).ok().map(|coded| coded.code)
}

fn knows_not() -> Problem {
    Problem::new(
        "COUNTERPART_KNOWS_NOT",
        409,
        "De andere deelnemer zegt dat hij van deze uitwisseling niets heeft vastgelegd.",
        "the other participant says that it has written down nothing of this exchange",
    )
    .next(
        "Is de uitwisseling van zojuist, wacht dan enkele seconden; vergelijk anders de periode met `verbond account reconcile`.",
        "if the exchange is of this moment, wait for some seconds; else compare the period with `verbond account reconcile`",
    )
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
