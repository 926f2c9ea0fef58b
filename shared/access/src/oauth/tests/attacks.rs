//! What RFC 9700 (OAuth 2.0 Security Best Current Practice) warns of, tried. What needs HTTP to be tried (`http`) is in
//! `functions/access/src/oauth_api/tests/attacks.rs`.
//!
//! | section | attack | test |
//! |---|---|---|
//! | 2.1.2 | tokens out of the authorization endpoint | `pkce_downgrade_and_other_flows_go_back_with_their_reason` |
//! | 2.2.2, 4.14 | refresh token replay | `refresh_token_replay_ends_the_family`, and `races` |
//! | 2.2.2, 4.14 | refresh token of another client | `refresh_token_stolen_by_another_client_is_refused` |
//! | 2.3, 4.9, 4.10 | token for another audience, issuer, tenant; more than was granted | `token_replay_at_another_tenant_is_refused`, `crate::token`'s claims, `flows` |
//! | 2.4 | passwords shown to clients | `password_grant_does_not_exist` |
//! | 2.5 | guessed or changed client secrets | `client_impersonation_is_refused`, `old_client_secrets_and_their_tokens_are_refused`; guessing at scale: `http` |
//! | 4.1, 4.11.2 | redirect URI manipulation, open redirection | `redirect_uri_manipulation_keeps_the_browser_here`, `counterfeit_site_is_refused_before_a_login_starts` |
//! | 4.2, 4.3 | leaks by referrer and history | `http`; what leaks is used up: `code_replay_ends_what_the_code_gave` |
//! | 4.4 | mix-up | `mix_up_of_issuers_or_providers_is_noticed` |
//! | 4.5 | code injection | `code_injected_into_another_login_is_refused`, `stolen_code_is_worth_nothing` |
//! | 4.6 | token substitution | `token_substitution_opens_nothing` |
//! | 4.7 | CSRF, login fixation | `csrf_with_a_strange_state_starts_nothing`, `logout_link_on_a_strange_page_ends_nothing` |
//! | 4.8 | PKCE downgrade | `pkce_downgrade_and_other_flows_go_back_with_their_reason` |
//! | 4.11.1 | client as open redirector | no client runs here; redirect URIs have no wildcard |
//! | 4.12 | 307 redirect | `http` |
//! | 4.13 | headers forged behind a proxy | `runtime::http` takes the caller from the gateway's context and from nothing else |
//! | 4.15 | client passing for a person | `client_cannot_pass_for_a_person` |
//! | 4.16, 4.17 | clickjacking, in-browser messages | `http`; there is no response mode but the query |
//!
//! Not done: sender-constrained access tokens (2.2.1, a recommendation): they live for an hour and end with their session.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::ExposeSecret;

use super::world::*;
use crate::application::tests::registration;
use crate::provider::{IdentityProvider, Login, ProviderError};
use crate::user::NewUser;
use crate::{
    Actor, AuditKind, AuthorizeError, CallbackError, Invitation, Kind, LogoutError, OAuth, Params, Person,
    Registration, Role, Site, UserId,
};

/// Section 4.1: redirect URIs are compared byte by byte, and a wrong one is never redirected to.
#[tokio::test]
async fn redirect_uri_manipulation_keeps_the_browser_here() {
    let world = World::new().await;
    for uri in
        ["https://pos.example.com/callback/", "https://evil.example/callback", "", "https://pos.example.com/callback?a"]
    {
        let refused = world.oauth.authorize(&world.wish(&[("redirect_uri", uri)])).await;
        assert!(matches!(refused, Err(AuthorizeError::Refused(_))), "{uri}");
    }
    for client in ["", "app_00000000000000000000000000", "nonsense"] {
        let refused = world.oauth.authorize(&world.wish(&[("client_id", client)])).await;
        assert!(matches!(refused, Err(AuthorizeError::Refused(_))), "{client}");
    }
    assert!(world.trail(world.app.id).await.contains(&AuditKind::ApplicationRefused));
    assert!(world.provider.states.lock().unwrap().is_empty());
}

/// The URL decides which tenants an application may serve, before there is any code.
#[tokio::test]
async fn counterfeit_site_is_refused_before_a_login_starts() {
    let world = World::new().await;
    let tenant = tenant();
    let actor = Actor { tenant: &tenant, principal: "operator" };
    let sites =
        vec![Site { origin: "https://pos.example.com".into(), tenants: ["other.test".parse().unwrap()].into() }];
    let other = Registration { sites, ..registration() };
    world.directory.change_application(actor, world.app.id, &|_| true, other).await.unwrap();
    assert!(matches!(world.oauth.authorize(&world.wish(&[])).await, Err(AuthorizeError::Refused(_))));
}

