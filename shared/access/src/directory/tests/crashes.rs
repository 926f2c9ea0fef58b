//! Processes that die at any call of a change: the change, its audit entry and its event are there together, or not at all.

use kernel::{Context, TenantId};
use secrecy::SecretString;
use serde_json::{Value, json};
use table::Table;
use testkit::{FaultInjector, LocalDynamo, crash_points};

use super::*;
use crate::testing::FixedSecret;
use crate::{ApiKeyId, ApiKeys, AppId, NewApiKey, UserId};

macro_rules! changes {
    ($($change:ident),+ $(,)?) => {
        /// Every write of the directory, and of API keys.
        #[derive(Debug, Clone, Copy)]
        enum Change {
            $($change),+
        }

        use Change::*;

        const CHANGES: &[Change] = &[$($change),+];
    };
}

changes! {
    Invite,
    InviteAgain,
    Activate,
    Suspend,
    Erase,
    Groups,
    Grants,
    Roles,
    Tree,
    Group,
    Register,
    AlterApplication,
    SuspendApplication,
    Secret,
    MakeKey,
    RotateKey,
    RevokeKey,
    Export,
}

/// A tenant with one of everything.
struct Tenant {
    dynamo: LocalDynamo,
    directory: Directory,
    keys: ApiKeys,
    tenant: TenantId,
    user: UserId,
    suspended: UserId,
    erased: Invitation,
    app: AppId,
    key: ApiKeyId,
}

impl Tenant {
    async fn new(faults: &FaultInjector) -> Self {
        let dynamo = LocalDynamo::new();
        dynamo.create_table("crossdock");
        let table = Table::new(dynamo.client_through(faults), "crossdock");
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_750_000_000).unwrap()));
        let directory = Directory::new(table.clone(), clock.clone());
        let pepper = SecretString::from(r#"{"current": "0123456789-pepper-2"}"#);
        let keys = ApiKeys::new(table, clock, Arc::new(FixedSecret(pepper)));
        let tenant: TenantId = "acme.test".parse().unwrap();
        let actor = Actor { tenant: &tenant, principal: "operator" };
        let user = directory.invite(actor, &ada()).await.unwrap().value.id;
        let [suspended, erased] = ["bob", "eve"].map(|name| Invitation {
            email: format!("{name}@example.com"),
            name: name.into(),
            role: Role::StoreAdmin,
        });
        let gone = directory.invite(actor, &erased).await.unwrap().value.id;
        directory.erase(actor, gone, &any, &Context::root("setup", None)).await.unwrap();
        let suspended = directory.invite(actor, &suspended).await.unwrap().value.id;
        directory.suspend(actor, suspended, &any).await.unwrap();
        let machine = crate::Registration { kind: crate::Kind::Confidential, ..registration() };
        let app = directory.register_application(actor, machine).await.unwrap().application.value.id;
        let key = keys.create(actor, &new_key()).await.unwrap().key.id;
        Self { dynamo, directory, keys, tenant: tenant.clone(), user, suspended, erased, app, key }
    }

    async fn make(&self, change: Change) {
        let (directory, keys) = (&self.directory, &self.keys);
        let actor = Actor { tenant: &self.tenant, principal: "operator" };
        let subject = self.user.to_string();
        let machine = crate::Registration { kind: crate::Kind::Confidential, name: "New".into(), ..registration() };
        let newcomer = Invitation { email: "new@example.com".into(), ..ada() };
        match change {
            Invite => drop(directory.invite(actor, &newcomer).await.unwrap()),
            InviteAgain => drop(directory.invite(actor, &self.erased).await.unwrap()),
            Activate => drop(directory.activate(actor, self.suspended, &any).await.unwrap()),
            Suspend => drop(directory.suspend(actor, self.user, &any).await.unwrap()),
            Erase => directory.erase(actor, self.user, &any, &Context::root("test", None)).await.unwrap(),
            Groups => drop(directory.set_groups(actor, self.user, &any, BTreeSet::new()).await.unwrap()),
            Grants => drop(directory.set_grants(actor, &subject, &any, Vec::new()).await.unwrap()),
            Roles => drop(directory.set_roles(actor, &any, crate::Roles::default()).await.unwrap()),
            Tree => drop(directory.set_org(actor, &any, Org::default()).await.unwrap()),
            Group => directory.put_group(actor, &crate::Group { id: "g".into(), name: "G".into() }).await.unwrap(),
            Register => drop(directory.register_application(actor, machine).await.unwrap()),
            AlterApplication => {
                drop(directory.change_application(actor, self.app, &any, machine).await.unwrap());
            }
            SuspendApplication => drop(directory.suspend_application(actor, self.app, &any, true).await.unwrap()),
            Secret => drop(directory.change_secret(actor, self.app, &any).await.unwrap()),
            MakeKey => drop(keys.create(actor, &new_key()).await.unwrap()),
            RotateKey => drop(keys.rotate(actor, self.key).await.unwrap()),
            RevokeKey => keys.revoke(actor, self.key).await.unwrap(),
            Export => drop(directory.export(actor, self.user).await.unwrap()),
        }
    }

    /// What is there: every item's kind and version. Ids and secrets are others each time.
    fn state(&self) -> Vec<String> {
        let page = self.dynamo.execute("Scan", json!({ "TableName": "crossdock" }));
        let items = page["Items"].as_array().unwrap().iter();
        let mut found: Vec<String> =
            items.map(|item| format!("{} {}", text(&item["kind"]), text(&item["v"]))).collect();
        found.sort();
        found
    }
}

fn text(attribute: &Value) -> String {
    attribute.to_string()
}

fn new_key() -> NewApiKey {
    NewApiKey { name: "ERP".into(), scopes: ["orders:read".to_owned()].into(), role: Role::StoreAdmin, days: 9 }
}

#[tokio::test]
async fn a_change_that_dies_anywhere_is_whole_or_not_there() {
    for &change in CHANGES {
        let whole = Tenant::new(&FaultInjector::new()).await;
        let before = whole.state();
        whole.make(change).await;
        let after = whole.state();
        assert_ne!(before, after, "{change:?} writes");
        crash_points(async |faults| {
            let tenant = Tenant::new(&faults).await;
            let outcome = faults.run(tenant.make(change)).await;
            faults.restart();
            let state = tenant.state();
            assert!(state == after || state == before && outcome.is_err(), "{change:?}: {state:#?}");
        })
        .await;
    }
}

/// Whoever asks again after a crash gets there.
#[tokio::test]
async fn a_step_that_died_can_be_asked_for_again() {
    for change in [Invite, InviteAgain, Activate, Suspend, Erase, RevokeKey] {
        let whole = Tenant::new(&FaultInjector::new()).await;
        whole.make(change).await;
        let after = whole.state();
        crash_points(async |faults| {
            let tenant = Tenant::new(&faults).await;
            let before = tenant.state();
            let _ = faults.run(tenant.make(change)).await;
            faults.restart();
            if tenant.state() == before {
                tenant.make(change).await;
            }
            assert_eq!(tenant.state(), after, "{change:?}");
        })
        .await;
    }
}
