//! One API document (`OpenAPI` 3.1) out of the contexts' own.
//!
//! Contexts describe their routes with utoipa beside the handlers; what they all share is said here once: how to
//! authenticate, and that every refusal is a [`ProblemBody`]. Nothing of this is linked into a function.

use serde::Serialize;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Info, OpenApi, Paths, Ref, RefOr, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

use crate::{FieldError, PROBLEM_JSON};

/// The body of every refusal (RFC 9457). Some codes add members of their own.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Always `about:blank`; the `code` tells problems apart.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    /// Stable name of the problem.
    #[schema(example = "validation_failed")]
    pub code: String,
    pub detail: Option<String>,
    /// Quote it when asking for help.
    pub request_id: String,
    /// Everything wrong with the input, when that is the problem.
    pub errors: Option<Vec<FieldError>>,
}

/// Two contexts describe the same operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{method} {path} is described twice")]
pub struct DescribedTwice {
    pub method: &'static str,
    pub path: String,
}

/// Merges the documents of the contexts. Every operation gets the shared problem as its `default` answer; one that
/// states no security of its own needs a Basic or Bearer credential (a public one says `security(())`).
pub fn assemble(
    title: &str,
    version: &str,
    documents: impl IntoIterator<Item = OpenApi>,
) -> Result<OpenApi, DescribedTwice> {
    let mut whole = OpenApi::new(Info::new(title, version), Paths::new());
    for document in documents {
        let mut document = document;
        for (path, mut item) in std::mem::take(&mut document.paths.paths) {
            operations(&mut item).for_each(|(_, operation)| complete(operation));
            add(&mut whole.paths, path, item)?;
        }
        whole.merge(document);
    }
    let components = whole.components.get_or_insert_default();
    components.schemas.insert("Problem".to_owned(), ProblemBody::schema());
    components.schemas.insert("FieldError".to_owned(), FieldError::schema());
    for (name, scheme) in [("basic", HttpAuthScheme::Basic), ("bearer", HttpAuthScheme::Bearer)] {
        components.add_security_scheme(name, SecurityScheme::Http(Http::new(scheme)));
    }
    let none: [&str; 0] = [];
    whole.security = Some(vec![SecurityRequirement::new("basic", none), SecurityRequirement::new("bearer", none)]);
    Ok(whole)
}

/// Adds a path, or its operations to the path that is there already.
fn add(paths: &mut Paths, path: String, mut item: PathItem) -> Result<(), DescribedTwice> {
    let Some(present) = paths.paths.get_mut(&path) else {
        paths.paths.insert(path, item);
        return Ok(());
    };
    let taken: Vec<&str> = operations(present).map(|(method, _)| method).collect();
    if let Some((method, _)) = operations(&mut item).find(|(method, _)| taken.contains(method)) {
        return Err(DescribedTwice { method, path });
    }
    present.merge_operations(item);
    Ok(())
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("GET", &mut item.get),
        ("PUT", &mut item.put),
        ("POST", &mut item.post),
        ("PATCH", &mut item.patch),
        ("DELETE", &mut item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.as_mut().map(|operation| (method, operation)))
}

fn complete(operation: &mut Operation) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let refused = ResponseBuilder::new().description("Refused or failed").content(PROBLEM_JSON, content).build();
    operation.responses.responses.entry("default".to_owned()).or_insert(RefOr::T(refused));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(utoipa::OpenApi)]
    #[openapi(paths(list, create))]
    struct Orders;

    #[derive(utoipa::OpenApi)]
    #[openapi(paths(read))]
    struct Health;

    #[derive(Serialize, ToSchema)]
    struct Order {
        id: String,
    }

    #[utoipa::path(get, path = "/v1/orders", params(crate::PageParams), responses((status = 200, body = crate::Page<Order>)))]
    #[expect(dead_code, reason = "only its description is used")]
    fn list() {}

    #[utoipa::path(post, path = "/v1/orders", responses((status = 201, body = Order)))]
    #[expect(dead_code, reason = "only its description is used")]
    fn create() {}

    #[utoipa::path(get, path = "/health", security(()), responses((status = 204)))]
    #[expect(dead_code, reason = "only its description is used")]
    fn read() {}

    #[test]
    fn contexts_make_one_document() {
        use utoipa::OpenApi as _;
        let document = assemble("Crossdock", "1.0.0", [Orders::openapi(), Health::openapi()]).unwrap();
        insta::assert_json_snapshot!(document);
    }

    #[test]
    fn the_same_operation_twice_is_refused() {
        use utoipa::OpenApi as _;
        let error = assemble("Crossdock", "1.0.0", [Health::openapi(), Health::openapi()]).err();
        assert_eq!(error, Some(DescribedTwice { method: "GET", path: "/health".to_owned() }));
    }
}
