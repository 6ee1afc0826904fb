//! Applications that may use the outway, and the services each may use.

use verbond_domain::{Alias, ApplicationName, ClassDeclaration, RecordsBy, ServiceReference};

use crate::{
    Store, StoreError, Transaction,
    changes::Changed,
    cursor::{from_hexadecimal, to_hexadecimal},
    records::participant,
    services::{read_declaration, write_declaration},
    sql::Sql,
};

/// How an application proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Whoever can open the outway's Unix socket for this application (`<socket directory>/<application>.sock`).
    Socket,
    /// A bearer token; only its SHA-256 is kept.
    Token {
        /// SHA-256 of the token.
        sha256: [u8; 32],
    },
    /// A client certificate, by lower-case hexadecimal SHA-256 of the certificate.
    Certificate {
        /// The thumbprint.
        thumbprint: String,
    },
}

/// An application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationRow {
    /// Its name.
    pub name: ApplicationName,
    /// Its credential.
    pub credential: Credential,
    /// What it may use, by alias.
    pub bindings: Vec<BindingRow>,
}

/// A service that an application may use, under a readable name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingRow {
    /// Name in the application's URLs.
    pub alias: Alias,
    /// Which service.
    pub service: ServiceReference,
    /// The class that the consumer's steward has declared; `None`: undeclared, so governed.
    pub declaration: Option<ClassDeclaration>,
    /// Who writes the consumer's processing records of it.
    pub records: RecordsBy,
}

/// name, credential_kind, credential.
type ApplicationColumns = (String, String, String);
/// application, alias, provider, service, declaration, records.
type BindingColumns = (String, String, String, String, Option<String>, String);

impl Store {
    /// All applications with their bindings, by name.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn applications(&self) -> Result<Vec<ApplicationRow>, StoreError> {
        let mut connection = self.inner.pools.begin_read().await?;
        let applications =
            Sql::new("SELECT name, credential_kind, credential FROM application ORDER BY name");
        let applications = connection.rows::<ApplicationColumns>(applications).await?;
        let bindings = Sql::new(
            "SELECT application, alias, provider, service, declaration, records FROM binding \
             ORDER BY application, alias",
        );
        let mut bindings = connection.rows::<BindingColumns>(bindings).await?.into_iter().peekable();
        let mut found = Vec::with_capacity(applications.len());
        for (name, kind, credential) in applications {
            let mut own = Vec::new();
            while let Some(columns) = bindings.next_if(|(application, ..)| *application == name) {
                own.push(binding(&columns)?);
            }
            found.push(ApplicationRow {
                name: name.parse().map_err(|_| StoreError::damaged("the name of an application"))?,
                credential: read_credential(&kind, credential)?,
                bindings: own,
            });
        }
        Ok(found)
    }
}

impl Transaction {
    /// Adds an application or replaces its credential; bindings are left as they are. Raises the generation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_application(
        &mut self,
        name: &ApplicationName,
        credential: &Credential,
    ) -> Result<(), StoreError> {
        let (kind, credential) = match credential {
            Credential::Socket => ("socket", String::new()),
            Credential::Token { sha256 } => ("token", to_hexadecimal(sha256)),
            Credential::Certificate { thumbprint } => ("certificate", thumbprint.clone()),
        };
        let sql = Sql::new(
            "INSERT INTO application (name, credential_kind, credential) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET credential_kind = excluded.credential_kind, \
             credential = excluded.credential",
        );
        self.execute(sql.bind(name.as_str()).bind(kind).bind(credential)).await?;
        self.changes(Changed::Applications);
        Ok(())
    }

    /// Removes an application with its bindings; false if there was none. Raises the generation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn remove_application(&mut self, name: &ApplicationName) -> Result<bool, StoreError> {
        let sql = Sql::new("DELETE FROM application WHERE name = $1");
        let removed = self.execute(sql.bind(name.as_str())).await? > 0;
        self.changes(Changed::Applications);
        Ok(removed)
    }

    /// Adds or replaces a binding. Raises the generation.
    ///
    /// # Errors
    /// [`StoreError::Database`], also when there is no such application.
    pub async fn put_binding(
        &mut self,
        application: &ApplicationName,
        binding: &BindingRow,
    ) -> Result<(), StoreError> {
        let sql = Sql::new(
            "INSERT INTO binding (application, alias, provider, service, declaration, records) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (application, alias) DO UPDATE SET \
             provider = excluded.provider, service = excluded.service, declaration = excluded.declaration, \
             records = excluded.records",
        );
        let declaration = binding.declaration.as_ref().map(write_declaration).transpose()?;
        self.execute(
            sql.bind(application.as_str())
                .bind(binding.alias.as_str())
                .bind(&binding.service.provider)
                .bind(binding.service.name.as_str())
                .bind(declaration)
                .bind(binding.records.as_str()),
        )
        .await?;
        self.changes(Changed::Applications);
        Ok(())
    }

    /// Removes a binding by alias; false if there was none. Raises the generation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn remove_binding(
        &mut self,
        application: &ApplicationName,
        alias: &Alias,
    ) -> Result<bool, StoreError> {
        let sql = Sql::new("DELETE FROM binding WHERE application = $1 AND alias = $2");
        let removed = self.execute(sql.bind(application.as_str()).bind(alias.as_str())).await? > 0;
        self.changes(Changed::Applications);
        Ok(removed)
    }
}

fn read_credential(kind: &str, credential: String) -> Result<Credential, StoreError> {
    match kind {
        "socket" => Ok(Credential::Socket),
        "token" => from_hexadecimal(&credential)
            .and_then(|bytes| bytes.try_into().ok())
            .map(|sha256| Credential::Token { sha256 })
            .ok_or_else(|| StoreError::damaged("the token of an application")),
        "certificate" => Ok(Credential::Certificate { thumbprint: credential }),
        _ => Err(StoreError::damaged("the kind of credential of an application")),
    }
}

fn binding(
    (_, alias, provider, service, declaration, records): &BindingColumns,
) -> Result<BindingRow, StoreError> {
    Ok(BindingRow {
        alias: alias.parse().map_err(|_| StoreError::damaged("the alias of a service"))?,
        service: ServiceReference {
            provider: participant(provider)?,
            name: service.parse().map_err(|_| StoreError::damaged("the name of a service"))?,
        },
        declaration: declaration.as_deref().map(read_declaration).transpose()?,
        records: records.parse().map_err(|_| StoreError::damaged("who writes the records of a service"))?,
    })
}
