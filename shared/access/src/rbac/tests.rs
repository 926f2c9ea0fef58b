//! The resolver against a model that knows no shortcut, and the rules for roles.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use web::Reach;

use super::*;

const PERMISSIONS: [&str; 4] = ["books:read", "books:write", "orders:read", "stock:read"];
const OWN: [&str; 4] = ["A", "B", "C", "D"];

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn role(permissions: &[&str], inherits: &[&str]) -> RoleDefinition {
    RoleDefinition { permissions: names(permissions), inherits: names(inherits) }
}

fn roles<const N: usize>(list: [(&str, RoleDefinition); N]) -> Result<Roles, InvalidRoles> {
    Roles::new(list.into_iter().map(|(name, role)| (name.to_owned(), role)).collect())
}

fn node(text: &str) -> Node {
    text.parse().unwrap()
}

fn grant(role: &str, on: &str, effect: Effect) -> Grant {
    Grant { role: role.to_owned(), on: node(on), effect }
}

/// Two companies, one of them in a franchise group, a location of another in the group, and one that is nowhere.
fn org() -> Org {
    let place = |company: Option<&str>, franchises: &[&str]| Place {
        company: company.map(str::to_owned),
        franchises: names(franchises),
    };
    Org {
        locations: BTreeMap::from([
            ("l1".into(), place(Some("c1"), &[])),
            ("l2".into(), place(Some("c1"), &[])),
            ("l3".into(), place(Some("c2"), &["f1"])),
            ("l4".into(), place(Some("c2"), &[])),
            ("l5".into(), place(None, &[])),
        ]),
        companies: BTreeMap::from([("c1".into(), names(&["f1"])), ("c2".into(), names(&[]))]),
    }
}

#[test]
fn a_franchise_operator_sees_the_locations_of_the_group_and_nothing_else() {
    let (roles, org) = (Roles::default(), org());
    let grants = [grant("WAREHOUSE_STAFF", "franchise:f1", Effect::Allow)];
    let resolver = Resolver::new(&roles, &org, &grants);
    assert_eq!(resolver.locations("stock:read"), Reach::Only(names(&["l1", "l2", "l3"])));
    assert_eq!(resolver.locations("books:write"), Reach::Only(names(&[])));
    assert!(resolver.decides("stock:read", &node("company:c1")));
    assert!(!resolver.decides("stock:read", &node("company:c2")));
    assert!(!resolver.decides("stock:read", &node("tenant")));
}

#[test]
fn what_is_denied_anywhere_above_is_denied_whatever_allows_it() {
    let (roles, org) = (Roles::default(), org());
    let mut grants = vec![
        grant("WAREHOUSE_STAFF", "tenant", Effect::Allow),
        grant("WAREHOUSE_STAFF", "location:l1", Effect::Allow),
        grant("WAREHOUSE_STAFF", "company:c1", Effect::Deny),
    ];
    let resolver = Resolver::new(&roles, &org, &grants);
    assert_eq!(resolver.locations("stock:read"), Reach::AllBut(names(&["l1", "l2"])));
    assert!(!resolver.decides("stock:read", &node("location:l1")));
    assert!(resolver.decides("stock:read", &node("location:new")));
    assert!(resolver.decides("stock:read", &node("tenant")), "a denial below does not reach up");
    grants.push(grant("WAREHOUSE_STAFF", "tenant", Effect::Deny));
    let resolver = Resolver::new(&roles, &org, &grants);
    assert_eq!(resolver.locations("stock:read"), Reach::Only(names(&[])));
    assert!(resolver.anywhere().is_empty());
}

