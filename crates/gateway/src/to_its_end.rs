//! What must come to its end although whoever waits for it may go away.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// Work that goes on by itself when it is let go half done, as a request's is when its caller hangs up. While it is waited for it is
/// part of the request: no task of its own, no other thread.
pub(crate) struct ToItsEnd<F>(Option<Pin<Box<F>>>)
where
    F: Future<Output: Send> + Send + 'static;

impl<F> ToItsEnd<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    /// Nothing is done before somebody waits for it.
    pub(crate) fn of(work: F) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<F> Future for ToItsEnd<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Taken out meanwhile, so that work that panics is not gone on with. What has come to its end is not waited for again.
        let Some(mut work) = self.0.take() else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.0 = Some(work);
        }
        polled
    }
}

impl<F> Drop for ToItsEnd<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    fn drop(&mut self) {
        if let Some(work) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_is_waited_for_gives_what_it_comes_to() {
        assert_eq!(ToItsEnd::of(async { 5 }).await, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_let_go_half_done_is_done_all_the_same() -> Result<(), oneshot::error::RecvError> {
        let (done, told) = oneshot::channel();
        let work = ToItsEnd::of(async move {
            tokio::time::sleep(Duration::from_secs(2)).await;
            done.send(7)
        });
        assert!(tokio::time::timeout(Duration::from_secs(1), work).await.is_err());
        assert_eq!(told.await?, 7);
        Ok(())
    }
}
