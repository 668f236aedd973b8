//! A run as it happened, without the types of its protocol: what is asserted about, printed and
//! drawn.

mod questions;

use crate::said::Said;
use crate::subject::State;
use zoarium_sim::Time;

/// Changes when the shape of what is exported does.
pub const SCHEMA: u32 = 1;

/// A process's line through time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// The process.
    pub name: String,
    /// What it is.
    pub role: &'static str,
}

/// A run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The processes, in the order in which they are drawn.
    pub lanes: Vec<Lane>,
    /// What happened, in order.
    pub moments: Vec<Moment>,
    /// When it ended.
    pub ended: Time,
    /// Why it could not go on to its end, if so.
    pub failure: Option<String>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub time: Time,
    /// To which process; to the world, if none.
    pub lane: Option<usize>,
    /// What.
    pub act: Act,
    /// What the process shows after it, if that is something else than before.
    pub state: Option<State>,
    /// How many moments of each process it can have known of (Fidge and Mattern's clock).
    pub vector: Vec<u32>,
    /// The length of the longest chain of cause and effect up to it (Lamport's clock).
    pub lamport: u32,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A process was made from its disk.
    Started {
        /// How often it had been before.
        restarts: u64,
    },
    /// The outside asked something.
    Asked(String),
    /// A message left.
    Sent(Parcel),
    /// A message arrived.
    Received(Parcel),
    /// A message, or a copy of it, will not arrive.
    Lost(Parcel),
    /// A record is on its way to the disk.
    Writes {
        /// What it says.
        label: String,
        /// Whether its writer waits for it.
        forced: bool,
    },
    /// Records are durable for which their writer has waited.
    Durable(Vec<String>),
    /// A timer came due.
    Timer(String),
    /// The process told the outside something.
    Said(Said),
    /// A value is chosen: enough processes have durably voted for it.
    Chosen {
        /// Its place in the log, if there is a log.
        place: String,
        /// The value.
        value: String,
    },
    /// A process ended.
    Crashed,
    /// A process stopped.
    Paused,
    /// It goes on.
    Resumed,
    /// Connected with a process, or no longer.
    Link {
        /// The other's lane.
        other: usize,
        /// Which of the two.
        up: bool,
    },
    /// The plan let nothing through between processes: from each of these lanes to each of those.
    Blocked {
        /// The senders.
        from: Vec<usize>,
        /// The receivers.
        to: Vec<usize>,
        /// Whether the other way is closed too.
        both: bool,
    },
    /// The plan let things through again, everywhere or between some.
    Healed,
    /// Something else that the plan did.
    Fault(String),
    /// A rule was broken.
    Violated {
        /// Which.
        rule: String,
        /// How.
        detail: String,
    },
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Its number, in the order of sending.
    pub number: u64,
    /// The sender's lane.
    pub from: usize,
    /// The receiver's lane.
    pub to: usize,
    /// What it says.
    pub label: String,
    /// Its ballot or epoch, as a number that sorts like it.
    pub round: Option<u64>,
    /// Whether it is only a sign of life.
    pub quiet: bool,
}
