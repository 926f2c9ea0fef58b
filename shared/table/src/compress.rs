//! Bodies that outgrow 4 KB: compressed into one attribute when that saves write units.
//!
//! Keys, `kind`, `v`, `ttl`, `seq` and the entity's `OUTSIDE` attributes stay as they are, so that indexes, conditions
//! and partial updates keep working. What is still over 400 KB is the claim check's business (`claim`).

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::TableError;
use crate::item::{Attributes, CLAIM, PACKED};
use crate::size::{ITEM_LIMIT, item_size, write_units};

/// Below this nothing is tried: the processor time is worth more than the units.
const THRESHOLD: usize = 4 * 1024;
/// The most a body may unpack to: damaged or foreign data must not fill a function's memory.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

type Body = HashMap<String, serde_dynamo::AttributeValue>;

/// Compresses the body when that is worth it; `size` is the item's. Returns the size afterwards, which is over
/// [`ITEM_LIMIT`] only when the body is compressed.
pub(crate) fn pack(attributes: &mut Attributes, size: usize, keep: &[&[&str]]) -> Result<usize, TableError> {
    if size <= THRESHOLD {
        return Ok(size);
    }
    let (outside, body): (Attributes, Attributes) = std::mem::take(attributes)
        .into_iter()
        .partition(|(name, _)| keep.iter().any(|names| names.contains(&name.as_str())));
    *attributes = outside;
    let body: Body = body.into_iter().map(|(name, value)| (name, value.into())).collect();
    let plain = serde_json::to_vec(&body).map_err(|error| TableError::encode(PACKED, error))?;
    if plain.len() > BODY_LIMIT {
        return Err(TableError::ItemTooLarge { kind: PACKED.to_owned(), bytes: plain.len() });
    }
    let packed = zstd::bulk::compress(&plain, zstd::DEFAULT_COMPRESSION_LEVEL)
        .map_err(|error| TableError::encode(PACKED, error))?;
    let packed_size = item_size(attributes) + PACKED.len() + packed.len();
    if write_units(packed_size) < write_units(size) || size > ITEM_LIMIT {
        attributes.insert(PACKED.to_owned(), AttributeValue::B(Blob::new(packed)));
        return Ok(packed_size);
    }
    attributes.extend(body.into_iter().map(|(name, value)| (name, value.into())));
    Ok(size)
}

/// Puts a compressed body back among the attributes; does nothing when there is none.
pub(crate) fn unpack(attributes: &mut Attributes) -> Result<(), TableError> {
    if attributes.contains_key(CLAIM) {
        return Err(TableError::corrupt("the body is in the blob store: read the item to bring it along"));
    }
    let Some(packed) = attributes.remove(PACKED) else {
        return Ok(());
    };
    let AttributeValue::B(packed) = packed else {
        return Err(TableError::corrupt("a compressed body that is not binary"));
    };
    let plain =
        zstd::bulk::decompress(packed.as_ref(), BODY_LIMIT).map_err(|error| TableError::damaged(None, error))?;
    let body: Body = serde_json::from_slice(&plain).map_err(|error| TableError::damaged(None, error))?;
    attributes.reserve(body.len());
    for (name, value) in body {
        // An attribute that was set by a partial update after the body was packed is newer.
        attributes.entry(name).or_insert_with(|| value.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
