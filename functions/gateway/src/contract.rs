//! Which version of the contract a request is in: what its header says, else its path, else what its consumer is pinned to.

use axum::response::{IntoResponse, Response};
use gateway::{VERSIONS, Version};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName, HeaderValue};
use web::{Json, Path, Problem};

use crate::Gateway;

/// Asks for a version, and says which it was.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("api-version");
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");
/// In the place of a version: the one the consumer is pinned to.
const PINNED: &str = "current";

/// Version and rest of `/public/{version}/…`.
pub(crate) fn named(path: &str) -> (&str, &str) {
    let rest = path.strip_prefix("/public/").unwrap_or_default();
    rest.split_at(rest.find('/').unwrap_or(rest.len()))
}

fn dated(name: &str) -> Result<&'static Version, Problem> {
    Version::dated(name).ok_or_else(|| {
        let known: Vec<&str> = VERSIONS.iter().map(|version| version.date).collect();
        Problem::bad_request("unknown_version").detail("There is no such version of the API.").with("versions", known)
    })
}

impl Gateway {
    /// One read for a consumer that relies on its pin; the first time it gets one, and a write.
    pub(crate) async fn version(
        &self,
        named: &str,
        consumer: &str,
        headers: &HeaderMap,
    ) -> Result<&'static Version, Problem> {
        let said = (named != PINNED).then(|| dated(named)).transpose()?;
        let mut asked = headers.get_all(HEADER).iter();
        match (asked.next(), asked.next()) {
            (None, _) => {}
            (Some(one), None) => return dated(one.to_str().unwrap_or_default()),
            (Some(_), Some(_)) => return dated(""),
        }
        if let Some(version) = said {
            return Ok(version);
        }
        let pinned = self.consumers.pinned_from(&self.tenant, consumer, Version::newest().date).await;
        dated(&pinned.map_err(|error| Problem::unavailable(&error))?)
    }
}

/// Says which version an answer is in, and whether that one ends.
pub(crate) fn tell(version: &'static Version, told: &mut HeaderMap) {
    told.insert(HEADER, HeaderValue::from_static(version.date));
    if let Some(end) = &version.end {
        told.insert(DEPRECATION, HeaderValue::from_static(end.deprecation));
        told.insert(SUNSET, HeaderValue::from_static(end.sunset));
    }
}

/// `GET /public/{version}/openapi.json`, for anybody.
pub(crate) async fn document(Path(version): Path<String>) -> Result<Response, Problem> {
    let document = gateway::document(dated(&version)?);
    Ok(([(CACHE_CONTROL, "public, max-age=3600")], Json(document)).into_response())
}
