//! `/store/v1/books`: the catalogue.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use catalog::{Book, BookId, NewBook, Patch, Row, Search, Violation};
use http::StatusCode;
use inventory::Sku;
use inventory::sellable::sum;
use kernel::{Money, TenantId};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use table::{Consistency, Versioned};
use web::{Allowed, ETag, FieldError, IfMatch, Json, List, Page, PageParams, Path, Problem, RequestMeta};

use crate::api::{Admins, Api, People};
use crate::book_view::BookView;
use crate::problems;

#[derive(utoipa::OpenApi)]
#[openapi(paths(list, create, create_many, get_one, patch, deactivate))]
pub(crate) struct Doc;

pub(crate) fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/store/v1/books", get(list).post(create))
        .route("/store/v1/books/batch", post(create_many))
        .route("/store/v1/books/{id}", get(get_one).patch(patch).delete(deactivate))
        .with_state(api)
}

/// A book to be.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BookInput {
    /// 10 or 13 digits, hyphens allowed.
    #[schema(example = "978-0-14-044913-6")]
    isbn: String,
    title: String,
    authors: Vec<String>,
    publication_year: Option<i16>,
    language_code: Option<String>,
    #[schema(value_type = Object, example = json!({"amount": "12.50", "currency": "GBP"}))]
    price: Money,
}

impl From<BookInput> for NewBook {
    fn from(input: BookInput) -> Self {
        Self {
            isbn: input.isbn,
            title: input.title,
            authors: input.authors,
            year: input.publication_year,
            language: input.language_code,
            price: input.price,
        }
    }
}

/// What to change; `null` removes what may be missing.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BookPatch {
    title: Option<String>,
    authors: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i16>)]
    publication_year: Option<Option<i16>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    language_code: Option<Option<String>>,
    #[schema(value_type = Option<Object>)]
    price: Option<Money>,
    /// `true` puts a deactivated book back on offer.
    active: Option<bool>,
}

/// Tells `null` from absent.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Up to 100 books.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Batch {
    /// Taken one by one, so that one bad row does not keep out the others.
    #[schema(value_type = Vec<BookInput>, max_items = 100)]
    books: Vec<Value>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct BatchAnswer {
    results: Vec<RowAnswer>,
}

/// What became of one row.
#[derive(Serialize, utoipa::ToSchema)]
struct RowAnswer {
    index: usize,
    /// `created`, `exists` (just like this) or `refused`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    id: Option<BookId>,
    /// Why it was refused: `code` and `errors` as in a problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Value>,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct BookFilter {
    /// Words, or beginnings of words, of title and author; or an ISBN.
    q: Option<String>,
}

/// Active books by title, or those that match a search, with what is available of each.
#[utoipa::path(get, path = "/store/v1/books", params(BookFilter, PageParams),
    responses((status = 200, body = Page<BookView>)))]
async fn list(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<People>,
    list: List<BookFilter>,
) -> Result<Json<Page<BookView>>, Problem> {
    let listing = api.listing(list, &caller.tenant).await?;
    // The catalogue reads it itself.
    let start = listing.start(|bytes| Ok::<_, Infallible>(bytes.to_vec()))?;
    let found = match &listing.filter().q {
        None => api.catalog.list(&caller.tenant, listing.limit(), start.as_deref()).await,
        Some(q) => {
            let search = Search::parse(q).map_err(|error| {
                Problem::invalid(vec![FieldError::parameter("q", "invalid_search", error.to_string())])
            })?;
            api.catalog.search(&caller.tenant, &search, listing.limit(), start.as_deref()).await
        }
    };
    let books = found.map_err(|error| problems::list(&error))?;
    let places = api.registry.recent(&caller.tenant).await.map_err(|error| problems::table(&error))?;
    let skus: Vec<Sku> = books.items.iter().filter_map(|book| sales::place::sku_of(book.value.id)).collect();
    let stock = api.inventory.sellable(&caller.tenant, &places, &skus).await;
    let mut stock = stock.map_err(|error| problems::table(&error))?;
    let items = books.items.into_iter().map(|book| {
        let units = sales::place::sku_of(book.value.id).and_then(|sku| stock.remove(&sku)).unwrap_or(0);
        BookView::new(book, Some(units))
    });
    Ok(Json(listing.page(items.collect(), books.next.as_deref())))
}

/// One book, with what is available of it. One read, as long as the warehouses are known from a moment ago and there is
/// some; kits, of which there is none, are looked for after it.
#[utoipa::path(get, path = "/store/v1/books/{id}", params(("id" = String, Path,)),
    responses((status = 200, body = BookView)))]
async fn get_one(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<People>,
    Path(id): Path<BookId>,
) -> Result<(ETag, Json<BookView>), Problem> {
    let (book, units) = read_one(&api, &caller.tenant, id).await?;
    Ok((ETag(book.version), Json(BookView::new(book, Some(units)))))
}

async fn read_one(api: &Api, tenant: &TenantId, id: BookId) -> Result<(Versioned<Book>, i64), Problem> {
    let sku = sales::place::sku_of(id).ok_or_else(Problem::not_found)?;
    let places = api.registry.recent(tenant).await.map_err(|error| problems::table(&error))?;
    let mut keys = vec![Book::key(tenant, id)];
    keys.extend(places.keys(tenant, &sku));
    let read = api.table.get_many(&keys, Consistency::Eventual).await.map_err(|error| problems::table(&error))?;
    let mut items = read.into_iter();
    let book = items.next().flatten().ok_or_else(Problem::not_found)?;
    let book = Book::decode(book).map_err(|error| problems::table(&error))?;
    let mut stock = sum(items.flatten()).map_err(|error| problems::table(&error))?;
    if let Some(units) = stock.remove(&sku).filter(|units| *units > 0) {
        return Ok((book, units));
    }
    let made = api.inventory.sellable_kits(tenant, &places, std::slice::from_ref(&sku)).await;
    Ok((book, made.map_err(|error| problems::table(&error))?.remove(&sku).unwrap_or(0)))
}

