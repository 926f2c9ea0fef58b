//! Every API of the product over one table (and a warehouse's), with everything a tenant can have; the other has nothing.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access::{
    Access, Actor, Directory, IdentityProvider, Invitation, Keyring, Kind, Limiter, Login, OAuth, Params, Person,
    ProviderError, Registration, Role, Site, Tokens,
};
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use catalog::BookId;
use documents::ConnectionId;
use documents::batch::{Batch, BatchId, Batches};
use documents::centre::{Discovery, Instance, Registry};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use inventory::{Inventory, Movement, Observation, Posting};
use kernel::{Clock, Context, Event, Isbn, ManualClock, TenantId};
use messaging::EventHandler as _;
use sales::{Figure, OrderId, Report, Sales};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use table::Table;
use testkit::{FaultInjector, LocalBucket, LocalDynamo, LocalQueues};
use tower::ServiceExt as _;
use warehouse::Warehouse;
use web::{BoxError, Caller, Cors, Scope, SessionEnd};

use super::{Row, stores};
use crate::network::Fixed;

const ISBN: &str = "9780140449136";
const TABLE: &str = "crossdock";

/// What may be named in a request.
#[derive(Clone)]
pub(super) struct Names(Vec<(&'static str, String)>);

impl Names {
    /// Names in the right form of things that are nowhere.
    pub(super) fn of_nothing() -> Self {
        let mut number = 0;
        let mut id = |prefix: &str| {
            number += 1;
            format!("{prefix}_000000000000000000000Z{number:04}")
        };
        let isbn: Isbn = "9780306406157".parse().unwrap();
        let named = [
            ("order", id("ord")),
            ("parcel", id("shp")),
            ("sale", id("ord")),
            ("fulfillment", id("shp")),
            ("file", id("fil")),
            ("buyer", id("usr")),
            ("book", BookId::of(isbn).to_string()),
            ("isbn", isbn.to_string()),
            ("location", "nowhere".to_owned()),
            ("user", id("usr")),
            ("group", "nobody".to_owned()),
            ("app", id("app")),
            ("key", id("key")),
            ("session", "A".repeat(43)),
            ("shipment", id("shp")),
            ("movement", id("mov")),
            ("reservation", id("rsv")),
            ("transfer", id("trf")),
            ("adjustment", id("sta")),
            ("count", id("cnt")),
            ("depot", "noplace".to_owned()),
            ("item", "noitem".to_owned()),
            ("company", "nofirm".to_owned()),
            ("kit", "nokit".to_owned()),
            ("document", id("doc")),
            ("type", "notype".to_owned()),
            ("connector", "nopipe".to_owned()),
            ("connection", "nolink".to_owned()),
            ("shop", "missing.myshopify.com".to_owned()),
            ("job", "nojob".to_owned()),
            ("batch", id("bat")),
        ];
        Self(named.into())
    }

    fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("<{name}>"), value))
    }

    /// The text without these names.
    fn hide(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| text.replace(value, &format!("<{name}>")))
    }
}

/// What a caller learns, and how much work it was.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) status: StatusCode,
    body: String,
    calls: Vec<String>,
    /// What of the owner's is in the body.
    pub(super) told: Vec<String>,
}

pub(super) struct World {
    store: LocalDynamo,
    site: LocalDynamo,
    faults: FaultInjector,
    queues: LocalQueues,
    map: Arc<Map>,
    router: Router,
    strangers: AtomicU32,
    pub(super) theirs: Names,
}

fn owner() -> TenantId {
    "books.test".parse().unwrap()
}

/// Everybody is Ada.
struct Provider;

#[async_trait]
impl IdentityProvider for Provider {
    fn name(&self) -> &'static str {
        "standin"
    }

    fn login_url(&self, login: Login<'_>) -> String {
        format!("https://idp.example/login?state={}", login.state)
    }

    async fn identify(&self, _: &str, _: &str, _: &str) -> Result<Option<Person>, ProviderError> {
        Ok(Some(Person { email: "ada@example.com".parse().unwrap(), name: "Ada".into() }))
    }
}

