//! The state machine `FullSync`, by its executions: two calls of Step Functions, without an SDK
//! (docs/decisions/0017-calls-without-sdk.md).
//!
//! Source: AWS Step Functions API reference, `StartExecution`, `DescribeExecution`.

use std::sync::Arc;

use async_trait::async_trait;
use runtime::{CallError, JsonCalls, Protocol, Service};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;
use shopify::Shop;
use shopify::flows::syncs::{Machine, SyncState};
use web::BoxError;

/// What state machines run in.
pub(crate) const STEP_FUNCTIONS: Service =
    Service { host: "states", name: "states", prefix: "AWSStepFunctions", protocol: Protocol::Json10 };

/// Executions of one state machine.
pub(crate) struct Executions {
    calls: Arc<dyn JsonCalls>,
    /// ARN.
    machine: String,
}

#[derive(Deserialize)]
struct Execution {
    status: SyncState,
}

impl Executions {
    pub(crate) fn new(calls: Arc<dyn JsonCalls>, machine: String) -> Self {
        Self { calls, machine }
    }
}

#[async_trait]
impl Machine for Executions {
    async fn start(&self, name: &str, shop: &Shop) -> Result<(), BoxError> {
        let input = json!({ "shop": shop, "run": name }).to_string();
        let request = json!({ "stateMachineArn": self.machine, "name": name, "input": input });
        match self.calls.call("StartExecution", &request).await {
            Ok(_) => Ok(()),
            Err(CallError::Refused { code, .. }) if code == "ExecutionAlreadyExists" => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn state(&self, name: &str) -> Result<Option<SyncState>, BoxError> {
        let execution = format!("{}:{name}", self.machine.replacen(":stateMachine:", ":execution:", 1));
        match self.calls.call("DescribeExecution", &json!({ "executionArn": execution })).await {
            Ok(answer) => {
                let Execution { status } = serde_json::from_str(answer.expose_secret())?;
                Ok(Some(status))
            }
            Err(CallError::Refused { code, .. }) if code == "ExecutionDoesNotExist" => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use secrecy::SecretString;
    use serde_json::Value;

    use super::*;

    /// Answers everything with the same, and keeps what was asked.
    struct Script(Result<&'static str, &'static str>, Mutex<Vec<(String, Value)>>);

    #[async_trait]
    impl JsonCalls for Script {
        async fn call(&self, operation: &str, body: &Value) -> Result<SecretString, CallError> {
            self.1.lock().unwrap().push((operation.to_owned(), body.clone()));
            let refused = |code: &str| CallError::Refused { code: code.to_owned(), message: String::new() };
            self.0.map(SecretString::from).map_err(refused)
        }
    }

    fn executions(answer: Result<&'static str, &'static str>) -> (Executions, Arc<Script>) {
        let script = Arc::new(Script(answer, Mutex::default()));
        let machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:store-FullSync-1".to_owned();
        (Executions::new(script.clone(), machine), script)
    }

    #[tokio::test]
    async fn an_execution_is_started_once_under_the_name_of_its_run() {
        let shop = "first.myshopify.com".parse().unwrap();
        let (first, script) = executions(Ok("{}"));
        first.start("run_1", &shop).await.unwrap();
        let (operation, body) = script.1.lock().unwrap().remove(0);
        assert_eq!((operation.as_str(), &body["name"]), ("StartExecution", &json!("run_1")));
        assert_eq!(body["input"], r#"{"run":"run_1","shop":"first.myshopify.com"}"#);
        executions(Err("ExecutionAlreadyExists")).0.start("run_1", &shop).await.unwrap();
        executions(Err("AccessDeniedException")).0.start("run_1", &shop).await.unwrap_err();
    }

    #[tokio::test]
    async fn its_state_is_asked_for_by_its_arn() {
        let (running, script) = executions(Ok(r#"{"status":"RUNNING","input":"{}"}"#));
        assert_eq!(running.state("run_1").await.unwrap(), Some(SyncState::Running));
        let arn = "arn:aws:states:eu-west-1:123456789012:execution:store-FullSync-1:run_1";
        assert_eq!(script.1.lock().unwrap()[0].1, json!({ "executionArn": arn }));
        for (status, state) in [
            (r#"{"status":"TIMED_OUT"}"#, SyncState::TimedOut),
            (r#"{"status":"PENDING_REDRIVE"}"#, SyncState::Running),
        ] {
            assert_eq!(executions(Ok(status)).0.state("run_1").await.unwrap(), Some(state));
        }
        assert_eq!(executions(Err("ExecutionDoesNotExist")).0.state("run_1").await.unwrap(), None);
        executions(Err("ThrottlingException")).0.state("run_1").await.unwrap_err();
    }
}
