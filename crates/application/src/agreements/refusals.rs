//! Why something about an agreement is refused.

use verbond_agreement::{
    ClauseName, DocumentError, InvalidTransition,
    check::{Finding, Severity},
    preview::PreviewError,
};
use verbond_domain::{ParticipantId, Problem};

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

pub(super) fn statement_ahead() -> Problem {
    // It may still come true: whoever sends it tries again.
    Problem::new(
        "STATEMENT_AHEAD",
        409,
        "Deze verklaring is gedateerd op een moment dat hier nog moet komen.",
        "this statement is dated at a moment that is still to come here",
    )
    .next("Houd de klokken van beide knooppunten gelijk (NTP).", "keep the clocks of both nodes right (NTP)")
}

pub(super) fn statement_revoked() -> Problem {
    Problem::new(
        "STATEMENT_REVOKED",
        422,
        "Het certificaat onder deze verklaring was al ingetrokken toen zij hier aankwam.",
        "the certificate under this statement had been revoked when it arrived here",
    )
    .next(
        "Laat de andere partij met een nieuw certificaat een nieuwe versie aanbieden en tekenen.",
        "have the other party offer and sign a new version with a new certificate",
    )
}

pub(super) fn statement_late() -> Problem {
    Problem::new(
        "STATEMENT_LATE",
        422,
        "Deze verklaring komt meer dan een week na haar datum, en het certificaat eronder is nu niet meer goed.",
        "this statement comes more than a week after its date, and the certificate under it is no longer good",
    )
    .next(
        "Laat de andere partij een nieuwe versie aanbieden en tekenen.",
        "have the other party offer and sign a new version",
    )
}

