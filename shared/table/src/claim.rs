//! Claim check: a body that no item can hold waits in a blob store, and the item keeps the ticket.
//!
//! The blob is written before the item and under a name of its own, so an item never points to a blob that is not
//! there or is not its own. The name ends in the digest of the body, so a blob that is not what was written is noticed. It does not
//! find blobs whose item was never written (a crash in between), was replaced inside a transaction, or was removed by the
//! table's own clean-up: they cost storage until the store expires them, nothing else.

use async_trait::async_trait;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use kernel::hex;
use sha2::{Digest, Sha256};

use crate::error::Source;
use crate::item::{Attributes, CLAIM, Encoded, KIND, PACKED};
use crate::key::PK;
use crate::size::ITEM_LIMIT;
use crate::{Consistency, Item, Table, TableError};

/// Where bodies wait that are too large for an item.
#[async_trait]
pub trait BlobStore: std::fmt::Debug + Send + Sync {
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), Source>;

    /// `None` when there is no such blob.
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Source>;

    /// Succeeds when there is no such blob.
    async fn delete(&self, name: &str) -> Result<(), Source>;
}

impl Table {
    /// Moves a body that no item can hold to the blob store; the ticket, if it went there.
    pub(crate) async fn check_in(&self, encoded: &mut Encoded) -> Result<Option<String>, TableError> {
        if encoded.size <= ITEM_LIMIT {
            return Ok(None);
        }
        let item = &mut encoded.attributes;
        let too_large = TableError::ItemTooLarge { kind: text(item, KIND).to_owned(), bytes: encoded.size };
        let Some(blobs) = &self.inner.blobs else {
            return Err(too_large);
        };
        let Some(AttributeValue::B(body)) = item.remove(PACKED) else {
            return Err(too_large);
        };
        let body = body.into_inner();
        let name = blob_name(item, &body);
        blobs.put(&name, body).await.map_err(TableError::Unavailable)?;
        item.insert(CLAIM.to_owned(), AttributeValue::S(name.clone()));
        Ok(Some(name))
    }

    /// Brings the body of an item back. `None` when the item has been deleted since it was read.
    pub(crate) async fn check_out(&self, item: Item) -> Result<Option<Item>, TableError> {
        let mut item = item;
        let mut missing = None;
        loop {
            let Some(AttributeValue::S(name)) = item.0.remove(CLAIM) else {
                return Ok(Some(item));
            };
            let Some(blobs) = &self.inner.blobs else {
                return Err(TableError::corrupt(format!("{name} is in a blob store, and this table was given none")));
            };
            if let Some(body) = blobs.get(&name).await.map_err(TableError::Unavailable)? {
                if !name.ends_with(&hex(&Sha256::digest(&body))) {
                    return Err(TableError::corrupt(format!("the blob {name} is not what was written")));
                }
                item.0.insert(PACKED.to_owned(), AttributeValue::B(Blob::new(body)));
                return Ok(Some(item));
            }
            // Somebody replaced the item, and then its blob, after it was read: what is there now has another blob.
            if missing.as_ref() == Some(&name) {
                return Err(TableError::corrupt(format!("the blob {name} is gone")));
            }
            missing = Some(name);
            let Some(key) = item.key() else {
                return Err(TableError::corrupt("an item without a key"));
            };
            match self.fetch(key, Consistency::Strong).await? {
                Some(current) => item = current,
                None => return Ok(None),
            }
        }
    }

    /// Removes the blob of an item that a committed write has replaced.
    pub(crate) async fn discard(&self, replaced: Option<Attributes>) {
        if let Some(AttributeValue::S(name)) = replaced.and_then(|mut replaced| replaced.remove(CLAIM)) {
            self.remove_blob(&name).await;
        }
    }

    /// Removes a blob no item has a ticket to. A failure leaves garbage, not damage.
    pub(crate) async fn remove_blob(&self, name: &str) {
        if let Some(blobs) = &self.inner.blobs
            && let Err(error) = blobs.delete(name).await
        {
            tracing::warn!(blob = name, %error, "a blob without an item was not removed");
        }
    }
}

/// `<tenant>/<kind>/<unique>-<SHA-256 of the body>`: never the name of another write's blob, so that removing one harms nobody.
fn blob_name(item: &Attributes, body: &[u8]) -> String {
    let tenant = text(item, PK).split('#').nth(1).unwrap_or_default();
    format!("{tenant}/{}/{:032x}-{}", text(item, KIND), fastrand::u128(..), hex(&Sha256::digest(body)))
}

fn text<'a>(item: &'a Attributes, name: &str) -> &'a str {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests;
