//! 2026-07-01: lists are `items` and `next`, asked for with `limit` and `cursor`.
//!
//! Before: `data` and `nextPage`, asked for with `pageSize` and `page`.

use serde_json::Value;

use super::{Asked, Change, rename, rename_in_schema};
use crate::routes::Route;

pub(super) const CHANGE: Change = Change { version: "2026-07-01", request, answer, place, document };

/// New and old names of parameters.
const PARAMETERS: [(&str, &str); 2] = [("limit", "pageSize"), ("cursor", "page")];
/// New and old names in a page.
const MEMBERS: [(&str, &str); 2] = [("items", "data"), ("next", "nextPage")];

fn request(route: &Route, mut asked: Asked) -> Asked {
    if route.is_list {
        for (name, _) in &mut asked.query {
            if let Some((new, _)) = PARAMETERS.iter().find(|(_, old)| old == name) {
                (*new).clone_into(name);
            }
        }
    }
    asked
}

fn answer(route: &Route, mut answer: Value) -> Value {
    if route.is_list {
        MEMBERS.iter().for_each(|(new, old)| rename(&mut answer, new, old));
    }
    answer
}

fn place(route: &Route, place: &str) -> String {
    let renamed = PARAMETERS.iter().find(|(new, _)| route.is_list && *new == place);
    renamed.map_or(place, |(_, old)| old).to_owned()
}

fn document(mut document: Value) -> Value {
    for (name, schema) in document["components"]["schemas"].as_object_mut().into_iter().flatten() {
        if name.ends_with("Page") {
            MEMBERS.iter().for_each(|(new, old)| rename_in_schema(schema, new, old));
        }
    }
    for (_, parameter) in document["components"]["parameters"].as_object_mut().into_iter().flatten() {
        if let Some((_, old)) = PARAMETERS.iter().find(|(new, _)| parameter["name"] == *new) {
            parameter["name"] = (*old).into();
        }
        if parameter["name"] == "page" {
            parameter["description"] = "`nextPage` of the page before.".into();
        }
    }
    document
}
