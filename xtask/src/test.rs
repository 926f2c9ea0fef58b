//! `cargo xtask test`: everything that says whether this checkout is good, as named steps.
//!
//! CI runs exactly this. What a step prints is for its reader, so nothing is hidden in logs here.

use std::process::Command;
use std::time::Instant;

use crate::project::Project;
use crate::shell::{self, step};
use crate::tools::Tools;
use crate::{contract, deliveries, down, feed, flows, oidc, state_machines, up};

const TEMPLATES: [&str; 2] = ["template.yaml", "functions/warehouse/template.yaml"];

#[derive(Debug, clap::Args)]
pub(crate) struct Test {
    /// Only these steps.
    #[arg(value_enum)]
    steps: Vec<Check>,
}

/// The steps, in their order: what fails fast comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Check {
    /// Formatting.
    Format,
    /// Clippy, with every warning an error.
    Lint,
    /// Unit, property, store and black-box tests: everything that needs no process but its own.
    Unit,
    /// SAM's and cfn-lint's opinion of the templates, asl-validator's of the state machines in them.
    Template,
    /// The CDK application: its types, its tests and, while it is synthesised, cdk-nag.
    Cdk,
    /// The whole product on a fresh local stack: `up` ends with a demonstration that must turn out as it should, a client
    /// library of the field signs in, a change of stock reaches a consumer's queue, the public API is what its documents say,
    /// whatever is sent, and reading all of a Shopify store survives being stopped and started.
    EndToEnd,
}

impl Test {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let project = Project::open()?;
        let all = [Check::Format, Check::Lint, Check::Unit, Check::Template, Check::Cdk, Check::EndToEnd];
        let chosen = all.into_iter().filter(|check| self.steps.is_empty() || self.steps.contains(check));
        for check in chosen {
            let started = Instant::now();
            eprintln!("== {check:?}");
            check.run(&project)?;
            eprintln!("== {check:?} passed ({:.0} s)", started.elapsed().as_secs_f64());
        }
        Ok(())
    }
}

impl Check {
    fn run(self, project: &Project) -> anyhow::Result<()> {
        match self {
            Self::Format => shell::show(project.cargo().args(["fmt", "--all", "--check"])),
            Self::Lint => {
                shell::show(project.cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
            }
            Self::Unit => shell::show(cargo_test(project).arg("--workspace")),
            Self::Template => templates(project),
            Self::Cdk => cdk(project),
            Self::EndToEnd => end_to_end(project),
        }
    }
}

/// nextest where it is installed (each test in a process of its own, and a summary), else cargo's own runner: the tests
/// pass under both.
fn cargo_test(project: &Project) -> Command {
    let mut cargo = project.cargo();
    if shell::read(project.cargo().args(["nextest", "--version"])).is_ok() {
        cargo.args(["nextest", "run"]);
    } else {
        cargo.arg("test");
    }
    cargo
}

fn templates(project: &Project) -> anyhow::Result<()> {
    let tools = step("install the tools", |step| Tools::install(project, step))?;
    for template in TEMPLATES {
        let path = project.path(template);
        let mut sam = tools.command("sam");
        shell::show(sam.args(["validate", "--lint", "--region", "us-east-1", "--template-file"]).arg(&path))?;
        shell::show(tools.command("cfn-lint").args(["-a", "cfn_lint_serverless.rules", "-t"]).arg(&path))?;
    }
    state_machines::validate(project, TEMPLATES[0])
}

fn cdk(project: &Project) -> anyhow::Result<()> {
    let commands: [&[&str]; 3] = [&["ci", "--no-audit", "--no-fund"], &["test"], &["run", "synth"]];
    for arguments in commands {
        shell::show(Command::new("npm").args(arguments).current_dir(project.path("cdk")))?;
    }
    Ok(())
}

/// Stops what it started, also when something went wrong.
fn end_to_end(project: &Project) -> anyhow::Result<()> {
    down::run()?;
    let result = up::run().and_then(|()| {
        let held_up = flows::hold_up(project)?;
        oidc::run(project)?;
        feed::run(project)?;
        deliveries::run(project)?;
        contract::check()?;
        flows::went_around(project, &held_up)?;
        flows::full_sync(project)
    });
    down::run()?;
    result
}
