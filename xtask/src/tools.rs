//! The tool environment: everything that is not Rust, in exact versions, in `.tools/`.
//!
//! It is a Python environment because all of it is on `PyPI`, zig and cargo-lambda included. Nothing is taken from, or
//! installed into, the system.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::project::Project;
use crate::shell::{self, Step};

/// Interpreters to look for; the first of a good version is taken.
const PYTHONS: [&str; 2] = ["python3.11", "python3"];

/// The installed tools.
pub(crate) struct Tools {
    bin: PathBuf,
}

impl Tools {
    /// Installs what `xtask/tools/requirements.txt` lists, unless that is what is installed.
    pub(crate) fn install(project: &Project, step: &Step) -> anyhow::Result<Self> {
        let environment = project.path(".tools");
        let wanted = project.path("xtask/tools/requirements.txt");
        let installed = environment.join("requirements.txt");
        let text = fs::read_to_string(&wanted).with_context(|| format!("cannot read {}", wanted.display()))?;
        let tools = Self { bin: environment.join("bin") };
        if fs::read_to_string(&installed).is_ok_and(|there| there == text) {
            return Ok(tools);
        }
        let log = project.local("log/tools.log");
        step.run(Command::new(python()?).args(["-m", "venv", "--clear"]).arg(&environment), &log)
            .context("no Python environment can be made; on Debian that needs the package python3-venv")?;
        // Everything is listed, so nothing is left to resolve.
        let pip = ["-m", "pip", "install", "--no-deps", "--no-input", "--disable-pip-version-check", "--requirement"];
        step.run(tools.command("python").args(pip).arg(&wanted), &log)?;
        fs::write(&installed, text).with_context(|| format!("cannot write {}", installed.display()))?;
        Ok(tools)
    }

    /// One of the tools, which finds the others before the system's.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        let mut path = self.bin.clone().into_os_string();
        if let Some(rest) = std::env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        command.env("PATH", path).env("SAM_CLI_TELEMETRY", "0").env("PYTHONUNBUFFERED", "1");
        command
    }
}

fn python() -> anyhow::Result<&'static str> {
    let good = "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))";
    let found = PYTHONS.into_iter().find(|name| shell::read(Command::new(name).args(["-c", good])).is_ok());
    match found {
        Some(name) => Ok(name),
        None => bail!("no Python 3.11 to 3.13 is installed (looked for {})", PYTHONS.join(" and ")),
    }
}
