use documents::Class;
use http::header::HeaderName;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_owned()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    response
}

fn ended(status: u16, body: &Value, repeatable: bool) -> Outcome {
    let answer = read::<Value>(Ok(response(status, &[], &body.to_string())), repeatable, now());
    answer.result.unwrap_err().outcome
}

fn coded(code: &str) -> Value {
    json!({ "errors": [{ "message": "m", "extensions": { "code": code } }] })
}

#[test]
fn a_throttled_call_is_told_when_to_come_back() {
    let mut body = coded("THROTTLED");
    body["extensions"] = json!({ "cost": { "requestedQueryCost": 862, "actualQueryCost": null, "throttleStatus":
        { "maximumAvailable": 4000.0, "currentlyAvailable": 572, "restoreRate": 200.0 } } });
    let answer = read::<Value>(Ok(response(200, &[], &body.to_string())), true, now());
    let cost = answer.cost.unwrap();
    assert_eq!((cost.requested, cost.actual, cost.throttle.unwrap().available), (862, None, 572));
    let until = now() + Duration::from_millis(1_450);
    assert_eq!(answer.result.unwrap_err().outcome, Outcome::Throttled { until: Some(until) });
    let rest = read::<Value>(Ok(response(429, &[("retry-after", "2.5")], "")), true, now());
    let until = now() + Duration::from_secs(3);
    assert_eq!(rest.result.unwrap_err().outcome, Outcome::Throttled { until: Some(until) });
}

#[test]
fn errors_of_the_whole_call_are_told_apart() {
    for (code, class) in [
        ("MAX_COST_EXCEEDED", Class::Rejected),
        ("ACCESS_DENIED", Class::AuthBroken),
        ("SOMETHING_NEW", Class::Rejected),
        ("INTERNAL_SERVER_ERROR", Class::Transient),
    ] {
        assert_eq!(ended(200, &coded(code), true).class(), class, "{code}");
    }
    assert_eq!(ended(200, &coded("INTERNAL_SERVER_ERROR"), false).class(), Class::Unknown);
    assert_eq!(ended(200, &json!({ "errors": "[API] Invalid API key" }), true).class(), Class::AuthExpired);
}

#[test]
fn statuses_are_told_apart() {
    for (status, class) in [
        (401, Class::AuthExpired),
        (402, Class::AuthBroken),
        (403, Class::AuthBroken),
        (404, Class::AuthBroken),
        (423, Class::AuthBroken),
        (429, Class::Throttled),
        (430, Class::Throttled),
        (400, Class::Rejected),
        (301, Class::Rejected),
        (500, Class::Transient),
        (503, Class::Transient),
    ] {
        assert_eq!(ended(status, &json!({}), true).class(), class, "{status}");
    }
    assert_eq!(ended(502, &json!({}), false).class(), Class::Unknown);
}

#[test]
fn what_became_of_a_lost_call_is_unknown_and_of_one_never_sent_is_not() {
    let lost = |error| read::<Value>(Err(error), true, now()).result.unwrap_err().outcome;
    assert_eq!(lost(TransportError::TimedOut(Duration::from_secs(1))), Outcome::Unknown);
    assert_eq!(lost(TransportError::Broken("reset".into())), Outcome::Unknown);
    assert_eq!(lost(TransportError::NotSent("refused".into())), Outcome::Transient);
    assert_eq!(lost(TransportError::CircuitOpen), Outcome::Transient);
    let half = read::<Value>(Ok(response(200, &[], "{\"data\":")), true, now());
    assert_eq!(half.result.unwrap_err().outcome, Outcome::Unknown);
}

#[test]
fn an_ignored_filter_and_another_version_are_noticed() {
    let body =
        json!({ "data": { "orders": [] }, "extensions": { "search": [{ "warnings": [{ "field": "colour" }] }] } });
    assert!(matches!(ended(200, &body, true), Outcome::Rejected { code, .. } if code == "FILTER_IGNORED"));
    let headers = [("x-shopify-api-version", "2027-04")];
    let answer = read::<Value>(Ok(response(200, &headers, "{\"data\":{}}")), true, now());
    assert_eq!(answer.other_version.as_deref(), Some("2027-04"));
    assert!(answer.result.is_ok());
}

#[test]
fn user_errors_are_told_apart_and_the_most_urgent_decides() {
    let error = |code: &str| UserError {
        code: Some(code.into()),
        field: Some(vec!["input".into(), "0".into()]),
        message: String::new(),
    };
    let class = |codes: &[&str]| {
        let errors: Vec<UserError> = codes.iter().map(|code| error(code)).collect();
        user_errors(&errors, Default::default()).outcome.class()
    };
    assert_eq!(class(&[]), Class::Done);
    for (code, expected) in [
        ("CHANGE_FROM_QUANTITY_STALE", Class::Conflict),
        ("ITEM_NOT_STOCKED_AT_LOCATION", Class::DependencyMissing),
        ("INVALID_LOCATION", Class::DependencyMissing),
        ("IDEMPOTENCY_CONCURRENT_REQUEST", Class::Transient),
        ("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", Class::Rejected),
        ("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", Class::Rejected),
        ("INVALID_VARIANT", Class::Rejected),
        ("NOT_HEARD_OF", Class::Rejected),
    ] {
        assert_eq!(class(&[code]), expected, "{code}");
    }
    assert_eq!(class(&["INVALID_VARIANT", "CHANGE_FROM_QUANTITY_STALE"]), Class::Conflict);
    let report = user_errors(&[error("TAKEN")], Default::default());
    assert_eq!(report.outcome, Outcome::Rejected { code: "TAKEN".into(), field: Some("/input/0".into()) });
    let quota = UserError {
        code: None,
        field: None,
        message: "Daily variant creation limit reached. Please try again later.".into(),
    };
    assert_eq!(user_errors(&[quota], Default::default()).outcome, Outcome::Throttled { until: None });
}

proptest! {
    /// Whatever a store answers, the call has an end, and only data is a success.
    #[test]
    fn nothing_but_data_is_a_success(status in 100u16..600, body in ".{0,60}", repeatable: bool) {
        #[derive(Deserialize)]
        struct Data { #[expect(dead_code, reason = "only its presence counts")] wanted: u64 }
        let answer = read::<Data>(Ok(response(status, &[], &body)), repeatable, now());
        prop_assert!(answer.result.is_err());
    }
}
