//! What a function is made of: settings, clients, secrets, the way out. Everything is built when first asked for, once.
//!
//! It lives as long as the process, so that builders and handlers may hold a plain `&'static` to it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::user_agent::UserAgentInterceptor;
use aws_sdk_dynamodb::config::endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeSerializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, disable_interceptor, dyn_dispatch_hint};
use aws_smithy_types::config_bag::ConfigBag;
use aws_types::SdkConfig;
use kernel::{Backoff, Clock, SystemClock};
use web::bucket::Bucket;
use web::secret::{Secret, SecretStore};
use web::transport::{CircuitBreaker, Retrying, Transport};

use crate::InitError;
use crate::aws::Surroundings;
use crate::bucket::S3Bucket;
use crate::env::{ConfigError, Env, Lookup, Settings};
use crate::json_service::{JsonCalls, JsonService, Service};
use crate::net::{Client, Roots};
use crate::secrets::{Cached, Replaceable, SECRETS_MANAGER};
use crate::signing::Scheme;
use crate::wire::Wire;

/// Three tries within about a second, for requests that may be repeated.
const BACKOFF: Backoff = Backoff::exponential(Duration::from_millis(100), Duration::from_secs(1), 3);
/// Failures in a row after which a peer is left alone, and for how long.
const BREAKER_THRESHOLD: u32 = 5;
const BREAKER_COOL_DOWN: Duration = Duration::from_secs(30);

/// The composition root, as builders see it.
pub struct Context {
    lookup: Lookup,
    /// What Lambda sets; what of it is missing is reported together with what the function misses.
    surroundings: Result<Surroundings, ConfigError>,
    amazon: OnceLock<Client>,
    public: OnceLock<Client>,
    sdk: OnceLock<SdkConfig>,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
}

impl Context {
    pub(crate) fn new(lookup: Lookup) -> Self {
        Self {
            lookup,
            surroundings: Env::new(lookup).read(),
            amazon: OnceLock::new(),
            public: OnceLock::new(),
            sdk: OnceLock::new(),
            dynamodb: OnceLock::new(),
        }
    }

    /// The function's settings, or the name of everything that is missing.
    pub fn settings<S: Settings>(&self) -> Result<S, InitError> {
        match (Env::new(self.lookup).read(), &self.surroundings) {
            (Ok(settings), Ok(_)) => Ok(settings),
            (Ok(_), Err(error)) => Err(error.clone().into()),
            (Err(own), surroundings) => {
                let mut error = surroundings.as_ref().err().cloned().unwrap_or_default();
                error.missing.extend(own.missing);
                error.invalid.extend(own.invalid);
                Err(error.into())
            }
        }
    }

    /// The machine's clock.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SystemClock)
    }

    /// The table's client; `table::Table` wants it.
    pub fn dynamodb(&self) -> Result<aws_sdk_dynamodb::Client, InitError> {
        let (sdk, surroundings) = (self.sdk()?, self.surroundings()?);
        Ok(self.dynamodb.get_or_init(|| table_client(sdk, surroundings.url("dynamodb"))).clone())
    }

    /// The topics' client; ask once and keep it.
    pub fn sns(&self) -> Result<aws_sdk_sns::Client, InitError> {
        self.sdk().map(aws_sdk_sns::Client::new)
    }

    /// The queues' client; ask once and keep it.
    pub fn sqs(&self) -> Result<aws_sdk_sqs::Client, InitError> {
        self.sdk().map(aws_sdk_sqs::Client::new)
    }

    /// The bucket with this name; ask once and keep it.
    pub fn bucket(&self, name: &str) -> Result<Arc<dyn Bucket>, InitError> {
        let surroundings = self.surroundings()?;
        let endpoint = surroundings.local_endpoint();
        let transport = self.transport(Roots::Amazon);
        Ok(Arc::new(S3Bucket::new(name, endpoint, surroundings.identity(), transport, self.clock())))
    }

    /// A service of which too few calls are made for its SDK; ask once and keep it.
    pub fn json_service(&self, service: Service) -> Result<Arc<dyn JsonCalls>, InitError> {
        let surroundings = self.surroundings()?;
        let way = surroundings.way(self.client(Roots::Amazon));
        Ok(Arc::new(JsonService::new(service, &surroundings.url(service.host), way)))
    }

    /// The secret with this ARN. Nothing is read before somebody asks for its value.
    pub fn secret(&self, arn: impl Into<String>) -> Result<Arc<dyn Secret>, InitError> {
        Ok(Arc::new(Cached::new(self.json_service(SECRETS_MANAGER)?, arn.into(), self.clock())))
    }

    /// The secret with this ARN or name, to be made or replaced.
    pub fn secret_store(&self, arn: impl Into<String>) -> Result<Arc<dyn SecretStore>, InitError> {
        Ok(Arc::new(Replaceable::new(self.json_service(SECRETS_MANAGER)?, arn.into())))
    }

    /// The way out to other systems: timeout, bounded retries, circuit breaker, trace. Ask once and keep it: each has a
    /// circuit breaker of its own.
    #[must_use]
    pub fn transport(&self, roots: Roots) -> Arc<dyn Transport> {
        let wire = Arc::new(Wire::new(self.client(roots)));
        let breaker = CircuitBreaker::new(wire, self.clock(), BREAKER_THRESHOLD, BREAKER_COOL_DOWN);
        Arc::new(Retrying::new(Arc::new(breaker), BACKOFF))
    }

    /// Opens the connection to the table's service while start-up has the processor to itself, if the function has a
    /// table and the way there needs a handshake. Without success the first call tries again and tells.
    pub(crate) async fn warm_up(&self) {
        if let (Some(_), Ok(surroundings)) = (self.dynamodb.get(), &self.surroundings)
            && surroundings.is_remote()
        {
            let _ = self.client(Roots::Amazon).connect_ahead(&surroundings.url("dynamodb")).await;
        }
    }

    pub(crate) fn client(&self, roots: Roots) -> Client {
        let (cell, bundle) = match (roots, &self.surroundings) {
            (Roots::Amazon, Ok(surroundings)) => (&self.amazon, surroundings.ca_bundle()),
            (Roots::Amazon, Err(_)) => (&self.amazon, None),
            (Roots::Public, _) => (&self.public, None),
        };
        cell.get_or_init(|| Client::new(roots, bundle)).clone()
    }

    fn surroundings(&self) -> Result<&Surroundings, InitError> {
        self.surroundings.as_ref().map_err(|error| error.clone().into())
    }

    fn sdk(&self) -> Result<&SdkConfig, InitError> {
        let surroundings = self.surroundings()?;
        Ok(self.sdk.get_or_init(|| surroundings.sdk_config(self.client(Roots::Amazon))))
    }
}

