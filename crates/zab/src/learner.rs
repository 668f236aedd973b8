//! A server that has found a leader: a follower, or an observer. Here is what runs through all
//! phases; the conversations are in `discovery.rs`, `synchronization.rs` and `broadcast.rs`.

use crate::ids::Epoch;
use crate::message::{LearnerInfo, Packet, Vote};
use crate::persist::{Core, send};
use crate::reason::Reason;
use crate::vocabulary::{Link, Output, Request, Timer};
use crate::zab::Zab;
use alloc::collections::VecDeque;
use core::time::Duration;
use zoarium_process::{Effects, Instant, Now, PersistSeq};
use zoarium_proto::Zxid;

/// How often a leader is dialled before another election is held. It may have decided a moment
/// later than its learner, and not listen yet; one of Apache's does so 200 ms later.
pub const CONNECT_ATTEMPTS_MAX: u32 = 7;

/// Pause before the second attempt; each one after it is twice as long
/// (`zookeeper.leaderConnectDelayDuringRetryMs`).
pub const CONNECT_PAUSE: Duration = Duration::from_millis(10);

/// For how long a leader is dialled in all. One that is not ready hangs up at once; one that takes a
/// call and says nothing before it hangs up has not been elected, and it would do so again.
pub const CONNECT_PATIENCE: Duration = Duration::from_secs(1);

/// A server that has found a leader.
#[derive(Debug)]
pub(crate) struct Learner {
    /// The vote it joined with; its epoch is the leader's once that is established.
    pub(crate) vote: Vote,
    pub(crate) phase: Phase,
    /// When the leader was last heard of.
    heard: Instant,
    /// ACKs to send when the record is durable, in order of both.
    pub(crate) acks: VecDeque<(PersistSeq, Zxid)>,
    /// The epoch in which the leader has shown that only a snapshot helps.
    pub(crate) wants_snapshot: Option<Epoch>,
}

/// How far a learner has come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Phase {
    /// Dialling the leader.
    Connecting { attempts: u32 },
    /// Has sent FOLLOWERINFO or OBSERVERINFO.
    Introduced { attempts: u32 },
    /// Its promise is on the way to the disk; then ACKEPOCH.
    Promising { epoch: Epoch, seq: PersistSeq, current: Option<Epoch> },
    /// Has sent ACKEPOCH: DIFF, TRUNC or SNAP is next.
    Promised { epoch: Epoch },
    /// The driver is reading the leader's snapshot.
    ReceivingSnapshot { epoch: Epoch, zxid: Zxid },
    /// Takes in the leader's history.
    Synchronizing { epoch: Epoch },
    /// The history and then the epoch are on the way to the disk; then the ACK of NEWLEADER.
    Affirming { epoch: Epoch, seq: PersistSeq },
    /// Has the leader's history: UPTODATE is next.
    Affirmed { epoch: Epoch },
    /// Serves.
    Broadcasting { epoch: Epoch },
}

impl Phase {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Connecting { .. } => "connecting",
            Self::Introduced { .. } => "introduced",
            Self::Promising { .. } => "promising",
            Self::Promised { .. } => "promised",
            Self::ReceivingSnapshot { .. } => "receiving a snapshot",
            Self::Synchronizing { .. } => "synchronizing",
            Self::Affirming { .. } => "affirming",
            Self::Affirmed { .. } => "affirmed",
            Self::Broadcasting { .. } => "broadcasting",
        }
    }
}

impl Learner {
    /// Joins the leader of `vote`, after a pause if there is to be one.
    pub(crate) fn join(vote: Vote, pause: Duration, now: Now, fx: &mut Effects<Zab>) -> Self {
        fx.output(Output::Joining { leader: vote.leader });
        let begins = now.mono + pause;
        if pause.is_zero() {
            fx.output(Output::Connect { leader: vote.leader });
        } else {
            fx.set_timer(Timer::Connect, begins);
        }
        Self {
            vote,
            phase: Phase::Connecting { attempts: 1 },
            heard: begins,
            acks: VecDeque::new(),
            wants_snapshot: None,
        }
    }

