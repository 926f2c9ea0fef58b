//! Serves an embedded service on a real TCP port, for programs that run as processes of their own.
//!
//! Plain HTTP on the loopback interface: it does not speak TLS, and a lost connection is a broken answer.

use crate::dynamo::LocalDynamo;
use crate::faults::FaultInjector;
use crate::queues::LocalQueues;
use crate::wire::{ApiReply, Endpoint, decode};
use aws_smithy_runtime_api::client::result::ConnectorError;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// `DynamoDB` takes requests of up to 16 MB.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// A service on a port of this machine. Dropping it stops accepting connections.
pub struct Server {
    url: String,
    accepting: JoinHandle<()>,
}

impl Server {
    /// The endpoint URL for an AWS client, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    async fn start(endpoint: impl Endpoint) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound address"));
        let endpoint: Arc<dyn Endpoint> = Arc::new(endpoint);
        let router = axum::Router::new().fallback(move |request| answer(Arc::clone(&endpoint), request));
        let accepting = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving goes on") });
        Self { url, accepting }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl LocalDynamo {
    /// Serves this database, every call through `faults`, which also counts it.
    pub async fn serve(&self, faults: &FaultInjector) -> Server {
        Server::start(faults.gate(self.clone())).await
    }
}

impl LocalQueues {
    /// Serves these topics and queues, every call through `faults`, which also counts it.
    pub async fn serve(&self, faults: &FaultInjector) -> Server {
        Server::start(faults.gate(self.clone())).await
    }
}

async fn answer(endpoint: Arc<dyn Endpoint>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let Ok(body) = to_bytes(body, MAX_BYTES).await else {
        return respond(ApiReply::json(413, &serde_json::Value::Null));
    };
    match endpoint.handle(decode(target, &body)).await {
        Ok(reply) => respond(reply),
        Err(error) => broken(error),
    }
}

fn respond(reply: ApiReply) -> Response {
    let mut response = Response::builder().status(reply.status).header("content-type", reply.content_type);
    if let Some(code) = reply.query_error {
        response = response.header("x-amzn-query-error", format!("{code};Sender"));
    }
    response.body(Body::from(reply.body)).expect("a response")
}

/// Begins an answer and breaks it off, as a lost connection does.
fn broken(error: ConnectorError) -> Response {
    Response::new(Body::from_stream(futures::stream::once(async move { Err::<Vec<u8>, _>(error) })))
}

#[cfg(test)]
mod tests {
    use crate::{Effect, FaultInjector, LocalDynamo, Side};
    use std::io::{Read, Write};
    use std::net::TcpStream;

    /// One `DescribeTable` over a plain socket; the answer, or nothing when it was broken off.
    fn describe(url: &str) -> String {
        let address = url.strip_prefix("http://").unwrap();
        let mut socket = TcpStream::connect(address).unwrap();
        let body = r#"{"TableName":"shop"}"#;
        let head = "x-amz-target: DynamoDB_20120810.DescribeTable\r\nconnection: close";
        write!(socket, "POST / HTTP/1.1\r\nhost: x\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_database_answers_on_a_socket_through_its_faults() {
        let dynamo = LocalDynamo::new();
        dynamo.create_table("shop");
        let faults = FaultInjector::new();
        let server = dynamo.serve(&faults).await;
        let url = server.url().to_owned();
        faults.at(1, Side::Before, Effect::Throttle);
        faults.at(2, Side::After, Effect::ConnectionError);
        let ask = move || ["", "", ""].map(|_| describe(&url));
        let [fine, throttled, broken] = tokio::task::spawn_blocking(ask).await.unwrap();
        assert!(fine.starts_with("HTTP/1.1 200") && fine.contains("\"gsi2\""), "{fine}");
        assert!(throttled.starts_with("HTTP/1.1 400"), "{throttled}");
        assert!(!broken.contains("gsi2") && !broken.ends_with("0\r\n\r\n"), "{broken}");
        assert_eq!(faults.count_by_api()["DescribeTable"], 3);
    }
}
