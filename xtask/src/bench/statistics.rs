//! Medians, spreads, and the little arithmetic a benchmark needs.
#![expect(clippy::float_arithmetic, reason = "figures are rates and ratios")]

use std::time::Duration;

use serde::Serialize;

/// The middle of some figures, and how far apart they are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
    /// Figures it is made of.
    pub(super) rounds: usize,
}

impl Spread {
    /// Nothing when there are no figures.
    pub(super) fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let upper = *sorted.get(middle)?;
        let median =
            if sorted.len() % 2 == 1 { upper } else { f64::midpoint(*sorted.get(middle.checked_sub(1)?)?, upper) };
        Some(Self { median, least, most, rounds: sorted.len() })
    }
}

/// So many in so much time, a second.
pub(super) fn rate(count: u32, time: Duration) -> f64 {
    f64::from(count) / time.as_secs_f64()
}

/// `left / right`.
pub(super) fn ratio(left: f64, right: f64) -> f64 {
    left / right
}

/// What one of `count` contributed to a total.
pub(super) fn each(total: f64, count: u32) -> f64 {
    // The sum of nothing is -0.
    (total + 0.0) / f64::from(count)
}

/// Milliseconds with two decimals.
pub(super) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_in_the_middle() {
        let odd = Spread::of(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!((odd.median, odd.least, odd.most, odd.rounds), (2.0, 1.0, 3.0, 3));
        assert_eq!(Spread::of(&[4.0, 1.0]).unwrap().median, 2.5);
        assert_eq!(Spread::of(&[]), None);
    }
}
