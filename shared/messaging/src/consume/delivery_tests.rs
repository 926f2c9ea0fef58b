//! A consumer behind a topic and a queue with dead letters, on AWS's rules of delivery.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Mutex;

use kernel::{ManualClock, TenantId, Timestamp};
use proptest::prelude::*;
use serde_json::json;
use testkit::{Effect, FaultInjector, LocalQueues, Side, crash_points};

use super::*;
use crate::{Publisher, Queue};

const MINUTE: Duration = Duration::from_secs(60);
const MAX_RECEIVES: u32 = 4;

/// Fails each event as often as its data says, then succeeds; `-1` rejects it.
#[derive(Default)]
struct Handler {
    tries: Mutex<BTreeMap<String, i64>>,
    done: Mutex<Vec<Event>>,
}

#[async_trait]
impl EventHandler for Handler {
    async fn handle(&self, event: &Event) -> Outcome {
        tokio::task::yield_now().await;
        let failures = event.data["failures"].as_i64().unwrap();
        let mut tries = self.tries.lock().unwrap();
        let tries = tries.entry(event.id.to_string()).or_default();
        *tries += 1;
        if failures < 0 {
            return Outcome::reject("impossible", "never");
        }
        if *tries <= failures {
            return Outcome::retry("not yet");
        }
        self.done.lock().unwrap().push(event.clone());
        Outcome::Done
    }
}

struct World {
    queues: LocalQueues,
    publisher: Publisher,
    consumer: Consumer,
    handler: Handler,
    clock: Arc<ManualClock>,
    faults: FaultInjector,
}

impl World {
    fn new(faults: FaultInjector, raw: bool) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_str("2026-03-01T10:00:00Z").unwrap()));
        let queues = LocalQueues::new(clock.clone());
        let topic = queues.create_topic("events.fifo");
        let dead = queues.create_queue("dead.fifo", MINUTE);
        let queue = queues.create_queue_with_dead_letters("orders.fifo", MINUTE, &dead, MAX_RECEIVES);
        queues.subscribe(&topic, &queue, None, raw);
        let publisher = Publisher::new(queues.sns(&FaultInjector::new()), topic);
        let consumer = Consumer::new(Arc::new(Queue::new(queues.sqs(&faults), dead)), MAX_RECEIVES);
        Self { queues, publisher, consumer, handler: Handler::default(), clock, faults }
    }

    /// Publishes one event for each group and number of failures.
    async fn publish(&self, events: &[(u8, i64)]) -> Vec<Event> {
        let tenant = TenantId::from_str("acme.test").unwrap();
        let events: Vec<Event> = events
            .iter()
            .zip(1..)
            .map(|((group, failures), version)| {
                let data = json!({"failures": failures});
                Event::new("sales.order.placed.v1", &tenant, format!("ord_{group}"), version, data, &*self.clock)
            })
            .collect();
        self.publisher.publish(&events).await.into_iter().for_each(Result::unwrap);
        events
    }

    async fn drain(&self) {
        self.queues
            .drain("orders.fifo", |batch| async {
                let run = self.faults.run(self.consumer.consume(batch, MINUTE, &self.handler)).await;
                self.faults.restart();
                run.map_err(|_| "the function died")
            })
            .await;
    }

    fn done(&self) -> Vec<Event> {
        self.handler.done.lock().unwrap().clone()
    }

    /// The events among the dead letters, with their codes.
    fn dead(&self) -> Vec<(Event, Option<String>)> {
        let letters = self.queues.waiting("dead.fifo").into_iter();
        letters
            .map(|letter| (envelope::decode_body(&letter.body).unwrap(), letter.attributes.get("code").cloned()))
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_arrives_the_same_with_raw_delivery_and_without() {
    for raw in [true, false] {
        let world = World::new(FaultInjector::new(), raw);
        let events = world.publish(&[(1, 0), (1, 2), (2, 0)]).await;
        world.drain().await;
        let mut done = world.done();
        done.sort_by_key(|event| event.aggregate_version);
        assert_eq!(done, events, "raw: {raw}");
        assert!(world.dead().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn what_keeps_failing_dies_with_its_reason_before_sqs_moves_it_without_one() {
    let world = World::new(FaultInjector::new(), false);
    let events = world.publish(&[(1, 99), (1, 0)]).await;
    world.drain().await;
    assert_eq!(world.dead(), [(events[0].clone(), Some("retries_exhausted".to_owned()))]);
    assert_eq!(world.done(), events[1..]);
}

#[tokio::test(start_paused = true)]
async fn wherever_the_consumer_crashes_every_event_is_done_or_among_the_dead_letters() {
    let points = crash_points(|faults| async move {
        let world = World::new(faults, true);
        let events = world.publish(&[(1, -1), (1, 0), (2, -1), (2, -1), (3, 0)]).await;
        world.drain().await;
        let dead = world.dead();
        assert_eq!(dead.len(), 3, "a letter whose answer was lost is not kept twice");
        assert!(dead.iter().all(|(_, code)| code.as_deref() == Some("impossible")));
        for event in &events {
            let done = world.done().contains(event);
            assert!(done != dead.iter().any(|(dead, _)| dead == event), "{event:?}");
        }
    })
    .await;
    assert_eq!(points, 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However badly the queue delivers and whatever happens to dead letters and the function: nothing is dropped, and
    /// what a group's events achieve, they achieve in order.
    #[test]
    fn no_event_is_dropped_and_groups_keep_their_order(
        seed: u64,
        raw: bool,
        events in proptest::collection::vec((0_u8..4, -1_i64..6), 1..25),
        faults in proptest::collection::vec((0_usize..12, any::<bool>(), 0_usize..4), 0..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let world = World::new(FaultInjector::new(), raw);
            world.queues.make_unruly(seed);
            for (call, after, effect) in faults {
                let effects = [Effect::ServerError, Effect::Throttle, Effect::ConnectionError, Effect::Crash];
                world.faults.at(call, if after { Side::After } else { Side::Before }, effects[effect]);
            }
            let events = world.publish(&events).await;
            world.drain().await;
            let (done, dead) = (world.done(), world.dead());
            for event in &events {
                prop_assert!(done.contains(event) || dead.iter().any(|(dead, _)| dead == event), "{:?}", event);
            }
            for group in 0_u8..4 {
                let mut versions: Vec<u64> = Vec::new();
                for event in done.iter().filter(|event| event.group == format!("ord_{group}")) {
                    // A second time is a duplicate; only the first one counts.
                    if !versions.contains(&event.aggregate_version) {
                        versions.push(event.aggregate_version);
                    }
                }
                prop_assert!(versions.is_sorted(), "{versions:?}");
            }
            Ok(())
        })?;
    }
}
