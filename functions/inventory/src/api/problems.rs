//! Errors of the use cases as problems: one function an error, every case named.

use inventory::adjustments::StockAdjustmentError;
use inventory::company::InvalidCompany;
use inventory::count::CountRefused;
use inventory::counts::CountError;
use inventory::kit::InvalidKit;
use inventory::movements::MovementError;
use inventory::reservation::{NotAllowed, Shortage, State};
use inventory::reservations::{KitError, ReservationError};
use inventory::service::BackorderError;
use inventory::told::Told;
use inventory::transfer::TransferRefused;
use inventory::transfers::TransferError;
use inventory::value::CompanyError;
use inventory::{Refusal, StockError};
use serde::Serialize;
use serde_json::json;
use table::TableError;
use web::{FieldError, Problem};

pub(crate) fn table(error: &TableError) -> Problem {
    if error.is_retryable() { Problem::unavailable(error) } else { Problem::internal(error) }
}

pub(crate) fn stock(error: &StockError) -> Problem {
    match error {
        StockError::Refused(refusal) => refused(refusal),
        StockError::Contended => Problem::contended(),
        StockError::Broken(_) => Problem::internal(error),
        // Only layers make a step of a document too large: lines and items are limited.
        StockError::Table(TableError::TransactionTooLarge { .. }) => Problem::conflict("too_many_layers")
            .detail("Its goods came in with too many receipts to be moved at once; move fewer items."),
        StockError::Table(error) => table(error),
    }
}

fn refused(refusal: &Refusal) -> Problem {
    let Told { code, is_conflict, fact } = refusal.told();
    let problem = if is_conflict { Problem::conflict(code) } else { Problem::unprocessable(code) };
    let problem = problem.detail(refusal.to_string());
    fact.into_iter().fold(problem, |problem, (name, value)| problem.with(name, value))
}

/// A step that the state of a document does not allow.
fn transition(detail: String, state: impl Serialize, allowed: &[&str]) -> Problem {
    Problem::conflict("invalid_transition")
        .detail(detail)
        .with("currentStatus", json!(state))
        .with("allowed", json!(allowed))
}

/// The key was used for another document, which differs in this.
fn reused(field: &'static str) -> Problem {
    web::idempotency::reused().with("different", field)
}

fn invalid(pointer: &str, detail: String) -> Problem {
    Problem::invalid(vec![FieldError::at(pointer, "out_of_range", detail)])
}

pub(crate) fn movement(error: &MovementError) -> Problem {
    match error {
        MovementError::ExistsWithDifferent(field) => reused(field),
        MovementError::InTheFuture => invalid("/effectiveAt", error.to_string()),
        MovementError::Stock(error) => stock(error),
    }
}

pub(crate) fn backorder(error: &BackorderError) -> Problem {
    match error {
        BackorderError::Stale(_) => web::stale(),
        BackorderError::Stock(error) => stock(error),
    }
}

pub(crate) fn company(error: &CompanyError) -> Problem {
    match error {
        CompanyError::Invalid(InvalidCompany::Decimals) => invalid("/decimals", error.to_string()),
        CompanyError::Invalid(InvalidCompany::ExistsWithDifferent(field)) => {
            Problem::conflict(format!("exists_with_different_{field}")).detail(error.to_string())
        }
        CompanyError::Invalid(InvalidCompany::Unknown) => {
            Problem::unprocessable("unknown_company").detail(error.to_string())
        }
        CompanyError::Invalid(InvalidCompany::Taken) => Problem::conflict("other_company").detail(error.to_string()),
        CompanyError::Table(error) => table(error),
    }
}

