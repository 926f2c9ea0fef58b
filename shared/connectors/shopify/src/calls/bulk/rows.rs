//! Rows of a bulk operation's result: one JSON object a line.
//!
//! Whoever reads a file counts its rows and compares with what the store counted before reporting success.

use documents::{Outcome, Remote, Report};
use serde::Deserialize;
use serde_json::Value;

use crate::Gid;
use crate::answer::{UserError, user_errors};
use crate::calls::product_set::{self, Saved};

/// A row of a mutation's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Of the file of variables, from 0.
    pub line: u64,
    pub report: Report,
    /// What the store refused, for the circuit.
    pub errors: Vec<UserError>,
    /// The product, when it is one and was taken.
    pub saved: Option<Saved>,
}

/// A row that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the row is not a JSON object with a line number")]
pub struct RowError;

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "__lineNumber")]
    line: u64,
    #[serde(default)]
    data: Option<Value>,
    #[serde(default)]
    errors: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    #[serde(default)]
    product: Option<Object>,
    #[serde(default)]
    customer: Option<Object>,
    user_errors: Vec<UserError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    id: Gid,
    #[serde(default)]
    updated_at: Option<String>,
}

/// How the mutation of one line ended.
pub fn row(line: &str) -> Result<Row, RowError> {
    let wire: Wire = serde_json::from_str(line).map_err(|_| RowError)?;
    let payload = wire.data.as_ref().and_then(Value::as_object).and_then(|data| data.values().next());
    let payload = payload.and_then(|payload| Payload::deserialize(payload).ok());
    let saved = wire.data.clone().and_then(product_set::saved_in);
    let errors = payload.as_ref().map(|payload| payload.user_errors.clone()).unwrap_or_default();
    let report = match payload {
        Some(payload) => {
            let object = payload.product.or(payload.customer);
            let remote = object.map(|object| Remote { id: Some(object.id.to_string()), version: object.updated_at });
            user_errors(&payload.user_errors, remote.unwrap_or_default())
        }
        // The line itself was wrong: nothing was done.
        None if wire.errors.is_some() => Report::new(
            Outcome::Rejected { code: "INVALID_VARIABLES".to_owned(), field: None },
            "the store refused the line",
        ),
        None => Report::new(Outcome::Unknown, "the row has neither data nor errors"),
    };
    Ok(Row { line: wire.line, report, errors, saved })
}

#[cfg(test)]
mod tests {
    use documents::Class;

    use super::*;

    fn class(line: &str) -> (u64, Class) {
        let row = row(line).unwrap();
        (row.line, row.report.outcome.class())
    }

    #[test]
    fn every_row_has_its_own_end() {
        let done = r#"{"data":{"productSet":{"product":{"id":"gid://shopify/Product/1","updatedAt":"x"},"userErrors":[]}},"__lineNumber":0}"#;
        assert_eq!(class(done), (0, Class::Done));
        let refused = r#"{"data":{"productSet":{"product":null,"userErrors":[{"code":"INVALID_VARIANT","field":["input"],"message":"m"}]}},"__lineNumber":1}"#;
        assert_eq!(class(refused), (1, Class::Rejected));
        assert_eq!(class(r#"{"errors":[{"message":"m"}],"__lineNumber":2}"#), (2, Class::Rejected));
        assert_eq!(class(r#"{"data":null,"__lineNumber":3}"#), (3, Class::Unknown));
        assert_eq!(row("{}"), Err(RowError));
        assert_eq!(row("half a li"), Err(RowError));
    }
}
