//! The flows of the connector on the local stack, after the demonstration: products go in a file when single calls fail, and a full
//! synchronisation is stopped and begun again.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use crate::aws::{self, Cloud};
use crate::demo::api::Api;
use crate::local_users::Users;
use crate::project::Project;
use crate::shell::step;
use crate::stacks::LocalStack;
use crate::stand_ins;
use crate::tools::Tools;

/// How long either may take: what failed is swept a minute later, and sent in a file a minute after that.
const PATIENCE: Duration = Duration::from_secs(480);
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// One more than open a circuit.
const BOOKS: usize = 6;
/// So many that reading them takes some seconds.
const PRODUCTS: u64 = 4_000;

/// Books whose new price the store does not take by single calls.
pub(crate) struct HeldUp(Vec<(String, String)>);

/// The store fails at every product, and some books get another price.
pub(crate) fn hold_up(project: &Project) -> anyhow::Result<HeldUp> {
    let (stacks, users) = (LocalStack::load(project)?, Users::load(project)?);
    let (store, shop) = (Api::basic(&stacks.store.url, users.admin()?), Api::anonymous(stand_ins::SHOP_URL));
    let fault = json!({ "operation": "productSet", "kind": "serverError", "times": 1_000_000 });
    shop.post("/_standin/faults", &fault)?.expect(200)?;
    let page = store.get(&format!("/v1/books?limit={BOOKS}"))?.expect(200)?;
    let mut books = Vec::new();
    for book in page["items"].as_array().into_iter().flatten() {
        let text = |key: &str| book[key].as_str().with_context(|| format!("the book has no {key}"));
        let price = format!("{}.{:02}", 30 + fastrand::u8(..20), fastrand::u8(..100));
        let patch = json!({ "price": { "amount": price, "currency": "GBP" } });
        store.send("PATCH", &format!("/v1/books/{}", text("id")?), &[("if-match", "*")], Some(&patch))?.expect(200)?;
        books.push((text("isbn")?.to_owned(), price));
    }
    Ok(HeldUp(books))
}

/// They are in the store, in time: the schedule has begun the flow that sends what waits in a file.
pub(crate) fn went_around(project: &Project, HeldUp(books): &HeldUp) -> anyhow::Result<()> {
    let (stacks, users) = (LocalStack::load(project)?, Users::load(project)?);
    let root = stacks.store.url.strip_suffix("/store").context("the store's URL ends in /store")?;
    let operations = Api::basic(root, users.admin()?);
    let shop = Api::anonymous(stand_ins::SHOP_URL);
    within("books did not go in a file", || {
        let variants = shop.post("/_standin/objects", &json!({ "type": "ProductVariant" }))?.expect(200)?;
        let variants = variants.as_array().context("no list of variants")?;
        let is_there = |(isbn, price): &(String, String)| {
            variants.iter().any(|variant| variant["sku"] == isbn.as_str() && variant["price"] == price.as_str())
        };
        Ok(books.iter().all(is_there).then_some(()))
    })
    .with_context(|| open_products(&operations))?;
    let seen = shop.post("/_standin/counters", &json!({}))?.expect(200)?;
    let files = seen["operations"]["bulkOperationRunMutation"].as_u64().unwrap_or_default();
    ensure!(files > 0, "the books are in the store, but no file was sent: {seen}");
    eprintln!("{} books that the store took by no single call went in {files} files, by the schedule", books.len());
    Ok(())
}

/// The documents of products that are not done, for whoever has to find out why.
fn open_products(operations: &Api) -> String {
    let of = |state: &str| {
        let page = operations.get(&format!("/v1/operations/documents?type=product&state={state}"));
        page.and_then(|answer| answer.expect(200))
            .map_or_else(|error| error.to_string(), |page| page["items"].to_string())
    };
    ["NEW", "PROCESSING", "FAILED", "ERROR"].map(|state| format!("{state}: {}", of(state))).join("\n")
}

/// Reads everything the store of the demonstration sells: an execution is begun and stopped while it reads, and another begun with
/// the same input, which has to end well and find as much as the store counted.
pub(crate) fn full_sync(project: &Project) -> anyhow::Result<()> {
    let tools = &step("install the tools", |step| Tools::install(project, step))?;
    let stacks = LocalStack::load(project)?;
    let machine = stacks.store.outputs.get("FullSyncStateMachine").context("the store has no FullSyncStateMachine")?;
    let shop = Api::anonymous(stand_ins::SHOP_URL);
    // What is told of each product would be a load of its own.
    shop.post("/_standin/hold", &json!({ "held": true }))?.expect(200)?;
    shop.post("/_standin/products", &json!({ "count": PRODUCTS }))?.expect(200)?;
    let states =
        |operation, arguments: &Value| aws::call(project, tools, Cloud::Local, ("stepfunctions", operation), arguments);
    let input = json!({ "shop": stand_ins::SHOP, "run": format!("{:016x}", fastrand::u64(..)) }).to_string();
    let start = || -> anyhow::Result<Value> {
        let begun = states("start_execution", &json!({ "stateMachineArn": machine, "input": input }))?;
        Ok(json!({ "executionArn": begun["executionArn"] }))
    };
    let times_in = |execution: &Value, event: &str| -> anyhow::Result<usize> {
        let history = states("get_execution_history", execution)?;
        let events = history["events"].as_array().into_iter().flatten();
        Ok(events.filter(|it| it["type"] == event && it.to_string().contains("\"ReadParts\"")).count())
    };

    let stopped = start()?;
    within("the full synchronisation did not begin to read", || {
        Ok((times_in(&stopped, "MapStateEntered")? > 0).then_some(()))
    })?;
    states("stop_execution", &stopped)?;
    ensure!(
        times_in(&stopped, "MapStateExited")? == 0,
        "the full synchronisation had read a part before it was stopped"
    );
    let running = start()?;
    let output = within("the full synchronisation did not end", || {
        let execution = states("describe_execution", &running)?;
        match execution["status"].as_str() {
            Some("RUNNING") => Ok(None),
            Some("SUCCEEDED") => {
                Ok(Some(serde_json::from_str::<Value>(execution["output"].as_str().unwrap_or_default())?))
            }
            _ => bail!("the full synchronisation ended otherwise: {execution}"),
        }
    })?;
    ensure!(
        output["stored"].as_u64() >= Some(PRODUCTS) && output["stored"] == output["counted"],
        "the full synchronisation found {output}"
    );
    eprintln!(
        "    stopped while it read, and begun again: {} products, as many as the store counted",
        output["stored"]
    );
    Ok(())
}

/// Looks again until there is something.
fn within<T>(what: &str, look: impl Fn() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(found) = look()? {
            return Ok(found);
        }
        thread::sleep(LOOK_AGAIN);
    }
    bail!("{what} within {PATIENCE:?}")
}
