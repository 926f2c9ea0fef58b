use super::*;
use crate::CompanyId;
use crate::Refusal;
use crate::company::Company;
use crate::transfer::Leftover;
use futures::future::join_all;
use kernel::{ManualClock, Timestamp};
use proptest::prelude::*;
use table::Table;
use testkit::{FaultInjector, LocalDynamo, crash_points, tenant};

const ACTOR: &str = "usr_a";

fn at(name: &str) -> LocationId {
    name.parse().unwrap()
}

fn sku(text: &str) -> Sku {
    text.parse().unwrap()
}

fn id() -> TransferId {
    TransferId::derive(&["t"])
}

struct World {
    inventory: Inventory,
    transfers: Transfers,
}

impl World {
    /// Items at alpha as (name, units, cost of all), in a company that values like this.
    async fn new(dynamo: LocalDynamo, faults: &FaultInjector, method: Method, stock: &[(&str, i64, i64)]) -> Self {
        dynamo.create_table("crossdock");
        let plain = Inventory::new(Table::new(dynamo.client(), "crossdock"));
        let acme: CompanyId = "acme".parse().unwrap();
        let policy = Policy { method, negative: false, decimals: 2 };
        let company = Company { id: acme.clone(), currency: "GBP".parse().unwrap(), policy };
        plain.create_company(&tenant(), &company).await.unwrap();
        for place in ["alpha", "beta"] {
            plain.assign(&tenant(), &at(place), &acme).await.unwrap();
        }
        let effective_at = Timestamp::from_second(1_700_000_000).unwrap();
        let posting = Posting { source: "opening".into(), actor: ACTOR.into(), reason: None, effective_at };
        for (item, quantity, cost) in stock {
            let received = Movement::GoodsReceived {
                quantity: *quantity,
                announced: 0,
                condition: Condition::Sellable,
                cost: Some(Decimal::from(*cost)),
            };
            plain.book(&tenant(), (&at("alpha"), &sku(item)), &[received], &posting, &|_| None).await.unwrap();
        }
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let inventory = Inventory::new(Table::new(dynamo.client_through(faults), "crossdock"));
        Self { transfers: Transfers::new(inventory.clone(), clock), inventory }
    }

    async fn draft(&self, lines: &[(&str, i64)]) -> Result<Transfer, TransferError> {
        let lines: Vec<_> = lines.iter().map(|(item, units)| (sku(item), *units)).collect();
        let draft = Transfer::draft(id(), at("alpha"), at("beta"), &lines)?;
        self.transfers.draft(&tenant(), draft).await
    }

    /// Takes a step of the transfer as it stands.
    async fn step(&self, step: TransferStep) -> Result<Transfer, TransferError> {
        let seen = self.transfers.transfer(&tenant(), id()).await?.unwrap().version;
        self.transfers.step(&tenant(), ACTOR, (id(), seen), &step).await
    }

    async fn receive(&self, units: &[(&str, i64)]) -> Result<Transfer, TransferError> {
        self.step(TransferStep::Receive(units.iter().map(|(item, units)| (sku(item), *units)).collect())).await
    }

    /// Level and value of an item at alpha, on the way and at beta, each proved.
    async fn proved(&self, item: &str) -> Vec<(Level, Decimal)> {
        let draft = Transfer::draft(id(), at("alpha"), at("beta"), &[(sku(item), 1)]).unwrap();
        let mut found = Vec::new();
        for place in [at("alpha"), draft.way(), at("beta")] {
            let level = self.inventory.prove(&tenant(), &place, &sku(item)).await.unwrap();
            let value = level.cost.map_or(Decimal::ZERO, |cost| cost.value);
            found.push((level, value));
        }
        found
    }

    async fn sums(&self, item: &str) -> (i64, Decimal) {
        let found = self.proved(item).await;
        (found.iter().map(|(level, _)| level.on_hand).sum(), found.iter().map(|(_, value)| *value).sum())
    }
}

async fn plain(stock: &[(&str, i64, i64)]) -> World {
    World::new(LocalDynamo::new(), &FaultInjector::new(), Method::Fifo, stock).await
}

