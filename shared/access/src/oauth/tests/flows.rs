//! What is to work.

use secrecy::ExposeSecret;
use serde_json::Value;

use super::world::*;
use crate::{AuditKind, OAuthError, UserStatus};

#[tokio::test]
async fn somebody_invited_signs_in_and_gets_tokens_for_what_both_sides_may() {
    let world = World::new().await;
    assert_eq!(world.user.status, UserStatus::Invited);
    let started = world.started().await;
    let back = world.returned(&started, "good").await.unwrap();
    assert!(back.starts_with("https://pos.example.com/callback?code="), "{back}");
    assert_eq!(value(&back, "state").as_deref(), Some("client state"));
    assert_eq!(value(&back, "iss").as_deref(), Some("https://id.example/access"));
    let code = value(&back, "code").unwrap();
    let issued = world.oauth.token(&world.exchange(&code, &[]), None).await.unwrap();
    assert_eq!((issued.expires_in, issued.scope.as_str()), (3600, "email offline_access openid orders:read"));

    let claims = world.door.access(issued.access_token.expose_secret()).await.unwrap().unwrap();
    assert_eq!(claims.sub, world.user.id.to_string());
    assert_eq!((claims.role.as_str(), claims.tenant), ("STORE_ADMIN", tenant()));
    let user = world.directory.user(&tenant(), world.user.id).await.unwrap().value;
    assert_eq!((user.status, user.verified), (UserStatus::Active, true));
    let trail = world.trail(user.id).await;
    assert!(trail.len() == 2 && trail.contains(&AuditKind::SessionStarted) && trail.contains(&AuditKind::UserInvited));
}

#[tokio::test]
async fn an_id_token_says_who_signed_in_where_and_when() {
    let world = World::new().await;
    let issued = world.signed_in().await;
    let token = issued.id_token.unwrap().expose_secret().to_owned();
    let keys: Vec<_> = world.oauth.jwks().await.unwrap()["keys"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(crate::jose::VerifyingKey::from_jwk)
        .collect();
    let payload = crate::jose::VerifyingKey::verify(&keys, None, &token).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    let session = world.oauth.sessions(world.user.id, 10, None).await.unwrap().items.remove(0);
    let expected = serde_json::json!({
        "iss": "https://id.example/access", "sub": world.user.id, "aud": world.app.id, "iat": NOW, "exp": NOW + 3600,
        "auth_time": NOW, "tenant": "acme.test", "nonce": "client nonce", "email": "ada@example.com",
        "email_verified": true, "sid": session.id,
    });
    assert_eq!(claims, expected);
    assert!(world.door.access(&token).await.unwrap().is_none(), "it opens no door");
}

#[tokio::test]
async fn a_refresh_token_gives_another_and_without_offline_access_there_is_none() {
    let world = World::new().await;
    let first = world.signed_in().await;
    world.wait(3600);
    assert!(!world.is_good(&first).await);
    let second = world.refresh(&refresh_token(&first)).await.unwrap();
    assert!(world.is_good(&second).await);
    assert_ne!(refresh_token(&first), refresh_token(&second));
    assert!(world.refresh(&refresh_token(&second)).await.is_ok());

    let started = world.oauth.authorize(&world.wish(&[("scope", "openid")])).await.unwrap();
    let code = value(&world.returned(&started, "good").await.unwrap(), "code").unwrap();
    let issued = world.oauth.token(&world.exchange(&code, &[]), None).await.unwrap();
    assert!(issued.refresh_token.is_none());
}

#[tokio::test]
async fn a_refresh_may_ask_for_less_and_never_for_more() {
    let world = World::new().await;
    let first = world.signed_in().await;
    let id = world.app.id.to_string();
    let (token, grant) = (refresh_token(&first), "refresh_token");
    let ask = |scope: &'static str| {
        params(&[("grant_type", grant), ("client_id", &id), ("refresh_token", &token), ("scope", scope)], &[])
    };
    assert_eq!(error(world.oauth.token(&ask("openid books:write"), None).await), "invalid_scope");
    let narrow = world.oauth.token(&ask("orders:read"), None).await.unwrap();
    assert_eq!((narrow.scope.as_str(), narrow.id_token.is_none()), ("orders:read", true));
}

