//! Passwords: what may be one, and how one is kept and checked (argon2id, memory-hard).
//!
//! Hashing takes tens of milliseconds of CPU and 19 MiB on purpose; it runs where it is called, because a Lambda
//! serves one request at a time. It does not check passwords against lists of leaked ones.

use std::fmt;

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::password_hash::{Error as HashError, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Length of a password in characters.
pub const MIN_PASSWORD_CHARS: usize = 12;
pub const MAX_PASSWORD_CHARS: usize = 128;
/// No character has more than four bytes, and composing may not shorten every text: a bound before any work is done.
const MAX_PASSWORD_BYTES: usize = 4 * MAX_PASSWORD_CHARS;

/// Checked against when there is no such user, so that the answer takes as long: the hash of a random password that
/// nobody kept, with the cost of every other hash.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$xSTMs9GKR8Ffj1sd+ngteA$dH/k4HICHHhahXuyPnSY8d1/U+8DueWAF2hEKw5yX+o";

/// A password of an allowed length, in Unicode's composed form (NFC), so that it does not depend on the keyboard.
/// `Debug` does not show it, and its memory is wiped.
#[derive(Debug, Clone)]
pub(crate) struct Password(SecretString);

impl Password {
    /// `None` when it is too short or too long.
    pub(crate) fn new(text: &str) -> Option<Self> {
        if text.len() > MAX_PASSWORD_BYTES {
            return None;
        }
        let composed: String = text.nfc().collect();
        (MIN_PASSWORD_CHARS..=MAX_PASSWORD_CHARS).contains(&composed.chars().count()).then(|| Self(composed.into()))
    }

    fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

/// What is kept of a password: a PHC string that names algorithm, cost and salt.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PasswordHash(String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// A hash could not be made or read.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed: {0}")]
pub struct PasswordError(HashError);

/// Makes and checks hashes at one cost.
#[derive(Debug, Clone)]
pub(crate) struct Hasher {
    argon2: Argon2<'static>,
    nobody: PasswordHash,
}

impl Hasher {
    /// The cost OWASP recommends: 19 MiB, two passes, one lane.
    pub(crate) fn owasp() -> Self {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT);
        Self { argon2, nobody: PasswordHash(NOBODY.to_owned()) }
    }

    /// So cheap that a test may call it a hundred times.
    #[cfg(test)]
    pub(crate) fn cheap() -> Self {
        let params = Params::new(Params::MIN_M_COST, 1, 1, None).unwrap();
        let mut hasher = Self { argon2: params.into(), nobody: PasswordHash(String::new()) };
        hasher.nobody = hasher.hash(&Password::new("somebody's password").unwrap()).unwrap();
        hasher
    }

    pub(crate) fn hash(&self, password: &Password) -> Result<PasswordHash, PasswordError> {
        let hash: Phc = self.argon2.hash_password(password.bytes()).map_err(PasswordError)?;
        Ok(PasswordHash(hash.to_string()))
    }

    /// Whether it is the password behind `hash`; false for nobody's, after the same work. The cost is the hash's own.
    pub(crate) fn verify(&self, password: &Password, hash: Option<&PasswordHash>) -> Result<bool, PasswordError> {
        let known = hash.is_some();
        let PasswordHash(phc) = hash.unwrap_or(&self.nobody);
        match self.argon2.verify_password(password.bytes(), phc.as_str()) {
            Ok(()) => Ok(known),
            Err(HashError::PasswordInvalid) => Ok(false),
            Err(error) => Err(PasswordError(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text).unwrap()
    }

    #[test]
    fn a_hash_is_argon2id_at_the_recommended_cost_with_its_own_salt() {
        let hasher = Hasher::owasp();
        let (one, two) = (hasher.hash(&password("correct horse")), hasher.hash(&password("correct horse")));
        let (PasswordHash(one), PasswordHash(two)) = (one.unwrap(), two.unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, two);
        assert!(NOBODY.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!(NOBODY.len(), one.len());
    }

    #[test]
    fn only_the_same_password_passes_and_nobody_never_does() {
        let hasher = Hasher::owasp();
        let hash = hasher.hash(&password("correct horse")).unwrap();
        assert!(hasher.verify(&password("correct horse"), Some(&hash)).unwrap());
        assert!(!hasher.verify(&password("correct horsf"), Some(&hash)).unwrap());
        assert!(!hasher.verify(&password("correct horse"), None).unwrap());
        let cheap = Hasher::cheap();
        assert!(!cheap.verify(&password("somebody's password"), None).unwrap());
    }

    #[test]
    fn a_hash_that_cannot_be_read_is_an_error_and_not_a_wrong_password() {
        let broken = PasswordHash("no hash at all".to_owned());
        assert!(Hasher::cheap().verify(&password("correct horse"), Some(&broken)).is_err());
    }

    #[test]
    fn length_is_counted_in_composed_characters() {
        assert!(Password::new(&"x".repeat(11)).is_none());
        assert!(Password::new(&"é".repeat(12)).is_some());
        assert!(Password::new(&"e\u{301}".repeat(11)).is_none());
        assert!(Password::new(&"e\u{301}".repeat(128)).is_some());
        assert!(Password::new(&"🔑".repeat(128)).is_some());
        assert!(Password::new(&"x".repeat(129)).is_none());
    }

    #[test]
    fn a_password_typed_with_combining_accents_is_the_same_password() {
        let hasher = Hasher::cheap();
        let hash = hasher.hash(&password("les élèves ici")).unwrap();
        assert!(hasher.verify(&password("les e\u{301}le\u{300}ves ici"), Some(&hash)).unwrap());
    }

    #[test]
    fn debug_shows_neither_password_nor_hash() {
        let hasher = Hasher::cheap();
        let hash = hasher.hash(&password("correct horse")).unwrap();
        let shown = format!("{:?} {hash:?}", password("correct horse"));
        assert!(!shown.contains("horse") && !shown.contains("argon2"), "{shown}");
    }
}
