//! `task-shopify-bulk`: products that single calls do not get through go in a file. Input: `{"step": "plan"}`, or
//! `{"step", "shop", "run"}`.

use async_trait::async_trait;
use kernel::TenantId;
use runtime::{Failure, Task};
use serde::Deserialize;
use serde_json::{Value, json};
use shopify::flows::Look;
use shopify::flows::fallback::Fallback;

use super::{Of, failure, read, turn};

/// The task.
pub struct BulkSteps {
    pub tenant: TenantId,
    pub flow: Fallback,
}

#[derive(Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
enum Step {
    Plan,
    Gather(Of),
    Submit(Of),
    Look(Of),
    Settle(Of),
    Abandon(Of),
}

#[async_trait]
impl Task for BulkSteps {
    async fn run(&self, input: Value) -> Result<Value, Failure> {
        let (flow, tenant) = (&self.flow, &self.tenant);
        match read(input)? {
            Step::Plan => Ok(json!({ "shops": flow.waiting(tenant).await.map_err(failure)? })),
            Step::Gather(of) => {
                let is_over = turn(&*flow.operations.clock);
                let lines = flow.gather(tenant, &of.shop, of.id(tenant), &is_over).await.map_err(failure)?;
                Ok(json!({ "lines": lines }))
            }
            Step::Submit(of) => {
                flow.submit(tenant, of.id(tenant)).await.map_err(failure)?;
                Ok(json!({}))
            }
            Step::Look(of) => Ok(match flow.operations.look(tenant, of.id(tenant)).await.map_err(failure)? {
                Look::Running { wait, .. } => json!({ "ended": false, "wait": wait }),
                Look::Ended { .. } => json!({ "ended": true }),
            }),
            Step::Settle(of) => {
                let done = flow.settle(tenant, of.id(tenant), &turn(&*flow.operations.clock)).await.map_err(failure)?;
                Ok(json!({ "done": done }))
            }
            Step::Abandon(of) => {
                flow.abandon(tenant, of.id(tenant)).await.map_err(failure)?;
                Ok(json!({}))
            }
        }
    }
}
