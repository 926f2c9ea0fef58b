//! Vendure, a shop of the same kind on Node, as a process with its own `PostgreSQL`: installed from npm and Debian when it is
//! asked for, filled with the benchmark's books by `tests/bench/vendure`.
//!
//! An order is one request with every step a shopper's checkout takes: the fewest requests it can be had with.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{function, processor};
use crate::project::Project;
use crate::shell::{self, Step};

const READ: &str =
    "query ($id: ID!) { product(id: $id) { id name slug description variants { id sku priceWithTax stockLevel } } }";

const ORDER: &str = r#"mutation ($id: ID!) {
  add: addItemToOrder(productVariantId: $id, quantity: 1) { __typename }
  customer: setCustomerForOrder(input: { firstName: "A", lastName: "B", emailAddress: "customer@example.com" }) { __typename }
  address: setOrderShippingAddress(input: { streetLine1: "1 High Street", city: "London", postalCode: "N1", countryCode: "GB" }) { __typename }
  shipping: setOrderShippingMethod(shippingMethodId: ["1"]) { __typename }
  checkout: transitionOrderToState(state: "ArrangingPayment") { __typename }
  pay: addPaymentToOrder(input: { method: "dummy", metadata: {} }) { __typename ... on Order { state } }
}"#;

/// A running shop; it and its database end when this is dropped.
pub(super) struct Vendure {
    child: Child,
    url: String,
    pub(super) stock: Stock,
    agent: ureq::Agent,
    _open: Option<ChildStdin>,
    _database: Database,
}

/// What it says it has: variants `1` to `books`, and one of which there is a single unit.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Stock {
    pub(super) books: usize,
    pub(super) last: usize,
}

/// Installs what the lock file names.
pub(super) fn install(project: &Project, step: &Step) -> anyhow::Result<()> {
    let mut npm = Command::new("npm");
    // No package's own script is needed, so none is run.
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(project.path("tests/bench/vendure"));
    step.run(&mut npm, &project.target("bench/log/vendure-install.log"))
}

impl Vendure {
    /// Starts it on the last processor, its database on the first, where also its clients are.
    pub(super) fn start(project: &Project) -> anyhow::Result<Self> {
        let database = Database::start(&project.target("bench/log/postgresql.log"))?;
        let port = TcpListener::bind("127.0.0.1:0").context("no port")?.local_addr()?.port();
        let log = shell::create(&project.target("bench/log/vendure.log"))?;
        let mut command = processor::on_core(processor::last_core(), Path::new("node"));
        let mut child = command
            .arg(project.path("tests/bench/vendure/src/server.js"))
            .args([&port.to_string()])
            .args([database.folder.path(), project.target("bench").as_path()])
            .env("NODE_ENV", "production")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("cannot start node")?;
        let (mut line, output) = (String::new(), child.stdout.take().context("no output")?);
        BufReader::new(output).read_line(&mut line).context("it says nothing")?;
        let open = child.stdin.take();
        let limit = Some(Duration::from_secs(120));
        let agent = ureq::Agent::config_builder().timeout_global(limit).max_idle_connections_per_host(256).build();
        let stock =
            serde_json::from_str(&line).with_context(|| shell::tail(&project.target("bench/log/vendure.log")))?;
        let url = format!("http://127.0.0.1:{port}/shop-api");
        Ok(Self { child, url, stock, agent: agent.into(), _open: open, _database: database })
    }

    /// Processor time of the shop so far, its database not included.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        function::cpu(self.child.id())
    }

    /// Reads a product.
    pub(super) fn read(&self, id: usize) -> anyhow::Result<bool> {
        Ok(self.ask(READ, id)?["data"]["product"]["id"].is_string())
    }

    /// Buys one; whether it was sold.
    pub(super) fn order(&self, id: usize) -> anyhow::Result<bool> {
        Ok(self.ask(ORDER, id)?["data"]["pay"]["state"] == "PaymentAuthorized")
    }

    fn ask(&self, query: &str, id: usize) -> anyhow::Result<Value> {
        let body = json!({ "query": query, "variables": { "id": id.to_string() } }).to_string();
        let mut answer = self.agent.post(&self.url).content_type("application/json").send(&body)?;
        Ok(serde_json::from_str(&answer.body_mut().read_to_string()?)?)
    }
}

impl Drop for Vendure {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A database of its own, reached by a socket in a folder that goes with it.
struct Database {
    programs: PathBuf,
    folder: TempDir,
}

impl Database {
    fn start(log: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("no folder for the database")?;
        if is_root() {
            shell::read(Command::new("chown").arg("postgres").arg(folder.path()))?;
        }
        let database = Self { programs: programs()?, folder };
        let data = database.data();
        shell::read(database.command("initdb").args(["--auth=trust", "--username=vendure", "--pgdata"]).arg(&data))?;
        let options = format!("-k {} -c listen_addresses='' -c max_connections=300", database.folder.path().display());
        let mut start = database.command("pg_ctl");
        start.args(["start", "--wait", "--options", &options, "--pgdata"]).arg(&data);
        // The server inherits the output, so a pipe would never end.
        let output = shell::create(log)?;
        let status = start.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).status()?;
        if !status.success() {
            bail!("PostgreSQL did not start\n{}", shell::tail(log));
        }
        let socket = database.folder.path();
        shell::read(database.command("createdb").arg("--host").arg(socket).args(["--username=vendure", "vendure"]))?;
        Ok(database)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// One of its programs, on the first processor; they refuse to run as root.
    fn command(&self, name: &str) -> Command {
        let mut command = processor::on_core(Some(0), Path::new(if is_root() { "runuser" } else { "env" }));
        if is_root() {
            command.args(["-u", "postgres", "--"]);
        }
        command.arg(self.programs.join(name)).current_dir("/");
        command
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let mut stop = self.command("pg_ctl");
        // It may have ended already.
        let _ = shell::read(stop.args(["stop", "--mode=immediate", "--pgdata"]).arg(self.data()));
    }
}

fn is_root() -> bool {
    shell::read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim_ascii() == b"0")
}

/// Where Debian puts the programs of the newest version there is.
fn programs() -> anyhow::Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").context("PostgreSQL is not installed")?;
    let found = versions.filter_map(Result::ok).map(|version| version.path().join("bin"));
    found.filter(|bin| bin.join("initdb").is_file()).max().context("PostgreSQL is not installed")
}
