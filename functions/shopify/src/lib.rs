//! The functions of the connector to Shopify.
//!
//! | function | trigger | does |
//! |---|---|---|
//! | `webhook-shopify` | `POST /shopify/v1/webhooks` | verifies a delivery and stores it, with the event that has it worked on |
//! | `shopify-on-delivery` | queue `shopify-deliveries.fifo` | takes in what a store told |
//! | `shopify-on-change` | queue `shopify-changes.fifo`: books, levels, parcels, and documents of customers | notes for each store what it is to be told |
//! | `shopify-on-task` | queue `shopify-tasks.fifo` | tells a store |
//! | `task-shopify-full-sync` | the state machine `FullSync` | reads everything a store sells, step by step |
//! | `task-shopify-bulk` | the state machine `BulkProducts`, every five minutes | sends what single calls do not get through in a file |
//! | `cron-shopify-reconcile` | every minute, for a job of a quarter of an hour | finds what no webhook told |
//! | `shopify-connections-api` | `/v1/connections/shopify…` | connects stores, and lets them go; starts and shows what their flows do |
//!
//! The sweep of documents tells both workers of what is due again; each takes what is its own.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

mod amends;
mod backoffice;
mod change;
mod connections;
mod customers;
mod executions;
mod flows;
mod membership;
mod operations;
mod orders;
mod privacy;
mod receiver;
#[cfg(test)]
mod tests;
mod tokens;
mod work;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use documents::Documents;
use documents::centre::Centre;
use documents::jobs::Jobs;
use executions::{Executions, STEP_FUNCTIONS};
use kernel::TenantId;
use messaging::EventHandler;
use runtime::{Blobs, Building, Context, InitError, Job, Roots, Task, settings};
use secrecy::ExposeSecret;
use serde::Deserialize;
use shopify::breaker::store::Circuits;
use shopify::client::Client;
use shopify::connect::Connector;
use shopify::customers::Customers;
use shopify::flows::Operations;
use shopify::flows::drift::Drifts;
use shopify::flows::fallback::Fallback;
use shopify::flows::full_sync::FullSync;
use shopify::flows::reconcile::Reconcile;
use shopify::flows::runs::Runs;
use shopify::flows::syncs::Syncs;
use shopify::inbound::Inbound;
use shopify::install::Credentials;
use shopify::installs::Installs;
use shopify::limiter::store::Limiter;
use shopify::outbound::Outbound;
use shopify::stores::Stores;
use shopify::synced::Agreements;
use shopify::tokens::Tokens;
use table::Table;
use utoipa::OpenApi as _;
use web::transport::Transport;

pub use backoffice::Backoffice;
pub use change::OnChange;
pub use connections::{Api, router as connections_router};
pub use flows::{BulkSteps, FullSyncSteps, ReconcileJob};
pub use membership::Membership;
pub use receiver::{Receiver, router as webhook_router};
pub use work::{Direction, OnDocument};

/// How long a worker rather waits for the bucket than gives its task back.
const PATIENCE: Duration = Duration::from_secs(2);
/// The same for a step of a flow, which has nothing else to do.
const FLOW_PATIENCE: Duration = Duration::from_secs(20);

/// Where payloads are, in the bucket, that the table is too small for.
const PAYLOADS: &str = "deliveries";

settings! {
    /// What every function is told.
    struct Stack {
        table: String = "TABLE_NAME",
        /// Whose it is.
        tenant: TenantId = "TENANT",
    }
}

settings! {
    struct Files {
        bucket: String = "FILES_BUCKET",
    }
}

settings! {
    struct Signatures {
        /// What stores sign with.
        secret: String = "SHOPIFY_SECRET_ARN",
    }
}

settings! {
    struct App {
        /// The app, as Shopify knows it.
        client_id: String = "SHOPIFY_CLIENT_ID",
        secret: String = "SHOPIFY_SECRET_ARN",
        /// Where a store is, with its name for `{shop}`.
        base_url: String = "SHOPIFY_BASE_URL",
        /// What the names of the secrets with tokens begin with.
        tokens: String = "SHOPIFY_TOKENS_PREFIX",
    }
}

settings! {
    struct CentreQueue {
        /// Where the message centre sends documents for stores.
        queue: String = "CONNECTOR_QUEUE_URL",
    }
}

settings! {
    struct Connecting {
        /// Name of the secret that says where this API is.
        provider: String = "PROVIDER_SETTINGS",
        cursor_secret: String = "CURSOR_SECRET_ARN",
        /// ARN of the state machine that does full synchronisations.
        full_sync: String = "FULL_SYNC_MACHINE_ARN",
    }
}

