use std::time::Duration;

use inventory::{Inventory, LocationId, Movement, Posting, Sku};
use kernel::{ManualClock, Timestamp};
use messaging::Queue;
use proptest::prelude::*;
use table::Table;
use testkit::{Effect, FaultInjector, LocalDynamo, LocalQueues, Side, StreamSimulator, crash_points, tenant};

use super::*;

struct World {
    dynamo: LocalDynamo,
    inventory: Inventory,
    queues: LocalQueues,
    feed: LevelFeed,
    faults: FaultInjector,
}

impl World {
    fn new() -> Self {
        Self::with(FaultInjector::new())
    }

    fn with(faults: FaultInjector) -> Self {
        let clock = Arc::new(ManualClock::new("2026-03-01T10:00:00Z".parse().unwrap()));
        let dynamo = LocalDynamo::with_clock(clock.clone());
        dynamo.create_table("crossdock");
        let queues = LocalQueues::new(clock);
        let topic = queues.create_topic("events.fifo");
        let consumer = queues.create_queue("channel.fifo", Duration::from_secs(30));
        queues.subscribe(&topic, &consumer, None, true);
        let parked = queues.create_queue("parked", Duration::from_secs(30));
        let publisher = Publisher::new(queues.sns(&faults), topic);
        let feed = LevelFeed::new(publisher, Arc::new(Queue::new(queues.sqs(&faults), parked)));
        let inventory = Inventory::new(Table::new(dynamo.client(), "crossdock"));
        Self { dynamo, inventory, queues, feed, faults }
    }

    async fn counted(&self, location: &str, sku: &str, on_hand: i64) {
        let (location, sku): (LocationId, Sku) = (location.parse().unwrap(), sku.parse().unwrap());
        let effective_at = Timestamp::from_second(1_700_000_000).unwrap();
        let posting = Posting { source: "doc".into(), actor: "ada".into(), reason: None, effective_at };
        let movement = Movement::Counted { on_hand };
        self.inventory.post(&tenant(), (&location, &sku), &movement, &posting, &|_| None).await.unwrap();
    }

    /// With no filter, as in the local stack.
    fn stream(&self) -> StreamSimulator {
        StreamSimulator::new(&self.dynamo, "crossdock").batch_size(100)
    }

    async fn deliver(&self, stream: &mut StreamSimulator) {
        stream.deliver(async |batch| Ok::<_, String>(self.feed.handle(batch).await)).await;
    }

    /// As long as Lambda comes back, in a process that dies where the script says.
    async fn deliver_until_done(&self, stream: &mut StreamSimulator) {
        for _ in 0..60 {
            let handled = async |batch| {
                let answer = self.faults.run(self.feed.handle(batch)).await;
                self.faults.restart();
                answer
            };
            if stream.deliver(handled).await.pending == 0 {
                break;
            }
        }
    }

    /// What reached a channel, in order.
    fn events(&self) -> Vec<Event> {
        let waiting = self.queues.waiting("channel.fifo").into_iter();
        waiting.map(|message| envelope::decode(&message.body).unwrap()).collect()
    }

    /// Group, on hand and available of the same.
    fn told(&self) -> Vec<(String, i64, i64)> {
        let figure = |event: &Event, name: &str| event.data[name].as_i64().unwrap();
        let row = |event: Event| (event.group.clone(), figure(&event, "onHand"), figure(&event, "available"));
        self.events().into_iter().map(row).collect()
    }

