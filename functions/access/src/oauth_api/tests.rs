mod attacks;

use std::collections::BTreeSet;

use access::{
    Actor, Directory, IdentityProvider, Invitation, Keyring, Kind, Login, Person, ProviderError, Registration, Role,
    Site, TokenDoor, Tokens,
};
use async_trait::async_trait;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use kernel::{Clock, TenantId};
use secrecy::SecretString;
use table::Table;
use testkit::{Effect, FaultInjector, LocalDynamo, Side};
use tower::ServiceExt as _;
use web::secret::Secret;
use web::{BoxError, Cors};

use super::*;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT: &str = "http://127.0.0.1:8400/callback";
const BYE: &str = "http://127.0.0.1:8400/bye";

struct Fixed(SecretString);

#[async_trait]
impl Secret for Fixed {
    async fn read(&self) -> Result<SecretString, BoxError> {
        Ok(self.0.clone())
    }

    async fn refresh(&self) -> Result<SecretString, BoxError> {
        self.read().await
    }
}

/// Everybody who comes back with `good` is Ada.
struct Provider;

#[async_trait]
impl IdentityProvider for Provider {
    fn name(&self) -> &'static str {
        "standin"
    }

    fn login_url(&self, login: Login<'_>) -> String {
        format!("https://idp.example/login?state={}", login.state)
    }

    async fn identify(&self, code: &str, _: &str, _: &str) -> Result<Option<Person>, ProviderError> {
        let ada = Person { email: "ada@example.com".parse().unwrap(), name: "Ada".into() };
        Ok(Some(ada).filter(|_| code == "good"))
    }
}

struct World {
    router: Router,
    client: String,
    door: TokenDoor,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

fn tenant() -> TenantId {
    "acme.test".parse().unwrap()
}

impl World {
    async fn new() -> Self {
        Self::through(&FaultInjector::new()).await
    }

