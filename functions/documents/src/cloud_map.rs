//! Where connectors are, by AWS Cloud Map: an instance a connector and tenant, its queue among the attributes.
//!
//! Three calls, without an SDK, which would be several hundred kilobytes for them (docs/decisions/0067-cloud-map.md).
//!
//! Source: AWS Cloud Map API reference, `DiscoverInstances`, `RegisterInstance`, `DeregisterInstance`.

use std::sync::Arc;

use async_trait::async_trait;
use documents::ConnectionId;
use documents::centre::{Discovery, Instance, Registry};
use kernel::TenantId;
use runtime::{CallError, JsonCalls, Protocol, Service};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;
use web::BoxError;

/// The service that is told what is where.
pub const REGISTRY: Service = Service {
    host: "servicediscovery",
    name: "servicediscovery",
    prefix: "Route53AutoNaming_v20170314",
    protocol: Protocol::Json11,
};
/// The service that is asked.
pub const DISCOVERY: Service = Service { host: "data-servicediscovery", ..REGISTRY };
/// The most instances an answer may name, which is Cloud Map's own limit.
const MAX_INSTANCES: u16 = 1_000;

kernel::typed_id!(
    /// A connector of a tenant: their names together can be longer than the id of an instance.
    InstanceId,
    "con"
);

/// Finds the instances of a service.
pub struct Found {
    calls: Arc<dyn JsonCalls>,
    namespace: String,
    service: String,
}

impl Found {
    /// `namespace` and `service` by their names.
    #[must_use]
    pub fn new(calls: Arc<dyn JsonCalls>, namespace: String, service: String) -> Self {
        Self { calls, namespace, service }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Instances {
    instances: Vec<Summary>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    #[serde(default)]
    attributes: Attributes,
}

/// Ours; what others registered has none of them.
#[derive(Deserialize, Default)]
struct Attributes {
    #[serde(default)]
    tenant: String,
    #[serde(default)]
    connector: String,
    #[serde(default)]
    queue: String,
}

#[async_trait]
impl Discovery for Found {
    async fn active(&self, tenant: &TenantId) -> Result<Arc<[Instance]>, BoxError> {
        let input = json!({ "NamespaceName": self.namespace, "ServiceName": self.service, "MaxResults": MAX_INSTANCES,
            "QueryParameters": { "tenant": tenant }, "HealthStatus": "ALL" });
        let answer = self.calls.call("DiscoverInstances", &input).await?;
        let found: Instances = serde_json::from_str(answer.expose_secret())?;
        let ours = found.instances.into_iter().map(|summary| summary.attributes);
        let ours = ours.filter(|attributes| attributes.tenant == tenant.as_str());
        Ok(ours
            .filter_map(|Attributes { connector, queue, .. }| Some(Instance { name: connector.parse().ok()?, queue }))
            .collect())
    }
}

/// Announces the instances of a service.
pub struct Announced {
    calls: Arc<dyn JsonCalls>,
    service_id: String,
}

impl Announced {
    /// `service_id` as Cloud Map gave it: `srv-…`.
    #[must_use]
    pub fn new(calls: Arc<dyn JsonCalls>, service_id: String) -> Self {
        Self { calls, service_id }
    }

    fn id(tenant: &TenantId, name: &ConnectionId) -> InstanceId {
        InstanceId::derive(&[tenant.as_str(), name.as_str()])
    }
}

#[async_trait]
impl Registry for Announced {
    async fn announce(&self, tenant: &TenantId, Instance { name, queue }: &Instance) -> Result<(), BoxError> {
        let input = json!({ "ServiceId": self.service_id, "InstanceId": Self::id(tenant, name),
            "Attributes": { "tenant": tenant, "connector": name, "queue": queue } });
        self.calls.call("RegisterInstance", &input).await?;
        Ok(())
    }

    async fn withdraw(&self, tenant: &TenantId, name: &ConnectionId) -> Result<(), BoxError> {
        let input = json!({ "ServiceId": self.service_id, "InstanceId": Self::id(tenant, name) });
        match self.calls.call("DeregisterInstance", &input).await {
            Ok(_) => Ok(()),
            Err(CallError::Refused { code, .. }) if code == "InstanceNotFound" => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::LocalCloudMap;

    fn tenant(text: &str) -> TenantId {
        text.parse().unwrap()
    }

    fn instance(name: &str, queue: &str) -> Instance {
        Instance { name: name.parse().unwrap(), queue: queue.to_owned() }
    }

    #[tokio::test]
    async fn what_is_announced_is_found_by_its_tenant_until_it_is_withdrawn() {
        let map = LocalCloudMap::default();
        let (registry, discovery) = (map.registry(), map.discovery());
        let (ours, theirs) = (tenant("acme.test"), tenant("other.test"));
        registry.announce(&ours, &instance("a", "old.fifo")).await.unwrap();
        registry.announce(&ours, &instance("a", "a.fifo")).await.unwrap();
        registry.announce(&theirs, &instance("a", "other.fifo")).await.unwrap();
        assert_eq!(*discovery.active(&ours).await.unwrap(), [instance("a", "a.fifo")]);
        assert_eq!(*discovery.active(&theirs).await.unwrap(), [instance("a", "other.fifo")]);
        registry.withdraw(&ours, &"a".parse().unwrap()).await.unwrap();
        registry.withdraw(&ours, &"a".parse().unwrap()).await.unwrap();
        assert_eq!(*discovery.active(&ours).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_cloud_map_that_is_down_is_an_error_that_says_so() {
        let map = LocalCloudMap::default();
        map.set_down(true);
        let error = map.discovery().active(&tenant("acme.test")).await.unwrap_err();
        assert_eq!(error.to_string(), "InternalFailure: ");
        assert!(map.registry().withdraw(&tenant("acme.test"), &"a".parse().unwrap()).await.is_err());
    }
}
