//! Installations under way: each merchant who is sent away to agree gets a state of one use, signed, so that one nobody gave out costs
//! no look into the table, and short-lived.
//!
//! | access pattern | key |
//! |---|---|
//! | an installation under way | pk `T#t#SHOPIFY-INSTALLS`, sk `<id>` |

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use kernel::{Clock, TenantId, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use table::{Consistency, Entity, Key, Table, TableError};
use web::secret::Rotating;

use crate::Shop;

/// How long a merchant has to agree.
const OPEN: Duration = Duration::from_mins(10);

kernel::typed_id!(
    /// An installation under way.
    InstallId,
    "ins"
);

/// An installation under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Install {
    id: InstallId,
    pub shop: Shop,
    /// Who began it.
    pub by: String,
    pub until: Timestamp,
}

impl Entity for Install {
    const KIND: &'static str = "shopify-install";

    fn key(&self, tenant: &TenantId) -> Key {
        key(tenant, self.id)
    }

    fn ttl(&self) -> Option<Timestamp> {
        Some(self.until)
    }
}

fn key(tenant: &TenantId, id: InstallId) -> Key {
    Key::tenant(tenant, &["SHOPIFY-INSTALLS"], &[&id.to_string()])
}

/// The installations in the table.
#[derive(Clone)]
pub struct Installs {
    table: Table,
    clock: Arc<dyn Clock>,
}

impl Installs {
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        Self { table, clock }
    }

    /// Begins one. Gives it with the state that comes back.
    pub async fn begin(
        &self,
        tenant: &TenantId,
        secret: &Rotating,
        shop: &Shop,
        by: &str,
    ) -> Result<(Install, String), TableError> {
        let until = self.clock.now().checked_add(OPEN).unwrap_or(Timestamp::MAX);
        let install = Install { id: InstallId::new(&self.clock), shop: shop.clone(), by: by.to_owned(), until };
        self.table.put(tenant, &install).await?;
        let id = install.id.to_string();
        let state = format!("{id}-{}", seal(&secret.current, tenant, shop, &id));
        Ok((install, state))
    }

    /// Ends the one whose state came back, of this store; `None` when there is none, it is over, or was ended before.
    pub async fn end(
        &self,
        tenant: &TenantId,
        secret: &Rotating,
        shop: &Shop,
        state: &str,
    ) -> Result<Option<Install>, TableError> {
        let Some((id, given)) = state.split_once('-') else { return Ok(None) };
        let fits = |secret: &SecretString| seal(secret, tenant, shop, id).as_bytes().ct_eq(given.as_bytes());
        let previous = secret.previous.as_ref().is_some_and(|previous| fits(previous).into());
        let (true, Ok(id)) = (bool::from(fits(&secret.current)) | previous, id.parse::<InstallId>()) else {
            return Ok(None);
        };
        let Some(found) = self.table.get::<Install>(key(tenant, id), Consistency::Strong).await? else {
            return Ok(None);
        };
        let mut transaction = self.table.transaction(tenant);
        transaction.delete(key(tenant, id), table::Condition::version(found.version));
        let is_mine = transaction.commit_if_current().await?;
        Ok((is_mine && self.clock.now() < found.value.until).then_some(found.value))
    }
}

/// HMAC-SHA256 under the app's secret, of words that nothing else signed with it has.
fn seal(secret: &SecretString, tenant: &TenantId, shop: &Shop, id: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes());
    mac.map(|mut mac| {
        mac.update(format!("install\n{tenant}\n{shop}\n{id}").as_bytes());
        kernel::hex(&mac.finalize().into_bytes())
    })
    // Any length is a key.
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use kernel::ManualClock;
    use testkit::{FaultInjector, LocalDynamo, crash_points};

    use super::*;
    use crate::testing::{clock, shop, table, tenant};

    fn secret(current: &str, previous: Option<&str>) -> Rotating {
        Rotating { current: current.into(), previous: previous.map(Into::into) }
    }

    fn world() -> (Arc<ManualClock>, Installs) {
        let clock = clock();
        (clock.clone(), Installs::new(table(), clock))
    }

    #[tokio::test]
    async fn a_state_ends_one_installation_once_also_after_a_rotation() {
        let (_, installs) = world();
        let (install, state) = installs.begin(&tenant(), &secret("a", None), &shop(), "usr_1").await.unwrap();
        let rotated = secret("b", Some("a"));
        assert_eq!(installs.end(&tenant(), &rotated, &shop(), &state).await.unwrap(), Some(install));
        assert_eq!(installs.end(&tenant(), &rotated, &shop(), &state).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_state_of_somebody_else_altered_or_too_old_ends_nothing() {
        let (clock, installs) = world();
        let good = secret("a", None);
        let (_, state) = installs.begin(&tenant(), &good, &shop(), "usr_1").await.unwrap();
        let other_shop: Shop = "other.myshopify.com".parse().unwrap();
        let other_tenant: TenantId = "other.test".parse().unwrap();
        let (head, tail) = state.split_at(state.len() - 1);
        let altered = format!("{head}{}", if tail == "0" { "1" } else { "0" });
        for (tenant, secret, shop, state) in [
            (&tenant(), &secret("x", None), &shop(), &state),
            (&tenant(), &good, &other_shop, &state),
            (&other_tenant, &good, &shop(), &state),
            (&tenant(), &good, &shop(), &altered),
            (&tenant(), &good, &shop(), &String::new()),
            (&tenant(), &good, &shop(), &"-".to_owned()),
        ] {
            assert_eq!(installs.end(tenant, secret, shop, state).await.unwrap(), None);
        }
        clock.advance(OPEN);
        assert_eq!(installs.end(&tenant(), &good, &shop(), &state).await.unwrap(), None);
    }

    #[tokio::test]
    async fn whoever_dies_while_ending_never_ends_it_twice() {
        crash_points(async |faults: FaultInjector| {
            let dynamo = LocalDynamo::new();
            dynamo.create_table("crossdock");
            let plain = Installs::new(Table::new(dynamo.client(), "crossdock"), clock());
            let (_, state) = plain.begin(&tenant(), &secret("a", None), &shop(), "usr_1").await.unwrap();
            let installs = Installs::new(Table::new(dynamo.client_through(&faults), "crossdock"), clock());
            let good = secret("a", None);
            let first = faults.run(async { installs.end(&tenant(), &good, &shop(), &state).await }).await;
            faults.restart();
            let second = plain.end(&tenant(), &good, &shop(), &state).await.unwrap();
            let ended = |it: &Option<Install>| u32::from(it.is_some());
            let first = first.ok().and_then(Result::ok).flatten();
            assert!(ended(&first) + ended(&second) <= 1);
        })
        .await;
    }
}
