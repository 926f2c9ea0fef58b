//! Customers, as the connector has heard of them last: there is no other context that keeps them, so this is what stores are told.
//!
//! They travel as documents of the type `customer`, which anybody hands in at the message centre and anybody may subscribe to. The id of a
//! customer is the document's external id; one who was first met in a store has an id made of the store's own. Which of two states
//! is newer their source says, never the order they arrive in.
//!
//! | access pattern | key |
//! |---|---|
//! | a customer, as they were told of last | pk `T#t#SHOPIFY-CUSTOMER#<id>`, sk `STATE` |
//! | the documents that told of them | the same partition, sk `DOCUMENT#<document>` |

use documents::DocumentId;
use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use table::{Consistency, Entity, Key, Partition, Query, Table, TableError, TransactionError, Versioned};

use crate::map::customer::Customer;
use crate::{Gid, Shop};

/// The version of the shape of customers' documents.
pub const SHAPE: u16 = 1;

/// Who a customer of a store is here.
#[must_use]
pub fn id_of(shop: &Shop, customer: &Gid) -> String {
    format!("shopify:{shop}:{}", customer.number())
}

/// What a store calls a customer who was first met there.
#[must_use]
pub fn met_in(shop: &Shop, id: &str) -> Option<Gid> {
    let number = id.strip_prefix(&format!("shopify:{shop}:"))?;
    Some(Gid::new("Customer", number.parse().ok()?))
}

/// What a customer's document carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    #[serde(flatten)]
    pub customer: Customer,
    /// When they became so, by whoever says it.
    pub updated_at: Timestamp,
}

/// JSON Schema of [`Told`]. What satisfies it can be read, unless it names a day there is not.
#[must_use]
pub fn schema() -> Value {
    let text = |most: u32| json!({ "type": ["string", "null"], "maxLength": most });
    let mut address = json!({});
    for field in [
        "firstName",
        "lastName",
        "company",
        "address1",
        "address2",
        "city",
        "provinceCode",
        "zip",
        "countryCode",
        "phone",
    ] {
        address[field] = text(255);
    }
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["email", "updatedAt"],
        "properties": {
            "email": { "type": "string", "maxLength": 255, "pattern": r"^[^@\s]+@[^@\s]+$" },
            "phone": text(255), "firstName": text(255), "lastName": text(255), "note": text(5_000),
            "tags": { "type": "array", "maxItems": 250, "items": { "type": "string", "maxLength": 255 } },
            "addresses": {
                "type": "array",
                "maxItems": 100,
                "items": { "type": "object", "additionalProperties": false, "properties": address },
            },
            "updatedAt": { "type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$" },
        },
    })
}

/// A customer as they were told of last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Known {
    pub id: String,
    #[serde(flatten)]
    pub told: Told,
    /// What told of them; `None` when it was for this connector's ears only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentId>,
}

impl Known {
    /// Two documents of one moment have an order, too, or the state would depend on their arrival.
    fn place(&self) -> (Timestamp, Option<DocumentId>) {
        (self.told.updated_at, self.document)
    }
}

/// That a document told of a customer, so that it can be found when they are to be forgotten.
#[derive(Debug, Serialize, Deserialize)]
struct Mention {
    customer: String,
    document: DocumentId,
}

fn partition(tenant: &TenantId, id: &str) -> Partition {
    Partition::tenant(tenant, &["SHOPIFY-CUSTOMER", id])
}

impl Entity for Known {
    const KIND: &'static str = "shopify-customer";

    fn key(&self, tenant: &TenantId) -> Key {
        partition(tenant, &self.id).key(&["STATE"])
    }
}

impl Entity for Mention {
    const KIND: &'static str = "shopify-customer-document";

    fn key(&self, tenant: &TenantId) -> Key {
        partition(tenant, &self.customer).key(&["DOCUMENT", &self.document.to_string()])
    }
}

/// The customers in the table.
#[derive(Debug, Clone)]
pub struct Customers(Table);

impl Customers {
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self(table)
    }

    /// A customer.
    pub async fn find(&self, tenant: &TenantId, id: &str) -> Result<Option<Known>, TableError> {
        Ok(self.versioned(tenant, id).await?.map(|found| found.value))
    }

    async fn versioned(&self, tenant: &TenantId, id: &str) -> Result<Option<Versioned<Known>>, TableError> {
        self.0.get::<Known>(partition(tenant, id).key(&["STATE"]), Consistency::Strong).await
    }

    /// Keeps a state unless a newer one is known, and what told of it in either case. Whether it is the newest.
    pub async fn keep(&self, tenant: &TenantId, new: &Known) -> Result<bool, TableError> {
        loop {
            let found = self.versioned(tenant, &new.id).await?;
            let is_newest = found.as_ref().is_none_or(|found| found.value.place() <= new.place());
            if !is_newest && new.document.is_none() {
                return Ok(false);
            }
            let mut transaction = self.0.transaction(tenant);
            if let Some(document) = new.document {
                transaction.put(&Mention { customer: new.id.clone(), document });
            }
            match found {
                None => transaction.create(new),
                Some(found) if is_newest => transaction.put_versioned(new, found.version),
                Some(_) => &mut transaction,
            };
            match transaction.commit().await {
                Ok(()) => return Ok(is_newest),
                Err(TransactionError::Conditions(_)) => {}
                Err(TransactionError::Table(error)) => return Err(error),
                Err(error @ TransactionError::TokenReused) => {
                    return Err(TableError::Rejected { code: "transaction".to_owned(), source: error.into() });
                }
            }
        }
    }

    /// The documents that told of a customer.
    pub async fn documents(&self, tenant: &TenantId, id: &str) -> Result<Vec<DocumentId>, TableError> {
        let query = Query::partition(partition(tenant, id)).begins_with(&["DOCUMENT", ""]);
        let found = self.0.query_all::<Mention>(query.consistency(Consistency::Strong)).await?;
        Ok(found.into_iter().map(|found| found.value.document).collect())
    }

    /// Forgets a customer, when what these documents carried is forgotten. May be repeated.
    pub async fn forget(&self, tenant: &TenantId, id: &str, documents: &[DocumentId]) -> Result<(), TableError> {
        for document in documents {
            self.0.delete(partition(tenant, id).key(&["DOCUMENT", &document.to_string()])).await?;
        }
        self.0.delete(partition(tenant, id).key(&["STATE"])).await
    }
}

#[cfg(test)]
mod tests;
