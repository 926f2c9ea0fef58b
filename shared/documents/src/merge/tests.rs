use proptest::prelude::*;
use serde_json::json;

use super::*;

fn shape() -> Shape {
    Shape::default().keyed("/variants", "id")
}

fn rules() -> Rules {
    Rules::default()
        .with("/title", Rule::Propagate)
        .with("/variants/*/price", Rule::Revert)
        .with("/variants/*/sku", Rule::Ingest)
        .with("/stock", Rule::Revert)
}

fn actions(merged: &Merged) -> Vec<(String, Changed, Action)> {
    merged.decisions.iter().map(|d| (d.path.to_string(), d.changed, d.action)).collect()
}

#[test]
fn each_field_goes_the_way_of_its_rule() {
    let base = json!({ "title": "A", "note": "n", "stock": 1, "tag": "t", "variants": [{ "id": 1, "price": "1", "sku": "s" }] });
    let ours = json!({ "title": "A", "note": "n", "stock": 1, "tag": "ours", "variants": [{ "id": 1, "price": "2", "sku": "s" }] });
    let theirs = json!({ "title": "B", "note": "x", "stock": 1, "tag": "t", "variants": [{ "id": 1, "price": "3", "sku": "z" }] });
    let merged = merge(&shape(), &rules(), &base, &ours, &theirs);
    let named = |name: &str, changed, action| (name.to_owned(), changed, action);
    assert_eq!(
        actions(&merged),
        [
            named("/note", Changed::Theirs, Action::Leave),
            named("/tag", Changed::Ours, Action::Push),
            named("/title", Changed::Theirs, Action::TakeAndTell),
            named("/variants/1/price", Changed::Conflict, Action::Push),
            named("/variants/1/sku", Changed::Theirs, Action::Take),
        ]
    );
    let variants = json!([{ "id": 1, "price": "2", "sku": "z" }]);
    assert_eq!(merged.ours, json!({ "title": "B", "note": "n", "stock": 1, "tag": "ours", "variants": variants }));
    assert_eq!(merged.theirs, json!({ "title": "B", "note": "x", "stock": 1, "tag": "ours", "variants": variants }));
    assert_eq!(merged.base, json!({ "title": "B", "note": "n", "stock": 1, "tag": "ours", "variants": variants }));
    assert_eq!((merged.is_pushed(), merged.told().count()), (true, 1));
}

#[test]
fn a_field_without_a_rule_is_ignored_and_audited_again_next_time() {
    let (base, theirs) = (json!({ "x": 1 }), json!({ "x": 2 }));
    let first = merge(&shape(), &Rules::default(), &base, &base, &theirs);
    assert_eq!((&first.ours, &first.theirs, &first.base), (&base, &theirs, &base));
    assert_eq!(first.decisions[0].rule, Rule::Ignore);
    let again = merge(&shape(), &Rules::default(), &first.base, &first.ours, &first.theirs);
    assert_eq!(again.decisions, first.decisions);
    assert!(!again.is_pushed());
}

#[test]
fn a_child_removed_there_and_changed_here_is_one_decision() {
    let base = json!({ "variants": [{ "id": 1, "price": "1" }, { "id": 2 }] });
    let ours = json!({ "variants": [{ "id": 1, "price": "2" }, { "id": 2 }] });
    let theirs = json!({ "variants": [{ "id": 2 }] });
    let revert = Rules::default().with("/variants", Rule::Revert);
    let merged = merge(&shape(), &revert, &base, &ours, &theirs);
    assert_eq!(actions(&merged), [("/variants/1".to_owned(), Changed::Conflict, Action::Push)]);
    assert_eq!(merged.theirs, ours);
    let ingest = Rules::default().with("/variants", Rule::Ingest);
    assert_eq!(merge(&shape(), &ingest, &base, &ours, &theirs).ours, theirs);
}

#[test]
fn the_same_change_on_both_sides_is_agreed_without_a_write() {
    let (base, both) = (json!({ "x": 1 }), json!({ "x": 2 }));
    let merged = merge(&shape(), &Rules::default(), &base, &both, &both);
    assert_eq!((merged.is_pushed(), &merged.base), (false, &both));
    assert_eq!(merged.decisions[0].action, Action::Agree);
}

fn snapshot() -> impl Strategy<Value = Value> {
    let variant =
        ("[1-3]", 0..3i64, 0..3i64).prop_map(|(id, price, sku)| json!({ "id": id, "price": price, "sku": sku }));
    let variants = proptest::collection::vec(variant, 0..4).prop_map(|mut all| {
        all.sort_by_key(|v| v["id"].to_string());
        all.dedup_by_key(|v| v["id"].to_string());
        all
    });
    let optional =
        |name: &'static str| proptest::option::of(0..3i64).prop_map(move |n| n.map(|n| (name.to_owned(), json!(n))));
    (variants, optional("title"), optional("note"), optional("stock")).prop_map(|(variants, a, b, c)| {
        let mut fields: serde_json::Map<String, Value> = [a, b, c].into_iter().flatten().collect();
        fields.insert("variants".into(), Value::Array(variants));
        Value::Object(fields)
    })
}

proptest! {
    #[test]
    fn merging_twice_writes_nothing_more(base in snapshot(), ours in snapshot(), theirs in snapshot()) {
        let once = merge(&shape(), &rules(), &base, &ours, &theirs);
        let twice = merge(&shape(), &rules(), &once.base, &once.ours, &once.theirs);
        prop_assert_eq!((&twice.ours, &twice.theirs, &twice.base), (&once.ours, &once.theirs, &once.base));
        prop_assert!(twice.decisions.iter().all(|d| d.action == Action::Leave));
    }

    #[test]
    fn with_nothing_ignored_both_sides_end_the_same(base in snapshot(), ours in snapshot(), theirs in snapshot()) {
        for rule in [Rule::Revert, Rule::Propagate, Rule::Ingest] {
            let merged = merge(&shape(), &Rules::default().with("", rule), &base, &ours, &theirs);
            prop_assert_eq!(&merged.ours, &merged.theirs);
            prop_assert_eq!(&merged.ours, &merged.base);
        }
    }

    #[test]
    fn ours_survives_unless_a_rule_takes_theirs(base in snapshot(), ours in snapshot(), theirs in snapshot()) {
        let merged = merge(&shape(), &Rules::default(), &base, &ours, &theirs);
        prop_assert_eq!(merged.ours, shape().canonical(&ours));
    }
}
