use std::sync::Arc;

use access::{NewUser, ServiceName};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::SystemClock;
use runtime::Task;
use secrecy::SecretString;
use table::Table;
use testkit::{Effect, FaultInjector, LocalDynamo, Side};
use web::BoxError;
use web::secret::Secret;

use super::*;

const EVENT: &str = include_str!("../../../../events/authorizer-basic.json");
const PASSWORD: &str = "correct horse";

/// A secret, or what Secrets Manager does when it has a bad day.
struct Stored(Option<&'static str>);

#[async_trait]
impl Secret for Stored {
    async fn read(&self) -> Result<SecretString, BoxError> {
        self.0.map(SecretString::from).ok_or_else(|| "no answer".into())
    }

    async fn refresh(&self) -> Result<SecretString, BoxError> {
        self.read().await
    }
}

fn tenant() -> TenantId {
    "acme.test".parse().unwrap()
}

/// An authorizer that knows one customer, and one service by this secret.
async fn authorizer(faults: &FaultInjector, secret: Option<&'static str>) -> Authorizer {
    let dynamo = LocalDynamo::new();
    dynamo.create_table("crossdock");
    let table = Table::new(dynamo.client_through(faults), "crossdock");
    let access = Access::new(table, Arc::new(SystemClock));
    let [email, password, name] = ["customer@example.com", PASSWORD, "Ada"].map(str::to_owned);
    access.register(&tenant(), &NewUser { email, password, name }).await.unwrap();
    let name: ServiceName = "warehouse:alpha".parse().unwrap();
    Authorizer::new(tenant(), access, Services::new(vec![(name, Arc::new(Stored(secret)))]))
}

async fn known() -> Authorizer {
    authorizer(&FaultInjector::new(), Some(r#"{"current": "alpha-secret-0001"}"#)).await
}

fn event(authorization: &str) -> Value {
    let mut event: Value = serde_json::from_str(EVENT).unwrap();
    event["headers"]["authorization"] = authorization.into();
    event
}

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

#[tokio::test]
async fn a_user_is_let_in_with_principal_role_and_tenant() {
    let answer = known().await.run(serde_json::from_str(EVENT).unwrap()).await.unwrap();
    assert_eq!(answer["isAuthorized"], true);
    let principal = answer["context"]["principal"].as_str().unwrap();
    assert!(principal.starts_with("usr_"));
    let context = json!({ "principal": principal, "role": "CUSTOMER", "tenant": "acme.test" });
    assert_eq!(answer["context"], context);
}

#[tokio::test]
async fn a_service_is_let_in_under_its_own_name() {
    let mut event = event("");
    event["headers"] = json!({ "Authorization": "bearer alpha-secret-0001" });
    let context = json!({ "principal": "service:warehouse:alpha", "role": "SERVICE", "tenant": "acme.test" });
    let answer = known().await.run(event).await.unwrap();
    assert_eq!(answer, json!({ "isAuthorized": true, "context": context }));
}

#[tokio::test]
async fn every_wrong_credential_gets_the_same_answer_and_no_principal() {
    let authorizer = known().await;
    let denied = json!({ "isAuthorized": true, "context": { "denied": "invalid_credentials" } });
    for header in [
        &*basic("customer@example.com:correct horsf"),
        &*basic(&format!("nobody@example.com:{PASSWORD}")),
        &*basic("customer@example.com"),
        "Bearer alpha-secret-0002",
        "Bearer",
        "Digest username=x",
        "",
    ] {
        assert_eq!(authorizer.run(event(header)).await.unwrap(), denied, "{header}");
    }
    let mut without = event("");
    without["headers"] = json!({});
    assert_eq!(authorizer.run(without).await.unwrap(), denied);
}

#[tokio::test]
async fn what_is_no_authorizer_event_is_stopped() {
    let authorizer = known().await;
    let good = event(&basic(&format!("customer@example.com:{PASSWORD}")));
    for (name, value) in [
        ("version", json!("1.0")),
        ("type", json!("TOKEN")),
        ("headers", Value::Null),
        ("headers", json!({ "authorization": 7 })),
    ] {
        let mut bad = good.clone();
        bad[name] = value;
        assert_eq!(authorizer.run(bad).await.unwrap_err().error_type, "AuthorizerFailed", "{name}");
    }
    for bad in [Value::Null, json!([]), json!("Basic"), json!({})] {
        assert_eq!(authorizer.run(bad).await.unwrap_err().error_type, "AuthorizerFailed");
    }
}

#[tokio::test]
async fn an_outage_of_table_or_secrets_lets_nobody_in() {
    let faults = FaultInjector::new();
    let authorizer = authorizer(&faults, None).await;
    let right = event(&basic(&format!("customer@example.com:{PASSWORD}")));
    assert_eq!(authorizer.run(right.clone()).await.unwrap()["context"]["role"], "CUSTOMER");
    faults.always("BatchGetItem", Side::Before, Effect::ServerError);
    assert_eq!(authorizer.run(right).await.unwrap_err().error_type, "AuthorizerFailed");
    let service = event("Bearer alpha-secret-0001");
    assert_eq!(authorizer.run(service).await.unwrap_err().error_type, "AuthorizerFailed");
}
