//! Rates: ours alone, or beside the peer's in alternation, so that both meet the same machine.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::Serialize;

use super::cases::Case;
use super::measure::{Lab, Operation, Side};
use super::statistics::{Spread, ratio};
use crate::project::Project;
use crate::shell::Step;

/// Requests a second of processor time.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rates {
    pub(super) ours: Spread,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node: Option<Spread>,
    /// Ours over the peer's, round by round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) times_node: Option<Spread>,
    /// Ours over ours in the same round: what the machine's noise alone makes of a ratio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) control: Option<Spread>,
    /// The machine's load average over a minute, before.
    pub(super) load: f64,
}

/// Installs what the lock file names, and bundles the peer of each operation into one file.
pub(super) fn bundle(project: &Project, step: &Step) -> anyhow::Result<()> {
    let folder = project.path("tests/bench/node");
    let log = project.target("bench/log/bundle.log");
    // No package's own script is needed, so none is run.
    step.run(
        Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder),
        &log,
    )?;
    let out = format!("--outdir={}", project.target("bench/node").display());
    step.run(Command::new("npm").args(["run", "bundle", "--", &out]).current_dir(&folder), &log)
}

/// The peer is one only if it makes AWS do the same work.
pub(super) fn same_work(case: &Case, ours: &Operation, lab: &Lab<'_>) -> anyhow::Result<()> {
    let node = lab.operation(Side::Node, case).context("the peer does not work")?;
    ensure!(
        node.calls == ours.calls && node.write_units == ours.write_units && node.read_units == ours.read_units,
        "the peer's {} is other work than ours: {node:?}, not {ours:?}",
        case.operation
    );
    Ok(())
}

/// Measures the rate of an operation, in as many rounds as the effort allows.
pub(super) fn rates(case: &Case, lab: &Lab<'_>) -> anyhow::Result<Rates> {
    let load = load_average()?;
    let (mut ours, mut node, mut times_node, mut control) = (vec![], vec![], vec![], vec![]);
    let mut us = lab.warm(Side::Ours, case)?;
    let mut peer = if case.has_peer { Some(lab.warm(Side::Node, case)?) } else { None };
    for _ in 0..lab.effort.rounds {
        let first = lab.rate(&mut us)?;
        ours.push(first);
        if let Some(peer) = &mut peer {
            let theirs = lab.rate(peer)?;
            let second = lab.rate(&mut us)?;
            node.push(theirs);
            ours.push(second);
            times_node.push(ratio(f64::midpoint(first, second), theirs));
            control.push(ratio(second, first));
        }
    }
    Ok(Rates {
        ours: Spread::of(&ours).context("no round was run")?,
        node: Spread::of(&node),
        times_node: Spread::of(&times_node),
        control: Spread::of(&control),
        load,
    })
}

fn load_average() -> anyhow::Result<f64> {
    let text = fs::read_to_string("/proc/loadavg").context("no load average")?;
    text.split(' ').next().and_then(|first| first.parse().ok()).context("no load average")
}
