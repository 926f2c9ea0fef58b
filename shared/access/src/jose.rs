//! Signed and encrypted tokens (RFC 7515, 7516, 7519), the narrow profile this product uses and nothing beyond it.
//!
//! Compact form only. A signature is ES256, or RS256 where an identity provider made it; encryption is `dir` with A256GCM.
//! A key knows its one algorithm, so a header can only agree with it. Headers are read strictly: any member outside the
//! profile (`zip`, `crit`, `jku`, `x5u`, `jwk`, `x5c`, …) refuses the token before anything is computed. All arithmetic is
//! ring's, which the TLS stack links already; why `dir` and not a wrapped key is in docs/decisions/0040-tokens.md.
//!
//! What the claims say is none of its business (`token`), nor where keys come from (`keys`).

mod jwe;
mod jws;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

pub(crate) use jwe::{EncryptionKey, KEY_BYTES};
pub(crate) use jws::{SigningKey, VerifyingKey};

/// Longest token that is looked at.
pub(crate) const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// Longest header, once decoded: ours have about 60 bytes.
const MAX_HEADER_BYTES: usize = 512;

/// Why a token is refused. Callers outside show one answer for all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JoseError {
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    #[error("the token is not in compact form")]
    Malformed,
    #[error("the header has a member or a value outside the profile")]
    Header,
    #[error("no key has this id")]
    UnknownKey,
    #[error("the key is for another algorithm")]
    Algorithm,
    #[error("the signature or the tag is wrong")]
    Forged,
}

/// Every member a header may have. Which of them a token needs is checked where it is used.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    enc: Option<String>,
    kid: Option<String>,
    typ: Option<String>,
    cty: Option<String>,
}

impl Header {
    fn decode(part: &str) -> Result<Self, JoseError> {
        let json = decode(part)?;
        // serde would take an array for a struct.
        if json.len() > MAX_HEADER_BYTES || json.first() != Some(&b'{') {
            return Err(JoseError::Header);
        }
        serde_json::from_slice(&json).map_err(|_| JoseError::Header)
    }
}

/// base64url without padding and without stray bits, so that a token has one text only.
fn decode(part: &str) -> Result<Vec<u8>, JoseError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| JoseError::Malformed)
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The `N` parts of a token, none more and none less.
fn parts<const N: usize>(token: &str) -> Result<[&str; N], JoseError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(JoseError::TooLong);
    }
    let mut found = token.split('.');
    let mut parts = [""; N];
    for part in &mut parts {
        *part = found.next().ok_or(JoseError::Malformed)?;
    }
    if found.next().is_some() { Err(JoseError::Malformed) } else { Ok(parts) }
}

#[cfg(test)]
mod tests;
