//! What everybody may read of an agreement: who exchanges what kind of data with whom, for what. Never a person's name, a
//! contact, an element or a value.

use std::collections::BTreeMap;

use serde::Serialize;
use verbond_domain::{ParticipantId, ServiceReference};

use crate::{
    Agreement, AlgorithmReference, Article, Category, Clause, Day, DocumentError, EntryName, Line, Moment,
    Prose, Publicity, Sensitivity, TwoLanguages,
};

/// A party, by its organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublishedParty {
    /// Which participant.
    pub participant: ParticipantId,
    /// The organisation's name.
    pub name: Line,
}

/// A kind of data, with how the law looks at the gravest element of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublishedCategory {
    /// Its name.
    pub category: Category,
    /// The gravest.
    pub sensitivity: Sensitivity,
}

/// What is agreed on one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublishedClause {
    /// Which service of which party.
    pub service: ServiceReference,
    /// Who receives.
    pub receivers: Vec<ParticipantId>,
    /// For which purpose, by its name.
    pub purpose: EntryName,
    /// What that is.
    pub purpose_text: TwoLanguages,
    /// Where the parties' processing activities can be read.
    pub activities: Vec<Line>,
    /// Kinds of data, in requests and answers.
    pub categories: Vec<PublishedCategory>,
    /// Services with which it is combined.
    pub combined_with: Vec<ServiceReference>,
}

/// What is not published, and on which ground.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Withheld {
    /// What the parties say is withheld.
    pub what: Prose,
    /// On which provision.
    pub provision: Article,
    /// Until when, if that is known.
    pub until: Option<Day>,
}

/// What is published of an agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublishedAgreement {
    /// The same in all versions.
    pub id: String,
    /// Which version.
    pub version: u32,
    /// Hash over the canonical form of the whole: the same at every party.
    pub hash: String,
    /// Who takes part.
    pub parties: Vec<PublishedParty>,
    /// First moment of its term.
    pub from: Moment,
    /// First moment after its term.
    pub until: Moment,
    /// What it is about; not where that is withheld.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<TwoLanguages>,
    /// What is agreed on each service; not where that is withheld.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clauses: Option<Vec<PublishedClause>>,
    /// Algorithms that use the data, by where they are registered; not where that is withheld.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithms: Option<Vec<Line>>,
    /// What is withheld.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Withheld>,
}

impl Agreement {
    /// What everybody may read of it on a day. Where the parties withhold something, what a machine cannot tell apart is
    /// left out; that there is an agreement, between whom, and on which ground something is withheld, never is.
    ///
    /// # Errors
    /// When the document cannot be hashed, which no agreement that was parsed brings about.
    pub fn published(&self, today: Day) -> Result<PublishedAgreement, DocumentError> {
        let withheld = match &self.publicity {
            Publicity::Withheld { until: Some(until), .. } if *until < today => None,
            Publicity::Withheld { what, provision, until } => {
                Some(Withheld { what: what.clone(), provision: provision.clone(), until: *until })
            }
            Publicity::Whole => None,
        };
        let whole = withheld.is_none();
        let parties = self.parties.iter();
        let parties = parties
            .map(|one| PublishedParty { participant: one.participant.clone(), name: one.name.clone() });
        let addresses = |algorithms: &[AlgorithmReference]| -> Vec<Line> {
            algorithms.iter().map(|one| one.url.clone()).collect()
        };
        Ok(PublishedAgreement {
            id: self.id.to_string(),
            version: self.version,
            hash: self.hash()?.to_string(),
            parties: parties.collect(),
            from: self.term.from,
            until: self.term.until,
            title: whole.then(|| self.title.clone()),
            clauses: whole.then(|| self.clauses.iter().map(|clause| self.published_clause(clause)).collect()),
            algorithms: whole.then(|| addresses(&self.algorithms)),
            withheld,
        })
    }

