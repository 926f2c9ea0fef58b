use axum::response::IntoResponse;
use axum::routing::{get, post};
use web::{Cors, Json};

use serde_json::json;

use super::*;

/// A request as API Gateway sends it, with some members replaced.
fn event(changes: Value) -> String {
    let mut event = json!({
        "version": "2.0",
        "routeKey": "ANY /v1/{proxy+}",
        "rawPath": "/v1/echo",
        "rawQueryString": "",
        "headers": { "content-type": "application/json", "x-two": "a,b" },
        "requestContext": {
            "http": { "method": "GET", "path": "/v1/echo", "sourceIp": "203.0.113.7" },
            "stage": "$default",
            "authorizer": { "lambda": { "principal": "cus_1", "role": "CUSTOMER", "tenant": "acme.test" } },
        },
        "isBase64Encoded": false,
    });
    for (pointer, value) in changes.as_object().unwrap() {
        match event.pointer_mut(pointer) {
            Some(place) => *place = value.clone(),
            None => event[&pointer[1..]] = value.clone(),
        }
    }
    event.to_string()
}

async fn send(router: Router, event: String) -> Result<(Value, Done), Failure> {
    let done = Http(web::finish(router, Cors::default())).call(&event, &Call::test()).await?;
    Ok((serde_json::from_str(done.answer.get()).unwrap(), done))
}

async fn echo(request: Request<Body>) -> impl IntoResponse {
    let (parts, body) = request.into_parts();
    let caller = parts.extensions.get::<Caller>().map(|caller| caller.principal.clone());
    let meta = parts.extensions.get::<RequestMeta>().cloned().unwrap();
    let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    Json(json!({
        "uri": parts.uri.to_string(),
        "caller": caller,
        "ip": meta.source_ip,
        "request": meta.request_id,
        "two": header("x-two"),
        "cookie": header("cookie"),
        "body": String::from_utf8_lossy(&body),
    }))
}

