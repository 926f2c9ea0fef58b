//! What a document asks for, in points, before it is executed.
//!
//! Scalars and enums 0, an object 1, a mutation 10, a connection 2 and its page's size times what one item costs, an
//! interface or union its most expensive branch. A page that names no size is refused, and so is one of more than 250. Source: Shopify, API limits,
//! as documented; live shops have been seen to charge less for long pages, never more.

use apollo_compiler::ast::Value as Literal;
use apollo_compiler::executable::{Field, Operation, Selection, SelectionSet};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{ExecutableDocument, Schema};
use serde_json::Value;

use crate::connection::{MAX_PAGE, is_wrapper};
use crate::world::Fields;

/// The document cannot be priced: the page of this field has no size, or one beyond the limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    #[error("you must provide one of first or last ({0})")]
    NoSize(String),
    #[error("first and last may be 1 to {MAX_PAGE}, not {1} ({0})")]
    TooLong(String, i64),
}

/// The points an operation asks for with these variables.
pub fn requested(
    schema: &Schema,
    document: &ExecutableDocument,
    operation: &Operation,
    variables: &Value,
) -> Result<u32, PageError> {
    Pricing { schema, document, variables }.selections(&operation.selection_set, operation.is_mutation())
}

struct Pricing<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    variables: &'a Value,
}

impl Pricing<'_> {
    fn selections(&self, set: &SelectionSet, of_mutation: bool) -> Result<u32, PageError> {
        let mut sum = 0u32;
        let mut dearest_branch = 0u32;
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => sum = sum.saturating_add(self.field(field, of_mutation)?),
                Selection::InlineFragment(fragment) => {
                    let cost = self.selections(&fragment.selection_set, of_mutation)?;
                    match &fragment.type_condition {
                        Some(condition) if *condition != set.ty => dearest_branch = dearest_branch.max(cost),
                        Some(_) | None => sum = sum.saturating_add(cost),
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let Some(fragment) = self.document.fragments.get(&spread.fragment_name) else { continue };
                    let cost = self.selections(&fragment.selection_set, of_mutation)?;
                    if *fragment.type_condition() == set.ty {
                        sum = sum.saturating_add(cost);
                    } else {
                        dearest_branch = dearest_branch.max(cost);
                    }
                }
            }
        }
        Ok(sum.saturating_add(dearest_branch))
    }

    fn field(&self, field: &Field, of_mutation: bool) -> Result<u32, PageError> {
        let inner = field.ty().inner_named_type().as_str();
        if of_mutation {
            return Ok(self.selections(&field.selection_set, false)?.saturating_add(10));
        }
        if inner.ends_with("Connection") {
            let size = self.page_size(field)?;
            let one = self.selections(&field.selection_set, false)?;
            return Ok(one.saturating_mul(size).saturating_add(2));
        }
        let composite = matches!(
            self.schema.types.get(inner),
            Some(ExtendedType::Object(_) | ExtendedType::Interface(_) | ExtendedType::Union(_))
        );
        if !composite {
            return Ok(0);
        }
        let own = u32::from(!is_wrapper(inner));
        Ok(self.selections(&field.selection_set, false)?.saturating_add(own))
    }

    fn page_size(&self, field: &Field) -> Result<u32, PageError> {
        let sizes = ["first", "last"].into_iter().filter_map(|name| self.size(field.specified_argument_by_name(name)?));
        let name = || field.name.to_string();
        let size = sizes.max().ok_or_else(|| PageError::NoSize(name()))?;
        if !(1..=MAX_PAGE).contains(&size) {
            return Err(PageError::TooLong(name(), size));
        }
        Ok(u32::try_from(size).unwrap_or(u32::MAX))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a literal that is no number is no size")]
    fn size(&self, argument: &Literal) -> Option<i64> {
        match argument {
            Literal::Int(number) => number.try_to_i32().ok().map(i64::from),
            Literal::Variable(name) => self.variables.at(name).as_i64(),
            _ => None,
        }
    }
}
