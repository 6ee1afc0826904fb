//! Of what a source answers, only what is agreed goes on: projected as it streams, record by record.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{
    HeaderMap, Response, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;
use verbond_agreement::{Operation, plan::Projected};
use verbond_policy::Obligations;
use verbond_projection::Projector;
use verbond_transport::{Body, BoxError};

use crate::{Failure, governed};

/// The document cannot be projected any further; the reader must not take what it has for the whole.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the source's document cannot be projected")]
struct NotProjectable;

/// What goes on of a response: all of it where there is no agreement to keep to. At the inway it is the source's own, at
/// the outway what the provider's node made of it.
pub(crate) async fn under(
    obligations: Option<&Obligations>,
    projected: Projected,
    response: Response<Body>,
) -> Result<Response<Body>, Failure> {
    match obligations {
        Some(obligations) => minimised(response, obligations, projected).await,
        None => Ok(response),
    }
}

/// What goes on of a response under an agreement. Its head waits for the first piece that may leave, so that a document
/// that cannot be projected is refused as a whole where possible; a later fault breaks the stream.
async fn minimised(
    response: Response<Body>,
    obligations: &Obligations,
    projected: Projected,
) -> Result<Response<Body>, Failure> {
    let operation = obligations.operation().ok_or(Failure::NotProjectable)?;
    let (mut head, body) = response.into_parts();
    if !head.status.is_success() {
        return Err(Failure::SourceRefused(head.status));
    }
    let coded = head.headers.contains_key(CONTENT_ENCODING);
    let whole = obligations.whole_document();
    let is_empty = body.is_end_stream() || head.status == StatusCode::NO_CONTENT;
    if !is_empty && (coded || !is_of(&head.headers, operation)) {
        tracing::warn!(operation = %operation.name, "a source's answer is not of the agreed content type, or coded");
        return Err(Failure::NotProjectable);
    }
    governed::keep_of_response(&mut head.headers);
    head.headers.remove(CONTENT_LENGTH);
    head.extensions.clear();
    if is_empty || whole {
        return Ok(Response::from_parts(head, body));
    }
    let projection = obligations.projection(projected).map_err(|error| {
        tracing::warn!(operation = %operation.name, %error, "an agreed operation's answers cannot be projected");
        Failure::NotProjectable
    })?;
    let mut minimised =
        Minimised { body, projector: Projector::new(projection), waiting: None, ended: false };
    let first = std::future::poll_fn(|context| minimised.poll_more(context)).await;
    match first {
        Some(Ok(piece)) => minimised.waiting = Some(piece),
        Some(Err(_)) => return Err(Failure::NotProjectable),
        None => {}
    }
    Ok(Response::from_parts(head, minimised.boxed_unsync()))
}

/// Whether the content type is the agreed one, parameters aside.
fn is_of(headers: &HeaderMap, operation: &Operation) -> bool {
    let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let found = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    found.is_some_and(|found| essence(found) == essence(operation.content_type.as_str()))
}

struct Minimised {
    body: Body,
    projector: Projector,
    /// Pieces that may leave: the first one, for which the head waited.
    waiting: Option<Bytes>,
    ended: bool,
}

impl Minimised {
    /// An answer that is missing looks the same as one that was not agreed; the node's own log tells them apart.
    fn say_what_could_not_be_told(&self) {
        for (count, element) in self.projector.summary().elements.iter().zip(self.projector.elements()) {
            if count.untold > 0 {
                let (path, times) = (&element.path, count.untold);
                tracing::warn!(%path, times, "a derived answer is missing: its source is absent or of another type");
            }
        }
    }

    /// The next bytes that may leave; `None` at the end. What came together with a fault does not leave.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        while !self.ended {
            let fed = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.projector.feed(&data),
                    // Trailers are of the document before it was projected.
                    Err(_) => Ok(()),
                },
                Some(Err(error)) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.ended = true;
                    self.projector.finish()
                }
            };
            if let Err(fault) = fed {
                tracing::warn!(%fault, "a source's document cannot be projected");
                self.ended = true;
                return Poll::Ready(Some(Err(NotProjectable.into())));
            }
            if self.ended {
                self.say_what_could_not_be_told();
            }
            let pieces = self.projector.take();
            if !pieces.is_empty() {
                return Poll::Ready(Some(Ok(Bytes::from(pieces.into_bytes()))));
            }
        }
        Poll::Ready(None)
    }
}

impl http_body::Body for Minimised {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if let Some(piece) = self.waiting.take() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        self.poll_more(context).map(|more| more.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.waiting.is_none()
    }
}
