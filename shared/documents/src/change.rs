//! Which fields changed between two snapshots of a thing, as paths.
//!
//! A [`Shape`] says how to look at the JSON: collections whose elements are known by a key (variants by their id) are
//! compared element by element whatever their order, and what the shape ignores is not there. Any other array is one
//! value. Numbers are equal when their text is: `1` and `1.0` differ, and a mapper writes one of them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where a field is: names of fields and keys of elements, outermost first. As text a JSON pointer, with an element's key in
/// place of its index: `/variants/gid-7/price`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldPath(pub Vec<String>);

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.0 {
            write!(f, "/{}", segment.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

impl FieldPath {
    pub(crate) fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

/// Paths by example: `/variants/*/price`, where `*` is any one field or element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Option<String>>);

impl Pattern {
    /// Reads a pattern. The empty text is the whole.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let segment = |segment: &str| match segment {
            "*" => None,
            name => Some(name.replace("~1", "/").replace("~0", "~")),
        };
        Self(text.split('/').skip(1).map(segment).collect())
    }

    /// Whether it is this place.
    fn is(&self, path: &[String]) -> bool {
        self.0.len() == path.len() && self.covers(path)
    }

    /// Whether it is this place or one that holds it.
    pub(crate) fn covers(&self, path: &[String]) -> bool {
        let mut pairs = self.0.iter().zip(path);
        self.0.len() <= path.len() && pairs.all(|(wanted, found)| wanted.as_ref().is_none_or(|name| name == found))
    }
}

/// How to look at snapshots of a type.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    ignored: Vec<Pattern>,
    keyed: Vec<(Pattern, String)>,
}

impl Shape {
    /// The same, without these places and everything in them.
    #[must_use]
    pub fn ignoring(mut self, pattern: &str) -> Self {
        self.ignored.push(Pattern::new(pattern));
        self
    }

    /// The same, with the elements of this array known by this field of theirs, a string or number.
    #[must_use]
    pub fn keyed(mut self, pattern: &str, field: &str) -> Self {
        self.keyed.push((Pattern::new(pattern), field.to_owned()));
        self
    }

    /// The snapshot as it is compared: without what is ignored, keyed collections in the order of their keys.
    #[must_use]
    pub fn canonical(&self, value: &Value) -> Value {
        self.read(value).to_value()
    }

    pub(crate) fn read(&self, value: &Value) -> Node {
        self.node(value, &mut Vec::new())
    }

    fn node(&self, value: &Value, path: &mut Vec<String>) -> Node {
        match value {
            Value::Object(fields) => {
                let fields =
                    fields.iter().filter_map(|(name, value)| Some((name.clone(), self.child(value, name, path)?)));
                Node::Fields(fields.collect())
            }
            Value::Array(elements) => self.children(elements, path).unwrap_or_else(|| Node::Leaf(value.clone())),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Node::Leaf(value.clone()),
        }
    }

    /// `None` when it is ignored.
    fn child(&self, value: &Value, name: &str, path: &mut Vec<String>) -> Option<Node> {
        path.push(name.to_owned());
        let ignored = self.ignored.iter().any(|pattern| pattern.is(path));
        let node = (!ignored).then(|| self.node(value, path));
        path.pop();
        node
    }

    /// The elements by key; `None` when this is no keyed collection, or one whose keys are missing or not unique.
    fn children(&self, elements: &[Value], path: &mut Vec<String>) -> Option<Node> {
        let (_, field) = self.keyed.iter().find(|(pattern, _)| pattern.is(path))?;
        let mut found = BTreeMap::new();
        for element in elements {
            let key = match element.get(field)? {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
            };
            if let Some(node) = self.child(element, &key, path)
                && found.insert(key, node).is_some()
            {
                return None;
            }
        }
        Some(Node::Children(found))
    }

    /// What turns `before` into `after`, in the order of the paths.
    #[must_use]
    pub fn changes(&self, before: &Value, after: &Value) -> Vec<Change> {
        let mut found = Vec::new();
        compare(Some(&self.read(before)), Some(&self.read(after)), &mut Vec::new(), &mut found);
        found
    }

    /// `before` with these changes, canonical.
    ///
    /// # Errors
    /// When a change is inside something that is not there.
    pub fn apply(&self, before: &Value, changes: &[Change]) -> Result<Value, Inapplicable> {
        let mut node = self.read(before);
        for change in changes {
            let after = change.after.as_ref().map(|value| self.node(value, &mut change.path.0.clone()));
            node.set(&change.path, after)?;
        }
        Ok(node.to_value())
    }
}

/// One field, or whole element, that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub path: FieldPath,
    /// `None`: it was not there.
    pub before: Option<Value>,
    /// `None`: it is not there any more.
    pub after: Option<Value>,
}

/// The change is inside something that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is nothing at the place of {0}")]
pub struct Inapplicable(pub FieldPath);

/// A snapshot as a shape sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Leaf(Value),
    Fields(BTreeMap<String, Node>),
    Children(BTreeMap<String, Node>),
}

impl Node {
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Leaf(value) => value.clone(),
            Self::Fields(fields) => {
                Value::Object(fields.iter().map(|(name, node)| (name.clone(), node.to_value())).collect::<Map<_, _>>())
            }
            Self::Children(children) => Value::Array(children.values().map(Self::to_value).collect()),
        }
    }

    pub(crate) fn at(&self, path: &[String]) -> Option<&Self> {
        let Some((first, rest)) = path.split_first() else { return Some(self) };
        match self {
            Self::Leaf(_) => None,
            Self::Fields(inner) | Self::Children(inner) => inner.get(first)?.at(rest),
        }
    }

    /// Puts a value at a place, or takes away what is there.
    pub(crate) fn set(&mut self, path: &FieldPath, after: Option<Self>) -> Result<(), Inapplicable> {
        let inapplicable = || Inapplicable(path.clone());
        let Some((last, parents)) = path.0.split_last() else {
            *self = after.ok_or_else(inapplicable)?;
            return Ok(());
        };
        let mut node = self;
        for segment in parents {
            node = match node {
                Self::Leaf(_) => return Err(inapplicable()),
                Self::Fields(inner) | Self::Children(inner) => inner.get_mut(segment).ok_or_else(inapplicable)?,
            };
        }
        match node {
            Self::Leaf(_) => return Err(inapplicable()),
            Self::Fields(inner) | Self::Children(inner) => match after {
                Some(after) => inner.insert(last.clone(), after),
                None => inner.remove(last),
            },
        };
        Ok(())
    }
}

fn compare(before: Option<&Node>, after: Option<&Node>, path: &mut Vec<String>, found: &mut Vec<Change>) {
    if before == after {
        return;
    }
    if let (Some(Node::Fields(left)), Some(Node::Fields(right)))
    | (Some(Node::Children(left)), Some(Node::Children(right))) = (before, after)
    {
        let added = right.keys().filter(|name| !left.contains_key(*name));
        for name in left.keys().chain(added) {
            path.push(name.clone());
            compare(left.get(name), right.get(name), path, found);
            path.pop();
        }
        return;
    }
    let (before, after) = (before.map(Node::to_value), after.map(Node::to_value));
    found.push(Change { path: FieldPath(path.clone()), before, after });
}

#[cfg(test)]
mod tests;
