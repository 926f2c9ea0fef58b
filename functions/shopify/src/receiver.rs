//! `POST /shopify/v1/webhooks`: who sent it is proved first, then it is stored; everything else happens afterwards.
//!
//! A delivery's document has an id made of the delivery's own, so a repetition, at whatever time, finds it stored. On any doubt the
//! answer is 401 and nothing more: whoever sends in good faith is a store, and knows nothing to do about the reason.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use documents::Documents;
use http::{HeaderMap, StatusCode};
use kernel::TenantId;
use shopify::inbound::{self, StoreError};
use shopify::stores::Stores;
use shopify::webhook::{Delivery, Refused, Verified, verify};
use web::secret::{Rotating, Secret};
use web::{BoxError, Problem, Raw, RequestMeta};

/// More than the largest body a store sends, in bytes. What an item does not hold of it goes to the bucket.
const MAX_BODY: usize = 4 << 20;

#[derive(utoipa::OpenApi)]
#[openapi(paths(receive))]
pub(crate) struct Doc;

/// What the route works with.
pub struct Receiver {
    tenant: TenantId,
    secret: Arc<dyn Secret>,
    documents: Documents,
    stores: Stores,
}

impl Receiver {
    /// `secret` is what stores sign with, current and previous.
    #[must_use]
    pub fn new(tenant: TenantId, secret: Arc<dyn Secret>, documents: Documents, stores: Stores) -> Self {
        Self { tenant, secret, documents, stores }
    }

    async fn verified(
        &self,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Result<Verified<Delivery>, Refused>, BoxError> {
        let secret = Rotating::parse(&self.secret.read().await?)?;
        let first = verify(&secret, headers, body.clone());
        if first != Err(Refused::Forged) {
            return Ok(first);
        }
        // Perhaps signed with a secret that is newer than what we remember.
        let secret = Rotating::parse(&self.secret.refresh().await?)?;
        Ok(verify(&secret, headers, body))
    }
}

/// The route.
pub fn router(receiver: Arc<Receiver>) -> Router {
    Router::new().route("/shopify/v1/webhooks", post(receive)).with_state(receiver)
}

fn doubt(why: &dyn std::fmt::Display) -> Problem {
    tracing::warn!(target: "metric", webhooks_refused = 1_u64);
    tracing::warn!(%why, "a delivery was refused");
    Problem::unauthenticated()
}

/// Takes a delivery of a store.
#[utoipa::path(post, path = "/shopify/v1/webhooks", request_body = Vec<u8>, security(()),
    responses((status = 200, description = "stored, now or before"), (status = 401, description = "on any doubt"),
        (status = 413, description = "`body_too_large`: no store sends so much")))]
async fn receive(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    meta: RequestMeta,
    Raw(body): Raw<MAX_BODY>,
) -> Result<StatusCode, Problem> {
    let verified = receiver.verified(&headers, body).await.map_err(|error| Problem::unavailable(&*error))?;
    let delivery = verified.map_err(|refused| doubt(&refused))?;
    let Receiver { tenant, documents, stores, .. } = &*receiver;
    match inbound::receive(documents, stores, tenant, delivery, &meta.context()).await {
        Ok(new) => {
            tracing::info!(target: "metric", webhooks_taken = u64::from(new), webhooks_repeated = u64::from(!new));
            Ok(StatusCode::OK)
        }
        Err(error @ (StoreError::UnknownStore | StoreError::Altered | StoreError::NotJson)) => Err(doubt(&error)),
        Err(StoreError::Table(error)) if error.is_retryable() => Err(Problem::unavailable(&error)),
        Err(StoreError::Table(error)) => Err(Problem::internal(&error)),
    }
}
