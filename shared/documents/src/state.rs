//! The states of a document, and the steps from one to another, as a table.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How far a document got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Nobody has tried yet.
    New,
    /// A worker has it, or the other system is working on it and will be asked.
    Processing,
    /// The other system has it.
    Success,
    /// Not yet; it will be tried again by itself.
    Failed,
    /// It will not be tried again by itself.
    Error,
    /// Its source withdrew it.
    Deleted,
    /// An operator decided that it is not to happen.
    Discarded,
}

/// What moves a document on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Step {
    /// A worker starts an attempt, or takes over one that was left behind.
    Take,
    /// The other system took it in and has not finished.
    Wait,
    /// The other system has it.
    Succeed,
    /// The attempt failed; there will be another.
    Fail,
    /// The attempt failed; there will be no other.
    Park,
    /// An operator wants it tried again, from the beginning.
    Retry,
    /// The source withdraws it.
    Delete,
    /// An operator gives it up.
    Discard,
}

/// The steps there are; every other pair is refused.
const TRANSITIONS: [(State, Step, State); 18] = [
    (State::New, Step::Take, State::Processing),
    (State::New, Step::Delete, State::Deleted),
    (State::New, Step::Discard, State::Discarded),
    (State::Processing, Step::Take, State::Processing),
    (State::Processing, Step::Wait, State::Processing),
    (State::Processing, Step::Succeed, State::Success),
    (State::Processing, Step::Fail, State::Failed),
    (State::Processing, Step::Park, State::Error),
    (State::Processing, Step::Delete, State::Deleted),
    (State::Processing, Step::Discard, State::Discarded),
    (State::Failed, Step::Take, State::Processing),
    (State::Failed, Step::Retry, State::New),
    (State::Failed, Step::Delete, State::Deleted),
    (State::Failed, Step::Discard, State::Discarded),
    (State::Error, Step::Retry, State::New),
    (State::Error, Step::Delete, State::Deleted),
    (State::Error, Step::Discard, State::Discarded),
    (State::Success, Step::Delete, State::Deleted),
];

/// The state does not allow the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a document that is {state} does not allow {step:?}")]
pub struct InvalidTransition {
    pub state: State,
    pub step: Step,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::New, Self::Processing, Self::Success, Self::Failed, Self::Error, Self::Deleted, Self::Discarded];

    /// The state after a step.
    pub fn apply(self, step: Step) -> Result<Self, InvalidTransition> {
        let found = TRANSITIONS.iter().find(|(from, by, _)| (*from, *by) == (self, step));
        found.map(|(_, _, to)| *to).ok_or(InvalidTransition { state: self, step })
    }

    /// Whether somebody still has to do something by himself: it has a place in the worklist.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::New | Self::Processing | Self::Failed => true,
            Self::Success | Self::Error | Self::Deleted | Self::Discarded => false,
        }
    }

    /// The word in keys and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Processing => "PROCESSING",
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
            Self::Error => "ERROR",
            Self::Deleted => "DELETED",
            Self::Discarded => "DISCARDED",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [Step; 8] =
        [Step::Take, Step::Wait, Step::Succeed, Step::Fail, Step::Park, Step::Retry, Step::Delete, Step::Discard];

    /// One row a state, one column a step, in the order above; `.` is refused.
    const WANTED: [(&str, [&str; 8]); 7] = [
        ("NEW", ["PROCESSING", ".", ".", ".", ".", ".", "DELETED", "DISCARDED"]),
        ("PROCESSING", ["PROCESSING", "PROCESSING", "SUCCESS", "FAILED", "ERROR", ".", "DELETED", "DISCARDED"]),
        ("SUCCESS", [".", ".", ".", ".", ".", ".", "DELETED", "."]),
        ("FAILED", ["PROCESSING", ".", ".", ".", ".", "NEW", "DELETED", "DISCARDED"]),
        ("ERROR", [".", ".", ".", ".", ".", "NEW", "DELETED", "DISCARDED"]),
        ("DELETED", ["."; 8]),
        ("DISCARDED", ["."; 8]),
    ];

    #[test]
    fn every_pair_of_state_and_step_is_as_written() {
        for (state, (name, row)) in State::ALL.into_iter().zip(WANTED) {
            assert_eq!(state.to_string(), name);
            for (step, wanted) in STEPS.into_iter().zip(row) {
                let found = state.apply(step);
                assert_eq!(found.map_or(".", State::as_str), wanted, "{state} {step:?}");
                if wanted == "." {
                    assert_eq!(found, Err(InvalidTransition { state, step }));
                }
            }
        }
    }

    #[test]
    fn what_is_over_is_left_by_an_operator_or_the_source_only() {
        for state in State::ALL.into_iter().filter(|state| !state.is_open()) {
            for step in [Step::Take, Step::Wait, Step::Succeed, Step::Fail, Step::Park] {
                assert!(state.apply(step).is_err(), "{state} {step:?}");
            }
        }
    }

    #[test]
    fn the_word_is_what_serde_writes() {
        for state in State::ALL {
            let text: Result<State, serde::de::value::Error> =
                State::deserialize(serde::de::IntoDeserializer::into_deserializer(state.as_str()));
            assert_eq!(text.unwrap(), state);
        }
    }
}
