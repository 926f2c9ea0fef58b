//! The blob store of production: a bucket.

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectError;

use crate::{BlobStore, Source};

/// Blobs as objects of one bucket.
#[derive(Debug, Clone)]
pub struct S3Blobs {
    client: Client,
    bucket: String,
}

impl S3Blobs {
    #[must_use]
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into() }
    }
}

#[async_trait]
impl BlobStore for S3Blobs {
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), Source> {
        self.client.put_object().bucket(&self.bucket).key(name).body(bytes.into()).send().await?;
        Ok(())
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Source> {
        match self.client.get_object().bucket(&self.bucket).key(name).send().await {
            Ok(object) => Ok(Some(object.body.collect().await?.to_vec())),
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn delete(&self, name: &str) -> Result<(), Source> {
        self.client.delete_object().bucket(&self.bucket).key(name).send().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
