//! The four orders of the demonstration, each through the public API, and what must come of it.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde::Serialize;
use serde_json::{Value, json};

use super::World;
use crate::local_users::CUSTOMERS;

/// How long an order may take to come to its end.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often the warehouses are asked whether they are there, while one is not.
const CHECK_AGAIN: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Books of the catalogue that the demonstration uses.
const TITLES: usize = 20;
/// Nobody listens there, so a call surely does not arrive.
const NOWHERE: &str = "http://127.0.0.1:9";

/// One order of the demonstration.
#[derive(Debug, Serialize)]
pub(crate) struct Case {
    /// `single`, `split`, `lastCopy`, `offline` or `shopify`.
    pub(crate) case: &'static str,
    /// Every status it had; of an order from a store, its last.
    pub(crate) statuses: Vec<String>,
    /// Its parcels: warehouse and status.
    pub(crate) shipments: Vec<Shipment>,
    /// What the customers were told first.
    pub(crate) answers: Vec<u16>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Shipment {
    pub(crate) warehouse: String,
    pub(crate) status: String,
}

/// A book of the sample catalogue that a case uses.
struct Title {
    id: String,
    isbn: String,
    title: String,
}

/// One order that one warehouse can fill.
pub(crate) fn single(world: &World) -> anyhow::Result<Case> {
    let book = title(world, 0)?;
    world.set_stock(&[("alpha", &book.isbn, 20), ("beta", &book.isbn, 0)])?;
    world.say(&format!("Ada orders one copy of {}. Only alpha has it.", book.title));
    let placed = place(world, "ada", &[(&book, 1)], "wait=20")?;
    let case = finished(world, "single", vec![placed])?;
    expect(&case, &[("alpha", "SHIPPED")], "SHIPPED")?;
    Ok(case)
}

/// One order that takes both warehouses.
pub(crate) fn split(world: &World) -> anyhow::Result<Case> {
    let (first, second) = (title(world, 1)?, title(world, 2)?);
    world.set_stock(&[("alpha", &first.isbn, 20), ("beta", &first.isbn, 0)])?;
    world.set_stock(&[("alpha", &second.isbn, 0), ("beta", &second.isbn, 20)])?;
    world.say(&format!("Grace orders {} and {}. No warehouse has both.", first.title, second.title));
    let placed = place(world, "grace", &[(&first, 1), (&second, 1)], "wait=20")?;
    let case = finished(world, "split", vec![placed])?;
    expect(&case, &[("alpha", "SHIPPED"), ("beta", "SHIPPED")], "SHIPPED")?;
    Ok(case)
}

/// Two customers, one copy, at the same time.
pub(crate) fn last_copy(world: &World) -> anyhow::Result<Case> {
    let book = with_one_copy(world)?;
    world.say(&format!("Ada and Grace both order the last copy of {}, at the same time.", book.title));
    let answers: Vec<anyhow::Result<Placed>> = thread::scope(|scope| {
        let race = CUSTOMERS.map(|name| scope.spawn(|| place(world, name, &[(&book, 1)], "wait=20")));
        race.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a customer panicked"))).collect()
    });
    let case = finished(world, "lastCopy", answers.into_iter().collect::<anyhow::Result<_>>()?)?;
    let mut told = case.answers.clone();
    told.sort_unstable();
    ensure!(told == [201, 409], "the customers were told {told:?} instead of 201 and 409");
    expect(&case, &[("alpha", "SHIPPED")], "SHIPPED")?;
    Ok(case)
}

/// An order whose warehouse is gone before it can be told.
pub(crate) fn offline(world: &World) -> anyhow::Result<Case> {
    let book = title(world, 4)?;
    world.set_stock(&[("alpha", &book.isbn, 20), ("beta", &book.isbn, 5)])?;
    world.say(&format!("Alpha drops off the network. Ada orders {}, of which alpha has most.", book.title));
    world.pause_registration("alpha", true)?;
    let outcome = offline_order(world, &book);
    // Whatever came of it, alpha comes back.
    world.pause_registration("alpha", false)?;
    world.register("alpha", &world.warehouse("alpha")?.url)?;
    let case = outcome?;
    let last = case.shipments.last().context("the order has no parcel")?;
    ensure!(last.warehouse == "beta" && last.status == "SHIPPED", "the order was not sent by beta: {case:?}");
    Ok(case)
}

fn offline_order(world: &World, book: &Title) -> anyhow::Result<Case> {
    world.register("alpha", NOWHERE)?;
    let placed = place(world, "ada", &[(book, 1)], "respond-async")?;
    // Accepted, and alpha cannot be told.
    let order = wait_for(world, &placed, |order| order["status"] != "PENDING")?;
    ensure!(order["status"] != "REJECTED", "the order was rejected: {order}");
    world.say("The health check finds alpha offline; its parcel moves to beta.");
    let started = Instant::now();
    // A parcel that is being offered to alpha in this very moment moves with the next check.
    loop {
        world.check_health()?;
        let order = wait_at_most(world, &placed, CHECK_AGAIN, |order| order["status"] == "SHIPPED")?;
        if order["status"] == "SHIPPED" || started.elapsed() > PATIENCE {
            return finished(world, "offline", vec![placed]);
        }
    }
}

/// An answer to a customer.
struct Placed {
    customer: &'static str,
    status: u16,
    order: Value,
}

fn place(world: &World, customer: &'static str, items: &[(&Title, i64)], prefer: &str) -> anyhow::Result<Placed> {
    let items: Vec<Value> = items.iter().map(|(b, quantity)| json!({ "bookId": b.id, "quantity": quantity })).collect();
    let body = json!({ "items": items, "payment": { "method": "card", "token": "tok_visa" } });
    let key = format!("demo-{:016x}", fastrand::u64(..));
    let headers = [("idempotency-key", key.as_str()), ("prefer", prefer)];
    let answer = world.store_as(customer)?.send("POST", "/v1/orders", &headers, Some(&body))?;
    ensure!(matches!(answer.status, 201 | 409), "the order was answered {}: {}", answer.status, answer.body);
    Ok(Placed { customer, status: answer.status, order: answer.body })
}

/// The order, once it is `done`.
fn wait_for(world: &World, placed: &Placed, done: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
    let order = wait_at_most(world, placed, PATIENCE, &done)?;
    ensure!(done(&order), "the order did not move on: {order}");
    Ok(order)
}

/// The order, once it is `done` or the time is up.
fn wait_at_most(
    world: &World,
    placed: &Placed,
    time: Duration,
    done: impl Fn(&Value) -> bool,
) -> anyhow::Result<Value> {
    let id = placed.order["id"].as_str().context("the answer has no order id")?;
    let customer = world.store_as(placed.customer)?;
    let started = Instant::now();
    loop {
        let order = customer.get(&format!("/v1/orders/{id}"))?.expect(200)?;
        if done(&order) || started.elapsed() > time {
            return Ok(order);
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// Waits until the one order that was taken has come to its end and its payment is settled.
fn finished(world: &World, case: &'static str, placed: Vec<Placed>) -> anyhow::Result<Case> {
    let taken = placed.iter().find(|p| p.status == 201).context("nobody's order was taken")?;
    let order = wait_for(world, taken, |order| {
        matches!(order["status"].as_str(), Some("SHIPPED" | "REJECTED" | "CANCELLED"))
            && order["payment"]["status"] != "AUTHORIZED"
    })?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let case = Case {
        case,
        statuses: order["history"].as_array().into_iter().flatten().map(|entry| text(&entry["status"])).collect(),
        shipments: order["shipments"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|s| Shipment { warehouse: text(&s["warehouse"]), status: text(&s["status"]) })
            .collect(),
        answers: placed.iter().map(|p| p.status).collect(),
    };
    let parcels: Vec<String> = case.shipments.iter().map(|s| format!("{} {}", s.warehouse, s.status)).collect();
    world.say(&format!(
        "{} -> {}; parcels: {}; payment {} {}",
        text(&order["id"]),
        case.statuses.join(" -> "),
        parcels.join(", "),
        text(&order["payment"]["status"]),
        text(&order["payment"]["captured"]["amount"]),
    ));
    Ok(case)
}

fn expect(case: &Case, shipments: &[(&str, &str)], last: &str) -> anyhow::Result<()> {
    let mut found: Vec<_> = case.shipments.iter().map(|s| (s.warehouse.as_str(), s.status.as_str())).collect();
    found.sort_unstable();
    ensure!(found == shipments, "the parcels are {found:?} instead of {shipments:?}");
    ensure!(case.statuses.last().is_some_and(|s| s == last), "the order ended as {:?}", case.statuses);
    Ok(())
}

/// A book with exactly one copy for sale. Not always the same one: somebody may have ordered copies that are not sent yet.
fn with_one_copy(world: &World) -> anyhow::Result<Title> {
    for place in 5..TITLES {
        let book = title(world, place)?;
        world.set_stock(&[("alpha", &book.isbn, 1), ("beta", &book.isbn, 0)])?;
        let shown = world.store_as("admin")?.get(&format!("/v1/books/{}", book.id))?.expect(200)?;
        if shown["available"] == 1 {
            return Ok(book);
        }
    }
    bail!("every book has copies that are promised already")
}

/// The book at this place of the alphabet.
fn title(world: &World, place: usize) -> anyhow::Result<Title> {
    let page = world.store_as("admin")?.get(&format!("/v1/books?limit={TITLES}"))?.expect(200)?;
    let book = &page["items"][place];
    let text = |key: &str| book[key].as_str().map(str::to_owned).with_context(|| format!("no book at {place}"));
    Ok(Title { id: text("id")?, isbn: text("isbn")?, title: text("title")? })
}
