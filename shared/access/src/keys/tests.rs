use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use kernel::ManualClock;

use super::*;

const DAY: i64 = 24 * 3600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn fresh() -> SecretString {
    rotated(&"as deployed".to_owned().into(), at(0)).unwrap().unwrap()
}

fn kids(json: &SecretString) -> (Vec<String>, Vec<String>) {
    let stored: Stored = serde_json::from_str(json.expose_secret()).unwrap();
    let kids = |keys: Vec<StoredKey>| keys.into_iter().map(|key| key.kid).collect();
    (kids(stored.signing), kids(stored.encryption))
}

#[test]
fn a_secret_as_deployed_becomes_a_set_in_use_at_once_and_only_once() {
    let secret = fresh();
    let keys = KeySet::parse(&secret).unwrap();
    assert!(keys.signing(at(0)).is_ok() && keys.encryption(at(0)).is_ok());
    assert!(keys.signing(at(-1)).is_err());
    assert!(rotated(&secret, at(0)).unwrap().is_none());
    assert!(rotated(&secret, at(28 * DAY)).unwrap().is_none());
}

#[test]
fn a_new_key_is_published_a_day_before_it_is_used_and_the_old_one_outlives_its_tokens() {
    let secret = rotated(&fresh(), at(29 * DAY)).unwrap().unwrap();
    let keys = KeySet::parse(&secret).unwrap();
    let (signing, _) = kids(&secret);
    let published = |now: i64| {
        let set = keys.published(at(now));
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let used = |now: i64| {
        let token = keys.signing(at(now)).unwrap().sign("at+jwt", b"{}").unwrap();
        signing.iter().position(|kid| {
            let key = keys.signing.iter().find(|dated| dated.key.1.to_jwk()["kid"] == **kid).unwrap();
            VerifyingKey::verify([&key.key.1], Some("at+jwt"), &token).is_ok()
        })
    };
    assert_eq!((published(29 * DAY), used(29 * DAY)), (signing.clone(), Some(0)));
    assert_eq!(used(30 * DAY - 1), Some(0));
    assert_eq!((published(30 * DAY), used(30 * DAY)), (signing.clone(), Some(1)));
    let over = 30 * DAY + LONGEST_TOKEN + SLACK;
    assert_eq!(published(over - 1), signing);
    assert_eq!(published(over), signing[1..]);
    assert!(keys.decrypting(at(over - 1)).count() == 2 && keys.decrypting(at(over)).count() == 1);

    assert!(rotated(&secret, at(over - 1)).unwrap().is_none());
    let later = rotated(&secret, at(over)).unwrap().unwrap();
    assert_eq!(kids(&later).0, signing[1..]);
}

#[test]
fn a_year_of_daily_runs_never_leaves_a_moment_without_keys_or_with_many() {
    let mut secret = fresh();
    for day in 0..365 {
        let before = KeySet::parse(&secret).unwrap();
        let token = before.signing(at(day * DAY)).unwrap().sign("at+jwt", b"{}").unwrap();
        if let Some(next) = rotated(&secret, at(day * DAY)).unwrap() {
            secret = next;
        }
        let keys = KeySet::parse(&secret).unwrap();
        assert!(VerifyingKey::verify(keys.verifying(at(day * DAY + LONGEST_TOKEN)), Some("at+jwt"), &token).is_ok());
        assert!(keys.signing.len() <= 3, "{} keys", keys.signing.len());
    }
}

#[test]
fn what_is_no_set_of_keys_is_refused_and_not_quoted() {
    for bad in ["hunter2", "{}", r#"{"signing":[],"encryption":[{"kid":"a","key":"AA","from":0}]}"#] {
        let error = KeySet::parse(&bad.to_owned().into()).err().unwrap();
        assert!(!error.to_string().contains("hunter2"));
    }
    let empty = KeySet::parse(&r#"{"signing":[],"encryption":[]}"#.to_owned().into()).unwrap();
    assert!(empty.signing(at(0)).is_err());
}

struct Counted {
    text: Mutex<SecretString>,
    refreshed: AtomicUsize,
}

#[async_trait]
impl Secret for Counted {
    async fn read(&self) -> Result<SecretString, BoxError> {
        Ok(self.text.lock().unwrap().clone())
    }

    async fn refresh(&self) -> Result<SecretString, BoxError> {
        self.refreshed.fetch_add(1, Ordering::SeqCst);
        self.read().await
    }
}

#[tokio::test]
async fn keys_are_parsed_once_and_refetched_at_most_once_a_minute() {
    let clock = Arc::new(ManualClock::new(at(1000)));
    let secret = Arc::new(Counted { text: Mutex::new(fresh()), refreshed: AtomicUsize::new(0) });
    let ring = Keyring::new(secret.clone(), clock.clone());
    let (first, second) = (ring.keys().await.unwrap(), ring.keys().await.unwrap());
    assert!(Arc::ptr_eq(&first, &second));
    for _ in 0..5 {
        ring.refetched().await.unwrap();
    }
    assert_eq!(secret.refreshed.load(Ordering::SeqCst), 1);
    clock.advance(Duration::from_secs(60));
    *secret.text.lock().unwrap() = fresh();
    assert!(!Arc::ptr_eq(&first, &ring.refetched().await.unwrap().unwrap()));
    assert_eq!(secret.refreshed.load(Ordering::SeqCst), 2);
}

#[test]
fn a_token_that_was_opened_is_remembered_as_it_is_by_the_keys_that_opened_it_and_no_others() {
    let keys = KeySet::parse(&fresh()).unwrap();
    let made = |n: usize| {
        let signed = keys.signing(at(0)).unwrap().sign("at+jwt", n.to_string().as_bytes()).unwrap();
        keys.encryption(at(0)).unwrap().seal(&signed).unwrap()
    };
    let tokens: Vec<String> = (0..=MAX_OPENED).map(made).collect();
    for _ in 0..2 {
        for (n, token) in tokens.iter().enumerate() {
            assert_eq!(keys.access_payload(token, at(0)).unwrap(), n.to_string().as_bytes());
            let (start, end) = token.split_at(token.len() - 20);
            let changed = format!(
                "{start}{}",
                if end.starts_with('A') { end.replacen('A', "B", 1) } else { format!("A{}", &end[1..]) }
            );
            assert_eq!(keys.access_payload(&changed, at(0)), Err(JoseError::Forged));
            assert!(keys.opened.lock().unwrap().len() <= MAX_OPENED);
        }
    }
    let others = KeySet::parse(&fresh()).unwrap();
    assert_eq!(others.access_payload(&tokens[0], at(0)), Err(JoseError::UnknownKey));
}
