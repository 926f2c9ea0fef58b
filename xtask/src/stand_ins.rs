//! The third parties of the local stack: programs that keep to the real protocol's rules (`tests/standins`).

use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

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

/// The store's program, and its package.
pub(crate) const SHOPIFY: &str = "shopify-standin";
/// Where it listens.
pub(crate) const SHOP_URL: &str = "http://127.0.0.1:4568";
const SHOP_PORT: u16 = 4568;
/// What it is called, and what it calls our app.
pub(crate) const SHOP: &str = "stand-in.myshopify.com";
pub(crate) const SHOP_CLIENT_ID: &str = "standin-app";
/// The places it has, as the warehouses are called.
const PLACES: [&str; 2] = ["Alpha", "Beta"];

const STARTS_WITHIN: Duration = Duration::from_secs(10);
/// The first time it fetches the Admin schema.
const SHOP_STARTS_WITHIN: Duration = Duration::from_secs(180);

/// Stops them all. A new local cloud has new secrets, which they do not know.
pub(crate) fn stop(project: &Project) -> anyhow::Result<()> {
    Daemon::new(project, PAYMENT_PROVIDER).stop()?;
    Daemon::new(project, SHOPIFY).stop()
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
    let key = secret(project, tools, store, "PaymentSecretArn")?;
    let mut command = Command::new(program);
    command.arg(PAYMENT_PORT.to_string()).arg(key);
    daemon.start(&mut command, STARTS_WITHIN, || listens(PAYMENT_PORT))
}

/// Starts the Shopify store, whose app has the client secret that ours has for it. One that runs is kept: it remembers what it
/// was told.
pub(crate) fn start_shop(project: &Project, tools: &Tools, program: &Path, store: &Stack) -> anyhow::Result<()> {
    let daemon = Daemon::new(project, SHOPIFY);
    if daemon.running().is_some() {
        return Ok(());
    }
    let mut command = Command::new(program);
    command.arg(SHOP_PORT.to_string()).arg(app_secret(project, tools, store)?).args(PLACES);
    daemon.start(&mut command, SHOP_STARTS_WITHIN, || listens(SHOP_PORT))
}

/// What Shopify signs with.
pub(crate) fn app_secret(project: &Project, tools: &Tools, store: &Stack) -> anyhow::Result<String> {
    let text = secret(project, tools, store, "ShopifySecretArn")?;
    let secret: Value = serde_json::from_str(&text).context("the app's secret is no JSON")?;
    secret["current"].as_str().map(str::to_owned).context("the app's secret has no current value")
}

/// The text of a secret of the store's stack, by the output that names it.
fn secret(project: &Project, tools: &Tools, store: &Stack, output: &str) -> anyhow::Result<String> {
    let secret = store.outputs.get(output).with_context(|| format!("the store has no output {output}"))?;
    let operation = ("secretsmanager", "get_secret_value");
    let answer = aws::call(project, tools, Cloud::Local, operation, &json!({ "SecretId": secret }))?;
    answer["SecretString"].as_str().map(str::to_owned).with_context(|| format!("{output} has no text"))
}

fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}
