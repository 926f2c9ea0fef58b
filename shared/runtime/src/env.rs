//! The environment, typed, and read in one place.
//!
//! A function declares what it needs with [`settings!`](crate::settings); whatever is missing or malformed is
//! named all at once, so that a deployment is put right in one go.

use std::fmt::Display;
use std::str::FromStr;

/// Where variables come from; the process's environment outside tests.
pub(crate) type Lookup = fn(&str) -> Option<String>;

/// The process's environment. An empty variable is one that is not set.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub(crate) fn process(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What is wrong with the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub struct ConfigError {
    pub missing: Vec<&'static str>,
    /// Name and what is wrong; never the value, which may be secret.
    pub invalid: Vec<(&'static str, String)>,
}

impl ConfigError {
    fn text(&self) -> String {
        let missing = self.missing.iter().map(|name| format!("{name} is not set"));
        let invalid = self.invalid.iter().map(|(name, reason)| format!("{name} is not valid: {reason}"));
        missing.chain(invalid).collect::<Vec<_>>().join("; ")
    }
}

/// Reads variables and remembers what is wrong.
pub struct Env {
    lookup: Lookup,
    error: ConfigError,
}

impl Env {
    pub(crate) fn new(lookup: Lookup) -> Self {
        Self { lookup, error: ConfigError::default() }
    }

    /// The variable, or `default` when it is not set; `None` is recorded, and the struct is not built.
    pub fn value<T: FromStr<Err: Display>>(&mut self, name: &'static str, default: Option<T>) -> Option<T> {
        let Some(text) = (self.lookup)(name) else {
            if default.is_none() {
                self.error.missing.push(name);
            }
            return default;
        };
        text.parse().map_err(|error: T::Err| self.error.invalid.push((name, error.to_string()))).ok()
    }

    pub(crate) fn read<S: Settings>(mut self) -> Result<S, ConfigError> {
        match S::read(&mut self) {
            Some(settings) if self.error == ConfigError::default() => Ok(settings),
            Some(_) | None => Err(self.error),
        }
    }
}

/// What a function reads from its environment; made by [`settings!`](crate::settings).
pub trait Settings: Sized {
    /// Reads every variable before it gives up.
    fn read(env: &mut Env) -> Option<Self>;
}

/// Two that are declared apart, with all that is wrong in either.
impl<A: Settings, B: Settings> Settings for (A, B) {
    fn read(env: &mut Env) -> Option<Self> {
        let (a, b) = (A::read(env), B::read(env));
        a.zip(b)
    }
}

/// Declares a struct and the variables its fields come from: `field: Type = "NAME"`, or `… or default`.
#[macro_export]
macro_rules! settings {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field:ident: $type:ty = $variable:literal $(or $default:expr)?),* $(,)?
    }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$field_meta])* $vis $field: $type),* }

        impl $crate::Settings for $name {
            fn read(env: &mut $crate::Env) -> Option<Self> {
                $(let $field = env.value::<$type>($variable, $crate::settings!(@default $($default)?));)*
                Some(Self { $($field: $field?),* })
            }
        }
    };
    (@default) => { None };
    (@default $default:expr) => { Some($default.into()) };
}

#[cfg(test)]
mod tests {
    use kernel::TenantId;

    use super::*;

    settings! {
        #[derive(Debug)]
        struct Orders {
            table: String = "TABLE_NAME",
            tenant: TenantId = "TENANT",
            wait_seconds: u64 = "WAIT_SECONDS" or 10u64,
            region: String = "REGION" or "eu-west-1",
        }
    }

    settings! {
        #[derive(Debug)]
        struct Files {
            _bucket: String = "FILES_BUCKET",
        }
    }

    #[test]
    fn what_is_set_is_read_and_what_is_not_has_its_default() {
        let env = Env::new(|name| match name {
            "TABLE_NAME" => Some("crossdock".to_owned()),
            "TENANT" => Some("acme.test".to_owned()),
            "WAIT_SECONDS" => Some("3".to_owned()),
            _ => None,
        });
        let orders: Orders = env.read().unwrap();
        assert_eq!((orders.table.as_str(), orders.tenant.as_str()), ("crossdock", "acme.test"));
        assert_eq!((orders.wait_seconds, orders.region.as_str()), (3, "eu-west-1"));
    }

    #[test]
    fn everything_wrong_is_named_at_once_and_no_value_is_quoted() {
        let env = Env::new(|name| (name == "WAIT_SECONDS").then(|| "hunter2".to_owned()));
        let error = env.read::<Orders>().unwrap_err();
        assert_eq!(error.missing, ["TABLE_NAME", "TENANT"]);
        let both = Env::new(|_| None).read::<(Files, Orders)>().unwrap_err();
        assert_eq!(both.missing, ["FILES_BUCKET", "TABLE_NAME", "TENANT"]);
        assert_eq!(
            error.to_string(),
            "TABLE_NAME is not set; TENANT is not set; WAIT_SECONDS is not valid: invalid digit found in string"
        );
    }
}
