//! Refused steps of orders as HTTP problems: one contract for every API that shows orders. This is the edge of those
//! APIs; nothing of it is used by the model or the use cases.
//!
//! A step that the state does not allow is 409 with `currentStatus` and `allowed`, of whatever machine refused it: the
//! order's, a fulfilment order's or a return's. What could never be right is 422.

use crate::ChangeError;
use crate::machine::Machine;
use crate::order::{Order, Refused};
use inventory::Refusal;
use serde_json::json;
use std::time::Duration;
use table::TableError;
use web::Problem;

/// The table did not do it.
pub fn table(error: &TableError) -> Problem {
    if error.is_retryable() { Problem::unavailable(error) } else { Problem::internal(error) }
}

/// A step was not taken.
pub fn change(error: ChangeError) -> Problem {
    match error {
        ChangeError::NotFound => Problem::not_found(),
        ChangeError::Refused { reason, order } => refused(&reason, &order),
        ChangeError::Inconsistent(Refusal::Frozen(count)) => {
            Problem::new(http::StatusCode::SERVICE_UNAVAILABLE, "stock_frozen")
                .detail("The stock is being counted and must not move until the count is posted.")
                .with("count", count)
                .retry_after(Duration::from_secs(60))
        }
        ChangeError::Inconsistent(refusal) => Problem::internal(&refusal),
        ChangeError::Money(error) => Problem::internal(&error),
        ChangeError::Stale(_) => web::stale(),
        ChangeError::Contended => Problem::contended(),
        ChangeError::Table(error) => table(&error),
    }
}

fn refused(reason: &Refused, order: &Order) -> Problem {
    let code = match reason {
        Refused::UnknownShipment | Refused::UnknownReturn | Refused::UnknownRefund => return Problem::not_found(),
        Refused::NotYours => {
            return Problem::new(http::StatusCode::FORBIDDEN, "not_your_shipment")
                .detail("The shipment belongs to another warehouse.");
        }
        Refused::WrongLines => return Problem::unprocessable("wrong_lines").detail("The lines do not fit the order."),
        Refused::Money(_) => return Problem::unprocessable("amount_out_of_range").detail(reason.to_string()),
        Refused::TooMany { sku, requested, available } => {
            return Problem::unprocessable("too_many_units")
                .detail(reason.to_string())
                .with("shortages", json!([{ "sku": sku, "requested": requested, "available": available }]));
        }
        Refused::Transition(transition) => {
            return Problem::conflict("invalid_transition")
                .detail(transition.to_string())
                .with("currentStatus", transition.from)
                .with("allowed", json!(transition.allowed));
        }
        Refused::AlreadySettled(state) => {
            return Problem::conflict("shipment_already_settled")
                .detail(reason.to_string())
                .with("currentStatus", state.as_str())
                .with("allowed", json!(state.events(&|_| true)));
        }
        Refused::RefundTooLarge { .. } => "refund_too_large",
        Refused::AlreadyDispatched => "already_dispatched",
        Refused::PlacesDiffer => "other_location",
        Refused::PaymentSettled => "payment_already_settled",
        Refused::Held(_) => "order_held",
        Refused::NoOtherStock => "no_stock",
        Refused::TooManyShipments => "too_many_shipments",
        Refused::NoChange => "no_change",
    };
    Problem::conflict(code)
        .detail(reason.to_string())
        .with("currentStatus", order.status.as_str())
        .with("allowed", json!(order.allowed()))
}
