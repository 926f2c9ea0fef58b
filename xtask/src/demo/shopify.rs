//! A Shopify store, before the stand-in for one: a book goes out, a customer buys it there, the order comes in, ships from a warehouse,
//! its tracking goes back, and stock in the store follows.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::World;
use super::api::Api;
use super::cases::{Case, Shipment};
use crate::stand_ins::{SHOP, SHOP_URL};

/// How long one side may take to hear of the other: what failed once is swept a minute later.
const PATIENCE: Duration = Duration::from_secs(180);
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// The book's place in the alphabet; no other case uses it.
const PLACE: usize = 19;
const UNITS: i64 = 2;

pub(crate) fn round_trip(world: &World) -> anyhow::Result<Case> {
    let (admin, shop) = (Api::basic(&root(world), world.users.admin()?), Api::anonymous(SHOP_URL));
    connect(world, &admin)?;
    let book = goes_out(world, &admin, &shop)?;
    let before = available(&shop, &book.isbn)?.context("the store does not know the level")?;
    world.say(&format!(
        "{} is in the store at {}, {before} of them at alpha. Ada buys {UNITS} there.",
        book.title, book.price
    ));
    let buy = json!({ "items": [{ "sku": book.isbn, "quantity": UNITS }], "email": "ada@example.com", "shippingAddress": {
        "firstName": "Ada", "lastName": "Byron", "address1": "1 High Street", "city": "London", "zip": "N1 1AA", "countryCode": "GB" } });
    let bought = shop.post("/_standin/buy", &buy)?.expect(200)?;
    let bought = bought["admin_graphql_api_id"].as_str().context("the store gave no order id")?;
    let order = arrives(&admin, bought)?;
    let parcel = order["fulfillmentOrders"][0]["id"].as_str().context("the order has no parcel")?.to_owned();
    world.say(&format!(
        "{bought} came in as {}, and ships from {}.",
        order["id"], order["fulfillmentOrders"][0]["location"]
    ));
    wait("its tracking did not go back", || {
        let sent = objects(&shop, "Fulfillment")?;
        let numbers = sent.iter().flat_map(|sent| sent["trackingInfo"].as_array().into_iter().flatten());
        Ok(numbers.into_iter().any(|tracking| tracking["number"] == parcel.as_str()).then_some(()))
    })?;
    wait("stock in the store did not follow", || {
        Ok((available(&shop, &book.isbn)? == Some(before - UNITS)).then_some(()))
    })?;
    world.say(&format!("The store knows parcel {parcel}, and has {} left.", before - UNITS));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let parcels = order["fulfillmentOrders"].as_array().into_iter().flatten();
    Ok(Case {
        case: "shopify",
        statuses: vec![text(&order["status"])],
        shipments: parcels
            .map(|it| Shipment { warehouse: text(&it["location"]), status: text(&it["status"]) })
            .collect(),
        answers: Vec::new(),
    })
}

/// The API, up to but without the store's own path.
fn root(world: &World) -> String {
    world.stacks.store.url.trim_end_matches("/store").to_owned()
}

/// Installs the app as a merchant does, unless it is, and says which location is which.
fn connect(world: &World, admin: &Api) -> anyhow::Result<()> {
    let path = format!("/v1/connections/shopify/{SHOP}");
    let known = admin.get(&path)?;
    if known.status == 200 && known.body["status"] == "CONNECTED" {
        return Ok(());
    }
    let begun = admin.post("/v1/connections/shopify/install", &json!({ "shop": SHOP }))?.expect(200)?;
    let url = begun["authorizeUrl"].as_str().context("there is nowhere to send the merchant")?;
    let at_the_shop = url.strip_prefix(&format!("https://{SHOP}")).context("the merchant is sent elsewhere")?;
    // The merchant agrees at once, and the browser follows back to us.
    let connected = Api::anonymous(SHOP_URL).get(at_the_shop)?.expect(200)?;
    let place = |n: usize| connected["places"][n]["id"].clone();
    let terms = json!({ "locations": { "alpha": place(0), "beta": place(1) } });
    admin.send("PUT", &path, &[("if-match", "*")], Some(&terms))?.expect(200)?;
    world.say(&format!("{SHOP} is connected: its locations are alpha and beta."));
    Ok(())
}

struct Book {
    isbn: String,
    title: String,
    price: String,
}

/// A book gets another price and is counted, so that the store is told both.
fn goes_out(world: &World, admin: &Api, shop: &Api) -> anyhow::Result<Book> {
    let page = admin.get("/store/v1/books?limit=20")?.expect(200)?;
    let book = &page["items"][PLACE];
    let text = |key: &str| book[key].as_str().map(str::to_owned).with_context(|| format!("the book has no {key}"));
    let (id, isbn, title) = (text("id")?, text("isbn")?, text("title")?);
    world.set_stock(&[("alpha", &isbn, 20), ("beta", &isbn, 0)])?;
    let price = format!("{}.{:02}", 5 + fastrand::u8(..20), fastrand::u8(..100));
    let patch = json!({ "price": { "amount": price, "currency": "GBP" } });
    admin.send("PATCH", &format!("/store/v1/books/{id}"), &[("if-match", "*")], Some(&patch))?.expect(200)?;
    let shown = admin.get(&format!("/store/v1/books/{id}"))?.expect(200)?["available"].as_i64();
    wait("the book or its stock did not go out", || {
        let variants = objects(shop, "ProductVariant")?;
        let is_told =
            variants.iter().any(|variant| variant["sku"] == isbn.as_str() && variant["price"] == price.as_str());
        Ok((is_told && shown.is_some() && available(shop, &isbn)? == shown).then_some(()))
    })?;
    Ok(Book { isbn, title, price })
}

/// The order, once all of it left.
fn arrives(admin: &Api, bought: &str) -> anyhow::Result<Value> {
    let path = format!("/sales/v1/orders?channel=shopify:{SHOP}&externalId={bought}");
    wait("the order did not come in and ship", || {
        let found = admin.get(&path)?.expect(200)?["items"][0].clone();
        Ok((found["status"] == "SHIPPED").then_some(found))
    })
}

fn objects(shop: &Api, kind: &str) -> anyhow::Result<Vec<Value>> {
    let found = shop.post("/_standin/objects", &json!({ "type": kind }))?.expect(200)?;
    Ok(found.as_array().cloned().unwrap_or_default())
}

/// What can be bought of an item at the store's first location.
fn available(shop: &Api, isbn: &str) -> anyhow::Result<Option<i64>> {
    let variants = objects(shop, "ProductVariant")?;
    let Some(variant) = variants.iter().find(|variant| variant["sku"] == isbn) else { return Ok(None) };
    let first = objects(shop, "Location")?.first().map(|location| location["id"].clone());
    let levels = objects(shop, "InventoryLevel")?;
    let here = levels
        .iter()
        .find(|level| level["item"] == variant["inventoryItem"] && Some(&level["location"]) == first.as_ref());
    Ok(here.and_then(|level| level["amounts"]["available"].as_i64()))
}

/// Looks until there is something.
fn wait<T>(what: &str, look: impl Fn() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let started = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        ensure!(started.elapsed() < PATIENCE, "{what} within {} s", PATIENCE.as_secs());
        thread::sleep(LOOK_AGAIN);
    }
}
