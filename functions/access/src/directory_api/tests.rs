use async_trait::async_trait;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use kernel::SystemClock;
use secrecy::SecretString;
use serde_json::{Value, json};
use table::Table;
use testkit::LocalDynamo;
use tower::ServiceExt as _;
use web::secret::Secret;
use web::{BoxError, Cors};

use super::*;

struct Fixed(&'static str);

#[async_trait]
impl Secret for Fixed {
    async fn read(&self) -> Result<SecretString, BoxError> {
        Ok(self.0.into())
    }

    async fn refresh(&self) -> Result<SecretString, BoxError> {
        self.read().await
    }
}

struct World(Router, Table);

struct Answer {
    status: u16,
    tag: String,
    body: Value,
}

/// Who asks: tenant and role.
const ADMIN: (&str, &str) = ("acme.test", "STORE_ADMIN");
const OTHER: (&str, &str) = ("other.test", "STORE_ADMIN");
const CUSTOMER: (&str, &str) = ("acme.test", "CUSTOMER");
const LOOKER: &str = r#"{"host": "acme.cloud.looker.com", "secret": "s3cret",
    "models": {"sales": "sales:read", "stock": "inventory:read", "other": "nobody:knows"}}"#;

impl World {
    fn new() -> Self {
        Self::with_looker(LOOKER)
    }

