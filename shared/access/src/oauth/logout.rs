//! Log out at an application's wish (`OpenID` Connect RP-Initiated Logout 1.0): the browser comes with an ID token, loses the
//! session the token was made for, and goes back to the application.
//!
//! Without a good ID token nothing is ended and nobody is sent anywhere: a link on somebody's page must not log people out, and
//! there is no cookie here that says who is asking. A token whose time is over is still good for this. The provider's own
//! session is not ended; every login asks the provider to ask the person again.

use super::params::{Params, with_query};
use super::{MAX_ECHO, OAuth, Outage};
use crate::application::{AppId, Application};
use crate::audit::AuditKind;
use crate::token::IdentityClaims;

/// Why the browser is not sent back.
#[derive(Debug, thiserror::Error)]
pub enum LogoutError {
    /// Nothing was ended. The text is for people.
    #[error("{0}")]
    Refused(&'static str),
    #[error(transparent)]
    Outage(#[from] Outage),
}

impl OAuth {
    /// Ends the session an ID token was made for; where to send the browser, if it is to go somewhere.
    pub async fn logout(&self, params: &Params) -> Result<Option<String>, LogoutError> {
        let unknown = LogoutError::Refused("Whoever sent you here did not say whom to sign out.");
        let Some(hint) = params.get("id_token_hint") else { return Err(unknown) };
        let claims = self.tokens.identified(hint, self.clock.now()).await.map_err(Outage::Claims)?;
        let Some(IdentityClaims { iss, aud, sub, sid }) = claims else { return Err(unknown) };
        let (Ok(client), Ok(user)) = (aud.parse::<AppId>(), sub.parse()) else { return Err(unknown) };
        let is_named = params.get("client_id").is_none_or(|id| id == aud);
        let Some(application) = self.application(client).await?.filter(|_| is_named && iss == self.url) else {
            return Err(unknown);
        };
        let back = self.back_after_logout(params, &application.value)?;
        self.end(&sid, AuditKind::SessionEnded, Some(user)).await?;
        Ok(back)
    }

    fn back_after_logout(&self, params: &Params, application: &Application) -> Result<Option<String>, LogoutError> {
        let Some(uri) = params.get("post_logout_redirect_uri") else { return Ok(None) };
        let state = params.get("state");
        if application.suspended || !application.may_redirect_after_logout(uri, &self.tenant) {
            return Err(LogoutError::Refused("The application does not live at the URL it wants you to be sent to."));
        }
        if state.is_some_and(|state| state.len() > MAX_ECHO) {
            return Err(LogoutError::Refused("state may have 1000 bytes."));
        }
        Ok(Some(if state.is_some() { with_query(uri, &[("state", state)]) } else { uri.to_owned() }))
    }
}
