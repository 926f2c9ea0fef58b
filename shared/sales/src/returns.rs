//! Returns: goods that come back, from the request to their place in stock and the money for them. Pure.
//!
//! A return belongs to its order and is stored with it, so that no unit is returned twice. What is given back is the
//! stored share of the units that arrived ([`crate::Order::return_value`]), never computed anew.

use crate::OrderId;
use crate::machine::{Machine, NoGuard, Row, names};
use inventory::{LocationId, Sku};
use serde::{Deserialize, Serialize};

names! {
    /// Where a return stands.
    pub enum ReturnState {
        /// Asked for.
        Requested = "REQUESTED",
        /// Allowed; the goods are still with the customer.
        Approved = "APPROVED",
        /// The goods are on their way.
        InTransit = "IN_TRANSIT",
        /// A parcel arrived.
        Received = "RECEIVED",
        /// Its goods were looked at, unit by unit.
        Inspected = "INSPECTED",
        /// Goods are in stock or written off, and the money for what arrived is given back or became an exchange.
        Closed = "CLOSED",
        /// Not allowed.
        Rejected = "REJECTED",
        /// Called off before anything was sent.
        Cancelled = "CANCELLED",
    }
}

names! {
    /// What can happen to a return.
    pub enum ReturnEvent {
        /// It is allowed.
        Approve = "approve",
        /// It is not.
        Reject = "reject",
        /// The customer handed it to a carrier.
        Send = "send",
        /// It arrived.
        Receive = "receive",
        /// Its goods were looked at. Repeated, it corrects what was found.
        Inspect = "inspect",
        /// Goods and money are settled.
        Settle = "settle",
        /// It is called off.
        Cancel = "cancel",
    }
}

use ReturnState::{Approved, Cancelled, Closed, InTransit, Inspected, Received, Rejected, Requested};

impl Machine for ReturnState {
    type Event = ReturnEvent;
    type Guard = NoGuard;
    const WHAT: &'static str = "return";
    const TABLE: &'static [Row<Self>] = &[
        (Requested, ReturnEvent::Approve, None, Approved),
        (Requested, ReturnEvent::Reject, None, Rejected),
        (Requested, ReturnEvent::Cancel, None, Cancelled),
        (Approved, ReturnEvent::Send, None, InTransit),
        (Approved, ReturnEvent::Receive, None, Received),
        (Approved, ReturnEvent::Cancel, None, Cancelled),
        (InTransit, ReturnEvent::Receive, None, Received),
        (Received, ReturnEvent::Inspect, None, Inspected),
        (Inspected, ReturnEvent::Inspect, None, Inspected),
        (Inspected, ReturnEvent::Settle, None, Closed),
    ];
}

impl ReturnState {
    /// Its units cannot be in another return.
    pub fn claims_units(self) -> bool {
        !matches!(self, Rejected | Cancelled)
    }

    /// Somebody has to do something about it.
    pub fn is_open(self) -> bool {
        !matches!(self, Rejected | Cancelled | Closed)
    }
}

/// One item of a return. Units that were asked for and are in none of the three did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnLine {
    /// The item.
    #[serde(rename = "k")]
    pub sku: Sku,
    /// Units that are to come back.
    #[serde(rename = "q")]
    pub units: i64,
    /// Units found as good as new: they are sold again.
    #[serde(rename = "g", default)]
    pub restocked: i64,
    /// Units found damaged: they are paid back and not sold again.
    #[serde(rename = "d", default)]
    pub damaged: i64,
    /// Units that are not taken back: they are not paid back.
    #[serde(rename = "x", default)]
    pub refused: i64,
}

impl ReturnLine {
    /// Units whose money is given back.
    pub fn accepted(&self) -> i64 {
        self.restocked + self.damaged
    }
}

/// Goods that come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// Where it stands.
    #[serde(rename = "s")]
    pub state: ReturnState,
    /// Where the goods go.
    #[serde(rename = "l")]
    pub location: LocationId,
    /// Why, in the customer's words.
    #[serde(rename = "r")]
    pub reason: String,
    /// What.
    #[serde(rename = "i")]
    pub lines: Vec<ReturnLine>,
    /// The order that was made of its value, if it was exchanged.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub exchange: Option<OrderId>,
    /// What was given back or became part of the exchange, in minor units.
    #[serde(rename = "v", default)]
    pub value_minor: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::try_every_pair;

    #[test]
    fn every_pair_is_allowed_exactly_when_the_table_lists_it() {
        try_every_pair(&ReturnState::ALL, &ReturnEvent::ALL);
    }
}
