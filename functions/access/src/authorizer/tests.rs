use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use access::{
    AccessClaims, Actor, ApiKeys, Directory, Effect as Says, Grant, Keyring, Kind, Limit, Limiter, MadeApiKey,
    NewApiKey, NewUser, Org, Place, Registration, Role, ServiceName, Tokens,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{Clock, ManualClock, SystemClock};
use runtime::Task;
use secrecy::{ExposeSecret, SecretString};
use table::Table;
use testkit::{Effect, FaultInjector, LocalDynamo, Side};
use web::BoxError;
use web::secret::Secret;

use super::*;

const EVENT: &str = include_str!("../../../../events/authorizer-basic.json");
const PASSWORD: &str = "correct horse";
const PEPPER: &str = r#"{"current": "0123456789-pepper-2"}"#;

/// A secret, or what Secrets Manager does when it has a bad day.
struct Stored(Option<&'static str>);

#[async_trait]
impl Secret for Stored {
    async fn read(&self) -> Result<SecretString, BoxError> {
        self.0.map(SecretString::from).ok_or_else(|| "no answer".into())
    }

    async fn refresh(&self) -> Result<SecretString, BoxError> {
        self.read().await
    }
}

fn tenant() -> TenantId {
    "acme.test".parse().unwrap()
}

/// Keys of this test run.
struct Keys(SecretString);

#[async_trait]
impl Secret for Keys {
    async fn read(&self) -> Result<SecretString, BoxError> {
        Ok(self.0.clone())
    }

    async fn refresh(&self) -> Result<SecretString, BoxError> {
        self.read().await
    }
}

/// What makes the tokens, and the machine they are for.
struct Maker {
    tokens: Tokens,
    machine: String,
    key: MadeApiKey,
    table: Table,
}

impl Maker {
    fn claims(&self, scope: &str) -> AccessClaims {
        let (iss, aud) = self.tokens.parties();
        let now = SystemClock.now().as_second();
        AccessClaims {
            iss: iss.to_owned(),
            aud: aud.to_owned(),
            sub: self.machine.clone(),
            client_id: self.machine.clone(),
            exp: now + 60,
            iat: now,
            jti: "1".to_owned(),
            sid: None,
            epoch: 0,
            tenant: tenant(),
            scope: scope.to_owned(),
            role: "STORE_ADMIN".to_owned(),
            groups: BTreeSet::new(),
        }
    }

    async fn hop(&self, request: &str) -> String {
        let [id, principal, role, scope] = ["r-1", "key_1", "STORE_ADMIN", "profile:read"].map(str::to_owned);
        let hop = access::Hop { id, principal, role, scope, request: request.to_owned() };
        self.tokens.hop(&tenant(), &hop, SystemClock.now()).await.unwrap()
    }

    async fn access(&self, scope: &str) -> String {
        self.tokens.access(&self.claims(scope), SystemClock.now()).await.unwrap()
    }
}

/// The request of the recorded event, as an assertion is bound to it.
fn request_line() -> String {
    web::hop::bound("GET", "/store/v1/me", "", &http::HeaderMap::new(), b"")
}

/// An authorizer that knows one customer, and one service by this secret.
async fn authorizer(faults: &FaultInjector, secret: Option<&'static str>) -> Authorizer {
    world(faults, secret).await.0
}

async fn world(faults: &FaultInjector, secret: Option<&'static str>) -> (Authorizer, Maker) {
    let dynamo = LocalDynamo::new();
    dynamo.create_table("crossdock");
    let table = Table::new(dynamo.client_through(faults), "crossdock");
    let clock = Arc::new(SystemClock);
    let keys = access::rotated(&"none".to_owned().into(), clock.now()).unwrap().unwrap();
    let tokens = Tokens::new(&tenant(), Keyring::new(Arc::new(Keys(keys)), clock.clone()));
    let directory = Directory::new(table.clone(), clock.clone());
    let registration = Registration {
        name: "Machine".to_owned(),
        kind: Kind::Confidential,
        sites: Vec::new(),
        redirect_uris: BTreeSet::new(),
        post_logout_redirect_uris: BTreeSet::new(),
        scopes: BTreeSet::from(["profile:read".to_owned()]),
        machine: Some(Role::StoreAdmin),
        tile: None,
    };
    let tenant_id = tenant();
    let actor = Actor { tenant: &tenant_id, principal: "operator" };
    let machine = directory.register_application(actor, registration).await.unwrap().application.value.id.to_string();
    let keys = ApiKeys::new(table.clone(), clock.clone(), Arc::new(Stored(Some(PEPPER))));
    let new = NewApiKey {
        name: "ERP".to_owned(),
        scopes: BTreeSet::from(["profile:read".to_owned()]),
        role: Role::StoreAdmin,
        days: 1,
    };
    let key = keys.create(actor, &new).await.unwrap();
    let door = TokenDoor::new(table.clone(), clock.clone(), tokens.clone(), tenant());
    let access = Access::new(table.clone(), clock);
    let [email, password, name] = ["customer@example.com", PASSWORD, "Ada"].map(str::to_owned);
    access.register(&tenant(), &NewUser { email, password, name }).await.unwrap();
    let name: ServiceName = "warehouse:alpha".parse().unwrap();
    let services = Services::new(vec![(name, Arc::new(Stored(secret)))]);
    let authorizer = Authorizer::new(tenant(), access, services).with_applications(door, keys, directory);
    (authorizer, Maker { tokens, machine, key, table })
}

async fn known() -> Authorizer {
    authorizer(&FaultInjector::new(), Some(r#"{"current": "alpha-secret-0001"}"#)).await
}

fn event(authorization: &str) -> Value {
    let mut event: Value = serde_json::from_str(EVENT).unwrap();
    event["headers"]["authorization"] = authorization.into();
    event
}

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

#[tokio::test]
async fn a_user_is_let_in_with_principal_role_and_tenant() {
    let answer = known().await.run(serde_json::from_str(EVENT).unwrap()).await.unwrap();
    assert_eq!(answer["isAuthorized"], true);
    let principal = answer["context"]["principal"].as_str().unwrap();
    assert!(principal.starts_with("usr_"));
    let context = json!({ "principal": principal, "role": "CUSTOMER", "tenant": "acme.test" });
    assert_eq!(answer["context"], context);
}

#[tokio::test]
async fn a_service_is_let_in_under_its_own_name() {
    let mut event = event("");
    event["headers"] = json!({ "Authorization": "bearer alpha-secret-0001" });
    event["routeKey"] = "POST /store/v1/warehouses/register".into();
    let context = json!({ "principal": "service:warehouse:alpha", "role": "SERVICE", "tenant": "acme.test" });
    let answer = known().await.run(event).await.unwrap();
    assert_eq!(answer, json!({ "isAuthorized": true, "context": context }));
}

#[tokio::test]
async fn every_wrong_credential_gets_the_same_answer_and_no_principal() {
    let authorizer = known().await;
    let denied = json!({ "isAuthorized": true, "context": { "denied": "invalid_credentials" } });
    for header in [
        &*basic("customer@example.com:correct horsf"),
        &*basic(&format!("nobody@example.com:{PASSWORD}")),
        &*basic("customer@example.com"),
        "Bearer alpha-secret-0002",
        "Bearer",
        "Digest username=x",
        "",
    ] {
        assert_eq!(authorizer.run(event(header)).await.unwrap(), denied, "{header}");
    }
    let mut without = event("");
    without["headers"] = json!({});
    assert_eq!(authorizer.run(without).await.unwrap(), denied);
}

#[tokio::test]
async fn from_where_too_many_have_failed_nothing_is_tried_and_everybody_is_told_until_when() {
    let (authorizer, maker) = world(&FaultInjector::new(), None).await;
    // As many as are allowed in this minute, and in the next, which may begin any moment.
    for later in [0, 60] {
        let clock = ManualClock::new(SystemClock.now() + Duration::from_secs(later));
        let limiter = Limiter::new(maker.table.clone(), Arc::new(clock), tenant());
        let most = access::MAX_FAILURES_OF_NETWORK;
        for _ in 0..most {
            limiter.take(&[Limit { class: "failed sign-in", subject: "192.0.2.20", most }]).await.unwrap();
        }
    }
    let answer = async |address: &str| {
        let mut event: Value = serde_json::from_str(EVENT).unwrap();
        event["requestContext"]["http"]["sourceIp"] = address.into();
        authorizer.run(event).await.unwrap()["context"].clone()
    };
    let told = answer("192.0.2.20").await;
    assert_eq!(told["denied"], "too_many_failures", "{told}");
    assert!((1..=60).contains(&told["retryAfter"].as_str().unwrap().parse::<u32>().unwrap()), "{told}");
    assert_eq!(answer("192.0.2.21").await["role"], "CUSTOMER");
}

#[tokio::test]
async fn what_is_no_authorizer_event_is_stopped() {
    let authorizer = known().await;
    let good = event(&basic(&format!("customer@example.com:{PASSWORD}")));
    for (name, value) in [
        ("version", json!("1.0")),
        ("type", json!("TOKEN")),
        ("headers", Value::Null),
        ("headers", json!({ "authorization": 7 })),
    ] {
        let mut bad = good.clone();
        bad[name] = value;
        assert_eq!(authorizer.run(bad).await.unwrap_err().error_type, "AuthorizerFailed", "{name}");
    }
    for bad in [Value::Null, json!([]), json!("Basic"), json!({})] {
        assert_eq!(authorizer.run(bad).await.unwrap_err().error_type, "AuthorizerFailed");
    }
}

#[tokio::test]
async fn an_outage_of_table_or_secrets_lets_nobody_in() {
    let faults = FaultInjector::new();
    let authorizer = authorizer(&faults, None).await;
    let right = event(&basic(&format!("customer@example.com:{PASSWORD}")));
    assert_eq!(authorizer.run(right.clone()).await.unwrap()["context"]["role"], "CUSTOMER");
    faults.always("BatchGetItem", Side::Before, Effect::ServerError);
    assert_eq!(authorizer.run(right).await.unwrap_err().error_type, "AuthorizerFailed");
    let service = event("Bearer alpha-secret-0001");
    assert_eq!(authorizer.run(service).await.unwrap_err().error_type, "AuthorizerFailed");
}

#[tokio::test]
async fn a_token_is_let_in_where_its_scope_says_and_nowhere_else() {
    let faults = FaultInjector::new();
    let (authorizer, maker) = world(&faults, Some(r#"{"current": "alpha-secret-0001"}"#)).await;
    let context = json!({
        "principal": maker.machine, "role": "STORE_ADMIN", "tenant": "acme.test", "scope": "profile:read books:read",
    });
    let scope = "profile:read books:read";
    let mut request = event(&format!("Bearer {}", maker.access(scope).await));
    let mut answer = authorizer.run(request.clone()).await.unwrap();
    let until = answer["context"].as_object_mut().unwrap().remove("until").unwrap();
    assert!(until.as_str().unwrap().parse::<i64>().unwrap() > SystemClock.now().as_second(), "{until}");
    assert_eq!(answer, json!({ "isAuthorized": true, "context": context }));
    for route in ["POST /store/v1/orders", "GET /v1/unknown", ""] {
        request["routeKey"] = route.into();
        assert_eq!(
            authorizer.run(request.clone()).await.unwrap(),
            json!({ "isAuthorized": true, "context": { "denied": "forbidden" } }),
            "{route}"
        );
    }
    faults.forget();
    authorizer.run(event(&format!("Bearer {}", maker.access(scope).await))).await.unwrap();
    assert_eq!(faults.count(), 1, "an access token costs one read");
}

/// A credential of one kind shown at another's door is nobody's.
#[tokio::test]
async fn a_credential_of_one_kind_is_refused_at_every_other_door() {
    let (authorizer, maker) = world(&FaultInjector::new(), Some(r#"{"current": "alpha-secret-0001"}"#)).await;
    let denied = json!({ "isAuthorized": true, "context": { "denied": "invalid_credentials" } });
    let access = maker.access("profile:read").await;
    let identity = access.split('.').next().unwrap();
    for header in [
        basic("alpha:alpha-secret-0001"),
        "Basic alpha-secret-0001".to_owned(),
        format!("Bearer {}", STANDARD.encode(format!("customer@example.com:{PASSWORD}"))),
        format!("Bearer {PASSWORD}"),
        format!("Basic {access}"),
        basic(&format!("customer@example.com:{access}")),
        format!("Bearer {identity}"),
        format!("Bearer {access}.x"),
        "Bearer a.alpha-secret-0001.b".to_owned(),
        "Bearer a.b.c.d.alpha-secret-0001".to_owned(),
        format!("Bearer {}", maker.key.text.expose_secret()),
        basic(&format!("x@example.com:{}", maker.key.text.expose_secret())),
        format!("ApiKey {access}"),
        "ApiKey alpha-secret-0001".to_owned(),
        format!("Hop {access}"),
        format!("Hop {}", maker.key.text.expose_secret()),
        "Hop alpha-secret-0001".to_owned(),
        format!("Bearer {}", maker.hop(&request_line()).await),
        format!("ApiKey {}", maker.hop(&request_line()).await),
        access,
    ] {
        assert_eq!(authorizer.run(event(&header)).await.unwrap(), denied, "{header}");
    }
}

#[tokio::test]
async fn an_api_key_is_let_in_where_its_scopes_say() {
    let faults = FaultInjector::new();
    let (authorizer, maker) = world(&faults, None).await;
    let mut event = event(&format!("ApiKey {}", maker.key.text.expose_secret()));
    let principal = maker.key.key.id;
    let context =
        json!({ "principal": principal, "role": "STORE_ADMIN", "tenant": "acme.test", "scope": "profile:read" });
    assert_eq!(authorizer.run(event.clone()).await.unwrap(), json!({ "isAuthorized": true, "context": context }));
    faults.forget();
    authorizer.run(event.clone()).await.unwrap();
    assert_eq!(faults.count(), 1, "a key that was used today costs one read");
    event["routeKey"] = "GET /store/v1/orders".into();
    assert_eq!(
        authorizer.run(event).await.unwrap(),
        json!({ "isAuthorized": true, "context": { "denied": "forbidden" } })
    );
}

#[tokio::test]
async fn a_stack_without_applications_knows_neither_tokens_nor_keys() {
    let (authorizer, maker) = world(&FaultInjector::new(), Some(r#"{"current": "alpha-secret-0001"}"#)).await;
    let authorizer = Authorizer { tokens: None, keys: None, ..authorizer };
    let denied = json!({ "isAuthorized": true, "context": { "denied": "invalid_credentials" } });
    for header in
        [format!("Bearer {}", maker.access("profile:read").await), format!("ApiKey {}", maker.key.text.expose_secret())]
    {
        assert_eq!(authorizer.run(event(&header)).await.unwrap(), denied, "{header}");
    }
    let mut service = event("Bearer alpha-secret-0001");
    service["routeKey"] = "GET /warehouses/{name}/health".into();
    assert_eq!(authorizer.run(service).await.unwrap()["context"]["role"], "SERVICE");
}

/// Default deny: what neither role nor grants have the permission for is nobody's, of whatever kind the credential is.
#[tokio::test]
async fn a_route_is_for_those_whose_role_has_its_permission() {
    let authorizer = known().await;
    let customer = basic(&format!("customer@example.com:{PASSWORD}"));
    for (header, route, is_let_in) in [
        (&*customer, "GET /store/v1/orders", true),
        (&customer, "GET /store/v1/warehouses", false),
        (&customer, "POST /v1/users", false),
        (&customer, "GET /v1/nobody-wrote-this-down", false),
        ("Bearer alpha-secret-0001", "POST /store/v1/orders/{id}/status", true),
        ("Bearer alpha-secret-0001", "POST /store/v1/orders", false),
    ] {
        let mut event = event(header);
        event["routeKey"] = route.into();
        let answer = authorizer.run(event).await.unwrap();
        let expected = if is_let_in { Value::Null } else { json!("forbidden") };
        assert_eq!(answer["context"]["denied"], expected, "{header} {route}");
        assert_eq!(answer["context"]["principal"].is_string(), is_let_in, "{header} {route}");
    }
}

/// A franchise operator: no rights by the own role, those of a group at its locations, less what is denied.
#[tokio::test]
async fn grants_admit_where_they_are_given_and_nowhere_else() {
    let faults = FaultInjector::new();
    let (authorizer, _) = world(&faults, None).await;
    let directory = authorizer.directory.clone().unwrap();
    let tenant = tenant();
    let actor = Actor { tenant: &tenant, principal: "operator" };
    let place = |group: &str| Place { company: None, franchises: BTreeSet::from([group.to_owned()]) };
    let places = [("alpha", "north"), ("beta", "north"), ("gamma", "south")];
    let locations = places.map(|(location, group)| (location.to_owned(), place(group))).into();
    directory.set_org(actor, &|_| true, Org { locations, ..Org::default() }).await.unwrap();
    let scopes = BTreeSet::from(["warehouses:read".to_owned()]);
    let new = NewApiKey { name: "Franchise".to_owned(), scopes, role: Role::Member, days: 1 };
    let made = authorizer.keys.as_ref().unwrap().create(actor, &new).await.unwrap();
    let mut ask = event(&format!("ApiKey {}", made.text.expose_secret()));
    ask["routeKey"] = "GET /store/v1/inventory".into();
    let denied = json!({ "isAuthorized": true, "context": { "denied": "forbidden" } });
    assert_eq!(authorizer.run(ask.clone()).await.unwrap(), denied, "its scope says so, and nobody has granted it");
    let grant = |effect, role: &str, on: &str| Grant { role: role.to_owned(), on: on.parse().unwrap(), effect };
    let grants = vec![grant(Says::Allow, "STORE_ADMIN", "franchise:north")];
    let id = made.key.id.to_string();
    directory.set_grants(actor, &id, &|_| true, grants).await.unwrap();
    let answer = authorizer.run(ask.clone()).await.unwrap();
    assert_eq!(answer["context"]["reach"], "only alpha beta", "{answer}");
    assert_eq!(answer["context"]["role"], "STORE_ADMIN", "acts as the role whose permission it is");
    let grants = vec![grant(Says::Allow, "STORE_ADMIN", "tenant"), grant(Says::Deny, "STORE_ADMIN", "location:beta")];
    directory.set_grants(actor, &id, &|_| true, grants).await.unwrap();
    assert_eq!(authorizer.run(ask.clone()).await.unwrap()["context"]["reach"], "but beta");
    let grants = vec![grant(Says::Deny, "STORE_ADMIN", "tenant")];
    directory.set_grants(actor, &id, &|_| true, grants).await.unwrap();
    assert_eq!(authorizer.run(ask).await.unwrap(), denied);
}

#[tokio::test]
async fn an_assertion_lets_in_the_request_it_is_for_and_no_other() {
    let faults = FaultInjector::new();
    let (authorizer, maker) = world(&faults, None).await;
    let mut event = event(&format!("Hop {}", maker.hop(&request_line()).await));
    let context = json!({
        "principal": "key_1", "role": "STORE_ADMIN", "tenant": "acme.test", "scope": "profile:read",
        "request": request_line(),
    });
    faults.forget();
    let answer = authorizer.run(event.clone()).await.unwrap();
    assert_eq!(answer, json!({ "isAuthorized": true, "context": context }));
    assert_eq!(faults.count(), 1, "the gateway has judged the credential already; what was granted is read here");
    let denied = json!({ "isAuthorized": true, "context": { "denied": "invalid_credentials" } });
    for (pointer, value) in
        [("/rawPath", "/store/v1/orders"), ("/rawQueryString", "a=1"), ("/requestContext/http/method", "POST")]
    {
        let mut other = event.clone();
        *other.pointer_mut(pointer).unwrap() = value.into();
        assert_eq!(authorizer.run(other).await.unwrap(), denied, "{pointer}");
    }
    event["routeKey"] = "GET /store/v1/orders".into();
    let forbidden = json!({ "isAuthorized": true, "context": { "denied": "forbidden" } });
    assert_eq!(authorizer.run(event.clone()).await.unwrap(), forbidden);
    let authorizer = Authorizer { tokens: None, keys: None, ..authorizer };
    assert_eq!(authorizer.run(event).await.unwrap(), denied, "a warehouse has no gateway before it");
}
