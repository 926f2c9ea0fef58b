//! Customers and their addresses.

use std::collections::BTreeSet;

use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::product::{ID_KEY, ID_NAMESPACE};
use super::{MapError, shape, tags};
use crate::Gid;

/// A customer, in our words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Customer {
    pub email: String,
    pub phone: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    #[serde(default)]
    pub tags: BTreeSet<String>,
    pub note: Option<String>,
    #[serde(default)]
    pub addresses: Vec<Address>,
}

/// A postal address. Country and province by their codes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub company: Option<String>,
    pub address1: Option<String>,
    pub address2: Option<String>,
    pub city: Option<String>,
    pub province_code: Option<String>,
    pub zip: Option<String>,
    #[serde(alias = "countryCodeV2")]
    pub country_code: Option<String>,
    pub phone: Option<String>,
}

/// A customer as a store has it. Without an e-mail address there is nothing to know them by, and `customer` is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    pub id: Gid,
    pub updated_at: Timestamp,
    pub customer: Option<Customer>,
}

/// How a store is to find a customer. Who is not found is new, but by [`Identifier::Theirs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identifier<'a> {
    /// By the store's own id: they were first met there.
    Theirs(&'a Gid),
    /// By our id, which the store keeps with them from then on.
    Ours(&'a str),
    /// By their e-mail address, which is nobody else's in a store.
    Email,
}

/// Variables of `customerSet`: addresses are exactly these.
#[must_use]
pub fn to_remote(identifier: Identifier<'_>, customer: &Customer) -> Value {
    let identifier = match identifier {
        Identifier::Theirs(id) => json!({ "id": id }),
        Identifier::Ours(id) => json!({ "customId": { "namespace": ID_NAMESPACE, "key": ID_KEY, "value": id } }),
        Identifier::Email => json!({ "email": customer.email }),
    };
    json!({
        "identifier": identifier,
        "input": {
            "email": customer.email, "phone": customer.phone, "firstName": customer.first_name,
            "lastName": customer.last_name, "tags": customer.tags, "note": customer.note, "addresses": customer.addresses,
        },
    })
}

#[derive(Deserialize)]
struct Payload {
    admin_graphql_api_id: Gid,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    first_name: Option<String>,
    #[serde(default)]
    last_name: Option<String>,
    #[serde(default)]
    note: Option<String>,
    #[serde(default)]
    tags: String,
    updated_at: Timestamp,
    #[serde(default)]
    addresses: Vec<PayloadAddress>,
}

/// An address in the words of webhooks.
#[derive(Deserialize)]
pub(super) struct PayloadAddress {
    first_name: Option<String>,
    last_name: Option<String>,
    company: Option<String>,
    address1: Option<String>,
    address2: Option<String>,
    city: Option<String>,
    province_code: Option<String>,
    zip: Option<String>,
    country_code: Option<String>,
    phone: Option<String>,
}

impl From<PayloadAddress> for Address {
    fn from(given: PayloadAddress) -> Self {
        Self {
            first_name: given.first_name,
            last_name: given.last_name,
            company: given.company,
            address1: given.address1,
            address2: given.address2,
            city: given.city,
            province_code: given.province_code,
            zip: given.zip,
            country_code: given.country_code,
            phone: given.phone,
        }
    }
}

/// Reads the webhooks `customers/create` and `customers/update`.
pub fn from_webhook(body: &[u8]) -> Result<Remote, MapError> {
    let payload: Payload = serde_json::from_slice(body).map_err(|error| shape(&error))?;
    let customer = payload.email.filter(|email| !email.is_empty()).map(|email| Customer {
        email,
        phone: payload.phone,
        first_name: payload.first_name,
        last_name: payload.last_name,
        tags: tags(&payload.tags),
        note: payload.note,
        addresses: payload.addresses.into_iter().map(Address::from).collect(),
    });
    Ok(Remote { id: payload.admin_graphql_api_id, updated_at: payload.updated_at, customer })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload() -> Value {
        json!({
            "admin_graphql_api_id": "gid://shopify/Customer/5", "id": 5, "email": "ada@example.com", "first_name": "Ada",
            "last_name": "Byron", "phone": "+441234567", "note": null, "tags": "vip, trade", "state": "enabled",
            "updated_at": "2026-07-01T12:00:00Z", "verified_email": true,
            "addresses": [{ "id": 9, "first_name": "Ada", "last_name": "Byron", "address1": "1 High St", "city": "London",
                "province_code": "ENG", "zip": "N1 1AA", "country": "United Kingdom", "country_code": "GB", "default": true }],
        })
    }

    #[test]
    fn a_customer_survives_the_way_in_and_out() {
        let remote = from_webhook(payload().to_string().as_bytes()).unwrap();
        assert_eq!(remote.id, Gid::new("Customer", 5));
        let customer = remote.customer.unwrap();
        let variables = to_remote(Identifier::Email, &customer);
        assert_eq!(variables["identifier"], json!({ "email": "ada@example.com" }));
        let input = &variables["input"];
        assert_eq!((&input["firstName"], &input["tags"]), (&json!("Ada"), &json!(["trade", "vip"])));
        assert_eq!(input["addresses"][0]["countryCode"], "GB");
        assert_eq!(input["addresses"][0]["provinceCode"], "ENG");
        let identified = |by| to_remote(by, &customer)["identifier"].clone();
        assert_eq!(identified(Identifier::Theirs(&remote.id)), json!({ "id": remote.id }));
        assert_eq!(identified(Identifier::Ours("c-1"))["customId"]["value"], "c-1");
    }

    #[test]
    fn who_has_no_address_to_be_known_by_is_nobody() {
        for email in [Value::Null, json!("")] {
            let mut payload = payload();
            payload["email"] = email;
            assert_eq!(from_webhook(payload.to_string().as_bytes()).unwrap().customer, None);
        }
    }
}
