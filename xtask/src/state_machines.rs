//! The state machines of a template, as asl-validator sees them.

use std::fs;
use std::process::Command;

use anyhow::Context as _;

use crate::project::Project;
use crate::shell::{self, step};
use crate::template;

/// What asl-validator says of the definitions in a template.
pub(crate) fn validate(project: &Project, template: &str) -> anyhow::Result<()> {
    let folder = project.path("tests/asl");
    step("install the validator of state machines", |step| {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder);
        step.run(&mut npm, &project.local("log/asl-npm.log"))
    })?;
    for (id, definition) in template::state_machines(&project.path(template))? {
        let file = project.local(&format!("asl/{id}.json"));
        shell::create(&file)?;
        fs::write(&file, serde_json::to_vec_pretty(&definition)?).context("cannot write the definition")?;
        shell::show(Command::new(folder.join("node_modules/.bin/asl-validator")).arg("--json-path").arg(&file))?;
    }
    Ok(())
}
