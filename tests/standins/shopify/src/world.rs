//! What the shop has: objects as JSON, named by their global id, each with the fields of its type in the schema.
//!
//! A field that holds an object with an id of its own holds that id. What a field of a type is called is the schema's
//! word; nothing here knows how it is asked for.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use fastrand::Rng;
use kernel::{Clock, Timestamp};
use serde_json::{Map, Value, json};

use crate::bucket::Bucket;
use crate::bulk::BulkOperations;
use crate::counters::Counters;
use crate::faults::Faults;
use crate::idempotency::Keys;
use crate::oauth::App;
use crate::options::Options;
use crate::webhooks::Hooks;

/// The fields of an object.
pub(crate) type Object = Map<String, Value>;

/// Known by their owners only: they come and go with every change, so there is no list of them.
const METAFIELD: &str = "Metafield";

/// Ids begin past 2^53, as a live shop's do: a client that keeps them as floating point is found out.
const FIRST_ID: u64 = 9_007_199_254_740_993;

pub(crate) struct World {
    objects: HashMap<String, Object>,
    /// Ids by type, oldest first.
    lists: BTreeMap<String, Vec<String>>,
    /// What is unique within the shop, to the object that has it: `Product/handle/tee`.
    unique: HashMap<String, String>,
    next_id: u64,
    clock: Arc<dyn Clock>,
    offset: std::time::Duration,
    pub(crate) rng: Rng,
    pub(crate) url: String,
    pub(crate) domain: String,
    pub(crate) currency: String,
    pub(crate) max_query_cost: u32,
    pub(crate) app: App,
    pub(crate) bucket: Bucket,
    pub(crate) faults: Faults,
    pub(crate) keys: Keys,
    pub(crate) hooks: Hooks,
    pub(crate) bulk: BulkOperations,
    pub(crate) counters: Counters,
    pub(crate) variants: VariantQuota,
}

/// A shop with many variants may create only so many a day. Source: Shopify, resource limits.
pub(crate) struct VariantQuota {
    /// From how many variants on the limit holds.
    pub(crate) from: u64,
    pub(crate) a_day: u64,
    pub(crate) day: i64,
    pub(crate) created: u64,
}

impl World {
    /// A shop with one app, its locations, and nothing to sell.
    pub(crate) fn new(options: &Options, url: String) -> Self {
        let rng = Rng::with_seed(options.seed);
        let mut world = Self {
            objects: HashMap::new(),
            lists: BTreeMap::new(),
            unique: HashMap::new(),
            next_id: FIRST_ID,
            clock: Arc::clone(&options.clock),
            offset: std::time::Duration::ZERO,
            url,
            domain: options.domain.clone(),
            currency: options.currency.clone(),
            max_query_cost: options.max_query_cost,
            app: App::new(options),
            bucket: Bucket::new(options.bucket_maximum, options.bucket_restore, options.clock.now()),
            faults: Faults::default(),
            keys: Keys::default(),
            hooks: Hooks::new(options.hold_webhooks),
            bulk: BulkOperations::new(options.bulk_polls),
            counters: Counters::default(),
            variants: VariantQuota {
                from: options.variant_quota_from,
                a_day: options.variants_a_day,
                day: 0,
                created: 0,
            },
            rng,
        };
        world.furnish(options);
        world
    }

