//! How AWS is reached: one connection pool and one trust store for all clients, credentials from Lambda's environment.
//!
//! No `aws-config`: Lambda always supplies region and credentials, and the chain of other providers would be dead weight
//! at every cold start. The trust store holds Amazon's five roots only, because parsing the system's 140 costs five
//! times as much as everything else at start-up together.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use kernel::SystemClock;

use crate::json_service::Way;
use crate::net::Client;
use crate::settings;

/// One try of an AWS call. Below the shortest function timeout in use, so that a retry still fits.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// An AWS call with all its retries.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);
const ATTEMPTS: u32 = 3;

settings! {
    /// What Lambda itself sets.
    pub(crate) struct Surroundings {
        region: String = "AWS_REGION",
        access_key_id: String = "AWS_ACCESS_KEY_ID",
        secret_access_key: String = "AWS_SECRET_ACCESS_KEY",
        session_token: String = "AWS_SESSION_TOKEN" or "",
        /// Only the local stack sets it.
        endpoint_url: String = "AWS_ENDPOINT_URL" or "",
        /// Certificates to believe instead of Amazon's, as all AWS SDKs have it: for endpoints of one's own.
        ca_bundle: String = "AWS_CA_BUNDLE" or "",
    }
}

impl Surroundings {
    /// Whether calls go over TLS, so that a handshake is worth having in advance.
    pub(crate) fn is_remote(&self) -> bool {
        !self.endpoint_url.starts_with("http://")
    }

    pub(crate) fn is_local_stack(&self) -> bool {
        self.local_endpoint().is_some()
    }

    pub(crate) fn local_endpoint(&self) -> Option<&str> {
        Some(self.endpoint_url.as_str()).filter(|url| !url.is_empty())
    }

    /// Where and as whom calls are made.
    pub(crate) fn identity(&self) -> (&str, Identity) {
        (&self.region, self.credentials().into())
    }

    fn credentials(&self) -> Credentials {
        let (id, secret) = (self.access_key_id.clone(), self.secret_access_key.clone());
        Credentials::new(id, secret, some(&self.session_token), None, "environment")
    }

    pub(crate) fn ca_bundle(&self) -> Option<PathBuf> {
        some(&self.ca_bundle).map(PathBuf::from)
    }

    /// Where the service is whose host name begins so.
    pub(crate) fn url(&self, host: &str) -> String {
        let Self { region, endpoint_url, .. } = self;
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        if self.is_local_stack() { endpoint_url.clone() } else { format!("https://{host}.{region}.{suffix}") }
    }

    pub(crate) fn sdk_config(&self, client: Client) -> SdkConfig {
        let Way { credentials, region, connections, sleep, timeouts, retries, clock: _ } = self.way(client);
        let mut builder = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(connections)
            .sleep_impl(sleep)
            .timeout_config(timeouts)
            .retry_config(retries)
            // Answers are small and bounded by the timeouts above.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        builder.set_endpoint_url(some(&self.endpoint_url));
        builder.build()
    }

    /// What every service is reached with, by an SDK or without.
    pub(crate) fn way(&self, client: Client) -> Way {
        let connector = SharedHttpConnector::new(client);
        Way {
            credentials: self.credentials(),
            region: self.region.clone(),
            connections: SharedHttpClient::new(http_client_fn(move |_, _| connector.clone())),
            sleep: SharedAsyncSleep::new(TokioSleep::new()),
            timeouts: TimeoutConfig::builder()
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .operation_timeout(OPERATION_TIMEOUT)
                .build(),
            retries: RetryConfig::standard().with_max_attempts(ATTEMPTS),
            clock: Arc::new(SystemClock),
        }
    }
}

fn some(text: &str) -> Option<String> {
    Some(text).filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_is_not_worth_a_handshake() {
        for (endpoint_url, remote, local) in
            [("", true, false), ("http://localhost:4566", false, true), ("https://localhost:4566", true, true)]
        {
            let surroundings = Surroundings {
                region: "eu-west-1".to_owned(),
                access_key_id: "id".to_owned(),
                secret_access_key: "secret".to_owned(),
                session_token: String::new(),
                endpoint_url: endpoint_url.to_owned(),
                ca_bundle: String::new(),
            };
            assert_eq!((surroundings.is_remote(), surroundings.is_local_stack()), (remote, local), "{endpoint_url}");
            let url = if local { endpoint_url } else { "https://dynamodb.eu-west-1.amazonaws.com" };
            assert_eq!(surroundings.url("dynamodb"), url);
        }
    }
}
