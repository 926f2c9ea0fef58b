//! Authenticates requests to another service with a rotating secret.
//!
//! When the peer does not know the secret, it may have been replaced since it was read: it is read anew and the request
//! sent once more. A refused credential was not acted on, so that is safe for any request.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};

use super::{Transport, TransportError};
use crate::secret::{Rotating, Secret};

/// Adds `Authorization: Bearer …`.
pub struct Bearer {
    inner: Arc<dyn Transport>,
    secret: Arc<dyn Secret>,
}

impl Bearer {
    /// `secret` holds a [`Rotating`] credential.
    #[must_use]
    pub fn new(inner: Arc<dyn Transport>, secret: Arc<dyn Secret>) -> Self {
        Self { inner, secret }
    }

    async fn send_as(
        &self,
        mut request: Request<Bytes>,
        token: &SecretString,
        timeout: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
            .map_err(|error| TransportError::NotSent(error.into()))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
        self.inner.send(request, timeout).await
    }
}

#[async_trait]
impl Transport for Bearer {
    async fn send(&self, request: Request<Bytes>, timeout: Duration) -> Result<Response<Bytes>, TransportError> {
        let token = current(self.secret.read().await)?;
        let answer = self.send_as(request.clone(), &token, timeout).await?;
        if !matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Ok(answer);
        }
        let fresh = current(self.secret.refresh().await)?;
        let same = fresh.expose_secret() == token.expose_secret();
        if same { Ok(answer) } else { self.send_as(request, &fresh, timeout).await }
    }
}

fn current(secret: Result<SecretString, crate::BoxError>) -> Result<SecretString, TransportError> {
    let rotating = Rotating::parse(&secret.map_err(TransportError::NotSent)?);
    rotating.map(|r| r.current).map_err(|error| TransportError::NotSent(error.into()))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::BoxError;

    /// `old` until it is refreshed, then `new`.
    struct Rotated;

    #[async_trait]
    impl Secret for Rotated {
        async fn read(&self) -> Result<SecretString, BoxError> {
            Ok(r#"{"current":"old"}"#.to_owned().into())
        }
        async fn refresh(&self) -> Result<SecretString, BoxError> {
            Ok(r#"{"current":"new","previous":"old"}"#.to_owned().into())
        }
    }

    /// Knows only `new`; keeps what it was sent.
    #[derive(Default)]
    struct Peer(Mutex<Vec<String>>);

    #[async_trait]
    impl Transport for Peer {
        async fn send(&self, request: Request<Bytes>, _timeout: Duration) -> Result<Response<Bytes>, TransportError> {
            let token = request.headers()[AUTHORIZATION].to_str().unwrap().to_owned();
            let status = if token == "Bearer new" { 200 } else { 401 };
            self.0.lock().unwrap().push(token);
            Ok(Response::builder().status(status).body(Bytes::new()).unwrap())
        }
    }

    #[tokio::test]
    async fn a_secret_that_was_rotated_is_read_anew_and_used_once_more() {
        let peer = Arc::new(Peer::default());
        let bearer = Bearer::new(peer.clone(), Arc::new(Rotated));
        let request = Request::get("http://peer/").body(Bytes::new()).unwrap();
        let answer = bearer.send(request, Duration::from_secs(1)).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(*peer.0.lock().unwrap(), ["Bearer old", "Bearer new"]);
    }
}
