//! A tenant with two applications and somebody to sign in, and a browser that keeps cookies.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{ManualClock, TenantId, Timestamp};
use secrecy::ExposeSecret;
use table::Table;
use testkit::{FaultInjector, LocalDynamo};

use crate::application::tests::registration;
use crate::keys::Keyring;
use crate::opaque;
use crate::provider::{IdentityProvider, Login, Person, ProviderError};
use crate::testing::FixedSecret;
use crate::{
    Actor, Application, Directory, Invitation, Issued, Kind, OAuth, OAuthError, Params, Registration, Role, Started,
    TokenDoor, Tokens, User,
};

const ISSUER: &str = "https://id.example/access";
pub(super) const NOW: i64 = 1_750_000_000;
pub(super) const REDIRECT: &str = "https://pos.example.com/callback";
pub(super) const BYE: &str = "https://pos.example.com/bye";
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(super) fn tenant() -> TenantId {
    "acme.test".parse().unwrap()
}

/// Knows whoever the test says; remembers what it was sent.
#[derive(Default)]
pub(super) struct Provider {
    pub(super) person: Mutex<Option<Person>>,
    pub(super) states: Mutex<Vec<String>>,
}

#[async_trait]
impl IdentityProvider for Provider {
    fn name(&self) -> &'static str {
        "standin"
    }

    fn login_url(&self, login: Login<'_>) -> String {
        self.states.lock().unwrap().push(login.state.to_owned());
        format!("https://idp.example/login?state={}", login.state)
    }

    async fn identify(&self, code: &str, _: &str, _: &str) -> Result<Option<Person>, ProviderError> {
        Ok(self.person.lock().unwrap().clone().filter(|_| code == "good"))
    }
}

