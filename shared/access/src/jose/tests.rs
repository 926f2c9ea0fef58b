//! The profile against the examples of the RFCs, tables of tokens that must be refused, and arbitrary bytes.

mod vectors;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// The key of RFC 7515, appendix A.3.1, with an id.
fn rfc_key(kid: &str) -> VerifyingKey {
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "kid": kid,
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    VerifyingKey::from_jwk(&jwk).unwrap()
}

const RFC_PAYLOAD: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
/// RFC 7515, appendix A.3.1.
const RFC_ES256: &str = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
/// RFC 7515, appendix A.1.1.
const RFC_HS256: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// RFC 7516, appendix A.1: content encryption key, header, IV, text and tag.
const RFC_CEK: [u8; 32] = [
    177, 161, 244, 128, 84, 143, 225, 115, 63, 180, 3, 255, 107, 154, 212, 246, 138, 7, 110, 91, 112, 46, 34, 105, 47,
    130, 203, 46, 122, 234, 64, 252,
];
const RFC_JWE_HEADER: &str = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ";
const RFC_IV: &str = "48V1_ALb6US04U3b";
const RFC_TEXT: &str = "5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A";
const RFC_TAG: &str = "XFBoMYUZodetZdvTiFvSkQ";

fn signing() -> SigningKey {
    SigningKey::from_pkcs8("s1", &SigningKey::generate().unwrap()).unwrap()
}

fn encryption() -> EncryptionKey {
    EncryptionKey::new("e1", &[7; 32]).unwrap()
}

/// A JWS with this header, signed by whatever key, so that only the header can be what is wrong with it.
fn signed_with(key: &SigningKey, header: &str) -> String {
    let good = key.sign("at+jwt", b"{}").unwrap();
    let body = good.split('.').nth(1).unwrap();
    let message = format!("{}.{body}", encode(header));
    format!("{message}.{}", encode([0; 64]))
}

/// A JWE with this header whose tag is right for it.
fn sealed_with(header: &str) -> String {
    use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap());
    let head = encode(header);
    let mut text = b"a.b.c".to_vec();
    let nonce = Nonce::assume_unique_for_key([1; 12]);
    let tag = key.seal_in_place_separate_tag(nonce, Aad::from(head.as_bytes()), &mut text).unwrap();
    format!("{head}..{}.{}.{}", encode([1; 12]), encode(text), encode(tag))
}

#[test]
fn the_signature_of_rfc_7515_appendix_a_3_is_right_and_no_bit_of_it_can_change() {
    // The example's header has no `kid`, so it is checked below the rules for headers.
    let message = format!("eyJhbGciOiJFUzI1NiJ9.{RFC_PAYLOAD}");
    let key = rfc_key("a3");
    assert!(key.is_signed(message.as_bytes(), &decode(RFC_ES256).unwrap()));
    let whole = format!("{message}.{RFC_ES256}");
    assert_eq!(VerifyingKey::verify([&key], None, &whole), Err(JoseError::Header));
    for bit in 0..512 {
        let mut signature = decode(RFC_ES256).unwrap();
        signature[bit / 8] ^= 1 << (bit % 8);
        assert!(!key.is_signed(message.as_bytes(), &signature), "bit {bit}");
    }
}

#[test]
fn the_signature_of_rfc_7515_appendix_a_2_is_right_under_its_rsa_key_only() {
    let modulus = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ\
                   S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2\
                   R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD\
                   TW9gb54h4FRWyuXpoQ";
    let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUA\
                     r7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO-\
                     -xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_\
                     IoypGlUPQGe77Rw";
    let jwk = json!({ "kty": "RSA", "kid": "a2", "n": modulus, "e": "AQAB" });
    let key = VerifyingKey::from_jwk(&jwk).unwrap();
    let message = format!("eyJhbGciOiJSUzI1NiJ9.{RFC_PAYLOAD}");
    let signature = decode(signature).unwrap();
    assert!(key.is_signed(message.as_bytes(), &signature));
    assert!(!key.is_signed(message.replace('.', "_").as_bytes(), &signature));
    assert!(!rfc_key("a3").is_signed(message.as_bytes(), &signature));
    // RFC 8725, section 3.5: a modulus that is too short is no key.
    let weak = VerifyingKey::from_jwk(&json!({ "kty": "RSA", "kid": "w", "n": &modulus[..168], "e": "AQAB" })).unwrap();
    assert!(!weak.is_signed(message.as_bytes(), &signature));
}

