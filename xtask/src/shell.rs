//! Running other programs, and showing how far things are.
//!
//! Progress goes to standard error: standard output belongs to results. What a program prints goes to a log file; when
//! it fails, the end of that file is the error.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};

/// Of a log, this much is shown when its program has failed.
const TAIL_LINES: usize = 40;
/// Without a terminal to draw on, a long step says this often that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// One step of a command, shown with its duration.
pub(crate) struct Step {
    bar: ProgressBar,
}

/// Runs `work` as a step called `title`.
pub(crate) fn step<T>(title: &str, work: impl FnOnce(&Step) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let started = Instant::now();
    let bar = ProgressBar::new_spinner().with_message(title.to_owned());
    if bar.is_hidden() {
        eprintln!("  … {title}");
    } else {
        let style = ProgressStyle::with_template("  {spinner} {msg} {elapsed:.dim} {prefix:.dim}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(120));
    }
    let result = work(&Step { bar: bar.clone() });
    bar.finish_and_clear();
    let mark = if result.is_ok() { '✓' } else { '✗' };
    eprintln!("  {mark} {title} ({:.1} s)", started.elapsed().as_secs_f64());
    result
}

impl Step {
    /// Runs a program; its output goes to `log` and its last line beside the step.
    pub(crate) fn run(&self, command: &mut Command, log: &Path) -> anyhow::Result<()> {
        let mut file = create(log)?;
        let (reader, writer) = std::io::pipe().context("no pipe to be had")?;
        let name = display(command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(writer.try_clone().context("no pipe to be had")?)
            .stderr(writer)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        // The pipe ends when nobody can write any more, and `command` still holds its ends.
        command.stdout(Stdio::null()).stderr(Stdio::null());

        let mut said = Instant::now();
        for line in BufReader::new(reader).split(b'\n') {
            let line = line.with_context(|| format!("cannot read what {name} prints"))?;
            file.write_all(&line).and_then(|()| file.write_all(b"\n")).context("cannot write the log")?;
            let text: String = String::from_utf8_lossy(&line).trim().chars().take(80).collect();
            self.bar.set_prefix(text.clone());
            if self.bar.is_hidden() && said.elapsed() > HEARTBEAT {
                eprintln!("    … {text}");
                said = Instant::now();
            }
        }
        self.bar.set_prefix("");
        let status = child.wait().with_context(|| format!("cannot wait for {name}"))?;
        if !status.success() {
            bail!("{name} failed ({status})\n{}", tail(log));
        }
        Ok(())
    }
}

/// Runs a program whose output is for the reader.
pub(crate) fn show(command: &mut Command) -> anyhow::Result<()> {
    let name = display(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start {name}"))?;
    if !status.success() {
        bail!("{name} failed ({status})");
    }
    Ok(())
}

/// What a program prints to standard output.
pub(crate) fn read(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let name = display(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        bail!("{name} failed ({})\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(output.stdout)
}

/// An empty file, with the folders above it.
pub(crate) fn create(path: &Path) -> anyhow::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    File::create(path).with_context(|| format!("cannot create {}", path.display()))
}

/// The end of a log, and where the rest is.
pub(crate) fn tail(log: &Path) -> String {
    let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    format!("--- the end of {}\n{}", log.display(), lines.get(from..).unwrap_or_default().join("\n"))
}

fn display(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let first = command.get_args().next().map(|argument| format!(" {}", argument.to_string_lossy()));
    format!("`{}{}`", program.to_string_lossy(), first.unwrap_or_default())
}
