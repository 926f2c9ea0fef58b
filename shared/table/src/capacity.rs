//! Slows a writer of many items down before `DynamoDB` has to.
//!
//! A sliding window of one second knows what was used; an exponentially weighted average forecasts what the next batch
//! will use, which is known only after it was written; together they must stay within the allowance. Throttling halves
//! the allowance, every quiet second gives some of it back. It computes waits; [`crate::BatchWriter`] does the waiting.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(1);
/// Weight of the newest batch in the forecast: one in this many.
const SMOOTHING: i64 = 4;

/// Keeps writers that share it within so many units a second.
#[derive(Debug)]
pub struct CapacityTracker {
    /// The most it ever allows, in thousandths of a unit per second.
    target: i64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When, and how many thousandths of a unit, used or reserved; the last second only. Negative where a reservation
    /// turned out too large.
    used: VecDeque<(Instant, i64)>,
    /// Thousandths of a unit the next batch will use.
    forecast: i64,
    /// Thousandths of a unit per second.
    allowed: i64,
    /// When `allowed` was last changed.
    adjusted: Option<Instant>,
}

/// Room for one batch, to be given to [`CapacityTracker::record`] when it was written.
#[derive(Debug)]
#[must_use]
pub struct Reservation(i64);

impl CapacityTracker {
    /// For a table, or a partition, that takes `limit` units a second. A fifth of them is left to others.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        let target = i64::from(limit.max(1)) * 800;
        let state = State { allowed: target, ..State::default() };
        Self { target, state: Mutex::new(state) }
    }

    /// Makes room for the next batch, or says how long to wait before asking again.
    pub fn reserve(&self, now: Instant) -> Result<Reservation, Duration> {
        let mut state = self.state();
        state.slide(now);
        let mut used: i64 = state.used.iter().map(|(_, units)| units).sum();
        let fits = |used: i64| used <= 0 || used.saturating_add(state.forecast) <= state.allowed;
        if fits(used) {
            let forecast = state.forecast;
            state.used.push_back((now, forecast));
            return Ok(Reservation(forecast));
        }
        let mut leaves = now;
        for (when, units) in &state.used {
            if fits(used) {
                break;
            }
            used -= units;
            leaves = *when + WINDOW;
        }
        Err(leaves.saturating_duration_since(now))
    }

    /// The batch was written and has used this much.
    pub fn record(&self, reservation: Reservation, units: f64, now: Instant) {
        let mut state = self.state();
        let units = thousandths(units);
        let change = if state.forecast == 0 { units } else { (units - state.forecast) / SMOOTHING };
        state.forecast += change;
        state.used.push_back((now, units - reservation.0));
        if state.adjusted.is_some_and(|adjusted| now.saturating_duration_since(adjusted) >= WINDOW) {
            state.allowed = state.allowed.saturating_add(self.target / 10).min(self.target);
            state.adjusted = Some(now);
        }
    }

    /// `DynamoDB` left work undone.
    pub fn throttled(&self, now: Instant) {
        let mut state = self.state();
        state.allowed = (state.allowed / 2).max(self.target / 20);
        state.adjusted = Some(now);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Forgets what has left the window.
    fn slide(&mut self, now: Instant) {
        while let Some((when, _)) = self.used.front()
            && now.saturating_duration_since(*when) >= WINDOW
        {
            self.used.pop_front();
        }
    }
}

#[expect(
    clippy::as_conversions,
    clippy::float_arithmetic,
    reason = "DynamoDB reports units as floats; they are multiples of 0.5, small and not negative"
)]
fn thousandths(units: f64) -> i64 {
    (units * 1000.0) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: f64 = 25.0;

    fn after(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    /// Writes a batch for which there is room.
    fn write(tracker: &CapacityTracker, units: f64, now: Instant) {
        let reservation = tracker.reserve(now).unwrap();
        tracker.record(reservation, units, now);
    }

    fn wait(tracker: &CapacityTracker, now: Instant) -> Duration {
        tracker.reserve(now).unwrap_err()
    }

    #[test]
    fn a_writer_under_its_allowance_never_waits() {
        let tracker = CapacityTracker::new(100);
        let start = Instant::now();
        for batch in 0..20 {
            write(&tracker, BATCH, after(start, batch * 400));
        }
    }

    #[test]
    fn a_writer_that_would_exceed_it_waits_until_the_window_has_room() {
        let tracker = CapacityTracker::new(100);
        let start = Instant::now();
        for batch in 0..3 {
            write(&tracker, BATCH, after(start, batch * 100));
        }
        // 75 of 80 used, 25 to come: the first batch must have left the window.
        assert_eq!(wait(&tracker, after(start, 300)), Duration::from_millis(700));
        write(&tracker, BATCH, after(start, 1000));
    }

    #[test]
    fn writers_at_once_cannot_use_the_same_room() {
        let tracker = CapacityTracker::new(100);
        let start = Instant::now();
        write(&tracker, BATCH, start);
        let _second = tracker.reserve(start).unwrap();
        let third = tracker.reserve(start).unwrap();
        assert_eq!(wait(&tracker, start), WINDOW);
        tracker.record(third, 1.0, start);
        let _room_given_back = tracker.reserve(start).unwrap();
    }

    #[test]
    fn the_forecast_follows_growing_batches() {
        let tracker = CapacityTracker::new(100);
        let start = Instant::now();
        write(&tracker, 1.0, start);
        write(&tracker, 70.0, after(start, 1));
        // 71 used, 18.25 forecast: over 80, so the big one has to leave.
        assert_eq!(wait(&tracker, after(start, 1)), Duration::from_secs(1));
    }

    #[test]
    fn a_batch_over_the_allowance_waits_for_an_empty_window_and_no_longer() {
        let tracker = CapacityTracker::new(10);
        let start = Instant::now();
        write(&tracker, BATCH, start);
        assert_eq!(wait(&tracker, start), WINDOW);
        write(&tracker, BATCH, start + WINDOW);
    }

    #[test]
    fn throttling_halves_the_allowance_and_quiet_seconds_give_it_back() {
        let tracker = CapacityTracker::new(100);
        let mut now = Instant::now();
        write(&tracker, BATCH, now);
        write(&tracker, BATCH, now);
        tracker.throttled(now);
        now += WINDOW;
        write(&tracker, BATCH, now);
        assert_eq!(wait(&tracker, now), WINDOW, "50 of 48");
        for _ in 0..4 {
            now += WINDOW;
            write(&tracker, BATCH, now);
        }
        write(&tracker, BATCH, now);
        write(&tracker, BATCH, now);
    }
}
