use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use kernel::Event;
use serde_json::json;
use testkit::{FaultInjector, LocalDynamo, crash_points};

use super::*;
use crate::State;
use crate::testing::{World, cause, tenant};

/// Takes objects with a title.
struct Titled;

impl Validator for Titled {
    fn check(&self, schema: &Value) -> Result<(), String> {
        if schema.is_object() { Ok(()) } else { Err("not an object".into()) }
    }

    fn violations(&self, _: &Value, payload: &Value) -> Result<Vec<Violation>, String> {
        let titled = payload.get("title").is_some();
        let violation = Violation { pointer: "/title".into(), detail: "is missing".into() };
        Ok(if titled { vec![] } else { vec![violation] })
    }
}

/// Queues that take events, but for those that refuse so many times.
#[derive(Default)]
struct Queues {
    taken: Mutex<BTreeMap<String, Vec<EventSeen>>>,
    refusing: Mutex<BTreeMap<String, u32>>,
}

type EventSeen = (String, String);

impl Queues {
    fn refusing(queue: &str, times: u32) -> Self {
        Self { refusing: Mutex::new(BTreeMap::from([(queue.to_owned(), times)])), ..Self::default() }
    }

    fn counts(&self) -> Vec<(String, usize)> {
        self.taken.lock().unwrap().iter().map(|(queue, events)| (queue.clone(), events.len())).collect()
    }
}

#[async_trait]
impl Courier for Queues {
    async fn send(&self, queue: &str, event: &Event) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if let Some(left) = self.refusing.lock().unwrap().get_mut(queue).filter(|left| **left > 0) {
            *left -= 1;
            return Err("the queue refuses".into());
        }
        let seen = (event.id.to_string(), event.group.clone());
        self.taken.lock().unwrap().entry(queue.to_owned()).or_default().push(seen);
        Ok(())
    }
}

/// Where connectors are, in memory.
#[derive(Default)]
struct Map(Mutex<BTreeMap<(TenantId, ConnectionId), String>>);

type Trouble = Box<dyn std::error::Error + Send + Sync>;

#[async_trait]
impl Discovery for Map {
    async fn active(&self, tenant: &TenantId) -> Result<Arc<[Instance]>, Trouble> {
        let all = self.0.lock().unwrap().clone().into_iter();
        let ours = all.filter(|((of, _), _)| of == tenant);
        Ok(ours.map(|((_, name), queue)| Instance { name, queue }).collect())
    }
}

#[async_trait]
impl Registry for Map {
    async fn announce(&self, tenant: &TenantId, instance: &Instance) -> Result<(), Trouble> {
        self.0.lock().unwrap().insert((tenant.clone(), instance.name.clone()), instance.queue.clone());
        Ok(())
    }

    async fn withdraw(&self, tenant: &TenantId, name: &ConnectionId) -> Result<(), Trouble> {
        self.0.lock().unwrap().remove(&(tenant.clone(), name.clone()));
        Ok(())
    }
}

struct Site {
    world: World,
    centre: Centre,
    map: Map,
}

fn product() -> DocumentType {
    "product".parse().unwrap()
}

fn name(text: &str) -> ConnectionId {
    text.parse().unwrap()
}

async fn site(faults: &FaultInjector, connectors: &[&str]) -> Site {
    let world = World::through(LocalDynamo::new(), faults);
    let plain = Table::new(world.dynamo.client(), "crossdock");
    let setup = Centre::new(plain, world.clock.clone());
    setup.register_type(&tenant(), &product(), 1, &json!({}), &Titled).await.unwrap();
    let map = Map::default();
    for connector in connectors {
        setup.register(&tenant(), name(connector), format!("{connector}.fifo"), vec![product()], &map).await.unwrap();
    }
    let centre = Centre::new(Table::new(world.dynamo.client_through(faults), "crossdock"), world.clock.clone());
    Site { world, centre, map }
}

fn submission(external_id: &str) -> Submission {
    Submission {
        kind: product(),
        shape: 1,
        source: "pos".into(),
        external_id: external_id.into(),
        revision: "1".into(),
        payload: json!({ "title": "A" }),
    }
}

impl Site {
    async fn submitted(&self, external_id: &str) -> DocumentId {
        let received = self.centre.submit(&tenant(), submission(external_id), &Titled, &cause()).await;
        received.unwrap().into_document().id
    }

    async fn route(&self, id: DocumentId, queues: &Queues) -> Processed {
        self.centre.route(&tenant(), id, "w", &self.map, queues).await.unwrap()
    }

    /// Time passes and what is due is routed, until nothing is.
    async fn settle(&self, id: DocumentId, queues: &Queues) {
        for _ in 0..40 {
            self.world.clock.advance(Duration::from_secs(8 * 3600));
            for connector in self.centre.connectors(&tenant()).await.unwrap() {
                self.centre.heartbeat(&tenant(), &connector.name).await.unwrap();
            }
            self.route(id, queues).await;
        }
    }

