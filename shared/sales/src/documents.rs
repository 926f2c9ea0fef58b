//! What stands beside an order in its partition, derived from the order before and after a step: a step cannot forget
//! to leave its trace.
//!
//! | access pattern | key |
//! |---|---|
//! | the timeline of an order | pk `T#t#ORDER#<id>`, sk `T#<version, 12 digits>` |
//! | the sales of an order | pk `T#t#ORDER#<id>`, sk `SALE#<shipment, 4 digits>` |
//! | sales of a company by time | gsi1 `T#t#SALES#<company>`, sk `<posted ms>#<order>#<shipment>` |
//! | orders of a channel by time | gsi1 `T#t#CHANNEL#<channel>#ORDERS`, sk `<placed ms>#<order>` (of item `LIST`) |
//! | orders of a company by time | gsi2 `T#t#COMPANY#<company>#ORDERS`, sk `<placed ms>#<order>` (of item `LIST`) |
//! | orders with a parcel of a location | gsi1 `T#t#LOCATION#<location>#ORDERS`, sk `<placed ms>#<order>` (of item `LIST#<location>`) |
//! | returns by state and time | gsi1 `T#t#RETURNS#<state>`, sk `<placed ms>#<order>#<number>` (of item `RETURN#<number>`) |

use crate::cost::Departed;
use crate::order::{Order, OrderId};
use crate::returns::ReturnState;
use crate::store::sortable;
use inventory::Sku;
use kernel::{Currency, MoneyError, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use table::{Entity, Key, Partition, Transaction};

/// One step of an order: who took which when, and what was different before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    #[serde(rename = "o")]
    pub(crate) order: OrderId,
    /// The order's version after the step.
    #[serde(rename = "n")]
    pub version: u64,
    /// When.
    #[serde(rename = "at")]
    pub at: Timestamp,
    /// Who: a principal, or the part of the product that did it.
    #[serde(rename = "by")]
    pub actor: String,
    /// What was done: `return_approved`.
    #[serde(rename = "w")]
    pub what: String,
    /// Why, in the words of who did it.
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Those parts of the order that changed, as they were.
    #[serde(rename = "b")]
    pub before: Map<String, Value>,
    /// The same, as they are.
    #[serde(rename = "a")]
    pub after: Map<String, Value>,
}

/// Revenue: goods that left, posted when they did. Amounts in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    /// The order.
    #[serde(rename = "o")]
    pub order: OrderId,
    /// The shipment, by its position.
    #[serde(rename = "n")]
    pub shipment: usize,
    /// Whose revenue it is.
    #[serde(rename = "co")]
    pub company: String,
    /// Where it was sold.
    #[serde(rename = "ch")]
    pub channel: String,
    /// When the goods left.
    #[serde(rename = "at")]
    pub posted_at: Timestamp,
    /// Currency of every amount.
    #[serde(rename = "cu")]
    pub currency: Currency,
    /// What left.
    #[serde(rename = "l")]
    pub lines: Vec<SaleLine>,
    /// What shipping came to; it is part of the first sale of an order.
    #[serde(rename = "sh")]
    pub shipping_minor: i64,
    /// Taxes in all, those of shipping included.
    #[serde(rename = "t")]
    pub tax_minor: i64,
    /// What is to be paid for it in all.
    #[serde(rename = "k")]
    pub total_minor: i64,
    /// What left stock and what it cost.
    #[serde(rename = "dp", default, skip_serializing_if = "Vec::is_empty")]
    pub departed: Vec<Departed>,
}

/// One item of a sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleLine {
    /// The item.
    #[serde(rename = "k")]
    pub sku: Sku,
    /// Units.
    #[serde(rename = "q")]
    pub units: i64,
    /// Before discounts.
    #[serde(rename = "g")]
    pub gross_minor: i64,
    /// Discounts.
    #[serde(rename = "d")]
    pub discount_minor: i64,
    /// Taxes, whether contained or not.
    #[serde(rename = "t")]
    pub tax_minor: i64,
    /// What is to be paid for it.
    #[serde(rename = "a")]
    pub total_minor: i64,
}

/// An entry of a list of orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListEntry {
    #[serde(rename = "o")]
    pub(crate) order: OrderId,
    #[serde(rename = "at")]
    pub(crate) placed_ms: i64,
    #[serde(rename = "in")]
    list: List,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum List {
    #[serde(rename = "w")]
    Whole { channel: String, company: String },
    #[serde(rename = "l")]
    Location(String),
    #[serde(rename = "r")]
    Return(usize, ReturnState),
}

