//! What is measured: operations, the function each belongs to, and the events that make a function do it.
//!
//! Events are the recorded ones of `events/`, changed where they must differ. An operation is added here when its
//! function exists; functions without one are measured up to their first event only.

use std::fs;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::cloud::Place;
use crate::project::Project;

/// What makes a function run: what the event is like, and what AWS asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    Http,
    Authorizer,
    Queue,
    Stream,
}

/// What must be in the cloud beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    /// The customer of the recorded events.
    Customer,
    /// A placed order for every event.
    Orders,
    /// Keys of the public API.
    Consumers,
    /// Somebody signed in to an application.
    Session,
}

/// One operation of one function.
pub(super) struct Case {
    pub(super) operation: &'static str,
    pub(super) binary: &'static str,
    pub(super) trigger: Trigger,
    /// Whether there is the same in `tests/bench/node`.
    pub(super) has_peer: bool,
    pub(super) needs: Needs,
    /// It takes so long on purpose that a tenth of the usual number has to do.
    pub(super) is_slow: bool,
    /// Events that come first, once.
    prepare: fn(&Events<'_>) -> Vec<Value>,
    /// The event with this number; `first` is what the last event of `prepare` was answered with.
    event: fn(&Events<'_>, first: &Value, number: usize) -> Value,
}

/// The parts most operations share.
const PLAIN: Case = Case {
    operation: "",
    binary: "",
    trigger: Trigger::Http,
    has_peer: false,
    needs: Needs::Nothing,
    is_slow: false,
    prepare: |_| Vec::new(),
    event: |_, _, _| Value::Null,
};

const ONE_ORDER: fn(&Events<'_>) -> Vec<Value> = |events| vec![events.order(1_000_000, 1)];

const CUSTOMER: &str = "CUSTOMER";
const ADMIN: &str = "STORE_ADMIN";

/// Everything that is measured. The first of a function is also what its memory is measured with.
pub(super) static CASES: [Case; 17] = [
    Case {
        operation: "place-order",
        binary: "storefront-orders-api",
        has_peer: true,
        event: |events, _, number| events.order(number, 1),
        ..PLAIN
    },
    Case {
        operation: "place-order-3-lines",
        binary: "storefront-orders-api",
        event: |events, _, number| events.order(number, 3),
        ..PLAIN
    },
    Case {
        operation: "get-order",
        binary: "storefront-orders-api",
        prepare: ONE_ORDER,
        event: |events, first, _| {
            events.get(CUSTOMER, &format!("/store/v1/orders/{}", first["id"].as_str().unwrap_or_default()))
        },
        ..PLAIN
    },
    Case {
        operation: "list-orders",
        binary: "storefront-orders-api",
        prepare: ONE_ORDER,
        event: |events, _, _| events.get(CUSTOMER, "/store/v1/orders"),
        ..PLAIN
    },
    Case {
        operation: "get-book",
        binary: "storefront-books-api",
        has_peer: true,
        event: |events, _, number| events.get(CUSTOMER, &format!("/store/v1/books/{}", events.book(number))),
        ..PLAIN
    },
    Case {
        operation: "list-10-books",
        binary: "storefront-books-api",
        event: |events, _, _| events.get(CUSTOMER, "/store/v1/books?limit=10"),
        ..PLAIN
    },
    Case {
        operation: "search-10-books",
        binary: "storefront-books-api",
        event: |events, _, _| events.get(CUSTOMER, "/store/v1/books?q=voyages&limit=10"),
        ..PLAIN
    },
    Case {
        operation: "list-warehouses",
        binary: "storefront-warehouses-api",
        event: |events, _, _| events.get(ADMIN, "/store/v1/warehouses"),
        ..PLAIN
    },
    Case {
        operation: "health",
        binary: "storefront-health-api",
        event: |events, _, _| events.get(CUSTOMER, "/store/health"),
        ..PLAIN
    },
    Case {
        operation: "authorize-basic",
        binary: "access-authorizer",
        trigger: Trigger::Authorizer,
        needs: Needs::Customer,
        is_slow: true,
        event: |events, _, _| events.recorded.authorizer.clone(),
        ..PLAIN
    },
    Case {
        operation: "authorize-bearer",
        binary: "access-authorizer",
        trigger: Trigger::Authorizer,
        event: |events, _, _| events.bearer(),
        ..PLAIN
    },
    Case {
        operation: "authorize-token",
        binary: "access-authorizer",
        trigger: Trigger::Authorizer,
        needs: Needs::Session,
        event: |events, _, _| events.token(0),
        ..PLAIN
    },
    Case {
        operation: "authorize-new-token",
        binary: "access-authorizer",
        trigger: Trigger::Authorizer,
        needs: Needs::Session,
        event: |events, _, number| events.token(number),
        ..PLAIN
    },
    Case {
        operation: "authorize-key",
        binary: "access-authorizer",
        trigger: Trigger::Authorizer,
        needs: Needs::Consumers,
        event: |events, _, _| events.key(),
        ..PLAIN
    },
    Case {
        operation: "public-get-book",
        binary: "public-gateway",
        needs: Needs::Consumers,
        event: |events, _, number| events.public(number),
        ..PLAIN
    },
    Case {
        operation: "authorize-payment",
        binary: "sales-on-payment-due",
        trigger: Trigger::Queue,
        needs: Needs::Orders,
        event: |events, _, number| events.placed(number),
        ..PLAIN
    },
    Case {
        operation: "relay-event",
        binary: "outbox-relay",
        trigger: Trigger::Stream,
        event: |events, _, number| events.inserted(number),
        ..PLAIN
    },
];

impl Case {
    pub(super) fn prepare(&self, events: &Events<'_>) -> Vec<Value> {
        (self.prepare)(events)
    }

    pub(super) fn event(&self, events: &Events<'_>, first: &Value, number: usize) -> Value {
        (self.event)(events, first, number)
    }

    /// A figure of an operation that does not work is worth nothing.
    pub(super) fn check(&self, answer: &Value) -> anyhow::Result<()> {
        let good = match self.trigger {
            Trigger::Http => answer["statusCode"] == 200 || answer["statusCode"] == 201,
            // Nobody is let in without a principal.
            Trigger::Authorizer => answer["context"]["principal"].is_string(),
            Trigger::Queue | Trigger::Stream => answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty),
        };
        ensure!(good, "{}: {answer}", self.operation);
        Ok(())
    }
}

/// What an HTTP function answered, as JSON.
pub(super) fn body(answer: &Value) -> Value {
    answer["body"].as_str().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default()
}

/// The recorded events.
pub(super) struct Recorded {
    order: Value,
    authorizer: Value,
    public: Value,
    placed: Value,
    inserted: Value,
}

impl Recorded {
    pub(super) fn read(project: &Project) -> anyhow::Result<Self> {
        let read = |name: &str| {
            let path = project.path("events").join(name);
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
        };
        Ok(Self {
            order: read("http-post-order.json")?,
            authorizer: read("authorizer-basic.json")?,
            public: read("http-public-get-books.json")?,
            placed: read("sqs-order-placed.json")?,
            inserted: read("stream-event-inserted.json")?,
        })
    }
}

/// Makes events about what is in the cloud.
pub(super) struct Events<'a> {
    pub(super) recorded: &'a Recorded,
    pub(super) place: &'a Place,
}

impl Events<'_> {
    fn book(&self, number: usize) -> &str {
        let books = &self.place.books;
        books.get(number % books.len().max(1)).map(String::as_str).unwrap_or_default()
    }

