//! The functions together, before a stand-in store: connected over HTTP, told by event, listened to by webhook.

mod amends;
mod attacks;
mod centre;
mod connecting;
mod crashes;
mod customers;
mod doubles;
mod operating;
mod people;
mod trade;
mod world;