impl World {
    pub(super) async fn new() -> Self {
        let clock = Arc::new(ManualClock::new("2026-03-01T10:00:00Z".parse().unwrap()));
        let [store, site] = [LocalDynamo::with_clock(clock.clone()), LocalDynamo::with_clock(clock.clone())];
        for dynamo in [&store, &site] {
            dynamo.create_table(TABLE);
        }
        let faults = FaultInjector::new();
        let [table, shelf] = [&store, &site].map(|dynamo| Table::new(dynamo.client_through(&faults), TABLE));
        let oauth = oauth(&table, &clock);
        let queues = LocalQueues::new(clock.clone());
        let map = Arc::new(Map::default());
        let router =
            router(&table, shelf, &clock, oauth.clone()).merge(integration(&table, &clock, queues.sqs(&faults), &map));
        let router = web::finish(router, Cors::default());
        let strangers = AtomicU32::new(0);
        let mut world = Self { store, site, faults, queues, map, router, strangers, theirs: Names(Vec::new()) };
        world.furnish(&table, &clock, &oauth).await;
        world
    }

    /// One of everything for the owner.
    async fn furnish(&mut self, table: &Table, clock: &Arc<ManualClock>, oauth: &OAuth) {
        let tenant = owner();
        let registry = storefront::Registry::new(table.clone(), clock.clone());
        registry.register(&tenant, &"alpha".parse().unwrap(), "Alpha", "http://alpha").await.unwrap();
        let posting =
            Posting { source: "opening".into(), actor: "setup".into(), reason: None, effective_at: clock.now() };
        let place = (&"alpha".parse().unwrap(), &ISBN.parse().unwrap());
        let count = Movement::Counted { on_hand: 10 };
        Inventory::new(table.clone()).post(&tenant, place, &count, &posting, &|_| None).await.unwrap();
        let directory = Directory::new(table.clone(), clock.clone());
        let actor = Actor { tenant: &tenant, principal: "setup" };
        let ada = Invitation { email: "ada@example.com".into(), name: "Ada".into(), role: Role::StoreAdmin };
        let user = directory.invite(actor, &ada).await.unwrap().value.id.to_string();
        let session = session(&directory, oauth, actor).await;

        let book = json!({ "isbn": ISBN, "title": "The Odyssey", "authors": ["Homer"], "price": gbp("12.50") });
        let book = self.made("STORE_ADMIN", "POST /store/v1/books", &book).await;
        let ordered = json!({
            "items": [{ "bookId": book["id"], "quantity": 1 }], "payment": { "method": "card", "token": "tok_visa" },
        });
        let names = [("user", user), ("session", session), ("book", text(&book, "/id")), ("isbn", ISBN.to_owned())];
        self.theirs = Names(names.into());
        let order = self.made("CUSTOMER", "POST /store/v1/orders", &ordered).await;
        let sale = self.sold(table, clock).await;
        let id = text(&sale, "/id");
        let file = json!({ "name": "a.txt", "mediaType": "text/plain", "content": "aGk=" });
        let file = self.made("STORE_ADMIN", &format!("POST /sales/v1/orders/{id}/files"), &file).await;
        let app = json!({
            "name": "T", "kind": "CONFIDENTIAL", "scopes": ["openid"],
            "sites": [{ "origin": "https://t.example", "tenants": [tenant] }],
            "tile": { "title": "T", "url": "https://t.example/" },
        });
        let app = self.made("STORE_ADMIN", "POST /v1/applications", &app).await;
        let key = json!({ "name": "ERP", "scopes": ["orders:read"], "role": "STORE_ADMIN", "days": 9 });
        let key = self.made("STORE_ADMIN", "POST /v1/api-keys", &key).await;
        self.made("STORE_ADMIN", "PUT /v1/groups/north", &json!({ "name": "North" })).await;
        let figure = json!({ "onHand": 5 });
        self.made("WAREHOUSE_STAFF", &format!("PUT /warehouses/alpha/v1/inventory/{ISBN}"), &figure).await;
        let shipment = "shp_00000000000000000000000001".to_owned();
        let lines = json!([{ "isbn": ISBN, "quantity": 1 }]);
        let sent = json!({ "shipmentId": shipment, "orderId": order["id"], "lines": lines });
        self.made("SERVICE", "POST /warehouses/alpha/v1/shipments", &sent).await;
        let parcel =
            Sales::new(table.clone(), clock.clone()).order(&tenant, text(&order, "/id").parse().unwrap()).await;
        let parcel = parcel.unwrap().unwrap();
        self.theirs.0.extend([
            ("order", text(&order, "/id")),
            ("parcel", parcel.shipments[0].id(parcel.id).to_string()),
            ("sale", id),
            ("fulfillment", text(&sale, "/fulfillmentOrders/0/id")),
            ("file", text(&file, "/id")),
            ("buyer", "usr_ann".to_owned()),
            ("location", "alpha".to_owned()),
            ("group", "north".to_owned()),
            ("app", text(&app, "/id")),
            ("key", text(&key, "/id")),
            ("shipment", shipment),
        ]);
        self.stocked().await;
        self.integrated(table, clock).await;
    }

