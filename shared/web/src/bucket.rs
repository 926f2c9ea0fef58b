//! A bucket as a port. Clients put and fetch large content themselves, by signed requests; here that is only copied, measured
//! and removed. What an item of the table cannot hold is a few megabytes, and passes through.
//!
//! `runtime` supplies one of S3. Names of objects are made of characters that a URL's path has as they are.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::BoxError;

/// What content must be, or is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256 in base64, padded.
    pub sha256: String,
}

/// A `PUT` that whoever knows it may send for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPut {
    /// Where to.
    pub url: String,
    /// Headers it must have, exactly so, beside its `Content-Length`.
    pub headers: Vec<(&'static str, String)>,
}

/// Objects by name.
#[async_trait]
pub trait Bucket: Debug + Send + Sync {
    /// A request that puts an object, for so long. Content of another measure is refused.
    fn upload(&self, name: &str, media_type: &str, content: &Measure, valid: Duration) -> Result<SignedPut, BoxError>;

    /// A URL that fetches an object for so long, to be saved under `file_name` and never shown in place.
    fn download(&self, name: &str, file_name: &str, valid: Duration) -> Result<String, BoxError>;

    /// Copies an object over what is there; `false` when there is none to copy.
    async fn copy(&self, from: &str, to: &str) -> Result<bool, BoxError>;

    /// What an object is, as the bucket found when it took it in; `None` when there is none.
    async fn measure(&self, name: &str) -> Result<Option<Measure>, BoxError>;

    /// Puts an object over what is there.
    async fn store(&self, name: &str, content: Vec<u8>) -> Result<(), BoxError>;

    /// What an object holds, up to 8 MiB; `None` when there is none.
    async fn fetch(&self, name: &str) -> Result<Option<Vec<u8>>, BoxError>;

    /// Succeeds when there is no such object.
    async fn delete(&self, name: &str) -> Result<(), BoxError>;
}
