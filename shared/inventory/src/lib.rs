//! Inventory: how many units of an item a location holds and in which state, what they cost, and the ledger that proves it.
//!
//! Pure files: [`balances`], [`level`] (what movements do to balances), [`movement`], [`valuation`] (what they do to cost),
//! [`ledger`] (hash chain and its proof), [`allocation`] (which location ships what), [`locations`] (which places ship),
//! [`company`] (whose rules), [`pool`] (an item with its shards), [`kit`], [`reservation`], [`transfer`], [`count`]. Over the
//! table: the use cases of [`service`] (levels), [`history`] (ledgers), [`value`], [`appraisal`] (of a company), [`movements`],
//! [`reservations`], [`hot`], [`sellable`] (what is shown), [`transfers`], [`counts`] and [`adjustments`]; `settle` (what documents have in common) and [`store`] (items and keys). For the edge: [`told`].
//!
//! It does not know orders, customers or prices: a movement names its source document as text. It does not decide
//! when stock is promised; `sales` does, and posts the movements in its own transaction.

pub mod adjustments;
pub mod allocation;
pub mod appraisal;
pub mod balances;
pub mod company;
pub mod count;
pub mod counts;
pub mod history;
pub mod hot;
mod ids;
pub mod kit;
pub mod ledger;
pub mod level;
pub mod locations;
pub mod movement;
pub mod movements;
pub mod pool;
pub mod reservation;
pub mod reservations;
pub mod sellable;
pub mod service;
mod settle;
pub mod store;
pub mod told;
pub mod transfer;
pub mod transfers;
pub mod valuation;
pub mod value;

pub use balances::Balances;
pub use company::Company;
pub use ids::{CompanyId, InvalidName, LocationId, Sku};
pub use ledger::{Entry, Hash};
pub use level::{Cost, Level, Refusal};
pub use locations::{Health, Location, Locations};
pub use movement::{Condition, MAX_UNITS, Movement, Observation, Posting};
pub use pool::Pool;
pub use service::{Absorbed, Inventory, StockError};