    /// A document that was routed to a connector, and a job.
    async fn integrated(&mut self, table: &Table, clock: &Arc<ManualClock>) {
        let clock: Arc<dyn Clock> = clock.clone();
        let schema = json!({ "schema": { "type": "object" } });
        self.made("STORE_ADMIN", "PUT /v1/document-types/product/versions/1", &schema).await;
        let queue = self.queues.create_queue("pipe.fifo", Duration::from_secs(30));
        let connector = json!({ "queue": queue, "types": ["product"] });
        self.made("SERVICE", "PUT /v1/connectors/pipe", &connector).await;
        let new = json!({ "type": "product", "version": 1, "source": "pos", "externalId": "1", "payload": { "n": 1 } });
        let document = text(&self.made("SERVICE", "POST /v1/documents", &new).await, "/id");
        let centre = documents::centre::Centre::new(table.clone(), clock.clone());
        let discovery = self.map.clone();
        let courier = Arc::new(documents_functions::Queues(self.queues.sqs(&self.faults)));
        let router = documents_functions::OnReceived { centre, discovery, courier };
        let data = json!({ "documentId": document });
        let received = Event::new(documents::DOCUMENT_RECEIVED, &owner(), &document, 1, data, &*clock);
        assert_eq!(router.handle(&received).await, messaging::Outcome::Done);
        let batch = Batch {
            id: BatchId::derive(&["1"]),
            kind: "product".parse().unwrap(),
            shape: 1,
            connection: "centre".parse().unwrap(),
            source: "pos".to_owned(),
            parts: vec!["all".to_owned()],
            started_at: clock.now(),
            keep_days: documents::KEEP_DAYS,
        };
        Batches::begin(table.clone(), clock.clone(), owner(), batch.clone()).await.unwrap();
        let jobs = documents::jobs::Jobs::new(table.clone(), clock);
        jobs.define(&owner(), &"reconcile".parse().unwrap(), "rate(1 hour)").await.unwrap();
        self.theirs.0.extend([
            ("document", document),
            ("type", "product".to_owned()),
            ("connector", "pipe".to_owned()),
            ("connection", "centre".to_owned()),
            ("shop", stores::connected(table, &owner()).await),
            ("batch", batch.id.to_string()),
            ("job", "reconcile".to_owned()),
        ]);
    }

    /// A depot of a company, with everything that can be done to its stock.
    async fn stocked(&mut self) {
        let made =
            async |line: &str, body: Value| self.made("SERVICE", &format!("POST /inventory/v1/{line}"), &body).await;
        let put = async |line: &str, body: Value| {
            self.made("STORE_ADMIN", &format!("PUT /inventory/v1/{line}"), &body).await;
        };
        let company = json!({ "id": "firm", "currency": "GBP", "method": "FIFO", "decimals": 2 });
        self.made("STORE_ADMIN", "POST /inventory/v1/companies", &company).await;
        for place in ["quay", "yard"] {
            put(&format!("locations/{place}/company"), json!({ "company": "firm" })).await;
        }
        put("kits/bundle", json!({ "components": [{ "sku": "widget", "units": 2 }] })).await;
        let received = json!({ "kind": "goodsReceived", "quantity": 50, "cost": gbp("100.00") });
        let received = json!({ "location": "quay", "sku": "widget", "movement": received });
        let movement = made("movements", received).await;
        put("levels/quay/widget/shards", json!({ "shards": 2 })).await;
        let line = json!({ "location": "quay", "sku": "widget", "quantity": 1 });
        let reservation = made("reservations", json!({ "lines": [line], "seconds": 600, "source": "cart" })).await;
        let lines = json!([{ "sku": "widget", "quantity": 2 }]);
        let transfer = made("transfers", json!({ "from": "quay", "to": "yard", "lines": lines })).await;
        put("adjustment-rules", json!({ "units": 0 })).await;
        let lost = json!({ "location": "quay", "sku": "widget", "delta": -1, "reasonCode": "LOST" });
        let adjustment = made("adjustments", lost).await;
        let count = made("counts", json!({ "location": "quay", "items": ["cable"] })).await;
        self.theirs.0.extend([
            ("movement", text(&movement, "/id")),
            ("reservation", text(&reservation, "/reservation/id")),
            ("transfer", text(&transfer, "/id")),
            ("adjustment", text(&adjustment, "/id")),
            ("count", text(&count, "/id")),
            ("depot", "quay".to_owned()),
            ("item", "widget".to_owned()),
            ("company", "firm".to_owned()),
            ("kit", "bundle".to_owned()),
        ]);
    }