/// Section 2.1.1 and 4.8: no PKCE, no code; and no way down to `plain`.
#[tokio::test]
async fn pkce_downgrade_and_other_flows_go_back_with_their_reason() {
    let world = World::new().await;
    let cases = [
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", "code id_token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("response_mode", "fragment"), "invalid_request"),
        (("scope", "openid stock:write"), "invalid_scope"),
        (("prompt", "none"), "login_required"),
        (("request", "a.b.c"), "request_not_supported"),
        (("request_uri", "https://evil.example"), "request_not_supported"),
    ];
    for (change, expected) in cases {
        match world.oauth.authorize(&world.wish(&[change])).await {
            Err(AuthorizeError::Back(url)) => {
                assert!(url.starts_with(REDIRECT), "{url}");
                assert_eq!(value(&url, "error").as_deref(), Some(expected), "{change:?}");
                assert_eq!(value(&url, "state").as_deref(), Some("client state"));
                assert!(value(&url, "iss").is_some());
            }
            other => panic!("{change:?}: {other:?}"),
        }
    }
    assert!(Params::parse(b"a=1&a=1").is_err());
}

/// Section 4.7: the state is for one use, in the browser that started.
#[tokio::test]
async fn csrf_with_a_strange_state_starts_nothing() {
    let world = World::new().await;
    let (mine, others) = (world.started().await, world.started().await);
    let state = value(&mine.location, "state").unwrap();
    assert_eq!(world.arrives(&state, "good", None).await, None);
    assert_eq!(world.arrives(&state, "good", Some(&others)).await, None);
    let swapped = crate::Started { browser: others.browser.clone(), ..mine.clone() };
    assert_eq!(world.arrives(&state, "good", Some(&swapped)).await, None);
    assert!(world.arrives(&state, "good", Some(&mine)).await.is_some());
    assert_eq!(world.arrives(&state, "good", Some(&mine)).await, None);
    assert_eq!(world.arrives("forged", "good", Some(&mine)).await, None);

    let late = world.started().await;
    world.wait(600);
    assert_eq!(world.returned(&late, "good").await, None);
}

#[tokio::test]
async fn a_provider_that_says_no_uses_the_login_up_and_tells_the_application() {
    let world = World::new().await;
    for code in ["bad", ""] {
        let started = world.started().await;
        let back = world.returned(&started, code).await.unwrap();
        assert_eq!((value(&back, "error").as_deref(), value(&back, "code")), (Some("access_denied"), None));
        assert_eq!(world.returned(&started, "good").await, None);
    }
    *world.provider.person.lock().unwrap() =
        Some(Person { email: "stranger@example.com".parse().unwrap(), name: String::new() });
    let started = world.started().await;
    let back = world.returned(&started, "good").await.unwrap();
    assert_eq!(value(&back, "error").as_deref(), Some("access_denied"), "nobody comes in uninvited");
}

/// Sections 2.1.1 and 4.5: a code is bound to client, redirect URI and verifier.
#[tokio::test]
async fn stolen_code_is_worth_nothing() {
    let world = World::new().await;
    let code = world.code().await;
    let another = format!("{}A", &VERIFIER[..42]);
    let machine = world.machine.id.to_string();
    let cases = [
        (&[("code_verifier", &*another)], None),
        (&[("code_verifier", "short")], None),
        (&[("redirect_uri", "https://pos.example.com/other")], None),
        (&[("code", "forged")], None),
        (&[("client_id", &machine)], Some(world.basic())),
    ];
    for (changes, header) in cases {
        let refused = world.oauth.token(&world.exchange(&code, changes), header.as_deref()).await;
        assert_eq!(error(refused), "invalid_grant", "{changes:?}");
    }
    let without = world.oauth.token(&world.exchange(&code, &[("code_verifier", "")]), None).await;
    assert_eq!(error(without), "invalid_request");
    assert!(world.oauth.token(&world.exchange(&code, &[]), None).await.is_ok(), "trying does not use it up");
}

