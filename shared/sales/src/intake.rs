//! Taking orders in from elsewhere: a channel, a till, a person, an exchange. Prices, discounts and taxes come with the
//! order; the catalogue is not asked.
//!
//! An order's id is derived from channel and external id, so that the order itself is the marker: the same order sent
//! again, by whomever, is the same order, and another one under the same id is refused. Order, promises of stock, events
//! and the first entry of its timeline are one transaction.
//!
//! What has been paid for elsewhere is not turned away for want of stock: it waits, with the reason, until it is
//! allocated or called off. What may repeat another order waits for a person.

use crate::change::{By, ChangeError, Scope};
use crate::notes::Address;
use crate::order::{Hold, Line, MAX_LINES, MAX_QUANTITY, Order, OrderId, Terms, holds};
use crate::payment::{Payment, PaymentState};
use crate::place::{Placed, placed_event};
use crate::status::OrderStatus;
use crate::stock::Stock;
use crate::{Sales, ShipmentState, plan};
use inventory::allocation::{Availability, Shortage};
use inventory::{LocationId, Movement, Sku};
use kernel::{Context, Currency, MoneyError, TenantId};
use sha2::{Digest, Sha256};
use table::Attempts;

/// Most payments of one order.
pub const MAX_PAYMENTS: usize = 5;

/// An order from elsewhere.
#[derive(Debug, Clone)]
pub struct Intake {
    /// Who ordered: a principal, or what the channel calls them.
    pub customer: String,
    /// Channel, external id, company, shipping. Channel and external id must be there.
    pub terms: Terms,
    /// Currency of every amount.
    pub currency: Currency,
    /// What was ordered, no item twice, with what it costs.
    pub lines: Vec<Line>,
    /// What is paid or to be paid, together the total; none for an order of nothing.
    pub payments: Vec<Payment>,
    /// Where it goes.
    pub address: Option<Address>,
    /// Sold over the counter of this location: the goods are gone already.
    pub counter: Option<LocationId>,
    /// Takes the order even if some of it has no stock; it then waits.
    pub backorder: bool,
}

