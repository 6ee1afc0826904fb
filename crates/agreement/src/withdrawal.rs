//! What rests on a ground, a provision of law or an assessment: found in the documents themselves, so that nothing that was
//! signed is overlooked because a register says otherwise.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use verbond_domain::{ParticipantId, ServiceReference};

use crate::{
    Agreement, AlgorithmUse, Clause, ClauseName, Compatibility, Day, EntryName, LawIdentifier, LegalGround,
    Line, Side, Versioned,
};

/// Something on which clauses rest, and which a party withdraws.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "of", rename_all = "snake_case", deny_unknown_fields)]
pub enum Basis {
    /// Versions of an entry of the party's register of grounds.
    Ground {
        /// The entry.
        name: EntryName,
        /// The first version.
        first: u32,
        /// The last version.
        last: u32,
    },
    /// Versions of an entry of the party's register of assessments.
    Assessment {
        /// The entry.
        name: EntryName,
        /// The first version.
        first: u32,
        /// The last version.
        last: u32,
    },
    /// A provision of law, wherever the party's grounds cite it.
    Article {
        /// Which law.
        law: LawIdentifier,
        /// The article; none: the whole law.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        article: Option<Line>,
        /// As it read on this day; none: however it read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<Day>,
    },
}

/// A clause that rests on something, on the side of one party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RestingClause {
    /// The clause.
    pub clause: ClauseName,
    /// The service that it is about.
    pub service: ServiceReference,
}

impl Basis {
    /// The clauses of a document that rest on this at a party. Another party's grounds are that party's to judge.
    pub fn rests(&self, document: &Agreement, party: &ParticipantId) -> Vec<RestingClause> {
        let resting = document.clauses.iter().filter(|clause| self.carries(document, clause, party));
        resting
            .map(|clause| RestingClause { clause: clause.name.clone(), service: clause.service.clone() })
            .collect()
    }

    /// Whether a ground cites it, if it is a provision.
    pub fn is_cited(&self, ground: &LegalGround) -> bool {
        let Self::Article { law, article, version } = self else { return false };
        serde_json::to_value(ground).is_ok_and(|ground| cites(&ground, law, article.as_ref(), *version))
    }

    fn carries(&self, document: &Agreement, clause: &Clause, party: &ParticipantId) -> bool {
        let mut sides = sides(clause, party);
        match self {
            Self::Ground { name, first, last } => sides.any(|side| {
                side.ground.as_ref().is_some_and(|ground| is_one(&ground.entry, name, *first, *last))
            }),
            Self::Assessment { name, first, last } => {
                let mut assessments = document
                    .assessments
                    .iter()
                    .filter(|one| one.party == *party && is_one(&one.entry, name, *first, *last));
                assessments.any(|one| {
                    let assessed = &one.assessment;
                    let of_activity = sides.any(|side| {
                        let activity = side.activity.as_ref().map(|activity| &activity.entry.name);
                        activity.is_some_and(|activity| assessed.activities.contains(activity))
                    });
                    let of_algorithm = match &clause.conditions.algorithm {
                        AlgorithmUse::None => false,
                        AlgorithmUse::These { names } => {
                            names.iter().any(|name| assessed.algorithms.contains(name))
                        }
                    };
                    // One that does not say what it is of is taken to be of everything.
                    let of_nothing = assessed.activities.is_empty() && assessed.algorithms.is_empty();
                    of_activity || of_algorithm || of_nothing
                })
            }
            Self::Article { law, article, version } => sides.any(|side| {
                let lifted = side.secrecy.as_ref().map(|secrecy| &secrecy.lifted_by);
                let compatible = match &side.compatibility {
                    Compatibility::ByLaw { provision } => Some(provision),
                    Compatibility::Same | Compatibility::Compatible { .. } => None,
                };
                let provisions = lifted.into_iter().chain(compatible).map(serde_json::to_value);
                let mut cited = provisions.filter_map(Result::ok);
                cited.any(|value| cites(&value, law, article.as_ref(), *version))
                    || side.ground.as_ref().is_some_and(|ground| self.is_cited(&ground.ground))
            }),
        }
    }
}

fn sides<'a>(clause: &'a Clause, party: &ParticipantId) -> impl Iterator<Item = &'a Side> {
    let provider = (clause.service.provider == *party).then_some(&clause.provider);
    let receivers = clause.receivers.iter().filter(move |receiver| receiver.participant == *party);
    provider.into_iter().chain(receivers.map(|receiver| &receiver.side)).collect::<Vec<_>>().into_iter()
}

fn is_one(entry: &Versioned, name: &EntryName, first: u32, last: u32) -> bool {
    entry.name == *name && (first..=last).contains(&entry.version)
}

/// Whether a provision stands anywhere in a value: what a later version of the format adds is searched too.
fn cites(value: &Value, law: &LawIdentifier, article: Option<&Line>, version: Option<Day>) -> bool {
    match value {
        Value::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            let is_it = text("law") == Some(law.as_str())
                && article.is_none_or(|article| text("article") == Some(article.as_str()))
                && version.is_none_or(|version| text("version") == Some(version.to_string().as_str()));
            is_it || members.values().any(|value| cites(value, law, article, version))
        }
        Value::Array(items) => items.iter().any(|value| cites(value, law, article, version)),
        _ => false,
    }
}
