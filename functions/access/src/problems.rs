//! The contexts' errors as problems, each once.

use access::{ApiKeyError, DirectoryError, InvalidRoles, Outage};
use table::TableError;
use web::{FieldError, Problem};

pub(crate) fn outage(error: &Outage) -> Problem {
    Problem::unavailable(error)
}

pub(crate) fn table(error: &TableError) -> Problem {
    if error.is_retryable() { Problem::unavailable(error) } else { Problem::internal(error) }
}

pub(crate) fn directory(error: DirectoryError) -> Problem {
    match error {
        DirectoryError::NotFound => Problem::not_found(),
        DirectoryError::Stale => web::stale(),
        DirectoryError::Taken => Problem::conflict("email_taken").detail("There is a user with this address."),
        DirectoryError::Invalid(found) => {
            Problem::invalid(found.into_iter().map(|v| FieldError::at(v.pointer, v.code, v.detail)).collect())
        }
        DirectoryError::Roles(error) => roles(&error),
        DirectoryError::Step(error) => Problem::conflict("invalid_transition").detail(error.to_string()),
        DirectoryError::NoSecret => {
            Problem::unprocessable("no_secret").detail("A public application has no secret, and stays public.")
        }
        DirectoryError::Random(error) => Problem::internal(&error),
        DirectoryError::Table(error) => table(&error),
    }
}

pub(crate) fn api_key(error: ApiKeyError) -> Problem {
    match error {
        ApiKeyError::Directory(error) => directory(error),
        error @ ApiKeyError::Pepper(_) => Problem::unavailable(&error),
    }
}

pub(crate) fn roles(error: &InvalidRoles) -> Problem {
    let code = match error {
        InvalidRoles::TooMany => "too_many",
        InvalidRoles::Name(_) => "invalid_name",
        InvalidRoles::UnknownPermission { .. } => "unknown_permission",
        InvalidRoles::UnknownRole { .. } => "unknown_role",
        InvalidRoles::Circle(_) => "circular_role",
    };
    Problem::invalid(vec![FieldError::at("/roles", code, error.to_string())])
}
