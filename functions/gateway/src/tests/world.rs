//! A gateway as often as wanted over one table, an API key and an application's token, and a platform that notes what it is
//! asked.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access::{AccessClaims, Actor, Directory, Hop, Keyring, Kind, NewApiKey, Registration, Role, Tokens};
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use kernel::{Clock, ManualClock, TenantId, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use table::Table;
use testkit::{FaultInjector, LocalDynamo};
use tower::ServiceExt as _;
use web::secret::Secret;
use web::transport::{Transport, TransportError};
use web::{BoxError, Cors};

use crate::{Gateway, Parts, public_api};

/// The first second of a minute.
pub(super) const START: i64 = 1_793_900_040;
pub(super) const SCOPES: [&str; 6] =
    ["books:read", "orders:read", "orders:write", "sales:read", "sales:write", "warehouses:read"];

pub(super) fn tenant() -> TenantId {
    "acme.test".parse().unwrap()
}

#[derive(Clone)]
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

type Answered = Result<Response<Bytes>, TransportError>;

/// Answers from a script, then with an empty page, and keeps what it was asked.
#[derive(Default)]
pub(super) struct Platform {
    script: Mutex<VecDeque<Answered>>,
    asked: Mutex<Vec<Request<Bytes>>>,
}

#[async_trait]
impl Transport for Platform {
    async fn send(&self, request: Request<Bytes>, _: Duration) -> Answered {
        self.asked.lock().unwrap().push(request);
        let next = self.script.lock().unwrap().pop_front();
        next.unwrap_or_else(|| answer(200, &[], &json!({ "items": [] })))
    }
}

impl Platform {
    pub(super) fn will(&self, answer: Answered) {
        self.script.lock().unwrap().push_back(answer);
    }

    /// What it was asked since it was last looked at.
    pub(super) fn asked(&self) -> Vec<Request<Bytes>> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: &Value) -> Answered {
    let mut answer = Response::builder().status(status);
    let kind = if status < 400 { "application/json" } else { "application/problem+json" };
    answer = answer.header("content-type", kind);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    Ok(answer.body(if body.is_null() { Bytes::new() } else { body.to_string().into() }).unwrap())
}

pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(super) struct World {
    pub(super) platform: Arc<Platform>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) tokens: Tokens,
    pub(super) table: Table,
    pub(super) key_id: String,
    pub(super) key: String,
    pub(super) app: String,
    gateways: Vec<Router>,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::of(&FaultInjector::new(), 1).await
    }

    /// Several functions over one table, each reaching it through `faults`.
    pub(super) async fn of(faults: &FaultInjector, functions: usize) -> Self {
        let dynamo = LocalDynamo::new();
        dynamo.create_table("crossdock");
        let table = Table::new(dynamo.client(), "crossdock");
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(START).unwrap()));
        let keys = access::rotated(&"none".to_owned().into(), clock.now()).unwrap().unwrap();
        let tokens = Tokens::new(&tenant(), Keyring::new(Arc::new(Fixed(keys.clone())), clock.clone()));
        let pepper = Fixed(r#"{"current": "0123456789-pepper-2"}"#.into());
        let platform = Arc::new(Platform::default());
        let gateway = |number: usize| {
            let client = dynamo.client_through(&faults.process(&number.to_string()));
            let gateway = Gateway::new(Parts {
                table: Table::new(client, "crossdock"),
                clock: clock.clone(),
                tenant: tenant(),
                keys: Arc::new(Fixed(keys.clone())),
                pepper: Arc::new(pepper.clone()),
                platform: platform.clone(),
                url: "https://platform.internal".to_owned(),
            });
            web::finish(public_api(Arc::new(gateway)), Cors::default())
        };
        let gateways = (0..functions).map(gateway).collect();
        let made = access::ApiKeys::new(table.clone(), clock.clone(), Arc::new(pepper));
        let new = |scopes: &[&str]| NewApiKey {
            name: "ERP".to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            role: Role::StoreAdmin,
            days: 1,
        };
        let own = tenant();
        let actor = Actor { tenant: &own, principal: "operator" };
        let key = made.create(actor, &new(&SCOPES)).await.unwrap();
        let registration = Registration {
            name: "Machine".to_owned(),
            kind: Kind::Confidential,
            sites: Vec::new(),
            redirect_uris: BTreeSet::new(),
            post_logout_redirect_uris: BTreeSet::new(),
            scopes: BTreeSet::from(["books:read".to_owned()]),
            machine: Some(Role::StoreAdmin),
            tile: None,
        };
        let directory = Directory::new(table.clone(), clock.clone());
        let app = directory.register_application(actor, registration).await.unwrap().application.value.id.to_string();
        let (key_id, key) = (key.key.id.to_string(), key.text.expose_secret().to_owned());
        Self { platform, clock, tokens, table, key_id, key, app, gateways }
    }

    /// An access token of the application.
    pub(super) async fn token(&self, scope: &str) -> String {
        let ((iss, aud), now) = (self.tokens.parties(), self.clock.now());
        let claims = AccessClaims {
            iss: iss.to_owned(),
            aud: aud.to_owned(),
            sub: self.app.clone(),
            client_id: self.app.clone(),
            exp: now.as_second() + 3000,
            iat: now.as_second(),
            jti: "1".to_owned(),
            sid: None,
            epoch: 0,
            tenant: tenant(),
            scope: scope.to_owned(),
            role: "STORE_ADMIN".to_owned(),
            groups: [].into(),
        };
        self.tokens.access(&claims, now).await.unwrap()
    }

    /// With the key, unless the headers say otherwise; `line` is below `/public/`.
    pub(super) async fn ask(&self, line: &str, headers: &[(&str, &str)], body: &Value) -> Seen {
        self.ask_at(0, line, headers, body).await
    }

    pub(super) async fn get(&self, path: &str) -> Seen {
        self.ask(&format!("GET {path}"), &[], &Value::Null).await
    }

    pub(super) async fn ask_at(&self, function: usize, line: &str, headers: &[(&str, &str)], body: &Value) -> Seen {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(format!("/public/{path}"));
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", format!("ApiKey {}", self.key));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        };
        let router = self.gateways[function].clone();
        let (head, body) = router.oneshot(request.body(body).unwrap()).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Seen { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// What the assertion of a request that was passed on says.
    pub(super) async fn hop(&self, request: &Request<Bytes>) -> Hop {
        let header = request.headers()["authorization"].to_str().unwrap();
        let assertion = header.strip_prefix("Hop ").unwrap();
        self.tokens.read_hop(&tenant(), assertion, self.clock.now()).await.unwrap().unwrap()
    }
}

/// An order of the newest version that is as it should be.
pub(super) fn order() -> Value {
    json!({
        "items": [{ "bookId": "book_000000000000000008WMAPT24N", "quantity": 2 }],
        "payment": { "method": "card", "token": "tok_visa" },
    })
}
