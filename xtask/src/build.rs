//! `cargo xtask build`: compiles every Lambda function, natively for the local stack or for AWS.
//!
//! For AWS with the release profile, for the local stack with `quick`, which is the same without link-time optimisation.
//! They lie in different folders, so that one is never shipped for the other:
//! `target/local/lambda/<function>/bootstrap` and `target/lambda/<function>/bootstrap` (where cargo-lambda, SAM and CDK
//! look for it).

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};

use crate::project::Project;
use crate::shell::{Step, step};
use crate::tools::Tools;

#[derive(Debug, clap::Args)]
pub(crate) struct Build {
    /// For AWS (arm64, with cargo-lambda and zig) instead of for the local stack.
    #[arg(long)]
    aws: bool,
}

impl Build {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let project = Project::open()?;
        if self.aws {
            let tools = step("install the tools", |step| Tools::install(&project, step))?;
            for_aws(&project, &tools)
        } else {
            step("build the functions", |step| for_local(&project, step)).map(drop)
        }
    }
}

/// Builds for this machine, with plain cargo: it shares everything that is already compiled.
/// Returns the folder with one folder a function.
pub(crate) fn for_local(project: &Project, step: &Step) -> anyhow::Result<PathBuf> {
    ensure!(!project.functions().is_empty(), "there are no functions to build");
    let mut cargo = project.cargo();
    cargo.args(["build", "--profile", "quick", "--bins"]);
    for package in project.functions() {
        cargo.args(["--package", &package.name]);
    }
    step.run(&mut cargo, &project.local("log/build.log"))?;

    let folder = project.local("lambda");
    for binary in project.functions().iter().flat_map(|package| &package.binaries) {
        let built = project.target("quick").join(binary);
        let bootstrap = folder.join(binary).join("bootstrap");
        fs::create_dir_all(folder.join(binary))
            .and_then(|()| fs::copy(&built, &bootstrap))
            .with_context(|| format!("cannot copy {} to {}", built.display(), bootstrap.display()))?;
    }
    Ok(folder)
}

/// Builds a stand-in for a third party. On its own: together with the functions it would add features to theirs.
pub(crate) fn stand_in(project: &Project, step: &Step, package: &str, name: &str) -> anyhow::Result<PathBuf> {
    let mut cargo = project.cargo();
    cargo.args(["build", "--profile", "quick", "--package", package, "--bin", name]);
    step.run(&mut cargo, &project.local("log/build-stand-ins.log"))?;
    Ok(project.target("quick").join(name))
}

/// Builds for AWS, and says how big each function's package is.
pub(crate) fn for_aws(project: &Project, tools: &Tools) -> anyhow::Result<()> {
    step("build the functions for AWS", |step| {
        let mut cargo = project.at_home(tools.command("cargo-lambda"));
        cargo.args(["lambda", "build", "--release", "--arm64", "--output-format", "binary"]);
        for package in project.functions() {
            cargo.args(["--package", &package.name]);
        }
        step.run(&mut cargo, &project.local("log/build-aws.log"))
    })?;
    for binary in project.functions().iter().flat_map(|package| &package.binaries) {
        let bytes = fs::metadata(project.target("lambda").join(binary).join("bootstrap"))
            .with_context(|| format!("{binary} was not built"))?
            .len();
        eprintln!("    {binary}: {} KiB", bytes / 1024);
    }
    Ok(())
}
