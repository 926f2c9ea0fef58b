//! Everything that comes in the URL: path parameters, filters, `limit` and `cursor`.
//!
//! A path parameter that does not parse names nothing, so it is a 404; a query that does not parse is a 400 that names
//! the parameter.

use axum::extract::FromRequestParts;
use http::request::Parts;
use kernel::{CursorKey, TenantId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{FieldError, Problem};

/// Items on a page unless the client says otherwise.
pub const DEFAULT_LIMIT: u32 = 50;
/// Items on a page at most.
pub const MAX_LIMIT: u32 = 200;

/// Typed path parameters.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(value)| Self(value)).map_err(|_| Problem::not_found())
    }
}

/// Query parameters of something that is not a list. `T` denies unknown fields itself.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        decode(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// The query of a list: its filters `F` (`NoFilter` for none), how many, and from where on.
#[derive(Debug, Clone)]
pub struct List<F> {
    pub filter: F,
    /// 1 to 200.
    pub limit: u32,
    cursor: Option<String>,
    /// Path and filters: what must be the same for the next page.
    query: String,
}

/// A list without filters.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoFilter {}

impl<F: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for List<F> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Paging { rest, limit, cursor } = Paging::split(parts.uri.query().unwrap_or_default())?;
        let query = format!("{}?{rest}", parts.uri.path());
        Ok(Self { filter: decode(&rest)?, limit, cursor, query })
    }
}

impl<F> List<F> {
    /// What [`List::page`] was given when it made the cursor; `None` on the first page.
    pub fn start(&self, key: &CursorKey, tenant: &TenantId) -> Result<Option<Vec<u8>>, Problem> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let payload = key.open(tenant, &self.query, cursor).map_err(|error| {
            Problem::bad_request("invalid_cursor")
                .detail("The cursor does not belong to this list; start again without one.")
                .error(FieldError::parameter("cursor", "invalid_cursor", error.to_string()))
        })?;
        Ok(Some(payload))
    }

    /// The page to answer with; `next` is where the following one starts, if there is one.
    pub fn page<T>(&self, key: &CursorKey, tenant: &TenantId, items: Vec<T>, next: Option<&[u8]>) -> Page<T> {
        Page { items, next: next.map(|payload| key.seal(tenant, &self.query, payload)) }
    }
}

/// One page of a list.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Send it as `cursor` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `limit` and `cursor`, for the `OpenAPI` document of a list.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Items a page, 50 unless given.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<u32>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// A list's query taken apart.
struct Paging {
    /// The other parameters, still encoded, sorted: their order in the URL does not matter.
    rest: String,
    limit: u32,
    cursor: Option<String>,
}

impl Paging {
    fn split(query: &str) -> Result<Self, Problem> {
        let (mut limit, mut cursor) = (None, None);
        let mut rest: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let seen = match name.as_ref() {
                "limit" => limit.replace(parse_limit(&value)?).is_some(),
                "cursor" => cursor.replace(value.into_owned()).is_some(),
                _ => {
                    rest.push((name.into_owned(), value.into_owned()));
                    continue;
                }
            };
            if seen {
                let error = FieldError::parameter(name, "duplicate_field", "may be given once");
                return Err(Problem::invalid(vec![error]));
            }
        }
        rest.sort();
        let rest = form_urlencoded::Serializer::new(String::new()).extend_pairs(rest).finish();
        Ok(Self { rest, limit: limit.unwrap_or(DEFAULT_LIMIT), cursor })
    }
}

fn parse_limit(text: &str) -> Result<u32, Problem> {
    text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit)).ok_or_else(|| {
        let detail = format!("must be a whole number from 1 to {MAX_LIMIT}");
        Problem::invalid(vec![FieldError::parameter("limit", "out_of_range", detail)])
    })
}

fn decode<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs)).map_err(|error| {
        let detail = error.inner().to_string();
        let named = detail.split('`').nth(1).map(str::to_owned);
        let code = match detail.split_once(" `").map(|(start, _)| start) {
            Some("unknown field") => "unknown_field",
            Some("missing field") => "missing_field",
            Some("duplicate field") => "duplicate_field",
            Some(_) | None => "invalid_value",
        };
        let path = error.path().to_string();
        let name = if code == "invalid_value" && path != "." { path } else { named.unwrap_or(path) };
        Problem::invalid(vec![FieldError::parameter(name, code, detail)])
    })
}