#[tokio::test]
async fn a_machine_signs_in_as_itself_and_only_as_far_as_its_role() {
    let world = World::new().await;
    let ask = |scope| params(&[("grant_type", "client_credentials"), ("scope", scope)], &[]);
    let issued = world.oauth.token(&ask("orders:read books:write"), Some(&world.basic())).await.unwrap();
    assert_eq!((issued.scope.as_str(), issued.refresh_token.is_none()), ("books:write orders:read", true));
    assert!(world.is_good(&issued).await);
    assert_eq!(error(world.oauth.token(&ask("stock:read"), Some(&world.basic())).await), "invalid_scope");
    let id = world.app.id.to_string();
    let public = params(&[("grant_type", "client_credentials"), ("client_id", &id)], &[]);
    assert_eq!(error(world.oauth.token(&public, None).await), "unauthorized_client");
}

#[tokio::test]
async fn logging_out_of_one_application_leaves_the_others_and_logging_out_of_all_leaves_none() {
    let world = World::new().await;
    let [one, two, three] = [world.signed_in().await, world.signed_in().await, world.signed_in().await];
    let id = world.app.id.to_string();
    let token = refresh_token(&one);
    world.oauth.revoke(&params(&[("client_id", &id), ("token", &token)], &[]), None).await.unwrap();
    assert!(!world.is_good(&one).await && world.is_good(&two).await);
    assert_eq!(error(world.refresh(&token).await), "invalid_grant");

    let sessions = world.oauth.sessions(world.user.id, 10, None).await.unwrap().items;
    assert_eq!(sessions.len(), 2);
    assert!(world.oauth.end_own(world.user.id, &sessions[0].id).await.unwrap());
    world.oauth.end_all(world.user.id).await.unwrap();
    assert!(!world.is_good(&two).await && !world.is_good(&three).await);
    assert_eq!(error(world.refresh(&refresh_token(&three)).await), "invalid_grant");
    assert!(world.is_good(&world.signed_in().await).await);
}

#[tokio::test]
async fn an_application_that_brings_the_id_token_back_ends_its_session_and_no_other() {
    let world = World::new().await;
    let [one, two] = [world.signed_in().await, world.signed_in().await];
    let hint = one.id_token.as_ref().unwrap().expose_secret();
    world.wait(7200);
    let good = [("id_token_hint", hint), ("post_logout_redirect_uri", BYE), ("state", "a b")];
    let next = world.refresh(&refresh_token(&two)).await.unwrap();
    let back = world.oauth.logout(&params(&good, &[])).await.unwrap();
    assert_eq!(back.as_deref(), Some("https://pos.example.com/bye?state=a+b"));
    assert_eq!(error(world.refresh(&refresh_token(&one)).await), "invalid_grant");
    assert!(world.is_good(&next).await);
    let again = world.oauth.logout(&params(&good, &[("state", "")])).await.unwrap();
    assert_eq!(again.as_deref(), Some(BYE), "logging out twice is logging out once");
    let nowhere = world.oauth.logout(&params(&[("id_token_hint", hint)], &[])).await.unwrap();
    assert_eq!(nowhere, None);
    assert!(world.trail(world.user.id).await.contains(&AuditKind::SessionEnded));
}

