//! The three stacks (the store, and the warehouse template twice), and where they are when they are deployed.
//!
//! The warehouses are given what they must know of the store from the store's outputs; the store learns of the
//! warehouses when they register.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread;

use anyhow::{Context as _, anyhow};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::aws::{self, Cloud};
use crate::local_cloud;
use crate::project::Project;
use crate::shell::{self, Step, step};
use crate::template;
use crate::tools::Tools;

/// The warehouses of a deployment. The store's template names them too: it has the secret of each.
const WAREHOUSES: [&str; 2] = ["alpha", "beta"];

/// A deployed stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stack {
    pub(crate) name: String,
    /// Base URL of its API, up to but without `/v1`.
    pub(crate) url: String,
    pub(crate) outputs: BTreeMap<String, String>,
}

/// A deployed store and its warehouses.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stacks {
    pub(crate) store: Stack,
    /// By name: `alpha`.
    pub(crate) warehouses: BTreeMap<String, Stack>,
}

/// What is deployed where.
pub(crate) struct Options {
    pub(crate) cloud: Cloud,
    pub(crate) stage: String,
    pub(crate) tenant: String,
    /// `arm64` or `x86_64`.
    pub(crate) architecture: &'static str,
    /// The folder with one folder a function.
    pub(crate) binaries: PathBuf,
    /// More parameters of every stack, `Name=value`.
    pub(crate) parameters: Vec<String>,
    /// More parameters of the store.
    pub(crate) store_parameters: Vec<String>,
}

/// One deployment of everything.
pub(crate) struct Deployment<'a> {
    pub(crate) project: &'a Project,
    pub(crate) tools: &'a Tools,
    pub(crate) options: &'a Options,
}

impl Deployment<'_> {
    /// Creates the stacks, or brings them up to date.
    pub(crate) fn run(&self) -> anyhow::Result<Stacks> {
        let store = step("deploy the store", |step| {
            self.stack(step, "store", "template.yaml", &self.options.store_parameters)
        })?;
        let warehouses = step("deploy the warehouses", |step| self.warehouses(step, &store))?;
        Ok(Stacks { store, warehouses })
    }

    /// Side by side: most of a deployment is waiting.
    fn warehouses(&self, step: &Step, store: &Stack) -> anyhow::Result<BTreeMap<String, Stack>> {
        thread::scope(|scope| {
            let running: Vec<_> = WAREHOUSES
                .into_iter()
                .map(|name| (name, scope.spawn(move || self.warehouse(step, store, name))))
                .collect();
            running
                .into_iter()
                .map(|(name, thread)| {
                    let stack = thread.join().map_err(|_| anyhow!("deploying {name} panicked"))??;
                    Ok((name.to_owned(), stack))
                })
                .collect()
        })
    }

    fn warehouse(&self, step: &Step, store: &Stack, name: &str) -> anyhow::Result<Stack> {
        let output = |key: &str| store.outputs.get(key).with_context(|| format!("the store has no output {key}"));
        let mut title = name.to_owned();
        title.get_mut(..1).into_iter().for_each(str::make_ascii_uppercase);
        let parameters = [
            format!("WarehouseName={name}"),
            format!("StoreUrl={}", store.url),
            format!("StoreSecretArn={}", output("StoreSecretArn")?),
            format!("ServiceSecretArn={}", output(&format!("Warehouse{title}SecretArn"))?),
        ];
        self.stack(step, &format!("warehouse-{name}"), "functions/warehouse/template.yaml", &parameters)
    }

    fn stack(&self, step: &Step, part: &str, template: &str, parameters: &[String]) -> anyhow::Result<Stack> {
        let Options { cloud, stage, tenant, architecture, binaries, parameters: common, .. } = self.options;
        let source = self.project.path(template);
        let (name, ready) = match cloud {
            Cloud::Local => (format!("crossdock-{part}"), template::local(&source, binaries)),
            Cloud::Aws => (format!("crossdock-{stage}-{part}"), template::packaged(&source, binaries)),
        };
        let ready = ready.with_context(|| format!("{template} cannot be deployed"))?;
        let file = self.project.local(&format!("template/{name}.json"));
        shell::create(&file)?;
        fs::write(&file, serde_json::to_vec_pretty(&ready)?).context("cannot write the template")?;

        let mut sam = self.tools.command("sam");
        sam.args(["deploy", "--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"])
            .args(["--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--stack-name", &name, "--template-file"])
            .arg(&file)
            .args(["--tags", "Project=crossdock", &format!("Stage={stage}")])
            .args(["--parameter-overrides", &format!("Stage={stage}"), &format!("Tenant={tenant}")])
            .arg(format!("Architecture={architecture}"))
            .args(common.iter().chain(parameters).map(|parameter| quoted(parameter)));
        if *cloud == Cloud::Local {
            local_cloud::point_at(&mut sam);
        }
        step.run(&mut sam, &self.project.local(&format!("log/deploy-{name}.log")))?;
        describe(self.project, self.tools, self.options.cloud, name)
    }
}

/// A parameter as SAM wants it: a value without quotes would end at its first space.
fn quoted(parameter: &str) -> String {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    format!("{name}=\"{}\"", value.replace('"', "\\\""))
}

/// A deployed stack: its name, URL and outputs.
pub(crate) fn describe(project: &Project, tools: &Tools, cloud: Cloud, name: String) -> anyhow::Result<Stack> {
    let operation = ("cloudformation", "describe_stacks");
    let answer = aws::call(project, tools, cloud, operation, &json!({ "StackName": name }))?;
    let outputs: BTreeMap<String, String> = answer["Stacks"][0]["Outputs"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|output| Some((text(&output["OutputKey"])?, text(&output["OutputValue"])?)))
        .collect();
    let url = outputs.get("Url").with_context(|| format!("{name} has no output Url"))?.clone();
    Ok(Stack { name, url, outputs })
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// The stacks that run on this machine, as `up` left them in `target/local/stack.json`.
pub(crate) struct LocalStack;

impl LocalStack {
    /// Where they are written down. The black-box tests read it too.
    const FILE: &str = "stack.json";

    pub(crate) fn remember(project: &Project, stacks: &Stacks) -> anyhow::Result<()> {
        let file = project.local(Self::FILE);
        fs::write(&file, serde_json::to_vec_pretty(stacks)?).with_context(|| format!("cannot write {}", file.display()))
    }

    pub(crate) fn load(project: &Project) -> anyhow::Result<Stacks> {
        let text = fs::read(project.local(Self::FILE))
            .context("the local stack is not running; `cargo xtask up` starts it")?;
        serde_json::from_slice(&text).context("target/local/stack.json is damaged; `cargo xtask up` makes it again")
    }

    pub(crate) fn forget(project: &Project) -> anyhow::Result<()> {
        let file = project.local(Self::FILE);
        if file.exists() {
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
        Ok(())
    }
}
