//! Whether what the database confirms survives the loss of its machine: what PostgreSQL says of its standbys.

use verbond_store::{
    DatabaseUrl, Store,
    replication::{Replication, Standby},
};

use super::Finding;
use crate::configuration::Settings;

/// What it is called in findings.
const CHECK: &str = "replication";

/// Looks at a PostgreSQL database; SQLite has one copy, and that is all there is to say.
pub async fn copies(settings: &Settings) -> Option<Finding> {
    let url = settings.database().ok().filter(|url| matches!(url, DatabaseUrl::Postgres(_)))?;
    // One that cannot be reached or is not durable is told of by who looks at that.
    let store = Store::open_without_migrating(&url).await.ok()?;
    let replication = store.replication().await;
    store.close().await;
    match replication {
        Ok(replication) => replication.map(|replication| judged(&replication)),
        Err(error) => Some(Finding::fail(CHECK, error.to_string(), error.to_string())),
    }
}

fn judged(replication: &Replication) -> Finding {
    let Replication { synchronous_commit, synchronous_standby_names: names, standbys } = replication;
    let listed = listed(standbys);
    if names.is_empty() && standbys.is_empty() {
        return Finding::ok(
            CHECK,
            "geen standby: er is één exemplaar, en wat daarvan verloren gaat is weg tot de laatste back-up",
            "no standby: there is one copy, and what is lost of it is gone back to the last backup",
        );
    }
    if names.is_empty() {
        return Finding::warn(
            CHECK,
            format!("{listed}: asynchroon. Na een failover kan ontbreken wat al bevestigd was: dat een vastlegging er is voor er een byte vertrekt, geldt dan niet meer"),
            format!("{listed}: asynchronous. After a failover there may be missing what was confirmed already: that a record is there before a byte leaves, does not survive the loss of the primary"),
        )
        .mend(
            "Zet `synchronous_standby_names` (en `synchronous_commit = on`) op de primaire server. Tot dan: na een failover start het knooppunt niet voor het gat is verklaard (`verbond journal continue`).",
            "set `synchronous_standby_names` (and `synchronous_commit = on`) at the primary. Until then: after a failover the node does not start before the gap is declared (`verbond journal continue`)",
        );
    }
    if synchronous_commit == "remote_write" {
        return Finding::warn(
            CHECK,
            format!("{listed}: `synchronous_commit` is remote_write. Wat bevestigd is kan ontbreken als primaire en standby tegelijk stroom verliezen"),
            format!("{listed}: `synchronous_commit` is remote_write. What is confirmed may be missing when primary and standby lose power at once"),
        )
        .mend("Zet `synchronous_commit` op `on`.", "set `synchronous_commit` to `on`");
    }
    let states: Vec<Option<&str>> = standbys.iter().map(|standby| standby.sync_state.as_deref()).collect();
    if states.iter().any(|state| matches!(state, Some("sync" | "quorum"))) {
        return Finding::ok(
            CHECK,
            format!("{listed}: synchroon ({names}); wat bevestigd is staat op twee plaatsen"),
            format!("{listed}: synchronous ({names}); what is confirmed stands in two places"),
        );
    }
    if states.contains(&None) {
        return Finding::warn(
            CHECK,
            format!("{listed}: of zij synchroon zijn mag deze gebruiker niet zien ({names})"),
            format!("{listed}: this user may not see whether they are synchronous ({names})"),
        )
        .mend("GRANT pg_read_all_stats aan de gebruiker.", "GRANT pg_read_all_stats to the user");
    }
    Finding::fail(
        CHECK,
        format!("er is geen synchrone standby van {names}: geen enkele vastlegging wordt bevestigd, dus elke uitwisseling geweigerd"),
        format!("there is no synchronous standby of {names}: no record is confirmed, so every exchange is refused"),
    )
    .mend(
        "Breng de standby terug, of noem een andere in `synchronous_standby_names`.",
        "bring the standby back, or name another in `synchronous_standby_names`",
    )
}

fn listed(standbys: &[Standby]) -> String {
    let names: Vec<&str> = standbys.iter().map(|standby| standby.name.as_str()).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn which_promise_is_lost_is_said() {
        let judge = |commit: &str, names: &str, states: &[Option<&str>]| {
            judged(&Replication {
                synchronous_commit: commit.to_owned(),
                synchronous_standby_names: names.to_owned(),
                standbys: states
                    .iter()
                    .map(|state| Standby { name: "b".to_owned(), sync_state: state.map(str::to_owned) })
                    .collect(),
            })
            .status
        };
        assert_eq!(judge("on", "", &[]), Status::Ok);
        assert_eq!(judge("on", "", &[Some("async")]), Status::Warn);
        assert_eq!(judge("on", "", &[None]), Status::Warn);
        assert_eq!(judge("on", "b", &[Some("sync")]), Status::Ok);
        assert_eq!(judge("remote_apply", "ANY 1 (b, c)", &[Some("quorum"), Some("async")]), Status::Ok);
        assert_eq!(judge("remote_write", "b", &[Some("sync")]), Status::Warn);
        assert_eq!(judge("on", "b", &[None]), Status::Warn);
        assert_eq!(judge("on", "b", &[Some("async")]), Status::Fail);
        assert_eq!(judge("on", "b", &[]), Status::Fail);
    }
}
