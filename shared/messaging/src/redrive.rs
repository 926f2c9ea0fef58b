//! Looking at a queue's dead letters and sending them back to where they came from.
//!
//! SQS has no way to look without receiving, so letters are received, hidden for a moment and made visible again; when
//! this process dies in between, they reappear by themselves. A letter is deleted only after its destination has taken
//! it: a crash in between sends it twice, never not at all.
//!
//! Who may do this, to which queues, is decided by the caller. Of one FIFO group only the first ten letters can be seen
//! at a time, because SQS hides a group while some of it is in flight; redriving gets to all of them.

use std::collections::HashSet;

use async_trait::async_trait;
use jiff::Timestamp;
use kernel::{Event, TenantId};
use tokio::time::Instant;

use crate::dead_letter::{CODE, REASON, RECEIVE_COUNT, SOURCE};
use crate::envelope;
use crate::queue::{Message, Queue, QueueError, Received};

/// Longer than any request lasts, so that one pass never meets a letter twice.
const HIDDEN_SECONDS: i32 = 60;

/// Whose letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's, and those that are not events.
    All,
    /// Events of one tenant.
    Tenant {
        /// Whose.
        tenant: TenantId,
        /// Also those that are not events, and so nobody's: for the tenant the queue belongs to.
        strays: bool,
    },
}

impl Scope {
    fn covers(&self, letter: &Letter) -> bool {
        match self {
            Self::All => true,
            Self::Tenant { tenant, strays } => letter.event.as_ref().map_or(*strays, |event| event.tenant == *tenant),
        }
    }
}

/// A dead letter.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The message's id in the dead-letter queue.
    pub id: String,
    /// Why it is here, for a person.
    pub reason: String,
    /// Why it is here, for a program.
    pub code: String,
    /// Where it came from, if known.
    pub source: Option<String>,
    /// How often it had been received there, if known.
    pub receive_count: Option<u32>,
    /// Since when it is here.
    pub since: Option<Timestamp>,
    /// The event in it, if it is one.
    pub event: Option<Event>,
    /// The message; its deduplication id is the letter's id, because the event's own would be dropped silently when
    /// the event was sent within the last five minutes.
    pub message: Message,
}

impl Letter {
    fn new(received: Received) -> Self {
        let Received { id, receipt: _, body, mut attributes, group, moved_from, sent_at } = received;
        let mut take = |name| attributes.remove(name).and_then(|value| value.string_value);
        Self {
            reason: take(REASON).unwrap_or_else(|| "delivered too often; its function never said why".to_owned()),
            code: take(CODE).unwrap_or_else(|| "max_receives".to_owned()),
            source: take(SOURCE).or(moved_from),
            receive_count: take(RECEIVE_COUNT).and_then(|text| text.parse().ok()),
            since: sent_at.and_then(|millis| Timestamp::from_millisecond(millis).ok()),
            event: envelope::decode_body(&body).ok(),
            message: Message {
                body,
                attributes,
                group: group.unwrap_or_else(|| id.clone()),
                deduplication: id.clone(),
            },
            id,
        }
    }
}

/// Some dead letters.
#[derive(Debug)]
pub struct Listing {
    /// Oldest first, as far as SQS keeps order.
    pub letters: Vec<Letter>,
    /// About how many the queue holds, whoever's they are.
    pub waiting: u64,
}

/// What a redrive did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Redriven {
    /// Letters sent back and removed.
    pub moved: usize,
    /// Letters that could not be sent back and stay: id and why.
    pub left: Vec<(String, String)>,
    /// Whether every letter in scope has been tried; otherwise call again.
    pub complete: bool,
}

/// Where letters go back to.
#[async_trait]
pub trait Destination: Send + Sync {
    /// Takes the letter back, or says why not; it then stays where it is.
    ///
    /// # Errors
    /// Why not, for the operator.
    async fn deliver(&self, letter: &Letter) -> Result<(), String>;

    /// The queue behind this destination, when it is one: SQS can then move letters by itself.
    fn queue(&self) -> Option<&Queue> {
        None
    }
}

#[async_trait]
impl Destination for Queue {
    async fn deliver(&self, letter: &Letter) -> Result<(), String> {
        self.send(letter.message.clone()).await.map_err(|error| error.to_string())
    }

    fn queue(&self) -> Option<&Queue> {
        Some(self)
    }
}

/// One dead-letter queue.
#[derive(Debug, Clone)]
pub struct Redrive {
    letters: Queue,
}

