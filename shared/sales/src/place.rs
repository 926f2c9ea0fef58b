//! Placing an order: one read, one transaction, no call to anybody else.
//!
//! The read fetches the order under its idempotency key, the locations, the list of hot items, the books, what of them are
//! kits, and the levels together; what a kit is made of, and places this process meets for the first time, cost a second
//! one. The transaction writes the order (PENDING, with its payment and parcels), takes the stock it promises under the
//! versions that were read, and announces it. Paying and shipping follow by event, so that a crash at any point leaves either no
//! order or one that goes on by itself.

use crate::order::{Line, MAX_LINES, MAX_QUANTITY, Order, OrderId, Terms};
use crate::payment::Payment;
use crate::status::OrderStatus;
use crate::stock::{self, Place, Stock};
use crate::store::{OrderItem, decode, order_key};
use crate::{Known, Sales, plan};
use catalog::{Book, BookId};
use inventory::allocation::{Parcel, Shortage};
use inventory::hot::HotList;
use inventory::kit::Kit;
use inventory::store::post;
use inventory::{LocationId, Locations, Posting, Refusal, Sku};
use kernel::{Backoff, Context, Event, Isbn, Money, MoneyError, TenantId, hex};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use table::{Consistency, Entity, Item, Key, TableError, TransactionError};

/// Orders that want the same copies at the same time are serialised by the versions of their levels. The loser
/// allocates again from what is left, this often.
const CONTENTION: Backoff = Backoff::exponential(Duration::from_millis(8), Duration::from_secs(1), 24);

/// Most levels one order may promise units of: each is two actions of a transaction that may have 100.
pub const MAX_LEVELS: usize = 40;

/// Event: an order was placed.
pub const ORDER_PLACED: &str = "sales.order.placed.v1";

/// What a customer asks for.
#[derive(Debug, Clone)]
pub struct PlaceOrder {
    /// The customer's principal.
    pub customer: String,
    /// The client's key; the same key and the same request give the same order.
    pub idempotency_key: Option<String>,
    /// Books and units, no book twice.
    pub items: Vec<(BookId, i64)>,
    /// Kind of payment, such as `card`.
    pub payment_method: String,
    /// The provider's token.
    pub payment_token: String,
}

/// The order, and whether it was there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// It is new.
    New(Order),
    /// It was placed by an earlier request with the same key and content; this is the order as it stands now.
    Replayed(Order),
}

