//! API keys: how partners' systems come in without OAuth. A key acts as a service principal of one tenant.
//!
//! `cdk_<id>_<secret>`: a prefix that scanners for leaked secrets find, an id to look it up by, 256 random bits. The whole
//! key is shown once; at rest there is an HMAC under a secret that is not in the table. A key has scopes and an end, and
//! is replaced with an overlap in which both are good.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::{Clock, TenantId, Timestamp};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use table::{Consistency, GlobalIndex, Item, Page, Position, Query, Table, Versioned};
use web::BoxError;
use web::secret::{Rotating, Secret};

use crate::audit::{AuditEntry, AuditKind};
use crate::authenticate::AuthenticateError;
use crate::directory::{Actor, DirectoryError, Rights, stale};
use crate::opaque;
use crate::rbac::CATALOGUE;
use crate::store::{ApiKeyItem, AuditItem, api_key_key, api_keys, decode_api_key, mark_key_used};
use crate::user::{Role, Violation};

kernel::typed_id!(
    /// An API key; the principal it acts as.
    ApiKeyId,
    "key"
);

/// What every key starts with.
pub const KEY_PREFIX: &str = "cdk";
/// A key lives this long at most, in days.
pub const MAX_KEY_DAYS: i64 = 366;
/// For so long a replaced key is still good, in seconds.
pub const OVERLAP_SECONDS: i64 = 24 * 3600;
const DAY: i64 = 24 * 3600;
const MAX_NAME: usize = 100;
/// Compared with when there is no such key.
const NOBODY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    pub name: String,
    /// Permissions of the catalogue.
    pub scopes: BTreeSet<String>,
    /// As what it acts: `STORE_ADMIN`, `WAREHOUSE_STAFF`, or `MEMBER` with grants of its own.
    pub role: Role,
    /// 1 to 366.
    pub days: i64,
}

/// A key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub name: String,
    pub scopes: BTreeSet<String>,
    pub role: Role,
    pub created: Timestamp,
    /// Epoch seconds.
    pub expires: i64,
    pub revoked: bool,
    /// Day of the last use, as days since 1970.
    pub last_used: Option<i64>,
    pub(crate) hash: String,
}

impl ApiKey {
    /// Whether it opens anything.
    #[must_use]
    pub fn is_good(&self, now: Timestamp) -> bool {
        !self.revoked && now.as_second() < self.expires
    }
}

/// A key and, this once, its text.
#[derive(Debug)]
pub struct MadeApiKey {
    pub key: ApiKey,
    pub text: SecretString,
}

/// Makes keys and knows them again.
#[derive(Clone)]
pub struct ApiKeys {
    table: Table,
    clock: Arc<dyn Clock>,
    /// `{"current": "…", "previous": "…"}`: what hashes are made under.
    pepper: Arc<dyn Secret>,
}

