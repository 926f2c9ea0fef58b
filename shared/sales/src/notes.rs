//! What people write beside an order: notes, files that go with them, and delivery addresses.
//!
//! | access pattern | key |
//! |---|---|
//! | notes of an order | pk `T#t#ORDER#<id>`, sk `NOTE#<note>` |
//! | a file of an order | pk `T#t#ORDER#<id>`, sk `FILE#<file>` |
//! | an address of an order | pk `T#t#ORDER#<id>`, sk `ADDRESS#<number>` |
//!
//! A note is written once, under an id derived from its author's key; people it mentions (`@usr_…`) are told by one
//! event each, in the same transaction, and so once. A file is kept apart, under the digest of its content; a note and
//! its events carry its id only. Larger ones are in a bucket ([`crate::uploads`]). Addresses are items of their own, so that the order can outlive the person.

use crate::Sales;
use crate::documents::of_order;
use crate::order::{Order, OrderId};
use kernel::{Context, Event, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use table::{Consistency, Entity, Key, Page, Position, Query, TableError, TransactionError};
use web::bucket::Measure;

kernel::typed_id!(
    /// A note.
    NoteId,
    "not"
);
kernel::typed_id!(
    /// A file beside an order: derived from the order and its content.
    FileId,
    "fil"
);

/// Event: somebody is mentioned in a note.
pub const MENTIONED: &str = "sales.note.mentioned.v1";
/// Longest text of a note, in characters.
pub const MAX_TEXT: usize = 4_000;
/// Most people one note mentions, and most files it has.
pub const MAX_MENTIONS: usize = 20;
/// Largest file in the table, in bytes.
pub const MAX_FILE: usize = 250_000;

crate::machine::names! {
    /// Who may see a note.
    pub enum Audience {
        /// People of the house.
        Internal = "INTERNAL",
        /// The customer too.
        Customer = "CUSTOMER",
    }
}

/// A note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Its id.
    #[serde(rename = "id")]
    pub id: NoteId,
    #[serde(rename = "o")]
    pub(crate) order: OrderId,
    /// Who wrote it.
    #[serde(rename = "by")]
    pub author: String,
    /// When.
    #[serde(rename = "at")]
    pub written_at: Timestamp,
    /// Who may see it.
    #[serde(rename = "s")]
    pub audience: Audience,
    /// What it says.
    #[serde(rename = "x")]
    pub text: String,
    /// Whom it mentions: principals.
    #[serde(rename = "m", default)]
    pub mentions: BTreeSet<String>,
    /// Files that go with it.
    #[serde(rename = "f", default)]
    pub files: Vec<FileId>,
}

/// What is to be written.
#[derive(Debug, Clone)]
pub struct NewNote {
    /// The client's key: the same key of the same author is the same note.
    pub key: String,
    /// Who may see it.
    pub audience: Audience,
    /// 1 to [`MAX_TEXT`] characters.
    pub text: String,
    /// Files that were stored before.
    pub files: Vec<FileId>,
}

/// Why a note or file was not written.
#[derive(Debug, thiserror::Error)]
pub enum NoteError {
    /// There is no such order, or no such file of it.
    #[error("there is no such order or file")]
    NotFound,
    /// Empty, too long, or with too many mentions or files.
    #[error("the note or file is empty or too large")]
    OutOfRange,
    /// The key was used for another note.
    #[error("the key was used for another note")]
    KeyReused,
    /// Nothing was uploaded, or too long ago.
    #[error("the content was not uploaded")]
    NotUploaded,
    /// Something else was uploaded than was announced.
    #[error("the content is not what was announced")]
    ContentDiffers,
    /// The table or the bucket did not do it.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// A file beside an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its id.
    pub id: FileId,
    #[serde(rename = "o")]
    pub(crate) order: OrderId,
    /// What it is called.
    #[serde(rename = "nm")]
    pub name: String,
    /// What it is: `application/pdf`.
    #[serde(rename = "mt")]
    pub media_type: String,
    /// Its content in base64, when the table has it.
    #[serde(rename = "b", default, skip_serializing_if = "String::is_empty")]
    pub content: String,
    /// What of it is in the bucket.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Measure>,
}

