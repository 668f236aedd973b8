//! Keeps the ledger, and judges messages between servers: what is said must be durable, and may
//! not come where its sender could not have said it.

use super::ledger::Shared;
use super::{Checked, broken, member};
use crate::participant::{Message, Name, Output, Participant};
use std::collections::BTreeSet;
use zoarium_proto::Zxid;
use zoarium_sim::{Checker, Event, EventKind, Running, What};
use zoarium_zab::{Epoch, Packet, Reason};

#[derive(Debug)]
pub(super) struct Zab {
    ledger: Shared,
    /// Which server has promised which epoch.
    promises: BTreeSet<(Name, u32)>,
    /// The last txn that was found on a quorum of disks when a leader said that it is committed.
    committed: Zxid,
}

impl Zab {
    pub(super) const fn new(ledger: Shared) -> Self {
        Self { ledger, promises: BTreeSet::new(), committed: Zxid::ZERO }
    }
}

impl Checker<Participant> for Zab {
    fn looks_at(&self) -> &'static [EventKind] {
        &[
            EventKind::Started,
            EventKind::Crashed,
            EventKind::Sent,
            EventKind::Persist,
            EventKind::Synced,
            EventKind::Output,
        ]
    }

    fn on_event(
        &mut self,
        event: &Event<'_, Participant>,
        running: &Running<Participant>,
    ) -> Checked {
        self.ledger.borrow_mut().on_event(event, running)?;
        if let What::Started { process, .. } = event.what
            && member(running, process).is_some_and(|member| member.recovered().is_wiped)
        {
            self.promises.retain(|(server, _)| *server != process);
        }
        match event.what {
            What::Sent { from, body: Message::Server(segment), .. } => match segment.packet() {
                Some(packet) => self.on_sent(from, packet, running),
                None => Ok(()),
            },
            What::Output { process, output: Output::Looking(why) } => is_legal(process, why),
            What::Output { process, output: Output::Closed(_, why) } => is_legal(process, why),
            What::Output { output: Output::Garbled(what), .. } => {
                broken("what servers say can be read as that", what.clone())
            }
            _ => Ok(()),
        }
    }
}

impl Zab {
    fn on_sent(&mut self, from: Name, packet: &Packet, running: &Running<Participant>) -> Checked {
        let ledger = self.ledger.borrow();
        let durable = ledger.durable(from);
        match packet {
            Packet::Ack(zxid) if zxid.counter() == 0 => {
                let epoch = Epoch(zxid.epoch());
                let has_history =
                    ledger.initial(epoch).is_some_and(|initial| ledger.has(durable.last, initial));
                match durable.current == epoch.0 && has_history {
                    true => Ok(()),
                    false => {
                        let detail = format!("{from:?} acks the start of {epoch} with {durable:?}");
                        broken(
                            "NEWLEADER is acknowledged when history and epoch are durable",
                            detail,
                        )
                    }
                }
            }
            Packet::Ack(zxid) => match ledger.has(durable.last, *zxid) {
                true => Ok(()),
                false => {
                    let detail = format!("{from:?} acks {zxid} with {durable:?}");
                    broken("a proposal is acknowledged when it is durable", detail)
                }
            },
            Packet::AckEpoch { current: Some(_), .. } => {
                let zab = member(running, from).and_then(|member| member.peer().zab());
                let promised = zab.map_or(0, |zab| zab.epochs().0.0);
                if durable.accepted != promised {
                    let detail = format!("{from:?} promises {promised} with {durable:?}");
                    return broken("an epoch is promised when the promise is durable", detail);
                }
                match self.promises.insert((from, promised)) {
                    true => Ok(()),
                    false => broken("an epoch is promised once", format!("{from:?}: {promised}")),
                }
            }
            Packet::LeaderInfo { epoch } if durable.accepted < epoch.0 => {
                let detail = format!("{from:?} proposes {epoch} with {durable:?}");
                broken("an epoch is proposed when the leader's promise is durable", detail)
            }
            // It goes to one learner after the other.
            Packet::Commit(zxid)
                if *zxid != self.committed
                    && member(running, from).is_some_and(|it| it.is_serving()) =>
            {
                self.committed = *zxid;
                ledger.check_quorum_has(*zxid)
            }
            _ => Ok(()),
        }
    }
}

/// What must not happen between servers that all do as they should.
fn is_legal(process: Name, why: &Reason) -> Checked {
    match why {
        Reason::Unexpected { .. }
        | Reason::Gap { .. }
        | Reason::UnmatchedCommit { .. }
        | Reason::BadTruncation { .. }
        | Reason::NewerMembership { .. } => broken("messageIllegal", format!("{process:?}: {why}")),
        _ => Ok(()),
    }
}
