//! `task-create-user`: an operator makes a user of any role.
//!
//! There is no route for it: who may invoke the function is decided by IAM, so the first administrator of a deployment
//! needs no default credential.

use access::{Access, NewUser, RegisterError, Role};
use async_trait::async_trait;
use kernel::TenantId;
use runtime::Failure;
use serde::Deserialize;
use serde_json::{Value, json};

/// Makes users of one tenant.
pub struct CreateUser {
    pub(crate) tenant: TenantId,
    pub(crate) access: Access,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    email: String,
    name: String,
    password: String,
    role: Role,
}

#[async_trait]
impl runtime::Task for CreateUser {
    /// Takes `{email, name, password, role}`; answers `{status: "created" | "exists", id?}`. A user that exists stays as
    /// it is.
    async fn run(&self, input: Value) -> Result<Value, Failure> {
        // The parser's message could quote the password.
        let input: Input = serde_json::from_value(input)
            .map_err(|_| Failure::new("MalformedInput", "want email, name, password, role"))?;
        let new = NewUser { email: input.email, password: input.password, name: input.name };
        match self.access.create_user(&self.tenant, &new, input.role).await {
            Ok(user) => Ok(json!({ "status": "created", "id": user.id })),
            Err(RegisterError::Taken) => Ok(json!({ "status": "exists" })),
            Err(RegisterError::Invalid(found)) => {
                let rules: Vec<String> = found.iter().map(|v| format!("{} {}", v.pointer, v.detail)).collect();
                Err(Failure::new("InvalidUser", rules.join("; ")))
            }
            Err(error) => Err(Failure::new("CreateUserFailed", error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::SystemClock;
    use runtime::Task as _;
    use std::sync::Arc;
    use testkit::LocalDynamo;

    use super::*;

    #[tokio::test]
    async fn an_operator_makes_an_administrator_once_and_secrets_stay_out_of_errors() {
        let dynamo = LocalDynamo::new();
        dynamo.create_table("crossdock");
        let table = table::Table::new(dynamo.client(), "crossdock");
        let task = CreateUser { tenant: testkit::tenant(), access: Access::new(table, Arc::new(SystemClock)) };
        let input = json!({ "email": "ada@example.com", "name": "Ada", "password": "correct horse battery", "role": "STORE_ADMIN" });
        assert_eq!(task.run(input.clone()).await.unwrap()["status"], "created");
        assert_eq!(task.run(input).await.unwrap()["status"], "exists");
        let short = json!({ "email": "bo@example.com", "name": "Bo", "password": "s3cret", "role": "STORE_ADMIN" });
        let failure = task.run(short).await.unwrap_err();
        assert_eq!(failure.error_type, "InvalidUser");
        assert!(!failure.message.contains("s3cret"));
    }
}
