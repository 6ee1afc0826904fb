//! The data services that this node offers: added with a class, looked at, removed.

use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;
use utoipa::ToSchema;
use verbond_domain::{ClassDeclaration, Problem, ServiceClass, ServiceName};
use verbond_store::services::ServiceRow;

use crate::{
    OpContext, class_questions,
    context::{database_problem, stated},
    open_class,
    persons::may_declare_open,
};

/// A steward's statement about the class of a service, as given; node and time are added when it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// `open`: holds no personal or confidential data; `governed`: answers only under an agreement.
    pub class: ServiceClass,
    /// Name of the steward who answers for this; visible to others.
    pub steward: String,
    /// Why, in the steward's words; visible to others.
    pub reason: String,
}

impl Declaration {
    /// Completes the statement with its author and moment.
    pub(crate) fn declare(self, context: &OpContext) -> Result<ClassDeclaration, Problem> {
        Ok(ClassDeclaration {
            class: self.class,
            steward: stated("steward", &self.steward, 200)?,
            reason: stated("reason", &self.reason, 2000)?,
            declared_at: context.ambient.now(),
            declared_by: context.actor.clone(),
        })
    }
}

/// Protocol between outway and inway for one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServiceProtocol {
    /// HTTP/1.1
    #[default]
    Http1,
    /// HTTP/2
    Http2,
}

impl ServiceProtocol {
    /// The protocol as one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http1 => "http1",
            Self::Http2 => "http2",
        }
    }
}

/// A service as it is to be.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceDraft {
    /// Base URL of the source: `http://` or `https://`, host, port and path; no query, no credentials.
    pub upstream: String,
    /// Protocol between outway and inway.
    #[serde(default)]
    pub protocol: ServiceProtocol,
    /// `open`: holds no personal or confidential data; `governed`: answers only under an agreement.
    pub class: ServiceClass,
    /// Name of the steward who answers for the class; visible to others.
    pub steward: String,
    /// Why, in the steward's words; visible to others.
    pub reason: String,
    /// An answer of the source, as a sample: looked at for what is personal where the class is `open`, and kept nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub sample: Option<serde_json::Value>,
}

/// All services, by name.
pub async fn list(context: &OpContext) -> Result<Vec<ServiceRow>, Problem> {
    context.store.services().await.map_err(database_problem)
}

/// One service.
pub async fn get(context: &OpContext, name: &ServiceName) -> Result<ServiceRow, Problem> {
    let found = context.store.service(name).await.map_err(database_problem)?;
    found.ok_or_else(|| unknown(name))
}

/// Adds the service, or replaces the one of that name. The class and its reasons go into the journal.
pub async fn put(
    context: &OpContext,
    name: &ServiceName,
    draft: ServiceDraft,
) -> Result<ServiceRow, Problem> {
    let ServiceDraft { class, steward, reason, sample, .. } = draft;
    if class == ServiceClass::Open {
        open_class::may_be_open(context, name, sample.as_ref()).await?;
    }
    let row = ServiceRow {
        name: name.clone(),
        upstream: upstream(&draft.upstream)?,
        protocol: draft.protocol.as_str().to_owned(),
        declaration: Declaration { class, steward, reason }.declare(context)?,
    };
    let failed = database_problem;
    let mut transaction = context.store.begin().await.map_err(failed)?;
    if row.declaration.class == ServiceClass::Open {
        may_declare_open(context, &mut transaction).await?;
        class_questions::may_be_open(&mut transaction, name).await?;
    }
    transaction.put_service(&row).await.map_err(failed)?;
    let detail = json!({
        "upstream": row.upstream,
        "protocol": row.protocol,
        "class": row.declaration.class,
        "steward": row.declaration.steward,
        "reason": row.declaration.reason,
    });
    context.record(&mut transaction, "service.put", name.as_str(), detail).await?;
    transaction.commit().await.map_err(failed)?;
    Ok(row)
}

/// Removes the service: from then on its inway answers that it is not there. Contracts about it are left standing.
pub async fn remove(context: &OpContext, name: &ServiceName) -> Result<(), Problem> {
    let failed = database_problem;
    let mut transaction = context.store.begin().await.map_err(failed)?;
    if !transaction.remove_service(name).await.map_err(failed)? {
        return Err(unknown(name));
    }
    context.record(&mut transaction, "service.remove", name.as_str(), json!({})).await?;
    transaction.commit().await.map_err(failed)
}

fn unknown(name: &ServiceName) -> Problem {
    Problem::new(
        "SERVICE_UNKNOWN",
        404,
        format!("Dit knooppunt biedt geen gegevensdienst `{name}` aan."),
        format!("this node offers no service `{name}`"),
    )
    .next("Bekijk `verbond service list`.", "see `verbond service list`")
}

fn upstream(text: &str) -> Result<String, Problem> {
    let usable = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some_and(|host| !host.is_empty())
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    };
    // The parser forgives `http:host` and white space; the source's address is read strictly.
    let strict = text.len() <= 2000 && text.contains("://") && !text.contains(char::is_whitespace);
    match Url::parse(text) {
        Ok(url) if strict && usable(&url) => Ok(url.to_string()),
        _ => Err(Problem::new(
            "UPSTREAM_UNUSABLE",
            400,
            "`upstream` is geen adres van een bron.",
            "`upstream` is not the address of a source",
        )
        .next(
            "Schrijf `http://host:poort/pad`, zonder wachtwoord, vraagteken of hekje.",
            "write `http://host:port/path`, without password, question mark or number sign",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_plain_address_of_a_source_is_taken() {
        assert_eq!(upstream("http://127.0.0.1:8080").ok().as_deref(), Some("http://127.0.0.1:8080/"));
        assert_eq!(upstream("https://bron.example/api/").ok().as_deref(), Some("https://bron.example/api/"));
        for text in [
            "",
            "bron",
            "ftp://a/",
            "http:a",
            "http://u:p@a/",
            "http://a/?q",
            "http://a/#f",
            "http://a b/",
            "file:///x",
        ] {
            assert!(upstream(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_statement_is_neither_empty_nor_many_lines() {
        assert_eq!(stated("reason", "  public data ", 20).ok().as_deref(), Some("public data"));
        for text in ["", "   ", "a\nb", "far longer than the bound"] {
            assert!(stated("reason", text, 20).is_err(), "{text:?}");
        }
    }
}