    pub(crate) const fn link(&self) -> Link {
        Link::leader(self.vote.leader)
    }

    /// Closes what belongs to the role.
    pub(crate) fn leave(&self, why: &Reason, fx: &mut Effects<Zab>) {
        fx.cancel_timer(Timer::Connect);
        if *why != Reason::LinkDown {
            fx.output(Output::Disconnect { link: self.link(), why: why.clone() });
        }
    }

    pub(crate) fn on_link_up(&mut self, core: &Core, now: Now, fx: &mut Effects<Zab>) {
        let Phase::Connecting { attempts } = self.phase else { return };
        let info =
            LearnerInfo { accepted: core.accepted(), membership_version: core.membership.version };
        let packet = match core.is_observer() {
            true => Packet::ObserverInfo(info),
            false => Packet::FollowerInfo(info),
        };
        self.heard = now.mono;
        self.phase = Phase::Introduced { attempts };
        self.send(packet, fx);
    }

    pub(crate) fn on_link_down(&mut self, now: Now, fx: &mut Effects<Zab>) -> Result<(), Reason> {
        let (Phase::Connecting { attempts } | Phase::Introduced { attempts }) = self.phase else {
            return Err(Reason::LinkDown);
        };
        let is_late = now.mono.saturating_since(self.heard) > CONNECT_PATIENCE;
        if attempts >= CONNECT_ATTEMPTS_MAX || is_late {
            return Err(Reason::LinkDown);
        }
        self.phase = Phase::Connecting { attempts: attempts + 1 };
        fx.set_timer(Timer::Connect, now.mono + CONNECT_PAUSE * 2_u32.pow(attempts - 1));
        Ok(())
    }

    pub(crate) fn on_connect_timer(&self, fx: &mut Effects<Zab>) {
        fx.output(Output::Connect { leader: self.vote.leader });
    }

