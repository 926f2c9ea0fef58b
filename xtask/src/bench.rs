//! `cargo xtask bench`: what the functions cost, in figures that do not depend on how busy this machine is.
//!
//! Each release binary runs as Lambda runs it, against a stub of the Runtime API and embedded AWS services
//! (`tests/standins/examples/cloud`): instructions from start to first event and for each warm invocation (callgrind),
//! what the first TLS connection adds, AWS calls and capacity units, upload size, memory, requests a second of
//! processor time, and dollars a million. Beside it, in the same run, the same operations for Node, how long a ledger
//! takes to be replayed, and with `--vendure` the shop of that name under the same crowds.
//!
//! It does not measure latency, throttling, or anything else that only AWS can show. A missed budget is reported and is
//! not a failure: the command fails when it could not measure.

mod budgets;
mod callgrind;
mod cases;
mod cloud;
mod crowd;
mod environment;
mod function;
mod ledger;
mod measure;
mod peers;
mod prices;
mod processor;
mod report;
mod runtime_api;
mod statistics;
mod vendure;

use std::io::Write as _;

use anyhow::{Context as _, ensure};

use crate::project::{FunctionPackage, Project};
use crate::shell::{Step, step};
use budgets::Budgets;
use cases::{CASES, Case, Recorded};
use environment::Resources;
use measure::{Effort, Lab, Side};
use prices::Prices;
use report::{Result, Results};

#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    /// Only these functions, by the name of their binary.
    #[arg(long)]
    only: Vec<String>,
    /// Fewer runs: good for a look, too few for a comparison.
    #[arg(long)]
    quick: bool,
    /// Beside Vendure too: installs it from npm and `PostgreSQL` from Debian, and takes some minutes.
    #[arg(long)]
    vendure: bool,
}

impl Bench {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let project = Project::open()?;
        let functions = self.chosen(&project)?;
        let compared = if self.vendure { crowd_functions(&project) } else { Vec::new() };
        let binaries: Vec<&str> = functions.iter().map(|(_, binary)| binary.as_str()).collect();
        let (budgets, prices) = (Budgets::read(&project)?, Prices::read(&project)?);
        callgrind::install(self.vendure)?;
        step("build the functions", |step| build(&project, functions.iter().chain(&compared), step))?;
        step("build the embedded cloud", |step| {
            let mut cargo = project.cargo();
            // Optimised, or functions would wait for it so long that the processor forgets them.
            let profile = ["build", "--profile", "quick", "--package", "standins", "--example", "cloud"];
            step.run(cargo.args(profile), &log(&project))
        })?;
        if binaries.iter().flat_map(|binary| cases_of(binary)).any(|case| case.has_peer) {
            step("bundle the peer", |step| peers::bundle(&project, step))?;
        }
        let _room = processor::make_room()?;
        let effort = if self.quick { Effort::QUICK } else { Effort::WHOLE };
        let (resources, recorded) = (Resources::read(&project)?, Recorded::read(&project)?);
        let lab = Lab { project: &project, resources, recorded, effort };
        let mut results = Results::default();
        for binary in binaries {
            let cases: Vec<&Case> = cases_of(binary).collect();
            let figures = step(&format!("count {binary}"), |_| lab.function(binary, &cases))?;
            for case in cases {
                let instructions = figures.warm.get(case.operation).copied().unwrap_or_default();
                let result =
                    step(&format!("measure {}", case.operation), |_| operation(&lab, &prices, case, instructions))?;
                results.operations.insert(case.operation, result);
            }
            results.functions.insert(binary.to_owned(), figures);
        }
        results.ledger = step("replay ledgers", |_| ledger::replay(&project))?;
        if self.vendure {
            step("install Vendure", |step| vendure::install(&project, step))?;
            results.crowd = Some(step("measure beside Vendure", |_| crowd::measure(&lab))?);
        }
        results.write(&project)?;
        let table = results.table(&budgets.checks(&results), &prices);
        std::io::stdout().write_all(table.as_bytes()).context("cannot print")?;
        eprintln!("  written to {}", project.target("bench/report.json").display());
        Ok(())
    }

    /// The functions to measure, with their packages.
    fn chosen(&self, project: &Project) -> anyhow::Result<Vec<(String, String)>> {
        let chosen: Vec<_> =
            all(project).filter(|(_, name)| self.only.is_empty() || self.only.contains(name)).collect();
        let unknown = self.only.iter().find(|name| !chosen.iter().any(|(_, binary)| binary == *name));
        ensure!(unknown.is_none(), "there is no function {}", unknown.map(String::as_str).unwrap_or_default());
        Ok(chosen)
    }
}

/// Every function, with its package.
fn all(project: &Project) -> impl Iterator<Item = (String, String)> {
    let of = |package: &FunctionPackage| {
        let name = package.name.clone();
        package.binaries.clone().into_iter().map(move |binary| (name.clone(), binary))
    };
    project.functions().iter().flat_map(of)
}

/// The functions that are compared under a crowd.
fn crowd_functions(project: &Project) -> Vec<(String, String)> {
    let compared =
        |binary: &str| CASES.iter().any(|case| case.binary == binary && crowd::OPERATIONS.contains(&case.operation));
    all(project).filter(|(_, binary)| compared(binary)).collect()
}

fn cases_of(binary: &str) -> impl Iterator<Item = &'static Case> {
    CASES.iter().filter(move |case| case.binary == binary)
}

fn log(project: &Project) -> std::path::PathBuf {
    project.target("bench/log/build.log")
}

fn build<'a>(
    project: &Project,
    functions: impl Iterator<Item = &'a (String, String)>,
    step: &Step,
) -> anyhow::Result<()> {
    let mut cargo = project.cargo();
    cargo.args(["build", "--release", "--package", ledger::PROGRAM, "--bin", ledger::PROGRAM]);
    for (package, binary) in functions {
        cargo.args(["--package", package, "--bin", binary]);
    }
    step.run(&mut cargo, &log(project))
}

fn operation(lab: &Lab<'_>, prices: &Prices, case: &Case, instructions: u64) -> anyhow::Result<Result> {
    let operation = lab.operation(Side::Ours, case)?;
    if case.has_peer {
        peers::same_work(case, &operation, lab)?;
    }
    Ok(Result {
        instructions,
        dollars_per_million: prices.per_million(case.operation, &operation, case.trigger),
        operation,
        rates: peers::rates(case, lab)?,
    })
}
