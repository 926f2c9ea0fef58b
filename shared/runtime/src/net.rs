//! HTTP/1.1 over TCP and TLS, with kept connections: what the AWS clients and the transport send through.
//!
//! Written on hyper's connections and not with `aws-smithy-http-client`, whose HTTP/2 none of the services called here
//! speaks with us, and which makes every function a megabyte larger (docs/decisions/0014-http-client.md).
//! No HTTP/2, no proxies, no redirects, no cookies.

mod pool;
mod provider;
mod tls;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::header::HOST;
use http::uri::Scheme;
use http::{HeaderValue, Request, Response, Uri};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use web::BoxError;

use pool::{Origin, Pool, Returning};
pub use tls::Roots;
use tls::Tls;

/// Establishing a connection, TLS included, to anywhere.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NetError {
    /// Not a byte of the request has left.
    #[error("the request was not sent")]
    NotSent(#[source] BoxError),
    /// The request has left, in part at least.
    #[error("the connection broke")]
    Broken(#[source] BoxError),
}

/// A client with its own connections and trust.
#[derive(Debug, Clone)]
pub(crate) struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tls: Tls,
    pool: Arc<Pool>,
}

/// One stream type, so that hyper is compiled once for both.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Client {
    pub(crate) fn new(roots: Roots, bundle: Option<PathBuf>) -> Self {
        Self(Arc::new(Inner { tls: Tls::new(roots, bundle), pool: Arc::default() }))
    }

    /// Sends over a kept connection, or a new one. A kept one that the peer has closed meanwhile is noticed before the
    /// request is written in all but a few cases, and those are told as [`NetError::Broken`].
    ///
    /// `leaving` is set before the first byte may leave, for a caller who stops waiting.
    pub(crate) async fn send(
        &self,
        mut request: Request<SdkBody>,
        leaving: &AtomicBool,
    ) -> Result<Response<Returning>, NetError> {
        let origin = to_origin_form(&mut request).map_err(NetError::NotSent)?;
        loop {
            let kept = self.0.pool.take(&origin).await;
            let fresh = kept.is_none();
            let mut sender = match kept {
                Some(sender) => sender,
                None => self.connect(&origin).await.map_err(NetError::NotSent)?,
            };
            leaving.store(true, Ordering::Relaxed);
            match sender.try_send_request(request).await {
                Ok(response) => return Ok(response.map(|body| Returning::new(body, &self.0.pool, origin, sender))),
                Err(mut error) => match error.take_message() {
                    Some(unsent) if !fresh => {
                        leaving.store(false, Ordering::Relaxed);
                        request = unsent;
                    }
                    Some(_) => return Err(NetError::NotSent(error.into_error().into())),
                    None => return Err(NetError::Broken(error.into_error().into())),
                },
            }
        }
    }

    /// Opens a connection that the first request to the same origin will find.
    pub(crate) async fn connect_ahead(&self, url: &str) -> Result<(), BoxError> {
        let origin = to_origin_form(&mut Request::get(url).body(())?)?;
        let sender = self.connect(&origin).await?;
        self.0.pool.put(origin, sender);
        Ok(())
    }

    async fn connect(&self, origin: &Origin) -> Result<http1::SendRequest<SdkBody>, BoxError> {
        tokio::time::timeout(CONNECT_TIMEOUT, self.open(origin)).await?
    }

    async fn open(&self, origin: &Origin) -> Result<http1::SendRequest<SdkBody>, BoxError> {
        let tcp = TcpStream::connect((origin.host.as_str(), origin.port)).await?;
        tcp.set_nodelay(true)?;
        let stream: Box<dyn Stream> =
            if origin.secure { Box::new(self.0.tls.connect(&origin.host, tcp).await?) } else { Box::new(tcp) };
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the connection; what went wrong in it the request's own error says.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }
}

/// Takes the origin out of the URI and makes sure of `Host`, as HTTP/1.1 wants it.
fn to_origin_form<B>(request: &mut Request<B>) -> Result<Origin, BoxError> {
    let uri = request.uri();
    let secure = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => true,
        Some(scheme) if *scheme == Scheme::HTTP => false,
        Some(_) | None => return Err("the URL is neither http nor https".into()),
    };
    let authority = uri.authority().ok_or("the URL has no host")?;
    let usual = if secure { 443 } else { 80 };
    // An IPv6 address has brackets in a URL and none elsewhere.
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = authority.port_u16().unwrap_or(usual);
    if !request.headers().contains_key(HOST) {
        let value = if port == usual { authority.host().to_owned() } else { format!("{}:{port}", authority.host()) };
        let value = HeaderValue::try_from(value)?;
        request.headers_mut().insert(HOST, value);
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = Uri::try_from(path)?;
    Ok(Origin { secure, host, port })
}

impl HttpConnector for Client {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let response = client.send(request, &AtomicBool::new(false)).await.map_err(connector_error)?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// The SDK tries both again: what it sends is idempotent or carries a token.
fn connector_error(error: NetError) -> ConnectorError {
    let timed_out = matches!(&error, NetError::NotSent(cause) if cause.is::<tokio::time::error::Elapsed>());
    if timed_out { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
}

#[cfg(test)]
mod tests;
