//! Connecting a store: where the merchant is sent, what is checked when they come back, and the exchange of the code for a token.
//!
//! Source: Shopify, authorization code grant and expiring offline access tokens. Keeping state and tokens is for the caller.

use std::sync::Arc;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::Request;
use kernel::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use sha2::Sha256;
use web::BoxError;
use web::secret::{Rotating, Secret};

use crate::Shop;
use crate::webhook::Verified;

/// How old a callback may be, in seconds, and how far its clock may be ahead of ours.
const MAX_AGE: i64 = 90;

/// What the app may do in a store.
pub const SCOPES: [&str; 9] = [
    "read_locations",
    "read_merchant_managed_fulfillment_orders",
    "read_orders",
    "write_assigned_fulfillment_orders",
    "write_customers",
    "write_inventory",
    "write_merchant_managed_fulfillment_orders",
    "write_products",
    "write_third_party_fulfillment_orders",
];

/// An app, as Shopify knows it.
#[derive(Debug, Clone)]
pub struct App {
    pub client_id: String,
    pub secret: Rotating,
}

/// An app whose secret may be rotated while somebody holds this.
#[derive(Clone)]
pub struct Credentials {
    pub client_id: String,
    /// `{"current", "previous"}`.
    pub secret: Arc<dyn Secret>,
}

impl Credentials {
    /// The app with its secret as it is known now.
    ///
    /// # Errors
    /// The secret cannot be read, or is not one.
    pub async fn app(&self) -> Result<App, BoxError> {
        let secret = Rotating::parse(&self.secret.read().await?)?;
        Ok(App { client_id: self.client_id.clone(), secret })
    }
}

/// A merchant who came back and agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    pub shop: Shop,
    pub code: String,
    /// What [`App::authorize_url`] was given; whether it was given out is for [`crate::installs`].
    pub state: String,
}

/// Why a callback is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InstallError {
    #[error("the signature is missing or wrong")]
    Forged,
    #[error("a parameter is missing or given twice: {0}")]
    Parameter(&'static str),
    #[error("it is not a store")]
    Shop,
    #[error("it is too old, or from the future")]
    Stale,
}

/// Tokens of a store.
#[derive(Debug, Clone, Deserialize)]
pub struct Token {
    pub access_token: SecretString,
    /// Comma-separated.
    pub scope: String,
    /// Seconds; `None` is forever.
    #[serde(default)]
    pub expires_in: Option<u32>,
    #[serde(default)]
    pub refresh_token: Option<SecretString>,
    #[serde(default)]
    pub refresh_token_expires_in: Option<u32>,
}

impl Token {
    /// The scopes we need and were not given. Who may write may read.
    #[must_use]
    pub fn missing_scopes(&self) -> Vec<&'static str> {
        let granted: Vec<&str> = self.scope.split(',').map(str::trim).collect();
        let has =
            |scope: &str| granted.contains(&scope) || granted.contains(&scope.replacen("read_", "write_", 1).as_str());
        SCOPES.into_iter().filter(|scope| !has(scope)).collect()
    }
}

impl App {
    /// Where the merchant is sent to agree, and comes back from to `redirect_uri`, exactly as it is registered, with `state`.
    #[must_use]
    pub fn authorize_url(&self, shop: &Shop, redirect_uri: &str, state: &str) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &self.client_id)
            .append_pair("scope", &SCOPES.join(","))
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("state", state)
            .finish();
        format!("https://{shop}/admin/oauth/authorize?{query}")
    }

    /// Checks the query a merchant came back with, signature first.
    pub fn agreed(&self, query: &str, now: Timestamp) -> Result<Verified<Agreed>, InstallError> {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let one = |name: &'static str| {
            let mut values = pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
            values.next().filter(|_| values.next().is_none()).ok_or(InstallError::Parameter(name))
        };
        let signature = unhex(one("hmac").map_err(|_| InstallError::Forged)?).ok_or(InstallError::Forged)?;
        let message = message(&pairs);
        let fits = |secret: &SecretString| {
            let mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes());
            mac.is_ok_and(|mut mac| {
                mac.update(message.as_bytes());
                mac.verify_slice(&signature).is_ok()
            })
        };
        let previous = self.secret.previous.as_ref().is_some_and(fits);
        if !(fits(&self.secret.current) | previous) {
            return Err(InstallError::Forged);
        }
        let sent: i64 = one("timestamp")?.parse().map_err(|_| InstallError::Stale)?;
        if sent.abs_diff(now.as_second()) > MAX_AGE.unsigned_abs() {
            return Err(InstallError::Stale);
        }
        let shop = one("shop")?.parse().map_err(|_| InstallError::Shop)?;
        Ok(Verified::proved(Agreed { shop, code: one("code")?.to_owned(), state: one("state")?.to_owned() }))
    }

    /// The code for tokens. `base_url` is the store's, without a trailing slash.
    pub fn exchange(&self, base_url: &str, code: &str) -> Result<Request<Bytes>, http::Error> {
        token_request(
            base_url,
            &json!({
                "client_id": self.client_id, "client_secret": self.secret.current.expose_secret(), "code": code,
                "expiring": "1",
            }),
        )
    }

    /// A refresh token for new tokens. The old one works until the new access token was used, so a lost answer is asked
    /// for again.
    pub fn refresh(&self, base_url: &str, refresh_token: &SecretString) -> Result<Request<Bytes>, http::Error> {
        token_request(
            base_url,
            &json!({
                "client_id": self.client_id, "client_secret": self.secret.current.expose_secret(),
                "grant_type": "refresh_token", "refresh_token": refresh_token.expose_secret(),
            }),
        )
    }
}

