//! Everything a store sells, read in one go: the store writes all products into a file, which is read in parts by several
//! workers into documents of a batch ([`documents::batch`]).
//!
//! A part is a range of bytes and owns the products that begin in it; a worker's place in it is where the next product begins.
//! The store counted the products, the file has a length, and what belongs to a product stands right after it: all three are
//! held against what came, and the batch is a success only when as many products are stored as were counted.

use async_trait::async_trait;
use documents::batch::{self, Batch, BatchId, Batches, Row, Source, SourcePage, Turn, Verdict, run_part};
use documents::{DocumentType, Report};
use kernel::TenantId;
use serde_json::{Value, json};
use table::Table;

use super::file::{MAX_PIECE, PIECE, Piece, json as read_line, piece};
use super::runs::{File, Run, RunId};
use super::{ENTITY, Operations};
use crate::Shop;
use crate::calls::{Store, bulk};
use crate::client::{Client, To, unstored};
use crate::document::{BULK_PRODUCTS, BULK_QUERY};
use crate::inbound::{DELIVERY_DAYS, SHAPE_VERSION, STATE};
use crate::outbound::refused;
use crate::stores::Connection;

/// The least a part has, and the most parts there are: they stand in one transaction, and in the state of what drives this.
const PART_BYTES: u64 = 16 << 20;
const MAX_PARTS: u64 = 40;

/// The steps.
pub struct FullSync {
    pub operations: Operations,
    pub table: Table,
}

/// The batch of a run.
#[must_use]
pub fn batch_of(run: RunId) -> BatchId {
    BatchId::from_ulid(run.ulid())
}

/// Ranges of bytes, `<from>-<to>`, that are the whole file together.
fn parts(bytes: u64) -> Vec<String> {
    ranges(bytes, PART_BYTES.max(bytes.div_ceil(MAX_PARTS)))
}

fn ranges(bytes: u64, size: u64) -> Vec<String> {
    (0..bytes.div_ceil(size)).map(|n| format!("{}-{}", n * size, bytes.min((n + 1) * size))).collect()
}

impl FullSync {
    /// Has the store begin to write its products into a file. The same run again is the one that was begun.
    pub async fn begin(&self, tenant: &TenantId, shop: &Shop, id: RunId) -> Result<(), Report> {
        let Operations { client, runs, .. } = &self.operations;
        self.operations.store(tenant, shop).await?;
        let mut run =
            runs.begin(tenant, id, shop, self.operations.clock.now()).await.map_err(|error| unstored(&error))?;
        if run.operation.is_some() {
            return Ok(());
        }
        let to = To { tenant, shop, entity: ENTITY };
        let build = |at: &Store| bulk::run_query(at, BULK_PRODUCTS);
        // Should its answer be lost there are two, of which one is read.
        run.operation = Some(client.call(to, BULK_QUERY.points, build, bulk::read_started).await?);
        self.operations.save(tenant, &mut run).await
    }

    /// Cuts the file into parts and opens their batch.
    pub async fn open(&self, tenant: &TenantId, id: RunId) -> Result<Vec<String>, Report> {
        let (run, file) = self.ended(tenant, id).await?;
        if file.url.is_none() && file.roots > 0 {
            return Err(refused("OTHER_FILE", format!("{} products and no file", file.roots)));
        }
        self.ledger(tenant, &run, &file).await?;
        Ok(parts(file.bytes))
    }

    /// Reads a part until it is done or the time is up, unless somebody else is at it; whether it is done.
    pub async fn read(
        &self,
        tenant: &TenantId,
        id: RunId,
        part: &str,
        by: &str,
        is_over: &(dyn Fn() -> bool + Sync),
    ) -> Result<bool, Report> {
        let (run, file) = self.ended(tenant, id).await?;
        let ledger = self.ledger(tenant, &run, &file).await?;
        let source = Products { client: &self.operations.client, file: &file, pieces: [PIECE, MAX_PIECE] };
        match run_part(&source, &ledger, part, by, is_over).await.map_err(|error| unstored(&error))? {
            Turn::Done => Ok(true),
            Turn::Interrupted => Ok(false),
            Turn::Failed(report) => Err(report),
            Turn::NotMine => {
                let parts = ledger.parts().await.map_err(|error| unstored(&error))?;
                Ok(parts.iter().any(|known| known.name == part && known.done))
            }
        }
    }

    /// Whether everything is there.
    pub async fn judge(&self, tenant: &TenantId, id: RunId) -> Result<Verdict, Report> {
        let (run, file) = self.ended(tenant, id).await?;
        let parts = self.ledger(tenant, &run, &file).await?.parts().await.map_err(|error| unstored(&error))?;
        Ok(batch::verdict(&parts))
    }

    async fn ended(&self, tenant: &TenantId, id: RunId) -> Result<(Run, File), Report> {
        let run = self.operations.run(tenant, id).await?;
        let file = run.file.clone().ok_or_else(|| refused("NOT_ENDED", "the store has not ended the operation"))?;
        Ok((run, file))
    }

