//! A circuit breaker per peer: after some failures in a row the peer is left alone for a while, then tried once.
//!
//! Its state lives in this process. Each sandbox learns for itself; what all must know (a warehouse being offline) is the
//! context's to store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kernel::{Clock, Timestamp};

use super::{Transport, TransportError};

/// Names the peer in a request's extensions when its host does not (several peers behind one gateway).
#[derive(Debug, Clone)]
pub struct Circuit(pub String);

/// Opens after `threshold` failures in a row (no answer, or a status of 500 and up) and stays open for `cool_down`.
pub struct CircuitBreaker {
    inner: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    threshold: u32,
    cool_down: Duration,
    peers: Mutex<HashMap<String, Peer>>,
}

#[derive(Clone, Copy)]
struct Peer {
    failures: u32,
    /// When it may be tried again; set while `failures` is at the threshold.
    closed_until: Timestamp,
}

impl CircuitBreaker {
    #[must_use]
    pub fn new(inner: Arc<dyn Transport>, clock: Arc<dyn Clock>, threshold: u32, cool_down: Duration) -> Self {
        Self { inner, clock, threshold, cool_down, peers: Mutex::default() }
    }

    /// Whether the peer may be tried. A trial closes the gate behind it, so that there is one trial at a time.
    fn admit(&self, name: &str) -> bool {
        let now = self.clock.now();
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        match peers.get_mut(name) {
            Some(peer) if peer.failures >= self.threshold => {
                let admitted = now >= peer.closed_until;
                if admitted {
                    peer.closed_until = self.reopening(now);
                }
                admitted
            }
            Some(_) | None => true,
        }
    }

    fn record(&self, name: String, failed: bool) {
        let closed_until = self.reopening(self.clock.now());
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if failed {
            let peer = peers.entry(name).or_insert(Peer { failures: 0, closed_until });
            *peer = Peer { failures: peer.failures.saturating_add(1), closed_until };
        } else {
            peers.remove(&name);
        }
    }

    fn reopening(&self, now: Timestamp) -> Timestamp {
        now.checked_add(self.cool_down).unwrap_or(now)
    }
}

#[async_trait]
impl Transport for CircuitBreaker {
    async fn send(&self, request: Request<Bytes>, timeout: Duration) -> Result<Response<Bytes>, TransportError> {
        let name = match request.extensions().get() {
            Some(Circuit(name)) => name.clone(),
            None => request.uri().authority().map(ToString::to_string).unwrap_or_default(),
        };
        if !self.admit(&name) {
            return Err(TransportError::CircuitOpen);
        }
        let result = self.inner.send(request, timeout).await;
        let failed = match &result {
            Ok(answer) => answer.status().is_server_error(),
            Err(error) => error.is_transient(),
        };
        self.record(name, failed);
        result
    }
}

#[cfg(test)]
mod tests {
    use kernel::ManualClock;

    use super::super::fake::{Script, answer, broken, not_sent, request};
    use super::*;

    const COOL_DOWN: Duration = Duration::from_secs(30);

    struct Peer {
        script: Arc<Script>,
        clock: Arc<ManualClock>,
        breaker: CircuitBreaker,
    }

    fn peer<const N: usize>(script: [Result<Response<Bytes>, TransportError>; N]) -> Peer {
        let script = Arc::new(Script::new(script));
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let breaker = CircuitBreaker::new(script.clone(), clock.clone(), 2, COOL_DOWN);
        Peer { script, clock, breaker }
    }

    impl Peer {
        async fn send(&self) -> Result<Response<Bytes>, TransportError> {
            self.breaker.send(request("GET"), COOL_DOWN).await
        }
    }

    #[tokio::test]
    async fn a_failing_peer_is_left_alone_then_tried_once() {
        let peer = peer([not_sent(), answer(500), broken(), answer(200), answer(200)]);
        for _ in 0..2 {
            let _ = peer.send().await;
        }
        assert!(matches!(peer.send().await, Err(TransportError::CircuitOpen)));
        assert_eq!(peer.script.calls(), 2);

        peer.clock.advance(COOL_DOWN);
        assert!(matches!(peer.send().await, Err(TransportError::Broken(_))));
        assert!(matches!(peer.send().await, Err(TransportError::CircuitOpen)));

        peer.clock.advance(COOL_DOWN);
        assert!(peer.send().await.is_ok());
        assert!(peer.send().await.is_ok());
    }

    #[tokio::test]
    async fn a_refusal_is_no_failure() {
        let peer = peer([answer(500), answer(404), answer(500), answer(409)]);
        for _ in 0..4 {
            assert!(peer.send().await.is_ok());
        }
    }

    #[tokio::test]
    async fn peers_behind_one_host_are_told_apart_by_their_circuit() {
        let peer = peer([broken(), broken(), answer(200)]);
        let to = |name: &str| {
            let mut request = request("GET");
            request.extensions_mut().insert(Circuit(name.to_owned()));
            peer.breaker.send(request, COOL_DOWN)
        };
        for _ in 0..2 {
            assert!(to("alpha").await.is_err());
        }
        assert!(matches!(to("alpha").await, Err(TransportError::CircuitOpen)));
        assert!(to("beta").await.is_ok());
    }
}
