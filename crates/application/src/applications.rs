//! The organisation's own applications: how each proves who it is, and which services it may use under which name.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use verbond_domain::{Alias, ApplicationName, Problem, RecordsBy, ServiceClass, ServiceReference};
use verbond_store::applications::{ApplicationRow, BindingRow, Credential};

use crate::{OpContext, context::database_problem, persons::may_declare_open, services::Declaration};

/// How an application will prove who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CredentialDraft {
    /// By being able to open a Unix socket of its own.
    Socket,
    /// By a bearer token, which the node makes and shows once.
    Token,
    /// By a client certificate.
    Certificate {
        /// Lower-case hexadecimal SHA-256 of the certificate.
        thumbprint: String,
    },
}

/// A service that an application is to reach under a readable name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BindingDraft {
    /// The service.
    pub service: ServiceReference,
    /// What the organisation's own steward declares about the service; absent: governed.
    #[serde(default)]
    pub declaration: Option<Declaration>,
    /// Who writes the processing records of what the application asks of it: `outway`, before it hands the answer on, or
    /// `application`, which hands its records in at the outway. Absent: the outway.
    #[serde(default)]
    pub records: RecordsBy,
}

/// All applications with their bindings, by name.
pub async fn list(context: &OpContext) -> Result<Vec<ApplicationRow>, Problem> {
    context.store.applications().await.map_err(database_problem)
}

/// One application.
pub async fn get(context: &OpContext, name: &ApplicationName) -> Result<ApplicationRow, Problem> {
    let found = list(context).await?.into_iter().find(|application| application.name == *name);
    found.ok_or_else(|| unknown(name))
}

/// Adds an application or gives the one of that name another credential; what it may use is left as it is.
/// Returns the token if one was made: it is kept nowhere.
pub async fn put(
    context: &OpContext,
    name: &ApplicationName,
    draft: CredentialDraft,
) -> Result<Option<String>, Problem> {
    let (credential, token) = match draft {
        CredentialDraft::Socket => (Credential::Socket, None),
        CredentialDraft::Token => {
            let token = format!("vbt_{}", URL_SAFE_NO_PAD.encode(context.ambient.random::<32>()));
            (Credential::Token { sha256: sha256(token.as_bytes()) }, Some(token))
        }
        CredentialDraft::Certificate { thumbprint } => {
            (Credential::Certificate { thumbprint: checked_thumbprint(&thumbprint)? }, None)
        }
    };
    let failed = database_problem;
    let mut transaction = context.store.begin().await.map_err(failed)?;
    transaction.put_application(name, &credential).await.map_err(failed)?;
    context.record(&mut transaction, "application.put", name.as_str(), shown(&credential)).await?;
    transaction.commit().await.map_err(failed)?;
    Ok(token)
}

/// Removes an application with everything it may use.
pub async fn remove(context: &OpContext, name: &ApplicationName) -> Result<(), Problem> {
    let failed = database_problem;
    let mut transaction = context.store.begin().await.map_err(failed)?;
    if !transaction.remove_application(name).await.map_err(failed)? {
        return Err(unknown(name));
    }
    context.record(&mut transaction, "application.remove", name.as_str(), json!({})).await?;
    transaction.commit().await.map_err(failed)
}

/// Lets an application use a service under a name, or replaces what that name stood for.
pub async fn bind(
    context: &OpContext,
    name: &ApplicationName,
    alias: &Alias,
    draft: BindingDraft,
) -> Result<BindingRow, Problem> {
    get(context, name).await?;
    let declaration = draft.declaration.map(|declaration| declaration.declare(context)).transpose()?;
    let is_open = declaration.as_ref().is_some_and(|declared| declared.class == ServiceClass::Open);
    if is_open && draft.records == RecordsBy::Application {
        return Err(no_records());
    }
    let binding =
        BindingRow { alias: alias.clone(), service: draft.service, declaration, records: draft.records };
    let failed = database_problem;
    let mut transaction = context.store.begin().await.map_err(failed)?;
    if is_open {
        may_declare_open(context, &mut transaction).await?;
    }
    transaction.put_binding(name, &binding).await.map_err(failed)?;
    let declared = binding.declaration.as_ref();
    let detail = json!({
        "application": name,
        "service": binding.service.to_string(),
        "class": declared.map(|declaration| declaration.class),
        "steward": declared.map(|declaration| &declaration.steward),
        "reason": declared.map(|declaration| &declaration.reason),
        "records": binding.records,
    });
    context.record(&mut transaction, "application.bind", alias.as_str(), detail).await?;
    transaction.commit().await.map_err(failed)?;
    Ok(binding)
}

/// Ends an application's use of a service.
pub async fn unbind(context: &OpContext, name: &ApplicationName, alias: &Alias) -> Result<(), Problem> {
    let failed = database_problem;
    let mut transaction = context.store.begin().await.map_err(failed)?;
    if !transaction.remove_binding(name, alias).await.map_err(failed)? {
        return Err(Problem::new(
            "BINDING_UNKNOWN",
            404,
            format!("De applicatie `{name}` heeft geen dienst onder de naam `{alias}`."),
            format!("the application `{name}` has no service under the name `{alias}`"),
        )
        .next("Bekijk `verbond application list`.", "see `verbond application list`"));
    }
    context
        .record(&mut transaction, "application.unbind", alias.as_str(), json!({ "application": name }))
        .await?;
    transaction.commit().await.map_err(failed)
}

/// The credential without its secret, for the journal.
fn shown(credential: &Credential) -> Value {
    match credential {
        Credential::Socket => json!({ "credential": "socket" }),
        Credential::Token { .. } => json!({ "credential": "token" }),
        Credential::Certificate { thumbprint } => {
            json!({ "credential": "certificate", "thumbprint": thumbprint })
        }
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut result = [0; 32];
    result.copy_from_slice(digest.as_ref());
    result
}

fn checked_thumbprint(text: &str) -> Result<String, Problem> {
    let text: String =
        text.chars().filter(|character| *character != ':').collect::<String>().to_ascii_lowercase();
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text);
    }
    Err(Problem::new(
        "THUMBPRINT_UNUSABLE",
        400,
        "Een vingerafdruk van een certificaat heeft 64 hexadecimale cijfers (SHA-256).",
        "a certificate's thumbprint has 64 hexadecimal digits (SHA-256)",
    )
    .next(
        "Geef het certificaat zelf: `verbond application add NAAM --certificate BESTAND`.",
        "give the certificate itself: `verbond application add NAME --certificate FILE`",
    ))
}

fn no_records() -> Problem {
    Problem::new(
        "OPEN_SERVICE_HAS_NO_RECORDS",
        422,
        "Van een open dienst zijn er geen verwerkingen: zij bevat niets persoonlijks.",
        "an open service has no processing records: it holds nothing personal",
    )
    .next(
        "Laat `records` weg, of verklaar de dienst niet open.",
        "leave out `records`, or do not declare the service open",
    )
}

fn unknown(name: &ApplicationName) -> Problem {
    Problem::new(
        "APPLICATION_UNKNOWN",
        404,
        format!("Er is geen applicatie `{name}`."),
        format!("there is no application `{name}`"),
    )
    .next(
        format!("Voeg haar toe met `verbond application add {name} --token`."),
        format!("add it with `verbond application add {name} --token`"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_is_read_with_or_without_colons() {
        let plain = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(checked_thumbprint(&colons).ok(), Some(plain.clone()));
        assert_eq!(checked_thumbprint(&plain).ok(), Some(plain));
        for text in ["", "zz", &"a".repeat(63)] {
            assert!(checked_thumbprint(text).is_err(), "{text:?}");
        }
    }
}
