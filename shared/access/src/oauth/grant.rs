//! The token endpoint: a code, a refresh token or an application's own secret becomes an access token.

use std::collections::BTreeSet;

use kernel::Timestamp;
use secrecy::SecretString;
use serde_json::json;
use subtle::ConstantTimeEq;
use table::{Consistency, TableError, TransactionError, Versioned};

use super::params::Params;
use super::{ATTEMPTS, OAuth, OAuthError, Outage};
use crate::application::Application;
use crate::audit::AuditKind;
use crate::opaque;
use crate::session::{Refreshed, Session};
use crate::store::{
    CodeItem, SessionItem, code_key, decode_session, decode_user, mark_code_used, session_key, user_key,
};
use crate::token::{ACCESS_SECONDS, AccessClaims};
use crate::user::{User, UserStatus};

/// What the client gets (RFC 6749, section 5.1).
#[derive(Debug, Clone)]
pub struct Issued {
    pub access_token: SecretString,
    /// Seconds.
    pub expires_in: i64,
    /// Separated by spaces.
    pub scope: String,
    pub refresh_token: Option<SecretString>,
    pub id_token: Option<SecretString>,
}

impl OAuth {
    /// Answers a request to the token endpoint.
    pub async fn token(&self, params: &Params, authorization: Option<&str>) -> Result<Issued, OAuthError> {
        let application = self.client(params, authorization).await?;
        match params.get("grant_type") {
            Some("authorization_code") => self.exchange(&application, params).await,
            Some("refresh_token") => self.refresh(&application, params).await,
            Some("client_credentials") => self.machine(&application, params).await,
            Some(_) => Err(OAuthError::UnsupportedGrantType),
            None => Err(OAuthError::InvalidRequest("grant_type is missing")),
        }
    }

    async fn exchange(&self, application: &Application, params: &Params) -> Result<Issued, OAuthError> {
        let code = params.get("code").ok_or(OAuthError::InvalidRequest("code is missing"))?;
        let verifier = params.get("code_verifier").ok_or(OAuthError::InvalidRequest("code_verifier is missing"))?;
        let redirect_uri = params.get("redirect_uri").ok_or(OAuthError::InvalidRequest("redirect_uri is missing"))?;
        let id = opaque::hash(code);
        let found = self.table.get::<CodeItem>(code_key(&self.tenant, &id), Consistency::Strong).await?;
        let code = found.ok_or(OAuthError::InvalidGrant)?.value;
        if code.used {
            return Err(self.reused(&code.session).await?);
        }
        let now = self.clock.now();
        let is_verified =
            is_verifier(verifier) && bool::from(opaque::hash(verifier).as_bytes().ct_eq(code.challenge.as_bytes()));
        let is_bound = code.client == application.id && code.redirect_uri == redirect_uri;
        if !is_verified || !is_bound || now.as_second() >= code.expires {
            return Err(OAuthError::InvalidGrant);
        }
        let (session, user) = self.standing(&code.session, now).await?.ok_or(OAuthError::InvalidGrant)?;
        let refresh = match has(&session.value.scope, "offline_access") {
            true => Some(opaque::secret()?),
            false => None,
        };
        let next = match &refresh {
            Some(secret) => session.value.with_token(secret),
            None => session.value,
        };
        let mut transaction = self.table.transaction(&self.tenant);
        transaction
            .update(mark_code_used(&self.tenant, &code.id))
            .put_versioned(&SessionItem::from(&next), session.version);
        match transaction.commit().await {
            Ok(()) => {}
            Err(error) if error.failed(0).is_some() => return Err(self.reused(&next.id).await?),
            // The session was ended this very moment.
            Err(TransactionError::Conditions(_)) => return Err(OAuthError::InvalidGrant),
            Err(error) => return Err(error.into()),
        }
        self.issue(&next, &user, &next.scope, refresh, code.nonce.as_deref(), now).await
    }

    /// A code or token came a second time: whoever got something for it loses it.
    async fn reused(&self, session: &str) -> Result<OAuthError, Outage> {
        self.end(session, AuditKind::TokenReused, None).await?;
        Ok(OAuthError::InvalidGrant)
    }

