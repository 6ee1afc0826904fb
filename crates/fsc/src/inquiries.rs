//! What people of this participant ask of others: which services a directory lists, and what a counterpart has recorded.

use serde_json::Value;
use verbond_domain::{ParticipantId, Problem};

use crate::{
    FscNode,
    protocol::wire::{ListedService, ServiceListing},
};

impl FscNode {
    /// The services that the group's directories list, of this provider and with this text in their name; what two
    /// directories list is given once. Fails only when no directory answers.
    pub async fn find_services(
        &self,
        provider: Option<&ParticipantId>,
        name: Option<&str>,
    ) -> Result<Vec<ServiceListing>, Problem> {
        let (mut found, mut refusal, mut answered) = (Vec::new(), None, false);
        for directory in self.directories() {
            // Filters are joined by OR there (FSC Core 2.0.0 §4.4.1.7), so that one is sent and both are held here.
            let (asked_provider, asked_name) = if name.is_some() { (None, name) } else { (provider, None) };
            match self.client.services(&directory, asked_provider, asked_name).await {
                Ok(listings) => {
                    answered = true;
                    for listing in listings.into_iter().filter(|listing| fits(listing, provider, name)) {
                        if !found.contains(&listing) {
                            found.push(listing);
                        }
                    }
                }
                Err(error) => refusal = Some(error.problem(&directory.id)),
            }
        }
        match refusal {
            Some(problem) if !answered => Err(problem),
            _ => Ok(found),
        }
    }

    /// The counterpart's records of exchanges with this participant (FSC Logging 1.1.0 §4.1), as it gives them.
    pub async fn records_of(
        &self,
        peer: &ParticipantId,
        transactions: &[String],
    ) -> Result<Vec<Value>, Problem> {
        let counterpart = self.counterpart(peer).await?;
        self.client.logs(&counterpart, transactions).await.map_err(|error| error.problem(peer))
    }
}

fn fits(listing: &ServiceListing, provider: Option<&ParticipantId>, name: Option<&str>) -> bool {
    let (peer, service) = match &listing.data {
        ListedService::Service { peer, name, .. } | ListedService::DelegatedService { peer, name, .. } => {
            (peer, name)
        }
    };
    let lower = |text: &str| text.to_lowercase();
    provider.is_none_or(|provider| provider.value() == peer.id)
        && name.is_none_or(|name| lower(service).contains(&lower(name)))
}