/// Partition of an order and everything beside it.
pub(crate) fn of_order(tenant: &TenantId, id: OrderId) -> Partition {
    Partition::tenant(tenant, &["ORDER", &id.to_string()])
}

/// Partition of the sales of a company.
pub(crate) fn sales_of(tenant: &TenantId, company: &str) -> Partition {
    Partition::tenant(tenant, &["SALES", company])
}

/// Partition of the orders of a channel.
pub(crate) fn of_channel(tenant: &TenantId, channel: &str) -> Partition {
    Partition::tenant(tenant, &["CHANNEL", channel, "ORDERS"])
}

/// Partition of the orders of a company.
pub(crate) fn of_company(tenant: &TenantId, company: &str) -> Partition {
    Partition::tenant(tenant, &["COMPANY", company, "ORDERS"])
}

/// Partition of the orders a location has a parcel of.
pub(crate) fn of_location(tenant: &TenantId, location: &str) -> Partition {
    Partition::tenant(tenant, &["LOCATION", location, "ORDERS"])
}

/// Partition of the returns of a state.
pub(crate) fn returns_of(tenant: &TenantId, state: ReturnState) -> Partition {
    Partition::tenant(tenant, &["RETURNS", state.as_str()])
}

impl Entity for TimelineEntry {
    const KIND: &'static str = "order-step";
    fn key(&self, tenant: &TenantId) -> Key {
        of_order(tenant, self.order).key(&["T", &format!("{:012}", self.version)])
    }
}

impl Entity for Sale {
    const KIND: &'static str = "sale";
    fn key(&self, tenant: &TenantId) -> Key {
        of_order(tenant, self.order).key(&["SALE", &format!("{:04}", self.shipment)])
    }
    fn gsi1(&self, tenant: &TenantId) -> Option<Key> {
        let at = sortable(self.posted_at.as_millisecond());
        Some(sales_of(tenant, &self.company).key(&[&at, &self.order.to_string(), &self.shipment.to_string()]))
    }
}

impl Entity for ListEntry {
    const KIND: &'static str = "order-list";
    fn key(&self, tenant: &TenantId) -> Key {
        let partition = of_order(tenant, self.order);
        match &self.list {
            List::Whole { .. } => partition.key(&["LIST"]),
            List::Location(location) => partition.key(&["LIST", location]),
            List::Return(number, _) => partition.key(&["RETURN", &format!("{number:04}")]),
        }
    }
    fn gsi1(&self, tenant: &TenantId) -> Option<Key> {
        let (at, id) = (sortable(self.placed_ms), self.order.to_string());
        Some(match &self.list {
            List::Whole { channel, .. } => of_channel(tenant, channel).key(&[&at, &id]),
            List::Location(location) => of_location(tenant, location).key(&[&at, &id]),
            List::Return(number, state) => returns_of(tenant, *state).key(&[&at, &id, &number.to_string()]),
        })
    }
    fn gsi2(&self, tenant: &TenantId) -> Option<Key> {
        match &self.list {
            List::Whole { company, .. } => {
                Some(of_company(tenant, company).key(&[&sortable(self.placed_ms), &self.order.to_string()]))
            }
            List::Location(_) | List::Return(..) => None,
        }
    }
}

/// Who takes a step, and what it is called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Author<'a> {
    pub(crate) actor: &'a str,
    pub(crate) what: &'a str,
    pub(crate) reason: Option<&'a str>,
}

/// Puts everything that `before` becoming `after` leaves behind into the transaction. An order that was just placed in
/// our own shop has no list entries yet: they come with its first step, so that placing it costs nothing for them.
pub(crate) fn leave(
    transaction: &mut Transaction,
    before: Option<&Order>,
    after: &Order,
    departed: &[Departed],
    author: Author<'_>,
    now: Timestamp,
) -> Result<(), MoneyError> {
    let listed = before.filter(|before| before.version > 1 || before.terms.channel.is_some());
    let known = listed.map(entries).unwrap_or_default();
    for entry in entries(after).iter().filter(|entry| !known.contains(entry)) {
        transaction.put(entry);
    }
    for (number, mut sale) in sales(before, after, now)?.into_iter().enumerate() {
        // Parcels leave one at a time.
        if number == 0 {
            sale.departed = departed.to_vec();
        }
        transaction.create(&sale);
    }
    transaction.create(&entry(before, after, author, now));
    Ok(())
}

