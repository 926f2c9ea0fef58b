//! Executes a document that was let in: queries by the schema alone; of a mutation the calls are collected first, then
//! applied one after the other, then their payloads are answered like any query.

use std::cell::RefCell;

use apollo_compiler::ast::Value as Literal;
use apollo_compiler::resolvers::{Execution as Run, FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use apollo_compiler::response::ExecutionResponse;
use serde_json::{Value, json};

use super::Prepared;
use crate::idempotency::{self, REQUIRED, Verdict};
use crate::mutations;
use crate::resolve::{Applied, Execution, from_apollo, root};
use crate::schema::Admin;
use crate::world::{Fields, Object, World};

/// Input lists may not be longer. Source: Shopify, API limits.
const MAX_INPUT: usize = 250;

/// An answer without its costs.
pub(crate) struct Done {
    /// `data` and `errors`.
    pub(crate) body: Object,
    pub(crate) cost: u32,
    pub(crate) warnings: Vec<Value>,
}

/// A root field of a mutation.
struct Call {
    /// Its name in the answer.
    key: String,
    mutation: String,
    arguments: Value,
    /// Of `@idempotent`.
    idempotency: Option<String>,
}

pub(crate) fn execute(world: &mut World, admin: &'static Admin, prepared: &Prepared, concurrent: bool) -> Done {
    let mutating = prepared.operation().is_some_and(apollo_compiler::executable::Operation::is_mutation);
    if !mutating {
        world.poll_bulk(&prepared.fields);
        return query(world, admin, prepared, false);
    }
    let calls = match calls(admin, prepared) {
        Ok(calls) => calls,
        Err(errors) => return refused(errors),
    };
    if let Some(errors) = calls.iter().find_map(inadmissible) {
        return refused(errors);
    }
    let mut payloads = Object::new();
    let mut cost = 0u32;
    for call in calls {
        cost = cost.saturating_add(10);
        let payload = if concurrent && call.idempotency.is_some() {
            idempotency::concurrent()
        } else {
            match apply(world, admin, &call) {
                Ok(payload) => payload,
                Err(errors) => return refused(errors),
            }
        };
        payloads.insert(call.key, Value::Object(payload));
    }
    let execution = Execution::new(world, false);
    let run = Run::new(&admin.schema, &prepared.document);
    let run = run.implementers_map(&admin.implementers).coerced_variable_values(&prepared.variables);
    finish(
        &execution,
        run.operation_name(prepared.operation_name.as_deref())
            .and_then(|run| run.execute_sync(&Applied { execution: &execution, payloads: &payloads })),
        cost,
    )
}

/// Executes a query; `whole` pages hold everything.
pub(crate) fn query(world: &World, admin: &Admin, prepared: &Prepared, whole: bool) -> Done {
    let execution = Execution::new(world, whole);
    let run = Run::new(&admin.schema, &prepared.document);
    let run = run.implementers_map(&admin.implementers).coerced_variable_values(&prepared.variables);
    let answer =
        run.operation_name(prepared.operation_name.as_deref()).and_then(|run| run.execute_sync(&root(&execution)));
    finish(&execution, answer, 0)
}

fn finish(
    execution: &Execution<'_>,
    answer: Result<ExecutionResponse, apollo_compiler::request::RequestError>,
    cost: u32,
) -> Done {
    let body = match answer {
        Ok(answer) => serde_json::to_value(&answer).ok().and_then(|value| match value {
            Value::Object(body) => Some(body),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
        }),
        Err(error) => return refused(json!([{ "message": error.message().to_string() }])),
    };
    Done {
        body: body.unwrap_or_default(),
        cost: execution.cost.get().saturating_add(cost),
        warnings: execution.warnings.take(),
    }
}

fn refused(errors: Value) -> Done {
    let mut body = Object::new();
    body.insert("errors".to_owned(), errors);
    Done { body, cost: 0, warnings: Vec::new() }
}

/// What is wrong with a call before it is applied.
fn inadmissible(call: &Call) -> Option<Value> {
    if call.idempotency.is_none() && REQUIRED.contains(&call.mutation.as_str()) {
        let message = format!("The @idempotent directive is required for the {} mutation.", call.mutation);
        return Some(json!([{ "message": message, "path": [call.key], "extensions": { "code": "BAD_REQUEST" } }]));
    }
    // A product may have more variants than other lists may have entries.
    let longest = if call.mutation == "productSet" { 0 } else { longest_list(&call.arguments) };
    (longest > MAX_INPUT).then(|| {
        let message = format!("The input array size of {longest} is greater than the maximum allowed of {MAX_INPUT}.");
        json!([{ "message": message, "path": [call.key], "extensions": { "code": "MAX_INPUT_SIZE_EXCEEDED" } }])
    })
}

fn longest_list(value: &Value) -> usize {
    let (own, inner): (usize, Vec<&Value>) = match (value.as_array(), value.as_object()) {
        (Some(items), _) => (items.len(), items.iter().collect()),
        (None, Some(fields)) => (0, fields.values().collect()),
        (None, None) => (0, Vec::new()),
    };
    inner.into_iter().map(longest_list).max().unwrap_or_default().max(own)
}

fn apply(world: &mut World, admin: &'static Admin, call: &Call) -> Result<Object, Value> {
    if let Some(key) = &call.idempotency {
        match world.keys.look_up(key, &call.mutation, &call.arguments, world.now()) {
            Verdict::Fresh => {}
            Verdict::Replay(payload) | Verdict::Refused(payload) => return Ok(payload),
        }
    }
    let payload = mutations::apply(world, admin, &call.mutation, &call.arguments).ok_or_else(|| {
        json!([{ "message": format!("the stand-in does not keep the mutation {}", call.mutation), "path": [call.key] }])
    })?;
    if payload.list("userErrors").is_empty() {
        world.counters.applied(&call.mutation, &call.arguments);
    }
    if let Some(key) = &call.idempotency {
        let now = world.now();
        world.keys.remember(key, &call.mutation, &call.arguments, &payload, now);
    }
    Ok(payload)
}

/// Collects the calls of a mutation, with their arguments coerced, and answers nothing.
struct Collect<'a> {
    variables: &'a Value,
    calls: RefCell<Vec<Call>>,
}