settings! {
    struct Public {
        /// Where the API is for stores, without a path.
        url: String = "PUBLIC_URL",
    }
}

fn table(context: &Context, name: String) -> Result<Table, InitError> {
    Ok(Table::new(context.dynamodb()?, name))
}

/// The same, where payloads are read or written that it may be too small for.
fn with_payloads(table: Table, context: &Context, files: &Files) -> Result<Table, InitError> {
    Ok(table.with_blobs(Arc::new(Blobs::new(context.bucket(&files.bucket)?, PAYLOADS))))
}

/// Builds `webhook-shopify`.
#[must_use]
pub fn webhook(context: &'static Context) -> Building<Router> {
    Box::pin(async move {
        let (Stack { table: name, tenant }, (Signatures { secret }, files)) = context.settings()?;
        let table = table(context, name)?;
        let documents = Documents::new(with_payloads(table.clone(), context, &files)?, context.clock());
        let receiver = Receiver::new(tenant, context.secret(secret)?, documents, Stores::new(table));
        Ok(webhook_router(Arc::new(receiver)))
    })
}

/// Builds `shopify-on-delivery`.
#[must_use]
pub fn on_delivery(context: &'static Context) -> Building<Arc<dyn EventHandler>> {
    Box::pin(async move {
        let (Stack { table: name, .. }, files) = context.settings()?;
        let (table, clock) = (table(context, name)?, context.clock());
        let documents = Documents::new(with_payloads(table.clone(), context, &files)?, clock.clone());
        let attempt = Inbound {
            stores: Stores::new(table.clone()),
            agreements: Agreements::new(table.clone()),
            documents: documents.clone(),
            platform: Arc::new(Backoffice::new(&table, &clock)),
            clock,
        };
        let handler: Arc<dyn EventHandler> =
            Arc::new(OnDocument { documents, attempt: Arc::new(attempt), direction: Direction::In });
        Ok(handler)
    })
}

/// Builds `shopify-on-change`.
#[must_use]
pub fn on_change(context: &'static Context) -> Building<Arc<dyn EventHandler>> {
    Box::pin(async move {
        let Stack { table: name, .. } = context.settings()?;
        let table = table(context, name)?;
        let documents = Documents::new(table.clone(), context.clock());
        let (stores, customers) = (Stores::new(table.clone()), Customers::new(table));
        let handler: Arc<dyn EventHandler> = Arc::new(OnChange { documents, stores, customers });
        Ok(handler)
    })
}

/// What is read of the settings of the identity provider.
#[derive(Deserialize)]
struct Issuer {
    /// Of the issuer, which is this API's `/access`.
    url: String,
}

/// What calls stores.
struct Caller {
    table: Table,
    app: Credentials,
    base_url: String,
    tokens: Arc<tokens::Secrets>,
    transport: Arc<dyn Transport>,
    client: Client,
}

fn caller(context: &'static Context, table: Table, app: App, patience: Duration) -> Result<Caller, InitError> {
    let (App { client_id, secret, base_url, tokens }, clock) = (app, context.clock());
    let app = Credentials { client_id, secret: context.secret(secret)? };
    let transport = context.transport(Roots::Public);
    let kept = Arc::new(tokens::Secrets::new(context, tokens));
    let tokens = Tokens::new(kept.clone(), app.clone(), transport.clone(), table.clone(), clock.clone());
    let limiter = Limiter::new(table.clone(), clock.clone(), patience);
    let circuits = Circuits::new(table.clone(), clock.clone());
    let client = Client::new(transport.clone(), limiter, circuits, tokens, clock, base_url.clone());
    Ok(Caller { table, app, base_url, tokens: kept, transport, client })
}

/// Builds `shopify-connections-api`.
#[must_use]
pub fn connections(context: &'static Context) -> Building<Router> {
    Box::pin(async move {
        let (Stack { table: name, tenant }, (app, Connecting { provider, cursor_secret, full_sync })) =
            context.settings()?;
        let json = context.secret(provider)?.read().await.map_err(InitError::other)?;
        let Issuer { url } = serde_json::from_str(json.expose_secret()).map_err(InitError::other)?;
        let url = url.strip_suffix("/access").ok_or_else(|| InitError::other("the issuer's URL ends in /access"))?;
        let caller = caller(context, table(context, name)?, app, PATIENCE)?;
        let Caller { table, app, base_url, tokens, transport, client } = caller;
        let clock = context.clock();
        let connector = Connector {
            app,
            redirect_uri: format!("{url}/v1/connections/shopify/callback"),
            installs: Installs::new(table.clone(), clock.clone()),
            stores: Stores::new(table.clone()),
            documents: Documents::new(table.clone(), clock.clone()),
            tokens,
            client,
            transport,
            clock: clock.clone(),
            base_url,
            webhooks: webhooks(url),
        };
        let machine = Executions::new(context.json_service(STEP_FUNCTIONS)?, full_sync);
        let syncs = Syncs::new(table.clone(), clock, Arc::new(machine));
        let (drifts, cursor_secret) = (Drifts::new(table), context.secret(cursor_secret)?);
        Ok(connections_router(Arc::new(Api { tenant, connector, syncs, drifts, cursor_secret })))
    })
}

