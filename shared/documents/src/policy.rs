//! When a document is tried again: a backoff a class and document type, and a budget of retries a connection.

use std::collections::BTreeMap;
use std::time::Duration;

use kernel::Backoff;

use crate::{Class, DocumentType};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// How patient we are with documents of a type. Each backoff counts the attempts in a row that ended in its class;
/// where it ends, the document is parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How long a worker may take before its document counts as left behind.
    pub lease: Duration,
    /// Attempts that count, of whatever class, before the document is parked.
    pub max_attempts: u32,
    /// A handle is asked for.
    pub pending: Backoff,
    /// The other side throttles and does not say until when.
    pub throttled: Backoff,
    pub conflict: Backoff,
    pub dependency: Backoff,
    pub transient: Backoff,
    pub unknown: Backoff,
}

impl Policy {
    /// Ten attempts over a day and more for what is down, quick merges for conflicts, patience with what is at work.
    pub const DEFAULT: Self = Self {
        lease: Duration::from_secs(120),
        max_attempts: 12,
        pending: Backoff::logarithmic(MINUTE, HOUR, 500),
        throttled: Backoff::linear(MINUTE, HOUR, u32::MAX),
        conflict: Backoff::linear(SECOND, MINUTE, 5),
        dependency: Backoff::exponential(MINUTE, HOUR, 10),
        transient: Backoff::exponential(MINUTE, Duration::from_secs(6 * 3600), 10),
        unknown: Backoff::exponential(MINUTE, HOUR, 10),
    };

    /// The wait after the `streak`th attempt in a row that ended in this class; `None` when there is to be no other.
    #[must_use]
    pub fn delay(&self, class: Class, streak: u32, rng: &mut fastrand::Rng) -> Option<Duration> {
        match class {
            Class::Pending => self.pending.delay(streak, rng),
            Class::Throttled => self.throttled.delay(streak, rng),
            Class::Conflict => self.conflict.delay(streak, rng),
            Class::DependencyMissing => self.dependency.delay(streak, rng),
            Class::Transient => self.transient.delay(streak, rng),
            // Of several items the deciding one is asked about, so `Partial` itself says that nothing is known.
            Class::Unknown | Class::Partial => self.unknown.delay(streak, rng),
            Class::AuthExpired | Class::AuthBroken => Some(Duration::ZERO),
            Class::Done | Class::Rejected => None,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A policy for each document type that wants its own.
#[derive(Debug, Clone, Default)]
pub struct Policies(BTreeMap<DocumentType, Policy>);

impl Policies {
    /// The same, with this policy for this type.
    #[must_use]
    pub fn with(mut self, kind: DocumentType, policy: Policy) -> Self {
        self.0.insert(kind, policy);
        self
    }

    /// The policy for a type.
    #[must_use]
    pub fn of(&self, kind: &DocumentType) -> &Policy {
        self.0.get(kind).unwrap_or(&Policy::DEFAULT)
    }
}

/// How many of a connection's attempts may be retries: when a system is down, trying again must not keep it down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudget {
    /// Retries that are always allowed in a window.
    pub floor: u64,
    /// Above that, retries in a hundred attempts of the window.
    pub percent: u64,
}

impl RetryBudget {
    /// Length of a window.
    pub const WINDOW: Duration = MINUTE;
    /// Ten a minute, or a fifth of the attempts.
    pub const DEFAULT: Self = Self { floor: 10, percent: 20 };

    /// Whether one more retry is within the budget.
    #[must_use]
    pub const fn allows(&self, window: &Window) -> bool {
        let share = window.attempts.saturating_mul(self.percent) / 100;
        window.retries <= if share > self.floor { share } else { self.floor }
    }
}

/// What a connection did in one window, this attempt included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    pub attempts: u64,
    pub failures: u64,
    /// Attempts after which another was wanted.
    pub retries: u64,
    /// What is left of the window.
    pub left: Duration,
}

impl Window {
    /// Failures in a hundred attempts.
    #[must_use]
    pub fn error_percent(&self) -> u64 {
        self.failures.saturating_mul(100).checked_div(self.attempts).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_class_ends_its_own_way() {
        let mut rng = fastrand::Rng::with_seed(1);
        let policy = Policy::DEFAULT;
        for (class, attempts) in [
            (Class::Conflict, 5),
            (Class::DependencyMissing, 10),
            (Class::Transient, 10),
            (Class::Unknown, 10),
            (Class::Pending, 500),
        ] {
            assert!(policy.delay(class, attempts - 1, &mut rng).is_some(), "{class:?}");
            assert_eq!(policy.delay(class, attempts, &mut rng), None, "{class:?}");
        }
        assert!(policy.delay(Class::Throttled, 1_000_000, &mut rng).is_some());
        assert_eq!(policy.delay(Class::AuthExpired, 7, &mut rng), Some(Duration::ZERO));
        assert_eq!(policy.delay(Class::Rejected, 1, &mut rng), None);
    }

    #[test]
    fn a_type_may_have_a_policy_of_its_own() {
        let own = Policy { max_attempts: 2, ..Policy::DEFAULT };
        let (product, order): (DocumentType, DocumentType) = ("product".parse().unwrap(), "order".parse().unwrap());
        let policies = Policies::default().with(product.clone(), own);
        assert_eq!((policies.of(&product).max_attempts, policies.of(&order).max_attempts), (2, 12));
    }

    proptest! {
        #[test]
        fn retries_stay_within_the_budget(attempts in 0u64..10_000, retries in 0u64..10_000) {
            let budget = RetryBudget::DEFAULT;
            let window = Window { attempts, retries, ..Window::default() };
            prop_assert_eq!(budget.allows(&window), retries <= 10 || retries * 100 <= attempts * 20);
        }
    }
}