    async fn ledger(&self, tenant: &TenantId, run: &Run, file: &File) -> Result<Batches, Report> {
        let Connection { id, shop, .. } = self.operations.store(tenant, &run.shop).await?;
        let batch = Batch {
            id: batch_of(run.id),
            kind: DocumentType::literal(STATE),
            shape: SHAPE_VERSION,
            connection: id,
            source: shop.to_string(),
            parts: parts(file.bytes),
            started_at: run.begun_at,
            keep_days: DELIVERY_DAYS,
        };
        let ledger = Batches::begin(self.table.clone(), self.operations.clock.clone(), tenant.clone(), batch).await;
        ledger.map_err(|error| unstored(&error))
    }
}

/// The products in a file.
struct Products<'a> {
    client: &'a Client,
    file: &'a File,
    /// How much is read at once, and how much when that holds no whole product.
    pieces: [u64; 2],
}

/// Where in a part reading goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// At a product.
    Product,
    /// At a line, perhaps of a product that another part owns.
    Line,
    /// Amid such a line.
    Amid,
}

fn range(part: &str) -> Result<(u64, u64), Report> {
    let range = part.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    range.ok_or_else(|| refused("NOT_A_RANGE", "expected <from>-<to>"))
}

#[async_trait]
impl Source for Products<'_> {
    /// How many products a range holds nobody knows; the first part stands for them all.
    async fn count(&self, part: &str) -> Result<u64, Report> {
        Ok(if range(part)?.0 == 0 { self.file.roots } else { 0 })
    }

    async fn page(&self, part: &str, cursor: Option<&str>) -> Result<SourcePage, Report> {
        let (from, to) = range(part)?;
        let (mut at, mut begin) = match cursor.map(str::parse::<u64>) {
            Some(Ok(at)) if (from..to).contains(&at) => (at, From::Product),
            Some(_) => return Err(refused("UNKNOWN_CURSOR", "the place is not in the part")),
            None if from == 0 => (0, From::Product),
            // What ends right before the part must not hide that the part begins with a line.
            None => (from - 1, From::Amid),
        };
        let [mut size, largest] = self.pieces;
        loop {
            let piece = piece(self.client, self.file, at, size).await?;
            let Group { rows, next, is_begun } = group(&piece, begin, to)?;
            let is_stuck = rows.is_empty() && next == Some(at);
            match next {
                Some(_) if is_stuck && size == largest => {
                    return Err(refused("TOO_LONG", "a product of the file is longer than what can be read at once"));
                }
                Some(_) if is_stuck => size = largest,
                Some(next) if !is_begun => (at, begin) = (next, From::Line),
                next => return Ok(SourcePage { rows, next: next.map(|next| next.to_string()) }),
            }
        }
    }
}

/// What a piece holds of a part.
struct Group {
    rows: Vec<Row>,
    /// Where the first product begins that is not whole in it; `None` when the part is over.
    next: Option<u64>,
    /// Whether a product has begun, so that `next` is one's.
    is_begun: bool,
}

/// A product's line and those of its variants, as a product is read otherwise.
struct Open {
    at: u64,
    product: Value,
    variants: Vec<Value>,
}

impl Open {
    fn row(mut self) -> Result<Row, Report> {
        let text = |name: &str| self.product[name].as_str().map(str::to_owned);
        let unnamed = || refused("UNREADABLE_FILE", "a product has no id or no time");
        let (external_id, revision) = (text("id").ok_or_else(unnamed)?, text("updatedAt").ok_or_else(unnamed)?);
        self.product["variants"] = json!({ "pageInfo": { "hasNextPage": false }, "nodes": self.variants });
        Ok(Row { external_id, revision, payload: self.product.to_string() })
    }
}

fn group(piece: &Piece, begin: From, to: u64) -> Result<Group, Report> {
    let mut rows = Vec::new();
    let mut open: Option<Open> = None;
    let mut is_begun = begin == From::Product;
    for (at, line) in piece.lines().skip(usize::from(begin == From::Amid)) {
        let mut value = read_line(line)?;
        let parent = value.as_object_mut().and_then(|fields| fields.remove("__parentId"));
        match (parent, &mut open) {
            (None, _) => {
                rows.extend(open.take().map(Open::row).transpose()?);
                if at >= to {
                    return Ok(Group { rows, next: None, is_begun });
                }
                is_begun = true;
                open = Some(Open { at, product: value, variants: Vec::new() });
            }
            (Some(parent), Some(open)) if parent == open.product["id"] => open.variants.push(value),
            (Some(_), None) if !is_begun => {}
            (Some(_), _) => return Err(refused("UNGROUPED_FILE", "a line does not follow what it belongs to")),
        }
    }
    if piece.is_last {
        rows.extend(open.map(Open::row).transpose()?);
        return Ok(Group { rows, next: None, is_begun });
    }
    Ok(Group { rows, next: Some(open.map_or(piece.next, |open| open.at)), is_begun })
}

#[cfg(test)]
mod tests;
