//! The public API before the real functions: their answers are what the documents of all versions describe, and nobody gets
//! at another tenant's things or in through another door.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access::{
    Access, AccessClaims, Actor, ApiKeys, Directory, Keyring, Kind, NewApiKey, Registration, Role, Services, TokenDoor,
    Tokens,
};
use access_functions::Authorizer;
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use catalog::{BookId, Catalog, NewBook};
use gateway::{ROUTES, Route, VERSIONS, Version};
use gateway_functions::{Gateway, Parts, public_api};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use inventory::{Inventory, Observation, Posting};
use kernel::{Clock, Context, Money, TenantId};
use runtime::Task as _;
use sales::{OrderId, PlaceOrder, Placed, Sales};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use storefront::Registry;
use tower::ServiceExt as _;
use web::transport::{Transport, TransportError};
use web::{Caller, Cors};

use crate::network::Fixed;
use crate::stack::Stack;
use crate::world::{World, at, sku, tenant};

const PEPPER: &str = r#"{"current": "0123456789-pepper-2"}"#;
const SCOPES: [&str; 6] = ["books:read", "orders:read", "orders:write", "sales:read", "sales:write", "warehouses:read"];

/// The platform's own API: its authorizer, what `runtime` makes of the authorizer's answer, and its functions.
struct Platform {
    authorizer: Authorizer,
    router: Router,
    seen: Mutex<Vec<Request<Bytes>>>,
}

impl Platform {
    /// What API Gateway and `runtime` do with a request.
    async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let query = request.uri().query().unwrap_or_default().to_owned();
        let header = request.headers()["authorization"].to_str().unwrap();
        let event = json!({
            "version": "2.0", "type": "REQUEST", "routeKey": route_key(&method, &path),
            "rawPath": path, "rawQueryString": query, "headers": { "authorization": header },
            "requestContext": { "http": { "method": method }, "stage": "$default" },
        });
        let said = self.authorizer.run(event).await.unwrap();
        if said["isAuthorized"] != true {
            return Response::builder().status(403).body(r#"{"message":"Forbidden"}"#.into()).unwrap();
        }
        let mut request = request;
        let context = &said["context"];
        let bound = web::hop::bound(&method, &path, &query, request.headers(), request.body());
        if let Some(principal) = context["principal"].as_str().filter(|_| context["request"] == bound) {
            let role = context["role"].as_str().unwrap().to_owned();
            request.extensions_mut().insert(Caller { principal: principal.to_owned(), role, tenant: tenant() });
        }
        let (head, body) = self.router.clone().oneshot(request.map(Body::from)).await.unwrap().into_parts();
        Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }
}

/// The route of the catalogue that a path is of.
fn route_key(method: &str, path: &str) -> String {
    let routes = access::CATALOGUE.iter().flat_map(|permission| permission.routes);
    let fits = |route: &&&str| {
        let (of, pattern) = route.split_once(' ').unwrap();
        let (parts, wanted): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), pattern.split('/').collect());
        let same = |(part, wanted): (&&str, &&str)| wanted.starts_with('{') || part == wanted;
        of == method && parts.len() == wanted.len() && parts.iter().zip(&wanted).all(same)
    };
    routes.into_iter().find(fits).map_or("none", |route| *route).to_owned()
}

#[async_trait]
impl Transport for Platform {
    async fn send(&self, request: Request<Bytes>, _: Duration) -> Result<Response<Bytes>, TransportError> {
        self.seen.lock().unwrap().push(request.clone());
        Ok(self.answer(request).await)
    }
}

struct Public {
    platform: Arc<Platform>,
    router: Router,
    tokens: Tokens,
    clock: Arc<dyn Clock>,
    app: String,
    key: String,
}

