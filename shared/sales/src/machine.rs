//! State machines as data: each is one table of rows (state, event, guard, state). What no row lists is refused, with
//! what would be allowed. Pure.
//!
//! A guard is a fact about the whole that a row asks for beside the state, such as "no warehouse can have begun to
//! pack". Whoever takes the step knows the facts; the table only names them.

use std::fmt;

/// States, events and guards: an enum with the text it has outside, and nothing else.
macro_rules! names {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        $vis enum $name { $($(#[$variant_meta])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every one of them, in the order of a life.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            /// The text used outside.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl From<$name> for &'static str {
            fn from(name: $name) -> Self {
                name.as_str()
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::machine::UnknownName;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or($crate::machine::UnknownName)
            }
        }
    };
}
pub(crate) use names;

/// The text names no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a known name")]
pub struct UnknownName;

/// One row: in this state, this event, if the guard holds, leads to that state.
pub type Row<M> = (M, <M as Machine>::Event, Option<<M as Machine>::Guard>, M);

/// The states of something, with the table that says how they follow each other.
pub trait Machine: Copy + PartialEq + Into<&'static str> + fmt::Display + 'static {
    /// What can happen.
    type Event: Copy + PartialEq + Into<&'static str> + fmt::Display + 'static;
    /// What a row may ask for.
    type Guard: Copy + PartialEq + Into<&'static str> + 'static;
    /// What the thing is called: `order`.
    const WHAT: &'static str;
    /// The table.
    const TABLE: &'static [Row<Self>];

    /// The state after `event`. `holds` tells which guards hold.
    fn after(self, event: Self::Event, holds: &dyn Fn(Self::Guard) -> bool) -> Result<Self, InvalidTransition> {
        let row = Self::TABLE.iter().find(|(from, by, _, _)| *from == self && *by == event);
        let unmet = match row {
            Some((_, _, Some(guard), _)) if !holds(*guard) => Some((*guard).into()),
            Some((_, _, _, to)) => return Ok(*to),
            None => None,
        };
        Err(InvalidTransition {
            what: Self::WHAT,
            from: self.into(),
            event: event.into(),
            unmet,
            allowed: self.events(holds).into_iter().map(Into::into).collect(),
        })
    }

    /// What may happen now.
    fn events(self, holds: &dyn Fn(Self::Guard) -> bool) -> Vec<Self::Event> {
        let rows = Self::TABLE.iter().filter(|(from, _, guard, _)| *from == self && guard.is_none_or(holds));
        rows.map(|(_, event, _, _)| *event).collect()
    }
}

/// A machine without guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoGuard {}

impl From<NoGuard> for &'static str {
    fn from(guard: NoGuard) -> Self {
        match guard {}
    }
}

/// The state does not allow the event, or not as things are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {from} and does not allow {event}{}", unmet.as_ref().map(|guard| format!(" unless {guard}")).unwrap_or_default())]
pub struct InvalidTransition {
    /// What was to change: `order`.
    pub what: &'static str,
    /// Its state.
    pub from: &'static str,
    /// What was asked.
    pub event: &'static str,
    /// The guard that does not hold, when the table has a row but for that.
    pub unmet: Option<&'static str>,
    /// What it allows now.
    pub allowed: Vec<&'static str>,
}

/// Tries every pair of state and event, with all guards and with none, against the table.
#[cfg(test)]
pub(crate) fn try_every_pair<M: Machine>(states: &[M], events: &[M::Event]) {
    for state in states {
        for event in events {
            let rows: Vec<_> = M::TABLE.iter().filter(|(from, by, _, _)| from == state && by == event).collect();
            assert!(rows.len() <= 1, "{state} {event} is listed twice");
            let row = rows.first();
            assert!(state.after(*event, &|_| true).ok() == row.map(|row| row.3), "{state} {event}");
            let unguarded = row.filter(|row| row.2.is_none()).map(|row| row.3);
            let refused = state.after(*event, &|_| false);
            assert!(refused.clone().ok() == unguarded, "{state} {event}");
            if let Err(refusal) = refused {
                assert_eq!(refusal.unmet.is_some(), row.is_some());
                assert!(!refusal.allowed.contains(&(*event).into()));
            }
        }
    }
}
