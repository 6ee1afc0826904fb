//! Values to store, and a clock and randomness that tests can repeat.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use verbond_domain::{
    Actor, Ambient, ClassDeclaration, Clock, Direction, Entropy, ExchangeParties, ParticipantId,
    ServiceClass, Timestamp, TransactionId,
};
use verbond_journal::{Act, Entry, Permit, PreparedEntry, RefusedExchange};

/// The moment at which tests begin.
pub const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Never twice the same within a test run; no use for anything else.
struct Counting;

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        static STATE: AtomicU64 = AtomicU64::new(0);
        for chunk in buffer.chunks_mut(8) {
            // SplitMix64, to spread the counter over all bits.
            let mut word = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let bytes = (word ^ (word >> 31)).to_le_bytes();
            chunk.iter_mut().zip(bytes).for_each(|(target, byte)| *target = byte);
        }
    }
}

/// Time goes on by a millisecond whenever it is asked for.
pub fn ticking() -> Ambient {
    ticking_from(START)
}

/// As [`ticking`], from another moment on.
pub fn ticking_from(moment: Timestamp) -> Ambient {
    Ambient::new(Arc::new(Ticking(AtomicI64::new(moment.millis()))), Arc::new(Counting))
}

/// Time stands still.
pub fn still() -> Ambient {
    still_at(START)
}

/// Time stands still at a moment.
pub fn still_at(moment: Timestamp) -> Ambient {
    Ambient::new(Arc::new(Still(moment)), Arc::new(Counting))
}

pub fn participant(number: u32) -> ParticipantId {
    match format!("oin:0000009900000{number:07}").parse() {
        Ok(id) => id,
        Err(error) => unreachable!("{error}"),
    }
}

pub fn parties(consumer: u32, provider: u32) -> ExchangeParties {
    let service = match "income".parse() {
        Ok(service) => service,
        Err(error) => unreachable!("{error}"),
    };
    ExchangeParties {
        consumer: participant(consumer),
        consumer_delegator: None,
        provider: participant(provider),
        provider_delegator: None,
        service,
    }
}

pub fn permit_of(transaction: TransactionId, consumer: u32) -> Entry {
    let mut wire = serde_json::Map::new();
    wire.insert("grant_hash".to_owned(), format!("$1$3$grant-of-{consumer}").into());
    Entry::Permit(Permit {
        transaction_id: transaction,
        direction: Direction::Incoming,
        parties: parties(consumer, 1),
        wire: wire.into(),
        application: None,
        decision: None,
        processing: Vec::new(),
        owed: None,
    })
}

pub fn permit(ambient: &Ambient, consumer: u32) -> Entry {
    permit_of(TransactionId::from_uuid(ambient.uuid_v7()), consumer)
}

pub fn refusal(consumer: u32) -> Entry {
    Entry::Refusal(RefusedExchange {
        transaction_id: None,
        direction: Direction::Incoming,
        parties: parties(consumer, 1),
        wire: Default::default(),
        code: "ACCESS_DENIED".to_owned(),
        application: Some("desk".to_owned()),
        decision: None,
    })
}

pub fn act(subject: &str) -> Entry {
    Entry::Act(Act {
        author: Actor::Operator,
        action: "service.add".to_owned(),
        subject: subject.to_owned(),
        detail: serde_json::json!({ "reason": "test" }),
    })
}

pub fn permits(ambient: &Ambient, count: usize) -> Result<Vec<PreparedEntry>, serde_json::Error> {
    (0..count).map(|_| permit(ambient, 2).prepare(ambient)).collect()
}

pub fn declaration() -> ClassDeclaration {
    ClassDeclaration {
        class: ServiceClass::Open,
        steward: "A. de Vries".to_owned(),
        reason: "synthetic data \u{2713}".to_owned(),
        declared_at: START,
        declared_by: Actor::Operator,
    }
}
