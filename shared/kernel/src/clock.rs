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

/// A time to the second in ISO 8601's basic format, `20261121T181912Z`; for years of four digits.
#[must_use]
pub fn basic_time(time: Timestamp) -> String {
    let mut basic = time.to_string();
    basic.retain(|character| !matches!(character, '-' | ':'));
    basic.truncate("20261121T181912".len());
    basic.push('Z');
    basic
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_time_has_seconds_and_no_separators() {
        for (time, basic) in [
            ("2026-11-21T18:19:12Z", "20261121T181912Z"),
            ("2026-01-02T03:04:05.678901Z", "20260102T030405Z"),
            ("1970-01-01T00:00:00Z", "19700101T000000Z"),
        ] {
            assert_eq!(basic_time(time.parse().unwrap()), basic);
        }
    }

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