    fn published_clause(&self, clause: &Clause) -> PublishedClause {
        let sides = std::iter::once(&clause.provider).chain(clause.receivers.iter().map(|one| &one.side));
        let activities = sides.filter_map(|side| side.activity.as_ref()).map(|activity| activity.url.clone());
        let linked = clause.linkage.iter().flat_map(|linkage| &linkage.with);
        let combined = linked.filter_map(|name| self.clauses.iter().find(|clause| clause.name == *name));
        PublishedClause {
            service: clause.service.clone(),
            receivers: clause.receivers.iter().map(|one| one.participant.clone()).collect(),
            purpose: clause.purpose.clone(),
            purpose_text: clause.purpose_text.clone(),
            activities: activities.collect(),
            categories: categories(clause),
            combined_with: combined.map(|clause| clause.service.clone()).collect(),
        }
    }
}

fn categories(clause: &Clause) -> Vec<PublishedCategory> {
    let mut gravest: BTreeMap<&Category, Sensitivity> = BTreeMap::new();
    let mut add = |category, sensitivity: Sensitivity| {
        gravest.entry(category).and_modify(|known| *known = sensitivity.max(*known)).or_insert(sensitivity);
    };
    for operation in &clause.operations {
        operation.exchanged().for_each(|element| add(&element.category, element.sensitivity));
        if let Some(whole) = &operation.whole_document {
            whole.categories.iter().for_each(|category| add(category, whole.sensitivity));
        }
    }
    let categories = gravest.into_iter();
    categories
        .map(|(category, sensitivity)| PublishedCategory { category: category.clone(), sensitivity })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn pensioners(publicity: &Value) -> Result<Agreement, Box<dyn std::error::Error>> {
        let mut document: Value = serde_json::from_slice(include_bytes!("../tests/pensioners.json"))?;
        if let Some(members) = document.as_object_mut() {
            members.insert("publicity".to_owned(), publicity.clone());
        }
        Ok(Agreement::parse(&serde_json::to_vec(&document)?)?)
    }

    #[test]
    fn organisations_services_and_kinds_of_data_are_published_and_people_are_not() -> Outcome {
        let agreement = pensioners(&json!({ "publish": "whole" }))?;
        let shown = serde_json::to_value(agreement.published("2026-12-01".parse()?)?)?;
        assert_eq!(shown.pointer("/clauses/0/service/name"), Some(&json!("incomes")));
        assert_eq!(shown.pointer("/clauses/0/categories/0/category"), Some(&json!("income")));
        assert!(shown.pointer("/clauses/0/activities/1").is_some(), "{shown}");
        let text = shown.to_string();
        for signatory in &agreement.signatories {
            assert!(!text.contains(signatory.name.as_str()), "{text}");
        }
        for party in &agreement.parties {
            assert!(!text.contains(party.contact.address.as_str()), "{text}");
        }
        for element in
            agreement.clauses.iter().flat_map(|clause| &clause.operations).flat_map(|one| &one.delivered)
        {
            assert!(
                !text.contains(element.path.as_str()) && !text.contains(element.meaning.as_str()),
                "{text}"
            );
        }
        Ok(())
    }

    #[test]
    fn what_is_withheld_leaves_the_parties_the_hash_and_the_ground() -> Outcome {
        let provision = json!({ "law": "BWBR0045754", "name": "Woo", "article": "5.1, tweede lid, onder c", "version": "2026-01-01" });
        let withheld = json!({ "publish": "withheld", "what": "Wat opsporing raakt.", "provision": provision, "until": "2027-01-01" });
        let agreement = pensioners(&withheld)?;
        let shown = agreement.published("2027-01-01".parse()?)?;
        assert_eq!((shown.title, shown.clauses, shown.algorithms), (None, None, None));
        assert_eq!(shown.hash, agreement.hash()?.to_string());
        assert_eq!(shown.parties.len(), 2);
        assert_eq!(
            shown.withheld.map(|one| serde_json::to_value(one.provision)).transpose()?,
            Some(provision)
        );
        // When its time is over, so is the secret.
        let shown = agreement.published("2027-01-02".parse()?)?;
        assert!(shown.clauses.is_some() && shown.withheld.is_none());
        Ok(())
    }
}
