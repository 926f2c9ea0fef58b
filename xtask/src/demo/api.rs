//! A small HTTP client for our own APIs: JSON in, JSON out, with whoever is asking.

use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::local_users::User;

const TIMEOUT: Duration = Duration::from_secs(40);

/// An API, and who calls it.
#[derive(Clone)]
pub(crate) struct Api {
    agent: ureq::Agent,
    url: String,
    authorization: Option<String>,
}

/// What it answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    asked: String,
}

impl Answer {
    /// The body, if the status is as expected.
    pub(crate) fn expect(self, status: u16) -> anyhow::Result<Value> {
        if self.status != status {
            bail!("{} answered {} instead of {status}: {}", self.asked, self.status, self.body);
        }
        Ok(self.body)
    }
}

impl Api {
    pub(crate) fn anonymous(url: &str) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT)).build();
        Self { agent: config.new_agent(), url: url.trim_end_matches('/').to_owned(), authorization: None }
    }

    pub(crate) fn basic(url: &str, user: &User) -> Self {
        let credentials = BASE64_STANDARD.encode(format!("{}:{}", user.email, user.password));
        Self { authorization: Some(format!("Basic {credentials}")), ..Self::anonymous(url) }
    }

    pub(crate) fn bearer(url: &str, secret: &str) -> Self {
        Self { authorization: Some(format!("Bearer {secret}")), ..Self::anonymous(url) }
    }

    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send("GET", path, &[], None)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send("POST", path, &[], Some(body))
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send("PUT", path, &[], Some(body))
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let asked = format!("{method} {}{path}", self.url);
        let mut request = http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers.iter().copied().chain(self.authorization.as_deref().map(|a| ("authorization", a)))
        {
            request = request.header(name, value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(body.map(Value::to_string).unwrap_or_default())?;
        let mut answer = self.agent.run(request).with_context(|| format!("{asked} failed"))?;
        let text = answer.body_mut().read_to_string().with_context(|| format!("{asked} answered no text"))?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer { status: answer.status().as_u16(), body, asked })
    }
}
