//! `/inventory/v1/valuation`, `/inventory/v1/companies`: what stock is and was worth, and by whose rules.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use http::StatusCode;
use inventory::appraisal::{Appraisal, AppraisalError, WORK};
use inventory::valuation::{Method, Policy};
use inventory::value::Worth;
use inventory::{Company, CompanyId, LocationId, Sku};
use kernel::{Currency, TenantId, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use table::Position;
use web::{Allowed, FieldError, Json, List, PageParams, Path, Problem, Within};

use super::amounts::AmountView;
use super::{Admins, Api, Staff, problems, seen_at};

#[derive(utoipa::OpenApi)]
#[openapi(paths(valuation, create_company, get_company, assign, company_of))]
pub(crate) struct Doc;

pub(crate) fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/inventory/v1/valuation", get(valuation))
        .route("/inventory/v1/companies", post(create_company))
        .route("/inventory/v1/companies/{company}", get(get_company))
        .route("/inventory/v1/locations/{location}/company", get(company_of).put(assign))
        .with_state(api)
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Scope {
    /// Every location of it, each with its sum.
    #[param(value_type = Option<String>)]
    company: Option<CompanyId>,
    /// With `company`: this item at every location of it.
    #[param(value_type = Option<String>)]
    sku: Option<Sku>,
    /// Every item at this location, a page at a time.
    #[param(value_type = Option<String>)]
    location: Option<LocationId>,
    /// Now unless given.
    #[param(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
}

/// What stock was worth.
#[derive(Serialize, utoipa::ToSchema)]
struct Valuation {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    items: Vec<ValueRow>,
    /// Of goods on their way from one location of the company to another; not in the rows, and only on the last page.
    #[serde(rename = "onTheWay", skip_serializing_if = "Option::is_none")]
    on_the_way: Option<AmountView>,
    /// Of a company: the rows of all pages and what was on the way; only on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<AmountView>,
    /// Send it as `cursor` to get the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct ValueRow {
    #[schema(value_type = String)]
    location: LocationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    sku: Option<Sku>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_hand: Option<i64>,
    /// Absent where nobody valued it yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<AmountView>,
    /// The ledger entry it is taken from; 0 when there was none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
}

impl ValueRow {
    fn of_item(worth: Worth, currency: Option<Currency>) -> Self {
        let Worth { location, sku, on_hand, value, seq } = worth;
        let value = value.zip(currency).map(|(value, currency)| AmountView::new(value, currency));
        Self { location, sku: Some(sku), on_hand: Some(on_hand), value, sequence: Some(seq) }
    }

    fn of_location((location, value): (LocationId, Decimal), currency: Currency) -> Self {
        let value = Some(AmountView::new(value, currency));
        Self { location, sku: None, on_hand: None, value, sequence: None }
    }
}

/// Where a list goes on, at the instant it began with.
#[derive(Serialize, Deserialize)]
struct Next {
    at: Timestamp,
    position: Vec<u8>,
}

/// What stock was worth at an instant: of a location by item, of a company by location, of an item by location of a company.
/// A company is valued in pieces: a page may have fewer rows than its limit, or none, and still a `next`.
#[utoipa::path(get, path = "/inventory/v1/valuation", params(Scope, PageParams),
    responses((status = 200, body = Valuation)))]
async fn valuation(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    list: List<Scope>,
) -> Result<Json<Valuation>, Problem> {
    let listing = api.listing(list, &caller.tenant).await?;
    let (tenant, Scope { company, sku, location, at }) = (&caller.tenant, listing.filter());
    let next: Option<Next> = listing.start(|bytes| serde_json::from_slice(bytes))?;
    let at = next.as_ref().map(|next| next.at).or(*at).unwrap_or_else(|| api.clock.now());
    match (company, sku, location) {
        (Some(_), _, None) if !reach.is_everywhere() => {
            Err(Problem::forbidden().detail("You may value your own locations: give `location`."))
        }
        (Some(company), sku, None) => {
            let so_far = next.map(|next| serde_json::from_slice(&next.position)).transpose();
            let mut so_far = so_far.map_err(|_| Problem::bad_request("invalid_cursor"))?.unwrap_or_default();
            let of = (company, sku.as_ref());
            let mut valuation = api.of_company(tenant, of, at, &mut so_far, listing.limit()).await?;
            let next = (!so_far.ended).then(|| serde_json::to_vec(&so_far)).transpose();
            let next = next.map_err(|error| Problem::internal(&error))?.map(|position| Next { at, position });
            let next = next.and_then(|next| serde_json::to_vec(&next).ok());
            valuation.next = listing.page(Vec::<ValueRow>::new(), next.as_deref()).next;
            Ok(Json(valuation))
        }
        (None, None, Some(location)) if !reach.contains(location.as_str()) => {
            let page = listing.page(Vec::new(), None);
            Ok(Json(Valuation { at, items: page.items, on_the_way: None, total: None, next: page.next }))
        }
        (None, None, Some(location)) => {
            let start = next.map(|next| Position::from_bytes(&next.position)).transpose();
            let start = start.map_err(|_| Problem::bad_request("invalid_cursor"))?;
            let page = api.inventory.worth_of_location(tenant, location, at, start, listing.limit()).await;
            let page = page.map_err(|error| problems::table(&error))?;
            let currency = api.company_of(tenant, location).await?.map(|company| company.currency);
            let items = page.items.into_iter().map(|worth| ValueRow::of_item(worth, currency)).collect();
            let next = page.next.map(|position| Next { at, position: position.to_bytes() });
            let next = next.and_then(|next| serde_json::to_vec(&next).ok());
            let page = listing.page(items, next.as_deref());
            Ok(Json(Valuation { at, items: page.items, on_the_way: None, total: None, next: page.next }))
        }
        (None, Some(_), None) | (None, None, None) | (_, Some(_), Some(_)) | (Some(_), None, Some(_)) => {
            let detail = "give `location`, or `company`, or `company` and `sku`";
            Err(Problem::invalid(vec![FieldError::parameter("company", "unsupported_filter", detail)]))
        }
    }
}

