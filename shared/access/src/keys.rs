//! The keys tokens are made and read with: one secret, several keys, each with the moment it is used from.
//!
//! A key is published a day before it is used, so that nobody meets a token whose key they cannot have seen; it is accepted
//! until the longest token made with it is over. Both follow from the moments in the secret alone, so every function
//! agrees on them. `rotated` says what the secret should be next; who writes it is `cron-access-keys`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::{Clock, Timestamp};
use ring::digest::{Digest, SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use web::BoxError;
use web::secret::Secret;

use crate::jose::{EncryptionKey, JoseError, KEY_BYTES, SigningKey, VerifyingKey};
use crate::token::ACCESS;

/// No token lives longer, in seconds.
pub(crate) const LONGEST_TOKEN: i64 = 3600;
/// How long functions may go on with an old copy of the secret, and by how much clocks may differ, in seconds.
const SLACK: i64 = 900;
/// From publication to first use, in seconds.
const AHEAD: i64 = 24 * 3600;
/// A key is used for this long, in seconds: at 100 tokens a second that is 2^28 of them, of the 2^32 random IVs after
/// which NIST SP 800-38D wants another key.
const USED_FOR: i64 = 30 * 24 * 3600;
/// A token whose key is unknown makes the secret be read again, at most this often.
const REFETCH_AT_MOST_EVERY: Duration = Duration::from_secs(60);

/// Tokens a function instance remembers having opened.
const MAX_OPENED: usize = 100;

/// The secret's text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    signing: Vec<StoredKey>,
    encryption: Vec<StoredKey>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    kid: String,
    /// base64url: PKCS #8 of a P-256 key, or 32 bytes.
    key: String,
    /// Epoch seconds of first use.
    from: i64,
}

/// The secret holds no usable keys. It never says what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret is no set of keys with one in use; has cron-access-keys run?")]
pub struct InvalidKeys;

/// The system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandomness;

struct Dated<K> {
    from: i64,
    key: K,
}

/// Keys as they are used. `Debug` is left out on purpose.
pub(crate) struct KeySet {
    signing: Vec<Dated<(SigningKey, VerifyingKey)>>,
    encryption: Vec<Dated<EncryptionKey>>,
    /// The latest access tokens these keys have opened, by their SHA-256, and what they say.
    opened: Mutex<VecDeque<(Digest, Vec<u8>)>>,
}

impl KeySet {
    fn parse(json: &SecretString) -> Result<Self, InvalidKeys> {
        let stored: Stored = serde_json::from_str(json.expose_secret()).map_err(|_| InvalidKeys)?;
        let signing = dated(&stored.signing, |kid, bytes| {
            let key = SigningKey::from_pkcs8(kid, bytes)?;
            let verifying = key.verifying();
            Some((key, verifying))
        })?;
        Ok(Self { signing, encryption: dated(&stored.encryption, EncryptionKey::new)?, opened: Mutex::default() })
    }

    /// What a nested access token says, which is opened once: its signature is three quarters of a million instructions,
    /// and the same token comes with every call of its hour. Remembered with the keys, it is forgotten when the secret
    /// changes; whether its time is over is for the caller to look at, each time.
    pub(crate) fn access_payload(&self, token: &str, now: Timestamp) -> Result<Vec<u8>, JoseError> {
        let digest = digest(&SHA256, token.as_bytes());
        let opened = || self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, payload)) = opened().iter().find(|(known, _)| known.as_ref() == digest.as_ref()) {
            return Ok(payload.clone());
        }
        let signed = EncryptionKey::open(self.decrypting(now), token)?;
        let payload = VerifyingKey::verify(self.verifying(now), Some(ACCESS), &signed)?;
        let mut opened = opened();
        if opened.len() >= MAX_OPENED {
            opened.pop_front();
        }
        opened.push_back((digest, payload.clone()));
        Ok(payload)
    }

    /// What is signed with now.
    pub(crate) fn signing(&self, now: Timestamp) -> Result<&SigningKey, InvalidKeys> {
        in_use(&self.signing, now).map(|(key, _)| key)
    }

    /// What is encrypted with now.
    pub(crate) fn encryption(&self, now: Timestamp) -> Result<&EncryptionKey, InvalidKeys> {
        in_use(&self.encryption, now)
    }

    /// What signatures are accepted of now, those of keys that are only published included.
    pub(crate) fn verifying(&self, now: Timestamp) -> impl Iterator<Item = &VerifyingKey> {
        accepted(&self.signing, now).map(|(_, key)| key)
    }

    /// What may have been encrypted with.
    pub(crate) fn decrypting(&self, now: Timestamp) -> impl Iterator<Item = &EncryptionKey> {
        accepted(&self.encryption, now)
    }

    /// The JWK set (RFC 7517) others read signatures with.
    pub(crate) fn published(&self, now: Timestamp) -> Value {
        json!({ "keys": self.verifying(now).map(VerifyingKey::to_jwk).collect::<Vec<_>>() })
    }
}

fn dated<K>(stored: &[StoredKey], key: impl Fn(&str, &[u8]) -> Option<K>) -> Result<Vec<Dated<K>>, InvalidKeys> {
    let one = |stored: &StoredKey| {
        let bytes = URL_SAFE_NO_PAD.decode(&stored.key).ok()?;
        Some(Dated { from: stored.from, key: key(&stored.kid, &bytes)? })
    };
    let mut keys = stored.iter().map(one).collect::<Option<Vec<_>>>().ok_or(InvalidKeys)?;
    keys.sort_by_key(|key| key.from);
    Ok(keys)
}

