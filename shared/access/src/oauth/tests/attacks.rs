//! What RFC 9700 warns of, tried.

use secrecy::ExposeSecret;

use super::world::*;
use crate::application::tests::registration;
use crate::user::NewUser;
use crate::{Actor, AuditKind, AuthorizeError, Invitation, Kind, Params, Person, Registration, Role, Site};

/// Section 4.1: redirect URIs are compared byte by byte, and a wrong one is never redirected to.
#[tokio::test]
async fn a_redirect_uri_that_is_not_registered_keeps_the_browser_here() {
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
async fn a_site_of_another_tenant_is_refused_before_a_login_starts() {
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
async fn a_request_outside_the_profile_goes_back_with_its_reason() {
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
async fn a_state_is_used_once_and_only_in_the_browser_that_started() {
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

/// Sections 2.1.1 and 4.5: a stolen code is worth nothing, and a code used twice ends what it gave.
#[tokio::test]
async fn a_code_is_bound_to_client_redirect_and_verifier_and_used_once() {
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
async fn a_refresh_token_used_after_the_leeway_ends_the_family() {
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
async fn a_refresh_token_is_its_clients_alone() {
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
async fn a_client_that_cannot_show_who_it_is_gets_nothing() {
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
async fn a_changed_secret_ends_the_one_before_and_its_tokens() {
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
    assert!(access.authenticate_basic(&tenant(), &header).await.unwrap().is_some());
    *world.provider.person.lock().unwrap() =
        Some(Person { email: "bob@example.com".parse().unwrap(), name: "Bob".into() });
    let issued = world.signed_in().await;
    assert!(world.is_good(&issued).await);
    assert!(access.authenticate_basic(&tenant(), &header).await.unwrap().is_none());
    assert_eq!(issued.scope, "email offline_access openid orders:read");
}

/// Another tenant's token and another tenant's users are as good as none.
#[tokio::test]
async fn a_token_of_another_tenant_is_nobody() {
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
