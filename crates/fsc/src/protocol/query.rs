//! Query parameters of the manager's listings (manager.yaml of Core 2.0.0, logging.yaml of Logging 1.1.0).
//!
//! Filters that override the rest are told apart by type, so that an empty list cannot turn into no filter at all.

use std::{borrow::Cow, str::FromStr};

use url::form_urlencoded;
use verbond_domain::{ParticipantId, Problem, Scheme, ServiceName, Timestamp, TransactionId};
use verbond_store::SortOrder;

use super::{
    error::ErrorCode,
    grant::GrantType,
    hash::{GrantHash, HashError},
};

/// Longest query that is read, in bytes.
const MAXIMUM_BYTES: usize = 64 * 1024;
/// Most values in one list.
const MAXIMUM_VALUES: usize = 1000;
/// Largest page.
pub const MAXIMUM_LIMIT: u16 = 1000;
/// Size of a page when none is asked: Logging's default, used for Core's listings too, which have none.
pub const DEFAULT_LIMIT: u16 = 25;
/// Longest cursor and longest search text, in bytes.
const MAXIMUM_TEXT: usize = 1024;

/// Why a query is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.problem().detail.en)]
pub enum QueryRefusal {
    /// The query, or a list in it, is longer than the bound.
    TooLong,
    /// This parameter does not have the prescribed form.
    Parameter(&'static str),
    /// A grant hash with an unknown algorithm.
    HashAlgorithm,
}

impl QueryRefusal {
    /// What to tell who asks.
    pub fn problem(self) -> Problem {
        match self {
            Self::TooLong => {
                Problem::new("QUERY_TOO_LONG", 400, "De vraag is te lang.", "The query is too long.")
                    .next("Vraag minder tegelijk.", "Ask for less at a time.")
            }
            Self::Parameter(name) => Problem::new(
                "QUERY_PARAMETER_INVALID",
                400,
                format!("De parameter {name} heeft niet de voorgeschreven vorm."),
                format!("The parameter {name} does not have the prescribed form."),
            )
            .next(
                "Zie manager.yaml van FSC Core 2.0.0 en logging.yaml van FSC Logging 1.1.0.",
                "See manager.yaml of FSC Core 2.0.0 and logging.yaml of FSC Logging 1.1.0.",
            ),
            Self::HashAlgorithm => Problem::new(
                ErrorCode::UnknownHashAlgorithmHash.as_str(),
                ErrorCode::UnknownHashAlgorithmHash.status(),
                "De granthash heeft een onbekend algoritme.",
                "The grant hash has an unknown algorithm.",
            )
            .next("Gebruik een granthash die met $1$ begint.", "Use a grant hash that starts with $1$."),
        }
    }
}

/// Which page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paging {
    /// Where it starts; `None` for the first page.
    pub cursor: Option<String>,
    /// Most entries, 1 to [`MAXIMUM_LIMIT`].
    pub limit: u16,
    /// Newest first unless asked otherwise: Core's yaml says so, Logging's is silent.
    pub order: SortOrder,
}

/// Query of `GET /contracts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContractsQuery {
    /// `grant_hash`: overrides paging and `grant_type`.
    GrantHashes(Vec<GrantHash>),
    /// A page, perhaps of one grant type.
    Page {
        /// `cursor`, `limit`, `sort_order`
        paging: Paging,
        /// `grant_type`
        grant_type: Option<GrantType>,
    },
}

/// Query of `GET /peers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeersQuery {
    /// `peer_id`: overrides all else.
    Ids(Vec<ParticipantId>),
    /// A page, perhaps of names with a text in them.
    Page {
        /// `cursor`, `limit`, `sort_order`
        paging: Paging,
        /// `peer_name`, part of the name in any case
        name: Option<String>,
    },
}

/// Query of `GET /services`; both filters together mean either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicesQuery {
    /// `cursor`, `limit`, `sort_order`
    pub paging: Paging,
    /// `peer_id`
    pub provider: Option<ParticipantId>,
    /// `service_name`, part of the name in any case
    pub name: Option<String>,
}

