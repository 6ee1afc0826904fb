//! Which interface other participants speak beside the group's protocol, as rows.

use std::collections::{BTreeMap, BTreeSet};

use verbond_domain::{ParticipantId, Timestamp};

use crate::{Store, StoreError, Transaction, changes::Changed, records::participant, sql::Sql};

/// What a participant speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// The interface among nodes of this program: it has answered there.
    Verbond,
    /// The group's protocol alone.
    Foreign,
    /// The group's protocol alone, and it takes no properties into a contract.
    ForeignWithoutProperties,
}

impl Interface {
    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verbond => "verbond",
            Self::Foreign => "foreign",
            Self::ForeignWithoutProperties => "foreign_without_properties",
        }
    }

    /// Whether it is the group's protocol alone.
    pub const fn is_foreign(self) -> bool {
        matches!(self, Self::Foreign | Self::ForeignWithoutProperties)
    }

    fn read(word: &str) -> Result<Self, StoreError> {
        [Self::Verbond, Self::Foreign, Self::ForeignWithoutProperties]
            .into_iter()
            .find(|one| one.as_str() == word)
            .ok_or_else(|| StoreError::Damaged(format!("an interface of a participant: {word}")))
    }
}

/// What a participant speaks, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceRow {
    /// The participant.
    pub peer: ParticipantId,
    /// What it speaks.
    pub interface: Interface,
    /// How that was learned, or why somebody said so.
    pub reason: String,
    /// Who learned or said it, as JSON.
    pub author: String,
    /// When.
    pub at: Timestamp,
}

/// peer, interface, reason, author, at_millis.
type InterfaceColumns = (String, String, String, String, i64);

const OF_ONE: &str = "SELECT peer, interface, reason, author, at_millis FROM peer_interface WHERE peer = $1";
const FOREIGN: &str =
    "SELECT peer FROM peer_interface WHERE interface IN ('foreign', 'foreign_without_properties')";

impl Store {
    /// What a participant speaks; `None` if it has not been asked.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn peer_interface(&self, peer: &ParticipantId) -> Result<Option<InterfaceRow>, StoreError> {
        self.inner.pools.row::<InterfaceColumns>(Sql::new(OF_ONE).bind(peer)).await?.map(row).transpose()
    }

    /// What participants speak, of those that have been asked.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn peer_interfaces(&self) -> Result<BTreeMap<ParticipantId, Interface>, StoreError> {
        let sql = Sql::new("SELECT peer, interface FROM peer_interface");
        let rows = self.inner.pools.rows::<(String, String)>(sql).await?;
        rows.iter().map(|(peer, word)| Ok((participant(peer)?, Interface::read(word)?))).collect()
    }

    /// The participants that take part over the group's protocol alone.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn foreign_peers(&self) -> Result<BTreeSet<ParticipantId>, StoreError> {
        let rows = self.inner.pools.rows::<(String,)>(Sql::new(FOREIGN)).await?;
        rows.iter().map(|(peer,)| participant(peer)).collect()
    }
}

impl Transaction {
    /// As [`Store::peer_interface`], inside this transaction (PostgreSQL: locks the row).
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn lock_peer_interface(
        &mut self,
        peer: &ParticipantId,
    ) -> Result<Option<InterfaceRow>, StoreError> {
        let mut sql = Sql::new(OF_ONE).bind(peer);
        let connection = self.connection()?;
        connection.dialect().lock_rows(&mut sql);
        let found = connection.rows::<InterfaceColumns>(sql).await;
        self.noting_failure(found)?.into_iter().next().map(row).transpose()
    }

    /// As [`Store::foreign_peers`], inside this transaction.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Database`].
    pub async fn foreign_peers(&mut self) -> Result<BTreeSet<ParticipantId>, StoreError> {
        let found = self.connection()?.rows::<(String,)>(Sql::new(FOREIGN)).await;
        self.noting_failure(found)?.iter().map(|(peer,)| participant(peer)).collect()
    }

    /// Writes what a participant speaks, in the place of what was known. Raises the generation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn put_peer_interface(&mut self, row: &InterfaceRow) -> Result<(), StoreError> {
        let sql = Sql::new(
            "INSERT INTO peer_interface (peer, interface, reason, author, at_millis) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (peer) DO UPDATE SET interface = excluded.interface, reason = excluded.reason, \
             author = excluded.author, at_millis = excluded.at_millis",
        );
        let sql = sql.bind(&row.peer).bind(row.interface.as_str()).bind(&row.reason);
        self.execute(sql.bind(&row.author).bind(row.at)).await?;
        self.changes(Changed::Other);
        Ok(())
    }
}

fn row((peer, interface, reason, author, at): InterfaceColumns) -> Result<InterfaceRow, StoreError> {
    Ok(InterfaceRow {
        peer: participant(&peer)?,
        interface: Interface::read(&interface)?,
        reason,
        author,
        at: Timestamp::from_millis(at),
    })
}