pub(crate) fn reservation(error: &ReservationError) -> Problem {
    match error {
        ReservationError::Lines => invalid("/lines", error.to_string()),
        ReservationError::Short(rows) => shortages(rows),
        ReservationError::ExistsWithDifferent(field) => {
            Problem::conflict(format!("exists_with_different_{field}")).detail(error.to_string())
        }
        ReservationError::NotFound => Problem::not_found(),
        ReservationError::NotAllowed(reason) => {
            let state = match reason {
                NotAllowed::AlreadyCommitted => State::Committed,
                NotAllowed::AlreadyReleased => State::Released,
                NotAllowed::Expired => State::Expired,
                NotAllowed::NotDue => State::Pending,
                NotAllowed::Duration => return invalid("/seconds", reason.to_string()),
            };
            transition(reason.to_string(), state, state.allowed())
        }
        ReservationError::Stock(error) => stock(error),
    }
}

fn shortages(rows: &[Shortage]) -> Problem {
    let row = |Shortage { location, sku, requested, available }: &Shortage| json!({ "location": location, "sku": sku, "requested": requested, "available": available });
    Problem::conflict("insufficient_stock")
        .detail("Not enough of some items can be promised.")
        .with("shortages", rows.iter().map(row).collect::<Vec<_>>())
}

pub(crate) fn kit(error: &KitError) -> Problem {
    match error {
        KitError::Invalid(InvalidKit::Components | InvalidKit::Quantity(_)) => {
            invalid("/components", error.to_string())
        }
        KitError::Invalid(InvalidKit::Nested(_)) => Problem::unprocessable("nested_kit").detail(error.to_string()),
        KitError::Table(error) => table(error),
    }
}

pub(crate) fn transfer(error: &TransferError) -> Problem {
    match error {
        TransferError::NotFound => Problem::not_found(),
        TransferError::ExistsWithDifferent(field) => reused(field),
        TransferError::Stale(_) => web::stale(),
        TransferError::Refused(refused) => match refused {
            TransferRefused::Lines => invalid("/lines", refused.to_string()),
            TransferRefused::Places => invalid("/to", refused.to_string()),
            TransferRefused::Companies => Problem::unprocessable("different_companies").detail(refused.to_string()),
            TransferRefused::State(state) => transition(refused.to_string(), state, state.allowed()),
            TransferRefused::UnknownItem(_) => Problem::unprocessable("unknown_item").detail(refused.to_string()),
            TransferRefused::LeftoverNeeded => Problem::conflict("leftover_needed").detail(refused.to_string()),
        },
        TransferError::Stock(error) => stock(error),
    }
}

pub(crate) fn count(error: &CountError) -> Problem {
    match error {
        CountError::NotFound => Problem::not_found(),
        CountError::ExistsWithDifferent(field) => reused(field),
        CountError::Stale(_) => web::stale(),
        CountError::Refused(refused) => match refused {
            CountRefused::Items => invalid("/items", refused.to_string()),
            CountRefused::Figure => invalid("/figures", refused.to_string()),
            CountRefused::State(state) => transition(refused.to_string(), state, state.allowed()),
            CountRefused::UnknownItem(_) => Problem::unprocessable("unknown_item").detail(refused.to_string()),
            CountRefused::CountedTwice(_) => Problem::conflict("counted_twice").detail(refused.to_string()),
            CountRefused::SamePerson => Problem::conflict("same_person").detail(refused.to_string()),
            CountRefused::Missing(sku) => {
                Problem::conflict("not_counted").detail(refused.to_string()).with("sku", sku.as_str())
            }
        },
        CountError::Stock(error) => stock(error),
    }
}

pub(crate) fn adjustment(error: &StockAdjustmentError) -> Problem {
    match error {
        StockAdjustmentError::NotFound => Problem::not_found(),
        StockAdjustmentError::ExistsWithDifferent(field) => reused(field),
        StockAdjustmentError::ReasonDoesNotFit => {
            let misfit = FieldError::at("/reasonCode", "reason_does_not_fit", error.to_string());
            Problem::invalid(vec![misfit])
        }
        StockAdjustmentError::AlreadyDecided(state) => transition(error.to_string(), state, state.allowed()),
        StockAdjustmentError::SamePerson => Problem::conflict("same_person").detail(error.to_string()),
        StockAdjustmentError::Stock(error) => stock(error),
    }
}