/// Query of `GET /logs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogsQuery {
    /// `transaction_ids`: overrides all else.
    Transactions(Vec<TransactionId>),
    /// A page of records.
    Page {
        /// `cursor`, `limit`, `sort_order`
        paging: Paging,
        /// `after`
        after: Option<Timestamp>,
        /// `before`
        before: Option<Timestamp>,
        /// `grant_hash`; several mean any of them
        grant_hashes: Vec<GrantHash>,
        /// `service_name`; several mean any of them
        services: Vec<ServiceName>,
    },
}

impl ContractsQuery {
    /// Reads what stands after the `?`.
    pub fn parse(query: &str) -> Result<Self, QueryRefusal> {
        let parameters = Parameters::of(query)?;
        if let Some(hashes) = parameters.grant_hashes()? {
            return Ok(Self::GrantHashes(hashes));
        }
        let grant_type = parameters
            .one("grant_type")
            .map(|text| GrantType::parse(text).ok_or(QueryRefusal::Parameter("grant_type")))
            .transpose()?;
        Ok(Self::Page { paging: parameters.paging()?, grant_type })
    }
}

impl PeersQuery {
    /// Reads what stands after the `?`.
    pub fn parse(query: &str, scheme: Scheme) -> Result<Self, QueryRefusal> {
        let parameters = Parameters::of(query)?;
        let ids = parameters.list("peer_id", |text| {
            ParticipantId::new(scheme, text).map_err(|_| QueryRefusal::Parameter("peer_id"))
        })?;
        match ids {
            Some(ids) => Ok(Self::Ids(ids)),
            None => Ok(Self::Page { paging: parameters.paging()?, name: parameters.search("peer_name")? }),
        }
    }
}

impl ServicesQuery {
    /// Reads what stands after the `?`.
    pub fn parse(query: &str, scheme: Scheme) -> Result<Self, QueryRefusal> {
        let parameters = Parameters::of(query)?;
        let provider = parameters
            .one("peer_id")
            .map(|text| ParticipantId::new(scheme, text).map_err(|_| QueryRefusal::Parameter("peer_id")))
            .transpose()?;
        Ok(Self { paging: parameters.paging()?, provider, name: parameters.search("service_name")? })
    }
}

impl LogsQuery {
    /// Reads what stands after the `?`.
    pub fn parse(query: &str) -> Result<Self, QueryRefusal> {
        let parameters = Parameters::of(query)?;
        let transactions = parameters.list("transaction_ids", |text| {
            text.parse().map_err(|_| QueryRefusal::Parameter("transaction_ids"))
        })?;
        if let Some(transactions) = transactions {
            return Ok(Self::Transactions(transactions));
        }
        let services = parameters
            .list("service_name", |text| text.parse().map_err(|_| QueryRefusal::Parameter("service_name")))?;
        Ok(Self::Page {
            paging: parameters.paging()?,
            after: parameters.time("after")?,
            before: parameters.time("before")?,
            grant_hashes: parameters.grant_hashes()?.unwrap_or_default(),
            services: services.unwrap_or_default(),
        })
    }
}