/// Why nothing was placed. Positions are those of [`PlaceOrder::items`].
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// None, or more than [`MAX_LINES`].
    #[error("an order has 1 to {MAX_LINES} items")]
    NumberOfItems,
    /// Below 1 or above [`MAX_QUANTITY`].
    #[error("quantities are 1 to {MAX_QUANTITY}")]
    Quantity(usize),
    /// The same book as an earlier item.
    #[error("a book is ordered twice")]
    Repeated(usize),
    /// No such book, or it is no longer sold.
    #[error("some books are not sold")]
    UnknownBooks(Vec<usize>),
    /// Books priced in different currencies.
    #[error("the books are priced in different currencies")]
    MixedCurrencies,
    /// The total is beyond what money can hold.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// All healthy locations together hold too little.
    #[error("not enough stock")]
    OutOfStock(Vec<Shortage>),
    /// Its kits are made of more items than one transaction moves.
    #[error("an order promises at most {MAX_LEVELS} items in all")]
    TooManyItems,
    /// The key was used for another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// A level does not allow what allocation took from it: a person must look.
    #[error("stock and allocation disagree: {0}")]
    Inconsistent(#[from] Refusal),
    /// Too many others want the same copies right now.
    #[error("too many orders for the same copies at once")]
    Contended,
    /// The table did not do it.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Everything the one read found.
#[derive(Default)]
struct Found {
    existing: Option<Order>,
    books: BTreeMap<BookId, Book>,
    kits: BTreeMap<Sku, Vec<(Sku, i64)>>,
    stock: Stock,
}

impl Sales {
    /// Places an order. See the module for what happens and what does not.
    pub async fn place(&self, tenant: &TenantId, request: &PlaceOrder, cause: &Context) -> Result<Placed, PlaceError> {
        check(&request.items)?;
        let fingerprint = fingerprint(request);
        let id = match &request.idempotency_key {
            Some(key) => OrderId::derive(&[tenant.as_str(), &request.customer, key]),
            None => OrderId::new(&self.clock),
        };
        let mut found = self.find(tenant, id, &request.items).await?;
        for attempt in 1.. {
            if let Some(order) = found.existing {
                return replay(order, &fingerprint);
            }
            let order = self.draft(id, request, &fingerprint, &found)?;
            match self.commit(tenant, &order, &mut found, cause).await? {
                Committed::Yes => return Ok(Placed::New(order)),
                Committed::Lost => {}
            }
            let Some(wait) = CONTENTION.delay(attempt, &mut fastrand::Rng::new()) else { break };
            tokio::time::sleep(wait).await;
        }
        Err(PlaceError::Contended)
    }

    /// The one read. Names of locations and of hot items are remembered between calls, never health or stock: a new one
    /// costs a second read the first time it is met, and a kit costs one for its components.
    async fn find(&self, tenant: &TenantId, id: OrderId, items: &[(BookId, i64)]) -> Result<Found, PlaceError> {
        let known = self.known(tenant);
        let skus: BTreeSet<Sku> = items.iter().filter_map(|(book, _)| sku_of(*book)).collect();
        let asked = stock::with_shards(&known.hot, &places(&known.locations, &skus));
        let mut keys: Vec<Key> = vec![order_key(tenant, id), Locations::key_of(tenant), HotList::key_of(tenant)];
        keys.extend(items.iter().map(|(book, _)| Book::key(tenant, *book)));
        keys.extend(skus.iter().map(|sku| Kit::key_of(tenant, sku)));
        keys.extend(stock::keys(tenant, &asked));
        let mut found = Found::default();
        found.take(self.table.get_many(&keys, Consistency::Eventual).await?)?;
        let locations: BTreeSet<LocationId> = found.stock.locations.by_id.keys().cloned().collect();
        let made_of = found.kits.values().flatten().map(|(sku, _)| sku.clone());
        let held: BTreeSet<Sku> = skus.into_iter().filter(|sku| !found.kits.contains_key(sku)).chain(made_of).collect();
        let all = stock::with_shards(&found.stock.hot, &places(&locations, &held));
        let rest: BTreeSet<Place> = all.difference(&asked).cloned().collect();
        if !rest.is_empty() {
            let keys: Vec<Key> = stock::keys(tenant, &rest).collect();
            found.take(self.table.get_many(&keys, Consistency::Eventual).await?)?;
        }
        let now = Known { locations, hot: found.stock.hot.clone() };
        if now != known {
            self.remember(tenant, now);
        }
        Ok(found)
    }

    /// The order as it would be, from what was found.
    fn draft(&self, id: OrderId, request: &PlaceOrder, fingerprint: &str, found: &Found) -> Result<Order, PlaceError> {
        let (lines, currency) = price(&request.items, found)?;
        let stock = found.stock.availability(&[], None);
        let parcels: Vec<Parcel> = plan::fill(&plan::all_of(&lines), &stock).map_err(PlaceError::OutOfStock)?;
        let placed_at = self.now();
        let mut order = Order {
            id,
            customer: request.customer.clone(),
            status: OrderStatus::Pending,
            placed_at,
            currency,
            lines,
            shipments: Vec::new(),
            planned: parcels.len(),
            payment: Payment::pending(&request.payment_method, &request.payment_token),
            more_payments: Vec::new(),
            refunds: Vec::new(),
            returns: Vec::new(),
            holds: Vec::new(),
            terms: Terms { unkeyed: request.idempotency_key.is_none(), ..Terms::default() },
            address: None,
            placed_lines: None,
            merged: Vec::new(),
            merged_into: None,
            listed: false,
            history: vec![(OrderStatus::Pending, placed_at)],
            fingerprint: fingerprint.to_owned(),
            version: 1,
        };
        order.plan(&parcels);
        order.total()?;
        Ok(order)
    }

    /// Writes the order with its promises of stock and its event. When someone else was first, puts what they left into
    /// `found`, so that another attempt needs no read.
    async fn commit(
        &self,
        tenant: &TenantId,
        order: &Order,
        found: &mut Found,
        cause: &Context,
    ) -> Result<Committed, PlaceError> {
        let mut transaction = self.table.transaction(tenant);
        transaction.create(&OrderItem::from(order));
        transaction.event(&placed_event(tenant, order, &*self.clock)?.caused_by(cause));
        let posting = Posting {
            source: order.id.to_string(),
            actor: order.customer.clone(),
            reason: None,
            effective_at: order.placed_at,
        };
        let promised = found.stock.movements(order.promises());
        if promised.len() > MAX_LEVELS {
            return Err(PlaceError::TooManyItems);
        }
        for (level, movements) in promised {
            // Allocation took no more than is available, so the level allows it.
            post(&mut transaction, &level, &movements, &posting)?;
        }
        match transaction.commit().await {
            Ok(()) => Ok(Committed::Yes),
            Err(TransactionError::Conditions(actions)) => {
                found.take(actions.into_iter().map(|failed| failed.and_then(|f| f.old)).collect())?;
                Ok(Committed::Lost)
            }
            Err(TransactionError::TokenReused) => Ok(Committed::Lost),
            Err(TransactionError::Table(TableError::Conflict(_))) => Ok(Committed::Lost),
            Err(TransactionError::Table(error)) => Err(error.into()),
        }
    }
}

enum Committed {
    Yes,
    Lost,
}

impl Found {
    /// Sorts items of any kind into their places.
    fn take(&mut self, items: Vec<Option<Item>>) -> Result<(), TableError> {
        for item in items.into_iter().flatten() {
            let Some(item) = self.stock.take(item)? else { continue };
            if Book::is(&item) {
                let book = Book::decode(item)?.value;
                self.books.insert(book.id, book);
            } else if item.kind() == Kit::KIND {
                let kit = item.decode::<Kit>()?.value;
                self.kits.insert(kit.sku, kit.components);
            } else if item.kind() == OrderItem::KIND {
                self.existing = Some(decode(item)?);
            }
            // Anything else is a ledger entry that was written first; its level comes with it.
        }
        Ok(())
    }
}

fn check(items: &[(BookId, i64)]) -> Result<(), PlaceError> {
    if !(1..=MAX_LINES).contains(&items.len()) {
        return Err(PlaceError::NumberOfItems);
    }
    for (index, (book, quantity)) in items.iter().enumerate() {
        if !(1..=MAX_QUANTITY).contains(quantity) {
            return Err(PlaceError::Quantity(index));
        }
        if items.iter().take(index).any(|(earlier, _)| earlier == book) {
            return Err(PlaceError::Repeated(index));
        }
    }
    Ok(())
}

fn price(items: &[(BookId, i64)], found: &Found) -> Result<(Vec<Line>, kernel::Currency), PlaceError> {
    let mut lines = Vec::with_capacity(items.len());
    let mut unknown = Vec::new();
    let mut currencies = BTreeSet::new();
    for (index, (id, quantity)) in items.iter().enumerate() {
        match (found.books.get(id).filter(|book| book.active), sku_of(*id)) {
            (Some(book), Some(sku)) => {
                currencies.insert(book.price.currency().code());
                let components = found.kits.get(&sku).cloned().unwrap_or_default();
                lines.push(Line { components, ..Line::plain(sku, *quantity, book.price.minor()) });
            }
            _ => unknown.push(index),
        }
    }
    let first = items.first().and_then(|(id, _)| found.books.get(id));
    match (first, unknown.is_empty(), currencies.len()) {
        (Some(book), true, 1) => Ok((lines, book.price.currency())),
        (_, false, _) | (None, _, _) => Err(PlaceError::UnknownBooks(unknown)),
        (_, true, _) => Err(PlaceError::MixedCurrencies),
    }
}

fn replay(order: Order, fingerprint: &str) -> Result<Placed, PlaceError> {
    if order.fingerprint == fingerprint { Ok(Placed::Replayed(order)) } else { Err(PlaceError::KeyReused) }
}

/// The sku of a book is its ISBN, which its id holds: levels can be read in the same call as the books.
pub fn sku_of(book: BookId) -> Option<Sku> {
    book.isbn().map(|isbn: Isbn| isbn.to_string()).and_then(|isbn| isbn.parse().ok())
}

fn places(locations: &BTreeSet<LocationId>, skus: &BTreeSet<Sku>) -> BTreeSet<Place> {
    locations.iter().flat_map(|location| skus.iter().map(|sku| (location.clone(), sku.clone()))).collect()
}

/// 64 bits over everything the customer decided: it tells apart the few requests one key may come with.
fn fingerprint(request: &PlaceOrder) -> String {
    let mut sha = Sha256::new();
    for (book, quantity) in &request.items {
        sha.update(book.to_string());
        sha.update(quantity.to_be_bytes());
    }
    for text in [&request.payment_method, &request.payment_token] {
        sha.update(text.len().to_be_bytes());
        sha.update(text);
    }
    hex(&sha.finalize()[..8])
}

pub(crate) fn placed_event(tenant: &TenantId, order: &Order, clock: &dyn kernel::Clock) -> Result<Event, MoneyError> {
    let total: Money = order.total()?;
    let lines: Vec<_> = order.lines.iter().map(|l| json!([l.sku, l.quantity, l.unit_price_minor])).collect();
    let mut data = json!({
        "orderId": order.id,
        "customer": order.customer,
        "total": total,
        "lines": lines,
    });
    if order.terms.unkeyed {
        data["unkeyed"] = json!(true);
    }
    Ok(Event::new(ORDER_PLACED, tenant, order.id, order.version, data, clock))
}

#[cfg(test)]
mod tests;
