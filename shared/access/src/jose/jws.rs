//! Signatures: who made a token.

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::{Value, json};

use super::{Header, JoseError, decode, encode, parts};

/// Bytes of a P-256 point, uncompressed: 4, x, y.
const POINT: usize = 65;

/// A P-256 key pair and its id. `Debug` is left out on purpose.
pub(crate) struct SigningKey {
    kid: String,
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl SigningKey {
    /// From PKCS #8, as [`SigningKey::generate`] makes it.
    pub(crate) fn from_pkcs8(kid: &str, pkcs8: &[u8]) -> Option<Self> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random).ok()?;
        Some(Self { kid: kid.to_owned(), pair, random })
    }

    /// A new key, as PKCS #8; `None` when the system gives no random bytes.
    pub(crate) fn generate() -> Option<Vec<u8>> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).ok()?;
        Some(pkcs8.as_ref().to_vec())
    }

    pub(crate) fn verifying(&self) -> VerifyingKey {
        let point = self.pair.public_key().as_ref().to_vec();
        VerifyingKey { kid: self.kid.clone(), public: Public::P256(point) }
    }

    /// The payload as a JWS of this type; `None` when the system gives no random bytes.
    pub(crate) fn sign(&self, typ: &str, payload: &[u8]) -> Option<String> {
        let header = json!({ "alg": "ES256", "kid": self.kid, "typ": typ }).to_string();
        let mut token = format!("{}.{}", encode(header), encode(payload));
        let signature = self.pair.sign(&self.random, token.as_bytes()).ok()?;
        token.push('.');
        token.push_str(&encode(signature));
        Some(token)
    }
}

/// What a signature is checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VerifyingKey {
    kid: String,
    public: Public,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Public {
    P256(Vec<u8>),
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
}

impl VerifyingKey {
    /// A key of a JWK set (RFC 7517) that is meant for signatures this profile knows; `None` for any other.
    pub(crate) fn from_jwk(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk.get(name)?.as_str();
        if text("use").is_some_and(|used| used != "sig") {
            return None;
        }
        let bytes = |name: &str| decode(text(name)?).ok();
        let public = match (text("kty")?, text("alg")) {
            ("EC", None | Some("ES256")) if text("crv")? == "P-256" => {
                let point = [vec![4], bytes("x")?, bytes("y")?].concat();
                (point.len() == POINT).then_some(Public::P256(point))?
            }
            ("RSA", None | Some("RS256")) => Public::Rsa { modulus: bytes("n")?, exponent: bytes("e")? },
            _ => return None,
        };
        Some(Self { kid: text("kid")?.to_owned(), public })
    }

    /// The key as others read it.
    pub(crate) fn to_jwk(&self) -> Value {
        match &self.public {
            Public::P256(point) => {
                let (x, y) = point[1..].split_at((POINT - 1) / 2);
                let (x, y) = (encode(x), encode(y));
                json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid, "x": x, "y": y })
            }
            Public::Rsa { modulus, exponent } => {
                let (n, e) = (encode(modulus), encode(exponent));
                json!({ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.kid, "n": n, "e": e })
            }
        }
    }

    fn algorithm(&self) -> &'static str {
        match self.public {
            Public::P256(_) => "ES256",
            Public::Rsa { .. } => "RS256",
        }
    }

    pub(super) fn is_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.public {
            Public::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
            Public::Rsa { modulus, exponent } => RsaPublicKeyComponents { n: modulus, e: exponent }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
        }
    }

    /// The payload of a JWS this key has signed. `typ` is what the header must say; with `None` it may say `JWT` or
    /// nothing, as tokens of other issuers do.
    pub(crate) fn verify<'a>(
        keys: impl IntoIterator<Item = &'a Self>,
        typ: Option<&str>,
        token: &str,
    ) -> Result<Vec<u8>, JoseError> {
        let [head, body, signature] = parts::<3>(token)?;
        let header = Header::decode(head)?;
        let is_typed = match (typ, header.typ.as_deref()) {
            (Some(wanted), found) => found == Some(wanted),
            (None, found) => found.is_none_or(|found| found == "JWT"),
        };
        if !is_typed || header.enc.is_some() || header.cty.is_some() {
            return Err(JoseError::Header);
        }
        let kid = header.kid.ok_or(JoseError::Header)?;
        let key = keys.into_iter().find(|key| key.kid == kid).ok_or(JoseError::UnknownKey)?;
        if header.alg != key.algorithm() {
            return Err(JoseError::Algorithm);
        }
        let signature = decode(signature)?;
        let payload = decode(body)?;
        let message = &token.as_bytes()[..head.len() + 1 + body.len()];
        if key.is_signed(message, &signature) { Ok(payload) } else { Err(JoseError::Forged) }
    }
}
