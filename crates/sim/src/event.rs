//! What happens in a run, as checkers and traces see it.

use crate::disk::Keep;
use crate::names::Names;
use crate::plan::Action;
use crate::script::keep_word;
use crate::time::Time;
use std::fmt::{self, Debug, Write};
use zoarium_process::{Input, Instant, PersistSeq, Protocol};

/// Names a message of a run, in the order of sending. Two copies of one message have one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageId(pub u64);

/// Something that happened.
#[derive(Debug)]
pub struct Event<'a, P: Protocol> {
    /// Its place in the run, from 1.
    pub number: u64,
    /// When.
    pub time: Time,
    /// What.
    pub what: What<'a, P>,
}

/// What happened.
#[derive(Debug)]
pub enum What<'a, P: Protocol> {
    /// A step of the plan is carried out.
    Planned(&'a Action<P::Id>),
    /// The second phase of the plan begins.
    Calmed,
    /// A process was made from what its disk holds.
    Started {
        /// Which.
        process: P::Id,
        /// How often it had been started before.
        restarts: u64,
    },
    /// A process ended.
    Crashed {
        /// Which.
        process: P::Id,
        /// What its disk keeps of what was not synced.
        keep: Keep,
    },
    /// A process was stopped.
    Paused(P::Id),
    /// A process goes on.
    Resumed(P::Id),
    /// A process is about to take an input.
    Input {
        /// Which.
        process: P::Id,
        /// The input.
        input: &'a Input<P>,
        /// The message's name, if it is one.
        message: Option<MessageId>,
    },
    /// A process has taken an input; none of the effects has been carried out yet.
    Stepped(P::Id),
    /// A process sent a message.
    Sent {
        /// The sender.
        from: P::Id,
        /// The receiver.
        to: P::Id,
        /// What it said.
        body: &'a P::Message,
        /// The message's name.
        message: MessageId,
    },
    /// A message, or a copy of it, will not arrive.
    Lost {
        /// The sender.
        from: P::Id,
        /// The receiver.
        to: P::Id,
        /// Which.
        message: MessageId,
    },
    /// A process asked for a record to be durable.
    Persist {
        /// Which.
        process: P::Id,
        /// The record's number.
        seq: PersistSeq,
        /// The record.
        record: &'a P::Record,
    },
    /// A disk wrote records; they are not durable yet.
    Written {
        /// Whose.
        process: P::Id,
        /// The last of them.
        upto: PersistSeq,
    },
    /// All records written are durable.
    Synced {
        /// Whose.
        process: P::Id,
        /// The last of them.
        upto: PersistSeq,
    },
    /// A disk was found full, or has room again.
    DiskFull {
        /// Whose.
        process: P::Id,
        /// Which of the two.
        full: bool,
    },
    /// A process set a timer.
    TimerSet {
        /// Which process.
        process: P::Id,
        /// Which timer.
        timer: P::Timer,
        /// When it is due, on the process's clock.
        at: Instant,
    },
    /// A process cancelled a timer.
    TimerCancelled {
        /// Which process.
        process: P::Id,
        /// Which timer.
        timer: P::Timer,
    },
    /// A process told the outside something.
    Output {
        /// Which.
        process: P::Id,
        /// What.
        output: &'a P::Output,
    },
    /// A request came to a process that did not run.
    RequestLost {
        /// Which.
        process: P::Id,
        /// The request.
        request: &'a P::Request,
    },
    /// Two processes are connected; each hears of it later.
    Connected(P::Id, P::Id),
    /// A connection ended; each hears of it later.
    Disconnected(P::Id, P::Id),
}

impl<P: Protocol> Event<'_, P> {
    /// Writes the event as a line of a trace, without its end.
    ///
    /// # Errors
    /// If `out` cannot be written to.
    pub fn write_line(&self, names: &Names<P::Id>, out: &mut dyn Write) -> fmt::Result {
        write!(out, "{} ", self.time)?;
        self.what.write(names, out)
    }

    /// The event as a line of a trace.
    pub fn line(&self, names: &Names<P::Id>) -> String {
        let mut line = String::new();
        self.write_line(names, &mut line).expect("a string takes all");
        line
    }
}

impl<P: Protocol> What<'_, P> {
    fn write(&self, names: &Names<P::Id>, out: &mut dyn Write) -> fmt::Result {
        let name = |id: P::Id| names.name(id);
        match *self {
            Self::Planned(action) => write!(out, "! {}", action.script(names)),
            Self::Calmed => write!(out, "! settle"),
            Self::Started { process, restarts } => {
                write!(out, "{} started #{restarts}", name(process))
            }
            Self::Crashed { process, keep } => {
                write!(out, "{} crashed, disk keeps {}", name(process), keep_word(keep))
            }
            Self::Paused(process) => write!(out, "{} paused", name(process)),
            Self::Resumed(process) => write!(out, "{} resumed", name(process)),
            Self::Input { process, input, message } => {
                write!(out, "{} ", name(process))?;
                write_input(input, message, names, out)
            }
            Self::Stepped(process) => write!(out, "{} stepped", name(process)),
            Self::Sent { from, to, body, message } => {
                write!(out, "{} -> {} m{} {body:?}", name(from), name(to), message.0)
            }
            Self::Lost { from, to, message } => {
                write!(out, "{} -x {} m{} lost", name(from), name(to), message.0)
            }
            Self::Persist { process, seq, record } => {
                write!(out, "{} persist {} {record:?}", name(process), seq.0)
            }
            Self::Written { process, upto } => write!(out, "{} written {}", name(process), upto.0),
            Self::Synced { process, upto } => write!(out, "{} synced {}", name(process), upto.0),
            Self::DiskFull { process, full: true } => write!(out, "{} disk full", name(process)),
            Self::DiskFull { process, full: false } => {
                write!(out, "{} disk has room", name(process))
            }
            Self::TimerSet { process, timer, at } => {
                write!(out, "{} timer {timer:?} at {:?}", name(process), at.since_origin())
            }
            Self::TimerCancelled { process, timer } => {
                write!(out, "{} timer {timer:?} cancelled", name(process))
            }
            Self::Output { process, output } => write!(out, "{} output {output:?}", name(process)),
            Self::RequestLost { process, request } => {
                write!(out, "{} is down for request {request:?}", name(process))
            }
            Self::Connected(one, other) => {
                write!(out, "{} -- {} connected", name(one), name(other))
            }
            Self::Disconnected(one, other) => {
                write!(out, "{} -- {} disconnected", name(one), name(other))
            }
        }
    }
}

fn write_input<P: Protocol>(
    input: &Input<P>,
    message: Option<MessageId>,
    names: &Names<P::Id>,
    out: &mut dyn Write,
) -> fmt::Result {
    match input {
        Input::Start => write!(out, "start"),
        Input::LinkUp(other) => write!(out, "link up {}", names.name(*other)),
        Input::LinkDown(other) => write!(out, "link down {}", names.name(*other)),
        Input::Message { from, message: body } => {
            let number = message.map_or(0, |message| message.0);
            write!(out, "<- {} m{number} {body:?}", names.name(*from))
        }
        Input::Timer(timer) => write!(out, "timer {timer:?}"),
        Input::Persisted { upto } => write!(out, "persisted {}", upto.0),
        Input::Request(request) => write!(out, "request {request:?}"),
    }
}
