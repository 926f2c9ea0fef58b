//! An order of a store becomes an order of sales, once, with what the store charged; and follows it when it is called off or changed
//! ([`crate::amends`]).
//!
//! It is taken in when it is paid: before that the store may still change it. Its id follows from the store and the store's own id of
//! it, so a delivery that comes again, or another one about the same order, finds it. What cannot be taken as it is is refused
//! with its reason, and waits for a person.

use inventory::Sku;
use kernel::{Context, TenantId};
use sales::notes::Address;
use sales::order::Terms;
use sales::{ChangeError, Intake, IntakeError, Line, OrderId, Payment, Placed, Refused, Sales};
use shopify::customers::id_of;
use shopify::map::customer::Address as TheirAddress;
use shopify::map::order::{Fulfillment, Line as TheirLine, Order, Payment as Paid};
use shopify::platform::PlatformError;
use shopify::stores::Connection;
use shopify::{Gid, Shop};

use crate::backoffice::{other, refused};

/// What payments are called that a store took.
pub(crate) const METHOD: &str = "shopify";

/// The orders of a store.
pub(crate) struct Orders<'a> {
    pub(crate) sales: &'a Sales,
    pub(crate) tenant: &'a TenantId,
    pub(crate) store: &'a Connection,
    pub(crate) cause: &'a Context,
}

impl Orders<'_> {
    /// The channel of a store.
    pub(crate) fn channel(shop: &Shop) -> String {
        format!("shopify:{shop}")
    }

    /// Our id of an order of a store.
    pub(crate) fn id(tenant: &TenantId, shop: &Shop, order: &Gid) -> OrderId {
        Sales::id_of(tenant, &Self::channel(shop), order.as_str())
    }

    /// Does what follows from the state an order is in over there.
    pub(crate) async fn follow(&self, theirs: &Order) -> Result<(), PlatformError> {
        let id = Self::id(self.tenant, &self.store.shop, &theirs.id);
        let known = match self.sales.order(self.tenant, id).await.map_err(other)? {
            Some(known) => known,
            None if !is_due(theirs)? => return Ok(()),
            None => self.take_in(theirs).await?,
        };
        let known = if theirs.cancelled_at.is_some() { self.call_off(known).await? } else { known };
        self.amend(known, theirs).await
    }

    async fn take_in(&self, theirs: &Order) -> Result<sales::Order, PlatformError> {
        let intake = intake(self.store, theirs)?;
        match self.sales.take_in(self.tenant, &intake, METHOD, self.cause).await {
            Ok(Placed::New(order) | Placed::Replayed(order)) => Ok(order),
            // Somebody else has taken it in meanwhile, as it was a moment before or after.
            Err(IntakeError::Exists(order)) => Ok(*order),
            Err(IntakeError::Change(error)) => Err(change(error)),
            Err(error @ IntakeError::Unbalanced { .. }) => Err(refused("TOTAL_DIFFERS", error.to_string())),
            Err(
                error @ (IntakeError::Line(_)
                | IntakeError::Payments
                | IntakeError::Unpaid
                | IntakeError::Money(_)
                | IntakeError::OutOfStock(_)),
            ) => Err(refused("ORDER_NOT_VALID", error.to_string())),
        }
    }

    async fn call_off(&self, order: sales::Order) -> Result<sales::Order, PlatformError> {
        if order.is_lost() {
            return Ok(order);
        }
        self.sales.cancel(self.tenant, order.id, METHOD, self.cause).await.map_err(change)
    }
}

pub(crate) fn change(error: ChangeError) -> PlatformError {
    match error {
        ChangeError::Refused { reason: Refused::AlreadyDispatched, .. } => {
            refused("ALREADY_DISPATCHED", "it was called off when a parcel was with its warehouse already")
        }
        ChangeError::Refused { reason, .. } => refused("STEP_REFUSED", reason.to_string()),
        ChangeError::Inconsistent(reason) => refused("STOCK_INCONSISTENT", reason.to_string()),
        ChangeError::Money(error) => refused("ORDER_NOT_VALID", error.to_string()),
        error @ (ChangeError::NotFound | ChangeError::Stale(_) | ChangeError::Contended | ChangeError::Table(_)) => {
            other(error)
        }
    }
}

/// Whether an order nobody knows yet is to be taken in now. One that is not may come again.
fn is_due(theirs: &Order) -> Result<bool, PlatformError> {
    if theirs.cancelled_at.is_some() {
        return Ok(false);
    }
    match (theirs.payment, theirs.fulfillment) {
        // Before the store was connected, or by somebody else: there is nothing left to send.
        (_, Fulfillment::Fulfilled) => Ok(false),
        (Paid::Paid, Fulfillment::Unfulfilled) => Ok(true),
        (Paid::Paid, Fulfillment::Partial | Fulfillment::Unknown) => {
            Err(refused("PARTLY_SENT", "some of it was sent before it came here"))
        }
        (Paid::PartiallyRefunded, _) => Err(refused("PARTLY_REFUNDED", "some was paid back before it came here")),
        (
            Paid::Pending
            | Paid::Authorized
            | Paid::PartiallyPaid
            | Paid::Refunded
            | Paid::Voided
            | Paid::Expired
            | Paid::Unknown,
            _,
        ) => Ok(false),
    }
}

