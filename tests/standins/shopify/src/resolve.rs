//! Answers any document from the objects of the shop, field by field, by the types of the schema.
//!
//! A field of an object that is not kept here is an error that says so, so that whoever relies on it is found out;
//! a field that is kept and empty is null.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use apollo_compiler::response::{JsonMap, JsonValue};
use apollo_compiler::schema::{ExtendedType, Type};
use serde_json::{Value, json};

use crate::computed;
use crate::connection::{self, Page};
use crate::world::{Fields, Object, World};

/// What one execution shares.
pub(crate) struct Execution<'a> {
    pub(crate) world: &'a World,
    /// Every page holds everything: for bulk queries.
    pub(crate) whole: bool,
    /// Points so far.
    pub(crate) cost: Cell<u32>,
    /// Filters that were ignored.
    pub(crate) warnings: RefCell<Vec<Value>>,
}

impl<'a> Execution<'a> {
    pub(crate) const fn new(world: &'a World, whole: bool) -> Self {
        Self { world, whole, cost: Cell::new(0), warnings: RefCell::new(Vec::new()) }
    }

    pub(crate) fn charge(&self, points: u32) {
        self.cost.set(self.cost.get().saturating_add(points));
    }
}

/// An object that is being answered.
pub(crate) struct Node<'a> {
    pub(crate) execution: &'a Execution<'a>,
    pub(crate) kind: Cow<'a, str>,
    pub(crate) fields: Cow<'a, Object>,
}

/// What a field of the root of a mutation gave, by the name it has in the answer.
pub(crate) struct Applied<'a> {
    pub(crate) execution: &'a Execution<'a>,
    pub(crate) payloads: &'a Object,
}

impl ObjectValue for Applied<'_> {
    fn type_name(&self) -> &'static str {
        "Mutation"
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Result<ResolvedValue<'a>, FieldError> {
        let key = info.field_selections().first().map_or("", |field| field.response_key().as_str());
        complete(self.execution, info, &info.field_definition().ty, Cow::Borrowed(self.payloads.at(key)))
    }
}

impl ObjectValue for Node<'_> {
    fn type_name(&self) -> &str {
        &self.kind
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Result<ResolvedValue<'a>, FieldError> {
        let name = info.field_name();
        let arguments = arguments(info.arguments())?;
        let value = match computed::field(self.execution, &self.kind, &self.fields, name, &arguments)? {
            Some(value) => Cow::Owned(value),
            None => match self.fields.get(name) {
                Some(value) => Cow::Borrowed(value),
                // A payload names only what the mutation has to say.
                None if self.kind.ends_with("Payload") => Cow::Owned(Value::Null),
                None => return Err(not_kept(&self.kind, name)),
            },
        };
        let ty = &info.field_definition().ty;
        if let Some(kind) = ty.inner_named_type().as_str().strip_suffix("Connection")
            && let Value::Array(items) = value.as_ref()
        {
            let page = Page { kind, parent: &self.kind, field: name, arguments: &arguments };
            let fields = connection::page(self.execution, items, &page)?;
            let kind = Cow::Borrowed(ty.inner_named_type().as_str());
            return Ok(ResolvedValue::object(Node { execution: self.execution, kind, fields: Cow::Owned(fields) }));
        }
        complete(self.execution, info, ty, value)
    }
}

pub(crate) fn not_kept(kind: &str, field: &str) -> FieldError {
    FieldError { message: format!("the stand-in does not keep {kind}.{field}") }
}

/// The value as the type wants it: ids become the objects they name.
fn complete<'a>(
    execution: &'a Execution<'a>,
    info: &'a ResolveInfo<'a>,
    ty: &'a Type,
    value: Cow<'a, Value>,
) -> Result<ResolvedValue<'a>, FieldError> {
    if value.is_null() {
        return Ok(ResolvedValue::null());
    }
    if ty.is_list() {
        let items: Vec<Cow<'a, Value>> = match value {
            Cow::Borrowed(value) => {
                value.as_array().map_or_else(Vec::new, |all| all.iter().map(Cow::Borrowed).collect())
            }
            Cow::Owned(Value::Array(all)) => all.into_iter().map(Cow::Owned).collect(),
            Cow::Owned(_) => Vec::new(),
        };
        let inner = ty.item_type();
        let items = items.into_iter().map(move |item| complete(execution, info, inner, item));
        return Ok(ResolvedValue::List(Box::new(items)));
    }
    let name = ty.inner_named_type();
    let composite = matches!(
        info.schema().types.get(name),
        Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_))
    );
    if !composite {
        return Ok(ResolvedValue::Leaf(to_apollo(&value)?));
    }
    let fields = match value.as_str() {
        Some(id) => match execution.world.get(id) {
            Some(object) => Cow::Borrowed(object),
            None => return Ok(ResolvedValue::null()),
        },
        None => match value {
            Cow::Borrowed(value) => value.as_object().map(Cow::Borrowed),
            Cow::Owned(Value::Object(fields)) => Some(Cow::Owned(fields)),
            Cow::Owned(_) => None,
        }
        .ok_or_else(|| FieldError { message: format!("not an object: {name}") })?,
    };
    let kind = match fields.text("__typename") {
        "" => name.to_string(),
        kind => kind.to_owned(),
    };
    if !connection::is_wrapper(&kind) {
        execution.charge(1);
    }
    Ok(ResolvedValue::object(Node { execution, kind: Cow::Owned(kind), fields }))
}

fn arguments(arguments: &JsonMap) -> Result<Value, FieldError> {
    from_apollo(arguments)
}

pub(crate) fn from_apollo(value: &impl serde::Serialize) -> Result<Value, FieldError> {
    serde_json::to_value(value).map_err(|error| FieldError { message: error.to_string() })
}

pub(crate) fn to_apollo(value: &Value) -> Result<JsonValue, FieldError> {
    serde_json::from_value(value.clone()).map_err(|error| FieldError { message: error.to_string() })
}

/// The root of a query.
pub(crate) fn root<'a>(execution: &'a Execution<'a>) -> Node<'a> {
    let mut fields = Object::new();
    fields.insert("shop".to_owned(), json!(execution.world.all("Shop").first()));
    Node { execution, kind: Cow::Borrowed("QueryRoot"), fields: Cow::Owned(fields) }
}
