//! E-mail addresses as names of users: one text per mailbox, so that a user can be found by what was typed.
//!
//! It does not check that anybody reads mail there, and it knows nothing of what single providers do with dots or `+`.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// RFC 5321, section 4.5.3.1: the longest address, its part before the `@`, and a label of the part behind it.
const MAX_BYTES: usize = 254;
const MAX_LOCAL_BYTES: usize = 64;
const MAX_LABEL_BYTES: usize = 63;
/// What may stand before the `@` beside letters, digits and dots, unquoted (RFC 5322, `atext`). There is no colon:
/// HTTP Basic could not carry it.
const SYMBOLS: &str = "!#$%&'*+-/=?^_`{|}~";

/// An address in lower case and in Unicode's composed form (NFC).
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

/// The text is not an address of the form `name@example.com`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an e-mail address such as name@example.com, of at most {MAX_BYTES} bytes")]
pub struct InvalidEmail;

impl Email {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        if text.len() > MAX_BYTES {
            return Err(InvalidEmail);
        }
        // Lower case may decompose what was composed, so it is composed again.
        let lower = text.nfc().collect::<String>().to_lowercase();
        let address: String = lower.nfc().collect();
        match address.rsplit_once('@') {
            Some((local, domain)) if address.len() <= MAX_BYTES && is_local(local) && is_domain(domain) => {
                Ok(Self(address))
            }
            Some(_) | None => Err(InvalidEmail),
        }
    }
}

fn is_local(text: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.chars().all(|c| is_letter(c) || SYMBOLS.contains(c));
    text.len() <= MAX_LOCAL_BYTES && text.split('.').all(part)
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| is_letter(c) || c == '-')
    };
    text.contains('.') && text.split('.').all(label)
}

/// Letters, digits and their marks of any script: nothing invisible, no space and no control character.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

/// Says nothing: an address is personal data and must not reach a log.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn email(text: &str) -> Option<String> {
        text.parse::<Email>().ok().map(|email| email.as_str().to_owned())
    }

    #[test]
    fn one_mailbox_has_one_text_whatever_its_case_and_composition() {
        assert_eq!(email("Ada.L+shop@Example.COM").as_deref(), Some("ada.l+shop@example.com"));
        assert_eq!(email("JOSE\u{301}@example.com"), email("josé@EXAMPLE.com"));
        assert_eq!(email("\u{212b}ke@example.com"), email("åke@example.com"));
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        let long_local = format!("{}@example.com", "x".repeat(65));
        let long_label = format!("x@{}.com", "y".repeat(64));
        let long = format!("x@{}com", "abcdefgh.".repeat(30));
        for bad in [
            "",
            "@",
            "x",
            "x@",
            "@example.com",
            "x@y",
            "x@example.",
            "x@.com",
            "x@-a.com",
            "x@a-.com",
            ".x@example.com",
            "x.@example.com",
            "x..y@example.com",
            "x y@example.com",
            "x@exa mple.com",
            "a:b@example.com",
            "a@b@c.com",
            "\"x\"@example.com",
            "x\u{200b}@example.com",
            "x\n@example.com",
            " x@example.com",
            &long_local,
            &long_label,
            &long,
        ] {
            assert_eq!(email(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_longest_parts_are_taken() {
        assert!(email(&format!("{}@{}.com", "x".repeat(64), "y".repeat(63))).is_some());
    }

    #[test]
    fn debug_does_not_show_the_address() {
        let shown = format!("{:?}", "ada@example.com".parse::<Email>().unwrap());
        assert!(!shown.contains("ada"), "{shown}");
    }

    proptest! {
        #[test]
        fn a_parsed_address_parses_to_itself(text in "\\PC{1,12}@\\PC{1,8}\\.\\PC{1,4}") {
            if let Some(once) = email(&text) {
                prop_assert_eq!(email(&once), Some(once));
            }
        }
    }
}
