//! A few threads on which keys sign that have to be waited for, such as those in a hardware token.
//!
//! rustls asks for a signature synchronously, in the middle of a handshake on a thread of the runtime. Here the
//! signing itself runs on threads of the pool, each with a small runtime of its own, so that no runtime has to
//! make progress for another thread of it to go on. The thread that waits tells its runtime so, which puts another
//! in its place: the other connections are served meanwhile. Both are bounded: at most [`THREADS`] keys sign at once
//! and [`QUEUE`] handshakes wait; one more fails at once, and its peer tries again.

use std::{
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use tokio::runtime::{Builder, Handle, RuntimeFlavor};

use crate::{SignError, SignatureAlgorithm, Signer};

/// Signatures made at once; a token rarely makes more than one.
const THREADS: usize = 4;

/// Handshakes that may wait for a signature besides. Each holds a thread of the runtime's blocking pool (512).
const QUEUE: usize = 64;

/// How long a handshake waits; peers give up about then.
const PATIENCE: Duration = Duration::from_secs(10);

/// Started when the first key that needs it signs; keys in memory never do.
static POOL: LazyLock<SyncSender<Job>> = LazyLock::new(start);

struct Job {
    signer: Arc<dyn Signer>,
    algorithm: SignatureAlgorithm,
    message: Vec<u8>,
    deadline: Instant,
    answer: SyncSender<Result<Vec<u8>, SignError>>,
}

/// Signs on a thread of the pool, and waits for it.
pub(super) fn sign(
    signer: Arc<dyn Signer>,
    algorithm: SignatureAlgorithm,
    message: Vec<u8>,
) -> Result<Vec<u8>, SignError> {
    let (answer, answered) = sync_channel(1);
    let job = Job { signer, algorithm, message, deadline: Instant::now() + PATIENCE, answer };
    POOL.try_send(job).map_err(|_| failed("too many handshakes wait for the key"))?;
    let wait = || answered.recv_timeout(PATIENCE).unwrap_or_else(|_| Err(failed("it took too long")));
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
        // A runtime of one thread stands still meanwhile, but goes on, since the pool does not need it.
        _ => wait(),
    }
}

fn start() -> SyncSender<Job> {
    let (jobs, queue) = sync_channel(QUEUE);
    let queue = Arc::new(Mutex::new(queue));
    for number in 1..=THREADS {
        let queue = Arc::clone(&queue);
        let started =
            std::thread::Builder::new().name(format!("signer-{number}")).spawn(move || work(&queue));
        if let Err(error) = started {
            tracing::error!(%error, "a thread for signing cannot be started");
        }
    }
    jobs
}

fn work(queue: &Mutex<Receiver<Job>>) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "a thread for signing cannot start its runtime");
            return;
        }
    };
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { signer, algorithm, message, deadline, answer }) = job else { return };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            continue;
        }
        // A task of its own, so that a panic in a device's library costs one signature and not the thread.
        let task = runtime.spawn(async move { signer.sign(algorithm, &message).await });
        let abort = task.abort_handle();
        let result = match runtime.block_on(async { tokio::time::timeout(left, task).await }) {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(failed("the signer panicked")),
            Err(_) => {
                abort.abort();
                Err(failed("it took too long"))
            }
        };
        // The handshake may have given up.
        let _ = answer.send(result);
    }
}

fn failed(reason: &str) -> SignError {
    SignError::Failed(reason.to_owned())
}
