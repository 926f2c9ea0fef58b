//! Who vouches for people who sign in with a browser: a port, so that the flow knows no provider.

use async_trait::async_trait;
use web::BoxError;

use crate::email::Email;

/// What the provider is told when a browser is sent there.
#[derive(Debug, Clone, Copy)]
pub struct Login<'a> {
    /// Comes back with the browser.
    pub state: &'a str,
    /// Must be in the ID token.
    pub nonce: &'a str,
    /// PKCE (RFC 7636), S256: of the verifier that [`IdentityProvider::identify`] gets.
    pub challenge: &'a str,
}

/// Somebody the provider vouches for. `Debug` shows nothing: all of it is personal.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// Verified by the provider.
    pub email: Email,
    pub name: String,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Person(..)")
    }
}

/// The provider cannot be asked. A code it does not accept is no error.
#[derive(Debug, thiserror::Error)]
#[error("the identity provider cannot be asked")]
pub struct ProviderError(#[source] pub BoxError);

/// An `OpenID` provider.
#[async_trait]
pub trait IdentityProvider: Send + Sync {
    /// Its name, which a login is bound to.
    fn name(&self) -> &'static str;

    /// Where the browser is sent.
    fn login_url(&self, login: Login<'_>) -> String;

    /// Who has signed in; `None` when the code is not good, or what comes for it is not to be believed.
    async fn identify(&self, code: &str, verifier: &str, nonce: &str) -> Result<Option<Person>, ProviderError>;
}
