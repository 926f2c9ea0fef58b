use kernel::ManualClock;
use web::secret::{Secret, SecretStore};

use super::*;
use crate::json_service::testing::{Script, service};

/// Secrets Manager that has a new value every time.
fn secret() -> (Script, Arc<ManualClock>, Cached) {
    let script = Script::new(|call| (200, json!({ "SecretString": format!("value-{call}"), "VersionId": "1" })));
    let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
    let cached = Cached::new(Arc::new(service(SECRETS_MANAGER, &script)), "arn:secret".to_owned(), clock.clone());
    (script, clock, cached)
}

async fn read(secret: &Cached) -> String {
    secret.read().await.unwrap().expose_secret().to_owned()
}

#[tokio::test]
async fn a_value_is_kept_for_five_minutes() {
    let (_, clock, secret) = secret();
    assert_eq!(read(&secret).await, "value-1");
    clock.advance(TTL - Duration::from_secs(1));
    assert_eq!(read(&secret).await, "value-1");
    clock.advance(Duration::from_secs(1));
    assert_eq!(read(&secret).await, "value-2");
}

#[tokio::test]
async fn a_refused_value_is_read_again_but_not_without_end() {
    let (script, clock, secret) = secret();
    read(&secret).await;
    for _ in 0..100 {
        secret.refresh().await.unwrap();
    }
    assert_eq!(script.sent().len(), 1);
    clock.advance(REFRESH_AT_MOST_EVERY);
    assert_eq!(secret.refresh().await.unwrap().expose_secret(), "value-2");
    assert_eq!(read(&secret).await, "value-2");
}

#[tokio::test]
async fn of_two_who_replace_one_version_the_second_learns_it() {
    let script = Script::new(|call| match call {
        1 => (200, json!({ "VersionId": "2" })),
        _ => (400, json!({ "__type": "ResourceExistsException" })),
    });
    let store = Replaceable::new(Arc::new(service(SECRETS_MANAGER, &script)), "arn:secret".to_owned());
    let value = SecretString::from("new");
    assert!(store.replace(&value, "1").await.unwrap());
    assert!(!store.replace(&value, "1").await.unwrap());
    let sent = script.sent();
    assert_eq!(sent[0].1["ClientRequestToken"], sent[1].1["ClientRequestToken"]);
    assert_eq!(sent[0].1["SecretString"], "new");
}

#[tokio::test]
async fn a_secret_is_made_or_its_value_replaced() {
    let script = Script::new(|call| match call {
        2 => (400, json!({ "__type": "ResourceExistsException" })),
        _ => (200, json!({ "VersionId": "1" })),
    });
    let store = Replaceable::new(Arc::new(service(SECRETS_MANAGER, &script)), "stack-shopify/store".to_owned());
    store.put(&SecretString::from("one")).await.unwrap();
    store.put(&SecretString::from("two")).await.unwrap();
    let sent: Vec<_> = script.sent().into_iter().map(|(_, body)| body).collect();
    let of = |n: usize, key: &str| sent[n][key].as_str().unwrap_or_default().to_owned();
    assert_eq!((of(0, "Name"), of(0, "SecretString")), ("stack-shopify/store".into(), "one".into()));
    assert_eq!((of(2, "SecretId"), of(2, "SecretString")), ("stack-shopify/store".into(), "two".into()));
    assert_ne!(of(0, "ClientRequestToken"), of(2, "ClientRequestToken"));
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_not_quoted() {
    let script = Script::new(|_| (200, json!("hush")));
    let store = Replaceable::new(Arc::new(service(SECRETS_MANAGER, &script)), "arn:secret".to_owned());
    let error = store.read().await.unwrap_err();
    assert!(!format!("{error:?}").contains("hush"), "{error:?}");
}
