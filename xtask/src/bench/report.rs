//! What was measured, for programs (`target/bench/report.json`, in a shape that does not change; `details.json` with
//! spreads and loads) and for a reader.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::budgets::Check;
use super::crowd::Crowd;
use super::ledger::{self, Replay};
use super::measure::{Figures, Operation};
use super::peers::Rates;
use super::prices::Prices;
use super::statistics::Spread;
use crate::project::Project;

/// Everything.
#[derive(Default)]
pub(super) struct Results {
    pub(super) functions: BTreeMap<String, Figures>,
    pub(super) operations: BTreeMap<&'static str, Result>,
    pub(super) ledger: Vec<Replay>,
    pub(super) crowd: Option<Crowd>,
}

/// One operation.
pub(super) struct Result {
    pub(super) instructions: u64,
    pub(super) operation: Operation,
    pub(super) dollars_per_million: f64,
    pub(super) rates: Rates,
}

impl Results {
    fn to_json(&self) -> anyhow::Result<Value> {
        let mut operations = Map::new();
        let (mut ours, mut node) = (Map::new(), Map::new());
        for (name, result) in &self.operations {
            let Operation { calls, write_units, read_units, .. } = &result.operation;
            let calls: Map<String, Value> = calls.iter().map(|(api, count)| (api.clone(), number(*count))).collect();
            let figures = json!({
                "calls": calls,
                "writeUnits": number(*write_units),
                "readUnits": number(*read_units),
                "dollarsPerMillion": number(result.dollars_per_million),
            });
            operations.insert((*name).to_owned(), figures);
            for (side, rate) in [(&mut ours, Some(result.rates.ours)), (&mut node, result.rates.node)] {
                if let Some(rate) = rate {
                    side.insert((*name).to_owned(), json!({ "requestsPerCpuSecond": number(rate.median.round()) }));
                }
            }
        }
        let functions = serde_json::to_value(&self.functions)?;
        let peers = json!({ "node": node, "vendure": self.crowd });
        let ledger = serde_json::to_value(&self.ledger)?;
        Ok(json!({ "functions": functions, "operations": operations, "peers": peers, "ours": ours, "ledger": ledger }))
    }

    fn details(&self) -> Value {
        let starts = self.functions.iter().map(|(name, figures)| (name.clone(), json!(figures.start_milliseconds)));
        let rates = self.operations.iter().map(|(name, result)| ((*name).to_owned(), json!(result.rates)));
        let logs =
            self.operations.iter().map(|(name, result)| ((*name).to_owned(), number(result.operation.log_bytes)));
        json!({
            "startMilliseconds": starts.collect::<Map<_, _>>(),
            "requestsPerCpuSecond": rates.collect::<Map<_, _>>(),
            "logBytes": logs.collect::<Map<_, _>>(),
        })
    }

