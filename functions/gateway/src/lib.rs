//! The public gateway: `public-gateway`, the one door for consumers outside, before the platform's own API.
//!
//! | step | where |
//! |---|---|
//! | who asks, and for which scopes | `door` |
//! | how often | `quota` |
//! | in which version of the contract | `contract` |
//! | whether what is asked, and answered, is as that version describes it | `input` |
//! | the same request to the platform's own API, signed for | `hop` |
//! | its answer, as that version describes it | `answer` |
//!
//! Routes, versions and the steps between them are data of the crate `gateway`. Nothing of commerce is decided here, and
//! nothing is kept but counters and pins.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

mod answer;
mod contract;
mod door;
mod hop;
mod input;
mod quota;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use access::{ApiKeys, Consumers, Keyring, Limiter, TokenDoor, Tokens};
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, get, on};
use gateway::{ROUTES, Route, USAGE_DAYS, to_newest};
use http::HeaderMap;
use kernel::{Clock, TenantId};
use runtime::{Building, Context, InitError, Roots, settings};
use secrecy::ExposeSecret;
use serde::Deserialize;
use table::Table;
use web::secret::Secret;
use web::transport::Transport;
use web::{Problem, RequestMeta};

use crate::input::Checks;

settings! {
    struct GatewaySettings {
        table: String = "TABLE_NAME",
        tenant: TenantId = "TENANT",
        keys: String = "TOKEN_KEYS_ARN",
        pepper: String = "API_KEY_PEPPER_ARN",
        /// The name, not the ARN, of the secret with [`Issuer`]: what is in it depends on the API this function is behind.
        provider: String = "PROVIDER_SETTINGS",
    }
}

/// What is read of the settings of who issues tokens.
#[derive(Deserialize)]
struct Issuer {
    /// The API's own URL, and `/access`.
    url: String,
}

/// What the gateway is made of.
pub struct Parts {
    pub table: Table,
    pub clock: Arc<dyn Clock>,
    pub tenant: TenantId,
    /// The keys of tokens.
    pub keys: Arc<dyn Secret>,
    /// What hashes of API keys are made under.
    pub pepper: Arc<dyn Secret>,
    /// The way to the platform's own API.
    pub platform: Arc<dyn Transport>,
    /// Where that is, without a trailing slash.
    pub url: String,
}

/// The gateway of one tenant.
pub struct Gateway {
    tenant: TenantId,
    clock: Arc<dyn Clock>,
    tokens: Tokens,
    door: TokenDoor,
    keys: ApiKeys,
    limiter: Limiter,
    consumers: Consumers,
    platform: Arc<dyn Transport>,
    url: String,
    checks: Checks,
}

impl Gateway {
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { table, clock, tenant, keys, pepper, platform, url } = parts;
        let tokens = Tokens::new(&tenant, Keyring::new(keys, clock.clone()));
        Self {
            door: TokenDoor::new(table.clone(), clock.clone(), tokens.clone(), tenant.clone()),
            keys: ApiKeys::new(table.clone(), clock.clone(), pepper),
            limiter: Limiter::new(table.clone(), clock.clone(), tenant.clone()).keeping_days(USAGE_DAYS),
            consumers: Consumers::new(table, clock.clone()),
            checks: Checks::default(),
            tenant,
            clock,
            tokens,
            platform,
            url,
        }
    }

    /// `told` is what every answer says, refusals too, as soon as it is known.
    async fn pass(&self, route: &'static Route, request: Request, told: &mut HeaderMap) -> Result<Response, Problem> {
        let consumer = self.consumer(request.headers()).await?;
        if !consumer.scopes.split(' ').any(|scope| scope == route.scope) {
            return Err(Problem::forbidden().detail("This credential may not do that."));
        }
        self.count(route.class, &consumer.id, told).await?;
        let (version, path) = contract::named(request.uri().path());
        let version = self.version(version, &consumer.id, request.headers()).await?;
        contract::tell(version, told);
        let path = route.internal_path(path).ok_or_else(Problem::not_found)?;
        let request_id = request.extensions().get::<RequestMeta>().cloned().unwrap_or_default().request_id;
        let (asked, headers) = self.checks.read(version, route, request).await?;
        let asked = to_newest(version, route, asked);
        let answer = self.hop(route, &path, asked, headers, &consumer, request_id).await?;
        tracing::info!(consumer = consumer.id, version = version.date, "passed on");
        answer::shown(&self.checks, version, route, answer)
    }
}

/// `/public/{version}/…`.
pub fn public_api(gateway: Arc<Gateway>) -> Router {
    let documents = Router::new().route("/public/{version}/openapi.json", get(contract::document));
    ROUTES.iter().fold(documents, |router, route| {
        let gateway = Arc::clone(&gateway);
        let handler = move |request: Request| {
            let gateway = Arc::clone(&gateway);
            async move {
                let mut told = HeaderMap::new();
                let answer = Box::pin(gateway.pass(route, request, &mut told)).await;
                let mut answer = answer.unwrap_or_else(IntoResponse::into_response);
                answer.headers_mut().extend(told);
                answer
            }
        };
        let method = if route.method == "POST" { MethodFilter::POST } else { MethodFilter::GET };
        router.route(&format!("/public/{{version}}{}", route.path), on(method, handler))
    })
}

/// Builds `public-gateway`.
#[must_use]
pub fn public(context: &'static Context) -> Building<Router> {
    Box::pin(async move {
        let GatewaySettings { table, tenant, keys, pepper, provider } = context.settings()?;
        let json = context.secret(provider)?.read().await.map_err(InitError::other)?;
        let Issuer { url } = serde_json::from_str(json.expose_secret()).map_err(InitError::other)?;
        let url = url.strip_suffix("/access").ok_or_else(|| InitError::other("the issuer's URL ends in /access"))?;
        Ok(public_api(Arc::new(Gateway::new(Parts {
            table: Table::new(context.dynamodb()?, table),
            clock: context.clock(),
            tenant,
            keys: context.secret(keys)?,
            pepper: context.secret(pepper)?,
            platform: context.transport(Roots::Amazon),
            url: url.to_owned(),
        }))))
    })
}
