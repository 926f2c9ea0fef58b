//! Products and their variants.

use std::collections::BTreeSet;

use kernel::{Currency, Money, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Connection, MapError, money, shape, tags};
use crate::Gid;

/// The namespace and key of the metafield that holds our own id in a store; its definition has the type `id`.
pub const ID_NAMESPACE: &str = "crossdock";
pub const ID_KEY: &str = "id";

/// A product, in our words. A text or list that is empty is not ours to say: the store's own stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    pub title: String,
    /// HTML.
    pub description: String,
    pub vendor: String,
    pub product_type: String,
    pub status: Status,
    pub tags: BTreeSet<String>,
    /// Names of the options, in their order; none for a product of one variant.
    pub options: Vec<String>,
    pub variants: Vec<Variant>,
}

/// Whether a product is for sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Active,
    Draft,
    Archived,
    /// A word we do not know. It is not written back.
    #[serde(other)]
    Unknown,
}

/// What is sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Variant {
    pub sku: String,
    pub barcode: Option<String>,
    pub price: Money,
    pub compare_at_price: Option<Money>,
    /// A value for each option of the product, in their order.
    pub values: Vec<String>,
}

/// A product as a store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    pub id: Gid,
    pub updated_at: Timestamp,
    pub product: Product,
    /// The store's names of the variants, in their order: variant and inventory item.
    pub variants: Vec<(Gid, Option<Gid>)>,
}

/// What an option is called when there is none; a store has one of this name then.
const NO_OPTION: (&str, &str) = ("Title", "Default Title");

/// Variables of `productSet`: the product with our id, its lists exactly these.
#[must_use]
pub fn to_remote(id: &str, product: &Product) -> Value {
    let single = (vec![NO_OPTION.0], vec![vec![NO_OPTION.1]]);
    let (options, values): (Vec<&str>, Vec<Vec<&str>>) = if product.options.is_empty() {
        single
    } else {
        let values = product.variants.iter().map(|variant| variant.values.iter().map(String::as_str).collect());
        (product.options.iter().map(String::as_str).collect(), values.collect())
    };
    let product_options: Vec<Value> = options
        .iter()
        .enumerate()
        .map(|(place, name)| {
            let mut seen = BTreeSet::new();
            let of_option = values.iter().filter_map(|of| of.get(place)).filter(|value| seen.insert(**value));
            let of_option: Vec<Value> = of_option.map(|value| json!({ "name": value })).collect();
            json!({ "name": name, "position": place + 1, "values": of_option })
        })
        .collect();
    let variants: Vec<Value> = product
        .variants
        .iter()
        .zip(&values)
        .map(|(variant, values)| variant_input(variant, &options, values))
        .collect();
    let mut input = json!({ "title": product.title, "productOptions": product_options, "variants": variants });
    let texts = [
        ("descriptionHtml", &product.description),
        ("vendor", &product.vendor),
        ("productType", &product.product_type),
    ];
    for (field, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        input[field] = json!(text);
    }
    if !product.tags.is_empty() {
        input["tags"] = json!(product.tags);
    }
    if product.status != Status::Unknown {
        input["status"] = json!(product.status);
    }
    json!({ "identifier": { "customId": { "namespace": ID_NAMESPACE, "key": ID_KEY, "value": id } }, "input": input })
}

fn variant_input(variant: &Variant, options: &[&str], values: &[&str]) -> Value {
    let chosen: Vec<Value> =
        options.iter().zip(values).map(|(option, value)| json!({ "optionName": option, "name": value })).collect();
    json!({
        "optionValues": chosen, "sku": variant.sku, "barcode": variant.barcode, "price": variant.price.amount(),
        "compareAtPrice": variant.compare_at_price.map(Money::amount),
    })
}

#[derive(Deserialize)]
struct Payload {
    admin_graphql_api_id: Gid,
    title: String,
    #[serde(default)]
    body_html: Option<String>,
    #[serde(default)]
    vendor: Option<String>,
    #[serde(default)]
    product_type: Option<String>,
    status: String,
    #[serde(default)]
    tags: String,
    updated_at: Timestamp,
    #[serde(default)]
    options: Vec<PayloadOption>,
    #[serde(default)]
    variants: Vec<PayloadVariant>,
}

#[derive(Deserialize)]
struct PayloadOption {
    name: String,
}

