use super::*;

const POLL: &str =
    "query P($id: ID!) { bulkOperation(id: $id) { id status errorCode objectCount rootObjectCount url type } }";
const STAGE: &str = "mutation S($input: [StagedUploadInput!]!) { stagedUploadsCreate(input: $input) {
    stagedTargets { url resourceUrl parameters { name value } } userErrors { field message } } }";
const RUN: &str = "mutation R($mutation: String!, $path: String!) {
    bulkOperationRunMutation(mutation: $mutation, stagedUploadPath: $path) {
        bulkOperation { id status } userErrors { code field message } } }";
const QUERY: &str = "mutation Q($query: String!) { bulkOperationRunQuery(query: $query) {
    bulkOperation { id status } userErrors { code field message } } }";

/// Uploads a file; gives its key.
async fn upload(shop: &Standin, file: &str, file_first: bool) -> (StatusCode, String) {
    let input = json!([{ "resource": "BULK_MUTATION_VARIABLES", "filename": "vars.jsonl", "mimeType": "text/jsonl", "httpMethod": "POST" }]);
    let target = shop.payload(STAGE, json!({ "input": input })).await["stagedTargets"][0].clone();
    let part =
        |name: &str, value: &str| format!("--xx\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let parameters: String =
        target.list("parameters").iter().map(|it| part(it.text("name"), it.text("value"))).collect();
    let file = part("file", file);
    let body =
        if file_first { format!("{file}{parameters}--xx--\r\n") } else { format!("{parameters}{file}--xx--\r\n") };
    let (status, _, _) = shop.raw("POST", "/staged/", "multipart/form-data; boundary=xx", body).await;
    let key = target.list("parameters").iter().find(|it| it.text("name") == "key").unwrap().text("value").to_owned();
    (status, key)
}

async fn lines(shop: &Standin, url: &Value) -> Vec<Value> {
    let path = url.as_str().unwrap().strip_prefix(shop.url()).unwrap().to_owned();
    let (status, _, body) = shop.raw("GET", &path, "text/plain", "").await;
    assert_eq!(status, 200);
    let text = String::from_utf8(body.to_vec()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn every_line_of_a_bulk_mutation_has_its_own_outcome() {
    let shop = open(options()).await;
    let file = "{\"input\":{\"title\":\"a\"}}\n{\"input\":{\"title\":\"\"}}\nnot json\n{\"wrong\":1}\n{\"input\":{\"title\":\"b\"}}\n";
    let (status, path) = upload(&shop, file, false).await;
    assert_eq!(status, 201);
    let mutation =
        "mutation M($input: ProductSetInput!) { productSet(input: $input) { product { title } userErrors { code } } }";
    let started = shop.payload(RUN, json!({ "mutation": mutation, "path": path })).await;
    let id = &started["bulkOperation"]["id"];
    assert_eq!(started["bulkOperation"]["status"], "CREATED");
    let running = shop.data(POLL, json!({ "id": id })).await;
    assert_eq!((running["bulkOperation"].text("status"), &running["bulkOperation"]["url"]), ("RUNNING", &Value::Null));
    let ended = shop.data(POLL, json!({ "id": id })).await["bulkOperation"].clone();
    assert_eq!((ended.text("status"), ended.text("objectCount"), ended.text("type")), ("COMPLETED", "5", "MUTATION"));
    let lines = lines(&shop, &ended["url"]).await;
    assert_eq!(lines[0]["data"]["productSet"]["product"]["title"], "a");
    assert_eq!(lines[1]["data"]["productSet"]["userErrors"][0]["code"], "MISSING_FIELD_REQUIRED");
    assert!(!lines[2].list("errors").is_empty() && !lines[3].list("errors").is_empty());
    assert_eq!(
        (lines[4]["__lineNumber"].as_i64(), lines[4]["data"]["productSet"]["product"].text("title")),
        (Some(4), "b")
    );
    assert_eq!(shop.data("{ productsCount { count } }", json!({})).await["productsCount"]["count"], 2);
}

#[tokio::test]
async fn an_upload_ends_with_its_file_and_is_announced() {
    let shop = open(options()).await;
    let (status, path) = upload(&shop, "{}", true).await;
    assert_eq!(status, 400);
    let mutation = "mutation M($input: ProductSetInput!) { productSet(input: $input) { userErrors { code } } }";
    for path in [path.as_str(), "tmp/elsewhere"] {
        let refused = shop.payload(RUN, json!({ "mutation": mutation, "path": path })).await;
        assert_eq!(refused["userErrors"][0]["code"], "NO_SUCH_FILE");
    }
    let (_, path) = upload(&shop, "{}", false).await;
    let refused = shop.payload(RUN, json!({ "mutation": "{ shop { name } }", "path": path })).await;
    assert_eq!(refused["userErrors"][0]["code"], "INVALID_MUTATION");
}

#[tokio::test]
async fn a_bulk_query_gives_one_object_a_line_and_names_parents() {
    let shop = open(Options { bulk_polls: 0, ..options() }).await;
    shop.shirt(&[("S", 1), ("M", 2)]).await;
    shop.payload(PRODUCT_SET, json!({ "input": { "title": "Cup" } })).await;
    let query = "{ products { edges { node { id title variants { edges { node { id sku } } } } } } }";
    let started = shop.payload(QUERY, json!({ "query": query })).await;
    let ended = shop.data(POLL, json!({ "id": started["bulkOperation"]["id"] })).await["bulkOperation"].clone();
    assert_eq!((ended.text("objectCount"), ended.text("rootObjectCount")), ("5", "2"));
    let lines = lines(&shop, &ended["url"]).await;
    assert_eq!(lines[0].text("title"), "Shirt");
    assert!(lines[0].get("variants").is_none() && lines[0].get("__parentId").is_none());
    assert_eq!((lines[1].text("sku"), &lines[1]["__parentId"]), ("SHIRT-S", &lines[0]["id"]));
    assert_eq!(lines[2].text("sku"), "SHIRT-M");
    assert_eq!((lines[3].text("title"), &lines[4]["__parentId"]), ("Cup", &lines[3]["id"]));
    let current = shop.data("{ currentBulkOperation { id } }", json!({})).await;
    assert_eq!(current["currentBulkOperation"]["id"], ended["id"]);
    let none = shop.payload(QUERY, json!({ "query": "{ orders { edges { node { id } } } }" })).await;
    let none = shop.data(POLL, json!({ "id": none["bulkOperation"]["id"] })).await;
    assert_eq!((none["bulkOperation"].text("objectCount"), &none["bulkOperation"]["url"]), ("0", &Value::Null));
    for wrong in
        ["{ shop { name } }", "{ nothing }", "mutation { bulkOperationCancel(id: \"x\") { userErrors { field } } }"]
    {
        assert_eq!(shop.payload(QUERY, json!({ "query": wrong })).await["userErrors"][0]["code"], "INVALID");
    }
}

#[tokio::test]
async fn five_run_at_once_and_an_end_is_told() {
    let (shop, listener) = (open(Options { hold_webhooks: true, ..options() }).await, Listener::start().await);
    shop.payload(SUBSCRIBE, json!({ "topic": "BULK_OPERATIONS_FINISH", "uri": listener.url })).await;
    let query = json!({ "query": "{ products { edges { node { id } } } }" });
    let mut last = Value::Null;
    for _ in 0..5 {
        last = shop.payload(QUERY, query.clone()).await["bulkOperation"]["id"].clone();
    }
    assert_eq!(shop.payload(QUERY, query.clone()).await["userErrors"][0]["code"], "OPERATION_IN_PROGRESS");
    let cancel =
        "mutation C($id: ID!) { bulkOperationCancel(id: $id) { bulkOperation { status } userErrors { message } } }";
    assert_eq!(shop.payload(cancel, json!({ "id": last })).await["bulkOperation"]["status"], "CANCELED");
    assert!(!shop.payload(cancel, json!({ "id": last })).await.list("userErrors").is_empty());
    shop.enter("bulk-finish", json!({})).await.unwrap();
    shop.enter("deliver", json!({})).await.unwrap();
    assert_eq!(listener.bodies().len(), 4);
    assert_eq!(listener.bodies()[0].text("status"), "completed");
    assert_eq!(shop.payload(QUERY, query).await["userErrors"], json!([]));
}
