//! The world of a run, and what is run with every seed.

use crate::bug::Bug;
use crate::checkers;
use crate::client::Client;
use crate::disk::{DiskSettings, ServerDisk};
use crate::member::{Member, MemberOptions};
use crate::participant::{Name, Participant, Request};
use crate::workload;
use zoarium_sim::{Checkers, Experiment, Names, Plan, Start, StartError, World};

/// How many clients there are.
const CLIENTS: u8 = 3;

/// After how many txns a snapshot is taken: few, so that every run has some.
const SNAP_COUNT: u64 = 40;

/// The servers and their clients.
#[derive(Debug)]
pub struct Ensemble {
    options: MemberOptions,
}

const SERVER: Name = Name::Server(1);

impl World for Ensemble {
    type Process = Participant;
    type Disk = ServerDisk;

    fn names(&self) -> Names<Name> {
        let clients = (1..=CLIENTS).map(|number| (Name::Client(number), format!("c{number}")));
        Names::new(std::iter::once((SERVER, "s1".to_owned())).chain(clients))
    }

    fn disk(&mut self, _: Name) -> ServerDisk {
        let force_sync = self.options.bug != Some(Bug::LogNotSynced);
        ServerDisk::new(DiskSettings { force_sync, snap_count: SNAP_COUNT })
    }

    fn start(&mut self, start: Start<'_, Self>) -> Result<Participant, StartError> {
        let Start { process, disk, seed, now, restarts } = start;
        match process {
            Name::Server(_) => {
                let member = Member::start(self.options.clone(), disk, now, seed, restarts)?;
                Ok(Participant::Member(Box::new(member)))
            }
            Name::Client(_) => {
                Ok(Participant::Client(Box::new(Client::new(process, SERVER, restarts))))
            }
        }
    }

    fn request(&mut self, to: Name, words: &str) -> Result<Request, String> {
        match to {
            Name::Server(_) => Err("servers are asked by clients".to_owned()),
            Name::Client(_) => workload::parse(words).map(Request::Do),
        }
    }

    fn is_linked(&self, one: Name, other: Name) -> bool {
        !matches!((one, other), (Name::Client(_), Name::Client(_)))
    }

    fn on_disk_full(&mut self, _: Name, full: bool) -> Option<Request> {
        Some(Request::DiskFull(full))
    }
}

/// An ensemble under faults, with all checkers; and with a bug, if one is to be found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trial {
    /// What the servers do wrong.
    pub bug: Option<Bug>,
}

impl Experiment for Trial {
    type World = Ensemble;

    fn world(&self, _: u64) -> Ensemble {
        Ensemble { options: MemberOptions::new(self.bug) }
    }

    fn checkers(&self) -> Checkers<Participant> {
        checkers::all()
    }

    fn plan(&self, seed: u64) -> Plan<Name> {
        workload::plan(seed, &self.names(seed))
    }
}
