use kernel::{Clock, Event};
use serde_json::json;
use testkit::{Effect, FaultInjector, Side, crash_points};

use super::*;
use crate::world::{TABLE, World, block_on, huge, ids, mapped, tenant};

const MINUTE: Duration = Duration::from_secs(60);

async fn run(world: &World, from: Timestamp, to: Timestamp, budget: Duration) -> Republished {
    republish(&world.table, &world.publisher, &tenant("acme.test"), from, to, budget).await.unwrap()
}

/// Calls as an operator does: until nothing is left.
async fn run_to_the_end(world: &World, from: Timestamp, to: Timestamp, budget: Duration) -> usize {
    let (mut calls, mut next) = (0, Some(from));
    while let Some(from) = next {
        next = run(world, from, to, budget).await.next;
        calls += 1;
        assert!(calls < 1_000, "every call gets further");
    }
    calls
}

#[tokio::test(start_paused = true)]
async fn after_the_stream_is_lost_the_table_brings_every_event_out_with_its_id() {
    let world = World::new(FaultInjector::new());
    let mut events = world.committed(30).await;
    let mut stream = mapped(&world);
    stream.deliver(|batch| world.invoke(batch)).await;
    // The relay breaks; a day and a half later it is put right, and the stream has forgotten.
    world.clock.advance(Duration::from_secs(3600));
    events.extend(world.committed(30).await);
    world.clock.advance(Duration::from_secs(36 * 3600));
    stream.expire();
    assert_eq!(stream.deliver(|batch| world.invoke(batch)).await.records, 0);
    assert_eq!(world.arrived().len(), 30);

    let done = run(&world, events[0].time, world.clock.now(), MINUTE).await;
    assert_eq!((done.listed, done.published, done.next), (60, 60, None));
    // The thirty that had been published are there twice, under the ids consumers know.
    assert_eq!((world.arrived().len(), ids(&world.arrived())), (90, ids(&events)));
}

#[tokio::test(start_paused = true)]
async fn republishing_at_once_is_recognised_by_the_topic() {
    let world = World::new(FaultInjector::new());
    let events = world.committed(30).await;
    mapped(&world).deliver(|batch| world.invoke(batch)).await;
    run(&world, events[0].time, world.clock.now(), MINUTE).await;
    run(&world, events[0].time, world.clock.now(), MINUTE).await;
    world.assert_all_arrived(&events);
}

#[tokio::test(start_paused = true)]
async fn a_window_takes_in_its_beginning_and_not_its_end() {
    let world = World::new(FaultInjector::new());
    let events = world.committed(5).await;
    let done = run(&world, events[1].time, events[3].time, MINUTE).await;
    assert_eq!((done.listed, done.next), (2, None));
    world.assert_all_arrived(&events[1..3]);
}

#[tokio::test(start_paused = true)]
async fn nobody_elses_events_are_published() {
    let world = World::new(FaultInjector::new());
    let other = Event { tenant: tenant("other.test"), ..world.event("ord_1", 1) };
    world.commit(&[other]).await;
    let events = world.committed(1).await;
    run(&world, events[0].time, world.clock.now(), MINUTE).await;
    world.assert_all_arrived(&events);
}

