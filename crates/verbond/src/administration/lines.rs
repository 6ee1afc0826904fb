//! Answers of many lines (JSON Lines), sent as they come.

use axum::{
    body::Body,
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use tokio::sync::mpsc;
use verbond_domain::Problem;

use super::failure::Failure;

/// Pieces that may wait for whoever takes them.
pub const ROOM: usize = 4;

/// Whole lines, or why no more of them follow.
pub type Piece = Result<Vec<u8>, Problem>;

/// One line for each value.
///
/// # Errors
/// When a value has no form in JSON.
pub fn of<T: Serialize>(values: impl IntoIterator<Item = T>) -> Piece {
    let mut text = Vec::new();
    for value in values {
        serde_json::to_writer(&mut text, &value).map_err(|error| unwritten(&error))?;
        text.push(b'\n');
    }
    Ok(text)
}

/// The answer that these pieces make. A problem before the first piece is an answer; a later one breaks off what has begun.
///
/// # Errors
/// The problem that came first.
pub async fn answer(mut pieces: mpsc::Receiver<Piece>) -> Result<Response, Failure> {
    let first = pieces.recv().await.transpose()?;
    let rest = stream::poll_fn(move |context| pieces.poll_recv(context));
    let whole = stream::iter(first.map(Ok)).chain(rest);
    let body = Body::from_stream(
        whole.map(|piece| piece.map_err(|problem: Problem| std::io::Error::other(problem.to_string()))),
    );
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], body).into_response())
}

fn unwritten(error: &serde_json::Error) -> Problem {
    tracing::error!(%error, "a line of an answer could not be written");
    Problem::new(
        "ANSWER_FAILED",
        500,
        "Het antwoord kon niet worden opgeschreven.",
        "the answer could not be written",
    )
    .next("Meld dit bij de beheerder van het knooppunt.", "report this to the operator of the node")
}
