//! W3C Trace Context: a trace is gone on with where the request brings one, else begun; never sampled, since what is
//! written down is written down of each exchange.

use std::fmt::Write;

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue};
use verbond_domain::{Ambient, RecordsBy};
use verbond_policy::{SpanId, Trace, TraceId};

pub(crate) static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Characters of the field.
const LENGTH: usize = 55;

/// The trace that the request is part of, with a span for the decision on it. What goes on to the next party names as its parent
/// the span of this party's processing record: that span, or where the application writes the record, the one that it came with.
pub(crate) fn go_on(headers: &mut HeaderMap, records: RecordsBy, ambient: &Ambient) -> Trace {
    let mut values = headers.get_all(&TRACEPARENT).iter();
    let brought = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().and_then(parse),
        _ => None,
    };
    let span_id = SpanId(ambient.random());
    let (trace, flags) = match brought {
        Some((trace_id, parent, flags)) => {
            (Trace { trace_id: TraceId(trace_id), span_id, parent_span_id: Some(SpanId(parent)) }, flags)
        }
        None => {
            headers.remove(&TRACESTATE);
            (Trace { trace_id: TraceId(ambient.random()), span_id, parent_span_id: None }, 0)
        }
    };
    let span = trace.parent_span_id.filter(|_| records == RecordsBy::Application).unwrap_or(span_id);
    if let Some(value) = written(trace.trace_id, span, flags) {
        headers.insert(TRACEPARENT.clone(), value);
    }
    trace
}

/// The field as Trace Context §3.2 writes it.
fn written(trace: TraceId, span: SpanId, flags: u8) -> Option<HeaderValue> {
    let mut text = BytesMut::with_capacity(LENGTH);
    write!(text, "00-{trace}-{span}-{flags:02x}").ok()?;
    HeaderValue::from_maybe_shared(text.freeze()).ok()
}

/// `00-<trace>-<parent>-<flags>` (Trace Context §3.2); a later version may have more behind it.
fn parse(text: &str) -> Option<([u8; 16], [u8; 8], u8)> {
    let mut parts = text.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let [version] = bytes::<1>(version)?;
    if version == 0xff || (version == 0 && parts.next().is_some()) {
        return None;
    }
    let (trace, parent, [flags]) = (bytes::<16>(trace)?, bytes::<8>(parent)?, bytes::<1>(flags)?);
    (trace != [0; 16] && parent != [0; 8]).then_some((trace, parent, flags))
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let [high, low] = pair else { return None };
        *byte = digit(*high)? * 16 + digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_read_as_the_recommendation_writes_it() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(
            parse(good).is_some_and(|(trace, parent, flags)| (trace[0], parent[7], flags) == (0x4b, 0xb7, 1))
        );
        assert!(parse(&good.replacen("00", "01", 1)).is_some());
        assert!(parse(&format!("{}-more", good.replacen("00", "01", 1))).is_some());
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            &format!("{good}-more"),
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
