//! Pages of a list: filtered, sorted, cut by `first`/`after` or `last`/`before`.
//!
//! A cursor names the sort value and id of the item it stands at, so that a page goes on at the right place when items were
//! added or removed in between.

use apollo_compiler::resolvers::FieldError;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::resolve::Execution;
use crate::search::Filter;
use crate::world::{Fields, Object, World, legacy};

/// The most a page may hold. Source: Shopify, pagination.
pub(crate) const MAX_PAGE: i64 = 250;
/// How far a list can be paged through. Source: as above.
const MAX_DEPTH: usize = 25_000;

/// Which page of which list.
pub(crate) struct Page<'a> {
    pub(crate) kind: &'a str,
    /// The type that has the list, and the list's name there.
    pub(crate) parent: &'a str,
    pub(crate) field: &'a str,
    pub(crate) arguments: &'a Value,
}

/// Sort value, then id.
type Place = (String, u64);

/// Whether objects of this type cost nothing of their own.
pub(crate) fn is_wrapper(kind: &str) -> bool {
    kind.ends_with("Connection")
        || kind.ends_with("Edge")
        || kind.ends_with("Payload")
        || kind == "PageInfo"
        || kind.ends_with("UserError")
}

/// `nodes`, `edges` and `pageInfo` of the page.
pub(crate) fn page(execution: &Execution<'_>, items: &[Value], page: &Page<'_>) -> Result<Object, FieldError> {
    let arguments = page.arguments;
    let filter = Filter::parse(page.kind, arguments.text("query"));
    filter.warn(execution, page.field);
    let mut all: Vec<(Place, &Value)> = Vec::new();
    for (position, item) in items.iter().enumerate() {
        let object = object(execution.world, item);
        if object.is_none_or(|object| filter.admits(object) && selected(page, object)) {
            all.push((place(page, item, object, position), item));
        }
    }
    all.sort_by(|(left, _), (right, _)| left.cmp(right));
    if arguments.flag("reverse") {
        all.reverse();
    }
    let (from, to) = if execution.whole { (0, all.len()) } else { bounds(&all, arguments)? };
    let total = all.len();
    let shown = all.get(from..to).unwrap_or_default();
    execution.charge(2);
    let cursor =
        |place: &Place| BASE64_STANDARD.encode(json!({ "last_value": place.0, "last_id": place.1 }).to_string());
    let edges: Vec<Value> = shown.iter().map(|(at, item)| json!({ "cursor": cursor(at), "node": item })).collect();
    let mut fields = Object::new();
    fields.insert("nodes".to_owned(), shown.iter().map(|(_, item)| (*item).clone()).collect());
    fields.insert(
        "pageInfo".to_owned(),
        json!({
            "hasNextPage": to < total, "hasPreviousPage": from > 0,
            "startCursor": shown.first().map(|(at, _)| cursor(at)), "endCursor": shown.last().map(|(at, _)| cursor(at)),
        }),
    );
    fields.insert("edges".to_owned(), Value::Array(edges));
    Ok(fields)
}

fn object<'a>(world: &'a World, item: &'a Value) -> Option<&'a Object> {
    item.as_str().map_or_else(|| item.as_object(), |id| world.get(id))
}

/// What lists leave out unless asked for it.
fn selected(page: &Page<'_>, object: &Object) -> bool {
    match page.field {
        "fulfillmentOrders" if page.parent == "QueryRoot" && !page.arguments.flag("includeClosed") => {
            !matches!(object.text("status"), "CLOSED" | "CANCELLED")
        }
        "webhookSubscriptions" if page.arguments.has("topics") => {
            page.arguments.list("topics").contains(object.at("topic"))
        }
        _ => true,
    }
}

/// Lists of the root are sorted by a key; what belongs to an object keeps its order.
fn place(page: &Page<'_>, item: &Value, object: Option<&Object>, position: usize) -> Place {
    let id = legacy(object.map_or(item.as_str().unwrap_or_default(), |object| object.text("id")));
    if page.parent != "QueryRoot" {
        return (format!("{position:012}"), id);
    }
    let field = match page.arguments.text("sortKey") {
        "UPDATED_AT" => "updatedAt",
        "CREATED_AT" => "createdAt",
        "PROCESSED_AT" => "processedAt",
        "TITLE" => "title",
        "NAME" => "name",
        "VENDOR" => "vendor",
        _ => return (String::new(), id),
    };
    (object.map(|object| object.text(field).to_owned()).unwrap_or_default(), id)
}

fn bounds(all: &[(Place, &Value)], arguments: &Value) -> Result<(usize, usize), FieldError> {
    let reverse = arguments.flag("reverse");
    let position = |name: &str| -> Result<Option<Place>, FieldError> {
        if !arguments.has(name) {
            return Ok(None);
        }
        let bytes = BASE64_STANDARD.decode(arguments.text(name)).unwrap_or_default();
        let cursor: Value = serde_json::from_slice(&bytes)
            .map_err(|_| FieldError { message: format!("Invalid cursor for current pagination sort: {name}.") })?;
        Ok(Some((cursor.text("last_value").to_owned(), cursor.at("last_id").as_u64().unwrap_or_default())))
    };
    let beyond = |place: &Place, cursor: &Place| if reverse { place < cursor } else { place > cursor };
    let mut from = position("after")?
        .map_or(0, |cursor| all.iter().position(|(place, _)| beyond(place, &cursor)).unwrap_or(all.len()));
    let mut to = position("before")?
        .map_or(all.len(), |cursor| all.iter().rposition(|(place, _)| beyond(&cursor, place)).map_or(0, |at| at + 1));
    let count = |name: &str| usize::try_from(arguments.whole(name)).unwrap_or_default();
    if arguments.has("first") {
        to = to.min(from + count("first"));
    } else if arguments.has("last") {
        from = from.max(to.saturating_sub(count("last")));
    }
    if from >= MAX_DEPTH {
        return Err(FieldError { message: format!("Lists end after {MAX_DEPTH} objects; use a bulk operation.") });
    }
    Ok((from, to.max(from)))
}
