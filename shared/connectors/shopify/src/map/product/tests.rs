use proptest::prelude::*;

use super::*;

fn gbp() -> Currency {
    "GBP".parse().unwrap()
}

/// A payload in the shape of the webhook, with fields we do not read.
fn payload() -> Value {
    json!({
        "admin_graphql_api_id": "gid://shopify/Product/9007199254740995", "id": 9_007_199_254_740_995_u64, "title": "Tee",
        "body_html": "<p>Soft</p>", "vendor": "Acme", "product_type": "Shirts", "handle": "tee", "status": "active",
        "tags": "summer, cotton", "created_at": null, "published_scope": "web",
        "updated_at": "2026-07-01T08:00:00-04:00", "has_variants_that_requires_components": false,
        "options": [{ "id": 1, "name": "Size", "position": 1, "values": ["S", "M"] }],
        "variants": [
            { "admin_graphql_api_id": "gid://shopify/ProductVariant/7", "sku": "TEE-S", "barcode": null, "price": "19.99",
              "compare_at_price": "24.99", "option1": "S", "option2": null, "option3": null, "inventory_item_id": 70 },
            { "admin_graphql_api_id": "gid://shopify/ProductVariant/8", "sku": null, "price": "21.00",
              "compare_at_price": null, "option1": "M", "option2": null, "option3": null, "inventory_item_id": null }
        ]
    })
}

fn read(payload: &Value) -> Result<Remote, MapError> {
    from_webhook(payload.to_string().as_bytes(), gbp())
}

#[test]
fn a_webhook_is_read_and_what_is_not_known_ignored() {
    let remote = read(&payload()).unwrap();
    assert_eq!(remote.id, Gid::new("Product", 9_007_199_254_740_995));
    assert_eq!(remote.updated_at, "2026-07-01T12:00:00Z".parse().unwrap());
    assert_eq!(remote.variants[0], (Gid::new("ProductVariant", 7), Some(Gid::new("InventoryItem", 70))));
    assert_eq!(remote.variants[1].1, None);
    let product = remote.product;
    assert_eq!((product.status, product.options.as_slice()), (Status::Active, &["Size".to_owned()][..]));
    assert_eq!(product.tags.iter().map(String::as_str).collect::<Vec<_>>(), ["cotton", "summer"]);
    assert_eq!(product.variants[0].compare_at_price, Some(Money::from_minor(2_499, gbp())));
    assert_eq!(product.variants[1].values, ["M"]);
}

#[test]
fn an_unknown_status_is_kept_as_unknown_and_not_written_back() {
    let mut payload = payload();
    payload["status"] = json!("hibernating");
    let product = read(&payload).unwrap().product;
    assert_eq!(product.status, Status::Unknown);
    assert!(to_remote("1", &product)["input"].get("status").is_none());
}

#[test]
fn what_cannot_be_read_is_an_error_without_values() {
    for (pointer, value) in [
        ("/variants/0/price", json!("cheap")),
        ("/variants/0/price", json!(19)),
        ("/admin_graphql_api_id", json!("secret-id")),
        ("/updated_at", json!("yesterday")),
    ] {
        let mut payload = payload();
        *payload.pointer_mut(pointer).unwrap() = value;
        let error = read(&payload).unwrap_err().to_string();
        assert!(!error.contains("cheap") && !error.contains("secret-id") && !error.contains("yesterday"), "{error}");
    }
    assert!(from_webhook(b"not json", gbp()).is_err());
}

#[test]
fn variables_carry_our_id_and_every_list() {
    let product = read(&payload()).unwrap().product;
    let variables = to_remote("prod_1", &product);
    assert_eq!(
        variables["identifier"]["customId"],
        json!({ "namespace": "crossdock", "key": "id", "value": "prod_1" })
    );
    let input = &variables["input"];
    assert_eq!(
        input["productOptions"],
        json!([{ "name": "Size", "position": 1, "values": [{ "name": "S" }, { "name": "M" }] }])
    );
    assert_eq!(
        input["variants"][0],
        json!({ "optionValues": [{ "optionName": "Size", "name": "S" }], "sku": "TEE-S",
        "barcode": null, "price": "19.99", "compareAtPrice": "24.99" })
    );
    assert_eq!((&input["tags"], &input["status"]), (&json!(["cotton", "summer"]), &json!("ACTIVE")));
}

#[test]
fn a_product_of_one_variant_has_the_stores_own_option() {
    let mut product = read(&payload()).unwrap().product;
    product.options.clear();
    product.variants.truncate(1);
    product.variants[0].values.clear();
    let input = to_remote("1", &product)["input"].clone();
    assert_eq!(input["productOptions"][0]["values"], json!([{ "name": "Default Title" }]));
    assert_eq!(input["variants"][0]["optionValues"], json!([{ "optionName": "Title", "name": "Default Title" }]));
    let mut back = payload();
    back["options"] = json!([{ "name": "Title" }]);
    back["variants"].as_array_mut().unwrap().truncate(1);
    back["variants"][0]["option1"] = json!("Default Title");
    let back = read(&back).unwrap().product;
    assert!(back.options.is_empty() && back.variants[0].values.is_empty());
}

proptest! {
    /// What we would write is what a webhook of it is read as.
    #[test]
    fn a_product_survives_the_way_out_and_back(
        title in "[a-zA-Z ]{1,20}", tags in proptest::collection::btree_set("[a-z]{1,8}", 0..4),
        sizes in proptest::collection::btree_set("[A-Z]{1,3}", 1..6), prices in proptest::collection::vec(0i64..1_000_000, 6),
    ) {
        let variants: Vec<Variant> = sizes.iter().zip(prices).map(|(size, price)| Variant {
            sku: format!("SKU-{size}"), barcode: None, price: Money::from_minor(price, gbp()), compare_at_price: None,
            values: vec![size.clone()],
        }).collect();
        let product = Product {
            title, description: "<p>x</p>".into(), vendor: "V".into(), product_type: "T".into(), status: Status::Draft,
            tags, options: vec!["Size".into()], variants,
        };
        let input = &to_remote("1", &product)["input"];
        let back: Vec<Value> = input["variants"].as_array().unwrap().iter().enumerate().map(|(at, variant)| json!({
            "admin_graphql_api_id": format!("gid://shopify/ProductVariant/{at}"), "sku": variant["sku"], "price": variant["price"],
            "option1": variant["optionValues"][0]["name"],
        })).collect();
        let tags: Vec<&str> = input["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let webhook = json!({
            "admin_graphql_api_id": "gid://shopify/Product/1", "title": input["title"], "body_html": input["descriptionHtml"],
            "vendor": input["vendor"], "product_type": input["productType"], "status": "draft", "tags": tags.join(", "),
            "updated_at": "2026-07-01T08:00:00Z", "options": [{ "name": "Size" }], "variants": back,
        });
        prop_assert_eq!(read(&webhook).unwrap().product, product);
    }
}
