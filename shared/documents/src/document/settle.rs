//! How an attempt ended, booked: state, due time, items, and whether the connection can go on.

use std::time::Duration;

use kernel::Timestamp;

use super::{Document, Failure, ItemState, Refused, Rules, Settled, Ticket, after};
use crate::{Class, Item, Outcome, Remote, Report, RetryBudget, Step};

/// Words of a detail that are kept.
const MAX_DETAIL: usize = 500;

/// What follows an attempt.
enum Next {
    Succeed,
    WaitUntil(Timestamp),
    RetryAt(Timestamp),
    Park,
}

impl Document {
    /// Books how the holder's attempt ended.
    pub fn settle(
        &mut self,
        ticket: &Ticket,
        report: Report,
        rules: &Rules<'_>,
        now: Timestamp,
        rng: &mut fastrand::Rng,
    ) -> Result<Settled, Refused> {
        self.check(ticket)?;
        let Report { outcome, detail } = report;
        let outcome = self.book_items(outcome);
        let deciding = outcome.deciding();
        let class = deciding.class();
        let streak = self.streak(class);
        if class.counts() {
            self.attempts += 1;
        }
        let next = self.next(deciding, streak, rules, now, rng);
        let pause = class == Class::AuthBroken || class == Class::AuthExpired && streak > 1;
        let (step, due) = match next {
            Next::Succeed => (Step::Succeed, None),
            Next::WaitUntil(at) => (Step::Wait, Some(at)),
            Next::RetryAt(at) => (Step::Fail, Some(at)),
            Next::Park => (Step::Park, None),
        };
        self.enter(step, now)?;
        self.hold = None;
        self.due = due;
        let detail: String = detail.chars().take(MAX_DETAIL).collect();
        let (code, field) = self.book_outcome(deciding);
        self.last = (class != Class::Done).then(|| Failure {
            class,
            streak,
            detail: detail.clone(),
            code: code.clone(),
            field: field.clone(),
        });
        let mut record = self.record(step, &ticket.by, now);
        let duration = now.duration_since(ticket.since);
        record.duration_ms = u64::try_from(duration.as_millis()).ok();
        record.remote_id = self.remote.id.clone();
        (record.class, record.detail, record.code, record.field) = (Some(class), detail, code, field);
        Ok(Settled { record, pause })
    }

    /// Remembers what became of each item. An item that is done stays done, whatever a later report forgets.
    fn book_items(&mut self, outcome: Outcome) -> Outcome {
        let reported = match outcome {
            Outcome::Partial(reported) => reported,
            // The whole is done when its items are.
            Outcome::Done(_) if !self.items.is_empty() => Vec::new(),
            Outcome::Done(_)
            | Outcome::Pending { .. }
            | Outcome::Throttled { .. }
            | Outcome::AuthExpired
            | Outcome::AuthBroken
            | Outcome::Conflict
            | Outcome::DependencyMissing { .. }
            | Outcome::Rejected { .. }
            | Outcome::Transient
            | Outcome::Unknown => return outcome,
        };
        for Item { key, outcome } in &reported {
            let class = outcome.class();
            let known = self.items.get(key);
            if known.is_some_and(|item| item.class == Class::Done) {
                continue;
            }
            if known.is_none() && self.items.len() >= Outcome::MAX_ITEMS {
                return Outcome::Rejected { code: "too_many_items".to_owned(), field: None };
            }
            let (remote, code) = match outcome {
                Outcome::Done(remote) => (remote.clone(), None),
                Outcome::Rejected { code, .. } => (Remote::default(), Some(code.clone())),
                Outcome::Pending { .. }
                | Outcome::Throttled { .. }
                | Outcome::AuthExpired
                | Outcome::AuthBroken
                | Outcome::Conflict
                | Outcome::DependencyMissing { .. }
                | Outcome::Transient
                | Outcome::Unknown
                | Outcome::Partial(_) => (Remote::default(), None),
            };
            self.items.insert(key.clone(), ItemState { class, remote, code });
        }
        // What is open from before and not reported now still stands between the document and success.
        let open = self.items.iter().filter(|(_, item)| item.class != Class::Done);
        let unreported = open.filter(|(key, _)| reported.iter().all(|item| item.key != **key));
        let standing = unreported.map(|(key, item)| {
            let code = item.code.clone().unwrap_or_default();
            let outcome = match item.class {
                Class::Rejected => Outcome::Rejected { code, field: None },
                Class::Done
                | Class::Pending
                | Class::Throttled
                | Class::AuthExpired
                | Class::AuthBroken
                | Class::Conflict
                | Class::DependencyMissing
                | Class::Transient
                | Class::Unknown
                | Class::Partial => Outcome::Unknown,
            };
            Item { key: key.clone(), outcome }
        });
        let all: Vec<Item> = standing.chain(reported.iter().cloned()).collect();
        if all.is_empty() && !self.items.is_empty() {
            return Outcome::Done(Remote::default());
        }
        Outcome::Partial(all)
    }

    /// Keeps what the outcome brought; returns code and field for the step.
    fn book_outcome(&mut self, outcome: &Outcome) -> (Option<String>, Option<String>) {
        match outcome {
            Outcome::Done(remote) => {
                // Of several items each has its own.
                if self.items.is_empty() {
                    self.remote = remote.clone();
                }
                (None, None)
            }
            Outcome::Pending { handle, .. } => {
                self.handle = Some(handle.clone());
                (None, None)
            }
            Outcome::DependencyMissing { what } => (Some(what.clone()), None),
            Outcome::Rejected { code, field } => {
                self.handle = None;
                (Some(code.clone()), field.clone())
            }
            Outcome::Throttled { .. }
            | Outcome::AuthExpired
            | Outcome::AuthBroken
            | Outcome::Conflict
            | Outcome::Transient
            | Outcome::Unknown
            | Outcome::Partial(_) => (None, None),
        }
    }

    fn next(&self, outcome: &Outcome, streak: u32, rules: &Rules<'_>, now: Timestamp, rng: &mut fastrand::Rng) -> Next {
        let class = outcome.class();
        let delay = rules.policy.delay(class, streak, rng);
        match outcome {
            Outcome::Done(_) => Next::Succeed,
            Outcome::Rejected { .. } => Next::Park,
            Outcome::Pending { check_at, .. } => match (delay, check_at) {
                (None, _) => Next::Park,
                (Some(_), Some(at)) => Next::WaitUntil(now.max(*at)),
                (Some(delay), None) => Next::WaitUntil(after(now, delay)),
            },
            Outcome::Throttled { until: Some(until) } => Next::RetryAt(now.max(*until)),
            Outcome::AuthExpired | Outcome::AuthBroken => Next::RetryAt(now),
            Outcome::Throttled { until: None }
            | Outcome::Conflict
            | Outcome::DependencyMissing { .. }
            | Outcome::Transient
            | Outcome::Unknown
            | Outcome::Partial(_) => match delay {
                Some(delay) if !class.counts() || self.attempts < rules.policy.max_attempts => {
                    Next::RetryAt(after(now, delay.max(saving(class, rules, rng))))
                }
                Some(_) | None => Next::Park,
            },
        }
    }
}

/// The least wait that keeps the connection within its budget of retries: into the next window, spread over it.
fn saving(class: Class, rules: &Rules<'_>, rng: &mut fastrand::Rng) -> Duration {
    if !class.counts() || rules.budget.allows(&rules.window) {
        return Duration::ZERO;
    }
    let spread = u64::try_from(RetryBudget::WINDOW.as_millis()).unwrap_or(u64::MAX);
    rules.window.left + Duration::from_millis(rng.u64(0..spread))
}
