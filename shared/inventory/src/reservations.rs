//! Use cases of reservations and kits: hold back, take, give back, extend, let expire.
//!
//! The reservation and every level it touches are written in one transaction under the versions that were read: check
//! and write are one conditional write. A request with the id of an earlier one gets that reservation, or is told in which
//! field it differs. The schedule lets reservations expire; every step checks the time itself.
//!
//! | access pattern | key |
//! |---|---|
//! | a reservation | pk `T#t#RESERVATION#<id>`, sk `RESERVATION` |
//! | pending ones by expiry | gsi1 `T#t#RESERVATIONS#<0..3>`, sk `<expiry, microseconds, 18 digits>#<id>` |
//! | a kit | pk `T#t#KIT#<sku>`, sk `KIT` |

use crate::hot::{self, HotItem};
use crate::kit::{InvalidKit, Kit};
use crate::level::Level;
use crate::movement::{Movement, Posting};
use crate::reservation::{
    Line, MAX_LEVELS, NotAllowed, Reservation, ReservationId, Shortage, State, Step, Units, Wanted, expiry, held, hold,
    needs,
};
use crate::service::{Inventory, StockError};
use crate::settle::find;
use crate::store::post;
use crate::{LocationId, Sku};
use kernel::{Clock, Event, TenantId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use table::{
    Consistency, Entity, GlobalIndex, Item, Key, Partition, Query, Table, TableError, Versioned, until_written,
};

/// Event: the time of a reservation was over.
pub const RESERVATION_EXPIRED: &str = "inventory.reservation.expired.v1";

/// Worklists the pending ones are spread over.
const WORKLISTS: u8 = 4;
/// How long a reservation is kept after its end, for whoever asks again: 30 days.
const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserve {
    /// Chosen by whoever asks, or derived from their idempotency key.
    pub id: ReservationId,
    /// Items and kits.
    pub lines: Vec<Wanted>,
    /// How long, 1 to [`crate::reservation::MAX_SECONDS`].
    pub seconds: u32,
    /// Whether less than everything will do.
    pub partial: bool,
    /// The document it is for.
    pub source: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// It is new.
    New(Reservation),
    /// The same was asked for before: `exists`. As it stands now.
    Exists(Reservation),
}

/// Why nothing was reserved, or a step not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReservationError {
    /// No line, a quantity out of range, or more than [`MAX_LEVELS`] levels.
    #[error("a reservation has 1 to {MAX_LEVELS} items of 1 unit or more")]
    Lines,
    /// Some levels hold too little.
    #[error("not enough stock")]
    Short(Vec<Shortage>),
    /// `exists_with_different_<field>`: the id belongs to another request.
    #[error("the reservation exists with different {0}")]
    ExistsWithDifferent(&'static str),
    /// There is no such reservation.
    #[error("there is no such reservation")]
    NotFound,
    /// Not in its state, or not at this time.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// The stock could not be moved.
    #[error(transparent)]
    Stock(#[from] StockError),
}

/// Why a kit was not stored.
#[derive(Debug, thiserror::Error)]
pub enum KitError {
    #[error(transparent)]
    Invalid(#[from] InvalidKit),
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Reservations of every tenant in one table.
#[derive(Debug, Clone)]
pub struct Reservations {
    inventory: Inventory,
    clock: Arc<dyn Clock>,
}

impl Reservations {
    /// Over this table.
    pub fn new(table: Table, clock: Arc<dyn Clock>) -> Self {
        Self { inventory: Inventory::new(table), clock }
    }

    /// Holds units back.
    pub async fn reserve(
        &self,
        tenant: &TenantId,
        actor: &str,
        request: &Reserve,
    ) -> Result<Reserved, ReservationError> {
        let in_range = |wanted: &Wanted| (1..=crate::MAX_UNITS).contains(&wanted.quantity);
        if !(1..=MAX_LEVELS).contains(&request.lines.len()) || !request.lines.iter().all(in_range) {
            return Err(ReservationError::Lines);
        }
        until_written(|| self.try_reserve(tenant, actor, request)).await
    }

    /// `None` when others were first.
    async fn try_reserve(
        &self,
        tenant: &TenantId,
        actor: &str,
        request: &Reserve,
    ) -> Result<Option<Reserved>, ReservationError> {
        let Reserve { id, lines: wanted, seconds, partial, source } = request;
        let mut keys = vec![reservation_key(tenant, *id)];
        keys.extend(wanted.iter().map(|line| Kit::key_of(tenant, &line.sku)));
        let mut found = self.inventory.table.get_many(&keys, Consistency::Strong).await?.into_iter();
        if let Some(item) = found.next().flatten() {
            let known = decode(item)?;
            let difference = known.difference(wanted, *partial, *seconds, source);
            return difference
                .map_or(Ok(Some(Reserved::Exists(known))), |field| Err(ReservationError::ExistsWithDifferent(field)));
        }
        let mut lines = taken_apart(wanted, found)?;
        let stock = self.stock(tenant, &needs(&lines)).await?;
        let promisable = stock.iter().map(|(at, places)| (at.clone(), places.iter().map(promisable).sum())).collect();
        hold(&mut lines, &promisable, *partial).map_err(ReservationError::Short)?;
        let taken = place(&held(&lines), &stock);
        if taken.len() > MAX_LEVELS {
            return Err(ReservationError::Lines);
        }
        let now = self.clock.now();
        let reservation = Reservation {
            id: *id,
            state: State::Pending,
            lines,
            units: taken.iter().map(|(level, units)| (level.location.clone(), level.sku.clone(), *units)).collect(),
            partial: *partial,
            seconds: *seconds,
            expires_at: expiry(now, *seconds)?,
            source: source.clone(),
            version: 1,
        };
        let mut transaction = self.inventory.table.transaction(tenant);
        transaction.create(&ReservationItem::from(&reservation));
        let posting = posting(&reservation, actor, now);
        for (level, quantity) in taken {
            post(&mut transaction, level, &[Movement::Reserved { quantity }], &posting).map_err(StockError::from)?;
        }
        Ok(transaction.commit_if_current().await?.then_some(Reserved::New(reservation)))
    }

    /// A reservation.
    pub async fn reservation(&self, tenant: &TenantId, id: ReservationId) -> Result<Option<Reservation>, TableError> {
        find(&self.inventory.table, reservation_key(tenant, id), decode).await
    }

    /// Takes a step. A step that was taken before gives the reservation as it stands.
    pub async fn step(
        &self,
        tenant: &TenantId,
        actor: &str,
        id: ReservationId,
        step: Step,
    ) -> Result<Reservation, ReservationError> {
        until_written(|| self.try_step(tenant, actor, id, step)).await
    }

    /// `None` when others were first.
    async fn try_step(
        &self,
        tenant: &TenantId,
        actor: &str,
        id: ReservationId,
        step: Step,
    ) -> Result<Option<Reservation>, ReservationError> {
        let before = self.reservation(tenant, id).await?.ok_or(ReservationError::NotFound)?;
        let now = self.clock.now();
        let Some(mut after) = before.apply(step, now)? else { return Ok(Some(before)) };
        let mut transaction = self.inventory.table.transaction(tenant);
        transaction.put_versioned(&ReservationItem::from(&after), before.version);
        after.version = before.version + 1;
        if after.state != before.state {
            let places: Vec<_> = before.units.iter().map(|(at, sku, _)| (at.clone(), sku.clone())).collect();
            let levels = self.inventory.levels_at(tenant, &places).await?;
            let posting = posting(&before, actor, now);
            for (level, (.., quantity)) in levels.iter().zip(&before.units) {
                let quantity = *quantity;
                let movement = if after.state == State::Committed {
                    Movement::ReservationCommitted { quantity }
                } else {
                    Movement::ReservationReleased { quantity }
                };
                post(&mut transaction, level, &[movement], &posting).map_err(StockError::from)?;
            }
        }
        if after.state == State::Expired {
            let data = json!({ "reservationId": id, "source": after.source });
            transaction.event(&Event::new(RESERVATION_EXPIRED, tenant, id, after.version, data, &*self.clock));
        }
        Ok(transaction.commit_if_current().await?.then_some(after))
    }

    /// Lets those expire whose time is over, oldest first, at most so many; gives how many did.
    pub async fn expire_due(&self, tenant: &TenantId, most: usize) -> Result<usize, ReservationError> {
        let now = self.clock.now();
        let mut expired = 0;
        for worklist in 0..WORKLISTS {
            let due = due(tenant, worklist, now).limit(most);
            for key in self.inventory.table.query_keys(due).await?.items {
                let Some(item) = self.inventory.table.get_item(key, Consistency::Strong).await? else { continue };
                let id = decode(item)?.id;
                match self.step(tenant, "reservation-expiry", id, Step::Expire).await {
                    Ok(_) => expired += 1,
                    // The index is behind by a moment: it was extended, taken or given back.
                    Err(ReservationError::NotAllowed(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(expired)
    }

    /// Stores a kit over whatever it was; what is reserved stays as it is.
    pub async fn put_kit(&self, tenant: &TenantId, kit: &Kit) -> Result<(), KitError> {
        let keys: Vec<Key> = kit.components.iter().map(|(sku, _)| Kit::key_of(tenant, sku)).collect();
        let found = self.inventory.table.get_many(&keys, Consistency::Strong).await?;
        if let Some(nested) = found.into_iter().flatten().next() {
            return Err(InvalidKit::Nested(nested.decode::<Kit>()?.value.sku).into());
        }
        Ok(self.inventory.table.put(tenant, kit).await?)
    }

    /// A kit, and how many of it a location can sell, or all that are up.
    pub async fn kit(
        &self,
        tenant: &TenantId,
        location: Option<&LocationId>,
        sku: &Sku,
    ) -> Result<Option<(Kit, i64)>, TableError> {
        let found = self.inventory.table.get::<Kit>(Kit::key_of(tenant, sku), Consistency::Strong).await?;
        let Some(kit) = found.map(|found| found.value) else { return Ok(None) };
        let Some(location) = location else {
            let places = self.inventory.places(tenant).await?;
            let made = self.inventory.sellable_kits(tenant, &places, std::slice::from_ref(sku)).await?;
            return Ok(Some((kit, made.get(sku).copied().unwrap_or(0))));
        };
        let at = |sku: &Sku| (location.clone(), sku.clone());
        let needs = kit.components.iter().map(|(sku, units)| (at(sku), *units)).collect();
        let stock = self.stock(tenant, &needs).await?;
        let sellable =
            kit.sellable(|sku| stock.get(&at(sku)).map_or(0, |places| places.iter().map(Level::available).sum()));
        Ok(Some((kit, sellable)))
    }

    /// Where each item that is needed can be promised: at its level, or, when it is hot, at any shard before that.
    async fn stock(&self, tenant: &TenantId, needs: &Units) -> Result<Stock, TableError> {
        let keys: Vec<Key> = needs.keys().map(|(at, sku)| HotItem::key_of(tenant, at, sku)).collect();
        let hot = self.inventory.table.get_many(&keys, Consistency::Strong).await?;
        let mut places: Vec<(LocationId, Sku)> = Vec::new();
        let mut of: Vec<(&(LocationId, Sku), usize)> = Vec::with_capacity(needs.len());
        for (at, hot) in needs.keys().zip(hot) {
            let before = places.len();
            if let Some(hot) = hot {
                places.extend(hot.decode::<HotItem>()?.value.places().map(|place| (place, at.1.clone())));
            }
            places.push(at.clone());
            of.push((at, places.len() - before));
        }
        let mut levels = self.inventory.levels_at(tenant, &places).await?.into_iter();
        Ok(of.into_iter().map(|(at, places)| (at.clone(), levels.by_ref().take(places).collect())).collect())
    }
}

/// The levels an item can be promised at: shards first, the location's own last.
type Stock = BTreeMap<(LocationId, Sku), Vec<Level>>;

fn promisable(level: &Level) -> i64 {
    level.available().saturating_add(level.backorder).max(0)
}

/// Which places give what is held. A hot item is taken from a shard by lot.
fn place<'a>(held: &Units, stock: &'a Stock) -> Vec<(&'a Level, i64)> {
    let mut taken = Vec::new();
    for (at, units) in held {
        let places = stock.get(at).map(Vec::as_slice).unwrap_or_default();
        let free: Vec<i64> = places.iter().map(promisable).collect();
        let parts = match free.split_last() {
            Some((_, shards)) if !shards.is_empty() => {
                let start = fastrand::usize(..shards.len());
                let sharded = shards.iter().sum::<i64>().min(*units);
                let mut parts = hot::spread(sharded, shards, start);
                parts.push((shards.len(), units - sharded));
                parts
            }
            Some(_) | None => vec![(0, *units)],
        };
        taken.extend(
            parts.into_iter().filter_map(|(n, part)| Some((places.get(n)?, part))).filter(|(_, part)| *part > 0),
        );
    }
    taken
}

/// The lines, with the components of those that are kits.
fn taken_apart(wanted: &[Wanted], kits: impl Iterator<Item = Option<Item>>) -> Result<Vec<Line>, TableError> {
    let line = |(wanted, kit): (&Wanted, Option<Item>)| {
        let components = kit.map(|kit| Ok::<_, TableError>(kit.decode::<Kit>()?.value.components)).transpose()?;
        let Wanted { location, sku, quantity } = wanted.clone();
        Ok(Line { location, sku, requested: quantity, held: 0, components: components.unwrap_or_default() })
    };
    wanted.iter().zip(kits).map(line).collect()
}

fn posting(reservation: &Reservation, actor: &str, now: Timestamp) -> Posting {
    Posting { source: reservation.id.to_string(), actor: actor.to_owned(), reason: None, effective_at: now }
}

#[derive(Debug, Serialize, Deserialize)]
struct ReservationItem {
    id: ReservationId,
    #[serde(rename = "st")]
    state: State,
    #[serde(rename = "ln")]
    lines: Vec<Line>,
    #[serde(rename = "u", deserialize_with = "stored_units")]
    units: Vec<(LocationId, Sku, i64)>,
    #[serde(rename = "pt", default, skip_serializing_if = "std::ops::Not::not")]
    partial: bool,
    #[serde(rename = "s")]
    seconds: u32,
    #[serde(rename = "ex")]
    expires_at: Timestamp,
    #[serde(rename = "src")]
    source: String,
}

fn stored_units<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(LocationId, Sku, i64)>, D::Error> {
    #[derive(Deserialize)]
    struct Units(#[serde(deserialize_with = "LocationId::stored")] LocationId, Sku, i64);
    let units = Vec::<Units>::deserialize(deserializer)?;
    Ok(units.into_iter().map(|Units(place, sku, units)| (place, sku, units)).collect())
}

fn reservation_key(tenant: &TenantId, id: ReservationId) -> Key {
    Key::tenant(tenant, &["RESERVATION", &id.to_string()], &["RESERVATION"])
}

fn worklist(tenant: &TenantId, number: u8) -> Partition {
    Partition::tenant(tenant, &["RESERVATIONS", &number.to_string()])
}

fn time(at: Timestamp) -> String {
    format!("{:018}", at.as_microsecond().max(0))
}

/// Pending ones whose time is over, oldest first.
fn due(tenant: &TenantId, number: u8, now: Timestamp) -> Query {
    // The id comes after the time: everything of this microsecond is below the next one.
    let next = format!("{:018}", now.as_microsecond().max(0).saturating_add(1));
    Query::index(GlobalIndex::Gsi1, worklist(tenant, number)).at_most(&[&next])
}

impl Entity for ReservationItem {
    const KIND: &'static str = "reservation";

    fn key(&self, tenant: &TenantId) -> Key {
        reservation_key(tenant, self.id)
    }

    fn gsi1(&self, tenant: &TenantId) -> Option<Key> {
        let id = self.id.to_string();
        let number = id.bytes().fold(0u8, u8::wrapping_add) % WORKLISTS;
        (self.state == State::Pending).then(|| worklist(tenant, number).key(&[&time(self.expires_at), &id]))
    }

    fn ttl(&self) -> Option<Timestamp> {
        let end = self.expires_at.checked_add(KEPT).ok();
        end.filter(|_| self.state != State::Pending)
    }
}

impl From<&Reservation> for ReservationItem {
    fn from(of: &Reservation) -> Self {
        Self {
            id: of.id,
            state: of.state,
            lines: of.lines.clone(),
            units: of.units.clone(),
            partial: of.partial,
            seconds: of.seconds,
            expires_at: of.expires_at,
            source: of.source.clone(),
        }
    }
}

fn decode(item: Item) -> Result<Reservation, TableError> {
    let Versioned { value: item, version } = item.decode::<ReservationItem>()?;
    Ok(Reservation {
        id: item.id,
        state: item.state,
        lines: item.lines,
        units: item.units,
        partial: item.partial,
        seconds: item.seconds,
        expires_at: item.expires_at,
        source: item.source,
        version,
    })
}

#[cfg(test)]
mod tests;
