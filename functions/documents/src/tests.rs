//! The functions together: handed in over HTTP, routed by event, swept by the clock, put right by an operator.

mod claims;
mod cloud_map;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use documents::Documents;
use documents::batch::{Batch, BatchId, Batches};
use documents::centre::{Cached, Centre};
use documents::jobs::Jobs;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use kernel::{Clock, Event, ManualClock, TenantId};
use messaging::{EventHandler as _, Outcome};
use runtime::{Blobs, Job as _};
use secrecy::SecretString;
use serde_json::{Value, json};
use table::Table;
use testkit::{FaultInjector, LocalBucket, LocalDynamo, LocalQueues};
use tower::ServiceExt as _;
use web::secret::Secret;
use web::{BoxError, Caller, Cors};

use crate::{OnReceived, Operations, Queues, Sweep};
pub(crate) use cloud_map::LocalCloudMap;

const POS: (&str, &str) = ("service:pos", "SERVICE");
const SHOP: (&str, &str) = ("service:connector:shop", "SERVICE");
const ADMIN: (&str, &str) = ("usr_admin", "STORE_ADMIN");
const CUSTOMER: (&str, &str) = ("usr_alice", "CUSTOMER");

struct CursorSecret;

#[async_trait]
impl Secret for CursorSecret {
    async fn read(&self) -> Result<SecretString, BoxError> {
        Ok("0123456789-0123456789-0123456789".into())
    }

    async fn refresh(&self) -> Result<SecretString, BoxError> {
        self.read().await
    }
}

struct World {
    clock: Arc<ManualClock>,
    map: LocalCloudMap,
    dynamo: LocalDynamo,
    bucket: LocalBucket,
    table: Table,
    queues: LocalQueues,
    shop: String,
    router: axum::Router,
    sweep: Sweep,
    jobs: Jobs,
}

fn tenant() -> TenantId {
    "books.test".parse().unwrap()
}

fn with_payloads(table: Table, bucket: &LocalBucket) -> Table {
    table.with_blobs(Arc::new(Blobs::new(Arc::new(bucket.clone()), "documents")))
}

impl World {
    /// A registered type; a queue for one connector.
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::new("2026-03-01T10:00:00Z".parse().unwrap()));
        let shared: Arc<dyn Clock> = clock.clone();
        let dynamo = LocalDynamo::with_clock(clock.clone());
        dynamo.create_table("crossdock");
        let bucket = LocalBucket::through(&FaultInjector::new());
        let table = with_payloads(Table::new(dynamo.client(), "crossdock"), &bucket);
        let queues = LocalQueues::new(clock.clone());
        let shop = queues.create_queue("connector-shop.fifo", Duration::from_secs(30));
        let sqs = queues.sqs(&FaultInjector::new());
        let map = LocalCloudMap::default();
        let found = || Arc::new(Cached::new(map.discovery(), shared.clone()));
        let operations = Operations::new(&table, &shared, found(), sqs.clone(), Arc::new(CursorSecret));
        let centre = Centre::new(table.clone(), shared.clone());
        let router = crate::documents_router(centre, Arc::new(map.registry()));
        let router = router.merge(crate::operations_router(Arc::new(operations)));
        let router = web::finish(router, Cors::default());
        let sweep = Sweep {
            tenant: tenant(),
            documents: Documents::new(table.clone(), shared.clone()),
            jobs: Jobs::new(table.clone(), shared.clone()),
            router: OnReceived {
                centre: Centre::new(table.clone(), shared.clone()),
                discovery: found(),
                courier: Arc::new(Queues(sqs)),
            },
        };
        let jobs = Jobs::new(table.clone(), shared);
        let world = Self { clock, map, dynamo, bucket, table, queues, shop, router, sweep, jobs };
        let schema = json!({ "schema": { "type": "object", "required": ["title"] } });
        world.send(ADMIN, "PUT", "/v1/document-types/product/versions/1", &schema).await.is(201);
        world
    }

    async fn send(&self, caller: (&str, &str), method: &str, path: &str, body: &Value) -> Answer {
        let (principal, role) = caller;
        let caller = Caller { principal: principal.to_owned(), role: role.to_owned(), tenant: tenant() };
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let body = if body.is_null() { Body::empty() } else { body.to_string().into() };
        let request = request.header("idempotency-key", "k-1").extension(caller).body(body).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, body: serde_json::from_slice(&bytes).unwrap_or_default() }
    }

    /// The table and the bucket, as one process sees them.
    fn through(&self, faults: &FaultInjector) -> Table {
        with_payloads(Table::new(self.dynamo.client_through(faults), "crossdock"), &self.bucket.behind(faults))
    }

    async fn register_shop(&self) {
        let body = json!({ "queue": self.shop, "types": ["product"] });
        self.send(SHOP, "PUT", "/v1/connectors/shop", &body).await.is(200);
    }

    async fn submitted(&self, external_id: &str) -> String {
        let answer = self.send(POS, "POST", "/v1/documents", &document(external_id)).await.is(202);
        answer["id"].as_str().unwrap().to_owned()
    }

    async fn received(&self, id: &str) -> Outcome {
        let event =
            Event::new("documents.document.received.v1", &tenant(), id, 1, json!({ "documentId": id }), &*self.clock);
        self.sweep.router.handle(&event).await
    }

    async fn tick(&self) {
        self.sweep.run(self.clock.now()).await.unwrap();
    }

    async fn state(&self, id: &str) -> Value {
        self.send(POS, "GET", &format!("/v1/documents/{id}"), &Value::Null).await.is(200)["state"].clone()
    }
}

