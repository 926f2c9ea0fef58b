//! Beside Vendure, with 1, 8 and 32 clients at once: reading a product and placing an order, and who gets the last copy.
//!
//! Every client of ours has a function of its own, as on Lambda. Functions, or the other shop, run on the last
//! processor; tables, database and clients on the first, and their time is not counted on either side. So processor
//! time per request compares the programs; throughput is bounded by what runs beside them (our table is
//! an emulator), and is told because it was asked for.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Serialize;
use serde_json::Value;

use super::cases::{CASES, Case, Events, body};
use super::function::Function;
use super::measure::{Lab, Side};
use super::statistics::{milliseconds, rate, ratio};
use super::vendure::Vendure;

/// What is compared.
pub(super) const OPERATIONS: [&str; 2] = ["get-book", "place-order"];
const CLIENTS: [usize; 3] = [1, 8, 32];
/// Who wants the last copy.
const RIVALS: usize = 200;

/// One operation at one number of clients.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    operation: &'static str,
    clients: usize,
    ours: Load,
    vendure: Load,
    /// Vendure's processor time over ours.
    times_less: f64,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Load {
    cpu_milliseconds: f64,
    requests_per_second: f64,
}

/// Everything that was found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Crowd {
    rows: Vec<Row>,
    last_copy: LastCopy,
}

/// How many of the rivals were sold the one copy there was.
#[derive(Debug, Clone, Copy, Serialize)]
struct LastCopy {
    of: usize,
    ours: usize,
    vendure: usize,
}

/// Measures both.
pub(super) fn measure(lab: &Lab<'_>) -> anyhow::Result<Crowd> {
    let vendure = Vendure::start(lab.project)?;
    // Both are as compiled as they get.
    for number in 0..lab.effort.warm_up {
        vendure.read(1 + number % vendure.stock.books)?;
        vendure.order(1 + number % vendure.stock.books)?;
    }
    let mut rows = Vec::new();
    for operation in OPERATIONS {
        let case = CASES.iter().find(|case| case.operation == operation).context("no such operation")?;
        for clients in CLIENTS {
            let ours = ours(lab, case, clients)?;
            let theirs = theirs(&vendure, operation, clients, lab.effort.crowd)?;
            let times_less = ratio(theirs.cpu_milliseconds, ours.cpu_milliseconds);
            rows.push(Row { operation, clients, ours, vendure: theirs, times_less });
        }
    }
    let sold = AtomicUsize::new(0);
    at_once(RIVALS, RIVALS, |_| {
        sold.fetch_add(usize::from(vendure.order(vendure.stock.last)?), Ordering::Relaxed);
        Ok(())
    })?;
    let last_copy = LastCopy { of: RIVALS, ours: ours_of_the_last_copy(lab)?, vendure: sold.into_inner() };
    Ok(Crowd { rows, last_copy })
}

fn theirs(vendure: &Vendure, operation: &str, clients: usize, requests: usize) -> anyhow::Result<Load> {
    let before = vendure.cpu()?;
    let took = at_once(clients, requests, |number| {
        let id = 1 + number % vendure.stock.books;
        let done = if operation == "get-book" { vendure.read(id)? } else { vendure.order(id)? };
        ensure!(done, "Vendure refused {operation} of {id}");
        Ok(())
    })?;
    Ok(load(requests, took, vendure.cpu()?.saturating_sub(before)))
}

