//! The routes as a client sees them: what is refused and leaves no trace, and what is answered.

mod answers;
mod hostile;
mod world;
