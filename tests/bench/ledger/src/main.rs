//! How fast a ledger is replayed: `cargo run --release -p bench-ledger -- 1000000`.
//!
//! Makes so many entries (receipts, promises, shipments of one valued item) in memory, a thousand at a time, and replays
//! them; only the replay is timed. Prints one line of JSON.

use std::time::{Duration, Instant};

use inventory::ledger::Rebuild;
use inventory::valuation::{Method, Policy};
use inventory::{Condition, Cost, Entry, Level, Movement, Posting};
use kernel::Timestamp;
use rust_decimal::Decimal;

const CHUNK: u64 = 1_000;

fn movement(n: u64) -> Movement {
    match n % 3 {
        0 => Movement::GoodsReceived {
            quantity: 2,
            announced: 0,
            condition: Condition::Sellable,
            cost: Some(Decimal::new(i64::try_from(n % 1_000).unwrap_or(0), 2)),
        },
        1 => Movement::Committed { quantity: 2 },
        _ => Movement::Shipped { quantity: 2 },
    }
}

#[expect(clippy::print_stdout, reason = "its one line is what it is for")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let entries: u64 = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let policy = Policy { method: Method::MovingAverage, negative: false, decimals: 2 };
    let mut level = Level::empty("9780140449136".parse()?, "alpha".parse()?);
    level.cost = Some(Cost::starting(policy));
    let middle = Timestamp::from_microsecond(i64::try_from(entries / 2)?)?;
    let (mut rebuild, mut spent, mut made) = (Rebuild::new(Some(middle)), Duration::ZERO, 0);
    while made < entries {
        let mut chunk: Vec<Entry> = Vec::new();
        for n in made..entries.min(made + CHUNK) {
            let posting = Posting {
                source: format!("ord_{n:026}"),
                actor: "usr_01J8ZQ4H0000000000000000AB".to_owned(),
                reason: None,
                effective_at: Timestamp::from_microsecond(i64::try_from(n)?)?,
            };
            let (next, entry) = level.apply(&movement(n), &posting)?;
            level = next;
            chunk.push(entry);
        }
        let start = Instant::now();
        for entry in &chunk {
            rebuild.follow(entry)?;
        }
        spent += start.elapsed();
        made = entries.min(made + CHUNK);
    }
    rebuild.proof.matches(&level)?;
    let (seq, balances, value) = rebuild.as_of();
    println!(
        "{{\"entries\":{entries},\"microseconds\":{},\"asOf\":{{\"seq\":{seq},\"onHand\":{},\"value\":\"{value}\"}}}}",
        spent.as_micros(),
        balances.on_hand
    );
    Ok(())
}
