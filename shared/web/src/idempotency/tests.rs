use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};

use axum::body::Body;
use axum::routing::post;
use axum::{Router, middleware};
use tower::ServiceExt;

use super::*;

type Entry = ([u8; 32], Option<Answer>);

type Entries = Arc<Mutex<HashMap<[u8; 32], Entry>>>;

#[derive(Default)]
struct Memory(Entries);

#[async_trait]
impl IdempotencyStore for Memory {
    async fn claim(&self, claim: &Claim) -> Result<Claimed, BoxError> {
        let mut entries = self.0.lock().unwrap();
        Ok(match entries.get(&claim.key) {
            None => {
                entries.insert(claim.key, (claim.fingerprint, None));
                Claimed::Fresh(Box::new(Taken(self.0.clone(), claim.clone())))
            }
            Some((fingerprint, _)) if *fingerprint != claim.fingerprint => Claimed::Reused,
            Some((_, None)) => Claimed::Running,
            Some((_, Some(answer))) => Claimed::Done(answer.clone()),
        })
    }
}

struct Taken(Entries, Claim);

#[async_trait]
impl Held for Taken {
    async fn complete(self: Box<Self>, answer: &Answer) -> Result<(), BoxError> {
        self.0.lock().unwrap().insert(self.1.key, (self.1.fingerprint, Some(answer.clone())));
        Ok(())
    }

    async fn release(self: Box<Self>) -> Result<(), BoxError> {
        self.0.lock().unwrap().remove(&self.1.key);
        Ok(())
    }
}

/// A route that answers with the scripted status and how often it has run.
fn api(store: Arc<Memory>, status: Arc<AtomicU16>) -> Router {
    let runs = Arc::new(AtomicU16::new(0));
    let handler = move || {
        let (runs, status) = (runs.clone(), status.clone());
        async move {
            let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
            let status = StatusCode::from_u16(status.load(Ordering::SeqCst)).unwrap();
            (status, [(LOCATION, format!("/orders/{run}"))], run.to_string())
        }
    };
    let idempotency = Idempotency { store, tenant: "acme.test".parse().unwrap() };
    Router::new()
        .route("/orders", post(handler.clone()))
        .route("/refunds", post(handler))
        .layer(middleware::from_fn_with_state(idempotency, idempotent))
}

fn order(key: Option<&str>, principal: &str, path: &str, body: &'static str) -> Request {
    let mut builder = Request::post(path).extension(Caller {
        principal: principal.to_owned(),
        role: "CUSTOMER".to_owned(),
        tenant: "acme.test".parse().unwrap(),
    });
    if let Some(key) = key {
        builder = builder.header(HEADER, key);
    }
    builder.body(Body::from(body)).unwrap()
}

struct Seen {
    status: u16,
    body: String,
    location: Option<String>,
    replayed: bool,
}

async fn send(api: &Router, request: Request) -> Seen {
    let response = api.clone().oneshot(request).await.unwrap();
    let location = response.headers().get(LOCATION).map(|value| value.to_str().unwrap().to_owned());
    let replayed = response.headers().contains_key("idempotency-replayed");
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    Seen { status, body: String::from_utf8(body.to_vec()).unwrap(), location, replayed }
}

fn created() -> (Router, Arc<Memory>, Arc<AtomicU16>) {
    let (store, status) = (Arc::new(Memory::default()), Arc::new(AtomicU16::new(201)));
    (api(store.clone(), status.clone()), store, status)
}

#[tokio::test]
async fn the_same_request_gets_the_first_answer_again() {
    let (api, _, _) = created();
    let first = send(&api, order(Some("k"), "ann", "/orders", "{}")).await;
    let second = send(&api, order(Some("k"), "ann", "/orders", "{}")).await;
    assert_eq!((first.status, first.body.as_str(), first.replayed), (201, "1", false));
    assert_eq!((second.status, second.body.as_str(), second.replayed), (201, "1", true));
    assert_eq!(second.location.as_deref(), Some("/orders/1"));
}

#[tokio::test]
async fn another_body_under_the_same_key_is_422() {
    let (api, _, _) = created();
    send(&api, order(Some("k"), "ann", "/orders", "{}")).await;
    let second = send(&api, order(Some("k"), "ann", "/orders", "{ }")).await;
    assert_eq!(second.status, 422);
    assert!(second.body.contains("idempotency_key_reused"));
}

#[tokio::test]
async fn keys_of_other_callers_and_routes_do_not_meet() {
    let (api, _, _) = created();
    for (principal, path) in [("ann", "/orders"), ("bob", "/orders"), ("ann", "/refunds"), ("ann", "/orders?x=1")] {
        assert!(!send(&api, order(Some("k"), principal, path, "{}")).await.replayed, "{principal} {path}");
    }
}

#[tokio::test]
async fn a_request_still_running_is_409() {
    let (api, store, _) = created();
    send(&api, order(Some("k"), "ann", "/orders", "{}")).await;
    for entry in store.0.lock().unwrap().values_mut() {
        entry.1 = None;
    }
    let second = send(&api, order(Some("k"), "ann", "/orders", "{}")).await;
    assert_eq!(second.status, 409);
    assert!(second.body.contains("request_in_progress"));
}

#[tokio::test]
async fn a_server_error_is_not_kept_but_a_refusal_is() {
    let (api, _, status) = created();
    status.store(503, Ordering::SeqCst);
    send(&api, order(Some("k"), "ann", "/orders", "{}")).await;
    status.store(409, Ordering::SeqCst);
    assert_eq!(send(&api, order(Some("k"), "ann", "/orders", "{}")).await.body, "2");
    assert_eq!(send(&api, order(Some("k"), "ann", "/orders", "{}")).await.body, "2");
}

#[tokio::test]
async fn without_the_header_every_request_runs() {
    let (api, _, _) = created();
    for run in ["1", "2"] {
        assert_eq!(send(&api, order(None, "ann", "/orders", "{}")).await.body, run);
    }
}

#[tokio::test]
async fn a_key_that_is_none_is_400() {
    let (api, store, _) = created();
    let too_long = "k".repeat(MAX_KEY + 1);
    for key in ["", "a b", "k\u{e9}", too_long.as_str()] {
        assert_eq!(send(&api, order(Some(key), "ann", "/orders", "{}")).await.status, 400, "{key}");
    }
    let mut twice = order(Some("k"), "ann", "/orders", "{}");
    twice.headers_mut().append(HEADER, "l".parse().unwrap());
    assert_eq!(send(&api, twice).await.status, 400);
    assert!(store.0.lock().unwrap().is_empty());
}