impl ApiKeys {
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>, pepper: Arc<dyn Secret>) -> Self {
        Self { table, clock, pepper }
    }

    /// Makes a key.
    pub async fn create(&self, actor: Actor<'_>, new: &NewApiKey) -> Result<MadeApiKey, ApiKeyError> {
        check(new).map_err(DirectoryError::Invalid)?;
        let now = self.clock.now();
        let made = self.made(new.clone(), now.as_second() + new.days * DAY).await?;
        let mut transaction = self.table.transaction(actor.tenant);
        transaction.create(&ApiKeyItem::from(&made.key)).create(&AuditItem(self.entry(
            actor,
            AuditKind::ApiKeyCreated,
            made.key.id,
        )));
        transaction.commit().await.map_err(stale)?;
        Ok(made)
    }

    /// Makes a successor with the same name, scopes, role and length of life; the old one is good for another day.
    pub async fn rotate(&self, actor: Actor<'_>, id: ApiKeyId) -> Result<MadeApiKey, ApiKeyError> {
        let now = self.clock.now();
        let Versioned { value: old, version } = self.find(actor.tenant, id).await?;
        if !old.is_good(now) {
            return Err(DirectoryError::NotFound.into());
        }
        let life = old.expires - old.created.as_second();
        let new = NewApiKey { name: old.name.clone(), scopes: old.scopes.clone(), role: old.role, days: 1 };
        let made = self.made(new, now.as_second() + life).await?;
        let ending = ApiKey { expires: old.expires.min(now.as_second() + OVERLAP_SECONDS), ..old };
        let mut transaction = self.table.transaction(actor.tenant);
        transaction
            .put_versioned(&ApiKeyItem::from(&ending), version)
            .create(&ApiKeyItem::from(&made.key))
            .create(&AuditItem(self.entry(actor, AuditKind::ApiKeyCreated, made.key.id).about(id)));
        transaction.commit().await.map_err(stale)?;
        Ok(made)
    }

    /// Ends a key at once.
    pub async fn revoke(&self, actor: Actor<'_>, id: ApiKeyId) -> Result<(), ApiKeyError> {
        let Versioned { value, version } = self.find(actor.tenant, id).await?;
        if value.revoked {
            return Ok(());
        }
        let mut transaction = self.table.transaction(actor.tenant);
        transaction
            .put_versioned(&ApiKeyItem::from(&ApiKey { revoked: true, ..value }), version)
            .create(&AuditItem(self.entry(actor, AuditKind::ApiKeyRevoked, id)));
        transaction.commit().await.map_err(stale)?;
        Ok(())
    }

    /// All keys of a tenant, those that are over included.
    pub async fn list(
        &self,
        tenant: &TenantId,
        limit: usize,
        start: Option<Position>,
    ) -> Result<Page<ApiKey>, ApiKeyError> {
        let query = Query::index(GlobalIndex::Gsi2, api_keys(tenant)).limit(limit).start(start);
        let page = self.table.query_items(query).await.map_err(DirectoryError::from)?;
        Ok(page.try_map(|item| decode_api_key(item).map(|key| key.value)).map_err(DirectoryError::from)?)
    }

    /// The key behind an `Authorization: ApiKey` header; `None` for anything that is not a good one. One read, and one write
    /// on the first use of a day.
    pub async fn authenticate(&self, tenant: &TenantId, header: &str) -> Result<Option<ApiKey>, AuthenticateError> {
        let Some((id, text)) = parse(header) else { return Ok(None) };
        let item = self.table.get_item(api_key_key(tenant, id), Consistency::Strong).await?;
        self.judge(tenant, (id, text), item).await
    }

    /// The same, with what the key was granted, which is read in the same call.
    pub async fn admitted(
        &self,
        tenant: &TenantId,
        header: &str,
    ) -> Result<Option<(ApiKey, Rights)>, AuthenticateError> {
        let Some((id, text)) = parse(header) else { return Ok(None) };
        let mut keys = vec![api_key_key(tenant, id)];
        keys.extend(Rights::keys(tenant, &id.to_string(), &BTreeSet::new()));
        let mut items = self.table.get_many(&keys, Consistency::Strong).await?.into_iter();
        let Some(key) = self.judge(tenant, (id, text), items.next().flatten()).await? else { return Ok(None) };
        Ok(Some((key, Rights::decode(items)?)))
    }

    async fn judge(
        &self,
        tenant: &TenantId,
        (id, text): (ApiKeyId, &str),
        item: Option<Item>,
    ) -> Result<Option<ApiKey>, AuthenticateError> {
        let found = item.map(decode_api_key).transpose()?;
        let kept = found.as_ref().map_or(NOBODY, |key| key.value.hash.as_str());
        let is_right = self.is_of(text, kept).await.map_err(AuthenticateError::Token)?;
        let now = self.clock.now();
        let Some(key) = found.map(|key| key.value).filter(|key| is_right && key.is_good(now)) else { return Ok(None) };
        let today = now.as_second().div_euclid(DAY);
        if key.last_used != Some(today) {
            // Somebody else may write the same just now: then it is written.
            self.table.apply(mark_key_used(tenant, id, today)).await?;
        }
        Ok(Some(key))
    }

    /// One key, good or not.
    pub async fn find(&self, tenant: &TenantId, id: ApiKeyId) -> Result<Versioned<ApiKey>, DirectoryError> {
        let item = self.table.get_item(api_key_key(tenant, id), Consistency::Strong).await?;
        Ok(decode_api_key(item.ok_or(DirectoryError::NotFound)?)?)
    }

    async fn made(&self, new: NewApiKey, expires: i64) -> Result<MadeApiKey, ApiKeyError> {
        let id = ApiKeyId::new(&*self.clock);
        let secret = opaque::secret().map_err(DirectoryError::from)?;
        let text = format!("{KEY_PREFIX}_{}_{secret}", id.ulid());
        let pepper = self.pepper.read().await.map_err(ApiKeyError::Pepper)?;
        let pepper = Rotating::parse(&pepper).map_err(|error| ApiKeyError::Pepper(error.into()))?;
        let hash = URL_SAFE_NO_PAD.encode(hmac::sign(&under(&pepper.current), text.as_bytes()));
        let NewApiKey { name, scopes, role, .. } = new;
        let created = self.clock.now();
        let key = ApiKey { id, name, scopes, role, created, expires, revoked: false, last_used: None, hash };
        Ok(MadeApiKey { key, text: text.into() })
    }

    /// Whether the hash is of this text, under either secret; takes as long whichever it is.
    async fn is_of(&self, text: &str, kept: &str) -> Result<bool, BoxError> {
        let Rotating { current, previous } = Rotating::parse(&self.pepper.read().await?)?;
        let kept = URL_SAFE_NO_PAD.decode(kept).unwrap_or_default();
        let previous = previous.filter(|secret| !secret.expose_secret().is_empty());
        let checks = std::iter::once(current).chain(previous);
        Ok(checks.map(|secret| hmac::verify(&under(&secret), text.as_bytes(), &kept).is_ok()).fold(false, |a, b| a | b))
    }

    fn entry(&self, actor: Actor<'_>, event: AuditKind, id: ApiKeyId) -> AuditEntry {
        AuditEntry::new(&*self.clock, event, actor.principal, &id.to_string())
    }
}

