//! Budgets, and whether they are kept. A miss is a result, not a failure of the benchmark.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context as _;
use serde::Deserialize;

use super::report::Results;
use crate::project::Project;

/// `tests/bench/budgets.json`. What it does not name has no budget.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Budgets {
    functions: OfFunction,
    operations: BTreeMap<String, OfOperation>,
}

/// Every function keeps to these.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OfFunction {
    init_instructions: f64,
    first_tls_instructions: f64,
    zip_bytes: f64,
    rss_bytes: f64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OfOperation {
    instructions: Option<f64>,
    /// At most so many by API, and none of any other.
    calls: Option<BTreeMap<String, f64>>,
    write_units: Option<f64>,
    dollars_per_million: Option<f64>,
    /// Requests a second of processor time, at least so many times the peer's.
    times_node: Option<f64>,
}

/// One figure beside its budget.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Check {
    pub(super) subject: String,
    pub(super) figure: &'static str,
    pub(super) budget: f64,
    /// Unknown when it could not be measured.
    pub(super) value: Option<f64>,
    at_least: bool,
}

impl Check {
    fn at_most(subject: &str, figure: &'static str, budget: f64, value: Option<f64>) -> Self {
        Self { subject: subject.to_owned(), figure, budget, value, at_least: false }
    }

    pub(super) fn bound(&self) -> &'static str {
        if self.at_least { ">=" } else { "<=" }
    }

    /// What is not known is not kept.
    pub(super) fn is_kept(&self) -> bool {
        self.value.is_some_and(|value| if self.at_least { value >= self.budget } else { value <= self.budget })
    }
}

impl Budgets {
    pub(super) fn read(project: &Project) -> anyhow::Result<Self> {
        let path = project.path("tests/bench/budgets.json");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} holds no budgets", path.display()))
    }

    /// Every figure that has a budget, with it.
    pub(super) fn checks(&self, results: &Results) -> Vec<Check> {
        let mut checks = Vec::new();
        for (binary, figures) in &results.functions {
            let mut check = |figure, budget, value: Option<u64>| {
                checks.push(Check::at_most(binary, figure, budget, value.map(float)));
            };
            check("start, instructions", self.functions.init_instructions, Some(figures.init_instructions));
            check(
                "first TLS call, instructions",
                self.functions.first_tls_instructions,
                figures.first_tls_instructions,
            );
            check("zip, bytes", self.functions.zip_bytes, Some(figures.zip_bytes));
            check("memory, bytes", self.functions.rss_bytes, Some(figures.rss_bytes));
        }
        for (name, result) in &results.operations {
            let Some(budget) = self.operations.get(*name) else { continue };
            let mut check = |figure, budget: Option<f64>, value| {
                checks.extend(budget.map(|budget| Check::at_most(name, figure, budget, value)));
            };
            check("instructions", budget.instructions, Some(float(result.instructions)));
            check("write units", budget.write_units, Some(result.operation.write_units));
            check("dollars per million", budget.dollars_per_million, Some(result.dollars_per_million));
            if let Some(calls) = &budget.calls {
                let over = result
                    .operation
                    .calls
                    .iter()
                    .filter(|(api, count)| calls.get(*api).is_none_or(|allowed| *count > allowed));
                let over = u32::try_from(over.count()).unwrap_or(u32::MAX);
                check("kinds of calls over budget", Some(0.0), Some(f64::from(over)));
            }
            if let Some(budget) = budget.times_node {
                let value = result.rates.times_node.map(|times| times.median);
                let figure = "requests a CPU second, times Node's";
                checks.push(Check { subject: (*name).to_owned(), figure, budget, value, at_least: true });
            }
        }
        checks
    }
}

/// Exact up to 2^53, which no figure here reaches.
fn float(number: u64) -> f64 {
    number.to_string().parse().unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_budgets_can_be_read() {
        let budgets = Budgets::read(&Project::open().unwrap()).unwrap();
        assert!(budgets.operations.contains_key("place-order"));
    }

    #[test]
    fn a_budget_is_kept_up_to_its_bound_and_not_when_nothing_is_known() {
        let at_most = |value| Check::at_most("f", "zip, bytes", 3.0, value);
        assert!(at_most(Some(3.0)).is_kept());
        assert!(!at_most(Some(3.1)).is_kept());
        assert!(!at_most(None).is_kept());
        assert!(Check { at_least: true, ..at_most(Some(3.1)) }.is_kept());
        assert!(!Check { at_least: true, ..at_most(Some(2.9)) }.is_kept());
    }
}
