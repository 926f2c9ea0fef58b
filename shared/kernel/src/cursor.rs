//! The opaque `cursor` of a list: where the next page starts, signed so that a client can neither make one up nor
//! carry one over to another tenant or another query.
//!
//! Signed, not encrypted: a patient client can read the payload, so it holds nothing but key values of the caller's
//! own rows. A cursor does not expire; after the secret changed old ones are refused and the client starts again.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::TenantId;

/// Bytes of the tag kept (128 bits, RFC 4868), to keep the query string short.
const TAG_BYTES: usize = 16;
/// A secret shorter than this could be guessed.
const MIN_SECRET_BYTES: usize = 16;
/// Keeps these tags apart from any other use of the same secret, and from a later layout.
const DOMAIN: &[u8] = b"crossdock.cursor.v1";

/// Signs and checks cursors: HMAC-SHA256 over tenant, query and payload.
#[derive(Clone)]
pub struct CursorKey(Hmac<Sha256>);

/// The secret is shorter than 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor secret is shorter than {MIN_SECRET_BYTES} bytes")]
pub struct WeakCursorSecret;

/// The cursor was not made by this key for this tenant and query. It says no more, so that nothing can be probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not valid for this list")]
pub struct InvalidCursor;

impl CursorKey {
    /// Takes any secret of at least 16 bytes.
    pub fn new(secret: &[u8]) -> Result<Self, WeakCursorSecret> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(WeakCursorSecret);
        }
        let mac = Hmac::new_from_slice(secret).map_err(|_| WeakCursorSecret)?;
        Ok(Self(mac))
    }

    /// Makes a cursor, base64url without padding. `query` is whatever must be the same for the next page: the route
    /// and its filters, not the limit.
    #[must_use]
    pub fn seal(&self, tenant: &TenantId, query: &str, payload: &[u8]) -> String {
        let tag = self.mac(tenant, query, payload).finalize().into_bytes();
        let mut bytes = Vec::with_capacity(TAG_BYTES + payload.len());
        bytes.extend(tag.iter().take(TAG_BYTES));
        bytes.extend_from_slice(payload);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Gives back the payload of a cursor sealed with the same tenant and query; compares in constant time.
    pub fn open(&self, tenant: &TenantId, query: &str, cursor: &str) -> Result<Vec<u8>, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| InvalidCursor)?;
        let (tag, payload) = bytes.split_at_checked(TAG_BYTES).ok_or(InvalidCursor)?;
        self.mac(tenant, query, payload).verify_truncated_left(tag).map_err(|_| InvalidCursor)?;
        Ok(payload.to_vec())
    }

    fn mac(&self, tenant: &TenantId, query: &str, payload: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in [DOMAIN, tenant.as_str().as_bytes(), query.as_bytes(), payload] {
            // No slice is longer than u64::MAX bytes.
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef";

    fn key() -> CursorKey {
        CursorKey::new(SECRET).unwrap()
    }

    fn tenant() -> TenantId {
        "acme.production".parse().unwrap()
    }

    #[test]
    fn layout_is_pinned() {
        // Computed outside with another HMAC: cursors in clients' hands must stay valid over a deployment.
        let cursor = key().seal(&tenant(), "orders?status=PENDING", b"after me");
        assert_eq!(cursor, "TMDK6u2gZlT4tXqIEiTl22FmdGVyIG1l");
    }

    #[test]
    fn other_tenant_query_or_secret_is_refused() {
        let cursor = key().seal(&tenant(), "orders", b"x");
        let other_tenant: TenantId = "acme.staging".parse().unwrap();
        let other_key = CursorKey::new(b"0123456789abcdeg").unwrap();
        assert_eq!(key().open(&other_tenant, "orders", &cursor), Err(InvalidCursor));
        assert_eq!(key().open(&tenant(), "books", &cursor), Err(InvalidCursor));
        assert_eq!(other_key.open(&tenant(), "orders", &cursor), Err(InvalidCursor));
        assert_eq!(key().open(&tenant(), "orders", &cursor), Ok(b"x".to_vec()));
    }

    #[test]
    fn text_that_is_no_cursor_is_refused() {
        for text in ["", "A", "AAAA", "not base64!", "AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA==", "é"] {
            assert_eq!(key().open(&tenant(), "orders", text), Err(InvalidCursor), "{text}");
        }
    }

    #[test]
    fn short_secret_is_refused() {
        assert!(CursorKey::new(&SECRET[..15]).is_err());
        assert!(CursorKey::new(b"").is_err());
        assert!(CursorKey::new(&[7; 200]).is_ok());
    }

    #[test]
    fn debug_hides_the_secret() {
        assert_eq!(format!("{:?}", key()), "CursorKey(..)");
    }

    proptest! {
        #[test]
        fn payload_comes_back(query: String, payload: Vec<u8>) {
            let cursor = key().seal(&tenant(), &query, &payload);
            prop_assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')));
            prop_assert_eq!(key().open(&tenant(), &query, &cursor), Ok(payload));
        }

        #[test]
        fn any_changed_character_is_refused(payload: Vec<u8>, at: prop::sample::Index, by in "[A-Za-z0-9_=-]") {
            let cursor = key().seal(&tenant(), "orders", &payload);
            let at = at.index(cursor.len());
            let forged = format!("{}{by}{}", &cursor[..at], &cursor[at + 1..]);
            prop_assume!(forged != cursor);
            prop_assert_eq!(key().open(&tenant(), "orders", &forged), Err(InvalidCursor));
        }

        #[test]
        fn any_flipped_bit_is_refused(payload: Vec<u8>, at: prop::sample::Index, bit in 0..8u8) {
            let mut bytes = URL_SAFE_NO_PAD.decode(key().seal(&tenant(), "orders", &payload)).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let forged = URL_SAFE_NO_PAD.encode(&bytes);
            prop_assert_eq!(key().open(&tenant(), "orders", &forged), Err(InvalidCursor));
        }

        #[test]
        fn any_cut_or_extension_is_refused(payload: Vec<u8>, keep: prop::sample::Index, extra in "[A-Za-z0-9_-]{1,8}") {
            let cursor = key().seal(&tenant(), "orders", &payload);
            let cut = &cursor[..keep.index(cursor.len())];
            prop_assert_eq!(key().open(&tenant(), "orders", cut), Err(InvalidCursor));
            prop_assert_eq!(key().open(&tenant(), "orders", &(cursor + &extra)), Err(InvalidCursor));
        }
    }
}