/// Section 4.5: a code used twice ends what it gave.
#[tokio::test]
async fn code_replay_ends_what_the_code_gave() {
    let world = World::new().await;
    let code = world.code().await;
    let issued = world.oauth.token(&world.exchange(&code, &[]), None).await.unwrap();
    assert!(world.is_good(&issued).await);
    assert_eq!(error(world.oauth.token(&world.exchange(&code, &[]), None).await), "invalid_grant");
    assert!(!world.is_good(&issued).await);
    assert_eq!(error(world.refresh(&refresh_token(&issued)).await), "invalid_grant");
    assert!(world.trail(world.user.id).await.contains(&AuditKind::TokenReused));
}

#[tokio::test]
async fn a_code_is_good_for_a_minute() {
    let world = World::new().await;
    let [early, late] = [world.code().await, world.code().await];
    world.wait(59);
    assert!(world.oauth.token(&world.exchange(&early, &[]), None).await.is_ok());
    world.wait(1);
    assert_eq!(error(world.oauth.token(&world.exchange(&late, &[]), None).await), "invalid_grant");
}

/// Section 4.14: a used refresh token ends the family, once the leeway is over.
#[tokio::test]
async fn refresh_token_replay_ends_the_family() {
    let world = World::new().await;
    let first = world.signed_in().await;
    let second = world.refresh(&refresh_token(&first)).await.unwrap();
    world.wait(30);
    let again = world.refresh(&refresh_token(&first)).await.unwrap();
    assert_eq!(refresh_token(&again), refresh_token(&second), "a lost answer is given again");
    world.wait(1);
    assert_eq!(error(world.refresh(&refresh_token(&first)).await), "invalid_grant");
    assert!(!world.is_good(&second).await);
    assert_eq!(error(world.refresh(&refresh_token(&second)).await), "invalid_grant");
}

#[tokio::test]
async fn refresh_token_stolen_by_another_client_is_refused() {
    let world = World::new().await;
    let issued = world.signed_in().await;
    let stolen = params(&[("grant_type", "refresh_token"), ("refresh_token", &refresh_token(&issued))], &[]);
    assert_eq!(error(world.oauth.token(&stolen, Some(&world.basic())).await), "invalid_grant");
    assert!(world.is_good(&issued).await, "a client that stole it cannot log the user out either");
    for nonsense in ["x", ".", "x.y", "x.y.z"] {
        assert_eq!(error(world.refresh(nonsense).await), "invalid_grant", "{nonsense}");
    }
}

#[tokio::test]
async fn client_impersonation_is_refused() {
    let world = World::new().await;
    let id = world.machine.id.to_string();
    let public = world.app.id.to_string();
    let ask = |pairs: &[(&str, &str)]| params(&[("grant_type", "client_credentials")], pairs);
    let wrong = "A".repeat(43);
    for pairs in [
        &[("client_id", &*id)][..],
        &[("client_id", &id), ("client_secret", "")],
        &[("client_id", &id), ("client_secret", &wrong)],
        &[("client_id", "app_00000000000000000000000000"), ("client_secret", &world.secret)],
        &[("client_id", &public), ("client_secret", &world.secret)],
        &[],
    ] {
        assert_eq!(error(world.oauth.token(&ask(pairs), None).await), "invalid_client", "{pairs:?}");
    }
    for header in ["Bearer x", "Basic %%%", "Basic eDp5", "", "Basic"] {
        assert_eq!(error(world.oauth.token(&ask(&[]), Some(header)).await), "invalid_client", "{header}");
    }
    let twice = ask(&[("client_id", &id), ("client_secret", &world.secret)]);
    assert_eq!(error(world.oauth.token(&twice, Some(&world.basic())).await), "invalid_request");
    assert!(world.oauth.token(&twice, None).await.is_ok());
    assert!(world.trail(&id).await.contains(&AuditKind::ApplicationRefused));
}

#[tokio::test]
async fn old_client_secrets_and_their_tokens_are_refused() {
    let world = World::new().await;
    let ask = params(&[("grant_type", "client_credentials")], &[]);
    let issued = world.oauth.token(&ask, Some(&world.basic())).await.unwrap();
    let tenant = tenant();
    let actor = Actor { tenant: &tenant, principal: "operator" };
    let changed = world.directory.change_secret(actor, world.machine.id, &|_| true).await.unwrap();
    assert!(!world.is_good(&issued).await);
    assert_eq!(error(world.oauth.token(&ask, Some(&world.basic())).await), "invalid_client");
    let world = World { secret: changed.secret.unwrap().expose_secret().to_owned(), ..world };
    assert!(world.oauth.token(&ask, Some(&world.basic())).await.is_ok());
}