    /// What the leader sends can only be taken with a snapshot under it. Asking for one needs no
    /// election: the leader is where it was.
    pub(crate) fn rejoin_for_snapshot(
        &mut self,
        core: &mut Core,
        now: Now,
        epoch: Epoch,
        why: Reason,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Reason> {
        // Once is enough.
        if self.wants_snapshot == Some(epoch) {
            return Err(why);
        }
        fx.output(Output::Disconnect { link: self.link(), why });
        core.fast_forward(fx);
        self.acks.clear();
        self.wants_snapshot = Some(epoch);
        self.phase = Phase::Connecting { attempts: 1 };
        fx.set_timer(Timer::Connect, now.mono + CONNECT_PAUSE);
        Ok(())
    }

    pub(crate) fn on_packet(
        &mut self,
        core: &mut Core,
        now: Now,
        packet: Packet,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Reason> {
        self.heard = now.mono;
        match packet {
            Packet::LeaderInfo { epoch } => self.on_leader_info(core, epoch, fx),
            Packet::Diff { .. } => self.on_diff(core, now, fx),
            Packet::Trunc { to } => self.on_trunc(core, now, to, fx),
            Packet::Snap { zxid } => self.on_snap(zxid, fx),
            Packet::NewLeader { epoch, membership } => {
                self.on_new_leader(core, epoch, membership, fx)
            }
            Packet::UpToDate => self.on_up_to_date(core, fx),
            Packet::Proposal(txn) => self.on_proposal(core, now, txn, fx),
            Packet::Commit(zxid) => self.on_commit(core, zxid, fx),
            Packet::Inform(txn) => self.on_inform(core, now, txn, fx),
            Packet::CommitAndActivate { zxid, designated } => {
                self.on_commit_and_activate(core, zxid, designated, fx)
            }
            Packet::InformAndActivate { designated, txn } => {
                self.on_inform_and_activate(core, now, designated, txn, fx)
            }
            Packet::Ping { zxid, .. } => {
                self.on_ping(zxid, fx);
                Ok(())
            }
            Packet::Revalidate(answer) => self.tell(Output::Revalidated(answer), "REVALIDATE", fx),
            Packet::Sync => self.tell(Output::Synced, "SYNC", fx),
            Packet::Request(_)
            | Packet::Ack(_)
            | Packet::FollowerInfo(_)
            | Packet::ObserverInfo(_)
            | Packet::AckEpoch { .. } => Err(self.unexpected(packet.name())),
        }
    }

    /// Whatever a leader says while a learner serves and that is the owner's affair.
    fn tell(
        &self,
        output: Output,
        message: &'static str,
        fx: &mut Effects<Zab>,
    ) -> Result<(), Reason> {
        let Phase::Broadcasting { .. } = self.phase else {
            return Err(self.unexpected(message));
        };
        fx.output(output);
        Ok(())
    }

    /// Requests to a learner that does not serve are dropped: their clients are gone.
    pub(crate) fn on_request(&mut self, core: &mut Core, request: Request, fx: &mut Effects<Zab>) {
        if let Request::SnapshotReceived = request {
            return self.on_snapshot_received(core, fx);
        }
        let Phase::Broadcasting { .. } = self.phase else { return };
        match request {
            Request::Forward(forward) => self.send(Packet::Request(forward), fx),
            Request::Revalidate(question) => self.send(Packet::Revalidate(question), fx),
            Request::Pong { zxid, touched } => self.send(Packet::Ping { zxid, touched }, fx),
            // What a leader was asked or has asked for, in its last reign.
            Request::Propose(_)
            | Request::Revalidated { .. }
            | Request::Sync { .. }
            | Request::HistoryRead { .. }
            | Request::SnapshotSent { .. }
            | Request::SnapshotReceived => {}
        }
    }

    pub(crate) fn on_persisted(&mut self, core: &Core, fx: &mut Effects<Zab>) {
        match self.phase {
            Phase::Promising { epoch, seq, current } if core.is_durable(seq) => {
                self.ack_epoch(core, epoch, current, fx);
            }
            Phase::Affirming { epoch, seq } if core.is_durable(seq) => self.affirm(epoch, fx),
            Phase::Connecting { .. }
            | Phase::Introduced { .. }
            | Phase::Promising { .. }
            | Phase::Promised { .. }
            | Phase::ReceivingSnapshot { .. }
            | Phase::Synchronizing { .. }
            | Phase::Affirming { .. }
            | Phase::Affirmed { .. }
            | Phase::Broadcasting { .. } => {}
        }
        self.flush_acks(core, fx);
    }

    /// Gives up a leader that says nothing. A snapshot is the driver's to watch: its bytes do not
    /// come here.
    pub(crate) fn on_half_tick(&self, core: &Core, now: Now) -> Result<(), Reason> {
        let (limit, waiting_for) = match self.phase {
            Phase::ReceivingSnapshot { .. } => return Ok(()),
            Phase::Connecting { .. } => (core.options.init_time(), "the leader to answer"),
            Phase::Introduced { .. } | Phase::Promising { .. } => {
                (core.options.init_time(), "LEADERINFO")
            }
            Phase::Promised { .. } => (core.options.init_time(), "DIFF, TRUNC or SNAP"),
            Phase::Synchronizing { .. } | Phase::Affirming { .. } => {
                (core.options.init_time(), "NEWLEADER")
            }
            Phase::Affirmed { .. } => (core.options.sync_time(), "UPTODATE"),
            Phase::Broadcasting { .. } => (core.options.sync_time(), "the leader"),
        };
        match now.mono.saturating_since(self.heard) > limit {
            true => Err(Reason::Timeout { waiting_for }),
            false => Ok(()),
        }
    }

    pub(crate) fn unexpected(&self, message: &'static str) -> Reason {
        Reason::Unexpected { message, phase: self.phase.name() }
    }

    pub(crate) fn send(&self, packet: Packet, fx: &mut Effects<Zab>) {
        send(fx, self.link(), packet);
    }
}
