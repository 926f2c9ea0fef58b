//! Changes that people make: lines, units, address and holds of an order, and its fulfilment orders. Each is one step of
//! [`crate::order`]; its entry in the timeline is the order change, with what was before and after.

use crate::Sales;
use crate::change::{By, ChangeError, Scope};
use crate::fulfil::room;
use crate::notes::Address;
use crate::order::{Hold, Line, Order, OrderId, Refused, StockEffect};
use crate::plan::{self, Want};
use crate::shipment::ShipmentId;
use crate::status::Step;
use crate::stock::Stock;
use inventory::allocation::Demand;
use inventory::{LocationId, Sku};
use kernel::{Context, TenantId, Timestamp};

/// What is done to a fulfilment order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handling {
    /// Wait, for a reason.
    Hold(String),
    /// No longer wait.
    Release,
    /// Wait until then.
    Schedule(Timestamp),
    /// Go to another location.
    Move(LocationId),
    /// Put these units into a fulfilment order of their own.
    Split(Vec<(Sku, i64)>),
    /// Take these others of the same location in.
    Merge(Vec<ShipmentId>),
    /// Its goods were taken from their shelves.
    Pick,
    /// They are packed.
    Pack,
    /// Call it off, with its units.
    Cancel,
}

impl Handling {
    /// What the timeline calls it.
    fn name(&self) -> &'static str {
        match self {
            Self::Hold(_) => "fulfillment_held",
            Self::Release => "fulfillment_released",
            Self::Schedule(_) => "fulfillment_scheduled",
            Self::Move(_) => "fulfillment_moved",
            Self::Split(_) => "fulfillment_split",
            Self::Merge(_) => "fulfillment_merged",
            Self::Pick => "fulfillment_picked",
            Self::Pack => "fulfillment_packed",
            Self::Cancel => "fulfillment_cancelled",
        }
    }
}

/// What is done to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// These lines replace those of the same items, or are new; a quantity of 0 takes one away.
    Lines(Vec<Line>),
    /// The same, of an order whose payments others take: they have taken what it costs now, too.
    PaidLines(Vec<Line>),
    /// It goes elsewhere.
    Address(Address),
    /// These units are called off.
    CancelUnits(Vec<(Sku, i64)>),
    /// It is called off.
    Cancel,
    /// It is to wait.
    Hold(Hold),
    /// It no longer waits for the reason with this code, or for any.
    Release(Option<String>),
    /// Stock is looked for again.
    Allocate,
}

impl Edit {
    fn name(&self) -> &'static str {
        match self {
            Self::Lines(_) | Self::PaidLines(_) => "edited",
            Self::Address(_) => "readdressed",
            Self::CancelUnits(_) => "units_cancelled",
            Self::Cancel => "cancelled",
            Self::Hold(_) => "held",
            Self::Release(_) => "released",
            Self::Allocate => "allocated",
        }
    }
}

/// Who makes a change, why, and what version of the order they saw.
#[derive(Debug, Clone, Copy)]
pub struct Editor<'a> {
    /// The principal.
    pub actor: &'a str,
    /// In their words.
    pub reason: Option<&'a str>,
    /// `None` when it does not matter.
    pub seen: Option<u64>,
    /// The request.
    pub cause: &'a Context,
}

impl<'a> Editor<'a> {
    pub(crate) fn by(self, what: &'a str) -> By<'a> {
        By { reason: self.reason, seen: self.seen, ..By::new(self.actor, self.cause, what) }
    }
}

impl Sales {
    /// Changes an order.
    pub async fn edit(
        &self,
        tenant: &TenantId,
        id: OrderId,
        edit: &Edit,
        editor: Editor<'_>,
    ) -> Result<Order, ChangeError> {
        let now = self.now();
        let by = editor.by(edit.name());
        match edit {
            Edit::Lines(wanted) | Edit::PaidLines(wanted) => {
                let is_paid = matches!(edit, Edit::PaidLines(_));
                let wanted = self.with_components(tenant, wanted).await?;
                let items: Vec<Sku> = wanted.iter().flat_map(Line::items).map(|(sku, _)| sku.clone()).collect();
                let step = |order: &mut Order, stock: &Stock| {
                    let effects = replan(order, &wanted, stock, &[], now)?;
                    if is_paid {
                        order.rest_is_taken()?;
                    }
                    Ok(effects)
                };
                self.change(tenant, id, by, Scope::Everywhere(&items), &step).await
            }
            Edit::Address(address) => {
                let step = |order: &mut Order, _: &Stock| {
                    let next = order.address.unwrap_or(0) + 1;
                    order.readdress(next, now).map(|()| Vec::new())
                };
                let also = |order: &Order, transaction: &mut table::Transaction| {
                    transaction.create(&address.stored(order.id, order.address.unwrap_or(1)));
                };
                self.change(tenant, id, By { also: Some(&also), ..by }, Scope::Nothing, &step).await
            }
            Edit::CancelUnits(units) => {
                self.change(tenant, id, by, Scope::Own, &|order, _| order.cancel_units(units, now)).await
            }
            Edit::Cancel => self.change(tenant, id, by, Scope::Own, &|order, _| order.cancel(now)).await,
            Edit::Hold(hold) => {
                let step = |order: &mut Order, _: &Stock| order.hold(hold.clone(), now).map(|()| Vec::new());
                self.change(tenant, id, by, Scope::Nothing, &step).await
            }
            Edit::Release(code) => {
                let step = |order: &mut Order, _: &Stock| order.release(code.as_deref(), now).map(|()| Vec::new());
                self.change(tenant, id, by, Scope::Nothing, &step).await
            }
            Edit::Allocate => {
                let step = |order: &mut Order, stock: &Stock| allocate_missing(order, stock, now);
                self.change(tenant, id, by, Scope::Everywhere(&[]), &step).await
            }
        }
    }

