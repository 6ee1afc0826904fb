//! What is agreed on one data service: operations, elements, purpose, and on which conditions.

use serde::{Deserialize, Serialize};
use time::{Date, Month, OffsetDateTime};
use verbond_domain::{ParticipantId, ServiceReference, Timestamp};

use crate::{
    AlgorithmUse, ClauseName, Element, EntryName, Line, Method, Moment, Parameter, PathTemplate,
    PersonLocation, Prose, Side, TwoLanguages,
};

/// An element that is delivered: as the source describes it.
pub type DeliveredElement = Element;

/// An operation that the clause permits. What it does not name is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// The name that the service's description gives it.
    pub name: EntryName,
    /// Its method.
    pub method: Method,
    /// Its paths.
    pub path: PathTemplate,
    /// Its parameters with the values that are agreed.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// What its request may hold in a body; absent: it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestBody>,
    /// Content type of its response.
    pub content_type: Line,
    /// Where one record stands.
    pub record: Line,
    /// What is delivered. Empty: status and nothing else.
    pub delivered: Vec<DeliveredElement>,
    /// The response goes out as it is, since it cannot be taken apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole_document: Option<WholeDocument>,
    /// Whom a record is about.
    #[serde(default)]
    pub people: Vec<PersonLocation>,
}

/// What a request's body holds. What it does not name goes no further than the node of whoever asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestBody {
    /// Its content type.
    pub content_type: Line,
    /// Its elements.
    #[schema(min_items = 1)]
    pub elements: Vec<Element>,
}

/// Why a response goes out whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WholeDocument {
    /// Why it cannot be taken apart, and why all of it is needed.
    pub reasoning: Prose,
    /// The categories of data in it.
    pub categories: Vec<EntryName>,
    /// How the law looks at the gravest of them.
    pub sensitivity: crate::Sensitivity,
}

/// A party that receives under the clause, with what it answers for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Receiver {
    /// Which party.
    pub participant: ParticipantId,
    /// What it answers for.
    pub side: Side,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "days of the week")]
pub enum WeekDay {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// When exchanges are permitted, by the clock of UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeWindow {
    /// On these days.
    pub days: Vec<WeekDay>,
    /// From this minute of the day on, 0 to 1439.
    pub from_minute: u16,
    /// Until before this minute of the day, 1 to 1440.
    pub until_minute: u16,
}

impl TimeWindow {
    /// The first moment from this one on, itself included, that lies within it; `None`: none does.
    pub fn opens(&self, moment: Timestamp) -> Option<Timestamp> {
        let at = OffsetDateTime::from_unix_timestamp(moment.seconds()).ok()?;
        let midnight = Timestamp::from_seconds(at.date().midnight().assume_utc().unix_timestamp());
        let minutes = |count: u16| i64::from(count) * 60;
        (0..=7_i64).find_map(|days| {
            let day = midnight.plus_seconds(days * 86_400);
            let weekday =
                u8::try_from((i64::from(at.weekday().number_days_from_monday()) + days) % 7).ok()?;
            let (from, until) =
                (day.plus_seconds(minutes(self.from_minute)), day.plus_seconds(minutes(self.until_minute)));
            let opens = from.max(moment);
            let agreed = self.days.iter().any(|day| *day as u8 == weekday);
            (agreed && opens < until).then_some(opens)
        })
    }
}

/// A stretch of time over which is counted, by the calendar of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week, from Monday on.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl Period {
    /// The period in which a moment falls: its first moment, and the first one after it.
    pub fn around(self, moment: Timestamp) -> (Timestamp, Timestamp) {
        let at = OffsetDateTime::from_unix_timestamp(moment.seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let seconds = |from: Timestamp, length| (from, from.plus_seconds(length));
        let midnight = |date: Date| Timestamp::from_seconds(date.midnight().assume_utc().unix_timestamp());
        let first = |year, month| Date::from_calendar_date(year, month, 1).map(midnight);
        let day = midnight(at.date());
        let (year, month) = (at.year(), at.month());
        match self {
            Self::Hour => seconds(day.plus_seconds(i64::from(at.hour()) * 3600), 3600),
            Self::Day => seconds(day, 86_400),
            Self::Week => {
                let since_monday = i64::from(at.weekday().number_days_from_monday());
                seconds(day.plus_seconds(-since_monday * 86_400), 7 * 86_400)
            }
            Self::Month => {
                let next_year = if month == Month::December { year + 1 } else { year };
                // A calendar ends where its years do: the last month then lasts for good.
                (first(year, month).unwrap_or(day), first(next_year, month.next()).unwrap_or(FOR_GOOD))
            }
            Self::Year => (
                first(year, Month::January).unwrap_or(day),
                first(year + 1, Month::January).unwrap_or(FOR_GOOD),
            ),
        }
    }

    /// The period as one lower-case word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

const FOR_GOOD: Timestamp = Timestamp::from_millis(i64::MAX);

/// So many in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// How many.
    pub most: u32,
    /// In which period.
    pub per: Period,
}

/// How surely it is known who asks, as eIDAS has it (Regulation (EU) 910/2014 art. 8).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum AssuranceLevel {
    /// Limited confidence.
    Low,
    /// Substantial confidence.
    Substantial,
    /// A higher degree of confidence than substantial.
    High,
}

impl AssuranceLevel {
    const ALL: [Self; 3] = [Self::Low, Self::Substantial, Self::High];

