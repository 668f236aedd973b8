//! Who has logged, made durable, applied and committed what: what the other checkers judge by, and
//! the properties of Zab, by the names that `Zab.tla` gives them.
//!
//! In Zab a txn stands behind the same one in every log that has it. So all histories together are
//! a tree of txns, and a history is a place in it: its last txn. What is committed is one path.

use super::changes::{Change, changes};
use super::{Checked, broken, member};
use crate::member::Member;
use crate::participant::{Name, Output, Participant};
use bytes::Bytes;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use zoarium_process::PersistSeq;
use zoarium_proto::{Membership, ServerId, SessionId, Zxid};
use zoarium_sim::{Event, Running, What};
use zoarium_zab::{Epoch, PeerState, Record};

/// The ledger as checkers share it. The first of them keeps it.
pub(super) type Shared = Rc<RefCell<Ledger>>;

#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The members of the ensemble at first; none if the server is alone.
    membership: Option<Arc<Membership>>,
    /// The memberships that were committed, and which place in the history that has.
    memberships: Vec<(usize, Arc<Membership>)>,
    txns: BTreeMap<Zxid, Logged>,
    committed: Vec<Zxid>,
    servers: BTreeMap<Name, Server>,
    /// Who has begun to bring others to its history, by epoch, and which history that is.
    leaders: BTreeMap<Epoch, (Name, Zxid)>,
    /// Which epochs have been served in by their leaders.
    established: BTreeSet<Epoch>,
    /// How much of what is committed each crash of a lone server has left.
    cuts: Vec<usize>,
}

/// How much of what is committed a checker has taken in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    taken: usize,
    cuts: usize,
}

/// A txn that someone has logged.
#[derive(Debug)]
pub(super) struct Logged {
    txn: Bytes,
    before: Zxid,
    /// How many txns there are up to this one.
    depth: usize,
    pub(super) session: SessionId,
    pub(super) cxid: i32,
    pub(super) is_error: bool,
    pub(super) changes: Vec<Change>,
    membership: Option<Arc<Membership>>,
}

/// What is on a disk, or is on its way there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The last txn.
    pub(super) last: Zxid,
    pub(super) accepted: u32,
    pub(super) current: u32,
}

#[derive(Debug, Default)]
struct Server {
    durable: State,
    /// What is asked to be durable: the state after each record, and whether it takes away.
    asked: VecDeque<(PersistSeq, State, bool)>,
    /// The last txn applied.
    applied: Zxid,
    is_serving: bool,
}

impl Cursor {
    pub(super) const fn new() -> Self {
        Self { taken: 0, cuts: 0 }
    }
}

impl Server {
    /// The state once all is durable.
    fn logged(&self) -> State {
        self.asked.back().map_or(self.durable, |(_, state, _)| *state)
    }
}

impl Ledger {
    /// What is committed and has this zxid.
    pub(super) fn committed_txn(&self, zxid: Zxid) -> Option<&Logged> {
        self.committed.binary_search(&zxid).ok().map(|_| &self.txns[&zxid])
    }

    /// Where a checker begins that wants everything again.
    pub(super) const fn beginning(&self) -> Cursor {
        Cursor { taken: 0, cuts: self.cuts.len() }
    }

    /// Whether a lone server has lost something since a checker looked last.
    pub(super) const fn is_cut(&self, cursor: &Cursor) -> bool {
        cursor.cuts < self.cuts.len()
    }

