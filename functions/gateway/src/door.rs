//! Who asks: an application with an access token, or a partner's system with an API key. Passwords, services' secrets and the
//! gateway's own assertions are nobody's here.

use access::AuthenticateError;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use web::Problem;

use crate::Gateway;

/// What a client may try after a 401.
const CHALLENGES: &str = r#"ApiKey realm="crossdock", Bearer realm="crossdock""#;

/// Who asks.
pub(crate) struct Consumer {
    /// The key or the application: whom limits, usage and pins are about.
    pub(crate) id: String,
    /// For whom it speaks.
    pub(crate) principal: String,
    pub(crate) role: String,
    /// Separated by spaces.
    pub(crate) scopes: String,
}

impl Gateway {
    /// One read, or two for an application's user. Whatever is wrong with a credential, the answer is the same.
    pub(crate) async fn consumer(&self, headers: &HeaderMap) -> Result<Consumer, Problem> {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let header = match (all.next().and_then(|value| value.to_str().ok()), all.next()) {
            (Some(header), None) => header.trim(),
            _ => "",
        };
        let (scheme, value) = header.split_once(' ').unwrap_or((header, ""));
        let outage = |error: AuthenticateError| Problem::unavailable(&error);
        let found = if scheme.eq_ignore_ascii_case("apikey") {
            let key = self.keys.authenticate(&self.tenant, header).await.map_err(outage)?;
            key.map(|key| Consumer {
                id: key.id.to_string(),
                principal: key.id.to_string(),
                role: key.role.to_string(),
                scopes: key.scopes.into_iter().collect::<Vec<_>>().join(" "),
            })
        } else if scheme.eq_ignore_ascii_case("bearer") {
            let claims = self.door.access(value.trim_start()).await.map_err(outage)?;
            claims.map(|claims| Consumer {
                id: claims.client_id,
                principal: claims.sub,
                role: claims.role,
                scopes: claims.scope,
            })
        } else {
            None
        };
        found.ok_or_else(|| Problem::unauthenticated().challenges(CHALLENGES))
    }
}
