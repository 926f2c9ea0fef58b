//! Bounded retries with backoff, for requests that may be repeated.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Method, Request, Response, StatusCode};
use kernel::Backoff;
use tokio::time::{Instant, sleep};

use super::{Transport, TransportError};

/// Repeats what is safe to repeat: anything that was surely not sent; and, when the method is idempotent by HTTP's rules
/// or the request carries an `Idempotency-Key`, also what broke or was answered 429, 502, 503 or 504. `Retry-After` is
/// kept to. It never goes past the caller's timeout, and gives back the last answer when nothing more can be tried.
pub struct Retrying {
    inner: Arc<dyn Transport>,
    backoff: Backoff,
}

impl Retrying {
    #[must_use]
    pub fn new(inner: Arc<dyn Transport>, backoff: Backoff) -> Self {
        Self { inner, backoff }
    }
}

#[async_trait]
impl Transport for Retrying {
    async fn send(&self, request: Request<Bytes>, timeout: Duration) -> Result<Response<Bytes>, TransportError> {
        let deadline = Instant::now() + timeout;
        let repeatable = is_repeatable(&request);
        let mut rng = fastrand::Rng::new();
        let mut may_have_arrived = false;
        for attempt in 1u32.. {
            let left = deadline.saturating_duration_since(Instant::now());
            let result = self.inner.send(request.clone(), left).await;
            let open = matches!(result, Err(TransportError::CircuitOpen));
            let result = match result {
                // What an earlier attempt may have brought about is not undone by a later one that did not arrive.
                Err(error) if may_have_arrived && error.surely_not_sent() => Err(TransportError::Broken(error.into())),
                other => other,
            };
            may_have_arrived |= !matches!(&result, Err(error) if error.surely_not_sent());
            let asked_for = match &result {
                Ok(answer) if repeatable && is_transient(answer.status()) => retry_after(answer),
                Err(error) if error.surely_not_sent() || (repeatable && error.is_transient()) => None,
                Ok(_) | Err(_) => return result,
            };
            let Some(delay) = self.backoff.delay(attempt, &mut rng) else { return result };
            let delay = delay.max(asked_for.unwrap_or_default());
            if Instant::now() + delay >= deadline || open {
                return result;
            }
            sleep(delay).await;
        }
        // The backoff ends long before the counter does.
        Err(TransportError::TimedOut(timeout))
    }
}

fn is_repeatable(request: &Request<Bytes>) -> bool {
    let idempotent = [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS];
    idempotent.contains(request.method()) || request.headers().contains_key(crate::idempotency::HEADER)
}

fn is_transient(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// The form in seconds; the form with a date is as good as none.
fn retry_after(answer: &Response<Bytes>) -> Option<Duration> {
    answer.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Script, answer, broken, not_sent, request};
    use super::*;

    const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(1), 3);
    const TIMEOUT: Duration = Duration::from_secs(10);

    async fn run(script: Script, request: Request<Bytes>) -> (Result<u16, TransportError>, usize) {
        let script = Arc::new(script);
        let result = Retrying::new(script.clone(), BACKOFF).send(request, TIMEOUT).await;
        (result.map(|answer| answer.status().as_u16()), script.calls())
    }

    #[tokio::test(start_paused = true)]
    async fn an_idempotent_request_is_repeated_until_it_works() {
        let (result, calls) = run(Script::new([broken(), answer(503), answer(200)]), request("GET")).await;
        assert_eq!((result.unwrap(), calls), (200, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_are_bounded_and_the_last_outcome_is_given_back() {
        let (result, calls) = run(Script::new([answer(503), answer(503), answer(504)]), request("PUT")).await;
        assert_eq!((result.unwrap(), calls), (504, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_post_is_repeated_only_when_it_surely_was_not_sent() {
        let (result, calls) = run(Script::new([not_sent(), broken()]), request("POST")).await;
        assert!(matches!(result, Err(TransportError::Broken(_))));
        assert_eq!(calls, 2);
        assert_eq!(run(Script::new([answer(503)]), request("POST")).await.1, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idempotency_key_makes_a_post_repeatable() {
        let mut post = request("POST");
        post.headers_mut().insert("idempotency-key", "k".parse().unwrap());
        let (result, calls) = run(Script::new([broken(), answer(201)]), post).await;
        assert_eq!((result.unwrap(), calls), (201, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_have_arrived_once_is_never_reported_as_surely_not_sent() {
        for first in [broken(), answer(503)] {
            let (result, calls) = run(Script::new([first, not_sent(), not_sent()]), request("GET")).await;
            assert!(!result.unwrap_err().surely_not_sent());
            assert_eq!(calls, 3);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_peer_refuses_is_not_repeated() {
        assert_eq!(run(Script::new([answer(409)]), request("GET")).await.1, 1);
        assert_eq!(run(Script::new([answer(500)]), request("GET")).await.1, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_kept_and_never_past_the_timeout() {
        let throttled = |seconds: &str| {
            let mut answer = answer(429).unwrap();
            answer.headers_mut().insert(RETRY_AFTER, seconds.parse().unwrap());
            Ok(answer)
        };
        let start = Instant::now();
        let (result, _) = run(Script::new([throttled("4"), answer(200)]), request("GET")).await;
        assert_eq!(result.unwrap(), 200);
        assert!(start.elapsed() >= Duration::from_secs(4));

        let (result, calls) = run(Script::new([throttled("11")]), request("GET")).await;
        assert_eq!((result.unwrap(), calls), (429, 1));
    }
}