    /// The level as one lower-case word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Substantial => "substantial",
            Self::High => "high",
        }
    }

    /// Its place in the order: 1, 2 or 3.
    pub const fn rank(self) -> i64 {
        match self {
            Self::Low => 1,
            Self::Substantial => 2,
            Self::High => 3,
        }
    }
}

/// A text that is no level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a level of assurance is one of low, substantial, high")]
pub struct UnknownLevel;

impl std::str::FromStr for AssuranceLevel {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        Self::ALL.into_iter().find(|level| level.as_str() == text).ok_or(UnknownLevel)
    }
}

/// What a person does before the data has an effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HumanStep {
    /// Who: a function.
    pub who: Line,
    /// What they look at, and what they may change.
    pub what: Prose,
}

/// On which conditions exchanges are permitted. What stands here is judged at every exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// When; `None`: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeWindow>,
    /// How many exchanges in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<Limit>,
    /// How many about one person. Where answers are derived, `None` means one a day ([`Clause::person_limit`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_person: Option<Limit>,
    /// How surely whoever receives must know which of its people asks, at least; each request claims it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assurance: Option<AssuranceLevel>,
    /// The human step, where one is agreed; each request claims that a person takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub human_in_the_loop: Option<HumanStep>,
    /// Whether an algorithm uses what is delivered.
    pub algorithm: AlgorithmUse,
}

/// A note on what the clause is combined with, so that one question over several sources stands in one agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkageNote {
    /// The clauses of this agreement with which it is combined.
    pub with: Vec<ClauseName>,
    /// For which question.
    pub question: Prose,
}

/// What is agreed on one data service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// The name by which refusals refer to it.
    pub name: ClauseName,
    /// Which service; its provider is a party.
    pub service: ServiceReference,
    /// What the provider answers for.
    pub provider: Side,
    /// Who receives, and what each answers for.
    #[schema(min_items = 1, max_items = 200)]
    pub receivers: Vec<Receiver>,
    /// The purpose, a name that grounds and activities use.
    pub purpose: EntryName,
    /// What the purpose is.
    pub purpose_text: TwoLanguages,
    /// What may be asked, and what is delivered.
    #[schema(min_items = 1, max_items = 200)]
    pub operations: Vec<Operation>,
    /// On which conditions.
    pub conditions: Conditions,
    /// What it is combined with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linkage: Option<LinkageNote>,
    /// Exchanges under the clause end before the agreement does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
}

impl Operation {
    /// Whether anything that it delivers is derived.
    pub fn derives(&self) -> bool {
        self.delivered.iter().any(|one| one.derived.is_some())
    }

    /// Elements of its request's body.
    pub fn asked(&self) -> impl Iterator<Item = &Element> + Clone {
        self.request.iter().flat_map(|request| &request.elements)
    }

    /// All that is exchanged: elements of the request's body, and what is delivered.
    pub fn exchanged(&self) -> impl Iterator<Item = &Element> + Clone {
        self.asked().chain(&self.delivered)
    }
}

impl Clause {
    /// Whether anything that it delivers is derived.
    pub fn derives(&self) -> bool {
        self.operations.iter().any(Operation::derives)
    }

    /// How often one person may be asked about. Where answers are derived and nothing is said, once a day: by asking again
    /// and again until an answer changes, one learns what was not to be told.
    pub fn person_limit(&self) -> Option<Limit> {
        let unsaid = self.derives().then_some(Limit { most: 1, per: Period::Day });
        self.conditions.per_person.or(unsaid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_opens_at_its_next_moment() -> Result<(), Box<dyn std::error::Error>> {
        let at = |text: &str| text.parse::<Moment>().map(Moment::timestamp);
        let office =
            |days: &[WeekDay]| TimeWindow { days: days.to_vec(), from_minute: 480, until_minute: 1080 };
        let week = office(&[WeekDay::Monday, WeekDay::Friday]);
        // 2026-12-01 is a Tuesday.
        for (window, moment, opens) in [
            (&week, "2026-12-01T12:00:00Z", Some("2026-12-04T08:00:00Z")),
            (&week, "2026-12-04T07:59:59Z", Some("2026-12-04T08:00:00Z")),
            (&week, "2026-12-04T12:00:01Z", Some("2026-12-04T12:00:01Z")),
            (&week, "2026-12-04T18:00:00Z", Some("2026-12-07T08:00:00Z")),
            (&office(&[WeekDay::Tuesday]), "2026-12-01T18:00:00Z", Some("2026-12-08T08:00:00Z")),
            (&office(&[]), "2026-12-01T12:00:00Z", None),
        ] {
            assert_eq!(window.opens(at(moment)?), opens.map(at).transpose()?, "{moment}");
        }
        Ok(())
    }

    #[test]
    fn periods_are_those_of_the_calendar() -> Result<(), Box<dyn std::error::Error>> {
        let at = |text: &str| text.parse::<Moment>().map(Moment::timestamp);
        for (moment, period, begin, end) in [
            ("2026-12-31T23:59:59Z", Period::Hour, "2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z"),
            ("2026-12-31T23:59:59Z", Period::Day, "2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("2026-12-31T23:59:59Z", Period::Week, "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"),
            ("2026-12-28T00:00:00Z", Period::Week, "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"),
            ("2026-12-31T23:59:59Z", Period::Month, "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("2028-02-29T12:00:00Z", Period::Month, "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"),
            ("2026-12-31T23:59:59Z", Period::Year, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ] {
            assert_eq!(period.around(at(moment)?), (at(begin)?, at(end)?), "{period:?} of {moment}");
        }
        Ok(())
    }
}
