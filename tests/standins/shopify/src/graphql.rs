//! One GraphQL request, from its bytes to its answer: validated against the schema, priced, let in by the bucket, executed.
//!
//! Source: Shopify Admin API: errors are 200 with `errors[]`; only a wrong token (401) and a shop that is down are not.

mod execute;

use apollo_compiler::ExecutableDocument;
use apollo_compiler::executable::Operation;
use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::response::JsonMap;
use apollo_compiler::validation::Valid;
use serde_json::{Value, json};

use crate::cost;
use crate::faults::FaultKind;
use crate::schema::Admin;
use crate::world::{Fields, Object, World};

pub(crate) use execute::{Done, execute, query};

/// What goes back to the client.
#[derive(Debug)]
pub(crate) enum Reply {
    Json(u16, Value),
    /// No answer until the client gives up.
    Never,
}

/// A request that may be executed.
pub(crate) struct Prepared {
    pub(crate) document: Valid<ExecutableDocument>,
    pub(crate) operation_name: Option<String>,
    pub(crate) variables: Valid<JsonMap>,
    /// The variables as plain JSON.
    pub(crate) plain: Value,
    /// Names of the root fields.
    pub(crate) fields: Vec<String>,
}

impl Prepared {
    /// Parses, validates and coerces; the error is an answer's `errors`.
    pub(crate) fn new(admin: &Admin, text: &str, operation: Option<&str>, variables: &Value) -> Result<Self, Value> {
        let document =
            ExecutableDocument::parse_and_validate(&admin.schema, text, "request.graphql").map_err(|error| {
                let errors = error.errors.iter().map(|diagnostic| json!(diagnostic.to_json()));
                Value::Array(errors.collect())
            })?;
        let found = document.operations.get(operation).map_err(|error| message(&error.message().to_string()))?;
        let raw: JsonMap =
            serde_json::from_value(variables.clone()).map_err(|_| message("Variables must be an object."))?;
        let variables = coerce_variable_values(&admin.schema, found, &raw).map_err(
            |error| json!([{ "message": error.message().to_string(), "extensions": { "code": "INVALID_VARIABLE" } }]),
        )?;
        let plain = serde_json::to_value(&*variables).map_err(|error| message(&error.to_string()))?;
        let fields = found.root_fields(&document).map(|field| field.name.to_string()).collect();
        Ok(Self { operation_name: operation.map(str::to_owned), variables, plain, fields, document })
    }

    pub(crate) fn operation(&self) -> Option<&Operation> {
        self.document.operations.get(self.operation_name.as_deref()).ok().map(|operation| &**operation)
    }
}

/// Answers one request of an app that has shown its token.
pub(crate) fn answer(world: &mut World, admin: &'static Admin, body: &[u8]) -> Reply {
    world.counters.requests += 1;
    let Ok(request) = serde_json::from_slice::<Value>(body) else {
        return Reply::Json(400, json!({ "errors": { "query": "Required parameter missing or invalid" } }));
    };
    let empty = json!({});
    let variables = if request.has("variables") { request.at("variables") } else { &empty };
    let operation = request.at("operationName").as_str();
    let prepared = match Prepared::new(admin, request.text("query"), operation, variables) {
        Ok(prepared) => prepared,
        Err(errors) => {
            world.counters.refused_documents += 1;
            return Reply::Json(200, json!({ "errors": errors }));
        }
    };
    for field in &prepared.fields {
        *world.counters.operations.entry(field.clone()).or_default() += 1;
    }
    let fault = world.faults.take(&prepared.fields);
    match fault {
        Some(FaultKind::ServerError) => return Reply::Json(500, json!({ "errors": "Internal Server Error" })),
        Some(FaultKind::Unavailable) => return Reply::Json(503, json!({ "errors": "Service Unavailable" })),
        Some(FaultKind::Timeout) => return Reply::Never,
        Some(FaultKind::InternalError) => return Reply::Json(200, internal_error(world)),
        Some(
            FaultKind::Throttle
            | FaultKind::InternalErrorAfterCommit
            | FaultKind::TimeoutAfterCommit
            | FaultKind::AccessDenied
            | FaultKind::ConcurrentRequest,
        )
        | None => {}
    }
    priced(world, admin, &prepared, fault)
}

