//! A customer's data: all of it on request, and its erasure. Orders keep their place in the books; the person goes.
//!
//! Erased are the link from the order to the customer, addresses, notes, files, payment tokens, and the words and names
//! of the customer in the timeline. Each order is done on its own, its link to the customer last but for what was written meanwhile, so that an erasure
//! that was interrupted finds the rest when it is asked for again. What the stock ledger holds of a customer is the
//! principal alone, which names nobody once the account is gone. Events expire after eight days.

use crate::Sales;
use crate::change::{By, ChangeError, Scope};
use crate::documents::{TimelineEntry, of_order};
use crate::notes::{AddressItem, File, Note};
use crate::order::{Order, OrderId};
use crate::store::{decode, of_customer};
use crate::uploads::Upload;
use kernel::{Context, TenantId};
use table::{Consistency, Entity, GlobalIndex, Item, Page, Position, Query, TableError, TransactionError};

/// Orders that one call erases or exports at most.
pub const BATCH: usize = 10;
/// Items changed in one transaction.
const AT_ONCE: usize = 50;

/// Everything that is kept of one order of a customer.
#[derive(Debug, Clone)]
pub struct Dossier {
    /// The order.
    pub order: Order,
    /// Every address it has had.
    pub addresses: Vec<crate::notes::Address>,
    /// The notes the customer may see.
    pub notes: Vec<Note>,
    /// Its timeline.
    pub timeline: Vec<TimelineEntry>,
}

/// What an erasure did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    /// Orders that no longer know their customer.
    pub orders: Vec<OrderId>,
    /// Orders that are not at their end: the customer's data is needed until then. Ask again later.
    pub waiting: Vec<OrderId>,
    /// There are more orders to look at: ask again now.
    pub more: bool,
}

impl Sales {
    /// A page of what is kept of a customer, newest order first.
    pub async fn export(
        &self,
        tenant: &TenantId,
        customer: &str,
        start: Option<Position>,
    ) -> Result<Page<Dossier>, ChangeError> {
        let page = self.orders_of(tenant, customer, start, BATCH).await?;
        let mut dossiers = Vec::with_capacity(page.items.len());
        for order in page.items {
            dossiers.push(self.dossier(tenant, order).await?);
        }
        Ok(Page { items: dossiers, next: page.next })
    }

    async fn dossier(&self, tenant: &TenantId, order: Order) -> Result<Dossier, ChangeError> {
        let mut dossier = Dossier { order, addresses: Vec::new(), notes: Vec::new(), timeline: Vec::new() };
        for item in self.beside(tenant, dossier.order.id).await? {
            if item.kind() == AddressItem::KIND {
                dossier.addresses.push(item.decode::<AddressItem>()?.value.address);
            } else if item.kind() == TimelineEntry::KIND {
                dossier.timeline.push(item.decode::<TimelineEntry>()?.value);
            } else if item.kind() == Note::KIND {
                let note = item.decode::<Note>()?.value;
                if note.audience == crate::notes::Audience::Customer {
                    dossier.notes.push(note);
                }
            }
        }
        Ok(dossier)
    }

    /// Erases a customer from up to [`BATCH`] of their orders.
    pub async fn erase(
        &self,
        tenant: &TenantId,
        customer: &str,
        (actor, cause): (&str, &Context),
    ) -> Result<Erased, ChangeError> {
        let mut erased = Erased::default();
        let mut start = None;
        // Orders that must wait stay in the list, so that it is read on past them.
        while erased.orders.len() < BATCH {
            let query = Query::index(GlobalIndex::Gsi2, of_customer(tenant, customer)).start(start).limit(BATCH);
            let page = self.table.query_items(query.consistency(Consistency::Strong)).await?;
            for item in page.items {
                let order = decode(item)?;
                if order.is_over() {
                    self.erase_from(tenant, &order, customer, (actor, cause)).await?;
                    erased.orders.push(order.id);
                } else {
                    erased.waiting.push(order.id);
                }
            }
            start = page.next;
            if start.is_none() {
                return Ok(erased);
            }
        }
        erased.more = true;
        Ok(erased)
    }

    async fn erase_from(
        &self,
        tenant: &TenantId,
        order: &Order,
        customer: &str,
        (actor, cause): (&str, &Context),
    ) -> Result<(), ChangeError> {
        self.forget_beside(tenant, order.id, customer).await?;
        let step = |order: &mut Order, _: &_| {
            order.forget_customer();
            Ok(Vec::new())
        };
        self.change(tenant, order.id, By::new(actor, cause, "customer_erased"), Scope::Nothing, &step).await?;
        // What was written while the first round was under way.
        self.forget_beside(tenant, order.id, customer).await
    }

    async fn forget_beside(&self, tenant: &TenantId, order: OrderId, customer: &str) -> Result<(), ChangeError> {
        let beside = self.beside(tenant, order).await?;
        self.remove_content(tenant, &beside).await?;
        for chunk in beside.chunks(AT_ONCE) {
            let mut transaction = self.table.transaction(tenant);
            for item in chunk {
                forget(&mut transaction, item, order, customer)?;
            }
            match transaction.commit().await {
                Ok(()) => {}
                Err(TransactionError::Table(error)) => return Err(error.into()),
                Err(TransactionError::Conditions(_) | TransactionError::TokenReused) => {
                    return Err(ChangeError::Contended);
                }
            }
        }
        Ok(())
    }

    /// Every item of an order's partition.
    pub(crate) async fn beside(&self, tenant: &TenantId, id: OrderId) -> Result<Vec<Item>, TableError> {
        let (mut all, mut start) = (Vec::new(), None);
        loop {
            let query = Query::partition(of_order(tenant, id)).start(start).limit(200);
            let page = self.table.query_items(query.consistency(Consistency::Strong)).await?;
            all.extend(page.items);
            start = page.next;
            if start.is_none() {
                return Ok(all);
            }
        }
    }
}

/// Removes what is personal of one item beside an order.
fn forget(
    transaction: &mut table::Transaction,
    item: &Item,
    order: OrderId,
    customer: &str,
) -> Result<(), ChangeError> {
    let personal = [AddressItem::KIND, Note::KIND, File::KIND, Upload::KIND];
    if personal.contains(&item.kind()) {
        if let Some(key) = item.key() {
            transaction.delete(key, None);
        }
    } else if item.kind() == TimelineEntry::KIND {
        let mut entry = item.clone().decode::<TimelineEntry>()?.value;
        if entry.actor == customer {
            entry.actor = pseudonym(order);
        }
        // People write names into reasons.
        entry.reason = None;
        transaction.put(&entry);
    }
    Ok(())
}

/// Who ordered, once nobody is to know.
fn pseudonym(order: OrderId) -> String {
    format!("erased:{order}")
}

impl Order {
    /// Nothing is to happen to it any more: no parcel, payment or return is open.
    pub fn is_over(&self) -> bool {
        let due = self.payment_due().map_or(true, |(_, due)| due != crate::PaymentDue::Nothing);
        let ended = self.is_lost() || self.is_complete();
        ended && !due && !self.returns.iter().any(|held| held.state.is_open())
    }

    fn forget_customer(&mut self) {
        self.customer = pseudonym(self.id);
        self.address = None;
        self.payment.token.clear();
        for payment in &mut self.more_payments {
            payment.token.clear();
        }
        for held in &mut self.returns {
            held.reason.clear();
        }
    }
}
