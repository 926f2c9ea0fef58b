//! A transfer: goods on their way from one location to another. Pure.
//!
//! `DRAFT` -> `APPROVED` (units are committed at the source) -> `IN_TRANSIT` (they are at a location of the transfer's own) ->
//! received in parts -> `CLOSED`. What never arrives is written off or returned before it is closed or cancelled; what
//! arrives beyond what was sent is recorded as overage.

use crate::{CompanyId, LocationId, Sku};
use kernel::Timestamp;
use serde::{Deserialize, Serialize};

kernel::typed_id!(
    /// A transfer of stock.
    TransferId,
    "trf"
);

/// Most items of one transfer: sending one is six actions of a transaction that may have 100.
pub const MAX_LINES: usize = 16;

/// Where a transfer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TransferState {
    Draft,
    Approved,
    InTransit,
    Closed,
    Cancelled,
}

impl TransferState {
    /// Whether nothing more can happen to a transfer in it.
    #[must_use]
    pub fn is_over(self) -> bool {
        self.allowed().is_empty()
    }

    /// What may happen to a transfer in it.
    #[must_use]
    pub fn allowed(self) -> &'static [&'static str] {
        match self {
            Self::Draft => &["approve", "end"],
            Self::Approved => &["send", "end"],
            Self::InTransit => &["receive", "end"],
            Self::Closed | Self::Cancelled => &[],
        }
    }
}

/// One item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferLine {
    #[serde(rename = "k")]
    pub sku: Sku,
    /// Units to send, and once in transit the units that were sent.
    #[serde(rename = "q")]
    pub quantity: i64,
    /// Of those, units that arrived.
    #[serde(rename = "rc")]
    pub received: i64,
    /// Units that arrived beyond what was sent.
    #[serde(rename = "ov")]
    pub overage: i64,
    /// Units that went back to the source.
    #[serde(rename = "rt")]
    pub returned: i64,
    /// Units that never arrived.
    #[serde(rename = "sh")]
    pub shortage: i64,
}

impl TransferLine {
    /// Units that are still on the way.
    #[must_use]
    pub fn open(&self) -> i64 {
        self.quantity - self.received - self.returned - self.shortage
    }
}

/// A transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    pub id: TransferId,
    pub from: LocationId,
    pub to: LocationId,
    pub lines: Vec<TransferLine>,
    pub state: TransferState,
    /// The company whose goods are or were on the way; known once they are sent.
    pub company: Option<CompanyId>,
    /// When it was closed or cancelled.
    pub ended_at: Option<Timestamp>,
    /// Optimistic version.
    pub version: u64,
}

/// What becomes of units that are still on the way when a transfer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Leftover {
    /// They are back at the source.
    Returned,
    /// They are lost.
    WrittenOff,
}

/// What happens to a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferStep {
    Approve,
    Send,
    /// Units of each item that arrived.
    Receive(Vec<(Sku, i64)>),
    /// Nothing more is expected. While units are on the way it must be said what became of them.
    End(Option<Leftover>),
}

/// Units that move with a step, of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferEffect {
    /// The source promises them.
    Commit(Sku, i64),
    /// The source promises them no more.
    Release(Sku, i64),
    /// They leave the source for the way.
    Send(Sku, i64),
    /// They leave the way for the destination, with so many more that nobody sent.
    Receive(Sku, i64, i64),
    /// They leave the way for the source.
    Return(Sku, i64),
    /// They are lost on the way.
    WriteOff(Sku, i64),
}

/// A step the transfer does not allow. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferRefused {
    #[error("a transfer has 1 to {MAX_LINES} different items of 1 unit or more")]
    Lines,
    #[error("a transfer goes from one place to another")]
    Places,
    #[error("the two places belong to different companies")]
    Companies,
    #[error("the transfer is {0:?}")]
    State(TransferState),
    #[error("the transfer has no {0}")]
    UnknownItem(Sku),
    #[error("units are on the way: say whether they were returned or written off")]
    LeftoverNeeded,
}

