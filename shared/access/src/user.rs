//! Users: people who sign in with e-mail and password.
//!
//! Pure. It does not know how a password is hashed (`password`) nor where a user is kept (`store`).

use std::fmt;
use std::str::FromStr;

use kernel::TenantId;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::email::Email;
use crate::password::{MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS, Password, PasswordHash};

kernel::typed_id!(
    /// A user of one tenant, derived from the e-mail address: one mailbox cannot be two users, and who signs in is
    /// found without an index.
    UserId,
    "usr"
);

impl UserId {
    /// The one id of this mailbox's user, whether there is such a user or not.
    #[must_use]
    pub fn of(tenant: &TenantId, email: &Email) -> Self {
        Self::derive(&["user", tenant.as_str(), email.as_str()])
    }
}

/// Longest name of a user, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 200;

/// What a caller may be. Users have one of the first three, services the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    Customer,
    StoreAdmin,
    WarehouseStaff,
    Service,
}

impl Role {
    /// The text every caller's role is compared with: `STORE_ADMIN`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "CUSTOMER",
            Self::StoreAdmin => "STORE_ADMIN",
            Self::WarehouseStaff => "WAREHOUSE_STAFF",
            Self::Service => "SERVICE",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A user. `Debug` shows the id and the role only: the rest is personal.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub(crate) password: PasswordHash,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("role", &self.role).finish_non_exhaustive()
    }
}

/// Somebody to be a user, as typed. `Debug` shows nothing.
#[derive(Clone)]
pub struct NewUser {
    pub email: String,
    /// 12 to 128 characters.
    pub password: String,
    pub name: String,
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewUser(..)")
    }
}

/// One rule the input breaks, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer into the input: `/email`.
    pub pointer: &'static str,
    /// Stable name of the rule.
    pub code: &'static str,
    /// For people.
    pub detail: String,
}

/// A [`NewUser`] that passed every check.
pub(crate) struct Checked {
    pub(crate) email: Email,
    pub(crate) password: Password,
    pub(crate) name: String,
}

impl NewUser {
    pub(crate) fn check(&self) -> Result<Checked, Vec<Violation>> {
        let mut violations = Vec::new();
        let mut violation = |pointer, code, detail: String| violations.push(Violation { pointer, code, detail });
        let email = Email::from_str(&self.email);
        let email = email.map_err(|error| violation("/email", "invalid_email", error.to_string())).ok();
        let password = Password::new(&self.password);
        if password.is_none() {
            let detail = format!("must be {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters");
            violation("/password", "wrong_length", detail);
        }
        let name = checked_name(&self.name);
        if name.is_none() {
            let detail = format!("must be 1 to {MAX_NAME_BYTES} bytes without control characters");
            violation("/name", "invalid_name", detail);
        }
        match (email, password, name) {
            (Some(email), Some(password), Some(name)) => Ok(Checked { email, password, name }),
            _ => Err(violations),
        }
    }
}

/// Trimmed and composed (NFC).
fn checked_name(text: &str) -> Option<String> {
    if text.len() > 2 * MAX_NAME_BYTES {
        return None;
    }
    let name: String = text.trim().nfc().collect();
    ((1..=MAX_NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_user() -> NewUser {
        let [email, password, name] = ["Ada@Example.com", "correct horse", " Ada "].map(str::to_owned);
        NewUser { email, password, name }
    }

    #[test]
    fn everything_wrong_is_reported_at_once() {
        let bad = NewUser { email: "ada".into(), password: "short".into(), name: "\u{0}".into() };
        let found: Vec<_> = bad.check().err().into_iter().flatten().map(|v| (v.pointer, v.code)).collect();
        assert_eq!(found, [("/email", "invalid_email"), ("/password", "wrong_length"), ("/name", "invalid_name")]);
    }

    #[test]
    fn a_good_user_is_normalised() {
        let checked = new_user().check().map_err(|_| ()).unwrap();
        assert_eq!((checked.email.as_str(), checked.name.as_str()), ("ada@example.com", "Ada"));
        assert!(checked_name(&"x".repeat(200)).is_some());
        assert!(checked_name(&"x".repeat(201)).is_none());
        assert!(checked_name("  ").is_none());
    }

    #[test]
    fn a_mailbox_has_one_id_in_a_tenant_and_another_in_the_next() {
        let (acme, other): (TenantId, TenantId) = ("acme.test".parse().unwrap(), "other.test".parse().unwrap());
        let [lower, upper] = ["ada@example.com", "ADA@example.com"].map(|text| text.parse::<Email>().unwrap());
        assert_eq!(UserId::of(&acme, &lower), UserId::of(&acme, &upper));
        assert_ne!(UserId::of(&acme, &lower), UserId::of(&other, &lower));
    }

    #[test]
    fn debug_shows_nothing_personal() {
        let checked = new_user().check().map_err(|_| ()).unwrap();
        let user = User {
            id: UserId::of(&"acme.test".parse().unwrap(), &checked.email),
            email: checked.email.as_str().to_owned(),
            name: checked.name,
            role: Role::Customer,
            password: crate::password::Hasher::cheap().hash(&checked.password).unwrap(),
        };
        let shown = format!("{user:?} {:?}", new_user()).to_lowercase();
        assert!(!shown.contains("ada") && !shown.contains("horse") && !shown.contains("argon"), "{shown}");
    }

    #[test]
    fn a_role_is_stored_as_the_text_it_is_compared_with() {
        for role in [Role::Customer, Role::StoreAdmin, Role::WarehouseStaff, Role::Service] {
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
    }
}
