use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsBatchResponse;
use kernel::{Clock, ManualClock};
use serde_json::json;
use testkit::{Effect, FaultInjector, LocalQueues, Side, crash_points};

use super::*;
use crate::{Consumer, EventHandler, Outcome, Publisher};

struct World {
    clock: Arc<ManualClock>,
    queues: LocalQueues,
    faults: FaultInjector,
    publisher: Publisher,
    source: Queue,
    letters: Queue,
}

const MINUTE: Duration = Duration::from_secs(60);

/// Rejects everything, or nothing.
struct Handler {
    reject: bool,
}

#[async_trait]
impl EventHandler for Handler {
    async fn handle(&self, _: &Event) -> Outcome {
        if self.reject { Outcome::reject("unknown_order", "no such order") } else { Outcome::Done }
    }
}

impl World {
    fn new(faults: FaultInjector) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_str("2026-03-01T10:00:00Z").unwrap()));
        let queues = LocalQueues::new(clock.clone());
        let topic = queues.create_topic("events.fifo");
        let letters = queues.create_queue("orders-dead.fifo", MINUTE);
        let source = queues.create_queue_with_dead_letters("orders.fifo", MINUTE, "orders-dead.fifo", 5);
        queues.subscribe(&topic, &source, None, true);
        let publisher = Publisher::new(queues.sns(&FaultInjector::new()), topic);
        let queue = |url| Queue::new(queues.sqs(&faults), url);
        Self { source: queue(source), letters: queue(letters), clock, queues, faults, publisher }
    }

    fn event(&self, tenant: &str, order: &str) -> Event {
        let tenant = TenantId::from_str(tenant).unwrap();
        Event::new("sales.order.placed.v1", &tenant, order, 1, json!({}), &*self.clock)
    }

    /// Publishes the events and has the consumer reject them all.
    async fn bury(&self, events: &[Event]) {
        self.publisher.publish(events).await.into_iter().for_each(Result::unwrap);
        self.consume(true).await;
        assert_eq!(self.queues.waiting("orders-dead.fifo").len(), events.len());
    }

    /// Consumes what is in the source queue; returns how much that was.
    async fn consume(&self, reject: bool) -> usize {
        let calm = Arc::new(Queue::new(self.queues.sqs(&FaultInjector::new()), self.letters_url()));
        let consumer = Consumer::new(calm, 5);
        let handler = Handler { reject };
        let pumped = self
            .queues
            .drain("orders.fifo", |batch| async {
                Ok::<SqsBatchResponse, String>(consumer.consume(batch, MINUTE, &handler).await)
            })
            .await;
        pumped.delivered
    }

    fn letters_url(&self) -> String {
        "https://sqs.us-east-1.amazonaws.com/000000000000/orders-dead.fifo".to_owned()
    }

    fn redrive(&self) -> Redrive {
        Redrive::new(self.letters.clone())
    }

    /// Event ids waiting in a queue: group by group, in order within each (groups die side by side).
    fn waiting(&self, queue: &str) -> Vec<String> {
        let mut events: Vec<Event> = self
            .queues
            .waiting(queue)
            .into_iter()
            .map(|message| envelope::decode_body(&message.body).unwrap())
            .collect();
        events.sort_by_key(|event| event.group.clone());
        ids(&events)
    }
}

fn soon() -> Instant {
    Instant::now() + MINUTE
}

