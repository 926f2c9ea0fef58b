//! `cargo xtask down`: stops everything that `up` has started. What was deployed is gone with it.

use crate::daemon::Daemon;
use crate::project::Project;
use crate::shell::step;
use crate::stacks::LocalStack;

pub(crate) fn run() -> anyhow::Result<()> {
    let project = Project::open()?;
    LocalStack::forget(&project)?;
    for daemon in Daemon::all(&project)? {
        step(&format!("stop {}", daemon.name()), |_| daemon.stop())?;
    }
    Ok(())
}
