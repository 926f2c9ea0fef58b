use super::*;

const INVENTORY_SET: &str = "mutation Set($key: String!, $input: InventorySetQuantitiesInput!) {
    inventorySetQuantities(input: $input) @idempotent(key: $key) {
        inventoryAdjustmentGroup { id reason changes { name delta quantityAfterChange item { id } } }
        userErrors { field code message }
    }
}";

fn amount(product: &Value, location: &Value, quantity: i64, from: Option<i64>) -> Value {
    json!({ "name": "available", "reason": "correction", "quantities": [{
        "inventoryItemId": product["variants"]["nodes"][0]["inventoryItem"]["id"], "locationId": location,
        "quantity": quantity, "changeFromQuantity": from }] })
}

async fn location(shop: &Standin) -> Value {
    shop.data("{ location { id } }", json!({})).await["location"]["id"].clone()
}

#[tokio::test]
async fn a_list_that_is_given_is_what_the_product_has_afterwards() {
    let shop = open(options()).await;
    let shirt = shop.shirt(&[("S", 3), ("M", 4)]).await;
    assert_eq!(shirt["totalInventory"], 7);
    let small = &shirt["variants"]["nodes"][0]["id"];
    let id = shop.shirt(&[("S", 3), ("L", 1)]).await;
    assert_eq!(id["id"], shirt["id"]);
    let nodes = id["variants"].list("nodes");
    let skus: Vec<&str> = nodes.iter().map(|node| node.text("sku")).collect();
    assert_eq!(skus, ["SHIRT-S", "SHIRT-L"]);
    assert_eq!(&nodes[0]["id"], small);

    let only_title = json!({ "identifier": { "handle": "shirt" }, "input": { "title": "Blouse" } });
    let renamed = shop.payload(PRODUCT_SET, only_title).await;
    assert_eq!(renamed["product"]["title"], "Blouse");
    assert_eq!(renamed["product"]["variants"].list("nodes").len(), 2);
}

#[tokio::test]
async fn product_set_refuses_with_codes_and_changes_nothing() {
    let shop = open(options()).await;
    shop.shirt(&[("S", 1)]).await;
    let option = |values: Value| json!([{ "name": "Size", "values": values }]);
    let size = |name: &str| json!({ "optionValues": [{ "optionName": "Size", "name": name }] });
    let cases = [
        (json!({}), json!({ "title": " " }), "MISSING_FIELD_REQUIRED"),
        (json!({}), json!({ "title": "x", "handle": "shirt" }), "HANDLE_NOT_UNIQUE"),
        (json!({ "handle": "shirt" }), json!({ "id": "gid://shopify/Product/1" }), "ID_NOT_ALLOWED"),
        (json!({ "handle": "shirt" }), json!({ "handle": "blouse" }), "INPUT_MISMATCH"),
        (json!({ "id": "gid://shopify/Product/1" }), json!({ "title": "x" }), "PRODUCT_DOES_NOT_EXIST"),
        (json!({}), json!({ "title": "x", "productOptions": option(json!([])) }), "VARIANTS_INPUT_MISSING"),
        (json!({}), json!({ "title": "x", "variants": [size("S")] }), "PRODUCT_OPTIONS_INPUT_MISSING"),
        (
            json!({}),
            json!({ "title": "x", "productOptions": option(json!([{ "name": "S" }])), "variants": [{ "optionValues": [] }] }),
            "OPTION_VALUES_MISSING",
        ),
        (
            json!({}),
            json!({ "title": "x", "productOptions": option(json!([{ "name": "S" }])), "variants": [size("M")] }),
            "OPTION_VALUE_DOES_NOT_EXIST",
        ),
        (
            json!({}),
            json!({ "title": "x", "productOptions": option(json!([{ "name": "S" }])), "variants": [size("S"), size("S")] }),
            "INVALID_VARIANT",
        ),
        (
            json!({ "customId": { "namespace": "app", "key": "id", "value": "1" } }),
            json!({ "title": "x" }),
            "NOT_FOUND",
        ),
    ];
    for (identifier, input, code) in cases {
        let identifier = if identifier == json!({}) { Value::Null } else { identifier };
        let payload = shop.payload(PRODUCT_SET, json!({ "identifier": identifier, "input": input })).await;
        assert_eq!(payload["userErrors"][0]["code"], code, "{payload}");
        assert_eq!(payload["product"], Value::Null);
    }
    assert_eq!(shop.data("{ productsCount { count } }", json!({})).await["productsCount"]["count"], 1);
}

