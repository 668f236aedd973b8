//! An ensemble of real servers: each of any implementation and in any role, with its own
//! directories and ports; started, stopped, killed, paused and replaced one by one, over links that
//! can be cut ([`network`]).

pub(crate) mod agreement;
pub(crate) mod member;
pub(crate) mod network;
pub(crate) mod sniff;
pub(crate) mod status;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail, ensure};

use crate::server::Kind;
use crate::session::Session;
use crate::tools::{Ports, Tools, wait_for};
use member::Member;
use network::{Network, Port};
use sniff::{SyncKind, SyncSeen};
pub(crate) use status::{Mode, Status};

/// A server's id.
pub(crate) type Sid = u8;

/// How long an election may take.
const ELECTION_LIMIT: Duration = Duration::from_secs(60);
/// How long servers may take to log what is committed.
const LOG_LIMIT: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Participant,
    Observer,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Participant => "participant",
            Self::Observer => "observer",
        }
    }
}

/// Who finds whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wiring {
    /// Over proxies, with every link under control.
    Proxies,
    /// Directly, with the client addresses in the server lines, as reconfiguration needs it.
    Direct,
}

/// What an ensemble is made of.
#[derive(Clone, Debug)]
pub(crate) struct Plan<'a> {
    /// Tells its directories from others.
    pub(crate) name: String,
    /// The servers 1, 2, ….
    pub(crate) members: Vec<(Kind, Role)>,
    /// Added to every zoo.cfg.
    pub(crate) lines: &'a [&'a str],
    pub(crate) wiring: Wiring,
}

impl Plan<'_> {
    /// Participants only, over proxies.
    pub(crate) fn of(name: &str, kinds: &[Kind]) -> Self {
        let members = kinds.iter().map(|kind| (*kind, Role::Participant)).collect();
        Self { name: name.to_owned(), members, lines: &[], wiring: Wiring::Proxies }
    }

    /// As [`Plan::of`], for stories in which nobody may be given up: on a busy machine a server can
    /// be without a processor for longer than the others wait elsewhere.
    pub(crate) fn patient(name: &str, kinds: &[Kind]) -> Self {
        Self { lines: &["syncLimit=40"], ..Self::of(name, kinds) }
    }
}

/// A server's ports on 127.0.0.1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    pub(crate) sid: Sid,
    pub(crate) client: u16,
    pub(crate) quorum: u16,
    pub(crate) election: u16,
}

impl Addresses {
    fn of(self, port: Port) -> u16 {
        match port {
            Port::Quorum => self.quorum,
            Port::Election => self.election,
        }
    }
}

/// A server that is none of the ensemble's, but whose configuration names its servers.
#[derive(Debug)]
pub(crate) struct Stranger<'a> {
    pub(crate) member: Member,
    _ports: Ports<'a>,
}

/// The servers of a plan. Dropping it kills them.
#[derive(Debug)]
pub(crate) struct Ensemble<'a> {
    tools: &'a Tools,
    pub(crate) dir: PathBuf,
    pub(crate) members: Vec<Member>,
    network: Option<Network>,
    /// How many of the syncs seen were asked about.
    syncs_read: usize,
    /// Given back after the servers and proxies are gone.
    _ports: Ports<'a>,
}

impl<'a> Ensemble<'a> {
    /// Directories and configurations; nothing runs yet.
    pub(crate) fn prepare(tools: &'a Tools, plan: &Plan<'_>) -> Result<Self> {
        let dir = tools.run_dir(&plan.name)?;
        let data = tools.memory_dir(&plan.name)?;
        let count = plan.members.len();
        let ports = tools.lease(u16::try_from(3 * count + Network::port_count(count))?);
        let mut next = ports.first..;
        let mut port = || next.next().context("ports");
        let mut members = Vec::new();
        for (&(kind, role), sid) in plan.members.iter().zip(1..) {
            let addresses = Addresses { sid, client: port()?, quorum: port()?, election: port()? };
            let (dir, data) = (dir.join(sid.to_string()), data.join(sid.to_string()));
            std::fs::create_dir_all(&dir)?;
            let (process, is_paused, syncs_before) = (None, false, 0);
            members.push(Member {
                addresses,
                kind,
                role,
                dir,
                data,
                process,
                is_paused,
                syncs_before,
            });
        }
        let first = port()?;
        let network = match plan.wiring {
            Wiring::Direct => None,
            Wiring::Proxies => {
                let addresses: Vec<_> = members.iter().map(|member| member.addresses).collect();
                Some(Network::start(&addresses, first)?)
            }
        };
        for reader in &members {
            let servers: Vec<String> =
                members.iter().map(|it| it.line_for(reader.sid(), network.as_ref())).collect();
            reader.configure(&servers, plan.lines)?;
        }
        Ok(Self { tools, dir, members, network, syncs_read: 0, _ports: ports })
    }

