//! The gateway over an embedded table, with a platform behind it that answers what a test wants.

mod contract;
mod door;
mod limits;
mod passing;
mod world;
