//! The access functions.
//!
//! | function | trigger | does |
//! |---|---|---|
//! | `access-authorizer` | the HTTP API, before every route that is not public | finds out who is calling |
//! | `task-create-user` | an operator, by invocation | makes a user of any role |
//!
//! Registration is a route of the shop (`storefront`), not a function of its own.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

mod authorizer;
mod config;
mod create_user;

use std::sync::Arc;

use access::{Access, Services};
use kernel::TenantId;
use runtime::{Building, Context, InitError, settings};
use table::Table;

pub use authorizer::Authorizer;
pub use config::SecretArns;
pub use create_user::CreateUser;

settings! {
    struct AuthorizerSettings {
        table: String = "TABLE_NAME",
        tenant: TenantId = "TENANT",
        secrets: SecretArns = "SERVICE_SECRETS",
    }
}

settings! {
    struct UserSettings {
        table: String = "TABLE_NAME",
        tenant: TenantId = "TENANT",
    }
}

/// Builds `task-create-user`.
#[must_use]
pub fn create_user(context: &'static Context) -> Building<Arc<dyn runtime::Task>> {
    Box::pin(async move {
        let UserSettings { table, tenant } = context.settings()?;
        let access = Access::new(Table::new(context.dynamodb()?, table), context.clock());
        let task: Arc<dyn runtime::Task> = Arc::new(CreateUser { tenant, access });
        Ok(task)
    })
}

/// Builds `access-authorizer`.
#[must_use]
pub fn authorizer(context: &'static Context) -> Building<Arc<dyn runtime::Task>> {
    Box::pin(async move {
        let settings: AuthorizerSettings = context.settings()?;
        let table = Table::new(context.dynamodb()?, settings.table);
        let services = settings.secrets.0.into_iter().map(|(name, arn)| Ok((name, context.secret(arn)?)));
        let services = Services::new(services.collect::<Result<_, InitError>>()?);
        let access = Access::new(table, context.clock());
        let authorizer: Arc<dyn runtime::Task> = Arc::new(Authorizer::new(settings.tenant, access, services));
        Ok(authorizer)
    })
}
