//! What entries are looked for by: everything that a listing of them holds.

use std::sync::Arc;

use aws_lc_rs::digest;
use verbond_domain::{Direction, ExchangeParties, ParticipantId, ServiceName, TransactionId};

use crate::{Completion, Entry, Permit, ProcessingRecord, RecordedDecision, RefusedExchange, RestsOn};

/// Longest hash of a grant that exchanges are found by.
const LONGEST_GRANT_HASH: usize = 1024;

/// What one entry is looked for by. Nothing where it stands in no listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// As an exchange: a permit or a refusal.
    pub exchange: Option<ListedExchange>,
    /// As processing records, in their order: a permit may hold several.
    pub processing: Vec<ListedProcessing>,
    /// As a completion.
    pub completion: Option<ListedCompletion>,
}

/// What an exchange is looked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedExchange {
    /// The exchange; a refusal may have none.
    pub transaction_id: Option<TransactionId>,
    /// What it shares with others.
    pub heading: ExchangeHeading,
}

/// What all exchanges share that go the same way between the same parties, about the same service, on the same ground. There are few,
/// however many exchanges there are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExchangeHeading {
    /// Coming in or going out.
    pub direction: Direction,
    /// Who asked.
    pub consumer: ParticipantId,
    /// On whose behalf.
    pub consumer_delegator: Option<ParticipantId>,
    /// Who was asked.
    pub provider: ParticipantId,
    /// On whose behalf the service is published.
    pub provider_delegator: Option<ParticipantId>,
    /// The service.
    pub service: ServiceName,
    /// The grant, where the protocol has one.
    pub grant_hash: Option<Arc<str>>,
    /// On what a decision rests.
    pub rests_on: RestsOn,
}

/// What a processing record is looked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedProcessing {
    /// The exchange.
    pub transaction_id: TransactionId,
    /// The activity.
    pub activity: Arc<str>,
    /// The data subject, by pseudonym.
    pub data_subject: Option<String>,
}

/// What a completion is looked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedCompletion {
    /// The exchange.
    pub transaction_id: TransactionId,
    /// Coming in or going out.
    pub direction: Direction,
    /// The party at the other end.
    pub counterpart: ParticipantId,
}

impl Listed {
    /// What this entry is looked for by: the same as whoever reads it back finds. `None` where its decision is no record of one:
    /// who reads it back finds it damaged.
    pub fn of(entry: &Entry) -> Option<Self> {
        Some(match entry {
            Entry::Permit(permit) => Self {
                exchange: Some(ListedExchange::permitted(permit)?),
                processing: permit
                    .processing
                    .iter()
                    .map(Arc::as_ref)
                    .map(processing_of(permit.transaction_id))
                    .collect(),
                completion: None,
            },
            Entry::Refusal(refusal) => {
                Self { exchange: Some(ListedExchange::refused(refusal)?), ..Self::default() }
            }
            Entry::Processing(processing) => {
                let listed = processing_of(processing.transaction_id);
                Self { processing: vec![listed(&processing.record)], ..Self::default() }
            }
            Entry::Completion(Completion { transaction_id, direction, counterpart, .. }) => {
                let counterpart = counterpart.clone();
                let completion =
                    ListedCompletion { transaction_id: *transaction_id, direction: *direction, counterpart };
                Self { completion: Some(completion), ..Self::default() }
            }
            Entry::Witness(_) | Entry::Act(_) => Self::default(),
        })
    }
}

impl ListedExchange {
    fn permitted(permit: &Permit) -> Option<Self> {
        let Permit { transaction_id, direction, parties, wire, decision, .. } = permit;
        Self::of(Some(*transaction_id), *direction, parties, wire, decision.as_ref())
    }

    fn refused(refusal: &RefusedExchange) -> Option<Self> {
        let RefusedExchange { transaction_id, direction, parties, wire, decision, .. } = refusal;
        Self::of(*transaction_id, *direction, parties, wire, decision.as_ref())
    }

    fn of(
        transaction_id: Option<TransactionId>,
        direction: Direction,
        parties: &ExchangeParties,
        wire: &serde_json::Map<String, serde_json::Value>,
        decision: Option<&RecordedDecision>,
    ) -> Option<Self> {
        let rests_on = match decision {
            Some(decision) => decision.rests_on()?,
            None => RestsOn::default(),
        };
        let heading = ExchangeHeading {
            direction,
            consumer: parties.consumer.clone(),
            consumer_delegator: parties.consumer_delegator.clone(),
            provider: parties.provider.clone(),
            provider_delegator: parties.provider_delegator.clone(),
            service: parties.service.clone(),
            grant_hash: ExchangeHeading::grant_hash(wire.get("grant_hash")),
            rests_on,
        };
        Some(Self { transaction_id, heading })
    }
}

impl ExchangeHeading {
    /// Tells headings apart: SHA-256 over the members as JSON.
    pub fn digest(&self) -> [u8; 32] {
        let Self {
            direction,
            consumer,
            consumer_delegator,
            provider,
            provider_delegator,
            service,
            grant_hash,
            rests_on: RestsOn { agreement, purpose },
        } = self;
        let delegators = (consumer_delegator, provider_delegator);
        let members = (direction, consumer, provider, delegators, service, grant_hash, agreement, purpose);
        // Names and numbers: that they cannot be written as JSON does not come up.
        let members = serde_json::to_vec(&members).unwrap_or_default();
        let mut digest = [0; 32];
        digest.copy_from_slice(digest::digest(&digest::SHA256, &members).as_ref());
        digest
    }

    /// The grant, if the member of the protocol is one that exchanges can be found by.
    pub fn grant_hash(member: Option<&serde_json::Value>) -> Option<Arc<str>> {
        let hash = member?.as_str()?;
        (hash.len() <= LONGEST_GRANT_HASH).then(|| hash.into())
    }
}

fn processing_of(transaction_id: TransactionId) -> impl Fn(&ProcessingRecord) -> ListedProcessing {
    move |record| ListedProcessing {
        transaction_id,
        activity: record.attributes.activity.clone(),
        data_subject: record.attributes.data_subject.clone(),
    }
}
