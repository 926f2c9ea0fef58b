//! Applications: what people sign in to, and machines that sign in as themselves. OAuth calls them clients.
//!
//! Pure. An application is bound to the URLs it lives at: each of its sites says which tenants it may serve there, and a
//! redirect URI that is not on a site for the tenant gets nothing.

use std::collections::BTreeSet;

use kernel::TenantId;
use serde::{Deserialize, Serialize};

use crate::rbac::CATALOGUE;
use crate::user::{Role, Violation};

kernel::typed_id!(
    /// An application; the `client_id` of OAuth.
    AppId,
    "app"
);

/// Scopes of `OpenID` Connect; all others are permissions of the catalogue.
pub const OPENID_SCOPES: [&str; 4] = ["email", "offline_access", "openid", "profile"];

const MAX_NAME: usize = 100;
const MAX_URIS: usize = 20;
const MAX_URI_BYTES: usize = 1000;

/// Whether it can keep a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// Has a secret and shows it.
    Confidential,
    /// Runs in a browser or on a phone; has none.
    Public,
}

/// Where an application lives, and whom it may serve there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// `https://pos.example.com`: scheme, host and port, nothing behind.
    pub origin: String,
    pub tenants: BTreeSet<TenantId>,
}

/// How it is shown on the landing portal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tile {
    pub title: String,
    /// On one of its sites.
    pub url: String,
    /// Who sees it: any of these permissions, somewhere. Everybody when there are none.
    #[serde(default)]
    pub permissions: BTreeSet<String>,
}

/// What an operator says of an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Registration {
    pub name: String,
    pub kind: Kind,
    #[serde(default)]
    pub sites: Vec<Site>,
    /// Compared byte by byte.
    #[serde(default)]
    pub redirect_uris: BTreeSet<String>,
    /// Where a browser may be sent after it was signed out. Compared byte by byte.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub post_logout_redirect_uris: BTreeSet<String>,
    /// What it may ask for.
    pub scopes: BTreeSet<String>,
    /// As what it may sign in as itself (client credentials); not at all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Role>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tile: Option<Tile>,
}

/// An application as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    pub id: AppId,
    pub registration: Registration,
    pub suspended: bool,
    /// Raised to end every token it has got for itself.
    pub epoch: u64,
    /// Hash of its secret.
    pub(crate) secret: Option<String>,
}

impl Registration {
    /// Everything wrong with it.
    pub fn check(&self) -> Result<(), Vec<Violation>> {
        let mut found = Vec::new();
        let mut check = |ok: bool, pointer, code, detail: &str| {
            if !ok {
                found.push(Violation { pointer, code, detail: detail.to_owned() });
            }
        };
        let is_text = |text: &str| (1..=MAX_NAME).contains(&text.trim().len()) && !text.chars().any(char::is_control);
        check(is_text(&self.name), "/name", "invalid_name", "must be 1 to 100 bytes without control characters");
        let known = |scope: &String| {
            OPENID_SCOPES.contains(&scope.as_str()) || CATALOGUE.iter().any(|permission| permission.name == scope)
        };
        check(self.scopes.iter().all(known), "/scopes", "unknown_scope", "must be permissions or scopes of OpenID");
        let is_site = |site: &Site| origin(&site.origin).as_deref() == Some(&site.origin) && !site.tenants.is_empty();
        let detail = "must be https (http on this machine) with nothing behind the host, each for some tenant";
        check(self.sites.len() <= MAX_URIS && self.sites.iter().all(is_site), "/sites", "invalid_site", detail);
        let on_site = |url: &String| {
            let at = origin(url);
            self.sites.iter().any(|site| at.as_ref() == Some(&site.origin))
        };
        for (pointer, uris) in
            [("/redirectUris", &self.redirect_uris), ("/postLogoutRedirectUris", &self.post_logout_redirect_uris)]
        {
            let good = uris.len() <= MAX_URIS && uris.iter().all(on_site);
            check(good, pointer, "invalid_uri", "must be on one of the sites, without a fragment");
        }
        let machine = match self.machine {
            None | Some(Role::StoreAdmin | Role::WarehouseStaff | Role::Member) => true,
            // A service has a credential of its own kind; a customer is a person.
            Some(Role::Service | Role::Customer) => false,
        };
        let can = self.machine.is_none() || self.kind == Kind::Confidential;
        let detail = "must be STORE_ADMIN, WAREHOUSE_STAFF or MEMBER, and the application must keep a secret";
        check(machine && can, "/machine", "invalid_machine", detail);
        let tile = self.tile.as_ref().is_none_or(|tile| is_text(&tile.title) && on_site(&tile.url));
        check(tile, "/tile", "invalid_tile", "must have a title and a URL on one of the sites");
        if found.is_empty() { Ok(()) } else { Err(found) }
    }
}

