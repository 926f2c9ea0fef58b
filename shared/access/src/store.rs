//! How this context is kept in the table. What each item is for is said where it is; all keys begin with the tenant.
//!
//! | item | partition | sort key | index |
//! |---|---|---|---|
//! | user | `USER#<id>` | `USER` | gsi2 `USERS` unless a customer |
//! | lockout | `USER#<id>` | `LOCKOUT` | |
//! | application | `APP#<id>` | `APP` | gsi2 `APPS` |
//! | API key | `APIKEY#<id>` | `APIKEY` | gsi2 `APIKEYS` |
//! | session | `SESSION#<id>` | `SESSION` | gsi2 `PRINCIPAL#<user>#SESSIONS` |
//! | login under way | `LOGIN#<hash of state>` | `LOGIN` | |
//! | authorization code | `CODE#<hash>` | `CODE` | |
//! | grants | `GRANTS#<principal>` | `GRANTS` | |
//! | group | `GROUP#<id>` | `GROUP` | gsi2 `GROUPS` |
//! | roles, tree | `ROLES`, `ORG` | the same | |
//! | rate counter | `RATE#<class>#<hash of subject>#<day>#<shard>` | `<minute>` | |
//! | pin of a consumer | `CONSUMER#<id>` | `CONSUMER` | |
//! | audit entry | `AUDIT#<day>` | `<id>` | gsi2 `PRINCIPAL#<subject>#AUDIT` |

mod api_keys;
mod applications;
mod audit;
mod consumers;
mod limits;
mod logins;
mod rights;
mod sessions;
mod text;
mod users;

pub(crate) use api_keys::{ApiKeyItem, api_key_key, api_keys, decode_api_key, mark_key_used};
pub(crate) use applications::{AppItem, app_key, apps, decode_app};
pub(crate) use audit::{AuditItem, audit_of_day, audit_of_subject};
pub(crate) use consumers::{ConsumerItem, consumer_key, decode_pin};
pub(crate) use limits::{RateItem, RatePlace, windows_of_day};
pub(crate) use logins::{CodeItem, LoginItem, code_key, login_key, mark_code_used};
pub(crate) use rights::{GrantsItem, GroupItem, OrgItem, RolesItem, grants_key, group_key, groups, org_key, roles_key};
pub(crate) use sessions::{SessionItem, decode_session, session_key, sessions_of};
pub(crate) use users::{
    LockoutItem, UserItem, decode_failures, decode_user, decode_versioned_user, lockout_key, user_key, users,
};
