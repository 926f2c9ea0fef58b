//! Hop assertions: the gateway's word, given to the platform's own API, for whom it passes a request on.
//!
//! A signed JWT of a type of its own, so that it is no token at the public door and no token is an assertion. It speaks for
//! one request (`web::hop`), with its key and version, and for half a minute; its id is for the log, because repeating a
//! request with its own assertion does what repeating the request does.

use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use web::BoxError;

use super::{TokenError, Tokens, sign};
use crate::jose::VerifyingKey;

/// Seconds an assertion lives.
pub const HOP_SECONDS: i64 = 30;
/// Clocks of functions may differ by this much, in seconds.
const SKEW: i64 = 5;

const HOP: &str = "hop+jwt";
const AUDIENCE: &str = "crossdock:hop";

/// For whom one request is passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Another for every request: what the log of both sides calls it.
    pub id: String,
    pub principal: String,
    pub role: String,
    /// What of the caller's scopes this request needs.
    pub scope: String,
    /// The request, as `web::hop::bound` has it.
    pub request: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    role: String,
    tenant: TenantId,
    scope: String,
    request: String,
    iat: i64,
    exp: i64,
    jti: String,
}

impl Tokens {
    /// Signs for one request, in the name of the tenant.
    pub async fn hop(&self, tenant: &TenantId, hop: &Hop, now: Timestamp) -> Result<String, TokenError> {
        let keys = self.keyring.keys().await.map_err(TokenError::Keys)?;
        let Hop { id: jti, principal: sub, role, scope, request } = hop.clone();
        let (iss, aud, iat) = (self.issuer.clone(), AUDIENCE.to_owned(), now.as_second());
        let exp = iat + HOP_SECONDS;
        sign(&keys, HOP, &Claims { iss, aud, sub, role, tenant: tenant.clone(), scope, request, iat, exp, jti }, now)
    }

    /// What an assertion of ours says while its time is not over; `None` for anything else. An error is an outage.
    pub async fn read_hop(&self, tenant: &TenantId, text: &str, now: Timestamp) -> Result<Option<Hop>, BoxError> {
        let payload = self.opened(|keys| VerifyingKey::verify(keys.verifying(now), Some(HOP), text)).await?;
        let Some(claims) = payload.and_then(|payload| serde_json::from_slice::<Claims>(&payload).ok()) else {
            return Ok(None);
        };
        let Claims { iss, aud, sub: principal, role, tenant: of, scope, request, iat, exp, jti: id } = claims;
        let second = now.as_second();
        let is_timely = second < exp && iat <= second + SKEW && exp.saturating_sub(iat) <= HOP_SECONDS;
        let is_ours = iss == self.issuer && aud == AUDIENCE && of == *tenant;
        Ok((is_timely && is_ours).then_some(Hop { id, principal, role, scope, request }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use kernel::ManualClock;
    use serde_json::{Value, json};

    use super::*;
    use crate::keys::Keyring;
    use crate::testing::FixedSecret;

    const NOW: i64 = 1_750_000_000;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn tenant() -> TenantId {
        "acme.test".parse().unwrap()
    }

    fn tokens() -> Tokens {
        let secret = crate::keys::rotated(&"none".to_owned().into(), at(NOW - 100_000)).unwrap().unwrap();
        Tokens::new(&tenant(), Keyring::new(Arc::new(FixedSecret(secret)), Arc::new(ManualClock::new(at(NOW)))))
    }

    fn hop() -> Hop {
        let [id, principal, role, scope] = ["r-1", "key_1", "STORE_ADMIN", "books:read"].map(str::to_owned);
        Hop {
            id,
            principal,
            role,
            scope,
            request: web::hop::bound("GET", "/store/v1/books", "", &http::HeaderMap::new(), b""),
        }
    }

    #[tokio::test]
    async fn an_assertion_is_read_for_half_a_minute_and_by_its_own_tenant() {
        let tokens = tokens();
        let text = tokens.hop(&tenant(), &hop(), at(NOW)).await.unwrap();
        for (second, found) in [(0, true), (HOP_SECONDS - 1, true), (HOP_SECONDS, false), (-SKEW, true), (-6, false)] {
            let read = tokens.read_hop(&tenant(), &text, at(NOW + second)).await.unwrap();
            assert_eq!(read, found.then(hop), "{second}");
        }
        assert_eq!(tokens.read_hop(&"other.test".parse().unwrap(), &text, at(NOW)).await.unwrap(), None);
        assert_eq!(self::tokens().read_hop(&tenant(), &text, at(NOW)).await.unwrap(), None, "another's key");
    }

    #[tokio::test]
    async fn neither_tokens_nor_id_tokens_are_assertions_nor_the_other_way_round() {
        let tokens = tokens();
        let text = tokens.hop(&tenant(), &hop(), at(NOW)).await.unwrap();
        assert_eq!(tokens.read(&text, at(NOW)).await.unwrap(), None);
        let payload = text.split('.').nth(1).unwrap();
        let said: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        let identity = tokens.identity(&said, at(NOW)).await.unwrap();
        assert_eq!(
            tokens.read_hop(&tenant(), &identity, at(NOW)).await.unwrap(),
            None,
            "the same claims, another type"
        );
        let keys = tokens.keyring.keys().await.unwrap();
        for (name, value) in [
            ("exp", json!(NOW + HOP_SECONDS + 1)),
            ("aud", json!("crossdock")),
            ("iss", json!("urn:crossdock:other.test")),
            ("extra", json!(1)),
            ("exp", json!("soon")),
        ] {
            let mut changed = said.clone();
            changed[name] = value;
            let signed = sign(&keys, HOP, &changed, at(NOW)).unwrap();
            assert_eq!(tokens.read_hop(&tenant(), &signed, at(NOW)).await.unwrap(), None, "{changed}");
        }
    }
}
