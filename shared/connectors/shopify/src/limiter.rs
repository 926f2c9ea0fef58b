//! One leaky bucket an app and store, shared by all workers, learned from what the store says of it.
//!
//! A call is admitted by the points its document asks for, before it is sent; what it did not use is given back afterwards.
//! Ours never holds more than the store's: points are taken before the store takes them, given back after it gave them
//! back, and what the store reports only ever lowers ours. So a store is never asked for more than it has, and points that a crashed
//! worker took are back after `maximum / restore` seconds by themselves.
//!
//! Who has to wait a little takes its points from the future and is told when to send, so that nobody asks twice; who would have
//! to wait long takes nothing. This file is pure; [`store`] keeps buckets in the table.

pub mod store;

use std::time::Duration;

use kernel::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Number;

/// `throttleStatus` of an answer, in points and points a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Throttle {
    #[serde(rename = "maximumAvailable", deserialize_with = "points")]
    pub maximum: u32,
    #[serde(rename = "currentlyAvailable", deserialize_with = "points")]
    pub available: u32,
    #[serde(rename = "restoreRate", deserialize_with = "points")]
    pub restore: u32,
}

/// Points come as `1000.0`, `998` or, for a bucket that is overdrawn, below zero, which counts as none.
fn points<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = Number::deserialize(deserializer)?.to_string();
    let whole = number.split('.').next().unwrap_or_default();
    if whole.starts_with('-') {
        return Ok(0);
    }
    whole.parse().map_err(serde::de::Error::custom)
}

/// How long the store needs until it has so many points.
#[must_use]
pub fn wait_for(throttle: Throttle, points: u32) -> Duration {
    let missing = u64::from(points.saturating_sub(throttle.available));
    millis(missing.saturating_mul(1000), throttle.restore)
}

/// The time in which so many thousandths of a point come back, rounded up.
fn millis(milli_points: u64, restore: u32) -> Duration {
    Duration::from_millis(milli_points.div_ceil(u64::from(restore.max(1))))
}

/// Whether a call may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Yes, after this time; its points are taken.
    Granted(Duration),
    /// Not now; ask again after this time. Nothing was taken.
    Wait(Duration),
    /// Not ever: the bucket is smaller than that.
    Never,
}

/// A bucket. In thousandths of a point, so that fractions of a second count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    maximum: u32,
    restore: u32,
    /// Below zero when points of the future were taken.
    available_milli: i64,
    at: Timestamp,
}

/// What a store of the smallest kind has; a larger one says so in its first answer.
const SMALLEST: (u32, u32) = (1_000, 50);

impl Bucket {
    /// The bucket of a store that was never called.
    #[must_use]
    pub fn unknown(now: Timestamp) -> Self {
        let (maximum, restore) = SMALLEST;
        Self { maximum, restore, available_milli: i64::from(maximum) * 1000, at: now }
    }

    /// Asks for points; whoever gets them within `patience` has them.
    pub fn admit(&mut self, points: u32, now: Timestamp, patience: Duration) -> Admission {
        self.fill(now);
        if points > self.maximum {
            return Admission::Never;
        }
        let left = self.available_milli - i64::from(points) * 1000;
        let wait = millis(u64::try_from(-left).unwrap_or_default(), self.restore);
        if wait > patience {
            return Admission::Wait(wait);
        }
        self.available_milli = left;
        Admission::Granted(wait)
    }

    /// Gives back points that were taken and not charged.
    pub fn give_back(&mut self, points: u32) {
        self.available_milli = self.cap(self.available_milli.saturating_add(i64::from(points) * 1000));
    }

    /// Takes what the store said of itself at `said`.
    pub fn learn(&mut self, throttle: Throttle, said: Timestamp, now: Timestamp) {
        self.fill(now);
        (self.maximum, self.restore) = (throttle.maximum, throttle.restore.max(1));
        let since = restored(self.restore, said, now);
        let theirs = self.cap(i64::from(throttle.available).saturating_mul(1000).saturating_add(since));
        self.available_milli = self.available_milli.min(theirs);
    }

    /// Points that are there now; none when some of the future were taken.
    #[must_use]
    pub fn available(&self, now: Timestamp) -> u32 {
        let mut then = *self;
        then.fill(now);
        u32::try_from(then.available_milli.div_euclid(1000)).unwrap_or_default()
    }

