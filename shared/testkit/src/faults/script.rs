//! Which call something happens to, and what.

use super::call::Call;
use std::time::Duration;

/// Whether something happens before the service sees the call or after it has done it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The service never sees a call that fails here.
    Before,
    /// The service has done the call; only its answer is lost.
    After,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The service answers 500.
    ServerError,
    /// The service answers that it was called too often.
    Throttle,
    /// The connection breaks.
    ConnectionError,
    /// No answer arrives in time.
    Timeout,
    /// The call takes this much longer (tokio time) and then goes on.
    Delay(Duration),
    /// Only with [`Side::Before`], of a batch call: its first half (rounded up) is not done and comes back as
    /// unprocessed (`DynamoDB`) or failed through the service's fault (SQS, SNS); the rest is done.
    Partial,
    /// The process dies: this call and all its later ones fail until it is restarted.
    Crash,
}

pub(super) enum When {
    /// The call with this index in the record.
    Call(usize),
    /// The call with this index among those made inside [`super::FaultInjector::run`].
    Running(usize),
    Nth {
        api: String,
        skip: usize,
    },
    Every {
        api: String,
    },
}

pub(super) struct Rule {
    when: When,
    side: Side,
    effect: Effect,
}

#[derive(Default)]
pub(super) struct Script {
    pub(super) rules: Vec<Rule>,
    pub(super) calls: Vec<Call>,
    pub(super) running_calls: usize,
    pub(super) random: Option<fastrand::Rng>,
}

/// What is to happen to one admitted call.
pub(super) struct Plan {
    pub(super) index: usize,
    pub(super) before: Vec<Effect>,
    pub(super) after: Vec<Effect>,
}

impl Script {
    pub(super) fn add(&mut self, when: When, side: Side, effect: Effect) {
        self.rules.push(Rule { when, side, effect });
    }

    /// Records `call` and takes from the script what is to happen to it.
    pub(super) fn admit(&mut self, call: Call, running: bool) -> Plan {
        let mut plan = Plan { index: self.calls.len(), before: Vec::new(), after: Vec::new() };
        let running_index = running.then_some(self.running_calls);
        self.running_calls += usize::from(running);
        self.rules.retain_mut(|rule| {
            let (hit, keep) = rule.when.meets(&call.api, plan.index, running_index);
            if hit {
                match rule.side {
                    Side::Before => plan.before.push(rule.effect),
                    Side::After => plan.after.push(rule.effect),
                }
            }
            keep
        });
        self.calls.push(call);
        plan
    }

    /// How many turns other tasks get around a call.
    pub(super) fn turns(&mut self) -> u8 {
        self.random.as_mut().map_or(0, |random| random.u8(0..4))
    }
}

impl When {
    /// Whether this call is meant, and whether the rule stays.
    fn meets(&mut self, called: &str, index: usize, running: Option<usize>) -> (bool, bool) {
        match self {
            Self::Call(wanted) => (index == *wanted, index != *wanted),
            Self::Running(wanted) => (running == Some(*wanted), running != Some(*wanted)),
            Self::Every { api } => (api == called, true),
            Self::Nth { api, skip } if api == called => match skip.checked_sub(1) {
                Some(left) => {
                    *skip = left;
                    (false, true)
                }
                None => (true, false),
            },
            Self::Nth { .. } => (false, true),
        }
    }
}