/// Where an order goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Address {
    /// Who takes it in.
    pub name: String,
    /// Street, house, floor: 1 to 4 lines.
    pub lines: Vec<String>,
    /// Town.
    pub city: String,
    /// State or county, where addresses have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Postcode, where addresses have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postcode: Option<String>,
    /// ISO 3166-1 alpha-2: `GB`.
    pub country: String,
}

impl Address {
    /// Whether it could be printed on a parcel.
    pub fn is_plausible(&self) -> bool {
        let text = |text: &str| (1..=120).contains(&text.len()) && !text.chars().any(char::is_control);
        let country = self.country.len() == 2 && self.country.bytes().all(|b| b.is_ascii_uppercase());
        let lines = (1..=4).contains(&self.lines.len()) && self.lines.iter().all(|line| text(line));
        let optional = [&self.region, &self.postcode].into_iter().flatten().all(|part| text(part));
        country && lines && optional && text(&self.name) && text(&self.city)
    }

    pub(crate) fn stored(&self, order: OrderId, number: u64) -> AddressItem {
        AddressItem { order, number, address: self.clone() }
    }
}

/// An address as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AddressItem {
    #[serde(rename = "o")]
    order: OrderId,
    #[serde(rename = "n")]
    number: u64,
    #[serde(rename = "a")]
    pub(crate) address: Address,
}

impl Entity for AddressItem {
    const KIND: &'static str = "order-address";
    fn key(&self, tenant: &TenantId) -> Key {
        address_key(tenant, self.order, self.number)
    }
}

impl Entity for Note {
    const KIND: &'static str = "order-note";
    fn key(&self, tenant: &TenantId) -> Key {
        note_key(tenant, self.order, self.id)
    }
}

impl Entity for File {
    const KIND: &'static str = "order-file";
    const LARGE: bool = true;
    fn key(&self, tenant: &TenantId) -> Key {
        file_key(tenant, self.order, self.id)
    }
}

fn address_key(tenant: &TenantId, order: OrderId, number: u64) -> Key {
    of_order(tenant, order).key(&["ADDRESS", &number.to_string()])
}

fn note_key(tenant: &TenantId, order: OrderId, id: NoteId) -> Key {
    of_order(tenant, order).key(&["NOTE", &id.to_string()])
}

pub(crate) fn file_key(tenant: &TenantId, order: OrderId, id: FileId) -> Key {
    of_order(tenant, order).key(&["FILE", &id.to_string()])
}

impl Sales {
    /// Writes a note, once.
    pub async fn write_note(
        &self,
        tenant: &TenantId,
        order: &Order,
        new: NewNote,
        author: &str,
        cause: &Context,
    ) -> Result<Note, NoteError> {
        let mentions = mentions(&new.text);
        let length = new.text.chars().count();
        if !(1..=MAX_TEXT).contains(&length) || mentions.len() > MAX_MENTIONS || new.files.len() > MAX_MENTIONS {
            return Err(NoteError::OutOfRange);
        }
        let keys: Vec<Key> = new.files.iter().map(|id| file_key(tenant, order.id, *id)).collect();
        if !keys.is_empty() && self.table.get_many(&keys, Consistency::Eventual).await?.iter().any(Option::is_none) {
            return Err(NoteError::NotFound);
        }
        let note = Note {
            id: NoteId::derive(&[&order.id.to_string(), author, &new.key]),
            order: order.id,
            author: author.to_owned(),
            written_at: self.now(),
            audience: new.audience,
            text: new.text,
            mentions,
            files: new.files,
        };
        let mut transaction = self.table.transaction(tenant);
        transaction.create(&note);
        for user in &note.mentions {
            let data = json!({ "orderId": order.id, "noteId": note.id, "user": user, "author": author });
            transaction
                .event(&Event::new(MENTIONED, tenant, order.id, order.version, data, &*self.clock).caused_by(cause));
        }
        match transaction.commit().await {
            Ok(()) => Ok(note),
            Err(TransactionError::Table(error)) => Err(error.into()),
            Err(TransactionError::Conditions(_) | TransactionError::TokenReused) => {
                let known = self.table.get::<Note>(note_key(tenant, order.id, note.id), Consistency::Strong).await?;
                let known = known.ok_or(NoteError::NotFound)?.value;
                let same = (&known.text, known.audience, &known.files) == (&note.text, note.audience, &note.files);
                if same { Ok(known) } else { Err(NoteError::KeyReused) }
            }
        }
    }