/// The newest key whose time has come.
fn in_use<K>(keys: &[Dated<K>], now: Timestamp) -> Result<&K, InvalidKeys> {
    keys.iter().rev().find(|key| key.from <= now.as_second()).map(|dated| &dated.key).ok_or(InvalidKeys)
}

/// Keys that no successor has replaced for so long that every token made with them is over.
fn accepted<K>(keys: &[Dated<K>], now: Timestamp) -> impl Iterator<Item = &K> {
    let replaced = |place: usize| keys.get(place + 1).map(|next| next.from);
    keys.iter()
        .enumerate()
        .filter(move |(place, _)| replaced(*place).is_none_or(|at| !is_over(at, now)))
        .map(|(_, dated)| &dated.key)
}

fn is_over(replaced_at: i64, now: Timestamp) -> bool {
    now.as_second() >= replaced_at.saturating_add(LONGEST_TOKEN + SLACK)
}

/// What the secret should be: a fresh set when it is none yet (as it is deployed), a new key when the newest is old
/// enough, without keys that are over; `None` when it is right as it is. Run twice it does nothing the second time.
pub fn rotated(json: &SecretString, now: Timestamp) -> Result<Option<SecretString>, NoRandomness> {
    let seconds = now.as_second();
    let pkcs8 = || SigningKey::generate().ok_or(NoRandomness);
    let stored = serde_json::from_str(json.expose_secret()).ok().filter(|_| KeySet::parse(json).is_ok());
    let next = match stored {
        None => Stored {
            signing: vec![stored_key(&pkcs8()?, seconds)?],
            encryption: vec![stored_key(&random::<KEY_BYTES>()?, seconds)?],
        },
        Some(Stored { mut signing, mut encryption }) => {
            let mut changed = drop_over(&mut signing, now) | drop_over(&mut encryption, now);
            if is_due(&signing, seconds) {
                signing.push(stored_key(&pkcs8()?, seconds + AHEAD)?);
                changed = true;
            }
            if is_due(&encryption, seconds) {
                encryption.push(stored_key(&random::<KEY_BYTES>()?, seconds + AHEAD)?);
                changed = true;
            }
            if !changed {
                return Ok(None);
            }
            Stored { signing, encryption }
        }
    };
    // Strings and numbers always serialise.
    Ok(Some(serde_json::to_string(&next).unwrap_or_default().into()))
}

fn is_due(keys: &[StoredKey], now: i64) -> bool {
    keys.iter().map(|key| key.from).max().is_none_or(|newest| now + AHEAD >= newest + USED_FOR)
}

/// Removes keys nobody accepts any more; whether there were any.
fn drop_over(keys: &mut Vec<StoredKey>, now: Timestamp) -> bool {
    keys.sort_by_key(|key| key.from);
    let before = keys.len();
    while keys.get(1).is_some_and(|next| is_over(next.from, now)) {
        keys.remove(0);
    }
    keys.len() < before
}

fn stored_key(key: &[u8], from: i64) -> Result<StoredKey, NoRandomness> {
    let kid = URL_SAFE_NO_PAD.encode(random::<9>()?);
    Ok(StoredKey { kid, key: URL_SAFE_NO_PAD.encode(key), from })
}

/// Bytes of the operating system's generator.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// The keys of this function instance: parsed once, and again when the secret's text has changed.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    secret: Arc<dyn Secret>,
    clock: Arc<dyn Clock>,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    parsed: Option<(SecretString, Arc<KeySet>)>,
    refetched: Option<Timestamp>,
}

impl Keyring {
    #[must_use]
    pub fn new(secret: Arc<dyn Secret>, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { secret, clock, last: Mutex::default() }))
    }

    /// The keys, as old as the secret's cache may be.
    pub(crate) async fn keys(&self) -> Result<Arc<KeySet>, BoxError> {
        let json = self.0.secret.read().await?;
        self.parsed(json)
    }

    /// The keys read afresh, because a token names one that is not there; `None` when they were within the last minute.
    pub(crate) async fn refetched(&self) -> Result<Option<Arc<KeySet>>, BoxError> {
        let now = self.0.clock.now();
        {
            let mut last = self.last();
            let recent = last.refetched.is_some_and(|at| now.duration_since(at).unsigned_abs() < REFETCH_AT_MOST_EVERY);
            if recent {
                return Ok(None);
            }
            last.refetched = Some(now);
        }
        let json = self.0.secret.refresh().await?;
        self.parsed(json).map(Some)
    }

    /// The document at `jwks_uri`.
    pub async fn jwks(&self) -> Result<Value, BoxError> {
        Ok(self.keys().await?.published(self.0.clock.now()))
    }

    fn parsed(&self, json: SecretString) -> Result<Arc<KeySet>, BoxError> {
        let mut last = self.last();
        if let Some((text, keys)) = &last.parsed
            && text.expose_secret() == json.expose_secret()
        {
            return Ok(Arc::clone(keys));
        }
        let keys = Arc::new(KeySet::parse(&json)?);
        last.parsed = Some((json, Arc::clone(&keys)));
        Ok(keys)
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Last> {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
