//! Guessing passwords from one network, whoever they are tried for: so many failed sign-ins a minute, and then nobody signs in
//! from there for the rest of it.
//!
//! The lockout of a user (`lockout`) stops many guesses about one; this stops a few guesses about many, and the hashing they
//! cost. Where nobody has failed in this minute nothing is written. Where somebody has, a sign-in is counted before it is
//! judged, and given back when it was right; a function that dies in between leaves one too many until the minute is over.

use std::net::IpAddr;

use kernel::TenantId;
use table::{Item, Key, TableError};

use crate::Access;
use crate::authenticate::AuthenticateError;
use crate::limits::{Held, Limit, Limiter};

/// Failed sign-ins a minute from one network. A shop's tills share an address, and seldom so many wrong passwords.
pub const MAX_FAILURES_OF_NETWORK: u32 = 30;

/// The failures of one network in this minute.
pub(crate) struct Guesses {
    limiter: Limiter,
    network: String,
}

impl Guesses {
    pub(crate) fn of(access: &Access, tenant: &TenantId, address: &str) -> Self {
        let limiter = Limiter::new(access.table.clone(), access.clock.clone(), tenant.clone());
        Self { limiter, network: network(address) }
    }

    fn limit(&self) -> Limit<'_> {
        Limit { class: "failed sign-in", subject: &self.network, most: MAX_FAILURES_OF_NETWORK }
    }

    /// Where they are counted, to be read with other things.
    pub(crate) fn key(&self) -> Key {
        self.limiter.counter(&self.limit())
    }

    /// Counts a sign-in that is about to be judged, where others have failed. `seen` is what is at [`Guesses::key`].
    pub(crate) async fn before(&self, seen: Option<Item>) -> Result<Option<Held>, AuthenticateError> {
        match Limiter::counted(seen)? {
            0 => return Ok(None),
            failed if failed < MAX_FAILURES_OF_NETWORK => {
                if let Some(held) = self.limiter.hold(&self.limit()).await? {
                    return Ok(Some(held));
                }
            }
            _ => {}
        }
        Err(AuthenticateError::TooManyFailures { reset: self.limiter.reset() })
    }

    /// Settles what was counted, now that the sign-in is judged.
    pub(crate) async fn after(&self, was_right: bool, held: Option<Held>) -> Result<(), TableError> {
        match held {
            Some(held) if was_right => self.limiter.release(held).await,
            // The limit may be reached by now: then it is counted enough.
            None if !was_right => self.limiter.hold(&self.limit()).await.map(drop),
            Some(_) | None => Ok(()),
        }
    }
}

/// What is counted together: an address, of IPv6 the 64 bits that one customer of a provider has; any other text as it is.
#[must_use]
pub fn network(address: &str) -> String {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Ok(IpAddr::V4(address)) => address.to_string(),
        Err(_) => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use futures::future::join_all;
    use testkit::{Effect, FaultInjector, LocalDynamo, Side};

    use super::*;
    use crate::testing::{World, ada, basic, tenant};

    const RIGHT: &str = "correct horse";
    const HERE: &str = "192.0.2.10";

    async fn registered(faults: &FaultInjector) -> World {
        let world = World::through(LocalDynamo::new(), faults);
        world.access.register(&tenant(), &ada()).await.unwrap();
        world
    }

    /// Whether somebody was let in, or why it was not even tried.
    async fn tries(world: &World, email: &str, password: &str, address: &str) -> Result<bool, u32> {
        match world.access.authenticate_basic(&tenant(), &basic(email, password), address).await {
            Ok(found) => Ok(found.is_some()),
            Err(AuthenticateError::TooManyFailures { reset }) => Err(reset),
            Err(error) => panic!("{error}"),
        }
    }

    async fn guess(world: &World, times: u32, address: &str) {
        for number in 0..times {
            assert_eq!(tries(world, &format!("user-{number}@example.com"), "battery staple", address).await, Ok(false));
        }
    }

    #[tokio::test]
    async fn one_password_for_many_users_is_tried_so_often_from_one_network_and_from_another_on_its_own() {
        let faults = FaultInjector::new();
        let world = registered(&faults).await;
        guess(&world, MAX_FAILURES_OF_NETWORK, HERE).await;
        faults.forget();
        assert_eq!(tries(&world, "ada@example.com", RIGHT, HERE).await, Err(20), "the rest of the minute");
        assert_eq!(tries(&world, "eve@example.com", RIGHT, HERE).await, Err(20), "the same for somebody unknown");
        assert_eq!(faults.count_by_api().into_iter().collect::<Vec<_>>(), [("BatchGetItem".to_owned(), 2)]);
        assert_eq!(tries(&world, "ada@example.com", RIGHT, "192.0.2.11").await, Ok(true));
        world.wait(1);
        assert_eq!(tries(&world, "ada@example.com", RIGHT, HERE).await, Ok(true));
    }

    #[tokio::test]
    async fn who_signs_in_rightly_counts_for_nothing() {
        let faults = FaultInjector::new();
        let world = registered(&faults).await;
        guess(&world, MAX_FAILURES_OF_NETWORK - 1, HERE).await;
        faults.forget();
        for _ in 0..40 {
            assert_eq!(tries(&world, "ada@example.com", RIGHT, HERE).await, Ok(true));
        }
        let calls = faults.count_by_api();
        assert_eq!(calls.get("UpdateItem"), Some(&80), "counted before and given back, because somebody guesses here");
        guess(&world, 1, HERE).await;
        assert!(tries(&world, "ada@example.com", RIGHT, HERE).await.is_err());
    }

    #[tokio::test]
    async fn many_guesses_at_once_are_judged_no_more_often_than_allowed_once_one_was_seen() {
        for seed in 0..3 {
            let faults = FaultInjector::new();
            faults.interleave(seed);
            let world = registered(&faults).await;
            guess(&world, 1, HERE).await;
            let emails: Vec<String> = (0..100).map(|number| format!("other-{number}@example.com")).collect();
            let tried = join_all(emails.iter().map(|email| tries(&world, email, "battery staple", HERE))).await;
            let judged = tried.iter().filter(|tried| tried.is_ok()).count();
            assert_eq!(judged, usize::try_from(MAX_FAILURES_OF_NETWORK).unwrap() - 1);
        }
    }

    #[tokio::test]
    async fn when_guesses_cannot_be_counted_nobody_is_let_in() {
        let faults = FaultInjector::new();
        let world = registered(&faults).await;
        guess(&world, 1, HERE).await;
        faults.always("UpdateItem", Side::Before, Effect::ServerError);
        let header = basic("ada@example.com", RIGHT);
        let found = world.access.authenticate_basic(&tenant(), &header, HERE).await;
        assert!(matches!(found, Err(AuthenticateError::Table(_))));
    }

    #[test]
    fn an_address_is_counted_with_those_of_its_network() {
        let networks: BTreeSet<String> = ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9"].map(network).into();
        assert_eq!(networks, BTreeSet::from(["2001:db8:1:2::/64".to_owned()]));
        assert_ne!(network("2001:db8:1:3::1"), network("2001:db8:1:2::1"));
        assert_eq!(network("::ffff:192.0.2.10"), "192.0.2.10");
        assert_eq!((network(HERE), network("")), (HERE.to_owned(), String::new()));
    }
}
