//! Keys per class and month, under which the content of journal entries is sealed.
//!
//! Salt and payload lie sealed together; the entry's id says where they belong. An entry whose key is gone reads as destroyed.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use verbond_domain::{Ambient, Month};
use verbond_journal::PreparedEntry;
use verbond_trust::{MonthKey, WrappingKey};

use crate::{
    Store, StoreError,
    connection::{Connection, Pools},
    content,
    sql::Sql,
};

/// The id of no key: what was written before there were such keys.
pub(crate) const NOT_SEALED: i64 = 0;

/// Which entries share keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// What is destroyed when its time is over.
    Exchange,
    /// What stays.
    Act,
}

impl Class {
    pub(crate) fn of(kind: &str) -> Self {
        match kind {
            "act" | "witness" => Self::Act,
            _ => Self::Exchange,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Exchange => "exchange",
            Self::Act => "act",
        }
    }
}

/// A key with the id by which entries name it.
#[derive(Clone, Debug)]
pub(crate) struct NamedKey {
    id: i64,
    class: Class,
    month: Month,
    key: Arc<MonthKey>,
}

/// The keys of this process.
pub(crate) struct MonthKeys {
    wrapping: WrappingKey,
    ambient: Ambient,
    known: RwLock<Vec<NamedKey>>,
}

/// Salt and payload.
pub(crate) type Content = (Vec<u8>, Vec<u8>);

/// An entry's content as it lies in the database: key_id, id, salt, payload.
pub(crate) type Lying = (i64, Vec<u8>, Vec<u8>, Vec<u8>);

/// The keys that a batch is sealed under.
pub(crate) struct Sealing(Vec<NamedKey>);

/// The keys that some entries can be opened with.
pub(crate) struct Opening(HashMap<i64, Arc<MonthKey>>);

impl MonthKeys {
    /// Keys wrapped by the wrapping key that is noted in the database, and by no other one. `key` is told whether one is noted: if
    /// none is, it may make one.
    pub(crate) async fn begin(
        pools: &Pools,
        key: impl FnOnce(bool) -> Result<WrappingKey, String>,
        ambient: &Ambient,
    ) -> Result<Self, StoreError> {
        const NOTED: &str = "SELECT proof FROM wrapping_key WHERE id = 1";
        let mut noted = pools.row::<(Vec<u8>,)>(Sql::new(NOTED)).await?;
        let wrapping = key(noted.is_some()).map_err(StoreError::WrappingKey)?;
        if noted.is_none() {
            let proof = wrapping.proof(ambient).map_err(sealing)?;
            let note = Sql::new("INSERT INTO wrapping_key (id, proof) VALUES (1, $1) ON CONFLICT DO NOTHING");
            pools.execute(note.bind(proof.as_slice())).await?;
            // Another process may have been first, with another key.
            noted = pools.row(Sql::new(NOTED)).await?;
        }
        match noted.is_some_and(|(proof,)| wrapping.made(&proof)) {
            true => Ok(Self { wrapping, ambient: ambient.clone(), known: RwLock::default() }),
            false => Err(StoreError::WrappingKey("it is not the one that this database notes".to_owned())),
        }
    }

    /// The keys that these entries are sealed under, made if they are not there yet. No query, but once a month.
    pub(crate) async fn sealing(
        &self,
        pools: &Pools,
        entries: &[PreparedEntry],
    ) -> Result<Sealing, StoreError> {
        let mut sealing = Vec::new();
        for (class, month) in wanted(entries) {
            if let Some(known) = self.known(class, month) {
                sealing.push(known);
                continue;
            }
            let mut row = pools.row::<KeyColumns>(find(class, month)).await?;
            if row.is_none() {
                pools.execute(self.made(class, month)?).await?;
                row = pools.row(find(class, month)).await?;
            }
            let key = self.unwrapped(class, month, row)?;
            self.remember([key.clone()]);
            sealing.push(key);
        }
        Ok(Sealing(sealing))
    }

    /// As [`MonthKeys::sealing`], within an open transaction: to be remembered when it has been committed, and not before.
    pub(crate) async fn sealing_within(
        &self,
        connection: &mut Connection,
        entries: &[PreparedEntry],
    ) -> Result<Sealing, StoreError> {
        let mut sealing = Vec::new();
        for (class, month) in wanted(entries) {
            if let Some(known) = self.known(class, month) {
                sealing.push(known);
                continue;
            }
            let mut row = connection.row::<KeyColumns>(find(class, month)).await?;
            if row.is_none() {
                connection.execute(self.made(class, month)?).await?;
                row = connection.row(find(class, month)).await?;
            }
            sealing.push(self.unwrapped(class, month, row)?);
        }
        Ok(Sealing(sealing))
    }

