//! What RFC 9700 warns of and only HTTP shows. The table of all attacks is in `shared/access/src/oauth/tests/attacks.rs`.

use super::*;

/// One answer of every kind: sent on, sent back, refused, given.
async fn answers(world: &World) -> Vec<(&'static str, Answer)> {
    let tokens = world.sign_in().await;
    let hint = [("id_token_hint", tokens["id_token"].as_str().unwrap()), ("post_logout_redirect_uri", BYE)];
    let by_get =
        format!("/access/oauth2/logout?id_token_hint={}&post_logout_redirect_uri={}", hint[0].1, urlencode(BYE));
    vec![
        ("to the provider", world.get(&world.authorize(CHALLENGE)).await),
        ("back to the application", world.get(&world.authorize("")).await),
        ("nowhere", world.get(&world.authorize(CHALLENGE).replace("8400", "8401")).await),
        ("a login nobody knows", world.get("/access/oauth2/callback?state=x&code=y").await),
        ("a token refused", world.form("/access/oauth2/token", &[("client_id", &world.client)]).await),
        ("logged out", world.get(&by_get).await),
        ("logged out by a form", world.form("/access/oauth2/logout", &hint).await),
        ("not logged out", world.get("/access/oauth2/logout").await),
    ]
}

/// Section 4.12: a 307 or 308 would send a form, with what was typed into it, on to the next site.
#[tokio::test]
async fn redirects_never_repeat_a_form() {
    let world = World::new().await;
    let sent_on: Vec<_> =
        answers(&world).await.into_iter().filter(|(_, answer)| answer.headers.contains_key(LOCATION)).collect();
    assert_eq!(sent_on.len(), 4);
    for (name, answer) in sent_on {
        assert_eq!(answer.status, 303, "{name}");
    }
}

/// Sections 4.2, 4.3 and 4.16: no page of ours can be framed, tells the next one where the browser came from, or is kept.
#[tokio::test]
async fn nothing_is_framed_referred_or_kept() {
    let world = World::new().await;
    for (name, answer) in answers(&world).await {
        let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
        assert_eq!(header("x-frame-options"), "DENY", "{name}");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{name}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{name}");
        assert_eq!(header("cache-control"), "no-store", "{name}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{name}");
    }
}

/// Section 4.3: what stands in a URL stands in histories and logs. Credentials are read from the body and the header only.
#[tokio::test]
async fn credentials_in_a_url_are_not_read() {
    let world = World::new().await;
    let refresh = world.sign_in().await["refresh_token"].as_str().unwrap().to_owned();
    let query =
        format!("/access/oauth2/token?grant_type=refresh_token&client_id={}&refresh_token={refresh}", world.client);
    assert_eq!(world.form(&query, &[]).await.status, 401);
    assert_eq!(world.get(&query).await.status, 405);
    let session = refresh.split('.').next().unwrap();
    let revoke = format!("/access/oauth2/revoke?client_id={}&token={refresh}", world.client);
    assert_eq!(world.form(&revoke, &[]).await.status, 401);
    let still = [("grant_type", "refresh_token"), ("client_id", &*world.client), ("refresh_token", &*refresh)];
    assert_eq!(world.form("/access/oauth2/token", &still).await.status, 200, "{session} goes on");
}

/// What the provider is told says nothing of the application, and nothing that the browser keeps secret.
#[tokio::test]
async fn the_way_to_the_provider_leaks_nothing() {
    let world = World::new().await;
    let started = world.get(&world.authorize(CHALLENGE)).await;
    let location = started.headers[LOCATION].to_str().unwrap();
    let cookie = started.headers[SET_COOKIE].to_str().unwrap();
    let browser = cookie.split(['=', ';']).nth(1).unwrap();
    for hidden in [browser, CHALLENGE, "8400", &world.client] {
        assert!(!location.contains(hidden), "{location} has {hidden}");
    }
}

/// Sections 2.1 and 4.17: a browser is sent through here, and no script of another site reads what is answered.
#[tokio::test]
async fn scripts_of_other_sites_read_nothing() {
    let world = World::new().await;
    for path in ["/access/oauth2/authorize", "/access/oauth2/callback", "/access/oauth2/token", "/access/oauth2/logout"]
    {
        for method in ["GET", "POST", "OPTIONS"] {
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header("origin", "https://evil.example")
                .header("access-control-request-method", "POST");
            let answer = world.send(request.body(Body::empty()).unwrap()).await;
            assert!(!answer.headers.contains_key("access-control-allow-origin"), "{method} {path}");
        }
    }
}

/// Sections 2.1 and 4.4: a parameter that comes twice could mean one thing here and another elsewhere.
#[tokio::test]
async fn repeated_parameters_are_refused_everywhere() {
    let world = World::new().await;
    let twice = format!("{}&redirect_uri=https%3A%2F%2Fevil.example", world.authorize(CHALLENGE));
    assert_eq!(world.get(&twice).await.body["code"], "invalid_request");
    assert_eq!(world.get("/access/oauth2/callback?state=a&state=b").await.body["code"], "invalid_request");
    assert_eq!(world.get("/access/oauth2/logout?state=a&state=b").await.body["code"], "invalid_request");
    let pairs = [("post_logout_redirect_uri", BYE), ("post_logout_redirect_uri", "https://evil.example")];
    assert_eq!(world.form("/access/oauth2/logout", &pairs).await.body["code"], "invalid_request");
}