async fn echoed(changes: Value) -> Value {
    let router = Router::new().route("/v1/echo", get(echo).post(echo));
    let (answer, _) = send(router, event(changes)).await.unwrap();
    assert_eq!(answer["statusCode"], 200, "{answer}");
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_gateway_event_becomes_a_request() {
    let seen = echoed(json!({ "/rawQueryString": "a=1&b=%20", "/cookies": ["x=1", "y=2"], "/body": "plain" })).await;
    assert_eq!(
        seen,
        json!({
            "uri": "/v1/echo?a=1&b=%20",
            "caller": "cus_1",
            "ip": "203.0.113.7",
            "request": "r-1",
            "two": "a,b",
            "cookie": "x=1; y=2",
            "body": "plain",
        })
    );
}

#[tokio::test]
async fn a_named_stage_is_not_part_of_the_path() {
    let staged = json!({ "/requestContext/stage": "prod", "/rawPath": "/prod/v1/echo" });
    assert_eq!(echoed(staged).await["uri"], "/v1/echo");
    let unstaged = json!({ "/requestContext/stage": "v", "/rawPath": "/v1/echo" });
    assert_eq!(echoed(unstaged).await["uri"], "/v1/echo");
}

#[tokio::test]
async fn a_binary_body_is_decoded() {
    let seen = echoed(json!({ "/body": "cGxhaW4=", "/isBase64Encoded": true })).await;
    assert_eq!(seen["body"], "plain");
}

#[tokio::test]
async fn whoever_the_authorizer_does_not_fully_name_is_nobody() {
    for authorizer in [
        Value::Null,
        json!({}),
        json!({ "lambda": null }),
        json!({ "lambda": { "principal": "cus_1", "role": "CUSTOMER" } }),
        json!({ "lambda": { "principal": "", "role": "CUSTOMER", "tenant": "acme.test" } }),
        json!({ "lambda": { "principal": "cus_1", "role": "CUSTOMER", "tenant": "not a tenant" } }),
        json!({ "jwt": { "claims": { "principal": "cus_1" } } }),
    ] {
        let seen = echoed(json!({ "/requestContext/authorizer": authorizer })).await;
        assert_eq!(seen["caller"], Value::Null, "{authorizer}");
    }
}

#[tokio::test]
async fn places_and_refusals_of_the_authorizer_reach_the_handler() {
    let show = |request: Request<Body>| async move {
        request.extensions().get::<Reach>().map_or_else(|| "unsaid".to_owned(), Reach::to_string)
    };
    let said = async |path: &str, lambda: Value| {
        let router = Router::new().route("/v1/echo", get(show)).route("/v1/own", get(|_: Caller| async {}));
        let changes = json!({ "/requestContext/authorizer": { "lambda": lambda }, "/rawPath": path });
        send(router, event(changes)).await.unwrap().0
    };
    let known = |reach: Value| json!({ "principal": "p", "role": "MEMBER", "tenant": "acme.test", "reach": reach });
    for (reach, expected) in [(json!("only alpha"), "only alpha"), (json!("nonsense"), "only"), (json!(7), "only")] {
        assert_eq!(said("/v1/echo", known(reach)).await["body"], expected);
    }
    assert_eq!(said("/v1/echo", json!({})).await["body"], "unsaid");
    assert_eq!(said("/v1/own", json!({ "denied": "forbidden" })).await["statusCode"], 403);
    assert_eq!(said("/v1/own", json!({ "denied": "invalid_credentials" })).await["statusCode"], 401);
    let later = said("/v1/own", json!({ "denied": "too_many_failures", "retryAfter": "37" })).await;
    assert_eq!((&later["statusCode"], &later["headers"]["retry-after"]), (&json!(429), &json!("37")));
    assert_eq!(said("/v1/own", json!({ "denied": "too_many_failures" })).await["statusCode"], 401);
}

#[tokio::test]
async fn an_answer_goes_back_with_its_headers_and_cookies() {
    let handler = || async {
        let headers = [("set-cookie", "a=1"), ("set-cookie", "b=2"), ("vary", "x"), ("vary", "y")];
        let mut response = "text".into_response();
        for (name, value) in headers {
            response.headers_mut().append(name, value.parse().unwrap());
        }
        response
    };
    let router = Router::new().route("/v1/echo", get(handler));
    let (answer, done) = send(router, event(json!({}))).await.unwrap();
    assert_eq!((&answer["body"], &answer["isBase64Encoded"]), (&"text".into(), &false.into()));
    assert_eq!(answer["cookies"], json!(["a=1", "b=2"]));
    assert_eq!(answer["headers"]["vary"], "x, y");
    assert_eq!((done.operation.as_str(), done.failed), ("GET /v1/echo", false));
}

#[tokio::test]
async fn bytes_that_are_no_text_go_back_encoded() {
    let router = Router::new().route("/v1/echo", get(|| async { vec![0xff_u8, 0xfe] }));
    let (answer, _) = send(router, event(json!({}))).await.unwrap();
    assert_eq!((&answer["body"], &answer["isBase64Encoded"]), (&"//4=".into(), &true.into()));
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_a_server_error_counts_as_failed() {
    let router = || Router::new().route("/v1/echo", post(|| async { http::StatusCode::BAD_GATEWAY }));
    let (answer, done) = send(router(), event(json!({}))).await.unwrap();
    assert_eq!((&answer["statusCode"], done.failed), (&405.into(), false));
    assert_eq!(answer["headers"]["content-type"], "application/problem+json");
    let (answer, done) = send(router(), event(json!({ "/requestContext/http/method": "POST" }))).await.unwrap();
    assert_eq!((&answer["statusCode"], done.failed), (&502.into(), true));
}

#[tokio::test]
async fn what_is_no_gateway_event_is_a_failure_and_not_a_panic() {
    for event in [
        "{}".to_owned(),
        "[]".to_owned(),
        event(json!({ "/body": "!!", "/isBase64Encoded": true })),
        event(json!({ "/requestContext/http/method": "G T" })),
    ] {
        assert_eq!(send(Router::new(), event).await.unwrap_err().error_type, "MalformedEvent");
    }
}

#[tokio::test]
async fn what_a_token_is_good_for_reaches_the_handler_and_is_nothing_without_a_caller() {
    async fn shown(scope: Scope) -> String {
        scope.0
    }
    let ask = async |authorizer: Value| {
        let router = Router::new().route("/v1/echo", get(shown));
        let changes = json!({ "/requestContext/authorizer": { "lambda": authorizer } });
        send(router, event(changes)).await.unwrap().0["body"].as_str().unwrap().to_owned()
    };
    let caller = json!({ "principal": "usr_1", "role": "CUSTOMER", "tenant": "acme.test", "scope": "openid email" });
    assert_eq!(ask(caller).await, "openid email");
    assert_eq!(ask(json!({ "principal": "usr_1", "role": "CUSTOMER", "tenant": "acme.test" })).await, "");
    assert_eq!(ask(json!({ "scope": "openid" })).await, "");
}

/// What the API keeps of an authorizer's answer is for a credential and a route; an assertion is for one request.
#[tokio::test]
async fn a_caller_by_assertion_is_nobody_for_any_other_request() {
    let said =
        |line: String| json!({ "principal": "key_1", "role": "STORE_ADMIN", "tenant": "acme.test", "request": line });
    let caller = async |line: String, changes: Value| {
        let mut all = json!({ "/requestContext/authorizer/lambda": said(line) });
        all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        echoed(all).await["caller"].clone()
    };
    let bound = || hop::bound("GET", "/v1/echo", "a=1", &http::HeaderMap::new(), b"text");
    assert_eq!(caller(bound(), json!({ "/rawQueryString": "a=1", "/body": "text" })).await, "key_1");
    assert_eq!(caller(bound(), json!({ "/rawQueryString": "a=2", "/body": "text" })).await, Value::Null);
    assert_eq!(caller(bound(), json!({ "/rawQueryString": "a=1", "/body": "other" })).await, Value::Null);
    let encoded = json!({ "/rawQueryString": "a=1", "/body": "dGV4dA==", "/isBase64Encoded": true });
    assert_eq!(caller(bound(), encoded).await, "key_1");
    let keyed = json!({ "/rawQueryString": "a=1", "/body": "text", "/headers": { "idempotency-key": "another" } });
    assert_eq!(caller(bound(), keyed).await, Value::Null, "the same body under another key");
    let post = json!({ "/rawQueryString": "a=1", "/body": "text", "/requestContext/http/method": "POST" });
    assert_eq!(caller(bound(), post).await, Value::Null);
}

/// What a client wrote as `%20`, `%3F` or `%C3%A9` arrives decoded; it is no reason to fail.
#[tokio::test]
async fn a_path_the_gateway_has_decoded_is_a_path_again() {
    async fn seen(uri: http::Uri) -> String {
        uri.to_string()
    }
    for (path, expected) in [
        ("/v1/a b", "/v1/a%20b"),
        ("/v1/a?b#c", "/v1/a%3Fb%23c"),
        ("/v1/\u{e9}{x}|\\^`<>\"", "/v1/%C3%A9%7Bx%7D%7C%5C%5E%60%3C%3E%22"),
        ("/v1/100%25", "/v1/100%25"),
        ("/v1/\u{0}\u{7f}", "/v1/%00%7F"),
    ] {
        let changes = json!({ "/rawPath": path, "/rawQueryString": "a=\u{e9} b" });
        let (answer, _) = send(Router::new().fallback(seen), event(changes)).await.unwrap();
        assert_eq!(answer["body"], format!("{expected}?a=%C3%A9%20b"), "{path}");
    }
}
