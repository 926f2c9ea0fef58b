//! Connections between two requests.
//!
//! A connection comes back when the answer's body has been read to its end; one whose answer was dropped half-read is
//! closed. There is no timer: age is looked at when a connection is wanted.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::SendRequest;

/// Peers close idle connections after a minute or so; better not to be the second to know.
const MAX_IDLE: Duration = Duration::from_secs(50);

/// Where a connection goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) secure: bool,
    pub(super) host: String,
    pub(super) port: u16,
}

/// The connections nobody is using.
#[derive(Debug, Default)]
pub(super) struct Pool(Mutex<HashMap<Origin, Vec<Idle>>>);

#[derive(Debug)]
struct Idle {
    sender: SendRequest<SdkBody>,
    since: Instant,
}

impl Pool {
    /// A connection that is ready, as far as one can know.
    pub(super) async fn take(&self, origin: &Origin) -> Option<SendRequest<SdkBody>> {
        while let Some(Idle { mut sender, since }) = self.pop(origin) {
            if since.elapsed() >= MAX_IDLE {
                continue;
            }
            // Lets the connection's task see what has arrived meanwhile, such as its end. Always: a frozen sandbox does not
            // know how long it was.
            tokio::task::yield_now().await;
            if sender.ready().await.is_ok() {
                return Some(sender);
            }
        }
        None
    }

    fn pop(&self, origin: &Origin) -> Option<Idle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(origin)?.pop()
    }

    pub(super) fn put(&self, origin: Origin, sender: SendRequest<SdkBody>) {
        let idle = Idle { sender, since: Instant::now() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(origin).or_default().push(idle);
    }
}

/// An answer's body that gives its connection back at its end.
#[derive(Debug)]
pub(crate) struct Returning {
    body: Incoming,
    back: Option<(Arc<Pool>, Origin, SendRequest<SdkBody>)>,
}

impl Returning {
    pub(super) fn new(body: Incoming, pool: &Arc<Pool>, origin: Origin, sender: SendRequest<SdkBody>) -> Self {
        let mut returning = Self { back: Some((Arc::clone(pool), origin, sender)), body };
        if returning.body.is_end_stream() {
            returning.give_back();
        }
        returning
    }

    fn give_back(&mut self) {
        if let Some((pool, origin, sender)) = self.back.take() {
            pool.put(origin, sender);
        }
    }
}

impl Body for Returning {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None))
            || (matches!(frame, Poll::Ready(Some(Ok(_)))) && self.body.is_end_stream())
        {
            self.give_back();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
