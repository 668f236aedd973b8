//! The contract between a participant of a protocol and the world that runs it.
//!
//! A participant is a state machine: it is handed an [`Input`] and the time, and answers with
//! [`Effect`]s. It opens no socket, writes no file, reads no clock and draws no random number, so
//! the same code runs under a production driver, a simulator and a teaching tool.
//!
//! The contract is two traits: [`Protocol`] names the vocabulary, [`Process`] adds the one entry
//! point. They are apart because some participants need a view of state that their driver shares
//! with others (a peer reads the tree that connections read too): such a participant is a
//! `Protocol` with a `step` of its own, and whoever owns both closes it into a `Process`.
//!
//! This crate deliberately has no dependencies and no behaviour beyond [`Effects`].
#![no_std]

extern crate alloc;

use alloc::vec::Vec;
use core::fmt::Debug;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A point of monotonic time: the time since an origin that only the driver knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The driver's origin.
    pub const ORIGIN: Self = Self(Duration::ZERO);

    /// The instant `since_origin` after the driver's origin.
    pub const fn from_origin(since_origin: Duration) -> Self {
        Self(since_origin)
    }

    /// How long after the origin this is.
    pub const fn since_origin(self) -> Duration {
        self.0
    }

    /// Time from `earlier` to `self`; zero if `earlier` is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, delay: Duration) -> Self {
        Self(self.0 + delay)
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, delay: Duration) -> Self {
        Self(self.0.saturating_sub(delay))
    }
}

/// The two clocks a step may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// For deadlines and durations; never goes back.
    pub mono: Instant,
    /// For timestamps that people and clients see, in milliseconds since the Unix epoch. It may
    /// jump in either direction.
    pub wall_ms: i64,
}

/// A count of the records a participant has asked to make durable, in order, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersistSeq(pub u64);

impl PersistSeq {
    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The vocabulary of a participant: whom it talks to, what is said, kept, asked and answered.
pub trait Protocol: Debug {
    /// Names a participant.
    type Id: Copy + Ord + Debug;
    /// What participants say to each other.
    type Message: Debug;
    /// Names a timer; setting it again moves it.
    type Timer: Copy + Ord + Debug;
    /// What is made durable.
    type Record: Debug;
    /// What the outside asks.
    type Request: Debug;
    /// What the outside is told.
    type Output: Debug;
}

/// A participant that runs by itself.
pub trait Process: Protocol + Sized {
    /// Takes one input and appends what must be done about it, in order.
    fn step(&mut self, now: Now, input: Input<Self>, effects: &mut Effects<Self>);
}

/// Everything that can happen to a participant.
#[derive(Debug)]
pub enum Input<P: Protocol> {
    /// The first input after creation or recovery.
    Start,
    /// A FIFO link to another participant came up.
    LinkUp(P::Id),
    /// The link is gone; what was sent and not received is lost.
    LinkDown(P::Id),
    /// A message arrived on a link.
    Message {
        /// The sender.
        from: P::Id,
        /// What it said.
        message: P::Message,
    },
    /// A timer that was set has come due.
    Timer(P::Timer),
    /// Every record up to and including this number is durable.
    Persisted {
        /// The last durable record.
        upto: PersistSeq,
    },
    /// The outside asks for something.
    Request(P::Request),
}

/// Everything a participant can ask of the world.
#[derive(Debug)]
pub enum Effect<P: Protocol> {
    /// Send a message on the link to `to`; dropped if there is none.
    Send {
        /// The receiver.
        to: P::Id,
        /// What to say.
        message: P::Message,
    },
    /// Make a record durable, after all records with smaller numbers. The answer is a later
    /// [`Input::Persisted`].
    Persist {
        /// The record's number.
        seq: PersistSeq,
        /// The record.
        record: P::Record,
    },
    /// Have [`Input::Timer`] delivered at `at`, instead of any earlier setting of that timer.
    SetTimer {
        /// Which timer.
        timer: P::Timer,
        /// When, on the monotonic clock.
        at: Instant,
    },
    /// Forget a timer.
    CancelTimer(P::Timer),
    /// Tell the outside something.
    Output(P::Output),
}

/// The list of effects that a step fills and its driver carries out in order.
#[derive(Debug)]
pub struct Effects<P: Protocol> {
    list: Vec<Effect<P>>,
}

impl<P: Protocol> Default for Effects<P> {
    fn default() -> Self {
        Self { list: Vec::new() }
    }
}

impl<P: Protocol> Effects<P> {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends [`Effect::Send`].
    pub fn send(&mut self, to: P::Id, message: P::Message) {
        self.list.push(Effect::Send { to, message });
    }

    /// Appends [`Effect::Persist`].
    pub fn persist(&mut self, seq: PersistSeq, record: P::Record) {
        self.list.push(Effect::Persist { seq, record });
    }

    /// Appends [`Effect::SetTimer`].
    pub fn set_timer(&mut self, timer: P::Timer, at: Instant) {
        self.list.push(Effect::SetTimer { timer, at });
    }

    /// Appends [`Effect::CancelTimer`].
    pub fn cancel_timer(&mut self, timer: P::Timer) {
        self.list.push(Effect::CancelTimer(timer));
    }

    /// Appends [`Effect::Output`].
    pub fn output(&mut self, output: P::Output) {
        self.list.push(Effect::Output(output));
    }

    /// Takes the effects out, in order, and keeps the list's memory.
    pub fn drain(&mut self) -> impl Iterator<Item = Effect<P>> + '_ {
        self.list.drain(..)
    }

    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
