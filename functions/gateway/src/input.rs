//! Whether a request, and a good answer, is as its version of the contract describes it: parameters, headers, body. What is not described there
//! goes no further; that is how headers of ours that somebody else sends are lost.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use axum::extract::{FromRequest, Request};
use gateway::{Asked, ROUTES, Route, VERSIONS, Version};
use http::{HeaderMap, HeaderName, StatusCode};
use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::{Value, json};
use web::{FieldError, Json, Problem};

use crate::contract;

/// More faults than anybody reads.
const MAX_ERRORS: usize = 20;

/// What each version describes of each route, made ready when it is first asked for.
pub(crate) struct Checks(BTreeMap<(&'static str, &'static str, &'static str), OnceLock<Option<Operation>>>);

/// What a version describes of a route.
struct Operation {
    query: BTreeMap<String, Parameter>,
    headers: BTreeMap<String, Parameter>,
    body: Option<Validator>,
    /// Of a good answer's body.
    answer: Option<Validator>,
}

struct Parameter {
    kind: String,
    is_required: bool,
    validator: Validator,
}

impl Default for Checks {
    fn default() -> Self {
        let all =
            VERSIONS.iter().flat_map(|version| ROUTES.iter().map(|route| (version.date, route.method, route.path)));
        Self(all.map(|place| (place, OnceLock::new())).collect())
    }
}

impl Checks {
    fn operation(&self, version: &'static Version, route: &'static Route) -> Option<&Operation> {
        let ready = self.0.get(&(version.date, route.method, route.path))?;
        ready.get_or_init(|| Operation::of(version, route)).as_ref()
    }

    /// Tells log and metrics of a good answer that is not as its version describes it. It goes out all the same: a consumer is
    /// better served with an unexpected member than with a 502.
    pub(crate) fn tell_of(&self, version: &'static Version, route: &'static Route, answer: &Value) {
        if let Some((place, rule)) = self.fault(version, route, answer) {
            tracing::info!(target: "metric", undescribed_answers = 1_u64);
            let (version, operation) = (version.date, route.operation());
            tracing::warn!(version, operation, place, rule, "an answer is not as its version describes it");
        }
    }

    /// Where an answer is not as it is described, and which rule it breaks. Nothing of what it says.
    fn fault(
        &self,
        version: &'static Version,
        route: &'static Route,
        answer: &Value,
    ) -> Option<(String, &'static str)> {
        let validator = self.operation(version, route)?.answer.as_ref()?;
        let error = validator.validate(answer).err()?;
        Some((error.instance_path().as_str().to_owned(), code(&error)))
    }

    /// What is asked, and the headers that go on.
    pub(crate) async fn read(
        &self,
        version: &'static Version,
        route: &'static Route,
        request: Request,
    ) -> Result<(Asked, HeaderMap), Problem> {
        let Some(operation) = self.operation(version, route) else {
            return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal"));
        };
        let pairs = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
        let query: Vec<(String, String)> = pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        let mut errors = Vec::new();
        given(&operation.query, &query, &mut errors);
        let headers = operation.headers_of(request.headers(), &mut errors);
        let body = match &operation.body {
            Some(validator) => {
                let Json(body) = Json::<Value>::from_request(request, &()).await?;
                errors.extend(validator.iter_errors(&body).take(MAX_ERRORS).flat_map(|error| faults(&error)));
                Some(body)
            }
            None => None,
        };
        if errors.is_empty() { Ok((Asked { query, body }, headers)) } else { Err(Problem::invalid(errors)) }
    }
}

impl Operation {
    /// `None` when the document, which is a constant, is not what its tests found it to be.
    fn of(version: &Version, route: &Route) -> Option<Self> {
        let document = gateway::document(version);
        let operation = &document["paths"][route.path][route.method.to_ascii_lowercase()];
        let (mut query, mut headers) = (BTreeMap::new(), BTreeMap::new());
        for parameter in operation["parameters"].as_array()? {
            let parameter = match parameter["$ref"].as_str() {
                Some(reference) => document.pointer(reference.strip_prefix('#')?)?,
                None => parameter,
            };
            let known = Parameter {
                kind: parameter["schema"]["type"].as_str()?.to_owned(),
                is_required: parameter["required"] == true,
                validator: jsonschema::validator_for(&parameter["schema"]).ok()?,
            };
            let name = parameter["name"].as_str()?;
            match parameter["in"].as_str()? {
                "query" => query.insert(name.to_owned(), known),
                "header" if !name.eq_ignore_ascii_case(contract::HEADER.as_str()) => {
                    headers.insert(name.to_owned(), known)
                }
                _ => None,
            };
        }
        let validator = |described: &Value| {
            let reference = described["content"]["application/json"]["schema"]["$ref"].as_str()?;
            let schema = json!({ "$ref": reference, "components": document["components"] });
            Some(jsonschema::validator_for(&schema))
        };
        let body = validator(&operation["requestBody"]).transpose().ok()?;
        let mut good = operation["responses"].as_object()?.iter().filter(|(status, _)| status.starts_with('2'));
        let answer = good.find_map(|(_, response)| validator(response)).transpose().ok()?;
        Some(Self { query, headers, body, answer })
    }

    fn headers_of(&self, headers: &HeaderMap, errors: &mut Vec<FieldError>) -> HeaderMap {
        let text = |name: &String| {
            let values = headers.get_all(name.as_str()).iter();
            values
                .map(|value| (name.clone(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
                .collect::<Vec<_>>()
        };
        let sent: Vec<(String, String)> = self.headers.keys().flat_map(text).collect();
        given(&self.headers, &sent, errors);
        let names = self.headers.keys().filter_map(|name| name.parse::<HeaderName>().ok());
        names.filter_map(|name| Some((name.clone(), headers.get(&name)?.clone()))).collect()
    }
}

/// What is wrong with parameters or headers.
fn given(known: &BTreeMap<String, Parameter>, sent: &[(String, String)], errors: &mut Vec<FieldError>) {
    let mut refuse =
        |name: &str, code, detail: String| errors.push(FieldError::parameter(name.to_owned(), code, detail));
    for (place, (name, value)) in sent.iter().enumerate() {
        let Some(parameter) = known.get(name) else {
            refuse(name, "unknown_field", "there is no such parameter".to_owned());
            continue;
        };
        if sent.iter().take(place).any(|(earlier, _)| earlier == name) {
            refuse(name, "duplicate_field", "may be given once".to_owned());
        }
        if let Err(error) = parameter.validator.validate(&parameter.value(value)) {
            refuse(name, code(&error), error.masked().to_string());
        }
    }
    for (name, _) in known.iter().filter(|(_, parameter)| parameter.is_required) {
        if !sent.iter().any(|(found, _)| found == name) {
            refuse(name, "missing_field", "this request needs it".to_owned());
        }
    }
}

impl Parameter {
    /// A parameter's text as the value it is to be; the text itself when it is none.
    fn value(&self, text: &str) -> Value {
        let parsed = match self.kind.as_str() {
            "integer" => text.parse::<i64>().map(Value::from).ok(),
            "boolean" => text.parse::<bool>().map(Value::from).ok(),
            _ => None,
        };
        parsed.unwrap_or_else(|| text.into())
    }
}

/// One error a fault: a schema may find several at one place.
fn faults(error: &ValidationError<'_>) -> Vec<FieldError> {
    let place = error.instance_path().as_str();
    let at = |pointer: String| FieldError::at(pointer, code(error), error.masked().to_string());
    let member = |name: &str| format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"));
    if let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() {
        return unexpected.iter().take(MAX_ERRORS).map(|name| at(member(name))).collect();
    }
    if let ValidationErrorKind::Required { property } = error.kind() {
        return vec![at(member(property.as_str().unwrap_or_default()))];
    }
    vec![at(place.to_owned())]
}

/// The names of rules that other parts of the platform use too.
fn code(error: &ValidationError<'_>) -> &'static str {
    match error.kind().keyword() {
        "additionalProperties" => "unknown_field",
        "required" => "missing_field",
        "type" => "invalid_type",
        "minimum" | "maximum" => "out_of_range",
        "minItems" | "maxItems" | "minLength" | "maxLength" => "invalid_length",
        "enum" | "const" => "unknown_value",
        _ => "invalid_value",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_held_against_the_document_of_its_version() {
        let checks = Checks::default();
        let price = json!({ "amount": "12.50", "currency": "GBP" });
        let book = json!({
            "id": "book_1", "isbn": "9780140449136", "title": "T", "authors": ["A"], "active": true,
            "available": 4, "version": 1, "price": price,
        });
        let route = ROUTES.iter().find(|route| route.operation() == "GET /books/{id}").unwrap();
        let newest = Version::newest();
        assert_eq!(checks.fault(newest, route, &book), None);
        let mut more = book.clone();
        more["colour"] = "red".into();
        assert_eq!(checks.fault(newest, route, &more), None, "a member more breaks nobody");
        let mut other = book.clone();
        other["price"]["amount"] = 12.5.into();
        assert_eq!(checks.fault(newest, route, &other), Some(("/price/amount".to_owned(), "invalid_type")));
        let oldest = Version::dated("2026-03-01").unwrap();
        assert!(checks.fault(oldest, route, &book).is_some(), "not as the oldest version has it");
        assert_eq!(checks.fault(oldest, route, &gateway::to_version(oldest, route, book)), None);
    }

    #[test]
    fn every_operation_says_what_a_good_answer_is() {
        let checks = Checks::default();
        for (version, route) in VERSIONS.iter().flat_map(|version| ROUTES.iter().map(move |route| (version, route))) {
            assert!(checks.fault(version, route, &json!(7)).is_some(), "{} of {}", route.operation(), version.date);
        }
    }
}
