//! A reservation: units held back for somebody until a time, then taken or given back. Pure.
//!
//! Two phases: PENDING with an expiry, then COMMITTED (reserved units become committed and belong to whoever asked),
//! RELEASED or EXPIRED. A line may be a kit, which holds its components. What a batch asks of one level is added up before
//! it is compared with what there is.

use crate::{LocationId, Sku, kit};
use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

kernel::typed_id!(
    /// A reservation.
    ReservationId,
    "rsv"
);

/// Most levels one reservation touches: each is two actions of a transaction that may have 100.
pub const MAX_LEVELS: usize = 40;
/// Longest time in seconds a reservation may last without being extended: 30 days.
pub const MAX_SECONDS: u32 = 30 * 24 * 3600;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub location: LocationId,
    /// An item or a kit.
    pub sku: Sku,
    /// Units, at least 1.
    pub quantity: i64,
}

/// What is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    #[serde(rename = "l")]
    pub location: LocationId,
    #[serde(rename = "k")]
    pub sku: Sku,
    #[serde(rename = "r")]
    pub requested: i64,
    /// At most what was requested; less only where a part was asked for.
    #[serde(rename = "h")]
    pub held: i64,
    /// Units of each component, when it is a kit.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<(Sku, i64)>,
}

/// Where a reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    Pending,
    Committed,
    Released,
    Expired,
}

impl State {
    /// What may happen to a reservation in it.
    #[must_use]
    pub fn allowed(self) -> &'static [&'static str] {
        match self {
            Self::Pending => &["commit", "release", "extend"],
            Self::Committed | Self::Released | Self::Expired => &[],
        }
    }
}

/// What happens to a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Whoever asked takes the units.
    Commit,
    /// Whoever asked gives them back.
    Release,
    /// Its time is over.
    Expire,
    /// It lasts so many seconds from now.
    Extend(u32),
}

/// A step the reservation does not allow. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    #[error("the reservation was committed")]
    AlreadyCommitted,
    #[error("the reservation was released")]
    AlreadyReleased,
    #[error("the reservation has expired")]
    Expired,
    #[error("the reservation has not expired yet")]
    NotDue,
    #[error("a reservation lasts 1 to {MAX_SECONDS} seconds")]
    Duration,
}

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    pub id: ReservationId,
    pub state: State,
    pub lines: Vec<Line>,
    /// Units at each place, which for a hot item is a part of the location.
    pub units: Vec<(LocationId, Sku, i64)>,
    /// Whether less than everything was asked for too.
    pub partial: bool,
    /// How long it was asked to last at first, in seconds.
    pub seconds: u32,
    /// When it ends, unless it is taken, given back or extended.
    pub expires_at: Timestamp,
    /// The document it is for: a cart, an order.
    pub source: String,
    /// Optimistic version, 0 before it is stored.
    pub version: u64,
}

/// A level that holds too little.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    pub location: LocationId,
    pub sku: Sku,
    /// Units wanted by all lines together.
    pub requested: i64,
    /// Units that could be promised.
    pub available: i64,
}

/// Units of each item at each location.
pub type Units = BTreeMap<(LocationId, Sku), i64>;

impl Line {
    /// Units of each item that so many of the line's need.
    fn units(&self, of: i64) -> impl Iterator<Item = ((LocationId, Sku), i64)> {
        let plain = self.components.is_empty().then(|| (self.sku.clone(), 1));
        let parts = self.components.iter().cloned().chain(plain);
        parts.map(move |(sku, units)| ((self.location.clone(), sku), units.saturating_mul(of)))
    }
}

/// Adds up what the lines need of every level.
fn sum<'a>(lines: &'a [Line], of: impl Fn(&'a Line) -> i64) -> Units {
    let mut sum = Units::new();
    for (level, units) in lines.iter().flat_map(|line| line.units(of(line))) {
        let total = sum.entry(level).or_default();
        *total = total.saturating_add(units);
    }
    sum
}

/// What everything that is asked for needs, kits taken apart.
#[must_use]
pub fn needs(lines: &[Line]) -> Units {
    sum(lines, |line| line.requested)
}