/// So many clients, each with its share of the requests, one after the other.
fn at_once(
    clients: usize,
    requests: usize,
    request: impl Fn(usize) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<Duration> {
    let (start, request) = (Instant::now(), &request);
    thread::scope(|scope| {
        let client = |first| scope.spawn(move || (first..requests).step_by(clients).try_for_each(request));
        let clients: Vec<_> = (0..clients).map(client).collect();
        clients.into_iter().try_for_each(|client| client.join().unwrap_or_else(|_| anyhow::bail!("a client panicked")))
    })?;
    Ok(start.elapsed())
}

fn ours(lab: &Lab<'_>, case: &Case, clients: usize) -> anyhow::Result<Load> {
    let (warm_up, requests) = (10 * clients, lab.effort.crowd);
    let cloud = lab.cloud(Some(case), 0)?;
    let mut functions = start(lab, case, &cloud, clients)?;
    let events = Events { recorded: &lab.recorded, place: &cloud.place };
    let event = |number| case.event(&events, &Value::Null, number);
    each(&mut functions, |client| (client..warm_up).step_by(clients).map(event).collect())?;
    let before = cpu(&functions)?;
    let (took, answers) =
        each(&mut functions, |client| (warm_up + client..warm_up + requests).step_by(clients).map(event).collect())?;
    ensure!(answers.len() == requests, "{} of {requests} were answered", answers.len());
    answers.iter().try_for_each(|answer| case.check(answer))?;
    functions.iter().try_for_each(Function::settle)?;
    Ok(load(requests, took, cpu(&functions)?.saturating_sub(before)))
}

fn ours_of_the_last_copy(lab: &Lab<'_>) -> anyhow::Result<usize> {
    let case = CASES.iter().find(|case| case.operation == "place-order").context("no such operation")?;
    let cloud = lab.cloud_with("last".to_owned())?;
    let mut functions = start(lab, case, &cloud, RIVALS)?;
    let events = Events { recorded: &lab.recorded, place: &cloud.place };
    let (_, answers) = each(&mut functions, |client| vec![events.order_of_the_last(client)])?;
    let sold = answers.iter().filter(|answer| answer["statusCode"] == 201).count();
    for answer in answers.iter().filter(|answer| answer["statusCode"] != 201) {
        let code = body(answer)["code"].clone();
        ensure!(answer["statusCode"] == 409, "an order for what is sold out was answered {code}: {answer}");
    }
    Ok(sold)
}

fn start(lab: &Lab<'_>, case: &Case, cloud: &super::cloud::Cloud, count: usize) -> anyhow::Result<Vec<Function>> {
    let launch = lab.launch_side(Side::Ours, case, cloud)?;
    (0..count).map(|_| launch.start().map(|(function, _)| function)).collect()
}

/// Has every function handle its events while the others handle theirs; how long that took, and all answers.
fn each(functions: &mut [Function], events: impl Fn(usize) -> Vec<Value>) -> anyhow::Result<(Duration, Vec<Value>)> {
    let work: Vec<Vec<Value>> = (0..functions.len()).map(events).collect();
    let start = Instant::now();
    let answers = thread::scope(|scope| {
        let running: Vec<_> = functions
            .iter_mut()
            .zip(work)
            .map(|(function, events)| scope.spawn(move || function.answer(events)))
            .collect();
        let join = |thread: thread::ScopedJoinHandle<'_, anyhow::Result<Vec<Value>>>| {
            thread.join().unwrap_or_else(|_| anyhow::bail!("a client panicked"))
        };
        running.into_iter().map(join).collect::<anyhow::Result<Vec<_>>>()
    })?;
    Ok((start.elapsed(), answers.into_iter().flatten().collect()))
}

fn cpu(functions: &[Function]) -> anyhow::Result<Duration> {
    functions.iter().try_fold(Duration::ZERO, |sum, function| Ok(sum + function.cpu()?))
}

fn load(requests: usize, took: Duration, cpu: Duration) -> Load {
    let requests = u32::try_from(requests).unwrap_or(u32::MAX);
    Load { cpu_milliseconds: milliseconds(cpu / requests.max(1)), requests_per_second: rate(requests, took).round() }
}

impl Crowd {
    pub(super) fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let [operation, clients, ours, vendure, less] =
            ["beside Vendure", "clients", "ours: CPU ms, req/s", "Vendure: CPU ms, req/s", "times less CPU"];
        writeln!(out, "\n{operation:<22} {clients:>8} {ours:>22} {vendure:>24} {less:>16}")?;
        for row in &self.rows {
            let show = |load: Load| format!("{:.2}, {}", load.cpu_milliseconds, load.requests_per_second);
            let (ours, vendure) = (show(row.ours), show(row.vendure));
            writeln!(
                out,
                "{:<22} {:>8} {ours:>22} {vendure:>24} {:>16.1}",
                row.operation, row.clients, row.times_less
            )?;
        }
        let LastCopy { of, ours, vendure } = self.last_copy;
        writeln!(out, "The last copy, wanted by {of} at once: sold {ours} times by us, {vendure} times by Vendure.")
    }
}
