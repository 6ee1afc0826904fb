//! What is said to whoever asks for what cannot be done with persons.

use verbond_domain::{PersonName, Problem, RoleConflict};

pub(super) fn unknown(name: &PersonName) -> Problem {
    Problem::new(
        "PERSON_UNKNOWN",
        404,
        format!("Er is hier geen persoon `{name}`."),
        format!("there is no person `{name}` here"),
    )
    .next("Bekijk `verbond person list`.", "see `verbond person list`")
}

pub(super) fn already_there(name: &PersonName) -> Problem {
    Problem::new(
        "PERSON_EXISTS",
        409,
        format!("Er is al een persoon `{name}`."),
        format!("there is a person `{name}` already"),
    )
    .next(
        format!("Maak een nieuwe code met `verbond person invite {name}`, of geef andere rollen met `verbond person roles {name}`."),
        format!("make a new code with `verbond person invite {name}`, or give other roles with `verbond person roles {name}`"),
    )
}

pub(super) fn roles_conflict(conflict: RoleConflict) -> Problem {
    let nl = match conflict {
        RoleConflict::None => "Een persoon heeft minstens één rol.",
        RoleConflict::DrafterAndSignatory => "Niemand is tegelijk opsteller en tekenbevoegde.",
        RoleConflict::DataProtectionOfficer => {
            "De functionaris gegevensbescherming heeft geen andere rol dan die van auditor (AVG art. 38, zesde lid)."
        }
    };
    Problem::new("ROLES_CONFLICT", 422, nl, conflict.to_string()).next(
        "Geef de ene rol aan een andere persoon, met een eigen sleutel.",
        "give one of the roles to another person, with a key of their own",
    )
}

pub(super) fn display_name_unusable() -> Problem {
    Problem::new(
        "DISPLAY_NAME_UNUSABLE",
        400,
        "De naam moet 1 tot 200 tekens hebben, op één regel.",
        "the display name must have 1 to 200 characters, on one line",
    )
    .next("Schrijf de naam zoals mensen die noemen.", "write the name as people say it")
}

pub(super) fn hours_unusable(most: u32) -> Problem {
    Problem::new(
        "CODE_TERM_UNUSABLE",
        400,
        format!("Een code geldt 1 tot {most} uur."),
        format!("a code holds for 1 to {most} hours"),
    )
    .next("Kies een kortere tijd.", "choose a shorter time")
}

pub(super) fn certificate_unusable(reason: &str) -> Problem {
    Problem::new(
        "PERSON_CERTIFICATE_UNUSABLE",
        400,
        format!("Het certificaat is niet bruikbaar: {reason}"),
        format!("the certificate cannot be used: {reason}"),
    )
    .next(
        "Maak sleutel en certificaat met `verbond person key --out MAP`.",
        "make key and certificate with `verbond person key --out DIR`",
    )
}

pub(super) fn certificate_over() -> Problem {
    Problem::new(
        "PERSON_CERTIFICATE_NOT_VALID",
        422,
        "Het certificaat is nu niet geldig.",
        "the certificate is not valid now",
    )
    .next(
        "Maak een nieuw met `verbond person key --out MAP`.",
        "make a new one with `verbond person key --out DIR`",
    )
}

pub(super) fn key_taken() -> Problem {
    Problem::new(
        "PERSON_KEY_TAKEN",
        409,
        "Deze sleutel is al van een andere persoon.",
        "this key is another person's already",
    )
    .next(
        "Ieder heeft een eigen sleutel: `verbond person key --out MAP`.",
        "everybody has a key of their own: `verbond person key --out DIR`",
    )
}

pub(super) fn is_disabled(name: &PersonName) -> Problem {
    Problem::new(
        "PERSON_DISABLED",
        409,
        format!("`{name}` is uitgeschakeld."),
        format!("`{name}` has been disabled"),
    )
    .next(
        format!("Nodig opnieuw uit met `verbond person invite {name}`."),
        format!("invite them anew with `verbond person invite {name}`"),
    )
}

pub(super) fn code_unknown() -> Problem {
    Problem::new(
        "ENROLMENT_CODE_UNKNOWN",
        403,
        "Deze code is hier niet bekend, of is al gebruikt.",
        "this code is not known here, or has been used already",
    )
    .next(
        "Vraag de beheerder om een nieuwe: `verbond person invite NAAM`.",
        "ask the operator for a new one: `verbond person invite NAME`",
    )
}

pub(super) fn code_expired() -> Problem {
    Problem::new("ENROLMENT_CODE_EXPIRED", 403, "Deze code is verlopen.", "this code has expired").next(
        "Vraag de beheerder om een nieuwe: `verbond person invite NAAM`.",
        "ask the operator for a new one: `verbond person invite NAME`",
    )
}

pub(super) fn only_stewards() -> Problem {
    Problem::new(
        "STEWARD_NEEDED",
        403,
        "Alleen een bronhouder verklaart dat een dienst geen persoonsgegevens of vertrouwelijke gegevens bevat.",
        "only a steward declares that a service holds no personal or confidential data",
    )
    .next(
        "Laat een bronhouder het doen, met een eigen sleutel: `verbond --node … --client-certificate … --client-key …`.",
        "let a steward do so, with a key of their own: `verbond --node … --client-certificate … --client-key …`",
    )
}
