//! The demonstration's applications: plain HTTP to their own outway, as any application would do it.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The response's `Fsc-Transaction-Id`.
    pub transaction_id: Option<String>,
    /// The whole body.
    pub body: Bytes,
}

impl Answer {
    /// The body's problem details, shortened to its code and sentence.
    pub fn reason(&self) -> String {
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let member = |name: &str| problem.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        let sentence = if member("detail").is_empty() { member("message") } else { member("detail") };
        format!("{} {}: {sentence}", self.status, member("code"))
    }
}

/// An application that holds a token for its outway.
#[derive(Clone)]
pub struct Application {
    /// Where the outway listens.
    pub outway: SocketAddr,
    /// Its bearer token.
    pub token: String,
}

impl Application {
    /// One GET, read to its end.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.get_for(path, None).await
    }

    /// One GET for a purpose, read to its end.
    pub async fn get_for(&self, path: &str, purpose: Option<&str>) -> anyhow::Result<Answer> {
        let response = self.send(path, purpose).await?;
        let status = response.status().as_u16();
        let transaction_id = response
            .headers()
            .get("fsc-transaction-id")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let body = response.into_body().collect().await.context("the response broke off")?.to_bytes();
        Ok(Answer { status, transaction_id, body })
    }

    /// Starts a GET and leaves its body to be read.
    async fn send(&self, path: &str, purpose: Option<&str>) -> anyhow::Result<hyper::Response<Incoming>> {
        let stream = TcpStream::connect(self.outway).await.context("the outway does not listen")?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .context("no HTTP connection")?;
        tokio::spawn(connection);
        let mut request = hyper::Request::get(path)
            .header("host", self.outway.to_string())
            .header("authorization", format!("Bearer {}", self.token));
        if let Some(purpose) = purpose {
            request = request.header("verbond-purpose", purpose);
        }
        let request = request.body(Empty::<Bytes>::new())?;
        sender.send_request(request).await.context("the outway gave no answer")
    }

    /// Calls again and again from `clients` sides until `until` is done; returns calls made and failed.
    pub async fn load<T>(
        &self,
        path: &str,
        clients: usize,
        until: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<(T, usize, Vec<String>)> {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let workers: Vec<_> = (0..clients)
            .map(|_| {
                let (application, path, stopped) = (self.clone(), path.to_owned(), stopped.clone());
                tokio::spawn(async move {
                    let (mut calls, mut failures) = (0_usize, Vec::new());
                    while !*stopped.borrow() {
                        calls += 1;
                        match application.get(&path).await {
                            Ok(answer) if answer.status == 200 => {}
                            Ok(answer) => failures.push(answer.reason()),
                            Err(error) => failures.push(format!("{error:#}")),
                        }
                    }
                    (calls, failures)
                })
            })
            .collect();
        let outcome = until.await;
        stop.send_replace(true);
        let (mut calls, mut failures) = (0, Vec::new());
        for worker in workers {
            let (made, failed) = worker.await?;
            calls += made;
            failures.extend(failed);
        }
        Ok((outcome?, calls, failures))
    }

    /// Reads an unending download; once `after` bytes have come, runs `then`, and reads on until the stream breaks.
    /// Returns the bytes read and how long after `then` had returned the break came.
    pub async fn download_until_broken(
        &self,
        path: &str,
        after: usize,
        then: impl Future<Output = anyhow::Result<()>>,
        at_most: Duration,
    ) -> anyhow::Result<(usize, Duration)> {
        let response = self.send(path, None).await?;
        if response.status() != 200 {
            bail!("the download was answered with {}", response.status());
        }
        let mut body = response.into_body();
        let mut bytes = 0;
        while bytes < after {
            let frame =
                body.frame().await.context("the download ended too early")?.context("broke off early")?;
            bytes += frame.data_ref().map_or(0, Bytes::len);
        }
        let reading = tokio::spawn(async move {
            let mut bytes = bytes;
            while let Some(Ok(frame)) = body.frame().await {
                bytes += frame.data_ref().map_or(0, Bytes::len);
            }
            (bytes, Instant::now())
        });
        then.await?;
        let done = Instant::now();
        let (bytes, broken) = tokio::time::timeout(at_most, reading)
            .await
            .context("the download went on after the revocation")??;
        Ok((bytes, broken.saturating_duration_since(done)))
    }
}
