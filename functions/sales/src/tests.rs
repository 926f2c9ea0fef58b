//! What the API answers, over an embedded table: an order's life, wrong and hostile input, and the consumer of events.

mod consumer;
mod flow;
mod hostile;
mod world;
