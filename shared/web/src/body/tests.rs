use axum::body::Body;
use serde::Deserialize;
use serde_json::Value;

use super::*;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "only the shape matters")]
struct Order {
    items: Vec<Item>,
    note: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "only the shape matters")]
struct Item {
    book_id: String,
    quantity: u32,
    #[serde(default)]
    kind: Kind,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    #[default]
    Plain,
    Gift,
}

fn first_error(body: &str) -> (String, String) {
    let problem = decode::<Order>(body.as_bytes()).unwrap_err();
    let json: Value = serde_json::from_slice(&problem.to_json(None)).unwrap();
    let text = |name: &str| json["errors"][0][name].as_str().unwrap_or("none").to_owned();
    match problem.code() {
        "validation_failed" => (text("pointer"), text("code")),
        code => (String::new(), code.to_owned()),
    }
}

#[test]
fn the_pointer_names_what_does_not_fit() {
    for (body, pointer, code) in [
        (r#"{"items":[],"zzz":1}"#, "/zzz", "unknown_field"),
        (r#"{"items":[{"bookId":"b","quantity":1,"a/b~c":2}]}"#, "/items/0/a~1b~0c", "unknown_field"),
        (r#"{"items":[{"bookId":"b"}]}"#, "/items/0/quantity", "missing_field"),
        (
            r#"{"items":[{"bookId":"b","quantity":1},{"bookId":"b","quantity":"1"}]}"#,
            "/items/1/quantity",
            "invalid_type",
        ),
        (r#"{"items":[{"bookId":"b","quantity":-1}]}"#, "/items/0/quantity", "invalid_value"),
        (r#"{"items":[{"bookId":"b","quantity":1e9}]}"#, "/items/0/quantity", "invalid_type"),
        (r#"{"items":[{"bookId":"b","quantity":1,"kind":"x"}]}"#, "/items/0/kind", "unknown_value"),
        (r#"{"items":[],"items":[]}"#, "/items", "duplicate_field"),
        (r#"[1]"#, "/0", "invalid_type"),
        (r#"{"items":"#, "", "malformed_json"),
        (r#"{"items":[]} x"#, "", "malformed_json"),
        ("", "", "malformed_json"),
    ] {
        assert_eq!(first_error(body), (pointer.to_owned(), code.to_owned()), "{body}");
    }
}

#[test]
fn nesting_without_end_is_refused() {
    let (_, code) = first_error(&format!(r#"{{"items":{}"#, "[".repeat(100_000)));
    assert!(matches!(code.as_str(), "malformed_json" | "invalid_type"), "{code}");
}

fn request(content_type: Option<&str>, body: impl Into<Body>) -> Request {
    let mut request = Request::new(body.into());
    if let Some(content_type) = content_type {
        request.headers_mut().insert(CONTENT_TYPE, content_type.parse().unwrap());
    }
    request
}

async fn extract(request: Request) -> Result<Json<Order>, Problem> {
    Json::from_request(request, &()).await
}

#[tokio::test]
async fn only_json_media_types_are_taken() {
    let good = r#"{"items":[]}"#;
    for kind in ["application/json", "Application/JSON; charset=utf-8", "application/merge-patch+json"] {
        assert!(extract(request(Some(kind), good)).await.is_ok(), "{kind}");
    }
    for kind in [None, Some("text/plain"), Some("application/jsonp"), Some("application/x-www-form-urlencoded")] {
        let problem = extract(request(kind, good)).await.unwrap_err();
        assert_eq!(problem.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind:?}");
    }
}

#[tokio::test]
async fn a_body_over_one_mebibyte_is_refused_announced_or_not() {
    let padded = |length: usize| format!(r#"{{"items":[]}}{}"#, " ".repeat(length - 12));
    assert!(extract(request(Some("application/json"), padded(MAX_BODY_BYTES))).await.is_ok());

    let problem = extract(request(Some("application/json"), padded(MAX_BODY_BYTES + 1))).await.unwrap_err();
    assert_eq!(problem.status(), StatusCode::PAYLOAD_TOO_LARGE);

    let mut announced = request(Some("application/json"), "{}");
    announced.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(MAX_BODY_BYTES + 1));
    assert_eq!(extract(announced).await.unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_route_that_takes_more_says_how_much() {
    let sent = || request(None, "x".repeat(MAX_BODY_BYTES + 1));
    let Raw(taken) = Raw::<{ 2 << 20 }>::from_request(sent(), &()).await.unwrap();
    assert_eq!(taken.len(), MAX_BODY_BYTES + 1);
    let problem = Raw::<MAX_BODY_BYTES>::from_request(sent(), &()).await.unwrap_err();
    assert_eq!(problem.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn chunks_are_joined() {
    let chunks = futures::stream::iter([r#"{"it"#, r#"ems""#, ":[]}"].map(Ok::<_, std::io::Error>));
    assert!(extract(request(Some("application/json"), Body::from_stream(chunks))).await.is_ok());
}
