mod crashes;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use kernel::{Context, ManualClock, TenantId, Timestamp};
use testkit::{FaultInjector, LocalDynamo};
use web::Reach;

use super::*;
use crate::application::tests::registration;
use crate::rbac::{Effect, Grant, Node, Org, Place, RoleDefinition, Roles};
use crate::{Role, UserStatus};

struct World {
    dynamo: LocalDynamo,
    clock: Arc<ManualClock>,
    directory: Directory,
    tenant: TenantId,
}

impl World {
    fn new() -> Self {
        let dynamo = LocalDynamo::new();
        dynamo.create_table("crossdock");
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_750_000_000).unwrap()));
        let directory =
            Directory::new(Table::new(dynamo.client_through(&FaultInjector::new()), "crossdock"), clock.clone());
        Self { dynamo, clock, directory, tenant: "acme.test".parse().unwrap() }
    }

    fn actor(&self) -> Actor<'_> {
        Actor { tenant: &self.tenant, principal: "operator" }
    }
}

fn ada() -> Invitation {
    Invitation { email: "Ada@Example.com".into(), name: "Ada".into(), role: Role::WarehouseStaff }
}

fn any(_: u64) -> bool {
    true
}

#[tokio::test]
async fn a_user_is_invited_suspended_activated_and_every_step_is_in_the_trail() {
    let world = World::new();
    let user = world.directory.invite(world.actor(), &ada()).await.unwrap();
    let id = user.value.id;
    assert!(matches!(world.directory.invite(world.actor(), &ada()).await, Err(DirectoryError::Taken)));
    assert!(matches!(world.directory.suspend(world.actor(), id, &|seen| seen == 7).await, Err(DirectoryError::Stale)));
    world.clock.advance(Duration::from_secs(1));
    let suspended = world.directory.suspend(world.actor(), id, &|seen| seen == user.version).await.unwrap();
    assert_eq!((suspended.value.status, suspended.value.epoch), (UserStatus::Suspended, 1));
    assert!(matches!(world.directory.suspend(world.actor(), id, &any).await, Err(DirectoryError::Step(_))));
    world.clock.advance(Duration::from_secs(1));
    world.directory.activate(world.actor(), id, &any).await.unwrap();
    let trail = crate::AuditTrail::new(Table::new(world.dynamo.client(), "crossdock"));
    let events = trail.day(&world.tenant, "2025-06-15", 50, None).await.unwrap().items;
    let kinds: Vec<_> = events.iter().map(|entry| entry.event).collect();
    assert_eq!(kinds, [AuditKind::UserInvited, AuditKind::UserSuspended, AuditKind::UserActivated]);
    assert!(events.iter().all(|entry| entry.actor == "operator" && entry.subject == id.to_string()));
    let listed = world.directory.users(&world.tenant, 10, None).await.unwrap().items;
    assert_eq!(listed.len(), 1);
}

