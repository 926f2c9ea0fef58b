use std::time::Duration;

use inventory::{Inventory, LocationId, Movement, Posting, Sku};
use kernel::{ManualClock, Timestamp};
use messaging::Queue;
use table::Table;
use testkit::{Effect, FaultInjector, LocalDynamo, LocalQueues, Side, StreamSimulator, tenant};

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
        let clock = Arc::new(ManualClock::new("2026-03-01T10:00:00Z".parse().unwrap()));
        let dynamo = LocalDynamo::with_clock(clock.clone());
        dynamo.create_table("crossdock");
        let (faults, queues) = (FaultInjector::new(), LocalQueues::new(clock));
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

    /// Group, on hand and available of what reached a channel.
    fn told(&self) -> Vec<(String, i64, i64)> {
        let waiting = self.queues.waiting("channel.fifo").into_iter();
        let events = waiting.map(|message| envelope::decode(&message.body).unwrap());
        let figure = |event: &Event, name: &str| event.data[name].as_i64().unwrap();
        events.map(|event| (event.group.clone(), figure(&event, "onHand"), figure(&event, "available"))).collect()
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
    world.counted("alpha~1", "a", 3).await;
    world.deliver(&mut world.stream()).await;
    assert_eq!(world.told(), []);
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