    fn fill(&mut self, now: Timestamp) {
        let since = restored(self.restore, self.at, now);
        self.available_milli = self.cap(self.available_milli.saturating_add(since));
        // A worker whose clock is behind does not turn the bucket's back.
        self.at = self.at.max(now);
    }

    fn cap(&self, milli: i64) -> i64 {
        milli.min(i64::from(self.maximum) * 1000)
    }
}

/// Thousandths of a point that come back between two times.
fn restored(restore: u32, from: Timestamp, to: Timestamp) -> i64 {
    to.as_millisecond().saturating_sub(from.as_millisecond()).max(0).saturating_mul(restore.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + millis).unwrap()
    }

    const PATIENT: Duration = Duration::from_secs(10);

    #[test]
    fn who_has_to_wait_is_told_when_and_stands_in_line() {
        let mut bucket = Bucket::unknown(at(0));
        assert_eq!(bucket.admit(1_000, at(0), PATIENT), Admission::Granted(Duration::ZERO));
        assert_eq!(bucket.admit(100, at(0), PATIENT), Admission::Granted(Duration::from_secs(2)));
        assert_eq!(bucket.admit(100, at(0), PATIENT), Admission::Granted(Duration::from_secs(4)));
        assert_eq!(bucket.admit(500, at(0), PATIENT), Admission::Wait(Duration::from_secs(14)));
        assert_eq!(bucket.admit(50, at(1_000), PATIENT), Admission::Granted(Duration::from_secs(4)));
        assert_eq!(bucket.admit(1_001, at(0), PATIENT), Admission::Never);
    }

    #[test]
    fn the_store_lowers_ours_and_never_raises_it() {
        let mut bucket = Bucket::unknown(at(0));
        let said = |maximum, available, restore| Throttle { maximum, available, restore };
        bucket.learn(said(2_000, 1_500, 100), at(0), at(0));
        assert_eq!(bucket.available(at(0)), 1_000);
        assert_eq!(bucket.available(at(20_000)), 2_000);
        bucket.learn(said(2_000, 40, 100), at(0), at(1_000));
        assert_eq!(bucket.available(at(1_000)), 140);
        bucket.learn(said(100, 90, 0), at(1_000), at(1_000));
        assert_eq!(bucket.available(at(1_000)), 90);
    }

    #[test]
    fn the_status_is_read_from_whole_and_fractional_numbers() {
        let text = r#"{"maximumAvailable":2000.0,"currentlyAvailable":1954,"restoreRate":100.0}"#;
        let throttle: Throttle = serde_json::from_str(text).unwrap();
        assert_eq!(throttle, Throttle { maximum: 2_000, available: 1_954, restore: 100 });
        assert_eq!(wait_for(throttle, 2_000), Duration::from_millis(460));
        assert_eq!(wait_for(throttle, 1), Duration::ZERO);
        let overdrawn = text.replace("1954", "-3.5");
        assert_eq!(serde_json::from_str::<Throttle>(&overdrawn).unwrap().available, 0);
        assert!(serde_json::from_str::<Throttle>(&text.replace("1954", "\"many\"")).is_err());
    }

    proptest! {
        /// The store's own bucket, fed with what ours grants at the time it says, never runs dry.
        #[test]
        fn what_is_granted_the_store_has(
            calls in proptest::collection::vec((1u32..=1_000, 0i64..5_000, 0u32..=100), 1..60),
        ) {
            let (mut ours, mut theirs, mut now) = (Bucket::unknown(at(0)), Bucket::unknown(at(0)), 0);
            // Sent in the order they were granted, each at its time.
            let mut sent = 0;
            for (points, pause, used_percent) in calls {
                now += pause;
                let Admission::Granted(wait) = ours.admit(points, at(now), PATIENT) else { continue };
                let time = (now + i64::try_from(wait.as_millis()).unwrap()).max(sent);
                sent = time;
                prop_assert_eq!(theirs.admit(points, at(time), Duration::ZERO), Admission::Granted(Duration::ZERO));
                let unused = points - points * used_percent / 100;
                theirs.give_back(unused);
                // The answer is read no earlier than it was made.
                now = now.max(time);
                ours.give_back(unused);
                let status = Throttle { maximum: 1_000, available: theirs.available(at(time)), restore: 50 };
                ours.learn(status, at(time), at(now));
            }
        }
    }
}
