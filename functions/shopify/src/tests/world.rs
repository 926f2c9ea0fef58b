//! A tenant with two locations and books, a stand-in store on the other side, and the functions between them.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use catalog::{BookId, Catalog, NewBook};
use documents::centre::{CENTRE, Centre, Submission};
use documents::{Document, DocumentId, DocumentType, Documents, Schemas, State, Wake};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client as Http;
use hyper_util::rt::TokioExecutor;
use inventory::{Inventory, Locations, Movement, Observation, Posting};
use kernel::{Clock, Context, Event, EventId, Isbn, ManualClock, Money, TenantId, Timestamp};
use messaging::{EventHandler, Outcome};
use runtime::Blobs;
use sales::{Figure, Order, OrderId, Report, Sales};
use serde_json::{Value, json};
use sha2::Sha256;
use shopify::Gid;
use shopify::breaker::store::Circuits;
use shopify::calls::{Store, define_id};
use shopify::client::Client;
use shopify::connect::Connector;
use shopify::customers::Customers;
use shopify::flows::drift::Drifts;
use shopify::flows::syncs::Syncs;
use shopify::inbound::Inbound;
use shopify::install::Credentials;
use shopify::installs::Installs;
use shopify::limiter::store::Limiter;
use shopify::outbound::Outbound;
use shopify::stores::{Connection, Stores};
use shopify::synced::Agreements;
use shopify::tokens::{Kept, TokenStore as _, Tokens};
use shopify_standin::{Options, Standin};
use table::{Item, Table};
use testkit::{FaultInjector, LocalBucket, LocalDynamo};
use tower::ServiceExt as _;
use web::transport::Transport as _;
use web::{BoxError, Caller, Cors};

use super::centre::{Line, OnReceived, QUEUE};
use super::doubles::{Drawer, Fixed, Recorder, Socket};
use crate::{Api, Backoffice, Direction, Membership, OnChange, OnDocument, Receiver};

pub(crate) const SHOP: &str = "stand-in.myshopify.com";
pub(crate) const CONNECTIONS: &str = "/v1/connections/shopify";
pub(crate) const WEBHOOKS: &str = "/shopify/v1/webhooks";
const TABLE: &str = "crossdock";

pub(crate) fn tenant() -> TenantId {
    "books.test".parse().unwrap()
}

pub(crate) fn cause() -> Context {
    Context::root("req-1", None)
}

fn isbn(number: u32) -> Isbn {
    Isbn::from_isbn10_body(&format!("{number:09}")).unwrap()
}

pub(crate) fn sku(number: u32) -> String {
    isbn(number).to_string()
}

pub(crate) fn gbp(minor: i64) -> Money {
    Money::from_minor(minor, "GBP".parse().unwrap())
}

/// A delivery on its way.
#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

type Heard = Arc<Mutex<Vec<Delivery>>>;

/// Something that hears deliveries and accepts them all.
async fn listen() -> (String, Heard) {
    let heard: Heard = Arc::default();
    let (listener, keep) = (tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap(), Arc::clone(&heard));
    let uri = format!("http://{}/hooks", listener.local_addr().unwrap());
    let router = Router::new().fallback(async move |headers: HeaderMap, body: Bytes| {
        keep.lock().unwrap().push(Delivery { headers, body });
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    (uri, heard)
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }
}

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) dynamo: LocalDynamo,
    pub(crate) bucket: LocalBucket,
    pub(crate) machine: Arc<Recorder>,
    pub(crate) standin: Standin,
    heard: Heard,
    drawer: Arc<Drawer>,
    transport: Arc<Socket>,
    router: Router,
    handled: Mutex<HashSet<EventId>>,
    membership: Membership,
    /// What the message centre has sent to the connector's queue.
    queue: Arc<Line>,
}