    /// Puts the notes and files of one order beside another one too, under the ids they have. Repeating it changes nothing.
    pub(crate) async fn carry_over(&self, tenant: &TenantId, from: OrderId, to: OrderId) -> Result<(), TableError> {
        for item in self.beside(tenant, from).await? {
            if item.kind() == Note::KIND {
                let note = item.decode::<Note>()?.value;
                self.table.put(tenant, &Note { order: to, ..note }).await?;
            } else if item.kind() == File::KIND {
                self.copy_file(tenant, item.decode::<File>()?.value, to).await?;
            }
        }
        Ok(())
    }

    /// The notes beside an order.
    pub async fn notes_of(
        &self,
        tenant: &TenantId,
        id: OrderId,
        start: Option<Position>,
        limit: usize,
    ) -> Result<Page<Note>, TableError> {
        let query = Query::partition(of_order(tenant, id)).begins_with(&["NOTE", ""]).start(start).limit(limit);
        self.table.query::<Note>(query).await?.try_map(|note| Ok(note.value))
    }

    /// Stores a file beside an order. The same content is the same file.
    pub async fn store_file(
        &self,
        tenant: &TenantId,
        order: OrderId,
        name: &str,
        media_type: &str,
        content: String,
    ) -> Result<FileId, NoteError> {
        if content.is_empty() || content.len() > MAX_FILE.div_ceil(3) * 4 {
            return Err(NoteError::OutOfRange);
        }
        let digest = kernel::hex(&Sha256::digest(&content));
        let id = FileId::derive(&[&order.to_string(), name, media_type, &digest]);
        let file = File { id, order, name: name.to_owned(), media_type: media_type.to_owned(), content, claim: None };
        self.table.put(tenant, &file).await?;
        Ok(id)
    }

    /// A file beside an order.
    pub async fn file(&self, tenant: &TenantId, order: OrderId, id: FileId) -> Result<Option<File>, TableError> {
        let found = self.table.get::<File>(file_key(tenant, order, id), Consistency::Eventual).await?;
        Ok(found.map(|file| file.value))
    }

    /// Where an order goes, if it says so.
    pub async fn address_of(&self, tenant: &TenantId, id: OrderId) -> Result<Option<Address>, TableError> {
        let Some(number) = self.order(tenant, id).await?.and_then(|order| order.address) else { return Ok(None) };
        let found = self.table.get::<AddressItem>(address_key(tenant, id, number), Consistency::Strong).await?;
        Ok(found.map(|item| item.value.address))
    }
}

/// The principals a text mentions: `@usr_…`, up to what cannot be part of one.
fn mentions(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts = text.match_indices('@').filter(|(at, _)| !text[..*at].ends_with(is_part));
    let name = |(at, _): (usize, &str)| {
        let rest = &text[at + 1..];
        rest.split(|c| !is_part(c)).next().unwrap_or_default().to_owned()
    };
    starts.map(name).filter(|name| name.starts_with("usr_") && name.len() > 4 && name.len() <= 64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_mentioned_by_their_principal_and_addresses_are_no_mentions() {
        let found = mentions("@usr_ann please ask @usr_bob, and @usr_ann again; not x@usr_eve.com, @home or @usr_");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["usr_ann", "usr_bob"]);
    }
}
