//! The node's configuration: typed, parsed and checked whole before a port opens.

mod access;
mod parse;
mod profile;
pub mod schema;
mod types;
mod validation;

use std::path::{Path, PathBuf};

use verbond_domain::Problem;
use verbond_store::DatabaseUrl;

pub use access::Access;
pub use profile::{Directory, Profile};
pub use types::{
    Configuration, Database, DecisionPoint, Export, Inway, Log, LogFormat, ObjectStore, PeerListener, Public,
};

/// Name of the configuration's file in the data directory.
pub const FILE: &str = "verbond.toml";

/// A data directory with the configuration and the group's profile that go with it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The data directory.
    pub directory: PathBuf,
    /// `verbond.toml`.
    pub configuration: Configuration,
    /// The profile with the configuration's overrides in it.
    pub profile: Profile,
}

impl Settings {
    /// Reads and checks the configuration in a data directory.
    pub fn load(directory: &Path) -> Result<Self, Problem> {
        let settings = Self::read(directory)?;
        settings.validate()?;
        Ok(settings)
    }

    /// Reads the configuration without asking whether its parts make sense together.
    pub fn read(directory: &Path) -> Result<Self, Problem> {
        let path = directory.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|error| absent(&path, &error))?;
        Self::parse(directory, &text)
    }

    /// As [`Settings::read`], for a text at hand.
    pub fn parse(directory: &Path, text: &str) -> Result<Self, Problem> {
        let configuration: Configuration = parse::typed(text, FILE)?;
        let mut table: toml::Table = parse::typed(text, FILE)?;
        let overrides = match table.remove("group") {
            Some(toml::Value::Table(overrides)) => overrides,
            _ => toml::Table::new(),
        };
        let profile = Profile::load(&configuration.profile, directory, overrides)?;
        Ok(Self { directory: directory.to_owned(), configuration, profile })
    }

    /// A path of the configuration, taken from the data directory.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.directory.join(path)
    }

    /// Where the administration socket is.
    pub fn administration_socket(&self) -> PathBuf {
        self.path(&self.configuration.administration.socket)
    }

    /// The database, its secret read from its file.
    pub fn database(&self) -> Result<DatabaseUrl, Problem> {
        let url = match &self.configuration.database {
            Database::Url(url) if url == "sqlite" => {
                return Ok(DatabaseUrl::Sqlite(self.directory.join("verbond.sqlite")));
            }
            Database::Url(url) => url.clone(),
            Database::File(place) => {
                let path = self.path(&place.file);
                let text = std::fs::read_to_string(&path).map_err(|error| absent(&path, &error))?;
                text.trim().to_owned()
            }
        };
        validation::postgres_url(&url)?;
        Ok(DatabaseUrl::Postgres(url))
    }
}

fn absent(path: &Path, error: &std::io::Error) -> Problem {
    let path = path.display();
    Problem::new(
        "CONFIGURATION_ABSENT",
        400,
        format!("{path} kan niet worden gelezen: {error}"),
        format!("{path} cannot be read: {error}"),
    )
    .next(
        "Maak een knooppunt met `verbond --data MAP init …`, of noem met `--data` de map waar het al staat.",
        "make a node with `verbond --data DIR init …`, or name with `--data` the directory where it is",
    )
}