    /// A channel that goes by the version knows every level as it is, and was told no version in two ways.
    async fn assert_nothing_lost(&self, levels: impl Iterator<Item = String>) {
        let mut newest: BTreeMap<String, Event> = BTreeMap::new();
        let mut ids = BTreeMap::new();
        for event in self.events() {
            let known = ids.entry((event.group.clone(), event.aggregate_version)).or_insert(event.id);
            assert_eq!(*known, event.id, "a channel could not tell a repetition");
            let newer = newest.get(&event.group).is_none_or(|known| known.aggregate_version < event.aggregate_version);
            if newer {
                newest.insert(event.group.clone(), event);
            }
        }
        let alpha: LocationId = "alpha".parse().unwrap();
        for sku in levels {
            let level = self.inventory.level(&tenant(), &alpha, &sku.parse().unwrap()).await.unwrap();
            let known = &newest[&format!("alpha/{sku}")];
            assert_eq!((known.aggregate_version, &known.data), (level.version, &data(&level)), "{sku}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_level_that_changed_often_is_told_once_as_it_is_now() {
    let world = World::new();
    for on_hand in 1..=9 {
        world.counted("alpha", "a", on_hand).await;
    }
    world.counted("beta", "a", 4).await;
    let mut stream = world.stream();
    world.deliver(&mut stream).await;
    let mut told = world.told();
    told.sort();
    assert_eq!(told, [("alpha/a".to_owned(), 9, 9), ("beta/a".to_owned(), 4, 4)]);
    world.counted("alpha", "a", 5).await;
    world.deliver(&mut stream).await;
    assert_eq!(world.told().last(), Some(&("alpha/a".to_owned(), 5, 5)));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_delivered_again_tells_nothing_new() {
    let world = World::new();
    world.counted("alpha", "a", 3).await;
    world.deliver(&mut world.stream()).await;
    world.deliver(&mut world.stream()).await;
    assert_eq!(world.told().len(), 1, "the same change has the same id");
}

#[tokio::test(start_paused = true)]
async fn parts_of_places_are_not_told() {
    let world = World::new();
    world.counted("alpha", "a", 9).await;
    let (alpha, sku) = ("alpha".parse().unwrap(), "a".parse().unwrap());
    let item = world.inventory.make_hot(&tenant(), &alpha, &sku, 2).await.unwrap();
    world.inventory.rebalance(&tenant(), &item, "ada", Timestamp::UNIX_EPOCH).await.unwrap();
    world.deliver(&mut world.stream()).await;
    assert_eq!(world.told(), [("alpha/a".to_owned(), 9, 3)]);
}

#[tokio::test(start_paused = true)]
async fn a_level_that_does_not_add_up_is_parked_and_the_others_are_told() {
    let world = World::new();
    world.counted("alpha", "a", 3).await;
    world.counted("alpha", "b", 4).await;
    let key = json!({ "pk": { "S": "T#acme.test#STOCK#alpha#a" }, "sk": { "S": "LEVEL" } });
    let update = json!({
        "TableName": "crossdock", "Key": key,
        "UpdateExpression": "SET cm = :x", "ExpressionAttributeValues": { ":x": { "N": "2" } },
    });
    world.dynamo.execute("UpdateItem", update);
    world.deliver(&mut world.stream()).await;
    assert_eq!(world.told(), [("alpha/b".to_owned(), 4, 4)]);
    let parked = world.queues.waiting("parked");
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].attributes["code"], "undecodable_level");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_told_now_is_told_when_lambda_comes_back() {
    let world = World::new();
    world.counted("alpha", "a", 3).await;
    world.faults.always("PublishBatch", Side::Before, Effect::ServerError);
    let mut stream = world.stream();
    world.deliver(&mut stream).await;
    assert_eq!(world.told(), []);
    world.faults.heal();
    world.deliver(&mut stream).await;
    assert_eq!(world.told(), [("alpha/a".to_owned(), 3, 3)]);
}

#[tokio::test(start_paused = true)]
async fn wherever_the_feed_crashes_every_level_is_told_once_as_it_is() {
    let points = crash_points(|faults| async move {
        let world = World::with(faults);
        for on_hand in 1..4 {
            for level in 0..13 {
                world.counted("alpha", &format!("s{level}"), on_hand).await;
            }
        }
        let broken = json!({
            "pk": { "S": "T#acme.test#STOCK#alpha#broken" }, "sk": { "S": "LEVEL" }, "kind": { "S": "level" },
        });
        world.dynamo.execute("PutItem", json!({ "TableName": "crossdock", "Item": broken }));
        world.deliver_until_done(&mut world.stream()).await;
        world.assert_nothing_lost((0..13).map(|level| format!("s{level}"))).await;
        assert_eq!(world.events().len(), 13, "three changes of a level in a batch are one event");
        let parked = world.queues.waiting("parked");
        assert!((1..=2).contains(&parked.len()), "parked at least once, twice when the answer was lost");
    })
    .await;
    assert_eq!(points, 3, "two publications and one letter");
}

/// What the network does to a call.
fn any_fault() -> impl Strategy<Value = (usize, Side, Effect)> {
    let effect = prop_oneof![
        Just(Effect::Partial),
        Just(Effect::Throttle),
        Just(Effect::ServerError),
        Just(Effect::Timeout),
        Just(Effect::Crash),
    ];
    (0_usize..30, any::<bool>(), effect).prop_map(|(call, after, effect)| {
        let side = if after && effect != Effect::Partial { Side::After } else { Side::Before };
        (call, side, effect)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// However badly the stream delivers (several shards, twice, in any batches, cut in halves) and whatever happens to calls and
    /// processes: in the end the newest event told of every level is the level.
    #[test]
    fn no_level_is_lost(
        seed: u64,
        changes in prop::collection::vec((0_u8..5, 0_i64..50), 1..40),
        faults in prop::collection::vec(any_fault(), 0..15),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let world = World::new();
            let mut touched = BTreeMap::new();
            for (level, on_hand) in changes {
                let name = format!("s{level}");
                // Counting what is there already changes nothing.
                if touched.insert(name.clone(), on_hand) != Some(on_hand) {
                    world.counted("alpha", &name, on_hand).await;
                }
            }
            for (call, side, effect) in faults {
                world.faults.at(call, side, effect);
            }
            world.deliver_until_done(&mut world.stream().unruly(seed).bisecting()).await;
            world.assert_nothing_lost(touched.into_keys()).await;
        });
    }
}
