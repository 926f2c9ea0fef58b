//! What the handlers work with, who may call them, and what a request is known by.

pub(crate) mod adjustments;
pub(crate) mod allocations;
pub(crate) mod amounts;
pub(crate) mod counts;
pub(crate) mod kits;
pub(crate) mod levels;
pub(crate) mod movements;
pub(crate) mod problems;
pub(crate) mod reservations;
pub(crate) mod rules;
pub(crate) mod transfers;
pub(crate) mod valuation;
pub(crate) mod views;

use std::sync::Arc;

use access::Role;
use http::HeaderValue;
use inventory::adjustments::Adjustments;
use inventory::counts::Counts;
use inventory::movements::Movements;
use inventory::reservations::Reservations;
use inventory::transfers::Transfers;
use inventory::{Inventory, LocationId, MAX_UNITS};
use kernel::{Clock, TenantId};
use table::{Position, Table};
use web::secret::Secret;
use web::{Caller, FieldError, IdempotencyKey, IfMatch, Json, List, Listing, Page, Problem, Reach, Roles, Validation};

/// The use cases behind the routes of levels and documents.
pub struct Api {
    pub(crate) inventory: Inventory,
    pub(crate) movements: Movements,
    pub(crate) transfers: Transfers,
    pub(crate) counts: Counts,
    pub(crate) adjustments: Adjustments,
    pub(crate) clock: Arc<dyn Clock>,
    /// What cursors are signed with; read by lists only, and not before the first.
    cursor_secret: Arc<dyn Secret>,
}

impl Api {
    /// Over this table.
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>, cursor_secret: Arc<dyn Secret>) -> Self {
        let inventory = Inventory::new(table);
        Self {
            movements: Movements::new(inventory.clone(), clock.clone()),
            transfers: Transfers::new(inventory.clone(), clock.clone()),
            counts: Counts::new(inventory.clone(), clock.clone()),
            adjustments: Adjustments::new(inventory.clone(), clock.clone()),
            inventory,
            clock,
            cursor_secret,
        }
    }

    /// A list as it was asked for, ready to be read.
    pub(crate) async fn listing<F>(&self, list: List<F>, tenant: &TenantId) -> Result<Listing<F>, Problem> {
        list.open(&*self.cursor_secret, tenant).await
    }
}

/// The use cases behind the routes of reservations and kits, which have no lists.
pub struct ReservationsApi {
    pub(crate) reservations: Reservations,
    pub(crate) clock: Arc<dyn Clock>,
}

impl ReservationsApi {
    /// Over this table.
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        Self { reservations: Reservations::new(table, clock.clone()), clock }
    }
}

/// Where a page of the table starts.
pub(crate) fn start<F>(listing: &Listing<F>) -> Result<Option<Position>, Problem> {
    listing.start(Position::from_bytes)
}

/// A page of the table as it is shown.
pub(crate) fn shown<F, T, U>(listing: &Listing<F>, page: table::Page<T>, show: impl Fn(T) -> U) -> Json<Page<U>> {
    let next = page.next.map(|next| next.to_bytes());
    Json(listing.page(page.items.into_iter().map(show).collect(), next.as_deref()))
}

/// 404: of a location the caller may not see nothing is known.
pub(crate) fn seen_at(reach: &Reach, at: &LocationId) -> Result<(), Problem> {
    if reach.contains(at.as_str()) { Ok(()) } else { Err(Problem::not_found()) }
}

/// 403 where the caller may not do anything, whether there is such a location or not.
pub(crate) fn done_at(reach: &Reach, at: &LocationId) -> Result<(), Problem> {
    if reach.contains(at.as_str()) { Ok(()) } else { Err(Problem::forbidden()) }
}

/// What makes one request, or one row of one, the same as another: who sends it, and the key they gave it.
pub(crate) struct Request<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) reach: &'a Reach,
    key: String,
}

impl<'a> Request<'a> {
    pub(crate) fn new((caller, reach): (&'a Caller, &'a Reach), key: &IdempotencyKey) -> Self {
        Self { caller, reach, key: key.as_str().to_owned() }
    }

    /// A row of a batch. A key has no space in it, so no row is another request.
    pub(crate) fn row((caller, reach): (&'a Caller, &'a Reach), key: &IdempotencyKey, index: usize) -> Self {
        Self { caller, reach, key: format!("{} {index}", key.as_str()) }
    }

    /// What its document's id is derived from.
    pub(crate) fn parts(&self) -> [&str; 3] {
        [self.caller.tenant.as_str(), &self.caller.principal, &self.key]
    }
}

/// The version a change is made on: the one that is stored, if it is one the caller has seen.
pub(crate) fn seen(version: u64, known: &IfMatch) -> Result<Option<u64>, Problem> {
    known.check(web::ETag(version))?;
    Ok(match known {
        IfMatch::Any => None,
        IfMatch::OneOf(_) => Some(version),
    })
}

/// Tells whoever sent it that the request came before.
pub(crate) const REPLAYED: (&str, HeaderValue) = ("idempotency-replayed", HeaderValue::from_static("true"));

/// Longest text that people give: a reason, a source document.
const MAX_TEXT: usize = 200;

/// Records an error unless the quantity is 1 to [`MAX_UNITS`].
pub(crate) fn check_units(validation: &mut Validation, pointer: &str, units: i64) {
    check_range(validation, pointer, units, 1, MAX_UNITS);
}

pub(crate) fn check_range(validation: &mut Validation, pointer: &str, value: i64, least: i64, most: i64) {
    validation.check((least..=most).contains(&value), || {
        FieldError::at(pointer, "out_of_range", format!("must be a whole number from {least} to {most}"))
    });
}

/// Records an error unless the text, if there is one, can be kept and shown.
pub(crate) fn check_text(validation: &mut Validation, pointer: &str, text: Option<&str>) {
    let fits = |text: &str| (1..=MAX_TEXT).contains(&text.len()) && !text.chars().any(char::is_control);
    validation.check(text.is_none_or(fits), || {
        FieldError::at(pointer, "invalid_text", format!("must have 1 to {MAX_TEXT} bytes and no control characters"))
    });
}

/// Who runs the store.
pub(crate) struct Admins;
impl Roles for Admins {
    const ALLOWED: &'static [&'static str] = &[Role::StoreAdmin.as_str()];
}

/// Who runs the store, and other parts of the system: connectors, tills, warehouses.
pub(crate) struct Staff;
impl Roles for Staff {
    const ALLOWED: &'static [&'static str] = &[Role::StoreAdmin.as_str(), Role::Service.as_str()];
}
