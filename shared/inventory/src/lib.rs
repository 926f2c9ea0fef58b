//! Inventory: how many units of an item a location holds, how many are promised, and the ledger that proves it.
//!
//! Pure files: [`level`] (balances and what movements do to them), [`movement`], [`ledger`] (hash chain and its
//! proof), [`allocation`] (which location ships what), [`locations`] (which places ship). Over the table: [`service`] (use
//! cases) and [`store`] (items and keys).
//!
//! It does not know orders, customers or prices: a movement names its source document as text. It does not decide
//! when stock is promised; `sales` does, and posts the movements in its own transaction.

pub mod allocation;
mod ids;
pub mod ledger;
pub mod level;
pub mod locations;
pub mod movement;
pub mod service;
pub mod store;

pub use ids::{InvalidName, LocationId, Sku};
pub use ledger::{Entry, Hash};
pub use level::{Level, Refusal};
pub use locations::{Health, Location, Locations};
pub use movement::{MAX_UNITS, Movement, Observation, Posting};
pub use service::{Absorbed, Inventory, StockError};
