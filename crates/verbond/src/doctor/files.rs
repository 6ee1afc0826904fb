//! The data directory, what others may do in it, and what its files say of the clock.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::Finding;
use crate::{
    ambient::{self, timestamp},
    configuration::{Database, Settings},
    node::{pseudonyms, wrapping_key},
    serve,
};

/// Seconds that a file's time may lie ahead of the clock.
const AHEAD: i64 = 5;

/// Looks.
pub fn look(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![directory(&settings.directory), clock(&settings.directory)];
    let mut secrets: Vec<PathBuf> =
        [pseudonyms::FILE, wrapping_key::FILE].map(|file| settings.directory.join(file)).to_vec();
    secrets.push(settings.path(&settings.configuration.identity.key));
    if let Database::File(place) = &settings.configuration.database {
        secrets.push(settings.path(&place.file));
    }
    for access in settings.configuration.own_servers() {
        secrets.extend(access.secrets().map(|path| settings.path(path)));
    }
    let store = settings.configuration.journal.object_store.iter();
    secrets.extend(store.filter_map(|store| Some(settings.path(store.credentials_file.as_ref()?))));
    findings.extend(secrets.iter().filter_map(|path| secret(path)));
    findings.extend(open_files(settings.configuration.limits.connections));
    findings
}

fn open_files(connections: u32) -> Option<Finding> {
    let most = serve::open_files::too_few(connections)?;
    let finding = Finding::warn(
        "open files",
        format!("het systeem staat {most} open bestanden toe; `limits.connections` is {connections}"),
        format!("the system allows {most} open files; `limits.connections` is {connections}"),
    );
    Some(finding.mend(
        "Verhoog `LimitNOFILE` in de dienst, of verlaag `limits.connections`.",
        "raise `LimitNOFILE` in the service, or lower `limits.connections`",
    ))
}

fn directory(path: &Path) -> Finding {
    let place = path.display();
    let mode = match fs::metadata(path) {
        Ok(metadata) => metadata.permissions().mode() & 0o777,
        Err(error) => {
            return Finding::fail("files", format!("{place}: {error}"), format!("{place}: {error}"));
        }
    };
    if mode & 0o022 != 0 {
        return Finding::fail(
            "files",
            format!("anderen mogen schrijven in {place} (rechten {mode:o})"),
            format!("others may write in {place} (mode {mode:o})"),
        )
        .mend(format!("chmod go-w {place}"), format!("chmod go-w {place}"));
    }
    let probe = path.join(".doctor");
    let written = fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe));
    match written {
        Ok(()) => Finding::ok("files", format!("in {place} kan worden geschreven"), format!("{place} can be written")),
        Err(error) => Finding::fail(
            "files",
            format!("in {place} kan niet worden geschreven: {error}"),
            format!("{place} cannot be written: {error}"),
        )
        .mend(
            "Draai als de gebruiker van het knooppunt, met de gegevensmap op een beschrijfbaar bestandssysteem.",
            "run as the node's user, with the data directory on a file system that can be written",
        ),
    }
}

fn secret(path: &Path) -> Option<Finding> {
    let place = path.display();
    // One that is not there is told of by who needs it.
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    Some(match mode & 0o077 {
        0 => Finding::ok(
            "secrets",
            format!("{place} is alleen voor het knooppunt"),
            format!("{place} is for the node only"),
        ),
        _ => Finding::fail(
            "secrets",
            format!("{place} is leesbaar voor anderen (rechten {mode:o})"),
            format!("{place} can be read by others (mode {mode:o})"),
        )
        .mend(format!("chmod 600 {place}"), format!("chmod 600 {place}")),
    })
}

/// A clock that has been set back shows in files that come from the future.
fn clock(directory: &Path) -> Finding {
    let now = ambient::system().now();
    let newest = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some(timestamp(entry.metadata().ok()?.modified().ok()?)))
        .max();
    let ahead = newest.map_or(0, |newest| newest.millis_since(now) / 1000);
    if ahead <= AHEAD {
        return Finding::ok(
            "clock",
            format!("de klok zegt {}", ambient::rfc_3339(now)),
            format!("the clock says {}", ambient::rfc_3339(now)),
        );
    }
    Finding::fail(
        "clock",
        format!(
            "er is {ahead} seconden na nu een bestand geschreven: de klok is teruggezet, of zij was voor"
        ),
        format!("a file was written {ahead} seconds after now: the clock was set back, or was ahead"),
    )
    .mend(
        "Laat de klok door NTP stellen, bijvoorbeeld met `timedatectl set-ntp true`.",
        "let NTP set the clock, for example with `timedatectl set-ntp true`",
    )
}
