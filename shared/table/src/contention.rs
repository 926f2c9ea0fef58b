//! Read, decide, write under the versions that were read; when others were first, wait a moment and begin again.

use std::time::Duration;

use kernel::Backoff;

use crate::{TableError, Transaction, TransactionError};

/// Writers of the same item are serialised by its version. The loser begins again, this often. The waits grow until even
/// a crowd is spread so thin that most find nobody else between their read and their write; all together they end well
/// before a function's time does.
const CONTENTION: Backoff = Backoff::exponential(Duration::from_millis(20), Duration::from_secs(2), 10);

/// Others were first more often than we were willing to begin again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many others are writing the same item")]
pub struct Contended;

/// Counts how often others were first.
#[derive(Debug, Default)]
pub struct Attempts(u32);

impl Attempts {
    /// Waits before the next attempt, or says that there was contention enough.
    pub async fn lost(&mut self) -> Result<(), Contended> {
        self.0 += 1;
        let wait = CONTENTION.delay(self.0, &mut fastrand::Rng::new()).ok_or(Contended)?;
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// Makes attempts until one is written: an attempt gives `None` when others were first.
pub async fn until_written<T, E, F>(mut attempt: impl FnMut() -> F) -> Result<T, E>
where
    E: From<Contended>,
    F: Future<Output = Result<Option<T>, E>>,
{
    let mut attempts = Attempts::default();
    loop {
        if let Some(written) = attempt().await? {
            return Ok(written);
        }
        attempts.lost().await?;
    }
}

impl Transaction {
    /// Commits; `false` when what was read is not how things are any more.
    pub async fn commit_if_current(self) -> Result<bool, TableError> {
        match self.commit().await {
            Ok(()) => Ok(true),
            Err(
                TransactionError::Conditions(_)
                | TransactionError::TokenReused
                | TransactionError::Table(TableError::Conflict(_)),
            ) => Ok(false),
            Err(TransactionError::Table(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn attempts_go_on_until_one_is_written() {
        let mut made = 0;
        let written: Result<u32, Contended> = until_written(|| {
            made += 1;
            let written = (made == 4).then_some(made);
            async move { Ok(written) }
        })
        .await;
        assert_eq!(written, Ok(4));
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_an_end_to_attempts_within_seconds() {
        let start = tokio::time::Instant::now();
        let never: Result<(), Contended> = until_written(|| async { Ok(None) }).await;
        assert_eq!(never, Err(Contended));
        assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
    }
}
