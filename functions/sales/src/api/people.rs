//! `/sales/v1/customers/{customer}/export` and `/erasure`: what is kept of a customer, and its end.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use sales::OrderId;
use sales::people::Dossier;
use serde::Serialize;
use serde_json::Value;
use table::Position;
use web::{Allowed, Json, List, NoFilter, Page, PageParams, Path, Problem, RequestMeta};

use super::notes::NoteView;
use super::views::{SalesOrderView, StepView};
use super::{Admins, Api, problems, shown_page};

#[derive(utoipa::OpenApi)]
#[openapi(paths(export, erase))]
pub(crate) struct Doc;

pub(crate) fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/sales/v1/customers/{customer}/export", get(export))
        .route("/sales/v1/customers/{customer}/erasure", post(erase))
        .with_state(api)
}

/// Everything that is kept of one order.
#[derive(Serialize, utoipa::ToSchema)]
struct DossierView {
    order: SalesOrderView,
    #[schema(value_type = Vec<Object>)]
    addresses: Vec<Value>,
    notes: Vec<NoteView>,
    timeline: Vec<StepView>,
}

/// A customer's orders with all that is kept of them, newest first. Pages have at most ten orders.
#[utoipa::path(get, path = "/sales/v1/customers/{customer}/export", params(("customer" = String, Path,), PageParams),
    responses((status = 200, body = Page<DossierView>)))]
async fn export(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Admins>,
    Path(customer): Path<String>,
    list: List<NoFilter>,
) -> Result<Json<Page<DossierView>>, Problem> {
    let listing = api.listing(list, &caller.tenant).await?;
    let page = api
        .sales
        .export(&caller.tenant, &customer, listing.start(Position::from_bytes)?)
        .await
        .map_err(problems::change)?;
    shown_page(&listing, page, |dossier: Dossier| {
        let addresses = dossier.addresses.iter().map(serde_json::to_value).collect::<Result<_, _>>();
        Ok(DossierView {
            order: SalesOrderView::try_from(&dossier.order).map_err(|error| Problem::internal(&error))?,
            addresses: addresses.map_err(|error| Problem::internal(&error))?,
            notes: dossier.notes.into_iter().map(NoteView::from).collect(),
            timeline: dossier.timeline.into_iter().map(StepView::from).collect(),
        })
    })
}

#[derive(Serialize, utoipa::ToSchema)]
struct ErasedView {
    /// Orders that no longer know their customer.
    #[schema(value_type = Vec<String>)]
    erased: Vec<OrderId>,
    /// Orders that are not at their end; ask again later.
    #[schema(value_type = Vec<String>)]
    waiting: Vec<OrderId>,
    /// There is more to erase: ask again now.
    more: bool,
}

/// Erases a customer from up to ten of their orders. Safe to repeat; done when nothing waits and there is no more.
#[utoipa::path(post, path = "/sales/v1/customers/{customer}/erasure", params(("customer" = String, Path,)),
    responses((status = 200, body = ErasedView)))]
async fn erase(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Admins>,
    meta: RequestMeta,
    Path(customer): Path<String>,
) -> Result<Json<ErasedView>, Problem> {
    let who = (caller.principal.as_str(), &meta.context());
    let done = api.sales.erase(&caller.tenant, &customer, who).await.map_err(problems::change)?;
    Ok(Json(ErasedView { erased: done.orders, waiting: done.waiting, more: done.more }))
}
