//! The state machines of the templates: valid, and one of them run, stopped and started again on the local stack.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::aws::{self, Cloud};
use crate::project::Project;
use crate::shell::{self, step};
use crate::stacks::LocalStack;
use crate::stand_ins;
use crate::template;
use crate::tools::Tools;

/// How long the full synchronisation of a store with a handful of products may take.
const ENDS_WITHIN: Duration = Duration::from_secs(180);

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

/// Reads everything the store of the demonstration sells: an execution is begun and stopped, and another begun with the same input,
/// which has to end well and find as much as the store counted.
pub(crate) fn full_sync(project: &Project) -> anyhow::Result<()> {
    let tools = &step("install the tools", |step| Tools::install(project, step))?;
    let stacks = LocalStack::load(project)?;
    let machine = stacks.store.outputs.get("FullSyncStateMachine").context("the store has no FullSyncStateMachine")?;
    let states =
        |operation, arguments: &Value| aws::call(project, tools, Cloud::Local, ("stepfunctions", operation), arguments);
    let input = json!({ "shop": stand_ins::SHOP, "run": format!("{:016x}", fastrand::u64(..)) }).to_string();
    let start = || -> anyhow::Result<Value> {
        let begun = states("start_execution", &json!({ "stateMachineArn": machine, "input": input }))?;
        Ok(begun["executionArn"].clone())
    };
    let stopped = start()?;
    // It waits for the store by then, or reads.
    thread::sleep(Duration::from_secs(2));
    states("stop_execution", &json!({ "executionArn": stopped }))?;
    let running = start()?;
    let begun = Instant::now();
    while begun.elapsed() < ENDS_WITHIN {
        let execution = states("describe_execution", &json!({ "executionArn": running }))?;
        match execution["status"].as_str() {
            Some("RUNNING") => thread::sleep(Duration::from_secs(1)),
            Some("SUCCEEDED") => return check(&execution),
            _ => bail!("the full synchronisation ended otherwise: {execution}"),
        }
    }
    bail!("the full synchronisation did not end within {ENDS_WITHIN:?}")
}

fn check(execution: &Value) -> anyhow::Result<()> {
    let output: Value = serde_json::from_str(execution["output"].as_str().unwrap_or_default())?;
    if output["stored"].as_u64() > Some(0) && output["stored"] == output["counted"] {
        eprintln!("    {} products read, as many as the store counted", output["stored"]);
        return Ok(());
    }
    bail!("the full synchronisation found {output}")
}
