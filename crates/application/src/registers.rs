//! Registers: legal grounds, processing activities, described services, assessments and algorithms. Versioned; what was
//! once written stays readable.

use serde_json::json;
use verbond_agreement::{DocumentError, EntryName, RegisterContent, RegisterKind};
use verbond_domain::{Actor, Problem, Timestamp};
use verbond_store::{StoreError, registers::RegisterRow};

use crate::{
    OpContext,
    context::{database_problem, stated},
    open_class,
};

/// One version of an entry.
#[derive(Clone, Debug)]
pub struct RegisterEntry {
    /// Which register.
    pub register: RegisterKind,
    /// The entry's name.
    pub name: EntryName,
    /// Counts from 1.
    pub version: u32,
    /// What it says.
    pub content: RegisterContent,
    /// Hash over its canonical form.
    pub hash: String,
    /// Who wrote it.
    pub author: Actor,
    /// When.
    pub created_at: Timestamp,
    /// When it ended: withdrawn, or followed by the next version.
    pub ended_at: Option<Timestamp>,
}

impl RegisterEntry {
    pub(crate) fn read(row: RegisterRow) -> Result<Self, StoreError> {
        let damaged = || StoreError::Damaged("an entry of a register".to_owned());
        let register: RegisterKind = row.register.parse().map_err(|_| damaged())?;
        Ok(Self {
            register,
            name: row.name.parse().map_err(|_| damaged())?,
            version: u32::try_from(row.version).map_err(|_| damaged())?,
            content: RegisterContent::parse(register, row.content.as_bytes()).map_err(|_| damaged())?,
            hash: row.hash,
            author: serde_json::from_str(&row.author).map_err(|_| damaged())?,
            created_at: row.created_at,
            ended_at: row.ended_at,
        })
    }
}

/// The newest version of each entry.
pub async fn list(context: &OpContext, register: RegisterKind) -> Result<Vec<RegisterEntry>, Problem> {
    let rows = context.store.register_entries(register.as_str()).await.map_err(database_problem)?;
    rows.into_iter().map(RegisterEntry::read).collect::<Result<_, _>>().map_err(database_problem)
}

/// All versions of an entry, the newest first.
pub async fn versions(
    context: &OpContext,
    register: RegisterKind,
    name: &EntryName,
) -> Result<Vec<RegisterEntry>, Problem> {
    let rows =
        context.store.register_versions(register.as_str(), name.as_str()).await.map_err(database_problem)?;
    if rows.is_empty() {
        return Err(unknown(register, name));
    }
    rows.into_iter().map(RegisterEntry::read).collect::<Result<_, _>>().map_err(database_problem)
}

/// One version of an entry.
pub async fn get(
    context: &OpContext,
    register: RegisterKind,
    name: &EntryName,
    version: u32,
) -> Result<RegisterEntry, Problem> {
    let row = context.store.register_entry(register.as_str(), name.as_str(), version.into()).await;
    let row = row.map_err(database_problem)?.ok_or_else(|| unknown(register, name))?;
    RegisterEntry::read(row).map_err(database_problem)
}

/// Writes an entry, or its next version. The same text once more is the version that stands.
pub async fn put(
    context: &OpContext,
    register: RegisterKind,
    name: &EntryName,
    content: &[u8],
) -> Result<RegisterEntry, Problem> {
    if register == RegisterKind::Service {
        verbond_description::undecided(content)?;
    }
    let content = RegisterContent::parse(register, content).map_err(|error| unreadable(register, &error))?;
    if let RegisterContent::Service(service) = &content {
        open_class::may_be_described(context, service).await?;
    }
    let (bytes, hash) = content.canonical().map_err(|error| unreadable(register, &error))?;
    let (text, hash) = (String::from_utf8_lossy(&bytes).into_owned(), hash.to_string());
    let versions =
        context.store.register_versions(register.as_str(), name.as_str()).await.map_err(database_problem)?;
    if let Some(row) = versions.into_iter().next().filter(|row| row.hash == hash && row.ended_at.is_none()) {
        return RegisterEntry::read(row).map_err(database_problem);
    }
    let author = serde_json::to_string(&context.actor).unwrap_or_default();
    let now = context.ambient.now();
    let mut transaction = context.store.begin().await.map_err(database_problem)?;
    let version = transaction
        .put_register_entry(register.as_str(), name.as_str(), &text, &hash, &author, now)
        .await
        .map_err(database_problem)?;
    let detail = json!({ "version": version, "hash": hash });
    let action = format!("register.{}.put", register.as_str());
    context.record(&mut transaction, &action, name.as_str(), detail).await?;
    transaction.commit().await.map_err(database_problem)?;
    get(context, register, name, u32::try_from(version).unwrap_or(u32::MAX)).await
}

/// Ends an entry: what rests on it may not be offered any more.
pub async fn end(
    context: &OpContext,
    register: RegisterKind,
    name: &EntryName,
    reason: &str,
) -> Result<(), Problem> {
    let reason = stated("reason", reason, 2000)?;
    let now = context.ambient.now();
    let mut transaction = context.store.begin().await.map_err(database_problem)?;
    if !transaction
        .end_register_entry(register.as_str(), name.as_str(), now)
        .await
        .map_err(database_problem)?
    {
        return Err(unknown(register, name));
    }
    let action = format!("register.{}.end", register.as_str());
    context.record(&mut transaction, &action, name.as_str(), json!({ "reason": reason })).await?;
    transaction.commit().await.map_err(database_problem)
}

pub(crate) fn unknown(register: RegisterKind, name: &EntryName) -> Problem {
    let register = register.as_str();
    Problem::new(
        "REGISTER_ENTRY_UNKNOWN",
        404,
        format!("Het register `{register}` heeft geen (lopende) vermelding `{name}`."),
        format!("the register `{register}` has no (running) entry `{name}`"),
    )
    .next(format!("Bekijk `verbond {register} list`."), format!("see `verbond {register} list`"))
}

fn unreadable(register: RegisterKind, error: &DocumentError) -> Problem {
    let register = register.as_str();
    Problem::new(
        "REGISTER_ENTRY_UNREADABLE",
        400,
        format!("De vermelding past niet in het register `{register}`: {error}"),
        format!("the entry does not fit the register `{register}`: {error}"),
    )
    .next(
        "Vergelijk haar met een voorbeeld: `verbond agreement example`.",
        "compare it with an example: `verbond agreement example`",
    )
}
