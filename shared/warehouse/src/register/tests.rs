use serde_json::Value;
use tokio::time::Instant;
use web::transport::TransportError;

use super::*;
use crate::testing::peer::{Reply, Script, answer, problem, secret};

const CLOUDFORMATION: &str = "https://cloudformation.test/answer?signature=s";

fn registration(script: &Script) -> Registration {
    let store = StoreClient::new(script.transport(), "https://store.test/store", secret(&["alpha-secret"]));
    let url = "https://wh.test/warehouses/alpha/";
    Registration::new(store, script.transport(), "alpha".parse().unwrap(), url)
}

fn refused() -> Reply {
    Err(TransportError::NotSent("refused".into()))
}

fn request(kind: &str) -> Value {
    json!({
        "RequestType": kind,
        "ResponseURL": CLOUDFORMATION,
        "StackId": "arn:aws:cloudformation:eu-west-1:1:stack/alpha/1",
        "RequestId": "req-1",
        "ResourceType": "Custom::Registration",
        "LogicalResourceId": "Registration",
        "ResourceProperties": { "ServiceToken": "arn:aws:lambda:eu-west-1:1:function:f" },
    })
}

/// How often the store was asked, and what `CloudFormation` was told.
async fn deployed(script: &Script, request: Value) -> (usize, Value) {
    registration(script).run(request).await.unwrap();
    let mut sent = script.sent();
    let last = sent.pop().unwrap();
    assert_eq!((last.method().as_str(), last.uri().to_string()), ("PUT", CLOUDFORMATION.to_owned()));
    assert!(!last.headers().contains_key("authorization") && !last.headers().contains_key("content-type"));
    (sent.len(), serde_json::from_slice(last.body()).unwrap())
}

#[tokio::test]
async fn it_tells_the_store_who_it_is_and_where() {
    let script = Script::new([answer(201)]);
    registration(&script).run(json!({})).await.unwrap();
    let [request] = &script.sent()[..] else { panic!("one request") };
    assert_eq!(request.uri(), "https://store.test/store/v1/warehouses/register");
    assert_eq!(request.headers()["authorization"], "Bearer alpha-secret");
    let expected = json!({ "id": "alpha", "name": "Warehouse alpha", "url": "https://wh.test/warehouses/alpha" });
    assert_eq!(serde_json::from_slice::<Value>(request.body()).unwrap(), expected);
}

#[tokio::test]
async fn the_schedule_tries_once_and_reports_why_not() {
    let tick = json!({ "source": "aws.scheduler", "detail-type": "Scheduled Event" });
    let result = registration(&Script::new([refused()])).run(tick.clone()).await;
    assert!(matches!(result, Err(RegistrationError::Unavailable(_))));
    let result = registration(&Script::new([problem(409, "too_many_warehouses")])).run(tick).await.unwrap_err();
    assert_eq!(result.to_string(), "the store refuses the registration: 409 Conflict too_many_warehouses");
}

#[tokio::test(start_paused = true)]
async fn a_deployment_tries_every_five_seconds_until_it_works() {
    for source in ["deploy", "aws.cloudformation"] {
        let script = Script::new([refused(), answer(404), answer(503), answer(201)]);
        let start = Instant::now();
        registration(&script).run(json!({ "source": source })).await.unwrap();
        assert_eq!((script.sent().len(), start.elapsed()), (4, Duration::from_secs(15)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployment_gives_up_after_ten_tries() {
    let script = Script::new((0..10).map(|_| refused()));
    let start = Instant::now();
    let result = registration(&script).run(json!({ "source": "deploy" })).await;
    assert!(matches!(result, Err(RegistrationError::Unavailable(_))));
    assert_eq!((script.sent().len(), start.elapsed()), (10, Duration::from_secs(45)));
}

/// The breaker that `runtime` puts in front of every transport opens after five failures for thirty seconds.
#[tokio::test(start_paused = true)]
async fn every_try_of_a_deployment_reaches_the_wire() {
    let script = Script::new((0..9).map(|_| refused()).chain([answer(201)]));
    let clock = Arc::new(crate::testing::clock());
    let breaker = web::transport::CircuitBreaker::new(script.transport(), clock, 5, Duration::from_secs(30));
    let store = StoreClient::new(Arc::new(breaker), "https://store.test/store", secret(&["alpha-secret"]));
    let registration = Registration::new(store, script.transport(), "alpha".parse().unwrap(), "https://wh.test");
    registration.run(json!({ "source": "deploy" })).await.unwrap();
    assert_eq!(script.sent().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_created_or_updated_stack_hears_that_the_warehouse_is_registered() {
    for kind in ["Create", "Update"] {
        let script = Script::new([refused(), answer(200), answer(200)]);
        let (asked, told) = deployed(&script, request(kind)).await;
        assert_eq!(asked, 2);
        let expected = json!({
            "Status": "SUCCESS",
            "Reason": "registered",
            "PhysicalResourceId": "registration-alpha",
            "StackId": "arn:aws:cloudformation:eu-west-1:1:stack/alpha/1",
            "RequestId": "req-1",
            "LogicalResourceId": "Registration",
        });
        assert_eq!(told, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stack_never_waits_for_a_store_that_is_not_there() {
    let script = Script::new((0..10).map(|_| refused()).chain([answer(200)]));
    let (asked, told) = deployed(&script, request("Create")).await;
    assert_eq!((asked, &told["Status"]), (10, &json!("SUCCESS")));
    assert!(told["Reason"].as_str().unwrap().starts_with("not registered yet: "));
}

#[tokio::test]
async fn a_stack_that_goes_asks_nothing_of_the_store() {
    let mut going = request("Delete");
    going["PhysicalResourceId"] = json!("from-before");
    let (asked, told) = deployed(&Script::new([answer(200)]), going).await;
    assert_eq!((asked, &told["Status"], &told["PhysicalResourceId"]), (0, &json!("SUCCESS"), &json!("from-before")));
}

#[tokio::test]
async fn an_unknown_request_is_answered_too() {
    let (asked, told) = deployed(&Script::new([answer(200)]), request("Rename")).await;
    assert_eq!((asked, &told["Status"]), (0, &json!("FAILED")));
}

#[tokio::test]
async fn an_answer_that_does_not_arrive_is_sent_again_then_given_back_to_lambda() {
    let script = Script::new([answer(500), refused(), answer(200)]);
    let (_, told) = deployed(&Script::new([answer(200)]), request("Delete")).await;
    assert_eq!(told["Status"], "SUCCESS");
    registration(&script).run(request("Delete")).await.unwrap();
    assert_eq!(script.sent().len(), 3);
    let result = registration(&Script::new([answer(500), answer(500), answer(403)])).run(request("Delete")).await;
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "the answer to CloudFormation is not delivered: status 403");
    assert!(!format!("{error:?}").contains("signature"));
}
