//! What an entry of the journal says.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use verbond_domain::{
    Actor, Ambient, Direction, ExchangeParties, ParticipantId, ServiceName, Timestamp, TransactionId,
};

use crate::{
    Completion, Listed, NOBODY, OwedRecords, Processing, ProcessingRecord, RecordedDecision, Settled,
    Witness, tree::hash,
};

/// Bytes of a permit with a decision, or a few more.
const ROOM: usize = 3 * 1024;

/// Members of an entry that are the protocol's own. Shared: all exchanges under one token have the same ones.
pub type WireMembers = Arc<serde_json::Map<String, serde_json::Value>>;

/// The time-ordered identifier of an entry: a UUID version 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub Uuid);

/// One thing that happened. Serialised as JSON with the member `kind`; that is the payload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// An exchange was permitted, written before anything of it was forwarded.
    Permit(Permit),
    /// An exchange was refused after its caller had been authenticated.
    Refusal(RefusedExchange),
    /// Data of somebody whom only an answer named is processed; or an application tells what it processed.
    Processing(Processing),
    /// A permitted exchange has come to its end.
    Completion(Completion),
    /// A counterpart showed a checkpoint of its journal.
    Witness(Witness),
    /// Somebody changed something.
    Act(Act),
}

/// A permitted exchange, as this side saw it before forwarding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Permit {
    /// The identifier that both sides share.
    pub transaction_id: TransactionId,
    /// Coming in or going out.
    pub direction: Direction,
    /// Who and for whom, and which service.
    #[serde(flatten)]
    pub parties: ExchangeParties,
    /// The protocol's own members (FSC: `group_id`, `grant_hash`, `additional_data`).
    pub wire: WireMembers,
    /// The application that asked, on the consumer's side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The decision, as a record of the Authorization Decision Log 1.0.0, where one was taken: one entry, one sync.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<RecordedDecision>,
    /// Records of Logboek Dataverwerkingen 1.0.0: of the action and of those whom the request names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub processing: Vec<Arc<ProcessingRecord>>,
    /// The records that the application is to write, where it does and not the outway; `processing` is empty then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owed: Option<OwedRecords>,
}

impl Permit {
    /// The unique keys of permits of a transaction in one direction, whoever the counterpart is: from the first of these on, and
    /// before the second.
    pub fn keys(transaction: TransactionId, direction: Direction) -> [Vec<u8>; 2] {
        let direction = match direction {
            Direction::Incoming => 0,
            Direction::Outgoing => 1,
        };
        [direction, direction + 1].map(|byte| [&transaction.as_uuid().as_bytes()[..], &[byte]].concat())
    }
}

/// A refused exchange: written once the caller was known; earlier refusals are only counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefusedExchange {
    /// The identifier that the caller brought or the outway made, if there was a usable one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<TransactionId>,
    /// Coming in or going out.
    pub direction: Direction,
    /// Who and for whom, and which service.
    #[serde(flatten)]
    pub parties: ExchangeParties,
    /// The protocol's own members.
    pub wire: WireMembers,
    /// The stable code of the refusal.
    pub code: String,
    /// The application that asked, on the consumer's side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The decision, as a record of the Authorization Decision Log 1.0.0, where one was taken: one entry, one sync.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<RecordedDecision>,
}

/// Something that somebody did through the administration API or the group's protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Act {
    /// Who did it.
    pub author: Actor,
    /// What was done: `service.add`, `contract.sign`, ... (`<resource>.<verb>`).
    pub action: String,
    /// To which thing: its name, hash or identifier. Never a data subject's.
    pub subject: String,
    /// What was decided, with the reasons given; no secrets.
    pub detail: serde_json::Value,
}

/// An entry ready to be written: serialised, salted, committed to.
#[derive(Clone, Debug)]
pub struct PreparedEntry {
    /// Its identifier.
    pub id: EntryId,
    /// `permit`, `refusal`, `processing`, `completion`, `witness`, `act`.
    pub kind: &'static str,
    /// When it was prepared.
    pub at: Timestamp,
    /// If present, no second entry with the same key can be written. Starts with 16 time-ordered bytes.
    pub unique_key: Option<Vec<u8>>,
    /// 32 random bytes; lies with the payload and goes with it.
    pub salt: [u8; 32],
    /// 12 random bytes, for sealing salt and payload at rest.
    pub nonce: [u8; 12],
    /// SHA-256(salt ‖ payload).
    pub commitment: [u8; 32],
    /// The entry as JSON.
    pub payload: Vec<u8>,
    /// What it is looked for by; `None`: to be read from the payload.
    pub listed: Option<Arc<Listed>>,
    /// Places that are taken with the entry: all of them, or it is not written.
    pub places: Vec<Place>,
    /// A permit that leaves the records to the application: how many of these may wait. Else it is not written.
    pub owing: Option<OwedPermit>,
    /// The record that was owed and comes with this entry.
    pub settles: Option<Settled>,
}

/// What is kept of a permit until its records have come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwedPermit {
    /// The exchange.
    pub transaction_id: TransactionId,
    /// The application that owes them.
    pub application: String,
    /// The provider of the service.
    pub provider: ParticipantId,
    /// The service.
    pub service: ServiceName,
    /// What is owed.
    pub records: OwedRecords,
    /// The most that may wait of this application and service.
    pub most: u32,
}

/// A place within a limit on how often something may be done about one person in a period.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The first moment after the period; with `limit_of` it names the limit.
    pub period_end: Timestamp,
    /// Which limit: agreement, clause, direction and kind of period.
    pub limit_of: String,
    /// The person, by a keyed pseudonym.
    pub pseudonym: Vec<u8>,
    /// How many places there are.
    pub most: u32,
}

