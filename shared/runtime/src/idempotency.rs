//! The idempotency layer's answers, kept in the function's table.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::Clock;
use table::Table;
use table::idempotency::{Begun, Idempotency, IdempotencyError, PayloadHash, RequestKey, Ticket};
use web::BoxError;
use web::idempotency::{Answer, Claim, Claimed, Held, IdempotencyStore};

/// How long a repetition gets the first answer.
const RETENTION: Duration = Duration::from_secs(3600);
/// After this a request still running counts as crashed: the gateway gives up after 30 s.
const RUNS_AT_MOST: Duration = Duration::from_secs(30);

/// `web`'s port over `table`'s records.
struct Records(Idempotency);

/// Answers kept in this table, for `web::idempotency::Idempotency`.
#[must_use]
pub fn idempotency(table: Table, clock: Arc<dyn Clock>) -> Arc<dyn IdempotencyStore> {
    Arc::new(Records(Idempotency::new(table, clock, RETENTION)))
}

#[async_trait]
impl IdempotencyStore for Records {
    async fn claim(&self, claim: &Claim) -> Result<Claimed, BoxError> {
        let key = URL_SAFE_NO_PAD.encode(claim.key);
        let request = RequestKey { scope: &["http"], key: &key };
        let begun = self.0.begin(&claim.tenant, request, PayloadHash::of(&claim.fingerprint), RUNS_AT_MOST).await;
        match begun {
            Ok(Begun::First(ticket)) => Ok(Claimed::Fresh(Box::new(Taken { records: self.0.clone(), ticket }))),
            Ok(Begun::Again(answer)) => Ok(Claimed::Done(answer)),
            Err(IdempotencyError::InProgress | IdempotencyError::Lost) => Ok(Claimed::Running),
            Err(IdempotencyError::PayloadMismatch) => Ok(Claimed::Reused),
            Err(IdempotencyError::Table(error)) => Err(error.into()),
        }
    }
}

struct Taken {
    records: Idempotency,
    ticket: Ticket,
}

#[async_trait]
impl Held for Taken {
    async fn complete(self: Box<Self>, answer: &Answer) -> Result<(), BoxError> {
        Ok(self.records.complete(self.ticket, answer).await?)
    }

    async fn release(self: Box<Self>) -> Result<(), BoxError> {
        Ok(self.records.abandon(self.ticket).await?)
    }
}

#[cfg(test)]
mod tests {
    use kernel::ManualClock;
    use testkit::LocalDynamo;

    use super::*;

    fn claim(fingerprint: u8) -> Claim {
        Claim { tenant: "acme.test".parse().unwrap(), key: [7; 32], fingerprint: [fingerprint; 32] }
    }

    #[tokio::test]
    async fn a_claim_runs_once_and_is_answered_alike_until_it_expires() {
        let dynamo = LocalDynamo::new();
        dynamo.create_table("crossdock");
        let clock = Arc::new(ManualClock::new("2026-01-01T00:00:00Z".parse().unwrap()));
        let store = idempotency(Table::new(dynamo.client(), "crossdock"), clock.clone());

        let Claimed::Fresh(held) = store.claim(&claim(1)).await.unwrap() else { panic!("not fresh") };
        assert!(matches!(store.claim(&claim(1)).await.unwrap(), Claimed::Running));
        held.release().await.unwrap();
        let Claimed::Fresh(held) = store.claim(&claim(1)).await.unwrap() else { panic!("not fresh again") };
        let answer =
            Answer { status: 201, headers: vec![("etag".to_owned(), "\"1\"".to_owned())], body: "{}".to_owned() };
        held.complete(&answer).await.unwrap();

        let Claimed::Done(again) = store.claim(&claim(1)).await.unwrap() else { panic!("not done") };
        assert_eq!(again, answer);
        assert!(matches!(store.claim(&claim(2)).await.unwrap(), Claimed::Reused));
        clock.advance(RETENTION);
        assert!(matches!(store.claim(&claim(2)).await.unwrap(), Claimed::Fresh(_)));
    }
}
