//! Domain events between functions: the `CloudEvents` envelope, publishing to the FIFO topic, consuming queues in
//! batches, dead letters and bringing them back.
//!
//! | I want to | use |
//! |---|---|
//! | put an event on the wire or read one | [`envelope`] |
//! | publish events to `events.fifo` | [`Publisher`] |
//! | consume a queue behind that topic | [`Consumer`] with an [`EventHandler`] |
//! | set something aside with its reason | [`DeadLetters`], implemented by [`Queue`] |
//! | look at dead letters and send them back | [`Redrive`] |
//!
//! Not here: where events come from (`table::outbox`), who may redrive (the operations API), environment and clients
//! (`runtime`).
//!
//! # What a consumer may rely on, and what it must do itself
//!
//! Delivery is at least once. Events of one group normally arrive in the order they were published, but a redriven
//! dead letter, a republished window and two events of one aggregate whose stream shards progressed at different
//! speeds all break that order. So a handler must survive a duplicate and an older event after a newer one:
//!
//! 1. **The aggregate's version is enough** when the handler keeps a copy of the aggregate's state. Store
//!    [`kernel::Event::aggregate_version`] with the copy and write on the condition that the stored version is
//!    smaller; a failed condition means the event is old news and the outcome is [`Outcome::Done`].
//! 2. **The effect's own key is enough** when the effect is one item or one external call that can be named after the
//!    event: derive its id with `typed_id!`'s `derive` from the event id (or the business key) and create it on the
//!    condition that it does not exist; give a third party that id as its idempotency key.
//! 3. **Otherwise write an inbox marker**: an item keyed by consumer and event id, created in the *same*
//!    `table::Transaction` as the effect. The effect is then neither lost nor doubled whatever crashes when. It costs two
//!    write units an event, so it is for what adds to something without naming it (a counter, a total, a points
//!    balance), and never a write of its own before or after the effect.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

mod consume;
mod dead_letter;
pub mod envelope;
mod publish;
mod queue;
mod redrive;

pub use consume::{Consumer, EventHandler, Outcome};
pub use dead_letter::{DeadLetter, DeadLetters};
pub use envelope::EnvelopeError;
pub use publish::{PublishError, Publisher};
pub use queue::{Message, Queue, QueueError};
pub use redrive::{Destination, Letter, Listing, Redrive, Redriven, Scope};
