//! The routers from outside: who may do what, what is refused, what is shown.

mod crashes;
mod inventory;
mod shipments;

use std::collections::BTreeSet;

use axum::body::Body;
use axum::extract::Request;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use web::Cors;

use super::*;
use crate::testing::{World, tenant};

const ODYSSEY: &str = "9780140449136";
const OTHER: &str = "9780306406157";

const STAFF: Option<(&str, &str)> = Some(("usr_staff", "WAREHOUSE_STAFF"));
const STORE: Option<(&str, &str)> = Some(("service:store", "SERVICE"));

/// The whole warehouse, as its gateway sees it.
struct Site {
    world: World,
    router: Router,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), &self.body["code"]), (status, &json!(code)), "{}", self.body);
        assert_eq!(self.headers["content-type"], "application/problem+json");
    }

    /// Pointers and codes of what is wrong with the input.
    fn errors(&self) -> Vec<(&str, &str)> {
        self.is(400, "validation_failed");
        let errors = self.body["errors"].as_array().unwrap().iter();
        errors.map(|error| (error["pointer"].as_str().unwrap(), error["code"].as_str().unwrap())).collect()
    }

    fn ok(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }
}

impl Site {
    fn over(world: World) -> Self {
        let cursor_secret = crate::testing::peer::secret(&["cursor-secret-0001"]);
        let api = Arc::new(Api { warehouse: world.warehouse.clone(), cursor_secret });
        let health = health_api(Arc::new(world.warehouse.clone()));
        let router = inventory_api(api.clone()).merge(shipments_api(api)).merge(health);
        Self { router: web::finish(router, Cors::default()), world }
    }

