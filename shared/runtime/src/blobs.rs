//! The blob store of the table's claim check: a bucket, below a prefix.
//!
//! How long objects live is the bucket's rule for the prefix: what is kept equally long has the same one
//! (docs/decisions/0072-claim-checks.md).

use std::sync::Arc;

use async_trait::async_trait;
use table::{BlobStore, Source};
use web::bucket::Bucket;

/// Blobs as objects of a bucket, `<prefix>/<name>`.
#[derive(Debug)]
pub struct Blobs {
    bucket: Arc<dyn Bucket>,
    prefix: &'static str,
}

impl Blobs {
    /// In this bucket, below this prefix.
    #[must_use]
    pub fn new(bucket: Arc<dyn Bucket>, prefix: &'static str) -> Self {
        Self { bucket, prefix }
    }

    fn object(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }
}

#[async_trait]
impl BlobStore for Blobs {
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), Source> {
        self.bucket.store(&self.object(name), bytes).await
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Source> {
        self.bucket.fetch(&self.object(name)).await
    }

    async fn delete(&self, name: &str) -> Result<(), Source> {
        self.bucket.delete(&self.object(name)).await
    }
}
