//! Signature Version 4 for the calls every request makes, with the day's key kept.
//!
//! The SDK's own signer derives the key anew for every call and builds the canonical request from maps; signing is then
//! a third of what a call costs. A call here is always the same: `POST /`, a body in memory, no query. Whatever is not
//! of that form, and every retry (which may have to correct the clock), is signed by the SDK's signer
//! (docs/decisions/0015-signing.md).
//!
//! Source: AWS, "Create a signed AWS API request".

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4Signer};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::{AuthScheme, AuthSchemeEndpointConfig, AuthSchemeId, Sign};
use aws_smithy_runtime_api::client::identity::{Identity, SharedIdentityResolver};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::{GetIdentityResolver, RuntimeComponents};
use aws_smithy_types::config_bag::ConfigBag;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use http::Uri;
use kernel::{Timestamp, basic_time, hex};
use ring::{digest, hmac};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// `sigv4`, in place of the SDK's.
#[derive(Debug, Default)]
pub(crate) struct Scheme {
    signer: Signer,
}

impl AuthScheme for Scheme {
    fn scheme_id(&self) -> AuthSchemeId {
        SCHEME_ID
    }

    fn identity_resolver(&self, resolvers: &dyn GetIdentityResolver) -> Option<SharedIdentityResolver> {
        resolvers.identity_resolver(SCHEME_ID)
    }

    fn signer(&self) -> &dyn Sign {
        &self.signer
    }
}

/// Signs, and keeps the day's key.
#[derive(Debug, Default)]
pub(crate) struct Signer {
    general: SigV4Signer,
    kept: Mutex<Option<DayKey>>,
}

/// The key of a day, region and service.
#[derive(Debug, Clone)]
struct DayKey {
    access_key_id: String,
    scope: String,
    key: hmac::Key,
}

impl Sign for Signer {
    fn sign_http_request(
        &self,
        request: &mut HttpRequest,
        identity: &Identity,
        endpoint: AuthSchemeEndpointConfig<'_>,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        let first = config.load::<RequestAttempts>().is_none_or(|made| made.attempts() <= 1);
        let parts = (config.load::<SigningRegion>(), config.load::<SigningName>(), identity.data::<Credentials>());
        let (true, None, (Some(region), Some(name), Some(credentials))) = (first, endpoint.as_document(), parts) else {
            return self.general.sign_http_request(request, identity, endpoint, components, config);
        };
        let now = components.time_source().unwrap_or_default().now();
        if self.sign(request, credentials, [region.as_ref(), name.as_ref()], now)? {
            return Ok(());
        }
        self.general.sign_http_request(request, identity, endpoint, components, config)
    }
}

impl Signer {
    /// False when the request is not of the form signed here; nothing has changed then.
    pub(crate) fn sign(
        &self,
        request: &mut HttpRequest,
        credentials: &Credentials,
        [region, name]: [&str; 2],
        now: SystemTime,
    ) -> Result<bool, BoxError> {
        let uri: Uri = request.uri().parse()?;
        let plain = request.method() == "POST" && uri.path() == "/" && uri.query().is_none();
        let (true, Some(authority), Some(body)) = (plain, uri.authority(), request.body().bytes()) else {
            return Ok(false);
        };
        let payload = hex(digest::digest(&digest::SHA256, body).as_ref());
        let time = basic_time(Timestamp::try_from(now)?);
        let host = host(&uri, authority);

        let token = credentials.session_token().map(|token| ("x-amz-security-token", token));
        let mut signed: BTreeMap<&str, &str> = request.headers().iter().filter(|(name, _)| is_signed(name)).collect();
        signed.extend(token);
        signed.extend([("host", host.as_str()), ("x-amz-date", time.as_str())]);
        let names = signed.keys().copied().collect::<Vec<_>>().join(";");
        let canonical = canonical(&signed, &names, &payload);

        let date = time.get(..8).unwrap_or_default();
        let scope = [date, region, name, "aws4_request"].join("/");
        let digest = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let text = [ALGORITHM, &time, &scope, &digest].join("\n");
        let signature = hex(hmac::sign(&self.key(credentials, [date, region, name], &scope), text.as_bytes()).as_ref());

        let id = credentials.access_key_id();
        let header = format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
        let token = token.map(|(name, value)| (name, value.to_owned()));
        let headers = request.headers_mut();
        headers.insert("x-amz-date", time);
        headers.insert("authorization", header);
        if let Some((name, value)) = token {
            headers.insert(name, value);
        }
        Ok(true)
    }

    fn key(&self, credentials: &Credentials, parts: [&str; 3], scope: &str) -> hmac::Key {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let id = credentials.access_key_id();
        if let Some(day) = kept.as_ref().filter(|day| day.scope == scope && day.access_key_id == id) {
            return day.key.clone();
        }
        let secret = format!("AWS4{}", credentials.secret_access_key());
        let start = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let key = parts
            .into_iter()
            .chain(["aws4_request"])
            .fold(start, |key, part| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref()));
        *kept = Some(DayKey { access_key_id: id.to_owned(), scope: scope.to_owned(), key: key.clone() });
        key
    }
}

/// What must be signed, and the type of the body.
fn is_signed(name: &str) -> bool {
    name.starts_with("x-amz-") || name == "content-type"
}

/// The value of `Host` as it will be sent: without the scheme's usual port.
fn host(uri: &Uri, authority: &http::uri::Authority) -> String {
    let usual = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    match authority.port_u16() {
        Some(port) if port != usual => format!("{}:{port}", authority.host()),
        Some(_) | None => authority.host().to_owned(),
    }
}

fn canonical(signed: &BTreeMap<&str, &str>, names: &str, payload: &str) -> String {
    let mut text = String::with_capacity(2048);
    text.push_str("POST\n/\n\n");
    for (name, value) in signed {
        text.push_str(name);
        text.push(':');
        // Spaces in a row count as one, those at the ends as none.
        for (at, word) in value.split_ascii_whitespace().enumerate() {
            if at > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
        text.push('\n');
    }
    text.push('\n');
    text.push_str(names);
    text.push('\n');
    text.push_str(payload);
    text
}

#[cfg(test)]
mod tests;
