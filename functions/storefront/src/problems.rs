//! Errors of the use cases as problems: one function an error, every case named.

use catalog::{CreateError, CreateManyError, ListError};
pub(crate) use sales::problems::{change as change_order, table};
use sales::{MAX_LINES, MAX_QUANTITY, PlaceError};
use serde_json::json;
use storefront::RegistryError;
use web::{FieldError, Problem};

pub(crate) fn violations(violations: Vec<catalog::Violation>) -> Problem {
    Problem::invalid(violations.into_iter().map(|v| FieldError::at(v.pointer, v.code, v.detail)).collect())
}

pub(crate) fn create(error: CreateError) -> Problem {
    match error {
        CreateError::Invalid(found) => violations(found),
        CreateError::Exists(book) => Problem::conflict("book_exists")
            .detail("There is a book with this ISBN.")
            .with("id", book.value.id.to_string()),
        CreateError::Table(error) => table(&error),
    }
}

pub(crate) fn create_many(error: CreateManyError) -> Problem {
    match error {
        CreateManyError::TooManyRows(_) => {
            Problem::invalid(vec![FieldError::at("/books", "too_many", "must have 1 to 100 rows")])
        }
        CreateManyError::Table(error) => table(&error),
    }
}

pub(crate) fn change_book(error: catalog::ChangeError) -> Problem {
    match error {
        catalog::ChangeError::NotFound => Problem::not_found(),
        catalog::ChangeError::Stale(_) => web::stale(),
        catalog::ChangeError::Invalid(found) => violations(found),
        catalog::ChangeError::Table(error) => table(&error),
    }
}

pub(crate) fn list(error: &ListError) -> Problem {
    match error {
        ListError::InvalidStart => Problem::bad_request("invalid_cursor").detail("Start again without a cursor."),
        ListError::Table(error) => table(error),
    }
}

pub(crate) fn registry(error: &RegistryError) -> Problem {
    match error {
        RegistryError::Full(full) => Problem::conflict("too_many_warehouses").detail(full.to_string()),
        RegistryError::Contended => Problem::contended(),
        RegistryError::Table(error) => table(error),
    }
}

pub(crate) fn place(error: PlaceError) -> Problem {
    let quantity = |index: usize| {
        FieldError::at(format!("/items/{index}/quantity"), "out_of_range", format!("must be 1 to {MAX_QUANTITY}"))
    };
    let book = |index: usize, code: &'static str, detail: &'static str| {
        FieldError::at(format!("/items/{index}/bookId"), code, detail)
    };
    match error {
        PlaceError::NumberOfItems => {
            let detail = format!("must have 1 to {MAX_LINES} items");
            Problem::invalid(vec![FieldError::at("/items", "out_of_range", detail)])
        }
        PlaceError::Quantity(index) => Problem::invalid(vec![quantity(index)]),
        PlaceError::Repeated(index) => {
            Problem::invalid(vec![book(index, "repeated", "is ordered twice; add the quantities up")])
        }
        PlaceError::UnknownBooks(indexes) => {
            let problem = Problem::unprocessable("unknown_book").detail("Some of these books are not sold.");
            indexes.into_iter().fold(problem, |p, i| p.error(book(i, "unknown_book", "is not sold")))
        }
        PlaceError::MixedCurrencies => Problem::unprocessable("mixed_currencies")
            .detail("The books are priced in different currencies; order them apart."),
        PlaceError::Money(_) => Problem::unprocessable("total_too_large").detail("The total is too large."),
        PlaceError::OutOfStock(shortages) => {
            let rows: Vec<_> = shortages
                .iter()
                .map(|s| json!({ "isbn": s.sku, "requested": s.requested, "available": s.available.max(0) }))
                .collect();
            Problem::conflict("out_of_stock").detail("Not enough of some books is in stock.").with("shortages", rows)
        }
        PlaceError::TooManyItems => Problem::unprocessable("too_many_items")
            .detail("The kits of this order are made of too many items; order them apart."),
        PlaceError::KeyReused => web::idempotency::reused(),
        PlaceError::Inconsistent(refusal) => Problem::internal(&refusal),
        PlaceError::Contended => Problem::contended(),
        PlaceError::Table(error) => table(&error),
    }
}

pub(crate) fn register(error: access::RegisterError) -> Problem {
    match error {
        access::RegisterError::Invalid(found) => {
            Problem::invalid(found.into_iter().map(|v| FieldError::at(v.pointer, v.code, v.detail)).collect())
        }
        access::RegisterError::Taken => {
            Problem::conflict("email_taken").detail("There is an account with this address.")
        }
        access::RegisterError::Password(error) => Problem::internal(&error),
        access::RegisterError::Table(error) => table(&error),
    }
}
