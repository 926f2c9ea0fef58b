//! One circuit a store and entity: while a store does not take single calls for an entity, its documents go another way.
//!
//! It opens when calls fail several times in a row, or at once when the store's daily quota of variants is used up. While it is
//! open products go by the bulk API, which the quota does not stop from being tried again in one go. After a while one call is let through as a probe;
//! what becomes of it decides. This file is pure; [`store`] keeps circuits in the table.

pub mod store;

use std::time::Duration;

use documents::{Class, Outcome};
use kernel::Timestamp;
use serde::{Deserialize, Serialize};

use crate::answer::UserError;

/// What a product waits for while it has to go around: to be taken along by a bulk operation.
pub const AROUND: &str = "bulk";

/// Failures in a row that open it.
const THRESHOLD: u32 = 5;
/// How long it stays open before a probe.
const COOL_DOWN: Duration = Duration::from_mins(2);
/// The same when a quota is used up, which comes back over the day.
const QUOTA_COOL_DOWN: Duration = Duration::from_hours(1);
/// After which time a probe that never reported back is lost, and another may go.
const PROBE_PATIENCE: Duration = Duration::from_mins(2);

/// Which way a document goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// A call of its own.
    Direct,
    /// A call of its own, to find out whether that works again. Its end must be reported.
    Probe,
    /// The bulk API, or later where there is none for the entity.
    Around,
}

/// How a call of its own ended, as far as a circuit cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The store did its part, whatever it said.
    Answered,
    Failed,
    QuotaExhausted,
}

impl Event {
    /// What a call's end means for the circuit; `None` when it says nothing about the store (throttled, not let in).
    #[must_use]
    pub fn of(outcome: &Outcome, errors: &[UserError]) -> Option<Self> {
        if errors.iter().any(crate::answer::is_daily_quota) {
            return Some(Self::QuotaExhausted);
        }
        match outcome.class() {
            Class::Transient | Class::Unknown => Some(Self::Failed),
            Class::Throttled | Class::AuthExpired | Class::AuthBroken => None,
            Class::Done
            | Class::Pending
            | Class::Conflict
            | Class::DependencyMissing
            | Class::Rejected
            | Class::Partial => Some(Self::Answered),
        }
    }
}

/// The circuit of a store and entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Circuit {
    /// Calls go through; so many failed in a row.
    Closed { failures: u32 },
    /// None go through until then.
    Open { until: Timestamp },
    /// One is under way to find out; another may go after `until`.
    Probing { until: Timestamp },
}

impl Circuit {
    /// As it begins.
    pub const CLOSED: Self = Self::Closed { failures: 0 };

    /// Which way a document goes now, and the circuit afterwards: a probe changes it, so that there is one at a time.
    #[must_use]
    pub fn route(self, now: Timestamp) -> (Route, Self) {
        match self {
            Self::Closed { .. } => (Route::Direct, self),
            Self::Open { until } | Self::Probing { until } if now >= until => {
                (Route::Probe, Self::Probing { until: after(now, PROBE_PATIENCE) })
            }
            Self::Open { .. } | Self::Probing { .. } => (Route::Around, self),
        }
    }

    /// The circuit after a call has ended. While it is open, calls that were under way before say nothing.
    #[must_use]
    pub fn after(self, event: Event, now: Timestamp) -> Self {
        match (self, event) {
            (_, Event::QuotaExhausted) => Self::Open { until: after(now, QUOTA_COOL_DOWN) },
            (Self::Closed { .. } | Self::Probing { .. }, Event::Answered) => Self::CLOSED,
            (Self::Closed { failures }, Event::Failed) if failures + 1 < THRESHOLD => {
                Self::Closed { failures: failures + 1 }
            }
            (Self::Closed { .. } | Self::Probing { .. }, Event::Failed) => Self::Open { until: after(now, COOL_DOWN) },
            (Self::Open { .. }, Event::Answered | Event::Failed) => self,
        }
    }
}

fn after(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_between_them_does_not() {
        let mut circuit = Circuit::CLOSED;
        for event in [Event::Failed, Event::Failed, Event::Failed, Event::Failed, Event::Answered, Event::Failed] {
            circuit = circuit.after(event, at(0));
        }
        assert_eq!(circuit, Circuit::Closed { failures: 1 });
        for _ in 0..4 {
            circuit = circuit.after(Event::Failed, at(0));
        }
        assert_eq!(circuit.route(at(119)).0, Route::Around);
    }

    #[test]
    fn one_probe_at_a_time_decides() {
        let open = Circuit::CLOSED.after(Event::QuotaExhausted, at(0));
        assert_eq!(open.route(at(3_599)).0, Route::Around);
        let (route, probing) = open.route(at(3_600));
        assert_eq!(route, Route::Probe);
        assert_eq!(probing.route(at(3_600)), (Route::Around, probing));
        assert_eq!(probing.route(at(3_720)).0, Route::Probe);
        assert_eq!(probing.after(Event::Answered, at(3_601)), Circuit::CLOSED);
        assert_eq!(probing.after(Event::Failed, at(3_601)).route(at(3_602)).0, Route::Around);
    }

    #[test]
    fn late_answers_do_not_close_an_open_circuit() {
        let open = Circuit::CLOSED.after(Event::QuotaExhausted, at(0));
        assert_eq!(open.after(Event::Answered, at(1)), open);
        assert_eq!(open.after(Event::Failed, at(1)), open);
    }

    #[test]
    fn only_what_the_store_did_counts() {
        let quota = UserError { code: None, field: None, message: "Daily variant creation limit reached.".into() };
        let rejected = Outcome::Rejected { code: "X".into(), field: None };
        assert_eq!(Event::of(&rejected, &[quota]), Some(Event::QuotaExhausted));
        assert_eq!(Event::of(&rejected, &[]), Some(Event::Answered));
        assert_eq!(Event::of(&Outcome::Unknown, &[]), Some(Event::Failed));
        assert_eq!(Event::of(&Outcome::Throttled { until: None }, &[]), None);
    }
}
