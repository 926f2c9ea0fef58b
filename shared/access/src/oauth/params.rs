//! Parameters as browsers and clients send them: a query or a form. One that comes twice refuses the request (RFC 6749,
//! section 3.1), and an empty one counts as left out.

use std::collections::BTreeMap;

/// The parameters of one request.
#[derive(Default)]
pub struct Params(BTreeMap<String, String>);

/// A parameter came twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a parameter is repeated")]
pub struct RepeatedParameter;

impl Params {
    /// Parses `application/x-www-form-urlencoded`.
    pub fn parse(text: &[u8]) -> Result<Self, RepeatedParameter> {
        let mut found = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text).into_owned() {
            if found.insert(name, value).is_some() {
                return Err(RepeatedParameter);
            }
        }
        Ok(Self(found))
    }

    /// The value; `None` when it is left out or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// A URL with more parameters behind what is there.
pub(super) fn with_query(url: &str, pairs: &[(&str, Option<&str>)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{}", query.finish())
}
