//! Errors of the use cases as problems: one function an error, every case named.

use sales::IntakeError;
use sales::notes::NoteError;
pub(crate) use sales::problems::{change, table};
use serde_json::json;
use web::{FieldError, Problem};

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
        NoteError::NotUploaded => {
            Problem::conflict("not_uploaded").detail("Nothing was uploaded, or more than a day ago: begin again.")
        }
        NoteError::ContentDiffers => {
            Problem::unprocessable("content_differs").detail("The content is not what was announced: upload it again.")
        }
        NoteError::Table(error) => table(&error),
    }
}
