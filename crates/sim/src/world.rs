//! What the user of the simulator supplies: how processes come about and what they are asked.

use crate::checker::Violation;
use crate::clock::Clock;
use crate::disk::{Disk, DiskError};
use crate::names::Names;
use crate::time::Time;
use std::fmt::Debug;
use std::time::Duration;
use zoarium_process::{Now, Process, Protocol};

/// The id of a world's processes.
pub type Id<W> = <<W as World>::Process as Protocol>::Id;
/// What a world's processes are asked.
pub type Request<W> = <<W as World>::Process as Protocol>::Request;
/// What a world's processes say to each other.
pub type Message<W> = <<W as World>::Process as Protocol>::Message;
/// What a world's processes tell the outside.
pub type Output<W> = <<W as World>::Process as Protocol>::Output;

/// The processes of a run and what is around them. Every run has a world of its own.
///
/// Members of different kinds, such as servers and clients, are one `enum`.
pub trait World: Debug + Sized {
    /// A member.
    type Process: Process;
    /// What a member keeps: [`RecordDisk`](crate::RecordDisk), or real storage code.
    type Disk: Disk<Record = <Self::Process as Protocol>::Record>;

    /// All processes there will ever be, and what they are called.
    fn names(&self) -> Names<Id<Self>>;

    /// The empty disk of a process.
    fn disk(&mut self, process: Id<Self>) -> Self::Disk;

    /// Makes a process from what its disk holds: nothing at first, after a crash what is left.
    ///
    /// # Errors
    /// If there is no process to be made of that.
    fn start(&mut self, start: Start<'_, Self>) -> Result<Self::Process, StartError>;

    /// What a plan means by these words.
    ///
    /// # Errors
    /// If nothing, with the reason.
    fn request(&mut self, to: Id<Self>, words: &str) -> Result<Request<Self>, String>;

    /// Whether two processes are ever connected. All are, unless the world says otherwise.
    fn is_linked(&self, one: Id<Self>, other: Id<Self>) -> bool {
        let _ = (one, other);
        true
    }

    /// Which of several streams between two processes a message belongs to: order is kept within a
    /// stream, and messages of different ones overtake each other, as those of different TCP
    /// connections do. All belong to one, unless the world says otherwise.
    fn stream(&self, message: &Message<Self>) -> u64 {
        let _ = message;
        0
    }

    /// Does what a process's driver does about an output: reads from disk for it, closes a
    /// connection, asks the next thing. Nothing, unless the world says otherwise.
    fn on_output(&mut self, output: &Output<Self>, outside: &mut Outside<'_, Self>) {
        let _ = (output, outside);
    }

    /// How a process is told that its disk is full or has room again. It is not, unless the world
    /// says otherwise; its records wait.
    fn on_disk_full(&mut self, process: Id<Self>, full: bool) -> Option<Request<Self>> {
        let _ = (process, full);
        None
    }

    /// A copy of a message, for links that deliver some twice. They do not, unless the world says
    /// otherwise.
    fn copy(&self, message: &Message<Self>) -> Option<Message<Self>> {
        let _ = message;
        None
    }
}

/// What there is to make a process of.
#[derive(Debug)]
pub struct Start<'a, W: World> {
    /// Which process.
    pub process: Id<W>,
    /// Its disk. Whatever recovery does to it counts as operations.
    pub disk: &'a mut W::Disk,
    /// A seed that no other start of this run has.
    pub seed: u64,
    /// The process's clocks.
    pub now: Now,
    /// How often it was started before.
    pub restarts: u64,
}

/// Why a process cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// The disk said [`DiskError::Halted`]: it is to crash while it recovers.
    Halted,
    /// Its disk is [damaged](Disk::corrupt) and that was noticed: the process stays down.
    Refused,
    /// Its disk cannot be recovered from. The run has failed.
    Unrecoverable(Violation),
}

/// Recovery writes too: what its disk refuses is why there is no process.
impl From<DiskError> for StartError {
    fn from(error: DiskError) -> Self {
        let detail = match error {
            DiskError::Halted => return Self::Halted,
            DiskError::Full => "the disk is full".to_owned(),
            DiskError::Failed(reason) => reason,
        };
        Self::Unrecoverable(Violation::new("a disk can be recovered from", detail))
    }
}

/// What a world can do about an output.
#[derive(Debug)]
pub struct Outside<'a, W: World> {
    pub(crate) process: Id<W>,
    pub(crate) time: Time,
    pub(crate) clock: &'a Clock,
    pub(crate) disk: &'a mut W::Disk,
    pub(crate) orders: &'a mut Vec<Order<W>>,
}

/// Something a world wants done.
#[derive(Debug)]
pub(crate) enum Order<W: World> {
    Request { to: Id<W>, after: Duration, request: Request<W> },
    Cut(Id<W>, Id<W>),
    Exit { process: Id<W>, down_for: Option<Duration> },
}

impl<W: World> Outside<'_, W> {
    /// Whose output it is.
    pub const fn process(&self) -> Id<W> {
        self.process
    }

    /// The true time.
    pub const fn time(&self) -> Time {
        self.time
    }

    /// The process's clocks.
    pub fn now(&self) -> Now {
        self.clock.at(self.time)
    }

    /// The process's disk.
    pub const fn disk(&mut self) -> &mut W::Disk {
        self.disk
    }

    /// Hands a process a request, `after` this long.
    pub fn request(&mut self, to: Id<W>, after: Duration, request: Request<W>) {
        self.orders.push(Order::Request { to, after, request });
    }

    /// Breaks a connection; it comes back by itself.
    pub fn cut(&mut self, one: Id<W>, other: Id<W>) {
        self.orders.push(Order::Cut(one, other));
    }

    /// Ends the process that said it, with what it wrote kept; the effects after this output are
    /// not carried out.
    pub fn exit(&mut self, down_for: Option<Duration>) {
        self.orders.push(Order::Exit { process: self.process, down_for });
    }
}
