//! The way to the stand-ins by their stores' names; answers get lost on demand.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use web::transport::{Transport, TransportError};

const RENEWAL: &str = "/access_token";
const CALL: &str = "/graphql.json";

#[derive(Default)]
struct State {
    /// Stand-ins' URLs by host.
    hosts: BTreeMap<String, String>,
    /// Paths whose next answer is lost.
    lost: Vec<&'static str>,
    renewals: BTreeMap<String, u64>,
}

pub(crate) struct Network {
    client: Client<HttpConnector, Full<Bytes>>,
    state: Mutex<State>,
}

impl Network {
    pub(crate) fn new() -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), state: Mutex::default() }
    }

    pub(crate) fn add(&self, host: &str, url: &str) {
        self.state.lock().unwrap().hosts.insert(host.to_owned(), url.to_owned());
    }

    pub(crate) fn lose_renewal(&self) {
        self.state.lock().unwrap().lost.push(RENEWAL);
    }

    pub(crate) fn lose_answer(&self) {
        self.state.lock().unwrap().lost.push(CALL);
    }

    pub(crate) fn renewals(&self, host: &str) -> u64 {
        self.state.lock().unwrap().renewals.get(host).copied().unwrap_or_default()
    }

    /// Whether the answer to this request is to be lost; counts renewals.
    fn note(&self, host: &str, path: &str) -> bool {
        let mut state = self.state.lock().unwrap();
        if path.ends_with(RENEWAL) {
            *state.renewals.entry(host.to_owned()).or_default() += 1;
        }
        let at = state.lost.iter().position(|lost| path.ends_with(lost));
        at.map(|at| state.lost.remove(at)).is_some()
    }
}

#[async_trait]
impl Transport for Network {
    async fn send(&self, mut request: Request<Bytes>, timeout: Duration) -> Result<Response<Bytes>, TransportError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let known = self.state.lock().unwrap().hosts.get(&host).cloned();
        if let Some(url) = known {
            let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
            *request.uri_mut() = format!("{url}{path}").parse::<Uri>().unwrap();
        }
        let lost = self.note(&host, request.uri().path());
        let answer = tokio::time::timeout(timeout, self.client.request(request.map(Full::new))).await;
        let answer = answer
            .map_err(|_| TransportError::TimedOut(timeout))?
            .map_err(|error| TransportError::Broken(error.into()))?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| TransportError::Broken(error.into()))?;
        if lost {
            return Err(TransportError::Broken("the answer is lost".into()));
        }
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}
