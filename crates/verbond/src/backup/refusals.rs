//! Why a backup is not made or not put back.

use std::path::Path;

use verbond_domain::{Problem, Timestamp};

use crate::ambient::rfc_3339;

/// It could not be made.
pub fn not_made(error: &anyhow::Error) -> Problem {
    Problem::new(
        "BACKUP_NOT_MADE",
        503,
        format!("De back-up is niet gemaakt: {error:#}"),
        format!("the backup was not made: {error:#}"),
    )
    .next(
        "Er is niets van blijven staan. Kijk of er plaats is en of er geschreven mag worden, en begin opnieuw.",
        "nothing of it was left; see whether there is space and whether it may be written there, and begin again",
    )
}

/// A backup is being made already.
pub fn being_made() -> Problem {
    Problem::new(
        "BACKUP_BEING_MADE",
        409,
        "Er wordt al een back-up gemaakt.",
        "a backup is being made already",
    )
    .next("Wacht tot die er is.", "wait until it is there")
}

/// It is no file of a backup of this form.
pub fn not_a_backup(format: &str) -> Problem {
    Problem::new(
        "NOT_A_BACKUP",
        422,
        format!("Dit is geen bestand in de vorm {format}."),
        format!("this is no file of the form {format}"),
    )
    .next(
        "De gegevens staan in het bestand dat op .data.tar eindigt, de sleutels in dat op .keys.tar.",
        "the data is in the file that ends in .data.tar, the keys in the one that ends in .keys.tar",
    )
}

/// What is in it is not what its manifest says.
pub fn damaged(file: &str, member: &str) -> Problem {
    Problem::new(
        "BACKUP_DAMAGED",
        422,
        format!("{file} is beschadigd: `{member}` is niet wat er volgens het manifest in staat."),
        format!("{file} is damaged: `{member}` is not what the manifest says"),
    )
    .next("Neem een ander exemplaar of een eerdere back-up.", "take another copy, or an earlier backup")
}

/// A restore broke off in this directory.
pub fn unfinished(staging: &Path) -> Problem {
    let staging = staging.display();
    Problem::new(
        "RESTORE_UNFINISHED",
        409,
        format!("Hier is een herstel afgebroken: {staging} staat er nog, en wat ernaast staat is niet heel."),
        format!("a restore broke off here: {staging} is still there, and what stands beside it is not whole"),
    )
    .next(
        "Begin opnieuw met `verbond restore` in een andere, lege map; verwijder deze.",
        "begin again with `verbond restore` in another, empty directory; remove this one",
    )
}

/// Its keys may not be used any more.
pub fn expired(since: Timestamp) -> Problem {
    let since = rfc_3339(since);
    Problem::new(
        "BACKUP_KEYS_EXPIRED",
        410,
        format!("De sleutels in deze back-up zijn verlopen op {since}; wat sindsdien vernietigd is, mag niet terugkomen."),
        format!("the keys in this backup expired on {since}; what was destroyed since must not come back"),
    )
    .next(
        "Vernietig het bestand. Neem jongere sleutels, of zet de gegevens terug met --without-keys: wat er stond blijft bewijsbaar, maar is niet meer te lezen.",
        "destroy the file. Take younger keys, or restore the data with --without-keys: what stood there stays provable, and can no longer be read",
    )
}

/// The keys are of another node, or of before the data.
pub fn keys_do_not_fit(reason_nl: &str, reason_en: &str) -> Problem {
    Problem::new(
        "BACKUP_KEYS_DO_NOT_FIT",
        422,
        format!("Deze sleutels horen niet bij deze gegevens: {reason_nl}."),
        format!("these keys do not belong to this data: {reason_en}"),
    )
    .next(
        "Neem de sleutels van dezelfde back-up, of van een latere van hetzelfde knooppunt.",
        "take the keys of the same backup, or of a later one of the same node",
    )
}

/// A later version of the program made it.
pub fn newer(found: i64, known: i64) -> Problem {
    Problem::new(
        "BACKUP_NEWER",
        422,
        format!("De back-up is van een latere versie van het programma (schema {found}; deze versie kent tot {known})."),
        format!("the backup is of a later version of the program (schema {found}; this version knows up to {known})"),
    )
    .next("Neem de versie die haar maakte, of een latere.", "take the version that made it, or a later one")
}

/// There is a node already.
pub fn not_empty(place: &Path) -> Problem {
    let place = place.display();
    Problem::new(
        "RESTORE_NOT_EMPTY",
        409,
        format!("Er staat al een knooppunt: {place}. Er is niets gewijzigd."),
        format!("there is a node already: {place}. Nothing has been changed"),
    )
    .next(
        "Noem met `--data` een lege map; er mogen wel een verbond.toml, certificaten en key.pem in staan. Zet een oud knooppunt opzij, gooi het niet weg.",
        "name an empty directory with `--data`; a verbond.toml, certificates and key.pem may stand in it. Put an old node aside, do not throw it away",
    )
}

/// The database in which it is to go is used.
pub fn database_not_empty() -> Problem {
    Problem::new(
        "RESTORE_NOT_EMPTY",
        409,
        "De database waar `database` in verbond.toml heen wijst, is niet leeg. Er is niets gewijzigd.",
        "the database that `database` in verbond.toml points to is not empty. Nothing has been changed",
    )
    .next(
        "Maak een lege database, en noem die in verbond.toml voordat u terugzet.",
        "make an empty database, and name it in verbond.toml before you restore",
    )
}

/// It could not be put back.
pub fn not_restored(error: &anyhow::Error) -> Problem {
    Problem::new(
        "NOT_RESTORED",
        500,
        format!("De back-up is niet teruggezet: {error:#}"),
        format!("the backup was not restored: {error:#}"),
    )
    .next(
        "Wat er al stond is weer weg. Herstel de oorzaak en begin opnieuw.",
        "what was put there has been taken away again; mend the cause and begin again",
    )
}
