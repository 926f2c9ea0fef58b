//! Two stand-in stores of two tenants, one table, one clock; and the connector as the certification wants it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use certification::{Account, Delivery, Load, Misfortune, Process, Subject, TABLE, Things};
use documents::batch::Source;
use documents::merge::Rule;
use documents::{Class, ConnectionId, DocumentId, DocumentType, Documents, Item, Outcome, Report, State};
use http::{HeaderMap, Request, Response, StatusCode};
use kernel::{Clock, Context, ManualClock, TenantId, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};
use shopify::Shop;
use shopify::breaker::store::Circuits;
use shopify::calls::{Store, bulk, define_id, staged_upload, subscriptions};
use shopify::client::Client;
use shopify::document::BULK_PRODUCT_SET;
use shopify::inbound::{self, Inbound, Task};
use shopify::install::{App, Credentials};
use shopify::limiter::store::Limiter;
use shopify::map::product::to_remote;
use shopify::outbound::Outbound;
use shopify::platform::kind;
use shopify::reading::{ChangedOrders, part};
use shopify::stores::{Connection, Stores};
use shopify::synced::Agreements;
use shopify::tokens::{Kept, TokenStore, Tokens};
use shopify::webhook::verify;
use shopify_standin::{Options, Standin};
use table::Table;
use testkit::LocalDynamo;
use web::BoxError;
use web::secret::{Rotating, Secret};
use web::transport::Transport as _;

use crate::goods::{Goods, parts as name_and_state, product, title};
use crate::network::Network;

const SECRET: &str = "standin-secret";
const PATIENCE: Duration = Duration::from_secs(10);

/// Where tokens are kept, with a version that grows.
#[derive(Default)]
pub(crate) struct Drawer(Mutex<BTreeMap<(TenantId, Shop), (Kept, u64)>>);

impl Drawer {
    fn put(&self, tenant: TenantId, shop: Shop, kept: Kept) {
        let mut drawer = self.0.lock().unwrap();
        let version = drawer.get(&(tenant.clone(), shop.clone())).map_or(0, |(_, version)| version + 1);
        drawer.insert((tenant, shop), (kept, version));
    }
}

#[async_trait]
impl TokenStore for Drawer {
    async fn read(&self, tenant: &TenantId, shop: &Shop) -> Result<(Kept, String), BoxError> {
        let drawer = self.0.lock().unwrap();
        let (kept, version) = drawer.get(&(tenant.clone(), shop.clone())).ok_or("nothing is kept")?;
        Ok((kept.clone(), version.to_string()))
    }

    async fn keep(&self, tenant: &TenantId, shop: &Shop, new: &Kept) -> Result<(), BoxError> {
        self.put(tenant.clone(), shop.clone(), new.clone());
        Ok(())
    }

    async fn replace(&self, tenant: &TenantId, shop: &Shop, new: &Kept, seen: &str) -> Result<bool, BoxError> {
        let is_seen = self.read(tenant, shop).await?.1 == seen;
        if is_seen {
            self.put(tenant.clone(), shop.clone(), new.clone());
        }
        Ok(is_seen)
    }
}

/// A store: its stand-in, and how we call it past the connector.
pub(crate) struct Side {
    pub(crate) standin: Standin,
    pub(crate) direct: Store,
    pub(crate) connection: Connection,
    pub(crate) tenant: TenantId,
}

type Heard = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

pub(crate) struct World {
    dynamo: LocalDynamo,
    clock: Arc<ManualClock>,
    network: Arc<Network>,
    drawer: Arc<Drawer>,
    pub(crate) goods: Arc<Goods>,
    sides: [Side; 2],
    heard: Heard,
}

fn app() -> App {
    let secret = Rotating { current: SECRET.into(), previous: None };
    App { client_id: "standin-app".into(), secret }
}

/// The app's secret, which stays.
struct Fixed;

#[async_trait]
impl Secret for Fixed {
    async fn read(&self) -> Result<SecretString, BoxError> {
        Ok(json!({ "current": SECRET }).to_string().into())
    }

