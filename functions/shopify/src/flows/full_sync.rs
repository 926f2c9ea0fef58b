//! `task-shopify-full-sync`: everything a store sells is read. Input: `{"step", "shop", "run"}`, and `part` where one is read.

use async_trait::async_trait;
use documents::batch::Verdict;
use kernel::TenantId;
use runtime::{Failure, Task};
use serde::Deserialize;
use serde_json::{Value, json};
use shopify::flows::Look;
use shopify::flows::full_sync::{FullSync, batch_of};

use super::{Of, failure, read, turn};

/// The task.
pub struct FullSyncSteps {
    pub tenant: TenantId,
    pub flow: FullSync,
}

#[derive(Deserialize)]
struct Input {
    #[serde(flatten)]
    of: Of,
    #[serde(flatten)]
    step: Step,
}

#[derive(Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
enum Step {
    Begin,
    Look,
    Open,
    Read { part: String },
    Judge,
}

#[async_trait]
impl Task for FullSyncSteps {
    async fn run(&self, input: Value) -> Result<Value, Failure> {
        let Input { of, step } = read(input)?;
        let (flow, tenant, id) = (&self.flow, &self.tenant, of.id(&self.tenant));
        match step {
            Step::Begin => {
                flow.begin(tenant, &of.shop, id).await.map_err(failure)?;
                Ok(json!({ "batch": batch_of(id) }))
            }
            Step::Look => Ok(match flow.operations.look(tenant, id).await.map_err(failure)? {
                Look::Running { objects, wait } => json!({ "ended": false, "objects": objects, "wait": wait }),
                Look::Ended { objects } => json!({ "ended": true, "objects": objects }),
            }),
            Step::Open => Ok(json!({ "parts": flow.open(tenant, id).await.map_err(failure)? })),
            Step::Read { part } => {
                let is_over = turn(&*flow.operations.clock);
                let done = flow.read(tenant, id, &part, "task-shopify-full-sync", &is_over).await.map_err(failure)?;
                Ok(json!({ "done": done }))
            }
            Step::Judge => match flow.judge(tenant, id).await.map_err(failure)? {
                Verdict::Success { counted, stored } => Ok(json!({ "counted": counted, "stored": stored })),
                Verdict::Short { counted, stored } => {
                    Err(Failure::new("Short", format!("the store counted {counted}, {stored} are stored")))
                }
                Verdict::Running { parts_left } => {
                    Err(Failure::new("TryAgain", format!("{parts_left} parts are still to be read")))
                }
            },
        }
    }
}
