//! How long a ledger takes to be replayed into balances and values, and whether that grows with its length only.

use std::fmt::Write as _;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::statistics::ratio;
use crate::project::Project;
use crate::shell;

/// The program, and its package.
pub(super) const PROGRAM: &str = "bench-ledger";
const LENGTHS: [&str; 2] = ["100000", "1000000"];

/// One replay (`tests/bench/ledger`), proved against the level it must come to.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Replay {
    entries: f64,
    microseconds: f64,
}

impl Replay {
    fn microseconds_an_entry(&self) -> f64 {
        ratio(self.microseconds, self.entries)
    }
}

/// The replays, shortest first.
pub(super) fn replay(project: &Project) -> anyhow::Result<Vec<Replay>> {
    let one = |length: &&str| {
        let mut program = std::process::Command::new(project.target("release").join(PROGRAM));
        let line = shell::read(program.arg(length))?;
        serde_json::from_slice(&line).context("the replay says nothing that can be read")
    };
    LENGTHS.iter().map(one).collect()
}

pub(super) fn table(replays: &[Replay]) -> String {
    let mut text = String::new();
    for replay in replays {
        let Replay { entries, microseconds } = replay;
        let each = replay.microseconds_an_entry();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "ledger replayed: {entries} entries in {microseconds} us, {each:.2} us each");
    }
    text
}
