//! The door for tokens: whether a nested token is ours, and whether what it speaks for still stands.
//!
//! One read: the session, its user, its application and what the user was granted, together; for a machine the application
//! and what it was granted. So whatever ends one of them ends the token, as soon as the gateway in front forgets its answer. A
//! token of another kind (an ID token, a refresh token) is nobody here.

use std::sync::Arc;

use kernel::{Clock, TenantId};
use table::{Consistency, Table};

use crate::application::AppId;
use crate::authenticate::AuthenticateError;
use crate::directory::Rights;
use crate::oauth::Outage;
use crate::store::{app_key, decode_app, decode_session, decode_user, session_key, user_key};
use crate::token::{AccessClaims, Hop, Tokens};
use crate::user::{Role, UserId, UserStatus};

/// Judges tokens of one tenant.
#[derive(Clone)]
pub struct TokenDoor {
    table: Table,
    clock: Arc<dyn Clock>,
    tokens: Tokens,
    tenant: TenantId,
}

impl TokenDoor {
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>, tokens: Tokens, tenant: TenantId) -> Self {
        Self { table, clock, tokens, tenant }
    }

    /// The claims of an access token that is good and stands; `None` for anything else.
    pub async fn access(&self, token: &str) -> Result<Option<AccessClaims>, AuthenticateError> {
        Ok(self.admitted(token).await?.map(|(claims, _)| claims))
    }

    /// The same, with what the principal was granted: nothing for customers, whose role is all they have.
    pub async fn admitted(&self, token: &str) -> Result<Option<(AccessClaims, Rights)>, AuthenticateError> {
        self.judge(token).await.map_err(|error| AuthenticateError::Token(error.into()))
    }

    /// For whom a request was passed on, by our own gateway and just now; `None` for anything else. No read: the gateway
    /// has looked a moment ago.
    pub async fn hop(&self, assertion: &str) -> Result<Option<Hop>, AuthenticateError> {
        let read = self.tokens.read_hop(&self.tenant, assertion, self.clock.now()).await;
        read.map_err(AuthenticateError::Token)
    }

    pub(crate) async fn claims(&self, token: &str) -> Result<Option<AccessClaims>, Outage> {
        Ok(self.judge(token).await?.map(|(claims, _)| claims))
    }

    async fn judge(&self, token: &str) -> Result<Option<(AccessClaims, Rights)>, Outage> {
        let read = self.tokens.read(token, self.clock.now()).await.map_err(Outage::Claims)?;
        let Some(claims) = read.filter(|claims| claims.tenant == self.tenant) else { return Ok(None) };
        let Ok(client) = claims.client_id.parse::<AppId>() else { return Ok(None) };
        let rights = match &claims.sid {
            Some(session) => self.session_stands(&claims, session, client).await?,
            None => self.machine_stands(&claims, client).await?,
        };
        Ok(rights.map(|rights| (claims, rights)))
    }

    async fn session_stands(
        &self,
        claims: &AccessClaims,
        session: &str,
        client: AppId,
    ) -> Result<Option<Rights>, Outage> {
        let Ok(user) = claims.sub.parse::<UserId>() else { return Ok(None) };
        let tenant = &self.tenant;
        let mut keys = vec![session_key(tenant, session), user_key(tenant, user), app_key(tenant, client)];
        if claims.role != Role::Customer.as_str() {
            keys.extend(Rights::keys(tenant, &claims.sub, &claims.groups));
        }
        let mut items = self.table.get_many(&keys, Consistency::Strong).await?.into_iter();
        let (Some(Some(session)), Some(Some(user)), Some(Some(app))) = (items.next(), items.next(), items.next())
        else {
            return Ok(None);
        };
        let (session, user, app) = (decode_session(session)?.value, decode_user(user)?, decode_app(app)?.value);
        let is_whole = session.user == user.id && session.client == claims.client_id && session.epoch == user.epoch;
        let is_current = claims.epoch == user.epoch && user.status == UserStatus::Active && !app.suspended;
        if !(is_whole && is_current && session.is_alive(self.clock.now())) {
            return Ok(None);
        }
        if user.groups == claims.groups || claims.role == Role::Customer.as_str() {
            return Ok(Some(Rights::decode(items)?));
        }
        // The groups are others since the token was made; until it is refreshed this costs one call more.
        let keys = Rights::keys(tenant, &claims.sub, &user.groups);
        Ok(Some(Rights::decode(self.table.get_many(&keys, Consistency::Strong).await?)?))
    }

    async fn machine_stands(&self, claims: &AccessClaims, client: AppId) -> Result<Option<Rights>, Outage> {
        let mut keys = vec![app_key(&self.tenant, client)];
        keys.extend(Rights::keys(&self.tenant, &claims.sub, &claims.groups));
        let mut items = self.table.get_many(&keys, Consistency::Strong).await?.into_iter();
        let Some(app) = items.next().flatten().map(decode_app).transpose()? else { return Ok(None) };
        let app = app.value;
        let is_machine = app.registration.machine.is_some() && claims.sub == claims.client_id;
        let stands = is_machine && !app.suspended && app.epoch == claims.epoch;
        Ok(if stands { Some(Rights::decode(items)?) } else { None })
    }
}
