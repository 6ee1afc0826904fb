//! The trace that a request brings: whatever it says, what goes on is one well-formed field that names our span, and a
//! trace that could be read goes on under its own id.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use verbond_domain::{Ambient, Clock, Entropy, RecordsBy, Timestamp};

#[path = "../../crates/gateway/src/trace.rs"]
mod gateway;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0)
    }
}

impl Entropy for Fixed {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

/// The bytes are the value of `traceparent`.
pub fn trace(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", value);
    let trace =
        gateway::go_on(&mut headers, RecordsBy::Outway, &Ambient::new(Arc::new(Fixed), Arc::new(Fixed)));
    let sent = headers["traceparent"].to_str().unwrap_or_default();
    let parts: Vec<&str> = sent.split('-').collect();
    assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [2, 32, 16, 2], "{sent}");
    assert!(sent.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-')), "{sent}");
    assert_eq!(parts[2], "07".repeat(8));
    if trace.parent_span_id.is_some() {
        assert_eq!(bytes.get(3..35), Some(parts[1].as_bytes()));
    }
}