    /// Writes both files.
    pub(super) fn write(&self, project: &Project) -> anyhow::Result<()> {
        for (name, content) in [("report.json", self.to_json()?), ("details.json", self.details())] {
            let path = project.target("bench").join(name);
            let text = serde_json::to_string_pretty(&content)?;
            fs::write(&path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// Everything, as text.
    pub(super) fn table(&self, checks: &[Check], prices: &Prices) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.functions_table(&mut text).and_then(|()| self.operations_table(&mut text, prices));
        text.push_str(&ledger::table(&self.ledger));
        text.push_str(&self.crowd.as_ref().map(Crowd::table).unwrap_or_default());
        let _ = budgets_table(&mut text, checks);
        text
    }

    fn functions_table(&self, out: &mut String) -> std::fmt::Result {
        const TITLES: [&str; 6] =
            ["function", "start, instr.", "first TLS, instr.", "zip, B", "memory, B", "start, ms"];
        let [function, init, tls, zip, rss, start] = TITLES;
        writeln!(out, "\n{function:<32} {init:>14} {tls:>18} {zip:>10} {rss:>11} {start:>10}")?;
        for (name, figures) in &self.functions {
            let tls = figures.first_tls_instructions.map_or_else(|| "unknown".to_owned(), grouped);
            let start = figures.start_milliseconds.map(|spread| spread.median).unwrap_or_default();
            let [init, zip, rss] = [figures.init_instructions, figures.zip_bytes, figures.rss_bytes].map(grouped);
            writeln!(out, "{name:<32} {init:>14} {tls:>18} {zip:>10} {rss:>11} {start:>10.1}")?;
        }
        Ok(())
    }

    fn operations_table(&self, out: &mut String, prices: &Prices) -> std::fmt::Result {
        const TITLES: [&str; 7] = ["operation", "instr.", "WU", "RU", "$/million", "req/CPU s", "Node"];
        let [operation, instructions, writes, reads, dollars, ours, node] = TITLES;
        let calls = "calls";
        writeln!(
            out,
            "\n{operation:<22} {instructions:>10} {writes:>5} {reads:>5} {dollars:>9} {ours:>22} {node:>18}  {calls}"
        )?;
        for (name, result) in &self.operations {
            let Operation { calls, write_units, read_units, .. } = &result.operation;
            let calls: Vec<String> = calls.iter().map(|(api, count)| format!("{count} {api}")).collect();
            let instructions = grouped(result.instructions);
            let (ours, node) = (spread(Some(result.rates.ours)), spread(result.rates.node));
            let (dollars, calls) = (result.dollars_per_million, calls.join(", "));
            writeln!(
                out,
                "{name:<22} {instructions:>10} {write_units:>5} {read_units:>5} {dollars:>9.2} {ours:>22} {node:>18}  {calls}"
            )?;
            if let (Some(times), Some(control)) = (result.rates.times_node, result.rates.control) {
                let times = format!("{:.1} ({:.1} to {:.1})", times.median, times.least, times.most);
                let control = format!("{:.2} ({:.2} to {:.2})", control.median, control.least, control.most);
                writeln!(out, "{:<22} times Node's, round by round: {times}; ours against ours: {control}", "")?;
            }
        }
        let Prices { region, as_of, .. } = prices;
        writeln!(out, "\nPrices of {region}, {as_of}. Rates: median (least to most), of one processor's time.")?;
        let loads: Vec<String> = self.operations.values().map(|result| format!("{:.1}", result.rates.load)).collect();
        writeln!(out, "Load averages before rates were measured: {}.", loads.join(" "))
    }
}

fn budgets_table(out: &mut String, checks: &[Check]) -> std::fmt::Result {
    let [subject, figure, budget, value] = ["", "figure", "budget", "measured"];
    writeln!(out, "\n{subject:<32} {figure:<38} {budget:>13} {value:>12}")?;
    for check in checks {
        let verdict = if check.is_kept() { "pass" } else { "MISS" };
        let budget = format!("{} {}", check.bound(), short(check.budget));
        let value = check.value.map_or_else(|| "unknown".to_owned(), short);
        writeln!(out, "{:<32} {:<38} {budget:>13} {value:>12}  {verdict}", check.subject, check.figure)?;
    }
    let missed = checks.iter().filter(|check| !check.is_kept()).count();
    writeln!(out, "\n{} of {} budgets kept.", checks.len() - missed, checks.len())
}

/// A whole number as one, anything else with its fraction.
fn number(value: f64) -> Value {
    let text = value.to_string();
    text.parse::<u64>().map_or_else(|_| json!(value), Value::from)
}

fn short(value: f64) -> String {
    let text = value.to_string();
    text.parse().map_or_else(|_| format!("{value:.2}"), grouped)
}

fn spread(rate: Option<Spread>) -> String {
    let text = |Spread { median, least, most, .. }| format!("{median:.0} ({least:.0} to {most:.0})");
    rate.map(text).unwrap_or_default()
}

/// Thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_whole_where_they_can_be() {
        assert_eq!(number(9.0).to_string(), "9");
        assert_eq!(number(2.5).to_string(), "2.5");
        assert_eq!((grouped(1_234_567), grouped(12)), ("1 234 567".to_owned(), "12".to_owned()));
        assert_eq!((short(6.251), short(3_000_000.0)), ("6.25".to_owned(), "3 000 000".to_owned()));
    }
}