/// Decides what is held of each line, from what each level can promise: everything or the shortages; or, when a part is
/// enough, as much as there is, line by line in their order, kits whole.
pub fn hold(lines: &mut [Line], promisable: &Units, partial: bool) -> Result<(), Vec<Shortage>> {
    let there = |level: &(LocationId, Sku)| promisable.get(level).copied().unwrap_or(0).max(0);
    let needs = needs(lines);
    let short: Vec<Shortage> = needs
        .iter()
        .filter(|(level, requested)| **requested > there(level))
        .map(|((location, sku), requested)| Shortage {
            location: location.clone(),
            sku: sku.clone(),
            requested: *requested,
            available: there(&(location.clone(), sku.clone())),
        })
        .collect();
    if !partial && !short.is_empty() {
        return Err(short);
    }
    let mut left: Units = needs.keys().map(|level| (level.clone(), there(level))).collect();
    for line in lines.iter_mut() {
        let plain = [(line.sku.clone(), 1)];
        let parts = if line.components.is_empty() { &plain[..] } else { &line.components[..] };
        let at = |sku: &Sku| left.get(&(line.location.clone(), sku.clone())).copied().unwrap_or(0);
        line.held = kit::sellable(parts, at).min(line.requested);
        for (level, units) in line.units(line.held) {
            left.entry(level).and_modify(|left| *left -= units);
        }
    }
    if lines.iter().all(|line| line.held == 0) { Err(short) } else { Ok(()) }
}

/// What is held of every level, hot items not spread yet.
#[must_use]
pub fn held(lines: &[Line]) -> Units {
    let mut units = sum(lines, |line| line.held);
    units.retain(|_, units| *units > 0);
    units
}

impl Reservation {
    /// What is different in a request with the same id.
    #[must_use]
    pub fn difference(&self, lines: &[Wanted], partial: bool, seconds: u32, source: &str) -> Option<&'static str> {
        let same = |(line, wanted): (&Line, &Wanted)| {
            (&line.location, &line.sku, line.requested) == (&wanted.location, &wanted.sku, wanted.quantity)
        };
        if self.lines.len() != lines.len() || !self.lines.iter().zip(lines).all(same) {
            Some("lines")
        } else if self.partial != partial {
            Some("partial")
        } else if self.seconds != seconds {
            Some("duration")
        } else if self.source != source {
            Some("source")
        } else {
            None
        }
    }

    /// The reservation after a step; `None` when the step was taken before.
    pub fn apply(&self, step: Step, now: Timestamp) -> Result<Option<Self>, NotAllowed> {
        let over = now >= self.expires_at;
        let state = match (self.state, step) {
            (State::Pending, Step::Commit | Step::Extend(_)) if over => return Err(NotAllowed::Expired),
            (State::Pending, Step::Expire) if !over => return Err(NotAllowed::NotDue),
            (State::Pending, Step::Commit) => State::Committed,
            (State::Pending, Step::Release) => State::Released,
            (State::Pending, Step::Expire) => State::Expired,
            (State::Pending, Step::Extend(seconds)) => {
                let expires_at = expiry(now, seconds)?.max(self.expires_at);
                return Ok(Some(Self { expires_at, ..self.clone() }));
            }
            (State::Committed, Step::Commit)
            | (State::Released, Step::Release)
            | (State::Expired, Step::Expire | Step::Release) => return Ok(None),
            (State::Committed, Step::Release | Step::Expire | Step::Extend(_)) => {
                return Err(NotAllowed::AlreadyCommitted);
            }
            (State::Released, Step::Commit | Step::Expire | Step::Extend(_)) => {
                return Err(NotAllowed::AlreadyReleased);
            }
            (State::Expired, Step::Commit | Step::Extend(_)) => return Err(NotAllowed::Expired),
        };
        Ok(Some(Self { state, ..self.clone() }))
    }
}

/// When something ends that lasts so many seconds from now.
pub(crate) fn expiry(now: Timestamp, seconds: u32) -> Result<Timestamp, NotAllowed> {
    if !(1..=MAX_SECONDS).contains(&seconds) {
        return Err(NotAllowed::Duration);
    }
    now.checked_add(jiff::SignedDuration::from_secs(seconds.into())).map_err(|_| NotAllowed::Duration)
}

#[cfg(test)]
mod tests;
