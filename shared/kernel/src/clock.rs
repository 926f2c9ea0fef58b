//! Time as a dependency, so that expiry, ids and schedules can be tested without waiting.
//!
//! Wall-clock time only: it does not measure durations and does not sleep.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// Tells the current time.
pub trait Clock: fmt::Debug + Send + Sync {
    fn now(&self) -> Timestamp;
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock everybody else is told to take")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is told to move. Share it as `Arc<ManualClock>`.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    /// Sets the time, backwards too.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Moves forward.
    ///
    /// # Panics
    /// When the result lies beyond the year 9999.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manual_clock_moves_only_when_told() {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let seen_elsewhere: Arc<dyn Clock> = clock.clone();

        clock.advance(Duration::from_millis(1500));
        assert_eq!(seen_elsewhere.now().as_millisecond(), 1500);

        clock.set(Timestamp::UNIX_EPOCH);
        assert_eq!(seen_elsewhere.now(), Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn system_clock_is_in_this_century() {
        let start: Timestamp = "2020-01-01T00:00:00Z".parse().unwrap();
        let end: Timestamp = "2100-01-01T00:00:00Z".parse().unwrap();
        assert!((start..end).contains(&SystemClock.now()));
    }
}