/// Its calls are most of what there is, so they are signed at less cost than the SDK's signer's, and do not tell every time
/// what they were compiled with and how often they were tried.
fn table_client(sdk: &SdkConfig, url: String) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::config::Builder::from(sdk)
        .push_auth_scheme(Scheme::default())
        .interceptor(Anonymous)
        .endpoint_resolver(OnePlace(Endpoint::builder().url(url).build()));
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// The service does not move while the process lives; the SDK would follow its rules to it anew for each call.
#[derive(Debug)]
struct OnePlace(Endpoint);

impl ResolveEndpoint for OnePlace {
    fn resolve_endpoint<'a>(&'a self, _: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(self.0.clone()))
    }
}

/// Leaves out what the SDK tells of itself, made anew for each call: `x-amz-user-agent` (operating system, compiler and
/// crates), `amz-sdk-invocation-id` and `amz-sdk-request` (number of the try).
#[derive(Debug)]
struct Anonymous;

#[dyn_dispatch_hint]
impl Intercept for Anonymous {
    fn name(&self) -> &'static str {
        "Anonymous"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        const WHY: &str = "it costs more than it tells";
        config
            .interceptor_state()
            .store_put(disable_interceptor::<UserAgentInterceptor>(WHY))
            .store_put(disable_interceptor::<InvocationIdInterceptor>(WHY))
            .store_put(disable_interceptor::<RequestInfoInterceptor>(WHY));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;
    use crate::settings;

    settings! {
        #[derive(Debug)]
        struct Orders {
            _table: String = "TABLE_NAME",
        }
    }

    #[test]
    fn what_lambda_and_what_the_function_misses_is_named_together() {
        let context = Context::new(|name| (name == "AWS_REGION").then(|| "eu-west-1".to_owned()));
        let error = context.settings::<Orders>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "configuration: AWS_ACCESS_KEY_ID is not set; AWS_SECRET_ACCESS_KEY is not set; TABLE_NAME is not set"
        );
    }

    #[test]
    fn clients_share_one_connection_pool_built_when_first_needed() {
        let context = Context::new(|name| Some(if name == "AWS_ENDPOINT_URL" { "http://x" } else { "x" }.to_owned()));
        assert!(context.sdk.get().is_none());
        context.dynamodb().unwrap();
        context.sqs().unwrap();
        let _ = context.transport(Roots::Amazon);
        assert!(context.amazon.get().is_some() && context.public.get().is_none());
    }

    #[tokio::test]
    async fn a_call_of_the_table_goes_to_its_one_place_and_tells_little() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let peer = std::thread::spawn(move || {
            let mut socket = listener.accept().unwrap().0;
            let mut sent = [0; 4096];
            let read = socket.read(&mut sent).unwrap();
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
            String::from_utf8_lossy(&sent[..read]).to_lowercase()
        });
        let context = Context::new(|name| (name != "AWS_ENDPOINT_URL").then(|| "x".to_owned()));
        table_client(context.sdk().unwrap(), url).list_tables().send().await.unwrap();
        let sent = peer.join().unwrap();
        assert!(sent.contains("x-amz-target: dynamodb_20120810.listtables"), "{sent}");
        for told in ["x-amz-user-agent", "amz-sdk-invocation-id", "amz-sdk-request"] {
            assert!(!sent.contains(told), "{sent}");
        }
    }
}
