//! Which application is asking, and whether it can show that it is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use table::{Consistency, Versioned};

use super::params::Params;
use super::{OAuth, OAuthError, Outage};
use crate::application::{AppId, Application, Kind};
use crate::audit::AuditKind;
use crate::opaque;
use crate::store::{AuditItem, app_key, decode_app};

/// Compared with when there is no such application, so that the answer takes as long.
const NOBODY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

impl OAuth {
    /// The application of a request to the token endpoint and its neighbours: HTTP Basic or form parameters, never both
    /// (RFC 6749, section 2.3).
    pub(super) async fn client(&self, params: &Params, authorization: Option<&str>) -> Result<Application, OAuthError> {
        let (id, secret) = match authorization {
            Some(header) => {
                let (id, secret) = basic(header).ok_or(OAuthError::InvalidClient)?;
                if params.get("client_secret").is_some() || params.get("client_id").is_some_and(|other| other != id) {
                    return Err(OAuthError::InvalidRequest("the client is named twice"));
                }
                (id, Some(secret))
            }
            None => {
                let id = params.get("client_id").ok_or(OAuthError::InvalidClient)?;
                (id.to_owned(), params.get("client_secret").map(str::to_owned))
            }
        };
        let found = match id.parse::<AppId>() {
            Ok(id) => self.application(id).await?,
            Err(_) => None,
        };
        let kept = found.as_ref().and_then(|app| app.value.secret.as_deref());
        let is_right = opaque::is_of(secret.as_deref().unwrap_or_default(), kept.unwrap_or(NOBODY)) && kept.is_some();
        let Some(Versioned { value: application, .. }) = found else { return Err(OAuthError::InvalidClient) };
        let is_shown = match application.registration.kind {
            Kind::Confidential => is_right,
            Kind::Public => secret.is_none(),
        };
        if is_shown && !application.suspended {
            return Ok(application);
        }
        let mut transaction = self.table.transaction(&self.tenant);
        transaction.create(&AuditItem(self.entry(AuditKind::ApplicationRefused, application.id, application.id)));
        transaction.commit().await.map_err(Outage::from)?;
        Err(OAuthError::InvalidClient)
    }

    pub(super) async fn application(&self, id: AppId) -> Result<Option<Versioned<Application>>, Outage> {
        let item = self.table.get_item(app_key(&self.tenant, id), Consistency::Strong).await?;
        Ok(item.map(decode_app).transpose()?)
    }
}

/// Id and secret, each form-encoded before they were put together (RFC 6749, section 2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, value) = header.split_once(' ')?;
    let pair = String::from_utf8(STANDARD.decode(value.trim_start()).ok()?).ok()?;
    let (id, secret) = pair.split_once(':').filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let decoded = |text: &str| {
        let mut pairs = form_urlencoded::parse(text.as_bytes());
        pairs.next().filter(|(_, value)| value.is_empty()).map(|(name, _)| name.into_owned())
    };
    Some((decoded(id)?, decoded(secret)?))
}