fn priced(world: &mut World, admin: &'static Admin, prepared: &Prepared, fault: Option<FaultKind>) -> Reply {
    let Some(operation) = prepared.operation() else {
        return Reply::Json(200, json!({ "errors": message("No operation.") }));
    };
    let cost = match cost::requested(&admin.schema, &prepared.document, operation, &prepared.plain) {
        Ok(cost) => cost,
        Err(error) => {
            return Reply::Json(
                200,
                json!({ "errors": [{ "message": error.to_string(), "extensions": { "code": "BAD_REQUEST" } }] }),
            );
        }
    };
    if cost > world.max_query_cost {
        return Reply::Json(200, max_cost_exceeded(cost, world.max_query_cost));
    }
    let now = world.now();
    if fault == Some(FaultKind::Throttle) || !world.bucket.admit(cost, now) {
        world.counters.throttled += 1;
        return Reply::Json(200, throttled(world, cost));
    }
    let done = match fault {
        Some(FaultKind::AccessDenied) => denied(&prepared.fields, "this fault"),
        _ => match missing_scope(world, &prepared.fields) {
            Some(scope) => denied(&prepared.fields, scope),
            None => execute(world, admin, prepared, fault == Some(FaultKind::ConcurrentRequest)),
        },
    };
    let actual = done.cost.min(cost);
    world.bucket.give_back(cost - actual);
    match fault {
        Some(FaultKind::TimeoutAfterCommit) => return Reply::Never,
        Some(FaultKind::InternalErrorAfterCommit) => return Reply::Json(200, internal_error(world)),
        Some(_) | None => {}
    }
    let mut body = done.body;
    let status = world.bucket.status(now);
    let mut extensions = json!({ "cost": {
        "requestedQueryCost": cost, "actualQueryCost": actual, "throttleStatus": status,
    } });
    if !done.warnings.is_empty()
        && let Some(extensions) = extensions.as_object_mut()
    {
        extensions.insert("search".to_owned(), Value::Array(done.warnings));
    }
    body.insert("extensions".to_owned(), extensions);
    Reply::Json(200, Value::Object(body))
}

fn message(text: &str) -> Value {
    json!([{ "message": text }])
}

fn throttled(world: &mut World, cost: u32) -> Value {
    let now = world.now();
    json!({
        "errors": [{ "message": "Throttled", "extensions": {
            "code": "THROTTLED", "documentation": "https://shopify.dev/api/usage/rate-limits",
        } }],
        "extensions": { "cost": {
            "requestedQueryCost": cost, "actualQueryCost": null, "throttleStatus": world.bucket.status(now),
        } },
    })
}

fn max_cost_exceeded(cost: u32, limit: u32) -> Value {
    json!({ "errors": [{
        "message": format!("Query cost is {cost}, which exceeds the single query max cost limit ({limit})."),
        "extensions": { "code": "MAX_COST_EXCEEDED", "cost": cost, "maxCost": limit,
            "documentation": "https://shopify.dev/api/usage/rate-limits" },
    }] })
}

fn internal_error(world: &mut World) -> Value {
    let request = world.uuid();
    json!({ "errors": [{
        "message": format!("Internal error. Looks like something went wrong on our end.\nRequest ID: {request}"),
        "extensions": { "code": "INTERNAL_SERVER_ERROR", "requestId": request },
    }] })
}

/// The first scope a root field needs and the app does not have.
fn missing_scope(world: &World, fields: &[String]) -> Option<&'static str> {
    fields.iter().filter_map(|field| scope_of(field)).find(|scope| !world.app.may(scope))
}

fn scope_of(field: &str) -> Option<&'static str> {
    Some(match field {
        "productSet"
        | "productDelete"
        | "productVariantsBulkCreate"
        | "productVariantsBulkUpdate"
        | "productVariantsBulkDelete" => "write_products",
        "products" | "product" | "productVariants" | "productByIdentifier" => "read_products",
        "customerSet" => "write_customers",
        "customers" | "customer" | "customerByIdentifier" => "read_customers",
        "orders" | "order" => "read_orders",
        "inventorySetQuantities" | "inventoryAdjustQuantities" | "inventoryActivate" => "write_inventory",
        "inventoryItems" | "inventoryItem" | "inventoryLevel" => "read_inventory",
        "fulfillmentCreate" => "write_merchant_managed_fulfillment_orders",
        _ => return None,
    })
}

fn denied(fields: &[String], scope: &str) -> Done {
    let mut data = Object::new();
    for field in fields {
        data.insert(field.clone(), Value::Null);
    }
    let errors: Vec<Value> = fields
        .iter()
        .map(|field| {
            json!({
                "message": format!("Access denied for {field} field. Required access: `{scope}` access scope."),
                "path": [field], "extensions": { "code": "ACCESS_DENIED", "requiredAccess": format!("`{scope}` access scope.") },
            })
        })
        .collect();
    let mut body = Object::new();
    body.insert("data".to_owned(), Value::Object(data));
    body.insert("errors".to_owned(), Value::Array(errors));
    Done { body, cost: 0, warnings: Vec::new() }
}