impl World {
    /// Nothing is connected yet.
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let dynamo = LocalDynamo::with_clock(clock.clone());
        dynamo.create_table(TABLE);
        let (hooks, heard) = listen().await;
        let options = Options {
            clock: clock.clone(),
            hold_webhooks: true,
            locations: vec!["Alpha".into(), "Beta".into()],
            ..Options::default()
        };
        let standin = Standin::start(options).await.unwrap();
        let transport = Arc::new(Socket(Http::builder(TokioExecutor::new()).build_http()));
        let centre = Centre::new(Table::new(dynamo.client(), TABLE), clock.clone());
        let mut world = Self {
            clock,
            dynamo,
            bucket: LocalBucket::through(&FaultInjector::new()),
            machine: Arc::default(),
            standin,
            heard,
            drawer: Arc::default(),
            transport,
            router: Router::new(),
            handled: Mutex::default(),
            membership: Membership::new(centre, QUEUE.to_owned()),
            queue: Arc::default(),
        };
        world.router = world.routes(hooks);
        let mut locations = Locations::default();
        for id in ["alpha", "beta"] {
            let now = world.clock.now();
            locations.register(id.parse().unwrap(), id.to_owned(), format!("http://{id}"), now).unwrap();
        }
        world.table().put(&tenant(), &locations).await.unwrap();
        world
    }

    /// A store is connected, and both locations are places of it.
    pub(crate) async fn connected() -> Self {
        let world = Self::new().await;
        let places = world.install().await.is(200)["places"].clone();
        let of = |n: usize| places[n]["id"].clone();
        let terms = json!({ "locations": { "alpha": of(0), "beta": of(1) } });
        world.send(Method::PUT, &format!("{CONNECTIONS}/{SHOP}"), &terms).await.is(200);
        world
    }

    /// The same with little ado: nobody came by browser, one location is known, and the store tells of nothing by itself.
    pub(crate) async fn wired() -> Self {
        let world = Self::new().await;
        let token = Kept { access: "shpat_standin".into(), refresh: None, expires: None };
        world.drawer.keep(&tenant(), &SHOP.parse().unwrap(), &token).await.unwrap();
        let at = Store { base_url: world.standin.url().to_owned(), token: token.access };
        for owner in define_id::OWNERS {
            let defined = world.transport.send(define_id::request(&at, owner).unwrap(), Duration::from_secs(10)).await;
            assert!(define_id::read(defined, world.clock.now()).result.is_ok());
        }
        let places = world.objects("Location").await;
        let place = places[0]["id"].as_str().unwrap().parse().unwrap();
        let connection = Connection {
            shop: SHOP.parse().unwrap(),
            id: "shopify-stand-in".parse().unwrap(),
            currency: "GBP".parse().unwrap(),
            locations: [("alpha".to_owned(), place)].into(),
            rules: [].into(),
            connected_at: Timestamp::UNIX_EPOCH,
            uninstalled: false,
        };
        assert!(Stores::new(world.table()).write(&tenant(), &connection, None).await.unwrap());
        world
    }

    fn routes(&self, webhooks: String) -> Router {
        let (table, clock) = (self.table(), self.clock());
        let connector = Connector {
            app: credentials(),
            redirect_uri: "https://api.test/v1/connections/shopify/callback".into(),
            installs: Installs::new(table.clone(), clock.clone()),
            stores: Stores::new(table.clone()),
            documents: self.documents(),
            tokens: self.drawer.clone(),
            client: self.client(&table),
            transport: self.transport.clone(),
            clock,
            base_url: self.standin.url().to_owned(),
            webhooks,
        };
        let receiver = Receiver::new(tenant(), app_secret(), self.documents(), Stores::new(table));
        let router =
            crate::webhook_router(Arc::new(receiver)).merge(crate::connections_router(Arc::new(self.api(connector))));
        web::finish(router, Cors::default())
    }

    fn api(&self, connector: Connector) -> Api {
        let syncs = Syncs::new(self.table(), self.clock(), self.machine.clone());
        let (drifts, cursor_secret) = (Drifts::new(self.table()), Arc::new(Fixed("0123456789-0123456789-0123456789")));
        Api { tenant: tenant(), connector, syncs, drifts, cursor_secret }
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    pub(crate) fn table(&self) -> Table {
        self.with_payloads(Table::new(self.dynamo.client(), TABLE))
    }

    pub(crate) fn through(&self, faults: &FaultInjector) -> Table {
        self.with_payloads(Table::new(self.dynamo.client_through(faults), TABLE))
    }

    fn with_payloads(&self, table: Table) -> Table {
        table.with_blobs(Arc::new(Blobs::new(Arc::new(self.bucket.clone()), "deliveries")))
    }

    pub(crate) fn documents(&self) -> Documents {
        Documents::new(self.table(), self.clock())
    }

    pub(crate) fn sales(&self) -> Sales {
        Sales::new(self.table(), self.clock())
    }

    fn client(&self, table: &Table) -> Client {
        let (clock, transport) = (self.clock(), self.transport.clone());
        let limiter = Limiter::new(table.clone(), clock.clone(), Duration::ZERO);
        let circuits = Circuits::new(table.clone(), clock.clone());
        let tokens = Tokens::new(self.drawer.clone(), credentials(), transport.clone(), table.clone(), clock.clone());
        Client::new(transport, limiter, circuits, tokens, clock, self.standin.url().to_owned())
    }

    /// The consumers of queues, as one process over this table.
    pub(crate) fn handlers(&self, table: &Table) -> [Arc<dyn EventHandler>; 4] {
        let clock = self.clock();
        let (documents, stores) = (Documents::new(table.clone(), clock.clone()), Stores::new(table.clone()));
        let (agreements, platform) = (Agreements::new(table.clone()), Arc::new(Backoffice::new(table, &clock)));
        let inbound = Inbound {
            stores: stores.clone(),
            agreements: agreements.clone(),
            documents: documents.clone(),
            platform: platform.clone(),
            clock: clock.clone(),
        };
        let outbound = Outbound::new(self.client(table), stores.clone(), agreements, platform, clock);
        let worker = |attempt: Arc<dyn documents::Attempt>, direction| {
            Arc::new(OnDocument { documents: documents.clone(), attempt, direction })
        };
        [
            Arc::new(OnChange { documents: documents.clone(), stores, customers: Customers::new(table.clone()) }),
            worker(Arc::new(inbound), Direction::In),
            worker(Arc::new(outbound), Direction::Out),
            Arc::new(self.centre(table)),
        ]
    }

    fn centre(&self, table: &Table) -> OnReceived {
        OnReceived { centre: Centre::new(table.clone(), self.clock()), queue: self.queue.clone() }
    }

    /// Somebody else hands in a customer.
    pub(crate) async fn hand_in(&self, id: &str, payload: &Value) -> DocumentId {
        self.membership.renew(&tenant()).await.unwrap();
        let submission = Submission {
            kind: DocumentType::literal("customer"),
            shape: 1,
            source: "till".into(),
            external_id: id.into(),
            revision: payload["updatedAt"].to_string(),
            payload: payload.clone(),
        };
        let received = self.centre(&self.table()).centre.submit(&tenant(), submission, &Schemas, &cause()).await;
        received.unwrap().into_document().id
    }

    pub(crate) async fn ask(&self, role: &str, request: axum::http::request::Builder, body: Body) -> Answer {
        let caller = Caller { principal: "usr_admin".into(), role: role.to_owned(), tenant: tenant() };
        let request = request.extension(caller).body(body).unwrap();
        let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: head.status, headers: head.headers, body: serde_json::from_slice(&body).unwrap_or_default() }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = Request::builder().method(method).uri(path).header("if-match", "*");
        let request = request.header("content-type", "application/json");
        let body = if body.is_null() { Body::empty() } else { body.to_string().into() };
        self.ask("STORE_ADMIN", request, body).await
    }

    /// The query a merchant comes back with.
    pub(crate) async fn agreed(&self) -> String {
        let begun = self.send(Method::POST, &format!("{CONNECTIONS}/install"), &json!({ "shop": SHOP })).await.is(200);
        let url = begun["authorizeUrl"].as_str().unwrap();
        let url = url.replace(&format!("https://{SHOP}"), self.standin.url());
        let request = Request::get(url).body(Bytes::new()).unwrap();
        let answer = self.transport.send(request, Duration::from_secs(10)).await.unwrap();
        let back = answer.headers()["location"].to_str().unwrap().to_owned();
        back.split_once('?').unwrap().1.to_owned()
    }

    /// A merchant installs the app.
    pub(crate) async fn install(&self) -> Answer {
        let query = self.agreed().await;
        self.send(Method::GET, &format!("{CONNECTIONS}/callback?{query}"), &Value::Null).await
    }

    /// A book at 12.50, and this stock.
    pub(crate) async fn book(&self, number: u32, alpha: i64, beta: i64) -> BookId {
        let new = NewBook {
            isbn: sku(number),
            title: format!("Volume {number}"),
            authors: vec!["Homer".into()],
            year: None,
            language: None,
            price: gbp(1_250),
        };
        self.count(number, "alpha", alpha).await;
        self.count(number, "beta", beta).await;
        let catalog = Catalog::new(self.table(), self.clock());
        catalog.create(&tenant(), new, &cause()).await.unwrap().value.id
    }

    /// So many are at a location.
    pub(crate) async fn count(&self, number: u32, location: &str, on_hand: i64) {
        let posting =
            Posting { source: "opening".into(), actor: "setup".into(), reason: None, effective_at: self.clock.now() };
        let place = (&location.parse().unwrap(), &sku(number).parse().unwrap());
        let movement = Movement::Counted { on_hand };
        Inventory::new(self.table()).post(&tenant(), place, &movement, &posting, &|_| None).await.unwrap();
    }

    /// What the feed tells of a level.
    pub(crate) async fn level_changed(&self, number: u32, location: &str) {
        let data = json!({ "sku": sku(number), "location": location });
        let about = format!("{location}/{}", sku(number));
        let event = Event::new("inventory.level.changed.v1", &tenant(), about, 1, data, &*self.clock);
        let [on_change, ..] = self.handlers(&self.table());
        assert_eq!(on_change.handle(&event).await, Outcome::Done);
    }

    /// Events nobody has handled yet, oldest first.
    pub(crate) fn events(&self) -> Vec<Event> {
        let request = json!({ "TableName": TABLE, "FilterExpression": "kind = :k",
            "ExpressionAttributeValues": { ":k": { "S": "event" } } });
        let page = self.dynamo.execute("Scan", request);
        assert!(page["LastEvaluatedKey"].is_null(), "the tests' tables fit in one page");
        let stored = page["Items"].as_array().unwrap().iter().cloned();
        let decode =
            |item| table::outbox::decode(&Item::from(serde_json::from_value::<serde_dynamo::Item>(item).unwrap()));
        let mut all: Vec<Event> = stored.map(|item| decode(item).unwrap()).collect();
        all.append(&mut self.queue.sent());
        let mut handled = self.handled.lock().unwrap();
        all.retain(|event| handled.insert(event.id));
        // Ids of one moment are random; what is told of them, and about what, is not.
        all.sort_by_key(|event| (event.time, event.kind.clone(), event.group.clone(), event.id));
        all
    }

    /// Hands every event to all consumers and sweeps, until nothing is due.
    pub(crate) async fn settle(&self) {
        let handlers = self.handlers(&self.table());
        self.membership.renew(&tenant()).await.unwrap();
        for _ in 0..100 {
            let events = self.events();
            for event in &events {
                for handler in subscribed(&handlers, event) {
                    assert_eq!(handler.handle(event).await, Outcome::Done, "{event:?}");
                }
            }
            let swept = self
                .documents()
                .sweep(&tenant(), 100, &Teller(self.documents(), self.centre(&self.table())))
                .await
                .unwrap();
            if events.is_empty() && swept.woken == 0 {
                return;
            }
        }
        panic!("it does not come to an end");
    }

    /// The same with what is due within two hours.
    pub(crate) async fn settle_in_time(&self) {
        self.settle().await;
        for _ in 0..4 {
            self.clock.advance(Duration::from_secs(1_800));
            self.settle().await;
        }
    }

    /// What the store has to tell by now.
    pub(crate) async fn told(&self, travel: Value) -> Vec<Delivery> {
        self.enter("deliver", travel).await;
        std::mem::take(&mut *self.heard.lock().unwrap())
    }

    pub(crate) async fn receive(&self, delivery: &Delivery) -> StatusCode {
        let mut request = Request::post(WEBHOOKS);
        *request.headers_mut().unwrap() = delivery.headers.clone();
        self.ask("nobody", request, delivery.body.clone().into()).await.status
    }

    /// What the store would tell of this, signed as it signs.
    pub(crate) fn delivery(&self, topic: &str, payload: &Value) -> Delivery {
        let body = payload.to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(b"standin-secret").unwrap();
        mac.update(body.as_bytes());
        let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        let id = format!("{topic} {}", self.clock.now());
        let mut headers = HeaderMap::new();
        let named = [("hmac-sha256", &*signature), ("topic", topic), ("shop-domain", SHOP), ("webhook-id", &*id)];
        for (name, value) in named {
            let name: http::HeaderName = format!("x-shopify-{name}").parse().unwrap();
            headers.insert(name, value.parse().unwrap());
        }
        Delivery { headers, body: body.into() }
    }

    /// Everything the store has to tell comes in.
    pub(crate) async fn listen(&self) {
        for delivery in self.told(json!({})).await {
            assert_eq!(self.receive(&delivery).await, StatusCode::OK);
        }
    }

    /// Both sides tell each other until nobody has anything to say.
    pub(crate) async fn talk(&self) {
        for _ in 0..10 {
            self.settle().await;
            let told = self.told(json!({})).await;
            if told.is_empty() {
                return;
            }
            for delivery in &told {
                assert_eq!(self.receive(delivery).await, StatusCode::OK);
            }
        }
        panic!("they never fall silent");
    }

    pub(crate) async fn enter(&self, what: &str, body: Value) -> Value {
        self.standin.enter(what, body).await.unwrap()
    }

    pub(crate) async fn objects(&self, kind: &str) -> Vec<Value> {
        self.enter("objects", json!({ "type": kind })).await.as_array().unwrap().clone()
    }

    /// A customer buys in the store. Gives the store's id of the order.
    pub(crate) async fn buy(&self, items: &[(u32, i64)]) -> Gid {
        self.bought(items).await["admin_graphql_api_id"].as_str().unwrap().parse().unwrap()
    }

    /// The same; gives the order as its webhook does.
    pub(crate) async fn bought(&self, items: &[(u32, i64)]) -> Value {
        let items: Vec<Value> =
            items.iter().map(|(number, units)| json!({ "sku": sku(*number), "quantity": units })).collect();
        let address = json!({ "firstName": "Ada", "lastName": "Byron", "address1": "1 High Street", "city": "London",
            "zip": "N1", "countryCode": "GB" });
        let body = json!({ "items": items, "email": "ada@example.com", "shippingAddress": address });
        self.enter("buy", body).await
    }

    pub(crate) fn id_of(order: &Gid) -> OrderId {
        crate::orders::Orders::id(&tenant(), &SHOP.parse().unwrap(), order)
    }

    pub(crate) async fn order(&self, order: &Gid) -> Option<Order> {
        self.sales().order(&tenant(), Self::id_of(order)).await.unwrap()
    }

    /// The open parcels of an order leave.
    pub(crate) async fn ship(&self, order: &Gid) {
        let order = self.order(order).await.unwrap();
        for parcel in order.shipments.iter().filter(|parcel| parcel.state.is_open()) {
            let observed = Observation { on_hand: 7, version: 1 };
            let lines = parcel.lines.iter();
            let figures = lines.map(|(sku, quantity)| Figure { sku: sku.clone(), quantity: *quantity, observed });
            let (report, id) = (Report::Shipped(figures.collect()), (order.id, parcel.id(order.id)));
            self.sales().report(&tenant(), id, &parcel.location, &report, &cause()).await.unwrap();
        }
    }

    /// What can be bought of an item in the store, by the name of the place.
    pub(crate) async fn available(&self, number: u32) -> BTreeMap<String, i64> {
        let (items, places) = (self.objects("InventoryItem").await, self.objects("Location").await);
        let variants = self.objects("ProductVariant").await;
        let item = variants.iter().find(|variant| variant["sku"] == sku(number).as_str());
        let item = item.map(|variant| variant["inventoryItem"].clone()).unwrap_or_default();
        assert!(items.iter().any(|known| known["id"] == item), "the store has no such item");
        let levels = self.objects("InventoryLevel").await;
        let named = |level: &Value| {
            let place = places.iter().find(|place| place["id"] == level["location"]).unwrap();
            (place["name"].as_str().unwrap().to_owned(), level["amounts"]["available"].as_i64().unwrap())
        };
        levels.iter().filter(|level| level["item"] == item).map(named).collect()
    }

    /// Documents of a type in a state.
    pub(crate) async fn of(&self, kind: &'static str, state: State) -> Vec<Document> {
        let kind = DocumentType::literal(kind);
        self.documents().list(&tenant(), &kind, state, None, 100).await.unwrap().0
    }
}