#[tokio::test]
async fn goods_are_committed_sent_received_in_parts_and_keep_their_value() {
    let world = plain(&[("a", 3, 10), ("b", 5, 5)]).await;
    world.draft(&[("a", 3), ("b", 2)]).await.unwrap();
    world.step(TransferStep::Approve).await.unwrap();
    assert_eq!(world.proved("a").await[0].0.committed, 3);
    world.step(TransferStep::Send).await.unwrap();
    let found = world.proved("a").await;
    assert_eq!((found[0].0.on_hand, found[1].0.on_hand, found[2].0.incoming), (0, 3, 3));
    assert_eq!((found[0].1, found[1].1), (Decimal::ZERO, Decimal::from(10)));
    let open = world.transfers.open(&tenant(), None, 10).await.unwrap();
    assert_eq!(open.items.len(), 1);
    world.receive(&[("a", 1)]).await.unwrap();
    let found = world.proved("a").await;
    assert_eq!((found[1].0.on_hand, found[2].0.on_hand, found[2].0.incoming), (2, 1, 2));
    assert_eq!(found[2].1, Decimal::new(333, 2));
    world.receive(&[("a", 2), ("b", 3)]).await.unwrap();
    let closed = world.step(TransferStep::End(None)).await.unwrap();
    assert_eq!((closed.state, closed.lines[1].overage), (TransferState::Closed, 1));
    let found = world.proved("a").await;
    assert_eq!((found[2].0.on_hand, found[2].1), (3, Decimal::from(10)));
    assert_eq!(world.proved("b").await[2].0.on_hand, 3);
    assert!(world.transfers.open(&tenant(), None, 10).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn what_never_arrives_is_returned_or_written_off_and_must_be_said() {
    for (leftover, at_source, value) in [(Leftover::Returned, 4, 8), (Leftover::WrittenOff, 1, 2)] {
        let world = plain(&[("a", 4, 8)]).await;
        world.draft(&[("a", 3)]).await.unwrap();
        world.step(TransferStep::Approve).await.unwrap();
        world.step(TransferStep::Send).await.unwrap();
        let unsaid = world.step(TransferStep::End(None)).await;
        assert!(matches!(unsaid, Err(TransferError::Refused(TransferRefused::LeftoverNeeded))));
        let ended = world.step(TransferStep::End(Some(leftover))).await.unwrap();
        assert_eq!(ended.state, TransferState::Cancelled);
        let found = world.proved("a").await;
        assert_eq!((found[0].0.on_hand, found[0].1), (at_source, Decimal::from(value)));
        assert_eq!((found[1].0.on_hand, found[2].0.incoming), (0, 0));
    }
}

#[tokio::test]
async fn an_approved_transfer_that_is_called_off_gives_its_promises_back() {
    let world = plain(&[("a", 4, 8)]).await;
    world.draft(&[("a", 3)]).await.unwrap();
    world.step(TransferStep::Approve).await.unwrap();
    world.step(TransferStep::End(None)).await.unwrap();
    assert_eq!(world.proved("a").await[0].0.available(), 4);
}

#[tokio::test]
async fn stale_steps_and_other_drafts_with_the_same_id_are_refused() {
    let world = plain(&[("a", 4, 8)]).await;
    let draft = world.draft(&[("a", 3)]).await.unwrap();
    assert_eq!(world.draft(&[("a", 3)]).await.unwrap(), draft);
    assert!(matches!(world.draft(&[("a", 2)]).await, Err(TransferError::ExistsWithDifferent("lines"))));
    let approve = async || world.transfers.step(&tenant(), ACTOR, (id(), 1), &TransferStep::Approve).await;
    approve().await.unwrap();
    assert!(matches!(approve().await, Err(TransferError::Stale(2))));
    let short = plain(&[("a", 2, 8)]).await;
    short.draft(&[("a", 3)]).await.unwrap();
    let refused = short.step(TransferStep::Approve).await;
    let Err(TransferError::Stock(StockError::Refused(Refusal::InsufficientStock { available, .. }))) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(available, 2);
}

#[tokio::test]
async fn value_does_not_leave_its_company() {
    let world = plain(&[("a", 4, 8)]).await;
    let draft = Transfer::draft(id(), at("alpha"), at("elsewhere"), &[(sku("a"), 1)]).unwrap();
    let refused = world.transfers.draft(&tenant(), draft).await;
    assert!(matches!(refused, Err(TransferError::Refused(TransferRefused::Companies))));
}

#[tokio::test(start_paused = true)]
async fn a_step_sent_by_several_people_at_once_is_taken_once() {
    let world =
        World::new(LocalDynamo::new().contended(5), &FaultInjector::new(), Method::MovingAverage, &[("a", 9, 9)]).await;
    world.draft(&[("a", 3)]).await.unwrap();
    let of = tenant();
    let race = (0..6).map(|_| world.transfers.step(&of, ACTOR, (id(), 1), &TransferStep::Approve));
    let taken = join_all(race).await.into_iter().filter(Result::is_ok).count();
    assert!(taken <= 1);
    assert_eq!(world.proved("a").await[0].0.committed, if taken == 1 { 3 } else { 0 });
}

#[tokio::test]
async fn a_crash_at_any_call_leaves_every_unit_and_its_value_somewhere() {
    let points = crash_points(|faults| async move {
        let world = World::new(LocalDynamo::new(), &faults, Method::Fifo, &[("a", 4, 9)]).await;
        let flow = async {
            world.draft(&[("a", 3)]).await?;
            world.step(TransferStep::Approve).await?;
            world.step(TransferStep::Send).await?;
            world.receive(&[("a", 2)]).await?;
            world.step(TransferStep::End(Some(Leftover::Returned))).await
        };
        let _ = faults.run(flow).await;
        faults.restart();
        assert_eq!(world.sums("a").await, (4, Decimal::from(9)));
    })
    .await;
    assert!(points >= 15, "{points}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn every_transfer_preserves_quantity_and_value(
        units in 1i64..9, cost in 0i64..1000, part in 1i64..9,
        arrivals in prop::collection::vec(1i64..5, 0..4), method in 0u8..3,
    ) {
        let method = [Method::MovingAverage, Method::Fifo, Method::Lifo][usize::from(method)];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let world =
                World::new(LocalDynamo::new(), &FaultInjector::new(), method, &[("a", units, cost)]).await;
            world.draft(&[("a", part.min(units))]).await.unwrap();
            world.step(TransferStep::Approve).await.unwrap();
            world.step(TransferStep::Send).await.unwrap();
            let mut open = part.min(units);
            for arrival in arrivals {
                if open > 0 {
                    world.receive(&[("a", arrival.min(open))]).await.unwrap();
                    open -= arrival.min(open);
                }
                assert_eq!(world.sums("a").await, (units, Decimal::from(cost)));
            }
            world.step(TransferStep::End(Some(Leftover::Returned))).await.unwrap();
            assert_eq!(world.sums("a").await, (units, Decimal::from(cost)));
        });
    }
}
