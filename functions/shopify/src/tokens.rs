//! Tokens in Secrets Manager: a secret a tenant and store.

use std::sync::Arc;

use async_trait::async_trait;
use kernel::TenantId;
use runtime::Context;
use shopify::Shop;
use shopify::tokens::{Kept, TokenStore};
use web::BoxError;
use web::secret::SecretStore;

/// Secrets whose names are a prefix, the tenant and the store.
pub(crate) struct Secrets {
    context: &'static Context,
    prefix: String,
}

impl Secrets {
    pub(crate) const fn new(context: &'static Context, prefix: String) -> Self {
        Self { context, prefix }
    }

    fn secret(&self, tenant: &TenantId, shop: &Shop) -> Result<Arc<dyn SecretStore>, BoxError> {
        Ok(self.context.secret_store(format!("{}{tenant}/{shop}", self.prefix))?)
    }
}

#[async_trait]
impl TokenStore for Secrets {
    async fn read(&self, tenant: &TenantId, shop: &Shop) -> Result<(Kept, String), BoxError> {
        let (value, version) = self.secret(tenant, shop)?.read().await?;
        Ok((Kept::open(&value)?, version))
    }

    async fn keep(&self, tenant: &TenantId, shop: &Shop, new: &Kept) -> Result<(), BoxError> {
        self.secret(tenant, shop)?.put(&new.seal()?).await
    }

    async fn replace(&self, tenant: &TenantId, shop: &Shop, new: &Kept, seen: &str) -> Result<bool, BoxError> {
        self.secret(tenant, shop)?.replace(&new.seal()?, seen).await
    }
}