impl Application {
    /// Whether a browser may be sent there for this tenant.
    pub(crate) fn may_redirect(&self, uri: &str, tenant: &TenantId) -> bool {
        self.registration.redirect_uris.contains(uri) && self.serves(uri, tenant)
    }

    /// Whether a browser that was signed out may be sent there for this tenant.
    pub(crate) fn may_redirect_after_logout(&self, uri: &str, tenant: &TenantId) -> bool {
        self.registration.post_logout_redirect_uris.contains(uri) && self.serves(uri, tenant)
    }

    fn serves(&self, uri: &str, tenant: &TenantId) -> bool {
        let Some(at) = origin(uri) else { return false };
        self.registration.sites.iter().any(|site| site.origin == at && site.tenants.contains(tenant))
    }
}

/// `https://host:port` of a URL without credentials and fragment; plain http only on this machine.
fn origin(url: &str) -> Option<String> {
    if url.len() > MAX_URI_BYTES || url.contains(['#', '@', '\\']) || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let uri: http::Uri = url.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let is_local = matches!(uri.host()?, "localhost" | "127.0.0.1" | "[::1]");
    let is_allowed = scheme == "https" || (scheme == "http" && is_local);
    (is_allowed && !uri.host()?.is_empty()).then(|| format!("{scheme}://{authority}"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn texts(list: &[&str]) -> BTreeSet<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    pub(crate) fn registration() -> Registration {
        Registration {
            name: "Point of sale".into(),
            kind: Kind::Public,
            sites: vec![Site {
                origin: "https://pos.example.com".into(),
                tenants: BTreeSet::from(["acme.test".parse().unwrap()]),
            }],
            redirect_uris: texts(&["https://pos.example.com/callback"]),
            post_logout_redirect_uris: texts(&["https://pos.example.com/bye"]),
            scopes: texts(&["openid", "email", "profile", "offline_access", "orders:read", "books:write"]),
            machine: None,
            tile: None,
        }
    }

    fn codes(registration: &Registration) -> Vec<&'static str> {
        registration.check().err().into_iter().flatten().map(|violation| violation.code).collect()
    }

    #[test]
    fn a_registration_is_taken_or_told_what_is_wrong() {
        assert_eq!(registration().check(), Ok(()));
        let bad = Registration {
            name: " ".into(),
            scopes: texts(&["everything"]),
            redirect_uris: texts(&["https://evil.example/callback"]),
            post_logout_redirect_uris: texts(&["https://evil.example/bye"]),
            machine: Some(Role::Service),
            tile: Some(Tile { title: "x".into(), url: "javascript:alert(1)".into(), permissions: texts(&[]) }),
            sites: vec![Site { origin: "https://pos.example.com/path".into(), tenants: BTreeSet::new() }],
            ..registration()
        };
        let expected = [
            "invalid_name",
            "unknown_scope",
            "invalid_site",
            "invalid_uri",
            "invalid_uri",
            "invalid_machine",
            "invalid_tile",
        ];
        assert_eq!(codes(&bad), expected);
        assert_eq!(codes(&Registration { machine: Some(Role::StoreAdmin), ..registration() }), ["invalid_machine"]);
    }

    #[test]
    fn a_redirect_is_byte_exact_and_for_a_tenant_of_the_site() {
        let app = Application {
            id: AppId::from_ulid(kernel::Ulid(1)),
            registration: registration(),
            suspended: false,
            epoch: 0,
            secret: None,
        };
        let (acme, other) = ("acme.test".parse().unwrap(), "other.test".parse().unwrap());
        assert!(app.may_redirect("https://pos.example.com/callback", &acme));
        assert!(!app.may_redirect("https://pos.example.com/callback", &other));
        for uri in [
            "https://pos.example.com/callback/",
            "https://pos.example.com/callback?x=1",
            "https://pos.example.com/Callback",
            "https://POS.example.com/callback",
            "https://pos.example.com:443/callback",
            "https://pos.example.com/a/../callback",
            "https://pos.example.com@evil.example/callback",
            "http://pos.example.com/callback",
            "https://pos.example.com/callback#x",
            "",
        ] {
            assert!(!app.may_redirect(uri, &acme), "{uri}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        assert_eq!(origin("http://127.0.0.1:8400/callback").as_deref(), Some("http://127.0.0.1:8400"));
        for bad in [
            "http://example.com",
            "ftp://example.com",
            "/callback",
            "https://",
            "https://a b",
            "https://u@h",
            "https://h\\@evil",
        ] {
            assert_eq!(origin(bad), None, "{bad}");
        }
    }
}
