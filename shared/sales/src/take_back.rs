//! Returns and exchanges: the use cases. Each is one step of the order ([`crate::order::returning`]), written with its
//! stock, refund and events.
//!
//! An exchange is told by event with all that its order needs, in the transaction that settles the return; the order is
//! made by whoever consumes it, under an id derived from the return, so that it is made once however often it is told.

use crate::Sales;
use crate::change::{By, ChangeError, Scope};
use crate::cost::Departed;
use crate::edits::Editor;
use crate::intake::{Intake, IntakeError};
use crate::order::returning::Finding;
use crate::order::{Line, Order, OrderId, Refused, Terms};
use crate::payment::Payment;
use crate::place::Placed;
use crate::returns::ReturnEvent;
use crate::stock::Stock;
use inventory::{LocationId, Sku};
use kernel::{Context, Currency, Event, MoneyError, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// The channel of orders that are made of returns.
pub const EXCHANGE: &str = "exchange";
/// Event: an order is to be made of a return.
pub const EXCHANGE_REQUESTED: &str = "sales.exchange.requested.v1";

/// The order an exchange asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeOrder {
    /// The order whose goods came back.
    pub order_id: OrderId,
    /// Number of the return.
    pub number: usize,
    /// Who gets it.
    pub customer: String,
    /// Whose order it is.
    pub company: Option<String>,
    /// Currency of every amount.
    pub currency: Currency,
    /// Item, units, unit price in minor units.
    pub lines: Vec<(Sku, i64, i64)>,
    /// What the return pays of it, in minor units.
    pub credit_minor: i64,
    /// How the rest is paid: method and token.
    pub rest: (String, String),
    /// Who asked for it.
    pub actor: String,
}

impl Sales {
    /// Asks for units to be taken back. Returns the order; the new return is its last one.
    pub async fn request_return(
        &self,
        tenant: &TenantId,
        id: OrderId,
        units: &[(Sku, i64)],
        location: &LocationId,
        editor: Editor<'_>,
    ) -> Result<Order, ChangeError> {
        let (now, reason) = (self.now(), editor.reason.unwrap_or_default());
        let step = |order: &mut Order, _: &Stock| {
            order.request_return(units, location.clone(), reason, now).map(|_| Vec::new())
        };
        self.change(tenant, id, editor.by("return_requested"), Scope::Nothing, &step).await
    }

    /// Moves a return on: approve, reject, send, receive, cancel.
    pub async fn advance_return(
        &self,
        tenant: &TenantId,
        (id, number): (OrderId, usize),
        event: ReturnEvent,
        editor: Editor<'_>,
    ) -> Result<Order, ChangeError> {
        let step = |order: &mut Order, _: &Stock| match event {
            // These come with what was found, or settle goods and money.
            ReturnEvent::Inspect | ReturnEvent::Settle => Err(Refused::NoChange),
            ReturnEvent::Approve
            | ReturnEvent::Reject
            | ReturnEvent::Send
            | ReturnEvent::Receive
            | ReturnEvent::Cancel => order.advance_return(number, event).map(|()| Vec::new()),
        };
        let what = format!("return_{event}");
        self.change(tenant, id, editor.by(&what), Scope::Nothing, &step).await
    }

    /// Records what was found of the goods.
    pub async fn inspect_return(
        &self,
        tenant: &TenantId,
        (id, number): (OrderId, usize),
        findings: &[Finding],
        editor: Editor<'_>,
    ) -> Result<Order, ChangeError> {
        let step = |order: &mut Order, _: &Stock| order.inspect_return(number, findings).map(|()| Vec::new());
        self.change(tenant, id, editor.by("return_inspected"), Scope::Nothing, &step).await
    }