struct Seen {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Public {
    async fn before(store: &Stack, clock: Arc<dyn Clock>) -> Self {
        let table = store.table();
        let fixed = |text: &str| Arc::new(Fixed(text.to_owned()));
        let keys = access::rotated(&"none".to_owned().into(), clock.now()).unwrap().unwrap();
        let keys = fixed(keys.expose_secret());
        let tokens = Tokens::new(&tenant(), Keyring::new(keys.clone(), clock.clone()));
        let door = TokenDoor::new(table.clone(), clock.clone(), tokens.clone(), tenant());
        let api_keys = ApiKeys::new(table.clone(), clock.clone(), fixed(PEPPER));
        let access = Access::new(table.clone(), clock.clone());
        let authorizer = Authorizer::new(tenant(), access, Services::new(Vec::new()));
        let cursors = fixed("cursor-secret-0123456789-0123456789");
        let shop = Arc::new(storefront_functions::Api::new(table.clone(), clock.clone(), cursors.clone()));
        let sales = Arc::new(sales_functions::Api::new(Sales::new(table.clone(), clock.clone()), cursors));
        let router = storefront_functions::orders_api(shop.clone())
            .merge(storefront_functions::books_api(shop.clone()))
            .merge(storefront_functions::warehouses_api(shop))
            .merge(sales_functions::orders_api(sales.clone()))
            .merge(sales_functions::returns_api(sales));
        let router = web::finish(router, Cors::default());
        let directory = Directory::new(table.clone(), clock.clone());
        let authorizer = authorizer.with_applications(door, api_keys.clone(), directory);
        let platform = Arc::new(Platform { authorizer, router, seen: Mutex::default() });
        let own = tenant();
        let actor = Actor { tenant: &own, principal: "operator" };
        let scopes: BTreeSet<String> = SCOPES.map(str::to_owned).into();
        let new = NewApiKey { name: "ERP".to_owned(), scopes: scopes.clone(), role: Role::StoreAdmin, days: 1 };
        let key = api_keys.create(actor, &new).await.unwrap().text.expose_secret().to_owned();
        let registration = Registration {
            name: "Shop".to_owned(),
            kind: Kind::Confidential,
            sites: Vec::new(),
            redirect_uris: BTreeSet::new(),
            post_logout_redirect_uris: BTreeSet::new(),
            scopes,
            machine: Some(Role::StoreAdmin),
            tile: None,
        };
        let directory = Directory::new(table.clone(), clock.clone());
        let app = directory.register_application(actor, registration).await.unwrap().application.value.id.to_string();
        let gateway = Gateway::new(Parts {
            table,
            clock: clock.clone(),
            tenant: tenant(),
            keys,
            pepper: fixed(PEPPER),
            platform: platform.clone(),
            url: "http://store".to_owned(),
        });
        let router = web::finish(public_api(Arc::new(gateway)), Cors::default());
        Self { platform, router, tokens, clock, app, key }
    }

    /// With the key of an administrator.
    async fn ask(&self, line: &str, headers: &[(&str, &str)], body: &Value) -> Seen {
        self.ask_with(&format!("ApiKey {}", self.key), line, headers, body).await
    }

    async fn ask_with(&self, credential: &str, line: &str, headers: &[(&str, &str)], body: &Value) -> Seen {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(format!("/public/{path}"));
        request = request.header("authorization", credential).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_string())).unwrap();
        let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Seen { status: head.status.as_u16(), headers: head.headers, body: serde_json::from_slice(&body).unwrap() }
    }

    /// Somebody who buys, with a token.
    async fn buyer(&self) -> String {
        let ((iss, aud), now) = (self.tokens.parties(), self.clock.now());
        let claims = AccessClaims {
            iss: iss.to_owned(),
            aud: aud.to_owned(),
            sub: self.app.clone(),
            client_id: self.app.clone(),
            exp: now.as_second() + 600,
            iat: now.as_second(),
            jti: "1".to_owned(),
            sid: None,
            epoch: 0,
            tenant: tenant(),
            scope: SCOPES.join(" "),
            role: "CUSTOMER".to_owned(),
            groups: BTreeSet::new(),
        };
        format!("Bearer {}", self.tokens.access(&claims, now).await.unwrap())
    }

    fn seen(&self) -> Vec<Request<Bytes>> {
        std::mem::take(&mut self.platform.seen.lock().unwrap())
    }
}

