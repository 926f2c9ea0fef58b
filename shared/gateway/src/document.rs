//! The API document (`OpenAPI` 3.1) of each version. The newest is written down (`contract.json`), what all operations share
//! is added here, and the others come down the same steps as answers do.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::changes::after;
use crate::routes::{ROUTES, Route};
use crate::version::{VERSIONS, Version};

static DOCUMENTS: LazyLock<BTreeMap<&str, Value>> = LazyLock::new(|| {
    // A constant of the source; a test reads it.
    let mut newest: Value = serde_json::from_str(include_str!("contract.json")).unwrap_or_default();
    ROUTES.iter().for_each(|route| complete(&mut newest, route));
    VERSIONS.iter().map(|version| (version.date, of(version, newest.clone()))).collect()
});

/// The document of a version.
#[must_use]
pub fn document(version: &Version) -> &'static Value {
    static NONE: Value = Value::Null;
    DOCUMENTS.get(version.date).unwrap_or(&NONE)
}

fn of(version: &Version, newest: Value) -> Value {
    let mut document = after(version).rev().fold(newest, |document, change| (change.document)(document));
    document["info"]["version"] = version.date.into();
    document["servers"] = json!([{ "url": format!("/public/{}", version.date) }]);
    if version.end.is_some() {
        let operations = document["paths"].as_object_mut().into_iter().flatten();
        let operations = operations.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten());
        operations.for_each(|(_, operation)| operation["deprecated"] = true.into());
    }
    document
}

/// Adds what every operation has: its scope, the header for the version, and how it is refused.
fn complete(document: &mut Value, route: &Route) {
    let operation = &mut document["paths"][route.path][route.method.to_ascii_lowercase()];
    let scopes = json!([route.scope]);
    operation["security"] = json!([{ "apiKey": scopes }, { "token": scopes }]);
    match operation["parameters"].as_array_mut() {
        Some(parameters) => parameters.push(json!({ "$ref": "#/components/parameters/ApiVersion" })),
        None => operation["parameters"] = json!([{ "$ref": "#/components/parameters/ApiVersion" }]),
    }
    let refusals = [("401", "Unauthenticated"), ("403", "Forbidden"), ("429", "TooMany"), ("default", "Refused")];
    let refusals =
        refusals.map(|(status, name)| (status.to_owned(), json!({ "$ref": format!("#/components/responses/{name}") })));
    if let Some(responses) = operation["responses"].as_object_mut() {
        responses.extend(Map::from_iter(refusals));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    found.insert(reference.clone());
                }
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn the_document_has_the_routes_and_no_others() {
        let routes: BTreeSet<String> = ROUTES.iter().map(Route::operation).collect();
        for version in &VERSIONS {
            let paths = document(version)["paths"].as_object().unwrap();
            let operations = paths.iter().flat_map(|(path, item)| {
                item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
            });
            assert_eq!(operations.collect::<BTreeSet<_>>(), routes, "{}", version.date);
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_component_is_used() {
        for version in &VERSIONS {
            let document = document(version);
            let mut used = BTreeSet::new();
            references(document, &mut used);
            for reference in &used {
                let target = document.pointer(reference.strip_prefix('#').unwrap());
                assert!(target.is_some_and(|target| !target.is_null()), "{reference} of {}", version.date);
            }
            for kind in ["schemas", "parameters", "headers", "responses"] {
                for name in document["components"][kind].as_object().unwrap().keys() {
                    assert!(used.contains(&format!("#/components/{kind}/{name}")), "{kind} {name} of {}", version.date);
                }
            }
        }
    }

    /// What a linter would ask of it.
    #[test]
    fn every_operation_is_named_explained_scoped_and_refused_in_one_way() {
        for version in &VERSIONS {
            let document = document(version);
            assert_eq!((&document["openapi"], &document["info"]["version"]), (&json!("3.1.0"), &json!(version.date)));
            let mut names = BTreeSet::new();
            for route in &ROUTES {
                let operation = &document["paths"][route.path][route.method.to_ascii_lowercase()];
                assert!(names.insert(operation["operationId"].as_str().unwrap()), "{}", route.operation());
                assert!(operation["summary"].as_str().unwrap().ends_with('.'), "{}", route.operation());
                assert_eq!(operation["security"][0]["apiKey"], json!([route.scope]));
                let responses = operation["responses"].as_object().unwrap();
                assert!(["401", "403", "429", "default"].iter().all(|status| responses.contains_key(*status)));
                assert_eq!(responses.keys().filter(|status| status.starts_with('2')).count(), 1);
                let parameters = operation["parameters"].as_array().unwrap();
                let has_id = parameters.contains(&json!({ "$ref": "#/components/parameters/Id" }));
                assert_eq!(has_id, route.path.contains("{id}"), "{}", route.operation());
                assert_eq!(operation.get("deprecated").is_some(), version.end.is_some());
            }
        }
    }

    /// An assertion can be shown again for half a minute, with the same key and the same version: then a change must not
    /// happen twice. Calling off what is called off changes nothing.
    #[test]
    fn whatever_changes_something_has_a_key_or_a_version_or_can_be_done_again() {
        for version in &VERSIONS {
            for route in ROUTES.iter().filter(|route| route.method != "GET" && route.path != "/orders/{id}/cancel") {
                let operation = &document(version)["paths"][route.path][route.method.to_ascii_lowercase()];
                let parameters = operation["parameters"].as_array().unwrap();
                let has =
                    |name: &str| parameters.contains(&json!({ "$ref": format!("#/components/parameters/{name}") }));
                assert!(has("IdempotencyKey") || has("IfMatch"), "{} of {}", route.operation(), version.date);
            }
        }
    }

    #[test]
    fn every_schema_is_one() {
        for version in &VERSIONS {
            let document = document(version);
            for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
                assert!(jsonschema::meta::is_valid(schema), "{name} of {}", version.date);
            }
        }
    }
}