pub(super) fn signatory_time() -> Problem {
    Problem::new(
        "SIGNATORY_TIME",
        422,
        "De handtekening van de tekenbevoegde is meer dan een dag ouder dan de verklaring, of van later.",
        "the signatory's signature is more than a day older than the statement, or of later",
    )
    .next(
        "Zet de klok van de machine van de tekenbevoegde gelijk en teken opnieuw.",
        "set the clock of the signatory's machine and sign again",
    )
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

pub(super) fn signs_for_two() -> Problem {
    Problem::new(
        "AGREEMENT_SIGNATORY_OF_TWO",
        422,
        "Met deze sleutel is de gegevensafspraak al voor een andere partij ondertekend.",
        "the agreement was signed with this key for another party already",
    )
    .next(
        "Laat voor een van beide partijen een ander tekenen.",
        "have somebody else sign for one of the two parties",
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

pub(super) fn advice_too_late() -> Problem {
    Problem::new(
        "ADVICE_TOO_LATE",
        409,
        "Deze gegevensafspraak is al aangeboden; de FG adviseert op een concept.",
        "this agreement has been offered; the data protection officer advises on a draft",
    )
    .next(
        "Neem de gegevensafspraak terug en stel een volgende versie op waarop de FG adviseert.",
        "take the agreement back and draft a next version for the officer to advise on",
    )
}

pub(super) fn advice_not_signed() -> Problem {
    Problem::new(
        "ADVICE_NOT_SIGNED",
        422,
        "Dit advies is niet ondertekend met de sleutel van wie het geeft, of het gaat over een andere tekst of partij.",
        "this advice is not signed by the key of whoever gives it, or is about another text or party",
    )
    .next(
        "Geef het advies met `verbond agreement advise`, onder uw eigen sleutel.",
        "give the advice with `verbond agreement advise`, under your own key",
    )
}

pub(super) fn advice_day() -> Problem {
    Problem::new(
        "ADVICE_DAY",
        422,
        "Een advies draagt de dag waarop het is gegeven.",
        "advice bears the day on which it is given",
    )
    .next(
        "Zet de klok van uw machine gelijk en adviseer opnieuw.",
        "set your machine's clock and advise again",
    )
}

pub(super) fn handover() -> Problem {
    Problem::new(
        "AGREEMENT_HANDOVER",
        409,
        "Een nieuwe versie neemt het over op een moment dat nog komt; het begin van haar looptijd is voorbij, of ligt na het einde.",
        "a later version takes over at a moment that is still to come; the beginning of its term is past, or lies after its end",
    )
    .next(
        "Maak de versie opnieuw met een later begin: `verbond agreement amend HASH --from MOMENT`.",
        "make the version again with a later beginning: `verbond agreement amend HASH --from MOMENT`",
    )
}

pub(super) fn superseded() -> Problem {
    Problem::new(
        "AGREEMENT_SUPERSEDED",
        409,
        "Een latere versie van deze gegevensafspraak heeft haar plaats ingenomen, of doet dat binnenkort.",
        "a later version of this agreement has taken its place, or is about to",
    )
    .next(
        "Ga uit van de laatste versie: `verbond agreement list`.",
        "begin from the latest version: `verbond agreement list`",
    )
}

pub(super) fn predecessor() -> Problem {
    Problem::new(
        "AGREEMENT_PREDECESSOR",
        409,
        "De versie die dit document vervangt, is hier niet bekend, is van later, of heeft een partij die hier ontbreekt.",
        "the version that this document replaces is not known here, is a later one, or has a party that is missing here",
    )
    .next(
        "Maak het document met `verbond agreement amend`; wie geen partij meer wil zijn, beëindigt de oude versie.",
        "make the document with `verbond agreement amend`; whoever wants to be a party no longer ends the old version",
    )
}

pub(super) fn not_running() -> Problem {
    Problem::new(
        "AGREEMENT_NOT_RUNNING",
        409,
        "Alleen een gegevensafspraak die door alle partijen is getekend en niet is beëindigd, kan worden gewijzigd.",
        "only an agreement that all parties have signed and none has ended can be amended",
    )
    .next(
        "Maak een nieuwe gegevensafspraak: `verbond agreement new`.",
        "make a new agreement: `verbond agreement new`",
    )
}

pub(super) fn first() -> Problem {
    Problem::new(
        "AGREEMENT_FIRST_VERSION",
        409,
        "Dit is de eerste versie; er is niets om haar mee te vergelijken.",
        "this is the first version; there is nothing to compare it with",
    )
    .next("Noem de andere versie.", "name the other version")
}

pub(super) fn not_withdrawable() -> Problem {
    Problem::new(
        "BASIS_UNUSABLE",
        422,
        "Alleen een grondslag, een wetsartikel of een toets wordt ingetrokken.",
        "only a ground, a provision of law or an assessment is withdrawn",
    )
    .next(
        "Gebruik `verbond ground withdraw` of `verbond assessment withdraw`.",
        "use `verbond ground withdraw` or `verbond assessment withdraw`",
    )
}

pub(super) fn basis_withdrawn(clause: &ClauseName) -> Problem {
    Problem::new(
        "BASIS_WITHDRAWN",
        409,
        format!("Bepaling `{clause}` rust op iets dat deze organisatie heeft ingetrokken."),
        format!("the clause `{clause}` rests on something that this organisation has withdrawn"),
    )
    .next(
        "Laat opnieuw oordelen, en noem in een nieuwe versie de nieuwe grondslag of toets.",
        "have it judged again, and name the new ground or assessment in a new version",
    )
}

pub(super) fn unknown_task() -> Problem {
    Problem::new(
        "TASK_UNKNOWN",
        404,
        "Deze taak is er niet, of is al gedaan.",
        "there is no such task, or it has been done already",
    )
    .next("Bekijk `verbond task list --all`.", "see `verbond task list --all`")
}

pub(super) fn no_refusal() -> Problem {
    Problem::new(
        "REFUSAL_UNKNOWN",
        404,
        "Van deze uitwisseling staat hier geen weigering met een besluit.",
        "no refusal of this exchange with a decision stands here",
    )
    .next(
        "Kijk met `verbond record list`; een regel staat er na een seconde.",
        "see `verbond record list`; a line is there after a second",
    )
}

pub(super) fn not_mendable() -> Problem {
    Problem::new(
        "REFUSAL_NOT_MENDABLE",
        409,
        "Wat deze weigering mist, vult geen wijziging van een gegevensafspraak vanzelf in.",
        "what this refusal lacks is not filled in by an amendment of an agreement",
    )
    .next(
        "Wijzig de tekst zelf: `verbond agreement amend HASH BESTAND`; zonder afspraak: `verbond agreement new`.",
        "change the text yourself: `verbond agreement amend HASH FILE`; without an agreement: `verbond agreement new`",
    )
}

pub(super) fn operation_unclear() -> Problem {
    Problem::new(
        "OPERATION_UNCLEAR",
        409,
        "Welke bewerking was bedoeld, staat niet in het besluit: een pad kan een persoon noemen.",
        "which operation was meant is not in the decision: a path may name a person",
    )
    .next(
        "Neem de dienst op met `verbond description put`, en noem de bewerking: `--operation NAAM`.",
        "take the service in with `verbond description put`, and name the operation: `--operation NAME`",
    )
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

pub(super) fn answered_before(peer: &ParticipantId) -> Problem {
    Problem::new(
        "PEER_ANSWERED_BEFORE",
        409,
        format!("{peer} sprak eerder als knooppunt van Verbond en zegt nu dat daar niets is. Zo iemand is niet vanzelf vreemd."),
        format!("{peer} has spoken as a node of Verbond before, and now says that nothing is there; it does not become foreign by itself"),
    )
    .next(
        "Vraag de deelnemer wat er is veranderd. Klopt het, dan legt een steward het vast: `verbond peer foreign`.",
        "ask the participant what has changed; if it is so, a steward records it: `verbond peer foreign`",
    )
}

pub(super) fn not_foreign(peer: &ParticipantId) -> Problem {
    Problem::new(
        "PEER_NOT_FOREIGN",
        409,
        format!("{peer} neemt deel met een knooppunt van Verbond, en tekent dus zelf."),
        format!("{peer} takes part with a node of Verbond, and so signs itself"),
    )
    .next(
        "Laat de partij de gegevensafspraak tekenen: `verbond agreement sign`.",
        "have the party sign the agreement: `verbond agreement sign`",
    )
}

pub(super) fn not_shown(reason: &str) -> Problem {
    Problem::new(
        "ACCEPT_NOT_SHOWN",
        422,
        "Wat een andere partij zegt dat een vreemde deelnemer op de lijn deed, blijkt niet uit het contract en de handtekening die erbij zijn gevoegd.",
        format!("what another party says that a foreign participant did on the wire does not follow from the contract and signature that come along: {reason}"),
    )
    .next(
        "Stuur het contract mee met de handtekening van de vreemde deelnemer en haar certificaten; bekijk het met `verbond contract show`.",
        "send the contract along with the foreign participant's signature and its certificates; see it with `verbond contract show`",
    )
}

pub(super) fn not_on_the_wire() -> Problem {
    Problem::new(
        "AGREEMENT_NOT_ON_THE_WIRE",
        409,
        "Deze versie wacht niet, en niet alleen nog, op het aanvaarden van een verbinding door deze vreemde deelnemer.",
        "this version does not wait for this foreign participant to accept a connection, or not for foreign participants alone",
    )
    .next(
        "Bied de gegevensafspraak aan en onderteken haar; bekijk met `verbond peer show` wat de andere partij spreekt.",
        "offer and sign the agreement; see with `verbond peer show` what the other party speaks",
    )
}

pub(super) fn signed_nowhere(peer: &ParticipantId) -> Problem {
    Problem::new(
        "AGREEMENT_SIGNED_NOWHERE",
        409,
        format!("Een contract dat de afspraak niet noemt, bindt {peer} niet: de afspraak noemt geen document dat {peer} elders heeft getekend."),
        format!("a contract that does not name the agreement does not bind {peer}: the agreement names no document that {peer} has signed elsewhere"),
    )
    .next(
        "Maak een versie met `signed_elsewhere`. Zonder dat kunnen alleen open diensten worden gebruikt.",
        "make a version with `signed_elsewhere`; without it, only open services can be used",
    )
}

pub(super) fn unknown_operation() -> Problem {
    Problem::new(
        "AGREEMENT_OPERATION_UNKNOWN",
        404,
        "De gegevensafspraak heeft geen bepaling met zo'n operatie.",
        "the agreement has no clause with such an operation",
    )
    .next("Bekijk `verbond agreement text`.", "see `verbond agreement text`")
}

pub(super) fn not_the_provider() -> Problem {
    Problem::new(
        "SAMPLE_NOT_PROVIDER",
        403,
        "Een echt antwoord ziet alleen de steward van wie de gegevens aanbiedt.",
        "a real answer is seen by the steward of who provides the data, and by nobody else",
    )
    .next(
        "Laat `--live` weg: dan komt er een verzonnen antwoord van het juiste type.",
        "leave `--live` out: an answer of the right types is made up then",
    )
}

pub(super) fn does_more_than_read() -> Problem {
    Problem::new(
        "SAMPLE_NOT_READ_ONLY",
        422,
        "Deze operatie doet meer dan lezen; daarvan wordt geen echt antwoord opgevraagd.",
        "this operation does more than read; no real answer is asked of it",
    )
    .next("Kies een operatie met de methode GET.", "choose an operation with the method GET")
}

/// Names no value, and no parameter that was made up.
pub(super) fn sample_parameters() -> Problem {
    Problem::new(
        "SAMPLE_PARAMETERS",
        422,
        "Met deze parameters staat de afspraak de vraag niet toe, of er ontbreekt er een.",
        "the agreement does not permit the question with these parameters, or one is missing",
    )
    .next(
        "Geef precies de parameters van de operatie, met waarden die zijn afgesproken (`--parameters`).",
        "give exactly the operation's parameters, with values that are agreed (`--parameters`)",
    )
}

pub(super) fn no_sample(status: Option<u16>) -> Problem {
    let (nl, en) = match status {
        Some(status) => (format!(" (status {status})"), format!(" (status {status})")),
        None => (String::new(), String::new()),
    };
    Problem::new(
        "SAMPLE_UNANSWERED",
        502,
        format!("De bron gaf geen bruikbaar antwoord{nl}."),
        format!("the source gave no answer that can be used{en}"),
    )
    .next(
        "Kijk of de bron draait, en of de parameters iets aanwijzen wat er is. Dat het gevraagd is, staat in het journaal.",
        "see whether the source runs, and whether the parameters name something that is there. That it was asked stands in the journal",
    )
}

pub(super) fn unprojectable_sample(error: &PreviewError) -> Problem {
    Problem::new(
        "SAMPLE_UNPROJECTABLE",
        422,
        format!("Van het antwoord kan niets worden geleverd: {error}"),
        format!("nothing of the answer can be delivered: {error}"),
    )
    .next(
        "Vergelijk de operatie met wat de bron antwoordt, en herstel de beschrijving.",
        "compare the operation with what the source answers, and mend the description",
    )
}
