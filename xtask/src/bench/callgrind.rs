//! Instructions, counted by valgrind's callgrind: the same on a busy machine as on a quiet one.
//!
//! Valgrind's processor has no SHA extensions, so hashing costs more here than on Lambda: figures are upper bounds.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::shell::{self, step};

/// Programs the benchmark needs beyond cargo and node, with their Debian package.
const PROGRAMS: [(&str, &str); 3] = [("valgrind", "valgrind"), ("zip", "zip"), ("taskset", "util-linux")];

/// What to put in front of a program to have it counted into `figures`.
pub(super) fn command(figures: &Path) -> Vec<String> {
    let file = format!("--callgrind-out-file={}", figures.display());
    ["valgrind", "--tool=callgrind", &file].map(str::to_owned).to_vec()
}

/// All instructions of a program that has ended.
pub(super) fn instructions(figures: &Path) -> anyhow::Result<u64> {
    let text = fs::read_to_string(figures).with_context(|| format!("no figures in {}", figures.display()))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")));
    total.and_then(|total| total.trim().parse().ok()).with_context(|| format!("no total in {}", figures.display()))
}

/// What Vendure needs as well.
const OF_VENDURE: [(&str, &str); 2] = [("psql", "postgresql"), ("runuser", "util-linux")];

/// Installs what is missing, from Debian.
pub(super) fn install(vendure: bool) -> anyhow::Result<()> {
    let more = if vendure { OF_VENDURE.as_slice() } else { &[] };
    let missing: Vec<&str> = PROGRAMS
        .iter()
        .chain(more)
        .copied()
        .filter(|(program, _)| shell::read(Command::new(program).arg("--version")).is_err())
        .map(|(_, package)| package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    step(&format!("install {list} (apt-get)"), |_| {
        let as_root = shell::read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim_ascii() == b"0");
        let (first, rest) = if as_root { ("apt-get", Vec::new()) } else { ("sudo", vec!["apt-get"]) };
        for arguments in [vec!["update", "-q"], [vec!["install", "-q", "-y"], missing].concat()] {
            let mut apt = Command::new(first);
            apt.args(&rest).args(&arguments).env("DEBIAN_FRONTEND", "noninteractive");
            if let Err(error) = shell::read(&mut apt) {
                bail!("install these by hand: {list} ({error:#})");
            }
        }
        Ok(())
    })
}
