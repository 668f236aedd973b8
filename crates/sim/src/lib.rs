//! A seeded simulator of the world that protocol participants run in.
//!
//! A [`Sim`] carries out what [`Process`](zoarium_process::Process)es ask for, on virtual time:
//! links that come up and go down, disks that sync late and forget, clocks that drift, crashes,
//! pauses and partitions. All of it is decided by one seed and one [`Plan`], so that a run that
//! went wrong can be run again, looked at, and made smaller.
//!
//! It knows the contract in `process` and nothing of any protocol. It opens no file, reads no
//! clock, starts no thread and prints nothing; its `clippy.toml` forbids what would let one run of
//! a seed differ from another.
//!
//! # What the user supplies
//!
//! - a [`World`]: which processes there are, how one is made from what its disk holds, what the
//!   words of a request mean. Its [`Disk`] is a list of records ([`RecordDisk`]) or real storage
//!   code over a directory in memory;
//! - [`Checker`]s that see every [`Event`], with all processes, and say what must not be;
//! - [`Plan`]s: by hand, from a script, or drawn from a seed with an [`Intensity`].
//!
//! An [`Experiment`] is the three together; [`driver::hunt`] tries it with seed after seed, and
//! [shrinks](shrink()) what fails. [`crash_points()`] makes a plan for a crash at every operation of a
//! disk.
//!
//! # What a world promises
//!
//! - **Links** ([`LinkPolicy::Fifo`]): messages of one connection arrive once and in order (of each
//!   [stream](World::stream), if the world has several on one); what is
//!   lost, is lost by the end of the connection, and nothing is delivered across a `LinkDown`. A
//!   partition delays at first, and ends connections when it lasts. The two ends of a connection
//!   hear of its end at different times, so it may be half open. A process that died may still be
//!   heard: what was on its way arrives, in order, until its end is noticed.
//! - **Disks**: records are written and synced in order, in batches; `Persisted` follows a sync.
//!   A crash loses what was not written and, of what was written and not synced, what its [`Keep`]
//!   says. What was synced stays, unless the plan [flips a bit](Disk::corrupt) of it: then a world
//!   may [refuse](StartError::Refused) to start the process, which stays down.
//! - **Clocks**: monotonic time never goes back, but runs as fast as the plan says. Wall clocks
//!   jump. Timers are never early on the process's own clock.
//! - **Pauses**: a paused process's driver stands still too. Messages, timers and the completion of
//!   syncs wait.
//!
//! # Example
//!
//! One process counts what it is asked, and says so before its record is durable. A plan of two
//! lines shows why it must not:
//!
//! ```
//! use zoarium_process::{Effects, Input, Now, PersistSeq, Process, Protocol};
//! use zoarium_sim::*;
//!
//! #[derive(Debug)]
//! struct Counter(u64);
//!
//! impl Protocol for Counter {
//!     type Id = u8;
//!     type Message = ();
//!     type Timer = ();
//!     type Record = u64;
//!     type Request = ();
//!     type Output = u64;
//! }
//!
//! impl Process for Counter {
//!     fn step(&mut self, _: Now, input: Input<Self>, effects: &mut Effects<Self>) {
//!         if let Input::Request(()) = input {
//!             self.0 += 1;
//!             effects.persist(PersistSeq(1), self.0);
//!             effects.output(self.0);
//!         }
//!     }
//! }
//!
//! #[derive(Debug)]
//! struct Counters;
//!
//! impl World for Counters {
//!     type Process = Counter;
//!     type Disk = RecordDisk<u64>;
//!
//!     fn names(&self) -> Names<u8> {
//!         [1].into_iter().collect()
//!     }
//!     fn disk(&mut self, _: u8) -> RecordDisk<u64> {
//!         RecordDisk::new()
//!     }
//!     fn start(&mut self, start: Start<'_, Self>) -> Result<Counter, StartError> {
//!         Ok(Counter(start.disk.records().last().copied().unwrap_or(0)))
//!     }
//!     fn request(&mut self, _: u8, _: &str) -> Result<(), String> {
//!         Ok(())
//!     }
//! }
//!
//! #[derive(Debug, Default)]
//! struct NeverTwice(Vec<u64>);
//!
//! impl Checker<Counter> for NeverTwice {
//!     fn on_event(
//!         &mut self,
//!         event: &Event<'_, Counter>,
//!         _: &Running<Counter>,
//!     ) -> Result<(), Violation> {
//!         let What::Output { output, .. } = event.what else { return Ok(()) };
//!         if self.0.contains(output) {
//!             return Err(Violation::new("no count twice", output.to_string()));
//!         }
//!         self.0.push(*output);
//!         Ok(())
//!     }
//! }
//!
//! let script = "
//!     seed 1
//!     run 1s
//!     at 10ms request 1 count
//!     at effect 1:2 crash 1 keep synced for 5ms
//!     at 50ms request 1 count";
//! let plan = Plan::parse(script, &Counters.names())?;
//! let checkers: Checkers<Counter> = vec![Box::new(NeverTwice::default())];
//! let failure = Sim::new(Counters, Options::default(), plan, checkers).run().unwrap_err();
//! assert_eq!(failure.to_string(), "safety violation: no count twice: 1");
//! # Ok::<(), ScriptError>(())
//! ```
//!
//! Start reading at [`Sim`]; then `sim/steps.rs`, `sim/links.rs`, `sim/io.rs`, `sim/faults.rs`.

mod checker;
mod clock;
mod crash_points;
mod disk;
pub mod driver;
mod event;
mod event_kind;
mod experiment;
mod intensity;
mod link;
mod names;
mod options;
mod plan;
mod rng;
mod schedule;
mod script;
mod shrink;
mod sim;
mod table;
mod time;
mod trace;
mod world;

pub use checker::{Checker, Failure, Running, Violation};
pub use clock::{Clock, Rate};
pub use crash_points::crash_points;
pub use disk::{Disk, DiskError, Keep, RecordDisk};
pub use event::{Event, MessageId, What};
pub use event_kind::EventKind;
pub use experiment::{Experiment, Report, run};
pub use intensity::Intensity;
pub use names::Names;
pub use options::{Delay, LinkPolicy, Options};
pub use plan::{Action, Plan, Settle, Step, When};
pub use rng::{MILLION, Rng};
pub use script::{ScriptError, WordError};
pub use shrink::{Shrunk, setup_seed, shrink};
pub use sim::{Checkers, Choice, ChoiceId, Chosen, IoCount, Sim};
pub use time::Time;
pub use trace::{Trace, TraceLevel};
pub use world::{Id, Message, Output, Outside, Request, Start, StartError, World};