    /// Keeps keys that are in the database in memory.
    pub(crate) fn remember(&self, keys: impl IntoIterator<Item = NamedKey>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            if !known.iter().any(|other| other.id == key.id) {
                known.push(key);
            }
        }
    }

    /// Forgets all keys: those that are still there are read again.
    pub(crate) fn forget(&self) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn known(&self, class: Class, month: Month) -> Option<NamedKey> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|key| key.class == class && key.month == month).cloned()
    }

    fn with_id(&self, id: i64) -> Option<NamedKey> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|key| key.id == id).cloned()
    }

    fn made(&self, class: Class, month: Month) -> Result<Sql, StoreError> {
        let wrapped = self.wrapping.new_month_key(&purpose(class, month), &self.ambient).map_err(sealing)?;
        // Never used again: what was sealed under a key that is gone must not find another one in its place. Positive.
        let id = (i64::from_be_bytes(self.ambient.random()) & i64::MAX).max(1);
        let sql = Sql::new(
            "INSERT INTO month_key (id, class, month, wrapped) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        );
        Ok(sql.bind(id).bind(class.as_str()).bind(month.number()).bind(wrapped.as_slice()))
    }

    fn unwrapped(&self, class: Class, month: Month, row: Option<KeyColumns>) -> Result<NamedKey, StoreError> {
        let (id, wrapped) = row.ok_or_else(|| StoreError::damaged("a month key has gone"))?;
        let key = self.wrapping.unwrap(&purpose(class, month), &wrapped).map_err(sealing)?;
        Ok(NamedKey { id, class, month, key: Arc::new(key) })
    }
}

impl Store {
    /// The keys of this process; a store that was opened to look at only has none.
    pub(crate) fn month_keys(&self) -> Result<&MonthKeys, StoreError> {
        self.inner.month_keys()
    }

    /// What the keys with these ids open. Those that are gone are not in it.
    pub(crate) async fn opening(&self, ids: Vec<i64>) -> Result<Opening, StoreError> {
        let mut opening = HashMap::new();
        for id in ids {
            if id == NOT_SEALED || opening.contains_key(&id) {
                continue;
            }
            let key = match self.month_keys()?.with_id(id) {
                Some(key) => Some(key),
                None => self.read_key(id).await?,
            };
            if let Some(key) = key {
                opening.insert(id, key.key);
            }
        }
        Ok(Opening(opening))
    }

    async fn read_key(&self, id: i64) -> Result<Option<NamedKey>, StoreError> {
        let sql = Sql::new("SELECT id, wrapped, class, month FROM month_key WHERE id = $1").bind(id);
        type Columns = (i64, Vec<u8>, String, i64);
        let Some((id, wrapped, class, month)) = self.inner.pools.row::<Columns>(sql).await? else {
            return Ok(None);
        };
        let month = Month::from_number(month).ok_or_else(|| StoreError::damaged("the month of a key"))?;
        let key = self.month_keys()?.unwrapped(Class::of(&class), month, Some((id, wrapped)))?;
        self.month_keys()?.remember([key.clone()]);
        Ok(Some(key))
    }
}

impl Sealing {
    /// The id of the entry's key, and its salt and payload sealed under it.
    pub(crate) fn seal(&self, entry: &PreparedEntry) -> Result<(i64, Vec<u8>), StoreError> {
        let (class, month) = belongs(entry);
        let key = self.0.iter().find(|key| key.class == class && key.month == month);
        let key = key.ok_or_else(|| StoreError::damaged("a month key has gone"))?;
        let content = content::packed(&entry.salt, &entry.payload);
        let sealed = key.key.seal(entry.id.0.as_bytes(), entry.nonce, content).map_err(sealing)?;
        Ok((key.id, sealed))
    }

    /// Its keys.
    pub(crate) fn into_keys(self) -> Vec<NamedKey> {
        self.0
    }
}

impl Opening {
    /// Salt and payload of an entry; `None`: they have been destroyed, or their key has.
    pub(crate) fn open(&self, lying: Lying) -> Result<Option<Content>, StoreError> {
        let (key, id, salt, payload) = lying;
        if payload.is_empty() {
            return Ok(None);
        }
        if key == NOT_SEALED {
            return Ok(Some((salt, payload)));
        }
        let Some(key) = self.0.get(&key) else { return Ok(None) };
        content::unpacked(key.open(&id, &payload).map_err(sealing)?).map(Some)
    }

    /// As [`Opening::open`], for whom the salt is of no use: key_id, id, payload.
    pub(crate) fn payload(
        &self,
        key: i64,
        id: &[u8],
        payload: Vec<u8>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.open((key, id.to_vec(), Vec::new(), payload))?.map(|(_, payload)| payload))
    }
}

/// id, wrapped.
type KeyColumns = (i64, Vec<u8>);

fn find(class: Class, month: Month) -> Sql {
    let sql = Sql::new("SELECT id, wrapped FROM month_key WHERE class = $1 AND month = $2");
    sql.bind(class.as_str()).bind(month.number())
}

fn purpose(class: Class, month: Month) -> String {
    format!("verbond month key {} {}", class.as_str(), month.number())
}

fn belongs(entry: &PreparedEntry) -> (Class, Month) {
    (Class::of(entry.kind), Month::of(entry.at))
}

fn wanted(entries: &[PreparedEntry]) -> Vec<(Class, Month)> {
    let mut wanted = Vec::with_capacity(2);
    for entry in entries {
        let belongs = belongs(entry);
        if !wanted.contains(&belongs) {
            wanted.push(belongs);
        }
    }
    wanted
}

fn sealing(error: verbond_trust::SealError) -> StoreError {
    StoreError::Damaged(error.to_string())
}
