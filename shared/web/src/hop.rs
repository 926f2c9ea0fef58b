//! What a request that one part of the platform passes on to another is bound to: its method, URL and body, and the headers that
//! say whether it may be repeated, as one line.
//!
//! Whoever passes it on signs the line (`access::Hop`); the authorizer compares the URL, which is all it sees; `runtime`
//! compares the whole line with the request as it arrived, so that an answer the API keeps for a credential opens nothing
//! but the one request, and that one again: with the same `Idempotency-Key`, on the same version. Other headers are not bound.

use http::HeaderMap;
use kernel::hex;
use sha2::{Digest, Sha256};

/// `GET /store/v1/books?limit=10&q=moby `: what is known of a request without its body. Parameters are sorted, and encoded
/// in one way, because gateways decode and encode them again.
#[must_use]
pub fn line(method: &str, path: &str, query: &str) -> String {
    let mut pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    pairs.sort();
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{method} {path}?{query} ")
}

/// Without these the same body under another key, or on another version, would be another request.
const REPEATABLE: [&str; 2] = ["idempotency-key", "if-match"];

/// [`line`], the hash of the body and, where there are any, of the headers that a request is repeated by.
#[must_use]
pub fn bound(method: &str, path: &str, query: &str, headers: &HeaderMap, body: &[u8]) -> String {
    let line = line(method, path, query) + &hex(&Sha256::digest(body));
    let mut said = Vec::new();
    for name in REPEATABLE {
        for value in headers.get_all(name) {
            said.extend([name.as_bytes(), b":", value.as_bytes(), b"\n"].concat());
        }
    }
    if said.is_empty() { line } else { format!("{line} {}", hex(&Sha256::digest(said))) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use http::HeaderName;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn every_part_of_a_request_is_bound() {
        let none = HeaderMap::new();
        let bound_to = bound("GET", "/v1/books", "q=a+b&limit=1", &none, b"");
        assert!(bound_to.starts_with("GET /v1/books?limit=1&q=a+b "));
        let same = bound("GET", "/v1/books", "limit=1&q=a%20b", &headers(&[("accept", "text/html")]), b"");
        assert_eq!(same, bound_to, "encoded otherwise, and the same");
        for other in [
            bound("POST", "/v1/books", "q=a+b&limit=1", &none, b""),
            bound("GET", "/v1/orders", "q=a+b&limit=1", &none, b""),
            bound("GET", "/v1/books", "q=a+b&limit=2", &none, b""),
            bound("GET", "/v1/books", "q=a+b&limit=1&limit=1", &none, b""),
            bound("GET", "/v1/books", "q=a+b&limit=1", &none, b"{}"),
        ] {
            assert_ne!(other, bound_to);
        }
    }

    #[test]
    fn the_same_body_under_another_key_or_on_another_version_is_another_request() {
        let bound = |pairs: &[(&'static str, &str)]| bound("POST", "/v1/orders", "", &headers(pairs), b"{}");
        let all = [
            bound(&[]),
            bound(&[("idempotency-key", "a")]),
            bound(&[("idempotency-key", "b")]),
            bound(&[("if-match", "a")]),
            bound(&[("idempotency-key", "a"), ("if-match", "a")]),
            bound(&[("idempotency-key", "a"), ("idempotency-key", "a")]),
        ];
        assert_eq!(BTreeSet::from(all.clone()).len(), all.len());
        let (key, version) = (("idempotency-key", "a"), ("if-match", "*"));
        assert_eq!(bound(&[key, version]), bound(&[version, key]));
    }
}
