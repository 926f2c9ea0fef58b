//! What the local stack starts with: the sample catalogue, and opening stock in both warehouses.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::World;
use crate::load_books::{self, Store};
use crate::local_users::User;

/// The sample catalogue, within the project.
const CATALOGUE: &str = "tests/data/sample-books.csv";
/// Rows a warehouse takes in one request.
const ROWS: usize = 100;
/// Opening stock of every title in each warehouse.
const OPENING: i64 = 20;

/// Loads the catalogue; a store that has it already keeps it.
pub(crate) fn catalogue(world: &World) -> anyhow::Result<()> {
    let User { email, password } = world.users.admin()?;
    let store = Store::new(&world.stacks.store.url, email, password);
    let file = world.project.path(CATALOGUE);
    let summary = load_books::load(&file, Some(&store), &load_books::report_folder())?;
    summary.stopped.map_or(Ok(()), |error| Err(error).context("the sample catalogue was not loaded"))
}

/// Puts opening stock into warehouses that have none yet, through their own APIs.
pub(crate) fn stock(world: &World) -> anyhow::Result<()> {
    let isbns = all_isbns(world)?;
    for name in world.stacks.warehouses.keys() {
        let warehouse = world.warehouse_as_staff(name)?;
        let first = warehouse.get("/v1/inventory?limit=1")?.expect(200)?;
        if first["items"].as_array().is_some_and(|rows| !rows.is_empty()) {
            continue;
        }
        for chunk in isbns.chunks(ROWS) {
            let rows: Vec<Value> = chunk.iter().map(|isbn| json!({ "isbn": isbn, "onHand": OPENING })).collect();
            warehouse.put("/v1/inventory", &json!({ "rows": rows }))?.expect(200)?;
        }
    }
    world.reconcile()
}

fn all_isbns(world: &World) -> anyhow::Result<Vec<String>> {
    let admin = world.store_as("admin")?;
    let mut isbns = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = admin.get(&format!("/v1/books?limit=200{cursor}"))?.expect(200)?;
        for book in page["items"].as_array().into_iter().flatten() {
            isbns.push(book["isbn"].as_str().context("a book without ISBN")?.to_owned());
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(isbns),
        }
    }
}
