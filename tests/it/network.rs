//! HTTP between the deployments, in this process: from a host's name to its router.
//!
//! Who calls is found out by `access` from the bearer secret, as the gateway's authorizer does. A request handled by a
//! process that dies gets no answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access::Services;
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use secrecy::SecretString;
use testkit::FaultInjector;
use tower::ServiceExt as _;
use web::secret::Secret;
use web::transport::{Transport, TransportError};
use web::{BoxError, Caller, Cors};

use crate::process::invoke;
use crate::world::tenant;

pub(crate) const SERVICES: [&str; 3] = ["store", "warehouse:alpha", "warehouse:beta"];

/// A secret that is always the same.
pub(crate) struct Fixed(pub(crate) String);

#[async_trait]
impl Secret for Fixed {
    async fn read(&self) -> Result<SecretString, BoxError> {
        Ok(self.0.clone().into())
    }

    async fn refresh(&self) -> Result<SecretString, BoxError> {
        self.read().await
    }
}

/// What a service shows to the others.
pub(crate) fn secret_of(service: &str) -> Arc<dyn Secret> {
    Arc::new(Fixed(format!(r#"{{"current": "{service}-secret-0123456789"}}"#)))
}

/// Every host there is.
pub(crate) struct Network {
    hosts: BTreeMap<&'static str, (FaultInjector, Router)>,
    services: Services,
    down: Mutex<BTreeSet<&'static str>>,
}

impl Network {
    pub(crate) fn new(hosts: impl IntoIterator<Item = (&'static str, FaultInjector, Router)>) -> Self {
        let finished = |router| web::finish(router, Cors::default());
        Self {
            hosts: hosts.into_iter().map(|(host, process, router)| (host, (process, finished(router)))).collect(),
            services: Services::new(SERVICES.map(|name| (name.parse().unwrap(), secret_of(name))).into()),
            down: Mutex::default(),
        }
    }

    /// From now on nobody reaches the host.
    pub(crate) fn cut(&self, host: &'static str) {
        self.down.lock().unwrap().insert(host);
    }

    /// The host can be reached again.
    pub(crate) fn restore(&self, host: &'static str) {
        self.down.lock().unwrap().remove(host);
    }

    pub(crate) fn is_up(&self, host: &str) -> bool {
        !self.down.lock().unwrap().contains(host)
    }

    async fn caller(&self, request: &Request<Bytes>) -> Option<Caller> {
        let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
        let identity = self.services.authenticate_bearer(header).await.unwrap()?;
        Some(Caller { principal: identity.principal, role: identity.role.as_str().to_owned(), tenant: tenant() })
    }
}

#[async_trait]
impl Transport for Network {
    async fn send(&self, mut request: Request<Bytes>, _timeout: Duration) -> Result<Response<Bytes>, TransportError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        if !self.is_up(&host) {
            return Err(TransportError::NotSent("no route to the host".into()));
        }
        if let Some(caller) = self.caller(&request).await {
            request.extensions_mut().insert(caller);
        }
        let (process, router) = &self.hosts[host.as_str()];
        let answered = invoke(process, async {
            let (head, body) = router.clone().oneshot(request.map(Body::from)).await.unwrap().into_parts();
            Response::from_parts(head, body.collect().await.unwrap().to_bytes())
        });
        answered.await.map_err(|crashed| TransportError::Broken(crashed.into()))
    }
}
