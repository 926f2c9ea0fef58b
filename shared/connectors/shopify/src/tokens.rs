//! The token of each store: read, and renewed once however many workers find it expired.
//!
//! Where tokens are kept is behind [`TokenStore`]; here they are kept for a minute in memory only. A renewal is under a lease, and
//! whoever gets it looks first whether somebody else has been there. An answer that is lost costs nothing: the old refresh
//! token works until the new access token was used.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use documents::{Outcome, Report};
use http::StatusCode;
use kernel::{Clock, TenantId, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use table::{LeaseError, Leases, Table};
use web::BoxError;
use web::transport::Transport;

use crate::Shop;
use crate::install::{Credentials, Token};

/// How long a token is taken from memory.
const FRESH: Duration = Duration::from_mins(1);
/// A token that ends so soon is renewed before it is used.
const MARGIN: Duration = Duration::from_mins(1);
/// How long a renewal may take before somebody else tries.
const LEASE: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(10);
/// When whoever finds a renewal under way comes back.
const PATIENCE: Duration = Duration::from_secs(2);

/// A store's tokens, as they are kept.
#[derive(Debug, Clone)]
pub struct Kept {
    pub access: SecretString,
    pub refresh: Option<SecretString>,
    /// When the access token ends; `None` is never.
    pub expires: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    access: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
}

impl Kept {
    /// What an answer of the store comes to.
    #[must_use]
    pub fn of(token: Token, now: Timestamp) -> Self {
        let end = |seconds: u32| now.checked_add(Duration::from_secs(seconds.into())).ok();
        Self { access: token.access_token, refresh: token.refresh_token, expires: token.expires_in.and_then(end) }
    }

    /// As JSON, for whoever keeps it.
    ///
    /// # Errors
    /// None that a text can cause.
    pub fn seal(&self) -> Result<SecretString, BoxError> {
        let text = |secret: &SecretString| secret.expose_secret().to_owned();
        let written =
            Written { access: text(&self.access), refresh: self.refresh.as_ref().map(text), expires: self.expires };
        Ok(serde_json::to_string(&written)?.into())
    }

    /// From JSON.
    ///
    /// # Errors
    /// Says that, not what, is wrong.
    pub fn open(json: &SecretString) -> Result<Self, BoxError> {
        let written: Written =
            serde_json::from_str(json.expose_secret()).map_err(|_| BoxError::from("the secret is not a token"))?;
        let Written { access, refresh, expires } = written;
        Ok(Self { access: access.into(), refresh: refresh.map(Into::into), expires })
    }
}

/// Where tokens are kept.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// The tokens as they are now, and which version that is.
    async fn read(&self, tenant: &TenantId, shop: &Shop) -> Result<(Kept, String), BoxError>;
    /// Keeps the tokens of a store that was connected just now, over those of an earlier connection.
    async fn keep(&self, tenant: &TenantId, shop: &Shop, new: &Kept) -> Result<(), BoxError>;
    /// Replaces the version that was seen; `false` when somebody else has.
    async fn replace(&self, tenant: &TenantId, shop: &Shop, new: &Kept, seen: &str) -> Result<bool, BoxError>;
}

/// The tokens of all stores.
pub struct Tokens {
    store: Arc<dyn TokenStore>,
    app: Credentials,
    transport: Arc<dyn Transport>,
    leases: Leases,
    clock: Arc<dyn Clock>,
    known: Mutex<HashMap<(TenantId, Shop), (Kept, Timestamp)>>,
}