#[cfg(test)]
mod tests {
    use axum::extract::Request;
    use axum::{Router, routing::get};
    use http::StatusCode;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;

    #[derive(Debug, Deserialize, Default)]
    #[serde(deny_unknown_fields)]
    struct Books {
        title: Option<String>,
        year: Option<u16>,
    }

    async fn list(uri: &str) -> Result<List<Books>, Problem> {
        let (mut parts, ()) = Request::get(uri).body(()).unwrap().into_parts();
        List::from_request_parts(&mut parts, &()).await
    }

    async fn refusal(uri: &str) -> (String, String) {
        let problem = list(uri).await.unwrap_err();
        let json: Value = serde_json::from_slice(&problem.to_json(None)).unwrap();
        let text = |name: &str| json["errors"][0][name].as_str().unwrap_or_default().to_owned();
        (text("parameter"), text("code"))
    }

    #[tokio::test]
    async fn limit_defaults_to_50_and_is_1_to_200() {
        assert_eq!(list("/books").await.unwrap().limit, 50);
        assert_eq!(list("/books?limit=200&title=a%20b").await.unwrap().limit, 200);
        for bad in ["0", "201", "-1", "x", "", "1e3"] {
            let expected = ("limit".to_owned(), "out_of_range".to_owned());
            assert_eq!(refusal(&format!("/books?limit={bad}")).await, expected, "{bad}");
        }
        assert_eq!(refusal("/books?limit=1&limit=2").await, ("limit".to_owned(), "duplicate_field".to_owned()));
    }

    #[tokio::test]
    async fn filters_are_typed_and_unknown_ones_refused() {
        let list = list("/books?year=1999&title=a%20b&limit=3").await.unwrap();
        assert_eq!((list.filter.title.as_deref(), list.filter.year), (Some("a b"), Some(1999)));
        assert_eq!(refusal("/books?titel=x").await, ("titel".to_owned(), "unknown_field".to_owned()));
        assert_eq!(refusal("/books?year=soon").await, ("year".to_owned(), "invalid_value".to_owned()));
    }

    #[tokio::test]
    async fn a_cursor_leads_on_in_the_same_list_only() {
        let key = CursorKey::new(b"0123456789abcdef").unwrap();
        let (acme, other) = ("acme.test".parse().unwrap(), "other.test".parse().unwrap());
        let first = list("/books?title=a&year=1999").await.unwrap();
        assert_eq!(first.start(&key, &acme).unwrap(), None);
        let next = first.page(&key, &acme, vec![1], Some(b"from here")).next.unwrap();

        let same = list(&format!("/books?year=1999&limit=7&title=a&cursor={next}")).await.unwrap();
        assert_eq!(same.start(&key, &acme).unwrap().as_deref(), Some(b"from here".as_slice()));
        assert_eq!(same.start(&key, &other).unwrap_err().code(), "invalid_cursor");
        for uri in ["/books?title=b&year=1999", "/books?title=a", "/orders?title=a&year=1999"] {
            let moved = list(&format!("{uri}&cursor={next}")).await.unwrap();
            assert_eq!(moved.start(&key, &acme).unwrap_err().code(), "invalid_cursor", "{uri}");
        }
    }

    #[test]
    fn the_last_page_has_no_next() {
        let page = Page { items: vec![1], next: None };
        assert_eq!(serde_json::to_string(&page).unwrap(), r#"{"items":[1]}"#);
    }

    #[tokio::test]
    async fn a_path_parameter_that_names_nothing_is_404() {
        let router = Router::new().route("/orders/{id}", get(|Path(id): Path<u32>| async move { id.to_string() }));
        for (path, status) in [("/orders/7", StatusCode::OK), ("/orders/ord_x", StatusCode::NOT_FOUND)] {
            let request = Request::get(path).body(axum::body::Body::empty()).unwrap();
            assert_eq!(router.clone().oneshot(request).await.unwrap().status(), status);
        }
    }
}
