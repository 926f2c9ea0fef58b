//! Makes AWS calls fail, wait or kill their caller, by script, and keeps a record of every call.
//!
//! It does not invent faults by chance: a test says which call fails and how, so that every run is the same.

mod call;
mod crash;
mod gate;
mod script;
#[cfg(test)]
mod tests;

pub use call::{Call, Capacity};
pub use crash::{Crashed, crash_points};
pub use script::{Effect, Side};

use crate::wire::Endpoint;
use gate::Gate;
use script::{Script, When};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// One process as AWS sees it: its calls go through a script of faults, and it can crash and be restarted.
///
/// Clones are the same process. [`Self::process`] makes another process under the same script and record.
#[derive(Clone)]
pub struct FaultInjector {
    script: Arc<Mutex<Script>>,
    process: Arc<Process>,
}

struct Process {
    name: String,
    /// How often it crashed, so that a crash is noticed even when the restart follows at once.
    crashes: watch::Sender<u64>,
    crashed: AtomicBool,
    /// How many [`FaultInjector::run`] are under way: calls inside one are crash points.
    running: AtomicUsize,
}

impl FaultInjector {
    /// A process called "main" that nothing happens to yet.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "a script of faults is made on purpose, never by default")]
    pub fn new() -> Self {
        Self { script: Arc::default(), process: Arc::new(Process::new("main")) }
    }

    /// Another process under the same script and record; it crashes and restarts on its own.
    #[must_use]
    pub fn process(&self, name: &str) -> Self {
        Self { script: Arc::clone(&self.script), process: Arc::new(Process::new(name)) }
    }

    /// Does `effect` to the call with index `call` (0 is the first call recorded), once.
    pub fn at(&self, call: usize, side: Side, effect: Effect) {
        self.script().add(When::Call(call), side, effect);
    }

    /// Does `effect` to the `nth` call (0 is the next one) of `api`, once.
    pub fn on(&self, api: &str, nth: usize, side: Side, effect: Effect) {
        self.script().add(When::Nth { api: api.to_owned(), skip: nth }, side, effect);
    }

    /// Does `effect` to every call of `api` until [`Self::heal`].
    pub fn always(&self, api: &str, side: Side, effect: Effect) {
        self.script().add(When::Every { api: api.to_owned() }, side, effect);
    }

    /// Forgets every fault not yet done; a crashed process stays crashed.
    pub fn heal(&self) {
        self.script().rules.clear();
    }

    /// From now on every call lets a random (seeded) number of other tasks run, before and after.
    pub fn interleave(&self, seed: u64) {
        self.script().random = Some(fastrand::Rng::with_seed(seed));
    }

    /// Every call so far, of every process, in the order they were made.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.script().calls.clone()
    }

    /// How many calls were made so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.script().calls.len()
    }

    /// How often each API was called so far.
    #[must_use]
    pub fn count_by_api(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in self.calls() {
            *counts.entry(call.api).or_default() += 1;
        }
        counts
    }

    /// The capacity all calls so far consumed.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.calls().iter().map(|call| &call.capacity).sum()
    }

    /// Forgets the record; the next call has index 0 again.
    pub fn forget(&self) {
        self.script().calls.clear();
    }

    /// The endpoint `inner` as this process reaches it.
    pub(crate) fn gate(&self, inner: impl Endpoint) -> Gate {
        Gate::new(self.clone(), inner)
    }

    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }
}

impl Process {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            crashes: watch::Sender::new(0),
            crashed: AtomicBool::new(false),
            running: AtomicUsize::new(0),
        }
    }
}
