//! Notes the TLS alert with which the other end refuses us.
//!
//! With TLS 1.3 the other end judges our certificate after our side of the handshake is done, so its alert comes while
//! HTTP already reads and writes. HTTP libraries keep the text of such an error at best; here it is seen as it is.

use std::{
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use rustls::AlertDescription;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The alert that was received, if there was one.
pub(crate) type Alert = Arc<OnceLock<AlertDescription>>;

/// A TLS stream that notes an alert.
pub(crate) struct Alerted<T> {
    inner: T,
    alert: Alert,
}

impl<T> Alerted<T> {
    pub(crate) const fn new(inner: T, alert: Alert) -> Self {
        Self { inner, alert }
    }
}

fn received(error: &io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

impl<T: AsyncRead + Unpin> Alerted<T> {
    fn note<R>(&self, outcome: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if let Poll::Ready(Err(error)) = &outcome
            && let Some(alert) = received(error)
        {
            let _ = self.alert.set(alert);
        }
        outcome
    }

    /// Who refuses us also closes the connection, and writing may fail before the alert has been read.
    fn look_behind<R>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        let outcome = self.note(outcome);
        if matches!(outcome, Poll::Ready(Err(_))) && self.alert.get().is_none() {
            let mut scratch = [0; 512];
            let read = Pin::new(&mut self.inner).poll_read(context, &mut ReadBuf::new(&mut scratch));
            let _ = self.note(read);
        }
        outcome
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Alerted<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_read(context, buffer);
        self.note(outcome)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Alerted<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.look_behind(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(context, bytes);
        self.look_behind(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_flush(context);
        self.look_behind(context, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_shutdown(context);
        self.note(outcome)
    }
}
