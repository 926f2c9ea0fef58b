//! A cycle count: some items of a location are frozen, counted by people, and set to what was counted. Pure.
//!
//! OPEN -> (RECOUNT) -> (WAITING) -> POSTED or CANCELLED. While it is open goods of its items do not move, so what was expected at the
//! freeze is still expected at the end. Who counts blind is not told what is expected. What differs by more than the
//! tolerance is counted a second time, and the second figure counts. What changes much waits for somebody who did not count;
//! who rejects it has everything counted from the beginning.

use crate::{LocationId, Sku};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

kernel::typed_id!(
    /// A cycle count.
    CountId,
    "cnt"
);

/// Most items of one count: posting one is two actions of a transaction that may have 100.
pub const MAX_ITEMS: usize = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CountState {
    Open,
    /// Some figures are to be counted a second time.
    Recount,
    /// For somebody who did not count.
    Waiting,
    Posted,
    Cancelled,
}

impl CountState {
    /// What may happen to a count in it.
    #[must_use]
    pub fn allowed(self) -> &'static [&'static str] {
        match self {
            Self::Open | Self::Recount => &["enter", "submit", "cancel"],
            Self::Waiting => &["approve", "reject", "cancel"],
            Self::Posted | Self::Cancelled => &[],
        }
    }
}

/// One item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountLine {
    #[serde(rename = "k")]
    pub sku: Sku,
    /// On hand at the freeze.
    #[serde(rename = "ex")]
    pub expected: i64,
    #[serde(rename = "c1", default, skip_serializing_if = "Option::is_none")]
    pub first: Option<i64>,
    #[serde(rename = "c2", default, skip_serializing_if = "Option::is_none")]
    pub second: Option<i64>,
}

impl CountLine {
    /// The figure that counts.
    #[must_use]
    pub fn counted(&self) -> Option<i64> {
        self.second.or(self.first)
    }
}

/// A count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    pub id: CountId,
    pub location: LocationId,
    /// Whether those who count are not told what is expected.
    pub blind: bool,
    /// Units a first figure may be off without being counted again.
    pub tolerance: i64,
    pub lines: Vec<CountLine>,
    pub state: CountState,
    /// Who entered or submitted figures.
    pub counted_by: BTreeSet<String>,
    /// Who approved it, where that was needed.
    pub approved_by: Option<String>,
    /// Optimistic version.
    pub version: u64,
}

/// A step the count does not allow. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CountRefused {
    #[error("a count has 1 to {MAX_ITEMS} different items")]
    Items,
    #[error("the count is {0:?}")]
    State(CountState),
    #[error("the count has no {0}")]
    UnknownItem(Sku),
    #[error("{0} was counted twice already")]
    CountedTwice(Sku),
    #[error("a figure is 0 or more")]
    Figure,
    /// Who counted cannot approve.
    #[error("somebody who did not count must decide")]
    SamePerson,
    #[error("{0} was not counted yet")]
    Missing(Sku),
}

impl Count {
    /// Whether it has come to its end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, CountState::Posted | CountState::Cancelled)
    }

    /// Enters what was counted. In a recount only what is off by more than the tolerance is taken.
    pub fn enter(&mut self, figures: &[(Sku, i64)]) -> Result<(), CountRefused> {
        let mut lines = self.lines.clone();
        for (sku, counted) in figures {
            if !(0..=crate::MAX_UNITS).contains(counted) {
                return Err(CountRefused::Figure);
            }
            let line = lines.iter_mut().find(|line| line.sku == *sku);
            let line = line.ok_or_else(|| CountRefused::UnknownItem(sku.clone()))?;
            match self.state {
                CountState::Open => line.first = Some(*counted),
                CountState::Recount if is_off(line, self.tolerance) => line.second = Some(*counted),
                CountState::Recount => return Err(CountRefused::CountedTwice(sku.clone())),
                CountState::Waiting | CountState::Posted | CountState::Cancelled => {
                    return Err(CountRefused::State(self.state));
                }
            }
        }
        self.lines = lines;
        Ok(())
    }

    /// Ends the counting: gives whether it can be posted, or goes into the recount.
    pub fn submit(&mut self) -> Result<bool, CountRefused> {
        if self.is_over() || self.state == CountState::Waiting {
            return Err(CountRefused::State(self.state));
        }
        let needed = |line: &CountLine| match self.state {
            CountState::Recount => is_off(line, self.tolerance) && line.second.is_none(),
            CountState::Open | CountState::Waiting | CountState::Posted | CountState::Cancelled => line.first.is_none(),
        };
        if let Some(line) = self.lines.iter().find(|line| needed(line)) {
            return Err(CountRefused::Missing(line.sku.clone()));
        }
        let again = self.state == CountState::Open && self.lines.iter().any(|line| is_off(line, self.tolerance));
        self.state = if again { CountState::Recount } else { CountState::Posted };
        Ok(!again)
    }

    /// Units up and down over all its items.
    #[must_use]
    pub fn off(&self) -> i64 {
        self.lines.iter().filter_map(|line| Some((line.counted()? - line.expected).abs())).sum()
    }

    /// What was submitted waits for somebody who did not count.
    pub(crate) fn wait(&mut self) {
        self.state = CountState::Waiting;
    }

    /// Approves what waits, so that it is posted, or has it counted again from the beginning.
    pub fn decide(&mut self, actor: &str, approve: bool) -> Result<(), CountRefused> {
        if self.state != CountState::Waiting {
            return Err(CountRefused::State(self.state));
        }
        if self.counted_by.contains(actor) {
            return Err(CountRefused::SamePerson);
        }
        if approve {
            self.state = CountState::Posted;
            self.approved_by = Some(actor.to_owned());
        } else {
            self.state = CountState::Open;
            for line in &mut self.lines {
                (line.first, line.second) = (None, None);
            }
        }
        Ok(())
    }

    /// Calls it off.
    pub fn cancel(&mut self) -> Result<(), CountRefused> {
        if self.is_over() {
            return Err(CountRefused::State(self.state));
        }
        self.state = CountState::Cancelled;
        Ok(())
    }

    /// The items that are to be counted now, with what is expected unless it is counted blind.
    #[must_use]
    pub fn sheet(&self) -> Vec<(&Sku, Option<i64>)> {
        let wanted = |line: &&CountLine| match self.state {
            CountState::Open => true,
            CountState::Recount => is_off(line, self.tolerance),
            CountState::Waiting | CountState::Posted | CountState::Cancelled => false,
        };
        let expected = |line: &CountLine| (!self.blind).then_some(line.expected);
        self.lines.iter().filter(wanted).map(|line| (&line.sku, expected(line))).collect()
    }
}

