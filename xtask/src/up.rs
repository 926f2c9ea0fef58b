//! `cargo xtask up`: from a clone to a running platform on this machine.
//!
//! Running it again brings what runs up to date: tools, functions and stacks change only where something changed.

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::aws::{self, Cloud};
use crate::build;
use crate::create_user;
use crate::demo::{self, World};
use crate::local_cloud;
use crate::local_users::{User, Users};
use crate::project::Project;
use crate::shell::step;
use crate::stacks::{Deployment, LocalStack, Options, Stacks};
use crate::stand_ins;
use crate::tools::Tools;

/// The tenant of the local stack.
pub(crate) const TENANT: &str = "demo.local";

pub(crate) fn run() -> anyhow::Result<()> {
    let project = Project::open()?;
    let tools = step("install the tools", |step| Tools::install(&project, step))?;
    let binaries = step("build the functions", |step| build::for_local(&project, step))?;
    let (provider, shop) = step("build the stand-ins", |step| {
        let provider = build::stand_in(&project, step, "standins", stand_ins::PAYMENT_PROVIDER)?;
        Ok((provider, build::stand_in(&project, step, stand_ins::SHOPIFY, stand_ins::SHOPIFY)?))
    })?;
    step("start the local cloud", |_| {
        if local_cloud::start(&project, &tools)? {
            stand_ins::stop(&project)?;
            Users::forget(&project)?;
        }
        Ok(())
    })?;
    let options = Options {
        cloud: Cloud::Local,
        stage: "local".to_owned(),
        tenant: TENANT.to_owned(),
        architecture: architecture()?,
        binaries,
        parameters: vec![format!("GatewayUrl={}", local_cloud::GATEWAY)],
        store_parameters: vec![
            "ReconcileRate=rate(1 minute)".to_owned(),
            "BulkRate=rate(1 minute)".to_owned(),
            format!("CognitoUrl={}", local_cloud::ENDPOINT),
            format!("PaymentBaseUrl={}", stand_ins::PAYMENT_URL),
            format!("ShopifyClientId={}", stand_ins::SHOP_CLIENT_ID),
            format!("ShopifyBaseUrl={}", stand_ins::SHOP_URL),
        ],
    };
    let stacks = Deployment { project: &project, tools: &tools, options: &options }.run()?;
    step("make the keys of tokens", |_| {
        let function = stacks.store.outputs.get("KeysFunction").context("the store has no KeysFunction")?;
        create_user::invoke(&project, &tools, Cloud::Local, function, &json!({})).map(|_| ())
    })?;
    step("start the payment provider", |_| {
        stand_ins::start_payment_provider(&project, &tools, &provider, &stacks.store)
    })?;
    step("start the Shopify store", |_| stand_ins::start_shop(&project, &tools, &shop, &stacks.store))?;
    step("register the warehouses", |_| register(&project, &tools, &stacks))?;
    LocalStack::remember(&project, &stacks)?;
    let users = step("make the users", |_| Users::create(&project, &tools, &stacks))?;
    let world = World { project: &project, tools: &tools, stacks: &stacks, users: &users };
    step("load the sample catalogue", |_| demo::seed::catalogue(&world))?;
    step("put opening stock into the warehouses", |_| demo::seed::stock(&world))?;
    demo::run(&world)?;
    invite(&stacks, &users)
}

/// What to try next.
fn invite(stacks: &Stacks, users: &Users) -> anyhow::Result<()> {
    eprintln!("\n  store: {}", stacks.store.url);
    for (name, warehouse) in &stacks.warehouses {
        eprintln!("  warehouse {name}: {}", warehouse.url);
    }
    for (name, what) in [("admin", "store administrator"), ("ada", "customer"), ("staff", "warehouse staff")] {
        let User { email, password } = users.get(name)?;
        eprintln!("  {what}: {email} {password}");
    }
    let User { email, password } = users.get("ada")?;
    eprintln!("\n  curl -u {email}:{password} '{}/v1/books?q=moby'", stacks.store.url);
    Ok(())
}

/// This machine's architecture, in Lambda's word for it.
fn architecture() -> anyhow::Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("x86_64"),
        "aarch64" => Ok("arm64"),
        other => bail!("Lambda functions cannot run on {other}"),
    }
}

/// On AWS a rule on the stack's own status makes a warehouse register when it has been deployed; `MiniStack` has no such
/// events.
fn register(project: &Project, tools: &Tools, stacks: &Stacks) -> anyhow::Result<()> {
    for (name, warehouse) in &stacks.warehouses {
        let function = warehouse.outputs.get("RegistrationFunction");
        let arguments = json!({ "FunctionName": function.context("the warehouse has no RegistrationFunction")? });
        let answer = aws::call(project, tools, Cloud::Local, ("lambda", "invoke"), &arguments)?;
        if let Value::String(error) = &answer["FunctionError"] {
            bail!("warehouse {name} cannot register ({error}): {}", answer["Payload"]);
        }
    }
    Ok(())
}