/// Somebody registers another's address first; the true owner's first sign-in takes it back.
#[tokio::test]
async fn whoever_registered_an_address_first_does_not_keep_a_key_to_it() {
    let world = World::new().await;
    let table = table::Table::new(world.dynamo.client(), "crossdock");
    let access =
        crate::Access { hasher: crate::password::Hasher::cheap(), ..crate::Access::new(table, world.clock.clone()) };
    let thief = NewUser { email: "bob@example.com".into(), password: "thief's password".into(), name: "Eve".into() };
    access.register(&tenant(), &thief).await.unwrap();
    let header = crate::testing::basic("bob@example.com", "thief's password");
    assert!(access.authenticate_basic(&tenant(), &header, "192.0.2.1").await.unwrap().is_some());
    *world.provider.person.lock().unwrap() =
        Some(Person { email: "bob@example.com".parse().unwrap(), name: "Bob".into() });
    let issued = world.signed_in().await;
    assert!(world.is_good(&issued).await);
    assert!(access.authenticate_basic(&tenant(), &header, "192.0.2.1").await.unwrap().is_none());
    assert_eq!(issued.scope, "email offline_access openid orders:read");
}

/// Another tenant's token and another tenant's users are as good as none.
#[tokio::test]
async fn token_replay_at_another_tenant_is_refused() {
    let world = World::new().await;
    let issued = world.signed_in().await;
    let table = table::Table::new(world.dynamo.client(), "crossdock");
    let other =
        crate::TokenDoor::new(table, world.clock.clone(), world.oauth.tokens.clone(), "other.test".parse().unwrap());
    assert_eq!(other.access(issued.access_token.expose_secret()).await.unwrap(), None);
}

#[tokio::test]
async fn an_invitation_and_a_machine_have_their_limits() {
    let world = World::new().await;
    let tenant = tenant();
    let actor = Actor { tenant: &tenant, principal: "operator" };
    let service = Invitation { email: "x@example.com".into(), name: "X".into(), role: Role::Service };
    assert!(world.directory.invite(actor, &service).await.is_err());
    let machine = Registration { kind: Kind::Confidential, machine: Some(Role::Service), ..registration() };
    assert!(world.directory.register_application(actor, machine).await.is_err());
}

/// Section 4.5: the victim's code in the thief's own login, and the other way round.
#[tokio::test]
async fn code_injected_into_another_login_is_refused() {
    let world = World::new().await;
    let thiefs = "thief-thief-thief-thief-thief-thief-thief-thief";
    let challenge = crate::opaque::hash(thiefs);
    let wish = world.wish(&[("code_challenge", &challenge), ("state", "thief's"), ("nonce", "thief's")]);
    let started = world.oauth.authorize(&wish).await.unwrap();
    let thiefs_code = value(&world.returned(&started, "good").await.unwrap(), "code").unwrap();
    let victims_code = world.code().await;
    let in_thiefs = world.exchange(&victims_code, &[("code_verifier", thiefs)]);
    assert_eq!(error(world.oauth.token(&in_thiefs, None).await), "invalid_grant");
    assert_eq!(error(world.oauth.token(&world.exchange(&thiefs_code, &[]), None).await), "invalid_grant");
}

/// Another provider people could sign in at.
struct Another;

#[async_trait]
impl IdentityProvider for Another {
    fn name(&self) -> &'static str {
        "another"
    }

    fn login_url(&self, _: Login<'_>) -> String {
        "https://another.example".to_owned()
    }

    async fn identify(&self, _: &str, _: &str, _: &str) -> Result<Option<Person>, ProviderError> {
        Ok(Some(Person { email: "ada@example.com".parse().unwrap(), name: "Ada".into() }))
    }
}

/// Section 4.4: whatever is sent back says who sends it (RFC 9207), and a login ends at the provider it began at.
#[tokio::test]
async fn mix_up_of_issuers_or_providers_is_noticed() {
    let world = World::new().await;
    for code in ["good", "bad"] {
        let back = world.returned(&world.started().await, code).await.unwrap();
        assert_eq!(value(&back, "iss").as_deref(), Some("https://id.example/access"), "{back}");
    }
    let document = world.oauth.discovery();
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    let started = world.started().await;
    let state = value(&started.location, "state").unwrap();
    let elsewhere = OAuth { provider: Arc::new(Another), ..world.oauth.clone() };
    let browser = started.browser.clone();
    let cookie = move |_: &str| Some(browser.clone());
    let arrived = elsewhere.callback(&params(&[("state", &state), ("code", "good")], &[]), &cookie).await;
    assert!(matches!(arrived, Err(CallbackError::Unknown)), "{arrived:?}");
}

