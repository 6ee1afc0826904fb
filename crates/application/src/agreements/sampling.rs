//! A real answer, for the steward of its source alone: asked once, recorded before, kept nowhere.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use verbond_agreement::{
    Clause, ClauseName, EntryName, Method, Operation, ParameterPlace, encoded,
    preview::{Preview, preview},
};
use verbond_domain::Problem;
use verbond_policy::{Call, fits};
use verbond_store::services::ServiceRow;

use super::{AgreementOffice, refusals};
use crate::{OpContext, services};

/// Most bytes of a value that is asked with.
const LONGEST_VALUE: usize = 1000;

/// Which answer is to be seen.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleAsked {
    /// Under which clause.
    #[schema(value_type = String)]
    pub clause: ClauseName,
    /// Which of its operations.
    pub operation: EntryName,
    /// Values of its parameters, by name, as people write them. They are written down nowhere.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
}

/// What a source answered.
pub struct Sampled {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Asks a source of this node.
#[async_trait]
pub trait SourceReader: Send + Sync {
    /// Gets what stands at a path of a service's source, within bounds of time and size, following nothing. The error says
    /// nothing of the path.
    async fn read(&self, service: &ServiceRow, path: &str, accept: &str) -> Result<Sampled, String>;
}

impl AgreementOffice {
    /// Asks the source for one real answer, and shows what of it would be delivered and where something would be struck
    /// out; the answer itself goes no further. That it is asked stands in the journal before it is.
    ///
    /// # Errors
    /// Whoever is not the provider, an operation that does more than read, parameters that are not agreed; a source that
    /// does not answer so.
    pub async fn sample(
        &self,
        context: &OpContext,
        source: &dyn SourceReader,
        hash: &str,
        asked: &SampleAsked,
    ) -> Result<Preview, Problem> {
        let document = self.get(context, hash).await?.document;
        let found = document.clauses.iter().find(|clause| clause.name == asked.clause).and_then(|clause| {
            let operation = clause.operations.iter().find(|operation| operation.name == asked.operation);
            operation.map(|operation| (clause, operation))
        });
        let (clause, operation) = found.ok_or_else(refusals::unknown_operation)?;
        if clause.service.provider != self.own {
            return Err(refusals::not_the_provider());
        }
        if operation.method != Method::Get {
            return Err(refusals::does_more_than_read());
        }
        let path = path_of(operation, &asked.parameters).ok_or_else(refusals::sample_parameters)?;
        let service = services::get(context, &clause.service.name).await?;
        self.record_sample(context, hash, clause, operation).await?;
        let answer = source.read(&service, &path, operation.content_type.as_str()).await;
        let answer = answer.map_err(|error| {
            tracing::warn!(service = %service.name, %error, "a source gave no sample");
            refusals::no_sample(None)
        })?;
        if !(200..300).contains(&answer.status) {
            return Err(refusals::no_sample(Some(answer.status)));
        }
        preview(operation, &answer.body).map_err(|error| refusals::unprojectable_sample(&error))
    }

    /// Durable when it returns: only then is the source asked.
    async fn record_sample(
        &self,
        context: &OpContext,
        hash: &str,
        clause: &Clause,
        operation: &Operation,
    ) -> Result<(), Problem> {
        let detail =
            json!({ "clause": clause.name, "operation": operation.name, "service": clause.service.name });
        context.record_alone("agreement.sample", hash, detail).await
    }
}

/// Path and query with these values, if the operation permits them: neither one too few nor one too many.
fn path_of(operation: &Operation, values: &BTreeMap<String, String>) -> Option<String> {
    let bounded = values.values().all(|value| value.len() <= LONGEST_VALUE);
    let known = |name: &String| operation.parameters.iter().any(|one| one.name.as_str() == name);
    if !bounded || !values.keys().all(known) {
        return None;
    }
    let path = operation.path.filled(|name| values.get(name).map(String::as_str))?;
    let in_query = operation.parameters.iter().filter(|one| one.place == ParameterPlace::Query);
    let pairs = in_query.filter_map(|one| {
        let value = values.get(one.name.as_str())?;
        Some(format!("{}={}", encoded(one.name.as_str()), encoded(value)))
    });
    let query = pairs.collect::<Vec<_>>().join("&");
    let query = (!query.is_empty()).then_some(query);
    let call = Call { method: operation.method.as_str(), path: &path, query: query.as_deref() };
    let whole = match &query {
        Some(query) => format!("{path}?{query}"),
        None => path.clone(),
    };
    fits(operation, call).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_agreed_values_make_a_path() -> Result<(), serde_json::Error> {
        let operation: Operation = serde_json::from_value(json!({
            "name": "one", "method": "GET", "path": "/incomes/{person}", "content_type": "application/json", "record": "$",
            "delivered": [], "parameters": [
                { "name": "person", "place": "path", "required": true, "values": { "allow": "text", "longest": 20 } },
                { "name": "year", "place": "query", "values": { "allow": "integer", "minimum": 2020, "maximum": 2030 } },
            ],
        }))?;
        let path = |values: &[(&str, &str)]| {
            let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            path_of(&operation, &values.collect())
        };
        assert_eq!(
            path(&[("person", "P 42"), ("year", "2026")]).as_deref(),
            Some("/incomes/P%2042?year=2026")
        );
        for refused in [
            &[][..],
            &[("year", "2026")],
            &[("person", "P"), ("year", "2019")],
            &[("person", "P"), ("other", "1")],
            &[("person", "../x")],
            &[("person", "")],
            &[("person", "..")],
            &[("person", "a value that is far too long")],
        ] {
            assert_eq!(path(refused), None, "{refused:?}");
        }
        Ok(())
    }
}
