//! Every call, against a store that refuses what the real one refuses.

mod workers;

use std::collections::BTreeMap;
use std::sync::Arc;

use documents::Class;
use kernel::{Clock, ManualClock, Money, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};
use shopify_standin::{Options, Standin};
use web::secret::Rotating;

use super::*;
use crate::Gid;
use crate::echo::{Verdict, Written};
use crate::map;
use crate::map::customer::{Address, Customer, Identifier};
use crate::map::fulfillment::{Parcel, Plan, plan};
use crate::map::inventory::Wanted;
use crate::map::product::{Product, Status, Variant};
use crate::testing::{Socket, clock, open};
use crate::webhook::{Topic, verify};

struct World {
    standin: Standin,
    store: Store,
    socket: Socket,
    clock: Arc<ManualClock>,
}

impl World {
    async fn open(change: impl FnOnce(&mut Options)) -> Self {
        let clock = clock();
        let mut options =
            Options { clock: clock.clone(), bucket_maximum: 100_000, bulk_polls: 1, ..Options::default() };
        change(&mut options);
        let (standin, store) = open(options).await;
        Self { standin, store, socket: Socket::new(), clock }
    }

    async fn send(&self, request: Result<Request<Bytes>, http::Error>) -> Sent {
        self.socket.call(request).await
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn fail(&self, operation: &str, kind: &str) {
        self.standin.enter("faults", json!({ "operation": operation, "kind": kind })).await.unwrap();
    }

    /// A store with our ids, and a tee in it.
    async fn tee(&self) -> product_set::Saved {
        let defined = define_id::read(self.send(define_id::request(&self.store, "PRODUCT")).await, self.now());
        assert_eq!(defined.result.unwrap().outcome.class(), Class::Done);
        self.save(&tee()).await
    }

    async fn save(&self, product: &Product) -> product_set::Saved {
        let sent = self.send(product_set::request(&self.store, "prod_1", product)).await;
        product_set::read(sent, self.now()).result.unwrap().unwrap()
    }

    async fn shop(&self) -> shop::Shop {
        shop::read(self.send(shop::request(&self.store)).await, self.now()).result.unwrap()
    }

    async fn level(&self, item: &Gid, location: &Gid) -> Answer<i64> {
        inventory_level::read(self.send(inventory_level::request(&self.store, item, location)).await, self.now())
    }

    async fn set(&self, wanted: Wanted) -> Report {
        let sent = self.send(inventory_set::request(&self.store, "doc_1", &[wanted])).await;
        inventory_set::read(sent, self.now()).result.unwrap()
    }
}

use crate::answer::Answer;

fn tee() -> Product {
    let variant = |size: &str, pence: i64| Variant {
        sku: format!("TEE-{size}"),
        barcode: None,
        price: Money::from_minor(pence, "GBP".parse().unwrap()),
        compare_at_price: None,
        values: vec![size.to_owned()],
    };
    Product {
        title: "Tee".into(),
        description: "<p>Soft</p>".into(),
        vendor: "Acme".into(),
        product_type: "Shirts".into(),
        status: Status::Active,
        tags: ["cotton".to_owned()].into(),
        options: vec!["Size".into()],
        variants: vec![variant("S", 1_999), variant("M", 2_100)],
    }
}

#[tokio::test]
async fn the_store_says_what_it_is() {
    let world = World::open(|_| ()).await;
    let shop = world.shop().await;
    assert_eq!((shop.domain.as_str(), shop.currency.code()), ("stand-in.myshopify.com", "GBP"));
    assert!(shop.scopes.contains(&"write_products".to_owned()) && shop.locations[0].is_active);
}

#[tokio::test]
async fn a_product_goes_out_comes_back_the_same_and_is_no_change() {
    let world = World::open(|options| options.hold_webhooks = true).await;
    let saved = world.tee().await;
    assert_eq!(saved.variants.iter().map(|it| it.sku.as_deref().unwrap()).collect::<Vec<_>>(), ["TEE-S", "TEE-M"]);
    let again = world.save(&tee()).await;
    assert_eq!((&again.id, &again.variants), (&saved.id, &saved.variants));

    let gbp = world.shop().await.currency;
    let read = product::read(world.send(product::request(&world.store, "prod_1")).await, gbp, world.now());
    let remote = read.result.unwrap().unwrap();
    assert_eq!((&remote.product, &remote.id), (&tee(), &saved.id));
    let none = product::read(world.send(product::request(&world.store, "prod_2")).await, gbp, world.now());
    assert_eq!(none.result.unwrap(), None);

    let told = world.standin.enter("product", json!({ "sku": "TEE-S", "set": {} })).await.unwrap();
    let told = map::product::from_webhook(told.to_string().as_bytes(), gbp).unwrap();
    assert_eq!((told.product.clone(), told.variants), (tee(), remote.variants));
    let written = Written::new(&json!(tee()), world.now(), Some(saved.updated_at));
    assert_eq!(written.judge(&json!(told.product), told.updated_at, world.now()), Verdict::Echo);
    let other = world.standin.enter("product", json!({ "sku": "TEE-S", "set": { "title": "Blouse" } })).await.unwrap();
    let other = map::product::from_webhook(other.to_string().as_bytes(), gbp).unwrap();
    assert_eq!(written.judge(&json!(other.product), other.updated_at, world.now()), Verdict::Change);
}

#[tokio::test]
async fn a_product_costs_by_its_variants() {
    let world = World::open(|_| ()).await;
    world.tee().await;
    for variants in [1, 2] {
        let product = Product { variants: tee().variants[..variants].to_vec(), ..tee() };
        let sent = world.send(product_set::request(&world.store, "prod_1", &product)).await;
        let cost = product_set::read(sent, world.now()).cost.unwrap();
        assert_eq!(cost.requested, product_set::points(&product));
    }
}

#[tokio::test]
async fn a_product_that_is_refused_says_why() {
    let world = World::open(|_| ()).await;
    world.tee().await;
    let mut wrong = tee();
    wrong.variants[1].values = wrong.variants[0].values.clone();
    let sent = world.send(product_set::request(&world.store, "prod_1", &wrong)).await;
    let errors = product_set::read(sent, world.now()).result.unwrap().unwrap_err();
    assert_eq!(errors[0].code.as_deref(), Some("INVALID_VARIANT"));
}

#[tokio::test]
async fn repeating_after_a_lost_answer_makes_no_second_product() {
    let world = World::open(|_| ()).await;
    let define = world.send(define_id::request(&world.store, "PRODUCT")).await;
    assert!(define_id::read(define, world.now()).result.is_ok());
    world.fail("productSet", "internalErrorAfterCommit").await;
    let sent = world.send(product_set::request(&world.store, "prod_1", &tee())).await;
    let lost = product_set::read(sent, world.now()).result.unwrap_err();
    assert_eq!(lost.outcome.class(), Class::Transient);
    world.save(&tee()).await;
    let products = world.standin.enter("objects", json!({ "type": "Product" })).await.unwrap();
    assert_eq!(products.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn stock_is_compared_merged_and_repeated_under_its_key() {
    let world = World::open(|options| options.locations.push("Annex".into())).await;
    let (saved, shop) = (world.tee().await, world.shop().await);
    let place = |name: &str| shop.locations.iter().find(|location| location.name == name).unwrap().id.clone();
    let (item, main, annex) = (saved.variants[0].item.clone(), place("Main"), place("Annex"));
    let wanted =
        |location: &Gid, quantity, seen| Wanted { item: item.clone(), location: location.clone(), quantity, seen };
    assert_eq!(world.set(wanted(&main, 7, 0)).await.outcome.class(), Class::Done);
    // The same again is the same attempt, not a stale one.
    assert_eq!(world.set(wanted(&main, 7, 0)).await.outcome.class(), Class::Done);
    assert_eq!(world.set(wanted(&main, 5, 9)).await.outcome.class(), Class::Conflict);
    let seen = world.level(&item, &main).await.result.unwrap();
    assert_eq!((seen, world.set(wanted(&main, 5, seen)).await.outcome.class()), (7, Class::Done));
    assert_eq!(world.level(&item, &main).await.result.unwrap(), 5);

    // The same of several; what is not kept there, or is no item, is left out.
    let several = async |location: &Gid| {
        let items = [&saved.variants[0].item, &main, &Gid::new("InventoryItem", 404)];
        let sent = world.send(inventory_levels::request(&world.store, &items, location)).await;
        inventory_levels::read(sent, world.now()).result.unwrap()
    };
    assert_eq!(several(&main).await, [(item.clone(), 5)].into());
    assert_eq!(several(&annex).await, [].into());

    assert_eq!(world.level(&item, &annex).await.result.unwrap_err().outcome.class(), Class::DependencyMissing);
    assert_eq!(world.set(wanted(&annex, 3, 0)).await.outcome.class(), Class::DependencyMissing);
    for _ in 0..2 {
        let sent = world.send(inventory_activate::request(&world.store, &item, &annex)).await;
        let report = inventory_activate::read(sent, world.now()).result.unwrap();
        assert_eq!(report.outcome.class(), Class::Done);
    }
    let again = Wanted { quantity: 4, ..wanted(&annex, 3, 0) };
    assert_eq!(world.set(again).await.outcome.class(), Class::Done);
}

#[tokio::test]
async fn a_parcel_is_reported_once_though_its_answer_is_lost() {
    let world = World::open(|_| ()).await;
    let (_, shop) = (world.tee().await, world.shop().await);
    let bought = world
        .standin
        .enter("buy", json!({ "items": [{ "sku": "TEE-S", "quantity": 2 }, { "sku": "TEE-M", "quantity": 1 }] }))
        .await
        .unwrap();
    let order = map::order::from_webhook(bought.to_string().as_bytes()).unwrap();
    let parcel = |units: &[(&str, u32)], number: &str| Parcel {
        location: Some(shop.locations[0].id.clone()),
        units: units.iter().map(|(sku, units)| ((*sku).to_owned(), *units)).collect::<BTreeMap<_, _>>(),
        carrier: Some("UPS".into()),
        tracking_number: number.to_owned(),
        tracking_url: None,
        notify: false,
    };
    let remaining = async || {
        let sent = world.send(fulfillment_orders::request(&world.store, &order.id)).await;
        fulfillment_orders::read(sent, world.now()).result.unwrap()
    };
    let first = parcel(&[("TEE-S", 2)], "1Z-1");
    let Plan::Create(variables) = plan(&first, &remaining().await) else { panic!("not to be created") };
    world.fail("fulfillmentCreate", "internalErrorAfterCommit").await;
    let sent = world.send(fulfillment_create::request(&world.store, &variables)).await;
    let lost = fulfillment_create::read(sent, world.now()).result.unwrap_err();
    assert_eq!(lost.outcome.class(), Class::Unknown);
    assert!(matches!(plan(&first, &remaining().await), Plan::AlreadyThere(_)));

    let second = parcel(&[("TEE-M", 1)], "1Z-2");
    let Plan::Create(variables) = plan(&second, &remaining().await) else { panic!("not to be created") };
    let sent = world.send(fulfillment_create::request(&world.store, &variables)).await;
    assert_eq!(fulfillment_create::read(sent, world.now()).result.unwrap().outcome.class(), Class::Done);
    assert_eq!(
        plan(&parcel(&[("TEE-M", 1)], "1Z-3"), &remaining().await),
        Plan::TooMuch { sku: "TEE-M".into(), missing: 1 }
    );
    let page = orders(&world, world.now(), None).await;
    assert_eq!(page.orders[0].fulfillment, map::order::Fulfillment::Fulfilled);
}

async fn orders(world: &World, from: Timestamp, after: Option<&str>) -> orders_updated::Page {
    let until = world.now() + std::time::Duration::from_secs(86_400);
    let sent = world.send(orders_updated::request(&world.store, from, until, after)).await;
    orders_updated::read(sent, world.now()).result.unwrap()
}

#[tokio::test]
async fn pages_give_the_orders_that_webhooks_gave() {
    let world = World::open(|_| ()).await;
    world.tee().await;
    let start = world.now();
    let mut told = Vec::new();
    for number in 0..15 {
        let address = json!({ "firstName": "Ada", "lastName": "Byron", "city": "London", "countryCode": "GB" });
        let body = json!({ "items": [{ "sku": "TEE-S", "quantity": number + 1 }], "email": "ada@example.com", "shippingAddress": address });
        let bought = world.standin.enter("buy", body).await.unwrap();
        told.push(without_refunds(&bought));
    }
    let first = orders(&world, start, None).await;
    let second = orders(&world, start, first.next.as_deref()).await;
    assert_eq!((first.orders.len(), second.orders.len(), &second.next), (10, 5, &None));
    let read: Vec<_> = first.orders.into_iter().chain(second.orders).collect();
    assert_eq!(read, told);
    assert!(orders(&world, start + std::time::Duration::from_secs(1), None).await.orders.is_empty());
}

#[tokio::test]
async fn an_order_with_more_lines_than_a_page_shows_is_read_by_itself() {
    let world = World::open(|_| ()).await;
    world.tee().await;
    let items = vec![json!({ "sku": "TEE-S", "quantity": 1 }); 8];
    let bought = world.standin.enter("buy", json!({ "items": items })).await.unwrap();
    let told = without_refunds(&bought);
    let page = orders(&world, world.now(), None).await;
    assert_eq!((page.orders.len(), page.cut.as_slice()), (0, &[told.id.clone()][..]));
    let one = order::read(world.send(order::request(&world.store, &told.id)).await, world.now());
    assert_eq!(one.result.unwrap(), told);
}

/// An order as its webhook tells it, as far as a page of orders does.
fn without_refunds(bought: &Value) -> map::order::Order {
    let told = map::order::from_webhook(bought.to_string().as_bytes()).unwrap();
    map::order::Order { refunds: None, ..told }
}

#[tokio::test]
async fn a_customer_is_upserted_by_address() {
    let world = World::open(|_| ()).await;
    let address = Address { city: Some("London".into()), country_code: Some("GB".into()), ..Address::default() };
    let customer = Customer {
        email: "ada@example.com".into(),
        phone: Some("+441234567890".into()),
        first_name: Some("Ada".into()),
        last_name: None,
        tags: ["vip".to_owned()].into(),
        note: None,
        addresses: vec![address],
    };
    let mut ids = Vec::new();
    for _ in 0..2 {
        let sent = world.send(customer_set::request(&world.store, Identifier::Email, &customer)).await;
        let Outcome::Done(remote) = customer_set::read(sent, world.now()).result.unwrap().outcome else {
            panic!("refused")
        };
        ids.push(remote.id.unwrap());
    }
    assert_eq!(ids[0], ids[1]);
    let wrong = Customer { email: "nobody".into(), ..customer };
    let sent = world.send(customer_set::request(&world.store, Identifier::Email, &wrong)).await;
    assert_eq!(customer_set::read(sent, world.now()).result.unwrap().outcome.class(), Class::Rejected);
}

#[tokio::test]
async fn products_go_in_bulk_with_an_end_for_each() {
    let world = World::open(|_| ()).await;
    world.tee().await;
    let mut wrong = tee();
    wrong.title = " ".into();
    wrong.options.clear();
    let products = [tee(), wrong, Product { title: "Tee two".into(), ..tee() }];
    let lines: Vec<String> = products
        .iter()
        .enumerate()
        .map(|(n, product)| map::product::to_remote(&format!("p{n}"), product).to_string())
        .collect();
    let target =
        staged_upload::read(world.send(staged_upload::request(&world.store)).await, world.now()).result.unwrap();
    let sent = world.send(staged_upload::upload(&target, lines.join("\n").as_bytes())).await;
    assert_eq!(staged_upload::read_upload(sent), None);
    let path = target.path().unwrap();
    let sent = world.send(bulk::run_mutation(&world.store, crate::document::BULK_PRODUCT_SET, path, "run-1")).await;
    let id = bulk::read_started(sent, world.now()).result.unwrap();
    let poll =
        async || bulk::read_progress(world.send(bulk::poll(&world.store, &id)).await, world.now()).result.unwrap();
    assert_eq!(poll().await, bulk::Progress::Running { objects: 0 });
    let bulk::Progress::Completed { objects, url: Some(url), .. } = poll().await else { panic!("not completed") };
    let file = world.send(Request::get(url).body(Bytes::new())).await.unwrap();
    let text = String::from_utf8(file.body().to_vec()).unwrap();
    let classes: Vec<Class> = text.lines().map(|line| bulk::row(line).unwrap().report.outcome.class()).collect();
    assert_eq!(u64::try_from(classes.len()).unwrap(), objects);
    assert_eq!(classes, [Class::Done, Class::Rejected, Class::Done]);

    let sent =
        world.send(bulk::run_mutation(&world.store, crate::document::BULK_PRODUCT_SET, "nowhere", "run-2")).await;
    assert_eq!(bulk::read_started(sent, world.now()).result.unwrap_err().outcome.class(), Class::DependencyMissing);
    let sent = world.send(bulk::run_query(&world.store, crate::document::BULK_PRODUCTS)).await;
    assert!(bulk::read_started(sent, world.now()).result.is_ok());
}

#[tokio::test]
async fn subscriptions_that_are_missing_are_made_and_their_webhooks_verify() {
    let world = World::open(|options| options.hold_webhooks = true).await;
    let heard: Arc<std::sync::Mutex<Vec<(http::HeaderMap, Bytes)>>> = Arc::default();
    let (listener, keep) = (tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap(), Arc::clone(&heard));
    let uri = format!("http://{}/hooks", listener.local_addr().unwrap());
    let router = axum::Router::new().fallback(async move |headers: http::HeaderMap, body: Bytes| {
        keep.lock().unwrap().push((headers, body));
    });
    tokio::spawn(async move { axum::serve(listener, router).await });

    let there = async || {
        subscriptions::read(world.send(subscriptions::request(&world.store)).await, world.now()).result.unwrap()
    };
    let missing = subscriptions::missing(&there().await, &uri);
    assert_eq!(missing.len(), Topic::subscribed().count());
    for topic in missing {
        let sent = world.send(subscriptions::subscribe(&world.store, topic, &uri)).await;
        assert_eq!(subscriptions::read_subscribed(sent, world.now()).result.unwrap().outcome.class(), Class::Done);
    }
    assert!(subscriptions::missing(&there().await, &uri).is_empty());
    world.tee().await;
    world.standin.enter("deliver", json!({})).await.unwrap();
    let heard = heard.lock().unwrap().clone();
    let secret = Rotating { current: SecretString::from("standin-secret"), previous: None };
    let topics: Vec<Topic> =
        heard.iter().map(|(headers, body)| verify(&secret, headers, body.clone()).unwrap().get().topic).collect();
    assert!(topics.contains(&Topic::ProductsCreate), "{topics:?}");
    let altered = Bytes::from([heard[0].1.as_ref(), b" "].concat());
    assert!(verify(&secret, &heard[0].0, altered).is_err());
}

#[tokio::test]
async fn a_store_that_threw_the_app_out_is_known_by_it() {
    let world = World::open(|_| ()).await;
    world.fail("shop", "accessDenied").await;
    let denied = shop::read(world.send(shop::request(&world.store)).await, world.now());
    assert_eq!(denied.result.unwrap_err().outcome.class(), Class::AuthBroken);
    world.standin.enter("uninstall", json!({})).await.unwrap();
    let gone = shop::read(world.send(shop::request(&world.store)).await, world.now());
    assert_eq!(gone.result.unwrap_err().outcome.class(), Class::AuthExpired);
}
