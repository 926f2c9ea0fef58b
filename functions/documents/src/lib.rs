//! The functions of documents: the integration message centre, and what operators see and do of every connector.
//!
//! | function | trigger |
//! |---|---|
//! | `documents-api` | `/v1/documents…`, `/v1/document-types…`, `/v1/connectors…` |
//! | `documents-operations-api` | `/v1/operations/documents…`, `…/connections…`, `…/jobs…`, `…/dead-routes` |
//! | `documents-on-received` | queue `documents.fifo`: documents the centre took in |
//! | `cron-documents-sweep` | every minute: what is due, of documents and jobs |

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

mod documents_api;
mod listing;
mod operations;
mod problems;
mod schema;
#[cfg(test)]
mod tests;
mod views;
mod workers;

use std::sync::Arc;

use axum::Router;
use documents::Documents;
use documents::centre::{Cached, Centre, Registered};
use documents::jobs::Jobs;
use kernel::{Clock, TenantId};
use messaging::EventHandler;
use runtime::{Building, Context, InitError, Job, settings};
use table::Table;
use utoipa::OpenApi as _;
use web::secret::Secret;

pub use documents_api::router as documents_router;
pub use operations::router as operations_router;
pub use schema::Schemas;
pub use workers::{OnReceived, Queues, Sweep};

settings! {
    struct ApiSettings {
        table: String = "TABLE_NAME",
    }
}

settings! {
    struct OperationsSettings {
        table: String = "TABLE_NAME",
        cursor_secret: String = "CURSOR_SECRET_ARN",
    }
}

settings! {
    struct WorkerSettings {
        table: String = "TABLE_NAME",
        tenant: TenantId = "TENANT",
    }
}

/// What `documents-operations-api` works with.
pub struct Operations {
    pub(crate) documents: Documents,
    pub(crate) centre: Centre,
    pub(crate) jobs: Jobs,
    pub(crate) discovery: Cached<Registered>,
    pub(crate) courier: Queues,
    cursor_secret: Arc<dyn Secret>,
}

impl Operations {
    /// Over this table and these queues.
    #[must_use]
    pub fn new(
        table: &Table,
        clock: &Arc<dyn Clock>,
        sqs: aws_sdk_sqs::Client,
        cursor_secret: Arc<dyn Secret>,
    ) -> Self {
        Self {
            documents: Documents::new(table.clone(), clock.clone()),
            centre: Centre::new(table.clone(), clock.clone()),
            jobs: Jobs::new(table.clone(), clock.clone()),
            discovery: Cached::new(Registered::new(table.clone(), clock.clone()), clock.clone()),
            courier: Queues(sqs),
            cursor_secret,
        }
    }
}

/// Builds `documents-api`.
#[must_use]
pub fn api(context: &'static Context) -> Building<Router> {
    Box::pin(async move {
        let ApiSettings { table } = context.settings()?;
        Ok(documents_router(Centre::new(Table::new(context.dynamodb()?, table), context.clock())))
    })
}

/// Builds `documents-operations-api`.
#[must_use]
pub fn operations(context: &'static Context) -> Building<Router> {
    Box::pin(async move {
        let OperationsSettings { table, cursor_secret } = context.settings()?;
        let table = Table::new(context.dynamodb()?, table);
        let secret = context.secret(cursor_secret)?;
        Ok(operations_router(Arc::new(Operations::new(&table, &context.clock(), context.sqs()?, secret))))
    })
}

fn on_received_with(context: &'static Context) -> Result<(TenantId, Table, OnReceived), InitError> {
    let WorkerSettings { table, tenant } = context.settings()?;
    let table = Table::new(context.dynamodb()?, table);
    let clock = context.clock();
    let discovery = Cached::new(Registered::new(table.clone(), clock.clone()), clock.clone());
    let centre = Centre::new(table.clone(), clock);
    Ok((
        tenant,
        table,
        OnReceived { centre, discovery: Arc::new(discovery), courier: Arc::new(Queues(context.sqs()?)) },
    ))
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
