//! The leaky bucket of an app in a shop: what a call asks for decides whether it is let in, what it really took is
//! charged in the end.
//!
//! Source: Shopify, API limits. Kept in thousandths of a point, so that no fraction of a second is lost.

use kernel::Timestamp;
use serde_json::{Value, json};

#[derive(Debug)]
pub(crate) struct Bucket {
    maximum: u32,
    restore: u32,
    available_milli: i64,
    at: Timestamp,
    /// The most that was ever taken at once.
    peak: u32,
}

impl Bucket {
    pub(crate) fn new(maximum: u32, restore: u32, at: Timestamp) -> Self {
        Self { maximum, restore, available_milli: i64::from(maximum) * 1000, at, peak: 0 }
    }

    /// Other limits from now on; `available` empties or fills it.
    pub(crate) fn set(&mut self, maximum: Option<u32>, restore: Option<u32>, available: Option<u32>, now: Timestamp) {
        self.leak(now);
        self.maximum = maximum.unwrap_or(self.maximum);
        self.restore = restore.unwrap_or(self.restore);
        let available = available.map_or(self.available_milli, |points| i64::from(points) * 1000);
        self.available_milli = available.min(i64::from(self.maximum) * 1000);
    }

    /// Takes what is asked for, or refuses.
    pub(crate) fn admit(&mut self, points: u32, now: Timestamp) -> bool {
        self.leak(now);
        let wanted = i64::from(points) * 1000;
        if wanted > self.available_milli {
            return false;
        }
        self.available_milli -= wanted;
        let used = i64::from(self.maximum) - self.available_milli.div_euclid(1000);
        self.peak = self.peak.max(u32::try_from(used).unwrap_or_default());
        true
    }

    /// Gives back what was asked for and not needed.
    pub(crate) fn give_back(&mut self, points: u32) {
        self.available_milli = (self.available_milli + i64::from(points) * 1000).min(i64::from(self.maximum) * 1000);
    }

    pub(crate) fn status(&mut self, now: Timestamp) -> Value {
        self.leak(now);
        json!({
            "maximumAvailable": f64::from(self.maximum),
            "currentlyAvailable": self.available_milli.div_euclid(1000),
            "restoreRate": f64::from(self.restore),
        })
    }

    pub(crate) const fn peak(&self) -> u32 {
        self.peak
    }

    fn leak(&mut self, now: Timestamp) {
        let passed = now.as_millisecond().saturating_sub(self.at.as_millisecond()).max(0);
        let full = i64::from(self.maximum) * 1000;
        self.available_milli =
            passed.saturating_mul(self.restore.into()).saturating_add(self.available_milli).min(full);
        self.at = now.max(self.at);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_not_there_is_refused_until_it_has_come_back() {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let mut bucket = Bucket::new(1000, 50, start);
        assert!(bucket.admit(1000, start));
        assert!(!bucket.admit(1, start));
        assert!(!bucket.admit(51, start + Duration::from_secs(1)));
        assert!(bucket.admit(50, start + Duration::from_secs(1)));
        bucket.give_back(30);
        assert_eq!(bucket.status(start + Duration::from_secs(1))["currentlyAvailable"], 30);
        assert_eq!(bucket.status(start + Duration::from_secs(100))["currentlyAvailable"], 1000);
        assert_eq!(bucket.peak(), 1000);
    }

    #[test]
    fn fractions_of_a_second_are_not_lost() {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let mut bucket = Bucket::new(1000, 50, start);
        assert!(bucket.admit(1000, start));
        for millis in 1..=1000 {
            bucket.status(start + Duration::from_millis(millis));
        }
        assert_eq!(bucket.status(start + Duration::from_secs(1))["currentlyAvailable"], 50);
    }
}
