//! A small world for the tests of this crate: one tenant, an embedded table, a clock that obeys, and hashes so cheap
//! that a test can sign in a hundred times.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{ManualClock, TenantId, Timestamp};
use secrecy::SecretString;
use table::Table;
use testkit::{FaultInjector, LocalDynamo};
use web::BoxError;
use web::secret::Secret;

use crate::password::Hasher;
use crate::{Access, AuthenticateError, Identity, NewUser};

pub(crate) fn tenant() -> TenantId {
    "acme.test".parse().unwrap()
}

pub(crate) fn ada() -> NewUser {
    let [email, password, name] = ["Ada@Example.com", "correct horse", "Ada"].map(str::to_owned);
    NewUser { email, password, name }
}

pub(crate) fn basic(email: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{email}:{password}")))
}

/// A secret that stays as it is.
pub(crate) struct FixedSecret(pub(crate) SecretString);

#[async_trait]
impl Secret for FixedSecret {
    async fn read(&self) -> Result<SecretString, BoxError> {
        Ok(self.0.clone())
    }

    async fn refresh(&self) -> Result<SecretString, BoxError> {
        self.read().await
    }
}

pub(crate) struct World {
    pub(crate) access: Access,
    clock: Arc<ManualClock>,
    /// Sign-ins so far, each from a network of its own.
    sign_ins: AtomicU16,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::through(LocalDynamo::new(), &FaultInjector::new())
    }

    pub(crate) fn through(dynamo: LocalDynamo, faults: &FaultInjector) -> Self {
        dynamo.create_table("crossdock");
        let table = Table::new(dynamo.client_through(faults), "crossdock");
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_750_000_000).unwrap()));
        let access = Access { hasher: Hasher::cheap(), ..Access::new(table, clock.clone()) };
        Self { access, clock, sign_ins: AtomicU16::new(0) }
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, minutes: u64) {
        self.clock.advance(Duration::from_secs(60 * minutes));
    }

    /// Ada, or somebody who would like to be, signs in.
    pub(crate) async fn sign_in(&self, password: &str) -> Option<Identity> {
        self.try_sign_in(&basic("ada@example.com", password)).await.unwrap()
    }

    /// Whoever it is, from a network nobody has failed from.
    pub(crate) async fn try_sign_in(&self, header: &str) -> Result<Option<Identity>, AuthenticateError> {
        let address = format!("2001:db8:0:{:x}::1", self.sign_ins.fetch_add(1, Ordering::Relaxed));
        self.access.authenticate_basic(&tenant(), header, &address).await
    }
}
