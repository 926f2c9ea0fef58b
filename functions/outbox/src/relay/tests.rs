use std::time::Duration;

use aws_lambda_events::event::dynamodb::Event as Batch;
use kernel::Clock;
use proptest::prelude::*;
use serde_json::{Value, json};
use testkit::{Effect, FaultInjector, Side, StreamSimulator, crash_points, recorded_event};

use super::*;
use crate::world::{TABLE, World, attribute, block_on, huge, ids, mapped, reported};

#[tokio::test(start_paused = true)]
async fn every_committed_event_arrives_once_as_it_was_committed() {
    let world = World::new(FaultInjector::new());
    let events = world.committed(25).await;
    let delivered = mapped(&world).deliver(|batch| world.invoke(batch)).await;
    assert_eq!((delivered.invocations, delivered.records, delivered.pending), (1, 25, 0));
    world.assert_all_arrived(&events);
    assert_eq!(world.faults.count(), 3, "ten events a call");
}

#[tokio::test(start_paused = true)]
async fn on_the_happy_path_an_event_costs_two_write_units_and_nothing_afterwards() {
    let world = World::new(FaultInjector::new());
    let writes = FaultInjector::new();
    let table = table::Table::new(world.dynamo.client_through(&writes), TABLE);
    let event = world.event("ord_01J8ZQ4H0000000000000000AB", 1);
    let mut transaction = table.transaction(&event.tenant);
    transaction.event(&event);
    transaction.commit().await.unwrap();
    let written = world.dynamo.execute("Scan", json!({"TableName": TABLE}));
    mapped(&world).deliver(|batch| world.invoke(batch)).await;
    world.assert_all_arrived(&[event]);
    assert_eq!((writes.count(), writes.capacity().write), (1, 2.0));
    assert_eq!(world.dynamo.execute("Scan", json!({"TableName": TABLE})), written, "nothing is marked");
}

