//! A query over everything: the answer is taken apart into lines, an object each; what was in a list of another object names
//! it as `__parentId`.

use apollo_compiler::ExecutableDocument;
use apollo_compiler::executable::{Field, Selection, SelectionSet};
use serde_json::{Value, json};

use super::Produced;
use crate::graphql::{Prepared, query};
use crate::schema::Admin;
use crate::world::{Fields, Object, World};

/// Source: Shopify, bulk queries.
const MAX_CONNECTIONS: usize = 5;
const MAX_NESTING: usize = 2;

pub(crate) fn run(world: &World, admin: &'static Admin, text: &str) -> Result<Produced, String> {
    let prepared = Prepared::new(admin, text, None, &json!({})).map_err(|errors| errors.to_string())?;
    let operation = prepared.operation().filter(|operation| operation.is_query()).ok_or("It must be a query.")?;
    let (connections, nesting) = count(&prepared.document, &operation.selection_set, 0);
    if connections == 0 || connections > MAX_CONNECTIONS {
        return Err(format!("A bulk query has 1 to {MAX_CONNECTIONS} connections, not {connections}."));
    }
    if nesting > MAX_NESTING + 1 {
        return Err(format!("Connections may be nested {MAX_NESTING} deep."));
    }
    let done = query(world, admin, &prepared, true);
    if done.body.has("errors") {
        return Err(done.body.at("errors").to_string());
    }
    let mut produced = Produced { jsonl: String::new(), objects: 0, roots: 0 };
    let mut lines = Lines { document: &prepared.document, produced: &mut produced };
    lines.object(&operation.selection_set, done.body.at("data"), None);
    Ok(produced)
}

fn fields<'a>(document: &'a ExecutableDocument, set: &'a SelectionSet) -> Vec<&'a Field> {
    let mut all = Vec::new();
    for selection in &set.selections {
        match selection {
            Selection::Field(field) => all.push(&**field),
            Selection::InlineFragment(fragment) => all.extend(fields(document, &fragment.selection_set)),
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.fragment_name) {
                    all.extend(fields(document, &fragment.selection_set));
                }
            }
        }
    }
    all
}

fn is_connection(field: &Field) -> bool {
    field.ty().inner_named_type().ends_with("Connection")
}

/// How many connections there are, and how deep they are nested.
fn count(document: &ExecutableDocument, set: &SelectionSet, depth: usize) -> (usize, usize) {
    let mut sum = (0, depth);
    for field in fields(document, set) {
        let own = usize::from(is_connection(field));
        let (connections, nesting) = count(document, &field.selection_set, depth + own);
        sum = (sum.0 + own + connections, sum.1.max(nesting));
    }
    sum
}

struct Lines<'a> {
    document: &'a ExecutableDocument,
    produced: &'a mut Produced,
}

impl Lines<'_> {
    /// Writes what is in the lists of an object; returns the rest of it.
    fn object(&mut self, set: &SelectionSet, value: &Value, id: Option<&str>) -> Object {
        let mut rest = Object::new();
        for field in fields(self.document, set) {
            let key = field.response_key().as_str();
            let inner = value.at(key);
            if !is_connection(field) {
                rest.insert(key.to_owned(), inner.clone());
            }
        }
        for field in fields(self.document, set).into_iter().filter(|field| is_connection(field)) {
            let inner = value.at(field.response_key());
            for part in fields(self.document, &field.selection_set) {
                let shown = inner.list(part.response_key());
                match part.name.as_str() {
                    "nodes" => shown.iter().for_each(|node| self.node(&part.selection_set, node, id)),
                    "edges" => {
                        let nodes = fields(self.document, &part.selection_set).into_iter().find(|it| it.name == "node");
                        if let Some(node) = nodes {
                            for edge in shown {
                                self.node(&node.selection_set, edge.at(node.response_key()), id);
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        rest
    }

    fn node(&mut self, set: &SelectionSet, node: &Value, parent: Option<&str>) {
        let own = node.text("id").to_owned();
        // An object stands before what belongs to it.
        let at = self.produced.jsonl.len();
        let mut rest = self.object(set, node, Some(&own));
        if let Some(parent) = parent {
            rest.insert("__parentId".to_owned(), parent.into());
        } else {
            self.produced.roots += 1;
        }
        self.produced.objects += 1;
        let line = format!("{}\n", Value::Object(rest));
        self.produced.jsonl.insert_str(at, &line);
    }
}
