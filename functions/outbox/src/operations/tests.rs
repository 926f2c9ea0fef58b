use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use kernel::{Clock, Event};
use messaging::{Message, Publisher, Queue, envelope};
use serde_json::{Value, json};
use testkit::{Effect, FaultInjector, Side, recorded_event};
use tower::ServiceExt;
use web::Caller;

use super::*;
use crate::world::{TABLE, World, huge, mapped, tenant};

const URL: &str = "https://sqs.us-east-1.amazonaws.com/000000000000";

/// The API over a world, with a queue `orders` whose letters are in `orders-dead.fifo`.
struct Api {
    world: World,
    router: Router,
    faults: FaultInjector,
}

impl Api {
    fn new() -> Self {
        let world = World::new(FaultInjector::new());
        world.queues.create_queue("orders-dead.fifo", Duration::from_secs(30));
        world.queues.create_queue_with_dead_letters("orders.fifo", Duration::from_secs(30), "orders-dead.fifo", 5);
        let faults = FaultInjector::new();
        let queues = json!({
            "orders": {"deadLetters": format!("{URL}/orders-dead.fifo"), "source": format!("{URL}/orders.fifo")},
            "parked-events": {"deadLetters": format!("{URL}/parked")},
        });
        let router = router(Arc::new(Operations {
            table: Table::new(world.dynamo.client(), TABLE),
            publisher: Publisher::new(world.queues.sns(&faults), "arn:aws:sns:us-east-1:000000000000:events.fifo"),
            sqs: world.queues.sqs(&faults),
            queues: queues.to_string().parse().unwrap(),
            tenant: tenant("acme.test"),
            clock: world.clock.clone(),
        }));
        Self { world, router, faults }
    }

