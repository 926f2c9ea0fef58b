//! `/v1/connections/shopify/{shop}/full-syncs` and `…/drift`: what operators start and see of the flows of a store.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use http::StatusCode;
use kernel::Timestamp;
use serde::Serialize;
use shopify::Shop;
use shopify::flows::drift::Drift;
use shopify::flows::full_sync::batch_of;
use shopify::flows::syncs::{SyncError, SyncRun, SyncState};
use table::Position;
use web::{Allowed, IdempotencyKey, Json, List, Listing, NoFilter, Page, PageParams, Path, Problem};

use crate::connections::{Administrators, Api, Shared, found, table};

#[derive(utoipa::OpenApi)]
#[openapi(paths(start, list, drift))]
pub(crate) struct Doc;

pub(super) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/v1/connections/shopify/{shop}/full-syncs", post(start).get(list))
        .route("/v1/connections/shopify/{shop}/drift", get(drift))
}

/// A full synchronisation.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct SyncView {
    id: String,
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`, or `NOT_STARTED` when nothing came of it.
    #[schema(value_type = String, example = "RUNNING")]
    state: SyncState,
    /// Who asked for it.
    by: String,
    #[schema(value_type = String, format = DateTime)]
    asked_at: Timestamp,
    /// Its parts are shown by `GET /v1/operations/batches/{id}`, once the store has written its file.
    batch: String,
    /// Products the store counted; absent before it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    counted: Option<u64>,
    /// Products that are stored.
    stored: u64,
}

impl From<SyncRun> for SyncView {
    fn from(run: SyncRun) -> Self {
        let SyncRun { id, by, asked_at, state, counted, stored, .. } = run;
        Self { id: id.to_string(), state, by, asked_at, batch: batch_of(id).to_string(), counted, stored }
    }
}

/// Reads everything the store sells. The same `Idempotency-Key` is the same one, however far it is by then.
#[utoipa::path(post, path = "/v1/connections/shopify/{shop}/full-syncs",
    params(("shop" = String, Path,), ("Idempotency-Key" = String, Header,)),
    responses((status = 202, body = SyncView),
        (status = 409, description = "`full_sync_running`: one at a time; `not_connected`: the merchant threw the app out")))]
async fn start(
    State(api): Shared,
    Allowed(caller, _): Allowed<Administrators>,
    Path(shop): Path<Shop>,
    key: IdempotencyKey,
) -> Result<impl IntoResponse, Problem> {
    if found(&api, &caller.tenant, &shop).await?.value.uninstalled {
        return Err(Problem::conflict("not_connected").detail("The store is not connected any more."));
    }
    let asked = api.syncs.ask(&caller.tenant, &shop, key.as_str(), &caller.principal).await.map_err(failed)?;
    tracing::info!(%shop, principal = caller.principal, run = %asked.id, "a full synchronisation was asked for");
    Ok((StatusCode::ACCEPTED, Json(SyncView::from(asked))))
}

/// The full synchronisations that were asked for here, the newest first.
#[utoipa::path(get, path = "/v1/connections/shopify/{shop}/full-syncs", params(("shop" = String, Path,), PageParams),
    responses((status = 200, body = Page<SyncView>)))]
async fn list(
    State(api): Shared,
    Allowed(caller, _): Allowed<Administrators>,
    Path(shop): Path<Shop>,
    list: List<NoFilter>,
) -> Result<Json<Page<SyncView>>, Problem> {
    found(&api, &caller.tenant, &shop).await?;
    let listing = list.open(&*api.cursor_secret, &caller.tenant).await?;
    let start = listing.start(Position::from_bytes)?;
    let page = api.syncs.list(&caller.tenant, &shop, start, listing.limit()).await.map_err(failed)?;
    Ok(shown(&listing, page))
}

/// A level that is not the same on both sides.
#[derive(Serialize, utoipa::ToSchema)]
struct DriftView {
    sku: String,
    /// Ours.
    location: String,
    /// What can be sold of it, here and there.
    ours: i64,
    theirs: i64,
    /// When it was seen last.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<Drift> for DriftView {
    fn from(drift: Drift) -> Self {
        let Drift { place, ours, theirs, at, .. } = drift;
        let (sku, location) = place.rsplit_once('@').unwrap_or((&place, ""));
        Self { sku: sku.to_owned(), location: location.to_owned(), ours, theirs, at }
    }
}

/// The levels that reconciliation found to differ, by SKU, until it finds that they do not any more.
#[utoipa::path(get, path = "/v1/connections/shopify/{shop}/drift", params(("shop" = String, Path,), PageParams),
    responses((status = 200, body = Page<DriftView>)))]
async fn drift(
    State(api): Shared,
    Allowed(caller, _): Allowed<Administrators>,
    Path(shop): Path<Shop>,
    list: List<NoFilter>,
) -> Result<Json<Page<DriftView>>, Problem> {
    found(&api, &caller.tenant, &shop).await?;
    let listing = list.open(&*api.cursor_secret, &caller.tenant).await?;
    let start = listing.start(Position::from_bytes)?;
    let page = api.drifts.list(&caller.tenant, &shop, start, listing.limit()).await.map_err(|error| table(&error))?;
    Ok(shown(&listing, page))
}

/// A page of the table as it is shown.
fn shown<T, V: From<T>>(listing: &Listing<NoFilter>, page: table::Page<T>) -> Json<Page<V>> {
    let next = page.next.map(|next| next.to_bytes());
    Json(listing.page(page.items.into_iter().map(V::from).collect(), next.as_deref()))
}

fn failed(error: SyncError) -> Problem {
    match error {
        SyncError::Running(id) => Problem::conflict("full_sync_running")
            .detail("One at a time: another full synchronisation of this store is not over.")
            .with("id", id.to_string()),
        SyncError::Contended(error) => Problem::unavailable(&error),
        SyncError::Machine(error) => Problem::unavailable(&*error),
        SyncError::Table(error) => table(&error),
    }
}
