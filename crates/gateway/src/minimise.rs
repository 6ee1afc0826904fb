//! Of what a source answers, and of what is sent to it, only what is agreed goes on: projected as it streams, record by
//! record.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http::{
    HeaderMap, Response, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use verbond_agreement::{Line, plan::Projected};
use verbond_application::{absences::Absences, exchange::Permitted, processing::Recorder};
use verbond_fail_points::{fail_point, fail_point_polled};
use verbond_journal::CrossedElement;
use verbond_policy::Obligations;
use verbond_projection::{Projection, Projector};
use verbond_transport::{Body, BoxError};

use crate::{Failure, completing, governed, in_flight::Ticket, people::People};

/// Bytes of a request's body that are looked at before any of it goes on.
const LOOKED_AT: usize = 64 * 1024;

/// The document cannot be projected any further; the reader must not take what it has for the whole.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the document cannot be projected")]
struct NotProjectable;

/// What is told of a response as it goes by.
pub(crate) struct Beside<'a> {
    /// The exchange, for its completion.
    pub(crate) ticket: &'a Arc<Ticket>,
    /// Which agreed elements never come.
    pub(crate) absences: &'a Arc<Absences>,
    /// Whom it names; `None`: nobody is looked for.
    pub(crate) recorder: Option<Recorder>,
}

/// What goes on of a response: all of it where there is no agreement to keep to. At the inway it is the source's own, at
/// the outway what the provider's node made of it.
pub(crate) async fn under(
    obligations: Option<&Obligations>,
    projected: Projected,
    response: Response<Body>,
    beside: Beside<'_>,
) -> Result<Response<Body>, Failure> {
    match obligations {
        Some(obligations) => minimised(response, obligations, projected, beside).await,
        None => Ok(response),
    }
}

/// What goes on of a response under an agreement. Its head waits for the first piece that may leave, so that a document
/// that cannot be projected is refused as a whole where possible; a later fault breaks the stream.
async fn minimised(
    response: Response<Body>,
    obligations: &Obligations,
    projected: Projected,
    beside: Beside<'_>,
) -> Result<Response<Body>, Failure> {
    let operation = obligations.operation().ok_or(Failure::NotProjectable)?;
    let (mut head, body) = response.into_parts();
    if !head.status.is_success() {
        let wait = governed::wait(&head.headers);
        return Err(Failure::SourceRefused(governed::refused(head.status), wait));
    }
    let Some(status) = governed::answered(head.status) else {
        tracing::warn!(operation = %operation.name, "a source answered with a part, which nobody asked for");
        return Err(Failure::NotProjectable);
    };
    head.status = status;
    let coded = is_coded(&head.headers);
    let whole = obligations.whole_document();
    // What is agreed on with no element is that it is done: nothing of what the source says about that leaves.
    let says_nothing = operation.delivered.is_empty() && !whole;
    let is_empty = says_nothing || body.is_end_stream() || head.status == StatusCode::NO_CONTENT;
    if !is_empty && (coded || !is_of(&head.headers, &operation.content_type)) {
        tracing::warn!(operation = %operation.name, "a source's answer is not of the agreed content type, or coded");
        return Err(Failure::NotProjectable);
    }
    governed::keep_of_response(&mut head.headers, obligations);
    head.extensions.clear();
    if says_nothing {
        head.headers.remove(CONTENT_TYPE);
        return Ok(Response::from_parts(head, verbond_transport::empty()));
    }
    if is_empty || whole {
        return Ok(Response::from_parts(head, without_trailers(body)));
    }
    let projection = obligations.projection(projected).map_err(|error| {
        tracing::warn!(operation = %operation.name, %error, "an agreed operation's answers cannot be projected");
        Failure::NotProjectable
    })?;
    let Beside { ticket, absences, recorder } = beside;
    let mut minimised = Minimised::new(body, projection, Some(Arc::clone(ticket)), recorder);
    minimised.counted = Some((Arc::clone(absences), obligations.clone()));
    let first = std::future::poll_fn(|context| minimised.poll_more(context)).await;
    match first {
        Some(Ok(piece)) => minimised.waiting = Some(piece),
        Some(Err(_)) if ticket.exchange.is_broken() => return Err(ticket.exchange.why()),
        Some(Err(_)) => return Err(minimised.failure),
        None => {}
    }
    Ok(Response::from_parts(head, minimised.boxed_unsync()))
}

/// A document that goes out whole, without the fields that stand behind it: those are no part of it (RFC 9110 section 6.5),
/// and nobody agreed on any.
fn without_trailers(body: Body) -> Body {
    if body.is_end_stream() {
        return body;
    }
    body.map_frame(|frame| Frame::data(frame.into_data().unwrap_or_default())).boxed_unsync()
}

