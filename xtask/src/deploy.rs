//! `cargo xtask deploy`: builds for AWS and deploys the store and its warehouses there.
//!
//! Account, region and credentials are those of the environment (`AWS_PROFILE`, `AWS_REGION` …), as for SAM itself.

use crate::aws::Cloud;
use crate::build;
use crate::project::Project;
use crate::shell::step;
use crate::stacks::{Deployment, Options};
use crate::tools::Tools;

#[derive(Debug, clap::Args)]
pub(crate) struct Deploy {
    /// The stage, such as `production` or `staging`; part of every stack's name.
    #[arg(long)]
    stage: String,
    /// The tenant, `client.environment`.
    #[arg(long)]
    tenant: String,
    /// Where alarms are sent.
    #[arg(long)]
    alarm_email: Option<String>,
    /// A parameter of the store's template, such as `ShopifyClientId=…`; may be given several times.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parameter)]
    set: Vec<String>,
}

fn parameter(text: &str) -> Result<String, &'static str> {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match text.split_once('=') {
        Some((name, _)) if is_name(name) => Ok(text.to_owned()),
        _ => Err("expected the parameter's name, `=`, and its value"),
    }
}

impl Deploy {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let project = Project::open()?;
        let tools = step("install the tools", |step| Tools::install(&project, step))?;
        build::for_aws(&project, &tools)?;
        let options = Options {
            cloud: Cloud::Aws,
            stage: self.stage.clone(),
            tenant: self.tenant.clone(),
            architecture: "arm64",
            binaries: project.target("lambda"),
            parameters: self.alarm_email.iter().map(|email| format!("AlarmEmail={email}")).collect(),
            store_parameters: self.set.clone(),
        };
        let stacks = Deployment { project: &project, tools: &tools, options: &options }.run()?;
        eprintln!("  store: {}", stacks.store.url);
        for (name, warehouse) in &stacks.warehouses {
            eprintln!("  warehouse {name}: {}", warehouse.url);
        }
        Ok(())
    }
}
