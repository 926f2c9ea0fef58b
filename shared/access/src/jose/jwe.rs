//! Encryption: who may read a token. It says nothing of who made it, which is why what is inside is signed.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::json;

use super::{Header, JoseError, decode, encode, parts};

/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

/// A key both sides share, and its id. `Debug` is left out on purpose.
pub(crate) struct EncryptionKey {
    kid: String,
    key: LessSafeKey,
    random: SystemRandom,
}

impl EncryptionKey {
    /// From 32 bytes.
    pub(crate) fn new(kid: &str, key: &[u8]) -> Option<Self> {
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
        Some(Self { kid: kid.to_owned(), key, random: SystemRandom::new() })
    }

    /// A JWS inside a JWE; `None` when the system gives no random bytes.
    pub(crate) fn seal(&self, signed: &str) -> Option<String> {
        let mut iv = [0; NONCE_LEN];
        self.random.fill(&mut iv).ok()?;
        let header = encode(json!({ "alg": "dir", "enc": "A256GCM", "kid": self.kid, "cty": "JWT" }).to_string());
        let mut text = signed.as_bytes().to_vec();
        let nonce = Nonce::assume_unique_for_key(iv);
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(header.as_bytes()), &mut text).ok()?;
        Some(format!("{header}..{}.{}.{}", encode(iv), encode(text), encode(tag)))
    }

    /// The JWS inside a JWE that was made with one of these keys.
    pub(crate) fn open<'a>(keys: impl IntoIterator<Item = &'a Self>, token: &str) -> Result<String, JoseError> {
        let [head, wrapped, iv, text, tag] = parts::<5>(token)?;
        let header = Header::decode(head)?;
        if header.cty.as_deref() != Some("JWT") || header.typ.is_some() {
            return Err(JoseError::Header);
        }
        let kid = header.kid.ok_or(JoseError::Header)?;
        let key = keys.into_iter().find(|key| key.kid == kid).ok_or(JoseError::UnknownKey)?;
        if header.alg != "dir" || header.enc.as_deref() != Some("A256GCM") {
            return Err(JoseError::Algorithm);
        }
        if !wrapped.is_empty() {
            return Err(JoseError::Malformed);
        }
        let signed = key.decrypt(head.as_bytes(), &decode(iv)?, decode(text)?, &decode(tag)?)?;
        String::from_utf8(signed).map_err(|_| JoseError::Malformed)
    }

    /// AES-256-GCM as RFC 7518, section 5.3 has it: an IV of 96 bits, a tag of 128, no other length of either.
    pub(super) fn decrypt(&self, aad: &[u8], iv: &[u8], text: Vec<u8>, tag: &[u8]) -> Result<Vec<u8>, JoseError> {
        let iv: [u8; NONCE_LEN] = iv.try_into().map_err(|_| JoseError::Malformed)?;
        let tag: [u8; TAG_BYTES] = tag.try_into().map_err(|_| JoseError::Malformed)?;
        let mut buffer = text;
        let length = buffer.len();
        buffer.extend_from_slice(&tag);
        let nonce = Nonce::assume_unique_for_key(iv);
        self.key.open_in_place(nonce, Aad::from(aad), &mut buffer).map_err(|_| JoseError::Forged)?;
        buffer.truncate(length);
        Ok(buffer)
    }
}