    fn furnish(&mut self, options: &Options) {
        let now = self.now_text();
        self.create("Shop", json!({
            "name": "Stand-in", "email": "owner@example.com", "contactEmail": "owner@example.com",
            "myshopifyDomain": options.domain, "currencyCode": options.currency, "ianaTimezone": "Etc/UTC",
            "createdAt": now, "updatedAt": now, "plan": { "__typename": "ShopPlan", "publicDisplayName": "Standard" },
        }));
        for (place, name) in options.locations.iter().enumerate() {
            self.create(
                "Location",
                json!({
                    "name": name, "isActive": true, "isPrimary": place == 0, "fulfillsOnlineOrders": true,
                    "shipsInventory": true, "isFulfillmentService": false, "createdAt": now, "updatedAt": now,
                }),
            );
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now().checked_add(self.offset).unwrap_or(Timestamp::MAX)
    }

    /// Moves the shop's clock forward, on top of the machine's.
    pub(crate) fn advance(&mut self, by: std::time::Duration) {
        self.offset += by;
    }

    /// The time as Shopify writes it: whole seconds, UTC.
    pub(crate) fn now_text(&self) -> String {
        let now = self.now();
        Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
    }

    pub(crate) fn number(&mut self) -> u64 {
        let number = self.next_id;
        self.next_id += 1;
        number
    }

    /// A random UUID of this shop's seed.
    pub(crate) fn uuid(&mut self) -> String {
        let bits = self.rng.u128(..);
        let hex = format!("{bits:032x}");
        format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
    }

    /// Adds an object; returns its global id.
    pub(crate) fn create(&mut self, kind: &str, fields: Value) -> String {
        let id = gid(kind, self.number());
        self.create_as(&id, kind, fields);
        id
    }

    pub(crate) fn create_as(&mut self, id: &str, kind: &str, fields: Value) {
        let Value::Object(mut object) = fields else { return };
        object.insert("__typename".to_owned(), kind.into());
        object.insert("id".to_owned(), id.into());
        self.objects.insert(id.to_owned(), object);
        if kind == METAFIELD {
            return;
        }
        self.lists.entry(kind.to_owned()).or_default().push(id.to_owned());
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Object> {
        self.objects.get(id)
    }

    /// The object, when it is of this type.
    pub(crate) fn of(&self, kind: &str, id: &str) -> Option<&Object> {
        self.objects.get(id).filter(|object| object.text("__typename") == kind)
    }

    /// Every id of a type, oldest first.
    pub(crate) fn all(&self, kind: &str) -> &[String] {
        self.lists.get(kind).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn set(&mut self, id: &str, field: &str, value: impl Into<Value>) {
        if let Some(object) = self.objects.get_mut(id) {
            object.insert(field.to_owned(), value.into());
        }
    }

    /// Marks the object as changed now.
    pub(crate) fn touch(&mut self, id: &str) {
        let now = self.now_text();
        self.set(id, "updatedAt", now);
    }

    /// Removes an object and what it alone was known by.
    pub(crate) fn remove(&mut self, id: &str) {
        let Some(object) = self.objects.remove(id) else { return };
        let kind = object.text("__typename");
        if let Some(list) = self.lists.get_mut(kind) {
            list.retain(|other| other != id);
        }
        if kind != METAFIELD {
            self.unique.retain(|_, holder| holder != id);
        }
    }

    pub(crate) fn holder(&self, kind: &str, what: &str, value: &str) -> Option<&str> {
        self.unique.get(&format!("{kind}/{what}/{value}")).map(String::as_str)
    }

    /// Gives the object sole use of a value; what it held under this name before is free again.
    pub(crate) fn hold(&mut self, kind: &str, what: &str, value: &str, id: &str) {
        self.release(kind, what, id);
        self.unique.insert(format!("{kind}/{what}/{value}"), id.to_owned());
    }

    pub(crate) fn release(&mut self, kind: &str, what: &str, id: &str) {
        let held = self.get(id).map(|object| object.text(what).to_owned()).unwrap_or_default();
        let key = format!("{kind}/{what}/{held}");
        if self.unique.get(&key).is_some_and(|holder| holder == id) {
            self.unique.remove(&key);
        }
    }

    /// Where goods are when nobody says where.
    pub(crate) fn primary_location(&self) -> String {
        self.all("Location").first().cloned().unwrap_or_default()
    }
}

/// `gid://shopify/<kind>/<number>`.
pub(crate) fn gid(kind: &str, number: u64) -> String {
    format!("gid://shopify/{kind}/{number}")
}

/// The number of a global id; 0 when it has none.
pub(crate) fn legacy(id: &str) -> u64 {
    let last = id.rsplit('/').next().unwrap_or_default();
    last.split('?').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Reading JSON whose shape the schema has already checked: what is absent is the type's empty value.
pub(crate) trait Fields {
    fn at(&self, name: &str) -> &Value;

    fn text(&self, name: &str) -> &str {
        self.at(name).as_str().unwrap_or_default()
    }

    fn whole(&self, name: &str) -> i64 {
        self.at(name).as_i64().unwrap_or_default()
    }

    fn flag(&self, name: &str) -> bool {
        self.at(name).as_bool().unwrap_or_default()
    }

    fn list(&self, name: &str) -> &[Value] {
        self.at(name).as_array().map_or(&[], Vec::as_slice)
    }

    /// The ids in a list.
    fn ids(&self, name: &str) -> Vec<String> {
        self.list(name).iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Whether it was given, and not as null.
    fn has(&self, name: &str) -> bool {
        !self.at(name).is_null()
    }
}

const NULL: &Value = &Value::Null;

impl Fields for Object {
    fn at(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(NULL)
    }
}

impl Fields for Value {
    fn at(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(NULL)
    }
}
