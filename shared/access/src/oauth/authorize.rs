//! The authorization endpoint: a browser comes with an application's wish and is sent to the identity provider.
//!
//! Until the application and its redirect URI are known to be good the browser is sent nowhere: the answer is a page here
//! (RFC 6749, section 4.1.2.1). After that every refusal goes back to the application.

use super::params::{Params, with_query};
use super::{LOGIN_SECONDS, MAX_ECHO, OAuth, Outage};
use crate::application::{AppId, Application};
use crate::audit::AuditKind;
use crate::opaque;
use crate::provider::Login;
use crate::store::{AuditItem, LoginItem};

/// The browser is to be sent to the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    pub location: String,
    /// Which login it is: part of the cookie's name, so that two tabs do not take each other's.
    pub login: String,
    /// The cookie's value, which binds the login to this browser.
    pub browser: String,
}

/// Why the browser is not sent to the provider.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// Nothing is known to be safe to send the browser to. The text is for people.
    #[error("{0}")]
    Refused(&'static str),
    /// The browser goes back to the application, which learns why.
    #[error("the application is told")]
    Back(String),
    #[error(transparent)]
    Outage(#[from] Outage),
}

/// How long the part of a login's id is that names its cookie.
pub(super) const COOKIE_PART: usize = 12;

impl OAuth {
    /// Starts a login.
    pub async fn authorize(&self, params: &Params) -> Result<Started, AuthorizeError> {
        let (application, redirect_uri) = self.requesting(params).await?;
        let wish = self.wish(params, &application, &redirect_uri)?;
        let secret = || opaque::secret().map_err(Outage::from);
        let (state, browser) = (secret()?, secret()?);
        let (nonce, verifier) = (secret()?, secret()?);
        let login = LoginItem {
            id: opaque::hash(&state),
            browser: opaque::hash(&browser),
            provider: self.provider.name().to_owned(),
            provider_nonce: nonce.clone(),
            provider_verifier: verifier.clone(),
            client: application.id,
            redirect_uri,
            challenge: wish.challenge,
            scope: wish.scope,
            state: params.get("state").map(str::to_owned),
            nonce: params.get("nonce").map(str::to_owned),
            expires: self.clock.now().as_second() + LOGIN_SECONDS,
        };
        let mut transaction = self.table.transaction(&self.tenant);
        transaction.create(&login);
        transaction.commit().await.map_err(Outage::from)?;
        let challenge = opaque::hash(&verifier);
        let location = self.provider.login_url(Login { state: &state, nonce: &nonce, challenge: &challenge });
        let login = login.id.chars().take(COOKIE_PART).collect();
        Ok(Started { location, login, browser })
    }

    /// The application, and the redirect URI that is good for it and for this tenant.
    async fn requesting(&self, params: &Params) -> Result<(Application, String), AuthorizeError> {
        let unknown = AuthorizeError::Refused("The application is not known here.");
        let Some(id) = params.get("client_id").and_then(|id| id.parse::<AppId>().ok()) else { return Err(unknown) };
        let application = match self.application(id).await? {
            Some(application) if !application.value.suspended => application.value,
            Some(_) | None => return Err(unknown),
        };
        let redirect_uri = params.get("redirect_uri").unwrap_or_default();
        if application.may_redirect(redirect_uri, &self.tenant) {
            return Ok((application, redirect_uri.to_owned()));
        }
        let mut transaction = self.table.transaction(&self.tenant);
        transaction.create(&AuditItem(self.entry(AuditKind::ApplicationRefused, id, id)));
        transaction.commit().await.map_err(Outage::from)?;
        Err(AuthorizeError::Refused("The application does not live at the URL it wants you to be sent to."))
    }

    fn wish(&self, params: &Params, application: &Application, redirect_uri: &str) -> Result<Wish, AuthorizeError> {
        let state = params.get("state");
        let back = |error: &str, detail: &str| {
            let pairs = [
                ("error", Some(error)),
                ("error_description", Some(detail)),
                ("state", state.filter(|state| state.len() <= MAX_ECHO)),
                ("iss", Some(&*self.url)),
            ];
            AuthorizeError::Back(with_query(redirect_uri, &pairs))
        };
        let too_long = |name: &str| params.get(name).is_some_and(|value| value.len() > MAX_ECHO);
        if too_long("state") || too_long("nonce") {
            return Err(back("invalid_request", "state and nonce may have 1000 bytes"));
        }
        if params.get("request").is_some() || params.get("request_uri").is_some() {
            return Err(back("request_not_supported", "request objects are not taken"));
        }
        if params.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(back("invalid_request", "the response mode is query"));
        }
        match params.get("response_type") {
            Some("code") => {}
            Some(_) => return Err(back("unsupported_response_type", "the response type is code")),
            None => return Err(back("invalid_request", "response_type is missing")),
        }
        if params.get("prompt") == Some("none") {
            return Err(back("login_required", "people sign in with every login"));
        }
        // No downgrade: neither to `plain`, which is what a missing method means, nor to none at all.
        let challenge = params.get("code_challenge").filter(|text| text.len() == opaque::LENGTH && is_base64url(text));
        let (Some(challenge), Some("S256")) = (challenge, params.get("code_challenge_method")) else {
            return Err(back("invalid_request", "PKCE with S256 is required"));
        };
        let scope = params.get("scope").unwrap_or_default();
        let is_known = |scope: &str| application.registration.scopes.contains(scope);
        if scope.split(' ').filter(|scope| !scope.is_empty()).any(|scope| !is_known(scope)) {
            return Err(back("invalid_scope", "the application may not ask for that"));
        }
        Ok(Wish { challenge: challenge.to_owned(), scope: scope.to_owned() })
    }
}

struct Wish {
    challenge: String,
    scope: String,
}

fn is_base64url(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
