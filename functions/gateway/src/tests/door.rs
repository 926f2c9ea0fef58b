use access::Hop;
use gateway::ROUTES;
use http::Response;
use serde_json::{Value, json};

use super::world::{SCOPES, World, answer, tenant};

#[tokio::test]
async fn keys_and_tokens_come_in_and_every_other_credential_gets_one_answer() {
    let world = World::new().await;
    assert_eq!(world.get("2026-11-01/books").await.status, 200);
    let token = format!("Bearer {}", world.token("books:read").await);
    let none = Value::Null;
    assert_eq!(world.ask("GET 2026-11-01/books", &[("authorization", &token)], &none).await.status, 200);
    let hop = Hop {
        id: "r-1".to_owned(),
        principal: world.key_id.clone(),
        role: "STORE_ADMIN".to_owned(),
        scope: "books:read".to_owned(),
        request: web::hop::bound("GET", "/public/2026-11-01/books", "", &http::HeaderMap::new(), b""),
    };
    let hop = world.tokens.hop(&tenant(), &hop, kernel::Clock::now(&*world.clock)).await.unwrap();
    world.platform.asked();
    let mut bodies = Vec::new();
    for header in [
        String::new(),
        format!("Hop {hop}"),
        format!("Bearer {hop}"),
        format!("ApiKey {hop}"),
        "Basic YWRhQGV4YW1wbGUuY29tOnB3".to_owned(),
        format!("Bearer {}", world.key),
        format!("ApiKey {}x", world.key),
        format!("{token}x"),
        token.replace("Bearer", "ApiKey"),
    ] {
        let refused = world.ask("GET 2026-11-01/books", &[("authorization", &header)], &none).await;
        assert_eq!(refused.status, 401, "{header}");
        assert!(refused.header("www-authenticate").starts_with("ApiKey "));
        bodies.push(refused.body);
    }
    let twice = [("authorization", token.as_str()), ("authorization", token.as_str())];
    bodies.push(world.ask("GET 2026-11-01/books", &twice, &none).await.body);
    assert!(bodies.iter().all(|body| *body == bodies[0] && body["code"] == "unauthenticated"));
    assert!(world.platform.asked().is_empty(), "nobody was passed on");
}

#[tokio::test]
async fn a_credential_opens_the_routes_of_its_scopes_and_no_others() {
    let world = World::new().await;
    for scope in SCOPES {
        let token = format!("Bearer {}", world.token(scope).await);
        for route in &ROUTES {
            let line = format!("{} 2026-11-01{}", route.method, route.path.replace("{id}", "x"));
            let seen = world.ask(&line, &[("authorization", &token)], &Value::Null).await;
            assert_eq!(seen.status == 403, route.scope != scope, "{line} with {scope}: {}", seen.status);
        }
    }
}

/// What the platform says of somebody else's resource is what it says of one that is not there; so does the gateway, word for
/// word, whatever its reason was.
#[tokio::test]
async fn refusals_of_the_platform_are_uniform() {
    let world = World::new().await;
    let problem =
        |code: &str, detail: &str| json!({ "type": "about:blank", "code": code, "detail": detail, "requestId": "i" });
    for (status, code) in [(404, "not_found"), (403, "forbidden")] {
        world.platform.will(answer(status, &[], &problem("one", "Belongs to other.test.")));
        world.platform.will(Ok(Response::builder().status(status).body("{\"message\":\"x\"}".into()).unwrap()));
        let one = world.get("2026-11-01/orders/ord_1").await;
        let two = world.get("2026-11-01/orders/ord_2").await;
        assert_eq!((one.status, &one.body["code"]), (status, &json!(code)));
        assert_eq!(one.body, two.body);
    }
    let not_there = world.get("2026-11-01/orders/a%2Fb").await;
    assert_eq!((not_there.status, &not_there.body["code"]), (404, &json!("not_found")));
}