#[tokio::test(start_paused = true)]
async fn an_aggregates_events_come_out_in_the_order_of_its_versions() {
    let world = World::new(FaultInjector::new());
    // All of one moment, spread over the hour's partitions.
    let events: Vec<Event> = (1..=40).map(|version| world.event("ord_1", version)).collect();
    world.commit(&events).await;
    world.clock.advance(MINUTE);
    run(&world, events[0].time, world.clock.now(), MINUTE).await;
    let versions: Vec<u64> = world.arrived().iter().map(|event| event.aggregate_version).collect();
    assert_eq!(versions, (1..=40).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn with_no_time_at_all_every_call_still_gets_further_and_all_of_them_cover_the_window() {
    let world = World::new(FaultInjector::new());
    // More than one chunk at one moment, more than one chunk in one hour, hours without events.
    let mut events: Vec<Event> = (0..130).map(|n| world.event(&format!("ord_a{n}"), 1)).collect();
    world.commit(&events).await;
    world.clock.advance(Duration::from_secs(2 * 3600));
    events.extend(world.committed(150).await);
    let calls = run_to_the_end(&world, events[0].time, world.clock.now(), Duration::ZERO).await;
    assert_eq!(calls, 4, "an hour with one moment, an hour without events, an hour of two chunks");
    world.assert_all_arrived(&events);
}

#[tokio::test(start_paused = true)]
async fn an_outage_in_the_middle_says_where_to_go_on() {
    let world = World::new(FaultInjector::new());
    let events = world.committed(250).await;
    for call in 12..16 {
        world.faults.at(call, Side::Before, Effect::Throttle);
    }
    let (from, to) = (events[0].time, world.clock.now());
    let done = run(&world, from, to, MINUTE).await;
    assert_eq!((done.published, done.next), (120, Some(events[100].time)));
    assert!(done.interruption.unwrap().contains("Throttl"), "SNS's own words");
    let rest = run(&world, done.next.unwrap(), to, MINUTE).await;
    assert_eq!((rest.published, rest.next, rest.interruption), (150, None, None));
    world.assert_all_arrived(&events);
}

#[tokio::test(start_paused = true)]
async fn an_event_no_topic_takes_is_named_and_the_others_go() {
    let world = World::new(FaultInjector::new());
    let large = Event { data: huge(), ..world.event("ord_1", 1) };
    world.commit(std::slice::from_ref(&large)).await;
    let events = world.committed(3).await;
    let done = run(&world, large.time, world.clock.now(), MINUTE).await;
    assert_eq!((done.listed, done.published, done.next), (4, 3, None));
    assert_eq!(
        (done.refused[0].id.as_str(), done.refused[0].code.as_str()),
        (large.id.to_string().as_str(), "too_large")
    );
    world.assert_all_arrived(&events);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_cannot_be_read_is_an_error_at_first_and_an_interruption_later() {
    let world = World::new(FaultInjector::new());
    let events = world.committed(2).await;
    let reads = FaultInjector::new();
    let table = Table::new(world.dynamo.client_through(&reads), crate::world::TABLE);
    let to = world.clock.now() + hours(2);
    // The first hour's eight partitions are read; of the second's, none is, however often it is tried.
    for query in 8..200 {
        reads.on("Query", query, Side::Before, Effect::ServerError);
    }
    let tenant = tenant("acme.test");
    let done = republish(&table, &world.publisher, &tenant, events[0].time, to, MINUTE).await.unwrap();
    assert_eq!((done.published, done.next), (2, Some("2026-03-01T11:00:00Z".parse().unwrap())));
    assert!(done.interruption.is_some());
    reads.always("Query", Side::Before, Effect::ServerError);
    republish(&table, &world.publisher, &tenant, events[0].time, to, MINUTE).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn an_item_that_is_no_event_any_more_is_told_and_holds_up_nobody() {
    let world = World::new(FaultInjector::new());
    let events = world.committed(3).await;
    let item = world.dynamo.execute("Scan", json!({ "TableName": TABLE }))["Items"][1].clone();
    let key = json!({ "pk": item["pk"], "sk": item["sk"] });
    world.dynamo.execute("UpdateItem", json!({ "TableName": TABLE, "Key": key, "UpdateExpression": "REMOVE d" }));

    let done = run(&world, events[0].time, world.clock.now(), MINUTE).await;
    assert_eq!((done.listed, done.published, done.next), (2, 2, None));
    assert_eq!(
        (done.refused[0].id.as_str(), done.refused[0].code.as_str()),
        (item["sk"]["S"].as_str().unwrap(), "undecodable_event")
    );
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

#[test]
fn wherever_republishing_crashes_doing_it_again_completes_it() {
    let points = block_on(crash_points(|faults| async move {
        let world = World::new(faults.clone());
        let events = world.committed(35).await;
        let (from, to) = (events[0].time, world.clock.now());
        let run = faults.run(run_to_the_end(&world, from, to, MINUTE)).await;
        faults.restart();
        if run.is_err() {
            run_to_the_end(&world, from, to, MINUTE).await;
        }
        world.assert_all_arrived(&events);
    }));
    assert_eq!(points, 4);
}
