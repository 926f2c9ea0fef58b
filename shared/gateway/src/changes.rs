//! The steps between versions, and how a request climbs them and an answer comes down.
//!
//! A step knows the version it begins and the one before, and nothing of the others; each function takes what is of the one
//! form and gives what is of the other, and leaves alone what it does not know. Golden pairs in `changes/golden` say for
//! every step and operation what it does.

mod v2026_07_01;
mod v2026_11_01;

use serde_json::Value;

use crate::routes::Route;
use crate::version::Version;

/// What a version lets a consumer say.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Decoded.
    pub query: Vec<(String, String)>,
    pub body: Option<Value>,
}

/// What began with a version.
pub(crate) struct Change {
    pub(crate) version: &'static str,
    /// From the version before to this one.
    request: fn(&Route, Asked) -> Asked,
    /// From this one to the version before.
    answer: fn(&Route, Value) -> Value,
    /// What a refusal points at, from this one to the version before: a JSON pointer into the body, or a parameter.
    place: fn(&Route, &str) -> String,
    /// The API document, from this one to the version before.
    pub(crate) document: fn(Value) -> Value,
}

/// Every step, oldest first.
pub(crate) static CHANGES: [Change; 2] = [v2026_07_01::CHANGE, v2026_11_01::CHANGE];

/// The steps from a version to the newest.
pub(crate) fn after(version: &Version) -> impl DoubleEndedIterator<Item = &'static Change> {
    let first = CHANGES.iter().position(|change| change.version > version.date).unwrap_or(CHANGES.len());
    CHANGES.iter().skip(first)
}

/// A request of a version as the newest has it.
#[must_use]
pub fn to_newest(version: &Version, route: &Route, asked: Asked) -> Asked {
    after(version).fold(asked, |asked, change| (change.request)(route, asked))
}

/// The body of a good answer of the newest version as this one has it.
#[must_use]
pub fn to_version(version: &Version, route: &Route, answer: Value) -> Value {
    after(version).rev().fold(answer, |answer, change| (change.answer)(route, answer))
}

/// What a refusal of the newest version points at, as this one calls it.
#[must_use]
pub fn place_in_version(version: &Version, route: &Route, place: &str) -> String {
    after(version).rev().fold(place.to_owned(), |place, change| (change.place)(route, &place))
}

/// Gives a member of an object another name, where it is.
fn rename(value: &mut Value, from: &str, to: &str) {
    if let Some(object) = value.as_object_mut()
        && let Some(member) = object.remove(from)
    {
        object.insert(to.to_owned(), member);
    }
}

/// The same for a schema of an object.
fn rename_in_schema(schema: &mut Value, from: &str, to: &str) {
    rename(&mut schema["properties"], from, to);
    for name in schema["required"].as_array_mut().into_iter().flatten() {
        if name == from {
            *name = to.into();
        }
    }
}

#[cfg(test)]
mod tests;
