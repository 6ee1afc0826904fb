//! Why something about an agreement is refused.

use verbond_agreement::{
    DocumentError, InvalidTransition,
    check::{Finding, Severity},
};
use verbond_domain::Problem;

pub(super) fn document(error: &DocumentError) -> Problem {
    Problem::new(
        "AGREEMENT_UNREADABLE",
        400,
        format!("Dit is geen gegevensafspraak: {error}"),
        format!("this is no agreement: {error}"),
    )
    .next(
        "Vergelijk het document met het schema: `verbond schema agreement`.",
        "compare the document with the schema: `verbond schema agreement`",
    )
}

pub(super) fn unknown() -> Problem {
    Problem::new(
        "AGREEMENT_UNKNOWN",
        404,
        "Dit knooppunt kent deze versie van de gegevensafspraak niet.",
        "this node does not know this version of the agreement",
    )
    .next("Bekijk `verbond agreement list`.", "see `verbond agreement list`")
}

pub(super) fn not_a_party() -> Problem {
    Problem::new(
        "AGREEMENT_PARTY",
        403,
        "Alleen partijen bij de gegevensafspraak doen dit, ieder voor zichzelf.",
        "only parties to the agreement do this, each for itself",
    )
    .next(
        "Zet de organisatie onder `parties`, of laat een partij het doen.",
        "put the organisation under `parties`, or have a party do it",
    )
}

pub(super) fn other_coalition(coalition: &str) -> Problem {
    Problem::new(
        "AGREEMENT_COALITION",
        422,
        format!("Dit knooppunt hoort bij de coalitie `{coalition}`, en de gegevensafspraak niet."),
        format!("this node belongs to the coalition `{coalition}`, and the agreement does not"),
    )
    .next("Zet de coalitie onder `coalition`.", "put the coalition under `coalition`")
}

pub(super) fn version_taken() -> Problem {
    Problem::new(
        "AGREEMENT_VERSION_TAKEN",
        409,
        "Er is al een andere tekst met dit nummer van versie.",
        "another text has this version number already",
    )
    .next("Geef het document de volgende versie.", "give the document the next version")
}

pub(super) fn transition(error: &InvalidTransition) -> Problem {
    Problem::new(
        "AGREEMENT_STAGE",
        409,
        "Deze stap is nu niet mogelijk.",
        format!("this step is not possible now: {error}"),
    )
    .next(
        "Bekijk met `verbond agreement show` hoe ver de gegevensafspraak is.",
        "see with `verbond agreement show` how far the agreement is",
    )
}

pub(super) fn statement(reason: &str) -> Problem {
    Problem::new(
        "AGREEMENT_STATEMENT",
        422,
        "Deze verklaring over de gegevensafspraak kan niet worden aanvaard.",
        format!("this statement about the agreement cannot be accepted: {reason}"),
    )
    .next("Laat de partij haar verklaring opnieuw maken.", "have the party make its statement again")
}

pub(super) fn signing() -> Problem {
    Problem::new(
        "SIGNING_FAILED",
        503,
        "De sleutel van dit knooppunt kan nu niet worden gebruikt.",
        "this node's key cannot be used now",
    )
    .next("Kijk met `verbond doctor`.", "see `verbond doctor`")
}

pub(super) fn too_many_undecided() -> Problem {
    Problem::new(
        "AGREEMENTS_UNDECIDED",
        429,
        "Over te veel gegevensafspraken van deze deelnemer is nog niet besloten.",
        "too many agreements of this participant have not been decided on yet",
    )
    .next("Laat eerst over de vorige besluiten.", "have those before decided on first")
}

pub(super) fn no_person() -> Problem {
    Problem::new(
        "SIGNATORY_UNKNOWN",
        403,
        "Een gegevensafspraak wordt getekend door een persoon met een eigen sleutel.",
        "an agreement is signed by a person with a key of their own",
    )
    .next(
        "Meld de tekenbevoegde aan: `verbond person --help`.",
        "enrol the signatory: `verbond person --help`",
    )
}

pub(super) fn drafter_signs() -> Problem {
    Problem::new(
        "DRAFTER_SIGNS",
        403,
        "Wie een gegevensafspraak heeft opgesteld, tekent haar niet.",
        "whoever has drafted an agreement does not sign it",
    )
    .next("Laat een tekenbevoegde tekenen.", "have a signatory sign")
}

/// Findings that are told in a refusal; `check` tells them all.
const MOST_FINDINGS: usize = 20;

/// Something in it refuses: each finding with its own code, in both languages.
pub(super) fn findings(findings: &[Finding]) -> Problem {
    let refusing: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Refuses).collect();
    let told = |sentence: fn(&Finding) -> &str| {
        let each = refusing.iter().take(MOST_FINDINGS);
        each.map(|finding| format!("{}: {}", finding.code.entry().code, sentence(finding)))
            .collect::<Vec<_>>()
            .join(" ")
    };
    Problem::new(
        "AGREEMENT_INCOMPLETE",
        422,
        format!(
            "Er ontbreekt iets aan deze gegevensafspraak ({}). {}",
            refusing.len(),
            told(|one| &one.sentence.nl)
        ),
        format!(
            "something is missing in this agreement ({}). {}",
            refusing.len(),
            told(|one| &one.sentence.en)
        ),
    )
    .next(
        "Zie met `verbond agreement check` wat elk ervan herstelt, en maak een nieuw concept.",
        "see with `verbond agreement check` what mends each of them, and make a new draft",
    )
}

pub(super) fn not_readable() -> Problem {
    Problem::new(
        "READING_REFUSED",
        422,
        "Dit knooppunt leest alleen verwerkingsactiviteiten, waar een knooppunt ze publiceert, en niet te veel tegelijk.",
        "this node reads processing activities only, where a node publishes them, and not too many at once",
    )
    .next(
        "Publiceer de activiteit op een adres dat eindigt op `/v1/registers/activity/NAAM/VERSIE`.",
        "publish the activity at an address that ends with `/v1/registers/activity/NAME/VERSION`",
    )
}
