//! The permissions there are, each with the routes that need it, as data. A test holds the list against the routes of all
//! templates, in both directions, so a route without a permission does not pass.
//!
//! A permission's name is also the OAuth scope an application asks for.

/// A permission and what it opens.
#[derive(Debug, Clone, Copy)]
pub struct Permission {
    /// `orders:read`. A scope an application may ask for.
    pub name: &'static str,
    /// For people who are asked for consent or give roles.
    pub about: &'static str,
    /// As in the templates: `GET /store/v1/orders/{id}`.
    pub routes: &'static [&'static str],
}

const fn permission(name: &'static str, about: &'static str, routes: &'static [&'static str]) -> Permission {
    Permission { name, about, routes }
}

/// Every permission, by name.
pub const CATALOGUE: &[Permission] = &[
    permission(
        "access:read",
        "see users, applications, roles, grants and the audit trail",
        &[
            "GET /v1/users",
            "GET /v1/users/{id}",
            "GET /v1/users/{id}/export",
            "GET /v1/audit-entries",
            "GET /v1/applications",
            "GET /v1/applications/{id}",
            "GET /v1/api-keys",
            "GET /v1/consumers/{id}",
            "GET /v1/consumers/{id}/usage",
            "GET /v1/groups",
            "GET /v1/grants/{principal}",
            "GET /v1/roles",
            "GET /v1/organisation",
        ],
    ),
    permission(
        "access:write",
        "change users, applications, roles and grants",
        &[
            "POST /v1/users",
            "DELETE /v1/users/{id}",
            "POST /v1/users/{id}/suspend",
            "POST /v1/users/{id}/activate",
            "PUT /v1/users/{id}/groups",
            "POST /v1/applications",
            "PUT /v1/applications/{id}",
            "POST /v1/applications/{id}/suspend",
            "POST /v1/applications/{id}/activate",
            "POST /v1/applications/{id}/secret",
            "POST /v1/api-keys",
            "POST /v1/api-keys/{id}/rotate",
            "DELETE /v1/api-keys/{id}",
            "PUT /v1/consumers/{id}",
            "PUT /v1/groups/{id}",
            "PUT /v1/grants/{principal}",
            "PUT /v1/roles",
            "PUT /v1/organisation",
        ],
    ),
    permission("books:read", "see the catalogue", &["GET /store/v1/books", "GET /store/v1/books/{id}"]),
    permission(
        "books:write",
        "change the catalogue",
        &[
            "POST /store/v1/books",
            "POST /store/v1/books/batch",
            "PATCH /store/v1/books/{id}",
            "DELETE /store/v1/books/{id}",
        ],
    ),
    permission(
        "connections:read",
        "see which stores are connected, what their full synchronisations came to, and which levels differ",
        &[
            "GET /v1/connections/shopify",
            "GET /v1/connections/shopify/{shop}",
            "GET /v1/connections/shopify/{shop}/drift",
            "GET /v1/connections/shopify/{shop}/full-syncs",
        ],
    ),
    permission(
        "connections:write",
        "connect stores, let them go, and read everything they sell",
        &[
            "POST /v1/connections/shopify/install",
            "PUT /v1/connections/shopify/{shop}",
            "DELETE /v1/connections/shopify/{shop}",
            "POST /v1/connections/shopify/{shop}/full-syncs",
        ],
    ),
    permission(
        "connectors:register",
        "say that a connector is there, what it takes, and that it goes",
        &["PUT /v1/connectors/{name}", "DELETE /v1/connectors/{name}", "POST /v1/connectors/{name}/heartbeat"],
    ),
    permission("customers:read", "see everything kept about a buyer", &["GET /sales/v1/customers/{customer}/export"]),
    permission("customers:write", "forget a buyer", &["POST /sales/v1/customers/{customer}/erasure"]),
    permission("dashboards:read", "open dashboards in the portal", &["POST /v1/me/dashboards/{id}/url"]),
    permission(
        "documents:read",
        "see how far a document is, and which types there are",
        &["GET /v1/documents/{id}", "GET /v1/document-types"],
    ),
    permission("documents:write", "hand documents in", &["POST /v1/documents"]),
    permission("health:read", "ask a warehouse whether it is there", &["GET /warehouses/{name}/health"]),
    permission(
        "inventory:approve",
        "approve adjustments and counts of stock, say how stock is valued",
        &[
            "POST /inventory/v1/companies",
            "PUT /inventory/v1/locations/{location}/company",
            "POST /inventory/v1/adjustments/{id}/decision",
            "PUT /inventory/v1/adjustment-rules",
            "POST /inventory/v1/counts/{id}/decision",
            "PUT /inventory/v1/count-rules",
        ],
    ),
    permission(
        "inventory:read",
        "see stock everywhere, its ledgers and its value",
        &[
            "GET /inventory/v1/levels",
            "POST /inventory/v1/levels/lookup",
            "GET /inventory/v1/levels/{location}/{sku}",
            "GET /inventory/v1/levels/{location}/{sku}/ledger",
            "GET /inventory/v1/levels/{location}/{sku}/balances",
            "GET /inventory/v1/levels/{location}/{sku}/shards",
            "GET /inventory/v1/movements/{id}",
            "GET /inventory/v1/valuation",
            "GET /inventory/v1/companies/{company}",
            "GET /inventory/v1/locations/{location}/company",
            "GET /inventory/v1/reservations/{id}",
            "GET /inventory/v1/kits/{sku}",
            "GET /inventory/v1/transfers",
            "GET /inventory/v1/transfers/{id}",
            "GET /inventory/v1/adjustments",
            "GET /inventory/v1/adjustments/{id}",
            "GET /inventory/v1/adjustment-rules",
            "GET /inventory/v1/counts",
            "GET /inventory/v1/counts/{id}",
            "GET /inventory/v1/count-rules",
            "GET /inventory/v1/allocations",
        ],
    ),
    permission(
        "inventory:write",
        "move, reserve, transfer, adjust and count stock",
        &[
            "PUT /inventory/v1/levels/{location}/{sku}/backorder-limit",
            "PUT /inventory/v1/levels/{location}/{sku}/shards",
            "POST /inventory/v1/movements",
            "POST /inventory/v1/movements/batch",
            "POST /inventory/v1/reservations",
            "POST /inventory/v1/reservations/batch",
            "POST /inventory/v1/reservations/{id}/actions",
            "PUT /inventory/v1/kits/{sku}",
            "POST /inventory/v1/transfers",
            "POST /inventory/v1/transfers/{id}/actions",
            "POST /inventory/v1/adjustments",
            "POST /inventory/v1/adjustments/batch",
            "POST /inventory/v1/counts",
            "POST /inventory/v1/counts/{id}/actions",
        ],
    ),
    permission("openid", "know who signed in", &["GET /access/oauth2/userinfo", "POST /access/oauth2/userinfo"]),
    permission(
        "operations:write",
        "look at what went wrong and put it right: dead letters, documents, connections, jobs",
        &[
            "GET /v1/connectors",
            "PUT /v1/document-types/{type}/versions/{version}",
            "GET /v1/operations/connections",
            "GET /v1/operations/connections/{id}",
            "POST /v1/operations/connections/{id}/pause",
            "POST /v1/operations/connections/{id}/resume",
            "GET /v1/operations/dead-letters/{queue}",
            "POST /v1/operations/dead-letters/{queue}/redrive",
            "GET /v1/operations/dead-routes",
            "GET /v1/operations/documents",
            "POST /v1/operations/documents/retry",
            "GET /v1/operations/documents/{id}",
            "POST /v1/operations/documents/{id}/retry",
            "POST /v1/operations/documents/{id}/discard",
            "POST /v1/operations/documents/{id}/routes/{connector}/redrive",
            "GET /v1/operations/batches/{id}",
            "GET /v1/operations/jobs",
            "POST /v1/operations/jobs/{name}/run",
            "POST /v1/operations/jobs/{name}/pause",
            "POST /v1/operations/jobs/{name}/resume",
            "POST /v1/operations/outbox/republish",
        ],
    ),
    permission("orders:read", "see orders", &["GET /store/v1/orders", "GET /store/v1/orders/{id}"]),
    permission("orders:report", "say what became of a parcel", &["POST /store/v1/orders/{id}/status"]),
    permission(
        "orders:write",
        "place and cancel orders",
        &["POST /store/v1/orders", "POST /store/v1/orders/{id}/cancel"],
    ),
    permission("profile:read", "see one's own profile", &["GET /store/v1/me"]),
    permission(
        "sales:read",
        "see orders from everywhere, with their notes, files and returns",
        &[
            "GET /sales/v1/orders",
            "GET /sales/v1/orders/{id}",
            "GET /sales/v1/orders/{id}/timeline",
            "GET /sales/v1/orders/{id}/notes",
            "GET /sales/v1/orders/{id}/files/{file}",
            "GET /sales/v1/returns",
            "GET /sales/v1/sales",
        ],
    ),
    permission(
        "sales:write",
        "take in orders from everywhere, and handle them",
        &[
            "POST /sales/v1/orders",
            "POST /sales/v1/orders/{id}/changes",
            "POST /sales/v1/orders/{id}/fulfillment-orders/{fulfillment}/actions",
            "POST /sales/v1/orders/{id}/refunds",
            "POST /sales/v1/orders/{id}/refunds/{number}/confirmation",
            "POST /sales/v1/orders/{id}/verdict",
            "POST /sales/v1/orders/{id}/notes",
            "POST /sales/v1/orders/{id}/files",
            "POST /sales/v1/orders/{id}/uploads",
            "POST /sales/v1/orders/{id}/uploads/{file}/completion",
            "POST /sales/v1/orders/{id}/returns",
            "POST /sales/v1/orders/{id}/returns/{number}/actions",
        ],
    ),
    permission(
        "sessions:write",
        "see one's own applications and sessions, and end them",
        &["GET /v1/me/applications", "GET /v1/me/sessions", "DELETE /v1/me/sessions", "DELETE /v1/me/sessions/{id}"],
    ),
    permission(
        "shipments:read",
        "see parcels of a warehouse",
        &["GET /warehouses/{name}/v1/shipments", "GET /warehouses/{name}/v1/shipments/{id}"],
    ),
    permission("shipments:write", "have a warehouse send parcels", &["POST /warehouses/{name}/v1/shipments"]),
    permission(
        "stock:read",
        "see the stock of a warehouse and its ledger",
        &[
            "GET /warehouses/{name}/v1/inventory",
            "GET /warehouses/{name}/v1/inventory/{isbn}",
            "GET /warehouses/{name}/v1/inventory/{isbn}/ledger",
        ],
    ),
    permission(
        "stock:write",
        "count and adjust the stock of a warehouse",
        &[
            "PUT /warehouses/{name}/v1/inventory",
            "PUT /warehouses/{name}/v1/inventory/{isbn}",
            "POST /warehouses/{name}/v1/inventory/adjustments",
        ],
    ),
    permission(
        "warehouses:read",
        "see the warehouses and the stock they last reported",
        &["GET /store/v1/warehouses", "GET /store/v1/warehouses/{id}", "GET /store/v1/inventory"],
    ),
    permission("warehouses:register", "say where a warehouse is", &["POST /store/v1/warehouses/register"]),
];

/// Whether one of these scopes opens the route.
#[must_use]
pub fn permits<'a>(scopes: impl IntoIterator<Item = &'a str>, route: &str) -> bool {
    permission_of(route).is_some_and(|needed| scopes.into_iter().any(|scope| scope == needed))
}

/// The permission a route needs; `None` for one nobody wrote down, which nobody may call.
pub(crate) fn permission_of(route: &str) -> Option<&'static str> {
    CATALOGUE.iter().find(|permission| permission.routes.contains(&route)).map(|permission| permission.name)
}

/// What an application may ask for, beside `openid`, `profile`, `email` and `offline_access`.
pub fn public_scopes() -> impl Iterator<Item = &'static str> {
    CATALOGUE.iter().map(|permission| permission.name)
}
