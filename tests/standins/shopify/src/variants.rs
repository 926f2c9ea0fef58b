//! Variants of a product, as `productSet` and the bulk mutations write them.

use kernel::Timestamp;
use serde_json::{Value, json};

use crate::mutations::{error, refuse};
use crate::world::{Fields, World};

/// Source: Shopify, product model.
pub(crate) const MAX_VARIANTS: usize = 2_048;

/// The option values of a variant's input, in the order of the product's options: `[("Size", "S")]`.
pub(crate) fn choices(input: &Value, options: &[String]) -> Result<Vec<(String, String)>, &'static str> {
    let given = input.list("optionValues");
    if given.len() != options.len() {
        return Err("OPTION_VALUES_MISSING");
    }
    options
        .iter()
        .map(|option| {
            let value = given.iter().find(|value| value.text("optionName") == option).ok_or("OPTION_VALUES_MISSING")?;
            Ok((option.clone(), value.text("name").to_owned()))
        })
        .collect()
}

impl World {
    /// Counts against the day's quota; refuses what goes beyond it.
    pub(crate) fn take_variant_quota(&mut self, count: usize) -> Result<(), Vec<Value>> {
        const DAY: i64 = 86_400;
        let existing = u64::try_from(self.all("ProductVariant").len()).unwrap_or(u64::MAX);
        let day = self.now().duration_since(Timestamp::UNIX_EPOCH).as_secs().div_euclid(DAY);
        let wanted = u64::try_from(count).unwrap_or(u64::MAX);
        if self.variants.day != day {
            (self.variants.day, self.variants.created) = (day, 0);
        }
        if existing >= self.variants.from
            && wanted > 0
            && self.variants.created.saturating_add(wanted) > self.variants.a_day
        {
            return refuse(
                &["input", "variants"],
                "GENERIC_ERROR",
                "Daily variant creation limit reached. Please try again later.",
            );
        }
        if existing >= self.variants.from {
            self.variants.created += wanted;
        }
        Ok(())
    }

    pub(crate) fn create_variant(&mut self, product: &str, choices: &[(String, String)], input: &Value) -> String {
        let now = self.now_text();
        let item = self.create(
            "InventoryItem",
            json!({
                "sku": null, "tracked": true, "requiresShipping": true, "inventoryLevels": [], "unitCost": null,
                "harmonizedSystemCode": null, "countryCodeOfOrigin": null, "createdAt": now, "updatedAt": now,
            }),
        );
        let primary = self.primary_location();
        self.stock_item(&item, &primary);
        let variant = self.create(
            "ProductVariant",
            json!({
                "product": product, "inventoryItem": item, "sku": null, "barcode": null, "price": "0.00",
                "compareAtPrice": null, "taxable": true, "inventoryPolicy": "DENY", "availableForSale": true,
                "metafields": [], "position": 0, "createdAt": now, "updatedAt": now,
            }),
        );
        self.set(&item, "variant", variant.as_str());
        self.choose(&variant, choices);
        self.write_variant(&variant, input);
        variant
    }

    /// Gives a variant its option values.
    pub(crate) fn choose(&mut self, variant: &str, choices: &[(String, String)]) {
        let title: Vec<&str> = choices.iter().map(|(_, value)| value.as_str()).collect();
        let title = if title.is_empty() { "Default Title".to_owned() } else { title.join(" / ") };
        self.set(variant, "title", title.as_str());
        self.set(variant, "displayName", title);
        let selected: Vec<Value> =
            choices.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        self.set(variant, "selectedOptions", selected);
    }