    async fn call(&self, role: &str, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let (role, owner) = role.split_once('@').unwrap_or((role, "acme.test"));
        let caller = Caller { principal: "usr_1".into(), role: role.into(), tenant: tenant(owner) };
        if !role.is_empty() {
            request = request.extension(caller);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    async fn list(&self, role: &str, queue: &str) -> Value {
        let (status, body) = self.call(role, Method::GET, &dead_letters(queue), Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    async fn redrive(&self, role: &str, queue: &str, body: Value) -> (StatusCode, Value) {
        self.call(role, Method::POST, &format!("{}/redrive", dead_letters(queue)), body).await
    }

    async fn republish(&self, body: Value) -> (StatusCode, Value) {
        self.call("STORE_ADMIN", Method::POST, "/v1/operations/outbox/republish", body).await
    }

    /// Puts an event of the tenant among the dead letters of `orders`.
    async fn bury(&self, owner: &str, order: &str) -> Event {
        let event = Event { tenant: tenant(owner), ..self.world.event(order, 3) };
        let message = Message {
            body: envelope::encode(&event),
            group: order.into(),
            deduplication: event.id.to_string(),
            ..Message::default()
        };
        let sqs = self.world.queues.sqs(&FaultInjector::new());
        Queue::new(sqs, format!("{URL}/orders-dead.fifo")).send(message).await.unwrap();
        event
    }

    fn waiting(&self, queue: &str) -> usize {
        self.world.queues.waiting(queue).len()
    }
}

fn dead_letters(queue: &str) -> String {
    format!("/v1/operations/dead-letters/{queue}")
}

fn window(from: &str, to: &str) -> Value {
    json!({"from": from, "to": to})
}

#[tokio::test(start_paused = true)]
async fn only_operators_and_store_admins_come_in() {
    let api = Api::new();
    let window = window("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z");
    let routes = [
        (Method::GET, dead_letters("orders"), Value::Null),
        (Method::POST, format!("{}/redrive", dead_letters("orders")), json!({})),
        (Method::POST, "/v1/operations/outbox/republish".to_owned(), window),
    ];
    for (method, path, body) in routes {
        for (role, expected) in [
            ("", StatusCode::UNAUTHORIZED),
            ("CUSTOMER", StatusCode::FORBIDDEN),
            ("WAREHOUSE_STAFF", StatusCode::FORBIDDEN),
            ("SERVICE", StatusCode::FORBIDDEN),
            ("STORE_ADMIN", StatusCode::OK),
        ] {
            assert_eq!(api.call(role, method.clone(), &path, body.clone()).await.0, expected, "{role} {path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_not_on_the_list_does_not_exist() {
    let api = Api::new();
    for queue in ["orders-dead.fifo", "nothing", "Orders", "%2E%2E"] {
        assert_eq!(api.call("OPERATOR", Method::GET, &dead_letters(queue), Value::Null).await.0, StatusCode::NOT_FOUND);
        assert_eq!(api.redrive("OPERATOR", queue, json!({})).await.0, StatusCode::NOT_FOUND);
    }
    assert_eq!(api.faults.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn letters_are_shown_with_what_identifies_them_and_without_the_events_data() {
    let api = Api::new();
    let event = api.bury("acme.test", "ord_1").await;
    let body = api.list("OPERATOR", "orders").await;
    assert_eq!((&body["queue"], &body["waiting"]), (&json!("orders"), &json!(1)));
    let letter = &body["items"][0];
    assert_eq!(letter["code"], "max_receives");
    assert_eq!(letter["since"], "2026-03-01T10:00:00Z");
    let expected = json!({
        "id": event.id.to_string(),
        "type": "sales.order.placed.v1",
        "tenant": "acme.test",
        "aggregateId": "ord_1",
        "aggregateVersion": 3,
        "correlationId": event.correlation_id,
        "time": "2026-03-01T10:00:00Z",
    });
    assert_eq!(letter["event"], expected);
    assert!(letter.get("body").is_none() && !body.to_string().contains("12.34"));
    assert_eq!(api.waiting("orders-dead.fifo"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_admin_sees_and_moves_its_tenants_letters_only() {
    let api = Api::new();
    let mine = api.bury("acme.test", "ord_1").await;
    api.bury("other.test", "ord_2").await;
    let body = api.list("STORE_ADMIN", "orders").await;
    assert_eq!(body["items"].as_array().unwrap().len(), 1);
    assert_eq!(body["waiting"], 2);
    let (status, body) = api.redrive("STORE_ADMIN", "orders", json!({})).await;
    assert_eq!((status, &body), (StatusCode::OK, &json!({"moved": 1, "complete": true})));
    assert_eq!(envelope::decode(&api.world.queues.waiting("orders.fifo")[0].body).unwrap(), mine);
    assert_eq!(api.waiting("orders-dead.fifo"), 1);
    assert_eq!(api.list("OPERATOR", "orders").await["items"][0]["event"]["tenant"], "other.test");
}

#[tokio::test(start_paused = true)]
async fn an_operator_moves_everything_through_sqs_itself_and_some_by_number() {
    let api = Api::new();
    for order in ["ord_1", "ord_2", "ord_3"] {
        api.bury("acme.test", order).await;
    }
    let (status, body) = api.redrive("OPERATOR", "orders", json!({"limit": 1})).await;
    assert_eq!((status, body), (StatusCode::OK, json!({"moved": 1, "complete": false})));
    let (status, body) = api.redrive("OPERATOR", "orders", json!({})).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert!(body["task"].is_string());
    assert_eq!((api.waiting("orders-dead.fifo"), api.waiting("orders.fifo")), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn limits_outside_their_range_are_refused() {
    let api = Api::new();
    for limit in [0, 201, 70_000] {
        let (status, _) =
            api.call("OPERATOR", Method::GET, &format!("{}?limit={limit}", dead_letters("orders")), Value::Null).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
    for body in [json!({"limit": 0}), json!({"limit": 10_001}), json!({"limit": -1}), json!({"max": 3}), json!([])] {
        assert_eq!(api.redrive("OPERATOR", "orders", body.clone()).await.0, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(api.faults.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn queues_that_do_not_answer_are_a_503() {
    for api_name in ["GetQueueAttributes", "ReceiveMessage"] {
        let api = Api::new();
        api.faults.always(api_name, Side::Before, Effect::ServerError);
        assert_eq!(
            api.call("OPERATOR", Method::GET, &dead_letters("orders"), Value::Null).await.0,
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(
            api.redrive("STORE_ADMIN", "orders", json!({})).await.0,
            match api_name {
                "ReceiveMessage" => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::OK,
            }
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_parked_event_goes_back_to_the_topic_and_what_still_cannot_stays_with_its_reason() {
    let api = Api::new();
    let world = &api.world;
    world.commit(&[Event { data: huge(), ..world.event("ord_1", 1) }]).await;
    world.write_poison("evt_1");
    mapped(world).deliver(|batch| world.invoke(batch)).await;
    // An image that could not be read when it was parked, and can be now.
    let event = world.event("ord_2", 1);
    world.commit(std::slice::from_ref(&event)).await;
    let items = world.dynamo.execute("Scan", json!({"TableName": TABLE}))["Items"].clone();
    let image = items.as_array().unwrap().iter().find(|item| item["a"]["S"] == "ord_2").unwrap();
    let parked = Queue::new(world.queues.sqs(&FaultInjector::new()), format!("{URL}/parked"));
    parked.send(Message { body: image.to_string(), ..Message::default() }).await.unwrap();

    let codes: Vec<String> = {
        let body = api.list("OPERATOR", "parked-events").await;
        let mut codes: Vec<String> =
            body["items"].as_array().unwrap().iter().map(|item| item["code"].as_str().unwrap().to_owned()).collect();
        codes.sort();
        codes
    };
    assert_eq!(codes, ["max_receives", "too_large", "undecodable_event"]);
    let (status, body) = api.redrive("OPERATOR", "parked-events", json!({})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&body["moved"], &body["complete"]), (&json!(1), &json!(true)));
    let reasons = body["left"].to_string();
    assert!(reasons.contains("more than a topic takes") && reasons.contains("damaged"), "{reasons}");
    world.assert_all_arrived(&[event]);
    assert_eq!(world.parked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn lambdas_notice_of_a_batch_it_gave_up_names_the_window_to_republish() {
    let api = Api::new();
    let notice: Value = recorded_event("stream-batch-given-up");
    let parked = Queue::new(api.world.queues.sqs(&FaultInjector::new()), format!("{URL}/parked"));
    parked.send(Message { body: notice.to_string(), ..Message::default() }).await.unwrap();
    let body = api.list("OPERATOR", "parked-events").await;
    assert_eq!(body["items"][0]["code"], "stream_batch_given_up");
    let reason = body["items"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("from 2026-03-01T10:00:00.5Z to 2026-03-01T10:05:00Z"), "{reason}");
    assert!(reason.contains("republish from 2026-03-01T09:59:00.5Z to 2026-03-01T10:06:00Z"), "{reason}");
    let (_, body) = api.redrive("OPERATOR", "parked-events", json!({})).await;
    assert_eq!((&body["moved"], body["left"].as_array().unwrap().len()), (&json!(0), 1));
    let strays = |body: Value| body["items"].as_array().unwrap().len();
    assert_eq!(strays(api.list("STORE_ADMIN", "parked-events").await), 1);
    assert_eq!(strays(api.list("STORE_ADMIN@other.test", "parked-events").await), 0, "it may hold anybody's data");
}

#[tokio::test(start_paused = true)]
async fn a_window_is_republished_up_to_now() {
    let api = Api::new();
    let events = api.world.committed(12).await;
    let later = "2026-03-02T00:00:00Z";
    let (status, body) = api.republish(window("2026-03-01T10:00:00Z", later)).await;
    assert_eq!((status, body), (StatusCode::OK, json!({"listed": 12, "published": 12})));
    api.world.assert_all_arrived(&events);
    let (_, body) = api.republish(window(&api.world.clock.now().to_string(), later)).await;
    assert_eq!(body, json!({"listed": 0, "published": 0}), "what is to come is the stream's business");
}

#[tokio::test(start_paused = true)]
async fn a_window_that_makes_no_sense_is_refused() {
    let api = Api::new();
    for (from, to, pointer) in [
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z", "/to"),
        ("2026-03-01T10:00:00Z", "2026-02-28T10:00:00Z", "/to"),
        ("2026-02-01T10:00:00Z", "2026-03-01T10:00:00Z", "/from"),
        ("yesterday", "2026-03-01T10:00:00Z", "/from"),
    ] {
        let (status, body) = api.republish(window(from, to)).await;
        assert_eq!((status, &body["errors"][0]["pointer"]), (StatusCode::BAD_REQUEST, &json!(pointer)), "{body}");
    }
    let (status, _) = api.republish(json!({"from": "2026-03-01T10:00:00Z"})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(api.faults.count(), 0);
}

#[test]
fn the_list_of_queues_must_be_what_it_says() {
    for text in ["", "[]", r#"{"orders": {}}"#, r#"{"orders": {"deadLetters": "u", "sauce": "u"}}"#] {
        assert!(text.parse::<Queues>().is_err(), "{text}");
    }
}

#[test]
fn the_routes_are_documented() {
    use utoipa::OpenApi as _;
    let document = ApiDoc::openapi();
    let paths: Vec<&str> = document.paths.paths.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "/v1/operations/dead-letters/{queue}",
            "/v1/operations/dead-letters/{queue}/redrive",
            "/v1/operations/outbox/republish",
        ]
    );
}
