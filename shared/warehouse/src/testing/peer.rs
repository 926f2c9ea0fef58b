//! The other side of a conversation: a transport that answers from a script, and a secret.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use secrecy::SecretString;
use serde_json::json;
use web::BoxError;
use web::secret::Secret;
use web::transport::{Transport, TransportError};

pub(crate) type Reply = Result<Response<Bytes>, TransportError>;

/// Answers in turn, and keeps what was sent. Panics when it is asked more often.
#[derive(Clone)]
pub(crate) struct Script(Arc<Mutex<Conversation>>);

struct Conversation {
    replies: VecDeque<Reply>,
    sent: Vec<Request<Bytes>>,
}

impl Script {
    pub(crate) fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self(Arc::new(Mutex::new(Conversation { replies: replies.into_iter().collect(), sent: Vec::new() })))
    }

    pub(crate) fn transport(&self) -> Arc<dyn Transport> {
        Arc::new(self.clone())
    }

    pub(crate) fn sent(&self) -> Vec<Request<Bytes>> {
        self.0.lock().unwrap().sent.clone()
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request<Bytes>, _timeout: Duration) -> Reply {
        let mut conversation = self.0.lock().unwrap();
        conversation.sent.push(request);
        conversation.replies.pop_front().expect("a request more than the script has")
    }
}

fn respond(status: u16, body: Bytes) -> Reply {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    Ok(response)
}

pub(crate) fn answer(status: u16) -> Reply {
    respond(status, Bytes::new())
}

pub(crate) fn problem(status: u16, code: &str) -> Reply {
    respond(status, json!({ "type": "about:blank", "status": status, "code": code }).to_string().into())
}

/// Has these values one after the other; each refresh leads to the next. Without any it cannot be read.
struct Values(Mutex<VecDeque<String>>);

pub(crate) fn secret(values: &[&str]) -> Arc<dyn Secret> {
    Arc::new(Values(Mutex::new(values.iter().map(|value| (*value).to_owned()).collect())))
}

#[async_trait]
impl Secret for Values {
    async fn read(&self) -> Result<SecretString, BoxError> {
        let value = self.0.lock().unwrap().front().cloned().ok_or("the secret cannot be read")?;
        Ok(json!({ "current": value, "previous": "" }).to_string().into())
    }

    async fn refresh(&self) -> Result<SecretString, BoxError> {
        {
            let mut values = self.0.lock().unwrap();
            if values.len() > 1 {
                values.pop_front();
            }
        }
        self.read().await
    }
}
