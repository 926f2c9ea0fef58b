//! `/v1/connections/shopify…`: stores are connected, told which of our locations is which of theirs, and let go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::routing::{get, post};
use documents::merge::Rule;
use http::StatusCode;
use inventory::LocationId;
use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use shopify::calls::shop;
use shopify::connect::{ConnectError, Connector};
use shopify::flows::drift::Drifts;
use shopify::flows::syncs::Syncs;
use shopify::platform::kind;
use shopify::stores::Connection;
use shopify::{Gid, Shop};
use table::{TableError, Versioned};
use web::secret::Secret;
use web::{Allowed, ETag, FieldError, IfMatch, Json, Path, Problem, RequestMeta, Roles, Validation, stale};

use crate::operations;

#[derive(utoipa::OpenApi)]
#[openapi(paths(install, callback, list, get_one, change, remove))]
pub(crate) struct Doc;

const MAX_LOCATIONS: usize = 50;
const MAX_RULES: usize = 100;

/// Who connects stores.
pub(crate) struct Administrators;
impl Roles for Administrators {
    const ALLOWED: &'static [&'static str] = &["STORE_ADMIN"];
}

/// What the routes work with.
pub struct Api {
    /// Whose stores the callback, which nobody signs in for, is about.
    pub tenant: kernel::TenantId,
    pub connector: Connector,
    pub syncs: Syncs,
    pub drifts: Drifts,
    pub cursor_secret: Arc<dyn Secret>,
}

pub(crate) type Shared = State<Arc<Api>>;

/// The routes.
pub fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/v1/connections/shopify", get(list))
        .route("/v1/connections/shopify/install", post(install))
        .route("/v1/connections/shopify/callback", get(callback))
        .route("/v1/connections/shopify/{shop}", get(get_one).put(change).delete(remove))
        .merge(operations::routes())
        .with_state(api)
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewInstall {
    /// `some-shop.myshopify.com`.
    shop: String,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct InstallView {
    /// Where the merchant agrees.
    authorize_url: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Begins to connect a store: the merchant is to go where the answer says.
#[utoipa::path(post, path = "/v1/connections/shopify/install", request_body = NewInstall,
    responses((status = 200, body = InstallView)))]
async fn install(
    State(api): Shared,
    Allowed(caller, _): Allowed<Administrators>,
    Json(new): Json<NewInstall>,
) -> Result<Json<InstallView>, Problem> {
    let mut validation = Validation::default();
    let shop: Option<Shop> = validation.parse("/shop", "invalid_shop", new.shop.parse::<Shop>());
    validation.finish()?;
    let shop = shop.ok_or_else(Problem::not_found)?;
    let begun = api.connector.begin(&caller.tenant, &shop, &caller.principal).await;
    let (authorize_url, expires_at) = begun.map_err(|error| failed(&error))?;
    tracing::info!(%shop, principal = caller.principal, "a store is being connected");
    Ok(Json(InstallView { authorize_url, expires_at }))
}

#[derive(Serialize, utoipa::ToSchema)]
struct Place {
    /// What the store calls it.
    id: String,
    name: String,
}

#[derive(Serialize, utoipa::ToSchema)]
struct Connected {
    connection: View,
    /// The store's locations, of which ours are told next.
    places: Vec<Place>,
}

/// The merchant comes back.
#[utoipa::path(get, path = "/v1/connections/shopify/callback", security(()),
    params(("shop" = String, Query,), ("code" = String, Query,), ("state" = String, Query,),
        ("timestamp" = String, Query,), ("hmac" = String, Query,)),
    responses((status = 200, body = Connected),
        (status = 400, description = "`callback_refused`"), (status = 422, description = "`scopes_missing`"),
        (status = 502, description = "`store_refused`")))]
