//! Contracts and signatures that a counterpart shows us are taken over, each verified as if it had been sent.

use serde_json::json;
use verbond_domain::{Actor, ParticipantId, Problem};

use super::{is_newest, receiving::Receipt};
use crate::{
    FscNode,
    protocol::{
        signature::SignatureKind,
        wire::{Signatures, WireContract},
    },
};

/// Signatures looked at per contract: there can be no more than three per party, and a contract has few.
const MAXIMUM_SIGNATURES: usize = 200;

impl FscNode {
    /// Takes over what `teller` shows and we lack of one contract. Returns how many signatures were new.
    pub(crate) async fn adopt(&self, teller: &ParticipantId, shown: WireContract) -> Result<usize, Problem> {
        let content = self.content(shown.content)?;
        let stored = self.stored(&content).await?;
        if stored.is_none() {
            self.validate_new(&content, teller).await?.map_err(|refusal| refusal.problem())?;
        }
        let held = stored.as_ref().map(|stored| stored.signed.as_slice()).unwrap_or_default();
        let mut missing = Vec::new();
        for (signer, kind, jws) in listed(&shown.signatures).take(MAXIMUM_SIGNATURES) {
            let Some(signer) = self.rules.participant(signer).filter(|signer| content.names(signer)) else {
                continue;
            };
            let known = stored.as_ref().is_some_and(|stored| stored.holds(&signer, kind, jws));
            if known {
                continue;
            }
            match self.verified(&content, jws, &signer, kind, None).await {
                Ok(signature) if is_newest(&signature, held) => missing.push(signature),
                // A counterpart may lag behind a renewal.
                Ok(_) => {}
                Err(problem) => tracing::warn!(%teller, %signer, contract = %content.hash, reason = %problem,
                    "a signature that a counterpart shows is not taken over"),
            }
        }
        if missing.is_empty() {
            return Ok(0);
        }
        // What we have signed ourselves comes back whatever else there is.
        if stored.is_none() && !missing.iter().any(|it| it.signer == self.rules.own) {
            self.has_room_for(teller).await?;
        }
        let taken: Vec<_> =
            missing.iter().map(|it| json!({ "signer": it.signer, "kind": it.kind.as_str() })).collect();
        let receipt = Receipt {
            content: &content,
            signatures: &missing,
            answer: self.answer(&content, stored.as_ref(), &missing).await?,
            teller: None,
            author: Actor::Node { rule: "reconcile".to_owned() },
            action: "contract.adopt".to_owned(),
            detail: json!({ "shown_by": teller, "signatures": taken }),
        };
        self.take_in(receipt).await?;
        Ok(missing.len())
    }
}

fn listed(signatures: &Signatures) -> impl Iterator<Item = (&str, SignatureKind, &str)> {
    [
        (SignatureKind::Revoke, &signatures.revoke),
        (SignatureKind::Reject, &signatures.reject),
        (SignatureKind::Accept, &signatures.accept),
    ]
    .into_iter()
    .flat_map(|(kind, map)| map.iter().map(move |(signer, jws)| (signer.as_str(), kind, jws.as_str())))
}