    async fn send(&self, caller: Option<(&str, &str)>, request: Request<Body>) -> Answer {
        let mut request = request;
        if let Some((principal, role)) = caller {
            let (principal, role) = (principal.to_owned(), role.to_owned());
            request.extensions_mut().insert(Caller { principal, role, tenant: tenant() });
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, caller: Option<(&str, &str)>, path: &str) -> Answer {
        self.send(caller, request("GET", path).body(Body::empty()).unwrap()).await
    }

    async fn put(&self, caller: Option<(&str, &str)>, path: &str, body: &Value) -> Answer {
        self.send(caller, request("PUT", path).body(body.to_string().into()).unwrap()).await
    }

    async fn post(&self, caller: Option<(&str, &str)>, path: &str, body: &Value) -> Answer {
        self.send(caller, request("POST", path).body(body.to_string().into()).unwrap()).await
    }
}

fn request(method: &str, path: &str) -> http::request::Builder {
    let uri = format!("/warehouses/alpha{path}");
    Request::builder().method(method).uri(uri).header("content-type", "application/json")
}

fn new_shipment(number: u128, isbn: &str, quantity: i64) -> Value {
    let id = kernel::Ulid(number).to_string();
    json!({
        "shipmentId": format!("shp_{id}"),
        "orderId": format!("ord_{id}"),
        "lines": [{ "isbn": isbn, "quantity": quantity }],
    })
}

#[tokio::test]
async fn every_route_lets_in_whom_it_is_for_and_nobody_else() {
    let site = Site::over(World::new().holding(ODYSSEY, 5).await);
    let row = format!("/v1/inventory/{ODYSSEY}");
    let ledger = format!("{row}/ledger");
    let shipment = format!("/v1/shipments/shp_{}", kernel::Ulid(1));
    let figure = json!({ "onHand": 5 });
    let batch = json!({ "rows": [{ "isbn": ODYSSEY, "onHand": 5 }] });
    let adjustment = json!({ "isbn": ODYSSEY, "delta": 1, "reason": "found" });
    let new_shipment = new_shipment(1, ODYSSEY, 1);
    // Who may: staff, the store, another service. Customers and store admins never.
    let routes = [
        ("POST", "/v1/shipments", &new_shipment, [false, true, false]),
        ("GET", "/v1/shipments", &Value::Null, [true, false, false]),
        ("GET", &shipment, &Value::Null, [true, false, false]),
        ("GET", "/v1/inventory", &Value::Null, [true, true, true]),
        ("GET", &row, &Value::Null, [true, true, true]),
        ("GET", &ledger, &Value::Null, [true, false, false]),
        ("PUT", &row, &figure, [true, false, false]),
        ("PUT", "/v1/inventory", &batch, [true, false, false]),
        ("POST", "/v1/inventory/adjustments", &adjustment, [true, false, false]),
        ("GET", "/health", &Value::Null, [false, true, true]),
    ];
    for (method, path, body, [staff, store, service]) in routes {
        let callers = [
            (None, false),
            (Some(("usr_1", "CUSTOMER")), false),
            (Some(("usr_2", "STORE_ADMIN")), false),
            (STAFF, staff),
            (STORE, store),
            (Some(("warehouse:beta", "SERVICE")), service),
        ];
        for (caller, may) in callers {
            let answer = site.send(caller, request(method, path).body(body.to_string().into()).unwrap()).await;
            match caller {
                _ if may => assert!(answer.status.is_success(), "{method} {path} {caller:?}: {}", answer.body),
                None => answer.is(401, "unauthenticated"),
                Some(_) => answer.is(403, "forbidden"),
            }
        }
    }
}

#[tokio::test]
async fn who_may_not_come_in_learns_nothing_about_the_body() {
    let site = Site::over(World::new());
    let nonsense = Request::builder().method("POST").uri("/warehouses/alpha/v1/shipments").body("nonsense".into());
    site.send(Some(("warehouse:beta", "SERVICE")), nonsense.unwrap()).await.is(403, "forbidden");
}

#[tokio::test]
async fn another_warehouses_path_is_not_here() {
    let site = Site::over(World::new());
    let request = Request::get("/warehouses/beta/v1/inventory").body(Body::empty()).unwrap();
    site.send(STAFF, request).await.is(404, "not_found");
}

#[tokio::test(start_paused = true)]
async fn health_says_who_it_is_and_503_when_the_table_does_not_answer() {
    let site = Site::over(World::new());
    let body = site.get(STORE, "/health").await.ok(200);
    assert_eq!(body, json!({ "status": "healthy", "warehouse": "alpha" }));

    let faults = testkit::FaultInjector::new();
    let site = Site::over(World::through(testkit::LocalDynamo::new(), &faults));
    faults.always("GetItem", testkit::Side::Before, testkit::Effect::ServerError);
    site.get(STORE, "/health").await.is(503, "unhealthy");
}

#[tokio::test]
async fn tenants_see_their_own_only() {
    let site = Site::over(World::new().holding(ODYSSEY, 5).await);
    let mut request = request("GET", "/v1/inventory").body(Body::empty()).unwrap();
    let (principal, role) = ("usr_1".to_owned(), "WAREHOUSE_STAFF".to_owned());
    request.extensions_mut().insert(Caller { principal, role, tenant: "other.test".parse().unwrap() });
    let answer = site.send(None, request).await.ok(200);
    assert_eq!(answer, json!({ "items": [] }));
}

#[test]
fn every_route_is_described() {
    let document = serde_json::to_value(openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let described = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    let routes = [
        "GET /warehouses/{name}/health",
        "GET /warehouses/{name}/v1/inventory",
        "GET /warehouses/{name}/v1/inventory/{isbn}",
        "GET /warehouses/{name}/v1/inventory/{isbn}/ledger",
        "GET /warehouses/{name}/v1/shipments",
        "GET /warehouses/{name}/v1/shipments/{id}",
        "POST /warehouses/{name}/v1/inventory/adjustments",
        "POST /warehouses/{name}/v1/shipments",
        "PUT /warehouses/{name}/v1/inventory",
        "PUT /warehouses/{name}/v1/inventory/{isbn}",
    ];
    assert_eq!(described.collect::<BTreeSet<_>>(), routes.map(str::to_owned).into());

    // In the product's one document the names must not meet those of other contexts.
    let schemas = document["components"]["schemas"].as_object().unwrap().keys();
    let foreign: Vec<_> = schemas.filter(|name| !name.contains("warehouse.")).collect();
    assert_eq!(foreign, ["FieldError"]);
}
