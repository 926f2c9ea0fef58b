//! Every write of the API, killed at every AWS call and sent again: it has happened exactly once.

use testkit::{FaultInjector, LocalDynamo, crash_points};

use super::*;

async fn site(faults: &FaultInjector) -> Site {
    Site::over(World::through(LocalDynamo::new(), faults).holding(ODYSSEY, 5).await)
}

#[tokio::test]
async fn a_shipment_is_one_decrement_and_one_event_wherever_it_crashed() {
    let points = crash_points(async |faults| {
        let site = site(&faults).await;
        let body = new_shipment(1, ODYSSEY, 2);
        let first = faults.run(site.post(STORE, "/v1/shipments", &body)).await;
        faults.restart();
        let again = site.post(STORE, "/v1/shipments", &body).await;
        assert!(again.status.is_success(), "{}", again.body);
        assert_eq!((&again.body["status"], &again.body["lines"][0]["onHand"]), (&json!("SHIPPED"), &json!(3)));
        assert!(first.is_err() || again.status == StatusCode::OK);
        assert_eq!(site.world.on_hand(ODYSSEY).await, 3);
        assert_eq!(site.world.events().len(), 1);
        site.world.assert_whole().await;
    })
    .await;
    assert_eq!(points, 2);
}

#[tokio::test]
async fn a_rejection_is_no_decrement_and_one_event_wherever_it_crashed() {
    crash_points(async |faults| {
        let site = site(&faults).await;
        let body = new_shipment(1, ODYSSEY, 6);
        // The outcome does not matter: the store asks again when it has none.
        let _ = faults.run(site.post(STORE, "/v1/shipments", &body)).await;
        faults.restart();
        let again = site.post(STORE, "/v1/shipments", &body).await;
        assert_eq!(again.body["status"], "REJECTED");
        assert_eq!(site.world.on_hand(ODYSSEY).await, 5);
        assert_eq!(site.world.events().len(), 1);
        site.world.assert_whole().await;
    })
    .await;
}

#[tokio::test]
async fn a_count_and_an_adjustment_happen_once_wherever_they_crashed() {
    crash_points(async |faults| {
        let site = site(&faults).await;
        let adjust = async || {
            let request = request("POST", "/v1/inventory/adjustments").header("idempotency-key", "k-1");
            let body = json!({ "isbn": ODYSSEY, "delta": -1, "reason": "damaged" });
            site.send(STAFF, request.body(body.to_string().into()).unwrap()).await
        };
        let path = format!("/v1/inventory/{OTHER}");
        let count = async || site.put(STAFF, &path, &json!({ "onHand": 9 })).await;
        let _ = faults
            .run(async {
                adjust().await;
                count().await;
            })
            .await;
        faults.restart();
        adjust().await.ok(201);
        assert_eq!(count().await.ok(200), json!({ "isbn": OTHER, "onHand": 9, "version": 1 }));
        assert_eq!(site.world.on_hand(ODYSSEY).await, 4);
        site.world.assert_whole().await;
    })
    .await;
}
