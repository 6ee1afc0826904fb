//! Heads of requests beyond a listener's bound.

use http::{Request, StatusCode};
use verbond_domain::Problem;

/// A head of at most so many bytes is read, whatever the bound, so that its sender is told what is the matter; what is
/// larger yet the HTTP library refuses with a bare 431.
pub(crate) const READ: usize = 128 * 1024;

/// Bytes in the head of a request, as HTTP/1.1 writes it.
pub(crate) fn bytes<B>(request: &Request<B>) -> usize {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let fields = request.headers().iter();
    fields.fold(target, |sum, (name, value)| sum.saturating_add(name.as_str().len() + value.len() + 4))
}

/// The refusal of a head beyond the bound (RFC 6585 §5).
pub fn head_too_large() -> Problem {
    Problem::new(
        "HEAD_TOO_LARGE",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.as_u16(),
        "Het adres en de headers van het verzoek zijn samen te groot; er is niets doorgestuurd.",
        "The request's target and header fields together are too large; nothing was forwarded.",
    )
    .next(
        "Stuur minder of kortere headers; gegevens horen in de inhoud van het verzoek.",
        "Send fewer or shorter header fields; data belongs in the request's body.",
    )
}