    /// An order of three from a channel that left, of which one comes back and is paid back.
    async fn sold(&self, table: &Table, clock: &Arc<ManualClock>) -> Value {
        let new = json!({
            "channel": "market", "externalId": "4711", "customerId": "usr_ann", "currency": "GBP",
            "lines": [{ "sku": ISBN, "quantity": 3, "unitPrice": gbp("10.00") }],
            "payments": [{ "method": "market", "token": "ref-1", "amount": gbp("30.00") }],
            "address": { "name": "Ann", "lines": ["1 High Street"], "city": "York", "country": "GB" },
        });
        let made = self.made("SERVICE", "POST /sales/v1/orders", &new).await;
        let id: OrderId = text(&made, "/id").parse().unwrap();
        let sales = Sales::new(table.clone(), clock.clone());
        let order = sales.order(&owner(), id).await.unwrap().unwrap();
        let parcel = &order.shipments[0];
        let observed = Observation { on_hand: 7, version: 1 };
        let figures =
            parcel.lines.iter().map(|(sku, quantity)| Figure { sku: sku.clone(), quantity: *quantity, observed });
        let (report, cause) = (Report::Shipped(figures.collect()), Context::root("setup", None));
        sales.report(&owner(), (id, parcel.id(id)), &parcel.location, &report, &cause).await.unwrap();
        let back = json!({ "lines": [{ "sku": ISBN, "units": 1 }], "location": "alpha", "reason": "torn" });
        self.made("STORE_ADMIN", &format!("POST /sales/v1/orders/{id}/returns"), &back).await;
        let inspected = json!({ "kind": "inspect", "lines": [{ "sku": ISBN, "restocked": 1, "refused": 0 }] });
        let [approve, receive, settle] = ["approve", "receive", "settle"].map(|kind| json!({ "kind": kind }));
        for step in [approve, receive, inspected, settle] {
            self.made("STORE_ADMIN", &format!("POST /sales/v1/orders/{id}/returns/0/actions"), &step).await;
        }
        made
    }

    async fn made(&self, role: &str, line: &str, body: &Value) -> Value {
        let seen = self.ask(owner(), role, line, &body.to_string()).await;
        assert!(seen.status.is_success(), "{line} {seen:?}");
        serde_json::from_str(&seen.body).unwrap_or_default()
    }

    /// As somebody of a tenant that has nothing, with the very principal of the owner's, and these names.
    pub(super) async fn ask_as_stranger(&self, (route, role, path, body): Row, names: &Names) -> Seen {
        let line = format!("{} {}", route.split(' ').next().unwrap(), names.fill(path));
        // Another one for each question, so that what the one before made is not there.
        let number = self.strangers.fetch_add(1, Ordering::Relaxed);
        let seen = self.ask(format!("s{number}.test").parse().unwrap(), role, &line, &names.fill(body)).await;
        // Whether a name was said is no news, and neither is an id or a secret that was just made.
        let hidden = self.theirs.hide(&Names::of_nothing().hide(&seen.body));
        let is_made =
            |text: &&str| text.len() >= 29 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        let texts =
            hidden.split(['"', '=', '&']).map(|text| Some(text).filter(|text| !is_made(text)).unwrap_or("<made>"));
        Seen { body: texts.collect::<Vec<_>>().join("\""), told: self.told(&seen.body), ..seen }
    }

