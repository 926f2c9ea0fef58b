//! What the stock of a whole company was worth at an instant, in pieces of bounded work: location by location, then what
//! was on the way between them. What was found so far goes with the place to go on from.

use crate::service::Inventory;
use crate::transfers::Transfers;
use crate::{CompanyId, LocationId, Sku};
use kernel::{TenantId, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use table::{InvalidPosition, Position, TableError};

/// Figures that one piece reads at most, but for the page it is at: each is a read of its own.
pub const WORK: usize = 500;
/// Figures that are read at the same time.
const AT_ONCE: usize = 100;

/// A valuation under way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appraisal {
    /// The last location that is done.
    done: Option<LocationId>,
    /// The location that is being read, where in it, and its value so far.
    within: Option<(LocationId, Vec<u8>, Decimal)>,
    /// Every location is done.
    pub located: bool,
    /// Where the transfers go on.
    way: Option<Vec<u8>>,
    /// Everything is done.
    pub ended: bool,
    /// Value of the locations that are done.
    pub total: Decimal,
    /// Value of what was on the way, as far as that is done.
    pub on_the_way: Decimal,
}

/// Why a valuation does not go on.
#[derive(Debug, thiserror::Error)]
pub enum AppraisalError {
    /// It was begun by another version.
    #[error(transparent)]
    Position(#[from] InvalidPosition),
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Inventory {
    /// Values the next locations of a company, at most `limit`, reading about `work` figures.
    pub async fn appraise(
        &self,
        tenant: &TenantId,
        company: &CompanyId,
        instant: Timestamp,
        so_far: &mut Appraisal,
        (limit, work): (usize, usize),
    ) -> Result<Vec<(LocationId, Decimal)>, AppraisalError> {
        let (mut rows, mut read) = (Vec::new(), 0);
        for location in self.locations_of(tenant, company).await? {
            let is_over = match (&so_far.within, &so_far.done) {
                (Some((within, _, _)), _) => location < *within,
                (None, done) => done.as_ref().is_some_and(|done| location <= *done),
            };
            if is_over {
                continue;
            }
            let (mut start, mut sum) = match so_far.within.take() {
                Some((_, position, sum)) => (Some(Position::from_bytes(&position)?), sum),
                None => (None, Decimal::ZERO),
            };
            if rows.len() == limit || (read >= work && start.is_none()) {
                return Ok(rows);
            }
            loop {
                let page = self.worth_of_location(tenant, &location, instant, start, AT_ONCE.min(work)).await?;
                read += page.items.len();
                sum += page.items.iter().filter_map(|worth| worth.value).sum::<Decimal>();
                start = page.next;
                match &start {
                    None => break,
                    Some(next) if read >= work => {
                        so_far.within = Some((location, next.to_bytes(), sum));
                        return Ok(rows);
                    }
                    Some(_) => {}
                }
            }
            so_far.total += sum;
            so_far.done = Some(location.clone());
            rows.push((location, sum));
        }
        so_far.located = true;
        Ok(rows)
    }
}

impl Transfers {
    /// Values what was on the way between places of a company, or of one item of it, reading about `work` figures.
    pub async fn appraise(
        &self,
        tenant: &TenantId,
        (company, sku): (&CompanyId, Option<&Sku>),
        instant: Timestamp,
        so_far: &mut Appraisal,
        work: usize,
    ) -> Result<(), AppraisalError> {
        let mut start = so_far.way.take().map(|position| Position::from_bytes(&position)).transpose()?;
        let mut read = 0;
        loop {
            let page = self.on_the_way(tenant, (company, sku), instant, start).await?;
            read += page.items.len().max(1);
            so_far.on_the_way += page.items.iter().filter_map(|worth| worth.value).sum::<Decimal>();
            match page.next {
                None => so_far.ended = true,
                Some(next) if read >= work => so_far.way = Some(next.to_bytes()),
                Some(next) => {
                    start = Some(next);
                    continue;
                }
            }
            return Ok(());
        }
    }
}