    async fn refresh(&self, application: &Application, params: &Params) -> Result<Issued, OAuthError> {
        let token = params.get("refresh_token").ok_or(OAuthError::InvalidRequest("refresh_token is missing"))?;
        let (id, secret) = token.split_once('.').ok_or(OAuthError::InvalidGrant)?;
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let Some((session, user)) = self.standing(id, now).await? else { return Err(OAuthError::InvalidGrant) };
            if session.value.client != application.id.to_string() {
                return Err(OAuthError::InvalidGrant);
            }
            let scope = narrowed(params.get("scope"), &session.value.scope).ok_or(OAuthError::InvalidScope)?;
            let fresh = opaque::secret()?;
            match session.value.refresh(secret, &fresh, now) {
                Refreshed::Rotated(next) => {
                    let mut transaction = self.table.transaction(&self.tenant);
                    transaction.put_versioned(&SessionItem::from(&*next), session.version);
                    match transaction.commit().await {
                        Ok(()) => return self.issue(&next, &user, &scope, Some(fresh), None, now).await,
                        // Another request was first, or is just now; its successor is ours too.
                        Err(TransactionError::Conditions(_) | TransactionError::Table(TableError::Conflict(_))) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Refreshed::Again(successor) => {
                    return self.issue(&session.value, &user, &scope, Some(successor), None, now).await;
                }
                Refreshed::Reused => return Err(self.reused(id).await?),
                Refreshed::Over => return Err(OAuthError::InvalidGrant),
            }
        }
        Err(Outage::Contended.into())
    }

    async fn machine(&self, application: &Application, params: &Params) -> Result<Issued, OAuthError> {
        let role = application.registration.machine.ok_or(OAuthError::UnauthorizedClient)?;
        let id = application.id.to_string();
        let offered: Vec<&str> = application.registration.scopes.iter().map(String::as_str).collect();
        let asked = narrowed(params.get("scope"), &offered.join(" ")).ok_or(OAuthError::InvalidScope)?;
        let rights = self.directory.rights(&self.tenant, &id, &BTreeSet::new()).await?.with(role);
        let permitted = rights.resolver().anywhere();
        let scope: Vec<&str> = asked.split(' ').filter(|scope| permitted.contains(scope)).collect();
        let now = self.clock.now();
        let (iss, aud) = self.tokens.parties();
        let claims = AccessClaims {
            iss: iss.to_owned(),
            aud: aud.to_owned(),
            sub: id.clone(),
            client_id: id,
            exp: now.as_second() + ACCESS_SECONDS,
            iat: now.as_second(),
            jti: opaque::secret()?,
            sid: None,
            epoch: application.epoch,
            tenant: self.tenant.clone(),
            scope: scope.join(" "),
            role: role.to_string(),
            groups: BTreeSet::new(),
        };
        let access_token = self.tokens.access(&claims, now).await?.into();
        let (scope, expires_in) = (claims.scope, ACCESS_SECONDS);
        Ok(Issued { access_token, expires_in, scope, refresh_token: None, id_token: None })
    }

    /// A session that stands, and its user, if the user still may come in: one read of each.
    pub(super) async fn standing(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<(Versioned<Session>, User)>, Outage> {
        let item = self.table.get_item(session_key(&self.tenant, id), Consistency::Strong).await?;
        let Some(session) = item.map(decode_session).transpose()? else { return Ok(None) };
        let item = self.table.get_item(user_key(&self.tenant, session.value.user), Consistency::Strong).await?;
        let Some(user) = item.map(decode_user).transpose()? else { return Ok(None) };
        let is_good = user.status == UserStatus::Active && user.epoch == session.value.epoch;
        Ok((is_good && session.value.is_alive(now)).then_some((session, user)))
    }

    async fn issue(
        &self,
        session: &Session,
        user: &User,
        scope: &str,
        refresh: Option<String>,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<Issued, OAuthError> {
        let (iss, aud) = self.tokens.parties();
        let iat = now.as_second();
        // No token outlives its session.
        let exp = (iat + ACCESS_SECONDS).min(session.expires());
        let claims = AccessClaims {
            iss: iss.to_owned(),
            aud: aud.to_owned(),
            sub: user.id.to_string(),
            client_id: session.client.clone(),
            exp,
            iat,
            jti: opaque::secret()?,
            sid: Some(session.id.clone()),
            epoch: user.epoch,
            tenant: self.tenant.clone(),
            scope: scope.to_owned(),
            role: user.role.to_string(),
            groups: user.groups.clone(),
        };
        let access_token = self.tokens.access(&claims, now).await?.into();
        let id_token = match has(scope, "openid") {
            true => {
                let mut identity = json!({
                    "iss": self.url, "sub": user.id, "aud": session.client, "iat": iat, "exp": exp,
                    "auth_time": session.created.as_second(), "sid": session.id, "tenant": self.tenant,
                });
                let optional = [
                    ("nonce", nonce.is_some(), json!(nonce)),
                    ("email", has(scope, "email"), json!(user.email)),
                    ("email_verified", has(scope, "email"), json!(user.verified)),
                    ("name", has(scope, "profile"), json!(user.name)),
                ];
                for (name, _, value) in optional.into_iter().filter(|(_, wanted, _)| *wanted) {
                    identity[name] = value;
                }
                Some(self.tokens.identity(&identity, now).await?.into())
            }
            false => None,
        };
        let refresh_token = refresh.map(|secret| format!("{}.{secret}", session.id).into());
        Ok(Issued { access_token, expires_in: exp - iat, scope: scope.to_owned(), refresh_token, id_token })
    }
}

/// Whether a scope is among others.
pub(super) fn has(scope: &str, one: &str) -> bool {
    scope.split(' ').any(|scope| scope == one)
}

/// What is asked for of what there is; all of it when nothing is; `None` when it is more.
fn narrowed(asked: Option<&str>, there: &str) -> Option<String> {
    let Some(asked) = asked else { return Some(there.to_owned()) };
    let asked: BTreeSet<&str> = asked.split(' ').filter(|scope| !scope.is_empty()).collect();
    let is_there = asked.iter().all(|scope| has(there, scope));
    is_there.then(|| asked.into_iter().collect::<Vec<_>>().join(" "))
}

/// RFC 7636, section 4.1.
fn is_verifier(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    (43..=128).contains(&text.len()) && text.bytes().all(allowed)
}