/// Whether the content type is the agreed one, parameters aside.
fn is_of(headers: &HeaderMap, agreed: &Line) -> bool {
    let found = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    found.is_some_and(|found| essence(found).eq_ignore_ascii_case(essence(agreed.as_str())))
}

fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// Whether a body is coded. `identity` says that it is not (RFC 9110 section 8.4.1).
fn is_coded(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Whether a request may have a body, and one of this type.
pub(crate) fn takes_body(obligations: &Obligations, headers: &HeaderMap) -> bool {
    let agreed = obligations.operation().and_then(|operation| operation.request.as_ref());
    agreed
        .is_some_and(|agreed| is_of(headers, &agreed.content_type) && !headers.contains_key(CONTENT_ENCODING))
}

/// What goes on of a request's body: all of it where there is no agreement to keep to. It is read once the permit is
/// durable. What is short is looked at as a whole, so that nothing is asked with a body that cannot be projected.
pub(crate) async fn asked(
    obligations: Option<&Obligations>,
    head: &mut http::request::Parts,
    body: Body,
    _permitted: &Permitted,
) -> Result<Body, Failure> {
    let Some(obligations) = obligations.filter(|_| !body.is_end_stream()) else { return Ok(body) };
    let projection = obligations.request().ok().flatten().ok_or(Failure::BodyNotAgreed)?;
    head.headers.remove(CONTENT_LENGTH);
    fail_point!("minimise::asked", |_| Err(Failure::BodyNotProjectable));
    let mut minimised = Minimised::new(body, projection, None, None);
    let mut read = BytesMut::new();
    while read.len() < LOOKED_AT {
        match std::future::poll_fn(|context| minimised.poll_more(context)).await {
            Some(Ok(piece)) => read.extend_from_slice(&piece),
            Some(Err(_)) => return Err(Failure::BodyNotProjectable),
            None => return Ok(verbond_transport::full(read.freeze())),
        }
    }
    minimised.waiting = Some(read.freeze());
    Ok(minimised.boxed_unsync())
}

struct Minimised {
    /// To which exchange the elements of this document are told.
    told: Option<Arc<Ticket>>,
    body: Body,
    projector: Projector,
    /// Whom it names is written down before it goes on.
    people: Option<People>,
    /// Pieces that may leave when that is done.
    held: Option<(Bytes, BoxFuture<'static, Result<u64, Failure>>)>,
    /// Pieces that may leave: the first one, for which the head waited.
    waiting: Option<Bytes>,
    ended: bool,
    /// Where it is counted what came of a response.
    counted: Option<(Arc<Absences>, Obligations)>,
    /// Why it was broken off.
    failure: Failure,
}

impl Minimised {
    fn new(
        body: Body,
        projection: Arc<Projection>,
        told: Option<Arc<Ticket>>,
        recorder: Option<Recorder>,
    ) -> Self {
        let projector = Projector::new(projection);
        let people = recorder.map(People::new);
        let failure = Failure::NotProjectable;
        Self {
            told,
            counted: None,
            body,
            projector,
            people,
            held: None,
            waiting: None,
            ended: false,
            failure,
        }
    }

    /// Which elements have gone on, for the completion.
    fn tell_elements(&self) {
        let Some(ticket) = &self.told else { return };
        let delivered = self.projector.delivered();
        let crossed = delivered.map(|(path, count)| CrossedElement { path: Arc::clone(path), count });
        completing::elements(ticket, crossed.collect());
    }

    /// As [`Minimised::tell_elements`], of a piece that goes on, where it is the last.
    fn tell_elements_at_the_end(&self) {
        if self.ended {
            self.tell_elements();
        }
    }

    /// An answer that is missing looks the same as one that was not agreed; the node's own log tells them apart.
    fn say_what_did_not_come(&self) {
        if let Some((absences, obligations)) = self.counted.as_ref().filter(|_| self.projector.records() > 0)
        {
            let came = self.projector.counts().map(|(delivered, _)| delivered > 0);
            let paths = || self.projector.elements().iter().map(|element| element.path.to_string()).collect();
            absences.saw(obligations, paths, came);
        }
        for ((_, times), element) in self.projector.counts().zip(self.projector.elements()) {
            if times > 0 {
                let path = &element.path;
                tracing::warn!(%path, times, "a derived answer is missing: its source is absent or of another type");
            }
        }
    }

    fn break_off(&mut self, failure: Failure) -> Poll<Option<Result<Bytes, BoxError>>> {
        (self.ended, self.failure) = (true, failure);
        Poll::Ready(Some(Err(NotProjectable.into())))
    }

    /// The next bytes that may leave; `None` at the end. What came together with a fault does not leave.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        loop {
            if let Some((bytes, writing)) = &mut self.held {
                let written = ready!(writing.as_mut().poll(context));
                let bytes = std::mem::take(bytes);
                self.held = None;
                fail_point_polled!("minimise::recorded", |_| self.break_off(Failure::RecordUnavailable));
                match written {
                    Ok(recorded) => {
                        if let Some(ticket) = &self.told {
                            completing::people(ticket, recorded);
                        }
                        self.tell_elements_at_the_end();
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                    Err(failure) => return self.break_off(failure),
                }
            }
            if self.ended {
                return Poll::Ready(None);
            }
            let (data, ends) = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                // Whoever knows the length need not be asked what comes after the last byte: the end goes on together with it.
                // Trailers are of the document before it was projected.
                Some(Ok(frame)) => (frame.into_data().unwrap_or_default(), self.body.is_end_stream()),
                Some(Err(error)) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => (Bytes::new(), true),
            };
            let mut fed = self.projector.feed(&data);
            if ends && fed.is_ok() {
                fed = self.projector.finish();
            }
            if let Err(fault) = fed {
                tracing::warn!(%fault, "a document cannot be projected");
                return self.break_off(Failure::NotProjectable);
            }
            self.ended = ends;
            if self.ended {
                self.say_what_did_not_come();
            }
            let pieces = self.projector.take();
            if pieces.is_empty() {
                self.tell_elements_at_the_end();
                continue;
            }
            fail_point_polled!("minimise::piece", |_| self.break_off(Failure::RecordUnavailable));
            let writing = match self.people.as_mut().map(|people| people.write(&pieces)).transpose() {
                Ok(writing) => writing.flatten(),
                Err(failure) => return self.break_off(failure),
            };
            let bytes = Bytes::from(pieces.into_bytes());
            match writing {
                Some(writing) => self.held = Some((bytes, writing)),
                None => {
                    self.tell_elements_at_the_end();
                    return Poll::Ready(Some(Ok(bytes)));
                }
            }
        }
    }
}

