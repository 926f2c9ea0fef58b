//! Connecting a store: a merchant is sent to agree and comes back; their store is asked who it is, told to tell us of changes, and its
//! connection goes on.
//!
//! Whatever dies on the way leaves a store that can be connected again from the beginning: every step may be repeated but the state and
//! the code, which are of one use. Our locations and rules of an earlier connection are kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use documents::{Class, ConnectionId, Documents, Outcome, Report};
use http::{Request, StatusCode};
use kernel::{Clock, Context, TenantId, Timestamp};
use sha2::{Digest, Sha256};
use table::TableError;
use web::BoxError;
use web::transport::Transport;

use crate::answer::Answer;
use crate::calls::{Sent, Store, define_id, shop, subscriptions};
use crate::client::{Client, To};
use crate::document::{DEFINE_ID, SHOP, SUBSCRIBE, SUBSCRIPTIONS};
use crate::install::{Agreed, Credentials, InstallError, Token};
use crate::installs::{Install, Installs};
use crate::stores::{Connection, Stores};
use crate::tokens::{Kept, TokenStore};
use crate::{Gid, Shop};

/// What the names of all connections of stores begin with.
pub const PREFIX: &str = "shopify-";

const TIMEOUT: Duration = Duration::from_secs(10);
/// Whose circuit these calls have.
const ENTITY: &str = "store";

/// What connects stores.
pub struct Connector {
    pub app: Credentials,
    /// Where the merchant comes back to, exactly as it is registered.
    pub redirect_uri: String,
    pub installs: Installs,
    pub stores: Stores,
    pub documents: Documents,
    pub tokens: Arc<dyn TokenStore>,
    pub client: Client,
    pub transport: Arc<dyn Transport>,
    pub clock: Arc<dyn Clock>,
    /// Where a store is, with its name for `{shop}`.
    pub base_url: String,
    /// Where stores tell us of changes.
    pub webhooks: String,
}

