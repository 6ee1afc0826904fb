//! Days, moments, countries and forms as people say them.

use super::Language;
use crate::{Day, Method, Moment};

const MONTHS: [(&str, &str); 12] = [
    ("januari", "January"),
    ("februari", "February"),
    ("maart", "March"),
    ("april", "April"),
    ("mei", "May"),
    ("juni", "June"),
    ("juli", "July"),
    ("augustus", "August"),
    ("september", "September"),
    ("oktober", "October"),
    ("november", "November"),
    ("december", "December"),
];

/// Countries of the European Economic Area, and some that data often goes to, by their two letters of ISO 3166-1.
const COUNTRIES: [(&str, &str, &str); 37] = [
    ("AT", "Oostenrijk", "Austria"),
    ("AU", "Australië", "Australia"),
    ("BE", "België", "Belgium"),
    ("BG", "Bulgarije", "Bulgaria"),
    ("CA", "Canada", "Canada"),
    ("CH", "Zwitserland", "Switzerland"),
    ("CY", "Cyprus", "Cyprus"),
    ("CZ", "Tsjechië", "Czechia"),
    ("DE", "Duitsland", "Germany"),
    ("DK", "Denemarken", "Denmark"),
    ("EE", "Estland", "Estonia"),
    ("ES", "Spanje", "Spain"),
    ("FI", "Finland", "Finland"),
    ("FR", "Frankrijk", "France"),
    ("GB", "Verenigd Koninkrijk", "United Kingdom"),
    ("GR", "Griekenland", "Greece"),
    ("HR", "Kroatië", "Croatia"),
    ("HU", "Hongarije", "Hungary"),
    ("IE", "Ierland", "Ireland"),
    ("IN", "India", "India"),
    ("IS", "IJsland", "Iceland"),
    ("IT", "Italië", "Italy"),
    ("JP", "Japan", "Japan"),
    ("LI", "Liechtenstein", "Liechtenstein"),
    ("LT", "Litouwen", "Lithuania"),
    ("LU", "Luxemburg", "Luxembourg"),
    ("LV", "Letland", "Latvia"),
    ("MT", "Malta", "Malta"),
    ("NL", "Nederland", "the Netherlands"),
    ("NO", "Noorwegen", "Norway"),
    ("PL", "Polen", "Poland"),
    ("PT", "Portugal", "Portugal"),
    ("RO", "Roemenië", "Romania"),
    ("SE", "Zweden", "Sweden"),
    ("SI", "Slovenië", "Slovenia"),
    ("SK", "Slowakije", "Slovakia"),
    ("US", "Verenigde Staten", "United States"),
];

impl Language {
    /// The one of two words that is this language's.
    const fn of(self, dutch: &'static str, english: &'static str) -> &'static str {
        match self {
            Self::Dutch => dutch,
            Self::English => english,
        }
    }

    /// `1 december 2026`.
    pub(super) fn day(self, day: Day) -> String {
        let (year, month, number) = day.parts();
        let (dutch, english) = MONTHS.get(usize::from(month) - 1).copied().unwrap_or_default();
        format!("{number} {} {year}", self.of(dutch, english))
    }

    /// `1 december 2026 om 00:00 uur`, by the clock of UTC; with its seconds where it has any.
    pub(super) fn moment(self, moment: Moment) -> String {
        let day = self.day(Day::of(moment.timestamp()));
        let (hour, minute, second) = moment.clock();
        let seconds = if second == 0 { String::new() } else { format!(":{second:02}") };
        match self {
            Self::Dutch => format!("{day} om {hour:02}:{minute:02}{seconds} uur"),
            Self::English => format!("{day} at {hour:02}:{minute:02}{seconds}"),
        }
    }

    /// `Nederland (NL)`; the two letters alone where the name is not known here.
    pub(super) fn country(self, code: &str) -> String {
        match COUNTRIES.iter().find(|(known, ..)| *known == code) {
            Some((_, dutch, english)) => format!("{} ({code})", self.of(dutch, english)),
            None => format!("{} {code}", self.of("land", "country")),
        }
    }

    /// What a media type is, where that has a word: `JSON (application/json)`.
    pub(super) fn form(self, content_type: &str) -> String {
        let essence = crate::plan::essence(content_type);
        let word = match essence.rsplit(['/', '+', '-', '.']).next().unwrap_or_default() {
            "json" => "JSON",
            "ndjson" | "jsonl" | "jsonlines" => self.of("JSON, regel voor regel", "JSON, line by line"),
            "xml" => "XML",
            "pdf" => "PDF",
            "csv" => self.of("een tabel in tekst", "a table in text"),
            "html" => self.of("een webpagina", "a web page"),
            "plain" => self.of("tekst", "text"),
            "jpeg" | "png" | "tiff" | "webp" => self.of("een afbeelding", "an image"),
            _ => return content_type.to_owned(),
        };
        format!("{word} ({content_type})")
    }

    /// What is done by a method.
    pub(super) const fn method(self, method: Method) -> &'static str {
        match method {
            Method::Get => self.of("Opvragen", "Asking for what stands at"),
            Method::Head => self.of("Nagaan of er iets is", "Asking whether something stands at"),
            Method::Post => self.of("Insturen", "Sending in"),
            Method::Put => self.of("Vervangen", "Replacing"),
            Method::Patch => self.of("Wijzigen", "Changing"),
            Method::Delete => self.of("Verwijderen", "Removing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_moments_and_countries_are_in_words() -> Result<(), crate::WordsError> {
        let (nl, en) = (Language::Dutch, Language::English);
        assert_eq!(nl.day("2026-12-01".parse()?), "1 december 2026");
        assert_eq!(en.day("2027-03-31".parse()?), "31 March 2027");
        assert_eq!(nl.moment("2026-12-01T00:00:00Z".parse()?), "1 december 2026 om 00:00 uur");
        assert_eq!(en.moment("2026-12-01T08:05:09Z".parse()?), "1 December 2026 at 08:05:09");
        assert_eq!(nl.country("NL"), "Nederland (NL)");
        assert_eq!(en.country("ZW"), "country ZW");
        assert_eq!(en.form("application/geo+json"), "JSON (application/geo+json)");
        assert_eq!(nl.form("application/x-something"), "application/x-something");
        Ok(())
    }
}
