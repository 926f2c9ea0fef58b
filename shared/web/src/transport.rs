//! The one way out to third parties: a port that contexts build requests for and read answers from.
//!
//! `runtime` supplies the socket, and puts [`Retrying`] and [`CircuitBreaker`] in front of it; a context sees only
//! `dyn Transport`. Nothing here knows a provider, a credential or a payload, and nothing here logs one.

mod bearer;
mod breaker;
mod retry;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use crate::BoxError;

pub use bearer::Bearer;
pub use breaker::{Circuit, CircuitBreaker};
pub use retry::Retrying;

/// Sends one request and gives back the whole answer, whatever its status.
#[async_trait]
pub trait Transport: Send + Sync {
    /// `timeout` bounds everything: connecting, sending, the answer's body, and all retries together.
    async fn send(&self, request: Request<Bytes>, timeout: Duration) -> Result<Response<Bytes>, TransportError>;
}

/// Why there is no answer; what matters is whether the peer may have acted on the request.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No connection came about (DNS, refused, TLS, connect timeout): the peer has surely not seen the request.
    #[error("the request was not sent")]
    NotSent(#[source] BoxError),
    /// The peer failed so often lately that it was not even tried.
    #[error("not tried: the peer keeps failing")]
    CircuitOpen,
    /// The time was up after the request had, or may have, reached the peer.
    #[error("no answer within {0:?}; the peer may have acted on the request")]
    TimedOut(Duration),
    /// The connection broke after the request had, or may have, reached the peer.
    #[error("the connection broke; the peer may have acted on the request")]
    Broken(#[source] BoxError),
    /// The answer was longer than anything we take.
    #[error("the answer is longer than {0} bytes")]
    TooLarge(usize),
}

impl TransportError {
    /// Whether the peer has surely not seen the request, so that sending it elsewhere or again cannot double it.
    #[must_use]
    pub fn surely_not_sent(&self) -> bool {
        match self {
            Self::NotSent(_) | Self::CircuitOpen => true,
            Self::TimedOut(_) | Self::Broken(_) | Self::TooLarge(_) => false,
        }
    }

    /// Whether the same request may fare better later (being safe to repeat is another question).
    #[must_use]
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::TooLarge(_))
    }
}

#[cfg(test)]
mod fake {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use http::StatusCode;

    use super::*;

    /// Answers from a script, and counts.
    pub(super) struct Script(Mutex<(VecDeque<Outcome>, usize)>);

    type Outcome = Result<Response<Bytes>, TransportError>;

    impl Script {
        pub(super) fn new<const N: usize>(script: [Outcome; N]) -> Self {
            Self(Mutex::new((script.into(), 0)))
        }

        pub(super) fn calls(&self) -> usize {
            self.0.lock().unwrap().1
        }
    }

    #[async_trait]
    impl Transport for Script {
        async fn send(&self, _request: Request<Bytes>, _timeout: Duration) -> Result<Response<Bytes>, TransportError> {
            let mut guard = self.0.lock().unwrap();
            guard.1 += 1;
            guard.0.pop_front().expect("a call more than the script has")
        }
    }

    pub(super) fn answer(status: u16) -> Outcome {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        Ok(response)
    }

    pub(super) fn not_sent() -> Outcome {
        Err(TransportError::NotSent("refused".into()))
    }

    pub(super) fn broken() -> Outcome {
        Err(TransportError::Broken("reset".into()))
    }

    pub(super) fn request(method: &str) -> Request<Bytes> {
        Request::builder().method(method).uri("http://peer.test/x").body(Bytes::new()).unwrap()
    }
}
