//! `cargo xtask create-user`: makes a user of any role, by invoking the stack's own function for it.
//!
//! Who may do that is decided by IAM. The password is read from a file or from standard input, never from the command
//! line, where other users of the machine could read it.

use std::io::Read as _;
use std::path::PathBuf;
use std::{fs, io};

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::{Value, json};

use crate::aws::{self, Cloud};
use crate::project::Project;
use crate::shell::step;
use crate::stacks::{self, Stack};
use crate::tools::Tools;

#[derive(Debug, clap::Args)]
pub(crate) struct CreateUser {
    #[arg(long)]
    email: String,
    /// A name for people.
    #[arg(long)]
    name: String,
    /// `STORE_ADMIN`, `CUSTOMER` or `WAREHOUSE_STAFF`.
    #[arg(long)]
    role: String,
    /// A file with the password (12 to 128 characters), or - to read it from standard input.
    #[arg(long)]
    password_file: PathBuf,
    /// The stack to make the user in, such as `crossdock-store`.
    #[arg(long, default_value = "crossdock-store")]
    stack: String,
    /// On AWS, with the credentials and region of the environment; else on the local stack.
    #[arg(long)]
    aws: bool,
}

/// The input of `task-create-user`.
#[derive(Serialize)]
pub(crate) struct NewUser {
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) password: String,
}

impl CreateUser {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let password = if self.password_file.as_os_str() == "-" {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).context("cannot read the password")?;
            text
        } else {
            fs::read_to_string(&self.password_file).context("cannot read the password file")?
        };
        let project = Project::open()?;
        let tools = step("install the tools", |step| Tools::install(&project, step))?;
        let cloud = if self.aws { Cloud::Aws } else { Cloud::Local };
        let stack = stacks::describe(&project, &tools, cloud, self.stack)?;
        let password = password.trim_end_matches(['\r', '\n']).to_owned();
        let user = NewUser { email: self.email, name: self.name, role: self.role, password };
        let answer = create(&project, &tools, cloud, &stack, &user)?;
        eprintln!("  {answer}");
        Ok(())
    }
}

/// Makes the user; one that exists stays as it is.
pub(crate) fn create(
    project: &Project,
    tools: &Tools,
    cloud: Cloud,
    stack: &Stack,
    user: &NewUser,
) -> anyhow::Result<Value> {
    let function = stack.outputs.get("CreateUserFunction").context("the stack has no output CreateUserFunction")?;
    invoke(project, tools, cloud, function, &serde_json::to_value(user)?)
}

/// Invokes a function and waits for its answer.
pub(crate) fn invoke(
    project: &Project,
    tools: &Tools,
    cloud: Cloud,
    function: &str,
    input: &Value,
) -> anyhow::Result<Value> {
    let arguments = json!({ "FunctionName": function, "Payload": input.to_string() });
    let answer = aws::call(project, tools, cloud, ("lambda", "invoke"), &arguments)?;
    let payload = answer["Payload"].as_str().unwrap_or("null");
    if let Value::String(error) = &answer["FunctionError"] {
        bail!("{function} failed ({error}): {payload}");
    }
    serde_json::from_str(payload).with_context(|| format!("{function} answers no JSON"))
}
