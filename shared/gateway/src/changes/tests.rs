use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::{ROUTES, VERSIONS, document};

/// What a step does to one operation.
#[derive(Deserialize)]
struct Golden {
    request: Pair<Input>,
    answer: Pair<Value>,
    /// New and old names of what refusals point at.
    places: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Pair<T> {
    older: T,
    newer: T,
}

#[derive(Deserialize)]
struct Input {
    query: Vec<(String, String)>,
    body: Option<Value>,
}

impl From<Input> for Asked {
    fn from(Input { query, body }: Input) -> Self {
        Self { query, body }
    }
}

fn golden() -> [(&'static Change, BTreeMap<String, Golden>); 2] {
    let files = [include_str!("golden/2026-07-01.json"), include_str!("golden/2026-11-01.json")];
    let mut changes = CHANGES.iter();
    files.map(|text| (changes.next().unwrap(), serde_json::from_str(text).unwrap()))
}

/// The versions a step leads between, older first.
fn between(change: &Change) -> [&'static Version; 2] {
    let newer = VERSIONS.iter().position(|version| version.date == change.version).unwrap();
    [&VERSIONS[newer - 1], &VERSIONS[newer]]
}

fn route(operation: &str) -> &'static Route {
    ROUTES.iter().find(|route| route.operation() == operation).unwrap_or_else(|| panic!("no {operation}"))
}

/// A value with everything it refers to in its place, and objects that have no other members than those described.
fn whole(document: &Value, value: &Value) -> Value {
    match value {
        Value::Object(members) => match members.get("$ref").and_then(Value::as_str) {
            Some(reference) => whole(document, document.pointer(&reference[1..]).unwrap()),
            None => {
                let mut object: serde_json::Map<String, Value> =
                    members.iter().map(|(name, member)| (name.clone(), whole(document, member))).collect();
                if object.contains_key("properties") {
                    object.insert("additionalProperties".to_owned(), false.into());
                }
                object.into()
            }
        },
        Value::Array(items) => items.iter().map(|item| whole(document, item)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// What an operation takes and answers in a version: parameters, body, answer.
fn described(version: &Version, route: &Route) -> [Value; 3] {
    let document = document(version);
    let operation = &document["paths"][route.path][route.method.to_ascii_lowercase()];
    let responses = operation["responses"].as_object().unwrap();
    let (_, good) = responses.iter().find(|(status, _)| status.starts_with('2')).unwrap();
    let schema = |content: &Value| whole(document, &content["content"]["application/json"]["schema"]);
    [whole(document, &operation["parameters"]), schema(&operation["requestBody"]), schema(good)]
}

#[test]
fn every_step_does_what_its_golden_pairs_say() {
    for (change, pairs) in golden() {
        for (operation, pair) in pairs {
            let (route, version) = (route(&operation), change.version);
            let asked = (change.request)(route, pair.request.older.into());
            assert_eq!(asked, pair.request.newer.into(), "{version} {operation}");
            assert_eq!((change.answer)(route, pair.answer.newer), pair.answer.older, "{version} {operation}");
            for (newer, older) in &pair.places {
                assert_eq!((change.place)(route, newer), *older, "{version} {operation}");
            }
        }
    }
}

#[test]
fn golden_pairs_are_what_the_documents_of_their_versions_describe() {
    for (change, pairs) in golden() {
        let [older, newer] = between(change);
        for (operation, Golden { request, answer, .. }) in pairs {
            for (version, input, output) in [(older, request.older, answer.older), (newer, request.newer, answer.newer)]
            {
                let [parameters, body, good] = described(version, route(&operation));
                for (name, _) in &input.query {
                    let known = parameters.as_array().unwrap().iter().any(|known| known["name"] == **name);
                    assert!(known, "{name} of {operation} {}", version.date);
                }
                if let Some(input) = input.body {
                    let error = jsonschema::validate(&body, &input).err().map(|error| error.to_string());
                    assert_eq!(error, None, "{operation} {}", version.date);
                }
                let error = jsonschema::validate(&good, &output).err().map(|error| error.to_string());
                assert_eq!(error, None, "{operation} {}", version.date);
            }
        }
    }
}

/// A step whose effect on an operation nobody has written down does not pass, nor does a pair that shows nothing.
#[test]
fn there_is_a_golden_pair_for_every_operation_a_step_changes() {
    for (change, pairs) in golden() {
        let [older, newer] = between(change);
        let differs = |route: &&Route| described(older, route) != described(newer, route);
        let changed: BTreeSet<String> = ROUTES.iter().filter(differs).map(Route::operation).collect();
        assert_eq!(pairs.into_keys().collect::<BTreeSet<_>>(), changed, "{}", change.version);
    }
}

#[test]
fn requests_climb_all_steps_and_answers_come_down_again() {
    let [oldest, middle, newest] = [0, 1, 2].map(|number| &VERSIONS[number]);
    let orders = route("GET /orders");
    let answer = json!({ "items": [{ "items": [{ "bookId": "b", "quantity": 1 }], "total": { "amount": "1.00", "currency": "GBP" } }] });
    assert_eq!(to_version(newest, orders, answer.clone()), answer);
    let resource = json!({ "lines": [{ "book": "b", "copies": 1 }], "total": "1.00", "currency": "GBP" });
    assert_eq!(to_version(middle, orders, answer.clone()), json!({ "items": [resource] }));
    assert_eq!(to_version(oldest, orders, answer), json!({ "data": [resource] }));
    let asked = |name: &str| Asked { query: vec![(name.to_owned(), "5".to_owned())], body: None };
    assert_eq!(to_newest(oldest, orders, asked("pageSize")), asked("limit"));
    assert_eq!(to_newest(middle, orders, asked("pageSize")), asked("pageSize"));
    assert_eq!(place_in_version(oldest, route("POST /orders"), "/items/0/bookId"), "/lines/0/book");
    assert_eq!(place_in_version(oldest, orders, "limit"), "pageSize");
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), "[a-z]{0,3}".prop_map(Value::from)];
    let name =
        prop_oneof![Just("items"), Just("lines"), Just("amount"), Just("currency"), Just("bookId"), Just("next")];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..4)
                .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    /// Steps take whatever comes: what is of no known form stays as it is, and nothing breaks.
    #[test]
    fn no_step_breaks_on_anything(value in json(), version in 0..3_usize) {
        for route in &ROUTES {
            drop(to_version(&VERSIONS[version], route, value.clone()));
            let asked = Asked { query: Vec::new(), body: Some(value.clone()) };
            drop(to_newest(&VERSIONS[version], route, asked.clone()));
            prop_assert_eq!(to_newest(&VERSIONS[2], route, asked.clone()), asked);
        }
    }
}