fn entries(order: &Order) -> Vec<ListEntry> {
    let entry = |list| ListEntry { order: order.id, placed_ms: order.placed_at.as_millisecond(), list };
    let mut all = vec![entry(List::Whole { channel: order.channel().to_owned(), company: order.company().to_owned() })];
    for shipment in &order.shipments {
        let at = entry(List::Location(shipment.location.to_string()));
        if !all.contains(&at) {
            all.push(at);
        }
    }
    all.extend(order.returns.iter().enumerate().map(|(number, r)| entry(List::Return(number, r.state))));
    all
}

/// A sale for every parcel that left in this step.
fn sales(before: Option<&Order>, after: &Order, now: Timestamp) -> Result<Vec<Sale>, MoneyError> {
    let had_left = |number: usize| before.and_then(|b| b.shipments.get(number)).is_some_and(|s| s.state.has_left());
    let mut gone: Vec<(Sku, i64)> = Vec::new();
    let shipped_before = |sku: &Sku| before.map_or(0, |before| before.shipped(sku));
    let mut is_first = !(0..after.shipments.len()).any(had_left);
    let mut sales = Vec::new();
    for shipment in after.shipments.iter().filter(|s| s.state.has_left() && !had_left(s.number)) {
        let mut sum = if is_first { after.shipping_worth()? } else { Default::default() };
        let shipping_minor = sum.total;
        is_first = false;
        let mut lines = Vec::with_capacity(shipment.lines.len());
        for (sku, units) in &shipment.lines {
            let earlier: i64 = gone.iter().filter(|(item, _)| item == sku).map(|(_, n)| n).sum();
            let from = shipped_before(sku) + earlier;
            let Some(line) = after.lines.iter().find(|line| line.sku == *sku) else { continue };
            let worth = after.worth_of(line, &(from..from + units))?;
            gone.push((sku.clone(), *units));
            sum = sum.plus(worth)?;
            lines.push(SaleLine {
                sku: sku.clone(),
                units: *units,
                gross_minor: worth.gross,
                discount_minor: worth.discount,
                tax_minor: worth.tax,
                total_minor: worth.total,
            });
        }
        sales.push(Sale {
            order: after.id,
            shipment: shipment.number,
            company: after.company().to_owned(),
            channel: after.channel().to_owned(),
            posted_at: now,
            currency: after.currency,
            lines,
            shipping_minor,
            tax_minor: sum.tax,
            total_minor: sum.total,
            departed: Vec::new(),
        });
    }
    Ok(sales)
}

fn entry(before: Option<&Order>, after: &Order, author: Author<'_>, now: Timestamp) -> TimelineEntry {
    let old = before.map(snapshot).unwrap_or_default();
    let new = snapshot(after);
    let differs = |name: &String| old.get(name) != new.get(name);
    let pick = |from: &Map<String, Value>| from.iter().filter(|(name, _)| differs(name)).map(clone).collect();
    TimelineEntry {
        order: after.id,
        version: after.version,
        at: now,
        actor: author.actor.to_owned(),
        what: author.what.to_owned(),
        reason: author.reason.map(str::to_owned),
        before: pick(&old),
        after: pick(&new),
    }
}

fn clone((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

/// What a timeline shows of an order. Without the customer, so that the order can outlive the person.
fn snapshot(order: &Order) -> Map<String, Value> {
    let lines: Vec<_> = order.lines.iter().map(|l| json!([l.sku, l.quantity, l.unit_price_minor])).collect();
    let shipments: Vec<_> = order.shipments.iter().map(|s| json!([s.location, s.lines, s.state, s.until])).collect();
    let payments: Vec<_> =
        order.payments().map(|p| json!([p.method, p.state, p.amount_minor, p.captured_minor])).collect();
    let holds: Vec<_> = order.holds.iter().map(|hold| json!([hold.code, hold.reason, hold.other])).collect();
    let refunds: Vec<_> = order.refunds.iter().map(|r| json!([r.tender, r.minor, r.state, r.reason])).collect();
    let returns: Vec<_> = order.returns.iter().map(return_snapshot).collect();
    let parts = [
        ("status", json!(order.status)),
        ("lines", json!(lines)),
        ("shipments", json!(shipments)),
        ("payments", json!(payments)),
        ("holds", json!(holds)),
        ("refunds", json!(refunds)),
        ("returns", json!(returns)),
        ("address", json!(order.address)),
        ("merged", json!(order.merged.iter().map(|merged| merged.order).collect::<Vec<_>>())),
        ("mergedInto", json!(order.merged_into)),
    ];
    parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn return_snapshot(held: &crate::returns::Return) -> Value {
    let lines: Vec<_> = held.lines.iter().map(|l| json!([l.sku, l.units, l.restocked, l.damaged, l.refused])).collect();
    json!([held.state, held.location, lines, held.value_minor, held.exchange])
}