impl Tokens {
    /// `table` holds the leases, no tokens.
    #[must_use]
    pub fn new(
        store: Arc<dyn TokenStore>,
        app: Credentials,
        transport: Arc<dyn Transport>,
        table: Table,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, app, transport, leases: Leases::new(table, clock.clone()), clock, known: Mutex::default() }
    }

    /// The access token of a store. `base_url` is where the store is, should it have to be renewed.
    pub async fn current(&self, tenant: &TenantId, shop: &Shop, base_url: &str) -> Result<SecretString, Report> {
        let now = self.clock.now();
        let known = self.known().get(&(tenant.clone(), shop.clone())).cloned();
        let is_fresh = |at: Timestamp| Duration::try_from(now.duration_since(at)).is_ok_and(|age| age < FRESH);
        let kept = match known.filter(|(_, at)| is_fresh(*at)) {
            Some((kept, _)) => kept,
            None => self.read(tenant, shop).await?.0,
        };
        let ends = kept.expires.is_some_and(|end| end <= now.checked_add(MARGIN).unwrap_or(end));
        if ends && kept.refresh.is_some() {
            self.renew(tenant, shop, base_url, &kept.access).await
        } else {
            Ok(kept.access)
        }
    }

    /// The token after one was refused: renewed, unless somebody else has done so meanwhile.
    ///
    /// # Errors
    /// Broken credentials when there is nothing to renew with, or the store refuses that too.
    pub async fn renew(
        &self,
        tenant: &TenantId,
        shop: &Shop,
        base_url: &str,
        refused: &SecretString,
    ) -> Result<SecretString, Report> {
        let is_other =
            |kept: &Kept| !bool::from(kept.access.expose_secret().as_bytes().ct_eq(refused.expose_secret().as_bytes()));
        let (kept, _) = self.read(tenant, shop).await?;
        if is_other(&kept) {
            return Ok(kept.access);
        }
        let lease = match self.leases.acquire(tenant, &["SHOPIFY-TOKEN", shop.as_str()], LEASE).await {
            Ok(lease) => lease,
            Err(LeaseError::Held { .. }) => {
                let until = self.clock.now().checked_add(PATIENCE).ok();
                return Err(Report::new(Outcome::Throttled { until }, "the token is being renewed"));
            }
            Err(error) => return Err(Report::new(Outcome::Transient, error.to_string())),
        };
        let renewed = async {
            let (kept, seen) = self.read(tenant, shop).await?;
            if is_other(&kept) {
                return Ok(kept.access);
            }
            let refresh = kept.refresh.ok_or_else(|| broken("there is no refresh token"))?;
            let new = self.ask(base_url, &refresh).await?;
            let replaced = self.store.replace(tenant, shop, &new, &seen).await;
            replaced.map_err(|error| Report::new(Outcome::Transient, error.to_string()))?;
            // Whether ours or somebody else's is kept now, that one counts.
            Ok(self.read(tenant, shop).await?.0.access)
        };
        let renewed = renewed.await;
        if let Err(error) = self.leases.release(lease).await {
            tracing::warn!(%error, %shop, "a lease was not given back; it ends by itself");
        }
        renewed
    }

    async fn ask(&self, base_url: &str, refresh: &SecretString) -> Result<Kept, Report> {
        let transient = |why: String| Report::new(Outcome::Transient, why);
        let app = self.app.app().await.map_err(|error| transient(error.to_string()))?;
        let request = app.refresh(base_url, refresh).map_err(|error| transient(error.to_string()))?;
        let answer = self.transport.send(request, TIMEOUT).await.map_err(|error| transient(error.to_string()))?;
        if matches!(answer.status(), StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(broken("the store refuses the refresh token"));
        }
        if answer.status() != StatusCode::OK {
            return Err(transient(format!("the store answered {} to a refresh token", answer.status())));
        }
        let token: Token =
            serde_json::from_slice(answer.body()).map_err(|_| transient("the answer is not a token".to_owned()))?;
        Ok(Kept::of(token, self.clock.now()))
    }

    async fn read(&self, tenant: &TenantId, shop: &Shop) -> Result<(Kept, String), Report> {
        let read = self.store.read(tenant, shop).await;
        let (kept, version) = read.map_err(|error| Report::new(Outcome::Transient, format!("no token: {error}")))?;
        self.known().insert((tenant.clone(), shop.clone()), (kept.clone(), self.clock.now()));
        Ok((kept, version))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<(TenantId, Shop), (Kept, Timestamp)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn broken(why: &str) -> Report {
    Report::new(Outcome::AuthBroken, why)
}
