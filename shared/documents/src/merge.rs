//! Three snapshots of a thing become one: how it was when both sides last agreed, how it is here, how it is there.
//!
//! A field that changed on one side only, or on both to the same, is no conflict. What the other side changed is taken
//! only as far as a rule for its field says so; the default is to ignore it. Every field that differs leaves one
//! decision, for the audit.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::change::{FieldPath, Node, Pattern, Shape};

/// What is done about a field the other side changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Rule {
    /// Ours is the truth: it is written back.
    Revert,
    /// Theirs is taken, and every other connection is told.
    Propagate,
    /// Theirs is taken, and nobody else is told.
    Ingest,
    /// Both sides stay as they are.
    #[default]
    Ignore,
}

/// Rules by field. The first that covers a field counts.
#[derive(Debug, Clone, Default)]
pub struct Rules(Vec<(Pattern, Rule)>);

impl Rules {
    /// The same, with this rule for a place and everything in it that no earlier rule covers.
    #[must_use]
    pub fn with(mut self, pattern: &str, rule: Rule) -> Self {
        self.0.push((Pattern::new(pattern), rule));
        self
    }

    /// The rule for a field.
    #[must_use]
    pub fn of(&self, path: &FieldPath) -> Rule {
        let found = self.0.iter().find(|(pattern, _)| pattern.covers(&path.0));
        found.map_or(Rule::Ignore, |(_, rule)| *rule)
    }
}

/// Who changed the field since both agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Changed {
    Ours,
    Theirs,
    /// Both, to the same.
    Alike,
    /// Both, to something else each.
    Conflict,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    /// Ours goes to the other side.
    Push,
    /// Theirs comes here.
    Take,
    /// Theirs comes here and goes on to others.
    TakeAndTell,
    /// Nothing has to be written.
    Agree,
    /// Nothing is written although they differ.
    Leave,
}

/// One field's decision: what the audit keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub path: FieldPath,
    pub changed: Changed,
    /// The rule for the field, whether or not it was needed.
    pub rule: Rule,
    pub action: Action,
    pub base: Option<Value>,
    pub ours: Option<Value>,
    pub theirs: Option<Value>,
}

/// What a merge came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// How it is to be here.
    pub ours: Value,
    /// How it is to be there.
    pub theirs: Value,
    /// What both sides agree on once that is written; what was left alone stays as it was, so that it is decided again
    /// when somebody changes it or the rule.
    pub base: Value,
    pub decisions: Vec<Decision>,
}

impl Merged {
    /// Whether something has to be written there.
    #[must_use]
    pub fn is_pushed(&self) -> bool {
        self.decisions.iter().any(|decision| decision.action == Action::Push)
    }

    /// Fields that go on to other connections.
    pub fn told(&self) -> impl Iterator<Item = &Decision> {
        self.decisions.iter().filter(|decision| decision.action == Action::TakeAndTell)
    }
}

/// Merges three snapshots of one shape.
#[must_use]
pub fn merge(shape: &Shape, rules: &Rules, base: &Value, ours: &Value, theirs: &Value) -> Merged {
    let paths = places(shape, base, ours, theirs);
    let [mut base, mut ours, mut theirs] = [base, ours, theirs].map(|value| shape.read(value));
    let mut decisions = Vec::with_capacity(paths.len());
    for path in paths {
        let [b, o, t] = [&base, &ours, &theirs].map(|node| node.at(&path.0).cloned());
        let changed = match (o == b, t == b, o == t) {
            (_, _, true) => Changed::Alike,
            (true, false, false) => Changed::Theirs,
            (false, true, false) => Changed::Ours,
            (_, _, false) => Changed::Conflict,
        };
        let rule = rules.of(&path);
        let action = decide(changed, rule);
        match action {
            Action::Push => write([&mut theirs, &mut base], &path, o.as_ref()),
            Action::Take | Action::TakeAndTell => write([&mut ours, &mut base], &path, t.as_ref()),
            Action::Agree => write([&mut base], &path, o.as_ref()),
            Action::Leave => {}
        }
        let [base, ours, theirs] = [b, o, t].map(|node| node.map(|node| node.to_value()));
        decisions.push(Decision { path, changed, rule, action, base, ours, theirs });
    }
    let [base, ours, theirs] = [base, ours, theirs].map(|node| node.to_value());
    Merged { ours, theirs, base, decisions }
}

const fn decide(changed: Changed, rule: Rule) -> Action {
    match (changed, rule) {
        (Changed::Ours, _) | (Changed::Theirs | Changed::Conflict, Rule::Revert) => Action::Push,
        (Changed::Theirs | Changed::Conflict, Rule::Propagate) => Action::TakeAndTell,
        (Changed::Theirs | Changed::Conflict, Rule::Ingest) => Action::Take,
        (Changed::Theirs | Changed::Conflict, Rule::Ignore) => Action::Leave,
        (Changed::Alike, _) => Action::Agree,
    }
}

/// The places that differ between any two; where one is inside another, the outer one.
fn places(shape: &Shape, base: &Value, ours: &Value, theirs: &Value) -> Vec<FieldPath> {
    let pairs = [(base, ours), (base, theirs), (ours, theirs)];
    let all: BTreeSet<FieldPath> =
        pairs.into_iter().flat_map(|(a, b)| shape.changes(a, b)).map(|change| change.path).collect();
    let mut outer: Vec<FieldPath> = Vec::with_capacity(all.len());
    for path in all {
        // Sorted, an outer place comes right before what is in it.
        if !outer.last().is_some_and(|last| path.starts_with(last)) {
            outer.push(path);
        }
    }
    outer
}

/// The parent is there on all sides: were it not, the place would be the parent.
fn write<const N: usize>(sides: [&mut Node; N], path: &FieldPath, value: Option<&Node>) {
    for side in sides {
        let written = side.set(path, value.cloned());
        debug_assert!(written.is_ok(), "{path}");
    }
}

#[cfg(test)]
mod tests;