/// Decoded parameters; those without a value count as absent.
struct Parameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Parameters<'a> {
    fn of(query: &'a str) -> Result<Self, QueryRefusal> {
        if query.len() > MAXIMUM_BYTES {
            return Err(QueryRefusal::TooLong);
        }
        let pairs = form_urlencoded::parse(query.as_bytes());
        Ok(Self(pairs.filter(|(_, value)| !value.is_empty()).collect()))
    }

    /// The first value of this name.
    fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_ref())
    }

    /// All values of this name, separated by commas as prescribed, or in repeated parameters.
    fn list<T>(
        &self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, QueryRefusal>,
    ) -> Result<Option<Vec<T>>, QueryRefusal> {
        let values = self.0.iter().filter(|(key, _)| key == name).flat_map(|(_, value)| value.split(','));
        let values: Vec<&str> = values.map(str::trim).filter(|value| !value.is_empty()).collect();
        if values.len() > MAXIMUM_VALUES {
            return Err(QueryRefusal::TooLong);
        }
        match (values.is_empty(), self.one(name)) {
            (false, _) => values.into_iter().map(read).collect::<Result<Vec<_>, _>>().map(Some),
            // A list of nothing but commas: not the same as no list.
            (true, Some(_)) => Err(QueryRefusal::Parameter(name)),
            (true, None) => Ok(None),
        }
    }

    fn grant_hashes(&self) -> Result<Option<Vec<GrantHash>>, QueryRefusal> {
        self.list("grant_hash", |text| {
            GrantHash::from_str(text).map_err(|error| match error {
                HashError::UnknownAlgorithm => QueryRefusal::HashAlgorithm,
                _ => QueryRefusal::Parameter("grant_hash"),
            })
        })
    }

    fn search(&self, name: &'static str) -> Result<Option<String>, QueryRefusal> {
        match self.one(name) {
            Some(text) if text.len() > MAXIMUM_TEXT => Err(QueryRefusal::Parameter(name)),
            text => Ok(text.map(str::to_owned)),
        }
    }

    fn time(&self, name: &'static str) -> Result<Option<Timestamp>, QueryRefusal> {
        let seconds = |text: &str| text.parse::<i64>().ok().filter(|seconds| *seconds >= 0);
        self.one(name)
            .map(|text| seconds(text).map(Timestamp::from_seconds).ok_or(QueryRefusal::Parameter(name)))
            .transpose()
    }

    fn paging(&self) -> Result<Paging, QueryRefusal> {
        let limit = match self.one("limit") {
            None => DEFAULT_LIMIT,
            Some(text) => match text.parse::<u16>() {
                Ok(limit) if (1..=MAXIMUM_LIMIT).contains(&limit) => limit,
                _ => return Err(QueryRefusal::Parameter("limit")),
            },
        };
        let order = match self.one("sort_order") {
            None | Some("SORT_ORDER_DESCENDING") => SortOrder::Descending,
            Some("SORT_ORDER_ASCENDING") => SortOrder::Ascending,
            Some(_) => return Err(QueryRefusal::Parameter("sort_order")),
        };
        Ok(Paging { cursor: self.search("cursor")?, limit, order })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::fixtures::*;

    const TRANSACTION: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn first_page() -> Paging {
        Paging { cursor: None, limit: DEFAULT_LIMIT, order: SortOrder::Descending }
    }

    #[test]
    fn without_parameters_the_newest_come_first() {
        assert_eq!(
            ContractsQuery::parse(""),
            Ok(ContractsQuery::Page { paging: first_page(), grant_type: None })
        );
        let empty = "cursor=&limit=&sort_order=&peer_name=&peer_id=";
        assert_eq!(
            PeersQuery::parse(empty, Scheme::Oin),
            Ok(PeersQuery::Page { paging: first_page(), name: None })
        );
    }

    #[test]
    fn pages_are_bounded() {
        let paging = |query: &str| match ContractsQuery::parse(query) {
            Ok(ContractsQuery::Page { paging, .. }) => Some(paging),
            _ => None,
        };
        let page = paging("cursor=a%20b&limit=7&sort_order=SORT_ORDER_ASCENDING");
        assert_eq!(
            page,
            Some(Paging { cursor: Some("a b".to_owned()), limit: 7, order: SortOrder::Ascending })
        );
        assert_eq!(paging("limit=1000").map(|page| page.limit), Some(1000));
        for query in ["limit=1001", "limit=99999999", "limit=0", "limit=-1", "limit=x", "sort_order=ASC"] {
            assert_eq!(paging(query), None, "{query}");
        }
    }

    #[test]
    fn filters_that_override_make_the_rest_irrelevant() -> Result<(), Failure> {
        let hashes = contract(&[connection()])?.grants.first().ok_or("no grant")?.hashes.clone();
        let query = format!("grant_hash={},{}&limit=bad&grant_type=bad", hashes.string, hashes.digest);
        assert_eq!(
            ContractsQuery::parse(&query)?,
            ContractsQuery::GrantHashes(vec![hashes.string, hashes.digest])
        );
        let query = format!("peer_id={PROVIDER},{CONSUMER}&peer_id={DIRECTORY}&peer_name=x&limit=bad");
        let ids = [PROVIDER, CONSUMER, DIRECTORY].map(peer).to_vec();
        assert_eq!(PeersQuery::parse(&query, Scheme::Oin)?, PeersQuery::Ids(ids));
        let query = format!("transaction_ids={TRANSACTION}&after=bad");
        assert_eq!(LogsQuery::parse(&query)?, LogsQuery::Transactions(vec![TRANSACTION.parse()?]));
        Ok(())
    }

    #[test]
    fn a_list_without_usable_values_never_becomes_no_filter() {
        assert_eq!(LogsQuery::parse("transaction_ids=,"), Err(QueryRefusal::Parameter("transaction_ids")));
        assert_eq!(LogsQuery::parse("transaction_ids=x"), Err(QueryRefusal::Parameter("transaction_ids")));
        assert_eq!(PeersQuery::parse("peer_id=%20,", Scheme::Oin), Err(QueryRefusal::Parameter("peer_id")));
        assert_eq!(ContractsQuery::parse("grant_hash=,,"), Err(QueryRefusal::Parameter("grant_hash")));
    }

    #[test]
    fn the_other_filters_are_read() -> Result<(), Failure> {
        let query = ContractsQuery::parse("grant_type=GRANT_TYPE_SERVICE_CONNECTION")?;
        let grant_type = Some(GrantType::ServiceConnection);
        assert_eq!(query, ContractsQuery::Page { paging: first_page(), grant_type });
        assert_eq!(ContractsQuery::parse("grant_type=X"), Err(QueryRefusal::Parameter("grant_type")));
        let services = ServicesQuery::parse(&format!("peer_id={PROVIDER}&service_name=Inc"), Scheme::Oin)?;
        assert_eq!((services.provider, services.name), (Some(peer(PROVIDER)), Some("Inc".to_owned())));
        let LogsQuery::Page { after, before, services, .. } =
            LogsQuery::parse("after=1&before=2&service_name=a,b&unknown=1")?
        else {
            return Err("not a page".into());
        };
        assert_eq!((after, before), (Some(Timestamp::from_seconds(1)), Some(Timestamp::from_seconds(2))));
        assert_eq!(services.len(), 2);
        assert_eq!(LogsQuery::parse("after=-1"), Err(QueryRefusal::Parameter("after")));
        Ok(())
    }

    #[test]
    fn a_hash_of_an_unknown_algorithm_has_the_code_of_the_standard() {
        let refusal = ContractsQuery::parse("grant_hash=%249%243%24x");
        assert_eq!(refusal, Err(QueryRefusal::HashAlgorithm));
        let problem = QueryRefusal::HashAlgorithm.problem();
        assert_eq!((problem.code, problem.status), ("ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH", 422));
    }

    #[test]
    fn queries_and_lists_are_bounded() {
        assert_eq!(ContractsQuery::parse(&"a".repeat(70_000)), Err(QueryRefusal::TooLong));
        let many = format!("peer_id={}", "1,".repeat(1001));
        assert_eq!(PeersQuery::parse(&many, Scheme::Oin), Err(QueryRefusal::TooLong));
        let long = format!("cursor={}", "x".repeat(2000));
        assert_eq!(ContractsQuery::parse(&long), Err(QueryRefusal::Parameter("cursor")));
    }

    proptest! {
        #[test]
        fn no_query_makes_the_readers_panic(text in ".*|((cursor|limit|sort_order|grant_hash|peer_id|after|transaction_ids)=[%$,0-9A-Za-z_]*&?)*") {
            let _ = ContractsQuery::parse(&text);
            let _ = PeersQuery::parse(&text, Scheme::Oin);
            let _ = ServicesQuery::parse(&text, Scheme::Oin);
            let _ = LogsQuery::parse(&text);
        }
    }
}
