//! Who may see and do what.

use web::Roles;

/// Parts of the system: sources of documents, connectors.
pub(crate) struct Services;
impl Roles for Services {
    const ALLOWED: &'static [&'static str] = &["SERVICE"];
}

/// Who runs it.
pub(crate) struct Operators;
impl Roles for Operators {
    const ALLOWED: &'static [&'static str] = &["OPERATOR", "STORE_ADMIN"];
}

/// Either.
pub(crate) struct Anybody;
impl Roles for Anybody {
    const ALLOWED: &'static [&'static str] = &["SERVICE", "OPERATOR", "STORE_ADMIN"];
}