/// Why a store was not connected.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// What came back is not a merchant who agreed.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The state was never given out, is too old, or was used.
    #[error("the state is unknown, too old, or was used")]
    State,
    /// The store does not take the code.
    #[error("the store does not take the code")]
    Code,
    /// The merchant did not agree to all of it.
    #[error("scopes are missing: {}", .0.join(", "))]
    Scopes(Vec<&'static str>),
    /// A call to the store did not end well.
    #[error("the store: {}", .0.detail)]
    Store(Report),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Other(#[from] BoxError),
}

impl From<Report> for ConnectError {
    fn from(report: Report) -> Self {
        Self::Store(report)
    }
}

impl Connector {
    /// Where a merchant is sent to agree, and until when.
    pub async fn begin(&self, tenant: &TenantId, shop: &Shop, by: &str) -> Result<(String, Timestamp), ConnectError> {
        let app = self.app.app().await?;
        let (Install { until, .. }, state) = self.installs.begin(tenant, &app.secret, shop, by).await?;
        Ok((app.authorize_url(shop, &self.redirect_uri, &state), until))
    }

    /// Connects the store of the merchant who came back with this query.
    pub async fn finish(
        &self,
        tenant: &TenantId,
        query: &str,
        cause: &Context,
    ) -> Result<(Connection, shop::Shop), ConnectError> {
        let app = self.app.app().await?;
        let Agreed { shop, code, state } = app.agreed(query, self.clock.now())?.into_inner();
        let install = self.installs.end(tenant, &app.secret, &shop, &state).await?.ok_or(ConnectError::State)?;
        let base_url = self.base_url.replace("{shop}", shop.as_str());
        let request = app.exchange(&base_url, &code).map_err(BoxError::from)?;
        let answer = self.transport.send(request, TIMEOUT).await.map_err(BoxError::from)?;
        if answer.status() != StatusCode::OK {
            return Err(ConnectError::Code);
        }
        let token: Token = serde_json::from_slice(answer.body()).map_err(|_| ConnectError::Code)?;
        let missing = token.missing_scopes();
        if !missing.is_empty() {
            return Err(ConnectError::Scopes(missing));
        }
        self.tokens.keep(tenant, &shop, &Kept::of(token, self.clock.now())).await?;
        let of_itself = self.call(tenant, &shop, SHOP.points, shop::request, shop::read).await?;
        let connection = self.connected(tenant, &shop, &of_itself).await?;
        for owner in define_id::OWNERS {
            let build = |at: &Store| define_id::request(at, owner);
            done(self.call(tenant, &shop, DEFINE_ID.points, build, define_id::read).await?)?;
        }
        self.subscribe(tenant, &shop).await?;
        self.documents.resume(tenant, &connection.id, &install.by, cause).await?;
        Ok((connection, of_itself))
    }

    /// Has the store tell us of whatever it does not tell us of yet. How many topics that were.
    pub async fn subscribe(&self, tenant: &TenantId, shop: &Shop) -> Result<usize, ConnectError> {
        let points = SUBSCRIPTIONS.points;
        let there = self.call(tenant, shop, points, subscriptions::request, subscriptions::read).await?;
        let missing = subscriptions::missing(&there, &self.webhooks);
        for topic in &missing {
            let build = |at: &Store| subscriptions::subscribe(at, *topic, &self.webhooks);
            done(self.call(tenant, shop, SUBSCRIBE.points, build, subscriptions::read_subscribed).await?)?;
        }
        Ok(missing.len())
    }

    async fn connected(
        &self,
        tenant: &TenantId,
        shop: &Shop,
        of_itself: &shop::Shop,
    ) -> Result<Connection, ConnectError> {
        loop {
            let found = self.stores.versioned(tenant, shop).await?;
            let (known, seen) = found.map_or((None, None), |found| (Some(found.value), Some(found.version)));
            let (locations, rules) = known.map_or_else(Default::default, |known| (known.locations, known.rules));
            let connection = Connection {
                shop: shop.clone(),
                id: connection_of(shop)?,
                currency: of_itself.currency,
                locations: locations_there(locations, of_itself),
                rules,
                connected_at: self.clock.now(),
                uninstalled: false,
            };
            if self.stores.write(tenant, &connection, seen).await? {
                return Ok(connection);
            }
        }
    }

    /// A call with the new token: one that a warm process still has from before is refused and replaced.
    async fn call<T>(
        &self,
        tenant: &TenantId,
        shop: &Shop,
        points: u32,
        build: impl Fn(&Store) -> Result<Request<Bytes>, http::Error>,
        read: impl Fn(Sent, Timestamp) -> Answer<T>,
    ) -> Result<T, Report> {
        let to = To { tenant, shop, entity: ENTITY };
        match self.client.call(to, points, &build, &read).await {
            Err(report) if report.outcome.class() == Class::AuthExpired => {
                self.client.call(to, points, &build, &read).await
            }
            other => other,
        }
    }
}

/// Places that the store does not have any more are no places of ours.
fn locations_there(known: BTreeMap<String, Gid>, of_itself: &shop::Shop) -> BTreeMap<String, Gid> {
    let is_there = |gid: &Gid| of_itself.locations.iter().any(|location| location.id == *gid);
    known.into_iter().filter(|(_, gid)| is_there(gid)).collect()
}

/// The connection of a store: its name, or a hash of it when connections cannot have such a name.
fn connection_of(shop: &Shop) -> Result<ConnectionId, BoxError> {
    let name = shop.as_str().trim_end_matches(".myshopify.com");
    let hashed = || format!("{PREFIX}{}", kernel::hex(&Sha256::digest(name)[..16]));
    Ok(format!("{PREFIX}{name}").parse().or_else(|_| hashed().parse())?)
}

fn done(report: Report) -> Result<(), ConnectError> {
    if matches!(report.outcome, Outcome::Done(_)) { Ok(()) } else { Err(report.into()) }
}
