//! AWS's API, one call at a time: with boto3, which is among the tools because SAM needs it.
//!
//! For what xtask must know or do beside deploying; a loop over this would be slow (half a second a call).

use anyhow::Context as _;
use serde_json::Value;

use crate::local_cloud;
use crate::project::Project;
use crate::shell;
use crate::tools::Tools;

/// Where calls go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cloud {
    /// `MiniStack` on this machine.
    Local,
    /// AWS, with the account, region and credentials of the developer's environment.
    Aws,
}

/// Calls `service.operation`, in boto3's spelling: `call(.., "lambda", "invoke", &json!({"FunctionName": "x"}))`.
pub(crate) fn call(
    project: &Project,
    tools: &Tools,
    cloud: Cloud,
    (service, operation): (&str, &str),
    arguments: &Value,
) -> anyhow::Result<Value> {
    let mut command = tools.command("python");
    command.arg(project.path("xtask/tools/aws.py")).args([service, operation]).arg(arguments.to_string());
    if cloud == Cloud::Local {
        local_cloud::point_at(&mut command);
    }
    let answer = shell::read(&mut command).with_context(|| format!("{service} {operation} failed"))?;
    serde_json::from_slice(&answer).context("the answer is no JSON")
}
