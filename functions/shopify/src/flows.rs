//! Steps of the flows, as state machines and the clock call them.
//!
//! A step ends well before its function's time is up and says whether it has to be called again. What may fare better later fails
//! as `TryAgain`, which the state machines retry; what does not, as `Refused`.

mod bulk;
mod full_sync;
mod reconcile;

use std::time::Duration;

use documents::{Class, Report};
use kernel::{Clock, TenantId, Timestamp};
use runtime::Failure;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shopify::Shop;
use shopify::flows::runs::RunId;

pub use bulk::BulkSteps;
pub use full_sync::FullSyncSteps;
pub use reconcile::ReconcileJob;

/// How long a step works before it hands over to the next call. The functions have two minutes; a page and a chunk fit into
/// the rest.
const TURN: Duration = Duration::from_secs(60);

/// Which run of which store a step is of.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Of {
    shop: Shop,
    /// Any name. The same name is the same run, in whatever execution.
    run: String,
}

impl Of {
    fn id(&self, tenant: &TenantId) -> RunId {
        RunId::of(tenant, &self.shop, &self.run)
    }
}

fn read<T: DeserializeOwned>(input: Value) -> Result<T, Failure> {
    serde_json::from_value(input).map_err(|error| Failure::new("Refused", error))
}

fn failure(report: Report) -> Failure {
    let class = report.outcome.class();
    let kind = match class {
        Class::Throttled
        | Class::Transient
        | Class::Unknown
        | Class::Pending
        | Class::Conflict
        | Class::AuthExpired
        | Class::DependencyMissing => "TryAgain",
        Class::Done | Class::AuthBroken | Class::Rejected | Class::Partial => "Refused",
    };
    Failure::new(kind, format!("{}: {}", class.as_str(), report.detail))
}

/// Says when a turn that begins now is over.
fn turn(clock: &dyn Clock) -> impl Fn() -> bool + Sync {
    let end = clock.now().checked_add(TURN).unwrap_or(Timestamp::MAX);
    move || clock.now() >= end
}

#[cfg(test)]
mod tests {
    use documents::Outcome;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_is_known_by_tenant_store_and_name() {
        let id = |tenant: &str, shop: &str, run: &str| {
            let of: Of = read(json!({ "step": "begin", "shop": shop, "run": run })).unwrap();
            of.id(&tenant.parse().unwrap())
        };
        let one = id("acme.test", "a.myshopify.com", "1");
        assert_eq!(one, id("acme.test", "a.myshopify.com", "1"));
        for other in [
            id("other.test", "a.myshopify.com", "1"),
            id("acme.test", "b.myshopify.com", "1"),
            id("acme.test", "a.myshopify.com", "2"),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn only_what_may_fare_better_is_tried_again() {
        let kind = |outcome: Outcome| failure(outcome.into()).error_type;
        for outcome in [Outcome::Transient, Outcome::Unknown, Outcome::Throttled { until: None }, Outcome::AuthExpired]
        {
            assert_eq!(kind(outcome), "TryAgain");
        }
        for outcome in [Outcome::AuthBroken, Outcome::Rejected { code: "FILE_GONE".into(), field: None }] {
            assert_eq!(kind(outcome), "Refused");
        }
        assert_eq!(read::<Of>(json!({ "shop": "evil.test", "run": "1" })).unwrap_err().error_type, "Refused");
    }
}