    fn with_looker(looker: &'static str) -> Self {
        let dynamo = LocalDynamo::new();
        dynamo.create_table("crossdock");
        let table = Table::new(dynamo.client(), "crossdock");
        let cursor_secret = Arc::new(Fixed("0123456789-0123456789-0123456789"));
        let pepper = Arc::new(Fixed(r#"{"current": "0123456789-pepper-2"}"#));
        let looker = Arc::new(Fixed(looker));
        let api = DirectoryApi::new(table.clone(), Arc::new(SystemClock), pepper, cursor_secret, looker);
        Self(web::finish(crate::directory_api(Arc::new(api)), Cors::default()), table)
    }

    async fn ask(&self, who: (&str, &str), line: &str, condition: Option<&str>, body: &Value) -> Answer {
        self.ask_as("usr_00000000000000000000000001", who, line, condition, body).await
    }

    async fn ask_as(
        &self,
        principal: &str,
        who: (&str, &str),
        line: &str,
        condition: Option<&str>,
        body: &Value,
    ) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        if let Some(tag) = condition {
            request = request.header("if-match", tag);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let mut request = request.body(body).unwrap();
        let (tenant, role) = who;
        let caller = Caller { principal: principal.to_owned(), role: role.to_owned(), tenant: tenant.parse().unwrap() };
        request.extensions_mut().insert(caller);
        self.send(request).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let (head, body) = self.0.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let tag = head.headers.get("etag").map(|tag| tag.to_str().unwrap().to_owned()).unwrap_or_default();
        Answer { status: head.status.as_u16(), tag, body: serde_json::from_slice(&body).unwrap_or_default() }
    }

    async fn user(&self) -> (String, String) {
        let new = json!({ "email": "ada@example.com", "name": "Ada", "role": "WAREHOUSE_STAFF" });
        let made = self.ask(ADMIN, "POST /v1/users", None, &new).await;
        assert_eq!((made.status, made.body["status"].as_str()), (201, Some("INVITED")), "{}", made.body);
        (made.body["id"].as_str().unwrap().to_owned(), made.tag)
    }

    async fn application(&self) -> (String, Value) {
        let new = json!({
            "name": "Reports", "kind": "CONFIDENTIAL", "scopes": ["openid", "orders:read"],
            "sites": [{ "origin": "https://reports.example.com", "tenants": ["acme.test"] }],
            "tile": { "title": "Reports", "url": "https://reports.example.com/", "permissions": ["stock:read"] },
        });
        let made = self.ask(ADMIN, "POST /v1/applications", None, &new).await;
        assert_eq!(made.status, 201, "{}", made.body);
        (made.body["id"].as_str().unwrap().to_owned(), made.body)
    }
}

#[tokio::test]
async fn a_users_life_over_http() {
    let world = World::new();
    let (id, tag) = world.user().await;
    let none = Value::Null;
    let suspend = format!("POST /v1/users/{id}/suspend");
    assert_eq!(world.ask(ADMIN, &suspend, None, &none).await.status, 428);
    assert_eq!(world.ask(ADMIN, &suspend, Some("\"9\""), &none).await.status, 412);
    let suspended = world.ask(ADMIN, &suspend, Some(&tag), &none).await;
    assert_eq!((suspended.status, suspended.body["status"].as_str()), (200, Some("SUSPENDED")));
    assert_eq!(world.ask(ADMIN, &suspend, Some("*"), &none).await.body["code"], "invalid_transition");
    let export = world.ask(ADMIN, &format!("GET /v1/users/{id}/export"), None, &none).await;
    assert_eq!(export.body["email"], "ada@example.com");
    assert_eq!(world.ask(ADMIN, &format!("DELETE /v1/users/{id}"), Some("*"), &none).await.status, 204);
    let trail = world.ask(ADMIN, &format!("GET /v1/audit-entries?subject={id}&limit=3"), None, &none).await;
    assert_eq!(trail.body["items"].as_array().unwrap().len(), 3);
    assert!(trail.body["next"].is_string());
    assert_eq!(world.ask(ADMIN, "GET /v1/audit-entries", None, &none).await.status, 400);
}

#[tokio::test]
async fn a_secret_is_shown_once() {
    let world = World::new();
    let (id, made) = world.application().await;
    assert_eq!(made["secret"].as_str().unwrap().len(), 43);
    for line in ["GET /v1/applications".to_owned(), format!("GET /v1/applications/{id}")] {
        let shown = world.ask(ADMIN, &line, None, &Value::Null).await;
        assert!(shown.status == 200 && !shown.body.to_string().contains("secret"), "{}", shown.body);
    }
    let changed = world.ask(ADMIN, &format!("POST /v1/applications/{id}/secret"), Some("*"), &Value::Null).await;
    assert!(changed.body["secret"].is_string() && changed.body["secret"] != made["secret"]);
}

#[tokio::test]
async fn a_key_is_made_replaced_and_revoked_and_its_text_shown_once() {
    let world = World::new();
    let new = json!({ "name": "ERP", "scopes": ["orders:read"], "role": "STORE_ADMIN", "days": 30 });
    let made = world.ask(ADMIN, "POST /v1/api-keys", None, &new).await;
    assert!(made.status == 201 && made.body["key"].as_str().unwrap().starts_with("cdk_"), "{}", made.body);
    let id = made.body["id"].as_str().unwrap();
    let next = world.ask(ADMIN, &format!("POST /v1/api-keys/{id}/rotate"), None, &Value::Null).await;
    assert!(next.status == 201 && next.body["key"] != made.body["key"]);
    assert_eq!(world.ask(OTHER, &format!("DELETE /v1/api-keys/{id}"), None, &Value::Null).await.status, 404);
    assert_eq!(world.ask(ADMIN, &format!("DELETE /v1/api-keys/{id}"), None, &Value::Null).await.status, 204);
    let list = world.ask(ADMIN, "GET /v1/api-keys", None, &Value::Null).await;
    assert_eq!(list.body["items"].as_array().unwrap().len(), 2);
    assert!(!list.body.to_string().contains("cdk_"));
    let mut bad = new;
    bad["days"] = json!(0);
    assert_eq!(world.ask(ADMIN, "POST /v1/api-keys", None, &bad).await.body["errors"][0]["pointer"], "/days");
}

#[tokio::test]
async fn rights_are_replaced_under_their_version_from_nothing_on() {
    let world = World::new();
    let (id, _) = world.user().await;
    let roles = json!({ "roles": { "MANAGER": { "inherits": ["WAREHOUSE_STAFF"], "permissions": ["books:read"] } } });
    assert_eq!(world.ask(ADMIN, "GET /v1/roles", None, &Value::Null).await.tag, "\"0\"");
    let put = world.ask(ADMIN, "PUT /v1/roles", Some("\"0\""), &roles).await;
    assert_eq!((put.status, put.tag.as_str()), (204, "\"1\""));
    let circle = json!({ "roles": { "A": { "inherits": ["A"] } } });
    let refused = world.ask(ADMIN, "PUT /v1/roles", Some("\"1\""), &circle).await;
    assert_eq!(refused.body["errors"][0]["code"], "circular_role");
    let org = json!({ "locations": { "l1": { "franchises": ["f1"] } } });
    assert_eq!(world.ask(ADMIN, "PUT /v1/organisation", Some("\"0\""), &org).await.status, 204);
    assert_eq!(world.ask(ADMIN, "GET /v1/organisation", None, &Value::Null).await.body["locations"], org["locations"]);
    let grants = json!({ "grants": [{ "role": "MANAGER", "on": "franchise:f1", "effect": "ALLOW" }] });
    let line = format!("PUT /v1/grants/{id}");
    assert_eq!(world.ask(ADMIN, &line, Some("\"1\""), &grants).await.status, 412);
    assert_eq!(world.ask(ADMIN, &line, Some("\"0\""), &grants).await.status, 204);
    let bad = json!({ "grants": [{ "role": "MANAGER", "on": "galaxy:m31", "effect": "ALLOW" }] });
    assert_eq!(world.ask(ADMIN, &line, Some("\"1\""), &bad).await.status, 400);
    assert_eq!(world.ask(ADMIN, "PUT /v1/groups/north", None, &json!({ "name": "North" })).await.status, 204);
    let groups = world.ask(ADMIN, "GET /v1/groups", None, &Value::Null).await;
    assert_eq!(groups.body["items"], json!([{ "id": "north", "name": "North" }]));
}

/// The tenant matrix: whatever names something of another tenant names nothing, in the same words as what does not exist.
#[tokio::test]
async fn another_tenants_id_is_answered_like_one_that_does_not_exist() {
    let world = World::new();
    let (user, _) = world.user().await;
    let (app, registered) = world.application().await;
    let mut registration = registered.clone();
    for name in ["id", "suspended", "version", "secret"] {
        registration.as_object_mut().unwrap().remove(name);
    }
    let groups = json!({ "groups": [] });
    let lines = [
        ("GET /v1/users/{}", &user, &Value::Null),
        ("DELETE /v1/users/{}", &user, &Value::Null),
        ("GET /v1/users/{}/export", &user, &Value::Null),
        ("POST /v1/users/{}/suspend", &user, &Value::Null),
        ("POST /v1/users/{}/activate", &user, &Value::Null),
        ("PUT /v1/users/{}/groups", &user, &groups),
        ("GET /v1/applications/{}", &app, &Value::Null),
        ("PUT /v1/applications/{}", &app, &registration),
        ("POST /v1/applications/{}/suspend", &app, &Value::Null),
        ("POST /v1/applications/{}/activate", &app, &Value::Null),
        ("POST /v1/applications/{}/secret", &app, &Value::Null),
    ];
    for (line, id, body) in lines {
        let nobody = format!("{}_00000000000000000000000009", id.split('_').next().unwrap());
        let theirs = world.ask(OTHER, &line.replace("{}", id), Some("*"), body).await;
        let missing = world.ask(OTHER, &line.replace("{}", &nobody), Some("*"), body).await;
        let malformed = world.ask(OTHER, &line.replace("{}", "x"), Some("*"), body).await;
        assert_eq!((theirs.status, &theirs.body), (404, &missing.body), "{line}");
        assert_eq!(malformed.body, missing.body, "{line}");
        assert_eq!(world.ask(CUSTOMER, &line.replace("{}", id), Some("*"), body).await.status, 403, "{line}");
    }
    for list in ["GET /v1/users", "GET /v1/applications", "GET /v1/groups"] {
        assert_eq!(world.ask(OTHER, list, None, &Value::Null).await.body["items"], json!([]), "{list}");
        assert_eq!(world.ask(CUSTOMER, list, None, &Value::Null).await.status, 403, "{list}");
    }
}

#[tokio::test]
async fn tiles_are_of_applications_the_caller_has_something_to_do_in() {
    let world = World::new();
    let (user, _) = world.user().await;
    let (app, _) = world.application().await;
    let tile = json!({ "application": app, "title": "Reports", "url": "https://reports.example.com/" });
    let tiles = async || world.ask_as(&user, CUSTOMER, "GET /v1/me/applications", None, &Value::Null).await.body;
    assert_eq!(tiles().await["items"], json!([tile]));
    world.ask(ADMIN, &format!("POST /v1/applications/{app}/suspend"), Some("*"), &Value::Null).await;
    assert_eq!(tiles().await["items"], json!([]));
    world.ask(ADMIN, &format!("POST /v1/applications/{app}/activate"), Some("*"), &Value::Null).await;
    let deny = json!({ "grants": [{ "role": "WAREHOUSE_STAFF", "on": "tenant", "effect": "DENY" }] });
    world.ask(ADMIN, &format!("PUT /v1/grants/{user}"), Some("\"0\""), &deny).await;
    assert_eq!(tiles().await["items"], json!([]));
}

#[tokio::test]
async fn a_consumers_pin_is_moved_to_versions_there_are_and_noted() {
    let world = World::new();
    let none = Value::Null;
    let (id, _) = world.application().await;
    let path = format!("/v1/consumers/{id}");
    assert_eq!(world.ask(ADMIN, &format!("GET {path}"), None, &none).await.body, json!({}));
    for bad in [json!({}), json!({ "version": "2026-1-1" })] {
        let refused = world.ask(ADMIN, &format!("PUT {path}"), None, &bad).await;
        assert_eq!(refused.body["errors"][0]["code"], "unknown_version", "{bad}");
    }
    let pin = json!({ "version": "2026-07-01" });
    assert_eq!(world.ask(ADMIN, &format!("PUT {path}"), None, &pin).await.status, 204);
    assert_eq!(world.ask(ADMIN, &format!("GET {path}"), None, &none).await.body, pin);
    let trail = world.ask(ADMIN, &format!("GET /v1/audit-entries?subject={id}"), None, &none).await;
    assert!(trail.body["items"].to_string().contains("CONSUMER_PINNED"), "{}", trail.body);
    for (who, status) in [(OTHER, 404), (CUSTOMER, 403)] {
        for (line, body) in
            [(format!("GET {path}"), &none), (format!("PUT {path}"), &pin), (format!("GET {path}/usage"), &none)]
        {
            assert_eq!(world.ask(who, &line, None, body).await.status, status, "{line}");
        }
    }
}

#[tokio::test]
async fn what_a_key_used_is_told_by_day_and_class() {
    let world = World::new();
    let none = Value::Null;
    let new = json!({ "name": "ERP", "scopes": ["books:read"], "role": "STORE_ADMIN", "days": 1 });
    let id = world.ask(ADMIN, "POST /v1/api-keys", None, &new).await.body["id"].as_str().unwrap().to_owned();
    let limiter = Limiter::new(world.1.clone(), Arc::new(SystemClock), "acme.test".parse().unwrap()).keeping_days(40);
    let class = gateway::Class::Read;
    let limit = access::Limit { class: class.of_consumer(), subject: &id, most: class.limits().consumer };
    for _ in 0..3 {
        limiter.take(std::slice::from_ref(&limit)).await.unwrap();
    }
    let used = world.ask(ADMIN, &format!("GET /v1/consumers/{id}/usage"), None, &none).await;
    assert_eq!(used.body["requests"], json!({ "read": 3, "write": 0 }));
    let day = used.body["day"].as_str().unwrap();
    let again = world.ask(ADMIN, &format!("GET /v1/consumers/{id}/usage?day={day}"), None, &none).await;
    assert_eq!(again.body["day"], day);
    for bad in ["2020-01-01", "2999-01-01", "today", "2026-2-1"] {
        let refused = world.ask(ADMIN, &format!("GET /v1/consumers/{id}/usage?day={bad}"), None, &none).await;
        assert_eq!(refused.status, 400, "{bad}");
    }
}

/// Asks for a dashboard with a token of this scope, which ends so many seconds from now.
async fn dashboard(world: &World, user: &str, scope: &str, left: Option<i64>, id: &str) -> Answer {
    let mut request = Request::post(format!("/v1/me/dashboards/{id}/url")).body(Body::empty()).unwrap();
    let (tenant, role) = ADMIN;
    let caller = Caller { principal: user.to_owned(), role: role.to_owned(), tenant: tenant.parse().unwrap() };
    let end = left.map(|left| SystemClock.now().as_second() + left);
    request.extensions_mut().insert(caller);
    request.extensions_mut().insert(web::Scope(scope.to_owned()));
    request.extensions_mut().insert(web::SessionEnd(end));
    world.send(request).await
}

fn of_url(answer: &Answer, name: &str) -> String {
    let url = answer.body["url"].as_str().unwrap_or_else(|| panic!("{} {}", answer.status, answer.body));
    let query = url.split_once('?').unwrap().1;
    form_urlencoded::parse(query.as_bytes()).find(|(found, _)| found == name).unwrap().1.into_owned()
}

#[tokio::test]
async fn a_dashboard_shows_the_models_that_role_and_scope_allow_and_no_longer_than_the_token_lasts() {
    let world = World::new();
    let (user, _) = world.user().await;
    let both = "dashboards:read sales:read inventory:read";
    assert_eq!(dashboard(&world, &user, both, Some(600), "7").await.status, 403, "neither role nor grants say so");
    let grant = |on: &str| json!({ "grants": [{ "role": "STORE_ADMIN", "on": on, "effect": "ALLOW" }] });
    let path = format!("PUT /v1/grants/{user}");
    world.ask(ADMIN, &path, Some("*"), &grant("location:alpha")).await;
    assert_eq!(dashboard(&world, &user, both, Some(600), "7").await.status, 403, "Looker knows no locations");
    world.ask(ADMIN, &path, Some("*"), &grant("tenant")).await;
    let seen = dashboard(&world, &user, both, Some(600), "sales::overview").await;
    assert_eq!(of_url(&seen, "models"), r#"["sales","stock"]"#);
    assert_eq!(of_url(&seen, "external_user_id"), format!("\"acme.test/{user}\""));
    let seconds = |answer: &Answer| of_url(answer, "session_length").parse::<i64>().unwrap();
    assert!((1..=600).contains(&seconds(&seen)), "{}", seen.body);
    let other = dashboard(&world, &user, "dashboards:read sales:read", Some(99_999), "7").await;
    assert_eq!((of_url(&other, "models"), seconds(&other)), (r#"["sales"]"#.to_owned(), access::ACCESS_SECONDS));
    assert_ne!(of_url(&seen, "nonce"), of_url(&other, "nonce"));
    for (left, scope, id, status) in [
        (None, both, "7", 403),
        (Some(0), both, "7", 403),
        (Some(600), "dashboards:read", "7", 403),
        (Some(600), both, "a%2Fb", 404),
        (Some(600), both, "7%3Fx", 404),
    ] {
        assert_eq!(dashboard(&world, &user, scope, left, id).await.status, status, "{left:?} {scope} {id}");
    }
    let nobody = "usr_00000000000000000000000009";
    assert_eq!(dashboard(&world, nobody, both, Some(600), "7").await.status, 404);
    let line = "POST /v1/me/dashboards/7/url";
    assert_eq!(world.ask_as(&user, CUSTOMER, line, None, &Value::Null).await.status, 403);
}

#[tokio::test]
async fn without_looker_there_are_no_dashboards() {
    for (looker, status) in [(r#"{"host": "", "secret": "x", "models": {}}"#, 404), ("x", 500)] {
        let world = World::with_looker(looker);
        let (user, _) = world.user().await;
        assert_eq!(dashboard(&world, &user, "dashboards:read", Some(600), "7").await.status, status);
    }
}
