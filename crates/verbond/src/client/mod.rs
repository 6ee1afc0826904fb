//! The way to a node's administration API: its Unix socket, or mutual TLS from afar.

mod afar;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::UnixStream,
};
use url::form_urlencoded;
use verbond_domain::Problem;

pub use self::afar::Afar;
use crate::{
    configuration::Settings,
    printer::{Complaint, Printer},
};

/// Longest answer that is read as a whole.
const MAXIMUM_ANSWER: usize = 64 * 1024 * 1024;
/// Longest line of an answer that is read line by line.
const LONGEST_LINE: usize = 1024 * 1024;
/// Longest time to wait for one answer: longer than anything that a node itself waits for.
const PATIENCE: Duration = Duration::from_secs(120);
/// The same for what takes as long as the node is large.
const LONG_PATIENCE: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug)]
enum Place {
    Socket(PathBuf),
    Afar(afar::Place),
}

/// A client of one node.
#[derive(Debug)]
pub struct Client {
    place: Place,
    printer: Printer,
}

impl Client {
    /// For the node of a data directory, or the one from afar if that was asked.
    pub fn new(data: &Path, afar: &Afar, printer: Printer) -> anyhow::Result<Self> {
        let place = match afar::Place::new(afar)? {
            Some(place) => Place::Afar(place),
            None => Place::Socket(Settings::read(data)?.administration_socket()),
        };
        Ok(Self { place, printer })
    }

    /// For a socket whose place is known already.
    pub const fn at(socket: PathBuf, printer: Printer) -> Self {
        Self { place: Place::Socket(socket), printer }
    }

    /// Asks for something.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    /// Asks for something that may be looked for with these parameters; empty ones are left out.
    pub async fn find(&self, path: &str, parameters: &[(&str, String)]) -> anyhow::Result<Value> {
        self.get(&with_query(path, parameters)).await
    }

    /// Asks for a whole list, page after page, up to `limit` items.
    pub async fn list(
        &self,
        path: &str,
        parameters: &[(&str, String)],
        limit: usize,
    ) -> anyhow::Result<Value> {
        self.pages(path, parameters, None, limit).await
    }

    /// As [`Client::list`], the whole of what is asked for in the body.
    pub async fn search(&self, path: &str, asked: &Value) -> anyhow::Result<Value> {
        self.pages(path, &[], Some(asked), usize::MAX).await
    }

    async fn pages(
        &self,
        path: &str,
        parameters: &[(&str, String)],
        asked: Option<&Value>,
        limit: usize,
    ) -> anyhow::Result<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let mut parameters = parameters.to_vec();
            let wanted = limit.saturating_sub(items.len()).clamp(1, 1000);
            parameters.extend([("limit", wanted.to_string()), ("cursor", std::mem::take(&mut cursor))]);
            let path = with_query(path, &parameters);
            let mut page = match asked {
                Some(asked) => self.post(&path, asked).await?,
                None => self.get(&path).await?,
            };
            let taken = page.get_mut("items").map(Value::take);
            if let Some(Value::Array(more)) = taken {
                items.extend(more);
            }
            match page.get("next").and_then(Value::as_str) {
                Some(next) if items.len() < limit => next.clone_into(&mut cursor),
                next => return Ok(serde_json::json!({ "items": items, "next": next })),
            }
        }
    }

    /// Does something to a thing.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Does something that takes as long as the node is large.
    pub async fn post_and_wait(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call_within(LONG_PATIENCE, Method::POST, path, Some(body)).await
    }

    /// Puts a thing in place.
    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::PUT, path, Some(body)).await
    }

    /// Takes a thing away.
    pub async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::DELETE, path, None).await
    }

    /// Asks for something long and writes it as it comes; says how far it is. Returns how many bytes came.
    pub async fn download(
        &self,
        path: &str,
        parameters: &[(&str, String)],
        into: &mut (impl AsyncWrite + Unpin),
    ) -> anyhow::Result<u64> {
        let response = self.sent(Method::GET, &with_query(path, parameters), None).await?;
        if !response.status().is_success() {
            return read(response).await.map(|_| 0);
        }
        let (mut body, mut taken, mut said) = (response.into_body(), 0_u64, Instant::now());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| anyhow::anyhow!("the node's answer broke off: {error}"))?;
            let Ok(data) = frame.into_data() else { continue };
            into.write_all(&data).await?;
            taken = taken.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
            if said.elapsed() >= Duration::from_secs(1) {
                said = Instant::now();
                self.printer.progress(&format!("{} MiB", taken / (1024 * 1024)));
            }
        }
        self.printer.progress("");
        into.flush().await?;
        Ok(taken)
    }

    /// Asks for something of many lines and hands each on as it comes.
    ///
    /// # Errors
    /// What the node answers instead; an answer that breaks off, or has a line that is longer than any that it makes.
    pub async fn lines(
        &self,
        path: &str,
        parameters: &[(&str, String)],
        mut each: impl FnMut(&str) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let (method, asked) = (Method::GET, with_query(path, parameters));
        let response = tokio::select! {
            response = self.sent(method.clone(), &asked, None) => response?,
            () = self.wait(PATIENCE, &method, path) => return Err(no_answer(PATIENCE).into()),
        };
        if !response.status().is_success() {
            return read(response).await.map(drop);
        }
        let (mut body, mut begun) = (response.into_body(), Vec::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| anyhow::anyhow!("the node's answer broke off: {error}"))?;
            let Ok(data) = frame.into_data() else { continue };
            let mut rest = data.as_ref();
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let (line, after) = rest.split_at(end);
                begun.extend_from_slice(line);
                each(std::str::from_utf8(&begun)?)?;
                begun.clear();
                rest = after.get(1..).unwrap_or_default();
            }
            begun.extend_from_slice(rest);
            anyhow::ensure!(begun.len() <= LONGEST_LINE, "a line of the node's answer is too long");
        }
        anyhow::ensure!(begun.is_empty(), "the node's answer broke off within a line");
        Ok(())
    }

    async fn sent(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Response<Incoming>> {
        match &self.place {
            Place::Socket(socket) => {
                let stream = UnixStream::connect(socket).await.map_err(|error| silent(socket, &error))?;
                send(stream, "localhost", method, path, body).await
            }
            Place::Afar(place) => {
                let sent = async { send(place.connect().await?, place.host(), method, path, body).await };
                sent.await.map_err(explained)
            }
        }
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        self.call_within(PATIENCE, method, path, body).await
    }

    async fn call_within(
        &self,
        patience: Duration,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let exchange = async { read(self.sent(method.clone(), path, body).await?).await };
        let waiting = self.wait(patience, &method, path);
        tokio::select! {
            outcome = exchange => {
                self.printer.progress("");
                outcome
            }
            () = waiting => Err(no_answer(patience).into()),
        }
    }

    /// Says every second, after the first, what is being waited for.
    async fn wait(&self, patience: Duration, method: &Method, path: &str) {
        for second in 1..=patience.as_secs() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let path = path.split('?').next().unwrap_or(path);
            self.printer.progress(&format!("waiting for the node: {method} {path} ({second} s)"));
        }
    }
}

