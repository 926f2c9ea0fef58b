//! The third parties of the local stack: programs that keep to the real protocol's rules (`tests/standins`).

use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;

use crate::aws::{self, Cloud};
use crate::daemon::Daemon;
use crate::project::Project;
use crate::stacks::Stack;
use crate::tools::Tools;

/// The payment provider's program.
pub(crate) const PAYMENT_PROVIDER: &str = "payment-provider";
/// Where it listens.
pub(crate) const PAYMENT_URL: &str = "http://127.0.0.1:4567";
const PAYMENT_PORT: u16 = 4567;

const STARTS_WITHIN: Duration = Duration::from_secs(10);

/// Stops them all. A new local cloud has new secrets, which they do not know.
pub(crate) fn stop(project: &Project) -> anyhow::Result<()> {
    Daemon::new(project, PAYMENT_PROVIDER).stop()
}

/// Starts the payment provider with the key that the store has for it. One that runs is kept: it remembers the store's
/// payments.
pub(crate) fn start_payment_provider(
    project: &Project,
    tools: &Tools,
    program: &Path,
    store: &Stack,
) -> anyhow::Result<()> {
    let daemon = Daemon::new(project, PAYMENT_PROVIDER);
    if daemon.running().is_some() {
        return Ok(());
    }
    let secret = store.outputs.get("PaymentSecretArn").context("the store has no output PaymentSecretArn")?;
    let operation = ("secretsmanager", "get_secret_value");
    let answer = aws::call(project, tools, Cloud::Local, operation, &json!({ "SecretId": secret }))?;
    let key = answer["SecretString"].as_str().context("the payment secret has no text")?;
    let mut command = Command::new(program);
    command.arg(PAYMENT_PORT.to_string()).arg(key);
    daemon.start(&mut command, STARTS_WITHIN, || TcpStream::connect((Ipv4Addr::LOCALHOST, PAYMENT_PORT)).is_ok())
}