    async fn states(&self, id: DocumentId) -> Vec<(String, RouteState)> {
        let routes = self.centre.routes(&tenant(), id).await.unwrap();
        routes.into_iter().map(|route| (route.connector.to_string(), route.state)).collect()
    }
}

#[test]
fn the_centres_name_is_a_name() {
    assert_eq!(CENTRE.parse(), Ok(centre()));
}

#[tokio::test]
async fn a_document_goes_to_everybody_who_subscribes_to_its_type_and_is_there() {
    let site = site(&FaultInjector::new(), &["amazon", "shopify"]).await;
    let other = vec!["order".parse().unwrap()];
    site.centre.register(&tenant(), name("books"), "books.fifo".into(), other, &site.map).await.unwrap();
    let queues = Queues::default();
    let id = site.submitted("42").await;
    assert_eq!(site.route(id, &queues).await, Processed::Attempted(State::Success));
    assert_eq!(queues.counts(), [("amazon.fifo".into(), 1), ("shopify.fifo".into(), 1)]);
    assert_eq!(site.route(id, &queues).await, Processed::NotNow);
    // One event, stored with the document, tells that it was received.
    assert_eq!(site.world.items("event").len(), 1);
}

#[tokio::test]
async fn of_three_queues_one_refusing_leaves_two_delivered_and_one_retried_alone() {
    let site = site(&FaultInjector::new(), &["a", "b", "c"]).await;
    let queues = Queues::refusing("b.fifo", 2);
    let id = site.submitted("42").await;
    assert_eq!(site.route(id, &queues).await, Processed::Attempted(State::Failed));
    assert_eq!(queues.counts(), [("a.fifo".into(), 1), ("c.fifo".into(), 1)]);
    assert_eq!(site.states(id).await[1], ("b".to_owned(), RouteState::Failed));
    site.settle(id, &queues).await;
    assert_eq!(queues.counts(), [("a.fifo".into(), 1), ("b.fifo".into(), 1), ("c.fifo".into(), 1)]);
    assert_eq!(site.world.stored(id).await.state, State::Success);
}

#[tokio::test]
async fn a_route_that_keeps_failing_is_dead_and_can_be_driven_again() {
    let site = site(&FaultInjector::new(), &["a", "b"]).await;
    let queues = Queues::refusing("b.fifo", 7);
    let id = site.submitted("42").await;
    site.settle(id, &queues).await;
    // Partly delivered is no failure of the document, and not hidden either.
    assert_eq!(site.world.stored(id).await.state, State::Success);
    assert_eq!(site.states(id).await, [("a".into(), RouteState::Sent), ("b".into(), RouteState::Dead)]);
    let dead = site.centre.dead_routes(&tenant(), None, 10).await.unwrap();
    assert_eq!((dead.routes.len(), dead.routes[0].attempts, dead.next), (1, 6, None));
    let redrive = async || site.centre.redrive_route(&tenant(), id, &name("b"), &site.map, &queues).await;
    assert!(matches!(redrive().await, Err(RedriveError::Unreachable(why)) if why.contains("refuses")));
    assert_eq!(redrive().await.unwrap().state, RouteState::Sent);
    assert!(matches!(redrive().await, Err(RedriveError::NotDead(RouteState::Sent))));
    assert_eq!(queues.counts(), [("a.fifo".into(), 1), ("b.fifo".into(), 1)]);
    assert_eq!(site.centre.dead_routes(&tenant(), None, 10).await.unwrap().routes, []);
}

#[tokio::test]
async fn a_document_fails_when_every_route_is_dead() {
    let site = site(&FaultInjector::new(), &["a"]).await;
    let queues = Queues::refusing("a.fifo", 100);
    let id = site.submitted("42").await;
    site.settle(id, &queues).await;
    let document = site.world.stored(id).await;
    assert_eq!((document.state, document.last.unwrap().code.as_deref()), (State::Error, Some("all_routes_dead")));
}

#[tokio::test]
async fn a_document_nobody_subscribes_to_waits_for_somebody_who_does() {
    let site = site(&FaultInjector::new(), &[]).await;
    let (queues, id) = (Queues::default(), site.submitted("42").await);
    assert_eq!(site.route(id, &queues).await, Processed::Attempted(State::Failed));
    site.centre.register(&tenant(), name("late"), "late.fifo".into(), vec![product()], &site.map).await.unwrap();
    site.settle(id, &queues).await;
    assert_eq!((queues.counts(), site.world.stored(id).await.state), (vec![("late.fifo".into(), 1)], State::Success));
}

#[tokio::test]
async fn a_connector_without_a_sign_of_life_is_told_nothing_until_it_gives_one() {
    let site = site(&FaultInjector::new(), &["a", "b"]).await;
    site.world.clock.advance(Duration::from_secs(200));
    assert!(site.centre.heartbeat(&tenant(), &name("a")).await.unwrap());
    assert!(!site.centre.heartbeat(&tenant(), &name("unknown")).await.unwrap());
    let queues = Queues::default();
    let id = site.submitted("42").await;
    assert_eq!(site.route(id, &queues).await, Processed::Attempted(State::Success));
    assert_eq!(queues.counts(), [("a.fifo".into(), 1)]);
}

