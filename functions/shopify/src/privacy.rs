//! What people ask of their data, and what the law asks of ours. Source: Shopify, mandatory compliance webhooks.
//!
//! Everything personal of a store's customers is with their orders. A request to see it is for a person to answer; one to forget it is
//! done here, and refused, to be tried again, while an order is still on its way.

use kernel::{Context, TenantId};
use sales::Sales;
use sales::lists::Filter;
use serde_json::Value;
use shopify::Gid;
use shopify::platform::{PlatformError, Taken};
use shopify::stores::Connection;
use shopify::webhook::Topic;
use std::collections::BTreeSet;

use crate::backoffice::{other, refused};
use crate::orders::Orders;

/// Who is written down as having forgotten somebody.
const ACTOR: &str = "shopify";
/// Orders read at once.
const PAGE: usize = 50;

pub(crate) async fn request(
    sales: &Sales,
    tenant: &TenantId,
    store: &Connection,
    taken: &Taken<'_>,
    cause: &Context,
) -> Result<(), PlatformError> {
    let customer = taken.value.pointer("/customer/id").and_then(Value::as_u64);
    let customer = customer.map(|id| Orders::customer(&store.shop, &Gid::new("Customer", id)));
    if taken.remote == Topic::CustomersDataRequest.header() {
        let who = customer.unwrap_or_default();
        let detail = format!("answer within 30 days, from GET /sales/v1/customers/{who}/export, then discard this");
        return Err(refused("DATA_REQUESTED", detail));
    }
    let mut waiting = false;
    if taken.remote == Topic::ShopRedact.header() {
        let channel = Orders::channel(&store.shop);
        let filter = Filter { channel: Some(&channel), ..Filter::default() };
        let mut below = None;
        loop {
            let (orders, next) = sales.search(tenant, &filter, below.as_ref(), PAGE).await.map_err(other)?;
            let customers: BTreeSet<String> = orders.into_iter().map(|order| order.customer).collect();
            waiting |= forget(sales, tenant, customers, cause).await?;
            below = next;
            if below.is_none() {
                break;
            }
        }
    } else {
        let orders = taken.value.get("orders_to_redact").and_then(Value::as_array).into_iter().flatten();
        let mut customers: BTreeSet<String> = customer.into_iter().collect();
        for order in orders.filter_map(Value::as_u64) {
            let id = Orders::id(tenant, &store.shop, &Gid::new("Order", order));
            customers.extend(sales.order(tenant, id).await.map_err(other)?.map(|order| order.customer));
        }
        waiting = forget(sales, tenant, customers, cause).await?;
    }
    if waiting {
        Err(refused("ORDERS_OPEN", "orders are still on their way: retry this when they are over"))
    } else {
        Ok(())
    }
}

/// Whether something has to be kept for now.
async fn forget(
    sales: &Sales,
    tenant: &TenantId,
    customers: BTreeSet<String>,
    cause: &Context,
) -> Result<bool, PlatformError> {
    let mut waiting = false;
    // Those whom an order has forgotten already have another name there.
    for customer in customers.iter().filter(|customer| customer.starts_with("shopify:")) {
        loop {
            let erased = sales.erase(tenant, customer, (ACTOR, cause)).await.map_err(other)?;
            waiting |= !erased.waiting.is_empty();
            if !erased.more {
                break;
            }
        }
    }
    Ok(waiting)
}
