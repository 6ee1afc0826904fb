//! Traffic of open services, looked at beside the stream: names, types and schemas, never values. What speaks of people makes
//! the service governed until a second person has decided ([`crate::class_questions`]).

use std::{
    collections::HashMap,
    io::Read,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use flate2::read::{MultiGzDecoder, ZlibDecoder};
use tokio::sync::mpsc;
use verbond_agreement::{WireForm, signs_in_traffic};
use verbond_domain::{Ambient, ServiceClass, ServiceName};
use verbond_fail_points::fail_point;
use verbond_store::services::ServiceRow;

use crate::{OpContext, class_questions};

/// Bytes of a response's beginning that are looked at.
pub const LOOKED_AT: usize = 64 * 1024;
/// Responses of a service that are looked at before only some are.
const FIRST: u32 = 1000;
/// Of later ones, one in so many.
const ONE_IN: u32 = 1000;
/// Beginnings of responses that wait to be looked at; more are dropped and counted.
const WAITING: usize = 64;
/// Bytes that a beginning may be once its coding is taken off.
const DECODED: u64 = 1024 * 1024;
/// How often a finding is tried to be written down, and the pause in between.
const TRIES: u32 = 30;
const PAUSE: Duration = Duration::from_secs(1);

/// How a body is coded (RFC 9110, section 8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Identity,
    /// `gzip`.
    Gzip,
    /// `deflate`.
    Deflate,
}

impl Coding {
    /// By the value of `Content-Encoding`; `None` for one that is not read here.
    pub fn of(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            _ => None,
        }
    }
}

/// The beginning of a response of an open service.
pub struct Beginning {
    /// Of which service, as it was declared then.
    pub service: Arc<ServiceRow>,
    /// How it is written.
    pub form: WireForm,
    /// How it is coded.
    pub coding: Coding,
    /// The first bytes, [`LOOKED_AT`] at most.
    pub bytes: Vec<u8>,
}

impl Beginning {
    fn signs(&self) -> Vec<&'static str> {
        let decoded = |from: &mut dyn Read| {
            let mut bytes = Vec::new();
            // It breaks off somewhere: what came before is looked at.
            let _ = from.take(DECODED).read_to_end(&mut bytes);
            bytes
        };
        let bytes = self.bytes.as_slice();
        match self.coding {
            Coding::Identity => signs_in_traffic(self.form, bytes),
            Coding::Gzip => signs_in_traffic(self.form, &decoded(&mut MultiGzDecoder::new(bytes))),
            Coding::Deflate => signs_in_traffic(self.form, &decoded(&mut ZlibDecoder::new(bytes))),
        }
    }
}

/// What a gateway asks per response. Counts are this process's own.
pub struct OpenTraffic {
    ambient: Ambient,
    queue: mpsc::Sender<Beginning>,
    looked: Mutex<HashMap<ServiceName, Looked>>,
}

struct Looked {
    /// The declaration that is counted for: a later one begins anew.
    service: Arc<ServiceRow>,
    responses: u32,
}

/// Beginnings that wait to be looked at.
pub struct Beginnings(tokio::sync::Mutex<mpsc::Receiver<Beginning>>);

impl OpenTraffic {
    /// What asks, and what looks.
    pub fn new(ambient: Ambient) -> (Arc<Self>, Beginnings) {
        let (queue, waiting) = mpsc::channel(WAITING);
        (Arc::new(Self { ambient, queue, looked: Mutex::default() }), Beginnings(waiting.into()))
    }

    /// Whether the next response of a service is to be looked at: the first thousand that could be, then one in a thousand
    /// at random, so that nobody knows which.
    pub fn is_next(&self, service: &Arc<ServiceRow>) -> bool {
        if service.declaration.class != ServiceClass::Open {
            return false;
        }
        let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let responses = match looked.get(&service.name) {
            Some(known) if is_same(&known.service, service) => known.responses,
            _ => 0,
        };
        drop(looked);
        responses < FIRST || u32::from_le_bytes(self.ambient.random()).is_multiple_of(ONE_IN)
    }

    /// Hands a beginning over, without waiting; false when too many wait. Then it does not count among the first thousand.
    pub fn hand_over(&self, beginning: Beginning) -> bool {
        let service = Arc::clone(&beginning.service);
        if self.queue.try_send(beginning).is_err() {
            return false;
        }
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        match looked.get_mut(&service.name) {
            Some(known) if is_same(&known.service, &service) => {
                known.responses = known.responses.saturating_add(1);
            }
            _ => drop(looked.insert(service.name.clone(), Looked { service, responses: 1 })),
        }
        true
    }
}

