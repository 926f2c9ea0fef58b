//! The state of one SQS queue and its rules; pure, told the time by its caller.
//!
//! It does not model message retention or delay queues: nothing here lives long enough, and the product uses neither.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};

/// How long a deduplication id is remembered, on queues and on topics.
pub(super) const DEDUPLICATION: SignedDuration = SignedDuration::from_mins(5);

/// A message on its way in.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    pub(super) body: String,
    /// Name to `{DataType, StringValue | BinaryValue}`, as SQS writes it.
    pub(super) attributes: serde_json::Map<String, Value>,
    pub(super) group: Option<String>,
    pub(super) deduplication: Option<String>,
}

/// A message in a queue.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) sequence: u64,
    pub(super) content: Incoming,
    pub(super) sent: Timestamp,
    pub(super) first_received: Option<Timestamp>,
    pub(super) visible: Timestamp,
    pub(super) receives: u32,
    pub(super) receipt: Option<String>,
    /// The queue it was moved from when it is a dead letter.
    pub(super) source: Option<String>,
}

/// Where messages go that were received too often.
#[derive(Clone, Debug)]
pub(super) struct Redrive {
    pub(super) queue: String,
    pub(super) max_receives: u32,
}

/// Message ids by deduplication id, each for five minutes.
#[derive(Debug, Default)]
pub(super) struct Deduplication(HashMap<String, (Timestamp, String, u64)>);

impl Deduplication {
    /// The message that already carries this id, if it was sent within the window.
    pub(super) fn known(&self, id: &str, now: Timestamp) -> Option<(String, u64)> {
        let (sent, message, sequence) = self.0.get(id)?;
        (now.duration_since(*sent) < DEDUPLICATION).then(|| (message.clone(), *sequence))
    }

    pub(super) fn remember(&mut self, id: &str, now: Timestamp, message: &str, sequence: u64) {
        self.0.insert(id.to_owned(), (now, message.to_owned(), sequence));
    }
}

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) fifo: bool,
    pub(super) visibility: SignedDuration,
    pub(super) redrive: Option<Redrive>,
    pub(super) messages: Vec<Message>,
    deduplication: Deduplication,
}

/// What a receive gives and what it found to be received too often.
pub(super) struct Received {
    pub(super) messages: Vec<Message>,
    pub(super) dead: Vec<Message>,
}

impl Queue {
    pub(super) fn new(fifo: bool, visibility: SignedDuration, redrive: Option<Redrive>) -> Self {
        Self { fifo, visibility, redrive, messages: Vec::new(), deduplication: Deduplication::default() }
    }

    /// Takes a message in, or recognises it as sent before; answers its id and sequence number.
    pub(super) fn send(&mut self, content: Incoming, number: u64, now: Timestamp) -> (String, u64) {
        let id = format!("{number:08x}-0000-4000-8000-000000000000");
        if let Some(deduplication) = content.deduplication.as_deref().filter(|_| self.fifo) {
            if let Some(known) = self.deduplication.known(deduplication, now) {
                return known;
            }
            self.deduplication.remember(deduplication, now, &id, number);
        }
        self.messages.push(Message {
            id: id.clone(),
            sequence: number,
            content,
            sent: now,
            first_received: None,
            visible: now,
            receives: 0,
            receipt: None,
            source: None,
        });
        (id, number)
    }

    /// Hands out at most `max` visible messages, each group in order and a group with a message in flight not at all.
    /// `random` shuffles the groups (of a standard queue: the messages).
    pub(super) fn receive(
        &mut self,
        max: usize,
        hide: SignedDuration,
        now: Timestamp,
        random: Option<&mut fastrand::Rng>,
    ) -> Received {
        let dead = self.take_dead(now);
        let mut wanted = self.deliverable(now);
        if let Some(random) = random {
            random.shuffle(&mut wanted);
        }
        let mut messages = Vec::new();
        for index in wanted.into_iter().flatten().take(max) {
            let message = &mut self.messages[index];
            message.receives += 1;
            message.first_received.get_or_insert(now);
            message.visible = now + hide;
            message.receipt = Some(format!("{}#{}", message.id, message.receives));
            messages.push(message.clone());
        }
        Received { messages, dead }
    }

    /// The indexes of what may be delivered now, one list a group.
    fn deliverable(&self, now: Timestamp) -> Vec<Vec<usize>> {
        let mut order: Vec<Vec<usize>> = Vec::new();
        let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
        let blocked = self.groups_in_flight(now);
        for (index, message) in self.messages.iter().enumerate() {
            let group = message.content.group.as_deref().filter(|_| self.fifo);
            if message.visible > now || group.is_some_and(|group| blocked.contains(group)) {
                continue;
            }
            match group {
                Some(group) => {
                    let slot = *groups.entry(group).or_insert(order.len());
                    if slot == order.len() {
                        order.push(Vec::new());
                    }
                    order[slot].push(index);
                }
                None => order.push(vec![index]),
            }
        }
        order
    }

    fn groups_in_flight(&self, now: Timestamp) -> HashSet<String> {
        let in_flight = self.messages.iter().filter(|message| self.fifo && message.visible > now);
        in_flight.filter_map(|message| message.content.group.clone()).collect()
    }

    /// Removes the visible messages that were received as often as the redrive policy allows.
    fn take_dead(&mut self, now: Timestamp) -> Vec<Message> {
        let Some(redrive) = self.redrive.clone() else { return Vec::new() };
        let is_dead = |message: &Message| message.visible <= now && message.receives >= redrive.max_receives;
        let (dead, alive) = std::mem::take(&mut self.messages).into_iter().partition(is_dead);
        self.messages = alive;
        dead
    }

    /// Takes in what another queue gave up: same id and body, counted anew.
    pub(super) fn bury(&mut self, message: Message, source: &str) {
        self.messages.push(Message { receives: 0, receipt: None, source: Some(source.to_owned()), ..message });
    }

    /// Deletes by receipt. A FIFO receipt dies with its visibility timeout: false then.
    pub(super) fn delete(&mut self, receipt: &str, now: Timestamp) -> bool {
        let Some(index) = self.find(receipt) else { return true };
        if self.fifo && self.messages[index].visible <= now {
            return false;
        }
        self.messages.remove(index);
        true
    }

    /// Hides a message in flight for another while; false when it is not in flight.
    pub(super) fn change_visibility(&mut self, receipt: &str, hide: SignedDuration, now: Timestamp) -> bool {
        let Some(index) = self.find(receipt) else { return false };
        let message = &mut self.messages[index];
        if message.visible <= now {
            return false;
        }
        message.visible = now + hide;
        true
    }

    fn find(&self, receipt: &str) -> Option<usize> {
        self.messages.iter().position(|message| message.receipt.as_deref() == Some(receipt))
    }
}
