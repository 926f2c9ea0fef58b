//! `cargo xtask demo`: four orders on the running local stack, from the customer's click to the warehouse's confirmation, and one
//! that is bought in a Shopify store.
//!
//! `up` ends with it, and it can be repeated as often as one likes. With `--json` the outcome is printed for programs.

pub(crate) mod api;
mod cases;
pub(crate) mod seed;
mod shopify;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::{Value, json};

use self::api::Api;
use self::cases::Case;
use crate::aws::{self, Cloud};
use crate::create_user::invoke;
use crate::local_users::Users;
use crate::project::Project;
use crate::shell::step;
use crate::stacks::{LocalStack, Stack, Stacks};
use crate::tools::Tools;

#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Print the outcome as one JSON object.
    #[arg(long)]
    json: bool,
}

/// The running local stack, and who is on it.
pub(crate) struct World<'a> {
    pub(crate) project: &'a Project,
    pub(crate) tools: &'a Tools,
    pub(crate) stacks: &'a Stacks,
    pub(crate) users: &'a Users,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Outcome {
    ok: bool,
    url: String,
    orders: Vec<Case>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<String>,
}

impl Demo {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let project = Project::open()?;
        let tools = step("install the tools", |step| Tools::install(&project, step))?;
        let (stacks, users) = (LocalStack::load(&project)?, Users::load(&project)?);
        let world = World { project: &project, tools: &tools, stacks: &stacks, users: &users };
        let outcome = world.demonstrate();
        if self.json {
            println(&serde_json::to_string(&outcome)?);
        }
        anyhow::ensure!(outcome.ok, "the demonstration failed: {}", outcome.failures.join("; "));
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
fn println(text: &str) {
    println!("{text}");
}

/// Runs the demonstration as the end of `up`.
pub(crate) fn run(world: &World) -> anyhow::Result<()> {
    let outcome = world.demonstrate();
    anyhow::ensure!(outcome.ok, "the demonstration failed: {}", outcome.failures.join("; "));
    Ok(())
}

impl World<'_> {
    fn demonstrate(&self) -> Outcome {
        type Scene = (&'static str, fn(&World) -> anyhow::Result<Case>);
        let scenes: [Scene; 5] = [
            ("an order one warehouse can fill", cases::single),
            ("an order that takes both", cases::split),
            ("the last copy, ordered twice", cases::last_copy),
            ("an order whose warehouse is offline", cases::offline),
            ("a book that is bought in a Shopify store", shopify::round_trip),
        ];
        let (mut orders, mut failures) = (Vec::new(), Vec::new());
        for (title, scene) in scenes {
            match step(title, |_| scene(self)) {
                Ok(case) => orders.push(case),
                Err(error) => failures.push(format!("{title}: {error:#}")),
            }
        }
        Outcome { ok: failures.is_empty(), url: self.stacks.store.url.clone(), orders, failures }
    }

    /// Tells whoever is watching what happens.
    pub(crate) fn say(&self, text: &str) {
        eprintln!("      {text}");
    }

    pub(crate) fn store_as(&self, user: &str) -> anyhow::Result<Api> {
        Ok(Api::basic(&self.stacks.store.url, self.users.get(user)?))
    }

    pub(crate) fn warehouse(&self, name: &str) -> anyhow::Result<&Stack> {
        self.stacks.warehouses.get(name).with_context(|| format!("there is no warehouse {name}"))
    }

    pub(crate) fn warehouse_as_staff(&self, name: &str) -> anyhow::Result<Api> {
        Ok(Api::basic(&self.warehouse(name)?.url, self.users.staff()?))
    }

    /// Counts stock in the warehouses and lets the store know.
    pub(crate) fn set_stock(&self, rows: &[(&str, &str, i64)]) -> anyhow::Result<()> {
        for (warehouse, isbn, on_hand) in rows {
            let figure = json!({ "onHand": on_hand });
            self.warehouse_as_staff(warehouse)?.put(&format!("/v1/inventory/{isbn}"), &figure)?.expect(200)?;
        }
        self.reconcile()
    }

    /// Runs the schedule that reads the warehouses' stock, now.
    pub(crate) fn reconcile(&self) -> anyhow::Result<()> {
        self.run_schedule("ReconcileFunction")
    }

    /// Runs the schedule that asks the warehouses whether they are there, now.
    pub(crate) fn check_health(&self) -> anyhow::Result<()> {
        self.run_schedule("HealthFunction")
    }

    fn run_schedule(&self, output: &str) -> anyhow::Result<()> {
        let function = self.stacks.store.outputs.get(output);
        let function = function.with_context(|| format!("the store has no output {output}"))?;
        invoke(self.project, self.tools, Cloud::Local, function, &json!({})).map(|_| ())
    }

    /// Registers a warehouse under a URL, with its own secret.
    pub(crate) fn register(&self, name: &str, url: &str) -> anyhow::Result<()> {
        let mut title = name.to_owned();
        title.get_mut(..1).into_iter().for_each(str::make_ascii_uppercase);
        let output = format!("Warehouse{title}SecretArn");
        let secret = self.stacks.store.outputs.get(&output).with_context(|| format!("no output {output}"))?;
        let operation = ("secretsmanager", "get_secret_value");
        let answer = aws::call(self.project, self.tools, Cloud::Local, operation, &json!({ "SecretId": secret }))?;
        let text = answer["SecretString"].as_str().context("the secret has no text")?;
        let secret: Value = serde_json::from_str(text).context("the secret is no JSON")?;
        let current = secret["current"].as_str().context("the secret has no current value")?;
        let body = json!({ "id": name, "name": format!("Warehouse {name}"), "url": url });
        Api::bearer(&self.stacks.store.url, current).post("/v1/warehouses/register", &body)?.expect(201)?;
        Ok(())
    }

    /// Keeps a warehouse from registering itself again by schedule, or lets it.
    pub(crate) fn pause_registration(&self, name: &str, pause: bool) -> anyhow::Result<()> {
        let function = self.warehouse(name)?.outputs.get("RegistrationFunction").context("no RegistrationFunction")?;
        let (operation, arguments) = if pause {
            let arguments = json!({ "FunctionName": function, "ReservedConcurrentExecutions": 0 });
            (("lambda", "put_function_concurrency"), arguments)
        } else {
            (("lambda", "delete_function_concurrency"), json!({ "FunctionName": function }))
        };
        aws::call(self.project, self.tools, Cloud::Local, operation, &arguments).map(|_| ())
    }
}
