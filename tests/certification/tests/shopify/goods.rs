//! The platform of the tests: products that are a name and a state, and what was taken from stores.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use certification::Things;
use kernel::{Context, Money, TenantId};
use serde_json::Value;
use shopify::Gid;
use shopify::map::customer::Customer;
use shopify::map::fulfillment::Parcel;
use shopify::map::order::Order;
use shopify::map::product::{Product, Status, Variant};
use shopify::platform::{Platform, PlatformError, Taken};
use shopify::stores::Connection;
use web::BoxError;

type Named<T> = BTreeMap<(TenantId, String), T>;

#[derive(Default)]
pub(crate) struct Goods {
    products: Mutex<Named<Product>>,
    taken: Mutex<Named<u32>>,
    orders: Mutex<Named<Order>>,
    /// By SKU and location.
    stock: Mutex<BTreeMap<(String, String), i64>>,
}

/// `thing-0001 v7`.
pub(crate) fn title(id: &str, state: u32) -> String {
    format!("{id} v{state}")
}

/// Name and state of a title.
pub(crate) fn parts(title: &str) -> (String, u32) {
    let (id, state) = title.rsplit_once(" v").unwrap();
    (id.to_owned(), state.parse().unwrap())
}

pub(crate) fn product(id: &str, title: String) -> Product {
    let variant = Variant {
        sku: id.to_owned(),
        barcode: None,
        price: Money::from_minor(1_999, "GBP".parse().unwrap()),
        compare_at_price: None,
        values: vec![],
    };
    Product {
        title,
        description: String::new(),
        vendor: "Acme".into(),
        product_type: String::new(),
        status: Status::Active,
        tags: [].into(),
        options: vec![],
        variants: vec![variant],
    }
}

impl Goods {
    pub(crate) fn put(&self, tenant: &TenantId, id: &str, product: Product) {
        self.products.lock().unwrap().insert((tenant.clone(), id.to_owned()), product);
    }

    pub(crate) fn stock_up(&self, sku: &str, location: &str, quantity: i64) {
        self.stock.lock().unwrap().insert((sku.to_owned(), location.to_owned()), quantity);
    }

    pub(crate) fn taken(&self, tenant: &TenantId) -> Things {
        let taken = self.taken.lock().unwrap();
        taken.iter().filter(|((of, _), _)| of == tenant).map(|((_, id), state)| (id.clone(), *state)).collect()
    }

    pub(crate) fn orders(&self, tenant: &TenantId) -> Vec<Order> {
        let orders = self.orders.lock().unwrap();
        orders.iter().filter(|((of, _), _)| of == tenant).map(|(_, order)| order.clone()).collect()
    }
}

#[async_trait]
impl Platform for Goods {
    async fn product(&self, tenant: &TenantId, _: &Connection, id: &str) -> Result<Option<Product>, BoxError> {
        Ok(self.products.lock().unwrap().get(&(tenant.clone(), id.to_owned())).cloned())
    }

    async fn customer(&self, _: &TenantId, _: &Connection, _: &str) -> Result<Option<Customer>, BoxError> {
        Ok(None)
    }

    async fn stock(&self, _: &TenantId, sku: &str, location: &str) -> Result<Option<i64>, BoxError> {
        Ok(self.stock.lock().unwrap().get(&(sku.to_owned(), location.to_owned())).copied())
    }

    async fn parcel(&self, _: &TenantId, _: &Connection, _: &str) -> Result<Option<(Gid, Parcel)>, BoxError> {
        Ok(None)
    }

    async fn take(
        &self,
        tenant: &TenantId,
        _: &Connection,
        taken: &Taken<'_>,
        _: &Context,
    ) -> Result<(), PlatformError> {
        let Some(title) = taken.value.get("title").and_then(Value::as_str) else { return Ok(()) };
        let (id, state) = parts(title);
        self.put(tenant, &id, product(&id, title.to_owned()));
        self.taken.lock().unwrap().insert((tenant.clone(), id), state);
        Ok(())
    }

    async fn order(&self, tenant: &TenantId, _: &Connection, order: &Order, _: &Context) -> Result<(), PlatformError> {
        self.orders.lock().unwrap().insert((tenant.clone(), order.id.to_string()), order.clone());
        Ok(())
    }
}
