//! A bucket of S3 by plain signed requests: for five calls and two kinds of URL the SDK's client would be most of the
//! function.
//!
//! Sources: AWS, "Authenticating Requests: Using Query Parameters", "`CopyObject`", "Checking object integrity".

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use kernel::Clock;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use web::BoxError;
use web::bucket::{Bucket, Measure, SignedPut};
use web::transport::Transport;

/// One call with its retries; copying 25 MB takes S3 less than a second.
const TIMEOUT: Duration = Duration::from_secs(8);
const CHECKSUM: &str = "x-amz-checksum-sha256";
/// What RFC 8187 has as it is in the value of a parameter, less what also a query has.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// How a bucket is reached and as whom.
pub(crate) struct S3Bucket {
    name: String,
    /// What the names of objects are appended to.
    base: String,
    region: String,
    identity: Identity,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
}

impl S3Bucket {
    /// `endpoint` is a local one; AWS has one for each bucket.
    pub(crate) fn new(
        name: &str,
        endpoint: Option<&str>,
        (region, identity): (&str, Identity),
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let base = endpoint.map_or_else(
            || format!("https://{name}.s3.{region}.amazonaws.com/"),
            |endpoint| format!("{}/{name}/", endpoint.trim_end_matches('/')),
        );
        Self { name: name.to_owned(), base, region: region.to_owned(), identity, transport, clock }
    }

    /// A request without a body, to be signed.
    fn request(&self, method: Method, name: &str, headers: &[(&str, &str)]) -> Result<Request<Bytes>, BoxError> {
        let request = Request::builder().method(method).uri(format!("{}{name}", self.base));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Ok(request.body(Bytes::new())?)
    }

    /// Signs in the headers, for us, with the digest of the body, which S3 holds against what arrives; or in the query, for
    /// somebody else and a while, whatever the body.
    fn sign(&self, request: &mut Request<Bytes>, valid: Option<Duration>) -> Result<(), BoxError> {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.expires_in = valid;
        let content = request.body().clone();
        let body = if valid.is_some() {
            settings.signature_location = SignatureLocation::QueryParams;
            SignableBody::UnsignedPayload
        } else {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            SignableBody::Bytes(&content)
        };
        let params = SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name("s3")
            .time(SystemTime::from(self.clock.now()))
            .settings(settings)
            .build()?
            .into();
        let headers: Vec<(&str, &str)> = request
            .headers()
            .iter()
            .map(|(name, value)| Ok((name.as_str(), value.to_str()?)))
            .collect::<Result<_, http::header::ToStrError>>()?;
        let uri = request.uri().to_string();
        let signable = SignableRequest::new(request.method().as_str(), &uri, headers.into_iter(), body)?;
        let (instructions, _) = sign(signable, &params)?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }

    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, BoxError> {
        self.sign(&mut request, None)?;
        Ok(self.transport.send(request, TIMEOUT).await?)
    }
}

#[async_trait]
impl Bucket for S3Bucket {
    fn upload(&self, name: &str, media_type: &str, content: &Measure, valid: Duration) -> Result<SignedPut, BoxError> {
        let length = content.bytes.to_string();
        let told = [("content-type", media_type), (CHECKSUM, &content.sha256)];
        let mut request = self.request(Method::PUT, name, &told)?;
        request.headers_mut().insert("content-length", length.parse()?);
        self.sign(&mut request, Some(valid))?;
        let headers = told.map(|(name, value)| (name, value.to_owned())).into();
        Ok(SignedPut { url: request.uri().to_string(), headers })
    }

    fn download(&self, name: &str, file_name: &str, valid: Duration) -> Result<String, BoxError> {
        let file_name = utf8_percent_encode(file_name, ENCODED);
        let disposition = format!("attachment; filename*=UTF-8''{file_name}");
        let disposition = utf8_percent_encode(&disposition, ENCODED);
        let name = format!("{name}?response-content-disposition={disposition}");
        let mut request = self.request(Method::GET, &name, &[])?;
        self.sign(&mut request, Some(valid))?;
        Ok(request.uri().to_string())
    }

    async fn copy(&self, from: &str, to: &str) -> Result<bool, BoxError> {
        let source = format!("/{}/{from}", self.name);
        let answer = self.send(self.request(Method::PUT, to, &[("x-amz-copy-source", &source)])?).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(false),
            // What goes wrong while copying is told under a status that was sent before.
            StatusCode::OK if String::from_utf8_lossy(answer.body()).contains("<CopyObjectResult") => Ok(true),
            _ => Err(refused("CopyObject", &answer)),
        }
    }

    async fn measure(&self, name: &str) -> Result<Option<Measure>, BoxError> {
        let answer = self.send(self.request(Method::HEAD, name, &[("x-amz-checksum-mode", "ENABLED")])?).await?;
        let text = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => {
                Ok(Some(Measure { bytes: text("content-length").parse()?, sha256: text(CHECKSUM).to_owned() }))
            }
            _ => Err(refused("HeadObject", &answer)),
        }
    }

    async fn store(&self, name: &str, content: Vec<u8>) -> Result<(), BoxError> {
        let answer = self.send(self.request(Method::PUT, name, &[])?.map(|_| content.into())).await?;
        if answer.status() == StatusCode::OK { Ok(()) } else { Err(refused("PutObject", &answer)) }
    }

    async fn fetch(&self, name: &str) -> Result<Option<Vec<u8>>, BoxError> {
        let answer = self.send(self.request(Method::GET, name, &[])?).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => Ok(Some(answer.into_body().into())),
            _ => Err(refused("GetObject", &answer)),
        }
    }

    async fn delete(&self, name: &str) -> Result<(), BoxError> {
        let answer = self.send(self.request(Method::DELETE, name, &[])?).await?;
        match answer.status() {
            StatusCode::NO_CONTENT | StatusCode::OK | StatusCode::NOT_FOUND => Ok(()),
            _ => Err(refused("DeleteObject", &answer)),
        }
    }
}

impl fmt::Debug for S3Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("S3Bucket").field("name", &self.name).finish_non_exhaustive()
    }
}

fn refused(call: &str, answer: &Response<Bytes>) -> BoxError {
    format!("S3 answered {call} with {}", answer.status()).into()
}

#[cfg(test)]
mod tests;