fn token_request(base_url: &str, body: &serde_json::Value) -> Result<Request<Bytes>, http::Error> {
    Request::post(format!("{base_url}/admin/oauth/access_token"))
        .header("content-type", "application/json")
        .header("accept", "application/json")
        .body(Bytes::from(body.to_string()))
}

/// What is signed: the decoded pairs without the signature, sorted by key.
fn message(pairs: &[(String, String)]) -> String {
    let mut signed: Vec<&(String, String)> =
        pairs.iter().filter(|(key, _)| key != "hmac" && key != "signature").collect();
    signed.sort_by(|(left, _), (right, _)| left.cmp(right));
    let signed: Vec<String> = signed.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    signed.join("&")
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: &str = "code=0907a61c0c8d55e99db179b68161bc00&shop=some-shop.myshopify.com&state=0.6784241404160823&timestamp=1337178173";
    const SIGNATURE: &str = "700e2dadb827fcc8609e9d5ce208b2e9cdaab9df07390d2cbca10d7c328fc4bf";

    fn app() -> App {
        App { client_id: "app".into(), secret: Rotating { current: "fresh".into(), previous: Some("hush".into()) } }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn agreed(query: &str, now: i64) -> Result<Agreed, InstallError> {
        app().agreed(query, at(now)).map(Verified::into_inner)
    }

    #[test]
    fn the_published_example_is_believed_in_any_order() {
        let query = format!("hmac={SIGNATURE}&{PUBLISHED}");
        let found = agreed(&query, 1_337_178_200).unwrap();
        assert_eq!(found.state, "0.6784241404160823");
        assert_eq!(
            (found.shop.as_str(), found.code.as_str()),
            ("some-shop.myshopify.com", "0907a61c0c8d55e99db179b68161bc00")
        );
        let mut pairs: Vec<&str> = query.split('&').collect();
        pairs.reverse();
        assert!(agreed(&pairs.join("&"), 1_337_178_173).is_ok());
    }

    #[test]
    fn anything_changed_added_or_doubled_is_refused() {
        let query = format!("{PUBLISHED}&hmac={SIGNATURE}");
        let now = 1_337_178_173;
        assert_eq!(agreed(&query, now + 91), Err(InstallError::Stale));
        assert_eq!(agreed(&query, now - 91), Err(InstallError::Stale));
        for forged in [
            query.replace("some-shop", "evil-shop"),
            format!("{query}&extra=1"),
            format!("{query}&shop=evil.myshopify.com"),
            query.replace("700e", "700f"),
            query.replace(SIGNATURE, ""),
            query.replace(SIGNATURE, "zz"),
            PUBLISHED.to_owned(),
        ] {
            assert_eq!(agreed(&forged, now), Err(InstallError::Forged), "{forged}");
        }
    }

    #[test]
    fn missing_scopes_are_named() {
        let token: Token =
            serde_json::from_value(json!({ "access_token": "t", "scope": "write_products, write_orders" })).unwrap();
        let missing = token.missing_scopes();
        assert!(!missing.contains(&"write_products") && !missing.contains(&"read_orders"));
        assert!(missing.contains(&"write_inventory"));
        assert!(!format!("{token:?}").contains("\"t\""));
    }

    #[test]
    fn the_merchant_is_sent_to_their_own_store_only() {
        let back = "https://back.test/shopify/callback";
        let url = app().authorize_url(&"some-shop.myshopify.com".parse().unwrap(), back, "n 1");
        assert!(url.starts_with(
            "https://some-shop.myshopify.com/admin/oauth/authorize?client_id=app&scope=read_locations%2C"
        ));
        assert!(url.ends_with("&redirect_uri=https%3A%2F%2Fback.test%2Fshopify%2Fcallback&state=n+1"));
    }
}
