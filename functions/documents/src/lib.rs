//! The functions of documents: the integration message centre, and what operators see and do of every connector.
//!
//! | function | trigger |
//! |---|---|
//! | `documents-api` | `/v1/documents…`, `/v1/document-types…`, `/v1/connectors…` |
//! | `documents-operations-api` | `/v1/operations/documents…`, `…/batches…`, `…/connections…`, `…/jobs…`, `…/dead-routes` |
//! | `documents-on-received` | queue `documents.fifo`: documents the centre took in |
//! | `cron-documents-sweep` | every minute: what is due, of documents and jobs |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

pub mod cloud_map;
mod documents_api;
mod operations;
mod problems;
mod roles;
#[cfg(test)]
mod tests;
mod views;
mod workers;

use std::sync::Arc;

use axum::Router;
use cloud_map::{Announced, DISCOVERY, Found, REGISTRY};
use documents::Documents;
use documents::centre::{Cached, Centre, Discovery};
use documents::jobs::Jobs;
use kernel::{Clock, TenantId};
use messaging::EventHandler;
use runtime::{Blobs, Building, Context, InitError, Job, settings};
use table::Table;
use utoipa::OpenApi as _;
use web::secret::Secret;

pub use documents_api::router as documents_router;
pub use operations::router as operations_router;
pub use workers::{OnReceived, Queues, Sweep};

/// Where payloads are, in the bucket, that the table is too small for.
const PAYLOADS: &str = "documents";
/// The service in the namespace whose instances connectors are.
const CONNECTORS: &str = "connectors";

settings! {
    struct ApiSettings {
        table: String = "TABLE_NAME",
        files: String = "FILES_BUCKET",
        connector_service_id: String = "CONNECTOR_SERVICE_ID",
    }
}

settings! {
    struct OperationsSettings {
        table: String = "TABLE_NAME",
        cursor_secret: String = "CURSOR_SECRET_ARN",
        namespace: String = "CONNECTOR_NAMESPACE",
    }
}

settings! {
    struct WorkerSettings {
        table: String = "TABLE_NAME",
        tenant: TenantId = "TENANT",
        files: String = "FILES_BUCKET",
        namespace: String = "CONNECTOR_NAMESPACE",
    }
}

/// What `documents-operations-api` works with.
pub struct Operations {
    pub(crate) documents: Documents,
    pub(crate) table: Table,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) centre: Centre,
    pub(crate) jobs: Jobs,
    pub(crate) discovery: Arc<dyn Discovery>,
    pub(crate) courier: Queues,
    cursor_secret: Arc<dyn Secret>,
}

impl Operations {
    /// Over this table and these queues.
    #[must_use]
    pub fn new(
        table: &Table,
        clock: &Arc<dyn Clock>,
        discovery: Arc<dyn Discovery>,
        sqs: aws_sdk_sqs::Client,
        cursor_secret: Arc<dyn Secret>,
    ) -> Self {
        Self {
            documents: Documents::new(table.clone(), clock.clone()),
            table: table.clone(),
            clock: clock.clone(),
            centre: Centre::new(table.clone(), clock.clone()),
            jobs: Jobs::new(table.clone(), clock.clone()),
            discovery,
            courier: Queues(sqs),
            cursor_secret,
        }
    }
}

/// Builds `documents-api`.
#[must_use]
pub fn api(context: &'static Context) -> Building<Router> {
    Box::pin(async move {
        let ApiSettings { table, files, connector_service_id } = context.settings()?;
        let centre = Centre::new(with_payloads(context, table, &files)?, context.clock());
        let registry = Announced::new(context.json_service(REGISTRY)?, connector_service_id);
        Ok(documents_router(centre, Arc::new(registry)))
    })
}

/// Builds `documents-operations-api`.
#[must_use]
pub fn operations(context: &'static Context) -> Building<Router> {
    Box::pin(async move {
        let OperationsSettings { table, cursor_secret, namespace } = context.settings()?;
        let table = Table::new(context.dynamodb()?, table);
        let secret = context.secret(cursor_secret)?;
        let discovery = discovery(context, namespace)?;
        let operations = Operations::new(&table, &context.clock(), discovery, context.sqs()?, secret);
        Ok(operations_router(Arc::new(operations)))
    })
}

/// Where connectors are, asked once a minute.
fn discovery(context: &Context, namespace: String) -> Result<Arc<dyn Discovery>, InitError> {
    let found = Found::new(context.json_service(DISCOVERY)?, namespace, CONNECTORS.to_owned());
    Ok(Arc::new(Cached::new(found, context.clock())))
}

fn with_payloads(context: &Context, table: String, bucket: &str) -> Result<Table, InitError> {
    let blobs = Arc::new(Blobs::new(context.bucket(bucket)?, PAYLOADS));
    Ok(Table::new(context.dynamodb()?, table).with_blobs(blobs))
}

fn on_received_with(context: &'static Context) -> Result<(TenantId, Table, OnReceived), InitError> {
    let WorkerSettings { table, tenant, files, namespace } = context.settings()?;
    let table = with_payloads(context, table, &files)?;
    let centre = Centre::new(table.clone(), context.clock());
    let courier = Arc::new(Queues(context.sqs()?));
    Ok((tenant, table, OnReceived { centre, discovery: discovery(context, namespace)?, courier }))
}

/// Builds `documents-on-received`.
#[must_use]
pub fn on_received(context: &'static Context) -> Building<Arc<dyn EventHandler>> {
    Box::pin(async move {
        let (_, _, handler) = on_received_with(context)?;
        let handler: Arc<dyn EventHandler> = Arc::new(handler);
        Ok(handler)
    })
}

/// Builds `cron-documents-sweep`.
#[must_use]
pub fn sweep(context: &'static Context) -> Building<Arc<dyn Job>> {
    Box::pin(async move {
        let (tenant, table, router) = on_received_with(context)?;
        let documents = Documents::new(table.clone(), context.clock());
        let job: Arc<dyn Job> = Arc::new(Sweep { tenant, documents, jobs: Jobs::new(table, context.clock()), router });
        Ok(job)
    })
}

/// The description of all routes.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut whole = documents_api::Doc::openapi();
    whole.merge(operations::Doc::openapi());
    whole
}
