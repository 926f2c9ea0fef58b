//! The embedded AWS services, as a process beside the functions (`tests/standins/examples/cloud`).

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Stdio};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::environment::Resources;
use super::processor;
use crate::project::Project;

/// Where everything is.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Place {
    pub(super) http: String,
    pub(super) https: String,
    /// The authority behind `https`, as PEM.
    pub(super) authority: String,
    pub(super) payments: String,
    pub(super) table: String,
    pub(super) tenant: String,
    pub(super) books: Vec<String>,
    /// The one of which there is a single copy, if it was wished for.
    pub(super) last: Option<String>,
    /// Placed, not paid.
    pub(super) orders: Vec<String>,
    /// API keys.
    pub(super) keys: Vec<String>,
    /// Access tokens, if somebody was to be signed in.
    pub(super) tokens: Vec<String>,
}

/// What calls of one API have cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Usage {
    pub(super) calls: u32,
    pub(super) read_units: f64,
    pub(super) write_units: f64,
}

/// A running cloud with a freshly filled table; it ends when this is dropped.
pub(super) struct Cloud {
    child: Child,
    pub(super) place: Place,
    /// The process ends with it.
    _open: Option<ChildStdin>,
}

impl Cloud {
    /// `wish` is one more argument: what else is to be in the table.
    pub(super) fn start(project: &Project, resources: &Resources, wish: Option<String>) -> anyhow::Result<Self> {
        let program = project.target("quick/examples/cloud");
        let names = resources.topics.iter().map(|name| format!("topic:{name}"));
        let names = names.chain(resources.queues.iter().map(|name| format!("queue:{name}")));
        // Out of the way of the function, which is kept on the last processor.
        let mut child = processor::on_core(Some(0), &program)
            .args(names.chain(wish))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut line = String::new();
        let output = child.stdout.take().context("no output")?;
        BufReader::new(output).read_line(&mut line).context("the embedded cloud says nothing")?;
        let place = serde_json::from_str(&line).context("the embedded cloud did not start")?;
        Ok(Self { _open: child.stdin.take(), child, place })
    }

    /// What calls have cost so far, by API.
    pub(super) fn usage(&self) -> anyhow::Result<BTreeMap<String, Usage>> {
        let mut answer = ureq::get(format!("{}/standin/usage", self.place.http)).call().context("no usage")?;
        let text = answer.body_mut().read_to_string().context("no usage")?;
        serde_json::from_str(&text).context("the usage cannot be read")
    }

    /// From now on the table answers each API as it did last.
    pub(super) fn replay(&self) -> anyhow::Result<()> {
        ureq::post(format!("{}/standin/replay", self.place.http)).send_empty().context("no replay").map(drop)
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The calls between two looks.
pub(super) fn between(
    before: &BTreeMap<String, Usage>,
    after: &BTreeMap<String, Usage>,
) -> anyhow::Result<BTreeMap<String, Usage>> {
    let mut used = BTreeMap::new();
    for (api, after) in after {
        let before = before.get(api).copied().unwrap_or_default();
        ensure!(after.calls >= before.calls, "{api}: calls have been forgotten");
        if after.calls > before.calls {
            used.insert(api.clone(), less(*after, before));
        }
    }
    Ok(used)
}

#[expect(clippy::float_arithmetic, reason = "capacity units are multiples of 0.5, which floats subtract exactly")]
fn less(after: Usage, before: Usage) -> Usage {
    Usage {
        calls: after.calls - before.calls,
        read_units: after.read_units - before.read_units,
        write_units: after.write_units - before.write_units,
    }
}