fn intake(store: &Connection, theirs: &Order) -> Result<Intake, PlatformError> {
    if theirs.lines.iter().any(|line| line.current_quantity != line.quantity) {
        return Err(refused("EDITED", "it was edited before it came here"));
    }
    let currency = theirs.total.currency();
    let guest = || format!("shopify:{}:guest:{}", store.shop, theirs.id.number());
    let address = theirs.shipping_address.as_ref().map(address).transpose()?;
    let total = theirs.total.minor();
    Ok(Intake {
        customer: theirs.customer.as_ref().map_or_else(guest, |customer| id_of(&store.shop, customer)),
        terms: Terms {
            channel: Some(Orders::channel(&store.shop)),
            external_id: Some(theirs.id.to_string()),
            taxes_included: theirs.taxes_included,
            shipping_minor: theirs.shipping.amount.minor(),
            shipping_tax_minor: theirs.shipping.tax.minor(),
            ..Terms::default()
        },
        currency,
        lines: lines(&theirs.lines)?,
        payments: if total == 0 { vec![] } else { vec![Payment::taken_elsewhere(METHOD, &theirs.name, total)] },
        address,
        counter: None,
        backorder: true,
    })
}

/// One line an item. What the same item costs more in one line than in another is the discount of that other.
pub(crate) fn lines(theirs: &[TheirLine]) -> Result<Vec<Line>, PlatformError> {
    let mut lines: Vec<Line> = Vec::new();
    for line in theirs {
        let Some(sku) = &line.sku else {
            if line.unit_price.minor() == 0 && line.tax.minor() == 0 {
                continue;
            }
            return Err(refused("LINE_WITHOUT_SKU", format!("`{}` is charged and is no item", line.title)));
        };
        let sku: Sku =
            sku.parse().map_err(|_| refused("UNKNOWN_ITEM", format!("`{}` has no SKU of ours", line.title)))?;
        let (quantity, unit) = (i64::from(line.quantity), line.unit_price.minor());
        let (discount, tax) = (line.discount.minor(), line.tax.minor());
        match lines.iter_mut().find(|known| known.sku == sku) {
            Some(known) => {
                let dearer = known.unit_price_minor.max(unit);
                let cheaper = |price: i64, units: i64| (dearer - price).checked_mul(units);
                let off = cheaper(known.unit_price_minor, known.quantity).zip(cheaper(unit, quantity));
                let (off, more) = off.ok_or_else(|| refused("ORDER_NOT_VALID", "amounts do not fit"))?;
                known.discount_minor += off + more + discount;
                known.unit_price_minor = dearer;
                known.tax_minor += tax;
                known.quantity += quantity;
            }
            None => {
                lines.push(Line { discount_minor: discount, tax_minor: tax, ..Line::plain(sku, quantity, unit) });
            }
        }
    }
    Ok(lines)
}

fn address(theirs: &TheirAddress) -> Result<Address, PlatformError> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let names: Vec<String> = [&theirs.first_name, &theirs.last_name].into_iter().filter_map(given).collect();
    let company = given(&theirs.company);
    let (name, company) =
        if names.is_empty() { (company.unwrap_or_default(), None) } else { (names.join(" "), company) };
    let lines = [company, given(&theirs.address1), given(&theirs.address2)];
    let address = Address {
        name,
        lines: lines.into_iter().flatten().collect(),
        city: given(&theirs.city).unwrap_or_default(),
        region: given(&theirs.province_code),
        postcode: given(&theirs.zip),
        country: given(&theirs.country_code).unwrap_or_default(),
    };
    if address.is_plausible() { Ok(address) } else { Err(refused("ADDRESS_NOT_VALID", "nothing can be sent there")) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(sku: Option<&str>, quantity: u32, unit: i64, discount: i64) -> TheirLine {
        let money = |minor| kernel::Money::from_minor(minor, "GBP".parse().unwrap());
        TheirLine {
            id: Gid::new("LineItem", 1),
            sku: sku.map(str::to_owned),
            title: "T".to_owned(),
            quantity,
            current_quantity: quantity,
            unit_price: money(unit),
            discount: money(discount),
            tax: money(0),
        }
    }

    #[test]
    fn what_is_no_item_and_costs_nothing_is_left_out() {
        let given = [line(None, 1, 0, 0), line(Some("a"), 2, 500, 0)];
        assert_eq!(lines(&given).unwrap(), [Line::plain("a".parse().unwrap(), 2, 500)]);
        assert!(lines(&[line(None, 1, 1, 0)]).is_err() && lines(&[line(Some("a b"), 1, 1, 0)]).is_err());
    }

    proptest! {
        #[test]
        fn lines_of_one_item_come_to_what_they_came_to_apart(
            given in proptest::collection::vec((1u32..50, 0i64..10_000), 1..8), percent in 0i64..=100
        ) {
            let off = |quantity: u32, unit: i64| i64::from(quantity) * unit * percent / 100;
            let theirs: Vec<_> = given.iter().map(|(n, unit)| line(Some("a"), *n, *unit, off(*n, *unit))).collect();
            let ours = lines(&theirs).unwrap();
            prop_assert_eq!(ours.len(), 1);
            let apart: i64 = given.iter().map(|(n, unit)| i64::from(*n) * unit - off(*n, *unit)).sum();
            prop_assert_eq!(ours[0].quantity * ours[0].unit_price_minor - ours[0].discount_minor, apart);
            prop_assert_eq!(ours[0].quantity, given.iter().map(|(n, _)| i64::from(*n)).sum::<i64>());
        }
    }
}
