//! The `Authorization` header, taken apart. It judges nothing: what a header claims is checked elsewhere.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;

use crate::email::Email;
use crate::password::Password;

/// Longest header that is looked at: an address, a password of four-byte characters, and base64.
const MAX_HEADER_BYTES: usize = 1200;

/// What a header claims. `Debug` shows the scheme only.
pub(crate) enum Credentials {
    /// HTTP Basic (RFC 7617): a user.
    Basic(Email, Password),
    /// Bearer (RFC 6750): a service.
    Bearer(SecretString),
}

impl Credentials {
    /// `None` for another scheme, for anything malformed, and for an address or password that no user can have.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        if header.len() > MAX_HEADER_BYTES {
            return None;
        }
        let (scheme, value) = header.trim().split_once(' ')?;
        let value = value.trim_start();
        if scheme.eq_ignore_ascii_case("basic") {
            let pair = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
            let (email, password) = pair.split_once(':')?;
            Some(Self::Basic(email.parse().ok()?, Password::new(password)?))
        } else if scheme.eq_ignore_ascii_case("bearer") {
            Some(Self::Bearer(value.to_owned().into()))
        } else {
            None
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic(..) => "Basic(..)",
            Self::Bearer(_) => "Bearer(..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    fn basic(pair: &[u8]) -> Option<Credentials> {
        Credentials::parse(&format!("Basic {}", STANDARD.encode(pair)))
    }

    #[test]
    fn a_password_may_hold_colons_and_any_letters() {
        assert!(matches!(basic("ada@example.com:pass:wörd:12".as_bytes()), Some(Credentials::Basic(..))));
        let lower = format!("bAsIc   {}", STANDARD.encode("ada@example.com:correct horse"));
        assert!(Credentials::parse(&lower).is_some());
    }

    #[test]
    fn a_bearer_token_is_taken_as_it_is() {
        let Some(Credentials::Bearer(token)) = Credentials::parse("Bearer abc=def") else { panic!("no token") };
        assert_eq!(token.expose_secret(), "abc=def");
    }

    #[test]
    fn what_is_not_a_credential_is_none() {
        let long = format!("Bearer {}", "x".repeat(MAX_HEADER_BYTES));
        for header in ["", "Basic", "Basic !!!", "Digest a=b", "Basic YTpi", "abc", &long] {
            assert!(Credentials::parse(header).is_none(), "{header}");
        }
        assert!(basic(b"no colon here").is_none());
        assert!(basic(b"\xff\xfe:correct horse").is_none());
        assert!(basic(b"ada@example.com:too short").is_none());
    }

    #[test]
    fn the_longest_credentials_fit() {
        let pair = format!("{}@{}.com:{}", "x".repeat(64), "y".repeat(63), "🔑".repeat(128));
        assert!(basic(pair.as_bytes()).is_some());
    }

    proptest! {
        #[test]
        fn no_header_breaks_the_parser(header in "(Basic |Bearer |)\\PC{0,60}") {
            let shown = Credentials::parse(&header).map(|found| format!("{found:?}"));
            prop_assert!(matches!(shown.as_deref(), None | Some("Basic(..)" | "Bearer(..)")));
        }
    }
}
