//! Zab: our servers' own protocol, in an adapter. There is no second implementation of it here.
//!
//! F. Junqueira, B. Reed and M. Serafini, *Zab: High-performance broadcast for primary-backup
//! systems*, 2011. The crate `zab` is the protocol; read it there: `election.rs`, `discovery.rs`,
//! `synchronization.rs`, `broadcast.rs`. This file and those beside it do what a server's driver
//! does: several conversations over one link of the simulator, a disk, and a tree that is a list of
//! commands.

mod conversations;
mod disk;
mod labels;
mod server;
mod sessions;

use crate::judges::{Converges, OneLeader, PrimaryOrder, TotalOrder};
use crate::name::Name;
use crate::protocols::multi_paxos::commands_of;
use crate::said::{Said, Value};
use crate::settings::{Reader, SettingError};
use crate::subject::{Birth, State, Subject, Vote};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use zoarium_process::Protocol;
use zoarium_proto::{Membership, ServerId, Zxid};
use zoarium_sim::{Checkers, LinkPolicy, Rng};
use zoarium_zab::{Notification, Packet, Record, Timer, Txn, ZabOptions};

pub(crate) use server::Server;

/// A tick: short, so that runs are short too.
const TICK: Duration = Duration::from_millis(100);
/// Ticks to join a leader.
const INIT_LIMIT: u32 = 5;
/// Ticks of silence between leader and learner.
const SYNC_LIMIT: u32 = 2;

/// What goes over a link between two servers.
#[derive(Clone)]
pub(crate) enum Message {
    /// On the election port.
    Vote(Notification),
    /// The sender opens a connection to the receiver as its leader.
    Open { connection: u64 },
    /// The connection is open, as far as the network is concerned.
    Opened { connection: u64 },
    /// A packet on a connection, and whether the sender opened it.
    Packet { connection: u64, by_learner: bool, packet: Packet },
    /// A snapshot, behind its SNAP.
    Snapshot { connection: u64, zxid: Zxid, txns: Vec<Txn> },
    /// An end of a connection is closed.
    Close { connection: u64, by_learner: bool },
}

/// What is made durable: a record of Zab's, and the snapshot it speaks of.
#[derive(Clone)]
pub(crate) struct Entry {
    record: Record,
    snapshot: Vec<Txn>,
}

/// What the leader's adapter does wrong, to see that followers notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tamper {
    Nothing,
    /// The first proposal to every follower behind its NEWLEADER is not sent.
    LosesProposals,
    /// The first commit to every follower behind its NEWLEADER is not sent.
    LosesCommits,
    /// Every proposal is sent twice.
    DoublesProposals,
}

/// Who takes part.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) voters: u8,
    observers: u8,
    membership: Arc<Membership>,
    /// How many committed transactions a leader keeps for those who lag.
    keeps: usize,
    /// The counter at which a leader makes way for the next epoch.
    rollover_at: u32,
    tamper: Tamper,
}

/// What a script can ask of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// A client's commands, one behind the other.
    Do(Vec<Value>),
    /// This session has ended.
    Close(Value),
    /// These are to be the voters.
    Reconfigure(Vec<u8>),
}

impl Setup {
    fn names(&self) -> impl Iterator<Item = Name> + use<> {
        let voters = self.voters;
        let observers = self.observers;
        Name::all('s', voters)
            .chain((voters + 1..=voters + observers).map(|number| Name::new('o', number)))
    }

    fn name(&self, id: ServerId) -> Name {
        let number = u8::try_from(id.0).unwrap_or(u8::MAX);
        Name::new(if number <= self.voters { 's' } else { 'o' }, number)
    }

    fn options(&self, name: Name) -> ZabOptions {
        ZabOptions {
            tick: TICK,
            init_limit: INIT_LIMIT,
            sync_limit: SYNC_LIMIT,
            committed_log_max: self.keeps,
            disk_log_sync: false,
            wait_for_epoch_max: TICK * 2,
            rollover_at: self.rollover_at,
            reconfig_enabled: true,
            notify_interval_min: TICK / 2,
            notify_interval_max: TICK * 4,
            finalize_wait: TICK / 2,
            ..ZabOptions::new(id(name))
        }
    }
}

/// A server's id is its name's number.
fn id(name: Name) -> ServerId {
    ServerId(name.number().into())
}

fn membership(voters: impl Iterator<Item = u8>, observers: impl Iterator<Item = u8>) -> String {
    let line = |id: u8, role: &str| format!("server.{id}=host{id}:2888:3888:{role}\n");
    let voters: String = voters.map(|id| line(id, "participant")).collect();
    let observers: String = observers.map(|id| line(id, "observer")).collect();
    voters + &observers
}

fn value(bytes: &Bytes) -> Value {
    Value::from(String::from_utf8_lossy(bytes).as_ref())
}

