use proptest::prelude::*;
use serde_json::json;

use super::*;

fn product() -> Shape {
    Shape::default()
        .ignoring("/updatedAt")
        .ignoring("/variants/*/updatedAt")
        .keyed("/variants", "id")
        .keyed("/variants/*/levels", "at")
}

fn paths(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|change| change.path.to_string()).collect()
}

#[test]
fn changes_are_named_by_field_and_by_the_key_of_the_child() {
    let before = json!({
        "title": "A", "tags": ["x"], "updatedAt": 1,
        "variants": [{ "id": 1, "price": "1.00", "levels": [{ "at": "a", "n": 1 }] }, { "id": "2", "price": "2.00" }],
    });
    let after = json!({
        "title": "B", "tags": ["x", "y"], "updatedAt": 2, "seo/x": null,
        "variants": [{ "id": "3", "price": "3.00" }, { "id": 1, "price": "1.00", "updatedAt": 9, "levels": [{ "at": "a", "n": 2 }] }],
    });
    let changes = product().changes(&before, &after);
    assert_eq!(paths(&changes), ["/tags", "/title", "/variants/1/levels/a/n", "/variants/2", "/variants/3", "/seo~1x"]);
    assert_eq!((changes[3].after.clone(), changes[4].before.clone()), (None, None));
    assert_eq!(product().apply(&before, &changes).unwrap(), product().canonical(&after));
}

#[test]
fn order_of_a_keyed_collection_is_no_change_and_of_another_array_is() {
    let pair = |name: &str| (json!({ name: [{ "id": 1 }, { "id": 2 }] }), json!({ name: [{ "id": 2 }, { "id": 1 }] }));
    let (before, after) = pair("variants");
    assert_eq!(product().changes(&before, &after), []);
    let (before, after) = pair("images");
    assert_eq!(paths(&product().changes(&before, &after)), ["/images"]);
}

#[test]
fn children_without_a_key_of_their_own_are_compared_as_a_whole() {
    let before = json!({ "variants": [{ "id": 1 }, { "id": 1, "n": 1 }] });
    let after = json!({ "variants": [{ "id": 1 }, { "n": 1 }] });
    let changes = product().changes(&before, &after);
    assert_eq!(paths(&changes), ["/variants"]);
    assert_eq!(product().apply(&before, &changes).unwrap(), after);
}

#[test]
fn a_change_inside_nothing_is_refused() {
    let change = Change { path: FieldPath(vec!["a".into(), "b".into()]), before: None, after: Some(json!(1)) };
    for value in [json!({}), json!({ "a": 1 }), json!(1)] {
        assert_eq!(product().apply(&value, std::slice::from_ref(&change)), Err(Inapplicable(change.path.clone())));
    }
}

/// JSON out of a few names and values, with collections that are keyed, sometimes badly.
fn snapshot() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(json!(null)), (0..3i64).prop_map(|n| json!(n)), "[ab]".prop_map(|s| json!(s))];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let names = prop_oneof![Just("id"), Just("variants"), Just("updatedAt"), Just("levels"), Just("at"), Just("p")];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map(names.prop_map(str::to_owned), inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn applying_the_changes_gives_what_came_after(before in snapshot(), after in snapshot()) {
        let changes = product().changes(&before, &after);
        prop_assert_eq!(product().apply(&before, &changes).unwrap(), product().canonical(&after));
    }

    #[test]
    fn nothing_changes_between_equals_and_changes_say_what_was(before in snapshot(), after in snapshot()) {
        prop_assert_eq!(product().changes(&before, &before), vec![]);
        prop_assert_eq!(product().changes(&before, &product().canonical(&before)), vec![]);
        let there = product().changes(&before, &after);
        let back: Vec<Change> = there.iter().map(|c| Change {
            path: c.path.clone(), before: c.after.clone(), after: c.before.clone(),
        }).collect();
        prop_assert_eq!(product().apply(&after, &back).unwrap(), product().canonical(&before));
    }

    #[test]
    fn what_is_ignored_is_never_a_change(before in snapshot(), noise in snapshot()) {
        let Value::Object(mut fields) = before.clone() else { return Ok(()) };
        fields.insert("updatedAt".into(), noise);
        prop_assert_eq!(product().changes(&before, &Value::Object(fields)), vec![]);
    }
}
