use std::time::Duration;

use access::HOP_SECONDS;
use http::Response;
use serde_json::{Value, json};
use web::transport::TransportError;

use super::world::{World, answer, order, tenant};

#[tokio::test]
async fn a_request_is_signed_for_and_carries_nothing_of_the_callers() {
    let world = World::new().await;
    let headers = [
        ("idempotency-key", "k-1"),
        ("prefer", "wait=5"),
        ("x-forwarded-for", "198.51.100.7"),
        ("x-crossdock-principal", "usr_admin"),
        ("cookie", "session=1"),
        ("if-match", "*"),
    ];
    world.ask("POST 2026-11-01/orders", &headers, &order()).await;
    let asked = world.platform.asked();
    let request = &asked[0];
    assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/store/v1/orders"));
    let mut names: Vec<&str> = request.headers().keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["authorization", "content-type", "idempotency-key", "prefer"]);
    assert!(request.headers().values().all(|value| !value.to_str().unwrap().contains(&world.key)));
    let hop = world.hop(request).await;
    assert_eq!(
        (hop.principal.as_str(), hop.role.as_str(), hop.scope.as_str()),
        (&*world.key_id, "STORE_ADMIN", "orders:write")
    );
    assert_eq!(hop.request, web::hop::bound("POST", "/store/v1/orders", "", request.headers(), request.body()));
    let text = request.headers()["authorization"].to_str().unwrap().strip_prefix("Hop ").unwrap().to_owned();
    world.clock.advance(Duration::from_secs(HOP_SECONDS.unsigned_abs()));
    let later = kernel::Clock::now(&*world.clock);
    assert_eq!(world.tokens.read_hop(&tenant(), &text, later).await.unwrap(), None);
}

#[tokio::test]
async fn an_idempotency_key_is_the_consumers_own() {
    let world = World::new().await;
    let own = [("idempotency-key", "k-1")];
    let token = format!("Bearer {}", world.token("orders:write").await);
    let other = [("idempotency-key", "k-1"), ("authorization", token.as_str())];
    let again = [("idempotency-key", "k-2")];
    for headers in [&own[..], &own[..], &other[..], &again[..]] {
        world.ask("POST 2026-11-01/orders", headers, &order()).await;
    }
    let keys: Vec<String> = world
        .platform
        .asked()
        .iter()
        .map(|request| request.headers()["idempotency-key"].to_str().unwrap().to_owned())
        .collect();
    assert_eq!(keys[0], keys[1]);
    assert!(keys[0] != keys[2] && keys[0] != keys[3] && keys[2] != keys[3]);
    assert!(keys.iter().all(|key| key.len() <= web::idempotency::MAX_KEY));
}

#[tokio::test]
async fn of_an_answer_only_its_meaning_is_shown() {
    let world = World::new().await;
    let headers = [
        ("etag", "\"3\""),
        ("location", "/v1/users/usr_1"),
        ("server", "platform/1"),
        ("x-amzn-trace-id", "Root=1"),
        ("apigw-requestid", "abc"),
        ("set-cookie", "a=1"),
        ("x-request-id", "internal"),
    ];
    world.platform.will(answer(200, &headers, &json!({ "id": "ord_1" })));
    let seen = world.get("2026-11-01/orders/ord_1").await;
    assert_eq!((seen.status, seen.header("etag")), (200, "\"3\""));
    for (name, _) in &headers[1..6] {
        assert_eq!(seen.header(name), "", "{name}");
    }
    assert_eq!((seen.header("x-request-id"), seen.header("cache-control")), ("none", "no-store"));
}

#[tokio::test]
async fn what_fails_behind_has_a_stable_code_and_no_word_of_where() {
    let world = World::new().await;
    let lost = || "connection to 10.0.0.7 refused".into();
    let internal = json!({ "type": "about:blank", "code": "internal", "detail": "secret place", "requestId": "i" });
    let gateway_502 = || Response::builder().status(502).body(r#"{"message":"Internal server error"}"#.into()).unwrap();
    let html = || Response::builder().status(200).body("<html>".into()).unwrap();
    for (outcome, status, code) in [
        (Err(TransportError::TimedOut(Duration::from_secs(22))), 504, "upstream_timeout"),
        (Err(TransportError::NotSent(lost())), 502, "upstream_failed"),
        (Err(TransportError::Broken(lost())), 502, "upstream_failed"),
        (Err(TransportError::CircuitOpen), 502, "upstream_failed"),
        (Err(TransportError::TooLarge(1)), 502, "upstream_failed"),
        (answer(500, &[], &internal), 502, "upstream_failed"),
        (answer(503, &[("retry-after", "7")], &internal), 503, "unavailable"),
        (answer(429, &[], &internal), 503, "unavailable"),
        (answer(504, &[], &internal), 504, "upstream_timeout"),
        (answer(401, &[], &internal), 502, "upstream_failed"),
        (answer(302, &[], &Value::Null), 502, "upstream_failed"),
        (Ok(gateway_502()), 502, "upstream_failed"),
        (Ok(html()), 502, "upstream_failed"),
    ] {
        world.platform.will(outcome);
        let seen = world.get("2026-11-01/books").await;
        assert_eq!((seen.status, seen.body["code"].as_str()), (status, Some(code)));
        let text = seen.body.to_string();
        assert!(
            !text.contains("secret place") && !text.contains("10.0.0.7") && !text.contains("Internal server"),
            "{text}"
        );
    }
    world.platform.will(answer(503, &[("retry-after", "7")], &internal));
    assert_eq!(world.get("2026-11-01/books").await.header("retry-after"), "7");
}