    /// What of the owner's the text tells: ids, and words of theirs.
    fn told(&self, text: &str) -> Vec<String> {
        let ids = self.theirs.0.iter().map(|(_, value)| value.as_str()).filter(|value| value.len() >= 29);
        let words = ["ada@example.com", "usr_ann", "Odyssey", "High Street", "4711"];
        ids.chain(words).filter(|told| text.contains(told)).map(str::to_owned).collect()
    }

    pub(super) async fn ask_as_owner(&self, (route, role, path, body): Row) -> Seen {
        let line = format!("{} {}", route.split(' ').next().unwrap(), self.theirs.fill(path));
        self.ask(owner(), role, &line, &self.theirs.fill(body)).await
    }

    async fn ask(&self, tenant: TenantId, role: &str, line: &str, body: &str) -> Seen {
        let (method, path) = line.split_once(' ').unwrap();
        let user = self.theirs.0.iter().find(|(name, _)| *name == "user").map(|(_, id)| id.clone());
        let connector = path.strip_prefix("/v1/connectors/").and_then(|rest| rest.split('/').next());
        let principal = match role {
            "SERVICE" if connector.is_some() => format!("service:connector:{}", connector.unwrap()),
            "SERVICE" if path.starts_with("/warehouses") || path.starts_with("/sales") => "service:store".to_owned(),
            "SERVICE" => "service:warehouse:alpha".to_owned(),
            _ => user.unwrap_or_else(|| "usr_setup".to_owned()),
        };
        let mut request =
            Request::builder().method(method).uri(path).header("if-match", "*").header("idempotency-key", "k");
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        request.extensions_mut().insert(Caller { principal, role: role.to_owned(), tenant });
        request.extensions_mut().insert(Scope("openid sales:read".to_owned()));
        request.extensions_mut().insert(SessionEnd(Some(i64::MAX)));
        self.faults.forget();
        let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let calls = self.faults.calls().into_iter().map(|call| call.api).collect();
        Seen { status: head.status, body: String::from_utf8(body.to_vec()).unwrap(), calls, told: Vec::new() }
    }

    /// Every item of the owner's, here and in the warehouse.
    pub(super) fn items_of_the_owner(&self) -> Vec<String> {
        let mut found = Vec::new();
        for dynamo in [&self.store, &self.site] {
            let page = dynamo.execute("Scan", json!({ "TableName": TABLE }));
            assert!(page["LastEvaluatedKey"].is_null(), "the tests' tables fit in one page");
            let items = page["Items"].as_array().unwrap().iter();
            found.extend(items.map(Value::to_string).filter(|item| item.contains("T#books.test#")));
        }
        found.sort();
        found
    }
}

fn gbp(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "GBP" })
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{value} has no {pointer}")).to_owned()
}

fn oauth(table: &Table, clock: &Arc<ManualClock>) -> OAuth {
    let keys = access::rotated(&"none".to_owned().into(), clock.now()).unwrap().unwrap();
    let keyring = Keyring::new(Arc::new(Fixed(keys.expose_secret().to_owned())), clock.clone());
    let tokens = Tokens::new(&owner(), keyring);
    let url = "https://id.example/access".to_owned();
    OAuth::new(table.clone(), clock.clone(), tokens, Arc::new(Provider), owner(), url)
}

/// Ada signs in.
async fn session(directory: &Directory, oauth: &OAuth, actor: Actor<'_>) -> String {
    let redirect = "https://t.example/callback";
    let registration = Registration {
        name: "Till".into(),
        kind: Kind::Public,
        sites: vec![Site { origin: "https://t.example".into(), tenants: [owner()].into() }],
        redirect_uris: [redirect.to_owned()].into(),
        post_logout_redirect_uris: [].into(),
        scopes: ["openid".to_owned()].into(),
        machine: None,
        tile: None,
    };
    let app = directory.register_application(actor, registration).await.unwrap().application.value;
    let wish = format!(
        "client_id={}&redirect_uri={redirect}&response_type=code&scope=openid&code_challenge={}&code_challenge_method=S256",
        app.id,
        "A".repeat(43),
    );
    let started = oauth.authorize(&Params::parse(wish.as_bytes()).unwrap()).await.unwrap();
    let state = started.location.split_once("state=").unwrap().1;
    let back = Params::parse(format!("state={state}&code=good").as_bytes()).unwrap();
    let browser = started.browser.clone();
    oauth.callback(&back, &move |_: &str| Some(browser.clone())).await.unwrap();
    let ada = directory.users(actor.tenant, 10, None).await.unwrap().items.remove(0).value;
    oauth.sessions(ada.id, 10, None).await.unwrap().items.remove(0).id
}