#[derive(Deserialize)]
struct PayloadVariant {
    admin_graphql_api_id: Gid,
    #[serde(default)]
    sku: Option<String>,
    #[serde(default)]
    barcode: Option<String>,
    price: String,
    #[serde(default)]
    compare_at_price: Option<String>,
    #[serde(default)]
    option1: Option<String>,
    #[serde(default)]
    option2: Option<String>,
    #[serde(default)]
    option3: Option<String>,
    #[serde(default)]
    inventory_item_id: Option<u64>,
}

/// Reads the webhooks `products/create` and `products/update`.
pub fn from_webhook(body: &[u8], currency: Currency) -> Result<Remote, MapError> {
    let payload: Payload = serde_json::from_slice(body).map_err(|error| shape(&error))?;
    let mut ids = Vec::new();
    let mut variants = Vec::new();
    for variant in payload.variants {
        let item = variant.inventory_item_id.map(|number| Gid::new("InventoryItem", number));
        ids.push((variant.admin_graphql_api_id, item));
        let values = [variant.option1, variant.option2, variant.option3].into_iter().flatten().collect();
        variants.push(Variant {
            sku: variant.sku.unwrap_or_default(),
            barcode: variant.barcode,
            price: money(&variant.price, currency, "price")?,
            compare_at_price: optional(variant.compare_at_price.as_deref(), currency)?,
            values,
        });
    }
    let product = Product {
        title: payload.title,
        description: payload.body_html.unwrap_or_default(),
        vendor: payload.vendor.unwrap_or_default(),
        product_type: payload.product_type.unwrap_or_default(),
        status: status(&payload.status.to_uppercase()),
        tags: tags(&payload.tags),
        options: payload.options.into_iter().map(|option| option.name).collect(),
        variants,
    };
    Ok(Remote {
        id: payload.admin_graphql_api_id,
        updated_at: payload.updated_at,
        product: without_default(product),
        variants: ids,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    id: Gid,
    title: String,
    description_html: String,
    vendor: String,
    product_type: String,
    status: String,
    tags: BTreeSet<String>,
    updated_at: Timestamp,
    #[serde(default)]
    options: Vec<PayloadOption>,
    variants: Connection<NodeVariant>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeVariant {
    id: Gid,
    #[serde(default)]
    sku: Option<String>,
    #[serde(default)]
    barcode: Option<String>,
    price: String,
    #[serde(default)]
    compare_at_price: Option<String>,
    selected_options: Vec<Selected>,
    inventory_item: Identified,
}

#[derive(Deserialize)]
struct Selected {
    value: String,
}

#[derive(Deserialize)]
struct Identified {
    id: Gid,
}

/// Reads a product of [`crate::document::PRODUCT`].
pub fn from_node(node: Value, currency: Currency) -> Result<Remote, MapError> {
    let node: Node = serde_json::from_value(node).map_err(|error| shape(&error))?;
    let mut ids = Vec::new();
    let mut variants = Vec::new();
    for variant in node.variants.whole("variants")? {
        ids.push((variant.id, Some(variant.inventory_item.id)));
        variants.push(Variant {
            sku: variant.sku.unwrap_or_default(),
            barcode: variant.barcode,
            price: money(&variant.price, currency, "price")?,
            compare_at_price: optional(variant.compare_at_price.as_deref(), currency)?,
            values: variant.selected_options.into_iter().map(|selected| selected.value).collect(),
        });
    }
    let product = Product {
        title: node.title,
        description: node.description_html,
        vendor: node.vendor,
        product_type: node.product_type,
        status: status(&node.status),
        tags: node.tags,
        options: node.options.into_iter().map(|option| option.name).collect(),
        variants,
    };
    Ok(Remote { id: node.id, updated_at: node.updated_at, product: without_default(product), variants: ids })
}

fn optional(amount: Option<&str>, currency: Currency) -> Result<Option<Money>, MapError> {
    amount.filter(|amount| !amount.is_empty()).map(|amount| money(amount, currency, "compare_at_price")).transpose()
}

fn status(word: &str) -> Status {
    match word {
        "ACTIVE" => Status::Active,
        "DRAFT" => Status::Draft,
        "ARCHIVED" => Status::Archived,
        _ => Status::Unknown,
    }
}

/// The option a store makes up for a product that has none is not one.
fn without_default(mut product: Product) -> Product {
    if product.options == [NO_OPTION.0] && product.variants.iter().all(|variant| variant.values == [NO_OPTION.1]) {
        product.options.clear();
        for variant in &mut product.variants {
            variant.values.clear();
        }
    }
    product
}

#[cfg(test)]
mod tests;