    async fn refresh(&self) -> Result<SecretString, BoxError> {
        self.read().await
    }
}

fn credentials() -> Credentials {
    Credentials { client_id: app().client_id, secret: Arc::new(Fixed) }
}

fn kept(access: &str) -> Kept {
    Kept { access: access.into(), refresh: None, expires: None }
}

pub(crate) fn cause() -> Context {
    Context::root("certification", None)
}

/// Something that hears deliveries and accepts them all.
async fn listen() -> (String, Heard) {
    let heard: Heard = Arc::default();
    let (listener, keep) = (tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap(), Arc::clone(&heard));
    let uri = format!("http://{}/hooks", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(async move |headers: HeaderMap, body: Bytes| {
        keep.lock().unwrap().push((headers, body));
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    (uri, heard)
}

impl World {
    /// The bucket of both stores has room for so many points and restores so many a second.
    pub(crate) async fn with_bucket(maximum: u32, restore: u32) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let dynamo = LocalDynamo::with_clock(clock.clone());
        dynamo.create_table_without_stream(TABLE);
        let (network, drawer) = (Arc::new(Network::new()), Arc::new(Drawer::default()));
        let (uri, heard) = listen().await;
        let open = async |name: &str, tenant: &str| {
            let shop: Shop = format!("{name}.myshopify.com").parse().unwrap();
            let options = Options {
                domain: shop.to_string(),
                clock: clock.clone(),
                hold_webhooks: true,
                bucket_maximum: maximum,
                bucket_restore: restore,
                ..Options::default()
            };
            let standin = Standin::start(options).await.unwrap();
            network.add(shop.as_str(), standin.url());
            let direct = Store { base_url: standin.url().to_owned(), token: "shpat_standin".into() };
            let rules = BTreeMap::from([(kind::PRODUCT.to_owned(), vec![("/title".to_owned(), Rule::Ingest)])]);
            let connection = Connection {
                id: format!("shopify-{name}").parse().unwrap(),
                shop: shop.clone(),
                currency: "GBP".parse().unwrap(),
                locations: BTreeMap::new(),
                rules,
                connected_at: Timestamp::UNIX_EPOCH,
                uninstalled: false,
            };
            let tenant: TenantId = tenant.parse().unwrap();
            drawer.put(tenant.clone(), shop, kept("shpat_standin"));
            Side { standin, direct, connection, tenant }
        };
        let sides = [open("first", "acme.test").await, open("second", "other.test").await];
        let goods = Arc::default();
        let world = Self { dynamo, clock: clock.clone(), network, drawer, goods, sides, heard };
        for side in &world.sides {
            world.furnish(side, &uri).await;
        }
        // The buckets are full again.
        clock.advance(Duration::from_secs(600));
        world
    }

    async fn furnish(&self, side: &Side, uri: &str) {
        assert!(Stores::new(self.table()).write(&side.tenant, &side.connection, None).await.unwrap());
        for owner in define_id::OWNERS {
            let defined = define_id::read(self.send(define_id::request(&side.direct, owner)).await, self.clock.now());
            assert_eq!(defined.result.unwrap().outcome.class(), Class::Done);
        }
        for topic in subscriptions::missing(&[], uri) {
            let sent = self.send(subscriptions::subscribe(&side.direct, topic, uri)).await;
            let ended = subscriptions::read_subscribed(sent, self.clock.now()).result.unwrap();
            assert_eq!(ended.outcome.class(), Class::Done);
        }
    }

    pub(crate) fn table(&self) -> Table {
        Table::new(self.dynamo.client(), TABLE)
    }

    pub(crate) fn side(&self, account: Account) -> &Side {
        match account {
            Account::First => &self.sides[0],
            Account::Second => &self.sides[1],
        }
    }

    pub(crate) async fn enter(&self, account: Account, what: &str, body: Value) -> Value {
        self.side(account).standin.enter(what, body).await.unwrap()
    }

    async fn send(
        &self,
        request: Result<Request<Bytes>, http::Error>,
    ) -> Result<Response<Bytes>, web::transport::TransportError> {
        self.network.send(request.unwrap(), PATIENCE).await
    }

    pub(crate) fn client(&self, table: &Table) -> Client {
        let (clock, transport) = (self.clock.clone(), self.network.clone());
        let limiter = Limiter::new(table.clone(), clock.clone(), Duration::ZERO);
        let circuits = Circuits::new(table.clone(), clock.clone());
        let tokens = Tokens::new(self.drawer.clone(), credentials(), transport.clone(), table.clone(), clock.clone());
        Client::new(transport, limiter, circuits, tokens, clock, "https://{shop}".to_owned())
    }

    /// A refresh token, by the way every merchant goes.
    async fn grant(&self, side: &Side) -> SecretString {
        let base = &side.direct.base_url;
        let scopes = shopify::install::SCOPES.join(",");
        let query = format!("client_id=standin-app&redirect_uri=http://back&state=1&scope={scopes}");
        let url = format!("{base}/admin/oauth/authorize?{query}");
        let answer = self.send(Request::get(url).body(Bytes::new())).await.unwrap();
        let back = answer.headers()["location"].to_str().unwrap().to_owned();
        let code = back.split("code=").nth(1).unwrap().split('&').next().unwrap();
        let answer = self.send(app().exchange(base, code)).await.unwrap();
        let token: shopify::install::Token = serde_json::from_slice(answer.body()).unwrap();
        token.refresh_token.unwrap()
    }

    pub(crate) async fn receive(&self, table: Table, delivery: Delivery) -> bool {
        let secret = Rotating { current: SECRET.into(), previous: None };
        let Ok(verified) = verify(&secret, &delivery.headers, delivery.body.into()) else { return false };
        let side = self.sides.iter().find(|side| side.connection.shop == verified.get().shop).unwrap();
        let (documents, stores) = (Documents::new(table.clone(), self.clock.clone()), Stores::new(table));
        inbound::receive(&documents, &stores, &side.tenant, verified, &cause()).await.is_ok()
    }

    /// Takes what was heard of an account.
    pub(crate) fn take_heard(&self, account: Account) -> Vec<Delivery> {
        let shop = self.side(account).connection.shop.as_str();
        let mut heard = self.heard.lock().unwrap();
        let (ours, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut *heard).into_iter().partition(|(headers, _)| headers["x-shopify-shop-domain"] == shop);
        *heard = others;
        ours.into_iter().map(|(headers, body)| Delivery { headers, body: body.to_vec() }).collect()
    }
}

#[async_trait]
impl Subject for World {
    async fn open() -> Self {
        Self::with_bucket(1_000, 50).await
    }

    fn dynamo(&self) -> &LocalDynamo {
        &self.dynamo
    }

    fn clock(&self) -> &Arc<ManualClock> {
        &self.clock
    }

    fn tenant(&self, account: Account) -> TenantId {
        self.side(account).tenant.clone()
    }

    fn connection(&self, account: Account) -> ConnectionId {
        self.side(account).connection.id.clone()
    }

    fn process(&self, table: Table) -> Process {
        let (clock, stores) = (self.clock.clone(), Stores::new(table.clone()));
        let (agreements, documents) = (Agreements::new(table.clone()), Documents::new(table.clone(), clock.clone()));
        let outward =
            Outbound::new(self.client(&table), stores.clone(), agreements.clone(), self.goods.clone(), clock.clone());
        let platform = self.goods.clone();
        let inward = Inbound { stores, agreements, documents: documents.clone(), platform, clock };
        Process { documents, outward: Arc::new(outward), inward: Arc::new(inward) }
    }

    fn have(&self, account: Account, id: &str, state: u32) {
        self.goods.put(&self.tenant(account), id, product(id, title(id, state)));
    }

    fn have_poison(&self, account: Account, id: &str) {
        self.goods.put(&self.tenant(account), id, product(id, " ".to_owned()));
    }

    async fn announce(&self, account: Account, id: &str, state: u32) -> DocumentId {
        let documents = Documents::new(self.table(), self.clock.clone());
        let side = self.side(account);
        let task = Task { kind: kind::PRODUCT, id, revision: &state.to_string() };
        inbound::announce(&documents, &side.tenant, &side.connection, task, &cause()).await.unwrap().id
    }

    async fn announced(&self, account: Account) -> Vec<DocumentId> {
        let documents = Documents::new(self.table(), self.clock.clone());
        let kind = DocumentType::literal(kind::PRODUCT);
        let found = documents.list(&self.tenant(account), &kind, State::New, None, 100).await.unwrap().0;
        found.into_iter().map(|document| document.id).collect()
    }

    async fn there(&self, account: Account) -> Things {
        let products = self.enter(account, "objects", json!({ "type": "Product" })).await;
        let titles = products.as_array().unwrap().iter().map(|product| product["title"].as_str().unwrap().to_owned());
        let mut things: Things = titles.map(|title| name_and_state(&title)).collect();
        things.sort();
        things
    }

    async fn befall(&self, account: Account, misfortune: Misfortune) {
        let side = self.side(account);
        let put = |kept| self.drawer.put(side.tenant.clone(), side.connection.shop.clone(), kept);
        match misfortune {
            Misfortune::BadCredentials => put(kept("shpat_of_somebody_else")),
            Misfortune::ExpiredCredentials => {
                let refresh = Some(self.grant(side).await);
                put(Kept { refresh, ..kept("shpat_that_has_run_out") });
            }
            Misfortune::LostRenewal => self.network.lose_renewal(),
            Misfortune::LostAnswer => self.network.lose_answer(),
            Misfortune::Throttled => {
                self.enter(account, "faults", json!({ "operation": "productSet", "kind": "throttle" })).await;
            }
        }
    }

    async fn load(&self, account: Account) -> Load {
        let counters = self.enter(account, "counters", json!({})).await;
        let status = self.enter(account, "bucket", json!({})).await;
        let whole = |value: &Value| value.as_f64().map(|number| format!("{number:.0}").parse().unwrap()).unwrap();
        Load {
            limit: whole(&status["maximumAvailable"]),
            peak: counters["bucketPeak"].as_u64().unwrap(),
            writes: counters["operations"]["productSet"].as_u64().unwrap_or_default(),
            renewals: self.network.renewals(self.side(account).connection.shop.as_str()),
        }
    }

    async fn tell_many(&self, account: Account, things: &[(&str, bool)]) -> Report {
        let (store, now) = (&self.side(account).direct, self.clock.now());
        let line = |(id, good): &(&str, bool)| {
            let title = if *good { title(id, 1) } else { " ".to_owned() };
            to_remote(id, &product(id, title)).to_string()
        };
        let lines: Vec<String> = things.iter().map(line).collect();
        let target = staged_upload::read(self.send(staged_upload::request(store)).await, now).result.unwrap();
        let uploaded = self.send(staged_upload::upload(&target, lines.join("\n").as_bytes())).await;
        assert_eq!(staged_upload::read_upload(uploaded), None);
        let run = bulk::run_mutation(store, BULK_PRODUCT_SET, target.path().unwrap(), "certification");
        let id = bulk::read_started(self.send(run).await, now).result.unwrap();
        loop {
            let progress = bulk::read_progress(self.send(bulk::poll(store, &id)).await, now).result.unwrap();
            let bulk::Progress::Completed { objects, url: Some(url), .. } = progress else { continue };
            let file = self.send(Request::get(url).body(Bytes::new())).await.unwrap();
            let rows: Vec<bulk::Row> =
                String::from_utf8(file.body().to_vec()).unwrap().lines().map(|row| bulk::row(row).unwrap()).collect();
            assert_eq!(u64::try_from(rows.len()).unwrap(), objects);
            let item = |row: bulk::Row| Item {
                key: things[usize::try_from(row.line).unwrap()].0.to_owned(),
                outcome: row.report.outcome,
            };
            return Outcome::Partial(rows.into_iter().map(item).collect()).into();
        }
    }

    async fn change_there(&self, account: Account, id: &str, state: u32) {
        self.enter(account, "product", json!({ "sku": id, "set": { "title": title(id, state) } })).await;
    }

    async fn deliveries(&self, account: Account) -> Vec<Delivery> {
        self.enter(account, "deliver", json!({})).await;
        self.take_heard(account)
    }

    async fn strange_delivery(&self, account: Account, id: &str) -> Delivery {
        let mut told = self.enter(account, "product", json!({ "sku": id, "set": {} })).await;
        self.enter(account, "deliver", json!({})).await;
        self.take_heard(account);
        told["status"] = json!("teleported");
        told["flux"] = json!({ "capacitor": [1.21] });
        self.enter(account, "tell", json!({ "topic": "PRODUCTS_UPDATE", "payload": told })).await;
        self.deliveries(account).await.pop().unwrap()
    }

    fn delivery_type(&self) -> DocumentType {
        DocumentType::literal(inbound::DELIVERY)
    }

    async fn deliver(&self, table: Table, delivery: Delivery) -> bool {
        self.receive(table, delivery).await
    }

    fn here(&self, account: Account) -> Things {
        self.goods.taken(&self.tenant(account))
    }

    fn unknown_progress(&self) -> Class {
        let body = json!({ "data": { "bulkOperation": { "id": "gid://shopify/BulkOperation/1", "status": "TELEPORTED",
            "errorCode": null, "objectCount": "3", "rootObjectCount": "3", "fileSize": null, "url": null, "partialDataUrl": null } } });
        let answer = Response::builder().status(StatusCode::OK).body(Bytes::from(body.to_string())).unwrap();
        match bulk::read_progress(Ok(answer), self.clock.now()).result.unwrap() {
            bulk::Progress::Running { .. } => Class::Pending,
            bulk::Progress::Completed { .. } => Class::Done,
            bulk::Progress::Failed { .. } => Class::Rejected,
        }
    }

    async fn fill(&self, account: Account, count: usize) {
        self.have(account, "book", 1);
        let id = self.announce(account, "book", 1).await;
        let process = self.process(self.table());
        let (tenant, connection) = (self.tenant(account), self.connection(account));
        process.documents.process(&tenant, id, &connection, "filler", &*process.outward).await.unwrap();
        for _ in 0..count {
            let bought = json!({ "items": [{ "sku": "book", "quantity": 1 }], "email": "ada@example.com" });
            self.enter(account, "buy", bought).await;
        }
        // The bucket is full again.
        self.clock.advance(Duration::from_secs(60));
    }

    async fn filled(&self, account: Account) -> Vec<String> {
        let orders = self.enter(account, "objects", json!({ "type": "Order" })).await;
        orders.as_array().unwrap().iter().map(|order| order["id"].as_str().unwrap().to_owned()).collect()
    }

    fn source<'a>(&'a self, _: &'a Process, account: Account) -> Box<dyn Source + 'a> {
        let side = self.side(account);
        Box::new(OwnClient { client: self.client(&self.table()), side, clock: &*self.clock })
    }

    fn parts(&self) -> [String; 2] {
        let at = |days: i64| Timestamp::from_second(1_800_000_000 + days * 86_400).unwrap();
        [part(at(-1), at(2)), part(at(3_000), at(3_001))]
    }
}

/// A source that keeps its client.
struct OwnClient<'a> {
    client: Client,
    side: &'a Side,
    clock: &'a dyn Clock,
}

impl OwnClient<'_> {
    fn orders(&self) -> ChangedOrders<'_> {
        let Side { connection, tenant, .. } = self.side;
        ChangedOrders { client: &self.client, tenant, store: connection, clock: self.clock }
    }
}

#[async_trait]
impl Source for OwnClient<'_> {
    async fn count(&self, part: &str) -> Result<u64, Report> {
        self.orders().count(part).await
    }

    async fn page(&self, part: &str, cursor: Option<&str>) -> Result<documents::batch::SourcePage, Report> {
        self.orders().page(part, cursor).await
    }
}
