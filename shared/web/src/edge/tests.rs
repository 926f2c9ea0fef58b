use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::{Json, Path, Query};

async fn panics() {
    panic!("secret detail");
}

fn api() -> Router {
    let router = Router::new()
        .route("/orders/{id}", get(|Path(id): Path<u32>| async move { id.to_string() }))
        .route("/panics", get(panics))
        .route("/fails", get(|| async { Problem::internal(&std::fmt::Error) }))
        .route("/plain", get(|| async { (StatusCode::IM_A_TEAPOT, "plain text") }))
        .route("/cached", get(|| async { ([(CACHE_CONTROL, "public, max-age=60")], "x") }))
        .route("/mine", get(|_: Caller| async { ([(CACHE_CONTROL, "public, max-age=60")], "x") }))
        .route("/query", get(|_: Query<crate::NoFilter>| async {}))
        .route("/json", post(|Json(value): Json<Value>| async move { Json(value) }));
    finish(router, Cors::new("https://shop.example, https://admin.example"))
}

fn request(method: Method, path: &str) -> Request {
    let meta = RequestMeta { request_id: "r-1".to_owned(), ..RequestMeta::default() };
    Request::builder().method(method).uri(path).extension(meta).body(Body::empty()).unwrap()
}

async fn send(request: Request) -> Response {
    api().oneshot(request).await.unwrap()
}

async fn problem(response: Response) -> Value {
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn every_refusal_is_a_problem_with_the_request_id() {
    for (method, path, status, code) in [
        (Method::GET, "/nowhere", 404, "not_found"),
        (Method::DELETE, "/orders/1", 405, "method_not_allowed"),
        (Method::GET, "/orders/x", 404, "not_found"),
        (Method::GET, "/plain", 418, "i_m_a_teapot"),
        (Method::GET, "/mine", 401, "unauthenticated"),
        (Method::GET, "/query?x=1", 400, "validation_failed"),
        (Method::GET, "/fails", 500, "internal"),
        (Method::POST, "/json", 415, "unsupported_media_type"),
    ] {
        let response = send(request(method, path)).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert_eq!(response.headers()[REQUEST_ID], "r-1");
        let body = problem(response).await;
        assert_eq!((body["status"].as_u64(), body["code"].as_str()), (Some(u64::from(status)), Some(code)), "{path}");
        assert_eq!(body["requestId"], "r-1", "{path}");
    }
}

#[tokio::test]
async fn the_headers_of_a_refusal_survive() {
    let response = send(request(Method::DELETE, "/orders/1")).await;
    assert_eq!(response.headers()[ALLOW], "GET,HEAD");
    let response = send(request(Method::GET, "/mine")).await;
    assert!(response.headers().contains_key(WWW_AUTHENTICATE));
}

#[tokio::test]
async fn a_panic_is_a_500_that_tells_nothing() {
    let body = problem(send(request(Method::GET, "/panics")).await).await;
    assert_eq!(body["code"], "internal");
    assert!(!body.to_string().contains("secret"));
}

#[tokio::test]
async fn security_headers_are_on_every_answer() {
    for path in ["/orders/1", "/nowhere", "/panics"] {
        let response = send(request(Method::GET, path)).await;
        for (name, value) in SECURITY {
            assert_eq!(response.headers()[name], value, "{path}");
        }
    }
}

#[tokio::test]
async fn what_is_the_callers_own_is_never_stored() {
    let mut mine = request(Method::GET, "/mine");
    mine.extensions_mut().insert(Caller {
        principal: "p".to_owned(),
        role: "CUSTOMER".to_owned(),
        tenant: "acme.test".parse().unwrap(),
    });
    assert_eq!(send(mine).await.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(send(request(Method::GET, "/cached")).await.headers()[CACHE_CONTROL], "public, max-age=60");
    assert_eq!(send(request(Method::GET, "/orders/1")).await.headers()[CACHE_CONTROL], "no-store");
}

#[tokio::test]
async fn only_known_origins_may_call_from_a_browser() {
    let from = |origin: &str, mut request: Request| {
        request.headers_mut().insert(ORIGIN, origin.parse().unwrap());
        request
    };
    let preflight = |origin| {
        let mut request = from(origin, request(Method::OPTIONS, "/orders/1"));
        request.headers_mut().insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("GET"));
        request
    };
    let known = send(preflight("https://shop.example")).await;
    assert_eq!(known.status(), StatusCode::NO_CONTENT);
    assert_eq!(known.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "https://shop.example");
    assert!(known.headers().contains_key(ACCESS_CONTROL_ALLOW_METHODS));

    let unknown = send(preflight("https://evil.example")).await;
    assert!(!unknown.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    assert!(!unknown.headers().contains_key(ACCESS_CONTROL_ALLOW_METHODS));

    let plain = send(from("https://admin.example", request(Method::GET, "/orders/1"))).await;
    assert_eq!(plain.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "https://admin.example");
    assert_eq!(plain.headers()[VARY], "origin");

    let anybody = finish(Router::new().route("/", get(|| async {})), Cors::new("*"));
    let response = anybody.oneshot(from("https://x.example", request(Method::GET, "/"))).await.unwrap();
    assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "https://x.example");
}

#[tokio::test]
async fn the_operation_is_the_route_and_not_the_path() {
    let operation = |response: Response| response.extensions().get::<Operation>().unwrap().0.clone();
    assert_eq!(operation(send(request(Method::GET, "/orders/1")).await), "GET /orders/{id}");
    assert_eq!(operation(send(request(Method::GET, "/nowhere")).await), "GET unmatched");
}

#[tokio::test]
async fn a_kept_answer_is_given_again_to_the_letter() {
    let replayed = || async {
        (StatusCode::CONFLICT, [("idempotency-replayed", "true"), ("content-type", "application/problem+json")], "{}")
    };
    let api = finish(Router::new().route("/", get(replayed)), Cors::default());
    let response = api.oneshot(request(Method::GET, "/")).await.unwrap().into_response();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    assert_eq!(&bytes[..], b"{}");
}

#[tokio::test]
async fn a_refusal_of_another_standard_stays_as_it_is_and_is_dressed_like_all() {
    async fn oauth() -> impl IntoResponse {
        let mut response = (StatusCode::BAD_REQUEST, "as it is").into_response();
        response.extensions_mut().insert(Verbatim);
        response
    }
    let router = finish(Router::new().route("/token", post(oauth)), Cors::default());
    let response = router.oneshot(request(Method::POST, "/token")).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    let body = axum::body::to_bytes(response.into_body(), 100).await.unwrap();
    assert_eq!(&body[..], b"as it is");
}
