//! The flows from end to end over an embedded table, with a provider that knows one person, and every attack of RFC 9700 that
//! applies.

mod attacks;
mod flows;
mod races;
mod world;
