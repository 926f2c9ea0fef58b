//! The gateway's question "who is this?" and its answer, free of Lambda types.
//!
//! It knows no credential scheme: the `access` context implements [`Authorizer`]. The answer becomes [`crate::Caller`]
//! of every request the gateway then lets through, also from its cache.

use async_trait::async_trait;
use http::HeaderMap;

use crate::Caller;

/// A request before it is let in.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    /// Address of the client as the gateway saw it.
    pub source_ip: Option<String>,
}

/// Decides who is calling. `Ok(None)` is nobody we know, whom every route that wants a [`Caller`] refuses; an error is an
/// outage and lets nobody in either.
#[async_trait]
pub trait Authorizer: Send + Sync {
    async fn authorize(&self, credentials: &Credentials) -> Result<Option<Caller>, BoxError>;
}

/// Any error, for the log.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