fn ids(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.id.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn listing_shows_each_letter_with_its_reason_and_leaves_it_there() {
    let world = World::new(FaultInjector::new());
    let events: Vec<Event> = (0..13).map(|n| world.event("acme.test", &format!("ord_{n}"))).collect();
    world.bury(&events).await;
    for _ in 0..2 {
        let listing = world.redrive().list(&Scope::All, 50, soon()).await.unwrap();
        assert_eq!(listing.waiting, 13);
        let listed: HashSet<String> =
            listing.letters.iter().map(|letter| letter.event.as_ref().unwrap().id.to_string()).collect();
        assert_eq!(listed, ids(&events).into_iter().collect());
        let letter = &listing.letters[0];
        assert_eq!((letter.reason.as_str(), letter.code.as_str()), ("no such order", "unknown_order"));
        assert_eq!(letter.source.as_deref(), Some("arn:aws:sqs:us-east-1:000000000000:orders.fifo"));
        assert_eq!((letter.receive_count, letter.since), (Some(1), Some(world.clock.now())));
    }
    assert_eq!(world.redrive().list(&Scope::All, 3, soon()).await.unwrap().letters.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_letter_sqs_moved_by_itself_says_so() {
    let world = World::new(FaultInjector::new());
    world.publisher.publish(&[world.event("acme.test", "ord_1")]).await.into_iter().for_each(Result::unwrap);
    let drained = world.queues.drain("orders.fifo", |_| async { Err::<SqsBatchResponse, _>("out of memory") }).await;
    assert_eq!(drained.delivered, 5);
    let [letter] = world.redrive().list(&Scope::All, 9, soon()).await.unwrap().letters.try_into().unwrap();
    assert_eq!(letter.code, "max_receives");
    assert_eq!(letter.source.as_deref(), Some("arn:aws:sqs:us-east-1:000000000000:orders.fifo"));
}

#[tokio::test(start_paused = true)]
async fn a_redriven_letter_is_the_same_message_again_and_is_not_taken_for_a_duplicate() {
    let world = World::new(FaultInjector::new());
    let events = [world.event("acme.test", "ord_1"), world.event("acme.test", "ord_1")];
    world.bury(&events).await;
    // At once: well within the five minutes in which the queue remembers the event's own deduplication id.
    let done = world.redrive().send_back(&Scope::All, &world.source, usize::MAX, soon()).await.unwrap();
    assert_eq!(done, Redriven { moved: 2, left: Vec::new(), complete: true });
    assert!(world.queues.waiting("orders-dead.fifo").is_empty());
    assert_eq!(world.waiting("orders.fifo"), ids(&events));
    let message = world.queues.waiting("orders.fifo").remove(0);
    assert_eq!(message.group.as_deref(), Some("ord_1"));
    assert_eq!(message.attributes.keys().collect::<Vec<_>>(), ["tenant", "type"]);
    assert_eq!(world.consume(false).await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_dies_again_can_be_redriven_again() {
    let world = World::new(FaultInjector::new());
    world.bury(&[world.event("acme.test", "ord_1")]).await;
    for _ in 0..3 {
        let done = world.redrive().send_back(&Scope::All, &world.source, usize::MAX, soon()).await.unwrap();
        assert_eq!(done.moved, 1);
        assert_eq!(world.consume(true).await, 1);
        assert_eq!(world.queues.waiting("orders-dead.fifo").len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_letters_are_moved_than_asked_for() {
    let world = World::new(FaultInjector::new());
    let events: Vec<Event> = (0..5).map(|_| world.event("acme.test", "ord_1")).collect();
    world.bury(&events).await;
    let done = world.redrive().send_back(&Scope::All, &world.source, 2, soon()).await.unwrap();
    assert_eq!((done.moved, done.complete), (2, false));
    assert_eq!(world.waiting("orders.fifo"), ids(&events[..2]));
    let rest = world.redrive().send_back(&Scope::All, &world.source, 9, soon()).await.unwrap();
    assert_eq!((rest.moved, rest.complete), (3, true));
}

#[tokio::test(start_paused = true)]
async fn when_time_is_up_the_operator_is_told_to_call_again() {
    let world = World::new(FaultInjector::new());
    world.bury(&[world.event("acme.test", "ord_1")]).await;
    let done = world.redrive().send_back(&Scope::All, &world.source, 9, Instant::now()).await.unwrap();
    assert_eq!((done.moved, done.complete), (0, false));
}

#[tokio::test(start_paused = true)]
async fn a_tenant_sees_and_moves_its_own_letters_only() {
    let world = World::new(FaultInjector::new());
    let events =
        [world.event("acme.test", "ord_1"), world.event("other.test", "ord_2"), world.event("acme.test", "ord_3")];
    world.bury(&events).await;
    let malformed = Message { body: "{}".into(), group: "x".into(), deduplication: "x".into(), ..Message::default() };
    world.letters.send(malformed).await.unwrap();
    let scope = |strays| Scope::Tenant { tenant: events[0].tenant.clone(), strays };
    assert_eq!(world.redrive().list(&scope(true), 50, soon()).await.unwrap().letters.len(), 3);
    let scope = scope(false);
    let listing = world.redrive().list(&scope, 50, soon()).await.unwrap();
    assert_eq!(listing.letters.len(), 2);
    let done = world.redrive().send_back(&scope, &world.source, usize::MAX, soon()).await.unwrap();
    assert_eq!((done.moved, done.complete), (2, true));
    assert_eq!(world.waiting("orders.fifo"), [events[0].id.to_string(), events[2].id.to_string()]);
    let all = world.redrive().list(&Scope::All, 50, soon()).await.unwrap();
    assert_eq!(all.letters.iter().filter(|letter| letter.event.is_none()).count(), 1);
    assert_eq!(all.letters.len(), 2);
}

/// Takes nothing.
struct Closed;

#[async_trait]
impl Destination for Closed {
    async fn deliver(&self, letter: &Letter) -> Result<(), String> {
        Err(format!("closed to {}", letter.message.group))
    }
}

#[tokio::test(start_paused = true)]
async fn a_letter_its_destination_does_not_take_stays_and_holds_its_group_back() {
    let world = World::new(FaultInjector::new());
    world
        .bury(&[
            world.event("acme.test", "ord_1"),
            world.event("acme.test", "ord_1"),
            world.event("acme.test", "ord_2"),
        ])
        .await;
    let done = world.redrive().send_back(&Scope::All, &Closed, usize::MAX, soon()).await.unwrap();
    assert_eq!((done.moved, done.complete), (0, true));
    let reasons: HashSet<&str> = done.left.iter().map(|(_, reason)| reason.as_str()).collect();
    assert_eq!((done.left.len(), reasons), (2, HashSet::from(["closed to ord_1", "closed to ord_2"])));
    assert_eq!(world.redrive().list(&Scope::All, 9, soon()).await.unwrap().letters.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn sqs_moves_everything_by_itself_where_it_can() {
    let world = World::new(FaultInjector::new());
    world.bury(&[world.event("acme.test", "ord_1"), world.event("acme.test", "ord_2")]).await;
    let task = world.redrive().start_move(&world.source).await.unwrap();
    assert!(task.is_some());
    assert_eq!(world.queues.waiting("orders.fifo").len(), 2);
    assert_eq!(world.consume(false).await, 2);
}

#[test]
fn only_a_move_that_sqs_cannot_do_is_done_by_hand() {
    for code in ["UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", "InvalidAction", "AccessDenied"]
    {
        assert!(unsupported(code), "{code}");
    }
    for code in ["InvalidParameterValue", "ResourceNotFoundException", "RequestThrottled"] {
        assert!(!unsupported(code), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_queue_is_reported_and_nothing_is_lost() {
    for api in ["ReceiveMessage", "SendMessage", "DeleteMessage", "ChangeMessageVisibilityBatch"] {
        let world = World::new(FaultInjector::new());
        world.bury(&[world.event("acme.test", "ord_1")]).await;
        world.faults.on(api, 0, Side::Before, Effect::ServerError);
        let result = world.redrive().send_back(&Scope::All, &world.source, usize::MAX, soon()).await;
        match api {
            "ReceiveMessage" | "DeleteMessage" => assert!(result.is_err(), "{api}"),
            "SendMessage" => assert_eq!(result.unwrap().left.len(), 1),
            _ => assert_eq!(result.unwrap().moved, 1),
        }
        world.clock.advance(Duration::from_secs(61));
        world.redrive().send_back(&Scope::All, &world.source, usize::MAX, soon()).await.unwrap();
        // The letter whose deletion failed was sent twice with the same id, which the queue recognised.
        assert_eq!(world.consume(false).await, 1, "{api}");
        assert!(world.queues.waiting("orders-dead.fifo").is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn wherever_redriving_crashes_every_letter_is_in_one_of_the_queues() {
    let points = crash_points(|faults| async move {
        let world = World::new(faults.clone());
        let events =
            [world.event("acme.test", "ord_1"), world.event("acme.test", "ord_1"), world.event("acme.test", "ord_2")];
        world.bury(&events).await;
        let redrive = world.redrive();
        let run = faults.run(redrive.send_back(&Scope::All, &world.source, usize::MAX, soon())).await;
        faults.restart();
        if run.is_err() {
            world.clock.advance(Duration::from_secs(61));
            let again = redrive.send_back(&Scope::All, &world.source, usize::MAX, soon()).await.unwrap();
            assert!(again.complete);
        }
        assert!(world.queues.waiting("orders-dead.fifo").is_empty());
        let mut arrived = world.waiting("orders.fifo");
        arrived.dedup();
        assert_eq!(arrived, ids(&events));
    })
    .await;
    assert!(points >= 6, "{points}");
}
