use std::sync::atomic::{AtomicU32, Ordering};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use kernel::ManualClock;
use secrecy::ExposeSecret;
use web::secret::Secret;

use super::*;

/// Secrets Manager that has a new value every time.
#[derive(Debug, Clone, Default)]
struct Manager(Arc<AtomicU32>);

impl HttpConnector for Manager {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let read = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        let body = SdkBody::from(format!(r#"{{"SecretString":"value-{read}"}}"#));
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), body)))
    }
}

fn secret() -> (Manager, Arc<ManualClock>, Cached) {
    let manager = Manager::default();
    let connector = SharedHttpConnector::new(manager.clone());
    let config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(aws_sdk_secretsmanager::config::BehaviorVersion::latest())
        .region(aws_sdk_secretsmanager::config::Region::new("eu-west-1"))
        .credentials_provider(aws_credential_types::Credentials::new("id", "secret", None, None, "test"))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
    let cached = Cached::new(Client::from_conf(config), "arn:secret".to_owned(), clock.clone());
    (manager, clock, cached)
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
    let (manager, clock, secret) = secret();
    read(&secret).await;
    for _ in 0..100 {
        secret.refresh().await.unwrap();
    }
    assert_eq!(manager.0.load(Ordering::SeqCst), 1);
    clock.advance(REFRESH_AT_MOST_EVERY);
    assert_eq!(secret.refresh().await.unwrap().expose_secret(), "value-2");
    assert_eq!(read(&secret).await, "value-2");
}
