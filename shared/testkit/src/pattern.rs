//! Matches JSON against the pattern language of Lambda event filters and SNS filter policies.
//!
//! It knows the operators the product uses and panics on any other, so that no test passes by accident.

use serde_json::Value;

/// Whether `event` has everything `pattern` asks for.
pub(crate) fn matches(pattern: &Value, event: Option<&Value>) -> bool {
    match pattern {
        Value::Object(fields) => {
            fields.iter().all(|(name, wanted)| matches(wanted, event.and_then(|event| event.get(name))))
        }
        Value::Array(alternatives) => alternatives.iter().any(|alternative| accepts(alternative, event)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            panic!("a filter pattern is made of objects that end in lists, not {pattern}")
        }
    }
}

/// Whether one alternative accepts a value; a list value is accepted when one of its members is.
fn accepts(alternative: &Value, value: Option<&Value>) -> bool {
    if let Some(Value::Array(members)) = value {
        return members.iter().any(|member| accepts(alternative, Some(member)));
    }
    let Some((operator, operand)) = alternative.as_object().and_then(|operators| operators.iter().next()) else {
        return value == Some(alternative);
    };
    let text = value.and_then(Value::as_str);
    let word = operand.as_str().unwrap_or_default();
    match operator.as_str() {
        "exists" => operand.as_bool() == Some(value.is_some()),
        "prefix" => text.is_some_and(|text| text.starts_with(word)),
        "suffix" => text.is_some_and(|text| text.ends_with(word)),
        "anything-but" => {
            let refused = operand.as_array().map_or(std::slice::from_ref(operand), Vec::as_slice);
            value.is_some_and(|value| !refused.contains(value))
        }
        other => panic!("the filter operator {other} is not simulated"),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;
    use serde_json::json;

    #[test]
    fn every_field_must_match_one_of_its_alternatives() {
        let pattern = json!({"kind": {"S": ["event", {"prefix": "audit-"}]}, "name": [{"anything-but": ["b"]}]});
        for (kind, name, expected) in
            [("event", "a", true), ("audit-log", "a", true), ("order", "a", false), ("event", "b", false)]
        {
            let event = json!({"kind": {"S": kind}, "name": name});
            assert_eq!(matches(&pattern, Some(&event)), expected, "{event}");
        }
    }

    #[test]
    fn what_is_absent_matches_only_exists_false() {
        assert!(matches(&json!({"a": [{"exists": false}]}), Some(&json!({}))));
        assert!(!matches(&json!({"a": [{"exists": true}]}), Some(&json!({}))));
        assert!(!matches(&json!({"a": [{"anything-but": "x"}]}), Some(&json!({}))));
    }

    #[test]
    fn a_list_matches_by_any_member() {
        assert!(matches(&json!({"tags": ["b"]}), Some(&json!({"tags": ["a", "b"]}))));
    }
}
