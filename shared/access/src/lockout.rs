//! Guessing passwords: after so many failures in so much time a user is locked out until the oldest of them is past.
//!
//! Pure: it counts. A window that slides, so no moment exists from which more guesses fit into the same time.

use kernel::Timestamp;
use serde::{Deserialize, Serialize};

/// Failures within [`WINDOW_SECONDS`] that lock.
pub const MAX_FAILURES: usize = 10;
/// Length of the window.
pub const WINDOW_SECONDS: i64 = 15 * 60;

/// The latest failures of one user, as epoch seconds, oldest first; never more than [`MAX_FAILURES`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Failures(Vec<i64>);

impl Failures {
    pub(crate) fn is_locked(&self, now: Timestamp) -> bool {
        self.live(now).count() >= MAX_FAILURES
    }

    pub(crate) fn is_clear(&self, now: Timestamp) -> bool {
        self.live(now).next().is_none()
    }

    /// One failure more. While locked there is none to record: nothing was tried.
    #[must_use]
    pub(crate) fn and_one(&self, now: Timestamp) -> Self {
        Self(self.live(now).chain([now.as_second()]).collect())
    }

    /// When nothing of it counts any more.
    pub(crate) fn expiry(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.0.iter().max()? + WINDOW_SECONDS).ok()
    }

    fn live(&self, now: Timestamp) -> impl Iterator<Item = i64> {
        self.0.iter().copied().filter(move |at| now.as_second() - at < WINDOW_SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_tenth_failure_within_the_window_locks_until_the_first_is_past() {
        let mut failures = Failures::default();
        for second in 0..9 {
            failures = failures.and_one(at(second));
            assert!(!failures.is_locked(at(second)));
        }
        failures = failures.and_one(at(600));
        assert!(failures.is_locked(at(600)));
        assert!(failures.is_locked(at(899)));
        assert!(!failures.is_locked(at(900)));
        assert_eq!(failures.expiry(), Some(at(1500)));
        assert!(!failures.is_clear(at(1499)));
        assert!(failures.is_clear(at(1500)));
    }

    proptest! {
        #[test]
        fn no_window_holds_more_failures_than_allowed(steps in prop::collection::vec(0i64..300, 1..80)) {
            let (mut failures, mut now, mut tried) = (Failures::default(), 0, Vec::new());
            for step in steps {
                now += step;
                if !failures.is_locked(at(now)) {
                    failures = failures.and_one(at(now));
                    tried.push(now);
                }
                prop_assert!(failures.0.len() <= MAX_FAILURES);
            }
            for from in &tried {
                let within = tried.iter().filter(|at| (*from..from + WINDOW_SECONDS).contains(*at)).count();
                prop_assert!(within <= MAX_FAILURES);
            }
        }
    }
}
