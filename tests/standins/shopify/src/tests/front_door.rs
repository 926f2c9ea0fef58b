use super::*;

#[tokio::test]
async fn a_document_the_schema_refuses_is_refused() {
    let shop = open(options()).await;
    for document in [
        "{ products(first: 1) { nodes { colour } } }",
        "{ products(first: \"1\") { nodes { id } } }",
        "mutation { productSet(input: { titel: \"x\" }) { userErrors { field } } }",
        "query Q($id: ID!) { product(id: $id) { id } } query Q { shop { name } }",
        "not graphql",
    ] {
        let answer = shop.ask(document, json!({})).await;
        assert!(!answer.list("errors").is_empty(), "{document}");
        assert!(!answer.has("data"), "{document}");
    }
    let missing = shop.ask("query Q($id: ID!) { product(id: $id) { id } }", json!({})).await;
    assert_eq!(missing["errors"][0]["extensions"]["code"], "INVALID_VARIABLE");
    assert_eq!(shop.counter("refusedDocuments").await, 6);
}

#[tokio::test]
async fn a_field_that_is_not_kept_says_so() {
    let shop = open(options()).await;
    let answer = shop.ask("{ shop { name taxShipping } }", json!({})).await;
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("does not keep Shop.taxShipping"), "{message}");
}

#[tokio::test]
async fn a_wrong_or_dead_token_is_401_with_a_text() {
    let shop = open(options()).await;
    shop.enter("uninstall", json!({})).await.unwrap();
    let (status, _, body) = shop.raw("POST", "/admin/api/2026-10/graphql.json", "application/json", "{}").await;
    assert_eq!(status, 401);
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert!(body.text("errors").starts_with("[API] Invalid API key or access token"));
}

#[tokio::test]
async fn an_expired_version_is_answered_by_the_current_one() {
    let shop = open(options()).await;
    let body = json!({ "query": "{ shop { name } }" }).to_string();
    let (status, headers, _) = shop.raw("POST", "/admin/api/2024-01/graphql.json", "application/json", body).await;
    assert_eq!((status, headers["x-shopify-api-version"].to_str().unwrap()), (StatusCode::OK, "2026-10"));
}

#[tokio::test]
async fn the_bucket_admits_what_is_asked_for_and_charges_what_was_used() {
    let shop = open(Options { bucket_maximum: 200, bucket_restore: 10, ..options() }).await;
    let query = "{ products(first: 100) { nodes { id } } }";
    let first = shop.ask(query, json!({})).await;
    let cost = &first["extensions"]["cost"];
    assert_eq!((cost["requestedQueryCost"].as_i64(), cost["actualQueryCost"].as_i64()), (Some(102), Some(2)));
    assert_eq!(
        cost["throttleStatus"],
        json!({ "maximumAvailable": 200.0, "currentlyAvailable": 198, "restoreRate": 10.0 })
    );

    shop.enter("bucket", json!({ "available": 101 })).await.unwrap();
    let throttled = shop.ask(query, json!({})).await;
    assert_eq!(throttled["errors"][0]["extensions"]["code"], "THROTTLED");
    assert!(!throttled.has("data"));
    assert_eq!(throttled["extensions"]["cost"]["actualQueryCost"], Value::Null);
    shop.enter("clock", json!({ "advanceSeconds": 1 })).await.unwrap();
    shop.data(query, json!({})).await;
    assert_eq!(shop.counter("throttled").await, 1);
}

#[tokio::test]
async fn a_document_beyond_the_limit_costs_nothing_and_does_nothing() {
    let shop = open(options()).await;
    let query = "query Q($n: Int!) { products(first: $n) { nodes { id variants(first: 5) { nodes { id } } } } }";
    let answer = shop.ask(query, json!({ "n": 200 })).await;
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "MAX_COST_EXCEEDED");
    assert_eq!((extensions["cost"].as_i64(), extensions["maxCost"].as_i64()), (Some(1602), Some(1000)));
    assert!(!answer.has("extensions") && !answer.has("data"));
    shop.data(query, json!({ "n": 100 })).await;
}

#[tokio::test]
async fn pages_have_a_size_and_a_limit() {
    let shop = open(options()).await;
    for document in ["{ products { nodes { id } } }", "{ products(first: 251) { nodes { id } } }"] {
        assert_eq!(shop.ask(document, json!({})).await["errors"][0]["extensions"]["code"], "BAD_REQUEST");
    }
}

#[tokio::test]
async fn pages_go_on_where_they_ended_though_the_list_changes() {
    let shop = open(options()).await;
    for name in ["a", "b", "c", "d", "e"] {
        shop.payload(PRODUCT_SET, json!({ "input": { "title": name } })).await;
    }
    let query = "query Q($after: String, $before: String, $first: Int, $last: Int, $reverse: Boolean) {
        products(first: $first, last: $last, after: $after, before: $before, sortKey: TITLE, reverse: $reverse) {
            edges { cursor node { id title } } pageInfo { hasNextPage hasPreviousPage endCursor startCursor } } }";
    let titles = |page: &Value| -> Vec<String> {
        page["products"].list("edges").iter().map(|edge| edge["node"].text("title").to_owned()).collect()
    };
    let first = shop.data(query, json!({ "first": 2 })).await;
    assert_eq!(titles(&first), ["a", "b"]);
    assert_eq!(first["products"]["pageInfo"]["hasNextPage"], true);
    let delete = "mutation D($id: ID!) { productDelete(input: { id: $id }) { deletedProductId userErrors { field } } }";
    shop.payload(delete, json!({ "id": first["products"]["edges"][1]["node"]["id"] })).await;
    let after = &first["products"]["pageInfo"]["endCursor"];
    let second = shop.data(query, json!({ "first": 2, "after": after })).await;
    assert_eq!(titles(&second), ["c", "d"]);
    let back = shop.data(query, json!({ "last": 2, "before": second["products"]["pageInfo"]["endCursor"] })).await;
    assert_eq!(titles(&back), ["a", "c"]);
    let reverse = shop.data(query, json!({ "first": 9, "reverse": true })).await;
    assert_eq!(titles(&reverse), ["e", "d", "c", "a"]);
    let last = &reverse["products"]["edges"][2]["cursor"];
    assert_eq!(titles(&shop.data(query, json!({ "first": 9, "reverse": true, "after": last })).await), ["a"]);
}