/// Why a key was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error("the secret that hashes are made under cannot be used")]
    Pepper(#[source] BoxError),
}

fn under(secret: &SecretString) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes())
}

/// Id and whole text of a key, when the header has the form of one.
fn parse(header: &str) -> Option<(ApiKeyId, &str)> {
    let (scheme, text) = header.trim().split_once(' ')?;
    let text = text.trim_start();
    let (prefix, rest) = text.split_once('_')?;
    let (id, secret) = rest.split_once('_')?;
    let is_key = scheme.eq_ignore_ascii_case("apikey") && prefix == KEY_PREFIX && secret.len() == opaque::LENGTH;
    let id = format!("{}_{id}", ApiKeyId::PREFIX).parse().ok().filter(|_| is_key)?;
    Some((id, text))
}

fn check(new: &NewApiKey) -> Result<(), Vec<Violation>> {
    let mut found = Vec::new();
    let mut check = |ok: bool, pointer, code, detail: &str| {
        if !ok {
            found.push(Violation { pointer, code, detail: detail.to_owned() });
        }
    };
    let is_name = (1..=MAX_NAME).contains(&new.name.trim().len()) && !new.name.chars().any(char::is_control);
    check(is_name, "/name", "invalid_name", "must be 1 to 100 bytes without control characters");
    let is_known = |scope: &String| CATALOGUE.iter().any(|permission| permission.name == scope);
    let scopes = !new.scopes.is_empty() && new.scopes.iter().all(is_known);
    check(scopes, "/scopes", "unknown_scope", "must be permissions, at least one");
    let role = match new.role {
        Role::StoreAdmin | Role::WarehouseStaff | Role::Member => true,
        Role::Customer | Role::Service => false,
    };
    check(role, "/role", "invalid_role", "must be STORE_ADMIN, WAREHOUSE_STAFF or MEMBER");
    check((1..=MAX_KEY_DAYS).contains(&new.days), "/days", "out_of_range", "must be 1 to 366");
    if found.is_empty() { Ok(()) } else { Err(found) }
}

#[cfg(test)]
mod tests;
