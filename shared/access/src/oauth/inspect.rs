//! What is asked about tokens and about this issuer: revocation, introspection, userinfo, the discovery document, keys.

use std::collections::BTreeSet;

use kernel::TenantId;
use serde::Serialize;
use serde_json::{Value, json};
use table::Consistency;

use super::grant::has;
use super::params::Params;
use super::{OAuth, OAuthError, Outage};
use crate::application::{Kind, OPENID_SCOPES};
use crate::audit::AuditKind;
use crate::bearer::TokenDoor;
use crate::rbac::public_scopes;
use crate::store::{decode_session, decode_user, session_key, user_key};
use crate::token::AccessClaims;
use crate::user::{UserId, UserStatus};

/// What is known of a token (RFC 7662, section 2.2). Of one that is not good, or not the client's own: nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Introspection {
    pub active: bool,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub token: Option<IntrospectedToken>,
}

/// A token that is good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IntrospectedToken {
    pub token_type: &'static str,
    pub client_id: String,
    pub sub: String,
    pub scope: String,
    pub iss: String,
    pub aud: String,
    pub iat: i64,
    pub exp: i64,
    pub tenant: TenantId,
}

/// Claims about a user (`OpenID` Connect Core 1.0, section 5.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserInfo {
    pub sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl OAuth {
    /// Ends the session a token belongs to (RFC 7009). A token that is not good, or another client's, is no error; a machine's
    /// own access token belongs to no session, and ends with the machine's secret.
    pub async fn revoke(&self, params: &Params, authorization: Option<&str>) -> Result<(), OAuthError> {
        let application = self.client(params, authorization).await?;
        let token = params.get("token").ok_or(OAuthError::InvalidRequest("token is missing"))?;
        let own = application.id.to_string();
        let session = match token.split_once('.').filter(|(_, secret)| !secret.contains('.')) {
            Some((session, _)) => session.to_owned(),
            None => match self.tokens.read(token, self.clock.now()).await.map_err(Outage::Claims)? {
                Some(AccessClaims { sid: Some(session), .. }) => session,
                Some(claims) if claims.client_id == own => return Err(OAuthError::UnsupportedTokenType),
                Some(_) | None => return Ok(()),
            },
        };
        let item = self.table.get_item(session_key(&self.tenant, &session), Consistency::Strong).await?;
        let Some(session) = item.map(decode_session).transpose()? else { return Ok(()) };
        if session.value.client == own {
            self.end(&session.value.id, AuditKind::SessionEnded, None).await?;
        }
        Ok(())
    }

    /// Tells an application that keeps a secret about an access token of its own.
    pub async fn introspect(&self, params: &Params, authorization: Option<&str>) -> Result<Introspection, OAuthError> {
        let application = self.client(params, authorization).await?;
        if application.registration.kind == Kind::Public {
            return Err(OAuthError::UnauthorizedClient);
        }
        let token = params.get("token").ok_or(OAuthError::InvalidRequest("token is missing"))?;
        let own = application.id.to_string();
        let claims = self.door().claims(token).await?.filter(|claims| claims.client_id == own);
        Ok(Introspection { active: claims.is_some(), token: claims.map(|claims| self.shown(claims)) })
    }

    /// What the scopes of the caller's token show of its user; `None` when there is no such user any more.
    pub async fn userinfo(&self, user: UserId, scope: &str) -> Result<Option<UserInfo>, Outage> {
        let item = self.table.get_item(user_key(&self.tenant, user), Consistency::Strong).await?;
        let user = item.map(decode_user).transpose()?.filter(|user| user.status == UserStatus::Active);
        Ok(user.map(|user| UserInfo {
            sub: user.id.to_string(),
            email: has(scope, "email").then_some(user.email),
            email_verified: has(scope, "email").then_some(user.verified),
            name: has(scope, "profile").then_some(user.name),
        }))
    }

    /// Reads tokens as the authorizer does.
    fn door(&self) -> TokenDoor {
        TokenDoor::new(self.table.clone(), self.clock.clone(), self.tokens.clone(), self.tenant.clone())
    }

    /// The discovery document (`OpenID` Connect Discovery 1.0, RFC 8414).
    #[must_use]
    pub fn discovery(&self) -> Value {
        let issuer = &self.url;
        let at = |path: &str| format!("{issuer}{path}");
        let scopes: BTreeSet<&str> = OPENID_SCOPES.into_iter().chain(public_scopes()).collect();
        let methods = ["client_secret_basic", "client_secret_post", "none"];
        json!({
            "issuer": issuer,
            "authorization_endpoint": at("/oauth2/authorize"),
            "token_endpoint": at("/oauth2/token"),
            "revocation_endpoint": at("/oauth2/revoke"),
            "introspection_endpoint": at("/oauth2/introspect"),
            "userinfo_endpoint": at("/oauth2/userinfo"),
            "end_session_endpoint": at("/oauth2/logout"),
            "jwks_uri": at("/.well-known/jwks.json"),
            "scopes_supported": scopes,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_methods_supported": methods,
            "introspection_endpoint_auth_methods_supported": methods[..2],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "sid", "email", "email_verified", "name"],
            "authorization_response_iss_parameter_supported": true,
            "request_parameter_supported": false,
            "request_uri_parameter_supported": false,
        })
    }

    /// The keys ID tokens are verified with.
    pub async fn jwks(&self) -> Result<Value, Outage> {
        self.tokens.jwks().await.map_err(Outage::Claims)
    }

    fn shown(&self, claims: AccessClaims) -> IntrospectedToken {
        let AccessClaims { client_id, sub, scope, aud, iat, exp, tenant, .. } = claims;
        IntrospectedToken { token_type: "Bearer", client_id, sub, scope, iss: self.url.clone(), aud, iat, exp, tenant }
    }
}