fn is_same(one: &Arc<ServiceRow>, other: &Arc<ServiceRow>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

impl Beginnings {
    /// Looks at what is handed over, one after the other, until it is aborted. A value is neither kept nor told.
    pub async fn look(self: Arc<Self>, context: OpContext) {
        let mut waiting = self.0.lock().await;
        while let Some(beginning) = waiting.recv().await {
            fail_point!("task::open-traffic");
            let service = Arc::clone(&beginning.service);
            let found = tokio::task::spawn_blocking(move || beginning.signs()).await.unwrap_or_default();
            if !found.is_empty() {
                write_down(&context, &service, &found).await;
            }
        }
    }
}

/// Until it stands: as long as the database does not answer, no exchange is permitted either.
async fn write_down(context: &OpContext, service: &ServiceRow, signs: &[&'static str]) {
    for _ in 0..TRIES {
        match class_questions::raise(context, service, signs).await {
            Ok(()) => return,
            Err(problem) => {
                tracing::error!(%problem, service = %service.name, "an open service speaks of people")
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use verbond_domain::{Actor, ClassDeclaration, Clock, Entropy, Timestamp};

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    /// One in so many turns out so.
    struct Turn(std::sync::atomic::AtomicU32);

    impl Clock for Turn {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }
    }

    impl Entropy for Turn {
        fn fill(&self, buffer: &mut [u8]) {
            let turn = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            buffer.copy_from_slice(&turn.to_le_bytes());
        }
    }

    fn service(class: ServiceClass, at: i64) -> Result<Arc<ServiceRow>, Box<dyn std::error::Error>> {
        Ok(Arc::new(ServiceRow {
            name: "trees".parse()?,
            upstream: "http://127.0.0.1:1/".to_owned(),
            protocol: "http1".to_owned(),
            declaration: ClassDeclaration {
                class,
                steward: "S. Voorbeeld".to_owned(),
                reason: "trees".to_owned(),
                declared_at: Timestamp::from_millis(at),
                declared_by: Actor::Operator,
            },
        }))
    }

    fn beginning(service: &Arc<ServiceRow>, coding: Coding, bytes: &[u8]) -> Beginning {
        Beginning { service: Arc::clone(service), form: WireForm::Json, coding, bytes: bytes.to_vec() }
    }

    fn traffic() -> (Arc<OpenTraffic>, Beginnings) {
        let turn = Arc::new(Turn(1.into()));
        OpenTraffic::new(Ambient::new(Arc::clone(&turn) as _, turn))
    }

    #[tokio::test]
    async fn the_first_thousand_that_were_looked_at_and_then_one_in_a_thousand() -> Outcome {
        let (traffic, mut waiting) = traffic();
        let open = service(ServiceClass::Open, 0)?;
        assert!(!traffic.is_next(&service(ServiceClass::Governed, 0)?));
        // Nobody looks: what does not fit is dropped, and does not count.
        let handed =
            (0..500).filter(|_| traffic.hand_over(beginning(&open, Coding::Identity, b"{}"))).count();
        assert_eq!(handed, WAITING);
        for number in handed..1000 {
            assert!(traffic.is_next(&open), "{number}");
            waiting.0.get_mut().recv().await.ok_or("a beginning")?;
            assert!(traffic.hand_over(beginning(&open, Coding::Identity, b"{}")));
        }
        let later = (0..10_000).filter(|_| traffic.is_next(&open)).count();
        assert_eq!(later, 10);
        // Another declaration begins anew.
        assert!(traffic.is_next(&service(ServiceClass::Open, 1)?));
        Ok(())
    }

    #[test]
    fn a_coded_beginning_is_looked_at_and_is_bounded() -> Outcome {
        let open = service(ServiceClass::Open, 0)?;
        let mut text = vec![b' '; 300_000];
        text.extend_from_slice(br#"{"bsn":1}"#);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&text)?;
        let coded = encoder.finish()?;
        assert_eq!(beginning(&open, Coding::Gzip, &coded).signs(), ["bsn"]);
        // Broken off, or no gzip at all: nothing is found, and nothing fails.
        let half = coded.get(..coded.len() / 2).unwrap_or_default();
        assert!(beginning(&open, Coding::Gzip, half).signs().is_empty());
        assert!(beginning(&open, Coding::Deflate, b"{\"bsn\":1}").signs().is_empty());
        Ok(())
    }
}
