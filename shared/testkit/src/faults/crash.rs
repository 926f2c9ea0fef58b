//! Killing a process at a call, and trying every call of a flow in turn.

use super::script::{Effect, Side, When};
use super::{FaultInjector, Process};
use std::fmt;
use std::future::Future;
use std::sync::atomic::Ordering::SeqCst;

/// The process died before its work was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crashed;

impl fmt::Display for Crashed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the process has crashed")
    }
}

impl std::error::Error for Crashed {}

impl FaultInjector {
    /// Runs `flow` as this process. When a fault crashes the process the flow is dropped at that very call: nothing
    /// after it runs, no error handling either. The calls made inside are the ones [`crash_points`] tries.
    ///
    /// # Errors
    /// [`Crashed`] when the process crashed, before or during the flow.
    pub async fn run<T>(&self, flow: impl Future<Output = T>) -> Result<T, Crashed> {
        let _running = Running::new(&self.process);
        if self.is_crashed() {
            return Err(Crashed);
        }
        let life = self.process.crashes();
        let mut crashes = self.process.crashes.subscribe();
        tokio::select! {
            biased;
            _ = crashes.wait_for(|crashes| *crashes != life) => Err(Crashed),
            outcome = Box::pin(flow) => Ok(outcome),
        }
    }

    /// Whether the process has crashed and was not restarted.
    #[must_use]
    pub fn is_crashed(&self) -> bool {
        self.process.crashed.load(SeqCst)
    }

    /// Starts the process again: its calls reach the services.
    pub fn restart(&self) {
        self.process.crashed.store(false, SeqCst);
    }
}

impl Process {
    pub(super) fn is_running(&self) -> bool {
        self.running.load(SeqCst) > 0
    }

    pub(super) fn crashes(&self) -> u64 {
        *self.crashes.borrow()
    }

    pub(super) fn crash(&self) {
        self.crashed.store(true, SeqCst);
        self.crashes.send_modify(|crashes| *crashes += 1);
    }
}

/// Counts one run under way, until dropped.
struct Running<'a>(&'a Process);

impl<'a> Running<'a> {
    fn new(process: &'a Process) -> Self {
        process.running.fetch_add(1, SeqCst);
        Self(process)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

/// Plays `scenario` once without faults to count the calls it makes inside [`FaultInjector::run`], then twice for each
/// of them: with a crash just before the call and with one just after it. Returns the number of calls.
///
/// A scenario sets up a fresh world, runs the flow through `faults.run(..)`, calls `faults.restart()`, lets recovery
/// happen (retry, redelivery) and asserts that the world is whole. It must be the same on every play: seed what is
/// random. It panics where the scenario panics, naming the crash point on standard error.
pub async fn crash_points<S, F>(scenario: S) -> usize
where
    S: Fn(FaultInjector) -> F,
    F: Future<Output = ()>,
{
    let rehearsal = FaultInjector::new();
    Box::pin(scenario(rehearsal.clone())).await;
    let points = rehearsal.script().running_calls;
    assert!(points > 0, "the scenario makes no AWS call inside FaultInjector::run");
    for point in 0..points {
        for side in [Side::Before, Side::After] {
            let faults = FaultInjector::new();
            faults.script().add(When::Running(point), side, Effect::Crash);
            let label = Label { point, side, faults: faults.clone() };
            Box::pin(scenario(faults.clone())).await;
            assert!(faults.script().rules.is_empty(), "call {point} was never made: not the same on every play");
            drop(label);
        }
    }
    points
}

/// Says which crash point a failed scenario was at.
struct Label {
    point: usize,
    side: Side,
    faults: FaultInjector,
}

impl Drop for Label {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the crash was {:?} call {} inside the run; calls made:", self.side, self.point);
            for call in self.faults.calls() {
                eprintln!("  {} {} -> {:?}", call.process, call.api, call.answered);
            }
        }
    }
}
