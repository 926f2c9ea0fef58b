//! Files too large for the table, beside an order: the table keeps a claim to what is in a bucket.
//!
//! | access pattern | key |
//! |---|---|
//! | an upload that was begun | pk `T#t#ORDER#<id>`, sk `UPLOAD#<file>` |
//!
//! A client announces what it will upload, and puts it under `uploads/` itself, by a request signed for exactly that
//! content. Finishing copies it to `files/`, where no such request reaches, and measures the copy; only then there is a
//! [`File`]. What lies under `uploads/` is gone after a day. What lies under `files/` always has an item that names it, the
//! upload or the file, so that an erasure finds it. (docs/decisions/0038-files-in-a-bucket.md)

use crate::Sales;
use crate::documents::of_order;
use crate::notes::{File, FileId, NoteError, file_key};
use crate::order::OrderId;
use kernel::TenantId;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use table::{Condition, Consistency, Entity, Item, Key, TableError, TransactionError};
use web::bucket::{Bucket, Measure, SignedPut};

/// Largest file, in bytes.
pub const MAX_UPLOAD: u64 = 25_000_000;
/// How long a signed request is valid.
pub const VALID: Duration = Duration::from_secs(900);

/// A file whose content is not known to be there.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Upload(File);

impl Entity for Upload {
    const KIND: &'static str = "order-upload";
    fn key(&self, tenant: &TenantId) -> Key {
        upload_key(tenant, self.0.order, self.0.id)
    }
}

fn upload_key(tenant: &TenantId, order: OrderId, id: FileId) -> Key {
    of_order(tenant, order).key(&["UPLOAD", &id.to_string()])
}

/// The name of an object, as it was put and as it is kept.
fn uploaded(tenant: &TenantId, order: OrderId, id: FileId) -> String {
    format!("uploads/{tenant}/{order}/{id}")
}

fn kept(tenant: &TenantId, order: OrderId, id: FileId) -> String {
    format!("files/{tenant}/{order}/{id}")
}

impl Sales {
    /// Lets a client upload a file of up to [`MAX_UPLOAD`] bytes, by a request that is valid for [`VALID`]. Announcing the
    /// same again is the same file.
    pub async fn begin_upload(
        &self,
        tenant: &TenantId,
        order: OrderId,
        (name, media_type): (&str, &str),
        content: Measure,
    ) -> Result<(FileId, SignedPut), NoteError> {
        if !(1..=MAX_UPLOAD).contains(&content.bytes) {
            return Err(NoteError::OutOfRange);
        }
        let id = FileId::derive(&[&order.to_string(), name, media_type, &content.sha256]);
        let put = self.bucket()?.upload(&uploaded(tenant, order, id), media_type, &content, VALID);
        let put = put.map_err(TableError::Unavailable)?;
        let (name, media_type) = (name.to_owned(), media_type.to_owned());
        let file = File { id, order, name, media_type, content: String::new(), claim: Some(content) };
        self.table.put(tenant, &Upload(file)).await?;
        Ok((id, put))
    }

    /// Makes what was uploaded a file beside the order, if it is what was announced. Repeating it changes nothing.
    pub async fn finish_upload(&self, tenant: &TenantId, order: OrderId, id: FileId) -> Result<(), NoteError> {
        if self.file(tenant, order, id).await?.is_some() {
            return Ok(());
        }
        let begun = self.table.get::<Upload>(upload_key(tenant, order, id), Consistency::Strong).await?;
        let file = begun.ok_or(NoteError::NotFound)?.value.0;
        self.keep(tenant, &file, &uploaded(tenant, order, id)).await
    }

    /// Puts the content of another order's file beside `to` too.
    pub(crate) async fn copy_file(&self, tenant: &TenantId, file: File, to: OrderId) -> Result<(), TableError> {
        let from = kept(tenant, file.order, file.id);
        let file = File { order: to, ..file };
        if file.claim.is_none() {
            return self.table.put(tenant, &file).await;
        }
        self.table.put(tenant, &Upload(file.clone())).await?;
        let refused =
            |error| if let NoteError::Table(error) = error { error } else { TableError::Unavailable(error.into()) };
        self.keep(tenant, &file, &from).await.map_err(refused)
    }

    /// Keeps a copy of an object as the content of a file, of which there is an [`Upload`].
    async fn keep(&self, tenant: &TenantId, file: &File, from: &str) -> Result<(), NoteError> {
        let bucket = self.bucket()?;
        let to = kept(tenant, file.order, file.id);
        if !bucket.copy(from, &to).await.map_err(TableError::Unavailable)? {
            return Err(NoteError::NotUploaded);
        }
        if bucket.measure(&to).await.map_err(TableError::Unavailable)? != file.claim {
            bucket.delete(&to).await.map_err(TableError::Unavailable)?;
            return Err(NoteError::ContentDiffers);
        }
        let mut transaction = self.table.transaction(tenant);
        transaction.put(file).delete(upload_key(tenant, file.order, file.id), Condition::exists());
        match transaction.commit().await {
            Ok(()) => Ok(()),
            Err(TransactionError::Table(error)) => Err(error.into()),
            Err(TransactionError::Conditions(_) | TransactionError::TokenReused) => {
                // Somebody else has finished it meanwhile; or the customer was erased, and nothing may stay.
                let key = file_key(tenant, file.order, file.id);
                if self.table.get::<File>(key, Consistency::Strong).await?.is_some() {
                    return Ok(());
                }
                bucket.delete(&to).await.map_err(TableError::Unavailable)?;
                Err(NoteError::NotFound)
            }
        }
    }

    /// A URL under which the content of a file can be fetched for [`VALID`]; `None` when it is in the table.
    pub fn download(&self, tenant: &TenantId, file: &File) -> Result<Option<String>, TableError> {
        if file.claim.is_none() {
            return Ok(None);
        }
        let url = self.bucket()?.download(&kept(tenant, file.order, file.id), &file.name, VALID);
        url.map(Some).map_err(TableError::Unavailable)
    }

    /// Removes the content of all files among what is beside an order, before their items go. What was put is removed
    /// first, so that nobody who is just finishing copies it once the copy is gone.
    pub(crate) async fn remove_content(&self, tenant: &TenantId, beside: &[Item]) -> Result<(), TableError> {
        for item in beside {
            let file = if item.kind() == File::KIND {
                item.clone().decode::<File>()?.value
            } else if item.kind() == Upload::KIND {
                item.clone().decode::<Upload>()?.value.0
            } else {
                continue;
            };
            if file.claim.is_some() {
                for name in [uploaded(tenant, file.order, file.id), kept(tenant, file.order, file.id)] {
                    self.bucket()?.delete(&name).await.map_err(TableError::Unavailable)?;
                }
            }
        }
        Ok(())
    }

    fn bucket(&self) -> Result<&dyn Bucket, TableError> {
        let missing = || TableError::Unavailable("this function was given no bucket".into());
        self.files.as_deref().ok_or_else(missing)
    }
}
