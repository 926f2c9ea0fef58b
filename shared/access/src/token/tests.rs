use std::sync::Arc;

use kernel::ManualClock;
use serde_json::{Value, json};

use super::*;
use crate::testing::FixedSecret;

const NOW: i64 = 1_750_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn tokens() -> Tokens {
    let secret = crate::keys::rotated(&"none".to_owned().into(), at(NOW - 100_000)).unwrap().unwrap();
    Tokens::new(
        &"acme.test".parse().unwrap(),
        Keyring::new(Arc::new(FixedSecret(secret)), Arc::new(ManualClock::new(at(NOW)))),
    )
}

fn claims() -> AccessClaims {
    AccessClaims {
        iss: "urn:crossdock:acme.test".into(),
        aud: "crossdock".into(),
        sub: "usr_1".into(),
        client_id: "app_1".into(),
        exp: NOW + ACCESS_SECONDS,
        iat: NOW,
        jti: "1".into(),
        sid: Some("s".into()),
        epoch: 0,
        tenant: "acme.test".parse().unwrap(),
        scope: "orders:read".into(),
        role: "CUSTOMER".into(),
        groups: BTreeSet::new(),
    }
}

/// A token whose claims are exactly this JSON.
async fn made(tokens: &Tokens, typ: &str, claims: &Value) -> String {
    let keys = tokens.keyring.keys().await.unwrap();
    let signed = sign(&keys, typ, claims, at(NOW)).unwrap();
    keys.encryption(at(NOW)).unwrap().seal(&signed).unwrap()
}

#[tokio::test]
async fn a_token_is_read_by_its_maker_until_its_hour_is_over_and_shows_nothing_to_others() {
    let tokens = tokens();
    let token = tokens.access(&claims(), at(NOW)).await.unwrap();
    assert_eq!(token.split('.').count(), 5);
    assert_eq!(tokens.read(&token, at(NOW)).await.unwrap(), Some(claims()));
    assert_eq!(tokens.read(&token, at(NOW + ACCESS_SECONDS - 1)).await.unwrap(), Some(claims()));
    assert_eq!(tokens.read(&token, at(NOW + ACCESS_SECONDS)).await.unwrap(), None);
    let stranger = self::tokens();
    assert_eq!(stranger.read(&token, at(NOW)).await.unwrap(), None);
}

#[tokio::test]
async fn claims_that_are_not_what_they_should_be_refuse_the_token() {
    let tokens = tokens();
    let good = serde_json::to_value(claims()).unwrap();
    assert!(tokens.read(&made(&tokens, ACCESS, &good).await, at(NOW)).await.unwrap().is_some());
    let changes = [
        ("exp", json!("1750003600")),
        ("exp", json!(1_750_003_600.5)),
        ("exp", json!(null)),
        ("exp", json!(true)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(NOW)),
        ("iat", json!(NOW + 61)),
        ("iss", json!("urn:crossdock:other.test")),
        ("aud", json!("another")),
        ("aud", json!(["crossdock"])),
        ("tenant", json!("acme")),
        ("epoch", json!(-1)),
    ];
    for (name, value) in changes {
        let mut claims = good.clone();
        claims[name] = value;
        assert_eq!(tokens.read(&made(&tokens, ACCESS, &claims).await, at(NOW)).await.unwrap(), None, "{claims}");
    }
    for typ in [ID, "application/at+jwt", "AT+JWT"] {
        assert_eq!(tokens.read(&made(&tokens, typ, &good).await, at(NOW)).await.unwrap(), None, "{typ}");
    }
}

#[tokio::test]
async fn a_signed_token_alone_is_no_access_token() {
    let tokens = tokens();
    let keys = tokens.keyring.keys().await.unwrap();
    for typ in [ACCESS, ID] {
        let bare = sign(&keys, typ, &claims(), at(NOW)).unwrap();
        assert_eq!(tokens.read(&bare, at(NOW)).await.unwrap(), None);
    }
}
