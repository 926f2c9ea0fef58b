use kernel::Event;
use serde_json::{Value, json};
use web::transport::TransportError;

use super::*;
use crate::testing::peer::{Script, answer, problem, secret};
use crate::testing::{clock, tenant};

const ORDER: &str = "ord_00000000000000000000000001";

fn event(kind: &str, data: Value) -> Event {
    Event::new(kind, &tenant(), "shp_1", 1, data, &clock())
}

fn completed() -> Event {
    event(SHIPMENT_COMPLETED, json!({ "shipmentId": "shp_1", "orderId": ORDER, "status": "SHIPPED", "lines": [] }))
}

async fn outcome(script: &Script, event: &Event) -> Outcome {
    let store = StoreClient::new(script.transport(), "https://store.test/store/", secret(&["alpha-secret"]));
    ConfirmShipment::new(store).handle(event).await
}

fn code(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Retry { .. } => "retry",
        Outcome::Reject { code, .. } => code,
    }
}

#[tokio::test]
async fn the_confirmation_is_the_events_data_with_the_warehouses_own_secret() {
    let script = Script::new([answer(200)]);
    let event = completed();
    assert_eq!(outcome(&script, &event).await, Outcome::Done);
    let [request] = &script.sent()[..] else { panic!("one request") };
    assert_eq!(
        (request.method().as_str(), request.uri().to_string()),
        ("POST", format!("https://store.test/store/v1/orders/{ORDER}/status"),)
    );
    assert_eq!(serde_json::from_slice::<Value>(request.body()).unwrap(), event.data);
    assert_eq!(request.headers()["authorization"], "Bearer alpha-secret");
    assert!(request.headers()["authorization"].is_sensitive());
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(request.headers()["idempotency-key"], event.id.to_string().as_str());
}

#[tokio::test]
async fn every_answer_of_the_store_has_its_outcome() {
    let table = [
        (answer(200), "done"),
        (answer(202), "done"),
        (answer(204), "done"),
        (problem(409, "shipment_already_settled"), "done"),
        (problem(409, "order_cancelled"), "refused_by_store"),
        (answer(409), "refused_by_store"),
        (problem(400, "validation_failed"), "refused_by_store"),
        (problem(401, "unauthenticated"), "refused_by_store"),
        (problem(403, "forbidden"), "refused_by_store"),
        (problem(404, "not_found"), "refused_by_store"),
        // The code counts with its status only.
        (problem(422, "shipment_already_settled"), "refused_by_store"),
        (answer(429), "retry"),
        (answer(500), "retry"),
        (problem(503, "unavailable"), "retry"),
        (answer(302), "retry"),
        (Err(TransportError::NotSent("refused".into())), "retry"),
        (Err(TransportError::Broken("reset".into())), "retry"),
        (Err(TransportError::TimedOut(TIMEOUT)), "retry"),
        (Err(TransportError::CircuitOpen), "retry"),
        (Err(TransportError::TooLarge(1)), "retry"),
    ];
    for (reply, expected) in table {
        let shown = format!("{reply:?}");
        assert_eq!(code(&outcome(&Script::new([reply]), &completed()).await), expected, "{shown}");
    }
}

#[tokio::test]
async fn a_refusal_says_what_the_store_said() {
    let refused = outcome(&Script::new([problem(404, "order_not_found")]), &completed()).await;
    assert_eq!(refused, Outcome::reject("refused_by_store", "404 order_not_found"));
    let refused = outcome(&Script::new([answer(405)]), &completed()).await;
    assert_eq!(refused, Outcome::reject("refused_by_store", "405 http_405"));
}

#[tokio::test]
async fn a_secret_that_was_replaced_is_read_again_once() {
    let script = Script::new([problem(401, "unauthenticated"), answer(200)]);
    let store = StoreClient::new(script.transport(), "https://store.test/store", secret(&["old-secret", "new-secret"]));
    assert_eq!(ConfirmShipment::new(store).handle(&completed()).await, Outcome::Done);
    let tokens: Vec<_> = script.sent().iter().map(|request| request.headers()["authorization"].clone()).collect();
    assert_eq!(tokens, ["Bearer old-secret", "Bearer new-secret"]);
}

#[tokio::test]
async fn without_a_secret_nothing_is_sent_and_it_is_tried_again() {
    let script = Script::new([]);
    let store = StoreClient::new(script.transport(), "https://store.test/store", secret(&[]));
    assert_eq!(code(&ConfirmShipment::new(store).handle(&completed()).await), "retry");
    assert!(script.sent().is_empty());
}

#[tokio::test]
async fn what_names_no_order_is_rejected_before_it_becomes_a_url() {
    let script = Script::new([]);
    for data in
        [json!({}), json!({"orderId": 7}), json!({"orderId": "../customers"}), json!({"orderId": ""}), json!(null)]
    {
        assert_eq!(code(&outcome(&script, &event(SHIPMENT_COMPLETED, data)).await), "malformed_confirmation");
    }
}

#[tokio::test]
async fn other_kinds_are_nobodys_business() {
    assert_eq!(outcome(&Script::new([]), &event("warehouse.other.v1", json!({}))).await, Outcome::Done);
}
