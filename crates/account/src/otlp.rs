//! Processing records as OTLP 1.x has spans, in its JSON form (OTLP specification, "JSON Protobuf Encoding"): identifiers in
//! hexadecimal, 64-bit numbers as text. Pure.

use serde::Serialize;
use serde_json::{Map, Value};
use verbond_domain::ParticipantId;
use verbond_journal::{ProcessingAttributes, ProcessingRecord, ProcessingStatus};

/// What the spans are recorded by.
const PROGRAM: &str = "verbond";
const NANOS_PER_MILLI: i128 = 1_000_000;

/// A request to take these records in (`ExportTraceServiceRequest`).
///
/// # Errors
/// None that comes up: it is made of texts and numbers.
pub(crate) fn request<'a>(
    own: &ParticipantId,
    records: impl Iterator<Item = &'a ProcessingRecord>,
) -> Result<Vec<u8>, serde_json::Error> {
    let version = env!("CARGO_PKG_VERSION");
    let own = own.to_string();
    let spans: Vec<_> = records.map(span).collect();
    let resource_spans = (!spans.is_empty()).then(|| ResourceSpans {
        resource: Resource {
            attributes: vec![
                attribute("service.name", PROGRAM),
                attribute("service.version", version),
                attribute("service.namespace", &own),
            ],
        },
        scope_spans: [ScopeSpans { scope: Scope { name: PROGRAM, version }, spans }],
    });
    serde_json::to_vec(&Request { resource_spans: resource_spans.into_iter().collect() })
}

/// How many records an answer says were refused (`ExportTraceServiceResponse`); `None`: it is no such answer, so that nothing says
/// that anything was taken. Members that are not known are to be ignored (OTLP specification).
pub(crate) fn refused(answer: &[u8]) -> Option<u64> {
    let answer: Map<String, Value> = serde_json::from_slice(answer).ok()?;
    let said = match answer.get("partialSuccess") {
        None | Some(Value::Null) => return Some(0),
        Some(said) => said.as_object()?,
    };
    // A 64-bit number is written as text or as a number.
    match said.get("rejectedSpans") {
        None | Some(Value::Null) => Some(0),
        Some(Value::String(number)) => number.parse().ok(),
        Some(number) => number.as_u64(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    resource_spans: Vec<ResourceSpans<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    resource: Resource<'a>,
    scope_spans: [ScopeSpans<'a>; 1],
}

#[derive(Serialize)]
struct Resource<'a> {
    attributes: Vec<Attribute<'a>>,
}

#[derive(Serialize)]
struct ScopeSpans<'a> {
    scope: Scope,
    spans: Vec<Span<'a>>,
}

#[derive(Serialize)]
struct Scope {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Span<'a> {
    trace_id: &'a str,
    span_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<&'a str>,
    name: &'a str,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Vec<Attribute<'a>>,
    status: Status,
}

#[derive(Serialize)]
struct Status {
    code: u8,
}

#[derive(Serialize)]
struct Attribute<'a> {
    key: &'static str,
    value: Text<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Text<'a> {
    string_value: &'a str,
}

const fn attribute<'a>(key: &'static str, value: &'a str) -> Attribute<'a> {
    Attribute { key, value: Text { string_value: value } }
}

fn span(record: &ProcessingRecord) -> Span<'_> {
    let ProcessingRecord {
        trace_id,
        span_id,
        parent_span_id,
        status,
        name,
        start_time,
        end_time,
        attributes,
    } = record;
    let ProcessingAttributes { activity, data_subject, data_subject_type, foreign_processor } = attributes;
    let mut written = vec![attribute("dpl.core.processing_activity_id", activity)];
    for (key, value) in [
        ("dpl.core.data_subject_id", data_subject.as_deref()),
        ("dpl.core.data_subject_id_type", data_subject_type.as_deref()),
        ("dpl.core.foreign_operation.processor", foreign_processor.as_deref()),
    ] {
        written.extend(value.map(|value| attribute(key, value)));
    }
    Span {
        trace_id,
        span_id,
        parent_span_id: parent_span_id.as_deref(),
        name,
        start_time_unix_nano: nanos(*start_time),
        end_time_unix_nano: nanos(*end_time),
        attributes: written,
        status: Status {
            code: match status {
                ProcessingStatus::Unset => 0,
                ProcessingStatus::Ok => 1,
                ProcessingStatus::Error => 2,
            },
        },
    }
}

fn nanos(millis: i64) -> String {
    (i128::from(millis).max(0) * NANOS_PER_MILLI).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn a_record_is_written_as_the_specification_writes_spans() -> Outcome {
        let record: ProcessingRecord = serde_json::from_value(json!({
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7", "status": "Unset",
            "name": "incomes: income-of-person", "start_time": 1_796_731_200_001_i64, "end_time": 1_796_731_200_002_i64,
            "attributes": { "dpl.core.processing_activity_id": "https://a.test/1", "dpl.core.data_subject_id": "v1.AA",
                "dpl.core.data_subject_id_type": "national_number" },
        }))?;
        let written: Value =
            serde_json::from_slice(&request(&"oin:00000099000000010000".parse()?, [&record].into_iter())?)?;
        let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
        let version = env!("CARGO_PKG_VERSION");
        let expected = json!({ "resourceSpans": [{
            "resource": { "attributes": [text("service.name", "verbond"), text("service.version", version),
                text("service.namespace", "oin:00000099000000010000")] },
            "scopeSpans": [{ "scope": { "name": "verbond", "version": version }, "spans": [{
                "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7",
                "name": "incomes: income-of-person",
                "startTimeUnixNano": "1796731200001000000", "endTimeUnixNano": "1796731200002000000",
                "attributes": [text("dpl.core.processing_activity_id", "https://a.test/1"),
                    text("dpl.core.data_subject_id", "v1.AA"), text("dpl.core.data_subject_id_type", "national_number")],
                "status": { "code": 0 },
            }] }],
        }] });
        assert_eq!(written, expected);
        let nothing = request(&"oin:00000099000000010000".parse()?, std::iter::empty())?;
        assert_eq!(nothing, br#"{"resourceSpans":[]}"#);
        Ok(())
    }

    #[test]
    fn an_answer_says_how_many_were_refused_or_is_none() {
        for (answer, expected) in [
            ("{}", Some(0)),
            (r#"{"partialSuccess":{}}"#, Some(0)),
            (r#"{"partialSuccess":null}"#, Some(0)),
            (r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}"#, Some(3)),
            (r#"{"partialSuccess":{"rejectedSpans":3},"more":1}"#, Some(3)),
            (r#"{"partialSuccess":{"errorMessage":"a warning"}}"#, Some(0)),
            (r#"{"partialSuccess":{"rejectedSpans":-1}}"#, None),
            (r#"{"partialSuccess":{"rejectedSpans":"many"}}"#, None),
            ("", None),
            ("[]", None),
            (r#"{"partialSuccess":[]}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(refused(answer.as_bytes()), expected, "{answer}");
        }
    }
}
