//! The HTTP API of inventory over an embedded table.

mod documents;
mod flow;
mod hostile;
mod races;
mod reach;
mod valuation;
mod world;