pub(super) struct World {
    pub(super) dynamo: LocalDynamo,
    pub(super) clock: Arc<ManualClock>,
    pub(super) provider: Arc<Provider>,
    pub(super) oauth: OAuth,
    pub(super) directory: Directory,
    pub(super) door: TokenDoor,
    pub(super) user: User,
    pub(super) app: Application,
    pub(super) machine: Application,
    pub(super) secret: String,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::over(LocalDynamo::new(), &FaultInjector::new()).await
    }

    pub(super) async fn over(dynamo: LocalDynamo, faults: &FaultInjector) -> Self {
        dynamo.create_table("crossdock");
        let table = Table::new(dynamo.client_through(faults), "crossdock");
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(NOW).unwrap()));
        let secret = crate::rotated(&"none".to_owned().into(), Timestamp::from_second(NOW - 100_000).unwrap());
        let keyring = Keyring::new(Arc::new(FixedSecret(secret.unwrap().unwrap())), clock.clone());
        let tokens = Tokens::new(&tenant(), keyring);
        let provider = Arc::new(Provider::default());
        let oauth = OAuth::new(table.clone(), clock.clone(), tokens.clone(), provider.clone(), tenant(), ISSUER.into());
        let directory = Directory::new(table.clone(), clock.clone());
        let door = TokenDoor::new(table, clock.clone(), tokens, tenant());
        let tenant = tenant();
        let actor = Actor { tenant: &tenant, principal: "operator" };
        let new = Invitation { email: "ada@example.com".into(), name: "Ada".into(), role: Role::StoreAdmin };
        let user = directory.invite(actor, &new).await.unwrap().value;
        let app = directory.register_application(actor, registration()).await.unwrap().application.value;
        let machine = Registration { kind: Kind::Confidential, machine: Some(Role::StoreAdmin), ..registration() };
        let machine = directory.register_application(actor, machine).await.unwrap();
        let secret = machine.secret.unwrap().expose_secret().to_owned();
        let machine = machine.application.value;
        *provider.person.lock().unwrap() =
            Some(Person { email: "ada@example.com".parse().unwrap(), name: "Ada".into() });
        faults.forget();
        Self { dynamo, clock, provider, oauth, directory, door, user, app, machine, secret }
    }

    pub(super) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// What the point of sale asks for, with changes; an empty value leaves a parameter out.
    pub(super) fn wish(&self, changes: &[(&str, &str)]) -> Params {
        let id = self.app.id.to_string();
        let good = [
            ("client_id", &*id),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("scope", "openid email offline_access orders:read"),
            ("state", "client state"),
            ("nonce", "client nonce"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        params(&good, changes)
    }

    pub(super) async fn started(&self) -> Started {
        self.oauth.authorize(&self.wish(&[])).await.unwrap()
    }

    /// The browser comes back with this code of the provider's.
    pub(super) async fn returned(&self, started: &Started, code: &str) -> Option<String> {
        let state = value(&started.location, "state").unwrap();
        self.arrives(&state, code, Some(started)).await
    }

    pub(super) async fn arrives(&self, state: &str, code: &str, browser: Option<&Started>) -> Option<String> {
        let cookie = browser.map(|started| (started.login.clone(), started.browser.clone()));
        let cookie = move |name: &str| cookie.clone().filter(|(login, _)| login == name).map(|(_, value)| value);
        self.oauth.callback(&params(&[("state", state), ("code", code)], &[]), &cookie).await.ok()
    }

    /// A code, as the point of sale gets it.
    pub(super) async fn code(&self) -> String {
        let started = self.started().await;
        value(&self.returned(&started, "good").await.unwrap(), "code").unwrap()
    }

    pub(super) fn exchange(&self, code: &str, changes: &[(&str, &str)]) -> Params {
        let id = self.app.id.to_string();
        let good = [
            ("grant_type", "authorization_code"),
            ("client_id", &*id),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        params(&good, changes)
    }

    /// Ada, signed in.
    pub(super) async fn signed_in(&self) -> Issued {
        let code = self.code().await;
        self.oauth.token(&self.exchange(&code, &[]), None).await.unwrap()
    }

    pub(super) async fn refresh(&self, token: &str) -> Result<Issued, OAuthError> {
        let id = self.app.id.to_string();
        let good = [("grant_type", "refresh_token"), ("client_id", &*id), ("refresh_token", token)];
        self.oauth.token(&params(&good, &[]), None).await
    }

    /// The machine's `Authorization` header.
    pub(super) fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.machine.id, self.secret)))
    }

    pub(super) async fn is_good(&self, issued: &Issued) -> bool {
        self.door.access(issued.access_token.expose_secret()).await.unwrap().is_some()
    }

    /// Kinds of the audit entries about somebody, newest first.
    pub(super) async fn trail(&self, subject: impl ToString) -> Vec<crate::AuditKind> {
        let table = Table::new(self.dynamo.client(), "crossdock");
        let page = crate::AuditTrail::new(table).subject(&tenant(), &subject.to_string(), 50, None).await.unwrap();
        page.items.into_iter().map(|entry| entry.event).collect()
    }
}

pub(super) fn refresh_token(issued: &Issued) -> String {
    issued.refresh_token.as_ref().unwrap().expose_secret().to_owned()
}

pub(super) fn params(good: &[(&str, &str)], changes: &[(&str, &str)]) -> Params {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (name, value) in good.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name)) {
        text.append_pair(name, value);
    }
    for (name, value) in changes {
        text.append_pair(name, value);
    }
    Params::parse(text.finish().as_bytes()).unwrap()
}

/// A parameter of a URL.
pub(super) fn value(url: &str, name: &str) -> Option<String> {
    Params::parse(url.split_once('?')?.1.as_bytes()).unwrap().get(name).map(str::to_owned)
}

pub(super) fn error(result: Result<Issued, OAuthError>) -> String {
    result.map(|_| "none".to_owned()).unwrap_or_else(|error| error.to_string())
}

#[test]
fn the_challenge_is_of_the_verifier() {
    assert_eq!(opaque::hash(VERIFIER), CHALLENGE);
}
