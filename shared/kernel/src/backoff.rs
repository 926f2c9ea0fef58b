//! How long to wait before trying again. It computes; sleeping is the caller's business.

use std::time::Duration;

/// A bounded retry schedule with full jitter: the wait is drawn evenly between zero and a ceiling that grows with the
/// number of attempts, so that callers who failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    curve: Curve,
    base: Duration,
    cap: Duration,
    max_attempts: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Curve {
    Exponential,
    Linear,
    Logarithmic,
}

impl Backoff {
    /// Ceiling `base * 2^(attempt - 1)`: for a peer that is overloaded or gone.
    #[must_use]
    pub const fn exponential(base: Duration, cap: Duration, max_attempts: u32) -> Self {
        Self::new(Curve::Exponential, base, cap, max_attempts)
    }

    /// Ceiling `base * attempt`: for a short contention that clears by itself.
    #[must_use]
    pub const fn linear(base: Duration, cap: Duration, max_attempts: u32) -> Self {
        Self::new(Curve::Linear, base, cap, max_attempts)
    }

    /// Ceiling `base * (1 + floor(log2 attempt))`: for polling something slow without giving up on freshness.
    #[must_use]
    pub const fn logarithmic(base: Duration, cap: Duration, max_attempts: u32) -> Self {
        Self::new(Curve::Logarithmic, base, cap, max_attempts)
    }

    const fn new(curve: Curve, base: Duration, cap: Duration, max_attempts: u32) -> Self {
        Self { curve, base, cap, max_attempts }
    }

    /// How long to wait after attempt number `attempt` (the first is 1; 0 counts as 1) failed, or `None` when that
    /// was the last of `max_attempts`.
    #[must_use]
    pub fn delay(&self, attempt: u32, rng: &mut fastrand::Rng) -> Option<Duration> {
        let attempt = attempt.max(1);
        if attempt >= self.max_attempts {
            return None;
        }
        let ceiling = u64::try_from(self.ceiling(attempt).as_nanos()).unwrap_or(u64::MAX);
        Some(Duration::from_nanos(rng.u64(0..=ceiling)))
    }

    /// The longest wait after `attempt >= 1`.
    fn ceiling(&self, attempt: u32) -> Duration {
        let factor = match self.curve {
            Curve::Exponential => 1u32.checked_shl(attempt - 1).unwrap_or(u32::MAX),
            Curve::Linear => attempt,
            Curve::Logarithmic => 1 + attempt.ilog2(),
        };
        self.base.saturating_mul(factor).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;
    use proptest::prelude::*;

    use super::*;

    const BASE: Duration = Duration::from_millis(100);
    const CAP: Duration = Duration::from_secs(1);

    fn ceilings_ms(backoff: Backoff) -> Vec<u128> {
        (1..=8).map(|attempt| backoff.ceiling(attempt).as_millis()).collect()
    }

    #[test]
    fn ceilings_follow_their_curve_up_to_the_cap() {
        let exponential = Backoff::exponential(BASE, CAP, 9);
        assert_eq!(ceilings_ms(exponential), [100, 200, 400, 800, 1000, 1000, 1000, 1000]);
        let linear = Backoff::linear(BASE, Duration::from_millis(650), 9);
        assert_eq!(ceilings_ms(linear), [100, 200, 300, 400, 500, 600, 650, 650]);
        let logarithmic = Backoff::logarithmic(BASE, CAP, 9);
        assert_eq!(ceilings_ms(logarithmic), [100, 200, 200, 300, 300, 300, 300, 400]);
    }

    #[test]
    fn last_attempt_is_not_followed_by_a_wait() {
        let mut rng = Rng::with_seed(1);
        let backoff = Backoff::exponential(BASE, CAP, 3);
        assert!(backoff.delay(1, &mut rng).is_some());
        assert!(backoff.delay(2, &mut rng).is_some());
        assert_eq!(backoff.delay(3, &mut rng), None);
        assert_eq!(backoff.delay(u32::MAX, &mut rng), None);
        assert_eq!(Backoff::linear(BASE, CAP, 1).delay(1, &mut rng), None);
        assert_eq!(Backoff::linear(BASE, CAP, 0).delay(0, &mut rng), None);
    }

    #[test]
    fn jitter_uses_the_whole_range() {
        let mut rng = Rng::with_seed(7);
        let backoff = Backoff::exponential(BASE, CAP, 9);
        let mut tenths = [0; 10];
        for _ in 0..1000 {
            let delay = backoff.delay(1, &mut rng).unwrap();
            let tenth = usize::try_from(delay.as_nanos() * 10 / (BASE.as_nanos() + 1)).unwrap();
            tenths[tenth] += 1;
        }
        assert!(tenths.iter().all(|count| (50..200).contains(count)), "{tenths:?}");
    }

    fn any_backoff() -> impl Strategy<Value = Backoff> {
        let curve = prop::sample::select(vec![Curve::Exponential, Curve::Linear, Curve::Logarithmic]);
        let durations = (any::<Duration>(), any::<Duration>());
        (curve, durations, any::<u32>())
            .prop_map(|(curve, (base, cap), max_attempts)| Backoff::new(curve, base, cap, max_attempts))
    }

    proptest! {
        #[test]
        fn wait_is_bounded_and_ends_with_the_attempts(backoff in any_backoff(), attempt: u32, seed: u64) {
            match backoff.delay(attempt, &mut Rng::with_seed(seed)) {
                Some(delay) => {
                    prop_assert!(attempt < backoff.max_attempts);
                    prop_assert!(delay <= backoff.cap);
                }
                None => prop_assert!(attempt.max(1) >= backoff.max_attempts),
            }
        }

        #[test]
        fn ceiling_never_falls(backoff in any_backoff(), attempt in 1..u32::MAX) {
            prop_assert!(backoff.ceiling(attempt) <= backoff.ceiling(attempt + 1));
            prop_assert!(backoff.ceiling(attempt) >= backoff.base.min(backoff.cap));
        }
    }
}
