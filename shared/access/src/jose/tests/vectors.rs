//! Vectors others have published: Wycheproof's for the three algorithms of the profile, and the cookbook of RFC 7520.
//! What is valid and within the profile is accepted, everything else is refused.

use wycheproof::{TestResult, aead, ecdsa, rsa_pkcs1_verify};

use super::*;

/// How many of a set were accepted, refused, and left to whoever implements it.
#[derive(Default)]
struct Tally {
    accepted: usize,
    refused: usize,
    free: usize,
}

impl Tally {
    fn count(&mut self, expected: TestResult, is_accepted: bool, name: &str) {
        match expected {
            TestResult::Valid => assert!(is_accepted, "{name} is valid"),
            TestResult::Invalid => assert!(!is_accepted, "{name} is invalid"),
            TestResult::Acceptable => {}
        }
        match expected {
            TestResult::Valid => self.accepted += 1,
            TestResult::Invalid => self.refused += 1,
            TestResult::Acceptable => self.free += 1,
        }
    }
}

#[test]
fn wycheproof_aes_gcm() {
    let mut tally = Tally::default();
    for group in aead::TestSet::load(aead::TestName::AesGcm).unwrap().test_groups {
        for test in group.tests {
            let name = format!("{} {}", test.tc_id, test.comment);
            let opened = EncryptionKey::new("w", &test.key)
                .map(|key| key.decrypt(&test.aad, &test.nonce, test.ct.to_vec(), &test.tag));
            let is_ours = group.key_size == 256 && group.nonce_size == 96 && group.tag_size == 128;
            match opened {
                Some(Ok(text)) if is_ours => {
                    assert_eq!(text, **test.pt, "{name}");
                    tally.count(test.result, true, &name);
                }
                Some(Ok(_)) => panic!("{name} is outside the profile"),
                Some(Err(_)) if is_ours => tally.count(test.result, false, &name),
                // Another length of key, IV or tag, valid or not.
                Some(Err(_)) | None => tally.refused += 1,
            }
        }
    }
    assert!(tally.accepted >= 30 && tally.refused >= 200 && tally.free == 0, "{} {}", tally.accepted, tally.refused);
}

#[test]
fn wycheproof_es256() {
    let mut tally = Tally::default();
    for group in ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap().test_groups {
        let (x, y) = group.key.key[1..].split_at(32);
        let jwk = json!({ "kty": "EC", "crv": "P-256", "kid": "w", "x": encode(x), "y": encode(y) });
        let key = VerifyingKey::from_jwk(&jwk).unwrap();
        for test in group.tests {
            let name = format!("{} {}", test.tc_id, test.comment);
            tally.count(test.result, key.is_signed(&test.msg, &test.sig), &name);
        }
    }
    assert!(tally.accepted >= 150 && tally.refused >= 80 && tally.free == 0, "{} {}", tally.accepted, tally.refused);
}

#[test]
fn wycheproof_rs256() {
    use rsa_pkcs1_verify::TestName::{Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256, Rsa8192Sha256};
    let mut tally = Tally::default();
    for set in [Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256, Rsa8192Sha256] {
        for group in rsa_pkcs1_verify::TestSet::load(set).unwrap().test_groups {
            let unsigned = |bytes: &[u8]| {
                let from = bytes.iter().position(|byte| *byte != 0).unwrap();
                encode(&bytes[from..])
            };
            let jwk = json!({ "kty": "RSA", "kid": "w", "n": unsigned(&group.key.n), "e": unsigned(&group.key.e) });
            let key = VerifyingKey::from_jwk(&jwk).unwrap();
            for test in group.tests {
                let name = format!("{set:?} {} {}", test.tc_id, test.comment);
                tally.count(test.result, key.is_signed(&test.msg, &test.sig), &name);
            }
        }
    }
    assert!(tally.accepted >= 20 && tally.refused >= 500, "{} {}", tally.accepted, tally.refused);
}

/// RFC 7520, section 3.3: the key of sections 4.1 and 4.2.
const RSA_MODULUS: &str = "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw";
const KEY_ID: &str = "bilbo.baggins@hobbiton.example";
/// The payload of section 4.
const PAYLOAD: &str = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4";
/// The signature of section 4.1.
const RS256: &str = "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg";
/// Of section 4.2.
const PS384: &str = "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw";
/// Of section 4.3, for another key of the same name.
const ES512: &str = "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2";

