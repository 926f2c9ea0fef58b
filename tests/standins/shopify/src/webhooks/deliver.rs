//! Brings deliveries to their addresses: in order, or shuffled, some of them twice.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Delivery;
use crate::lock;
use crate::schema::API_VERSION;
use crate::world::World;

/// How long a subscriber has for a whole exchange. Source: Shopify, webhooks.
const PATIENCE: Duration = Duration::from_secs(5);

/// How deliveries travel.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Travel {
    /// How many of a hundred are delivered twice.
    pub(crate) duplicate_percent: u8,
    /// In any order instead of that of the events.
    pub(crate) shuffle: bool,
    /// Also those that wait for another try.
    pub(crate) everything: bool,
    /// How many travel at once.
    pub(crate) at_once: usize,
}

impl Default for Travel {
    fn default() -> Self {
        Self { duplicate_percent: 0, shuffle: false, everything: false, at_once: 1 }
    }
}

pub(crate) type Courier = Client<HttpConnector, Full<Bytes>>;

pub(crate) fn courier() -> Courier {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Delivers what is due; returns how many tries it made.
pub(crate) async fn deliver(world: &Arc<Mutex<World>>, courier: &Courier, travel: &Travel) -> usize {
    let deliveries = load(&mut lock(world), travel);
    let mut tries = 0;
    for batch in deliveries.chunks(travel.at_once.max(1)) {
        let mut under_way = JoinSet::new();
        for (delivery, counts) in batch.iter().cloned() {
            let request = request(&lock(world), &delivery);
            let courier = courier.clone();
            under_way.spawn(async move {
                let accepted = match request {
                    Some(request) => matches!(timeout(PATIENCE, courier.request(request)).await,
                        Ok(Ok(answer)) if answer.status().is_success()),
                    None => false,
                };
                (delivery, counts, accepted)
            });
        }
        while let Some(Ok((delivery, counts, accepted))) = under_way.join_next().await {
            tries += 1;
            // A duplicate is nobody's failure: only the delivery itself is tried again.
            lock(world).delivered(delivery, accepted || !counts);
        }
    }
    tries
}

/// What goes out now; a delivery that is doubled goes out once more, and does not count.
fn load(world: &mut World, travel: &Travel) -> Vec<(Delivery, bool)> {
    let now = world.now();
    let mut out = Vec::new();
    for delivery in world.hooks.take(now, travel.everything) {
        if world.rng.u8(0..100) < travel.duplicate_percent {
            out.push((delivery.clone(), false));
        }
        out.push((delivery, true));
    }
    if travel.shuffle {
        world.rng.shuffle(&mut out);
    }
    out
}

fn request(world: &World, delivery: &Delivery) -> Option<Request<Full<Bytes>>> {
    Request::post(&delivery.uri)
        .header("content-type", "application/json")
        .header("x-shopify-topic", delivery.topic)
        .header("x-shopify-hmac-sha256", world.app.sign(delivery.body.as_bytes()))
        .header("x-shopify-shop-domain", &world.domain)
        .header("x-shopify-api-version", API_VERSION)
        .header("x-shopify-webhook-id", &delivery.webhook_id)
        .header("x-shopify-event-id", &delivery.event_id)
        .header("x-shopify-triggered-at", &delivery.triggered_at)
        .body(Full::new(Bytes::from(delivery.body.clone())))
        .ok()
}
