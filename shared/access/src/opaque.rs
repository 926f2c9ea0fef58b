//! Secrets that are random texts: codes, states, cookies, refresh tokens, client secrets. 256 bits of the system's
//! generator; of what is kept only a hash is stored, which needs no salt and no cost, because nobody guesses 256 bits.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::hmac;
use subtle::ConstantTimeEq;

use crate::keys::{NoRandomness, random};

/// Characters of a secret.
pub(crate) const LENGTH: usize = 43;

/// A new secret: 256 bits as base64url.
pub(crate) fn secret() -> Result<String, NoRandomness> {
    Ok(URL_SAFE_NO_PAD.encode(random::<32>()?))
}

/// What is kept of it; also PKCE's S256 (RFC 7636, section 4.2).
pub(crate) fn hash(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, secret.as_bytes()))
}

/// Whether this is the secret of which `kept` is the hash; takes as long either way.
pub(crate) fn is_of(secret: &str, kept: &str) -> bool {
    hash(secret).as_bytes().ct_eq(kept.as_bytes()).into()
}

/// `next`, readable only to somebody who has `secret`: a pad that depends on the secret alone and is used once. Applied
/// twice it gives `next` back. `None` when `next` is no secret.
pub(crate) fn covered(secret: &str, next: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(next).ok().filter(|bytes| bytes.len() == 32)?;
    let pad = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), b"successor");
    let mixed: Vec<u8> = bytes.iter().zip(pad.as_ref()).map(|(byte, pad)| byte ^ pad).collect();
    Some(URL_SAFE_NO_PAD.encode(mixed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7636_appendix_b_is_reproduced() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(hash(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(is_of(verifier, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
        assert!(!is_of("another", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
    }

    #[test]
    fn secrets_differ_and_have_one_length() {
        let [one, two] = [secret().unwrap(), secret().unwrap()];
        assert_ne!(one, two);
        assert_eq!(one.len(), LENGTH);
    }

    #[test]
    fn a_successor_is_uncovered_by_the_right_secret_only() {
        let [old, other, next] = [secret().unwrap(), secret().unwrap(), secret().unwrap()];
        let kept = covered(&old, &next).unwrap();
        assert_ne!(kept, next);
        assert_eq!(covered(&old, &kept), Some(next.clone()));
        assert_ne!(covered(&other, &kept), Some(next));
        assert_eq!(covered(&old, "short"), None);
    }
}
