//! The access functions.
//!
//! | function | trigger | does |
//! |---|---|---|
//! | `access-authorizer` | the HTTP API, before every route that is not public | finds out who is calling |
//! | `access-oauth-api` | `/access/…`, `/v1/me/sessions…` | OAuth 2.0 and `OpenID` Connect |
//! | `access-directory-api` | `/v1/users…`, `/v1/applications…`, `/v1/grants…`, … | the directory of who |
//! | `cron-access-keys` | a schedule | keeps the keys of tokens fresh |
//! | `task-create-user` | an operator, by invocation | makes a user of any role |
//!
//! Registration is a route of the shop (`storefront`), not a function of its own.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

mod authorizer;
mod config;
mod create_user;
mod cursors;
mod directory_api;
mod oauth_api;
mod problems;
mod rotate_keys;

use std::sync::Arc;

use access::{Access, ApiKeys, Cognito, CognitoPool, Directory, Keyring, Limiter, OAuth, Services, TokenDoor, Tokens};
use kernel::TenantId;
use runtime::{Building, Context, InitError, Job, Roots, settings};
use secrecy::ExposeSecret;
use serde::Deserialize;
use table::Table;
use utoipa::OpenApi as _;

pub use authorizer::Authorizer;
pub use config::SecretArns;
pub use create_user::CreateUser;
pub use directory_api::DirectoryApi;
pub use oauth_api::OAuthApi;
pub use rotate_keys::RotateKeys;

settings! {
    struct AuthorizerSettings {
        table: String = "TABLE_NAME",
        tenant: TenantId = "TENANT",
        secrets: SecretArns = "SERVICE_SECRETS",
        /// Both or neither: a warehouse's stack has no applications.
        keys: String = "TOKEN_KEYS_ARN" or "",
        pepper: String = "API_KEY_PEPPER_ARN" or "",
    }
}

settings! {
    struct OAuthSettings {
        table: String = "TABLE_NAME",
        tenant: TenantId = "TENANT",
        keys: String = "TOKEN_KEYS_ARN",
        cursor_secret: String = "CURSOR_SECRET_ARN",
        /// The name, not the ARN, of the secret with [`Provider`]: what is in it depends on the API these functions are behind.
        provider: String = "PROVIDER_SETTINGS",
    }
}

settings! {
    struct DirectorySettings {
        table: String = "TABLE_NAME",
        pepper: String = "API_KEY_PEPPER_ARN",
        cursor_secret: String = "CURSOR_SECRET_ARN",
        looker: String = "LOOKER_SECRET_ARN",
    }
}

settings! {
    struct KeySettings {
        keys: String = "TOKEN_KEYS_ARN",
    }
}

/// Where this issuer is, and which pool people sign in at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Provider {
    /// This issuer's URL, without a trailing slash; ends in `/access`.
    url: String,
    /// See [`CognitoPool`].
    domain: String,
    issuer: String,
    jwks: String,
    client: String,
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
        let access = Access::new(table.clone(), context.clock());
        let mut authorizer = Authorizer::new(settings.tenant.clone(), access, services);
        match (settings.keys.as_str(), settings.pepper.as_str()) {
            ("", "") => {}
            ("", _) | (_, "") => return Err(InitError::other("set TOKEN_KEYS_ARN and API_KEY_PEPPER_ARN, or neither")),
            (keys, pepper) => {
                let keyring = Keyring::new(context.secret(keys)?, context.clock());
                let tokens = Tokens::new(&settings.tenant, keyring);
                let tokens = TokenDoor::new(table.clone(), context.clock(), tokens, settings.tenant);
                let keys = ApiKeys::new(table.clone(), context.clock(), context.secret(pepper)?);
                authorizer = authorizer.with_applications(tokens, keys, Directory::new(table, context.clock()));
            }
        }
        let authorizer: Arc<dyn runtime::Task> = Arc::new(authorizer);
        Ok(authorizer)
    })
}

/// `/access/…` and `/v1/me/sessions`.
pub fn oauth_api(api: Arc<OAuthApi>) -> axum::Router {
    oauth_api::routes(api)
}

/// Builds `access-oauth-api`.
#[must_use]
pub fn oauth(context: &'static Context) -> Building<axum::Router> {
    Box::pin(async move {
        let settings: OAuthSettings = context.settings()?;
        let table = Table::new(context.dynamodb()?, settings.table);
        let json = context.secret(settings.provider)?.read().await.map_err(InitError::other)?;
        let provider: Provider = serde_json::from_str(json.expose_secret()).map_err(InitError::other)?;
        let Provider { url, domain, issuer, jwks, client } = provider;
        let redirect_uri = format!("{url}/oauth2/callback");
        let pool = CognitoPool { domain, issuer, jwks, client, redirect_uri };
        let provider = Arc::new(Cognito::new(pool, context.transport(Roots::Amazon), context.clock()));
        let keyring = Keyring::new(context.secret(settings.keys)?, context.clock());
        let tokens = Tokens::new(&settings.tenant, keyring);
        let limiter = Limiter::new(table.clone(), context.clock(), settings.tenant.clone());
        let oauth = OAuth::new(table, context.clock(), tokens, provider, settings.tenant, url);
        Ok(oauth_api(Arc::new(OAuthApi::new(oauth, limiter, context.secret(settings.cursor_secret)?))))
    })
}

/// The directory's routes.
pub fn directory_api(api: Arc<DirectoryApi>) -> axum::Router {
    directory_api::routes(api)
}

/// Builds `access-directory-api`.
#[must_use]
pub fn directory(context: &'static Context) -> Building<axum::Router> {
    Box::pin(async move {
        let settings: DirectorySettings = context.settings()?;
        let table = Table::new(context.dynamodb()?, settings.table);
        let (pepper, cursor_secret) = (context.secret(settings.pepper)?, context.secret(settings.cursor_secret)?);
        let looker = context.secret(settings.looker)?;
        Ok(directory_api(Arc::new(DirectoryApi::new(table, context.clock(), pepper, cursor_secret, looker))))
    })
}

/// Builds `cron-access-keys`.
#[must_use]
pub fn rotate_keys(context: &'static Context) -> Building<Arc<dyn Job>> {
    Box::pin(async move {
        let KeySettings { keys } = context.settings()?;
        let job: Arc<dyn Job> = Arc::new(RotateKeys { secret: context.secret_store(keys)? });
        Ok(job)
    })
}

/// The description of these functions' routes.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut whole = oauth_api::Doc::openapi();
    whole.merge(directory_api::document());
    whole
}