#[test]
fn the_content_of_rfc_7516_appendix_a_1_is_decrypted_and_no_byte_of_it_can_change() {
    let key = EncryptionKey::new("a1", &RFC_CEK).unwrap();
    let (iv, text, tag) = (decode(RFC_IV).unwrap(), decode(RFC_TEXT).unwrap(), decode(RFC_TAG).unwrap());
    let plain = key.decrypt(RFC_JWE_HEADER.as_bytes(), &iv, text.clone(), &tag).unwrap();
    assert_eq!(plain, b"The true sign of intelligence is not knowledge but imagination.");
    for place in 0..text.len() {
        let mut changed = text.clone();
        changed[place] ^= 1;
        assert_eq!(key.decrypt(RFC_JWE_HEADER.as_bytes(), &iv, changed, &tag), Err(JoseError::Forged));
    }
    assert_eq!(key.decrypt(b"eyJhbGciOiJkaXIifQ", &iv, text.clone(), &tag), Err(JoseError::Forged));
    for length in [0, 8, 12, 15] {
        assert_eq!(
            key.decrypt(RFC_JWE_HEADER.as_bytes(), &iv, text.clone(), &tag[..length]),
            Err(JoseError::Malformed)
        );
    }
    for iv in [vec![], vec![0; 11], vec![0; 13], vec![0; 16]] {
        assert_eq!(key.decrypt(RFC_JWE_HEADER.as_bytes(), &iv, text.clone(), &tag), Err(JoseError::Malformed));
    }
}

#[test]
fn examples_of_the_rfcs_outside_the_profile_are_refused() {
    let keys = [rfc_key("a3"), signing().verifying()];
    let unsecured = format!("eyJhbGciOiJub25lIn0.{RFC_PAYLOAD}.");
    let hs256 = format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{RFC_PAYLOAD}.{RFC_HS256}");
    // RFC 7515, appendix E: a critical extension nobody understands.
    let critical = "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxl\
                    LmNvbS9VTkRFRklORUQiOnRydWUNCn0.RkFJTA.";
    for token in [unsecured.as_str(), &hs256, critical] {
        assert_eq!(VerifyingKey::verify(&keys, None, token), Err(JoseError::Header), "{token}");
    }
    // RFC 7516, appendix A.1: the content is A256GCM, but the key is wrapped with RSA-OAEP.
    let rsa = format!(
        "{RFC_JWE_HEADER}.OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9k.{RFC_IV}.{RFC_TEXT}.{RFC_TAG}"
    );
    let key = EncryptionKey::new("a1", &RFC_CEK).unwrap();
    assert_eq!(EncryptionKey::open([&key], &rsa), Err(JoseError::Header));
}