struct Answer {
    status: StatusCode,
    body: Value,
}

impl Answer {
    fn is(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    fn refused(self, status: u16, code: &str) {
        let body = self.is(status);
        assert_eq!(body["code"], code, "{body}");
    }
}

fn document(external_id: &str) -> Value {
    json!({ "type": "product", "version": 1, "source": "pos", "externalId": external_id, "payload": { "title": "A" } })
}

#[tokio::test]
async fn a_document_handed_in_reaches_the_connectors_queue() {
    let world = World::new().await;
    world.register_shop().await;
    let id = world.submitted("42").await;
    assert_eq!(world.submitted("42").await, id);
    assert_eq!(world.received(&id).await, Outcome::Done);
    assert_eq!(world.received(&id).await, Outcome::Done);
    assert_eq!(world.state(&id).await, "SUCCESS");
    let waiting = world.queues.waiting("connector-shop.fifo");
    assert_eq!(waiting.len(), 1);
    let event = messaging::envelope::decode(&waiting[0].body).unwrap();
    assert_eq!((event.kind.as_str(), &event.data["documentId"]), ("documents.document.routed.v1", &json!(id)));
    let whole = world.send(ADMIN, "GET", &format!("/v1/operations/documents/{id}"), &Value::Null).await.is(200);
    assert_eq!((&whole["routes"][0]["state"], &whole["steps"][0]["class"]), (&json!("SENT"), &json!("DONE")));
}

#[tokio::test]
async fn what_the_event_missed_the_sweep_routes() {
    let world = World::new().await;
    let id = world.submitted("42").await;
    world.clock.advance(Duration::from_secs(61));
    world.register_shop().await;
    world.tick().await;
    assert_eq!((world.state(&id).await, world.queues.waiting("connector-shop.fifo").len()), (json!("SUCCESS"), 1));
}

#[tokio::test]
async fn of_three_queues_one_that_rejects_is_tried_again_alone_and_nothing_is_lost() {
    let world = World::new().await;
    let register = async || {
        for name in ["amazon", "ebay", "shop"] {
            let body = json!({ "queue": world.shop.replace("-shop", &format!("-{name}")), "types": ["product"] });
            let (principal, path) = (format!("service:connector:{name}"), format!("/v1/connectors/{name}"));
            world.send((&principal, "SERVICE"), "PUT", &path, &body).await.is(200);
        }
    };
    world.queues.create_queue("connector-amazon.fifo", Duration::from_secs(30));
    register().await;
    let id = world.submitted("42").await;
    world.received(&id).await;
    let path = format!("/v1/operations/documents/{id}");
    let routes = async || {
        let whole = world.send(ADMIN, "GET", &path, &Value::Null).await.is(200);
        let routes = whole["routes"].as_array().unwrap().clone();
        routes.iter().map(|route| format!("{} {}", route["state"], route["attempts"])).collect::<Vec<_>>()
    };
    assert_eq!(
        (world.state(&id).await, routes().await),
        (json!("FAILED"), vec!["\"SENT\" 1".into(), "\"FAILED\" 1".into(), "\"SENT\" 1".into()])
    );
    world.queues.create_queue("connector-ebay.fifo", Duration::from_secs(30));
    world.clock.advance(Duration::from_secs(3600));
    register().await;
    world.tick().await;
    assert_eq!(
        (world.state(&id).await, routes().await),
        (json!("SUCCESS"), vec!["\"SENT\" 1".into(), "\"SENT\" 2".into(), "\"SENT\" 1".into()])
    );
    for name in ["amazon", "ebay", "shop"] {
        assert_eq!(world.queues.waiting(&format!("connector-{name}.fifo")).len(), 1, "{name}");
    }
}

#[tokio::test]
async fn while_cloud_map_is_down_what_was_found_last_is_used_and_nobody_registers() {
    let world = World::new().await;
    world.register_shop().await;
    world.received(&world.submitted("1").await).await;
    world.map.set_down(true);
    world.clock.advance(Duration::from_secs(100));
    let id = world.submitted("2").await;
    world.received(&id).await;
    assert_eq!(world.state(&id).await, "SUCCESS");
    let body = json!({ "queue": world.shop, "types": ["product"] });
    world.send(SHOP, "PUT", "/v1/connectors/shop", &body).await.refused(503, "registry_unavailable");
    world.send(SHOP, "DELETE", "/v1/connectors/shop", &Value::Null).await.refused(503, "registry_unavailable");
    world.map.set_down(false);
    world.send(SHOP, "DELETE", "/v1/connectors/shop", &Value::Null).await.is(204);
}

#[tokio::test]
async fn hostile_documents_are_refused_with_a_reason() {
    let world = World::new().await;
    let with = |name: &str, value: Value| {
        let mut body = document("42");
        body[name] = value;
        body
    };
    let post = async |body: &Value| world.send(POS, "POST", "/v1/documents", body).await;
    post(&with("type", json!("NO"))).await.refused(400, "validation_failed");
    post(&with("type", json!("order"))).await.refused(422, "unknown_document_type");
    post(&with("version", json!(2))).await.refused(422, "unknown_document_type");
    post(&with("payload", json!({}))).await.refused(422, "payload_invalid");
    post(&with("externalId", json!(""))).await.refused(400, "validation_failed");
    post(&with("unknown", json!(1))).await.refused(400, "validation_failed");
    world.submitted("42").await;
    post(&with("payload", json!({ "title": "B" }))).await.refused(422, "revision_reused");
    assert_eq!(world.send(CUSTOMER, "POST", "/v1/documents", &document("1")).await.status, StatusCode::FORBIDDEN);
    let schema = json!({ "schema": { "type": "string" } });
    let put = async |caller, path| world.send(caller, "PUT", path, &schema).await;
    put(ADMIN, "/v1/document-types/product/versions/1").await.refused(409, "version_taken");
    assert_eq!(put(POS, "/v1/document-types/product/versions/2").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_connector_speaks_for_itself_only() {
    let world = World::new().await;
    let body = json!({ "queue": world.shop, "types": ["product"] });
    for path in ["/v1/connectors/other", "/v1/connectors/shop2"] {
        assert_eq!(world.send(SHOP, "PUT", path, &body).await.status, StatusCode::FORBIDDEN);
    }
    world.send(SHOP, "POST", "/v1/connectors/shop/heartbeat", &Value::Null).await.is(404);
    world.register_shop().await;
    world.send(SHOP, "POST", "/v1/connectors/shop/heartbeat", &Value::Null).await.is(204);
    let bad = json!({ "queue": "ftp://x", "types": [] });
    world.send(SHOP, "PUT", "/v1/connectors/shop", &bad).await.refused(400, "validation_failed");
    let listed = world.send(ADMIN, "GET", "/v1/connectors", &Value::Null).await.is(200);
    assert_eq!(listed["items"][0]["name"], "shop");
    world.send(SHOP, "DELETE", "/v1/connectors/shop", &Value::Null).await.is(204);
    let listed = world.send(ADMIN, "GET", "/v1/connectors", &Value::Null).await.is(200);
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test]
async fn an_operator_finds_what_failed_and_has_it_tried_again() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(world.submitted(&n.to_string()).await);
        world.received(&ids[n]).await;
    }
    let list = "/v1/operations/documents?type=product&state=FAILED";
    let first = world.send(ADMIN, "GET", &format!("{list}&limit=2"), &Value::Null).await.is(200);
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    assert_eq!(first["items"][0]["failure"]["class"], "DEPENDENCY_MISSING");
    let cursor = first["next"].as_str().unwrap();
    let second = world.send(ADMIN, "GET", &format!("{list}&limit=2&cursor={cursor}"), &Value::Null).await.is(200);
    assert_eq!((second["items"].as_array().unwrap().len(), second.get("next")), (1, None));
    assert_eq!(world.send(POS, "GET", list, &Value::Null).await.status, StatusCode::FORBIDDEN);

    world.register_shop().await;
    let retry = json!({ "type": "product", "state": "FAILED", "code": "subscriber" });
    let done = world.send(ADMIN, "POST", "/v1/operations/documents/retry", &retry).await.is(200);
    assert_eq!(done, json!({ "changed": 3, "refused": 0 }));
    let wrong = json!({ "type": "product", "state": "SUCCESS" });
    world.send(ADMIN, "POST", "/v1/operations/documents/retry", &wrong).await.refused(400, "validation_failed");
    let one = |what: &str| format!("/v1/operations/documents/{}/{what}", ids[0]);
    world.send(ADMIN, "POST", &one("discard"), &Value::Null).await.is(200);
    world.send(ADMIN, "POST", &one("retry"), &Value::Null).await.refused(409, "invalid_transition");
    world.clock.advance(Duration::from_secs(61));
    world.register_shop().await;
    world.tick().await;
    assert_eq!(world.queues.waiting("connector-shop.fifo").len(), 2);
    world.send(ADMIN, "GET", "/v1/operations/dead-routes", &Value::Null).await.is(200);
    let redrive = one("routes/shop/redrive");
    assert_eq!(world.send(ADMIN, "POST", &redrive, &Value::Null).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_connection_is_paused_and_goes_on() {
    let world = World::new().await;
    let id = world.submitted("42").await;
    let path = "/v1/operations/connections/centre";
    let why = json!({ "reason": "maintenance" });
    world.send(ADMIN, "POST", &format!("{path}/pause"), &why).await.is(204);
    world.send(ADMIN, "POST", &format!("{path}/pause"), &why).await.is(204);
    world.register_shop().await;
    world.received(&id).await;
    assert_eq!(world.state(&id).await, "NEW");
    let listed = world.send(ADMIN, "GET", "/v1/operations/connections", &Value::Null).await.is(200);
    assert_eq!(listed["items"][0]["paused"]["reason"], "maintenance");
    world.send(ADMIN, "POST", &format!("{path}/resume"), &Value::Null).await.is(204);
    world.received(&id).await;
    let health = world.send(ADMIN, "GET", path, &Value::Null).await.is(200);
    assert_eq!((&health["attempts"], &health["errorPercent"]), (&json!(1), &json!(0)));
    world.send(ADMIN, "GET", "/v1/operations/connections/none", &Value::Null).await.is(404);
}

#[tokio::test]
async fn how_far_a_batch_is_is_seen() {
    let world = World::new().await;
    let batch = Batch {
        id: BatchId::derive(&["1"]),
        kind: "product".parse().unwrap(),
        shape: 1,
        connection: "shop".parse().unwrap(),
        source: "shop".into(),
        parts: vec!["a".into(), "b".into()],
        started_at: world.clock.now(),
        keep_days: documents::KEEP_DAYS,
    };
    let path = format!("/v1/operations/batches/{}", batch.id);
    world.send(ADMIN, "GET", &path, &Value::Null).await.is(404);
    let batches = Batches::begin(world.table.clone(), world.clock.clone(), tenant(), batch).await.unwrap();
    assert_eq!(batches.parts().await.unwrap().len(), 2);
    let seen = world.send(ADMIN, "GET", &path, &Value::Null).await.is(200);
    assert_eq!((&seen["state"], seen.get("counted"), &seen["stored"]), (&json!("RUNNING"), None, &json!(0)));
    assert_eq!(seen["parts"][1], json!({ "name": "b", "done": false, "stored": 0, "repeated": 0 }));
    assert_eq!(world.send(POS, "GET", &path, &Value::Null).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn jobs_are_seen_paused_and_run_by_hand() {
    let world = World::new().await;
    world.jobs.define(&tenant(), &"reconcile".parse().unwrap(), "rate(1 hour)").await.unwrap();
    let post = async |what: &str| {
        world.send(ADMIN, "POST", &format!("/v1/operations/jobs/reconcile/{what}"), &Value::Null).await
    };
    assert_eq!(post("pause").await.is(200)["paused"], true);
    assert_eq!(post("run").await.is(200)["runs"], 1);
    assert_eq!(post("resume").await.is(200)["paused"], false);
    world.clock.advance(Duration::from_secs(3601));
    world.tick().await;
    let listed = world.send(ADMIN, "GET", "/v1/operations/jobs", &Value::Null).await.is(200);
    assert_eq!(listed["items"][0]["runs"], 2);
    world.send(ADMIN, "POST", "/v1/operations/jobs/none/run", &Value::Null).await.is(404);
}