impl Drop for Minimised {
    /// What went on before it was broken off went on.
    fn drop(&mut self) {
        if !self.ended {
            self.tell_elements();
        }
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
        self.ended && self.waiting.is_none() && self.held.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.ended && self.held.is_none() {
            true => SizeHint::with_exact(self.waiting.as_ref().map_or(0, |piece| piece.len() as u64)),
            false => SizeHint::default(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use http_body_util::Full;
    use verbond_agreement::{Agreement, LifeCycle, PartySignature, SignatureMark};
    use verbond_domain::Timestamp;
    use verbond_policy::{Call, Context, DecisionRequest, Leases, PolicySnapshot, Subject};

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    const ANSWERS: &[u8] = include_bytes!("../../agreement/tests/examples/answers.json");

    /// What a permit under the example obliges to, on a Tuesday at noon.
    pub(crate) fn obligations() -> Result<Obligations, Box<dyn std::error::Error>> {
        let agreement = Agreement::parse(ANSWERS)?;
        let parties = agreement.parties.iter().map(|party| party.participant.clone());
        let (from, until) = (agreement.term.from.timestamp(), agreement.term.until.timestamp());
        let signature = PartySignature { mark: SignatureMark::Signed, at: Timestamp::from_millis(0) };
        let mut life = LifeCycle::draft(parties, from, until).offer()?;
        for party in &agreement.parties {
            life = life.sign(&party.participant, signature)?;
        }
        let (snapshot, failed) = PolicySnapshot::build([(Arc::new(agreement), life)]);
        assert!(failed.is_empty());
        let request = DecisionRequest {
            subject: Subject { participant: "oin:00000099000000020000".parse()?, application: None },
            call: Call { method: "GET", path: "/incomes/P-0042", query: None },
            resource: serde_json::from_str(r#"{"provider":"oin:00000099000000030000","name":"incomes"}"#)?,
            context: Context {
                now: Timestamp::from_seconds(1_796_731_200),
                agreement: None,
                purpose: "supplement-outreach".parse()?,
                activity: None,
                algorithm: None,
                on_behalf_of: None,
                claims: verbond_policy::Claims::default(),
                elements: Default::default(),
            },
        };
        let decision = snapshot.decide(&request, |_| Leases { volume: true, per_person: true });
        Ok(decision.obligations.ok_or("a permit")?)
    }

    /// What goes on of a document; nothing where it is refused.
    async fn left(
        projected: Projected,
        document: &str,
    ) -> Result<Option<String>, Box<dyn std::error::Error>> {
        let body = Full::new(Bytes::from(document.to_owned())).map_err(|never| match never {}).boxed_unsync();
        let response = Response::builder().header(CONTENT_TYPE, "application/json").body(body)?;
        let ticket = Arc::new(crate::in_flight::tests::ticket()?.0);
        let beside = Beside { ticket: &ticket, absences: &Arc::default(), recorder: None };
        let answer = under(Some(&obligations()?), projected, response, beside).await;
        let Ok(response) = answer else { return Ok(None) };
        let bytes = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok(Some(String::from_utf8(bytes.to_vec())?))
    }

    #[tokio::test]
    async fn answers_leave_and_the_data_does_not() -> Outcome {
        let source = r#"{"year":2026,"person":"P-0042","income":{"amount":15480.49,"foreign":null},
            "payments":[{"monthly":99.5},{"monthly":1200}],"pension":{"began":"2027-01-01","state":"running"}}"#;
        let expected = r#"{"year":2026,"income":{"below_minimum":true,"level":"low","abroad":false},"payers":2,"small_payers":1,"pensioner":false,"paid_out":true}"#;
        // In the source's order, answers last in their objects.
        let answer = left(Projected::Source, source).await?.ok_or("an answer")?;
        let parse = serde_json::from_str::<serde_json::Value>;
        assert_eq!(parse(&answer)?, parse(expected)?);
        assert_eq!(left(Projected::Answer, &answer).await?, Some(answer));
        Ok(())
    }

    /// The last bytes and the end go together where the source told its length, and the length of what is left is told.
    #[tokio::test]
    async fn what_came_as_a_whole_leaves_as_a_whole() -> Outcome {
        let document = Bytes::from_static(br#"{"year":2026,"person":"P-0042"}"#);
        let told = Full::new(document.clone()).map_err(|never| match never {}).boxed_unsync();
        let pieces = futures_util::stream::iter([Ok::<_, BoxError>(Frame::data(document))]);
        let untold = http_body_util::StreamBody::new(pieces).boxed_unsync();
        for (body, length) in [(told, Some(13)), (untold, None)] {
            let response = Response::builder().header(CONTENT_TYPE, "application/json").body(body)?;
            let ticket = Arc::new(crate::in_flight::tests::ticket()?.0);
            let beside = Beside { ticket: &ticket, absences: &Arc::default(), recorder: None };
            let left = under(Some(&obligations()?), Projected::Source, response, beside).await;
            let mut body = left.map_err(|_| "an answer")?.into_body();
            assert_eq!(body.size_hint().exact(), length);
            let first = body.frame().await.ok_or("a piece")?.map_err(|error| error.to_string())?;
            assert_eq!(first.into_data().ok(), Some(Bytes::from_static(br#"{"year":2026}"#)));
            assert_eq!(body.is_end_stream(), length.is_some());
            assert!(body.frame().await.is_none());
        }
        Ok(())
    }

    /// Over HTTP/2 fields behind a body come unannounced.
    #[tokio::test]
    async fn no_field_behind_a_body_goes_on() -> Outcome {
        let trailers = HeaderMap::from_iter([(http::HeaderName::from_static("x-note"), "secret".parse()?)]);
        let frames = || {
            let frames =
                [Frame::data(Bytes::from_static(br#"{"year":2026}"#)), Frame::trailers(trailers.clone())];
            let frames = futures_util::stream::iter(frames.map(Ok::<_, BoxError>));
            http_body_util::StreamBody::new(frames).boxed_unsync()
        };
        let response = Response::builder().header(CONTENT_TYPE, "application/json").body(frames())?;
        let ticket = Arc::new(crate::in_flight::tests::ticket()?.0);
        let beside = Beside { ticket: &ticket, absences: &Arc::default(), recorder: None };
        let projected = under(Some(&obligations()?), Projected::Source, response, beside).await;
        let projected = projected.map_err(|_| "an answer")?.into_body();
        for body in [projected, without_trailers(frames())] {
            let collected = body.collect().await.map_err(|error| error.to_string())?;
            assert!(collected.trailers().is_none());
            assert_eq!(collected.to_bytes(), Bytes::from_static(br#"{"year":2026}"#));
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_provider_that_says_more_than_the_answers_is_heard_no_further() -> Outcome {
        for (answer, goes_on) in [
            (
                r#"{"income":{"amount":15480.49,"below_minimum":true}}"#,
                r#"{"income":{"below_minimum":true}}"#,
            ),
            (r#"{"income":{"below_minimum":15480.49}}"#, r#"{"income":{}}"#),
            (r#"{"income":{"below_minimum":"15480.49"}}"#, r#"{"income":{}}"#),
            (r#"{"income":{"level":"15480.49"}}"#, r#"{"income":{}}"#),
            (r#"{"income":{"level":"high"}}"#, r#"{"income":{"level":"high"}}"#),
            (r#"{"payers":[{"monthly":99.5}],"payments":[1]}"#, "{}"),
            (r#"{"payers":2.5}"#, "{}"),
        ] {
            assert_eq!(left(Projected::Answer, answer).await?.as_deref(), Some(goes_on), "{answer}");
        }
        assert_eq!(left(Projected::Answer, r#"{"year":2026,"year":2027}"#).await?, None);
        Ok(())
    }
}
