//! The public API held against its documents by schemathesis, on the running local stack: whatever is sent, nothing fails
//! inside, and nothing is answered that a document does not describe.

use anyhow::Context as _;
use gateway::{ROUTES, VERSIONS};
use serde_json::json;

use crate::demo::api::Api;
use crate::local_users::Users;
use crate::project::Project;
use crate::shell::{self, step};
use crate::stacks::LocalStack;
use crate::tools::Tools;

/// What is looked at in every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";
/// Inputs an operation, beside those that follow from its document.
const EXAMPLES: &str = "25";

pub(crate) fn check() -> anyhow::Result<()> {
    let project = Project::open()?;
    let tools = step("install the tools", |step| Tools::install(&project, step))?;
    let (stacks, users) = (LocalStack::load(&project)?, Users::load(&project)?);
    let root = stacks.store.url.strip_suffix("/store").context("the store's URL ends in /store")?;
    let admin = Api::basic(root, users.admin()?);
    let mut scopes: Vec<&str> = ROUTES.iter().map(|route| route.scope).collect();
    scopes.sort_unstable();
    scopes.dedup();
    for version in &VERSIONS {
        // One for each: what one version uses up is not missed by another.
        let new = json!({ "name": "contract", "scopes": scopes, "role": "STORE_ADMIN", "days": 1 });
        let made = admin.post("/v1/api-keys", &new)?.expect(201)?;
        let key = made["key"].as_str().context("a new key has its text")?;
        let url = format!("{root}/public/{}", version.date);
        let mut schemathesis = tools.command("schemathesis");
        schemathesis.args(["run", &format!("{url}/openapi.json"), "--url", &url, "--checks", CHECKS]);
        schemathesis.args(["--header", &format!("Authorization: ApiKey {key}")]);
        // The same every time; what a version answered before is no input of the next run.
        schemathesis.args(["--max-examples", EXAMPLES, "--seed", "1", "--generation-database", "none", "--no-color"]);
        shell::show(&mut schemathesis).with_context(|| format!("the public API, version {}", version.date))?;
    }
    Ok(())
}