/// Section 4.6: what was handed out for one purpose serves no other.
#[tokio::test]
async fn token_substitution_opens_nothing() {
    let world = World::new().await;
    let code = world.code().await;
    let other = world.signed_in().await;
    let texts = |issued: &crate::Issued| {
        let identity = issued.id_token.as_ref().unwrap().expose_secret().to_owned();
        [identity, refresh_token(issued), issued.access_token.expose_secret().to_owned()]
    };
    let [identity, refresh, access] = texts(&other);
    let secret = refresh.split_once('.').unwrap().1.to_owned();
    for token in [&identity, &refresh, &secret, &code] {
        assert_eq!(world.door.access(token).await.unwrap(), None, "{token}");
    }
    for token in [&identity, &access, &code, &secret] {
        assert_eq!(error(world.refresh(token).await), "invalid_grant", "{token}");
    }
    for code in [&identity, &access, &refresh, &secret] {
        assert_eq!(error(world.oauth.token(&world.exchange(code, &[]), None).await), "invalid_grant", "{code}");
    }
    for hint in [&access, &refresh, &code] {
        let refused = world.oauth.logout(&params(&[("id_token_hint", hint)], &[])).await;
        assert!(matches!(refused, Err(LogoutError::Refused(_))), "{hint}");
    }
    assert!(world.is_good(&other).await);
}

/// Section 4.7, and what follows from it for logging out: who is to be signed out must be shown, not said.
#[tokio::test]
async fn logout_link_on_a_strange_page_ends_nothing() {
    let world = World::new().await;
    let issued = world.signed_in().await;
    let hint = issued.id_token.as_ref().unwrap().expose_secret();
    let id = world.app.id.to_string();
    let machine = world.machine.id.to_string();
    let (rest, last) = hint.split_at(hint.len() - 1);
    let forged = format!("{rest}{}", if last == "A" { "Q" } else { "A" });
    let good = [("id_token_hint", hint), ("client_id", &id), ("post_logout_redirect_uri", BYE)];
    let long = "x".repeat(1001);
    for change in [
        ("id_token_hint", ""),
        ("id_token_hint", &forged),
        ("client_id", &machine),
        ("post_logout_redirect_uri", "https://evil.example/bye"),
        ("post_logout_redirect_uri", "https://pos.example.com/bye/"),
        // Where codes may go is not where people who have left may go, nor the other way round.
        ("post_logout_redirect_uri", REDIRECT),
        ("state", &long),
    ] {
        let refused = world.oauth.logout(&params(&good, &[change])).await;
        assert!(matches!(refused, Err(LogoutError::Refused(_))), "{change:?}");
    }
    let refused = world.oauth.authorize(&world.wish(&[("redirect_uri", BYE)])).await;
    assert!(matches!(refused, Err(AuthorizeError::Refused(_))));
    assert!(world.is_good(&issued).await);
    let other = OAuth { url: "https://other.example/access".into(), ..world.oauth.clone() };
    assert!(matches!(other.logout(&params(&good, &[])).await, Err(LogoutError::Refused(_))), "another issuer's token");
}

/// Section 4.15: what a machine is called cannot be what a person is called, and its tokens say which of both it is.
#[tokio::test]
async fn client_cannot_pass_for_a_person() {
    let world = World::new().await;
    let ask = params(&[("grant_type", "client_credentials")], &[]);
    let issued = world.oauth.token(&ask, Some(&world.basic())).await.unwrap();
    let claims = world.door.access(issued.access_token.expose_secret()).await.unwrap().unwrap();
    assert!(claims.sub.parse::<UserId>().is_err());
    let now = kernel::Clock::now(&*world.clock);
    for (sub, sid) in [(world.user.id.to_string(), None), (world.user.id.to_string(), Some("x".to_owned()))] {
        let forged = crate::AccessClaims { sub, sid, ..claims.clone() };
        let token = world.oauth.tokens.access(&forged, now).await.unwrap();
        assert_eq!(world.door.access(&token).await.unwrap(), None);
    }
}

/// Section 2.4: nobody's password is taken from a client.
#[tokio::test]
async fn password_grant_does_not_exist() {
    let world = World::new().await;
    let ask = [("grant_type", "password"), ("username", "ada@example.com"), ("password", "correct horse")];
    assert_eq!(error(world.oauth.token(&params(&ask, &[]), Some(&world.basic())).await), "unsupported_grant_type");
}
