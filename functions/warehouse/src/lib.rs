//! The warehouse's functions. A warehouse is deployed as a stack of its own, with these and with `access-authorizer` and
//! `outbox-relay`.
//!
//! | function | trigger | does |
//! |---|---|---|
//! | `warehouse-inventory-api` | `/warehouses/{name}/v1/inventory…` | rows of stock, counts, corrections, ledgers |
//! | `warehouse-shipments-api` | `/warehouses/{name}/v1/shipments…` | the store's instructions and the log of them |
//! | `warehouse-health-api` | `/warehouses/{name}/health` | whether the warehouse can be given work |
//! | `warehouse-on-shipment-completed` | its queue behind `events.fifo` | confirms shipments to the store |
//! | `cron-warehouse-registration` | every minute, and when the stack was deployed | makes the warehouse known to the store |

use std::sync::Arc;

use async_trait::async_trait;
use inventory::LocationId;
use messaging::EventHandler;
use runtime::{Building, Context, Failure, InitError, Roots, Task, settings};
use serde_json::Value;
use table::Table;
use warehouse::{Api, ConfirmShipment, Registration, RegistrationError, StoreClient, Warehouse};

settings! {
    struct ApiSettings {
        table: String = "TABLE_NAME",
        name: LocationId = "WAREHOUSE_NAME",
        cursor_secret: String = "CURSOR_SECRET_ARN",
    }
}

settings! {
    struct HealthSettings {
        table: String = "TABLE_NAME",
        name: LocationId = "WAREHOUSE_NAME",
    }
}

settings! {
    struct ConfirmSettings {
        /// The store's base, without `/v1`.
        store: String = "STORE_URL",
        /// What this warehouse shows to it.
        secret: String = "SERVICE_SECRET_ARN",
    }
}

settings! {
    struct RegistrationSettings {
        store: String = "STORE_URL",
        secret: String = "SERVICE_SECRET_ARN",
        name: LocationId = "WAREHOUSE_NAME",
        /// Where this warehouse is reached, without `/v1`.
        url: String = "PUBLIC_URL",
    }
}

/// Builds `warehouse-inventory-api`.
#[must_use]
pub fn inventory(context: &'static Context) -> Building<axum::Router> {
    Box::pin(async move { Ok(warehouse::inventory_api(api(context)?)) })
}

/// Builds `warehouse-shipments-api`.
#[must_use]
pub fn shipments(context: &'static Context) -> Building<axum::Router> {
    Box::pin(async move { Ok(warehouse::shipments_api(api(context)?)) })
}

/// Builds `warehouse-health-api`.
#[must_use]
pub fn health(context: &'static Context) -> Building<axum::Router> {
    Box::pin(async move {
        let settings: HealthSettings = context.settings()?;
        let table = Table::new(context.dynamodb()?, settings.table);
        Ok(warehouse::health_api(Arc::new(Warehouse::new(table, settings.name, context.clock()))))
    })
}

fn api(context: &'static Context) -> Result<Arc<Api>, InitError> {
    let settings: ApiSettings = context.settings()?;
    let table = Table::new(context.dynamodb()?, settings.table);
    let warehouse = Warehouse::new(table, settings.name, context.clock());
    Ok(Arc::new(Api { warehouse, cursor_secret: context.secret(settings.cursor_secret)? }))
}

/// Builds `warehouse-on-shipment-completed`.
#[must_use]
pub fn confirm(context: &'static Context) -> Building<Arc<dyn EventHandler>> {
    Box::pin(async move {
        let ConfirmSettings { store, secret } = context.settings()?;
        // The store is behind API Gateway.
        let store = StoreClient::new(context.transport(Roots::Amazon), &store, context.secret(secret)?);
        let handler: Arc<dyn EventHandler> = Arc::new(ConfirmShipment::new(store));
        Ok(handler)
    })
}

/// Builds `cron-warehouse-registration`.
#[must_use]
pub fn registration(context: &'static Context) -> Building<Arc<dyn Task>> {
    Box::pin(async move {
        let RegistrationSettings { store, secret, name, url } = context.settings()?;
        let transport = context.transport(Roots::Amazon);
        let store = StoreClient::new(transport.clone(), &store, context.secret(secret)?);
        let task: Arc<dyn Task> = Arc::new(Register(Registration::new(store, transport, name, &url)));
        Ok(task)
    })
}

/// A task and not a job, because what invoked it decides how patient it is.
struct Register(Registration);

#[async_trait]
impl Task for Register {
    async fn run(&self, input: Value) -> Result<Value, Failure> {
        match self.0.run(input).await {
            Ok(()) => Ok(Value::Null),
            Err(error @ RegistrationError::Refused { .. }) => Err(Failure::new("RegistrationRefused", error)),
            Err(error @ RegistrationError::Unavailable(_)) => Err(Failure::new("StoreUnavailable", error)),
            Err(error @ RegistrationError::Malformed(_)) => Err(Failure::new("MalformedEvent", error)),
            Err(error @ RegistrationError::NotAnswered(_)) => Err(Failure::new("StackNotAnswered", error)),
        }
    }
}