/// Adds a book.
#[utoipa::path(post, path = "/store/v1/books", request_body = BookInput,
    responses((status = 201, body = BookView), (status = 409, description = "`book_exists`")))]
async fn create(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Admins>,
    meta: RequestMeta,
    Json(input): Json<BookInput>,
) -> Result<Response, Problem> {
    let book = api.catalog.create(&caller.tenant, input.into(), &meta.context()).await.map_err(problems::create)?;
    let location = [(http::header::LOCATION, format!("/store/v1/books/{}", book.value.id))];
    let version = ETag(book.version);
    Ok((StatusCode::CREATED, version, location, Json(BookView::new(book, None))).into_response())
}

/// Adds up to 100 books, with an answer for each.
#[utoipa::path(post, path = "/store/v1/books/batch", request_body = Batch,
    responses((status = 200, body = BatchAnswer)))]
async fn create_many(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Admins>,
    meta: RequestMeta,
    Json(batch): Json<Batch>,
) -> Result<Json<BatchAnswer>, Problem> {
    if batch.books.is_empty() || batch.books.len() > catalog::MAX_ROWS {
        let detail = format!("must have 1 to {} rows", catalog::MAX_ROWS);
        return Err(Problem::invalid(vec![FieldError::at("/books", "out_of_range", detail)]));
    }
    let (mut rows, mut results) = (Vec::new(), Vec::new());
    for (index, row) in batch.books.into_iter().enumerate() {
        match serde_json::from_value::<BookInput>(row) {
            Ok(input) => rows.push((index, NewBook::from(input))),
            Err(error) => results.push(refused(index, "malformed_row", vec![json!({ "detail": error.to_string() })])),
        }
    }
    let (indexes, books): (Vec<usize>, Vec<NewBook>) = rows.into_iter().unzip();
    let answers =
        api.catalog.create_many(&caller.tenant, books, &meta.context()).await.map_err(problems::create_many)?;
    results.extend(indexes.into_iter().zip(answers).map(|(index, row)| answer(index, row)));
    results.sort_by_key(|result| result.index);
    Ok(Json(BatchAnswer { results }))
}

fn answer(index: usize, row: Row) -> RowAnswer {
    match row {
        Row::Created(book) => RowAnswer { index, status: "created", id: Some(book.value.id), problem: None },
        Row::Exists(book) => RowAnswer { index, status: "exists", id: Some(book.value.id), problem: None },
        Row::Differs(book) => {
            let refused = refused(index, "book_exists", Vec::new());
            RowAnswer { id: Some(book.value.id), ..refused }
        }
        Row::Invalid(found) => {
            let pointer = |v: Violation| json!({ "pointer": v.pointer, "code": v.code, "detail": v.detail });
            refused(index, "validation_failed", found.into_iter().map(pointer).collect())
        }
    }
}

fn refused(index: usize, code: &'static str, errors: Vec<Value>) -> RowAnswer {
    RowAnswer { index, status: "refused", id: None, problem: Some(json!({ "code": code, "errors": errors })) }
}

/// Changes a book.
#[utoipa::path(patch, path = "/store/v1/books/{id}", params(("id" = String, Path,)), request_body = BookPatch,
    responses((status = 200, body = BookView), (status = 412, description = "`stale_version`")))]
async fn patch(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Admins>,
    meta: RequestMeta,
    Path(id): Path<BookId>,
    if_match: IfMatch,
    Json(patch): Json<BookPatch>,
) -> Result<(ETag, Json<BookView>), Problem> {
    let seen = seen(&api, &caller.tenant, id, &if_match).await?;
    let patch = Patch {
        title: patch.title,
        authors: patch.authors,
        year: patch.publication_year,
        language: patch.language_code,
        price: patch.price,
        active: patch.active,
    };
    let book = api.catalog.patch(&caller.tenant, id, seen, patch, &meta.context()).await;
    let book = book.map_err(problems::change_book)?;
    Ok((ETag(book.version), Json(BookView::new(book, None))))
}

/// Takes a book off offer. It stays readable by id, for the orders that have it.
#[utoipa::path(delete, path = "/store/v1/books/{id}", params(("id" = String, Path,)),
    responses((status = 204), (status = 412, description = "`stale_version`")))]
async fn deactivate(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Admins>,
    meta: RequestMeta,
    Path(id): Path<BookId>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let seen = seen(&api, &caller.tenant, id, &if_match).await?;
    let gone = api.catalog.deactivate(&caller.tenant, id, seen, &meta.context()).await;
    gone.map(|_| StatusCode::NO_CONTENT).map_err(problems::change_book)
}

/// The version the client has seen, if that is the one there is.
async fn seen(api: &Api, tenant: &TenantId, id: BookId, if_match: &IfMatch) -> Result<u64, Problem> {
    let book = api.catalog.get(tenant, id).await.map_err(|error| problems::table(&error))?;
    let version = book.ok_or_else(Problem::not_found)?.version;
    if_match.check(ETag(version))?;
    Ok(version)
}