/// Who of [`World::handlers`] is told of an event, by the filters of their queues.
pub(crate) fn subscribed<'a>(
    [on_change, on_delivery, on_task, on_received]: &'a [Arc<dyn EventHandler>; 4],
    event: &Event,
) -> Vec<&'a Arc<dyn EventHandler>> {
    match event.kind.as_str() {
        documents::DOCUMENT_DUE => vec![on_delivery, on_task],
        documents::DOCUMENT_RECEIVED => vec![on_received],
        shopify::inbound::DELIVERY_RECEIVED => vec![on_delivery],
        shopify::inbound::TASK_DUE => vec![on_task],
        _ => vec![on_change],
    }
}

fn app_secret() -> Arc<Fixed> {
    Arc::new(Fixed(r#"{"current":"standin-secret"}"#))
}

fn credentials() -> Credentials {
    Credentials { client_id: "standin-app".into(), secret: app_secret() }
}

/// Tells of what is due as `cron-documents-sweep` does.
struct Teller(Documents, OnReceived);

#[async_trait]
impl Wake for Teller {
    async fn wake(&self, tenant: &TenantId, document: &Document) -> Result<(), BoxError> {
        if document.connection.as_str() == CENTRE {
            return self.1.route(tenant, document.id).await;
        }
        Ok(self.0.tell(tenant, document).await?)
    }
}
