//! One call to a store: let through by the circuit of its entity, within the bucket all workers share, with the store's token, its
//! cost booked, its end classified.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use documents::{Class, Outcome, Report};
use http::Request;
use kernel::{Clock, TenantId, Timestamp};
use table::TableError;
use web::transport::Transport;

use crate::Shop;
use crate::answer::Answer;
use crate::breaker::store::Circuits;
use crate::breaker::{AROUND, Circuit, Event, Route};
use crate::calls::{Sent, Store};
use crate::limiter::Admission;
use crate::limiter::store::Limiter;
use crate::platform::kind;
use crate::tokens::Tokens;

/// How long a store may take. The bulk of calls take less than a second; below the functions' timeout with all the rest.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The same for a file of some megabytes.
const CARRY: Duration = Duration::from_secs(60);

/// Where a call goes, and for what.
#[derive(Debug, Clone, Copy)]
pub struct To<'a> {
    pub tenant: &'a TenantId,
    pub shop: &'a Shop,
    /// Whose circuit it is: `product`.
    pub entity: &'a str,
}

/// Calls stores.
pub struct Client {
    transport: Arc<dyn Transport>,
    limiter: Limiter,
    circuits: Circuits,
    tokens: Tokens,
    clock: Arc<dyn Clock>,
    /// With `{shop}` where the store's name goes: `https://{shop}`.
    base_url: String,
}

impl Client {
    #[must_use]
    pub fn new(
        transport: Arc<dyn Transport>,
        limiter: Limiter,
        circuits: Circuits,
        tokens: Tokens,
        clock: Arc<dyn Clock>,
        base_url: String,
    ) -> Self {
        Self { transport, limiter, circuits, tokens, clock, base_url }
    }

    /// Makes a call of so many points. `build` and `read` are those of a module of [`crate::calls`].
    ///
    /// # Errors
    /// How it ended instead. When the token was refused, there is a new one already: the next call has it.
    pub async fn call<T>(
        &self,
        to: To<'_>,
        points: u32,
        build: impl FnOnce(&Store) -> Result<Request<Bytes>, http::Error>,
        read: impl FnOnce(Sent, Timestamp) -> Answer<T>,
    ) -> Result<T, Report> {
        let To { tenant, shop, entity } = to;
        let base_url = self.base_url.replace("{shop}", shop.as_str());
        let token = self.tokens.current(tenant, shop, &base_url).await?;
        if self.circuits.route(tenant, shop, entity).await.map_err(|error| unstored(&error))? == Route::Around {
            return Err(around(entity));
        }
        self.admitted(tenant, shop, points).await?;
        let store = Store { base_url, token };
        let request = build(&store).map_err(|error| {
            Report::new(Outcome::Rejected { code: "UNSENDABLE".to_owned(), field: None }, error.to_string())
        })?;
        let answer = read(self.transport.send(request, TIMEOUT).await, self.clock.now());
        self.limiter.settle(tenant, shop, points, answer.cost);
        let event = match &answer.result {
            Ok(_) => Some(Event::Answered),
            Err(report) => Event::of(&report.outcome, &[]),
        };
        let circuit = match event {
            Some(event) => self.report(to, event).await?,
            None => Circuit::CLOSED,
        };
        if let Some(version) = answer.other_version {
            tracing::warn!(%shop, version, "our version of the API has expired");
        }
        if let Err(report) = &answer.result
            && report.outcome.class() == Class::AuthExpired
        {
            self.tokens.renew(tenant, shop, &store.base_url, &store.token).await?;
        }
        match (answer.result, event, circuit) {
            // It goes the way of those that come next. Tried again by itself it could be the probe each time, and would
            // wait longer after each.
            (Err(report), Some(Event::Failed), Circuit::Open { .. }) if entity == kind::PRODUCT => {
                Err(Report { detail: report.detail, ..around(entity) })
            }
            (result, ..) => result,
        }
    }

    /// Sends what is no call of a store's API: a file to where it said, or for a part of one. No token goes along.
    pub(crate) async fn carry(&self, request: Request<Bytes>) -> Sent {
        self.transport.send(request, CARRY).await
    }

    /// Tells the circuit of what an answer says beyond its outcome. The circuit afterwards.
    ///
    /// # Errors
    /// The table's.
    pub async fn report(&self, to: To<'_>, event: Event) -> Result<Circuit, Report> {
        let recorded = self.circuits.record(to.tenant, to.shop, to.entity, event).await;
        recorded.map_err(|error| unstored(&error))
    }

    async fn admitted(&self, tenant: &TenantId, shop: &Shop, points: u32) -> Result<(), Report> {
        let later = |wait| Outcome::Throttled { until: self.clock.now().checked_add(wait).ok() };
        match self.limiter.admit(tenant, shop, points).await {
            Ok(Admission::Granted(wait)) => {
                if !wait.is_zero() {
                    tokio::time::sleep(wait).await;
                }
                Ok(())
            }
            Ok(Admission::Wait(wait)) => Err(Report::new(later(wait), "the store's bucket is empty")),
            Ok(Admission::Never) => {
                let outcome = Outcome::Rejected { code: "MAX_COST_EXCEEDED".to_owned(), field: None };
                Err(Report::new(outcome, format!("{points} points are more than the store's bucket holds")))
            }
            // Others were faster again and again: that is the bucket's doing, not the document's.
            Err(TableError::ConditionFailed { .. }) => {
                Err(Report::new(later(Duration::from_secs(1)), "too many workers ask for the bucket at once"))
            }
            Err(error) => Err(unstored(&error)),
        }
    }
}

/// Products go by the bulk API ([`crate::flows::fallback`]), everything else later.
fn around(entity: &str) -> Report {
    let outcome = match entity {
        kind::PRODUCT => Outcome::Pending { handle: AROUND.to_owned(), check_at: None },
        _ => Outcome::Throttled { until: None },
    };
    Report::new(outcome, "the store does not take this now")
}

/// Our own table does not answer: that is nothing the store did.
pub(crate) fn unstored(error: &TableError) -> Report {
    Report::new(Outcome::Transient, error.to_string())
}