    async fn through(faults: &FaultInjector) -> Self {
        let dynamo = LocalDynamo::new();
        dynamo.create_table("crossdock");
        let table = Table::new(dynamo.client_through(faults), "crossdock");
        // Stands still, so that no test crosses the end of a minute.
        let clock = testkit::clock();
        let keys = access::rotated(&"none".to_owned().into(), clock.now()).unwrap().unwrap();
        let tokens = Tokens::new(&tenant(), Keyring::new(Arc::new(Fixed(keys)), clock.clone()));
        let directory = Directory::new(table.clone(), clock.clone());
        let tenant = tenant();
        let actor = Actor { tenant: &tenant, principal: "operator" };
        let new = Invitation { email: "ada@example.com".into(), name: "Ada".into(), role: Role::StoreAdmin };
        directory.invite(actor, &new).await.unwrap();
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<_>>();
        let registration = Registration {
            name: "Point of sale".into(),
            kind: Kind::Public,
            sites: vec![Site { origin: "http://127.0.0.1:8400".into(), tenants: BTreeSet::from([tenant.clone()]) }],
            redirect_uris: texts(&[REDIRECT]),
            post_logout_redirect_uris: texts(&[BYE]),
            scopes: texts(&["openid", "email", "offline_access", "orders:read"]),
            machine: None,
            tile: None,
        };
        let client = directory.register_application(actor, registration).await.unwrap().application.value.id;
        let door = TokenDoor::new(table.clone(), clock.clone(), tokens.clone(), tenant.clone());
        let url = "https://id.example/access".to_owned();
        let limiter = Limiter::new(table.clone(), clock.clone(), tenant.clone());
        let oauth = OAuth::new(table, clock, tokens, Arc::new(Provider), tenant.clone(), url);
        let api = OAuthApi::new(oauth, limiter, Arc::new(Fixed("0123456789-0123456789-0123456789".into())));
        let router = web::finish(crate::oauth_api(Arc::new(api)), Cors::default());
        Self { router, client: client.to_string(), door }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn form(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        self.send(form(path, pairs)).await
    }

    fn authorize(&self, challenge: &str) -> String {
        format!(
            "/access/oauth2/authorize?client_id={}&redirect_uri={}&response_type=code&scope=openid%20offline_access%20orders:read\
             &state=s&code_challenge={challenge}&code_challenge_method=S256",
            self.client,
            urlencode(REDIRECT),
        )
    }

    /// The browser's way from the application through the provider and back.
    async fn sign_in(&self) -> Value {
        let started = self.get(&self.authorize(CHALLENGE)).await;
        assert_eq!(started.status, 303);
        let cookie = started.headers[SET_COOKIE].to_str().unwrap();
        for attribute in ["__Host-login-", "; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        let state = started.headers[LOCATION].to_str().unwrap().split_once("state=").unwrap().1.to_owned();
        let path = format!("/access/oauth2/callback?state={state}&code=good");
        assert_eq!(self.get(&path).await.body["code"], "login_over", "without the cookie");
        let pair = cookie.split(';').next().unwrap();
        let request = Request::get(&path).header(COOKIE, format!("other=1; {pair}")).body(Body::empty()).unwrap();
        let back = self.send(request).await;
        let location = back.headers[LOCATION].to_str().unwrap();
        assert!(location.starts_with(REDIRECT), "{location}");
        let code = location.split_once("code=").unwrap().1.split('&').next().unwrap();
        let pairs = [
            ("grant_type", "authorization_code"),
            ("client_id", &self.client),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        let answer = self.form("/access/oauth2/token", &pairs).await;
        assert_eq!((answer.status, &answer.headers[CACHE_CONTROL]), (200, &HeaderValue::from_static("no-store")));
        answer.body
    }
}

fn urlencode(text: &str) -> String {
    text.replace(':', "%3A").replace('/', "%2F")
}

fn form(path: &str, pairs: &[(&str, &str)]) -> Request<Body> {
    let body: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", urlencode(value))).collect();
    Request::post(path).header(CONTENT_TYPE, FORM).body(Body::from(body.join("&"))).unwrap()
}

fn caller(principal: &str) -> Caller {
    Caller { principal: principal.to_owned(), role: "STORE_ADMIN".to_owned(), tenant: tenant() }
}

#[tokio::test]
async fn a_browser_signs_in_and_the_client_refreshes_and_logs_out() {
    let world = World::new().await;
    let tokens = world.sign_in().await;
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(tokens["id_token"].as_str().unwrap().split('.').count(), 3);
    assert_eq!(tokens["access_token"].as_str().unwrap().split('.').count(), 5);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let pairs = [("grant_type", "refresh_token"), ("client_id", &*world.client), ("refresh_token", refresh)];
    let next = world.form("/access/oauth2/token", &pairs).await;
    assert_eq!(next.status, 200);
    let token = next.body["refresh_token"].as_str().unwrap();
    let gone = world.form("/access/oauth2/revoke", &[("client_id", &world.client), ("token", token)]).await;
    assert_eq!(gone.status, 200);
    let access = next.body["access_token"].as_str().unwrap();
    assert!(world.door.access(access).await.unwrap().is_none());
}

#[tokio::test]
async fn errors_of_the_token_endpoint_are_those_of_the_standard() {
    let world = World::new().await;
    let client = &*world.client;
    for (pairs, status, error) in [
        (&[("grant_type", "password"), ("client_id", client)][..], 400, "unsupported_grant_type"),
        (&[("client_id", client)], 400, "invalid_request"),
        (&[("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", "x")], 400, "invalid_grant"),
        (&[("grant_type", "refresh_token")], 401, "invalid_client"),
        (&[("grant_type", "client_credentials"), ("client_id", client)], 400, "unauthorized_client"),
        (&[("client_id", client), ("client_id", client)], 400, "invalid_request"),
    ] {
        let answer = world.form("/access/oauth2/token", pairs).await;
        assert_eq!((answer.status, answer.body["error"].as_str()), (status, Some(error)), "{pairs:?}");
        assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
        assert_eq!(answer.headers.contains_key(WWW_AUTHENTICATE), status == 401);
    }
    let json = Request::post("/access/oauth2/token").header(CONTENT_TYPE, "application/json");
    let answer = world.send(json.body(Body::from("{}")).unwrap()).await;
    assert_eq!((answer.status, answer.body["error"].as_str()), (400, Some("invalid_request")));
}

#[tokio::test]
async fn a_browser_that_must_not_be_sent_on_gets_a_problem() {
    let world = World::new().await;
    let evil = world.authorize(CHALLENGE).replace("8400", "8401");
    let answer = world.get(&evil).await;
    assert_eq!((answer.status, answer.body["code"].as_str()), (400, Some("application_refused")));
    let back = world.get(&world.authorize("")).await;
    let location = back.headers[LOCATION].to_str().unwrap();
    assert!(back.status == 303 && location.starts_with(REDIRECT) && location.contains("error=invalid_request"));
    assert!(!back.headers.contains_key(SET_COOKIE));
    let twice = format!("{}&client_id=x", world.authorize(CHALLENGE));
    assert_eq!(world.get(&twice).await.body["code"], "invalid_request");
    assert_eq!(world.get("/access/oauth2/callback").await.body["code"], "login_over");
}

#[tokio::test]
async fn the_documents_name_endpoints_that_are_there() {
    let world = World::new().await;
    let document = world.get("/access/.well-known/openid-configuration").await;
    assert_eq!(document.headers[CACHE_CONTROL], CACHED);
    for (name, value) in document.body.as_object().unwrap() {
        let Some(path) = value.as_str().and_then(|url| url.strip_prefix("https://id.example")) else { continue };
        if name != "issuer" {
            let options = Request::options(path).body(Body::empty()).unwrap();
            assert_eq!(world.send(options).await.status, 405, "{name} {path}");
        }
    }
    let keys = world.get("/access/.well-known/jwks.json").await.body;
    assert_eq!(keys["keys"][0]["crv"], "P-256");
    assert!(keys["keys"][0].get("d").is_none());
}

#[tokio::test]
async fn userinfo_and_sessions_are_of_whoever_the_gateway_vouches_for() {
    let world = World::new().await;
    let tokens = world.sign_in().await;
    let claims = world.door.access(tokens["access_token"].as_str().unwrap()).await.unwrap().unwrap();
    let ask = |method: &str, path: &str, who: Option<&str>, scope: &str| {
        let mut request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        if let Some(who) = who {
            request.extensions_mut().insert(caller(who));
            request.extensions_mut().insert(Scope(scope.to_owned()));
        }
        world.send(request)
    };
    let info = "/access/oauth2/userinfo";
    assert_eq!(ask("GET", info, None, "").await.status, 401);
    assert_eq!(ask("GET", info, Some(&claims.sub), "orders:read").await.status, 403);
    assert_eq!(ask("POST", info, Some(&claims.sub), "openid").await.body, json!({ "sub": claims.sub }));
    assert_eq!(ask("GET", info, Some("app_1"), "openid").await.status, 403);

    let list = ask("GET", "/v1/me/sessions", Some(&claims.sub), "").await;
    let id = list.body["items"][0]["id"].as_str().unwrap().to_owned();
    let other = "usr_00000000000000000000000001";
    let path = format!("/v1/me/sessions/{id}");
    assert_eq!(ask("DELETE", &path, Some(other), "").await.status, 404);
    assert_eq!(ask("DELETE", &path, Some(&claims.sub), "").await.status, 204);
    assert_eq!(ask("DELETE", "/v1/me/sessions", Some(&claims.sub), "").await.status, 204);
    assert_eq!(ask("GET", "/v1/me/sessions", Some(&claims.sub), "").await.body["items"], json!([]));
}

#[tokio::test]
async fn an_address_that_asks_too_often_is_told_when_to_come_back_and_others_are_not_disturbed() {
    let world = World::new().await;
    let ask = async |address: &str| {
        let mut request = form("/access/oauth2/token", &[]);
        let source_ip = Some(address.to_owned());
        request.extensions_mut().insert(RequestMeta { source_ip, ..RequestMeta::default() });
        world.send(request).await
    };
    for left in (0..PER_ADDRESS).rev() {
        let answer = ask("203.0.113.7").await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.headers["ratelimit-remaining"].to_str().unwrap(), left.to_string());
    }
    let answer = ask("203.0.113.7").await;
    assert_eq!((answer.status, answer.body["code"].as_str()), (429, Some("rate_limited")));
    assert_eq!(answer.headers["retry-after"], answer.headers["ratelimit-reset"]);
    assert_eq!(answer.headers["ratelimit-limit"], "300");
    assert_eq!(ask("203.0.113.8").await.status, 401);
    assert_eq!(world.get("/access/.well-known/jwks.json").await.status, 200);
}

#[tokio::test]
async fn what_cannot_be_counted_is_refused() {
    let faults = FaultInjector::new();
    let world = World::through(&faults).await;
    faults.always("UpdateItem", Side::Before, Effect::ServerError);
    assert_eq!(world.form("/access/oauth2/token", &[]).await.status, 503);
    assert_eq!(world.get(&world.authorize(CHALLENGE)).await.status, 503);
}
