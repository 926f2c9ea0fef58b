//! Who may come in: users with e-mail and password, services with a secret.
//!
//! It registers users and finds out who is calling; what a role may do is decided where it is done. HTTP is added by
//! `storefront` (registration) and by the authorizer function. Passwords, secrets, addresses and names never appear in
//! `Debug` or in an error.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test"))]

mod api_key;
mod application;
mod audit;
mod authenticate;
mod bearer;
mod cognito;
mod consumers;
mod credentials;
mod directory;
mod email;
mod guesses;
mod jose;
mod keys;
mod limits;
mod lockout;
mod looker;
mod oauth;
mod opaque;
mod password;
mod provider;
mod rbac;
mod register;
mod service;
mod session;
mod store;
#[cfg(test)]
mod testing;
mod token;
mod user;

use std::fmt;
use std::sync::Arc;

use kernel::Clock;
use table::Table;

use crate::password::Hasher;

pub use api_key::{
    ApiKey, ApiKeyError, ApiKeyId, ApiKeys, KEY_PREFIX, MAX_KEY_DAYS, MadeApiKey, NewApiKey, OVERLAP_SECONDS,
};
pub use application::{AppId, Application, Kind, OPENID_SCOPES, Registration, Site, Tile};
pub use audit::{AuditEntry, AuditId, AuditKind, AuditTrail};
pub use authenticate::{AuthenticateError, Identity};
pub use bearer::TokenDoor;
pub use cognito::{Cognito, CognitoPool};
pub use consumers::Consumers;
pub use directory::{
    Actor, Admitted, Directory, DirectoryError, Export, ExportedSession, Group, Invitation, MAX_GRANTS, MAX_GROUPS,
    Registered, Rights, Seen,
};
pub use email::{Email, InvalidEmail};
pub use guesses::{MAX_FAILURES_OF_NETWORK, network};
pub use keys::{InvalidKeys, Keyring, NoRandomness, rotated};
pub use limits::{DAY, Limit, Limiter, Quota, WINDOW};
pub use lockout::{MAX_FAILURES, WINDOW_SECONDS};
pub use looker::{DashboardId, Embed, InvalidDashboardId};
pub use oauth::{
    AuthorizeError, CODE_SECONDS, CallbackError, Introspection, Issued, LOGIN_SECONDS, LogoutError, OAuth, OAuthError,
    Outage, Params, RepeatedParameter, Started, UserInfo,
};
pub use password::{MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS, PasswordError};
pub use provider::{IdentityProvider, Login, Person, ProviderError};
pub use rbac::{
    BASE_ROLES, CATALOGUE, Effect, Grant, InvalidNode, InvalidRoles, MAX_ROLES, Node, Org, Permission, Place, Resolver,
    RoleDefinition, Roles, permits, public_scopes,
};
pub use register::RegisterError;
pub use service::{InvalidServiceName, SecretError, ServiceName, Services};
pub use session::Session;
pub use token::{ACCESS_SECONDS, AccessClaims, HOP_SECONDS, Hop, TokenError, Tokens};
pub use user::{InvalidStep, MAX_NAME_BYTES, NewUser, Role, User, UserId, UserStatus, UserStep, Violation};

/// The use cases around users. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    table: Table,
    clock: Arc<dyn Clock>,
    hasher: Hasher,
}

impl Access {
    #[must_use]
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        Self { table, clock, hasher: Hasher::owasp() }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Access(..)")
    }
}
