//! `/inventory/v1/reservations`: units held back for a cart, an order, a person, until a time; then taken or given back.
//!
//! A reservation's id follows from the caller's `Idempotency-Key`. Asked for again it is answered as it stands, `exists`; asked
//! for with another body it is refused, `exists_with_different_<field>`. A step that was taken before is not refused for an old
//! `If-Match`, so that an answer that was lost can be asked for again.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use inventory::reservation::{Line, MAX_SECONDS, Reservation, ReservationId, State as ReservationState, Step, Wanted};
use inventory::reservations::{Reserve, Reserved};
use inventory::{LocationId, Sku};
use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use web::{Batch, BatchAnswer, ETag, IdempotencyKey, IfMatch, Json, Path, Problem, Reach, Validation, Within};

use super::{
    REPLAYED, Request, ReservationsApi, Staff, check_range, check_text, check_units, done_at, problems, seen_at,
};

#[derive(utoipa::OpenApi)]
#[openapi(paths(reserve, reserve_many, get_one, act))]
pub(crate) struct Doc;

pub(crate) fn routes(api: Arc<ReservationsApi>) -> Router {
    Router::new()
        .route("/inventory/v1/reservations", post(reserve))
        .route("/inventory/v1/reservations/batch", post(reserve_many))
        .route("/inventory/v1/reservations/{id}", get(get_one))
        .route("/inventory/v1/reservations/{id}/actions", post(act))
        .with_state(api)
}

/// Units to be held back.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewReservation {
    /// Items and kits; the same one may be named several times, and their sum is held.
    #[schema(min_items = 1, max_items = 40)]
    lines: Vec<ReservationLine>,
    /// How long, in seconds: up to 30 days.
    #[schema(minimum = 1, maximum = 2_592_000)]
    seconds: u32,
    /// Whether less than everything will do; else it is all or nothing.
    #[serde(default)]
    partial: bool,
    /// The document it is for: a cart, an order.
    #[schema(min_length = 1, max_length = 200)]
    source: String,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ReservationLine {
    #[schema(value_type = String)]
    location: LocationId,
    #[schema(value_type = String)]
    sku: Sku,
    #[schema(minimum = 1)]
    quantity: i64,
}

/// A reservation.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReservationView {
    #[schema(value_type = String)]
    id: ReservationId,
    /// `PENDING`, `COMMITTED`, `RELEASED` or `EXPIRED`.
    #[schema(value_type = String)]
    status: ReservationState,
    lines: Vec<HeldLine>,
    partial: bool,
    source: String,
    /// When it ends, unless it is taken, given back or extended.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// What may happen to it now.
    allowed: Vec<&'static str>,
    version: u64,
}

#[derive(Serialize, utoipa::ToSchema)]
struct HeldLine {
    #[schema(value_type = String)]
    location: LocationId,
    #[schema(value_type = String)]
    sku: Sku,
    requested: i64,
    held: i64,
    /// Units of each component in one, when it is a kit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    components: Vec<KitPart>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct KitPart {
    #[schema(value_type = String)]
    sku: Sku,
    units: i64,
}

impl From<Line> for HeldLine {
    fn from(Line { location, sku, requested, held, components }: Line) -> Self {
        let components = components.into_iter().map(|(sku, units)| KitPart { sku, units }).collect();
        Self { location, sku, requested, held, components }
    }
}

impl From<Reservation> for ReservationView {
    fn from(of: Reservation) -> Self {
        Self {
            id: of.id,
            status: of.state,
            lines: of.lines.into_iter().map(HeldLine::from).collect(),
            partial: of.partial,
            source: of.source,
            expires_at: of.expires_at,
            allowed: of.state.allowed().to_vec(),
            version: of.version,
        }
    }
}

/// What came of a request to reserve.
#[derive(Serialize, utoipa::ToSchema)]
struct ReservedView {
    /// `reserved`, or `exists` when the same was asked for before.
    outcome: &'static str,
    reservation: ReservationView,
}

impl NewReservation {
    fn check(&self) -> Result<(), Problem> {
        let mut validation = Validation::default();
        for (at, line) in self.lines.iter().enumerate() {
            check_units(&mut validation, &format!("/lines/{at}/quantity"), line.quantity);
        }
        check_range(&mut validation, "/seconds", self.seconds.into(), 1, MAX_SECONDS.into());
        check_text(&mut validation, "/source", Some(&self.source));
        validation.finish()
    }
}

impl ReservationsApi {
    /// One the caller may see every location of.
    async fn reservation(&self, tenant: &TenantId, reach: &Reach, id: ReservationId) -> Result<Reservation, Problem> {
        let found = self.reservations.reservation(tenant, id).await.map_err(|error| problems::table(&error))?;
        let found = found.ok_or_else(Problem::not_found)?;
        found.lines.iter().try_for_each(|line| seen_at(reach, &line.location))?;
        Ok(found)
    }

