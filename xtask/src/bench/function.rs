//! One function as a process: started the way Lambda starts it, fed through the stub, and looked at through `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::callgrind;
use super::runtime_api::RuntimeApi;
use crate::shell;

const START_LIMIT: Duration = Duration::from_secs(60);
const SERVE_LIMIT: Duration = Duration::from_secs(600);
/// A process that has used no processor for so long is waiting.
const QUIET: Duration = Duration::from_millis(60);

/// How to start a function.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<PathBuf>,
    pub(super) environment: BTreeMap<String, String>,
    /// The processor it is kept on.
    pub(super) core: Option<usize>,
    /// Where what it logs goes.
    pub(super) log: PathBuf,
}

/// A running function.
pub(super) struct Function {
    child: Child,
    api: RuntimeApi,
    started: Instant,
    logged: Arc<AtomicU64>,
    log: PathBuf,
}

impl Launch {
    /// Starts it and waits until it asks for its first event.
    pub(super) fn start(&self) -> anyhow::Result<(Function, Duration)> {
        self.spawn(Vec::new())
    }

    /// The same with every instruction counted into `figures`, up to when it asks for its first event and beyond.
    pub(super) fn start_counted(&self, figures: &Path) -> anyhow::Result<Function> {
        self.spawn(callgrind::command(figures)).map(|(function, _)| function)
    }

    fn spawn(&self, mut before: Vec<String>) -> anyhow::Result<(Function, Duration)> {
        if let Some(core) = self.core {
            before.splice(0..0, ["taskset".to_owned(), "--cpu-list".to_owned(), core.to_string()]);
        }
        let api = RuntimeApi::start()?;
        let mut command = match before.split_first() {
            None => Command::new(&self.program),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(&self.program);
                command
            }
        };
        command.args(&self.arguments).env_clear().envs(&self.environment);
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("AWS_LAMBDA_RUNTIME_API", api.address());
        let log = shell::create(&self.log)?;
        let errors = log.try_clone()?;
        let started = Instant::now();
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn();
        let mut child = spawned.with_context(|| format!("cannot start {}", self.program.display()))?;
        let logged = Arc::new(AtomicU64::new(0));
        if let Some(output) = child.stdout.take() {
            drain(output, log, Arc::clone(&logged));
        }
        let mut function = Function { child, api, started, logged, log: self.log.clone() };
        let took = function.ready()?;
        Ok((function, took))
    }
}

impl Function {
    fn ready(&mut self) -> anyhow::Result<Duration> {
        let child = &mut self.child;
        let ready = self.api.ready(|| matches!(child.try_wait(), Ok(None)), START_LIMIT);
        match ready {
            Ok(at) => Ok(at.saturating_duration_since(self.started)),
            Err(error) => bail!("it did not start: {error:#}\n{}", shell::tail(&self.log)),
        }
    }

    /// Handles events one after the other; the answers, in order. Returns when it is quiet again.
    pub(super) fn serve(&mut self, events: impl IntoIterator<Item = Value>) -> anyhow::Result<Vec<Value>> {
        let answers = self.answer(events)?;
        self.settle()?;
        Ok(answers)
    }

    /// The same, returning with the last answer.
    pub(super) fn answer(&mut self, events: impl IntoIterator<Item = Value>) -> anyhow::Result<Vec<Value>> {
        let child = &mut self.child;
        let answers = self.api.serve(events, || matches!(child.try_wait(), Ok(None)), SERVE_LIMIT);
        answers.with_context(|| shell::tail(&self.log))
    }

    /// Waits until it has done what it does after an answer.
    pub(super) fn settle(&self) -> anyhow::Result<()> {
        let mut before = self.cpu()?;
        loop {
            thread::sleep(QUIET);
            let now = self.cpu()?;
            if now == before {
                return Ok(());
            }
            before = now;
        }
    }

    /// Processor time used so far, by all of its threads.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu(self.child.id())
    }

    /// The most memory it ever had resident, in bytes.
    pub(super) fn peak_memory(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).context("it is gone")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().context("no VmHWM")?;
        Ok(kilobytes * 1024)
    }

    /// Bytes written to standard output: what `CloudWatch` would be sent.
    pub(super) fn logged(&self) -> u64 {
        self.logged.load(Ordering::SeqCst)
    }

    /// Ends it as a person would, so that an instrumented one can write its figures.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        self.settle()?;
        shell::read(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
        self.child.wait().context("cannot wait for the function")?;
        Ok(())
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time a process has used so far, by all of its threads.
pub(super) fn cpu(process: u32) -> anyhow::Result<Duration> {
    let mut nanoseconds = 0;
    for task in fs::read_dir(format!("/proc/{process}/task")).context("it is gone")? {
        let text = fs::read_to_string(task?.path().join("schedstat")).context("this system counts no time")?;
        let on_cpu = text.split(' ').next().and_then(|number| number.parse::<u64>().ok());
        nanoseconds += on_cpu.context("this system counts no time")?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// Keeps the beginning of what is logged, and counts all of it.
fn drain(mut output: impl Read + Send + 'static, mut log: fs::File, count: Arc<AtomicU64>) {
    const KEPT: u64 = 1 << 20;
    thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = output.read(&mut buffer) {
            let text = buffer.get(..read).unwrap_or_default();
            let before = count.fetch_add(u64::try_from(read).unwrap_or(u64::MAX), Ordering::SeqCst);
            if before < KEPT && log.write_all(text).is_err() {
                return;
            }
        }
    });
}
