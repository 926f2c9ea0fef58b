//! OAuth 2.0 and `OpenID` Connect: how people and machines get tokens.
//!
//! Authorization code with PKCE (S256, always), client credentials, refresh with rotation, revocation, introspection, log out at
//! an application's wish; RFC 6749, 7009, 7636, 7662, 9068, 9207 and the practices of RFC 9700. People sign in at an [`IdentityProvider`]; no password is seen
//! here. There is no implicit grant, no password grant, no response mode but the query, no request object.
//!
//! HTTP is the function's business: this takes parameters and gives URLs, answers and errors.

mod authorize;
mod callback;
mod client;
mod grant;
mod inspect;
mod logout;
mod params;
mod sessions;

use std::sync::Arc;

use kernel::{Clock, TenantId};
use table::{Table, TableError, TransactionError};

use crate::audit::{AuditEntry, AuditKind};
use crate::directory::{Directory, DirectoryError};
use crate::keys::NoRandomness;
use crate::provider::{IdentityProvider, ProviderError};
use crate::register::unexpected;
use crate::token::{TokenError, Tokens};

pub use authorize::{AuthorizeError, Started};
pub use callback::CallbackError;
pub use grant::Issued;
pub use inspect::{Introspection, UserInfo};
pub use logout::LogoutError;
pub use params::{Params, RepeatedParameter};

/// Seconds a login may take at the provider.
pub const LOGIN_SECONDS: i64 = 600;
/// Seconds an authorization code is good.
pub const CODE_SECONDS: i64 = 60;
/// Longest `state` or `nonce` of an application, in bytes.
const MAX_ECHO: usize = 1000;
/// Tries of a write that others may be in the way of.
const ATTEMPTS: usize = 5;

/// The use cases, for one tenant.
#[derive(Clone)]
pub struct OAuth {
    table: Table,
    clock: Arc<dyn Clock>,
    tokens: Tokens,
    provider: Arc<dyn IdentityProvider>,
    tenant: TenantId,
    /// The issuer: the URL everything here is under.
    url: String,
    directory: Directory,
}

impl OAuth {
    #[must_use]
    pub fn new(
        table: Table,
        clock: Arc<dyn Clock>,
        tokens: Tokens,
        provider: Arc<dyn IdentityProvider>,
        tenant: TenantId,
        url: String,
    ) -> Self {
        let directory = Directory::new(table.clone(), clock.clone());
        Self { table, clock, tokens, provider, tenant, url, directory }
    }

    /// Whose people sign in here.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn entry(&self, event: AuditKind, actor: impl ToString, subject: impl ToString) -> AuditEntry {
        AuditEntry::new(&*self.clock, event, &actor.to_string(), &subject.to_string())
    }
}

/// Something failed that is nobody's fault outside: to be tried again.
#[derive(Debug, thiserror::Error)]
pub enum Outage {
    #[error("the table cannot be used")]
    Table(#[from] TableError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Random(#[from] NoRandomness),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error("the claims of a token cannot be read")]
    Claims(#[source] web::BoxError),
    /// Others kept writing at the same time.
    #[error("others were in the way too often")]
    Contended,
}

impl From<TransactionError> for Outage {
    fn from(error: TransactionError) -> Self {
        unexpected(error).into()
    }
}

/// What RFC 6749, section 5.2 and its like let a client be told.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    #[error("invalid_request")]
    InvalidRequest(&'static str),
    #[error("invalid_client")]
    InvalidClient,
    #[error("invalid_grant")]
    InvalidGrant,
    #[error("unauthorized_client")]
    UnauthorizedClient,
    #[error("unsupported_grant_type")]
    UnsupportedGrantType,
    #[error("invalid_scope")]
    InvalidScope,
    /// RFC 7009, section 2.2.1.
    #[error("unsupported_token_type")]
    UnsupportedTokenType,
    #[error(transparent)]
    Outage(Outage),
}

impl<E: Into<Outage>> From<E> for OAuthError {
    fn from(error: E) -> Self {
        Self::Outage(error.into())
    }
}

#[cfg(test)]
mod tests;