    /// Lines with what they are made of, as kits are now.
    pub(crate) async fn with_components(&self, tenant: &TenantId, lines: &[Line]) -> Result<Vec<Line>, ChangeError> {
        let kits = self.kits(tenant, lines.iter().map(|line| &line.sku)).await?;
        let made_of = |line: &Line| kits.get(&line.sku).cloned().unwrap_or_default();
        Ok(lines.iter().map(|line| Line { components: made_of(line), ..line.clone() }).collect())
    }

    /// Handles one fulfilment order.
    pub async fn handle(
        &self,
        tenant: &TenantId,
        (id, shipment): (OrderId, ShipmentId),
        handling: &Handling,
        editor: Editor<'_>,
    ) -> Result<Order, ChangeError> {
        let now = self.now();
        let by = editor.by(handling.name());
        if let Handling::Move(to) = handling {
            let found = self.order(tenant, id).await?.ok_or(ChangeError::NotFound)?;
            let skus: Vec<Sku> = found.lines.iter().flat_map(Line::items).map(|(sku, _)| sku.clone()).collect();
            let step = |order: &mut Order, stock: &Stock| move_to(order, shipment, to, stock, now);
            return self.change(tenant, id, by, Scope::At(to, &skus), &step).await;
        }
        let step = |order: &mut Order, _: &Stock| match handling {
            Handling::Hold(reason) => order.hold_shipment(shipment, reason).map(|()| Vec::new()),
            Handling::Release => order.release_shipment(shipment).map(|()| Vec::new()),
            Handling::Schedule(until) => order.schedule_shipment(shipment, *until).map(|()| Vec::new()),
            Handling::Pick => order.pick(shipment).map(|()| Vec::new()),
            Handling::Pack => order.pack(shipment).map(|()| Vec::new()),
            Handling::Split(units) => order.split(shipment, units, now),
            Handling::Merge(others) => {
                let all: Vec<ShipmentId> = std::iter::once(shipment).chain(others.iter().copied()).collect();
                order.merge(&all)
            }
            Handling::Cancel => order.cancel_shipment(shipment, now),
            Handling::Move(_) => Err(Refused::NoChange),
        };
        self.change(tenant, id, by, Scope::Own, &step).await
    }
}

/// Plans the edited lines into what there is, the order's own promises and what is `freed` with it included.
pub(crate) fn replan(
    order: &mut Order,
    wanted: &[Line],
    stock: &Stock,
    freed: &[StockEffect],
    now: Timestamp,
) -> Result<Vec<StockEffect>, Refused> {
    order.clone().step(Step::Edit, now)?;
    let lines = order.edited_lines(wanted)?;
    let mut given_back = order.clone().give_up_open();
    given_back.extend_from_slice(freed);
    let parcels = plan::fill(&plan::all_of(&lines), &stock.availability(&given_back, None));
    order.edit(lines, &parcels.map_err(|_| Refused::NoOtherStock)?, now)
}

fn allocate_missing(order: &mut Order, stock: &Stock, now: Timestamp) -> Result<Vec<StockEffect>, Refused> {
    let missing = order.lines.iter().map(|line| Want { line, quantity: order.unfilled(line) });
    let missing: Vec<Want<'_>> = missing.filter(|want| want.quantity > 0).collect();
    let (parcels, _) = plan::fill_available(&missing, &stock.availability(&[], None));
    room(order, &parcels)?;
    order.allocate(&parcels, now)
}

/// Sends a fulfilment order to one location, whole, whether or not that location answers just now.
fn move_to(
    order: &mut Order,
    id: ShipmentId,
    to: &LocationId,
    stock: &Stock,
    now: Timestamp,
) -> Result<Vec<StockEffect>, Refused> {
    let shipment = order.shipment(id)?;
    if shipment.location == *to {
        return Err(Refused::NoChange);
    }
    if order.items_of(shipment).iter().any(|(sku, units)| stock.pool(to, sku).promisable() < *units) {
        return Err(Refused::NoOtherStock);
    }
    let lines = shipment.lines.iter().map(|(sku, quantity)| Demand { sku: sku.clone(), quantity: *quantity }).collect();
    let parcels = [inventory::allocation::Parcel { location: to.clone(), lines }];
    room(order, &parcels)?;
    order.reroute(id, &parcels, now)
}
