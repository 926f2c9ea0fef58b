//! Users: people who sign in with e-mail and password.
//!
//! Pure. It does not know how a password is hashed (`password`) nor where a user is kept (`store`).

use std::collections::BTreeSet;
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

/// What a caller may be. Users have one of the first four, services the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    Customer,
    StoreAdmin,
    WarehouseStaff,
    /// Works here, and may do what grants say: a franchise operator.
    Member,
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
            Self::Member => "MEMBER",
            Self::Service => "SERVICE",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a user may come in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UserStatus {
    /// Asked to join; active with the first sign-in.
    Invited,
    #[default]
    Active,
    Suspended,
    /// Nothing personal is left; the id remains, so that what it did stays attributable.
    Erased,
}

/// What an operator, or a first sign-in, does to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserStep {
    Activate,
    Suspend,
    Erase,
}

/// The user is in a status that does not allow the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user who is {from:?} cannot take the step {step:?}")]
pub struct InvalidStep {
    pub from: UserStatus,
    pub step: UserStep,
}

impl UserStatus {
    /// The status after a step.
    pub fn apply(self, step: UserStep) -> Result<Self, InvalidStep> {
        match (self, step) {
            (Self::Invited | Self::Suspended, UserStep::Activate) => Ok(Self::Active),
            (Self::Invited | Self::Active, UserStep::Suspend) => Ok(Self::Suspended),
            (Self::Invited | Self::Active | Self::Suspended, UserStep::Erase) => Ok(Self::Erased),
            (Self::Active, UserStep::Activate)
            | (Self::Suspended, UserStep::Suspend)
            | (Self::Erased, UserStep::Activate | UserStep::Suspend | UserStep::Erase) => {
                Err(InvalidStep { from: self, step })
            }
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
    pub(crate) fn is_active(&self) -> bool {
        *self == Self::Active
    }
}

/// A user. `Debug` shows the id and the role only: the rest is personal.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub status: UserStatus,
    /// Raised to end every session at once.
    pub epoch: u64,
    /// Whether somebody we believe has vouched for the address: an operator, or the identity provider.
    pub verified: bool,
    /// Ids of groups.
    pub groups: BTreeSet<String>,
    pub(crate) password: Option<PasswordHash>,
}

impl User {
    /// The user after a step. Whoever may no longer come in loses every session; whoever is erased loses everything personal.
    pub(crate) fn after(&self, step: UserStep) -> Result<Self, InvalidStep> {
        let status = self.status.apply(step)?;
        Ok(match step {
            UserStep::Activate => Self { status, ..self.clone() },
            UserStep::Suspend => Self { status, epoch: self.epoch + 1, ..self.clone() },
            UserStep::Erase => Self {
                status,
                id: self.id,
                role: self.role,
                email: String::new(),
                name: String::new(),
                epoch: self.epoch + 1,
                verified: false,
                groups: BTreeSet::new(),
                password: None,
            },
        })
    }
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
pub(crate) fn checked_name(text: &str) -> Option<String> {
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
            password: Some(crate::password::Hasher::cheap().hash(&checked.password).unwrap()),
            status: UserStatus::Active,
            epoch: 0,
            verified: false,
            groups: BTreeSet::new(),
        };
        let shown = format!("{user:?} {:?}", new_user()).to_lowercase();
        assert!(!shown.contains("ada") && !shown.contains("horse") && !shown.contains("argon"), "{shown}");
    }

    #[test]
    fn who_is_erased_stays_erased_and_who_is_suspended_loses_every_session() {
        use UserStatus::{Active, Erased, Invited, Suspended};
        use UserStep::{Activate, Erase, Suspend};
        let allowed = [
            (Invited, Activate, Active),
            (Suspended, Activate, Active),
            (Invited, Suspend, Suspended),
            (Active, Suspend, Suspended),
            (Invited, Erase, Erased),
            (Active, Erase, Erased),
            (Suspended, Erase, Erased),
        ];
        for from in [Invited, Active, Suspended, Erased] {
            for step in [Activate, Suspend, Erase] {
                let expected = allowed.iter().find(|(f, s, _)| (*f, *s) == (from, step)).map(|(_, _, to)| *to);
                assert_eq!(from.apply(step).ok(), expected, "{from:?} {step:?}");
            }
        }
    }

    #[test]
    fn a_role_is_stored_as_the_text_it_is_compared_with() {
        for role in [Role::Customer, Role::StoreAdmin, Role::WarehouseStaff, Role::Member, Role::Service] {
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
    }
}