#[tokio::test]
async fn a_custom_id_makes_an_upsert() {
    let shop = open(options()).await;
    let define = "mutation D($definition: MetafieldDefinitionInput!) {
        metafieldDefinitionCreate(definition: $definition) { createdDefinition { id } userErrors { code } } }";
    let definition = json!({ "definition":
        { "name": "Id", "namespace": "app", "key": "id", "ownerType": "PRODUCT", "type": "id" } });
    shop.payload(define, definition.clone()).await;
    assert_eq!(shop.payload(define, definition).await["userErrors"][0]["code"], "TAKEN");
    let custom = json!({ "customId": { "namespace": "app", "key": "id", "value": "STYLE-1" } });
    let set = json!({ "identifier": custom, "input": { "title": "Tee" } });
    let first = shop.payload(PRODUCT_SET, set.clone()).await;
    let second = shop.payload(PRODUCT_SET, set).await;
    assert_eq!(first["product"]["id"], second["product"]["id"]);
    let find = "query F($identifier: ProductIdentifierInput!) {
        productByIdentifier(identifier: $identifier) { id metafield(namespace: \"app\", key: \"id\") { value type } } }";
    let found = shop.data(find, json!({ "identifier": custom })).await;
    assert_eq!(found["productByIdentifier"]["metafield"], json!({ "value": "STYLE-1", "type": "id" }));
}

#[tokio::test]
async fn an_asynchronous_product_is_seen_later() {
    let shop = open(options()).await;
    let payload = shop.payload(PRODUCT_SET, json!({ "input": { "title": "Tee" }, "synchronous": false })).await;
    assert_eq!(
        (&payload["product"], payload["productSetOperation"]["status"].as_str()),
        (&Value::Null, Some("CREATED"))
    );
    let poll = "query P($id: ID!) { productOperation(id: $id) { status product { title } } }";
    let later = shop.data(poll, json!({ "id": payload["productSetOperation"]["id"] })).await;
    assert_eq!(later["productOperation"], json!({ "status": "COMPLETE", "product": { "title": "Tee" } }));
}

#[tokio::test]
async fn a_large_shop_creates_only_so_many_variants_a_day() {
    let shop = open(Options { variant_quota_from: 2, variants_a_day: 2, ..options() }).await;
    shop.shirt(&[("S", 0), ("M", 0)]).await;
    let tee =
        async |name: &str| shop.payload(PRODUCT_SET, json!({ "input": { "title": name } })).await["userErrors"].clone();
    assert_eq!(tee("a").await, json!([]));
    assert_eq!(tee("b").await, json!([]));
    assert!(tee("c").await[0].text("message").starts_with("Daily variant creation limit"));
    shop.enter("clock", json!({ "advanceSeconds": 86_400 })).await.unwrap();
    assert_eq!(tee("c").await, json!([]));
}

#[tokio::test]
async fn variants_are_added_changed_and_removed_in_bulk() {
    let shop = open(options()).await;
    let shirt = shop.shirt(&[("S", 1)]).await;
    let create = "mutation C($id: ID!, $variants: [ProductVariantsBulkInput!]!) {
        productVariantsBulkCreate(productId: $id, variants: $variants) {
            productVariants { id sku price } userErrors { field code message } } }";
    let variant = json!([{ "optionValues": [{ "optionName": "Size", "name": "XL" }], "price": 21, "inventoryItem": { "sku": "XL" } }]);
    let created = shop.payload(create, json!({ "id": shirt["id"], "variants": variant })).await;
    assert_eq!(created["productVariants"][0]["price"], "21.00");
    let again = shop.payload(create, json!({ "id": shirt["id"], "variants": variant })).await;
    assert_eq!(again["userErrors"][0]["code"], "VARIANT_ALREADY_EXISTS");

    let update = "mutation U($id: ID!, $variants: [ProductVariantsBulkInput!]!) {
        productVariantsBulkUpdate(productId: $id, variants: $variants) {
            productVariants { sku price } userErrors { code } } }";
    let id = &created["productVariants"][0]["id"];
    let updated =
        shop.payload(update, json!({ "id": shirt["id"], "variants": [{ "id": id, "price": "22.50" }] })).await;
    assert_eq!(updated["productVariants"], json!([{ "sku": "XL", "price": "22.50" }]));
    let missing = shop
        .payload(
            update,
            json!({ "id": shirt["id"], "variants": [{ "price": "1" }, { "id": "gid://shopify/ProductVariant/1" }] }),
        )
        .await;
    let codes: Vec<&str> = missing.list("userErrors").iter().map(|error| error.text("code")).collect();
    assert_eq!(codes, ["PRODUCT_VARIANT_ID_MISSING", "PRODUCT_VARIANT_DOES_NOT_EXIST"]);

    let delete = "mutation D($id: ID!, $ids: [ID!]!) {
        productVariantsBulkDelete(productId: $id, variantsIds: $ids) { product { totalVariants } userErrors { code } } }";
    let left = shop.payload(delete, json!({ "id": shirt["id"], "ids": [id] })).await;
    assert_eq!(left["product"]["totalVariants"], 1);
    let last = shop.payload(delete, json!({ "id": shirt["id"], "ids": [shirt["variants"]["nodes"][0]["id"]] })).await;
    assert_eq!(last["userErrors"][0]["code"], "CANNOT_DELETE_LAST_VARIANT");
}

