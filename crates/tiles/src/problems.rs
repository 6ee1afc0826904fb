//! Why a place does not take what is published.

use verbond_domain::Problem;

/// Nobody answers there.
pub(crate) fn unreachable(place: &str, reason: &str) -> Problem {
    Problem::new(
        "TILES_UNREACHABLE",
        503,
        format!("{place} is niet bereikbaar, dus de boom van het journaal wordt daar nog niet bijgewerkt: {reason}"),
        format!("{place} cannot be reached, so the journal's tree is not brought up to date there yet: {reason}"),
    )
    .next(
        "Controleer het adres, het netwerk en de certificaten; het knooppunt haalt alles in zodra de opslag weer antwoordt.",
        "check the address, the network and the certificates; the node catches up as soon as the store answers again",
    )
}

/// It answers, and does not know us or does not let us.
pub(crate) fn refused(place: &str, reason: &str) -> Problem {
    Problem::new(
        "TILES_REFUSED",
        503,
        format!("{place} laat dit knooppunt de boom van het journaal niet bijwerken: {reason}"),
        format!("{place} does not let this node bring the journal's tree up to date: {reason}"),
    )
    .next(
        "Controleer sleutel en geheim, en of die objecten in deze bucket mogen lezen en schrijven; een vervangen bestand wordt vanzelf gelezen.",
        "check key and secret, and whether they may read and write objects in this bucket; a file that has been replaced is read by itself",
    )
}

/// It answers with something else than yes.
pub(crate) fn not_taken(place: &str, reason: &str) -> Problem {
    Problem::new(
        "TILES_NOT_TAKEN",
        503,
        format!("{place} neemt de boom van het journaal niet aan: {reason}"),
        format!("{place} does not take the journal's tree: {reason}"),
    )
    .next(
        "Kijk of de bucket of map bestaat en of er ruimte is; het knooppunt haalt alles in zodra het kan.",
        "see whether the bucket or directory exists and has space; the node catches up as soon as it can",
    )
}

/// What stands there is not of this journal.
pub(crate) fn of_another_journal(place: &str, path: &str) -> Problem {
    Problem::new(
        "TILES_OF_ANOTHER_JOURNAL",
        409,
        format!("Wat in {place} onder `{path}` staat, is niet van dit journaal; er is niets overschreven."),
        format!("what stands in {place} under `{path}` is not of this journal; nothing has been overwritten"),
    )
    .next(
        "Geef elk knooppunt een eigen map, bucket of `prefix`.",
        "give each node a directory, bucket or `prefix` of its own",
    )
}

/// A file that never changes is another one.
pub(crate) fn differs(place: &str, path: &str) -> Problem {
    Problem::new(
        "TILES_DIFFER",
        409,
        format!("Wat in {place} onder `{path}` staat, is anders dan in dit journaal; er is niets overschreven."),
        format!("what stands in {place} under `{path}` is other than in this journal; nothing has been overwritten"),
    )
    .next(
        "Bewaar het en laat onderzoeken wie het daar heeft gezet; publiceer zolang onder een ander `prefix` of in een andere map.",
        "keep it and have it looked into who put it there; meanwhile publish under another `prefix` or in another directory",
    )
}