#[tokio::test]
async fn a_filter_that_is_ignored_is_named_in_the_extensions() {
    let shop = open(options()).await;
    shop.shirt(&[("S", 1)]).await;
    let answer = shop.ask("{ products(first: 1, query: \"colour:red\") { nodes { id } } }", json!({})).await;
    assert_eq!(answer["extensions"]["search"][0]["warnings"][0]["field"], "colour");
    assert_eq!(answer["data"]["products"].list("nodes").len(), 1);
    let count = shop.data("{ productVariantsCount(query: \"sku:NONE\") { count } }", json!({})).await;
    assert_eq!(count["productVariantsCount"]["count"], 1);
}

#[tokio::test]
async fn a_missing_scope_is_access_denied() {
    let shop = open(options()).await;
    shop.enter("scopes", json!({ "scopes": ["write_products"] })).await.unwrap();
    let answer = shop.ask("{ orders(first: 1) { nodes { id } } }", json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "ACCESS_DENIED");
    assert_eq!(answer["data"], json!({ "orders": null }));
    shop.data("{ products(first: 1) { nodes { id } } }", json!({})).await;
    let scopes = shop.data("{ currentAppInstallation { accessScopes { handle } } }", json!({})).await;
    assert_eq!(scopes["currentAppInstallation"]["accessScopes"], json!([{ "handle": "write_products" }]));
}

#[tokio::test]
async fn faults_happen_as_often_as_they_were_ordered() {
    let shop = open(options()).await;
    let set = json!({ "query": PRODUCT_SET, "variables": { "input": { "title": "Tee" } } }).to_string();
    let path = "/admin/api/2026-10/graphql.json";
    shop.enter("faults", json!({ "operation": "productSet", "kind": "serverError", "times": 2 })).await.unwrap();
    for status in [500, 500, 200] {
        assert_eq!(shop.raw("POST", path, "application/json", set.clone()).await.0, status);
    }
    shop.enter("faults", json!({ "kind": "internalErrorAfterCommit" })).await.unwrap();
    let answer = shop.ask(PRODUCT_SET, json!({ "input": { "title": "Cup" } })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "INTERNAL_SERVER_ERROR");
    shop.enter("faults", json!({ "kind": "timeoutAfterCommit" })).await.unwrap();
    let never = shop.raw("POST", path, "application/json", set);
    assert!(tokio::time::timeout(std::time::Duration::from_millis(300), never).await.is_err());
    let count = shop.data("{ productsCount { count } }", json!({})).await;
    assert_eq!(count["productsCount"]["count"], 3);
    assert_eq!(shop.counter("duplicateMutations").await, 1);
}

#[tokio::test]
async fn an_app_gets_its_token_by_code_and_keeps_it_by_refreshing() {
    let shop = open(options()).await;
    let ask = "/admin/oauth/authorize?client_id=standin-app&scope=read_products&state=n1&redirect_uri=http%3A%2F%2Fapp.test%2Fcb";
    let (status, headers, _) = shop.raw("GET", ask, "text/plain", "").await;
    assert!(status.is_redirection());
    let callback = headers["location"].to_str().unwrap().to_owned();
    let pairs: Vec<(String, String)> =
        form_urlencoded::parse(callback.split_once('?').unwrap().1.as_bytes()).into_owned().collect();
    let of = |name: &str| pairs.iter().find(|(key, _)| key == name).unwrap().1.clone();
    assert_eq!((of("state").as_str(), of("shop").as_str(), of("hmac").len()), ("n1", "stand-in.myshopify.com", 64));

    let path = "/admin/oauth/access_token";
    let exchange = async |body: Value| {
        let (status, _, body) = shop.raw("POST", path, "application/json", body.to_string()).await;
        (status.as_u16(), serde_json::from_slice::<Value>(&body).unwrap())
    };
    let app = |more: Value| {
        let mut body = json!({ "client_id": "standin-app", "client_secret": "standin-secret" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let (status, answer) = exchange(app(json!({ "code": of("code"), "expiring": "1" }))).await;
    assert_eq!((status, answer["expires_in"].as_i64()), (200, Some(3600)));
    assert_eq!(exchange(app(json!({ "code": of("code") }))).await.0, 400);
    let refresh = app(json!({ "grant_type": "refresh_token", "refresh_token": answer["refresh_token"] }));
    assert_eq!(exchange(refresh).await.0, 200);
    let stranger = json!({ "client_id": "standin-app", "client_secret": "guess", "code": "x" });
    assert_eq!(exchange(stranger).await.0, 401);
}
