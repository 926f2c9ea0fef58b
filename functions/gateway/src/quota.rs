//! How often a consumer may ask.

use access::Limit;
use gateway::{Class, Limits, Uncounted};
use http::{HeaderMap, HeaderValue};
use web::Problem;

use crate::Gateway;

impl Gateway {
    /// Counts a request, for the consumer and for the tenant, or refuses it uncounted.
    pub(crate) async fn count(&self, class: Class, consumer: &str, told: &mut HeaderMap) -> Result<(), Problem> {
        let Limits { consumer: most, tenant, uncounted } = class.limits();
        let limits = [
            Limit { class: class.of_consumer(), subject: consumer, most },
            Limit { class: class.of_tenant(), subject: "", most: tenant },
        ];
        let quota = match (self.limiter.take(&limits).await, uncounted) {
            (Ok(quota), _) => quota,
            (Err(error), Uncounted::Serve) => {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::warn!(error, consumer, "a request is served uncounted");
                return Ok(());
            }
            (Err(error), Uncounted::Refuse) => return Err(Problem::unavailable(&error)),
        };
        told.extend(quota.fields().map(|(name, value)| (name, HeaderValue::from(value))));
        if quota.is_admitted { Ok(()) } else { Err(Problem::rate_limited(quota.reset)) }
    }
}
