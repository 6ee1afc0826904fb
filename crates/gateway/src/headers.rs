//! Fields that concern one connection only (RFC 9110 §7.6.1), and the changes that a face asks for.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CONNECTION, CONTENT_LENGTH, EXPECT, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING,
        UPGRADE,
    },
};

use crate::HeaderChanges;

static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
static HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// Takes off what concerns the connection that the message came on, fields named in `Connection` included.
/// `TE: trailers` stays, since trailers are forwarded.
fn strip_connection(headers: &mut HeaderMap) {
    // Most messages carry none of them.
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| name.trim().parse().ok())
            .collect();
        for name in named {
            // Framing and addressing are no sender's to hide (RFC 9110 §7.6.1).
            if name != CONTENT_LENGTH && name != http::header::HOST && name != TE {
                headers.remove(name);
            }
        }
        headers.remove(CONNECTION);
    }
    if headers.remove(TRANSFER_ENCODING).is_some() {
        // Both together is a smuggler's tool (RFC 9112 §6.3); the length that counts is that of the body itself.
        headers.remove(CONTENT_LENGTH);
    }
    for name in [&KEEP_ALIVE, &PROXY_CONNECTION, &HTTP2_SETTINGS] {
        headers.remove(name);
    }
    headers.remove(UPGRADE);
    if let Some(value) = headers.remove(TE) {
        let trailers = value
            .to_str()
            .is_ok_and(|text| text.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("trailers")));
        if trailers {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
    }
}

/// Prepares the head of a request for the next connection. `Expect` goes too: the gateway itself answers
/// `100 Continue`, when the body is first asked for, and that is after the record.
pub(crate) fn strip_request(headers: &mut HeaderMap) {
    strip_connection(headers);
    headers.remove(EXPECT);
    headers.remove(PROXY_AUTHORIZATION);
}

/// Prepares the head of a response for the next connection.
pub(crate) fn strip_response(headers: &mut HeaderMap) {
    strip_connection(headers);
    headers.remove(PROXY_AUTHENTICATE);
}

/// Applies what a face asks.
pub(crate) fn apply(headers: &mut HeaderMap, changes: HeaderChanges) {
    for name in changes.remove {
        headers.remove(name);
    }
    for (name, value) in changes.set {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn what_concerns_one_connection_is_taken_off() {
        let mut headers = map(&[
            ("connection", "close, X-Hop"),
            ("connection", "x-other"),
            ("x-hop", "1"),
            ("x-other", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "gzip, trailers"),
            ("transfer-encoding", "chunked"),
            ("content-length", "5"),
            ("upgrade", "h2c"),
            ("expect", "100-continue"),
            ("accept", "text/plain"),
            ("trailer", "x-sum"),
        ]);
        strip_request(&mut headers);
        assert_eq!(headers, map(&[("te", "trailers"), ("accept", "text/plain"), ("trailer", "x-sum")]));
    }

    #[test]
    fn length_and_host_cannot_be_hidden_by_naming_them() {
        let mut headers =
            map(&[("connection", "content-length, host"), ("content-length", "5"), ("host", "a")]);
        strip_request(&mut headers);
        assert_eq!(headers, map(&[("content-length", "5"), ("host", "a")]));
    }

    #[test]
    fn a_face_replaces_what_a_caller_sent() {
        static FORGED: [HeaderName; 1] = [HeaderName::from_static("x-peer")];
        let mut headers = map(&[("x-peer", "forged"), ("x-id", "a"), ("x-id", "b")]);
        let set = vec![(HeaderName::from_static("x-id"), HeaderValue::from_static("c"))];
        apply(&mut headers, HeaderChanges { remove: &FORGED, set });
        assert_eq!(headers, map(&[("x-id", "c")]));
    }
}