/// Why an order was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// No lines, too many, an item twice, or a quantity or amount out of range; position of the line if it is one.
    #[error("line {0:?} is not valid")]
    Line(Option<usize>),
    /// More than [`MAX_PAYMENTS`], or one without an amount.
    #[error("the payments are not valid")]
    Payments,
    /// The payments do not add up to the total, in minor units.
    #[error("the payments come to {paid}, the order to {total}")]
    Unbalanced {
        /// Sum of the payments.
        paid: i64,
        /// What the order comes to.
        total: i64,
    },
    /// A sale over the counter that is not paid.
    #[error("a counter sale must be paid")]
    Unpaid,
    /// Amounts do not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// All healthy locations together hold too little.
    #[error("not enough stock")]
    OutOfStock(Vec<Shortage>),
    /// Channel and external id are those of an order with other content.
    #[error("there is another order under this external id")]
    Exists(Box<Order>),
    /// The order could not be written.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl Sales {
    /// The id of the order with this external id in a channel.
    pub fn id_of(tenant: &TenantId, channel: &str, external_id: &str) -> OrderId {
        OrderId::derive(&[tenant.as_str(), "channel", channel, external_id])
    }

    /// Takes an order in. See the module.
    pub async fn take_in(
        &self,
        tenant: &TenantId,
        intake: &Intake,
        actor: &str,
        cause: &Context,
    ) -> Result<Placed, IntakeError> {
        let external = intake.terms.external_id.as_deref().unwrap_or_default();
        let id = Self::id_of(tenant, intake.terms.channel.as_deref().unwrap_or_default(), external);
        let mut order = self.draft_of(id, intake)?;
        order.lines = self.with_components(tenant, &order.lines).await?;
        let mut attempts = Attempts::default();
        loop {
            if let Some(existing) = self.order(tenant, id).await.map_err(ChangeError::from)? {
                let same = existing.fingerprint == order.fingerprint;
                return if same {
                    Ok(Placed::Replayed(existing))
                } else {
                    Err(IntakeError::Exists(Box::new(existing)))
                };
            }
            if let Some(order) = self.try_take_in(tenant, order.clone(), intake, actor, cause).await? {
                return Ok(Placed::New(order));
            }
            attempts.lost().await.map_err(ChangeError::from)?;
        }
    }

    /// The order before it has any stock.
    fn draft_of(&self, id: OrderId, intake: &Intake) -> Result<Order, IntakeError> {
        check(&intake.lines)?;
        let known = intake.payments.iter().all(|p| p.amount_minor.is_some_and(|minor| minor > 0));
        if !known || intake.payments.len() > MAX_PAYMENTS {
            return Err(IntakeError::Payments);
        }
        let placed_at = self.now();
        let mut payments = intake.payments.iter().cloned();
        let order = Order {
            id,
            customer: intake.customer.clone(),
            status: OrderStatus::Pending,
            placed_at,
            currency: intake.currency,
            lines: intake.lines.clone(),
            shipments: Vec::new(),
            planned: 0,
            payment: payments.next().unwrap_or_else(|| Payment::taken_elsewhere("none", "", 0)),
            more_payments: payments.collect(),
            refunds: Vec::new(),
            returns: Vec::new(),
            holds: Vec::new(),
            terms: intake.terms.clone(),
            address: intake.address.as_ref().map(|_| 1),
            placed_lines: None,
            merged: Vec::new(),
            merged_into: None,
            listed: true,
            history: vec![(OrderStatus::Pending, placed_at)],
            fingerprint: fingerprint(intake),
            version: 1,
        };
        let (paid, total) = (intake.payments.iter().filter_map(|p| p.amount_minor).sum(), order.total()?.minor());
        if paid != total {
            return Err(IntakeError::Unbalanced { paid, total });
        }
        if intake.counter.is_some() && order.payments().any(|p| p.state != PaymentState::Captured) {
            return Err(IntakeError::Unpaid);
        }
        Ok(order)
    }

    /// One attempt; `None` when somebody else was faster.
    async fn try_take_in(
        &self,
        tenant: &TenantId,
        mut order: Order,
        intake: &Intake,
        actor: &str,
        cause: &Context,
    ) -> Result<Option<Order>, IntakeError> {
        let items: Vec<Sku> = order.lines.iter().flat_map(Line::items).map(|(sku, _)| sku.clone()).collect();
        let scope = intake.counter.as_ref().map_or(Scope::Everywhere(&[]), |counter| Scope::At(counter, &items));
        let stock = self.stock_of(tenant, &[&order], scope).await.map_err(ChangeError::from)?;
        let effects = match &intake.counter {
            Some(location) => sell_at(&mut order, location, &stock)?,
            None => {
                if let Some(hold) = self.suspicion(tenant, &order).await.map_err(ChangeError::from)? {
                    order.holds.push(hold);
                }
                promise(&mut order, intake, &stock)?
            }
        };
        order.planned = order.shipments.len();
        if order.status == OrderStatus::Pending {
            // What was paid for elsewhere goes on at once.
            order.accept_if_paid(order.placed_at).map_err(|reason| refused(reason, &order))?;
        }
        let event = placed_event(tenant, &order, &*self.clock)?.caused_by(cause);
        let also = |order: &Order, transaction: &mut table::Transaction| {
            transaction.event(&event);
            if let Some(address) = &intake.address {
                transaction.create(&address.stored(order.id, 1));
            }
        };
        let by = By { also: Some(&also), ..By::new(actor, cause, "placed") };
        match self.write(tenant, None, &order, &stock, effects, by).await {
            Ok(true) => Ok(Some(order)),
            Ok(false) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn refused(reason: crate::Refused, order: &Order) -> ChangeError {
    ChangeError::Refused { reason, order: Box::new(order.clone()) }
}

/// Plans the order into parcels. What is short makes it wait, when it may.
fn promise(order: &mut Order, intake: &Intake, stock: &Stock) -> Result<Vec<crate::StockEffect>, IntakeError> {
    let (wanted, availability) = (plan::all_of(&order.lines), stock.availability(&[], None));
    match plan::fill(&wanted, &availability) {
        Ok(parcels) => Ok(order.plan(&parcels)),
        Err(short) => {
            let paid = order.payments().any(|payment| payment.captured_minor > 0);
            if !intake.backorder && !paid {
                return Err(IntakeError::OutOfStock(short));
            }
            let (parcels, _) = plan::fill_available(&wanted, &availability);
            let items: Vec<&str> = short.iter().map(|s| s.sku.as_str()).collect();
            order.hold_for(holds::OUT_OF_STOCK, &format!("no stock for {}", items.join(", ")));
            Ok(order.plan(&parcels))
        }
    }
}

/// The goods are handed over: they leave stock and the order is shipped and delivered at once.
fn sell_at(order: &mut Order, location: &LocationId, stock: &Stock) -> Result<Vec<crate::StockEffect>, IntakeError> {
    let here = order.lines.iter().flat_map(|line| line.items().map(|(sku, _)| sku.clone()));
    let here = here.map(|sku| (sku.clone(), stock.pool(location, &sku).promisable())).collect();
    let parcels = plan::fill(&plan::all_of(&order.lines), &Availability::from([(location.clone(), here)]));
    let parcels = parcels.map_err(IntakeError::OutOfStock)?;
    let issued = order.plan(&parcels).into_iter().map(|mut effect| {
        if let Movement::Committed { quantity } = effect.movement {
            effect.movement = Movement::Issued { quantity };
        }
        effect
    });
    let issued = issued.collect();
    for shipment in &mut order.shipments {
        shipment.state = ShipmentState::Delivered;
    }
    order.status = OrderStatus::Delivered;
    order.history = vec![(OrderStatus::Delivered, order.placed_at)];
    Ok(issued)
}

fn check(lines: &[Line]) -> Result<(), IntakeError> {
    if !(1..=MAX_LINES).contains(&lines.len()) {
        return Err(IntakeError::Line(None));
    }
    for (at, line) in lines.iter().enumerate() {
        let in_range = (1..=MAX_QUANTITY).contains(&line.quantity)
            && line.unit_price_minor >= 0
            && line.discount_minor >= 0
            && line.tax_minor >= 0
            && line.unit_price_minor.checked_mul(line.quantity).is_some_and(|gross| line.discount_minor <= gross);
        let repeated = lines.iter().take(at).any(|earlier| earlier.sku == line.sku);
        if !in_range || repeated {
            return Err(IntakeError::Line(Some(at)));
        }
    }
    Ok(())
}

/// 64 bits over what was ordered and how it is paid.
fn fingerprint(intake: &Intake) -> String {
    let mut sha = Sha256::new();
    let mut field = |text: &str| {
        sha.update(text.len().to_be_bytes());
        sha.update(text);
    };
    for line in &intake.lines {
        field(line.sku.as_str());
        for number in [line.quantity, line.unit_price_minor, line.discount_minor, line.tax_minor] {
            field(&number.to_string());
        }
    }
    for payment in &intake.payments {
        field(&payment.method);
        field(&payment.token);
        field(&format!("{:?} {}", payment.amount_minor, payment.external));
    }
    field(&intake.customer);
    field(intake.currency.code());
    field(&serde_json::to_string(&intake.terms).unwrap_or_default());
    field(intake.counter.as_ref().map_or("", LocationId::as_str));
    kernel::hex(&sha.finalize()[..8])
}

/// The items of an order and their units, in an order of their own: what makes two orders the same.
pub(crate) fn content(order: &Order) -> Vec<(&Sku, i64)> {
    let lines = order.placed_lines.as_ref().unwrap_or(&order.lines);
    let mut content: Vec<_> = lines.iter().map(|line| (&line.sku, line.quantity)).collect();
    content.sort();
    content
}

/// The hold for an order that may repeat `other`.
pub(crate) fn repeats(other: &Order) -> Hold {
    let reason = format!("same customer and lines as {}, placed at {}", other.id, other.placed_at);
    Hold { code: holds::DUPLICATE.to_owned(), reason, other: Some(other.id) }
}