/// A path with parameters; those without a value are left out.
pub fn with_query(path: &str, parameters: &[(&str, String)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    format!("{path}?{}", query.finish())
}

async fn send<S>(
    stream: S,
    host: &str,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> anyhow::Result<Response<Incoming>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let body = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, host)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    match sender.send_request(request).await {
        Ok(response) => Ok(response),
        // The connection may know better than the request why there is no answer.
        Err(error) => Err(connection.await.ok().and_then(Result::err).unwrap_or(error).into()),
    }
}

async fn read(response: Response<Incoming>) -> anyhow::Result<Value> {
    let status = response.status();
    let body = Limited::new(response.into_body(), MAXIMUM_ANSWER).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("the node's answer broke off: {error}"))?.to_bytes();
    let answer = match body.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into()),
    };
    if status.is_success() {
        return Ok(answer);
    }
    match Complaint::from_json(&answer) {
        Some(complaint) => Err(complaint.into()),
        None => Err(anyhow::anyhow!("the node answered {status}")),
    }
}

fn silent(socket: &Path, error: &std::io::Error) -> Problem {
    let socket = socket.display();
    Problem::new(
        "NODE_SILENT",
        503,
        format!("Het knooppunt is niet te bereiken op {socket}: {error}"),
        format!("the node cannot be reached at {socket}: {error}"),
    )
    .next(
        "Start het met `verbond --data MAP serve`, of kijk met `verbond --data MAP doctor` wat er scheelt.",
        "start it with `verbond --data DIR serve`, or see with `verbond --data DIR doctor` what is wrong",
    )
}

/// In TLS 1.3 a client hears that its certificate is refused only after the handshake, as an alert.
fn explained(error: anyhow::Error) -> anyhow::Error {
    let is_alert = error.chain().any(|cause| {
        let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let direct = cause.downcast_ref::<rustls::Error>();
        let tls = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()).or(direct);
        matches!(tls, Some(rustls::Error::AlertReceived(_)))
    });
    if is_alert { not_let_in().into() } else { error }
}

fn not_let_in() -> Problem {
    Problem::new(
        "CERTIFICATE_NOT_LET_IN",
        403,
        "Het knooppunt laat dit certificaat niet binnen: de sleutel is niet (of niet meer) van iemand die er bekend is, en er staat geen uitnodiging open.",
        "the node does not let this certificate in: its key is not, or no longer, of anybody known there, and no invitation is open",
    )
    .next(
        "Vraag de beheerder om `verbond person show NAAM`; een nieuwe code maakt `verbond person invite NAAM`.",
        "ask the operator to look with `verbond person show NAME`; `verbond person invite NAME` makes a new code",
    )
}

fn no_answer(patience: Duration) -> Problem {
    let seconds = patience.as_secs();
    Problem::new(
        "NODE_SLOW",
        504,
        format!("Het knooppunt heeft in {seconds} seconden niet geantwoord."),
        format!("the node has not answered within {seconds} seconds"),
    )
    .next("Kijk in het logboek van het knooppunt.", "look in the node's log")
}

/// One segment of a path, with everything escaped that would end it.
pub fn segment(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}
