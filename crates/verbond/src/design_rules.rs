//! What the NLGov REST API Design Rules 2.1 ask of every API of this program's own: header fields of each answer, and
//! what its OpenAPI description says of them.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use serde_json::{Value, json};

/// The version of the APIs (/core/semver); all are released together.
const VERSION: &str = "1.0.0";

/// /core/version-header and /core/transport/security-headers. There is no cross-origin field: nobody's page may ask.
static FIELDS: [(HeaderName, HeaderValue); 6] = [
    (HeaderName::from_static("api-version"), HeaderValue::from_static(VERSION)),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors 'none'")),
    (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];

/// Puts the fields on an answer.
pub async fn fields(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in &FIELDS {
        // What everybody may read says itself how it may be kept.
        if *name != header::CACHE_CONTROL || !response.headers().contains_key(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// Adds to an OpenAPI description what holds everywhere: the version's header field, the answer to invalid input
/// (/core/error-handling/invalid-input), and the format of moments (/core/date-time/format).
pub fn describe(mut description: Value) -> Value {
    let schemas = description.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    let members = schemas
        .into_iter()
        .flat_map(|schemas| schemas.values_mut())
        .filter_map(|schema| schema.get_mut("properties").and_then(Value::as_object_mut))
        .flatten();
    for (name, member) in members {
        let is_text = member.get("type").is_some_and(|kind| kind.to_string().contains("string"));
        if let Some(member) = member.as_object_mut()
            && is_text
            && (name.ends_with("_at") || name.ends_with("_until"))
        {
            member.insert("format".to_owned(), "date-time".into());
        }
    }
    let paths = description.get_mut("paths").and_then(Value::as_object_mut);
    let operations = paths.into_iter().flatten().filter_map(|(_, path)| path.as_object_mut()).flatten();
    for (method, operation) in operations {
        let takes_input = matches!(method.as_str(), "put" | "post") || operation.get("parameters").is_some();
        let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { continue };
        if let Some(refusal) = responses.get("default").filter(|_| takes_input).cloned() {
            responses.entry("400").or_insert(refusal);
        }
        for response in responses.values_mut().filter_map(Value::as_object_mut) {
            let field = json!({
                "description": "version of this API",
                "schema": { "type": "string", "example": VERSION },
            });
            response.insert("headers".to_owned(), json!({ "API-Version": field }));
        }
    }
    description
}
