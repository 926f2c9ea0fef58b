use std::time::Duration;

use kernel::ManualClock;
use testkit::{FaultInjector, LocalDynamo};

use super::*;
use crate::testing::FixedSecret;

const PEPPER: &str = r#"{"current": "0123456789-pepper-2", "previous": "0123456789-pepper-1"}"#;

struct World {
    keys: ApiKeys,
    clock: Arc<ManualClock>,
    dynamo: LocalDynamo,
    faults: FaultInjector,
    tenant: TenantId,
}

impl World {
    fn new() -> Self {
        Self::with(LocalDynamo::new(), PEPPER, true)
    }

    fn with(dynamo: LocalDynamo, pepper: &str, is_new: bool) -> Self {
        if is_new {
            dynamo.create_table("crossdock");
        }
        let faults = FaultInjector::new();
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_750_000_000).unwrap()));
        let table = Table::new(dynamo.client_through(&faults), "crossdock");
        let keys = ApiKeys::new(table, clock.clone(), Arc::new(FixedSecret(pepper.to_owned().into())));
        Self { keys, clock, dynamo, faults, tenant: "acme.test".parse().unwrap() }
    }

    fn actor(&self) -> Actor<'_> {
        Actor { tenant: &self.tenant, principal: "operator" }
    }

    async fn made(&self) -> MadeApiKey {
        self.keys.create(self.actor(), &new()).await.unwrap()
    }

    async fn is_good(&self, made: &MadeApiKey) -> bool {
        self.knows(&format!("ApiKey {}", made.text.expose_secret())).await.is_some()
    }

    async fn knows(&self, header: &str) -> Option<ApiKey> {
        self.keys.authenticate(&self.tenant, header).await.unwrap()
    }
}

fn new() -> NewApiKey {
    let scopes = BTreeSet::from(["orders:read".to_owned()]);
    NewApiKey { name: "ERP".into(), scopes, role: Role::StoreAdmin, days: 90 }
}

#[tokio::test]
async fn a_key_is_known_until_its_end_and_its_text_is_nowhere() {
    let world = World::new();
    let made = world.made().await;
    assert!(made.text.expose_secret().starts_with("cdk_"));
    let known = world.knows(&format!("apikey  {}", made.text.expose_secret())).await.unwrap();
    assert_eq!((known.id, known.role), (made.key.id, Role::StoreAdmin));
    let everything = world.dynamo.execute("Scan", serde_json::json!({ "TableName": "crossdock" })).to_string();
    assert!(!everything.contains(made.text.expose_secret().rsplit_once('_').unwrap().1));
    world.clock.advance(Duration::from_secs(90 * 24 * 3600 - 1));
    assert!(world.is_good(&made).await);
    world.clock.advance(Duration::from_secs(1));
    assert!(!world.is_good(&made).await);
}

#[tokio::test]
async fn what_is_not_exactly_a_key_is_nobody() {
    let world = World::new();
    let made = world.made().await;
    let text = made.text.expose_secret();
    let flipped = format!("{}{}", &text[..text.len() - 1], if text.ends_with('A') { 'Q' } else { 'A' });
    let other = world.made().await;
    let mixed = format!("cdk_{}_{}", made.key.id.ulid(), &other.text.expose_secret()[31..]);
    for header in [
        format!("Bearer {text}"),
        format!("Basic {text}"),
        format!("ApiKey {flipped}"),
        format!("ApiKey {mixed}"),
        format!("ApiKey {text}A"),
        format!("ApiKey CDK{}", &text[3..]),
        format!("ApiKey {}", text.to_lowercase()),
        "ApiKey".to_owned(),
        "ApiKey cdk__".to_owned(),
        String::new(),
    ] {
        assert!(world.knows(&header).await.is_none(), "{header}");
    }
    let other: TenantId = "other.test".parse().unwrap();
    assert!(world.keys.authenticate(&other, &format!("ApiKey {text}")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_key_costs_one_read_and_one_write_a_day() {
    let world = World::new();
    let made = world.made().await;
    for (hours, calls) in [(0, 2), (1, 1), (24, 2), (24, 2)] {
        world.clock.advance(Duration::from_secs(hours * 3600));
        world.faults.forget();
        assert!(world.is_good(&made).await);
        assert_eq!(world.faults.count(), calls, "{hours}");
    }
    let listed = world.keys.list(&world.tenant, 10, None).await.unwrap().items;
    assert_eq!(listed[0].last_used, Some((1_750_000_000 + 49 * 3600) / DAY));
}

#[tokio::test]
async fn a_replaced_key_is_good_for_another_day_and_a_revoked_one_not_at_all() {
    let world = World::new();
    let old = world.made().await;
    let next = world.keys.rotate(world.actor(), old.key.id).await.unwrap();
    assert!(world.is_good(&old).await && world.is_good(&next).await);
    world.clock.advance(Duration::from_secs(24 * 3600));
    assert!(!world.is_good(&old).await && world.is_good(&next).await);
    assert!(world.keys.rotate(world.actor(), old.key.id).await.is_err());
    world.keys.revoke(world.actor(), next.key.id).await.unwrap();
    world.keys.revoke(world.actor(), next.key.id).await.unwrap();
    assert!(!world.is_good(&next).await);
    assert!(matches!(
        world.keys.revoke(world.actor(), ApiKeyId::from_ulid(kernel::Ulid(1))).await,
        Err(ApiKeyError::Directory(DirectoryError::NotFound))
    ));
}

#[tokio::test]
async fn a_pepper_is_replaced_without_a_key_being_lost() {
    let before = World::new();
    let made = before.made().await;
    let moved = r#"{"current": "0123456789-pepper-3", "previous": "0123456789-pepper-2"}"#;
    assert!(World::with(before.dynamo.clone(), moved, false).is_good(&made).await);
    let gone = r#"{"current": "0123456789-pepper-3", "previous": ""}"#;
    assert!(!World::with(before.dynamo.clone(), gone, false).is_good(&made).await);
}

#[tokio::test]
async fn a_key_that_makes_no_sense_is_refused() {
    let world = World::new();
    let bad = NewApiKey { name: String::new(), scopes: BTreeSet::from(["all".into()]), role: Role::Service, days: 0 };
    let Err(ApiKeyError::Directory(DirectoryError::Invalid(found))) = world.keys.create(world.actor(), &bad).await
    else {
        panic!("it was made")
    };
    assert_eq!(found.len(), 4);
}
