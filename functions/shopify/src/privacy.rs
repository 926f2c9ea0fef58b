//! What people ask of their data, and what the law asks of ours. Source: Shopify, mandatory compliance webhooks.
//!
//! What is personal of a store's customers is with their orders, in what is known of them, and in the documents that told of them. A
//! request to see it is for a person to answer; one to forget it is done here, and refused, to be tried again, while an order is still on
//! its way.

use std::collections::BTreeSet;

use kernel::{Context, TenantId};
use sales::Sales;
use sales::lists::Filter;
use serde_json::Value;
use shopify::Gid;
use shopify::customers::id_of;
use shopify::platform::{PlatformError, Taken, kind};
use shopify::stores::Connection;
use shopify::synced::Agreements;
use shopify::webhook::Topic;

use crate::backoffice::{other, refused};
use crate::customers::People;
use crate::orders::Orders;

/// Who is written down as having forgotten somebody.
const ACTOR: &str = "shopify";
/// Orders or agreements read at once.
const PAGE: usize = 50;

/// A request of a store.
pub(crate) struct Privacy<'a> {
    pub(crate) sales: &'a Sales,
    pub(crate) agreements: &'a Agreements,
    pub(crate) people: &'a People,
    pub(crate) tenant: &'a TenantId,
    pub(crate) store: &'a Connection,
    pub(crate) cause: &'a Context,
}

impl Privacy<'_> {
    pub(crate) async fn request(&self, taken: &Taken<'_>) -> Result<(), PlatformError> {
        let customer = taken.value.pointer("/customer/id").and_then(Value::as_u64).map(|id| Gid::new("Customer", id));
        if taken.remote == Topic::CustomersDataRequest.header() {
            let who = customer.map(|customer| id_of(&self.store.shop, &customer)).unwrap_or_default();
            let detail = format!("answer within 30 days, from GET /sales/v1/customers/{who}/export, then discard this");
            return Err(refused("DATA_REQUESTED", detail));
        }
        let waiting = if taken.remote == Topic::ShopRedact.header() {
            self.everybody().await?
        } else {
            let orders = taken.value.get("orders_to_redact").and_then(Value::as_array).into_iter().flatten();
            self.one(customer.as_ref(), orders.filter_map(Value::as_u64)).await?
        };
        if waiting {
            Err(refused("ORDERS_OPEN", "orders are still on their way: retry this when they are over"))
        } else {
            Ok(())
        }
    }

    /// One customer, by the store's own id and their orders. Whether something has to be kept for now.
    async fn one(&self, customer: Option<&Gid>, orders: impl Iterator<Item = u64>) -> Result<bool, PlatformError> {
        let (tenant, shop) = (self.tenant, &self.store.shop);
        let mut customers = BTreeSet::new();
        if let Some(customer) = customer {
            customers.insert(id_of(shop, customer));
            let found = self.agreements.find(tenant, shop, kind::CUSTOMER, customer.as_str()).await.map_err(other)?;
            // They may have another name here.
            for id in customers.iter().chain(found.map(|found| found.value.id).iter()) {
                self.people.forget(tenant, id).await.map_err(other)?;
            }
        }
        for order in orders {
            let id = Orders::id(tenant, shop, &Gid::new("Order", order));
            customers.extend(self.sales.order(tenant, id).await.map_err(other)?.map(|order| order.customer));
        }
        self.forget_orders(customers).await
    }

    /// All customers of the store.
    async fn everybody(&self) -> Result<bool, PlatformError> {
        let (tenant, shop) = (self.tenant, &self.store.shop);
        let mut after = None;
        loop {
            let known =
                self.agreements.list(tenant, shop, kind::CUSTOMER, after.as_deref(), PAGE).await.map_err(other)?;
            for synced in &known {
                self.people.forget(tenant, &synced.id).await.map_err(other)?;
            }
            after = known.into_iter().last().map(|synced| synced.remote);
            if after.is_none() {
                break;
            }
        }
        let channel = Orders::channel(shop);
        let filter = Filter { channel: Some(&channel), ..Filter::default() };
        let (mut waiting, mut below) = (false, None);
        loop {
            let (orders, next) = self.sales.search(tenant, &filter, below.as_ref(), PAGE).await.map_err(other)?;
            let customers = orders.into_iter().map(|order| order.customer).collect();
            waiting |= self.forget_orders(customers).await?;
            below = next;
            if below.is_none() {
                return Ok(waiting);
            }
        }
    }

    /// Whether something has to be kept for now.
    async fn forget_orders(&self, customers: BTreeSet<String>) -> Result<bool, PlatformError> {
        let mut waiting = false;
        // Those whom an order has forgotten already have another name there.
        for customer in customers.iter().filter(|customer| customer.starts_with("shopify:")) {
            loop {
                let erased = self.sales.erase(self.tenant, customer, (ACTOR, self.cause)).await.map_err(other)?;
                waiting |= !erased.waiting.is_empty();
                if !erased.more {
                    break;
                }
            }
        }
        Ok(waiting)
    }
}