/// Builds `shopify-on-task`.
#[must_use]
pub fn on_task(context: &'static Context) -> Building<Arc<dyn EventHandler>> {
    Box::pin(async move {
        let (Stack { table: name, .. }, app) = context.settings()?;
        let Caller { table, client, .. } = caller(context, table(context, name)?, app, PATIENCE)?;
        let clock = context.clock();
        let platform = Arc::new(Backoffice::new(&table, &clock));
        let (stores, agreements) = (Stores::new(table.clone()), Agreements::new(table.clone()));
        let documents = Documents::new(table, clock.clone());
        let attempt = Outbound::new(client, stores, agreements, platform, clock);
        let handler: Arc<dyn EventHandler> =
            Arc::new(OnDocument { documents, attempt: Arc::new(attempt), direction: Direction::Out });
        Ok(handler)
    })
}

/// Where stores send what they tell.
fn webhooks(public_url: &str) -> String {
    format!("{public_url}/shopify/v1/webhooks")
}

fn operations(context: &'static Context, table: Table, app: App) -> Result<Operations, InitError> {
    let Caller { table, client, .. } = caller(context, table, app, FLOW_PATIENCE)?;
    let (stores, runs) = (Stores::new(table.clone()), Runs::new(table));
    Ok(Operations { client, stores, runs, clock: context.clock() })
}

/// Builds `task-shopify-full-sync`.
#[must_use]
pub fn full_sync(context: &'static Context) -> Building<Arc<dyn Task>> {
    Box::pin(async move {
        let (Stack { table: name, tenant }, (app, files)) = context.settings()?;
        let table = table(context, name)?;
        let operations = operations(context, table.clone(), app)?;
        let flow = FullSync { operations, table: with_payloads(table, context, &files)? };
        let task: Arc<dyn Task> = Arc::new(FullSyncSteps { tenant, flow });
        Ok(task)
    })
}

/// Builds `task-shopify-bulk`.
#[must_use]
pub fn bulk(context: &'static Context) -> Building<Arc<dyn Task>> {
    Box::pin(async move {
        let (Stack { table: name, tenant }, app) = context.settings()?;
        let table = table(context, name)?;
        let operations = operations(context, table.clone(), app)?;
        let clock = context.clock();
        let flow = Fallback {
            operations,
            documents: Documents::new(table.clone(), clock.clone()),
            agreements: Agreements::new(table.clone()),
            platform: Arc::new(Backoffice::new(&table, &clock)),
        };
        let task: Arc<dyn Task> = Arc::new(BulkSteps { tenant, flow });
        Ok(task)
    })
}

/// Builds `cron-shopify-reconcile`.
#[must_use]
pub fn reconcile(context: &'static Context) -> Building<Arc<dyn Job>> {
    Box::pin(async move {
        let (Stack { table: name, tenant }, (app, (files, (Public { url }, CentreQueue { queue })))) =
            context.settings()?;
        let table = table(context, name)?;
        let operations = operations(context, table.clone(), app)?;
        let clock = context.clock();
        let flow = Reconcile {
            operations,
            documents: Documents::new(table.clone(), clock.clone()),
            agreements: Agreements::new(table.clone()),
            platform: Arc::new(Backoffice::new(&table, &clock)),
            webhook: webhooks(&url),
            table: with_payloads(table.clone(), context, &files)?,
        };
        let membership = Membership::new(Centre::new(table.clone(), clock.clone()), queue);
        let job: Arc<dyn Job> = Arc::new(ReconcileJob { tenant, membership, jobs: Jobs::new(table, clock), flow });
        Ok(job)
    })
}

/// The description of all routes.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut whole = receiver::Doc::openapi();
    whole.merge(connections::Doc::openapi());
    whole.merge(operations::Doc::openapi());
    whole
}