impl Redrive {
    /// The dead letters in this queue.
    #[must_use]
    pub fn new(letters: Queue) -> Self {
        Self { letters }
    }

    /// Up to `limit` letters, found before `until`.
    ///
    /// # Errors
    /// When SQS cannot be read.
    pub async fn list(&self, scope: &Scope, limit: usize, until: Instant) -> Result<Listing, QueueError> {
        let waiting = self.letters.depth().await?;
        let mut pass = Pass::new(&self.letters);
        let mut letters = Vec::new();
        let read = async {
            while letters.len() < limit && Instant::now() < until {
                let batch = pass.receive().await?;
                if batch.is_empty() {
                    break;
                }
                for received in batch {
                    pass.hold(&received);
                    letters.extend(Some(Letter::new(received)).filter(|letter| scope.covers(letter)));
                }
            }
            Ok(())
        }
        .await;
        pass.release().await;
        read?;
        letters.truncate(limit);
        Ok(Listing { letters, waiting })
    }

    /// Asks SQS to move every letter to `destination` by itself, however many there are: the handle of the task, or
    /// `None` when SQS does not do that here (an emulator, a move already going on, a role that may not); use
    /// [`Redrive::send_back`] then.
    ///
    /// # Errors
    /// When SQS refuses for another reason.
    pub async fn start_move(&self, destination: &Queue) -> Result<Option<String>, QueueError> {
        match self.letters.start_move(destination).await {
            Err(error) if error.code().is_some_and(unsupported) => Ok(None),
            result => result,
        }
    }

    /// Sends up to `limit` letters back, until `until`. Letters of one FIFO group keep their order: when one cannot be
    /// sent, the later ones of its group stay.
    ///
    /// # Errors
    /// When SQS fails; what was moved until then is moved.
    pub async fn send_back(
        &self,
        scope: &Scope,
        destination: &dyn Destination,
        limit: usize,
        until: Instant,
    ) -> Result<Redriven, QueueError> {
        let mut pass = Pass::new(&self.letters);
        let result = pass.send_back(scope, destination, limit, until).await;
        pass.release().await;
        result
    }
}

fn unsupported(code: &str) -> bool {
    matches!(
        code.rsplit('.').next(),
        Some("UnsupportedOperation" | "InvalidAction" | "AccessDenied" | "AccessDeniedException")
    )
}

/// One pass over a dead-letter queue: what it received and must give back.
struct Pass<'a> {
    queue: &'a Queue,
    held: Vec<String>,
    seen: HashSet<String>,
}

impl<'a> Pass<'a> {
    fn new(queue: &'a Queue) -> Self {
        Self { queue, held: Vec::new(), seen: HashSet::new() }
    }

    /// The next letters this pass has not met yet. A standard queue may deliver one twice.
    async fn receive(&mut self) -> Result<Vec<Received>, QueueError> {
        let mut batch = self.queue.receive(HIDDEN_SECONDS).await?;
        batch.retain(|received| self.seen.insert(received.id.clone()));
        Ok(batch)
    }

    fn hold(&mut self, received: &Received) {
        self.held.push(received.receipt.clone());
    }

    /// Gives back what is left. Failing costs a minute's wait, not a letter, and must not hide what was done.
    async fn release(self) {
        if let Err(error) = self.queue.release(&self.held).await {
            tracing::warn!(%error, "dead letters stay hidden for a minute");
        }
    }

    async fn send_back(
        &mut self,
        scope: &Scope,
        destination: &dyn Destination,
        limit: usize,
        until: Instant,
    ) -> Result<Redriven, QueueError> {
        let mut done = Redriven::default();
        let mut stuck = HashSet::new();
        while done.moved < limit && Instant::now() < until {
            let batch = self.receive().await?;
            done.complete = batch.is_empty();
            if done.complete {
                break;
            }
            for received in batch {
                let receipt = received.receipt.clone();
                self.hold(&received);
                let letter = Letter::new(received);
                if done.moved == limit || !scope.covers(&letter) || stuck.contains(&letter.message.group) {
                    continue;
                }
                match destination.deliver(&letter).await {
                    Ok(()) => {
                        self.queue.delete(&receipt).await?;
                        self.held.pop();
                        done.moved += 1;
                    }
                    Err(reason) => {
                        done.left.push((letter.id, reason));
                        stuck.insert(letter.message.group);
                    }
                }
            }
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests;