/// Whether the first figure is off by more than the tolerance.
fn is_off(line: &CountLine, tolerance: i64) -> bool {
    line.first.is_some_and(|first| (first - line.expected).abs() > tolerance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sku(text: &str) -> Sku {
        text.parse().unwrap()
    }

    fn count(blind: bool) -> Count {
        let line = |name: &str, expected| CountLine { sku: sku(name), expected, first: None, second: None };
        Count {
            id: CountId::derive(&["c"]),
            location: "alpha".parse().unwrap(),
            blind,
            tolerance: 1,
            lines: vec![line("a", 10), line("b", 5)],
            state: CountState::Open,
            counted_by: BTreeSet::new(),
            approved_by: None,
            version: 1,
        }
    }

    #[test]
    fn what_is_off_by_more_than_the_tolerance_is_counted_again_and_the_second_figure_counts() {
        let mut count = count(false);
        count.enter(&[(sku("a"), 7)]).unwrap();
        assert_eq!(count.submit(), Err(CountRefused::Missing(sku("b"))));
        count.enter(&[(sku("b"), 4)]).unwrap();
        assert_eq!(count.submit(), Ok(false));
        assert_eq!(count.sheet(), [(&sku("a"), Some(10))]);
        assert_eq!(count.enter(&[(sku("b"), 5)]), Err(CountRefused::CountedTwice(sku("b"))));
        assert_eq!(count.submit(), Err(CountRefused::Missing(sku("a"))));
        count.enter(&[(sku("a"), 8)]).unwrap();
        assert_eq!(count.submit(), Ok(true));
        assert_eq!(count.lines.iter().map(CountLine::counted).collect::<Vec<_>>(), [Some(8), Some(4)]);
        assert_eq!(count.enter(&[(sku("a"), 8)]), Err(CountRefused::State(CountState::Posted)));
        assert!(count.cancel().is_err());
    }

    #[test]
    fn who_counted_does_not_approve_and_what_is_rejected_is_counted_from_the_beginning() {
        let mut count = count(false);
        count.counted_by.insert("usr_a".to_owned());
        count.enter(&[(sku("a"), 9), (sku("b"), 6)]).unwrap();
        assert_eq!(count.decide("usr_b", true), Err(CountRefused::State(CountState::Open)));
        count.submit().unwrap();
        assert_eq!(count.off(), 2);
        count.wait();
        assert_eq!(count.enter(&[(sku("a"), 10)]), Err(CountRefused::State(CountState::Waiting)));
        assert_eq!(count.submit(), Err(CountRefused::State(CountState::Waiting)));
        assert_eq!(count.decide("usr_a", true), Err(CountRefused::SamePerson));
        count.decide("usr_b", false).unwrap();
        assert_eq!((count.state, count.sheet().len(), count.off()), (CountState::Open, 2, 0));
        count.wait();
        count.decide("usr_b", true).unwrap();
        assert_eq!((count.state, count.approved_by.as_deref()), (CountState::Posted, Some("usr_b")));
    }

    #[test]
    fn who_counts_blind_is_not_told_what_is_expected() {
        assert_eq!(count(true).sheet(), [(&sku("a"), None), (&sku("b"), None)]);
    }

    #[test]
    fn figures_that_cannot_be_are_refused_and_change_nothing() {
        let mut count = count(false);
        assert_eq!(count.enter(&[(sku("a"), 1), (sku("b"), -1)]), Err(CountRefused::Figure));
        assert_eq!(count.enter(&[(sku("x"), 1)]), Err(CountRefused::UnknownItem(sku("x"))));
        assert_eq!(count.lines[0].first, None);
        count.cancel().unwrap();
        assert_eq!(count.submit(), Err(CountRefused::State(CountState::Cancelled)));
    }
}