async fn callback(
    State(api): Shared,
    meta: RequestMeta,
    RawQuery(query): RawQuery,
) -> Result<Json<Connected>, Problem> {
    let done = api.connector.finish(&api.tenant, &query.unwrap_or_default(), &meta.context()).await;
    let (connection, shop::Shop { locations, .. }) = done.map_err(|error| failed(&error))?;
    tracing::info!(shop = %connection.shop, "a store was connected");
    let active = locations.into_iter().filter(|location| location.is_active);
    let places = active.map(|location| Place { id: location.id.to_string(), name: location.name }).collect();
    Ok(Json(Connected { connection: connection.into(), places }))
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct View {
    shop: String,
    /// Under which its documents, health and pause are.
    connection: String,
    currency: String,
    /// Ours to theirs.
    locations: BTreeMap<String, String>,
    #[schema(value_type = Object)]
    rules: BTreeMap<String, Vec<FieldRule>>,
    #[schema(value_type = String, format = DateTime)]
    connected_at: Timestamp,
    status: &'static str,
}

impl From<Connection> for View {
    fn from(connection: Connection) -> Self {
        let Connection { shop, id, currency, locations, rules, connected_at, uninstalled } = connection;
        let of_kind = |(kind, rules): (String, Vec<(String, Rule)>)| {
            (kind, rules.into_iter().map(|(field, rule)| FieldRule { field, rule }).collect())
        };
        Self {
            shop: shop.to_string(),
            connection: id.to_string(),
            currency: currency.code().to_owned(),
            locations: locations.into_iter().map(|(ours, theirs)| (ours, theirs.to_string())).collect(),
            rules: rules.into_iter().map(of_kind).collect(),
            connected_at,
            status: if uninstalled { "UNINSTALLED" } else { "CONNECTED" },
        }
    }
}

#[derive(Serialize, utoipa::ToSchema)]
struct Stores {
    items: Vec<View>,
}

/// The stores, those that are gone too.
#[utoipa::path(get, path = "/v1/connections/shopify", responses((status = 200, body = Stores)))]
async fn list(State(api): Shared, Allowed(caller, _): Allowed<Administrators>) -> Result<Json<Stores>, Problem> {
    let found = api.connector.stores.list(&caller.tenant).await.map_err(|error| table(&error))?;
    Ok(Json(Stores { items: found.into_iter().map(View::from).collect() }))
}

pub(crate) async fn found(api: &Api, tenant: &kernel::TenantId, shop: &Shop) -> Result<Versioned<Connection>, Problem> {
    let found = api.connector.stores.versioned(tenant, shop).await.map_err(|error| table(&error))?;
    found.ok_or_else(Problem::not_found)
}

/// One store.
#[utoipa::path(get, path = "/v1/connections/shopify/{shop}", params(("shop" = String, Path,)),
    responses((status = 200, body = View)))]
async fn get_one(
    State(api): Shared,
    Allowed(caller, _): Allowed<Administrators>,
    Path(shop): Path<Shop>,
) -> Result<(ETag, Json<View>), Problem> {
    let Versioned { value, version } = found(&api, &caller.tenant, &shop).await?;
    Ok((ETag(version), Json(value.into())))
}

/// A rule for a field, as JSON pointers in which `*` is any element.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct FieldRule {
    field: String,
    /// `REVERT`, `PROPAGATE`, `INGEST` or `IGNORE`.
    #[schema(value_type = String)]
    rule: Rule,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Terms {
    /// Ours to theirs: `{"alpha": "gid://shopify/Location/1"}`. Each of theirs is one of ours.
    locations: BTreeMap<String, String>,
    /// What is done about fields that people change in the store: of `product` and `customer` any, of `stock` `REVERT` or `IGNORE`. The first
    /// rule that covers a field counts; what none covers is ignored.
    #[serde(default)]
    #[schema(value_type = Object)]
    rules: BTreeMap<String, Vec<FieldRule>>,
}

/// Says which of our locations is which of the store's, and what is taken from it.
#[utoipa::path(put, path = "/v1/connections/shopify/{shop}", request_body = Terms, params(("shop" = String, Path,)),
    responses((status = 200, body = View), (status = 412, description = "`stale_version`")))]
async fn change(
    State(api): Shared,
    Allowed(caller, _): Allowed<Administrators>,
    Path(shop): Path<Shop>,
    condition: IfMatch,
    Json(terms): Json<Terms>,
) -> Result<(ETag, Json<View>), Problem> {
    let (locations, rules) = terms.checked()?;
    let Versioned { value: known, version } = found(&api, &caller.tenant, &shop).await?;
    condition.check(ETag(version))?;
    let connection = Connection { locations, rules, ..known };
    let written = api.connector.stores.write(&caller.tenant, &connection, Some(version)).await;
    if !written.map_err(|error| table(&error))? {
        return Err(stale());
    }
    tracing::info!(%shop, principal = caller.principal, "the terms of a store were changed");
    Ok((ETag(version + 1), Json(connection.into())))
}

