//! The state of the links between processes; [`Sim`](crate::Sim) moves it.
//!
//! A connection of two processes is one epoch of their [`Pair`]. What is on its way from one to the
//! other lies in a [`Wire`], in order: first the news that the connection is up, then messages.
//! Each end believes in an epoch from the moment it takes that news until it is told otherwise, and
//! takes messages of no other epoch: so nothing is ever delivered across a `LinkDown`.

use crate::event::MessageId;
use crate::names::Names;
use crate::rng::Rng;
use crate::table::PairTable;
use crate::time::Time;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::time::Duration;

/// Two processes, the smaller id first.
pub(crate) fn pair<I: Ord>(one: I, other: I) -> (I, I) {
    if one < other { (one, other) } else { (other, one) }
}

/// Two processes that can be connected.
#[derive(Debug, Default)]
pub(crate) struct Pair {
    /// The connection there is, if there is one.
    pub(crate) connected: Option<u64>,
    /// How many connections there have been.
    pub(crate) epochs: u64,
    /// Counts changes that outdate planned attempts to connect.
    pub(crate) attempt: u64,
    /// Counts changes that outdate planned detections of a blocked connection.
    pub(crate) detection: u64,
}

/// One direction of a pair.
#[derive(Debug)]
pub(crate) struct Wire<M> {
    /// What is on its way, by when it is due.
    pub(crate) parcels: VecDeque<Parcel<M>>,
    /// The connection the receiving end believes in.
    pub(crate) believed: Option<u64>,
    /// Whether nothing comes through.
    pub(crate) blocked: bool,
    /// Which messages are to be lost: how they begin, and how many.
    pub(crate) drops: Vec<(String, u32)>,
    /// By how much longer messages take.
    pub(crate) slow: Duration,
    pub(crate) rng: Rng,
}

/// Something on its way.
#[derive(Debug)]
pub(crate) struct Parcel<M> {
    pub(crate) due: Time,
    pub(crate) epoch: u64,
    /// The stream it belongs to; the news that a connection is up belongs to all.
    pub(crate) stream: Option<u64>,
    pub(crate) content: Content<M>,
}

/// What is in it.
#[derive(Debug)]
pub(crate) enum Content<M> {
    /// The connection is up.
    Up,
    Message(MessageId, M),
}

/// All links of a world.
#[derive(Debug)]
pub(crate) struct Links<I, M> {
    pub(crate) pairs: PairTable<I, Pair>,
    /// By sender and receiver.
    pub(crate) wires: PairTable<I, Wire<M>>,
}

impl<I: Copy + Ord + Debug, M> Links<I, M> {
    /// No connections yet, between all for which `is_linked`.
    pub(crate) fn new(names: &Names<I>, seed: u64, is_linked: impl Fn(I, I) -> bool) -> Self {
        let ids: Vec<I> = names.ids().collect();
        let wire = |from, to| {
            (from != to && is_linked(from, to)).then(|| Wire {
                parcels: VecDeque::new(),
                believed: None,
                blocked: false,
                drops: Vec::new(),
                slow: Duration::ZERO,
                rng: Rng::stream(seed, &[names.place(from), names.place(to)]),
            })
        };
        let wires = PairTable::of_pairs(&ids, wire);
        let is_pair = |one, other| {
            let directions = [(one, other), (other, one)];
            one < other && directions.iter().any(|direction| wires.at(*direction).is_some())
        };
        let pair = |one, other| is_pair(one, other).then(Pair::default);
        Self { pairs: PairTable::of_pairs(&ids, pair), wires }
    }

    /// The pairs that a process is one of.
    pub(crate) fn pairs_of(&self, process: I) -> Vec<(I, I)> {
        self.pairs.pairs().filter(|(one, other)| *one == process || *other == process).collect()
    }

    /// Whether both directions are open.
    pub(crate) fn is_open(&self, (one, other): (I, I)) -> bool {
        [(one, other), (other, one)]
            .into_iter()
            .all(|direction| self.wires.at(direction).is_some_and(|wire| !wire.blocked))
    }

    /// Whether neither end believes in a connection.
    pub(crate) fn is_quiet(&self, (one, other): (I, I)) -> bool {
        [(one, other), (other, one)]
            .into_iter()
            .all(|direction| self.wires.at(direction).is_some_and(|wire| wire.believed.is_none()))
    }
}

impl<M: Debug> Wire<M> {
    /// Whether a message is one of those to be lost; it is then one fewer.
    pub(crate) fn drops(&mut self, message: &M) -> bool {
        if self.drops.is_empty() {
            return false;
        }
        let text = format!("{message:?}");
        let Some(found) = self.drops.iter().position(|(start, _)| text.starts_with(start)) else {
            return false;
        };
        self.drops[found].1 -= 1;
        if self.drops[found].1 == 0 {
            self.drops.swap_remove(found);
        }
        true
    }
}

impl<M> Wire<M> {
    /// Puts something behind what is on its way in its stream; says when it is due.
    pub(crate) fn push(
        &mut self,
        due: Time,
        epoch: u64,
        stream: Option<u64>,
        content: Content<M>,
    ) -> Time {
        let precedes = |other: Option<u64>| stream.is_none() || other.is_none() || other == stream;
        let last = self.parcels.iter().rfind(|parcel| precedes(parcel.stream));
        let due = due.max(last.map_or(Time::START, |parcel| parcel.due));
        let place = self.parcels.partition_point(|parcel| parcel.due <= due);
        self.parcels.insert(place, Parcel { due, epoch, stream, content });
        due
    }

    /// Takes out what is due first, unless it is held up.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<Parcel<M>> {
        let due = !self.blocked && self.parcels.front().is_some_and(|parcel| parcel.due <= now);
        if due { self.parcels.pop_front() } else { None }
    }

    /// Takes out all messages of a connection that will not arrive.
    pub(crate) fn purge(&mut self, epoch: u64) -> Vec<MessageId> {
        let mut lost = Vec::new();
        self.parcels.retain(|parcel| {
            if parcel.epoch > epoch {
                return true;
            }
            if let Content::Message(message, _) = &parcel.content {
                lost.push(*message);
            }
            false
        });
        lost
    }
}
