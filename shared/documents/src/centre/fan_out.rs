//! One document to many queues, in parallel, each with a route of its own.

use async_trait::async_trait;
use futures::future::join_all;
use kernel::{Clock, Event, EventId, TenantId};
use serde_json::json;
use table::{TableError, Versioned};

use super::store::{Dead, Store};
use super::{Centre, Connector, Discovery, Route, RouteState};
use crate::intake::subject;
use crate::store::Place;
use crate::{Attempt, ConnectionId, Document, DocumentId, Outcome, Remote, Report, Work};

/// Told to a connector: a document of a type it subscribes to.
pub const DOCUMENT_ROUTED: &str = "documents.document.routed.v1";

/// How often a queue refuses a document before the route is dead. Within the attempts of the document's policy.
const MAX_ATTEMPTS: u32 = 6;
/// Routes written at once; a document with more subscribers does the rest in the next attempt.
const MAX_ROUTES: usize = 90;

/// Brings an event to a connector's queue.
#[async_trait]
pub trait Courier: Send + Sync {
    async fn send(&self, queue: &str, event: &Event) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// Why a route was not driven again.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    #[error("there is no such route")]
    NotFound,
    /// Only what is dead is for an operator.
    #[error("the route is not dead")]
    NotDead(RouteState),
    /// The connector is not there, or its queue refused again.
    #[error("the connector cannot be reached: {0}")]
    Unreachable(String),
    #[error("the route is being changed")]
    Contended,
    #[error(transparent)]
    Table(#[from] TableError),
}

pub(super) struct FanOut<'a> {
    pub(super) store: &'a Store,
    pub(super) clock: &'a dyn Clock,
    pub(super) discovery: &'a dyn Discovery,
    pub(super) courier: &'a dyn Courier,
}

#[async_trait]
impl Attempt for FanOut<'_> {
    async fn attempt(&self, work: &Work<'_>) -> Report {
        self.pass_on(work.tenant, work.document).await.unwrap_or_else(|report| report)
    }
}

impl FanOut<'_> {
    async fn pass_on(&self, tenant: &TenantId, document: &Document) -> Result<Report, Report> {
        let transient = |error: &dyn std::fmt::Display| Report::new(Outcome::Transient, error.to_string());
        let there = self.there(tenant).await.map_err(|why| transient(&why))?;
        let known = self.store.routes(tenant, document.id).await.map_err(|error| transient(&error))?;
        let subscribers = there.iter().filter(|connector| connector.types.contains(&document.kind));
        let mut routes = known;
        for name in subscribers.map(|connector| connector.name.clone()) {
            if !routes.iter().any(|route| route.value.connector == name) {
                routes.push(Versioned { value: self.new_route(document.id, name), version: 0 });
            }
        }
        let (open, settled): (Vec<_>, Vec<_>) =
            routes.into_iter().partition(|route| route.value.state == RouteState::Failed);
        let late = open.len().saturating_sub(MAX_ROUTES);
        let tried = open.into_iter().take(MAX_ROUTES).map(|route| self.try_route(tenant, document, route, &there));
        let tried: Vec<(Route, u64)> = join_all(tried).await;
        if !tried.is_empty() && !self.store.write_routes(tenant, &tried).await.map_err(|error| transient(&error))? {
            return Err(Report::new(Outcome::Transient, "the routes have changed meanwhile"));
        }
        let all: Vec<RouteState> =
            settled.iter().map(|route| route.value.state).chain(tried.iter().map(|(route, _)| route.state)).collect();
        Ok(judge(&all, late))
    }

    /// The connectors that are alive, each with the queue where it is found.
    async fn there(&self, tenant: &TenantId) -> Result<Vec<Connector>, String> {
        let found = self.discovery.active(tenant).await.map_err(|error| error.to_string())?;
        let connectors = self.store.connectors(tenant).await.map_err(|error| error.to_string())?;
        let now = self.clock.now();
        let alive = connectors.into_iter().filter(|connector| connector.is_alive(now));
        let located = alive.filter_map(|connector| {
            let instance = found.iter().find(|instance| instance.name == connector.name)?;
            Some(Connector { queue: instance.queue.clone(), ..connector })
        });
        Ok(located.collect())
    }

    fn new_route(&self, document: DocumentId, connector: ConnectionId) -> Route {
        let (state, detail) = (RouteState::Failed, String::new());
        Route { document, connector, state, attempts: 0, detail, at: self.clock.now() }
    }

    /// The route after another attempt, with the version it was read at.
    async fn try_route(
        &self,
        tenant: &TenantId,
        document: &Document,
        route: Versioned<Route>,
        there: &[Connector],
    ) -> (Route, u64) {
        let Versioned { value: mut route, version } = route;
        route.attempts += 1;
        route.at = self.clock.now();
        match self.send(tenant, document, &route.connector, there).await {
            Ok(()) => {
                route.state = RouteState::Sent;
                route.detail.clear();
            }
            Err(why) => {
                tracing::warn!(document = %document.id, connector = %route.connector, why, "a route failed");
                route.state = if route.attempts >= MAX_ATTEMPTS { RouteState::Dead } else { RouteState::Failed };
                tracing::info!(target: "metric", dead_routes = u64::from(route.state == RouteState::Dead));
                route.detail = why.chars().take(300).collect();
            }
        }
        (route, version)
    }

    async fn send(
        &self,
        tenant: &TenantId,
        document: &Document,
        connector: &ConnectionId,
        there: &[Connector],
    ) -> Result<(), String> {
        let found = there.iter().find(|found| found.name == *connector).ok_or("the connector is not there")?;
        let data = json!({
            "documentId": document.id,
            "type": document.kind,
            "shape": document.shape,
            "source": document.source,
            "externalId": document.external_id,
            "revision": document.revision,
        });
        let mut event = Event::new(DOCUMENT_ROUTED, tenant, document.id, 1, data, self.clock);
        // The same route is the same event, so that a queue or consumer knows it when it comes twice.
        event.id = EventId::derive(&[&document.id.to_string(), connector.as_str()]);
        event.group = subject(document).to_string();
        self.courier.send(&found.queue, &event).await.map_err(|error| error.to_string())
    }
}

