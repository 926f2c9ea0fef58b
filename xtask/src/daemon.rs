//! Programs that go on running when xtask ends, until `cargo xtask down`.
//!
//! Each has a file `target/local/run/<name>.pid`. It holds the process id and, because ids are used again, when that
//! process was started; another process that later gets the same id is never taken for it. Linux only (`/proc`).

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::project::Project;
use crate::shell;

const POLL: Duration = Duration::from_millis(50);
/// From asking a program to end to ending it.
const GRACE: Duration = Duration::from_secs(10);

/// A program that was started, or may have been.
pub(crate) struct Daemon {
    name: String,
    pid_file: PathBuf,
    log: PathBuf,
}

impl Daemon {
    pub(crate) fn new(project: &Project, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            pid_file: project.local("run").join(format!("{name}.pid")),
            log: project.local("log").join(format!("{name}.log")),
        }
    }

    /// All that were started and not stopped.
    pub(crate) fn all(project: &Project) -> anyhow::Result<Vec<Self>> {
        let folder = project.local("run");
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            if let (Some(name), Some("pid")) = (path.file_stem(), path.extension().and_then(|end| end.to_str())) {
                found.push(Self::new(project, &name.to_string_lossy()));
            }
        }
        Ok(found)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its process id, while it runs.
    pub(crate) fn running(&self) -> Option<u32> {
        let text = fs::read_to_string(&self.pid_file).ok()?;
        let (pid, started) = text.trim().split_once(' ')?;
        let pid = pid.parse().ok()?;
        (started_at(pid)? == started).then_some(pid)
    }

    /// Starts it, with its output in a log, and waits until it is `ready`.
    pub(crate) fn start(
        &self,
        command: &mut Command,
        within: Duration,
        ready: impl Fn() -> bool,
    ) -> anyhow::Result<()> {
        let log = shell::create(&self.log)?;
        let errors = log.try_clone().context("cannot share the log")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            // A group of its own: Ctrl-C on xtask does not end it, and its children can be ended with it.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", self.name))?;
        let started = started_at(child.id()).with_context(|| format!("{} ended at once", self.name))?;
        shell::create(&self.pid_file)?;
        fs::write(&self.pid_file, format!("{} {started}\n", child.id())).context("cannot write the process id")?;

        let deadline = Instant::now() + within;
        while !ready() {
            if self.running().is_none() {
                bail!("{} ended before it was ready\n{}", self.name, shell::tail(&self.log));
            }
            if Instant::now() > deadline {
                bail!("{} was not ready within {} s\n{}", self.name, within.as_secs(), shell::tail(&self.log));
            }
            sleep(POLL);
        }
        Ok(())
    }

    /// Ends it and its children, if it runs.
    pub(crate) fn stop(&self) -> anyhow::Result<()> {
        if let Some(pid) = self.running() {
            signal("TERM", pid)?;
            let deadline = Instant::now() + GRACE;
            while self.running().is_some() && Instant::now() < deadline {
                sleep(POLL);
            }
            // Children that outlived it, or all of them.
            signal("KILL", pid)?;
        }
        if self.pid_file.exists() {
            fs::remove_file(&self.pid_file).context("cannot remove the process id")?;
        }
        Ok(())
    }
}

/// When a process was started, in clock ticks since boot; `None` when there is none, or only its exit status is left.
fn started_at(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; the state follows, and the start is the 20th field from there.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

/// Signals a process group; that it is gone already is fine.
fn signal(name: &str, group: u32) -> anyhow::Result<()> {
    let script = format!("kill -{name} -{group} 2>/dev/null || true");
    shell::show(Command::new("sh").args(["-c", &script]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_id_used_again_is_not_the_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("x.pid");
        let daemon = Daemon { name: "x".into(), pid_file: pid_file.clone(), log: folder.path().join("x.log") };
        let own = std::process::id();
        fs::write(&pid_file, format!("{own} {}\n", started_at(own).unwrap())).unwrap();
        assert_eq!(daemon.running(), Some(own));
        fs::write(&pid_file, format!("{own} 1\n")).unwrap();
        assert_eq!(daemon.running(), None);
    }

    #[test]
    fn a_daemon_is_started_and_stopped_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let child = folder.path().join("child");
        let daemon =
            Daemon { name: "x".into(), pid_file: folder.path().join("x.pid"), log: folder.path().join("x.log") };
        let script = format!("sleep 60 & echo $! > {}; wait", child.display());
        let ready = || fs::read_to_string(&child).is_ok_and(|text| text.ends_with('\n'));
        daemon.start(Command::new("sh").args(["-c", &script]), Duration::from_secs(10), ready).unwrap();
        let sleeper: u32 = fs::read_to_string(&child).unwrap().trim().parse().unwrap();
        assert!(started_at(sleeper).is_some());
        daemon.stop().unwrap();
        assert_eq!(daemon.running(), None);
        while started_at(sleeper).is_some() {
            sleep(POLL);
        }
    }

    #[test]
    fn a_daemon_that_ends_at_once_shows_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let daemon =
            Daemon { name: "x".into(), pid_file: folder.path().join("x.pid"), log: folder.path().join("x.log") };
        let script = "sleep 0.2; echo no such thing; exit 3";
        let error = daemon
            .start(Command::new("sh").args(["-c", script]), Duration::from_secs(10), || false)
            .unwrap_err()
            .to_string();
        assert!(error.contains("x ended before it was ready") && error.contains("no such thing"), "{error}");
    }
}