#[test]
fn a_header_outside_the_profile_is_refused_before_the_signature_is_looked_at() {
    let key = signing();
    let keys = [key.verifying()];
    let cases: [(Value, JoseError); 19] = [
        (json!({ "alg": "none", "kid": "s1", "typ": "at+jwt" }), JoseError::Algorithm),
        (json!({ "alg": "None", "kid": "s1", "typ": "at+jwt" }), JoseError::Algorithm),
        (json!({ "alg": "HS256", "kid": "s1", "typ": "at+jwt" }), JoseError::Algorithm),
        (json!({ "alg": "RS256", "kid": "s1", "typ": "at+jwt" }), JoseError::Algorithm),
        (json!({ "alg": "ES384", "kid": "s1", "typ": "at+jwt" }), JoseError::Algorithm),
        (json!({ "alg": "es256", "kid": "s1", "typ": "at+jwt" }), JoseError::Algorithm),
        (json!({ "alg": "ES256", "typ": "at+jwt" }), JoseError::Header),
        (json!({ "alg": "ES256", "kid": "s1" }), JoseError::Header),
        (json!({ "alg": "ES256", "kid": "s1", "typ": "JWT" }), JoseError::Header),
        (json!({ "alg": "ES256", "kid": "s2", "typ": "at+jwt" }), JoseError::UnknownKey),
        (json!({ "alg": "ES256", "kid": "s1", "typ": "at+jwt", "zip": "DEF" }), JoseError::Header),
        (json!({ "alg": "ES256", "kid": "s1", "typ": "at+jwt", "crit": ["exp"] }), JoseError::Header),
        (json!({ "alg": "ES256", "kid": "s1", "typ": "at+jwt", "jku": "https://evil.example" }), JoseError::Header),
        (json!({ "alg": "ES256", "kid": "s1", "typ": "at+jwt", "x5u": "https://evil.example" }), JoseError::Header),
        (json!({ "alg": "ES256", "kid": "s1", "typ": "at+jwt", "jwk": key.verifying().to_jwk() }), JoseError::Header),
        (json!({ "alg": "ES256", "kid": "s1", "typ": "at+jwt", "x5c": ["AA=="] }), JoseError::Header),
        (json!({ "alg": "ES256", "kid": "s1", "typ": "at+jwt", "b64": false }), JoseError::Header),
        (json!({ "alg": ["ES256"], "kid": "s1", "typ": "at+jwt" }), JoseError::Header),
        (json!(["ES256", null, "s1", "at+jwt", null]), JoseError::Header),
    ];
    for (header, error) in cases {
        let token = signed_with(&key, &header.to_string());
        assert_eq!(VerifyingKey::verify(&keys, Some("at+jwt"), &token), Err(error), "{header}");
    }
    let twice = signed_with(&key, r#"{"alg":"none","alg":"ES256","kid":"s1","typ":"at+jwt"}"#);
    assert_eq!(VerifyingKey::verify(&keys, Some("at+jwt"), &twice), Err(JoseError::Header));
}

#[test]
fn an_encryption_header_outside_the_profile_is_refused_though_its_tag_is_right() {
    let good = json!({ "alg": "dir", "enc": "A256GCM", "kid": "e1", "cty": "JWT" });
    assert_eq!(EncryptionKey::open([&encryption()], &sealed_with(&good.to_string())).as_deref(), Ok("a.b.c"));
    let changes: [(&str, Value, JoseError); 14] = [
        ("alg", json!("A128KW"), JoseError::Algorithm),
        ("alg", json!("RSA1_5"), JoseError::Algorithm),
        ("alg", json!("ECDH-ES"), JoseError::Algorithm),
        ("alg", json!("PBES2-HS256+A128KW"), JoseError::Algorithm),
        ("enc", json!("A128GCM"), JoseError::Algorithm),
        ("enc", json!("A256CBC-HS512"), JoseError::Algorithm),
        ("kid", json!("e2"), JoseError::UnknownKey),
        ("cty", json!("text"), JoseError::Header),
        ("zip", json!("DEF"), JoseError::Header),
        ("crit", json!([]), JoseError::Header),
        ("epk", json!({}), JoseError::Header),
        ("p2c", json!(1_000_000_000), JoseError::Header),
        ("iv", json!("AAAA"), JoseError::Header),
        ("jku", json!("https://evil.example"), JoseError::Header),
    ];
    for (name, value, error) in changes {
        let mut header = good.clone();
        header[name] = value;
        let opened = EncryptionKey::open([&encryption()], &sealed_with(&header.to_string()));
        assert_eq!(opened, Err(error), "{header}");
    }
}

#[test]
fn no_other_form_of_a_token_is_taken() {
    let (signing, encryption) = (signing(), encryption());
    let signed = signing.sign("at+jwt", b"{}").unwrap();
    let sealed = encryption.seal(&signed).unwrap();
    assert_eq!(VerifyingKey::verify(&[signing.verifying()], Some("at+jwt"), &signed), Ok(b"{}".to_vec()));
    assert_eq!(EncryptionKey::open([&encryption], &sealed), Ok(signed.clone()));

    let [head, _, iv, text, tag] = parts::<5>(&sealed).unwrap();
    let wrapped = format!("{head}.AAAA.{iv}.{text}.{tag}");
    let short_tag = format!("{head}..{iv}.{text}.{}", &tag[..16]);
    let padded = format!("{head}..{iv}.{text}.{tag}==");
    let stray = format!("{head}..{iv}.{text}.{}B", &tag[..21]);
    let long_iv = format!("{head}..{iv}AAAA.{text}.{tag}");
    let newline = format!("{sealed}\n");
    let more = format!("{sealed}.AAAA");
    let json = json!({ "protected": head, "iv": iv, "ciphertext": text, "tag": tag }).to_string();
    for bad in [&*wrapped, &short_tag, &padded, &stray, &long_iv, &newline, &more, &json, &signed, "", "....", "a"] {
        assert!(EncryptionKey::open([&encryption], bad).is_err(), "{bad}");
    }
    let long = "a".repeat(MAX_TOKEN_BYTES + 1);
    assert_eq!(EncryptionKey::open([&encryption], &long), Err(JoseError::TooLong));
    assert_eq!(VerifyingKey::verify(&[signing.verifying()], None, &long), Err(JoseError::TooLong));
}

#[test]
fn a_key_set_gives_only_keys_for_signatures_of_the_profile() {
    let ec = signing().verifying().to_jwk();
    assert_eq!(VerifyingKey::from_jwk(&ec), Some(VerifyingKey::from_jwk(&ec).unwrap()));
    let changes = [
        ("kty", json!("oct")),
        ("crv", json!("P-384")),
        ("use", json!("enc")),
        ("alg", json!("ES384")),
        ("x", json!("AAAA")),
        ("kid", json!(null)),
    ];
    for (name, value) in changes {
        let mut jwk = ec.clone();
        jwk[name] = value;
        assert_eq!(VerifyingKey::from_jwk(&jwk), None, "{jwk}");
    }
}

#[test]
fn two_tokens_of_the_same_content_have_nothing_in_common() {
    let key = encryption();
    let [first, second] = [key.seal("a.b.c").unwrap(), key.seal("a.b.c").unwrap()];
    assert_ne!(first.split('.').nth(2), second.split('.').nth(2));
    assert_ne!(first.split('.').nth(3), second.split('.').nth(3));
}

proptest! {
    #[test]
    fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        prop_assert!(EncryptionKey::open([&encryption()], &text).is_err());
        prop_assert!(VerifyingKey::verify(&[rfc_key("a3")], None, &text).is_err());
        prop_assert!(VerifyingKey::from_jwk(&serde_json::from_slice(&bytes).unwrap_or_default()).is_none());
    }

    #[test]
    fn nothing_shaped_like_a_token_breaks_it(
        header in "\\{(\"(alg|enc|kid|typ|cty|zip|crit)\":(\"(dir|ES256|A256GCM|e1|JWT)\"|1|null|\\[\\]),?){0,6}\\}",
        parts in prop::collection::vec("[A-Za-z0-9_-]{0,40}", 0..5),
    ) {
        let token = std::iter::once(encode(header)).chain(parts).collect::<Vec<_>>().join(".");
        prop_assert!(EncryptionKey::open([&encryption()], &token).is_err());
        prop_assert!(VerifyingKey::verify(&[rfc_key("e1")], None, &token).is_err());
    }

    #[test]
    fn any_changed_character_is_noticed(place in any::<prop::sample::Index>(), letter in "[A-Za-z0-9_.-]") {
        let (signing, encryption) = (signing(), encryption());
        let sealed = encryption.seal(&signing.sign("at+jwt", b"{\"exp\":1}").unwrap()).unwrap();
        let place = place.index(sealed.len());
        let mut changed = sealed.clone();
        changed.replace_range(place..=place, &letter);
        prop_assert_eq!(EncryptionKey::open([&encryption], &changed).is_ok(), changed == sealed);
    }
}
