//! Recovery: looks at orders that should have moved on, and moves them on.
//!
//! A parcel that no warehouse has seen leaves an offline warehouse for one that can fill it. A parcel of a warehouse
//! that is up is asked for again: its message may have been lost, or its warehouse was away. What stays stuck shows in
//! the count of this job and in the alarm on it.

use crate::Registry;
use inventory::{Health, Locations};
use kernel::{Clock, Context, TenantId};
use sales::{ChangeError, Order, Sales, ShipmentState};
use std::sync::Arc;
use std::time::Duration;
use table::TableError;

/// Age at which an order with open parcels is asked about again.
const OVERDUE: Duration = Duration::from_secs(120);
/// Orders looked at in one run, oldest first.
const BATCH: usize = 100;

/// Moves stuck orders on.
pub struct Recovery {
    /// Orders.
    pub sales: Sales,
    /// Who is up.
    pub registry: Registry,
    /// What is overdue.
    pub clock: Arc<dyn Clock>,
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Parcels moved to another warehouse.
    pub moved: usize,
    /// Orders whose parcels were asked for again.
    pub asked_again: usize,
    /// Parcels that wait for an offline warehouse because it may have them, or because nobody else can fill them.
    pub waiting: usize,
    /// Orders that could not be dealt with; the next run tries again.
    pub failed: usize,
}

impl Recovery {
    /// Moves what waits at offline warehouses, whatever its age, and asks again for what is overdue elsewhere.
    pub async fn run(&self, tenant: &TenantId) -> Result<Recovered, TableError> {
        let locations = self.registry.all(tenant).await?;
        let now = self.clock.now();
        let cause = Context::root(format!("recovery-{now}"), None);
        let mut done = Recovered::default();
        for order in self.sales.overdue(tenant, now, BATCH).await? {
            if self.recover(tenant, &order, &locations, &cause, &mut done).await.is_err() {
                done.failed += 1;
            }
        }
        Ok(done)
    }

    async fn recover(
        &self,
        tenant: &TenantId,
        order: &Order,
        locations: &Locations,
        cause: &Context,
        done: &mut Recovered,
    ) -> Result<(), ChangeError> {
        if order.shipments.iter().any(|s| s.state == ShipmentState::Scheduled && s.until <= Some(self.clock.now())) {
            // Its event asks the warehouse.
            self.sales.start_due(tenant, order.id, cause).await?;
        }
        let is_up = |id| locations.by_id.get(id).is_some_and(|at| at.health == Health::Healthy);
        let mut reachable = false;
        for shipment in order.shipments.iter().filter(|s| s.state.is_open()) {
            if matches!(shipment.state, ShipmentState::OnHold | ShipmentState::Scheduled) {
                done.waiting += 1;
            } else if is_up(&shipment.location) {
                reachable = true;
            } else if shipment.state.is_with_warehouse() {
                done.waiting += 1;
            } else if self.sales.reroute(tenant, order.id, shipment.id(order.id), cause).await?.is_some() {
                done.moved += 1;
            } else {
                done.waiting += 1;
            }
        }
        let age = self.clock.now().duration_since(order.placed_at);
        if reachable && age.unsigned_abs() >= OVERDUE {
            self.sales.ask_again(tenant, order, cause).await?;
            done.asked_again += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, tenant};
    use testkit::{FaultInjector, crash_points};

    fn recovery(world: &World) -> Recovery {
        Recovery {
            sales: Sales::new(world.table.clone(), world.clock.clone()),
            registry: Registry::new(world.table.clone(), world.clock.clone()),
            clock: world.clock.clone(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_overdue_order_is_asked_about_again_and_a_young_one_is_left_alone() {
        let world = World::new().await;
        world.paid(2).await;
        world.clock.advance(OVERDUE - Duration::from_secs(1));
        assert_eq!(recovery(&world).run(&tenant()).await.unwrap(), Recovered::default());
        world.clock.advance(Duration::from_secs(1));
        let done = recovery(&world).run(&tenant()).await.unwrap();
        assert_eq!(done, Recovered { asked_again: 1, ..Recovered::default() });
        assert_eq!(world.requested(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_parcel_leaves_an_offline_warehouse_unless_that_may_have_it_or_nobody_else_can_fill_it() {
        for (copies, sent, expected) in [
            (2, false, Recovered { moved: 1, ..Recovered::default() }),
            (2, true, Recovered { waiting: 1, ..Recovered::default() }),
            (6, false, Recovered { waiting: 1, ..Recovered::default() }),
        ] {
            let world = World::new().await;
            let order = world.paid(copies).await;
            if sent {
                world.sales.mark_sent(&tenant(), order.id, order.shipments[0].id(order.id)).await.unwrap();
            }
            world.offline("alpha").await;
            world.clock.advance(Duration::from_secs(1));
            assert_eq!(recovery(&world).run(&tenant()).await.unwrap(), expected);
            let at_beta = if expected.moved == 1 { copies } else { 0 };
            let promised = (world.level("alpha").await.committed, world.level("beta").await.committed);
            assert_eq!(promised, (copies - at_beta, at_beta));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_crash_at_any_call_moves_a_parcel_once() {
        let scenario = |faults: FaultInjector| async move {
            let world = World::through(&faults).await;
            let order = world.paid(2).await;
            world.offline("alpha").await;
            world.clock.advance(Duration::from_secs(1));
            for _ in 0..3 {
                faults.restart();
                let _ = faults.run(recovery(&world).run(&tenant())).await;
            }
            assert_eq!(world.order(order.id).await.shipments.len(), 2);
            assert_eq!((world.level("alpha").await.committed, world.level("beta").await.committed), (0, 2));
            assert_eq!(world.requested(), 2);
        };
        crash_points(scenario).await;
    }
}
