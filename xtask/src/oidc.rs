//! A client library of the field signs in, refreshes and logs out at the local stack: `tests/oidc`.

use std::process::Command;

use anyhow::Context as _;
use serde_json::json;

use crate::aws::{self, Cloud};
use crate::local_users::{User, Users};
use crate::project::Project;
use crate::shell::{self, step};
use crate::stacks::LocalStack;
use crate::tools::Tools;
use crate::up::TENANT;

/// Runs it against the stack that `up` started.
pub(crate) fn run(project: &Project) -> anyhow::Result<()> {
    let folder = project.path("tests/oidc");
    step("install the client library", |step| {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder);
        step.run(&mut npm, &project.local("log/oidc-npm.log"))
    })?;
    let tools = step("install the tools", |step| Tools::install(project, step))?;
    let (stacks, users) = (LocalStack::load(project)?, Users::load(project)?);
    let pool = stacks.store.outputs.get("UserPoolId").context("the store has no UserPoolId")?;
    let person = person(project, &tools, pool)?;
    let api = stacks.store.url.strip_suffix("/store").context("the store's URL does not end in /store")?;
    let User { email, password } = users.admin()?;
    shell::show(
        Command::new("node")
            .arg("login.mjs")
            .current_dir(&folder)
            .env("API", api)
            .env("TENANT", TENANT)
            .env("ADMIN", format!("{email}:{password}"))
            .env("POOL_EMAIL", person.email)
            .env("POOL_PASSWORD", person.password),
    )
}

/// Somebody new in the user pool.
fn person(project: &Project, tools: &Tools, pool: &str) -> anyhow::Result<User> {
    let user = User {
        email: format!("oidc-{:016x}@example.com", fastrand::u64(..)),
        password: format!("Aa1!{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)),
    };
    let verified = json!([{ "Name": "email", "Value": user.email }, { "Name": "email_verified", "Value": "true" }]);
    let new = json!({
        "UserPoolId": pool, "Username": user.email, "UserAttributes": verified, "MessageAction": "SUPPRESS",
    });
    aws::call(project, tools, Cloud::Local, ("cognito-idp", "admin_create_user"), &new)?;
    let password = json!({ "UserPoolId": pool, "Username": user.email, "Password": user.password, "Permanent": true });
    aws::call(project, tools, Cloud::Local, ("cognito-idp", "admin_set_user_password"), &password)?;
    Ok(user)
}
