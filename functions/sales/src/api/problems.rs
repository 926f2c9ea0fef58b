//! Errors of the use cases as problems: one function an error, every case named.

use http::StatusCode;
use sales::notes::NoteError;
use sales::{ChangeError, IntakeError, Order, Refused};
use serde_json::json;
use std::time::Duration;
use table::TableError;
use web::{FieldError, Problem};

pub(crate) fn table(error: &TableError) -> Problem {
    if error.is_retryable() { Problem::unavailable(error) } else { Problem::internal(error) }
}

fn busy() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "contended")
        .detail("Too many others are changing the same thing; try again.")
        .retry_after(Duration::from_secs(1))
}

pub(crate) fn change(error: ChangeError) -> Problem {
    match error {
        ChangeError::NotFound => Problem::not_found(),
        ChangeError::Refused { reason, order } => refused(&reason, &order),
        ChangeError::Inconsistent(refusal) => Problem::internal(&refusal),
        ChangeError::Money(error) => Problem::internal(&error),
        ChangeError::Stale(_) => web::stale(),
        ChangeError::Contended => busy(),
        ChangeError::Table(error) => table(&error),
    }
}

/// A step that is not allowed: 409 with where the order stands and what it allows; or 422 when the request itself could
/// never be right.
fn refused(reason: &Refused, order: &Order) -> Problem {
    let code = match reason {
        Refused::UnknownShipment | Refused::UnknownReturn | Refused::UnknownRefund => return Problem::not_found(),
        Refused::WrongLines => return Problem::unprocessable("wrong_lines").detail(reason.to_string()),
        Refused::Money(_) => return Problem::unprocessable("amount_out_of_range").detail(reason.to_string()),
        Refused::TooMany { sku, requested, available } => {
            return Problem::unprocessable("too_many_units")
                .detail(reason.to_string())
                .with("shortages", json!([{ "sku": sku, "requested": requested, "available": available }]));
        }
        Refused::RefundTooLarge { .. } => "refund_too_large",
        // What the machine itself allows is the better answer: it may be the one of a return.
        Refused::Transition(transition) => {
            return Problem::conflict("invalid_transition")
                .detail(transition.to_string())
                .with("currentStatus", transition.from)
                .with("allowed", json!(transition.allowed));
        }
        Refused::AlreadySettled(state) => {
            let allowed = sales::Machine::events(*state, &|_| true);
            return Problem::conflict("invalid_transition")
                .detail(reason.to_string())
                .with("currentStatus", state.as_str())
                .with("allowed", json!(allowed));
        }
        Refused::AlreadyDispatched => "already_dispatched",
        Refused::NotYours => "other_location",
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

pub(crate) fn intake(error: IntakeError) -> Problem {
    match error {
        IntakeError::Line(at) => {
            let pointer = at.map_or_else(|| "/lines".to_owned(), |at| format!("/lines/{at}"));
            Problem::invalid(vec![FieldError::at(
                pointer,
                "out_of_range",
                "must be 1 to 20 lines, each item once, 1 to 1000 units",
            )])
        }
        IntakeError::Payments => {
            Problem::invalid(vec![FieldError::at("/payments", "out_of_range", "must be at most 5, each above zero")])
        }
        IntakeError::Unbalanced { paid, total } => Problem::unprocessable("unbalanced_payments")
            .detail("The payments do not add up to what the order comes to; figures are in minor units.")
            .with("paidMinor", paid)
            .with("totalMinor", total),
        IntakeError::Unpaid => Problem::unprocessable("counter_sale_unpaid").detail("A counter sale must be paid."),
        IntakeError::Money(_) => Problem::unprocessable("total_too_large").detail("The total is too large."),
        IntakeError::OutOfStock(shortages) => {
            let rows: Vec<_> = shortages
                .iter()
                .map(|s| json!({ "sku": s.sku, "requested": s.requested, "available": s.available.max(0) }))
                .collect();
            Problem::conflict("out_of_stock").detail("Not enough of some items is in stock.").with("shortages", rows)
        }
        IntakeError::Exists(order) => Problem::conflict("order_exists")
            .detail("There is another order with this channel and external id.")
            .with("id", order.id.to_string()),
        IntakeError::Change(error) => change(error),
    }
}

pub(crate) fn note(error: NoteError) -> Problem {
    match error {
        NoteError::NotFound => Problem::not_found(),
        NoteError::OutOfRange => {
            Problem::unprocessable("out_of_range").detail("Empty, too long, or too many mentions.")
        }
        NoteError::KeyReused => web::idempotency::reused(),
        NoteError::Table(error) => table(&error),
    }
}