    async fn reserve(&self, request: &Request<'_>, new: NewReservation) -> Result<(StatusCode, ReservedView), Problem> {
        new.lines.iter().try_for_each(|line| done_at(request.reach, &line.location))?;
        new.check()?;
        let NewReservation { lines, seconds, partial, source } = new;
        let wanted = |ReservationLine { location, sku, quantity }| Wanted { location, sku, quantity };
        let lines = lines.into_iter().map(wanted).collect();
        let asked = Reserve { id: ReservationId::derive(&request.parts()), lines, seconds, partial, source };
        let reserved = self.reservations.reserve(&request.caller.tenant, &request.caller.principal, &asked).await;
        let (status, outcome, reservation) = match reserved.map_err(|error| problems::reservation(&error))? {
            Reserved::New(reservation) => (StatusCode::CREATED, "reserved", reservation),
            Reserved::Exists(reservation) => (StatusCode::OK, "exists", reservation),
        };
        Ok((status, ReservedView { outcome, reservation: reservation.into() }))
    }
}

/// Holds units back: everything or nothing, or as much as there is.
#[utoipa::path(post, path = "/inventory/v1/reservations", request_body = NewReservation,
    params(("Idempotency-Key" = String, Header,)),
    responses((status = 201, body = ReservedView), (status = 200, body = ReservedView, description = "`exists`"),
        (status = 409, description = "`insufficient_stock` with `shortages`, `exists_with_different_<field>`")))]
async fn reserve(
    State(api): State<Arc<ReservationsApi>>,
    Within(caller, reach, _): Within<Staff>,
    key: IdempotencyKey,
    Json(new): Json<NewReservation>,
) -> Result<Response, Problem> {
    let (status, view) = api.reserve(&Request::new((&caller, &reach), &key), new).await?;
    let answer = (status, ETag(view.reservation.version), Json(view));
    Ok(if status == StatusCode::OK { ([REPLAYED], answer).into_response() } else { answer.into_response() })
}

/// Up to 100 reservations, one after the other, each on its own.
#[utoipa::path(post, path = "/inventory/v1/reservations/batch", request_body = Batch,
    params(("Idempotency-Key" = String, Header,)),
    responses((status = 200, body = BatchAnswer)))]
async fn reserve_many(
    State(api): State<Arc<ReservationsApi>>,
    Within(caller, reach, _): Within<Staff>,
    key: IdempotencyKey,
    Json(batch): Json<Batch>,
) -> Result<Json<BatchAnswer>, Problem> {
    let row = |index, new: NewReservation| {
        let (api, request) = (&api, Request::row((&caller, &reach), &key, index));
        async move { api.reserve(&request, new).await }
    };
    Ok(Json(batch.run(row).await?))
}

/// One reservation.
#[utoipa::path(get, path = "/inventory/v1/reservations/{id}", params(("id" = String, Path,)),
    responses((status = 200, body = ReservationView)))]
async fn get_one(
    State(api): State<Arc<ReservationsApi>>,
    Within(caller, reach, _): Within<Staff>,
    Path(id): Path<ReservationId>,
) -> Result<(ETag, Json<ReservationView>), Problem> {
    let found = api.reservation(&caller.tenant, &reach, id).await?;
    Ok((ETag(found.version), Json(found.into())))
}

/// What is done to a reservation.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
enum ReservationAction {
    /// Whoever it is for takes the units: they become committed.
    Commit {},
    /// They are given back.
    Release {},
    /// It lasts so many seconds from now.
    Extend { seconds: u32 },
}

/// Commits, releases or extends a reservation.
#[utoipa::path(post, path = "/inventory/v1/reservations/{id}/actions", request_body = ReservationAction,
    params(("id" = String, Path,), ("If-Match" = String, Header,)),
    responses((status = 200, body = ReservationView), (status = 409, description = "`invalid_transition`"),
        (status = 412, description = "`stale_version`")))]
async fn act(
    State(api): State<Arc<ReservationsApi>>,
    Within(caller, reach, _): Within<Staff>,
    known: IfMatch,
    Path(id): Path<ReservationId>,
    Json(action): Json<ReservationAction>,
) -> Result<(ETag, Json<ReservationView>), Problem> {
    let step = match action {
        ReservationAction::Commit {} => Step::Commit,
        ReservationAction::Release {} => Step::Release,
        ReservationAction::Extend { seconds } => Step::Extend(seconds),
    };
    let tenant = &caller.tenant;
    let found = api.reservation(tenant, &reach, id).await?;
    if !matches!(found.apply(step, api.clock.now()), Ok(None)) {
        known.check(ETag(found.version))?;
    }
    let after = api.reservations.step(tenant, &caller.principal, id, step).await;
    let after = after.map_err(|error| problems::reservation(&error))?;
    Ok((ETag(after.version), Json(after.into())))
}
