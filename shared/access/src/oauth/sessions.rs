//! Sessions as their user sees them: a list, and the end of one or of all.

use kernel::Timestamp;
use table::{Consistency, GlobalIndex, Page, Position, Query, TransactionError, Versioned};

use super::{ATTEMPTS, OAuth, Outage};
use crate::audit::AuditKind;
use crate::session::Session;
use crate::store::{
    AuditItem, SessionItem, UserItem, decode_session, decode_versioned_user, session_key, sessions_of, user_key,
};
use crate::user::{User, UserId};

impl OAuth {
    /// The sessions of a user that were not ended, those whose time is over left out.
    pub async fn sessions(&self, user: UserId, limit: usize, start: Option<Position>) -> Result<Page<Session>, Outage> {
        let query = Query::index(GlobalIndex::Gsi2, sessions_of(&self.tenant, user)).limit(limit).start(start);
        let page = self.table.query_items(query).await?.try_map(decode_session)?;
        let now: Timestamp = self.clock.now();
        let items = page.items.into_iter().map(|item| item.value).filter(|session| session.is_alive(now)).collect();
        Ok(Page { items, next: page.next })
    }

    /// Ends a session; `false` when there is none, or it is not this user's.
    pub async fn end_own(&self, user: UserId, session: &str) -> Result<bool, Outage> {
        self.end(session, AuditKind::SessionEnded, Some(user)).await
    }

    /// Ends every session of a user, also those that are only starting: tokens of an earlier epoch are not good.
    pub async fn end_all(&self, user: UserId) -> Result<(), Outage> {
        for _ in 0..ATTEMPTS {
            let item = self.table.get_item(user_key(&self.tenant, user), Consistency::Strong).await?;
            let Some(Versioned { value, version }) = item.map(decode_versioned_user).transpose()? else {
                return Ok(());
            };
            let next = User { epoch: value.epoch + 1, ..value };
            let mut transaction = self.table.transaction(&self.tenant);
            transaction.put_versioned(&UserItem::from(&next), version).create(&AuditItem(self.entry(
                AuditKind::SessionEnded,
                user,
                user,
            )));
            match transaction.commit().await {
                Err(TransactionError::Conditions(_)) => {}
                done => return Ok(done?),
            }
        }
        Err(Outage::Contended)
    }

    /// Ends a session, of this user if one is given; ending it twice is ending it once.
    pub(super) async fn end(&self, session: &str, why: AuditKind, of: Option<UserId>) -> Result<bool, Outage> {
        for _ in 0..ATTEMPTS {
            let item = self.table.get_item(session_key(&self.tenant, session), Consistency::Strong).await?;
            let Some(Versioned { value, version }) = item.map(decode_session).transpose()? else { return Ok(false) };
            if of.is_some_and(|user| user != value.user) {
                return Ok(false);
            }
            if value.revoked {
                return Ok(true);
            }
            let entry = self.entry(why, value.user, value.user).about(&value.client);
            let mut transaction = self.table.transaction(&self.tenant);
            transaction
                .put_versioned(&SessionItem::from(&Session { revoked: true, ..value }), version)
                .create(&AuditItem(entry));
            match transaction.commit().await {
                Ok(()) => return Ok(true),
                Err(TransactionError::Conditions(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Outage::Contended)
    }
}
