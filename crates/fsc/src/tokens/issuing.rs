//! The token endpoint's work (FSC Core 2.0.0 §4.4.1.6).

use std::sync::Arc;

use verbond_application::database_problem;
use verbond_domain::Problem;
use verbond_fail_points::fail_point;
use verbond_store::{SortOrder, StoreError, contracts::ContractFilter};
use verbond_trust::{Certificate, jws};

use crate::{
    FscNode,
    contracts::StoredContract,
    protocol::{
        grant::Grant,
        hash::{GrantHash, HashReading},
        token::{self, TokenContext, TokenRefusal, TokenRequest},
        wire::TokenResponse,
    },
};

/// Why there is no token: by the rules, or because something here fails.
#[derive(Debug)]
pub(crate) enum NoToken {
    /// By the rules.
    Refused(TokenRefusal),
    /// Something here fails.
    Failed(Problem),
}

impl From<TokenRefusal> for NoToken {
    fn from(refusal: TokenRefusal) -> Self {
        Self::Refused(refusal)
    }
}

fn failed(error: StoreError) -> NoToken {
    NoToken::Failed(database_problem(error))
}

impl FscNode {
    /// Issues a token bound to the caller's certificate.
    pub(crate) async fn issue_token(
        &self,
        caller: &Certificate,
        form: &[u8],
    ) -> Result<TokenResponse, NoToken> {
        fail_point!("token::issue", |reason| Err(failed(StoreError::Database(reason))));
        let request = TokenRequest::parse(form, self.rules.scheme())?;
        let now = self.ambient.now();
        let (contract, position, reading) =
            self.granted(&request.scope).await?.ok_or(TokenRefusal::ScopeUnknown)?;
        let grant = contract.content.grants.get(position).ok_or(TokenRefusal::ScopeUnknown)?;
        let offered = self.store.service(grant.service_name()).await.map_err(failed)?;
        let context = TokenContext {
            own: &self.rules.own,
            group_id: &self.rules.group_id,
            certificate: caller,
            contract_state: contract.state(now),
            contract_not_after: contract.content.not_after,
            inway_address: offered.and(self.rules.inway_address.as_deref()),
            now,
            lifetime_seconds: self.rules.token_lifetime_seconds,
        };
        let claims = token::issue(&request, grant, &context)?;
        let access_token =
            jws::sign(&self.identity.current(), &claims.to_bytes()).await.map_err(|error| {
                tracing::error!(%error, "an access token cannot be signed");
                NoToken::Failed(Problem::new(
                    "SIGNING_FAILED",
                    503,
                    "De sleutel van dit knooppunt kan nu niet worden gebruikt.",
                    "this node's key cannot be used now",
                ))
            })?;
        self.learn_reading(&caller.participant, reading).await;
        fail_point!("token::issued", |reason| Err(failed(StoreError::Database(reason))));
        Ok(TokenResponse { access_token, token_type: "bearer".to_owned() })
    }

    /// The contract with the grant that this hash names, its place there, and the reading that the asker used.
    async fn granted(
        &self,
        hash: &GrantHash,
    ) -> Result<Option<(StoredContract, usize, HashReading)>, NoToken> {
        let filter =
            ContractFilter { grant_hashes: vec![hash.as_str().to_owned()], ..ContractFilter::default() };
        let page = self.store.contracts(&filter, None, 10, SortOrder::Descending).await.map_err(failed)?;
        for row in page.items {
            let contract = StoredContract::read(Arc::new(row), self.rules.scheme()).map_err(failed)?;
            let named = |grant: &Grant| grant.hashes.reading_of(hash);
            let grants = contract.content.grants.iter().enumerate();
            let found =
                grants.filter_map(|(position, grant)| named(grant).map(|reading| (position, reading))).next();
            if let Some((position, reading)) = found {
                return Ok(Some((contract, position, reading)));
            }
        }
        Ok(None)
    }
}
