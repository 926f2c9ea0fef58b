use documents::Schemas;
use documents::centre::Validator;
use proptest::prelude::*;
use testkit::LocalDynamo;

use super::*;
use crate::map::customer::Address;

fn tenant() -> TenantId {
    "acme.test".parse().unwrap()
}

fn customers() -> Customers {
    let dynamo = LocalDynamo::new();
    dynamo.create_table("crossdock");
    Customers::new(Table::new(dynamo.client(), "crossdock"))
}

fn told(email: &str, second: i64) -> Told {
    let customer = Customer {
        email: email.into(),
        phone: None,
        first_name: Some("Ada".into()),
        last_name: None,
        tags: ["vip".to_owned()].into(),
        note: None,
        addresses: vec![Address { city: Some("London".into()), ..Address::default() }],
    };
    Told { customer, updated_at: Timestamp::from_second(second).unwrap() }
}

fn known(name: &str, second: i64) -> Known {
    let document = Some(DocumentId::derive(&[name]));
    Known { id: "c-1".into(), told: told(&format!("{name}@example.com"), second), document }
}

#[test]
fn what_we_hand_in_is_of_its_type_and_what_is_of_the_type_can_be_read() {
    Schemas.check(&schema()).unwrap();
    let ours = serde_json::to_value(told("ada@example.com", 1_800_000_000)).unwrap();
    assert_eq!(Schemas.violations(&schema(), &ours).unwrap(), []);
    let least = json!({ "email": "ada@example.com", "updatedAt": "2027-01-15T08:00:00Z" });
    assert_eq!(Schemas.violations(&schema(), &least).unwrap(), []);
    assert_eq!(serde_json::from_value::<Told>(least).unwrap().customer.email, "ada@example.com");
    for (field, wrong) in [
        ("email", json!("nobody")),
        ("email", json!(null)),
        ("updatedAt", json!("yesterday")),
        ("tags", json!("vip")),
        ("password", json!("1")),
    ] {
        let mut payload = ours.clone();
        payload[field] = wrong;
        assert_ne!(Schemas.violations(&schema(), &payload).unwrap(), [], "{field}");
    }
}

#[test]
fn who_was_met_in_a_store_is_known_there_and_nowhere_else() {
    let (here, there): (Shop, Shop) = ("a.myshopify.com".parse().unwrap(), "b.myshopify.com".parse().unwrap());
    let id = id_of(&here, &Gid::new("Customer", 7));
    assert_eq!(met_in(&here, &id), Some(Gid::new("Customer", 7)));
    assert_eq!((met_in(&there, &id), met_in(&here, "c-1"), met_in(&here, &format!("{id}x"))), (None, None, None));
}

#[tokio::test]
async fn a_customer_is_forgotten_with_what_told_of_them() {
    let customers = customers();
    let (old, new) = (known("old", 1), known("new", 2));
    assert!(customers.keep(&tenant(), &new).await.unwrap());
    assert!(!customers.keep(&tenant(), &old).await.unwrap());
    let mut mentions = customers.documents(&tenant(), "c-1").await.unwrap();
    mentions.sort();
    let mut all = vec![old.document.unwrap(), new.document.unwrap()];
    all.sort();
    assert_eq!(mentions, all);
    customers.forget(&tenant(), "c-1", &mentions).await.unwrap();
    assert_eq!(customers.find(&tenant(), "c-1").await.unwrap(), None);
    assert_eq!(customers.documents(&tenant(), "c-1").await.unwrap(), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn in_whatever_order_and_however_often_they_come_the_newest_stays(
        seconds in proptest::collection::vec(0i64..4, 1..6), order in proptest::collection::vec(0usize..6, 6..18)
    ) {
        let all: Vec<Known> = seconds.iter().enumerate().map(|(n, second)| known(&n.to_string(), *second)).collect();
        let newest = all.iter().max_by_key(|known| known.place()).unwrap();
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let customers = customers();
            for place in order.iter().filter(|place| **place < all.len()).chain(&Vec::from_iter(0..all.len())) {
                customers.keep(&tenant(), &all[*place]).await.unwrap();
            }
            assert_eq!(customers.find(&tenant(), "c-1").await.unwrap().as_ref(), Some(newest));
        });
    }
}
