//! `cron-access-keys`: keeps the keys tokens are made with fresh.
//!
//! Run by the clock every day, and once by hand after the first deployment, when the secret holds no keys yet. Running it
//! twice, or twice at once, makes one key.

use std::sync::Arc;

use async_trait::async_trait;
use kernel::Timestamp;
use web::BoxError;
use web::secret::SecretStore;

/// Replaces the secret when it is due.
pub struct RotateKeys {
    pub(crate) secret: Arc<dyn SecretStore>,
}

#[async_trait]
impl runtime::Job for RotateKeys {
    async fn run(&self, time: Timestamp) -> Result<(), BoxError> {
        let (there, version) = self.secret.read().await?;
        let Some(next) = access::rotated(&there, time)? else { return Ok(()) };
        if self.secret.replace(&next, &version).await? {
            tracing::info!("the keys of tokens were rotated");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use runtime::Job as _;
    use secrecy::{ExposeSecret, SecretString};

    use super::*;

    /// A secret whose versions are numbers.
    struct Stored(Mutex<(String, u32)>);

    #[async_trait]
    impl SecretStore for Stored {
        async fn read(&self) -> Result<(SecretString, String), BoxError> {
            let (value, version) = self.0.lock().unwrap().clone();
            Ok((value.into(), version.to_string()))
        }

        async fn put(&self, value: &SecretString) -> Result<(), BoxError> {
            *self.0.lock().unwrap() = (value.expose_secret().to_owned(), 1);
            Ok(())
        }

        async fn replace(&self, value: &SecretString, seen: &str) -> Result<bool, BoxError> {
            let mut stored = self.0.lock().unwrap();
            let is_seen = stored.1.to_string() == seen;
            if is_seen {
                *stored = (value.expose_secret().to_owned(), stored.1 + 1);
            }
            Ok(is_seen)
        }
    }

    #[tokio::test]
    async fn keys_are_made_once_and_then_only_when_they_are_due() {
        let secret = Arc::new(Stored(Mutex::new(("as deployed".into(), 1))));
        let job = RotateKeys { secret: secret.clone() };
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for (day, version) in [(0, 2), (0, 2), (28, 2), (29, 3), (30, 3), (31, 4)] {
            let time = Timestamp::from_second(start.as_second() + day * 24 * 3600 + 1).unwrap();
            job.run(time).await.unwrap();
            assert_eq!(secret.0.lock().unwrap().1, version, "day {day}");
        }
    }
}