impl Transfer {
    /// A draft.
    pub fn draft(
        id: TransferId,
        from: LocationId,
        to: LocationId,
        lines: &[(Sku, i64)],
    ) -> Result<Self, TransferRefused> {
        if from == to {
            return Err(TransferRefused::Places);
        }
        let repeated = |n: usize| lines.iter().take(n).any(|(sku, _)| lines.get(n).is_some_and(|line| line.0 == *sku));
        let in_range = |quantity: i64| (1..=crate::MAX_UNITS).contains(&quantity);
        if !(1..=MAX_LINES).contains(&lines.len())
            || (0..lines.len()).any(repeated)
            || !lines.iter().all(|line| in_range(line.1))
        {
            return Err(TransferRefused::Lines);
        }
        let line = |(sku, quantity): &(Sku, i64)| TransferLine {
            sku: sku.clone(),
            quantity: *quantity,
            received: 0,
            overage: 0,
            returned: 0,
            shortage: 0,
        };
        let lines = lines.iter().map(line).collect();
        let state = TransferState::Draft;
        Ok(Self { id, from, to, lines, state, company: None, ended_at: None, version: 0 })
    }

    /// The location where its goods are while they are on the way.
    #[must_use]
    pub fn way(&self) -> LocationId {
        LocationId::on_the_way(&self.id.ulid().to_string())
    }

    /// Takes a step: what moves with it.
    pub fn apply(&mut self, step: &TransferStep) -> Result<Vec<TransferEffect>, TransferRefused> {
        match (self.state, step) {
            (TransferState::Draft, TransferStep::Approve) => {
                Ok(self.all(TransferState::Approved, TransferEffect::Commit))
            }
            (TransferState::Approved, TransferStep::Send) => {
                Ok(self.all(TransferState::InTransit, TransferEffect::Send))
            }
            (TransferState::InTransit, TransferStep::Receive(units)) => self.receive(units),
            (TransferState::Draft, TransferStep::End(_)) => {
                self.state = TransferState::Cancelled;
                Ok(Vec::new())
            }
            (TransferState::Approved, TransferStep::End(_)) => {
                Ok(self.all(TransferState::Cancelled, TransferEffect::Release))
            }
            (TransferState::InTransit, TransferStep::End(leftover)) => self.end(*leftover),
            (state, TransferStep::Approve | TransferStep::Send | TransferStep::Receive(_) | TransferStep::End(_)) => {
                Err(TransferRefused::State(state))
            }
        }
    }

    fn all(&mut self, state: TransferState, effect: impl Fn(Sku, i64) -> TransferEffect) -> Vec<TransferEffect> {
        self.state = state;
        self.lines.iter().map(|line| effect(line.sku.clone(), line.quantity)).collect()
    }

    fn receive(&mut self, units: &[(Sku, i64)]) -> Result<Vec<TransferEffect>, TransferRefused> {
        let mut next = self.lines.clone();
        let mut effects = Vec::with_capacity(units.len());
        if units.is_empty() || units.len() > MAX_LINES || !units.iter().all(|(_, n)| (1..=crate::MAX_UNITS).contains(n))
        {
            return Err(TransferRefused::Lines);
        }
        for (n, (sku, arrived)) in units.iter().enumerate() {
            if units.iter().take(n).any(|(earlier, _)| earlier == sku) {
                return Err(TransferRefused::Lines);
            }
            let line = next.iter_mut().find(|line| line.sku == *sku);
            let line = line.ok_or_else(|| TransferRefused::UnknownItem(sku.clone()))?;
            let expected = line.open().min(*arrived);
            line.received += expected;
            line.overage += arrived - expected;
            effects.push(TransferEffect::Receive(sku.clone(), expected, arrived - expected));
        }
        self.lines = next;
        Ok(effects)
    }

