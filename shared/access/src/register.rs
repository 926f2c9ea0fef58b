//! Becoming a user, and being found as one.

use std::collections::BTreeSet;

use kernel::TenantId;
use table::{Consistency, TableError, TransactionError};

use crate::Access;
use crate::password::PasswordError;
use crate::store::{UserItem, decode_user, user_key};
use crate::user::{Checked, NewUser, Role, User, UserId, UserStatus, Violation};

/// Why somebody did not become a user.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    #[error("the user breaks {} rules", .0.len())]
    Invalid(Vec<Violation>),
    #[error("there is a user with this address")]
    Taken,
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error("the user cannot be stored")]
    Table(#[from] TableError),
}

impl Access {
    /// A customer who signs up. Of several with one address, also at the same time, one gets it.
    pub async fn register(&self, tenant: &TenantId, new: &NewUser) -> Result<User, RegisterError> {
        self.create_user(tenant, new, Role::Customer).await
    }

    /// A user of any role, made by an operator.
    pub async fn create_user(&self, tenant: &TenantId, new: &NewUser, role: Role) -> Result<User, RegisterError> {
        let Checked { email, password, name } = new.check().map_err(RegisterError::Invalid)?;
        let user = User {
            id: UserId::of(tenant, &email),
            email: email.as_str().to_owned(),
            name,
            role,
            status: UserStatus::Active,
            epoch: 0,
            // Anybody can register any address; an operator knows whom it gives a role.
            verified: role != Role::Customer,
            groups: BTreeSet::new(),
            password: Some(self.hasher.hash(&password)?),
        };
        // A transaction of one: when its answer is lost it is recognised, and the address is not reported as taken by the
        // very user who asks for it.
        let mut transaction = self.table.transaction(tenant);
        transaction.create(&UserItem::from(&user));
        match transaction.commit().await {
            Ok(()) => Ok(user),
            Err(TransactionError::Conditions(_)) => Err(RegisterError::Taken),
            Err(error) => Err(unexpected(error).into()),
        }
    }

    /// A user, for the profile. One who was erased is nobody.
    pub async fn find(&self, tenant: &TenantId, id: UserId) -> Result<Option<User>, TableError> {
        let user =
            self.table.get_item(user_key(tenant, id), Consistency::Eventual).await?.map(decode_user).transpose()?;
        Ok(user.filter(|user| user.status != UserStatus::Erased))
    }
}

/// What a transaction without conditions that may fail has come to.
pub(crate) fn unexpected(error: TransactionError) -> TableError {
    match error {
        TransactionError::Table(error) => error,
        // Tokens are random, and these conditions do not fail; whoever tries again finds out.
        error @ (TransactionError::TokenReused | TransactionError::Conditions(_)) => TableError::Conflict(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use testkit::{Effect, FaultInjector, LocalDynamo, Side};

    use super::*;
    use crate::testing::{World, ada, tenant};

    #[tokio::test]
    async fn a_customer_is_registered_and_found() {
        let world = World::new();
        let user = world.access.register(&tenant(), &ada()).await.unwrap();
        assert_eq!((user.email.as_str(), user.name.as_str()), ("ada@example.com", "Ada"));
        assert_eq!(user.role, Role::Customer);
        assert_eq!(world.access.find(&tenant(), user.id).await.unwrap(), Some(user.clone()));
        assert_eq!(world.access.find(&"other.test".parse().unwrap(), user.id).await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_operator_gives_any_role() {
        let world = World::new();
        for (address, role) in [("a@x.org", Role::StoreAdmin), ("b@x.org", Role::WarehouseStaff)] {
            let new = NewUser { email: address.to_owned(), ..ada() };
            assert_eq!(world.access.create_user(&tenant(), &new, role).await.unwrap().role, role);
        }
    }

    #[tokio::test]
    async fn an_address_is_taken_however_it_is_written_and_its_user_stays_as_it_is() {
        let world = World::new();
        let user = world.access.register(&tenant(), &ada()).await.unwrap();
        let again = NewUser { email: "ADA@example.COM".into(), name: "Eve".into(), ..ada() };
        assert!(matches!(world.access.register(&tenant(), &again).await, Err(RegisterError::Taken)));
        assert_eq!(world.access.find(&tenant(), user.id).await.unwrap(), Some(user));
        world.access.register(&"other.test".parse().unwrap(), &again).await.unwrap();
    }

    #[tokio::test]
    async fn of_many_who_register_one_address_at_once_one_gets_it() {
        let faults = FaultInjector::new();
        faults.interleave(1);
        let world = World::through(LocalDynamo::new(), &faults);
        let (tenant, ada) = (tenant(), ada());
        let results = join_all((0..20).map(|_| world.access.register(&tenant, &ada))).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        assert!(results.iter().flat_map(|result| result.as_ref().err()).all(|e| matches!(e, RegisterError::Taken)));
    }

    #[tokio::test]
    async fn a_lost_answer_does_not_make_the_address_look_taken() {
        let faults = FaultInjector::new();
        faults.at(0, Side::After, Effect::Timeout);
        let world = World::through(LocalDynamo::new(), &faults);
        assert!(world.access.register(&tenant(), &ada()).await.is_ok());
        assert_eq!(faults.count(), 2);
    }

    #[tokio::test]
    async fn a_user_who_breaks_a_rule_is_refused_before_anything_is_stored() {
        let faults = FaultInjector::new();
        let world = World::through(LocalDynamo::new(), &faults);
        let bad = NewUser { password: "short".into(), ..ada() };
        let refused = world.access.register(&tenant(), &bad).await;
        assert!(matches!(refused, Err(RegisterError::Invalid(violations)) if violations[0].pointer == "/password"));
        assert_eq!(faults.count(), 0);
    }
}