    /// What is committed since a checker looked last.
    pub(super) fn news<'l>(
        &'l self,
        cursor: &mut Cursor,
    ) -> impl Iterator<Item = (Zxid, &'l Logged)> + use<'l> {
        let kept = self.cuts[cursor.cuts..].iter().min().copied().unwrap_or(usize::MAX);
        let from = cursor.taken.min(kept);
        *cursor = Cursor { taken: self.committed.len(), cuts: self.cuts.len() };
        self.committed[from..].iter().map(|zxid| (*zxid, &self.txns[zxid]))
    }

    pub(super) const fn is_alone(&self) -> bool {
        self.membership.is_none()
    }

    /// What is durable on a server.
    pub(super) fn durable(&self, server: Name) -> State {
        self.servers.get(&server).map_or_else(State::default, |server| server.durable)
    }

    /// The history of `zxid`, oldest first.
    pub(super) fn history(&self, zxid: Zxid) -> Vec<&Logged> {
        let mut history = Vec::new();
        let mut at = self.last_txn(zxid);
        while let Some(logged) = self.txns.get(&at) {
            history.push(logged);
            at = logged.before;
        }
        history.reverse();
        history
    }

    /// The last txn of the history that ends at `zxid`, which may be the start of an epoch.
    pub(super) fn last_txn(&self, zxid: Zxid) -> Zxid {
        match zxid.counter() {
            0 => self.leaders.get(&Epoch(zxid.epoch())).map_or(Zxid::ZERO, |(_, last)| *last),
            _ => zxid,
        }
    }

    fn depth(&self, last: Zxid) -> usize {
        self.txns.get(&last).map_or(0, |logged| logged.depth)
    }

    /// Whether the history that ends with the txn `last` has the one that ends with `earlier`.
    pub(super) fn has(&self, last: Zxid, earlier: Zxid) -> bool {
        if last == earlier {
            return true;
        }
        let is_known = |zxid| self.txns.contains_key(&zxid);
        if !is_known(last) || earlier != Zxid::ZERO && !is_known(earlier) {
            return false;
        }
        // Those of one epoch stand one behind the other, so the way back goes by epochs.
        let mut at = last;
        while at.epoch() > earlier.epoch() {
            let Some(first) = self.txns.get(&Zxid::new(at.epoch(), 1)) else { return false };
            at = first.before;
        }
        at.epoch() == earlier.epoch() && at >= earlier
    }

    /// Whether what has this zxid is committed.
    pub(super) fn is_committed(&self, zxid: Zxid) -> bool {
        let last = self.last_txn(zxid);
        let depth = self.depth(last);
        depth == 0 || self.committed.get(depth - 1) == Some(&last)
    }

    /// Takes note of an event.
    pub(super) fn on_event(
        &mut self,
        event: &Event<'_, Participant>,
        running: &Running<Participant>,
    ) -> Checked {
        match event.what {
            What::Started { process, .. } => match member(running, process) {
                Some(member) => self.on_started(process, member),
                None => Ok(()),
            },
            What::Crashed { process, .. } => {
                self.servers.entry(process).or_default().is_serving = false;
                Ok(())
            }
            What::Persist { process, seq, record } => {
                let leads = member(running, process).is_some_and(is_leading);
                self.on_persist(process, seq, record, leads)
            }
            What::Synced { process, upto } => self.on_synced(process, upto),
            What::Output { process, output } => self.on_output(process, output),
            _ => Ok(()),
        }
    }

    fn on_started(&mut self, name: Name, member: &Member) -> Checked {
        let ensemble = member.options().ensemble.as_ref();
        self.membership = ensemble.map(|ensemble| Arc::clone(&ensemble.membership));
        let recovered = member.recovered();
        let (accepted, current) = recovered.epochs;
        let state = State { last: self.last_txn(recovered.last_zxid), accepted, current };
        if self.is_alone() {
            self.forget_after(state.last);
            self.extend_to(state.last);
        } else if !recovered.is_wiped {
            self.check_recovered(name, state, recovered.last_zxid.epoch())?;
        }
        let server = self.servers.entry(name).or_default();
        server.durable = state;
        server.asked.clear();
        server.applied = state.last;
        self.check_durable()
    }

    /// A server that is alone may lose what it has told nobody of.
    fn forget_after(&mut self, last: Zxid) {
        self.txns.split_off(&Zxid(last.0 + 1));
        let committed = self.committed.partition_point(|zxid| *zxid <= last);
        self.committed.truncate(committed);
        self.cuts.push(committed);
    }

    /// What a crash leaves is what was durable, and a part of what was to be.
    fn check_recovered(&self, name: Name, found: State, epoch: u32) -> Checked {
        let Some(server) = self.servers.get(&name) else { return Ok(()) };
        let durable = std::iter::once(&server.durable);
        let states = durable.chain(server.asked.iter().map(|(_, state, _)| state));
        // Recovery raises epochs to that of the history.
        let epochs = |state: &State| {
            let current = state.current.max(epoch);
            (state.accepted.max(current), current)
        };
        let is_cut = server.asked.iter().any(|(_, _, is_cut)| *is_cut);
        let is_it = |state: &State| {
            let is_last = state.last == found.last || is_cut && self.has(state.last, found.last);
            is_last && epochs(state) == (found.accepted, found.current)
        };
        match states.clone().any(is_it) {
            true => Ok(()),
            false => {
                let states: Vec<&State> = states.collect();
                let detail = format!("{name:?} recovers {found:?} from {states:?}");
                broken("a crash leaves what was durable", detail)
            }
        }
    }

    fn on_persist(&mut self, name: Name, seq: PersistSeq, record: &Record, leads: bool) -> Checked {
        let before = self.servers.entry(name).or_default().logged();
        let mut state = before;
        match record {
            Record::AcceptedEpoch(epoch) => {
                state.accepted = epoch.0;
                if state.accepted < before.accepted {
                    return broken("acceptedEpoch never falls", format!("{name:?}: {epoch}"));
                }
            }
            Record::CurrentEpoch(epoch) => {
                state.current = epoch.0;
                if state.current < before.current || state.current > state.accepted {
                    let detail = format!("{name:?} enters {epoch} after {before:?}");
                    return broken("currentEpoch never falls, nor beyond acceptedEpoch", detail);
                }
                if leads {
                    self.on_epoch_entered(name, *epoch, before.last)?;
                }
            }
            Record::Append(txn) => {
                self.log(name, txn, before.last)?;
                state.last = txn.zxid;
            }
            Record::Truncate { to } => {
                state.last = self.last_txn(*to);
                if !self.has(before.last, state.last) {
                    let detail = format!("{name:?} at {} goes back to {to}", before.last);
                    return broken("TRUNC goes back in the server's own history", detail);
                }
            }
            Record::Snapshot { zxid } => state.last = self.last_txn(*zxid),
        }
        let is_cut = matches!(record, Record::Truncate { .. } | Record::Snapshot { .. });
        let server = self.servers.entry(name).or_default();
        server.asked.push_back((seq, state, is_cut));
        Ok(())
    }

    fn on_epoch_entered(&mut self, name: Name, epoch: Epoch, last: Zxid) -> Checked {
        match self.leaders.insert(epoch, (name, last)) {
            Some((other, _)) if other != name => {
                broken("Leadership1", format!("{name:?} and {other:?} lead in {epoch}"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn log(&mut self, name: Name, txn: &zoarium_zab::Txn, before: Zxid) -> Checked {
        let zoarium_zab::Txn { zxid, bytes, .. } = txn;
        if let Some(known) = self.txns.get(zxid) {
            if known.txn != *bytes {
                return broken("Integrity", format!("{name:?} logs another {zxid}"));
            }
            if known.before != before {
                let detail = format!(
                    "{name:?} logs {zxid} behind {before}, others have it behind {}",
                    known.before
                );
                return broken("TotalOrder", detail);
            }
            return Ok(());
        }
        let leader = self.leaders.get(&Epoch(zxid.epoch())).map(|(leader, _)| *leader);
        if !self.is_alone() && leader != Some(name) {
            let detail = format!("{name:?} logs {zxid}, which nobody broadcast");
            return broken("Integrity", detail);
        }
        if zxid.epoch() < before.epoch() {
            return broken("GlobalPrimaryOrder", format!("{zxid} comes behind {before}"));
        }
        if before.next() != Some(*zxid) && zxid.counter() != 1 {
            return broken("LocalPrimaryOrder", format!("{zxid} comes behind {before}"));
        }
        let (header, changes) = changes(bytes);
        let logged = Logged {
            txn: bytes.clone(),
            before,
            depth: self.depth(before) + 1,
            session: header.session,
            cxid: header.cxid,
            is_error: header.is_error,
            changes,
            membership: txn.membership.clone(),
        };
        self.txns.insert(*zxid, logged);
        Ok(())
    }

    fn on_synced(&mut self, name: Name, upto: PersistSeq) -> Checked {
        let server = self.servers.entry(name).or_default();
        let mut has_cut = false;
        while let Some((_, state, is_cut)) = server.asked.pop_front_if(|(seq, ..)| *seq <= upto) {
            server.durable = state;
            has_cut |= is_cut;
        }
        if has_cut { self.check_durable() } else { Ok(()) }
    }

    fn on_output(&mut self, name: Name, output: &Output) -> Checked {
        match output {
            Output::Applied { zxid, .. } => self.on_applied(name, *zxid),
            Output::Looking(_) => {
                self.servers.entry(name).or_default().is_serving = false;
                Ok(())
            }
            Output::Serving { leader, epoch, .. } => self.on_serving(name, *leader, *epoch),
            Output::Installed { zxid, on_disk } if zxid != on_disk => {
                let detail = format!("{name:?} was sent {zxid} and has {on_disk}");
                broken("a received snapshot is all there is", detail)
            }
            Output::Truncated(zxid) | Output::Installed { zxid, .. } => {
                let applied = self.last_txn(*zxid);
                self.servers.entry(name).or_default().applied = applied;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn on_applied(&mut self, name: Name, zxid: Zxid) -> Checked {
        if self.is_alone() {
            self.extend_to(zxid);
            return Ok(());
        }
        let Some(logged) = self.txns.get(&zxid) else {
            return broken("Integrity", format!("{name:?} delivers {zxid}, which nobody has"));
        };
        let before = logged.before;
        let server = self.servers.entry(name).or_default();
        let applied = std::mem::replace(&mut server.applied, zxid);
        let is_serving = server.is_serving;
        if applied != before {
            let detail = format!("{name:?} delivers {zxid} behind {applied}, not {before}");
            return broken("TotalOrder", detail);
        }
        if is_serving { self.commit(name, zxid) } else { Ok(()) }
    }

    fn on_serving(&mut self, name: Name, leader: ServerId, epoch: Epoch) -> Checked {
        let server = self.servers.entry(name).or_default();
        server.is_serving = true;
        let (logged, applied) = (server.logged().last, server.applied);
        let Some((primary, initial)) = self.leaders.get(&epoch).copied() else {
            return broken(
                "Leadership2",
                format!("{name:?} serves in {epoch}, which has no leader"),
            );
        };
        if !self.has(applied, initial) {
            let detail = format!("{name:?} serves in {epoch} at {applied}, without {initial}");
            return broken("who serves has the leader's initial history", detail);
        }
        let leads = ServerId(id(name).into()) == leader;
        if leads && (primary != name || !self.established.insert(epoch)) {
            let detail = format!("{name:?} is established in {epoch}, as was {primary:?}");
            return broken("Leadership2", detail);
        }
        if leads && applied != logged {
            let detail = format!("leader {name:?} is at {applied} of {logged}");
            return broken("a leader has delivered its history", detail);
        }
        // A newer leader may be established before news of it has come here.
        let older = self.committed.partition_point(|zxid| zxid.epoch() < epoch.0);
        let committed = self.committed[..older].last().copied().unwrap_or_default();
        if leads && !self.has(applied, committed) {
            let detail = format!("leader {name:?} of {epoch} at {applied} lacks {committed}");
            return broken("PrimaryIntegrity", detail);
        }
        self.commit(name, applied)
    }

    /// A server that serves has delivered everything up to `last`.
    fn commit(&mut self, name: Name, last: Zxid) -> Checked {
        let depth = self.depth(last);
        let known = self.committed.len();
        if depth <= known {
            return match self.is_committed(last) {
                true => Ok(()),
                false => {
                    let other = self.committed.get(depth - 1).copied().unwrap_or_default();
                    let detail = format!("{name:?} delivers {last}, others {other}");
                    broken("PrefixConsistency", detail)
                }
            };
        }
        let newest = self.committed.last().copied().unwrap_or_default();
        if !self.has(last, newest) {
            let detail = format!("{name:?} delivers {last} without {newest}, which others have");
            return broken("Agreement", detail);
        }
        self.extend_to(last);
        self.check_durable()
    }

    /// Takes the history up to `last` for committed.
    fn extend_to(&mut self, last: Zxid) {
        let known = self.committed.len();
        let mut at = last;
        while self.depth(at) > known {
            self.committed.push(at);
            at = self.txns[&at].before;
        }
        self.committed[known..].reverse();
        let news = self.committed[known..].iter().zip(known + 1..);
        let memberships = news.filter_map(|(zxid, depth)| {
            Some((depth, Arc::clone(self.txns[zxid].membership.as_ref()?)))
        });
        self.memberships.extend(memberships);
    }

    /// Commit durability: all that is committed is on the disks of a quorum.
    fn check_durable(&self) -> Checked {
        let Some(newest) = self.committed.last() else { return Ok(()) };
        self.check_quorum_has(*newest)
    }

    /// # Errors
    /// If a crash of all would leave the txn on less than a quorum of disks.
    pub(super) fn check_quorum_has(&self, zxid: Zxid) -> Checked {
        let Some(first) = &self.membership else { return Ok(()) };
        let has = |(name, server): (&Name, &Server)| {
            self.has(server.durable.last, zxid).then(|| ServerId(id(*name).into()))
        };
        let holders: BTreeSet<ServerId> = self.servers.iter().filter_map(has).collect();
        // A membership counts from its own txn on, and the one before it up to that.
        let depth = self.depth(self.last_txn(zxid));
        let older = self.memberships.partition_point(|(at, _)| *at < depth);
        let newer = self.memberships.get(older).filter(|(at, _)| *at == depth);
        let current = older.checked_sub(1).map_or(first, |index| &self.memberships[index].1);
        let mut counting = [current].into_iter().chain(newer.map(|(_, membership)| membership));
        match counting.all(|membership| membership.is_quorum(&holders)) {
            true => Ok(()),
            false => {
                let detail = format!("{zxid} is committed and durable on {holders:?} only");
                broken("commit durability", detail)
            }
        }
    }

    /// The newest membership that is committed; none if the server is alone.
    pub(super) fn newest_membership(&self) -> Option<&Arc<Membership>> {
        let newest = self.memberships.last().map(|(_, membership)| membership);
        newest.or(self.membership.as_ref())
    }

    /// The history with which an epoch's leader began.
    pub(super) fn initial(&self, epoch: Epoch) -> Option<Zxid> {
        self.leaders.get(&epoch).map(|(_, initial)| *initial)
    }
}

fn is_leading(member: &Member) -> bool {
    member.peer().zab().is_some_and(|zab| zab.state() == PeerState::Leading)
}

const fn id(name: Name) -> u8 {
    match name {
        Name::Server(id) | Name::Client(id) => id,
    }
}
