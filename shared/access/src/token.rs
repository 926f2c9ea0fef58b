//! Tokens as they are handed out: what an access token says, and how one is made and read.
//!
//! An access token is a signed JWT (RFC 9068, `at+jwt`) inside an encrypted one: the signature says who made it, the
//! encryption keeps its claims from the application that carries it. An ID token is signed only, because the application is
//! to read it. Whether a session or a principal still stands is not in a token; see `session`.

mod hop;

use std::collections::BTreeSet;

use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use web::BoxError;

use crate::jose::{JoseError, VerifyingKey};
use crate::keys::{KeySet, Keyring, LONGEST_TOKEN, NoRandomness};

pub use hop::{HOP_SECONDS, Hop};

/// Seconds an access token lives.
pub const ACCESS_SECONDS: i64 = LONGEST_TOKEN;
/// Clocks may differ by this much, in seconds: a token may be this far from the future.
const SKEW: i64 = 60;

/// The `typ` of an access token.
pub(crate) const ACCESS: &str = "at+jwt";
const ID: &str = "JWT";

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Who made it.
    pub iss: String,
    /// For whom: the platform's APIs.
    pub aud: String,
    /// Who it speaks for: a user or a service principal.
    pub sub: String,
    /// The application that got it.
    pub client_id: String,
    /// Epoch seconds; a number and nothing else.
    pub exp: i64,
    pub iat: i64,
    pub jti: String,
    /// The session; none for a service principal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The principal's epoch when it was made: a later one ends it.
    pub epoch: u64,
    pub tenant: TenantId,
    /// Separated by spaces.
    pub scope: String,
    /// The role routes ask for.
    pub role: String,
    /// The user's groups when it was made: whose grants are read with the session, in one call.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<String>,
}

/// What is read of an ID token of ours that an application brings back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct IdentityClaims {
    pub(crate) iss: String,
    /// The application it was made for.
    pub(crate) aud: String,
    pub(crate) sub: String,
    /// The session.
    pub(crate) sid: String,
}

/// The `aud` of tokens for our own functions.
pub(crate) const AUDIENCE: &str = "crossdock";

/// Makes and reads tokens of one tenant.
#[derive(Clone)]
pub struct Tokens {
    /// The `iss` of tokens for our own functions: a name, so that whoever reads them need not know under which URL they
    /// were made.
    issuer: String,
    keyring: Keyring,
}

/// A token could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("the keys cannot be used")]
    Keys(#[source] BoxError),
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

impl Tokens {
    #[must_use]
    pub fn new(tenant: &TenantId, keyring: Keyring) -> Self {
        Self { issuer: format!("urn:crossdock:{tenant}"), keyring }
    }

    /// The `iss` and `aud` of tokens for our own functions.
    #[must_use]
    pub fn parties(&self) -> (&str, &str) {
        (&self.issuer, AUDIENCE)
    }

    /// The keys others verify with.
    pub async fn jwks(&self) -> Result<serde_json::Value, BoxError> {
        self.keyring.jwks().await
    }

    /// The nested token.
    pub async fn access(&self, claims: &AccessClaims, now: Timestamp) -> Result<String, TokenError> {
        let keys = self.keyring.keys().await.map_err(TokenError::Keys)?;
        let signed = sign(&keys, ACCESS, claims, now)?;
        let encryption = keys.encryption(now).map_err(|error| TokenError::Keys(error.into()))?;
        Ok(encryption.seal(&signed).ok_or(NoRandomness)?)
    }

    /// A token an application reads itself.
    pub async fn identity(&self, claims: &serde_json::Value, now: Timestamp) -> Result<String, TokenError> {
        let keys = self.keyring.keys().await.map_err(TokenError::Keys)?;
        sign(&keys, ID, claims, now)
    }

    /// The claims of a nested token of ours whose time is not over; `None` for anything else. An error is an outage.
    pub async fn read(&self, token: &str, now: Timestamp) -> Result<Option<AccessClaims>, BoxError> {
        let opened = self.opened(|keys| keys.access_payload(token, now)).await?;
        Ok(opened.and_then(|payload| self.valid(&payload, now)))
    }

    /// The claims of an ID token of ours, whether its time is over or not; `None` for anything else. An error is an outage.
    pub(crate) async fn identified(&self, token: &str, now: Timestamp) -> Result<Option<IdentityClaims>, BoxError> {
        let opened = self.opened(|keys| VerifyingKey::verify(keys.verifying(now), Some(ID), token)).await?;
        Ok(opened.and_then(|payload| serde_json::from_slice(&payload).ok()))
    }

    /// Tries again with fresh keys when the token names one that is not known here.
    async fn opened(&self, open: impl Fn(&KeySet) -> Result<Vec<u8>, JoseError>) -> Result<Option<Vec<u8>>, BoxError> {
        let keys = self.keyring.keys().await?;
        match open(&keys) {
            Err(JoseError::UnknownKey) => {
                let fresh = self.keyring.refetched().await?;
                Ok(fresh.and_then(|keys| open(&keys).ok()))
            }
            opened => Ok(opened.ok()),
        }
    }

    fn valid(&self, payload: &[u8], now: Timestamp) -> Option<AccessClaims> {
        let claims: AccessClaims = serde_json::from_slice(payload).ok()?;
        let AccessClaims { iss, aud, iat, exp, .. } = &claims;
        let now = now.as_second();
        let is_timely = now < *exp && *iat <= now + SKEW && exp.saturating_sub(*iat) <= LONGEST_TOKEN;
        (is_timely && (&**iss, &**aud) == self.parties()).then_some(claims)
    }
}

fn sign(keys: &KeySet, typ: &str, claims: &impl Serialize, now: Timestamp) -> Result<String, TokenError> {
    // Strings and numbers always serialise.
    let payload = serde_json::to_vec(claims).unwrap_or_default();
    let key = keys.signing(now).map_err(|error| TokenError::Keys(error.into()))?;
    Ok(key.sign(typ, &payload).ok_or(NoRandomness)?)
}

#[cfg(test)]
mod tests;