impl Entry {
    /// Serialises, salts and commits. A permit's unique key is transaction id ‖ direction ‖ counterpart, so that an
    /// exchange is permitted once per peer and direction; that of an application's record is transaction id ‖ 2 ‖ SHA-256(data
    /// subject), so that there is one for each.
    ///
    /// # Errors
    /// When the entry cannot be written as JSON, which only its free-form members or the record of its decision could bring about.
    pub fn prepare(&self, ambient: &Ambient) -> Result<PreparedEntry, serde_json::Error> {
        // Room for most entries at once: what grows step by step is copied as often.
        let mut payload = Vec::with_capacity(ROOM);
        serde_json::to_writer(&mut payload, self)?;
        // Both from one draw: a call of the generator costs more than its bytes.
        let drawn = ambient.random::<44>();
        let (mut salt, mut nonce) = ([0; 32], [0; 12]);
        salt.copy_from_slice(&drawn[..32]);
        nonce.copy_from_slice(&drawn[32..]);
        let at = ambient.now();
        Ok(PreparedEntry {
            id: EntryId(ambient.uuid_v7_at(at)),
            kind: self.kind(),
            at,
            unique_key: self.unique_key(),
            commitment: hash(&[&salt, &payload]),
            salt,
            nonce,
            payload,
            listed: Listed::of(self).map(Arc::new),
            places: Vec::new(),
            owing: None,
            settles: self.settles(),
        })
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Permit(_) => "permit",
            Self::Refusal(_) => "refusal",
            Self::Processing(_) => "processing",
            Self::Completion(_) => "completion",
            Self::Witness(_) => "witness",
            Self::Act(_) => "act",
        }
    }

    fn settles(&self) -> Option<Settled> {
        let Self::Processing(Processing { permit, written_by: Some(_), record, .. }) = self else {
            return None;
        };
        let data_subject = record.attributes.data_subject.as_deref().unwrap_or(NOBODY).to_owned();
        Some(Settled { permit: *permit, data_subject })
    }

    fn unique_key(&self) -> Option<Vec<u8>> {
        if let (Self::Processing(processing), Some(settled)) = (self, self.settles()) {
            let whom = hash(&[settled.data_subject.as_bytes()]);
            return Some([&processing.transaction_id.as_uuid().as_bytes()[..], &[2], &whom].concat());
        }
        let Self::Permit(permit) = self else { return None };
        let [before, _] = Permit::keys(permit.transaction_id, permit.direction);
        let counterpart = permit.parties.counterpart(permit.direction).as_str();
        Some([before.as_slice(), counterpart.as_bytes()].concat())
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest;
    use verbond_domain::{Clock, Entropy};

    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(1_700_000_000_000)
        }
    }

    impl Entropy for Still {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    fn ambient() -> Ambient {
        Ambient::new(Arc::new(Still), Arc::new(Still))
    }

    fn permit(direction: Direction) -> Result<Permit, Box<dyn std::error::Error>> {
        Ok(Permit {
            transaction_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse()?,
            direction,
            parties: ExchangeParties {
                consumer: "oin:00000099000000010000".parse()?,
                consumer_delegator: None,
                provider: "oin:00000099000000020000".parse()?,
                provider_delegator: None,
                service: "income".parse()?,
            },
            wire: WireMembers::default(),
            application: None,
            decision: None,
            processing: Vec::new(),
            owed: None,
        })
    }

    #[test]
    fn an_entry_is_read_back_as_it_was_prepared() -> TestResult {
        let entry = Entry::Permit(permit(Direction::Incoming)?);
        let prepared = entry.prepare(&ambient())?;
        assert_eq!(serde_json::from_slice::<Entry>(&prepared.payload)?, entry);
        assert_eq!(prepared.kind, "permit");
        Ok(())
    }

    #[test]
    fn the_key_of_a_permit_tells_transaction_direction_and_counterpart() -> TestResult {
        let incoming = Entry::Permit(permit(Direction::Incoming)?).prepare(&ambient())?.unique_key;
        let outgoing = Entry::Permit(permit(Direction::Outgoing)?).prepare(&ambient())?.unique_key;
        let mut expected = vec![
            0x01, 0x89, 0x0a, 0x5d, 0xac, 0x96, 0x77, 0x4b, 0xbc, 0xce, 0xb3, 0x02, 0x09, 0x9a, 0x80, 0x57, 0,
        ];
        expected.extend_from_slice(b"oin:00000099000000010000");
        assert_eq!(incoming, Some(expected));
        assert_ne!(incoming, outgoing);
        Ok(())
    }

    #[test]
    fn the_commitment_is_the_hash_of_salt_and_payload() -> TestResult {
        let prepared = Entry::Permit(permit(Direction::Incoming)?).prepare(&ambient())?;
        let joined = [prepared.salt.as_slice(), prepared.payload.as_slice()].concat();
        assert_eq!(digest::digest(&digest::SHA256, &joined).as_ref(), prepared.commitment.as_slice());
        Ok(())
    }

    #[test]
    fn refusals_and_acts_have_no_key() -> TestResult {
        let act = Entry::Act(Act {
            author: Actor::Operator,
            action: "service.add".to_owned(),
            subject: "income".to_owned(),
            detail: serde_json::json!({}),
        });
        let prepared = act.prepare(&ambient())?;
        assert_eq!((prepared.kind, prepared.unique_key), ("act", None));
        Ok(())
    }
}
