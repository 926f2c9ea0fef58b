//! Shopify's search syntax, as far as a back office uses it: terms that must all hold, `field:value`, `field:>=value`, quotes,
//! a leading `-` for "not", `*` at the end of a value, and plain words.
//!
//! A field that cannot be searched by is ignored with a warning, as in the shop; it does not narrow the answer. `OR` and
//! parentheses are not understood and warn too. Source: Shopify API search syntax.

use std::cmp::Ordering;

use kernel::Timestamp;
use serde_json::{Value, json};

use crate::resolve::Execution;
use crate::world::{Fields, Object, legacy};

/// A filter that was read.
pub(crate) struct Filter {
    text: String,
    terms: Vec<Term>,
    ignored: Vec<String>,
}

struct Term {
    negated: bool,
    /// The field as the schema calls it; `None` for a plain word.
    field: Option<&'static str>,
    comparison: Comparison,
    value: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Is,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Filter {
    pub(crate) fn parse(kind: &str, text: &str) -> Self {
        let mut filter = Self { text: text.to_owned(), terms: Vec::new(), ignored: Vec::new() };
        for word in words(text).filter(|word| word != "AND") {
            let (negated, word) = word.strip_prefix('-').map_or((false, word.as_str()), |rest| (true, rest));
            let Some((name, value)) = word.split_once(':').filter(|(name, _)| is_name(name)) else {
                if word == "OR" || word.starts_with('(') {
                    filter.ignored.push(word.to_owned());
                } else {
                    let value = unquoted(word);
                    filter.terms.push(Term { negated, field: None, comparison: Comparison::Is, value });
                }
                continue;
            };
            let (comparison, value) = comparison(value);
            match searchable(kind, name) {
                Some(field) => {
                    filter.terms.push(Term { negated, field: Some(field), comparison, value: unquoted(value) })
                }
                None => filter.ignored.push(name.to_owned()),
            }
        }
        filter
    }

    /// Says in the answer's extensions what was ignored.
    pub(crate) fn warn(&self, execution: &Execution<'_>, list: &str) {
        if self.ignored.is_empty() {
            return;
        }
        let warnings: Vec<Value> = self
            .ignored
            .iter()
            .map(|field| json!({ "field": field, "message": "Invalid search field for this query." }))
            .collect();
        let warning = json!({ "path": [list], "query": self.text, "parsed": {}, "warnings": warnings });
        execution.warnings.borrow_mut().push(warning);
    }

    pub(crate) fn admits(&self, object: &Object) -> bool {
        self.terms.iter().all(|term| term.holds(object) != term.negated)
    }
}

impl Term {
    fn holds(&self, object: &Object) -> bool {
        let Some(field) = self.field else {
            let wanted = self.value.to_lowercase();
            return ["title", "name", "email", "sku"]
                .iter()
                .any(|name| object.text(name).to_lowercase().contains(&wanted));
        };
        let value = object.at(field);
        if let Some(all) = value.as_array() {
            return all.iter().any(|one| one.as_str().is_some_and(|one| one.eq_ignore_ascii_case(&self.value)));
        }
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if let Some(start) = self.value.strip_suffix('*') {
            return text.to_lowercase().starts_with(&start.to_lowercase());
        }
        let order = if text.starts_with("gid://") {
            Some(legacy(&text).cmp(&legacy(&self.value)))
        } else if let (Ok(kept), Ok(wanted)) = (text.parse::<Timestamp>(), self.value.parse::<Timestamp>()) {
            Some(kept.cmp(&wanted))
        } else {
            Some(text.to_lowercase().cmp(&self.value.to_lowercase()))
        };
        order.is_some_and(|order| match self.comparison {
            Comparison::Is => order == Ordering::Equal,
            Comparison::Less => order == Ordering::Less,
            Comparison::AtMost => order != Ordering::Greater,
            Comparison::More => order == Ordering::Greater,
            Comparison::AtLeast => order != Ordering::Less,
        })
    }
}

/// Splits at spaces outside quotes.
fn words(text: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for letter in text.chars() {
        match quote {
            None if letter == ' ' => words.push(String::new()),
            None if matches!(letter, '"' | '\'') => quote = Some(letter),
            Some(open) if letter == open => quote = None,
            None | Some(_) => {}
        }
        if (letter != ' ' || quote.is_some())
            && let Some(word) = words.last_mut()
        {
            word.push(letter);
        }
    }
    words.into_iter().filter(|word| !word.is_empty())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn unquoted(text: &str) -> String {
    text.trim_matches(|letter| matches!(letter, '"' | '\'')).to_owned()
}

fn comparison(value: &str) -> (Comparison, &str) {
    let signs =
        [(">=", Comparison::AtLeast), ("<=", Comparison::AtMost), (">", Comparison::More), ("<", Comparison::Less)];
    signs
        .iter()
        .find_map(|(sign, comparison)| value.strip_prefix(sign).map(|rest| (*comparison, rest)))
        .unwrap_or((Comparison::Is, value))
}

/// What a type can be searched by, and the field that is.
fn searchable(kind: &str, name: &str) -> Option<&'static str> {
    Some(match (kind, name) {
        (_, "id") => "id",
        (_, "updated_at") => "updatedAt",
        (_, "created_at") => "createdAt",
        ("Product", "title") => "title",
        ("Product", "handle") => "handle",
        ("Product", "vendor") => "vendor",
        ("Product", "product_type") => "productType",
        ("Product" | "Order" | "FulfillmentOrder" | "BulkOperation", "status") => "status",
        ("Product" | "Customer" | "Order", "tag") => "tags",
        ("ProductVariant" | "InventoryItem", "sku") => "sku",
        ("ProductVariant", "barcode") => "barcode",
        ("ProductVariant", "product_id") => "product",
        ("Customer" | "Order", "email") => "email",
        ("Customer", "phone") => "phone",
        ("Order" | "Location", "name") => "name",
        ("Order", "processed_at") => "processedAt",
        ("Order", "financial_status") => "displayFinancialStatus",
        ("Order", "fulfillment_status") => "displayFulfillmentStatus",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(query: &str, object: &Value) -> bool {
        Filter::parse("Order", query).admits(object.as_object().unwrap())
    }

    #[test]
    fn every_term_must_hold() {
        let order = json!({ "id": "gid://shopify/Order/12", "name": "#1001", "updatedAt": "2026-11-21T10:00:00Z",
            "displayFinancialStatus": "PAID", "tags": ["Gift", "vip"] });
        for query in [
            "",
            "id:12",
            "id:>11",
            "updated_at:>='2026-11-21T10:00:00Z'",
            "updated_at:<\"2026-11-21T11:00:00+00:00\"",
            "financial_status:paid tag:VIP",
            "id:12 AND -tag:wholesale",
            "1001",
            "name:#10*",
        ] {
            assert!(admits(query, &order), "{query}");
        }
        for query in ["id:>12", "updated_at:>'2026-11-21T10:00:00Z'", "financial_status:paid tag:x", "-id:12", "1002"] {
            assert!(!admits(query, &order), "{query}");
        }
    }

    #[test]
    fn unknown_fields_are_ignored_and_named() {
        let filter = Filter::parse("Order", "colour:red id:12 OR (id:13)");
        assert_eq!(filter.ignored, ["colour", "OR", "(id:13)"]);
        assert!(filter.admits(json!({ "id": "gid://shopify/Order/12" }).as_object().unwrap()));
    }
}