type Checked = (BTreeMap<String, Gid>, BTreeMap<String, Vec<(String, Rule)>>);

impl Terms {
    fn checked(self) -> Result<Checked, Problem> {
        let mut validation = Validation::default();
        let few = self.locations.len() <= MAX_LOCATIONS;
        validation.check(few, || FieldError::at("/locations", "out_of_range", "at most 50 locations"));
        let (mut locations, mut taken) = (BTreeMap::new(), BTreeSet::new());
        for (ours, theirs) in self.locations {
            let pointer = format!("/locations/{ours}");
            let known = validation.parse(&pointer, "invalid_name", ours.parse::<LocationId>());
            let gid = validation.parse(&pointer, "invalid_location", theirs.parse::<Gid>());
            let (Some(known), Some(gid)) = (known, gid) else { continue };
            let place = gid.kind() == "Location" && !known.is_virtual();
            validation.check(place, || FieldError::at(&pointer, "invalid_location", "must be a location, by its id"));
            let first = taken.insert(gid.clone());
            let why = "stock of two locations of ours would be told as that of one of theirs";
            validation.check(first, || FieldError::at(&pointer, "repeated", why));
            locations.insert(ours, gid);
        }
        let mut rules = BTreeMap::new();
        for (kind, given) in self.rules {
            let pointer = format!("/rules/{kind}");
            let known =
                matches!(kind.as_str(), kind::PRODUCT | kind::CUSTOMER | kind::STOCK) && given.len() <= MAX_RULES;
            validation.check(known, || {
                FieldError::at(&pointer, "invalid_rule", "rules are for `product`, `customer` and `stock`, at most 100")
            });
            let ours =
                kind == kind::STOCK && given.iter().any(|rule| matches!(rule.rule, Rule::Ingest | Rule::Propagate));
            validation.check(!ours, || FieldError::at(&pointer, "invalid_rule", "stock is not taken from a store"));
            rules.insert(kind, given.into_iter().map(|rule| (rule.field, rule.rule)).collect());
        }
        validation.finish()?;
        Ok((locations, rules))
    }
}

/// Lets a store go: nothing is told to it and nothing taken from it until it is connected again. The merchant throws the app out.
#[utoipa::path(delete, path = "/v1/connections/shopify/{shop}", params(("shop" = String, Path,)),
    responses((status = 204)))]
async fn remove(
    State(api): Shared,
    Allowed(caller, _): Allowed<Administrators>,
    Path(shop): Path<Shop>,
    meta: RequestMeta,
) -> Result<StatusCode, Problem> {
    let connection = found(&api, &caller.tenant, &shop).await?.value.id;
    let Connector { stores, documents, clock, .. } = &api.connector;
    stores.uninstall(&caller.tenant, &shop, clock.now()).await.map_err(|error| table(&error))?;
    let paused =
        documents.pause(&caller.tenant, &connection, "the store was let go", &caller.principal, &meta.context()).await;
    paused.map_err(|error| table(&error))?;
    tracing::info!(%shop, principal = caller.principal, "a store was let go");
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) fn table(error: &TableError) -> Problem {
    if error.is_retryable() { Problem::unavailable(error) } else { Problem::internal(error) }
}

fn failed(error: &ConnectError) -> Problem {
    match error {
        ConnectError::Install(_) | ConnectError::State => {
            tracing::warn!(%error, "somebody came back from nowhere");
            Problem::bad_request("callback_refused").detail("Begin to connect the store anew.")
        }
        ConnectError::Scopes(missing) => Problem::unprocessable("scopes_missing")
            .detail("The merchant did not agree to all of it; begin anew.")
            .with("scopes", missing.clone()),
        ConnectError::Code | ConnectError::Store(_) => {
            tracing::warn!(%error, "a store was not connected");
            Problem::new(StatusCode::BAD_GATEWAY, "store_refused").detail("Begin to connect the store anew.")
        }
        ConnectError::Table(error) => table(error),
        ConnectError::Other(error) => Problem::unavailable(&**error),
    }
}
