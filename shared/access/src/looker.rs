//! Dashboards of Looker inside a portal: URLs signed for one person, one dashboard and one use.
//!
//! Pure but for the nonce. What is signed, and how, is Looker's rule ("signed embedding"): host, path and ten values, the values as
//! JSON, each on a line of its own, under HMAC-SHA-1. Who may see which models is not decided here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::{TenantId, Timestamp};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::keys::NoRandomness;
use crate::opaque;
use crate::user::UserId;

/// What whoever is shown a dashboard may do: see it, and nothing that is kept.
const PERMISSIONS: [&str; 4] = ["access_data", "see_looks", "see_user_dashboards", "see_lookml_dashboards"];
const MAX_ID: usize = 128;

/// A dashboard: a number, or a `LookML` one as `model::name`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DashboardId(String);

/// The text names no dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a dashboard is named by 1 to {MAX_ID} of A-Z, a-z, 0-9, `_`, `-` and `:`")]
pub struct InvalidDashboardId;

impl TryFrom<String> for DashboardId {
    type Error = InvalidDashboardId;

    fn try_from(text: String) -> Result<Self, InvalidDashboardId> {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-:".contains(&byte);
        if (1..=MAX_ID).contains(&text.len()) && text.bytes().all(is_good) {
            Ok(Self(text))
        } else {
            Err(InvalidDashboardId)
        }
    }
}

/// A dashboard for somebody, for a while.
#[derive(Debug, Clone)]
pub struct Embed<'a> {
    /// Of the Looker instance, with its port if it has one of its own.
    pub host: &'a str,
    pub dashboard: &'a DashboardId,
    /// Looker knows people by these two together, and keeps what they share apart by tenant.
    pub tenant: &'a TenantId,
    pub user: UserId,
    /// Of `LookML`, whose data may be seen.
    pub models: &'a [String],
    /// How long Looker's session lasts.
    pub seconds: i64,
}

impl Embed<'_> {
    /// Where a browser finds it, once, from now on.
    pub fn url(&self, secret: &SecretString, now: Timestamp) -> Result<String, NoRandomness> {
        Ok(self.signed(secret, now, &opaque::secret()?))
    }

    fn signed(&self, secret: &SecretString, now: Timestamp, nonce: &str) -> String {
        let DashboardId(dashboard) = self.dashboard;
        let path: String =
            form_urlencoded::byte_serialize(format!("/embed/dashboards/{dashboard}").as_bytes()).collect();
        let path = format!("/login/embed/{path}");
        let values = [
            ("nonce", json!(nonce)),
            ("time", json!(now.as_second())),
            ("session_length", json!(self.seconds)),
            ("external_user_id", json!(format!("{}/{}", self.tenant, self.user))),
            ("permissions", json!(PERMISSIONS)),
            ("models", json!(self.models)),
            ("group_ids", json!([])),
            ("external_group_id", json!(self.tenant)),
            ("user_attributes", json!({ "tenant": self.tenant })),
            ("access_filters", json!({})),
        ]
        .map(|(name, value)| (name, value.to_string()));
        let lines = [self.host, &path].into_iter().chain(values.iter().map(|(_, value)| value.as_str()));
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.expose_secret().as_bytes());
        let signature = STANDARD.encode(hmac::sign(&key, lines.collect::<Vec<_>>().join("\n").as_bytes()));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&values);
        // Whoever was signed in before in this browser is not any more.
        query.append_pair("force_logout_login", "true").append_pair("signature", &signature);
        format!("https://{}{path}?{}", self.host, query.finish())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const SECRET: &str = "0123456789abcdef-embed-secret";

    fn query(url: &str) -> BTreeMap<String, String> {
        form_urlencoded::parse(url.split_once('?').unwrap().1.as_bytes()).into_owned().collect()
    }

    fn signed(change: impl FnOnce(&mut Embed<'_>)) -> String {
        let (tenant, dashboard) = ("acme.test".parse().unwrap(), "sales::overview".to_owned().try_into().unwrap());
        let models = ["inventory", "sales"].map(str::to_owned);
        let mut embed = Embed {
            host: "acme.cloud.looker.com",
            dashboard: &dashboard,
            tenant: &tenant,
            user: "usr_00000000000000000000000001".parse().unwrap(),
            models: &models,
            seconds: 900,
        };
        change(&mut embed);
        embed.signed(&SECRET.into(), Timestamp::from_second(1_750_000_000).unwrap(), "nonce-1")
    }

    /// The signature was computed outside, from the rule and not with this code.
    #[test]
    fn what_looker_asks_for_is_signed() {
        let url = signed(|_| {});
        let before = "https://acme.cloud.looker.com/login/embed/%2Fembed%2Fdashboards%2Fsales%3A%3Aoverview?";
        assert!(url.starts_with(before), "{url}");
        let query = query(&url);
        assert_eq!(query["signature"], "5bUqi+5cc3i+fxUN/K7/0SE01QY=");
        assert_eq!(query["external_user_id"], r#""acme.test/usr_00000000000000000000000001""#);
        assert_eq!((&*query["session_length"], &*query["time"]), ("900", "1750000000"));
        assert_eq!((&*query["models"], &*query["nonce"]), (r#"["inventory","sales"]"#, r#""nonce-1""#));
        assert!(!url.contains(SECRET));
    }

    #[test]
    fn every_part_is_signed() {
        let tenant = "acme.production".parse().unwrap();
        let dashboard = DashboardId("7".to_owned());
        let signature = |change: fn(&mut Embed<'_>)| query(&signed(change))["signature"].clone();
        let mut all = vec![
            signature(|_| {}),
            signature(|embed| embed.host = "other.example"),
            signature(|embed| embed.seconds = 901),
            signature(|embed| embed.models = &[]),
            signature(|embed| embed.user = "usr_00000000000000000000000002".parse().unwrap()),
        ];
        let models = ["sales".to_owned()];
        let user = "usr_00000000000000000000000001".parse().unwrap();
        for embed in [
            Embed { host: "h", dashboard: &dashboard, tenant: &tenant, user, models: &models, seconds: 1 },
            Embed {
                host: "h",
                dashboard: &dashboard,
                tenant: &"acme.test".parse().unwrap(),
                user,
                models: &models,
                seconds: 1,
            },
        ] {
            let now = Timestamp::from_second(1_750_000_000).unwrap();
            all.extend(["n", "m"].map(|nonce| query(&embed.signed(&SECRET.into(), now, nonce))["signature"].clone()));
        }
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn two_urls_are_never_the_same() {
        let (tenant, dashboard) = ("acme.test".parse().unwrap(), DashboardId("7".to_owned()));
        let user = "usr_00000000000000000000000001".parse().unwrap();
        let embed = Embed { host: "h", dashboard: &dashboard, tenant: &tenant, user, models: &[], seconds: 1 };
        let url = || embed.url(&SECRET.into(), Timestamp::from_second(1).unwrap()).unwrap();
        assert_ne!(url(), url());
    }

    #[test]
    fn a_dashboard_is_a_number_or_a_name() {
        let id = |text: &str| DashboardId::try_from(text.to_owned());
        assert!(id("42").is_ok() && id("sales::over_view-1").is_ok());
        for bad in ["", "../looks/1", "a b", "42?x=1", "42%2F", &"x".repeat(MAX_ID + 1)] {
            assert_eq!(id(bad), Err(InvalidDashboardId), "{bad}");
        }
    }
}