    /// Starts all servers and makes `leader` the leader of a fresh ensemble. The larger id wins an
    /// election without history, so it must be the largest of the participants.
    pub(crate) fn start_led_by(tools: &'a Tools, plan: &Plan<'_>, leader: Sid) -> Result<Self> {
        let mut ensemble = Self::prepare(tools, plan)?;
        let rest: Vec<Sid> = ensemble.sids().into_iter().filter(|sid| *sid != leader).collect();
        let quorum = ensemble.participants() / 2 + 1;
        let (first, later) = rest.split_at(quorum - 1);
        ensemble.start(leader)?;
        first.iter().try_for_each(|sid| ensemble.start(*sid))?;
        ensemble.wait_serving(leader, Some(Mode::Leader))?;
        later.iter().try_for_each(|sid| ensemble.start(*sid))?;
        ensemble.wait_all()?;
        Ok(ensemble)
    }

    pub(crate) fn sids(&self) -> Vec<Sid> {
        self.members.iter().map(Member::sid).collect()
    }

    pub(crate) fn member(&self, sid: Sid) -> &Member {
        &self.members[usize::from(sid) - 1]
    }

    pub(crate) fn member_mut(&mut self, sid: Sid) -> &mut Member {
        &mut self.members[usize::from(sid) - 1]
    }

    fn participants(&self) -> usize {
        self.members.iter().filter(|member| member.role == Role::Participant).count()
    }

    pub(crate) fn start(&mut self, sid: Sid) -> Result<()> {
        let tools = self.tools;
        let syncs_before = self.network.as_ref().map_or(0, |network| network.syncs().len());
        let member = self.member_mut(sid);
        member.syncs_before = syncs_before;
        member.start(tools)
    }

    /// Starts a server and waits until it serves.
    pub(crate) fn join(&mut self, sid: Sid) -> Result<Status> {
        self.start(sid)?;
        self.wait_serving(sid, None)
    }

    pub(crate) fn kill(&mut self, sid: Sid) -> Result<()> {
        self.member_mut(sid).kill()
    }

    pub(crate) fn stop(&mut self, sid: Sid) -> Result<()> {
        let name = self.member(sid).name();
        self.member_mut(sid).stop().with_context(|| format!("stop {name}"))
    }

    pub(crate) fn pause(&mut self, sid: Sid) -> Result<()> {
        self.member_mut(sid).pause()
    }

    pub(crate) fn resume(&mut self, sid: Sid) -> Result<()> {
        self.member_mut(sid).resume()
    }

    /// Makes the next start of a server one of another implementation, on the same directories.
    pub(crate) fn replace(&mut self, sid: Sid, kind: Kind) {
        self.member_mut(sid).kind = kind;
    }

    pub(crate) fn network(&self) -> Result<&Network> {
        self.network.as_ref().context("this ensemble has no proxies")
    }

    pub(crate) fn session(&self, sid: Sid) -> Result<Session> {
        self.member(sid).session()
    }

    /// The client ports of all participants and observers, in order of their ids.
    pub(crate) fn client_ports(&self) -> Vec<u16> {
        self.members.iter().map(|member| member.addresses.client).collect()
    }

    pub(crate) fn wait_serving(&mut self, sid: Sid, mode: Option<Mode>) -> Result<Status> {
        let status = self.member_mut(sid).wait_serving(mode);
        status.map_err(|error| self.explain(error))
    }