fn cookbook_key() -> VerifyingKey {
    let jwk = json!({ "kty": "RSA", "kid": KEY_ID, "use": "sig", "n": RSA_MODULUS, "e": "AQAB" });
    VerifyingKey::from_jwk(&jwk).unwrap()
}

fn cookbook_token(alg: &str, signature: &str) -> String {
    let header = format!(r#"{{"alg":"{alg}","kid":"{KEY_ID}"}}"#);
    format!("{}.{PAYLOAD}.{signature}", encode(header))
}

#[test]
fn rfc_7520_section_4_1_is_accepted_as_it_stands() {
    let key = [cookbook_key()];
    let token = cookbook_token("RS256", RS256);
    assert!(token.starts_with("eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9."));
    assert_eq!(VerifyingKey::verify(&key, None, &token), Ok(decode(PAYLOAD).unwrap()));
    assert_eq!(VerifyingKey::verify(&key, Some("at+jwt"), &token), Err(JoseError::Header), "it is no access token");
}

#[test]
fn rfc_7520_signatures_outside_the_profile_are_refused() {
    let key = [cookbook_key()];
    for (alg, signature) in [("PS384", PS384), ("ES512", ES512)] {
        assert_eq!(VerifyingKey::verify(&key, None, &cookbook_token(alg, signature)), Err(JoseError::Algorithm));
        assert_eq!(VerifyingKey::verify(&key, None, &cookbook_token("RS256", signature)), Err(JoseError::Forged));
    }
    // Section 4.5: the payload is elsewhere.
    let detached = cookbook_token("RS256", RS256).replace(PAYLOAD, "");
    assert_eq!(VerifyingKey::verify(&key, None, &detached), Err(JoseError::Forged));
    // Sections 4.1, 4.6 to 4.8: the JSON forms.
    let head = encode(format!(r#"{{"alg":"RS256","kid":"{KEY_ID}"}}"#));
    let flat = json!({ "payload": PAYLOAD, "protected": head, "signature": RS256 }).to_string();
    let general = json!({ "payload": PAYLOAD, "signatures": [{ "protected": head, "signature": RS256 }] }).to_string();
    for json in [flat, general] {
        assert_eq!(VerifyingKey::verify(&key, None, &json), Err(JoseError::Malformed));
    }
}

/// Section 5: none of its thirteen ways to encrypt is this profile's, though several share a part with it.
#[test]
fn rfc_7520_encryptions_are_refused_by_their_headers() {
    let key = EncryptionKey::new("k", &[1; KEY_BYTES]).unwrap();
    let ways = [
        ("RSA1_5", "A128CBC-HS256"),
        ("RSA-OAEP", "A256GCM"),
        ("PBES2-HS512+A256KW", "A128CBC-HS256"),
        ("ECDH-ES+A128KW", "A128GCM"),
        ("ECDH-ES", "A128CBC-HS256"),
        ("dir", "A128GCM"),
        ("A256GCMKW", "A128CBC-HS256"),
        ("A128KW", "A128GCM"),
        ("A256KW", "A256GCM"),
    ];
    let bodies =
        ["..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA", ".AAAA.AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA"];
    for (alg, enc) in ways {
        for body in bodies {
            let as_it_stands = encode(format!(r#"{{"alg":"{alg}","kid":"k","enc":"{enc}"}}"#));
            assert_eq!(EncryptionKey::open([&key], &format!("{as_it_stands}{body}")), Err(JoseError::Header));
            let nested = encode(format!(r#"{{"alg":"{alg}","kid":"k","enc":"{enc}","cty":"JWT"}}"#));
            assert_eq!(
                EncryptionKey::open([&key], &format!("{nested}{body}")),
                Err(JoseError::Algorithm),
                "{alg} {enc}"
            );
        }
    }
}

/// RFC 7517, appendix A.1 and section 3: of a set with an encryption key and a signature key only the latter is taken.
#[test]
fn rfc_7517_keys_are_taken_for_what_they_are_for() {
    let (x, y) = ("MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM");
    let curve = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "enc", "kid": "1" });
    assert_eq!(VerifyingKey::from_jwk(&curve), None);
    let mut signing = curve.clone();
    signing["use"] = "sig".into();
    assert!(VerifyingKey::from_jwk(&signing).is_some());
    // Appendix A.3: keys both sides share say nothing of who signed.
    let shared = json!({ "kty": "oct", "alg": "A128KW", "k": "GawgguFyGrWKav7AX4VKUg" });
    assert_eq!(VerifyingKey::from_jwk(&shared), None);
}
