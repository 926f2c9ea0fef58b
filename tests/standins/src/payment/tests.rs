use super::*;
use axum::body::Body;
use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;
use tower::ServiceExt;

const KEY: &str = "sk_test_1";

/// The provider without a socket.
#[derive(Clone)]
struct World(Arc<Desk>);

impl World {
    fn new() -> Self {
        Self(Arc::new(Desk { key: KEY.to_owned(), book: Mutex::default() }))
    }

    async fn send(&self, request: http::request::Builder, body: &str) -> (StatusCode, Value) {
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = router(self.0.clone()).oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    async fn post(&self, path: &str, key: &str, form: &str) -> (StatusCode, Value) {
        let request = Request::post(path).header("authorization", format!("Bearer {KEY}"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.send(request.header("idempotency-key", key), form).await
    }

    async fn authorize(&self, key: &str, token: &str) -> (StatusCode, Value) {
        self.post("/v1/payment_intents", key, &form(token)).await
    }

    /// A held intent of 33.00.
    async fn held(&self) -> String {
        let (status, intent) = self.authorize("held", "tok_visa").await;
        assert_eq!((status, &intent["status"]), (StatusCode::OK, &"requires_capture".into()));
        intent["id"].as_str().unwrap().to_owned()
    }

    fn intents(&self) -> Vec<Intent> {
        self.0.with(|book| book.intents())
    }
}

fn form(token: &str) -> String {
    let fixed = "amount=3300&currency=gbp&payment_method_types%5B%5D=card&confirm=true&capture_method=manual";
    format!("{fixed}&payment_method={token}&metadata%5Border_id%5D=ord_1")
}

#[tokio::test]
async fn a_hold_is_captured_in_part_and_given_back_in_parts_but_never_beyond() {
    let world = World::new();
    let id = world.held().await;
    let capture = format!("/v1/payment_intents/{id}/capture");
    let (status, error) = world.post(&capture, "c0", "amount_to_capture=3301").await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::BAD_REQUEST, &"amount_too_large".into()));
    let (status, intent) = world.post(&capture, "c1", "amount_to_capture=3000").await;
    assert_eq!((status, &intent["status"]), (StatusCode::OK, &"succeeded".into()));
    assert_eq!(intent["amount_received"], 3000);
    let (status, error) = world.post(&capture, "c2", "").await;
    assert_eq!((status, &error["error"]["payment_intent"]["status"]), (StatusCode::BAD_REQUEST, &"succeeded".into()));

    let refund = |amount: u64| format!("payment_intent={id}&amount={amount}");
    assert_eq!(world.post("/v1/refunds", "r1", &refund(1000)).await.0, StatusCode::OK);
    assert_eq!(world.post("/v1/refunds", "r2", &refund(2001)).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(world.post("/v1/refunds", "r3", &refund(2000)).await.0, StatusCode::OK);
    let (_, error) = world.post("/v1/refunds", "r4", &refund(1)).await;
    assert_eq!(error["error"]["code"], "charge_already_refunded");
    let intent = &world.intents()[0];
    assert_eq!((intent.amount_received, intent.amount_refunded), (3000, 3000));
    assert_eq!(intent.metadata["order_id"], "ord_1");
}

#[tokio::test]
async fn a_hold_is_released_once_and_then_cannot_be_taken_or_given_back() {
    let world = World::new();
    let id = world.held().await;
    let (status, intent) = world.post(&format!("/v1/payment_intents/{id}/cancel"), "v1", "").await;
    assert_eq!((status, &intent["status"]), (StatusCode::OK, &"canceled".into()));
    for path in ["cancel", "capture"] {
        let (status, error) = world.post(&format!("/v1/payment_intents/{id}/{path}"), path, "").await;
        assert_eq!(
            (status, &error["error"]["code"]),
            (StatusCode::BAD_REQUEST, &"payment_intent_unexpected_state".into())
        );
        assert_eq!(error["error"]["payment_intent"]["status"], "canceled");
    }
    assert_eq!(world.post("/v1/refunds", "r", &format!("payment_intent={id}")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(world.post("/v1/payment_intents/pi_x/cancel", "x", "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn declines_say_why_and_hold_nothing() {
    let world = World::new();
    for (token, decline_code) in
        [("tok_chargeDeclined", "generic_decline"), ("tok_chargeDeclinedInsufficientFunds", "insufficient_funds")]
    {
        let (status, body) = world.authorize(token, token).await;
        assert_eq!(status, StatusCode::PAYMENT_REQUIRED);
        assert_eq!((&body["error"]["type"], &body["error"]["code"]), (&"card_error".into(), &"card_declined".into()));
        assert_eq!(body["error"]["decline_code"], decline_code);
    }
    assert!(world.intents().iter().all(|intent| intent.status == IntentStatus::RequiresPaymentMethod));
}

#[tokio::test]
async fn a_key_gives_its_first_answer_again_and_is_refused_for_anything_else() {
    let world = World::new();
    let (first, again) = (world.authorize("k", "tok_visa").await, world.authorize("k", "tok_visa").await);
    assert_eq!(first, again);
    let (status, body) = world.authorize("k", "tok_chargeDeclined").await;
    assert_eq!((status, &body["error"]["type"]), (StatusCode::BAD_REQUEST, &"idempotency_error".into()));
    let (status, body) = world.post("/v1/refunds", "k", &form("tok_visa")).await;
    assert_eq!((status, &body["error"]["type"]), (StatusCode::BAD_REQUEST, &"idempotency_error".into()));
    assert_eq!(world.intents().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_has_done_its_work_and_says_so_when_asked_again() {
    let world = World::new();
    assert!(timeout(Duration::from_secs(3600), world.authorize("k", "tok_timeout")).await.is_err());
    assert_eq!(world.intents().len(), 1);
    let (status, intent) = world.authorize("k", "tok_timeout").await;
    assert_eq!((status, &intent["id"]), (StatusCode::OK, &world.intents()[0].id.clone().into()));
    assert_eq!(world.intents().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_comes_and_until_then_its_key_is_in_use() {
    let world = World::new();
    let start = Instant::now();
    let (late, early) = tokio::join!(world.authorize("k", "tok_late"), async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        world.authorize("k", "tok_late").await
    });
    assert_eq!(start.elapsed().as_secs(), LATE_SECONDS);
    assert_eq!(early.0, StatusCode::CONFLICT);
    assert_eq!((late.0, &late.1["status"]), (StatusCode::OK, &"requires_capture".into()));
    assert_eq!(world.authorize("k", "tok_late").await, late);
    assert_eq!(world.intents().len(), 1);
}

const LATE_SECONDS: u64 = 6;

#[tokio::test]
async fn two_errors_do_nothing_and_the_third_try_succeeds() {
    let world = World::new();
    for _ in 0..2 {
        assert_eq!(world.authorize("k", "tok_error").await.0, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(world.intents().is_empty());
    }
    assert_eq!(world.authorize("k", "tok_error").await.0, StatusCode::OK);
    assert_eq!(world.intents().len(), 1);
}

#[tokio::test]
async fn a_form_that_cannot_be_used_does_nothing_and_leaves_its_key_free() {
    let world = World::new();
    for (wrong, code) in [
        (form("tok_visa").replace("amount=3300&", ""), "parameter_missing"),
        (form("tok_visa").replace("3300", "0"), "parameter_invalid_integer"),
        (form("tok_visa").replace("gbp", "GBP"), "parameter_invalid"),
        (form("tok_visa").replace("manual", "automatic"), "parameter_invalid"),
        (form("tok_visa") + "&customer=cus_1", "parameter_unknown"),
        (form("tok_unheard_of"), "resource_missing"),
    ] {
        let (status, body) = world.post("/v1/payment_intents", "k", &wrong).await;
        assert_eq!((status, &body["error"]["code"]), (StatusCode::BAD_REQUEST, &code.into()), "{wrong}");
    }
    assert!(world.intents().is_empty());
    assert_eq!(world.authorize("k", "tok_visa").await.0, StatusCode::OK);
}

#[tokio::test]
async fn only_the_account_s_key_and_known_urls_are_served() {
    let world = World::new();
    for key in ["", "Bearer sk_test_2", "Basic c2tfdGVzdF8xOg=="] {
        let request = Request::post("/v1/payment_intents").header("authorization", key);
        assert_eq!(world.send(request, &form("tok_visa")).await.0, StatusCode::UNAUTHORIZED, "{key}");
    }
    assert_eq!(world.post("/v1/charges", "k", "").await.0, StatusCode::NOT_FOUND);
    let get = Request::get("/v1/payment_intents").header("authorization", format!("Bearer {KEY}"));
    assert_eq!(world.send(get, "").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn on_a_port_it_serves_and_shows_its_intents() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let provider = PaymentProvider::start(0, KEY).await.unwrap();
    let exchange = async |head: &str, body: &str| {
        let address = provider.url().strip_prefix("http://").unwrap();
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let length = body.len();
        let request =
            format!("{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let book = World(Arc::clone(&provider.desk));
    book.held().await;
    assert!(exchange("POST /v1/refunds", "").await.starts_with("HTTP/1.1 401"));
    let shown = exchange("GET /standin/intents", "").await;
    assert!(shown.contains("\"requires_capture\"") && shown.contains("\"ord_1\""), "{shown}");
    assert_eq!(provider.intents().len(), 1);
}