#[tokio::test(start_paused = true)]
async fn changes_that_are_no_new_events_are_passed_over_even_without_the_filter() {
    let world = World::new(FaultInjector::new());
    let event = world.event("ord_1", 1);
    world.commit(std::slice::from_ref(&event)).await;
    let mut stream = StreamSimulator::new(&world.dynamo, TABLE);
    stream.deliver(|batch| world.invoke(batch)).await;
    let items = world.dynamo.execute("Scan", json!({"TableName": TABLE}))["Items"].clone();
    let mut item = items[0].clone();
    item["touched"] = json!({"BOOL": true});
    world.dynamo.execute("PutItem", json!({"TableName": TABLE, "Item": item}));
    let key = json!({"pk": item["pk"], "sk": item["sk"]});
    world.dynamo.execute("DeleteItem", json!({"TableName": TABLE, "Key": key}));
    let order = json!({"pk": {"S": "T#acme.test#ORDER"}, "sk": {"S": "1"}, "kind": {"S": "order"}});
    world.dynamo.execute("PutItem", json!({"TableName": TABLE, "Item": order}));
    // Past SNS's memory, so that a second publication would show.
    world.clock.advance(Duration::from_secs(301));
    let delivered = stream.deliver(|batch| world.invoke(batch)).await;
    assert_eq!((delivered.records, delivered.pending), (3, 0));
    world.assert_all_arrived(&[event]);
    assert!(world.parked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_sample_change_record_becomes_the_sample_message() {
    let world = World::new(FaultInjector::new());
    let batch = recorded_event("stream-event-inserted");
    assert!(reported(&world.relay.handle(batch).await).is_empty());
    let sample: Value = recorded_event("sqs-order-placed");
    let sample = &sample["Records"][0];
    let [message] = world.queues.waiting("consumer.fifo").try_into().unwrap();
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(json(&message.body), json(sample["body"].as_str().unwrap()));
    assert_eq!(message.group.as_deref(), sample["attributes"]["MessageGroupId"].as_str());
    assert_eq!(message.deduplication.as_deref(), sample["attributes"]["MessageDeduplicationId"].as_str());
    for (name, value) in &message.attributes {
        assert_eq!(Some(value.as_str()), sample["messageAttributes"][name]["stringValue"].as_str());
    }
}

/// Keeps what the relay answered to each batch, beside the batch's sequence numbers.
async fn answers(world: &World) -> Vec<(Vec<Option<String>>, Vec<Option<String>>)> {
    let answers = std::sync::Mutex::new(Vec::new());
    world
        .stream()
        .deliver(|batch: Batch| async {
            let numbers = batch.records.iter().map(|record| record.change.sequence_number.clone()).collect();
            let response = world.invoke(batch).await?;
            answers.lock().unwrap().push((numbers, reported(&response)));
            Ok::<_, String>(response)
        })
        .await;
    answers.into_inner().unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_first_record_that_could_not_be_published_is_where_the_stream_goes_on() {
    let world = World::new(FaultInjector::new());
    let events = world.committed(25).await;
    // The second call's five entries that fail do so four times: its batch is ten of the twenty-five.
    for call in 1..5 {
        world.faults.at(call, Side::Before, Effect::Throttle);
    }
    let answers = answers(&world).await;
    assert_eq!(answers[0].1, [answers[0].0[10].clone()]);
    assert_eq!(answers[1].0[0], answers[0].0[10]);
    assert_eq!((answers[1].0.len(), answers[1].1.len()), (15, 0));
    world.assert_all_arrived(&events);
}

#[tokio::test(start_paused = true)]
async fn an_outage_holds_the_stream_and_loses_nothing() {
    for effect in [Effect::Throttle, Effect::ServerError, Effect::ConnectionError, Effect::Timeout] {
        let world = World::new(FaultInjector::new());
        let events = world.committed(12).await;
        world.faults.always("PublishBatch", Side::Before, effect);
        let mut stream = world.stream();
        let held = stream.deliver(|batch| world.invoke(batch)).await;
        assert_eq!(held.pending, 12);
        assert!(world.parked().is_empty(), "an outage is not the events' fault");
        world.faults.heal();
        assert_eq!(stream.deliver(|batch| world.invoke(batch)).await.pending, 0);
        world.assert_all_arrived(&events);
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_that_is_no_event_is_parked_with_its_image_and_the_stream_goes_on() {
    let world = World::new(FaultInjector::new());
    let mut events = world.committed(2).await;
    world.write_poison("evt_1");
    events.extend(world.committed(2).await);
    let delivered = mapped(&world).deliver(|batch| world.invoke(batch)).await;
    assert_eq!((delivered.invocations, delivered.pending), (1, 0));
    assert_eq!(world.arrived().len(), 4);
    let [letter] = world.parked().try_into().unwrap();
    let image: Value = serde_json::from_str(&letter.body).unwrap();
    assert_eq!(image["sk"], json!({"S": "evt_1"}));
    assert_eq!(attribute(&letter, "code"), "undecodable_event");
    assert!(attribute(&letter, "reason").contains("damaged"), "{letter:?}");
    assert!(attribute(&letter, "source").contains("stream"), "{letter:?}");
}

#[tokio::test(start_paused = true)]
async fn an_event_no_topic_takes_is_parked_and_its_aggregates_next_one_goes_on() {
    let world = World::new(FaultInjector::new());
    let large = Event { data: huge(), ..world.event("ord_1", 1) };
    let events = [large.clone(), world.event("ord_1", 2), world.event("ord_2", 1)];
    world.commit(&events).await;
    mapped(&world).deliver(|batch| world.invoke(batch)).await;
    world.assert_all_arrived(&events[1..]);
    let [letter] = world.parked().try_into().unwrap();
    assert_eq!(messaging::envelope::decode(&letter.body).unwrap(), large);
    assert_eq!(attribute(&letter, "code"), "too_large");
}

#[tokio::test(start_paused = true)]
async fn when_parking_fails_the_stream_waits() {
    let world = World::new(FaultInjector::new());
    let large = Event { data: huge(), ..world.event("ord_1", 1) };
    world.commit(&[large]).await;
    world.write_poison("evt_1");
    let events = world.committed(1).await;
    world.faults.always("SendMessage", Side::Before, Effect::ServerError);
    let mut stream = world.stream();
    assert_eq!(stream.deliver(|batch| world.invoke(batch)).await.pending, 3);
    assert!(world.parked().is_empty());
    world.faults.heal();
    assert_eq!(stream.deliver(|batch| world.invoke(batch)).await.pending, 0);
    assert_eq!(world.parked().len(), 2);
    world.assert_all_arrived(&events);
}

#[tokio::test(start_paused = true)]
async fn a_record_the_function_dies_over_is_given_up_alone_and_the_table_still_has_it() {
    let world = World::new(FaultInjector::new());
    let events = world.committed(20).await;
    let deadly = events[7].id.to_string();
    let mut stream = mapped(&world);
    let delivered = stream
        .deliver(|batch: Batch| async {
            let image = |record: &EventRecord| format!("{:?}", record.change.new_image);
            if batch.records.iter().any(|record| image(record).contains(&deadly)) {
                return Err("out of memory".to_owned());
            }
            world.invoke(batch).await
        })
        .await;
    assert_eq!(delivered.pending, 0);
    let given_up = stream.take_given_up();
    assert_eq!(given_up.iter().map(|batch| batch.records.len()).sum::<usize>(), 1);
    let others: Vec<Event> = events.iter().filter(|event| event.id.to_string() != deadly).cloned().collect();
    world.assert_all_arrived(&others);
    let (from, to) = (events[0].time, world.clock.now());
    let minute = Duration::from_secs(60);
    crate::republish(&world.table, &world.publisher, &events[0].tenant, from, to, minute).await.unwrap();
    world.assert_all_arrived(&events);
}

#[test]
fn wherever_the_relay_crashes_every_committed_event_arrives_and_none_gets_a_new_id() {
    let points = block_on(crash_points(|faults| async move {
        let world = World::new(faults.clone());
        let mut events = world.committed(13).await;
        world.write_poison("evt_1");
        events.extend(world.committed(9).await);
        let mut stream = mapped(&world);
        stream
            .deliver(|batch| async {
                let answer = world.invoke(batch).await;
                faults.restart();
                answer
            })
            .await;
        assert!(stream.take_given_up().is_empty());
        world.assert_all_arrived(&events);
        let parked = world.parked();
        assert!((1..=2).contains(&parked.len()), "parked at least once, twice when the answer was lost");
        assert!(parked.iter().all(|letter| letter.body.contains("evt_1")));
    }));
    assert_eq!(points, 4, "three publications and one letter");
}

/// What the network does to a call.
fn any_fault() -> impl Strategy<Value = (usize, Side, Effect)> {
    let effect = prop_oneof![
        Just(Effect::Partial),
        Just(Effect::Throttle),
        Just(Effect::ServerError),
        Just(Effect::ConnectionError),
        Just(Effect::Timeout),
        Just(Effect::Crash),
    ];
    (0_usize..40, any::<bool>(), effect).prop_map(|(call, after, effect)| {
        let side = if after && effect != Effect::Partial { Side::After } else { Side::Before };
        (call, side, effect)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However badly the stream delivers (several shards, interleaved, twice, in any batches) and whatever happens to
    /// calls and processes: in the end every committed event has arrived, under its own id, and nothing else has.
    #[test]
    fn no_committed_event_is_lost_and_none_gets_a_new_id(
        seed: u64,
        orders in proptest::collection::vec(0_u8..6, 1..40),
        faults in proptest::collection::vec(any_fault(), 0..20),
        poison: bool,
    ) {
        block_on(async {
            let world = World::new(FaultInjector::new());
            let mut events = Vec::new();
            for (version, order) in (1..).zip(&orders) {
                events.push(world.event(&format!("ord_{order}"), version));
                world.clock.advance(Duration::from_millis(10));
            }
            world.commit(&events).await;
            if poison {
                world.write_poison("evt_1");
            }
            for (call, side, effect) in faults {
                world.faults.at(call, side, effect);
            }
            let mut stream = world.stream().unruly(seed);
            for _ in 0..60 {
                let delivered = stream.deliver(|batch| async {
                    let answer = world.invoke(batch).await;
                    world.faults.restart();
                    answer
                }).await;
                if delivered.pending == 0 {
                    break;
                }
            }
            world.assert_all_arrived(&events);
            prop_assert_eq!(world.parked().is_empty(), !poison);
            prop_assert_eq!(ids(&world.arrived()), ids(&events));
            Ok(())
        })?;
    }

    /// What a consumer sees of one aggregate when its events lie in one shard: their order, whatever happened.
    #[test]
    fn events_of_one_aggregate_arrive_in_the_order_the_stream_has_them(
        orders in proptest::collection::vec(0_u8..3, 1..40),
        faults in proptest::collection::vec(any_fault(), 0..10),
    ) {
        block_on(async {
            let world = World::new(FaultInjector::new());
            for (version, order) in (1..).zip(&orders) {
                world.commit(&[world.event(&format!("ord_{order}"), version)]).await;
            }
            for (call, side, effect) in faults {
                world.faults.at(call, side, effect);
            }
            let mut stream = world.stream();
            while stream.deliver(|batch| async {
                let answer = world.invoke(batch).await;
                world.faults.restart();
                answer
            }).await.pending > 0 {}
            let arrived = world.arrived();
            prop_assert_eq!(arrived.len(), orders.len());
            for order in 0_u8..3 {
                let name = format!("ord_{order}");
                let versions = arrived.iter().filter(|event| event.group == name).map(|event| event.aggregate_version);
                prop_assert!(versions.is_sorted());
            }
            Ok(())
        })?;
    }
}
