//! The tenant matrix: for every route behind an authorizer, what another tenant has is as good as what nobody has. Same status,
//! same words, same calls to the table (so the same class of time), nothing of the other's told, nothing of the other's changed.
//!
//! A route of the templates that has no row here fails a test. A row names things as `<order>`; the same request is made by
//! one tenant with names of the other and with names of nothing, and at last by the other itself, which must find them.

mod stores;
mod world;

use std::collections::BTreeSet;

use http::StatusCode;

use crate::templates::guarded_routes;
use world::{Names, World};

/// Route, role of the caller, path and query, body.
type Row = (&'static str, &'static str, &'static str, &'static str);

const ADMIN: &str = "STORE_ADMIN";
const CUSTOMER: &str = "CUSTOMER";
const SERVICE: &str = "SERVICE";
const STAFF: &str = "WAREHOUSE_STAFF";

/// What ends something comes after what needs it.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("GET /store/v1/me", CUSTOMER, "/store/v1/me", ""),
    ("GET /store/v1/books", CUSTOMER, "/store/v1/books?q=<isbn>", ""),
    ("GET /store/v1/books/{id}", CUSTOMER, "/store/v1/books/<book>", ""),
    ("POST /store/v1/books", ADMIN, "/store/v1/books", r#"{"isbn":"9780306406157","title":"T","authors":["A"],"price":{"amount":"1.00","currency":"GBP"}}"#),
    ("POST /store/v1/books/batch", ADMIN, "/store/v1/books/batch", r#"{"books":[{"isbn":"9780306406157","title":"T","authors":["A"],"price":{"amount":"1.00","currency":"GBP"}}]}"#),
    ("PATCH /store/v1/books/{id}", ADMIN, "/store/v1/books/<book>", r#"{"title":"Other"}"#),
    ("POST /store/v1/orders", CUSTOMER, "/store/v1/orders", r#"{"items":[{"bookId":"<book>","quantity":1}],"payment":{"method":"card","token":"tok_visa"}}"#),
    ("GET /store/v1/orders", CUSTOMER, "/store/v1/orders", ""),
    ("GET /store/v1/orders", ADMIN, "/store/v1/orders", ""),
    ("GET /store/v1/orders/{id}", CUSTOMER, "/store/v1/orders/<order>", ""),
    ("GET /store/v1/orders/{id}", ADMIN, "/store/v1/orders/<order>", ""),
    ("POST /store/v1/orders/{id}/status", SERVICE, "/store/v1/orders/<order>/status", r#"{"shipmentId":"<parcel>","status":"DELIVERED"}"#),
    ("POST /store/v1/orders/{id}/cancel", CUSTOMER, "/store/v1/orders/<order>/cancel", ""),
    ("GET /store/v1/warehouses", ADMIN, "/store/v1/warehouses", ""),
    ("GET /store/v1/warehouses/{id}", ADMIN, "/store/v1/warehouses/<location>", ""),
    ("GET /store/v1/inventory", ADMIN, "/store/v1/inventory?warehouse=<location>", ""),
    ("POST /store/v1/warehouses/register", SERVICE, "/store/v1/warehouses/register", r#"{"id":"alpha","name":"Alpha","url":"https://alpha.example.com"}"#),
    ("GET /sales/v1/orders", ADMIN, "/sales/v1/orders?customer=<buyer>", ""),
    ("GET /sales/v1/orders", ADMIN, "/sales/v1/orders?location=<location>", ""),
    ("GET /sales/v1/orders/{id}", ADMIN, "/sales/v1/orders/<sale>", ""),
    ("GET /sales/v1/orders/{id}/timeline", ADMIN, "/sales/v1/orders/<sale>/timeline", ""),
    ("GET /sales/v1/orders/{id}/notes", ADMIN, "/sales/v1/orders/<sale>/notes", ""),
    ("GET /sales/v1/orders/{id}/files/{file}", ADMIN, "/sales/v1/orders/<sale>/files/<file>", ""),
    ("GET /sales/v1/returns", ADMIN, "/sales/v1/returns?status=INSPECTED", ""),
    ("GET /sales/v1/sales", ADMIN, "/sales/v1/sales", ""),
    ("GET /sales/v1/customers/{customer}/export", ADMIN, "/sales/v1/customers/<buyer>/export", ""),
    ("POST /sales/v1/orders", SERVICE, "/sales/v1/orders", r#"{"channel":"market","externalId":"1","customerId":"<buyer>","currency":"GBP","lines":[{"sku":"<isbn>","quantity":1,"unitPrice":{"amount":"1.00","currency":"GBP"}}],"payments":[{"method":"market","token":"r","amount":{"amount":"1.00","currency":"GBP"}}]}"#),
    ("POST /sales/v1/orders/{id}/changes", ADMIN, "/sales/v1/orders/<sale>/changes", r#"{"kind":"release"}"#),
    ("POST /sales/v1/orders/{id}/fulfillment-orders/{fulfillment}/actions", ADMIN, "/sales/v1/orders/<sale>/fulfillment-orders/<fulfillment>/actions", r#"{"kind":"pick"}"#),
    ("POST /sales/v1/orders/{id}/refunds", ADMIN, "/sales/v1/orders/<sale>/refunds", r#"{"amount":{"amount":"1.00","currency":"GBP"},"reason":"late"}"#),
    ("POST /sales/v1/orders/{id}/refunds/{number}/confirmation", SERVICE, "/sales/v1/orders/<sale>/refunds/0/confirmation", r#"{"done":true}"#),
    ("POST /sales/v1/orders/{id}/verdict", ADMIN, "/sales/v1/orders/<sale>/verdict", r#"{"kind":"dismiss"}"#),
    ("POST /sales/v1/orders/{id}/notes", ADMIN, "/sales/v1/orders/<sale>/notes", r#"{"text":"look","audience":"INTERNAL","files":["<file>"]}"#),
    ("POST /sales/v1/orders/{id}/files", ADMIN, "/sales/v1/orders/<sale>/files", r#"{"name":"b.txt","mediaType":"text/plain","content":"aGk="}"#),
    ("POST /sales/v1/orders/{id}/uploads", ADMIN, "/sales/v1/orders/<sale>/uploads", r#"{"name":"c.txt","mediaType":"text/plain","bytes":2,"sha256":"LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="}"#),
    ("POST /sales/v1/orders/{id}/uploads/{file}/completion", ADMIN, "/sales/v1/orders/<sale>/uploads/<file>/completion", ""),
    ("POST /sales/v1/orders/{id}/returns", ADMIN, "/sales/v1/orders/<sale>/returns", r#"{"lines":[{"sku":"<isbn>","units":1}],"location":"<location>","reason":"torn"}"#),
    ("POST /sales/v1/orders/{id}/returns/{number}/actions", ADMIN, "/sales/v1/orders/<sale>/returns/0/actions", r#"{"kind":"approve"}"#),
    ("POST /sales/v1/customers/{customer}/erasure", ADMIN, "/sales/v1/customers/<buyer>/erasure", ""),
    ("GET /v1/users", ADMIN, "/v1/users", ""),
    ("GET /v1/users/{id}", ADMIN, "/v1/users/<user>", ""),
    ("GET /v1/users/{id}/export", ADMIN, "/v1/users/<user>/export", ""),
    ("GET /v1/audit-entries", ADMIN, "/v1/audit-entries?subject=<user>", ""),
    ("POST /v1/users", ADMIN, "/v1/users", r#"{"email":"new@example.com","name":"New","role":"STORE_ADMIN"}"#),
    ("POST /v1/users/{id}/suspend", ADMIN, "/v1/users/<user>/suspend", ""),
    ("POST /v1/users/{id}/activate", ADMIN, "/v1/users/<user>/activate", ""),
    ("PUT /v1/users/{id}/groups", ADMIN, "/v1/users/<user>/groups", r#"{"groups":[]}"#),
    ("GET /v1/applications", ADMIN, "/v1/applications", ""),
    ("GET /v1/applications/{id}", ADMIN, "/v1/applications/<app>", ""),
    ("POST /v1/applications", ADMIN, "/v1/applications", r#"{"name":"T","kind":"PUBLIC","scopes":["openid"]}"#),
    ("PUT /v1/applications/{id}", ADMIN, "/v1/applications/<app>", r#"{"name":"T","kind":"CONFIDENTIAL","scopes":["openid"]}"#),
    ("POST /v1/applications/{id}/suspend", ADMIN, "/v1/applications/<app>/suspend", ""),
    ("POST /v1/applications/{id}/activate", ADMIN, "/v1/applications/<app>/activate", ""),
    ("POST /v1/applications/{id}/secret", ADMIN, "/v1/applications/<app>/secret", ""),
    ("GET /v1/api-keys", ADMIN, "/v1/api-keys", ""),
    ("POST /v1/api-keys", ADMIN, "/v1/api-keys", r#"{"name":"ERP","scopes":["orders:read"],"role":"STORE_ADMIN","days":1}"#),
    ("POST /v1/api-keys/{id}/rotate", ADMIN, "/v1/api-keys/<key>/rotate", ""),
    ("GET /v1/consumers/{id}", ADMIN, "/v1/consumers/<key>", ""),
    ("GET /v1/consumers/{id}/usage", ADMIN, "/v1/consumers/<app>/usage", ""),
    ("PUT /v1/consumers/{id}", ADMIN, "/v1/consumers/<key>", r#"{"version":"2026-07-01"}"#),
    ("DELETE /v1/api-keys/{id}", ADMIN, "/v1/api-keys/<key>", ""),
    ("GET /v1/groups", ADMIN, "/v1/groups", ""),
    ("PUT /v1/groups/{id}", ADMIN, "/v1/groups/<group>", r#"{"name":"North"}"#),
    ("GET /v1/grants/{principal}", ADMIN, "/v1/grants/<user>", ""),
    ("PUT /v1/grants/{principal}", ADMIN, "/v1/grants/<user>", r#"{"grants":[]}"#),
    ("GET /v1/roles", ADMIN, "/v1/roles", ""),
    ("PUT /v1/roles", ADMIN, "/v1/roles", r#"{"roles":{}}"#),
    ("GET /v1/organisation", ADMIN, "/v1/organisation", ""),
    ("PUT /v1/organisation", ADMIN, "/v1/organisation", "{}"),
    ("GET /v1/me/applications", ADMIN, "/v1/me/applications", ""),
    ("POST /v1/me/dashboards/{id}/url", ADMIN, "/v1/me/dashboards/7/url", ""),
    ("GET /v1/me/sessions", ADMIN, "/v1/me/sessions", ""),
    ("GET /access/oauth2/userinfo", ADMIN, "/access/oauth2/userinfo", ""),
    ("POST /access/oauth2/userinfo", ADMIN, "/access/oauth2/userinfo", ""),
    ("DELETE /v1/me/sessions/{id}", ADMIN, "/v1/me/sessions/<session>", ""),
    ("DELETE /v1/me/sessions", ADMIN, "/v1/me/sessions", ""),
    ("GET /warehouses/{name}/v1/inventory", STAFF, "/warehouses/alpha/v1/inventory", ""),
    ("GET /warehouses/{name}/v1/inventory/{isbn}", STAFF, "/warehouses/alpha/v1/inventory/<isbn>", ""),
    ("GET /warehouses/{name}/v1/inventory/{isbn}/ledger", STAFF, "/warehouses/alpha/v1/inventory/<isbn>/ledger", ""),
    ("PUT /warehouses/{name}/v1/inventory", STAFF, "/warehouses/alpha/v1/inventory", r#"{"rows":[{"isbn":"<isbn>","onHand":3}]}"#),
    ("PUT /warehouses/{name}/v1/inventory/{isbn}", STAFF, "/warehouses/alpha/v1/inventory/<isbn>", r#"{"onHand":3}"#),
    ("POST /warehouses/{name}/v1/inventory/adjustments", STAFF, "/warehouses/alpha/v1/inventory/adjustments", r#"{"isbn":"<isbn>","delta":1,"reason":"found"}"#),
    ("GET /warehouses/{name}/v1/shipments", STAFF, "/warehouses/alpha/v1/shipments", ""),
    ("GET /warehouses/{name}/v1/shipments/{id}", STAFF, "/warehouses/alpha/v1/shipments/<shipment>", ""),
    ("POST /warehouses/{name}/v1/shipments", SERVICE, "/warehouses/alpha/v1/shipments", r#"{"shipmentId":"<shipment>","orderId":"<order>","lines":[{"isbn":"<isbn>","quantity":1}]}"#),
    ("GET /inventory/v1/levels", ADMIN, "/inventory/v1/levels?location=<depot>", ""),
    ("POST /inventory/v1/levels/lookup", ADMIN, "/inventory/v1/levels/lookup", r#"{"rows":[{"location":"<depot>","sku":"<item>"}]}"#),
    ("GET /inventory/v1/levels/{location}/{sku}", ADMIN, "/inventory/v1/levels/<depot>/<item>", ""),
    ("GET /inventory/v1/levels/{location}/{sku}/ledger", ADMIN, "/inventory/v1/levels/<depot>/<item>/ledger", ""),
    ("GET /inventory/v1/levels/{location}/{sku}/balances", ADMIN, "/inventory/v1/levels/<depot>/<item>/balances", ""),
    ("GET /inventory/v1/levels/{location}/{sku}/shards", ADMIN, "/inventory/v1/levels/<depot>/<item>/shards", ""),
    ("PUT /inventory/v1/levels/{location}/{sku}/shards", ADMIN, "/inventory/v1/levels/<depot>/<item>/shards", r#"{"shards":3}"#),
    ("PUT /inventory/v1/levels/{location}/{sku}/backorder-limit", ADMIN, "/inventory/v1/levels/<depot>/<item>/backorder-limit", r#"{"units":1}"#),
    ("GET /inventory/v1/movements/{id}", ADMIN, "/inventory/v1/movements/<movement>", ""),
    ("POST /inventory/v1/movements", SERVICE, "/inventory/v1/movements", r#"{"location":"<depot>","sku":"<item>","movement":{"kind":"goodsReceived","quantity":1}}"#),
    ("POST /inventory/v1/movements/batch", SERVICE, "/inventory/v1/movements/batch", r#"{"rows":[{"location":"<depot>","sku":"<item>","movement":{"kind":"issued","quantity":1}}]}"#),
    ("GET /inventory/v1/valuation", ADMIN, "/inventory/v1/valuation?company=<company>", ""),
    ("GET /inventory/v1/valuation", ADMIN, "/inventory/v1/valuation?company=<company>&sku=<item>", ""),
    ("GET /inventory/v1/valuation", ADMIN, "/inventory/v1/valuation?location=<depot>", ""),
    ("GET /inventory/v1/allocations", ADMIN, "/inventory/v1/allocations?lines=<item>:1", ""),
    ("GET /inventory/v1/companies/{company}", ADMIN, "/inventory/v1/companies/<company>", ""),
    ("POST /inventory/v1/companies", ADMIN, "/inventory/v1/companies", r#"{"id":"<company>","currency":"GBP","method":"FIFO","decimals":2}"#),
    ("GET /inventory/v1/locations/{location}/company", ADMIN, "/inventory/v1/locations/<depot>/company", ""),
    ("PUT /inventory/v1/locations/{location}/company", ADMIN, "/inventory/v1/locations/<depot>/company", r#"{"company":"<company>"}"#),
    ("GET /inventory/v1/reservations/{id}", ADMIN, "/inventory/v1/reservations/<reservation>", ""),
    ("POST /inventory/v1/reservations", ADMIN, "/inventory/v1/reservations", r#"{"lines":[{"location":"<depot>","sku":"<item>","quantity":1}],"seconds":60,"source":"cart"}"#),
    ("POST /inventory/v1/reservations/batch", ADMIN, "/inventory/v1/reservations/batch", r#"{"rows":[{"lines":[{"location":"<depot>","sku":"<item>","quantity":1}],"seconds":60,"source":"cart"}]}"#),
    ("POST /inventory/v1/reservations/{id}/actions", ADMIN, "/inventory/v1/reservations/<reservation>/actions", r#"{"kind":"commit"}"#),
    ("GET /inventory/v1/kits/{sku}", ADMIN, "/inventory/v1/kits/<kit>?location=<depot>", ""),
    ("PUT /inventory/v1/kits/{sku}", ADMIN, "/inventory/v1/kits/<kit>", r#"{"components":[{"sku":"<item>","units":1}]}"#),
    ("GET /inventory/v1/transfers", ADMIN, "/inventory/v1/transfers", ""),
    ("GET /inventory/v1/transfers/{id}", ADMIN, "/inventory/v1/transfers/<transfer>", ""),
    ("POST /inventory/v1/transfers", ADMIN, "/inventory/v1/transfers", r#"{"from":"<depot>","to":"yard","lines":[{"sku":"<item>","quantity":1}]}"#),
    ("POST /inventory/v1/transfers/{id}/actions", ADMIN, "/inventory/v1/transfers/<transfer>/actions", r#"{"kind":"approve"}"#),
    ("GET /inventory/v1/adjustments", ADMIN, "/inventory/v1/adjustments", ""),
    ("GET /inventory/v1/adjustments/{id}", ADMIN, "/inventory/v1/adjustments/<adjustment>", ""),
    ("POST /inventory/v1/adjustments", SERVICE, "/inventory/v1/adjustments", r#"{"location":"<depot>","sku":"<item>","delta":1,"reasonCode":"FOUND"}"#),
    ("POST /inventory/v1/adjustments/batch", SERVICE, "/inventory/v1/adjustments/batch", r#"{"rows":[{"location":"<depot>","sku":"<item>","delta":1,"reasonCode":"FOUND"}]}"#),
    ("POST /inventory/v1/adjustments/{id}/decision", ADMIN, "/inventory/v1/adjustments/<adjustment>/decision", r#"{"approve":true}"#),
    ("GET /inventory/v1/adjustment-rules", ADMIN, "/inventory/v1/adjustment-rules", ""),
    ("PUT /inventory/v1/adjustment-rules", ADMIN, "/inventory/v1/adjustment-rules", r#"{"units":5}"#),
    ("GET /inventory/v1/counts", ADMIN, "/inventory/v1/counts", ""),
    ("GET /inventory/v1/counts/{id}", ADMIN, "/inventory/v1/counts/<count>", ""),
    ("POST /inventory/v1/counts", ADMIN, "/inventory/v1/counts", r#"{"location":"<depot>","items":["<item>"]}"#),
    ("POST /inventory/v1/counts/{id}/actions", ADMIN, "/inventory/v1/counts/<count>/actions", r#"{"kind":"cancel"}"#),
    ("POST /inventory/v1/counts/{id}/decision", ADMIN, "/inventory/v1/counts/<count>/decision", r#"{"approve":true}"#),
    ("GET /inventory/v1/count-rules", ADMIN, "/inventory/v1/count-rules", ""),
    ("PUT /inventory/v1/count-rules", ADMIN, "/inventory/v1/count-rules", r#"{"units":5}"#),
    ("PUT /v1/document-types/{type}/versions/{version}", ADMIN, "/v1/document-types/<type>/versions/2", r#"{"schema":{"type":"object"}}"#),
    ("GET /v1/document-types", ADMIN, "/v1/document-types", ""),
    ("POST /v1/documents", SERVICE, "/v1/documents", r#"{"type":"<type>","version":1,"source":"pos","externalId":"2","payload":{}}"#),
    ("GET /v1/documents/{id}", SERVICE, "/v1/documents/<document>", ""),
    ("PUT /v1/connectors/{name}", SERVICE, "/v1/connectors/<connector>", r#"{"queue":"https://sqs.example/pipe.fifo","types":["<type>"]}"#),
    ("POST /v1/connectors/{name}/heartbeat", SERVICE, "/v1/connectors/<connector>/heartbeat", ""),
    ("GET /v1/connectors", ADMIN, "/v1/connectors", ""),
    ("GET /v1/operations/documents", ADMIN, "/v1/operations/documents?type=<type>&state=SUCCESS", ""),
    ("GET /v1/operations/documents/{id}", ADMIN, "/v1/operations/documents/<document>", ""),
    ("POST /v1/operations/documents/{id}/retry", ADMIN, "/v1/operations/documents/<document>/retry", ""),
    ("POST /v1/operations/documents/{id}/discard", ADMIN, "/v1/operations/documents/<document>/discard", ""),
    ("POST /v1/operations/documents/retry", ADMIN, "/v1/operations/documents/retry", r#"{"type":"<type>","state":"ERROR"}"#),
    ("GET /v1/operations/dead-routes", ADMIN, "/v1/operations/dead-routes", ""),
    ("POST /v1/operations/documents/{id}/routes/{connector}/redrive", ADMIN, "/v1/operations/documents/<document>/routes/<connector>/redrive", ""),
    ("GET /v1/operations/connections", ADMIN, "/v1/operations/connections", ""),
    ("GET /v1/operations/connections/{id}", ADMIN, "/v1/operations/connections/<connection>", ""),
    ("POST /v1/operations/connections/{id}/pause", ADMIN, "/v1/operations/connections/<connection>/pause", r#"{"reason":"maintenance"}"#),
    ("POST /v1/operations/connections/{id}/resume", ADMIN, "/v1/operations/connections/<connection>/resume", ""),
    ("GET /v1/operations/batches/{id}", ADMIN, "/v1/operations/batches/<batch>", ""),
    ("GET /v1/operations/jobs", ADMIN, "/v1/operations/jobs", ""),
    ("POST /v1/operations/jobs/{name}/run", ADMIN, "/v1/operations/jobs/<job>/run", ""),
    ("POST /v1/operations/jobs/{name}/pause", ADMIN, "/v1/operations/jobs/<job>/pause", ""),
    ("POST /v1/operations/jobs/{name}/resume", ADMIN, "/v1/operations/jobs/<job>/resume", ""),
    ("DELETE /v1/connectors/{name}", ADMIN, "/v1/connectors/<connector>", ""),
    ("GET /v1/connections/shopify", ADMIN, "/v1/connections/shopify", ""),
    ("GET /v1/connections/shopify/{shop}", ADMIN, "/v1/connections/shopify/<shop>", ""),
    ("POST /v1/connections/shopify/install", ADMIN, "/v1/connections/shopify/install", r#"{"shop":"<shop>"}"#),
    ("PUT /v1/connections/shopify/{shop}", ADMIN, "/v1/connections/shopify/<shop>", r#"{"locations":{"<location>":"gid://shopify/Location/1"}}"#),
    ("POST /v1/connections/shopify/{shop}/full-syncs", ADMIN, "/v1/connections/shopify/<shop>/full-syncs", ""),
    ("GET /v1/connections/shopify/{shop}/full-syncs", ADMIN, "/v1/connections/shopify/<shop>/full-syncs", ""),
    ("GET /v1/connections/shopify/{shop}/drift", ADMIN, "/v1/connections/shopify/<shop>/drift", ""),
    ("DELETE /v1/connections/shopify/{shop}", ADMIN, "/v1/connections/shopify/<shop>", ""),
    ("DELETE /store/v1/books/{id}", ADMIN, "/store/v1/books/<book>", ""),
    ("DELETE /v1/users/{id}", ADMIN, "/v1/users/<user>", ""),
];

/// Routes whose names are not a tenant's things but words everybody may use: what answers is one's own, or empty.
const FREE_NAMES: &[&str] = &[
    // A buyer is whoever a channel says it is; a grant may be written before its principal is there.
    "GET /sales/v1/customers/{customer}/export",
    "POST /sales/v1/customers/{customer}/erasure",
    "GET /v1/grants/{principal}",
    "PUT /v1/grants/{principal}",
    "PUT /v1/groups/{id}",
    // Places, items and kits are named by whoever keeps stock; a company that is not there is no place's.
    "PUT /inventory/v1/levels/{location}/{sku}/shards",
    "PUT /inventory/v1/levels/{location}/{sku}/backorder-limit",
    "PUT /inventory/v1/locations/{location}/company",
    "PUT /inventory/v1/kits/{sku}",
    // Types of documents and connectors are named by whoever brings them; a connector that is not there can go.
    "PUT /v1/document-types/{type}/versions/{version}",
    "PUT /v1/connectors/{name}",
    "DELETE /v1/connectors/{name}",
    // A book's number is the world's, and what never moved has an empty ledger.
    "GET /warehouses/{name}/v1/inventory/{isbn}/ledger",
    "PUT /warehouses/{name}/v1/inventory/{isbn}",
];

/// Routes of the stack, which names nothing of a tenant: the stack's queues, its events, its own health.
const OF_THE_STACK: &[&str] = &[
    "GET /v1/operations/dead-letters/{queue}",
    "POST /v1/operations/dead-letters/{queue}/redrive",
    "POST /v1/operations/outbox/republish",
    "GET /warehouses/{name}/health",
];

#[test]
fn every_route_has_a_row_in_the_tenant_matrix() {
    let rows = ROWS.iter().map(|(route, ..)| *route).chain(OF_THE_STACK.iter().copied());
    let covered: BTreeSet<String> = rows.map(str::to_owned).collect();
    assert_eq!(guarded_routes(), covered);
    assert!(FREE_NAMES.iter().all(|route| covered.contains(*route)));
}

#[tokio::test]
async fn what_another_tenant_has_is_as_good_as_what_nobody_has() {
    let world = World::new().await;
    let before = world.items_of_the_owner();
    for row in ROWS {
        let (route, _, path, _) = *row;
        let mut theirs = world.ask_as_stranger(*row, &world.theirs).await;
        let missing = world.ask_as_stranger(*row, &Names::of_nothing()).await;
        assert_eq!(missing.told, [""; 0], "{route} {path}");
        // What the question said the answer may say again.
        theirs.told.clear();
        assert_eq!(theirs, missing, "{route} {path}");
        let in_path = path.split('?').next().unwrap().contains('<');
        if in_path && !FREE_NAMES.contains(&route) {
            assert_eq!(theirs.status, StatusCode::NOT_FOUND, "{route} {theirs:?}");
        }
        assert_ne!(theirs.status, StatusCode::FORBIDDEN, "{route} was not even asked: {theirs:?}");
        assert!(theirs.status.as_u16() < 500, "{route} {theirs:?}");
        assert_eq!(world.items_of_the_owner(), before, "{route} changed what is another tenant's");
    }
}

/// Or the matrix would compare one nothing with another.
#[tokio::test]
async fn the_owner_finds_what_the_matrix_names() {
    let world = World::new().await;
    let mut unfound = Vec::new();
    for row in ROWS {
        let own = world.ask_as_owner(*row).await;
        unfound.extend(Some((row, own)).filter(|(_, own)| matches!(own.status.as_u16(), 400 | 403 | 404 | 500..)));
    }
    assert!(unfound.is_empty(), "{unfound:#?}");
}