    fn end(&mut self, leftover: Option<Leftover>) -> Result<Vec<TransferEffect>, TransferRefused> {
        let mut effects = Vec::new();
        let mut next = self.lines.clone();
        for line in next.iter_mut().filter(|line| line.open() > 0) {
            let (sku, open) = (line.sku.clone(), line.open());
            match leftover {
                None => return Err(TransferRefused::LeftoverNeeded),
                Some(Leftover::Returned) => {
                    line.returned += open;
                    effects.push(TransferEffect::Return(sku, open));
                }
                Some(Leftover::WrittenOff) => {
                    line.shortage += open;
                    effects.push(TransferEffect::WriteOff(sku, open));
                }
            }
        }
        let arrived = next.iter().any(|line| line.received + line.overage > 0);
        self.state = if arrived { TransferState::Closed } else { TransferState::Cancelled };
        self.lines = next;
        Ok(effects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sku(n: usize) -> Sku {
        format!("s{n}").parse().unwrap()
    }

    fn draft(lines: &[(Sku, i64)]) -> Result<Transfer, TransferRefused> {
        Transfer::draft(TransferId::derive(&["t"]), "alpha".parse().unwrap(), "beta".parse().unwrap(), lines)
    }

    #[test]
    fn drafts_that_cannot_be_are_refused() {
        let same = Transfer::draft(
            TransferId::derive(&["t"]),
            "alpha".parse().unwrap(),
            "alpha".parse().unwrap(),
            &[(sku(1), 1)],
        );
        assert_eq!(same, Err(TransferRefused::Places));
        for lines in [vec![], vec![(sku(1), 0)], vec![(sku(1), 1), (sku(1), 2)]] {
            assert_eq!(draft(&lines), Err(TransferRefused::Lines));
        }
    }

    #[test]
    fn steps_out_of_their_order_are_refused() {
        let mut transfer = draft(&[(sku(1), 3)]).unwrap();
        assert_eq!(transfer.apply(&TransferStep::Send), Err(TransferRefused::State(TransferState::Draft)));
        transfer.apply(&TransferStep::Approve).unwrap();
        assert!(transfer.apply(&TransferStep::Receive(vec![(sku(1), 1)])).is_err());
        transfer.apply(&TransferStep::Send).unwrap();
        assert!(transfer.apply(&TransferStep::Approve).is_err());
        assert_eq!(transfer.apply(&TransferStep::End(None)), Err(TransferRefused::LeftoverNeeded));
        transfer.apply(&TransferStep::End(Some(Leftover::Returned))).unwrap();
        assert_eq!(transfer.state, TransferState::Cancelled);
        assert!(transfer.apply(&TransferStep::End(None)).is_err());
    }

    #[test]
    fn what_a_state_allows_is_what_it_takes() {
        let steps = [
            ("approve", TransferStep::Approve),
            ("send", TransferStep::Send),
            ("receive", TransferStep::Receive(vec![(sku(1), 1)])),
            ("end", TransferStep::End(Some(Leftover::Returned))),
        ];
        for state in [
            TransferState::Draft,
            TransferState::Approved,
            TransferState::InTransit,
            TransferState::Closed,
            TransferState::Cancelled,
        ] {
            let transfer = Transfer { state, ..draft(&[(sku(1), 3)]).unwrap() };
            let taken = steps.iter().filter(|(_, step)| transfer.clone().apply(step).is_ok());
            assert_eq!(taken.map(|(name, _)| *name).collect::<Vec<_>>(), state.allowed(), "{state:?}");
        }
    }

    proptest! {
        #[test]
        fn every_unit_that_was_sent_arrives_returns_or_is_lost(
            sent in prop::collection::vec(1i64..9, 1..4),
            arrivals in prop::collection::vec((0usize..4, 1i64..6), 0..6),
            lost: bool,
        ) {
            let lines: Vec<_> = sent.iter().enumerate().map(|(n, units)| (sku(n), *units)).collect();
            let mut transfer = draft(&lines).unwrap();
            transfer.apply(&TransferStep::Approve).unwrap();
            transfer.apply(&TransferStep::Send).unwrap();
            for (n, units) in arrivals {
                let step = TransferStep::Receive(vec![(sku(n), units)]);
                prop_assert_eq!(transfer.apply(&step).is_ok(), n < sent.len());
            }
            let leftover = if lost { Leftover::WrittenOff } else { Leftover::Returned };
            transfer.apply(&TransferStep::End(Some(leftover))).unwrap();
            for line in &transfer.lines {
                prop_assert_eq!(line.open(), 0);
                prop_assert!([line.received, line.overage, line.returned, line.shortage].iter().all(|units| *units >= 0));
            }
        }
    }
}
