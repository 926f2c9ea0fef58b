//! Which services may call, and where their secrets are.

use std::collections::BTreeMap;
use std::str::FromStr;

use access::ServiceName;

/// `{"warehouse:alpha": "arn:aws:secretsmanager:…", …}`: one secret a service.
#[derive(Debug, PartialEq, Eq)]
pub struct SecretArns(pub Vec<(ServiceName, String)>);

/// The text is no such map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecretArns {
    #[error("expected a JSON object of service names and ARNs")]
    Shape,
    #[error("a service name has characters other than a-z, 0-9, `-` and `:`")]
    Name,
    #[error("a secret is not given by its ARN")]
    Arn,
}

impl FromStr for SecretArns {
    type Err = InvalidSecretArns;

    fn from_str(text: &str) -> Result<Self, InvalidSecretArns> {
        let map: BTreeMap<String, String> = serde_json::from_str(text).map_err(|_| InvalidSecretArns::Shape)?;
        let service = |(name, arn): (String, String)| {
            let name = name.parse().map_err(|_| InvalidSecretArns::Name)?;
            // Anything else may well be a secret that was put here by mistake.
            if arn.starts_with("arn:") { Ok((name, arn)) } else { Err(InvalidSecretArns::Arn) }
        };
        map.into_iter().map(service).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_given_by_name_and_arn() {
        let arns: SecretArns = r#"{"warehouse:alpha": "arn:aws:x", "store": "arn:aws:y"}"#.parse().unwrap();
        let expected = [("store", "arn:aws:y"), ("warehouse:alpha", "arn:aws:x")];
        assert_eq!(arns, SecretArns(expected.map(|(name, arn)| (name.parse().unwrap(), arn.to_owned())).into()));
        assert_eq!("{}".parse(), Ok(SecretArns(vec![])));
    }

    #[test]
    fn a_secret_instead_of_an_arn_is_refused_and_not_quoted() {
        let error = r#"{"store": "hunter2"}"#.parse::<SecretArns>().unwrap_err();
        assert_eq!(error, InvalidSecretArns::Arn);
        assert_eq!(r#"{"Store": "arn:aws:x"}"#.parse::<SecretArns>(), Err(InvalidSecretArns::Name));
        assert_eq!("store=arn:aws:x".parse::<SecretArns>(), Err(InvalidSecretArns::Shape));
    }
}