#[test]
fn roles_inherit_and_may_not_go_in_circles_or_name_what_is_not_there() {
    let ours = roles([("A", role(&["books:write"], &["B"])), ("B", role(&[], &["WAREHOUSE_STAFF"]))]).unwrap();
    let expected =
        BTreeSet::from(["books:write", "openid", "sessions:write", "shipments:read", "stock:read", "stock:write"]);
    assert_eq!(ours.permissions("A"), expected);
    assert!(ours.permissions("Z").is_empty());

    let circle = roles([("A", role(&[], &["B"])), ("B", role(&[], &["C"])), ("C", role(&[], &["B"]))]);
    assert_eq!(circle, Err(InvalidRoles::Circle("B".into())));
    assert_eq!(roles([("A", role(&[], &["A"]))]), Err(InvalidRoles::Circle("A".into())));
    assert!(matches!(roles([("A", role(&[], &["Z"]))]), Err(InvalidRoles::UnknownRole { .. })));
    assert!(matches!(roles([("A", role(&["all"], &[]))]), Err(InvalidRoles::UnknownPermission { .. })));
    for name in ["CUSTOMER", "", "a", "A#B"] {
        assert_eq!(roles([(name, role(&[], &[]))]), Err(InvalidRoles::Name(name.into())));
    }
    let many = (0..=MAX_ROLES).map(|n| (format!("R{n}"), role(&[], &[]))).collect();
    assert_eq!(Roles::new(many), Err(InvalidRoles::TooMany));
}

#[test]
fn base_roles_and_the_catalogue_agree_and_are_sorted() {
    let known: Vec<&str> = CATALOGUE.iter().map(|permission| permission.name).collect();
    assert!(known.is_sorted());
    for (role, permissions) in BASE_ROLES {
        assert!(permissions.is_sorted() && permissions.iter().all(|name| known.contains(name)), "{role}");
    }
    assert!(BASE_ROLES.is_sorted());
    let routes: Vec<&str> = CATALOGUE.iter().flat_map(|permission| permission.routes).copied().collect();
    assert_eq!(routes.iter().collect::<BTreeSet<_>>().len(), routes.len(), "a route has one permission");
}

#[test]
fn a_scope_opens_its_routes_only() {
    assert!(permits(["openid", "orders:read"], "GET /store/v1/orders/{id}"));
    assert!(!permits(["openid", "orders:read"], "POST /store/v1/orders"));
    assert!(!permits(["orders:read"], "GET /v1/unknown"));
    assert!(!permits([], "GET /store/v1/orders"));
}

#[test]
fn a_node_has_one_text() {
    for text in ["tenant", "company:a-1", "franchise:b_2", "location:c"] {
        assert_eq!(node(text).to_string(), text);
    }
    for bad in
        ["", "tenants", "company:", "company:A", "location:a#b", "region:x", &format!("company:{}", "x".repeat(65))]
    {
        assert_eq!(bad.parse::<Node>(), Err(InvalidNode), "{bad}");
    }
}

/// All pairs of a role and a permission it has, found by adding until nothing changes.
fn fixpoint(roles: &Roles) -> BTreeSet<(String, String)> {
    let mut has: BTreeSet<(String, String)> = BTreeSet::new();
    loop {
        let before = has.len();
        for (name, permissions) in BASE_ROLES {
            has.extend(permissions.iter().map(|permission| ((*name).to_owned(), (*permission).to_owned())));
        }
        for (name, role) in roles.definitions() {
            has.extend(role.permissions.iter().map(|permission| (name.clone(), permission.clone())));
            let inherited: Vec<String> =
                has.iter().filter(|(parent, _)| role.inherits.contains(parent)).map(|(_, p)| p.clone()).collect();
            has.extend(inherited.into_iter().map(|permission| (name.clone(), permission)));
        }
        if has.len() == before {
            return has;
        }
    }
}

/// Whether a location is below a node, said case by case.
fn is_below(org: &Org, location: &str, node: &Node) -> bool {
    let place = org.locations.get(location).cloned().unwrap_or_default();
    match node {
        Node::Tenant => true,
        Node::Location(name) => name == location,
        Node::Company(name) => place.company.as_ref() == Some(name),
        Node::Franchise(name) => {
            let of_company = place.company.is_some_and(|company| org.companies[&company].contains(name));
            place.franchises.contains(name) || of_company
        }
    }
}

