//! Which parts of a node one process runs.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use verbond_domain::Problem;
use verbond_store::DatabaseUrl;

use crate::configuration::Configuration;

/// A part of a node that can be a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Contracts, tokens, records for others; with it the public listener.
    Manager,
    /// Requests of others to our sources.
    Inway,
    /// Requests of our applications to others.
    Outway,
}

/// The parts that this process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// The manager.
    pub manager: bool,
    /// The inway.
    pub inway: bool,
    /// The outway.
    pub outway: bool,
    /// Whether other parts of the node run in other processes.
    pub split: bool,
    /// Whether this is the process that is administered for the whole node: the manager's, or in a node without one
    /// the first part's.
    pub leads: bool,
}

impl Roles {
    /// All configured parts, or those asked for, which must be configured.
    pub fn choose(
        asked: &[Role],
        configuration: &Configuration,
        database: &DatabaseUrl,
    ) -> Result<Self, Problem> {
        let configured = [
            (Role::Manager, configuration.manager.is_some()),
            (Role::Inway, configuration.inway.is_some()),
            (Role::Outway, configuration.outway.is_some()),
        ];
        let wanted = |role: Role| asked.is_empty() || asked.contains(&role);
        for (role, is_configured) in configured {
            if !is_configured && asked.contains(&role) {
                return Err(not_configured(role));
            }
        }
        let split = configured.iter().any(|(role, is_configured)| *is_configured && !wanted(*role));
        if split && matches!(database, DatabaseUrl::Sqlite(_)) {
            return Err(split_on_sqlite());
        }
        let runs = |role: Role| configured.contains(&(role, true)) && wanted(role);
        let first = configured.into_iter().find(|(_, is_configured)| *is_configured);
        let leads = first.is_none_or(|(role, _)| wanted(role));
        Ok(Self {
            manager: runs(Role::Manager),
            inway: runs(Role::Inway),
            outway: runs(Role::Outway),
            split,
            leads,
        })
    }

    /// The process's own administration socket: the configured one, or one beside it with the names of its parts.
    pub fn socket(&self, configured: &Path) -> PathBuf {
        if self.leads {
            return configured.to_owned();
        }
        let parts = [("manager", self.manager), ("inway", self.inway), ("outway", self.outway)];
        let parts = parts.into_iter().filter(|(_, runs)| *runs).map(|(name, _)| name);
        let mut name = configured.file_stem().unwrap_or_default().to_owned();
        for part in parts {
            name.push("-");
            name.push(part);
        }
        if let Some(extension) = configured.extension() {
            name.push(".");
            name.push(extension);
        }
        configured.with_file_name(name)
    }
}

fn not_configured(role: Role) -> Problem {
    let role = format!("{role:?}").to_lowercase();
    Problem::new(
        "ROLE_NOT_CONFIGURED",
        400,
        format!("De rol `{role}` staat niet in verbond.toml."),
        format!("the role `{role}` is not in verbond.toml"),
    )
    .next(format!("Voeg een onderdeel [{role}] toe."), format!("add a section [{role}]"))
}

fn split_on_sqlite() -> Problem {
    Problem::new(
        "ROLES_NEED_POSTGRESQL",
        400,
        "Op SQLite draaien alle rollen in één proces: één proces houdt de gegevensmap.",
        "on SQLite all roles run in one process: one process holds the data directory",
    )
    .next(
        "Laat `--roles` weg, of zet de gegevens in PostgreSQL: `database = \"postgres://…\"`.",
        "leave out `--roles`, or put the data in PostgreSQL: `database = \"postgres://…\"`",
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::configuration::Settings;

    fn configuration() -> Result<Configuration, Problem> {
        let text = "profile = 'test'\n[identity]\ncertificate = 'c'\nkey = 'k'\n[group]\ntrust_anchors = ['a']\n\
            [manager]\nlisten = '127.0.0.1:1'\naddress = 'https://a:1'\n[outway]\nlisten = '127.0.0.1:2'\n";
        Ok(Settings::parse(Path::new("/data"), text)?.configuration)
    }

    #[test]
    fn on_sqlite_roles_are_not_split() -> Result<(), Problem> {
        let (configuration, sqlite) = (configuration()?, DatabaseUrl::Sqlite("x".into()));
        let postgres = DatabaseUrl::Postgres("postgres://x/y".to_owned());
        let code = |roles: &[Role], database| {
            Roles::choose(roles, &configuration, database).map_err(|problem| problem.code)
        };
        let all = Roles { manager: true, inway: false, outway: true, split: false, leads: true };
        assert_eq!(code(&[], &sqlite), Ok(all));
        assert_eq!(code(&[Role::Manager, Role::Outway], &sqlite), Ok(all));
        assert_eq!(code(&[Role::Manager], &sqlite), Err("ROLES_NEED_POSTGRESQL"));
        assert_eq!(code(&[Role::Manager], &postgres), Ok(Roles { outway: false, split: true, ..all }));
        assert_eq!(code(&[Role::Inway], &postgres), Err("ROLE_NOT_CONFIGURED"));
        let outway = Roles { manager: false, split: true, leads: false, ..all };
        assert_eq!(code(&[Role::Outway], &postgres), Ok(outway));
        let socket = Path::new("/data/administration.sock");
        assert_eq!(all.socket(socket), socket);
        assert_eq!(outway.socket(socket), Path::new("/data/administration-outway.sock"));
        let gateways = Roles { inway: true, ..outway };
        assert_eq!(gateways.socket(socket), Path::new("/data/administration-inway-outway.sock"));
        Ok(())
    }
}