impl ObjectValue for Collect<'_> {
    fn type_name(&self) -> &'static str {
        "Mutation"
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Result<ResolvedValue<'a>, FieldError> {
        let selection = info.field_selections().first();
        let directive = selection.and_then(|field| field.directives.get("idempotent"));
        let key = directive.and_then(|directive| directive.specified_argument_by_name("key"));
        #[expect(clippy::wildcard_enum_match_arm, reason = "validation has seen that it is a string")]
        let idempotency = key.and_then(|key| match key.as_ref() {
            Literal::String(text) => Some(text.clone()),
            Literal::Variable(name) => self.variables.at(name).as_str().map(str::to_owned),
            _ => None,
        });
        self.calls.borrow_mut().push(Call {
            key: selection.map(|field| field.response_key().to_string()).unwrap_or_default(),
            mutation: info.field_name().to_owned(),
            arguments: from_apollo(info.arguments())?,
            idempotency,
        });
        Ok(ResolvedValue::SkipForPartialExecution)
    }
}

fn calls(admin: &Admin, prepared: &Prepared) -> Result<Vec<Call>, Value> {
    let collect = Collect { variables: &prepared.plain, calls: RefCell::default() };
    let run = Run::new(&admin.schema, &prepared.document).coerced_variable_values(&prepared.variables);
    let answer = run
        .operation_name(prepared.operation_name.as_deref())
        .and_then(|run| run.execute_sync(&collect))
        .map_err(|error| json!([{ "message": error.message().to_string() }]))?;
    if answer.errors.is_empty() { Ok(collect.calls.into_inner()) } else { Err(json!(answer.errors)) }
}