fn any_node() -> impl Strategy<Value = Node> {
    prop_oneof![
        Just(Node::Tenant),
        "c[1-3]".prop_map(Node::Company),
        "f[1-2]".prop_map(Node::Franchise),
        "l[1-7]".prop_map(Node::Location),
    ]
}

fn any_grant() -> impl Strategy<Value = Grant> {
    let role = prop_oneof!["[A-E]", Just("CUSTOMER".to_owned()), Just("WAREHOUSE_STAFF".to_owned())];
    let effect = prop_oneof![3 => Just(Effect::Allow), 1 => Just(Effect::Deny)];
    (role, any_node(), effect).prop_map(|(role, on, effect)| Grant { role, on, effect })
}

/// Roles that inherit from earlier ones only, so that they are accepted.
fn any_roles() -> impl Strategy<Value = Roles> {
    let one = (prop::sample::subsequence(PERMISSIONS.to_vec(), 0..3), prop::collection::vec(any::<bool>(), OWN.len()));
    prop::collection::vec(one, OWN.len()).prop_map(|list| {
        let define = |(n, (permissions, inherits)): (usize, (Vec<&str>, Vec<bool>))| {
            let parents: Vec<&str> =
                OWN[..n].iter().zip(inherits).filter(|(_, wanted)| *wanted).map(|(name, _)| *name).collect();
            (OWN[n].to_owned(), role(&permissions, &parents))
        };
        Roles::new(list.into_iter().enumerate().map(define).collect()).unwrap()
    })
}

proptest! {
    #[test]
    fn decision_and_filter_agree_with_each_other_and_with_the_model(
        roles in any_roles(),
        grants in prop::collection::vec(any_grant(), 0..6),
        permission in prop::sample::select(PERMISSIONS.to_vec()),
    ) {
        let org = org();
        let has = fixpoint(&roles);
        let resolver = Resolver::new(&roles, &org, &grants);
        let filter = resolver.locations(permission);
        for location in ["l1", "l2", "l3", "l4", "l5", "l6", "l7"] {
            let holds = |effect| grants.iter().any(|grant| {
                grant.effect == effect
                    && has.contains(&(grant.role.clone(), permission.to_owned()))
                    && is_below(&org, location, &grant.on)
            });
            let expected = holds(Effect::Allow) && !holds(Effect::Deny);
            prop_assert_eq!(resolver.decides(permission, &Node::Location(location.to_owned())), expected, "{}", location);
            prop_assert_eq!(filter.contains(location), expected, "{} in {:?}", location, filter);
        }
    }

    #[test]
    fn a_denial_more_never_opens_anything(
        roles in any_roles(),
        grants in prop::collection::vec(any_grant(), 0..5),
        more in any_grant(),
        at in any_node(),
    ) {
        let org = org();
        let narrower = [grants.clone(), vec![Grant { effect: Effect::Deny, ..more }]].concat();
        for permission in PERMISSIONS {
            let before = Resolver::new(&roles, &org, &grants).decides(permission, &at);
            prop_assert!(before || !Resolver::new(&roles, &org, &narrower).decides(permission, &at));
        }
    }

    #[test]
    fn roles_are_accepted_exactly_when_they_have_an_order(links in prop::collection::btree_set((0..4usize, 0..4usize), 0..6)) {
        let mut list: BTreeMap<String, RoleDefinition> =
            OWN.iter().map(|name| ((*name).to_owned(), RoleDefinition::default())).collect();
        for (from, to) in &links {
            list.get_mut(OWN[*from]).unwrap().inherits.insert(OWN[*to].to_owned());
        }
        // Kahn: what nothing left points to is taken away until nothing is left, or nothing can be.
        let mut left = links.clone();
        let mut nodes: BTreeSet<usize> = (0..4).collect();
        while let Some(free) = nodes.iter().find(|n| !left.iter().any(|(_, to)| to == *n)).copied() {
            nodes.remove(&free);
            left.retain(|(from, _)| *from != free);
        }
        prop_assert_eq!(Roles::new(list).is_ok(), nodes.is_empty());
    }
}
