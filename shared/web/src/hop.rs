//! What a request that one part of the platform passes on to another is bound to: its method, URL and body, as one line.
//!
//! Whoever passes it on signs the line (`access::Hop`); the authorizer compares the URL, which is all it sees; `runtime`
//! compares the whole line with the request as it arrived, so that an answer the API keeps for a credential opens nothing
//! but the one request. Headers are not bound.

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

/// [`line`], and the hash of the body.
#[must_use]
pub fn bound(method: &str, path: &str, query: &str, body: &[u8]) -> String {
    line(method, path, query) + &hex(&Sha256::digest(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_request_is_bound() {
        let bound_to = bound("GET", "/v1/books", "q=a+b&limit=1", b"");
        assert!(bound_to.starts_with("GET /v1/books?limit=1&q=a+b "));
        assert_eq!(bound("GET", "/v1/books", "limit=1&q=a%20b", b""), bound_to, "encoded otherwise, and the same");
        for other in [
            bound("POST", "/v1/books", "q=a+b&limit=1", b""),
            bound("GET", "/v1/orders", "q=a+b&limit=1", b""),
            bound("GET", "/v1/books", "q=a+b&limit=2", b""),
            bound("GET", "/v1/books", "q=a+b&limit=1&limit=1", b""),
            bound("GET", "/v1/books", "q=a+b&limit=1", b"{}"),
        ] {
            assert_ne!(other, bound_to);
        }
    }
}