/// A document whose objects have the members described and no others.
fn closed(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            if members.get("properties").is_some_and(Value::is_object) {
                members.insert("additionalProperties".to_owned(), false.into());
            }
            members.iter_mut().for_each(|(_, member)| *member = closed(member.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = closed(item.take())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    value
}

/// Fails unless an answer is what the document of its version says of it.
fn assert_described(version: &Version, line: &str, seen: &Seen) {
    let document = closed(gateway::document(version).clone());
    let (method, path) = line.split_once(' ').unwrap();
    let path = path.split('?').next().unwrap().split_once('/').unwrap().1;
    let fits = |route: &&Route| route.method == method && route.internal_path(&format!("/{path}")).is_some();
    let route = ROUTES.iter().find(fits).unwrap_or_else(|| panic!("no route {line}"));
    let responses = &document["paths"][route.path][method.to_ascii_lowercase()]["responses"];
    let mut response = &responses[seen.status.to_string()];
    assert!(seen.status < 500 && (seen.status >= 400 || !response.is_null()), "{line} {}: {}", seen.status, seen.body);
    if response.is_null() {
        response = &responses["default"];
    }
    if let Some(reference) = response["$ref"].as_str() {
        response = document.pointer(&reference[1..]).unwrap();
    }
    let kind = seen.headers["content-type"].to_str().unwrap();
    let mut schema = response["content"][kind]["schema"].clone();
    assert!(schema.is_object(), "{line} answers {kind}");
    schema["components"] = document["components"].clone();
    if kind == web::PROBLEM_JSON {
        // Some codes add members.
        schema["components"]["schemas"]["Problem"]["additionalProperties"] = true.into();
    }
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&seen.body).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{line} in {}: {errors:?} {}", version.date, seen.body);
}

fn new_order(version: &Version, book: &str, units: i64) -> Value {
    if version.date < "2026-11-01" {
        json!({ "lines": [{ "book": book, "copies": units }], "cardToken": "tok_visa" })
    } else {
        let payment = json!({ "method": "card", "token": "tok_visa" });
        json!({ "items": [{ "bookId": book, "quantity": units }], "payment": payment })
    }
}

/// Every route, in every version, against real functions with something in them.
#[tokio::test(start_paused = true)]
async fn what_real_functions_answer_is_what_every_document_describes() {
    let mut world = World::new().await.stocked(1, 50, 5).await;
    let shipped = world.placed(&[(1, 2)], "tok_visa").await;
    world.settle().await;
    let public = Public::before(&world.store, world.clock.clone()).await;
    let (buyer, admin) = (public.buyer().await, format!("ApiKey {}", public.key));
    let mut used = BTreeSet::new();
    for version in &VERSIONS {
        let date = version.date;
        let mut ask = async |who: &str, line: String, headers: &[(&str, &str)], body: &Value, status: u16| {
            let seen = public.ask_with(who, &line, headers, body).await;
            assert_eq!(seen.status, status, "{line} {}", seen.body);
            assert_described(version, &line, &seen);
            let path = line.split_once(date).unwrap().1.split('?').next().unwrap().to_owned();
            let method = line.split(' ').next().unwrap();
            used.extend(
                ROUTES.iter().filter(|r| r.method == method && r.internal_path(&path).is_some()).map(Route::operation),
            );
            seen
        };
        let none = Value::Null;
        let books = ask(&admin, format!("GET {date}/books"), &[], &none, 200).await;
        let book = books.body.pointer("/items/0/id").or(books.body.pointer("/data/0/id")).unwrap().as_str().unwrap();
        ask(&admin, format!("GET {date}/books/{book}"), &[], &none, 200).await;
        ask(&admin, format!("GET {date}/books?q=volume"), &[], &none, 200).await;
        ask(&admin, format!("GET {date}/inventory?warehouse=alpha"), &[], &none, 200).await;
        ask(&admin, format!("GET {date}/orders"), &[], &none, 200).await;
        ask(&admin, format!("GET {date}/orders/{shipped}"), &[], &none, 200).await;
        let key = [("idempotency-key", date)];
        let orders = format!("POST {date}/orders");
        let placed = ask(&buyer, orders.clone(), &key, &new_order(version, book, 1), 201).await;
        let again = ask(&buyer, orders.clone(), &key, &new_order(version, book, 1), 201).await;
        assert_eq!(placed.body["id"], again.body["id"]);
        let location = placed.headers["location"].to_str().unwrap().strip_prefix("/public/").unwrap();
        ask(&buyer, format!("GET {location}"), &[], &none, 200).await;
        ask(&buyer, format!("GET {date}/orders"), &[], &none, 200).await;
        ask(&buyer, format!("POST {location}/cancel"), &[], &none, 200).await;
        ask(&buyer, orders.clone(), &[("idempotency-key", "much")], &new_order(version, book, 1000), 409).await;
        ask(&admin, orders, &[("idempotency-key", "role")], &new_order(version, book, 1), 403).await;
        ask(&admin, format!("GET {date}/sales-orders?status=SHIPPED"), &[], &none, 200).await;
        let order = ask(&admin, format!("GET {date}/sales-orders/{shipped}"), &[], &none, 200).await;
        let tag = order.headers["etag"].to_str().unwrap().to_owned();
        let returned = json!({ "lines": [{ "sku": sku(1), "units": 1 }], "location": "alpha", "reason": "too long" });
        let line = format!("POST {date}/sales-orders/{shipped}/returns");
        ask(&admin, line.clone(), &[("if-match", "\"0\"")], &returned, 412).await;
        ask(&admin, line.clone(), &[], &returned, 428).await;
        let status = if version == &VERSIONS[0] || version == &VERSIONS[1] { 200 } else { 422 };
        ask(&admin, line, &[("if-match", &tag)], &returned, status).await;
        ask(&admin, format!("GET {date}/returns"), &[], &none, 200).await;
    }
    assert_eq!(used, ROUTES.iter().map(Route::operation).collect(), "every route was asked");
}

/// A book and an order of another tenant in the same table.
async fn of_another_tenant(world: &World) -> (BookId, OrderId) {
    let other: TenantId = "other.test".parse().unwrap();
    let (table, clock, cause) = (world.store.table(), world.clock.clone(), Context::root("setup", None));
    let new = NewBook {
        isbn: "9780140449136".to_owned(),
        title: "The Odyssey".to_owned(),
        authors: vec!["Homer".to_owned()],
        year: None,
        language: None,
        price: Money::from_minor(1250, "GBP".parse().unwrap()),
    };
    let book = Catalog::new(table.clone(), clock.clone()).create(&other, new, &cause).await.unwrap().value.id;
    let alpha = at("alpha");
    Registry::new(table.clone(), clock.clone()).register(&other, &alpha, "alpha", "http://alpha").await.unwrap();
    let posting =
        Posting { source: "opening".to_owned(), actor: "setup".to_owned(), reason: None, effective_at: clock.now() };
    let seen = Observation { on_hand: 5, version: 1 };
    let stock = [("9780140449136".parse().unwrap(), seen)];
    Inventory::new(table.clone()).absorb(&other, &alpha, &stock, &posting).await.unwrap();
    let order = PlaceOrder {
        customer: "usr_eve".to_owned(),
        idempotency_key: Some("k".to_owned()),
        items: vec![(book, 1)],
        payment_method: "card".to_owned(),
        payment_token: "tok_visa".to_owned(),
    };
    match Sales::new(table, clock).place(&other, &order, &cause).await.unwrap() {
        Placed::New(order) | Placed::Replayed(order) => (book, order.id),
    }
}

/// One table, two tenants: what is another's is answered like what nobody has, in every word.
#[tokio::test(start_paused = true)]
async fn another_tenants_ids_are_answered_like_unknown_ones() {
    let world = World::new().await.stocked(1, 5, 5).await;
    let (book, order) = of_another_tenant(&world).await;
    let public = Public::before(&world.store, world.clock.clone()).await;
    let no_order = "ord_3FYCHHF306F87396C9VY4P7814".to_owned();
    for (path, theirs, nobodys) in [
        ("GET 2026-11-01/orders/{id}", order.to_string(), &no_order),
        ("GET 2026-11-01/sales-orders/{id}", order.to_string(), &no_order),
        ("POST 2026-11-01/orders/{id}/cancel", order.to_string(), &no_order),
        ("GET 2026-11-01/books/{id}", book.to_string(), &"book_000000000000000008WMAPT24M".to_owned()),
    ] {
        let theirs = public.ask(&path.replace("{id}", &theirs), &[], &Value::Null).await;
        let nobodys = public.ask(&path.replace("{id}", nobodys), &[], &Value::Null).await;
        assert_eq!((theirs.status, nobodys.status), (404, 404), "{path}");
        assert_eq!(theirs.body, nobodys.body, "{path}");
    }
    let books = public.ask("GET 2026-11-01/books", &[], &Value::Null).await;
    assert_eq!(books.body["items"].as_array().unwrap().len(), 1, "theirs is not listed");
}

/// What was signed for one request opens nothing else, and nothing opens the platform's own doors but what is meant for them.
#[tokio::test(start_paused = true)]
async fn an_assertion_that_is_taken_opens_no_other_request_and_no_public_door() {
    let world = World::new().await.stocked(1, 5, 5).await;
    let public = Public::before(&world.store, world.clock.clone()).await;
    let order = world.placed(&[(1, 1)], "tok_visa").await;
    assert_eq!(public.ask(&format!("GET 2026-11-01/orders/{order}"), &[], &Value::Null).await.status, 200);
    let taken = public.seen().remove(0);
    assert_eq!(public.platform.answer(taken.clone()).await.status(), 200, "the same again is the same");
    let changed = |uri: &str, method: &str, body: &str| {
        let mut request = Request::builder().method(method).uri(uri).body(Bytes::from(body.to_owned())).unwrap();
        *request.headers_mut() = taken.headers().clone();
        request
    };
    let path = format!("http://store/store/v1/orders/{order}");
    for request in [
        changed("http://store/store/v1/orders/ord_3FYCHHF306F87396C9VY4P7814", "GET", ""),
        changed(&format!("{path}?a=1"), "GET", ""),
        changed(&path, "GET", "{}"),
        changed(&format!("{path}/cancel"), "POST", ""),
        changed("http://store/store/v1/books", "GET", ""),
    ] {
        let line = format!("{} {}", request.method(), request.uri());
        let status = public.platform.answer(request).await.status().as_u16();
        assert!([401, 403].contains(&status), "{line} {status}");
    }
    let assertion = taken.headers()["authorization"].to_str().unwrap();
    assert_eq!(public.ask_with(assertion, "GET 2026-11-01/books", &[], &Value::Null).await.status, 401);
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(public.platform.answer(taken).await.status(), 401, "half a minute is over");
}
