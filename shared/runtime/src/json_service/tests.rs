use serde_json::json;

use super::testing::{Answers, Script, service};
use super::*;

const THINGS: Service =
    Service { host: "things", name: "things", prefix: "Things_20261121", protocol: Protocol::Json11 };

#[tokio::test]
async fn a_call_names_its_operation_and_gives_the_answer() {
    let script = Script::new(|_| (200, json!({ "Name": "a", "More": 1 })));
    let answer = service(THINGS, &script).call("GetThing", &json!({ "Id": "x" })).await.unwrap();
    assert_eq!(answer.expose_secret(), r#"{"More":1,"Name":"a"}"#);
    assert_eq!(script.sent(), [("Things_20261121.GetThing".to_owned(), json!({ "Id": "x" }))]);
}

#[tokio::test]
async fn what_may_pass_is_tried_three_times_and_a_no_is_taken_for_one() {
    let cases: [(Answers, usize, &str); 3] = [
        (|_| (500, Value::Null), 3, "500"),
        (|_| (400, json!({ "__type": "com.amazon#ThrottlingException", "message": "slow" })), 3, "ThrottlingException"),
        (|_| (400, json!({ "__type": "NotFoundException", "Message": "no such thing" })), 1, "NotFoundException"),
    ];
    for (answers, tries, code) in cases {
        let script = Script::new(answers);
        let error = service(THINGS, &script).call("GetThing", &json!({})).await.unwrap_err();
        assert_eq!(script.sent().len(), tries, "{code}");
        assert!(matches!(&error, CallError::Refused { code: told, .. } if told == code), "{error:?}");
    }
    let script = Script::new(|call| if call < 3 { (503, Value::Null) } else { (200, json!({})) });
    service(THINGS, &script).call("GetThing", &json!({})).await.unwrap();
}
