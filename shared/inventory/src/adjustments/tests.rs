use super::*;
use crate::Company;
use crate::valuation::{Method, Policy};
use futures::future::join_all;
use kernel::{ManualClock, Timestamp};
use table::Table;
use testkit::{FaultInjector, LocalDynamo, crash_points, tenant};

fn new(name: &str, delta: i64, code: ReasonCode) -> NewAdjustment {
    NewAdjustment {
        id: StockAdjustmentId::derive(&[name]),
        location: "alpha".parse().unwrap(),
        sku: "a".parse().unwrap(),
        delta,
        code,
        note: Some("shelf 4".into()),
    }
}

struct World {
    inventory: Inventory,
    adjustments: Adjustments,
}

impl World {
    /// Ten units, of which more than three are adjusted by two people.
    async fn new(dynamo: LocalDynamo, faults: &FaultInjector) -> Self {
        dynamo.create_table("crossdock");
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let plain = Adjustments::new(Inventory::new(Table::new(dynamo.client(), "crossdock")), clock.clone());
        plain.ask(&tenant(), "ada", &new("opening", 10, ReasonCode::Found)).await.unwrap();
        plain.set_rules(&tenant(), ApprovalRules { units: Some(3), value: None }).await.unwrap();
        let inventory = Inventory::new(Table::new(dynamo.client_through(faults), "crossdock"));
        Self { adjustments: Adjustments::new(inventory.clone(), clock), inventory }
    }

    async fn ask(&self, asked: &NewAdjustment) -> Result<StockAdjustment, StockAdjustmentError> {
        self.adjustments.ask(&tenant(), "ada", asked).await
    }

    async fn decide(&self, actor: &str, name: &str, approve: bool) -> Result<StockAdjustment, StockAdjustmentError> {
        self.adjustments.decide(&tenant(), actor, StockAdjustmentId::derive(&[name]), approve).await
    }

    async fn on_hand(&self) -> i64 {
        let at = new("x", 1, ReasonCode::Found);
        self.inventory.prove(&tenant(), &at.location, &at.sku).await.unwrap().on_hand
    }
}

#[tokio::test]
async fn a_small_one_is_posted_at_once_and_a_large_one_waits_for_another_person() {
    let world = World::new(LocalDynamo::new(), &FaultInjector::new()).await;
    assert_eq!(world.ask(&new("s", -3, ReasonCode::Lost)).await.unwrap().state, AdjustmentState::Posted);
    let large = new("l", -4, ReasonCode::Stolen);
    assert_eq!(world.ask(&large).await.unwrap().state, AdjustmentState::Waiting);
    assert_eq!(world.on_hand().await, 7);
    assert_eq!(world.adjustments.waiting(&tenant(), None, 10).await.unwrap().items.len(), 1);
    assert!(matches!(world.decide("ada", "l", true).await, Err(StockAdjustmentError::SamePerson)));
    assert_eq!(world.decide("bob", "l", true).await.unwrap().state, AdjustmentState::Posted);
    assert_eq!(world.decide("bob", "l", true).await.unwrap().decided_by.as_deref(), Some("bob"));
    let other = world.decide("bob", "l", false).await;
    assert!(matches!(other, Err(StockAdjustmentError::AlreadyDecided(AdjustmentState::Posted))));
    assert_eq!(world.on_hand().await, 3);
    assert!(world.adjustments.waiting(&tenant(), None, 10).await.unwrap().items.is_empty());
    let at = (large.location, large.sku);
    let last = world.inventory.ledger(&tenant(), &at.0, &at.1, None, 10).await.unwrap().items.pop().unwrap();
    assert_eq!((last.actor.as_str(), last.reason.as_deref()), ("bob", Some("STOLEN: shelf 4")));
}