impl Protocol for Server {
    type Id = Name;
    type Message = Message;
    type Timer = Timer;
    type Record = Entry;
    type Request = Request;
    type Output = Said;
}

impl Subject for Server {
    type Setup = Setup;

    const LINKS: LinkPolicy = LinkPolicy::Fifo;

    fn setup(reader: &mut Reader) -> Result<Setup, SettingError> {
        let tampers = [
            ("nothing", Tamper::Nothing),
            ("loses-proposals", Tamper::LosesProposals),
            ("loses-commits", Tamper::LosesCommits),
            ("doubles-proposals", Tamper::DoublesProposals),
        ];
        let voters = reader.number("voters", "how many servers vote", 3, 1..=7)?;
        let observers = reader.number("observers", "how many only learn", 0, 0..=3)?;
        let members = membership(1..=voters, voters + 1..=voters + observers);
        let membership = Membership::parse(&members).map_err(|error| SettingError::Value {
            key: "voters".to_owned(),
            found: voters.to_string(),
            expected: error.to_string(),
        })?;
        Ok(Setup {
            voters,
            observers,
            membership: Arc::new(membership),
            keeps: reader.number("keeps", "transactions kept for who lags", 100, 0..=1000)?,
            rollover_at: reader.number(
                "rollover-at",
                "the counter at which a leader makes way for a new epoch",
                u32::MAX - 1,
                2..=u32::MAX - 1,
            )?,
            tamper: reader.choice("tamper", "what a leader's packets suffer", &tampers)?,
        })
    }

    fn cast(setup: &Setup) -> Vec<(Name, &'static str)> {
        let role = |name: Name| if name.kind() == 's' { "voter" } else { "observer" };
        let mut cast: Vec<_> = setup.names().map(|name| (name, role(name))).collect();
        // The first leader is the voter with the greatest number.
        cast[..usize::from(setup.voters)].reverse();
        cast
    }

    fn start(setup: &Setup, birth: Birth<'_, Entry>) -> Self {
        Self::recover(setup.clone(), &birth)
    }

    fn request(_: Name, words: &str) -> Result<Request, String> {
        match words.split_once(' ') {
            Some(("do", commands)) => Ok(Request::Do(commands_of(commands))),
            Some(("close", session)) => Ok(Request::Close(session.into())),
            Some(("reconfigure", voters)) => {
                let voters: Option<Vec<u8>> =
                    voters.split(',').map(|voter| voter.parse().ok()).collect();
                voters.map(Request::Reconfigure).ok_or("voters are numbers: 1,2,3".to_owned())
            }
            _ => {
                Err("a server is asked to do a command, to close a session or to reconfigure 1,2,3"
                    .to_owned())
            }
        }
    }

    fn state(&self) -> State {
        self.shown()
    }

    fn round(message: &Message) -> Option<u64> {
        message.epoch().map(u64::from)
    }

    fn is_quiet(message: &Message) -> bool {
        match message {
            Message::Packet { packet, .. } => matches!(packet, Packet::Ping { .. }),
            Message::Open { .. } | Message::Opened { .. } | Message::Close { .. } => true,
            Message::Vote(_) | Message::Snapshot { .. } => false,
        }
    }

    /// Zab waits for every record before it speaks of it.
    fn is_forced(_: &Entry) -> bool {
        true
    }

    fn vote(of: Name, entry: &Entry) -> Option<Vote> {
        match &entry.record {
            Record::Append(txn) if of.kind() == 's' => {
                let (slot, round) = (txn.zxid.0, u64::from(txn.zxid.epoch()));
                Some(Vote { slot, round, value: value(&txn.bytes) })
            }
            Record::Append(_)
            | Record::AcceptedEpoch(_)
            | Record::CurrentEpoch(_)
            | Record::Truncate { .. }
            | Record::Snapshot { .. } => None,
        }
    }

    fn place(slot: u64) -> String {
        labels::short(Zxid(slot))
    }

    fn votes_needed(setup: &Setup, _: u64) -> usize {
        usize::from(setup.voters) / 2 + 1
    }

    fn judges(_: &Setup) -> Checkers<Self> {
        vec![
            Box::new(TotalOrder::default()),
            Box::new(PrimaryOrder::default()),
            Box::new(OneLeader::default()),
        ]
    }

    fn liveness(_: &Setup, rule: &'static str) -> Checkers<Self> {
        vec![Box::new(Converges::new(rule))]
    }

    /// Commands to anyone.
    fn workload(setup: &Setup, rng: &mut Rng) -> Vec<(u64, Name, String)> {
        let servers: Vec<Name> = setup.names().collect();
        let mut request = |number: usize| {
            let to = servers[rng.index(servers.len())];
            (150 + rng.below(2500), to, format!("do a{number} b{number}"))
        };
        (1..=20).map(&mut request).collect()
    }
}
