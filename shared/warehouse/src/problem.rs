//! What every error of the use cases is over HTTP. The only place that knows.

use http::StatusCode;
use inventory::told::Told;
use inventory::{Refusal, StockError};
use table::TableError;
use web::Problem;

use crate::ship::ShipError;
use crate::stock::AdjustError;

impl From<ShipError> for Problem {
    fn from(error: ShipError) -> Self {
        match error {
            ShipError::Reused => {
                Self::unprocessable("shipment_reused").detail("This shipmentId was used for another instruction.")
            }
            ShipError::Stock(error) => stock(&error),
        }
    }
}

impl From<AdjustError> for Problem {
    fn from(error: AdjustError) -> Self {
        match error {
            AdjustError::KeyReused => web::idempotency::reused(),
            AdjustError::Stock(error) => stock(&error),
        }
    }
}

pub(crate) fn stock(error: &StockError) -> Problem {
    match error {
        StockError::Refused(refusal) => refused(refusal),
        StockError::Contended => Problem::unavailable(error),
        StockError::Broken(_) => Problem::internal(error),
        StockError::Table(error) => table(error),
    }
}

fn refused(refusal: &Refusal) -> Problem {
    let Told { code, is_conflict, fact } = refusal.told();
    let problem = if is_conflict { Problem::conflict(code) } else { Problem::unprocessable(code) };
    let problem = problem.detail(refusal.to_string());
    fact.into_iter().fold(problem, |problem, (name, value)| problem.with(name, value))
}

pub(crate) fn table(error: &TableError) -> Problem {
    match error {
        TableError::Conflict(_) | TableError::Throttled(_) | TableError::Unavailable(_) => Problem::unavailable(error),
        TableError::ConditionFailed { .. }
        | TableError::ItemTooLarge { .. }
        | TableError::TransactionTooLarge { .. }
        | TableError::Encode { .. }
        | TableError::Corrupt { .. }
        | TableError::Rejected { .. } => Problem::internal(error),
    }
}

/// The health check's refusal: whoever asks needs to know that, not why.
pub(crate) fn unhealthy(error: &TableError) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unhealthy").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_503_and_what_is_our_fault_is_500() {
        let busy =
            [TableError::Conflict("x".into()), TableError::Throttled("x".into()), TableError::Unavailable("x".into())];
        for error in busy {
            assert_eq!(table(&error).status(), StatusCode::SERVICE_UNAVAILABLE, "{error}");
        }
        let corrupt = TableError::Corrupt { what: "x".into(), source: None };
        let denied = TableError::Rejected { code: "AccessDeniedException".into(), source: "x".into() };
        for error in [corrupt, denied, TableError::ConditionFailed { old: None }] {
            assert_eq!(table(&error).status(), StatusCode::INTERNAL_SERVER_ERROR, "{error}");
        }
        assert_eq!(stock(&StockError::Contended).status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn a_refused_movement_says_how_much_there_is() {
        let problem = refused(&Refusal::InsufficientStock { requested: 3, available: 2 });
        assert_eq!((problem.status(), problem.code()), (StatusCode::CONFLICT, "insufficient_stock"));
        assert_eq!(refused(&Refusal::OutOfRange(9)).status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
}
