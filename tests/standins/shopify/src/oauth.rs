//! The app that is installed in the shop: its secrets, its tokens, and how it gets them.
//!
//! Source: Shopify, "Authorization code grant" and "Expiring offline access tokens".

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use kernel::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::options::Options;
use crate::world::{Fields, World};

/// How long a token lives that was asked for with `expiring`.
const TOKEN_LIFE: Duration = Duration::from_secs(3_600);
/// How long its refresh token lives.
const REFRESH_LIFE: Duration = Duration::from_hours(90 * 24);

pub(crate) struct App {
    client_id: String,
    /// What webhooks are signed with.
    secret: String,
    scopes: Vec<String>,
    installed: bool,
    /// Tokens, and until when they work; `None` is forever.
    tokens: HashMap<String, Option<Timestamp>>,
    refresh_tokens: HashMap<String, Timestamp>,
    /// Codes that were handed out and not yet exchanged.
    codes: Vec<String>,
}

impl App {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            client_id: options.client_id.clone(),
            secret: options.client_secret.clone(),
            scopes: options.scopes.clone(),
            installed: true,
            tokens: HashMap::from([(options.token.clone(), None)]),
            refresh_tokens: HashMap::new(),
            codes: Vec::new(),
        }
    }

    pub(crate) fn admits(&self, token: &str, now: Timestamp) -> bool {
        let alive = |until: &Option<Timestamp>| until.is_none_or(|until| now < until);
        self.installed && self.tokens.get(token).is_some_and(alive)
    }

    pub(crate) fn may(&self, scope: &str) -> bool {
        // Whoever may write may read.
        let write = scope.replacen("read_", "write_", 1);
        self.scopes.iter().any(|granted| granted == scope || *granted == write)
    }

    pub(crate) fn grant(&mut self, scopes: Vec<String>) {
        self.scopes = scopes;
    }

    /// Signs with this secret from now on.
    pub(crate) fn rotate_secret(&mut self, secret: String) {
        self.secret = secret;
    }

    pub(crate) fn uninstall(&mut self) {
        self.installed = false;
        self.tokens.clear();
        self.refresh_tokens.clear();
    }

    pub(crate) fn installation(&self) -> Value {
        let scopes: Vec<Value> = self
            .scopes
            .iter()
            .map(|scope| json!({ "handle": scope, "description": scope.replace('_', " ") }))
            .collect();
        json!({ "__typename": "AppInstallation", "id": "gid://shopify/AppInstallation/1", "accessScopes": scopes })
    }

    /// HMAC-SHA256 of these bytes under the app's secret.
    fn mac(&self, bytes: &[u8]) -> Vec<u8> {
        // Any length is a key.
        Hmac::<Sha256>::new_from_slice(self.secret.as_bytes())
            .map(|mut mac| {
                mac.update(bytes);
                mac.finalize().into_bytes().to_vec()
            })
            .unwrap_or_default()
    }

    /// `X-Shopify-Hmac-Sha256` of a body.
    pub(crate) fn sign(&self, body: &[u8]) -> String {
        BASE64_STANDARD.encode(self.mac(body))
    }
}

/// Where the merchant's browser goes after it agreed: the app's callback, signed. `Err` says why it does not.
pub(crate) fn authorize(world: &mut World, query: &[(String, String)]) -> Result<String, &'static str> {
    let of = |name: &str| query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    if of("client_id") != world.app.client_id {
        return Err("invalid_request: client_id");
    }
    if !of("redirect_uri").starts_with("http") {
        return Err("invalid_request: redirect_uri");
    }
    world.app.grant(of("scope").split(',').filter(|scope| !scope.is_empty()).map(str::to_owned).collect());
    let code = world.uuid().replace('-', "");
    world.app.codes.push(code.clone());
    let host = BASE64_STANDARD.encode(format!("{}/admin", world.domain));
    let timestamp = world.now().as_second().to_string();
    let mut pairs = vec![
        ("code", code.as_str()),
        ("host", &host),
        ("shop", &world.domain),
        ("state", of("state")),
        ("timestamp", &timestamp),
    ];
    pairs.sort_unstable();
    let message: Vec<String> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let hmac: String = world.app.mac(message.join("&").as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let query =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).append_pair("hmac", &hmac).finish();
    let separator = if of("redirect_uri").contains('?') { '&' } else { '?' };
    Ok(format!("{}{separator}{query}", of("redirect_uri")))
}

/// `POST /admin/oauth/access_token`: a code or a refresh token for a token.
pub(crate) fn exchange(world: &mut World, body: &Value) -> (u16, Value) {
    let secret_fits: bool = body.text("client_secret").as_bytes().ct_eq(world.app.secret.as_bytes()).into();
    if body.text("client_id") != world.app.client_id || !secret_fits {
        return (401, json!({ "error": "invalid_client" }));
    }
    let now = world.now();
    let refresh = body.text("grant_type") == "refresh_token";
    let good = if refresh {
        // The old one works until its replacement was used, so that a lost answer does not lock the app out.
        world.app.refresh_tokens.get(body.text("refresh_token")).is_some_and(|until| now < *until)
    } else {
        let at = world.app.codes.iter().position(|code| code == body.text("code"));
        at.map(|at| world.app.codes.remove(at)).is_some()
    };
    if !good {
        return (
            400,
            json!({ "error": "invalid_grant", "error_description": "The code or token is unknown or was used." }),
        );
    }
    world.app.installed = true;
    let token = format!("shpat_{}", world.uuid().replace('-', ""));
    let expiring = refresh || body.text("expiring") == "1";
    let mut answer = json!({ "access_token": token, "scope": world.app.scopes.join(",") });
    let until = expiring.then(|| now.checked_add(TOKEN_LIFE).unwrap_or(Timestamp::MAX));
    world.app.tokens.insert(token, until);
    if expiring && let Some(answer) = answer.as_object_mut() {
        let next = format!("shprt_{}", world.uuid().replace('-', ""));
        world.app.refresh_tokens.insert(next.clone(), now.checked_add(REFRESH_LIFE).unwrap_or(Timestamp::MAX));
        answer.insert("expires_in".to_owned(), TOKEN_LIFE.as_secs().into());
        answer.insert("refresh_token".to_owned(), next.into());
        answer.insert("refresh_token_expires_in".to_owned(), REFRESH_LIFE.as_secs().into());
    }
    (200, answer)
}