#[tokio::test]
async fn a_connector_is_told_where_it_is_found_and_not_at_all_once_it_went() {
    let site = site(&FaultInjector::new(), &["a", "b"]).await;
    let moved = Instance { name: name("a"), queue: "elsewhere.fifo".into() };
    site.map.announce(&tenant(), &moved).await.unwrap();
    site.centre.deregister(&tenant(), &name("b"), &site.map).await.unwrap();
    site.centre.deregister(&tenant(), &name("b"), &site.map).await.unwrap();
    assert_eq!(site.map.0.lock().unwrap().len(), 1);
    let queues = Queues::default();
    let id = site.submitted("42").await;
    site.route(id, &queues).await;
    assert_eq!(queues.counts(), [("elsewhere.fifo".into(), 1)]);
}

/// Fails once it is told to.
struct Flaky(Mutex<Option<u32>>, std::sync::atomic::AtomicU32);

#[async_trait]
impl Discovery for &Flaky {
    async fn active(&self, _: &TenantId) -> Result<Arc<[Instance]>, Trouble> {
        self.1.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let size = self.0.lock().unwrap().ok_or("discovery is down")?;
        Ok((0..size).map(|n| Instance { name: name(&format!("c{n}")), queue: String::new() }).collect())
    }
}

#[tokio::test]
async fn discovery_is_asked_once_a_minute_and_its_last_answer_outlives_it() {
    let world = World::new();
    let flaky = Flaky(Mutex::new(Some(1)), 0.into());
    let cached = Cached::new(&flaky, world.clock.clone());
    let ask = async || cached.active(&tenant()).await.map(|found| found.len()).ok();
    assert_eq!((ask().await, ask().await), (Some(1), Some(1)));
    assert_eq!(flaky.1.load(std::sync::atomic::Ordering::SeqCst), 1);
    *flaky.0.lock().unwrap() = Some(2);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(ask().await, Some(2));
    *flaky.0.lock().unwrap() = None;
    world.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(ask().await, Some(2));
    assert!(cached.active(&"other.test".parse().unwrap()).await.is_err());
    // A clock set back does not keep the answer.
    *flaky.0.lock().unwrap() = Some(3);
    assert_eq!(ask().await, Some(3));
    world.clock.set("2020-01-01T00:00:00Z".parse().unwrap());
    *flaky.0.lock().unwrap() = Some(4);
    assert_eq!(ask().await, Some(4));
}

#[tokio::test]
async fn what_is_not_of_a_registered_type_is_refused_and_leaves_nothing() {
    let site = site(&FaultInjector::new(), &["a"]).await;
    let submit = async |s: Submission| site.centre.submit(&tenant(), s, &Titled, &cause()).await;
    let unknown = submit(Submission { shape: 2, ..submission("42") }).await;
    assert!(matches!(unknown, Err(SubmitError::UnknownType)));
    let invalid = submit(Submission { payload: json!({}), ..submission("42") }).await;
    assert!(matches!(invalid, Err(SubmitError::Invalid(v)) if v[0].pointer == "/title"));
    assert_eq!((site.world.items("document").len(), site.world.items("event").len()), (0, 0));
    let first = submit(submission("42")).await.unwrap();
    assert!(matches!(first, Received::New(_)));
    assert!(matches!(submit(submission("42")).await, Ok(Received::Known(_))));
    let other = Submission { payload: json!({ "title": "B" }), ..submission("42") };
    assert!(matches!(submit(other).await, Err(SubmitError::Receive(ReceiveError::Differs(_)))));
}

#[tokio::test]
async fn a_version_of_a_type_never_changes() {
    let site = site(&FaultInjector::new(), &[]).await;
    let register =
        async |shape, schema: Value| site.centre.register_type(&tenant(), &product(), shape, &schema, &Titled).await;
    assert!(!register(1, json!({})).await.unwrap());
    assert!(matches!(register(1, json!({ "type": "object" })).await, Err(RegisterError::Taken)));
    assert!(matches!(register(2, json!(3)).await, Err(RegisterError::Schema(_))));
    assert!(register(2, json!({ "type": "object" })).await.unwrap());
    assert_eq!(site.centre.types(&tenant()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn wherever_the_router_dies_every_queue_gets_the_document_under_one_id() {
    crash_points(async |faults| {
        let site = site(&faults, &["a", "b"]).await;
        let setup = Centre::new(Table::new(site.world.dynamo.client(), "crossdock"), site.world.clock.clone());
        let id = setup.submit(&tenant(), submission("42"), &Titled, &cause()).await.unwrap().into_document().id;
        let queues = Queues::default();
        let _ = faults.run(site.route(id, &queues)).await;
        faults.restart();
        site.settle(id, &queues).await;
        assert_eq!(site.world.stored(id).await.state, State::Success);
        let taken = queues.taken.lock().unwrap();
        assert_eq!(taken.len(), 2);
        for events in taken.values() {
            assert!(events.iter().all(|event| *event == events[0]), "{events:?}");
        }
    })
    .await;
}
