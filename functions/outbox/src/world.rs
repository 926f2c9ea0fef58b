//! The table, its stream, the topic, a consumer's queue and the parking place, for the tests of this package.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::dynamodb::Event as Batch;
use aws_lambda_events::event::streams::DynamoDbEventResponse;
use kernel::{Event, ManualClock, TenantId};
use messaging::{Publisher, Queue, envelope};
use runtime::StreamHandler;
use serde_json::{Value, json};
use table::Table;
use testkit::{FaultInjector, LocalDynamo, LocalQueues, StreamSimulator, Waiting};

use crate::Relay;

pub(crate) const TABLE: &str = "crossdock";

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) dynamo: LocalDynamo,
    pub(crate) table: Table,
    pub(crate) queues: LocalQueues,
    pub(crate) publisher: Publisher,
    pub(crate) relay: Relay,
    /// The relay's process, and everything else that publishes.
    pub(crate) faults: FaultInjector,
}

impl World {
    pub(crate) fn new(faults: FaultInjector) -> Self {
        let clock = Arc::new(ManualClock::new("2026-03-01T10:00:00Z".parse().unwrap()));
        let dynamo = LocalDynamo::with_clock(clock.clone());
        dynamo.create_table(TABLE);
        let table = Table::new(dynamo.client(), TABLE);
        let queues = LocalQueues::new(clock.clone());
        let topic = queues.create_topic("events.fifo");
        let consumer = queues.create_queue("consumer.fifo", Duration::from_secs(30));
        queues.subscribe(&topic, &consumer, None, true);
        let parked = queues.create_queue("parked", Duration::from_secs(30));
        let publisher = Publisher::new(queues.sns(&faults), topic);
        let relay = Relay::new(publisher.clone(), Arc::new(Queue::new(queues.sqs(&faults), parked)));
        Self { clock, dynamo, table, queues, publisher, relay, faults }
    }

    pub(crate) fn stream(&self) -> StreamSimulator {
        StreamSimulator::new(&self.dynamo, TABLE).kind("event")
    }

    pub(crate) fn event(&self, order: &str, version: u64) -> Event {
        let data =
            json!({"customer": "cus_01J8ZQ4H0000000000000000AB", "total": {"amount": "12.34", "currency": "GBP"}});
        Event::new("sales.order.placed.v1", &tenant("acme.test"), order, version, data, &*self.clock)
    }

    /// Commits each event in a transaction of its own, a second apart.
    pub(crate) async fn commit(&self, events: &[Event]) {
        for event in events {
            let mut transaction = self.table.transaction(&event.tenant);
            transaction.event(event);
            transaction.commit().await.unwrap();
        }
    }

    /// `count` committed events of as many orders, a second apart.
    pub(crate) async fn committed(&self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        for number in 0..count {
            events.push(self.event(&format!("ord_{number}"), 1));
            self.clock.advance(Duration::from_secs(1));
        }
        self.commit(&events).await;
        events
    }

    /// Lets the relay's process handle a batch; a crash is a failed invocation.
    pub(crate) async fn invoke(&self, batch: Batch) -> Result<DynamoDbEventResponse, String> {
        self.faults.run(self.relay.handle(batch)).await.map_err(|_| "the function died".to_owned())
    }

    /// An item that says it is an event and is none.
    pub(crate) fn write_poison(&self, name: &str) {
        let item = json!({"pk": {"S": "T#acme.test#EVENTS#2026030110#0"}, "sk": {"S": name}, "kind": {"S": "event"}});
        self.dynamo.execute("PutItem", json!({"TableName": TABLE, "Item": item}));
    }

    /// What reached the consumer's queue, in order.
    pub(crate) fn arrived(&self) -> Vec<Event> {
        let bodies = self.queues.waiting("consumer.fifo").into_iter().map(|message| message.body);
        bodies.map(|body| envelope::decode(&body).unwrap()).collect()
    }

    pub(crate) fn parked(&self) -> Vec<Waiting> {
        self.queues.waiting("parked")
    }

    /// Every event arrived once, as it was committed, and nothing else did.
    pub(crate) fn assert_all_arrived(&self, events: &[Event]) {
        let mut arrived = self.arrived();
        arrived.sort_by_key(|event| event.id);
        let mut wanted = events.to_vec();
        wanted.sort_by_key(|event| event.id);
        assert_eq!(arrived, wanted);
    }
}

pub(crate) fn tenant(text: &str) -> TenantId {
    text.parse().unwrap()
}

pub(crate) fn ids(events: &[Event]) -> HashSet<String> {
    events.iter().map(|event| event.id.to_string()).collect()
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(future)
}

/// Attributes of a letter, by name.
pub(crate) fn attribute<'a>(letter: &'a Waiting, name: &str) -> &'a str {
    letter.attributes.get(name).map(String::as_str).unwrap_or_default()
}

/// The event source mapping as the template has it.
pub(crate) fn mapped(world: &World) -> StreamSimulator {
    world.stream().batch_size(100).retries(1_000).bisecting().max_age(Duration::from_secs(6 * 3600))
}

/// Sequence numbers a response reports.
pub(crate) fn reported(response: &DynamoDbEventResponse) -> Vec<Option<String>> {
    response.batch_item_failures.iter().map(|failure| failure.item_identifier.clone()).collect()
}

/// A large event item's data: too much for a topic, not for the table.
pub(crate) fn huge() -> Value {
    json!("x".repeat(300 * 1024))
}
