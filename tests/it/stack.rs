//! One deployed stack: a table, its stream and relay, the topic, the queues and what consumes them.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Event, ManualClock};
use messaging::{Consumer, EventHandler, Publisher, Queue, envelope};
use outbox_functions::Relay;
use runtime::StreamHandler as _;
use serde_json::{Value, json};
use table::{Item, Table};
use testkit::{FaultInjector, LocalDynamo, LocalQueues, StreamSimulator};

use crate::process::invoke;
use crate::template::Template;

pub(crate) const TABLE: &str = "crossdock";

/// Takes everything that is published.
const AUDIT: &str = "Audit.fifo";

/// Of a consumer's invocation.
const TIME: Duration = Duration::from_secs(30);

pub(crate) struct Stack {
    pub(crate) name: &'static str,
    pub(crate) dynamo: LocalDynamo,
    pub(crate) queues: LocalQueues,
    template: &'static Template,
    faults: FaultInjector,
    stream: StreamSimulator,
    relay: (FaultInjector, Relay),
    mappings: Vec<Arc<Mapping>>,
}

/// An event source mapping: a queue and its function.
struct Mapping {
    queue: String,
    process: FaultInjector,
    consumer: Consumer,
    handler: Arc<dyn EventHandler>,
}

impl Stack {
    pub(crate) fn new(
        name: &'static str,
        template: &'static Template,
        dynamo: LocalDynamo,
        clock: &Arc<ManualClock>,
        faults: &FaultInjector,
    ) -> Self {
        dynamo.create_table(TABLE);
        let queues = LocalQueues::new(Arc::clone(clock));
        let topic = queues.create_topic("events.fifo");
        let (ends, sources): (Vec<_>, Vec<_>) = template.queues.iter().partition(|queue| queue.redrive.is_none());
        for queue in ends {
            queues.create_queue(&queue.name, queue.visibility);
        }
        for queue in sources {
            let (dead_letters, receives) = queue.redrive.as_ref().unwrap();
            queues.create_queue_with_dead_letters(&queue.name, queue.visibility, dead_letters, *receives);
        }
        for (queue, filter) in &template.subscriptions {
            queues.subscribe(&topic, queue, Some(filter.clone()), true);
        }
        queues.create_queue(AUDIT, TIME);
        queues.subscribe(&topic, AUDIT, None, true);

        let process = faults.process(&format!("{name} outbox-relay"));
        let publisher = Publisher::new(queues.sns(&process), topic);
        let relay = Relay::new(publisher, Arc::new(Queue::new(queues.sqs(&process), "ParkedEvents")));
        // As in the template.
        let stream = StreamSimulator::new(&dynamo, TABLE).filter(template.stream_filter.clone());
        let stream = stream.batch_size(100).retries(100).bisecting();
        let (faults, relay) = (faults.clone(), (process, relay));
        Self { name, dynamo, queues, template, faults, stream, relay, mappings: Vec::new() }
    }

    /// A new process of a function, and the table as it reaches it.
    pub(crate) fn process(&self, function: &str) -> (FaultInjector, Table) {
        let process = self.faults.process(&format!("{} {function}", self.name));
        let table = Table::new(self.dynamo.client_through(&process), TABLE);
        (process, table)
    }

    /// The table past every fault.
    pub(crate) fn table(&self) -> Table {
        Table::new(self.dynamo.client(), TABLE)
    }

    /// Makes `handler` the function behind a queue.
    pub(crate) fn consume(&mut self, queue: &str, process: FaultInjector, handler: Arc<dyn EventHandler>) {
        let name = format!("{queue}.fifo");
        let spec = self.template.queues.iter().find(|queue| queue.name == name).unwrap();
        let (dead_letters, receives) = spec.redrive.as_ref().unwrap();
        let letters = Queue::new(self.queues.sqs(&process), dead_letters.clone());
        let consumer = Consumer::new(Arc::new(letters), *receives);
        self.mappings.push(Arc::new(Mapping { queue: name, process, consumer, handler }));
    }

    /// Lets the relay publish what is in the stream; how many records it was given.
    pub(crate) async fn relay(&mut self) -> usize {
        let (process, relay) = self.relay.clone();
        let delivered = self.stream.deliver(|batch| {
            let (process, relay) = (process.clone(), relay.clone());
            async move { invoke(&process, relay.handle(batch)).await }
        });
        delivered.await.records
    }

    /// Lets the function behind a queue work off what is visible; how many messages it was given.
    pub(crate) async fn pump(&self, queue: &str) -> usize {
        let mut delivered = 0;
        for mapping in self.mappings.iter().filter(|mapping| mapping.queue == format!("{queue}.fifo")) {
            delivered += mapping.pump(&self.queues).await;
        }
        delivered
    }

    /// One round of everything; whether anything moved.
    pub(crate) async fn turn(&mut self) -> bool {
        let mut moved = self.relay().await;
        for mapping in &self.mappings {
            moved += mapping.pump(&self.queues).await;
        }
        moved > 0
    }

    /// Nothing waits in a queue that a function works off.
    pub(crate) fn is_idle(&self) -> bool {
        self.mappings.iter().all(|mapping| self.queues.waiting(&mapping.queue).is_empty())
    }

    /// Letters in any queue where messages end.
    pub(crate) fn dead_letters(&self) -> Vec<String> {
        let ends = self.template.queues.iter().filter(|queue| queue.redrive.is_none());
        ends.flat_map(|queue| self.queues.waiting(&queue.name)).map(|letter| format!("{letter:?}")).collect()
    }

    /// Everything that was published.
    pub(crate) fn published(&self) -> Vec<Event> {
        self.queues.waiting(AUDIT).into_iter().map(|message| envelope::decode(&message.body).unwrap()).collect()
    }

    /// Every item of a kind, past every fault.
    pub(crate) fn items(&self, kind: &str) -> Vec<Item> {
        self.raw(kind)
            .into_iter()
            .map(|item| serde_json::from_value::<serde_dynamo::Item>(item).unwrap().into())
            .collect()
    }

    /// The same in `DynamoDB`'s JSON.
    pub(crate) fn raw(&self, kind: &str) -> Vec<Value> {
        let mut request = json!({
            "TableName": TABLE,
            "FilterExpression": "kind = :k",
            "ExpressionAttributeValues": {":k": {"S": kind}},
        });
        let mut items = Vec::new();
        loop {
            let page = self.dynamo.execute("Scan", request.clone());
            items.extend(page["Items"].as_array().unwrap().iter().cloned());
            if page["LastEvaluatedKey"].is_null() {
                return items;
            }
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"].clone();
        }
    }
}

impl Mapping {
    async fn pump(&self, queues: &LocalQueues) -> usize {
        let handled =
            queues.pump(&self.queue, |batch| invoke(&self.process, self.consumer.consume(batch, TIME, &*self.handler)));
        handled.await.delivered
    }
}
