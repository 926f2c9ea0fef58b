//! Refunds of an order, inbound: with the order in webhooks. In pages of orders they would cost more points than a store gives.

use kernel::{Currency, Money};
use serde::{Deserialize, Serialize};

use super::{MapError, money};
use crate::Gid;

/// What was given back of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refunds {
    /// In money, as far as it was paid out.
    pub paid: Money,
    pub all: Vec<Refund>,
}

/// Something the store gave back, or took out of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    pub id: u64,
    pub lines: Vec<RefundLine>,
}

/// Units of a line that a refund is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefundLine {
    pub line: Gid,
    pub quantity: u32,
    pub restock: Restock,
    /// Where the goods are now.
    pub location: Option<Gid>,
}

/// What became of the goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restock {
    /// They were not sent, and will not be.
    Cancel,
    /// They came back.
    Return,
    /// Neither is said: they stay with the customer, or are not sent.
    #[serde(other)]
    NoRestock,
}

#[derive(Deserialize)]
pub(super) struct PayloadRefund {
    id: u64,
    #[serde(default)]
    refund_line_items: Vec<PayloadLine>,
    #[serde(default)]
    transactions: Vec<PayloadTransaction>,
}

#[derive(Deserialize)]
struct PayloadLine {
    line_item_id: u64,
    quantity: u32,
    restock_type: Restock,
    #[serde(default)]
    location_id: Option<u64>,
}

#[derive(Deserialize)]
struct PayloadTransaction {
    kind: String,
    status: String,
    amount: String,
}

pub(super) fn read(refunds: Vec<PayloadRefund>, currency: Currency) -> Result<Refunds, MapError> {
    let mut paid = Money::zero(currency);
    let mut all = Vec::with_capacity(refunds.len());
    for refund in refunds {
        for part in refund.transactions.iter().filter(|part| part.kind == "refund" && part.status == "success") {
            let amount = money(&part.amount, currency, "transactions")?;
            paid = paid.checked_add(amount).map_err(|_| MapError::Amount("transactions"))?;
        }
        let line = |line: PayloadLine| RefundLine {
            line: Gid::new("LineItem", line.line_item_id),
            quantity: line.quantity,
            restock: line.restock_type,
            location: line.location_id.map(|id| Gid::new("Location", id)),
        };
        all.push(Refund { id: refund.id, lines: refund.refund_line_items.into_iter().map(line).collect() });
    }
    Ok(Refunds { paid, all })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_was_paid_out_counts_and_a_word_nobody_knows_takes_no_goods() {
        let payload = json!([{ "id": 7, "transactions": [
            { "kind": "refund", "status": "success", "amount": "12.50" },
            { "kind": "refund", "status": "failure", "amount": "5.00" },
            { "kind": "void", "status": "success", "amount": "5.00" },
        ], "refund_line_items": [
            { "line_item_id": 1, "quantity": 2, "restock_type": "return", "location_id": 4 },
            { "line_item_id": 2, "quantity": 1, "restock_type": "legacy_restock", "location_id": null },
        ] }]);
        let gbp = "GBP".parse().unwrap();
        let Refunds { paid, all } = read(serde_json::from_value(payload).unwrap(), gbp).unwrap();
        assert_eq!(paid, Money::from_minor(1_250, gbp));
        let lines: Vec<_> = all[0].lines.iter().map(|line| (line.quantity, line.restock)).collect();
        assert_eq!(lines, [(2, Restock::Return), (1, Restock::NoRestock)]);
        assert_eq!(all[0].lines[0].location, Some(Gid::new("Location", 4)));
    }
}
