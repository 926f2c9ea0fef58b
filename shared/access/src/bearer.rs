//! The door for tokens: whether a nested token is ours, and whether what it speaks for still stands.
//!
//! One read: the session, its user and its application together, or the application alone for a machine. So whatever ends
//! one of them ends the token, as soon as the gateway in front forgets its answer. A token of another kind (an ID
//! token, a refresh token) is nobody here.

use std::sync::Arc;

use kernel::{Clock, TenantId};
use table::{Consistency, Table};

use crate::application::AppId;
use crate::authenticate::AuthenticateError;
use crate::oauth::Outage;
use crate::store::{app_key, decode_app, decode_session, decode_user, session_key, user_key};
use crate::token::{AccessClaims, Hop, Tokens};
use crate::user::{UserId, UserStatus};

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
        self.claims(token).await.map_err(|error| AuthenticateError::Token(error.into()))
    }

    /// For whom a request was passed on, by our own gateway and just now; `None` for anything else. No read: the gateway
    /// has looked a moment ago.
    pub async fn hop(&self, assertion: &str) -> Result<Option<Hop>, AuthenticateError> {
        let read = self.tokens.read_hop(&self.tenant, assertion, self.clock.now()).await;
        read.map_err(AuthenticateError::Token)
    }

    pub(crate) async fn claims(&self, token: &str) -> Result<Option<AccessClaims>, Outage> {
        let read = self.tokens.read(token, self.clock.now()).await.map_err(Outage::Claims)?;
        let Some(claims) = read.filter(|claims| claims.tenant == self.tenant) else { return Ok(None) };
        let Ok(client) = claims.client_id.parse::<AppId>() else { return Ok(None) };
        let stands = match &claims.sid {
            Some(session) => self.session_stands(&claims, session, client).await?,
            None => self.machine_stands(&claims, client).await?,
        };
        Ok(stands.then_some(claims))
    }

    async fn session_stands(&self, claims: &AccessClaims, session: &str, client: AppId) -> Result<bool, Outage> {
        let Ok(user) = claims.sub.parse::<UserId>() else { return Ok(false) };
        let tenant = &self.tenant;
        let keys = [session_key(tenant, session), user_key(tenant, user), app_key(tenant, client)];
        let mut items = self.table.get_many(&keys, Consistency::Strong).await?.into_iter().flatten();
        let (Some(session), Some(user), Some(app)) = (items.next(), items.next(), items.next()) else {
            return Ok(false);
        };
        let (session, user, app) = (decode_session(session)?.value, decode_user(user)?, decode_app(app)?.value);
        let is_whole = session.user == user.id && session.client == claims.client_id && session.epoch == user.epoch;
        let is_current = claims.epoch == user.epoch && user.status == UserStatus::Active && !app.suspended;
        Ok(is_whole && is_current && session.is_alive(self.clock.now()))
    }

    async fn machine_stands(&self, claims: &AccessClaims, client: AppId) -> Result<bool, Outage> {
        let item = self.table.get_item(app_key(&self.tenant, client), Consistency::Strong).await?;
        let Some(app) = item.map(decode_app).transpose()? else { return Ok(false) };
        let app = app.value;
        let is_machine = app.registration.machine.is_some() && claims.sub == claims.client_id;
        Ok(is_machine && !app.suspended && app.epoch == claims.epoch)
    }
}
