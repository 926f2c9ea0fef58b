//! JSON Schema, judged by a library that reaches nothing: a schema that refers to anything outside itself is refused.

use jsonschema::Draft;
use serde_json::Value;

use crate::centre::{Validator, Violation};

/// The longest schema, in bytes of JSON.
const MAX_SCHEMA: usize = 100_000;
/// Violations told of at once.
const MAX_VIOLATIONS: usize = 50;
const MAX_DETAIL: usize = 200;

/// Draft 2020-12 unless a schema says otherwise in `$schema`.
#[derive(Debug, Clone, Copy)]
pub struct Schemas;

fn compiled(schema: &Value) -> Result<jsonschema::Validator, String> {
    let options = match schema.get("$schema") {
        Some(_) => jsonschema::options(),
        None => jsonschema::options().with_draft(Draft::Draft202012),
    };
    options.build(schema).map_err(|error| shortened(format!("does not satisfy {}", error.schema_path())))
}

fn shortened(text: String) -> String {
    text.chars().take(MAX_DETAIL).collect()
}

/// A reference to something that is not in the schema itself.
fn outside(schema: &Value) -> Option<&str> {
    match schema {
        Value::Object(fields) => fields.iter().find_map(|(name, value)| match (name.as_str(), value) {
            ("$ref" | "$dynamicRef", Value::String(target)) if !target.starts_with('#') => Some(target.as_str()),
            _ => outside(value),
        }),
        Value::Array(elements) => elements.iter().find_map(outside),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

impl Validator for Schemas {
    fn check(&self, schema: &Value) -> Result<(), String> {
        if schema.to_string().len() > MAX_SCHEMA {
            return Err(format!("longer than {MAX_SCHEMA} bytes"));
        }
        if !schema.is_object() {
            return Err("not an object".to_owned());
        }
        if let Some(target) = outside(schema) {
            return Err(shortened(format!("refers to {target}, outside itself")));
        }
        compiled(schema).map(drop)
    }

    fn violations(&self, schema: &Value, payload: &Value) -> Result<Vec<Violation>, String> {
        let schema = compiled(schema)?;
        let found = schema.iter_errors(payload).take(MAX_VIOLATIONS);
        // Names the rule and not the value, which may be personal.
        let violation = |error: jsonschema::ValidationError<'_>| Violation {
            pointer: error.instance_path().to_string(),
            detail: shortened(format!("does not satisfy {}", error.schema_path())),
        };
        Ok(found.map(violation).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn violations_name_the_place_and_not_the_value() {
        let schema = json!({ "type": "object", "required": ["title"], "properties": { "n": { "type": "integer" } } });
        let found = Schemas.violations(&schema, &json!({ "n": "secret@example.com" })).unwrap();
        let mut pointers: Vec<&str> = found.iter().map(|violation| violation.pointer.as_str()).collect();
        pointers.sort_unstable();
        assert_eq!(pointers, ["", "/n"]);
        assert!(found.iter().all(|violation| !violation.detail.contains("secret")), "{found:?}");
        assert_eq!(Schemas.violations(&schema, &json!({ "title": "A" })).unwrap(), []);
    }

    #[test]
    fn a_schema_must_be_one_and_stand_alone() {
        assert_eq!(Schemas.check(&json!({ "type": "object", "$defs": { "a": {} }, "$ref": "#/$defs/a" })), Ok(()));
        for bad in [
            json!(true),
            json!({ "type": "objekt" }),
            json!({ "$ref": "https://example.com/schema.json" }),
            json!({ "$ref": "file:///etc/passwd" }),
            json!({ "description": "x".repeat(MAX_SCHEMA) }),
        ] {
            assert!(Schemas.check(&bad).is_err(), "{}", bad.to_string().get(..60).unwrap_or_default());
        }
    }
}
