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

/// Names that only the gateway itself may put on a request. Sources that see fields as variables (CGI, RFC 3875
/// §4.1.18, and its heirs) cannot tell `_` from `-`, so a name is reserved in every such spelling.
pub(crate) struct Reserved {
    names: Vec<HeaderName>,
    /// Reserved in every other spelling than this.
    kept: &'static [HeaderName],
}

impl Reserved {
    /// Takes these names off, in a head or in trailers.
    pub(crate) fn strip(&self, headers: &mut HeaderMap) {
        strip(headers, self.names.iter(), self.kept);
    }
}

/// Takes names off in every spelling, and what is kept in every other spelling than its own.
fn strip<'a>(
    headers: &mut HeaderMap,
    names: impl Iterator<Item = &'a HeaderName> + Clone,
    kept: &'static [HeaderName],
) {
    for name in names.clone() {
        headers.remove(name);
    }
    let is_reserved = |name: &HeaderName| {
        names.clone().chain(kept).any(|reserved| is_alike(reserved, name)) && !kept.contains(name)
    };
    // Most messages have no other spelling of anything.
    if headers.keys().any(is_reserved) {
        let alike: Vec<HeaderName> = headers.keys().filter(|name| is_reserved(name)).cloned().collect();
        for name in alike {
            headers.remove(name);
        }
    }
}

fn is_alike(reserved: &HeaderName, name: &HeaderName) -> bool {
    let (reserved, name) = (reserved.as_str(), name.as_str());
    let folded = |byte: u8| if byte == b'_' { b'-' } else { byte };
    reserved.len() == name.len() && reserved.bytes().map(folded).eq(name.bytes().map(folded))
}

/// Takes a field off, in every spelling that a reader of variables takes for it; gives the value under its own name.
pub(crate) fn take(headers: &mut HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let value = headers.remove(name);
    strip(headers, std::iter::once(name), &[]);
    value
}

/// Takes fields off, in every such spelling.
pub(crate) fn take_all(headers: &mut HeaderMap, names: &[&HeaderName]) {
    strip(headers, names.iter().copied(), &[]);
}

/// Applies what a face asks, and says which names must not come in trailers either.
pub(crate) fn apply(headers: &mut HeaderMap, changes: HeaderChanges) -> Reserved {
    let names = changes.remove.iter().chain(changes.set.iter().map(|(name, _)| name));
    let reserved = Reserved { names: names.cloned().collect(), kept: changes.keep };
    reserved.strip(headers);
    for (name, value) in changes.set {
        headers.insert(name, value);
    }
    reserved
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
    fn what_is_kept_stays_in_its_own_spelling_only() {
        static KEPT: [HeaderName; 1] = [HeaderName::from_static("x-two-words")];
        let mut headers = map(&[("x-two-words", "a"), ("x_two_words", "b"), ("x-two_words", "c")]);
        apply(&mut headers, HeaderChanges { keep: &KEPT, ..HeaderChanges::default() });
        assert_eq!(headers, map(&[("x-two-words", "a")]));
    }

    #[test]
    fn a_face_replaces_what_a_caller_sent() {
        static FORGED: [HeaderName; 1] = [HeaderName::from_static("x-peer")];
        let mut headers =
            map(&[("x-peer", "forged"), ("x_peer", "forged"), ("x-id", "a"), ("x-id", "b"), ("x_id", "c")]);
        headers.append("x_other", HeaderValue::from_static("stays"));
        let set = vec![(HeaderName::from_static("x-id"), HeaderValue::from_static("c"))];
        let reserved = apply(&mut headers, HeaderChanges { remove: &FORGED, keep: &[], set });
        assert_eq!(headers, map(&[("x-id", "c"), ("x_other", "stays")]));
        let mut trailers = map(&[("x-peer", "forged"), ("x_id", "forged"), ("x-sum", "42")]);
        reserved.strip(&mut trailers);
        assert_eq!(trailers, map(&[("x-sum", "42")]));
    }
}
