//! `/inventory/v1/adjustment-rules` and `/inventory/v1/count-rules`: above what a document of stock needs a second person.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use inventory::MAX_UNITS;
use inventory::adjustments::ApprovalRules;
use kernel::Quantity;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use web::{Allowed, FieldError, Json, Problem, Validation, Within};

use super::{Admins, Api, Staff, check_range, problems};

#[derive(utoipa::OpenApi)]
#[openapi(paths(adjustments::rules, adjustments::set_rules, counts::rules, counts::set_rules))]
pub(crate) struct Doc;

pub(crate) fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/inventory/v1/adjustment-rules", get(adjustments::rules).put(adjustments::set_rules))
        .route("/inventory/v1/count-rules", get(counts::rules).put(counts::set_rules))
        .with_state(api)
}

/// Above what a document needs a second person. Without limits none does.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ApprovalLimits {
    /// Units up or down.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    units: Option<i64>,
    /// Value up or down, in the currency of the location's company.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "250.00")]
    value: Option<Quantity>,
}

impl ApprovalLimits {
    fn shown(rules: ApprovalRules) -> Result<Self, Problem> {
        let value = rules.value.map(Quantity::new).transpose().map_err(|error| Problem::internal(&error))?;
        Ok(Self { units: rules.units, value })
    }

    fn checked(&self) -> Result<ApprovalRules, Problem> {
        let mut validation = Validation::default();
        check_range(&mut validation, "/units", self.units.unwrap_or(0), 0, MAX_UNITS);
        let value = self.value.map(Quantity::decimal);
        validation.check(value.is_none_or(|value| value >= Decimal::ZERO), || {
            FieldError::at("/value", "out_of_range", "must not be below zero")
        });
        validation.finish()?;
        Ok(ApprovalRules { units: self.units, value })
    }
}

/// The two routes of one kind of document.
macro_rules! rules {
    ($of:ident, $path:literal, $shows:literal, $sets:literal) => {
        mod $of {
            use super::*;

            #[doc = $shows]
            #[utoipa::path(get, path = $path, responses((status = 200, body = ApprovalLimits)))]
            pub(super) async fn rules(
                State(api): State<Arc<Api>>,
                Within(caller, ..): Within<Staff>,
            ) -> Result<Json<ApprovalLimits>, Problem> {
                let rules = api.$of.rules(&caller.tenant).await.map_err(|error| problems::table(&error))?;
                Ok(Json(ApprovalLimits::shown(rules)?))
            }

            #[doc = $sets]
            #[utoipa::path(put, path = $path, request_body = ApprovalLimits, responses((status = 200, body = ApprovalLimits)))]
            pub(super) async fn set_rules(
                State(api): State<Arc<Api>>,
                Allowed(caller, _): Allowed<Admins>,
                Json(new): Json<ApprovalLimits>,
            ) -> Result<Json<ApprovalLimits>, Problem> {
                let rules = new.checked()?;
                api.$of.set_rules(&caller.tenant, rules).await.map_err(|error| problems::table(&error))?;
                Ok(Json(new))
            }
        }
    };
}

rules!(
    adjustments,
    "/inventory/v1/adjustment-rules",
    "Above what adjustments need a second person.",
    "Sets above what adjustments need a second person from now on. What waits goes on waiting."
);
rules!(
    counts,
    "/inventory/v1/count-rules",
    "Above what counts need somebody who did not count.",
    "Sets above what counts need somebody who did not count, from now on: units and value that all items of a count are off, up and \
     down. What waits goes on waiting."
);
