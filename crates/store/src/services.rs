//! Data services that this node offers, and classes declared for services elsewhere.

use verbond_domain::{ClassDeclaration, ServiceName};

use crate::{Store, StoreError, Transaction, changes::Changed, sql::Sql};

/// A service that this node offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRow {
    /// Its name.
    pub name: ServiceName,
    /// Base URL of the source behind it.
    pub upstream: String,
    /// `http1` or `http2` between outway and inway.
    pub protocol: String,
    /// The class, who declared it, why.
    pub declaration: ClassDeclaration,
}

/// name, upstream, protocol, declaration.
type ServiceColumns = (String, String, String, String);

impl Store {
    /// All services, by name.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn services(&self) -> Result<Vec<ServiceRow>, StoreError> {
        let sql = Sql::new("SELECT name, upstream, protocol, declaration FROM service ORDER BY name");
        self.inner.pools.rows(sql).await?.into_iter().map(service).collect()
    }

    /// One service.
    ///
    /// # Errors
    /// As [`Store::services`].
    pub async fn service(&self, name: &ServiceName) -> Result<Option<ServiceRow>, StoreError> {
        let sql = Sql::new("SELECT name, upstream, protocol, declaration FROM service WHERE name = $1");
        self.inner.pools.row(sql.bind(name.as_str())).await?.map(service).transpose()
    }
}

impl Transaction {
    /// Adds a service, or replaces the one of that name. Raises the generation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_service(&mut self, service: &ServiceRow) -> Result<(), StoreError> {
        let sql = Sql::new(
            "INSERT INTO service (name, upstream, protocol, declaration) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (name) DO UPDATE SET upstream = excluded.upstream, protocol = excluded.protocol, \
             declaration = excluded.declaration",
        );
        let declaration = write_declaration(&service.declaration)?;
        self.execute(
            sql.bind(service.name.as_str())
                .bind(service.upstream.as_str())
                .bind(service.protocol.as_str())
                .bind(declaration),
        )
        .await?;
        self.changes(Changed::Services);
        Ok(())
    }

    /// Removes a service; false if there was none. Raises the generation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn remove_service(&mut self, name: &ServiceName) -> Result<bool, StoreError> {
        let sql = Sql::new("DELETE FROM service WHERE name = $1");
        let removed = self.execute(sql.bind(name.as_str())).await? > 0;
        self.changes(Changed::Services);
        Ok(removed)
    }
}

fn service((name, upstream, protocol, declaration): ServiceColumns) -> Result<ServiceRow, StoreError> {
    Ok(ServiceRow {
        name: name.parse().map_err(|_| StoreError::damaged("the name of a service"))?,
        upstream,
        protocol,
        declaration: read_declaration(&declaration)?,
    })
}

/// A declaration as it is stored: JSON.
pub(crate) fn write_declaration(declaration: &ClassDeclaration) -> Result<String, StoreError> {
    serde_json::to_string(declaration)
        .map_err(|error| StoreError::Database(format!("a declaration cannot be serialised: {error}")))
}

/// Reads a declaration back.
pub(crate) fn read_declaration(text: &str) -> Result<ClassDeclaration, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::damaged("the class declaration of a service"))
}
