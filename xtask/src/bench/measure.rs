//! The measurements themselves, one fresh cloud and one fresh process each, so that none depends on another. Only rates
//! are of processes that stay, so that those that are compared can take turns.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use serde_json::Value;

use super::callgrind;
use super::cases::{Case, Events, Needs, Recorded, body};
use super::cloud::{self, Cloud, Usage};
use super::environment::Resources;
use super::function::{Function, Launch};
use super::processor::last_core;
use super::statistics::{Spread, each, milliseconds, rate};
use crate::project::Project;
use crate::shell;

/// A standard setting: the certificate authorities to believe besides those built in.
const AUTHORITY: &str = "AWS_CA_BUNDLE";

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// Run lengths whose difference gives the instructions of one invocation.
    pub(super) lengths: [usize; 2],
    /// Starts of each function.
    pub(super) starts: usize,
    /// Invocations before a rate is measured; how often it is, and over how many. Few at a time, so that a comparison's
    /// sides meet the same machine: other guests of the host make one second unlike the next.
    pub(super) warm_up: usize,
    pub(super) rounds: usize,
    pub(super) requests: usize,
    /// Requests of a crowd, however many clients it has.
    pub(super) crowd: usize,
}

impl Effort {
    pub(super) const WHOLE: Self =
        Self { lengths: [21, 121], starts: 7, warm_up: 1000, rounds: 20, requests: 200, crowd: 960 };
    pub(super) const QUICK: Self =
        Self { lengths: [11, 31], starts: 3, warm_up: 100, rounds: 5, requests: 60, crowd: 192 };

    /// A tenth of it for what is slow.
    fn of(self, case: &Case) -> Self {
        let Self { lengths, warm_up, requests, .. } = self;
        if case.is_slow {
            Self { lengths: lengths.map(|length| length / 10), warm_up: warm_up / 10, requests: requests / 10, ..self }
        } else {
            self
        }
    }
}

/// What is known of a function.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Figures {
    pub(super) init_instructions: u64,
    /// Unknown when the function did not accept the throwaway authority.
    pub(super) first_tls_instructions: Option<u64>,
    pub(super) zip_bytes: u64,
    pub(super) rss_bytes: u64,
    pub(super) warm: BTreeMap<&'static str, u64>,
    #[serde(skip)]
    pub(super) start_milliseconds: Option<Spread>,
}

/// What one operation makes AWS do.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operation {
    pub(super) calls: BTreeMap<String, f64>,
    pub(super) write_units: f64,
    pub(super) read_units: f64,
    pub(super) log_bytes: f64,
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Ours,
    Node,
}

/// A function that has warmed up, with the cloud it works on.
pub(super) struct Warm<'a> {
    case: &'a Case,
    function: Function,
    cloud: Cloud,
    /// What its first event was answered with.
    first: Value,
    /// The events it has had.
    served: usize,
}

/// Everything measurements share.
pub(super) struct Lab<'a> {
    pub(super) project: &'a Project,
    pub(super) resources: Resources,
    pub(super) recorded: Recorded,
    pub(super) effort: Effort,
}