    /// `POST /store/v1/orders` of a customer who orders one or more books.
    fn order(&self, number: usize, lines: usize) -> Value {
        self.order_of(number, (number..number + lines).map(|number| self.book(number)))
    }

    /// The same for the book of which there is a single copy.
    pub(super) fn order_of_the_last(&self, number: usize) -> Value {
        self.order_of(number, self.place.last.as_deref().into_iter())
    }

    fn order_of<'b>(&self, number: usize, books: impl Iterator<Item = &'b str>) -> Value {
        let items: Vec<Value> = books.map(|book| json!({ "bookId": book, "quantity": 1 })).collect();
        let body = json!({ "items": items, "payment": { "method": "card", "token": "tok_visa" } }).to_string();
        let mut event = self.recorded.order.clone();
        event["headers"]["idempotency-key"] = format!("6f9b0f2e-6d1c-4d0e-9a52-{number:012}").into();
        event["headers"]["content-length"] = body.len().to_string().into();
        event["body"] = body.into();
        event
    }

    fn get(&self, role: &str, path: &str) -> Value {
        let mut event = self.recorded.order.clone();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        event["rawPath"] = path.into();
        event["rawQueryString"] = query.into();
        event["requestContext"]["http"]["method"] = "GET".into();
        event["requestContext"]["http"]["path"] = path.into();
        event["requestContext"]["authorizer"]["lambda"]["role"] = role.into();
        if let Some(headers) = event["headers"].as_object_mut() {
            headers.retain(|name, _| !["idempotency-key", "content-length", "content-type"].contains(&name.as_str()));
        }
        if let Some(fields) = event.as_object_mut() {
            fields.remove("body");
        }
        event
    }

    /// The oldest version, so that the answer comes down all steps; another key for every number, because each is limited.
    fn public(&self, number: usize) -> Value {
        let keys = &self.place.keys;
        let key = keys.get(number % keys.len().max(1)).map(String::as_str).unwrap_or_default();
        let mut event = self.recorded.public.clone();
        let path = format!("/public/2026-03-01/books/{}", self.book(number));
        event["rawQueryString"] = "".into();
        event["requestContext"]["http"]["path"] = path.as_str().into();
        event["rawPath"] = path.into();
        event["headers"]["authorization"] = format!("ApiKey {key}").into();
        event
    }

    /// A service with its secret, which is the same for all in the embedded cloud.
    fn bearer(&self) -> Value {
        self.asks(&format!("Bearer {}", "s".repeat(48)), "POST /store/v1/warehouses/register")
    }

    /// Somebody with an access token.
    fn token(&self, number: usize) -> Value {
        let token = self.place.tokens.iter().cycle().nth(number).map(String::as_str).unwrap_or_default();
        self.asks(&format!("Bearer {token}"), "GET /store/v1/me")
    }

    /// A partner's system.
    fn key(&self) -> Value {
        let key = self.place.keys.first().map(String::as_str).unwrap_or_default();
        self.asks(&format!("ApiKey {key}"), "GET /store/v1/books/{id}")
    }

    /// The question who this is, for a route.
    fn asks(&self, header: &str, route: &str) -> Value {
        let mut event = self.recorded.authorizer.clone();
        event["identitySource"][0] = header.into();
        event["headers"]["authorization"] = header.into();
        event["routeKey"] = route.into();
        event
    }

    /// A message that tells of a placed order.
    fn placed(&self, number: usize) -> Value {
        const RECORDED: &str = "ord_01KDVDNB5G20KW71NVRK6P2FHG";
        let order = self.place.orders.get(number).map(String::as_str).unwrap_or_default();
        let mut event = self.recorded.placed.clone();
        let record = &mut event["Records"][0];
        record["body"] = record["body"].as_str().unwrap_or_default().replace(RECORDED, order).into();
        record["attributes"]["MessageGroupId"] = order.into();
        event
    }

    /// A stream record of one event, another for every number.
    fn inserted(&self, number: usize) -> Value {
        let mut event = self.recorded.inserted.clone();
        let change = &mut event["Records"][0]["dynamodb"];
        let id = format!("evt_01KDVDNB6J{number:016}");
        change["Keys"]["sk"]["S"] = id.as_str().into();
        change["NewImage"]["sk"]["S"] = id.into();
        change["SequenceNumber"] = format!("1{number:026}").into();
        event
    }
}