#[tokio::test]
async fn of_changes_from_one_version_at_once_one_is_made() {
    let world = World::new();
    let user = world.directory.invite(world.actor(), &ada()).await.unwrap();
    let seen = |version| version == user.version;
    let results = join_all((0..10).map(|_| world.directory.suspend(world.actor(), user.value.id, &seen))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
}

#[tokio::test]
async fn whoever_is_erased_leaves_nothing_personal_and_can_be_invited_again() {
    let world = World::new();
    let user = world.directory.invite(world.actor(), &ada()).await.unwrap().value;
    let grants = vec![Grant { role: "CUSTOMER".into(), on: Node::Tenant, effect: Effect::Allow }];
    world.directory.set_grants(world.actor(), &user.id.to_string(), &any, grants).await.unwrap();
    let export = world.directory.export(world.actor(), user.id).await.unwrap();
    assert_eq!((export.email.as_str(), export.grants.len(), export.events.len()), ("ada@example.com", 1, 3));

    world.directory.erase(world.actor(), user.id, &any, &Context::root("test", None)).await.unwrap();
    let everything = world.dynamo.execute("Scan", serde_json::json!({ "TableName": "crossdock" })).to_string();
    assert!(!everything.to_lowercase().contains("ada"), "{everything}");
    assert!(everything.contains("access.user.erased.v1"));
    assert!(matches!(world.directory.export(world.actor(), user.id).await, Err(DirectoryError::NotFound)));
    let again = world.directory.erase(world.actor(), user.id, &any, &Context::root("test", None)).await;
    assert!(matches!(again, Err(DirectoryError::Step(_))));
    let back = world.directory.invite(world.actor(), &ada()).await.unwrap().value;
    assert_eq!((back.status, back.epoch), (UserStatus::Invited, 2));
}

#[tokio::test]
async fn a_franchise_operator_has_the_rights_of_the_group_where_the_tree_says() {
    let world = World::new();
    let actor = world.actor();
    let user = world.directory.invite(actor, &ada()).await.unwrap().value;
    world.directory.put_group(actor, &Group { id: "north".into(), name: "North".into() }).await.unwrap();
    let role = RoleDefinition { inherits: BTreeSet::from(["WAREHOUSE_STAFF".into()]), ..RoleDefinition::default() };
    let roles = Roles::new([("FRANCHISE_OPERATOR".to_owned(), role)].into()).unwrap();
    world.directory.set_roles(actor, &|seen| seen == 0, roles).await.unwrap();
    let place = |group: &str| Place { company: None, franchises: BTreeSet::from([group.to_owned()]) };
    let org = Org { locations: [("l1".into(), place("f1")), ("l2".into(), place("f2"))].into(), ..Org::default() };
    world.directory.set_org(actor, &|seen| seen == 0, org).await.unwrap();
    let on = Node::Franchise("f1".into());
    let grants = vec![Grant { role: "FRANCHISE_OPERATOR".into(), on, effect: Effect::Allow }];
    world.directory.set_grants(actor, "group:north", &any, grants).await.unwrap();
    let groups = BTreeSet::from(["north".to_owned()]);
    let user = world.directory.set_groups(actor, user.id, &any, groups).await.unwrap().value;

    let rights = world.directory.rights(&world.tenant, &user.id.to_string(), &user.groups).await.unwrap();
    let shown = rights.resolver().locations("stock:read");
    assert_eq!(shown, Reach::Only(BTreeSet::from(["l1".to_owned()])));
}

#[tokio::test]
async fn what_names_nothing_is_refused() {
    let world = World::new();
    let actor = world.actor();
    let user = world.directory.invite(actor, &ada()).await.unwrap().value;
    let code = |error: DirectoryError| {
        let DirectoryError::Invalid(found) = error else { panic!("{error}") };
        found[0].code
    };
    let groups = BTreeSet::from(["nowhere".to_owned()]);
    assert_eq!(code(world.directory.set_groups(actor, user.id, &any, groups).await.unwrap_err()), "unknown_group");
    let grants = vec![Grant { role: "NOBODY".into(), on: Node::Tenant, effect: Effect::Allow }];
    assert_eq!(code(world.directory.set_grants(actor, "usr_1", &any, grants).await.unwrap_err()), "unknown_role");
    let bad = Org { locations: [("A B".into(), Place::default())].into(), ..Org::default() };
    assert_eq!(code(world.directory.set_org(actor, &any, bad).await.unwrap_err()), "invalid_name");
    let group = Group { id: "A".into(), name: "x".into() };
    assert_eq!(code(world.directory.put_group(actor, &group).await.unwrap_err()), "invalid_id");
    let bad = Invitation { email: "x".into(), name: String::new(), role: Role::Service };
    assert!(
        matches!(world.directory.invite(actor, &bad).await, Err(DirectoryError::Invalid(found)) if found.len() == 3)
    );
    let app = world.directory.register_application(actor, registration()).await.unwrap();
    let id = app.application.value.id;
    assert!(matches!(world.directory.change_secret(actor, id, &any).await, Err(DirectoryError::NoSecret)));
    let other: TenantId = "other.test".parse().unwrap();
    assert!(matches!(world.directory.application(&other, id).await, Err(DirectoryError::NotFound)));
    assert!(matches!(world.directory.user(&other, user.id).await, Err(DirectoryError::NotFound)));
    assert_eq!(world.directory.applications(&world.tenant, 10, None).await.unwrap().items.len(), 1);
}