    /// Waits until every server that runs serves.
    pub(crate) fn wait_all(&mut self) -> Result<()> {
        for sid in self.sids() {
            if self.member(sid).is_running() {
                self.wait_serving(sid, None)?;
            }
        }
        Ok(())
    }

    /// Waits until one of the running servers leads.
    pub(crate) fn wait_leader(&self) -> Result<Sid> {
        wait_for("a leader", ELECTION_LIMIT, || {
            let running = self.members.iter().filter(|member| member.is_running());
            let leads =
                |member: &&Member| member.status().is_ok_and(|status| status.mode == Mode::Leader);
            running.filter(leads).map(Member::sid).next().context("nobody says that it leads")
        })
        .map_err(|error| self.explain(error))
    }

    /// Waits until `sid` leads and all others that run follow.
    pub(crate) fn wait_led_by(&mut self, sid: Sid) -> Result<()> {
        let leader = self.wait_leader()?;
        ensure!(leader == sid, "server {leader} leads, server {sid} should");
        self.wait_all()
    }

    /// Waits until all participants that run have the last transaction on disk. Servers apply what
    /// a quorum has logged, so one that is killed may know less afterwards than it has shown.
    pub(crate) fn wait_logged(&self) -> Result<()> {
        let is_voter = |member: &&Member| member.role == Role::Participant && member.is_running();
        let voters: Vec<&Member> = self.members.iter().filter(is_voter).collect();
        wait_for("the last transaction in every log", LOG_LIMIT, || {
            let mut ends =
                voters.iter().map(|it| Ok(it.status()?.zxid)).collect::<Result<Vec<_>>>()?;
            ends.dedup();
            let [end] = ends[..] else { bail!("the servers are at {ends:x?}") };
            for member in &voters {
                let is_there = member.has_logged(&end.to_be_bytes())?;
                ensure!(is_there, "{end:#x} is not in the log of {}", member.name());
            }
            Ok(())
        })
        .map_err(|error| self.explain(error))
    }

    /// How `learner` was brought up to date since this was last asked. A learner that has to try
    /// again may have kept what it got before, so the first one counts.
    pub(crate) fn sync_of(&mut self, leader: Sid, learner: Sid) -> Result<SyncKind> {
        let syncs = self.network()?.syncs();
        let fresh: Vec<SyncSeen> = syncs.get(self.syncs_read..).unwrap_or_default().to_vec();
        self.syncs_read = syncs.len();
        let wanted = |seen: &&SyncSeen| seen.learner == learner && seen.leader == leader;
        match fresh.iter().find(wanted) {
            Some(seen) => Ok(seen.kind),
            None => bail!("no sync of server {learner} by server {leader} among {fresh:?}"),
        }
    }

    /// Starts a server with this id, an empty directory and ports of its own, which knows the
    /// others.
    pub(crate) fn stranger(&self, sid: Sid, name: &str) -> Result<Stranger<'a>> {
        let ports = self.tools.lease(3);
        let (client, quorum, election) = (ports.first, ports.first + 1, ports.first + 2);
        let mut member = Member {
            addresses: Addresses { sid, client, quorum, election },
            kind: self.member(1).kind,
            role: Role::Participant,
            dir: self.tools.run_dir(&format!("{name}-of-an-ensemble"))?,
            data: self.tools.memory_dir(&format!("{name}-of-an-ensemble"))?,
            process: None,
            is_paused: false,
            syncs_before: 0,
        };
        let others = self.members.iter().filter(|it| it.sid() != sid);
        let mut servers: Vec<String> = others.map(|member| member.own_line(false)).collect();
        servers.push(member.own_line(false));
        member.configure(&servers, &[])?;
        member.start(self.tools)?;
        Ok(Stranger { member, _ports: ports })
    }

    /// Adds the ends of all logs to a failure, if they are not there yet.
    pub(crate) fn explain(&self, error: Error) -> Error {
        let text = format!("{error:#}");
        let note = format!("logs in {}", self.dir.display());
        if text.contains(&note) {
            return error;
        }
        let tails: Vec<String> = self.members.iter().map(Member::log_tail).collect();
        anyhow!("{text}\n{}\n({note})", tails.join("\n"))
    }
}
