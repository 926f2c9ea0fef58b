//! The AWS services a function calls, embedded and on a port, for the benchmark: the table with a small shop in it,
//! topics and queues, and secrets. Over HTTP, and over TLS with an authority made for the occasion. It counts every call
//! and the capacity it consumed (`GET /standin/usage`), and can be told to give the table's last answers again
//! (`POST /standin/replay`), for whoever wants it to take no time.
//!
//! Arguments name what else is to be there. Prints one line of JSON that says where everything is, and ends with its
//! standard input. It checks no signature and no permission.

mod front;
mod login;
mod shop;
mod tls;
mod usage;

use anyhow::{Context as _, bail};
use front::Front;
use kernel::{Clock, SystemClock};
use secrecy::ExposeSecret as _;
use serde_json::json;
use standins::payment::PaymentProvider;
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use testkit::{FaultInjector, LocalDynamo, LocalQueues};
use tokio::net::TcpListener;

/// The table's name.
const TABLE: &str = "crossdock";
/// The key of the account at the payment provider.
const PAYMENT_KEY: &str = "sk_test_0000000000000000000000000000000000000000";
/// Topics and queues are on a clock that stands still, so that nothing sent becomes visible twice.
const QUEUE_VISIBILITY: std::time::Duration = std::time::Duration::from_secs(60);

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(Box::pin(serve()))
}

async fn serve() -> anyhow::Result<()> {
    let dynamo = LocalDynamo::new();
    dynamo.create_table_without_stream(TABLE);
    let queues = LocalQueues::new(Arc::new(testkit::ManualClock::new(SystemClock.now())));
    let mut shop = shop::open(&dynamo).await?;
    let token_keys = access::rotated(&"none".to_owned().into(), SystemClock.now())?.context("there are keys now")?;
    for wish in std::env::args().skip(1) {
        match wish.split_once(':') {
            Some(("topic", name)) => drop(queues.create_topic(name)),
            Some(("queue", name)) => drop(queues.create_queue(name, QUEUE_VISIBILITY)),
            Some(("orders", count)) => shop.place_orders(count.parse()?).await?,
            None if wish == "customer" => shop.register_customer().await?,
            None if wish == "last" => shop.add_last_copy().await?,
            None if wish == "consumers" => shop.make_keys().await?,
            None if wish == "session" => shop.sign_in(&token_keys).await?,
            _ => {
                bail!("usage: cloud [topic:NAME] [queue:NAME] [orders:COUNT] [customer] [last] [consumers] [session] …")
            }
        }
    }
    // They record every call for tests; nobody asks here, and the front forgets the records.
    let (of_table, of_queues) = (FaultInjector::new(), FaultInjector::new());
    let (table, messages) = (dynamo.serve(&of_table).await, queues.serve(&of_queues).await);
    let payments = PaymentProvider::start(0, PAYMENT_KEY).await?;
    let plain = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", plain.local_addr()?);
    let token_keys = token_keys.expose_secret().to_owned();
    let front = Front::new([table.url(), messages.url()], [of_table, of_queues], PAYMENT_KEY, token_keys, url.clone());

    let secure = TcpListener::bind("127.0.0.1:0").await?;
    let (acceptor, authority) = tls::throwaway()?;
    let place = json!({
        "http": url,
        "https": format!("https://{}", secure.local_addr()?),
        "authority": authority,
        "payments": payments.url(),
        "table": TABLE,
        "tenant": shop::TENANT,
        "books": shop.books,
        "last": shop.last,
        "orders": shop.orders,
        "keys": shop.keys,
        "tokens": shop.tokens,
    });
    tokio::spawn(front.clone().serve(tls::Listener::new(secure, acceptor)));
    tokio::spawn(front.serve(tls::Undelayed(plain)));
    writeln!(std::io::stdout(), "{place}")?;
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()))
        .await?
        .map(drop)
        .context("standard input broke")
}
