//! `cargo xtask test`: everything that says whether this checkout is good, as named steps.
//!
//! CI runs exactly this. What a step prints is for its reader, so nothing is hidden in logs here.

use std::process::Command;
use std::time::Instant;

use crate::project::Project;
use crate::shell::{self, step};
use crate::tools::Tools;
use crate::{down, up};

/// Black-box tests: they need the local stack, and are a step of their own.
const BLACK_BOX: &str = "blackbox";

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
    /// Unit, property and store tests.
    Unit,
    /// SAM's and cfn-lint's opinion of the templates.
    Template,
    /// The black-box tests, on the local stack.
    EndToEnd,
}

impl Test {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let project = Project::open()?;
        let all = [Check::Format, Check::Lint, Check::Unit, Check::Template, Check::EndToEnd];
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
            Self::Unit => shell::show(cargo_test(project).args(["--workspace", "--exclude", BLACK_BOX])),
            Self::Template => templates(project),
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
    Ok(())
}

/// On a fresh stack, which is stopped also when the tests fail.
fn end_to_end(project: &Project) -> anyhow::Result<()> {
    down::run()?;
    up::run()?;
    let result = shell::show(cargo_test(project).args(["--package", BLACK_BOX]));
    down::run()?;
    result
}
