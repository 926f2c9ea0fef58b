//! The schema of the single table, as a `CreateTable` request.
//!
//! It does not set time to live: `CreateTable` cannot, and tests must not rely on it (code checks expiry itself).

use serde_json::{Value, json};

/// The `CreateTable` request of the table called `name`: what `template.yaml` declares, in API form.
pub(crate) fn table_schema(name: &str) -> Value {
    json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            attribute("pk", "S"),
            attribute("sk", "S"),
            attribute("gsi1pk", "S"),
            attribute("gsi1sk", "S"),
            attribute("gsi2pk", "S"),
            attribute("gsi2sk", "S"),
            attribute("seq", "N"),
        ],
        "KeySchema": key("pk", "sk"),
        "GlobalSecondaryIndexes": [
            index("gsi1", &key("gsi1pk", "gsi1sk"), "KEYS_ONLY"),
            index("gsi2", &key("gsi2pk", "gsi2sk"), "KEYS_ONLY"),
        ],
        "LocalSecondaryIndexes": [index("lsi1", &key("pk", "seq"), "ALL")],
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    })
}

fn attribute(name: &str, kind: &str) -> Value {
    json!({"AttributeName": name, "AttributeType": kind})
}

fn key(hash: &str, range: &str) -> Value {
    json!([
        {"AttributeName": hash, "KeyType": "HASH"},
        {"AttributeName": range, "KeyType": "RANGE"},
    ])
}

fn index(name: &str, key: &Value, projection: &str) -> Value {
    json!({"IndexName": name, "KeySchema": key, "Projection": {"ProjectionType": projection}})
}
