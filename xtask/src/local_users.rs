//! The users of the local stack: made by `up`, with passwords of their own for each local cloud.
//!
//! They are kept in `target/local/users.json` for the demonstration and for whoever tries the API. On AWS there are no
//! such users: `cargo xtask create-user` makes those that an operator wants.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::create_user::{self, NewUser};
use crate::demo::api::Api;
use crate::load_books::Store;
use crate::project::Project;
use crate::stacks::{LocalStack, Stacks};
use crate::tools::Tools;

/// The store of the running local stack, as its administrator.
pub(crate) fn store() -> anyhow::Result<Store> {
    let project = Project::open()?;
    let (stacks, users) = (LocalStack::load(&project)?, Users::load(&project)?);
    let User { email, password } = users.admin()?;
    Ok(Store::new(&stacks.store.url, email, password))
}

const FILE: &str = "users.json";

/// Name and password of one user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) email: String,
    pub(crate) password: String,
}

/// Everybody, by what they are called in the demonstration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Users(BTreeMap<String, User>);

/// Who the store has besides its customers, and who the warehouses have.
const ADMIN: &str = "admin";
const STAFF: &str = "staff";
/// Who buys.
pub(crate) const CUSTOMERS: [&str; 2] = ["ada", "grace"];

impl Users {
    pub(crate) fn admin(&self) -> anyhow::Result<&User> {
        self.get(ADMIN)
    }

    pub(crate) fn staff(&self) -> anyhow::Result<&User> {
        self.get(STAFF)
    }

    pub(crate) fn get(&self, name: &str) -> anyhow::Result<&User> {
        self.0.get(name).with_context(|| format!("there is no user {name}; `cargo xtask up` makes one"))
    }

    pub(crate) fn load(project: &Project) -> anyhow::Result<Self> {
        let text = fs::read(project.local(FILE)).context("the local stack has no users yet; run `cargo xtask up`")?;
        serde_json::from_slice(&text).context("target/local/users.json is damaged; `cargo xtask down` and `up` mend it")
    }

    /// Forgets everybody: a new local cloud knows nobody.
    pub(crate) fn forget(project: &Project) -> anyhow::Result<()> {
        let file = project.local(FILE);
        if file.exists() {
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
        Ok(())
    }

    /// Makes everybody who is not there yet.
    pub(crate) fn create(project: &Project, tools: &Tools, stacks: &Stacks) -> anyhow::Result<Self> {
        if let Ok(known) = Self::load(project) {
            return Ok(known);
        }
        let new = |name: &str| User {
            email: format!("{name}@example.com"),
            password: format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)),
        };
        let names = [ADMIN, STAFF].into_iter().chain(CUSTOMERS);
        let users = Self(names.map(|name| (name.to_owned(), new(name))).collect());
        let make = |stack, name: &str, role: &str| {
            let User { email, password } = users.get(name)?.clone();
            let user = NewUser { email, name: name.to_owned(), role: role.to_owned(), password };
            create_user::create(project, tools, crate::aws::Cloud::Local, stack, &user).map(|_| ())
        };
        make(&stacks.store, ADMIN, "STORE_ADMIN")?;
        for warehouse in stacks.warehouses.values() {
            make(warehouse, STAFF, "WAREHOUSE_STAFF")?;
        }
        let store = Api::anonymous(&stacks.store.url);
        for name in CUSTOMERS {
            let User { email, password } = users.get(name)?;
            let body = serde_json::json!({ "email": email, "password": password, "name": name });
            store.post("/v1/customers", &body)?.expect(201)?;
        }
        fs::write(project.local(FILE), serde_json::to_vec_pretty(&users)?).context("cannot write the users")?;
        Ok(users)
    }
}