    /// Settles a return: goods into stock, money back, or as much of it as `exchange` costs into an order of these lines.
    pub async fn settle_return(
        &self,
        tenant: &TenantId,
        (id, number): (OrderId, usize),
        exchange: Option<&[Line]>,
        editor: Editor<'_>,
    ) -> Result<Order, ChangeError> {
        let found = self.order(tenant, id).await?.ok_or(ChangeError::NotFound)?;
        let refused = |reason| ChangeError::Refused { reason, order: Box::new(found.clone()) };
        let held = found.returns.get(number).ok_or_else(|| refused(Refused::UnknownReturn))?;
        let units: Vec<(Sku, i64)> = held.lines.iter().map(|line| (line.sku.clone(), line.units)).collect();
        let skus: Vec<Sku> = found.items(&units).into_iter().map(|(sku, _)| sku).collect();
        let location = held.location.clone();
        let departed = self.departed(tenant, id, &location).await?;
        let cost = exchange.map(cost_of).transpose().map_err(|error| refused(error.into()))?;
        let new = Self::id_of(tenant, EXCHANGE, &external_id(id, number));
        let part = |order: &Order| -> Result<Option<(OrderId, i64)>, Refused> {
            match cost {
                Some(cost) => Ok(Some((new, cost.min(order.return_value(number)?.minor())))),
                None => Ok(None),
            }
        };
        let step = |order: &mut Order, _: &Stock| order.settle_return(number, part(order)?, &departed);
        let also = |order: &Order, transaction: &mut table::Transaction| {
            let (Some(lines), Some(cost)) = (exchange, cost) else { return };
            let wanted = exchange_order(order, number, lines, cost, editor.actor);
            let data = json!(wanted);
            let event = Event::new(EXCHANGE_REQUESTED, tenant, order.id, order.version, data, &*self.clock);
            transaction.event(&event.caused_by(editor.cause));
        };
        let by = By { also: Some(&also), ..editor.by("return_settled") };
        self.change(tenant, id, by, Scope::At(&location, &skus), &step).await
    }

    /// What left with the order and what it cost, in the order in which it left, as far as that cost means something at
    /// a location: it does at those of the same company.
    async fn departed(
        &self,
        tenant: &TenantId,
        id: OrderId,
        location: &LocationId,
    ) -> Result<Vec<Departed>, ChangeError> {
        let mut departed = self.departures(tenant, id).await?;
        let inventory = self.inventory();
        let mut same: BTreeMap<LocationId, bool> = BTreeMap::from([(location.clone(), true)]);
        for batch in &departed {
            if !same.contains_key(&batch.location) {
                let there = inventory.company_of(tenant, &batch.location).await?;
                let here = inventory.company_of(tenant, location).await?;
                same.insert(batch.location.clone(), there.is_some() && there == here);
            }
        }
        for batch in departed.iter_mut().filter(|batch| same.get(&batch.location) != Some(&true)) {
            batch.cost = None;
        }
        Ok(departed)
    }

    /// Makes the order of an exchange, once.
    pub async fn make_exchange(
        &self,
        tenant: &TenantId,
        wanted: &ExchangeOrder,
        cause: &Context,
    ) -> Result<Placed, IntakeError> {
        let lines: Vec<Line> =
            wanted.lines.iter().map(|(sku, n, price)| Line::plain(sku.clone(), *n, *price)).collect();
        let cost = cost_of(&lines)?;
        let credit =
            Payment::taken_elsewhere(EXCHANGE, &external_id(wanted.order_id, wanted.number), wanted.credit_minor);
        let (method, token) = &wanted.rest;
        let rest = Payment { amount_minor: Some(cost - wanted.credit_minor), ..Payment::pending(method, token) };
        let payments = [credit, rest].into_iter().filter(|p| p.amount_minor.is_some_and(|minor| minor > 0)).collect();
        let intake = Intake {
            customer: wanted.customer.clone(),
            terms: Terms {
                channel: Some(EXCHANGE.to_owned()),
                external_id: Some(external_id(wanted.order_id, wanted.number)),
                company: wanted.company.clone(),
                taxes_included: true,
                origin: Some(wanted.order_id),
                ..Terms::default()
            },
            currency: wanted.currency,
            lines,
            payments,
            address: self.address_of(tenant, wanted.order_id).await.map_err(ChangeError::from)?,
            counter: None,
            backorder: true,
        };
        self.take_in(tenant, &intake, &wanted.actor, cause).await
    }
}

fn external_id(order: OrderId, number: usize) -> String {
    format!("{order}-{number}")
}

fn cost_of(lines: &[Line]) -> Result<i64, MoneyError> {
    let add = |sum: i64, line: &Line| sum.checked_add(line.unit_price_minor.checked_mul(line.quantity)?);
    lines.iter().try_fold(0, add).ok_or(MoneyError::Overflow)
}

fn exchange_order(order: &Order, number: usize, lines: &[Line], cost: i64, actor: &str) -> ExchangeOrder {
    let value = order.returns.get(number).map_or(0, |held| held.value_minor);
    ExchangeOrder {
        order_id: order.id,
        number,
        customer: order.customer.clone(),
        company: order.terms.company.clone(),
        currency: order.currency,
        lines: lines.iter().map(|l| (l.sku.clone(), l.quantity, l.unit_price_minor)).collect(),
        credit_minor: cost.min(value),
        rest: (order.payment.method.clone(), order.payment.token.clone()),
        actor: actor.to_owned(),
    }
}