/// What the routes make of their document.
fn judge(routes: &[RouteState], late: usize) -> Report {
    let count = |state| routes.iter().filter(|route| **route == state).count();
    let (sent, failed, dead) = (count(RouteState::Sent), count(RouteState::Failed) + late, count(RouteState::Dead));
    let detail = format!("{sent} sent, {failed} to be tried again, {dead} dead");
    if routes.is_empty() {
        let what = "subscriber".to_owned();
        return Report::new(Outcome::DependencyMissing { what }, "no active connector subscribes to the type");
    }
    if failed > 0 {
        return Report::new(Outcome::Transient, detail);
    }
    if sent == 0 {
        return Report::new(Outcome::Rejected { code: "all_routes_dead".to_owned(), field: None }, detail);
    }
    Report::new(Outcome::Done(Remote::default()), detail)
}

impl Centre {
    /// Dead routes, oldest first.
    pub async fn dead_routes(&self, tenant: &TenantId, start: Option<Place>, limit: usize) -> Result<Dead, TableError> {
        self.store.dead_routes(tenant, start, limit).await
    }

    /// Sends a document along a dead route once more. The route is as it was when that fails.
    pub async fn redrive_route(
        &self,
        tenant: &TenantId,
        id: DocumentId,
        connector: &ConnectionId,
        discovery: &dyn Discovery,
        courier: &dyn Courier,
    ) -> Result<Route, RedriveError> {
        let routes = self.store.routes(tenant, id).await?;
        let found = routes.into_iter().find(|route| route.value.connector == *connector);
        let Versioned { value: mut route, version } = found.ok_or(RedriveError::NotFound)?;
        if route.state != RouteState::Dead {
            return Err(RedriveError::NotDead(route.state));
        }
        let document = self.documents.document(tenant, id).await?.ok_or(RedriveError::NotFound)?;
        let fan_out = FanOut { store: &self.store, clock: &*self.clock, discovery, courier };
        let there = fan_out.there(tenant).await.map_err(RedriveError::Unreachable)?;
        fan_out.send(tenant, &document, connector, &there).await.map_err(RedriveError::Unreachable)?;
        route.state = RouteState::Sent;
        route.attempts += 1;
        route.at = self.clock.now();
        if self.store.write_routes(tenant, &[(route.clone(), version)]).await? {
            Ok(route)
        } else {
            Err(RedriveError::Contended)
        }
    }
}
