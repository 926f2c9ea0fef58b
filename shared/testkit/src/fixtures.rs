//! What many tests need: one tenant, a clock that stands still, seeded randomness and the recorded events.
//!
//! It builds nothing of commerce; contexts have builders of their own.

use kernel::{ManualClock, TenantId};
use serde::de::DeserializeOwned;
use std::path::Path;
use std::sync::Arc;

/// The tenant of the recorded events and of tests that need just one.
#[must_use]
pub fn tenant() -> TenantId {
    "acme.test".parse().expect("a tenant id")
}

/// A clock that stands at 2026-01-01T00:00:00Z, when the recorded events happen.
#[must_use]
pub fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().expect("a time")))
}

/// Randomness that is the same on every run.
#[must_use]
pub fn rng(seed: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(seed)
}

/// The recorded event `events/<name>.json`. Panics when there is none or it is not a `T`.
#[must_use]
pub fn recorded_event<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(name).with_extension("json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::{clock, recorded_event, rng, tenant};
    use aws_lambda_events::apigw::{ApiGatewayV2CustomAuthorizerV2Request, ApiGatewayV2httpRequest};
    use aws_lambda_events::{dynamodb, eventbridge, sqs};
    use kernel::Clock;
    use serde_json::Value;

    #[test]
    fn every_recorded_event_is_one_of_its_trigger() {
        let http: ApiGatewayV2httpRequest = recorded_event("http-post-order");
        let caller = http.request_context.authorizer.unwrap();
        assert_eq!(caller.fields["tenant"], tenant().to_string());
        let authorizer: ApiGatewayV2CustomAuthorizerV2Request = recorded_event("authorizer-basic");
        assert_eq!(authorizer.identity_source.map(|sources| sources.len()), Some(1));
        let queue: sqs::SqsEvent = recorded_event("sqs-order-placed");
        let body: Value = serde_json::from_str(queue.records[0].body.as_ref().unwrap()).unwrap();
        let stream: dynamodb::Event = recorded_event("stream-event-inserted");
        let image = serde_json::to_value(&stream.records[0].change.new_image).unwrap();
        assert_eq!(body["id"], image["sk"]["S"], "the same event on both edges");
        let schedule: eventbridge::EventBridgeEvent = recorded_event("schedule-warehouse-health");
        assert_eq!(schedule.detail_type, "Scheduled Event");
    }

    #[test]
    fn a_seed_always_gives_the_same_numbers_and_the_clock_stands_still() {
        assert_eq!(rng(7).u64(..), rng(7).u64(..));
        assert_eq!(clock().now(), clock().now());
    }
}
