//! The port through which a connector translates: what a thing is called here into what it is called there, and back.

use serde_json::Value;

use crate::Outcome;

/// Translates snapshots of one document type. Pure: no clock, no chance, no IO, so that recorded pairs prove it.
///
/// A mapper tolerates fields and words of the other side that it does not know: systems add them without telling. What
/// it cannot do without is an [`Unmappable`].
pub trait Mapper: Send + Sync {
    /// How the other side is to be told.
    fn to_remote(&self, local: &Value) -> Result<Value, Unmappable>;

    /// What the other side's words mean here.
    #[expect(
        clippy::wrong_self_convention,
        reason = "it converts from their words to ours, with what the mapper knows"
    )]
    fn from_remote(&self, remote: &Value) -> Result<Value, Unmappable>;
}

/// The snapshot has no meaning on the other side.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {detail}")]
pub struct Unmappable {
    /// A stable word: `missing_field`, `unknown_currency`.
    pub code: &'static str,
    /// Path of the field that is to blame.
    pub field: String,
    pub detail: String,
}

impl From<Unmappable> for Outcome {
    /// Trying the same again is of no use.
    fn from(unmappable: Unmappable) -> Self {
        Self::Rejected { code: unmappable.code.to_owned(), field: Some(unmappable.field) }
    }
}