impl Lab<'_> {
    fn file(&self, name: &str) -> PathBuf {
        self.project.target("bench").join(name)
    }

    /// A cloud with what so many events of a case need.
    pub(super) fn cloud(&self, case: Option<&Case>, events: usize) -> anyhow::Result<Cloud> {
        let wish = match case.map_or(Needs::Nothing, |case| case.needs) {
            Needs::Nothing => None,
            Needs::Customer => Some("customer".to_owned()),
            Needs::Consumers => Some("consumers".to_owned()),
            Needs::Session => Some("session".to_owned()),
            Needs::Orders => Some(format!("orders:{events}")),
        };
        Cloud::start(self.project, &self.resources, wish)
    }

    /// A cloud with what `wish` names.
    pub(super) fn cloud_with(&self, wish: String) -> anyhow::Result<Cloud> {
        Cloud::start(self.project, &self.resources, Some(wish))
    }

    fn launch(&self, binary: &str, cloud: &Cloud, secure: bool) -> anyhow::Result<Launch> {
        let endpoint = if secure { &cloud.place.https } else { &cloud.place.http };
        let mut environment = self.resources.of(binary, &cloud.place, endpoint);
        let authority = self.file("authority.pem");
        if secure {
            fs::write(&authority, &cloud.place.authority).context("cannot write the authority")?;
            environment.insert(AUTHORITY.to_owned(), authority.display().to_string());
        }
        Ok(Launch {
            program: self.project.target("release").join(binary),
            arguments: Vec::new(),
            environment,
            core: last_core(),
            log: self.file(&format!("log/{binary}.log")),
        })
    }

    pub(super) fn launch_side(&self, side: Side, case: &Case, cloud: &Cloud) -> anyhow::Result<Launch> {
        let ours = self.launch(case.binary, cloud, false)?;
        Ok(match side {
            Side::Ours => ours,
            Side::Node => Launch {
                program: "node".into(),
                arguments: vec![self.file(&format!("node/{}.cjs", case.operation))],
                log: self.file(&format!("log/node-{}.log", case.operation)),
                ..ours
            },
        })
    }

    /// Everything about a function. `cases` are its operations.
    pub(super) fn function(&self, binary: &str, cases: &[&Case]) -> anyhow::Result<Figures> {
        let init_instructions = self.instructions(binary, None, 0, false)?.0;
        let first = cases.first().copied();
        let first_tls_instructions = self.first_tls(binary, first)?;
        let mut warm = BTreeMap::new();
        for case in cases {
            let [short, long] = self.effort.of(case).lengths;
            let (less, _) = self.instructions(binary, Some(case), short, false)?;
            let (more, _) = self.instructions(binary, Some(case), long, false)?;
            let invocations = u64::try_from(long - short).unwrap_or(u64::MAX);
            warm.insert(case.operation, more.saturating_sub(less) / invocations);
        }
        let (starts, rss_bytes) = self.starts(binary, first, first_tls_instructions.is_some())?;
        Ok(Figures {
            init_instructions,
            first_tls_instructions,
            zip_bytes: self.zip(binary)?,
            rss_bytes,
            warm,
            start_milliseconds: Spread::of(&starts),
        })
    }

    /// What TLS adds to the start and the first invocation; nothing when the function does not believe the throwaway
    /// authority, which its log tells.
    fn first_tls(&self, binary: &str, first: Option<&Case>) -> anyhow::Result<Option<u64>> {
        let (plain, plain_calls) = self.instructions(binary, first, 1, false)?;
        let (secure, secure_calls) = match self.instructions(binary, first, 1, true) {
            Ok(measured) => measured,
            Err(error) => {
                eprintln!("    {binary} does not work over TLS: {error:#}");
                return Ok(None);
            }
        };
        // Without a call there is nothing to be secured.
        let known = !secure_calls.is_empty() || plain_calls.is_empty();
        Ok(known.then(|| secure.saturating_sub(plain)))
    }

    /// Instructions from the start over so many events until it waits again, and the calls it made.
    fn instructions(
        &self,
        binary: &str,
        case: Option<&Case>,
        count: usize,
        secure: bool,
    ) -> anyhow::Result<(u64, BTreeMap<String, Usage>)> {
        let cloud = self.cloud(case, count)?;
        let operation = case.map_or("start", |case| case.operation);
        let figures = self.file(&format!("callgrind/{binary}-{operation}.out"));
        shell::create(&figures)?;
        let mut function = self.launch(binary, &cloud, secure)?.start_counted(&figures)?;
        if let Some(case) = case {
            self.run(&mut function, case, &cloud, 0..count)?;
        }
        function.stop()?;
        Ok((callgrind::instructions(&figures)?, cloud.usage()?))
    }

    /// Runs the events of a case with these numbers, after what must come first.
    fn run(
        &self,
        function: &mut Function,
        case: &Case,
        cloud: &Cloud,
        numbers: std::ops::Range<usize>,
    ) -> anyhow::Result<Value> {
        let events = Events { recorded: &self.recorded, place: &cloud.place };
        let first = match numbers.start {
            0 => function.serve(case.prepare(&events))?.last().map(body).unwrap_or_default(),
            _ => Value::Null,
        };
        self.repeat(function, case, cloud, &first, numbers)?;
        Ok(first)
    }

    fn repeat(
        &self,
        function: &mut Function,
        case: &Case,
        cloud: &Cloud,
        first: &Value,
        numbers: std::ops::Range<usize>,
    ) -> anyhow::Result<()> {
        let events = Events { recorded: &self.recorded, place: &cloud.place };
        let count = numbers.len();
        let answers = function.serve(numbers.map(|number| case.event(&events, first, number)))?;
        ensure!(answers.len() == count, "{}: {} of {count} events were answered", case.operation, answers.len());
        answers.iter().try_for_each(|answer| case.check(answer))
    }

    /// Milliseconds from start to first event, some times over, and the memory it takes to do its work.
    fn starts(&self, binary: &str, case: Option<&Case>, secure: bool) -> anyhow::Result<(Vec<f64>, u64)> {
        let (mut took, mut memory) = (Vec::new(), 0);
        for _ in 0..self.effort.starts {
            const INVOCATIONS: usize = 20;
            let cloud = self.cloud(case, INVOCATIONS)?;
            let (mut function, start) = self.launch(binary, &cloud, secure)?.start()?;
            took.push(milliseconds(start));
            if let Some(case) = case {
                self.run(&mut function, case, &cloud, 0..INVOCATIONS)?;
            }
            memory = memory.max(function.peak_memory()?);
        }
        Ok((took, memory))
    }

    /// Bytes of what is uploaded: the binary, as `bootstrap`, at the best compression.
    fn zip(&self, binary: &str) -> anyhow::Result<u64> {
        let bootstrap = self.file(&format!("zip/{binary}/bootstrap"));
        let archive = self.file(&format!("zip/{binary}.zip"));
        shell::create(&bootstrap)?;
        fs::copy(self.project.target("release").join(binary), &bootstrap).context("cannot copy the binary")?;
        // `zip` adds to what is there.
        if archive.exists() {
            fs::remove_file(&archive).context("cannot remove the old archive")?;
        }
        shell::read(Command::new("zip").args(["-9", "-q", "-j"]).arg(&archive).arg(&bootstrap))?;
        Ok(fs::metadata(&archive).context("no archive")?.len())
    }

    /// What an operation makes AWS do, when the function is warm.
    pub(super) fn operation(&self, side: Side, case: &Case) -> anyhow::Result<Operation> {
        const FIRST: usize = 10;
        const COUNTED: usize = 20;
        let cloud = self.cloud(Some(case), FIRST + COUNTED)?;
        let (mut function, _) = self.launch_side(side, case, &cloud)?.start()?;
        let first = self.run(&mut function, case, &cloud, 0..FIRST)?;
        let (before, logged) = (cloud.usage()?, function.logged());
        self.repeat(&mut function, case, &cloud, &first, FIRST..FIRST + COUNTED)?;
        let used = cloud::between(&before, &cloud.usage()?)?;
        let logged = u32::try_from(function.logged() - logged).unwrap_or(u32::MAX);
        let count = u32::try_from(COUNTED).unwrap_or(u32::MAX);
        let sum = |units: fn(&Usage) -> f64| each(used.values().map(units).sum(), count);
        Ok(Operation {
            calls: used.iter().map(|(api, usage)| (api.clone(), each(f64::from(usage.calls), count))).collect(),
            write_units: sum(|usage| usage.write_units),
            read_units: sum(|usage| usage.read_units),
            log_bytes: each(f64::from(logged), count),
        })
    }

    /// Starts a function and has it serve until it is warm. Where there is a peer, the table then gives its last answers
    /// again: an emulated one takes milliseconds, in which the processor forgets a small program as it does a large one,
    /// and what is compared are the programs.
    pub(super) fn warm<'a>(&self, side: Side, case: &'a Case) -> anyhow::Result<Warm<'a>> {
        let Effort { warm_up, rounds, requests, .. } = self.effort.of(case);
        let mut cloud = self.cloud(Some(case), warm_up + rounds * requests)?;
        if case.has_peer {
            // The answers about one book fit all requests, which are about it.
            cloud.place.books.truncate(1);
        }
        let (mut function, _) = self.launch_side(side, case, &cloud)?.start()?;
        let first = self.run(&mut function, case, &cloud, 0..warm_up)?;
        if case.has_peer {
            cloud.replay()?;
        }
        Ok(Warm { case, function, cloud, first, served: warm_up })
    }

    /// Requests a second of processor time, everything the process does included.
    pub(super) fn rate(&self, warm: &mut Warm<'_>) -> anyhow::Result<f64> {
        let Effort { requests, .. } = self.effort.of(warm.case);
        let numbers = warm.served..warm.served + requests;
        let before = warm.function.cpu()?;
        self.repeat(&mut warm.function, warm.case, &warm.cloud, &warm.first, numbers)?;
        let used: Duration = warm.function.cpu()?.saturating_sub(before);
        warm.served += requests;
        Ok(rate(u32::try_from(requests).unwrap_or(u32::MAX), used))
    }
}
