//! Errors of the use cases as problems: one function an error, every case named.

use documents::centre::{AnnounceError, RedriveError, RegisterError, SubmitError};
use documents::jobs::JobError;
use documents::{CommandError, ReceiveError, Refused};
use std::time::Duration;
use table::TableError;
use web::{FieldError, Problem};

pub(crate) fn table(error: &TableError) -> Problem {
    if matches!(error, TableError::ItemTooLarge { .. } | TableError::TransactionTooLarge { .. }) {
        return Problem::new(http::StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large")
            .detail("The payload is too large to be stored.");
    }
    if error.is_retryable() { Problem::unavailable(error) } else { Problem::internal(error) }
}

fn busy() -> Problem {
    Problem::new(http::StatusCode::SERVICE_UNAVAILABLE, "contended")
        .detail("Too many others are changing the same thing; try again.")
        .retry_after(Duration::from_secs(1))
}

pub(crate) fn submit(error: SubmitError) -> Problem {
    match error {
        SubmitError::UnknownType => {
            Problem::unprocessable("unknown_document_type").detail("The type is not registered in this version.")
        }
        SubmitError::Invalid(violations) => {
            let problem = Problem::unprocessable("payload_invalid").detail("The payload is not of its type.");
            violations.into_iter().fold(problem, |problem, violation| {
                problem.error(FieldError::at(format!("/payload{}", violation.pointer), "schema", violation.detail))
            })
        }
        SubmitError::Schema(why) => Problem::internal(&std::io::Error::other(why)),
        SubmitError::Receive(ReceiveError::Differs(id)) => Problem::unprocessable("revision_reused")
            .detail("This revision was received before with another payload.")
            .with("id", id.to_string()),
        SubmitError::Receive(ReceiveError::Table(error)) => table(&error),
    }
}

pub(crate) fn register_type(error: RegisterError) -> Problem {
    match error {
        RegisterError::Schema(why) => Problem::invalid(vec![FieldError::at("/schema", "invalid_schema", why)]),
        RegisterError::Taken => {
            Problem::conflict("version_taken").detail("This version has another schema; register the next one.")
        }
        RegisterError::Table(error) => table(&error),
    }
}

pub(crate) fn announce(error: AnnounceError) -> Problem {
    match error {
        AnnounceError::Registry(error) => {
            tracing::warn!(%error, "the registry of connectors does not answer");
            Problem::new(http::StatusCode::SERVICE_UNAVAILABLE, "registry_unavailable")
                .detail("The registry of connectors does not answer; do it again.")
                .retry_after(Duration::from_secs(5))
        }
        AnnounceError::Table(error) => table(&error),
    }
}

pub(crate) fn command(error: CommandError) -> Problem {
    match error {
        CommandError::NotFound => Problem::not_found(),
        CommandError::Refused(Refused::Transition(refused)) => Problem::conflict("invalid_transition")
            .detail(refused.to_string())
            .with("currentState", refused.state.as_str()),
        CommandError::Refused(refused @ (Refused::Held { .. } | Refused::NotDue { .. } | Refused::Fenced)) => {
            Problem::conflict("document_in_progress").detail(refused.to_string())
        }
        CommandError::Contended => busy(),
        CommandError::Table(error) => table(&error),
    }
}

pub(crate) fn redrive(error: RedriveError) -> Problem {
    match error {
        RedriveError::NotFound => Problem::not_found(),
        RedriveError::NotDead(_) => Problem::conflict("route_not_dead").detail("Only a dead route is driven again."),
        RedriveError::Unreachable(why) => {
            Problem::new(http::StatusCode::BAD_GATEWAY, "connector_unreachable").detail(why)
        }
        RedriveError::Contended => busy(),
        RedriveError::Table(error) => table(&error),
    }
}

pub(crate) fn job(error: JobError) -> Problem {
    match error {
        JobError::NotFound => Problem::not_found(),
        JobError::Schedule(error) => {
            Problem::invalid(vec![FieldError::at("/schedule", "invalid_schedule", error.to_string())])
        }
        JobError::Contended => busy(),
        JobError::Table(error) => table(&error),
    }
}
