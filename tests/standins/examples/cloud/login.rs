//! Somebody who has signed in to an application: a session, what it speaks for, and access tokens of it.

use crate::shop::Shop;
use access::{
    AccessClaims, Actor, Directory, Effect, Grant, IdentityProvider, Invitation, Keyring, Kind, Login, OAuth, Org,
    Params, Person, Place, ProviderError, Registration, Role, Site, Tokens,
};
use anyhow::Context as _;
use async_trait::async_trait;
use kernel::{Clock as _, TenantId};
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::BTreeSet;
use std::sync::Arc;
use web::BoxError;
use web::secret::Secret;

const EMAIL: &str = "manager@example.com";
const ORIGIN: &str = "https://pos.example.com";
const CALLBACK: &str = "https://pos.example.com/callback";
/// The pair of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// Locations in the tenant's tree, half of them in the manager's franchise.
const LOCATIONS: usize = 40;
/// More than an authorizer remembers.
const TOKENS: usize = 150;

/// A secret that stays as it is.
pub(crate) struct Fixed(pub(crate) SecretString);

#[async_trait]
impl Secret for Fixed {
    async fn read(&self) -> Result<SecretString, BoxError> {
        Ok(self.0.clone())
    }

    async fn refresh(&self) -> Result<SecretString, BoxError> {
        self.read().await
    }
}

/// Vouches for the one manager.
struct Provider;

#[async_trait]
impl IdentityProvider for Provider {
    fn name(&self) -> &'static str {
        "standin"
    }

    fn login_url(&self, login: Login<'_>) -> String {
        format!("https://id.example.com/?state={}", login.state)
    }

    async fn identify(&self, _: &str, _: &str, _: &str) -> Result<Option<Person>, ProviderError> {
        let email = EMAIL.parse().map_err(|error: access::InvalidEmail| ProviderError(error.into()))?;
        Ok(Some(Person { email, name: "Manager".to_owned() }))
    }
}

fn params(pairs: &[(&str, &str)]) -> anyhow::Result<Params> {
    let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Ok(Params::parse(text.as_bytes())?)
}

fn parameter(url: &str, name: &str) -> anyhow::Result<String> {
    let (_, query) = url.split_once('?').context("no query")?;
    let found = form_urlencoded::parse(query.as_bytes()).find(|(found, _)| found == name);
    Ok(found.with_context(|| format!("no {name}"))?.1.into_owned())
}

fn registration(tenant: &TenantId) -> Registration {
    Registration {
        name: "Point of sale".to_owned(),
        kind: Kind::Public,
        sites: vec![Site { origin: ORIGIN.to_owned(), tenants: BTreeSet::from([tenant.clone()]) }],
        redirect_uris: BTreeSet::from([CALLBACK.to_owned()]),
        post_logout_redirect_uris: BTreeSet::new(),
        scopes: ["openid", "profile:read", "orders:read"].map(str::to_owned).into(),
        machine: None,
        tile: None,
    }
}

fn tree() -> Org {
    let place = |number: usize| Place {
        company: Some("acme".to_owned()),
        franchises: BTreeSet::from([if number.is_multiple_of(2) { "north" } else { "south" }.to_owned()]),
    };
    Org { locations: (0..LOCATIONS).map(|number| (format!("loc-{number}"), place(number))).collect(), ..Org::default() }
}

impl Shop {
    /// Access tokens of a manager who was granted something besides the own role.
    pub(crate) async fn sign_in(&mut self, token_keys: &SecretString) -> anyhow::Result<()> {
        let (tenant, clock) = (self.tenant.clone(), self.clock.clone());
        let directory = Directory::new(self.table.clone(), clock.clone());
        let actor = Actor { tenant: &tenant, principal: "bench" };
        let manager = Invitation { email: EMAIL.to_owned(), name: "Manager".to_owned(), role: Role::StoreAdmin };
        let user = directory.invite(actor, &manager).await?.value.id.to_string();
        directory.set_org(actor, &|_| true, tree()).await?;
        let grant = Grant { role: "STORE_ADMIN".to_owned(), on: "franchise:north".parse()?, effect: Effect::Allow };
        directory.set_grants(actor, &user, &|_| true, vec![grant]).await?;
        let app = directory.register_application(actor, registration(&tenant)).await?.application.value.id.to_string();

        let tokens = Tokens::new(&tenant, Keyring::new(Arc::new(Fixed(token_keys.clone())), clock.clone()));
        let url = "https://id.example.com/access".to_owned();
        let oauth = OAuth::new(self.table.clone(), clock.clone(), tokens.clone(), Arc::new(Provider), tenant, url);
        let wish = params(&[
            ("client_id", &app),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "openid profile:read orders:read"),
            ("state", "s"),
            ("nonce", "n"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ])?;
        let started = oauth.authorize(&wish).await?;
        let state = parameter(&started.location, "state")?;
        let cookie = move |_: &str| Some(started.browser.clone());
        let back = oauth.callback(&params(&[("state", &state), ("code", "good")])?, &cookie).await?;
        let exchange = params(&[
            ("grant_type", "authorization_code"),
            ("client_id", &app),
            ("code", &parameter(&back, "code")?),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ])?;
        let token = oauth.token(&exchange, None).await?.access_token;
        let claims = tokens
            .read(token.expose_secret(), clock.now())
            .await
            .map_err(anyhow::Error::from_boxed)?
            .context("the token is good")?;
        for number in 0..TOKENS {
            let claims = AccessClaims { jti: number.to_string(), ..claims.clone() };
            self.tokens.push(tokens.access(&claims, clock.now()).await?);
        }
        Ok(())
    }
}