/// Where connectors are.
#[derive(Default)]
struct Map(Mutex<Vec<(TenantId, Instance)>>);

#[async_trait]
impl Discovery for Map {
    async fn active(&self, tenant: &TenantId) -> Result<Arc<[Instance]>, BoxError> {
        let all = self.0.lock().unwrap();
        Ok(all.iter().filter(|(of, _)| of == tenant).map(|(_, instance)| instance.clone()).collect())
    }
}

#[async_trait]
impl Registry for Map {
    async fn announce(&self, tenant: &TenantId, instance: &Instance) -> Result<(), BoxError> {
        self.0.lock().unwrap().push((tenant.clone(), instance.clone()));
        Ok(())
    }

    async fn withdraw(&self, tenant: &TenantId, name: &ConnectionId) -> Result<(), BoxError> {
        self.0.lock().unwrap().retain(|(of, instance)| (of, &instance.name) != (tenant, name));
        Ok(())
    }
}

fn integration(table: &Table, clock: &Arc<ManualClock>, sqs: aws_sdk_sqs::Client, map: &Arc<Map>) -> Router {
    let clock: Arc<dyn Clock> = clock.clone();
    let secret = Arc::new(Fixed("cursor-secret-0123456789-0123456789".to_owned()));
    let centre = documents::centre::Centre::new(table.clone(), clock.clone());
    let operations = documents_functions::Operations::new(table, &clock, map.clone(), sqs, secret);
    documents_functions::documents_router(centre, map.clone())
        .merge(documents_functions::operations_router(Arc::new(operations)))
        .merge(stores::router(table, &clock, owner()))
}

fn router(table: &Table, shelf: Table, clock: &Arc<ManualClock>, oauth: OAuth) -> Router {
    let secret = || Arc::new(Fixed("cursor-secret-0123456789-0123456789".to_owned()));
    let store = Arc::new(storefront_functions::Api::new(table.clone(), clock.clone(), secret()));
    let files = Arc::new(LocalBucket::through(&FaultInjector::new()));
    let sales = Sales::new(table.clone(), clock.clone()).with_files(files);
    let sales = Arc::new(sales_functions::Api::new(sales, secret()));
    let pepper = Arc::new(Fixed(r#"{"current": "0123456789-pepper-2"}"#.to_owned()));
    let looker = r#"{"host": "looker.example", "secret": "s", "models": {"sales": "sales:read"}}"#;
    let looker = Arc::new(Fixed(looker.to_owned()));
    let directory = access_functions::DirectoryApi::new(table.clone(), clock.clone(), pepper, secret(), looker);
    let limiter = Limiter::new(table.clone(), clock.clone(), owner());
    let people = access_functions::OAuthApi::new(oauth, limiter, secret());
    let stock = Arc::new(inventory_functions::Api::new(table.clone(), clock.clone(), secret()));
    let reservations = Arc::new(inventory_functions::ReservationsApi::new(table.clone(), clock.clone()));
    let warehouse = Warehouse::new(shelf, "alpha".parse().unwrap(), clock.clone());
    let site = Arc::new(warehouse::Api { warehouse: warehouse.clone(), cursor_secret: secret() });
    storefront_functions::orders_api(store.clone())
        .merge(storefront_functions::books_api(store.clone()))
        .merge(storefront_functions::warehouses_api(store))
        .merge(storefront_functions::customers_api(Access::new(table.clone(), clock.clone()), owner()))
        .merge(sales_functions::orders_api(sales.clone()))
        .merge(sales_functions::returns_api(sales))
        .merge(inventory_functions::levels_api(stock.clone()))
        .merge(inventory_functions::documents_api(stock))
        .merge(inventory_functions::reservations_api(reservations))
        .merge(access_functions::directory_api(Arc::new(directory)))
        .merge(access_functions::oauth_api(Arc::new(people)))
        .merge(warehouse::inventory_api(site.clone()))
        .merge(warehouse::shipments_api(site))
        .merge(warehouse::health_api(Arc::new(warehouse)))
}
