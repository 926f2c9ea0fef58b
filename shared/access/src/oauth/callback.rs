//! The browser comes back from the identity provider: a login becomes a session and an authorization code.
//!
//! The state finds the login, the cookie shows that it is the browser that started it, and both are used up in the very
//! transaction that makes the session. Only people who were invited, or registered themselves, come in.

use std::collections::BTreeSet;

use subtle::ConstantTimeEq;
use table::{Condition, Consistency, TransactionError, Versioned};

use super::authorize::COOKIE_PART;
use super::params::{Params, with_query};
use super::{CODE_SECONDS, OAuth, Outage};
use crate::application::OPENID_SCOPES;
use crate::audit::AuditKind;
use crate::opaque;
use crate::provider::Person;
use crate::session::{Family, Session};
use crate::store::{AuditItem, CodeItem, LoginItem, SessionItem, UserItem, decode_versioned_user, login_key, user_key};
use crate::user::{User, UserId, UserStatus};

/// Why the browser is not sent back to the application.
#[derive(Debug, thiserror::Error)]
pub enum CallbackError {
    /// The login is not known, over, used already, or another browser's. One answer for all of them.
    #[error("The login is over. Go back to the application and sign in again.")]
    Unknown,
    #[error(transparent)]
    Outage(#[from] Outage),
}

impl OAuth {
    /// Where to send the browser: back to the application, with a code or with the reason why there is none. `cookie` gives
    /// the value of the cookie of the login with this name.
    pub async fn callback(
        &self,
        params: &Params,
        cookie: &(dyn Fn(&str) -> Option<String> + Sync),
    ) -> Result<String, CallbackError> {
        let state = params.get("state").ok_or(CallbackError::Unknown)?;
        let login = self.login(&opaque::hash(state)).await?.ok_or(CallbackError::Unknown)?;
        let name: String = login.id.chars().take(COOKIE_PART).collect();
        let browser = opaque::hash(&cookie(&name).unwrap_or_default());
        let is_same = bool::from(browser.as_bytes().ct_eq(login.browser.as_bytes()));
        if !is_same || login.provider != self.provider.name() {
            return Err(CallbackError::Unknown);
        }
        let Some(code) = params.get("code") else { return self.refuse(&login, None).await };
        let identified = self.provider.identify(code, &login.provider_verifier, &login.provider_nonce).await;
        let Some(person) = identified.map_err(Outage::from)? else { return self.refuse(&login, None).await };
        let id = UserId::of(&self.tenant, &person.email);
        let user = self.table.get_item(user_key(&self.tenant, id), Consistency::Strong).await.map_err(Outage::from)?;
        let user = user.map(decode_versioned_user).transpose().map_err(Outage::from)?;
        match user {
            Some(user) if matches!(user.value.status, UserStatus::Active | UserStatus::Invited) => {
                self.admit(&login, &person, user).await
            }
            Some(_) | None => self.refuse(&login, Some(id)).await,
        }
    }

    async fn login(&self, id: &str) -> Result<Option<LoginItem>, Outage> {
        let item = self.table.get::<LoginItem>(login_key(&self.tenant, id), Consistency::Strong).await?;
        let now = self.clock.now().as_second();
        Ok(item.map(|item| item.value).filter(|login| now < login.expires))
    }

    /// Uses the login up; the application learns nothing but that it was denied.
    async fn refuse(&self, login: &LoginItem, who: Option<UserId>) -> Result<String, CallbackError> {
        let subject = who.map_or_else(|| login.client.to_string(), |id| id.to_string());
        let mut transaction = self.table.transaction(&self.tenant);
        transaction
            .delete(login_key(&self.tenant, &login.id), Condition::exists())
            .create(&AuditItem(self.entry(AuditKind::SignInRefused, &subject, &subject).about(login.client)));
        match transaction.commit().await {
            Ok(()) => Ok(self.back(login, &[("error", Some("access_denied"))])),
            Err(TransactionError::Conditions(_)) => Err(CallbackError::Unknown),
            Err(error) => Err(Outage::from(error).into()),
        }
    }

    async fn admit(&self, login: &LoginItem, person: &Person, user: Versioned<User>) -> Result<String, CallbackError> {
        let application = self.application(login.client).await?.map(|application| application.value);
        let is_good = |app: &crate::Application| !app.suspended && app.may_redirect(&login.redirect_uri, &self.tenant);
        if !application.as_ref().is_some_and(is_good) {
            return Err(CallbackError::Unknown);
        }
        let admitted = admitted(&user.value, person);
        let code = opaque::secret().map_err(Outage::from)?;
        let now = self.clock.now();
        let session = Session {
            id: opaque::secret().map_err(Outage::from)?,
            tenant: self.tenant.clone(),
            user: user.value.id,
            client: login.client.to_string(),
            epoch: admitted.epoch,
            scope: self.granted(&login.scope, &admitted).await?,
            created: now,
            active: now.as_second(),
            revoked: false,
            family: Family::default(),
        };
        let kept = CodeItem {
            id: opaque::hash(&code),
            client: login.client,
            redirect_uri: login.redirect_uri.clone(),
            challenge: login.challenge.clone(),
            nonce: login.nonce.clone(),
            session: session.id.clone(),
            expires: now.as_second() + CODE_SECONDS,
            used: false,
        };
        let mut transaction = self.table.transaction(&self.tenant);
        transaction
            .delete(login_key(&self.tenant, &login.id), Condition::exists())
            .create(&SessionItem::from(&session))
            .create(&kept)
            .create(&AuditItem(self.entry(AuditKind::SessionStarted, session.user, session.user).about(login.client)));
        if admitted == user.value {
            transaction.check(user_key(&self.tenant, session.user), Condition::version(user.version));
        } else {
            transaction.put_versioned(&UserItem::from(&admitted), user.version);
        }
        match transaction.commit().await {
            Ok(()) => Ok(self.back(login, &[("code", Some(&code))])),
            Err(error) if error.failed(0).is_some() => Err(CallbackError::Unknown),
            // The user was changed this very moment; the login is still good.
            Err(TransactionError::Conditions(_)) => Err(Outage::Contended.into()),
            Err(error) => Err(Outage::from(error).into()),
        }
    }

    /// What was asked for, as far as the user may do it somewhere.
    async fn granted(&self, asked: &str, user: &User) -> Result<String, Outage> {
        let rights = self.directory.rights(&self.tenant, &user.id.to_string(), &user.groups).await?.with(user.role);
        let permitted = rights.resolver().anywhere();
        let asked: BTreeSet<&str> = asked.split(' ').filter(|scope| !scope.is_empty()).collect();
        let granted = asked.into_iter().filter(|scope| OPENID_SCOPES.contains(scope) || permitted.contains(scope));
        Ok(granted.collect::<Vec<_>>().join(" "))
    }

    fn back(&self, login: &LoginItem, pairs: &[(&str, Option<&str>)]) -> String {
        let more = [("state", login.state.as_deref()), ("iss", Some(&*self.url))];
        with_query(&login.redirect_uri, &[pairs, &more].concat())
    }
}

/// The user after the provider has vouched for the address. Somebody else may have registered an address nobody had vouched
/// for: whatever that somebody knows must not open the account any more.
fn admitted(user: &User, person: &Person) -> User {
    let mut admitted = User { status: UserStatus::Active, verified: true, ..user.clone() };
    if !user.verified {
        admitted.password = None;
        admitted.epoch += 1;
    }
    if admitted.name.is_empty() {
        admitted.name.clone_from(&person.name);
    }
    admitted
}