#[tokio::test]
async fn an_access_token_ends_its_session_when_it_is_revoked_by_its_client() {
    let world = World::new().await;
    let issued = world.signed_in().await;
    let token = issued.access_token.expose_secret().to_owned();
    world.oauth.revoke(&params(&[("token", &token)], &[]), Some(&world.basic())).await.unwrap();
    assert!(world.is_good(&issued).await, "another client's word does nothing");
    let id = world.app.id.to_string();
    world.oauth.revoke(&params(&[("client_id", &id), ("token", &token)], &[]), None).await.unwrap();
    assert!(!world.is_good(&issued).await);
    let ask = params(&[("grant_type", "client_credentials")], &[]);
    let machine = world.oauth.token(&ask, Some(&world.basic())).await.unwrap();
    let machine = params(&[("token", machine.access_token.expose_secret())], &[]);
    let refused = world.oauth.revoke(&machine, Some(&world.basic())).await;
    assert!(matches!(refused, Err(OAuthError::UnsupportedTokenType)), "it has no session to end");
    for nonsense in ["", "x", "a.b", "a.b.c.d.e"] {
        let asked = params(&[("client_id", &id), ("token", nonsense)], &[]);
        let done = world.oauth.revoke(&asked, None).await;
        assert!(done.is_ok() || matches!(done, Err(OAuthError::InvalidRequest(_))), "{nonsense}");
    }
}

#[tokio::test]
async fn introspection_tells_a_client_about_its_own_tokens_and_nothing_else() {
    let world = World::new().await;
    let ask = params(&[("grant_type", "client_credentials")], &[]);
    let own = world.oauth.token(&ask, Some(&world.basic())).await.unwrap();
    let others = world.signed_in().await;
    let about = |token: &str| params(&[("token", token)], &[]);
    let shown = world.oauth.introspect(&about(own.access_token.expose_secret()), Some(&world.basic())).await.unwrap();
    assert!(shown.active && shown.token.unwrap().sub == world.machine.id.to_string());
    for token in [others.access_token.expose_secret(), "x", &refresh_token(&others)] {
        let shown = world.oauth.introspect(&about(token), Some(&world.basic())).await.unwrap();
        assert_eq!(serde_json::to_value(&shown).unwrap(), serde_json::json!({ "active": false }));
    }
}

#[tokio::test]
async fn userinfo_shows_what_the_scopes_say() {
    let world = World::new().await;
    let id = world.user.id;
    world.signed_in().await;
    let info = world.oauth.userinfo(id, "openid").await.unwrap().unwrap();
    assert_eq!((info.email, info.name), (None, None));
    let info = world.oauth.userinfo(id, "openid email profile").await.unwrap().unwrap();
    assert_eq!((info.email.as_deref(), info.name.as_deref()), (Some("ada@example.com"), Some("Ada")));
}

#[tokio::test]
async fn whoever_is_suspended_or_whose_application_is_has_no_good_token() {
    let world = World::new().await;
    let issued = world.signed_in().await;
    let tenant = tenant();
    let actor = crate::Actor { tenant: &tenant, principal: "operator" };
    world.directory.suspend_application(actor, world.app.id, &|_| true, true).await.unwrap();
    assert!(!world.is_good(&issued).await);
    assert_eq!(error(world.refresh(&refresh_token(&issued)).await), "invalid_client");
    world.directory.suspend_application(actor, world.app.id, &|_| true, false).await.unwrap();
    assert!(world.is_good(&issued).await);
    world.directory.suspend(actor, world.user.id, &|_| true).await.unwrap();
    assert!(!world.is_good(&issued).await);
    assert_eq!(error(world.refresh(&refresh_token(&issued)).await), "invalid_grant");
    let started = world.started().await;
    assert_eq!(value(&world.returned(&started, "good").await.unwrap(), "error").as_deref(), Some("access_denied"));
    world.directory.activate(actor, world.user.id, &|_| true).await.unwrap();
    assert!(!world.is_good(&issued).await, "what was ended stays ended");
}

#[tokio::test]
async fn a_token_costs_one_read_to_judge() {
    let faults = testkit::FaultInjector::new();
    let world = World::over(testkit::LocalDynamo::new(), &faults).await;
    let (user, ask) = (world.signed_in().await, params(&[("grant_type", "client_credentials")], &[]));
    let machine = world.oauth.token(&ask, Some(&world.basic())).await.unwrap();
    for issued in [user, machine] {
        faults.forget();
        assert!(world.is_good(&issued).await);
        assert_eq!(faults.count(), 1);
    }
    faults.forget();
    assert!(world.door.access("a.b.c.d.e").await.unwrap().is_none());
    assert_eq!(faults.count(), 0, "a forged token costs none");
}