#[tokio::test]
async fn one_of_few_units_and_much_value_waits_too() {
    let world = World::new(LocalDynamo::new(), &FaultInjector::new()).await;
    let company = Company {
        id: "acme".parse().unwrap(),
        currency: "GBP".parse().unwrap(),
        policy: Policy { method: Method::MovingAverage, negative: false, decimals: 2 },
    };
    world.inventory.create_company(&tenant(), &company).await.unwrap();
    world.inventory.assign(&tenant(), &"alpha".parse().unwrap(), &company.id).await.unwrap();
    let rules = ApprovalRules { units: Some(3), value: Some(Decimal::new(5000, 2)) };
    world.adjustments.set_rules(&tenant(), rules).await.unwrap();
    assert_eq!(world.adjustments.rules(&tenant()).await.unwrap(), rules);
    let dear = NewAdjustment { sku: "dear".parse().unwrap(), ..new("d", -2, ReasonCode::Lost) };
    let cost = Some(Decimal::new(30000, 2));
    let received = Movement::GoodsReceived { quantity: 10, announced: 0, condition: crate::Condition::Sellable, cost };
    let posting = Posting {
        source: "po".into(),
        actor: "ada".into(),
        reason: None,
        effective_at: Timestamp::from_second(1_800_000_000).unwrap(),
    };
    let at = (&dear.location, &dear.sku);
    world.inventory.book(&tenant(), at, &[received], &posting, &|_| None).await.unwrap();
    assert_eq!(world.ask(&dear).await.unwrap().state, AdjustmentState::Waiting, "two of 30.00 are over 50.00");
    let one = NewAdjustment { delta: -1, id: StockAdjustmentId::derive(&["one"]), ..dear.clone() };
    assert_eq!(world.ask(&one).await.unwrap().state, AdjustmentState::Posted);
    let level = world.inventory.prove(&tenant(), at.0, at.1).await.unwrap();
    assert_eq!((level.on_hand, level.cost.unwrap().value), (9, Decimal::new(27000, 2)));
    world.decide("bob", "d", true).await.unwrap();
    assert_eq!(world.inventory.prove(&tenant(), at.0, at.1).await.unwrap().on_hand, 7);
}

#[tokio::test]
async fn a_rejected_one_moves_nothing() {
    let world = World::new(LocalDynamo::new(), &FaultInjector::new()).await;
    world.ask(&new("l", 9, ReasonCode::Found)).await.unwrap();
    assert_eq!(world.decide("bob", "l", false).await.unwrap().state, AdjustmentState::Rejected);
    assert_eq!(world.on_hand().await, 10);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let world = World::new(LocalDynamo::new(), &FaultInjector::new()).await;
    for (delta, code) in
        [(1, ReasonCode::Lost), (-1, ReasonCode::Found), (0, ReasonCode::Correction), (i64::MIN, ReasonCode::Lost)]
    {
        let refused = world.ask(&new("x", delta, code)).await;
        assert!(matches!(refused, Err(StockAdjustmentError::ReasonDoesNotFit)), "{refused:?}");
    }
    world.ask(&new("s", -1, ReasonCode::Lost)).await.unwrap();
    assert!(world.ask(&new("s", -1, ReasonCode::Lost)).await.is_ok());
    let other = world.ask(&new("s", -2, ReasonCode::Lost)).await;
    assert!(matches!(other, Err(StockAdjustmentError::ExistsWithDifferent("delta"))));
    assert!(matches!(world.decide("bob", "nothing", true).await, Err(StockAdjustmentError::NotFound)));
    assert_eq!(world.on_hand().await, 9);
}

#[tokio::test(start_paused = true)]
async fn several_people_who_decide_at_once_decide_once() {
    let world = World::new(LocalDynamo::new().contended(3), &FaultInjector::new()).await;
    world.ask(&new("l", -5, ReasonCode::Lost)).await.unwrap();
    let people = ["b", "c", "d", "e"];
    join_all(people.iter().map(|person| world.decide(person, "l", true))).await;
    assert_eq!(world.on_hand().await, 5);
}

#[tokio::test]
async fn a_crash_at_any_call_adjusts_once_or_not_at_all() {
    let points = crash_points(|faults| async move {
        let world = World::new(LocalDynamo::new(), &faults).await;
        let flow = async {
            world.ask(&new("l", -5, ReasonCode::Lost)).await?;
            world.decide("bob", "l", true).await
        };
        let _ = faults.run(flow).await;
        faults.restart();
        world.ask(&new("l", -5, ReasonCode::Lost)).await.unwrap();
        world.decide("bob", "l", true).await.unwrap();
        assert_eq!(world.on_hand().await, 5);
    })
    .await;
    assert!(points >= 4, "{points}");
}