impl Api {
    async fn known_company(&self, tenant: &TenantId, id: &CompanyId) -> Result<Company, Problem> {
        let company = self.inventory.company(tenant, id).await.map_err(|error| problems::table(&error))?;
        company.ok_or_else(Problem::not_found)
    }

    async fn of_company(
        &self,
        tenant: &TenantId,
        (id, sku): (&CompanyId, Option<&Sku>),
        at: Timestamp,
        so_far: &mut Appraisal,
        limit: usize,
    ) -> Result<Valuation, Problem> {
        let currency = self.known_company(tenant, id).await?.currency;
        let items = match sku {
            _ if so_far.located => Vec::new(),
            Some(sku) => {
                let rows = self.inventory.worth_of_item(tenant, id, sku, at).await;
                let rows = rows.map_err(|error| problems::table(&error))?;
                so_far.total = rows.iter().filter_map(|worth| worth.value).sum();
                so_far.located = true;
                rows.into_iter().map(|worth| ValueRow::of_item(worth, Some(currency))).collect()
            }
            None => {
                let rows = self.inventory.appraise(tenant, id, at, so_far, (limit, WORK)).await.map_err(refused)?;
                rows.into_iter().map(|row| ValueRow::of_location(row, currency)).collect()
            }
        };
        if so_far.located {
            self.transfers.appraise(tenant, (id, sku), at, so_far, WORK).await.map_err(refused)?;
        }
        let shown = |amount| so_far.ended.then(|| AmountView::new(amount, currency));
        let (on_the_way, total) = (shown(so_far.on_the_way), shown(so_far.total + so_far.on_the_way));
        Ok(Valuation { at, items, on_the_way, total, next: None })
    }
}

fn refused(error: AppraisalError) -> Problem {
    match error {
        AppraisalError::Position(_) => Problem::bad_request("invalid_cursor"),
        AppraisalError::Table(error) => problems::table(&error),
    }
}

/// How a company values its stock; fixed once it is made.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StockCompany {
    #[schema(value_type = String, example = "acme-uk")]
    id: CompanyId,
    #[schema(value_type = String, example = "GBP")]
    currency: Currency,
    /// `MOVING_AVERAGE`, `FIFO`, `LIFO` or `STANDARD`.
    #[schema(value_type = String)]
    method: Method,
    /// Whether goods may be booked out before they are booked in.
    #[serde(default)]
    allow_negative: bool,
    /// Decimals of every booked value, 0 to 6.
    #[schema(maximum = 6)]
    decimals: u32,
}

impl From<Company> for StockCompany {
    fn from(company: Company) -> Self {
        let Policy { method, negative, decimals } = company.policy;
        Self { id: company.id, currency: company.currency, method, allow_negative: negative, decimals }
    }
}

/// Makes a company. Making the same one again changes nothing.
#[utoipa::path(post, path = "/inventory/v1/companies", request_body = StockCompany,
    responses((status = 201, body = StockCompany), (status = 409, description = "`exists_with_different_<field>`")))]
async fn create_company(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Admins>,
    Json(new): Json<StockCompany>,
) -> Result<(StatusCode, Json<StockCompany>), Problem> {
    let StockCompany { id, currency, method, allow_negative, decimals } = new;
    let company = Company { id, currency, policy: Policy { method, negative: allow_negative, decimals } };
    let created = api.inventory.create_company(&caller.tenant, &company).await;
    created.map_err(|error| problems::company(&error))?;
    Ok((StatusCode::CREATED, Json(company.into())))
}

/// One company.
#[utoipa::path(get, path = "/inventory/v1/companies/{company}", params(("company" = String, Path,)),
    responses((status = 200, body = StockCompany)))]
async fn get_company(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Staff>,
    Path(id): Path<CompanyId>,
) -> Result<Json<StockCompany>, Problem> {
    Ok(Json(api.known_company(&caller.tenant, &id).await?.into()))
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct CompanyOfLocation {
    #[schema(value_type = String)]
    company: CompanyId,
}

/// Gives a location to a company, for good: its stock is valued by the company's rules from its next movement on.
#[utoipa::path(put, path = "/inventory/v1/locations/{location}/company", request_body = CompanyOfLocation,
    params(("location" = String, Path,)),
    responses((status = 200, body = StockCompany), (status = 409, description = "`other_company`"),
        (status = 422, description = "`unknown_company`")))]
async fn assign(
    State(api): State<Arc<Api>>,
    Allowed(caller, _): Allowed<Admins>,
    Path(location): Path<LocationId>,
    Json(CompanyOfLocation { company }): Json<CompanyOfLocation>,
) -> Result<Json<StockCompany>, Problem> {
    let assigned = api.inventory.assign(&caller.tenant, &location, &company).await;
    assigned.map_err(|error| problems::company(&error))?;
    Ok(Json(api.known_company(&caller.tenant, &company).await?.into()))
}

/// The company a location belongs to.
#[utoipa::path(get, path = "/inventory/v1/locations/{location}/company", params(("location" = String, Path,)),
    responses((status = 200, body = StockCompany)))]
async fn company_of(
    State(api): State<Arc<Api>>,
    Within(caller, reach, _): Within<Staff>,
    Path(location): Path<LocationId>,
) -> Result<Json<StockCompany>, Problem> {
    seen_at(&reach, &location)?;
    let company = api.company_of(&caller.tenant, &location).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(company.into()))
}
