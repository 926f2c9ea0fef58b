//! Amazon Cognito as the identity provider: its hosted sign-in, its token endpoint, its ID tokens.
//!
//! The app client has no secret; the code is bound to our callback and to a PKCE verifier that never leaves us. An ID token
//! is believed when one of the pool's keys has signed it, for this client, with our nonce, for an address the pool
//! has verified (`OpenID` Connect Core 1.0, section 3.1.3.7). Nothing else of Cognito is used, and its tokens are not kept.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use kernel::{Clock, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use subtle::ConstantTimeEq;
use web::BoxError;
use web::transport::Transport;

use crate::jose::{JoseError, VerifyingKey};
use crate::provider::{IdentityProvider, Login, Person, ProviderError};

const TIMEOUT: Duration = Duration::from_secs(5);
/// Keys of the pool are read again at most this often.
const REFETCH_AT_MOST_EVERY: Duration = Duration::from_secs(60);
const MAX_KEYS: usize = 20;

/// Which pool, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CognitoPool {
    /// The pool's domain, without a trailing slash: `https://acme.auth.eu-west-1.amazoncognito.com`.
    pub domain: String,
    /// The `iss` of its tokens: `https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc`.
    pub issuer: String,
    /// Where its keys are; below the issuer on AWS.
    pub jwks: String,
    /// The app client.
    pub client: String,
    /// Our callback.
    pub redirect_uri: String,
}

/// The provider.
pub struct Cognito {
    pool: CognitoPool,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    keys: Mutex<Keys>,
}

#[derive(Default)]
struct Keys {
    known: Vec<VerifyingKey>,
    read_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Answer {
    id_token: String,
}

/// What is read of an ID token.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    exp: i64,
    nonce: Option<String>,
    token_use: String,
    email: Option<String>,
    email_verified: Option<Value>,
    name: Option<String>,
}

impl Cognito {
    #[must_use]
    pub fn new(pool: CognitoPool, transport: Arc<dyn Transport>, clock: Arc<dyn Clock>) -> Self {
        Self { pool, transport, clock, keys: Mutex::default() }
    }

    async fn exchange(&self, code: &str, verifier: &str) -> Result<Option<Answer>, BoxError> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "authorization_code")
            .append_pair("client_id", &self.pool.client)
            .append_pair("redirect_uri", &self.pool.redirect_uri)
            .append_pair("code", code)
            .append_pair("code_verifier", verifier)
            .finish();
        let request = Request::post(format!("{}/oauth2/token", self.pool.domain))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(form))?;
        let answer = self.transport.send(request, TIMEOUT).await?;
        match answer.status() {
            StatusCode::OK => Ok(Some(serde_json::from_slice(answer.body())?)),
            StatusCode::BAD_REQUEST => Ok(None),
            status => Err(format!("the token endpoint answered {status}").into()),
        }
    }

    /// What one of the pool's keys has signed.
    async fn verified(&self, token: &str) -> Result<Option<Vec<u8>>, BoxError> {
        let known = self.keys().known.clone();
        match VerifyingKey::verify(&known, None, token) {
            Err(JoseError::UnknownKey) if self.may_read_keys() => {}
            verified => return Ok(verified.ok()),
        }
        let request = Request::get(&self.pool.jwks).body(Bytes::new())?;
        let answer = self.transport.send(request, TIMEOUT).await?;
        if answer.status() != StatusCode::OK {
            return Err(format!("the key set answered {}", answer.status()).into());
        }
        let set: Value = serde_json::from_slice(answer.body())?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or("the key set has no keys")?;
        let known: Vec<VerifyingKey> = keys.iter().take(MAX_KEYS).filter_map(VerifyingKey::from_jwk).collect();
        self.keys().known.clone_from(&known);
        Ok(VerifyingKey::verify(&known, None, token).ok())
    }

    /// Whether it is time to; from then on it is not, for a while.
    fn may_read_keys(&self) -> bool {
        let now = self.clock.now();
        let mut keys = self.keys();
        let recent = keys.read_at.is_some_and(|at| now.duration_since(at).unsigned_abs() < REFETCH_AT_MOST_EVERY);
        if !recent {
            keys.read_at = Some(now);
        }
        !recent
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn person(&self, payload: &[u8], nonce: &str) -> Option<Person> {
        let claims: Claims = serde_json::from_slice(payload).ok()?;
        let is_ours = claims.iss == self.pool.issuer && claims.aud == self.pool.client && claims.token_use == "id";
        let is_fresh = claims.exp > self.clock.now().as_second();
        let is_asked_for = claims.nonce.is_some_and(|found| bool::from(found.as_bytes().ct_eq(nonce.as_bytes())));
        // Cognito sends a boolean, or its name.
        let is_verified = matches!(claims.email_verified, Some(Value::Bool(true)))
            || claims.email_verified.is_some_and(|value| value == "true");
        if !(is_ours && is_fresh && is_asked_for && is_verified) {
            return None;
        }
        let email = claims.email?.parse().ok()?;
        Some(Person { email, name: claims.name.unwrap_or_default() })
    }
}

#[async_trait]
impl IdentityProvider for Cognito {
    fn name(&self) -> &'static str {
        "cognito"
    }

    fn login_url(&self, login: Login<'_>) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.pool.client)
            .append_pair("redirect_uri", &self.pool.redirect_uri)
            .append_pair("scope", "openid email profile")
            // A session of the provider's must not sign somebody in who has just been signed out here.
            .append_pair("prompt", "login")
            .append_pair("state", login.state)
            .append_pair("nonce", login.nonce)
            .append_pair("code_challenge_method", "S256")
            .append_pair("code_challenge", login.challenge)
            .finish();
        format!("{}/oauth2/authorize?{query}", self.pool.domain)
    }

    async fn identify(&self, code: &str, verifier: &str, nonce: &str) -> Result<Option<Person>, ProviderError> {
        let Some(answer) = self.exchange(code, verifier).await.map_err(ProviderError)? else { return Ok(None) };
        let payload = self.verified(&answer.id_token).await.map_err(ProviderError)?;
        Ok(payload.and_then(|payload| self.person(&payload, nonce)))
    }
}

#[cfg(test)]
mod tests;