#[tokio::test]
async fn stock_is_set_only_from_what_was_seen() {
    let shop = open(options()).await;
    let (shirt, place) = (shop.shirt(&[("S", 9)]).await, location(&shop).await);
    let set = async |key: &str, quantity, from| {
        shop.payload(INVENTORY_SET, json!({ "key": key, "input": amount(&shirt, &place, quantity, from) })).await
    };
    let good = set("k1", 7, Some(9)).await;
    assert_eq!(good["inventoryAdjustmentGroup"]["changes"][0]["delta"], -2);
    let stale = set("k2", 5, Some(9)).await;
    assert_eq!(stale["userErrors"][0]["code"], "CHANGE_FROM_QUANTITY_STALE");
    assert_eq!(stale["userErrors"][0]["field"], json!(["input", "quantities", "0", "changeFromQuantity"]));
    assert_eq!(set("k3", 5, None).await["userErrors"], json!([]));
    let levels = "query L($id: ID!) { inventoryItem(id: $id) { inventoryLevels(first: 5) {
        nodes { location { id } quantities(names: [\"available\", \"on_hand\"]) { name quantity } } } } }";
    let item = &shirt["variants"]["nodes"][0]["inventoryItem"]["id"];
    let seen = shop.data(levels, json!({ "id": item })).await;
    let quantities = &seen["inventoryItem"]["inventoryLevels"]["nodes"][0]["quantities"];
    assert_eq!(quantities, &json!([{ "name": "available", "quantity": 5 }, { "name": "on_hand", "quantity": 5 }]));
}

#[tokio::test]
async fn a_key_applies_once_and_only_to_its_parameters() {
    let shop = open(options()).await;
    let (shirt, place) = (shop.shirt(&[("S", 9)]).await, location(&shop).await);
    let set = async |key: &str, input: Value| shop.payload(INVENTORY_SET, json!({ "key": key, "input": input })).await;
    let first = set("k", amount(&shirt, &place, 7, Some(9))).await;
    let replay = set("k", amount(&shirt, &place, 7, Some(9))).await;
    assert_eq!(first["inventoryAdjustmentGroup"], replay["inventoryAdjustmentGroup"]);
    let other = set("k", amount(&shirt, &place, 8, None)).await;
    assert_eq!(other["userErrors"][0]["code"], "IDEMPOTENCY_KEY_PARAMETER_MISMATCH");
    set("f", amount(&shirt, &place, 1, Some(99))).await;
    let failed = set("f", amount(&shirt, &place, 1, Some(99))).await;
    assert_eq!(failed["userErrors"][0]["code"], "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED");
    shop.enter("faults", json!({ "kind": "concurrentRequest" })).await.unwrap();
    let busy = set("c", amount(&shirt, &place, 7, None)).await;
    assert_eq!(busy["userErrors"][0]["code"], "IDEMPOTENCY_CONCURRENT_REQUEST");

    shop.enter("clock", json!({ "advanceSeconds": 86_401 })).await.unwrap();
    let forgotten = set("k", amount(&shirt, &place, 7, Some(9))).await;
    assert_eq!(forgotten["userErrors"][0]["code"], "CHANGE_FROM_QUANTITY_STALE");
}

#[tokio::test]
async fn inventory_mutations_without_a_key_are_refused() {
    let shop = open(options()).await;
    let bare = INVENTORY_SET.replace("@idempotent(key: $key)", "").replace("$key: String!, ", "");
    let (shirt, place) = (shop.shirt(&[("S", 9)]).await, location(&shop).await);
    let answer = shop.ask(&bare, json!({ "input": amount(&shirt, &place, 1, None) })).await;
    assert!(answer["errors"][0].text("message").contains("@idempotent directive is required"));
    let adjust = "mutation A($input: InventoryAdjustQuantitiesInput!) {
        inventoryAdjustQuantities(input: $input) @idempotent(key: \"a\") {
            inventoryAdjustmentGroup { changes { delta quantityAfterChange } } userErrors { code } } }";
    let item = &shirt["variants"]["nodes"][0]["inventoryItem"]["id"];
    let change = json!({ "input": { "name": "available", "reason": "restock",
        "changes": [{ "delta": 4, "inventoryItemId": item, "locationId": place, "changeFromQuantity": 9 }] } });
    let adjusted = shop.payload(adjust, change).await;
    assert_eq!(adjusted["inventoryAdjustmentGroup"]["changes"], json!([{ "delta": 4, "quantityAfterChange": 13 }]));
}

#[tokio::test]
async fn an_item_is_kept_at_a_location_from_its_activation_on() {
    let shop = open(Options { locations: vec!["Main".into(), "Annex".into()], ..options() }).await;
    let shirt = shop.shirt(&[("S", 9)]).await;
    let places = shop.data("{ locations(first: 5) { nodes { id name } } }", json!({})).await;
    let annex = &places["locations"]["nodes"][0]["id"];
    let refused = shop.payload(INVENTORY_SET, json!({ "key": "1", "input": amount(&shirt, annex, 2, None) })).await;
    assert_eq!(refused["userErrors"][0]["code"], "INVALID_LOCATION");
    let activate = "mutation A($item: ID!, $place: ID!) {
        inventoryActivate(inventoryItemId: $item, locationId: $place, available: 1) @idempotent(key: \"a\") {
            inventoryLevel { id quantities(names: [\"available\"]) { quantity } } userErrors { message } } }";
    let item = &shirt["variants"]["nodes"][0]["inventoryItem"]["id"];
    let level = shop.payload(activate, json!({ "item": item, "place": annex })).await;
    assert_eq!(level["inventoryLevel"]["quantities"], json!([{ "quantity": 1 }]));
    let set = shop.payload(INVENTORY_SET, json!({ "key": "2", "input": amount(&shirt, annex, 2, Some(1)) })).await;
    assert_eq!(set["userErrors"], json!([]));
}

#[tokio::test]
async fn too_long_an_input_is_refused() {
    let shop = open(options()).await;
    let one = json!({ "inventoryItemId": "gid://shopify/InventoryItem/1", "locationId": "gid://shopify/Location/1", "quantity": 1 });
    let input = json!({ "name": "available", "reason": "correction", "quantities": vec![one; 251] });
    let answer = shop.ask(INVENTORY_SET, json!({ "key": "k", "input": input })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "MAX_INPUT_SIZE_EXCEEDED");
}

#[tokio::test]
async fn a_customer_is_found_by_any_identifier_and_addresses_replace() {
    let shop = open(options()).await;
    let set = "mutation C($identifier: CustomerSetIdentifiers, $input: CustomerSetInput!) {
        customerSet(identifier: $identifier, input: $input) {
            customer { id email displayName addresses { city } } userErrors { field code message } } }";
    let input =
        json!({ "firstName": "Ada", "lastName": "Byron", "addresses": [{ "city": "London" }, { "city": "Bath" }] });
    let first = shop.payload(set, json!({ "identifier": { "email": "ada@example.com" }, "input": input })).await;
    assert_eq!(first["customer"]["displayName"], "Ada Byron");
    let moved = json!({ "addresses": [{ "city": "Paris" }] });
    let second = shop.payload(set, json!({ "identifier": { "email": "ada@example.com" }, "input": moved })).await;
    assert_eq!(second["customer"]["id"], first["customer"]["id"]);
    assert_eq!(second["customer"]["addresses"], json!([{ "city": "Paris" }]));
    for (identifier, input, code) in [
        (Value::Null, json!({ "email": "ada@example.com" }), "TAKEN"),
        (Value::Null, json!({ "email": "nobody" }), "INVALID"),
        (json!({ "email": "a@b.c" }), json!({ "email": "c@b.a" }), "INPUT_MISMATCH"),
        (json!({ "id": "gid://shopify/Customer/1" }), json!({}), "NOT_FOUND"),
    ] {
        let payload = shop.payload(set, json!({ "identifier": identifier, "input": input })).await;
        assert_eq!(payload["userErrors"][0]["code"], code);
    }
}
