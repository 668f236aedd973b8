//! The world of a run, and what is run with every seed.

use crate::bug::Bug;
use crate::checkers;
use crate::client::Client;
use crate::disk::ServerDisk;
use crate::member::Member;
use crate::participant::{Message, Name, Participant, Request};
use crate::setup::{Kind, Setup};
use crate::workload::{self, Extras};
use zoarium_sim::{Checkers, Experiment, Names, Plan, Start, StartError, World};

/// The servers and their clients.
#[derive(Debug)]
pub struct Ensemble {
    setup: Setup,
    bug: Option<Bug>,
}

impl Ensemble {
    /// Servers that do nothing wrong.
    pub const fn new(setup: Setup) -> Self {
        Self { setup, bug: None }
    }
}

impl World for Ensemble {
    type Process = Participant;
    type Disk = ServerDisk;

    fn names(&self) -> Names<Name> {
        self.setup.names()
    }

    fn disk(&mut self, _: Name) -> ServerDisk {
        ServerDisk::new(self.setup.disk(self.bug))
    }

    fn start(&mut self, start: Start<'_, Self>) -> Result<Participant, StartError> {
        let Start { process, disk, seed, now, restarts } = start;
        match process {
            Name::Server(id) => {
                let options = self.setup.member(id, self.bug);
                let member = Member::start(options, disk, now, seed, restarts)?;
                Ok(Participant::Member(Box::new(member)))
            }
            Name::Client(_) => {
                let client = Client::new(process, self.setup.servers(), self.bug, seed, restarts);
                Ok(Participant::Client(Box::new(client)))
            }
        }
    }

    fn request(&mut self, to: Name, words: &str) -> Result<Request, String> {
        match to {
            Name::Server(_) => workload::parse_break(words),
            Name::Client(_) => workload::parse(words).map(Request::Do),
        }
    }

    fn is_linked(&self, one: Name, other: Name) -> bool {
        !matches!((one, other), (Name::Client(_), Name::Client(_)))
    }

    fn stream(&self, message: &Message) -> u64 {
        message.stream()
    }

    fn on_disk_full(&mut self, _: Name, full: bool) -> Option<Request> {
        Some(Request::DiskFull(full))
    }
}

/// Servers under faults, with all checkers; and with a bug, if one is to be found.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// Which servers.
    pub kind: Kind,
    /// What they do wrong.
    pub bug: Option<Bug>,
}

impl Default for Trial {
    fn default() -> Self {
        Self { kind: Kind::Drawn, bug: None }
    }
}

impl Trial {
    /// A trial that a planted bug shows in.
    pub fn of_bug(bug: Bug) -> Self {
        Self { kind: bug.kind(), bug: Some(bug) }
    }
}

impl Experiment for Trial {
    type World = Ensemble;

    fn world(&self, seed: u64) -> Ensemble {
        let setup = Setup::new(self.kind, seed);
        let setup = match self.bug {
            // Else most learners are sent what they lack.
            Some(Bug::TailKeptBehindSnapshot | Bug::SnapshotSentEarly) => setup.with_snapshots(),
            Some(_) | None => setup,
        };
        Ensemble { setup, bug: self.bug }
    }

    fn checkers(&self) -> Checkers<Participant> {
        checkers::all()
    }

    fn plan(&self, seed: u64) -> Plan<Name> {
        let setup = Setup::new(self.kind, seed);
        let syncs = self.bug == Some(Bug::SyncUnconfirmed);
        let damage = match self.bug {
            Some(bug) => bug == Bug::ChecksumIgnored,
            None => setup.can_lose_one() && workload::draws_damage(seed),
        };
        let extras = Extras { changes: setup.changes(), syncs, damage };
        workload::plan(seed, &setup.names(), extras)
    }
}
