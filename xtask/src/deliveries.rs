//! How long the receiver of webhooks takes on the local stack: signed deliveries of the store that `up` connected, some of them
//! sent twice and some of them tampered with, eight at a time.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::demo::api::Api;
use crate::project::Project;
use crate::shell::step;
use crate::stacks::LocalStack;
use crate::stand_ins::{SHOP, app_secret};
use crate::tools::Tools;

const SENDERS: usize = 8;
const EACH: usize = 125;
/// Every so many-th is sent twice, and every so many-th is tampered with.
const TWICE: usize = 5;
const TAMPERED: usize = 25;

/// Sends them, and prints how long the answers took.
pub(crate) fn run(project: &Project) -> anyhow::Result<()> {
    let tools = step("install the tools", |step| Tools::install(project, step))?;
    let store = LocalStack::load(project)?.store;
    let secret = app_secret(project, &tools, &store)?;
    let api = Api::anonymous(store.url.strip_suffix("/store").context("the store's URL does not end in /store")?);
    let run = fastrand::u64(..);
    let mut took: Vec<Duration> = Vec::new();
    thread::scope(|scope| {
        let (api, secret) = (&api, &secret);
        let begin = |sender| scope.spawn(move || send(api, secret, &format!("{run:x}-{sender}")));
        for sender in (0..SENDERS).map(begin).collect::<Vec<_>>() {
            took.extend(sender.join().map_err(|_| anyhow!("a sender panicked"))??);
        }
        anyhow::Ok(())
    })?;
    took.sort_unstable();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100].as_millis();
    eprintln!("{} deliveries answered: p50 {} ms, p99 {} ms, longest {} ms", took.len(), at(50), at(99), at(100));
    Ok(())
}

/// One sender's deliveries, one after the other.
fn send(api: &Api, secret: &str, name: &str) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::new();
    for number in 0..EACH {
        // Nothing follows from this topic: what is measured is the receiver.
        let body = serde_json::json!({ "id": number, "line_items": vec!["an item"; 200] });
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
        mac.update(body.to_string().as_bytes());
        if number % TAMPERED == 0 {
            mac.update(b"!");
        }
        let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        let id = format!("{name}-{number}");
        let headers = [
            ("x-shopify-hmac-sha256", signature.as_str()),
            ("x-shopify-topic", "fulfillments/create"),
            ("x-shopify-shop-domain", SHOP),
            ("x-shopify-webhook-id", &id),
        ];
        for _ in 0..1 + usize::from(number % TWICE == 0) {
            let sent = Instant::now();
            let answer = api.send("POST", "/shopify/v1/webhooks", &headers, Some(&body))?;
            took.push(sent.elapsed());
            let expected = if number % TAMPERED == 0 { 401 } else { 200 };
            ensure!(answer.status == expected, "delivery {id} was answered {}: {}", answer.status, answer.body);
        }
    }
    Ok(took)
}