    /// Writes what the input names; the rest stays.
    pub(crate) fn write_variant(&mut self, variant: &str, input: &Value) {
        for name in ["barcode", "taxable", "inventoryPolicy"] {
            if input.get(name).is_some() {
                self.set(variant, name, input.at(name).clone());
            }
        }
        for name in ["price", "compareAtPrice"] {
            if input.get(name).is_some() {
                let price = if input.has(name) { json!(cents(input.at(name))) } else { Value::Null };
                self.set(variant, name, price);
            }
        }
        let item = self.get(variant).map(|variant| variant.text("inventoryItem").to_owned()).unwrap_or_default();
        let about_item = input.at("inventoryItem");
        let sku = if input.get("sku").is_some() { input.get("sku") } else { about_item.get("sku") };
        if let Some(sku) = sku {
            self.set(variant, "sku", sku.clone());
            self.set(&item, "sku", sku.clone());
        }
        for name in ["tracked", "requiresShipping", "harmonizedSystemCode", "countryCodeOfOrigin"] {
            if let Some(value) = about_item.get(name) {
                self.set(&item, name, value.clone());
            }
        }
        if let Some(metafields) = input.get("metafields") {
            let owner = variant.to_owned();
            self.set_metafields(&owner, "PRODUCTVARIANT", metafields.as_array().map_or(&[], Vec::as_slice));
        }
        for quantity in input.list("inventoryQuantities") {
            let location = quantity.text("locationId").to_owned();
            self.stock_item(&item, &location);
            let wanted =
                if quantity.has("quantity") { quantity.whole("quantity") } else { quantity.whole("availableQuantity") };
            let delta = wanted - self.amount(&item, &location, "available").unwrap_or_default();
            self.move_stock(&item, &location, &[("available", delta), ("on_hand", delta)]);
        }
        self.touch(variant);
    }

    /// Replaces the metafields of an object.
    pub(crate) fn set_metafields(&mut self, owner: &str, owner_type: &str, metafields: &[Value]) {
        let before = self.get(owner).map(|owner| owner.ids("metafields")).unwrap_or_default();
        for id in before {
            self.remove(&id);
        }
        let now = self.now_text();
        let ids: Vec<String> = metafields
            .iter()
            .map(|field| {
                self.create("Metafield", json!({
                    "namespace": field.text("namespace"), "key": field.text("key"), "value": field.text("value"),
                    "type": field.text("type"), "ownerType": owner_type, "owner": owner, "createdAt": now, "updatedAt": now,
                }))
            })
            .collect();
        self.set(owner, "metafields", ids);
    }

    pub(crate) fn remove_variant(&mut self, variant: &str) {
        let item = self.get(variant).map(|variant| variant.text("inventoryItem").to_owned()).unwrap_or_default();
        for level in self.get(&item).map(|item| item.ids("inventoryLevels")).unwrap_or_default() {
            self.remove(&level);
        }
        self.remove(&item);
        self.remove(variant);
    }

    /// Numbers the variants of a product anew.
    pub(crate) fn set_variants(&mut self, product: &str, variants: Vec<String>) {
        for (place, variant) in variants.iter().enumerate() {
            self.set(variant, "position", place + 1);
        }
        self.set(product, "variants", variants);
    }
}

/// A price in the shop's two decimals; a client may send it as text or as a number.
fn cents(price: &Value) -> String {
    let text = price.as_str().map_or_else(|| price.to_string(), str::to_owned);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction: String = fraction.chars().chain("00".chars()).take(2).collect();
    format!("{whole}.{fraction}")
}

/// What is wrong with the prices and places in a variant's input.
pub(crate) fn wrong(world: &World, input: &Value, field: &[&str]) -> Vec<Value> {
    let mut errors = Vec::new();
    let at = |name: &'static str| [field, &[name]].concat();
    if input.has("price") && cents(input.at("price")).starts_with('-') {
        errors.push(error(&at("price"), "NEGATIVE_PRICE_VALUE", "Price must be greater than or equal to 0"));
    }
    for quantity in input.list("inventoryQuantities") {
        if world.of("Location", quantity.text("locationId")).is_none() {
            errors.push(error(&at("inventoryQuantities"), "INVALID_INPUT", "The location could not be found."));
        }
    }
    errors
}
