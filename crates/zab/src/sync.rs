//! Sync: a learner has all that was committed anywhere before its client asked.
//!
//! A leader may have been deposed and not know it yet: then others commit what it has never seen.
//! So before it answers, a quorum has to answer a ping that was sent after the sync came. Whoever
//! answers has promised no newer epoch by then, or its link to this leader would be gone; so no
//! quorum had promised one when the sync came, and nothing was committed in one. Apache's leader
//! asks nobody (ZOOKEEPER-1675).
//!
//! ```text
//! learner                            leader
//!    │ REQUEST(sync) ─────────────────►│  to all that serve, if no round of pings is under way;
//!    │◄── PING ────────────────────────│  else when it is over, once for all that have come meanwhile
//!    │ PING ──────────────────────────►│  a quorum has answered, and
//!    │◄── SYNC ────────────────────────│  all that was proposed before is delivered
//! ```
//!
//! What was proposed behind a sync and is committed confirms it as well, since a quorum has
//! acknowledged that. Learners answer their clients in order, and so take what is committed for an
//! answer only when no sync is before it: SYNC always comes before such a COMMIT.
//!
//! Pings have no names. But each that comes behind UPTODATE is answered once, and links keep
//! order, so that counting tells which ping is answered.

use crate::leader::{Leader, Reign, Stage};
use crate::message::Packet;
use crate::persist::{Core, send};
use crate::vocabulary::{Link, Output};
use crate::zab::Zab;
use alloc::collections::{BTreeSet, VecDeque};
use bytes::Bytes;
use zoarium_process::Effects;
use zoarium_proto::{ServerId, Zxid};

/// A serving leader's syncs that are not answered.
#[derive(Debug, Default)]
pub(crate) struct Syncs {
    /// Oldest first. The owner bounds the requests under way, and with them these.
    waiting: VecDeque<Waiting>,
    /// How many rounds of pings have begun, and how many of them a quorum has answered: all but
    /// the last, at least.
    begun: u64,
    confirmed: u64,
}

/// A sync that waits.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// For this to be delivered.
    zxid: Zxid,
    /// And for a quorum to answer this round of pings.
    round: u64,
    /// Who asked.
    to: ServerId,
}

/// The pings to one learner, since it has been sent UPTODATE.
#[derive(Debug, Default)]
pub(crate) struct Pings {
    sent: u64,
    answered: u64,
    /// Whether it has acknowledged UPTODATE: what comes before that is the answer to an older ping.
    is_counted: bool,
    /// How many had been sent when the last round began.
    before_round: u64,
}

impl Syncs {
    pub(crate) fn count(&self) -> usize {
        self.waiting.len()
    }

    /// Forgets what a learner waits for: it would take the answer for that to a later question.
    pub(crate) fn forget(&mut self, learner: ServerId) {
        self.waiting.retain(|waiting| waiting.to != learner);
    }

    /// Adds one that a round which begins from here on is to confirm.
    fn add(&mut self, zxid: Zxid, to: ServerId) {
        self.waiting.push_back(Waiting { zxid, round: self.begun + 1, to });
    }

    const fn is_round_under_way(&self) -> bool {
        self.begun > self.confirmed
    }

    /// Begins a round if there is one to begin.
    fn begin_round(&mut self) -> bool {
        let is_due = self.waiting.back().is_some_and(|waiting| waiting.round > self.begun);
        let begins = is_due && !self.is_round_under_way();
        self.begun += u64::from(begins);
        begins
    }

    /// Takes out who waits for nothing newer than `zxid`, and for no round.
    fn pop(&mut self, zxid: Zxid) -> Option<ServerId> {
        let is_done = |it: &mut Waiting| it.zxid <= zxid && it.round <= self.confirmed;
        self.waiting.pop_front_if(is_done).map(|waiting| waiting.to)
    }

    /// Takes out who has asked before `zxid` was proposed.
    fn pop_before(&mut self, zxid: Zxid) -> Option<ServerId> {
        self.waiting.pop_front_if(|waiting| waiting.zxid < zxid).map(|waiting| waiting.to)
    }
}

impl Pings {
    pub(crate) const fn on_sent(&mut self) {
        self.sent += 1;
    }

    pub(crate) fn on_answer(&mut self) {
        if self.is_counted {
            self.answered += 1;
        }
    }

    pub(crate) const fn on_up_to_date_acknowledged(&mut self) {
        self.is_counted = true;
    }

    const fn on_round(&mut self) {
        self.before_round = self.sent;
    }

    const fn confirms_round(&self) -> bool {
        self.answered > self.before_round
    }
}

impl Leader {
    /// Tells `to` when a quorum has confirmed that this server leads, and all that is proposed so
    /// far is delivered; behind the COMMIT, as links keep order.
    pub(crate) fn sync(&mut self, core: &Core, to: ServerId, fx: &mut Effects<Zab>) {
        let Reign::Broadcasting { broadcast, .. } = &mut self.reign else { return };
        let last_proposed = broadcast.last_proposed();
        broadcast.syncs.add(last_proposed, to);
        self.begin_rounds(core, fx);
    }

    /// A learner has answered a ping.
    pub(crate) fn confirm(&mut self, core: &Core, fx: &mut Effects<Zab>) {
        if self.confirm_round(core) {
            self.begin_rounds(core, fx);
        }
    }

    /// Begins the round that somebody waits for; without a need of others it is over at once.
    fn begin_rounds(&mut self, core: &Core, fx: &mut Effects<Zab>) {
        while let Reign::Broadcasting { broadcast, .. } = &mut self.reign
            && broadcast.syncs.begin_round()
        {
            self.learners.values_mut().for_each(|learner| learner.pings.on_round());
            if self.confirm_round(core) {
                continue;
            }
            self.ping_serving(core, fx);
        }
        self.finish_syncs(core, fx);
    }

    /// Whether a round was under way and a quorum has answered.
    fn confirm_round(&mut self, core: &Core) -> bool {
        let Reign::Broadcasting { broadcast, .. } = &mut self.reign else { return false };
        if !broadcast.syncs.is_round_under_way() {
            return false;
        }
        let learners = self.learners.iter();
        let confirming = learners.filter(|(_, learner)| learner.pings.confirms_round());
        let mut quorum: BTreeSet<ServerId> = confirming.map(|(id, _)| *id).collect();
        quorum.insert(core.id());
        let is_confirmed = core.is_quorum(&quorum);
        if is_confirmed {
            broadcast.syncs.confirmed = broadcast.syncs.begun;
        }
        is_confirmed
    }

    fn ping_serving(&mut self, core: &Core, fx: &mut Effects<Zab>) {
        let zxid = core.history.last();
        for (id, learner) in &mut self.learners {
            // Whom no membership counts need not be asked.
            if let Stage::Broadcasting = learner.stage
                && core.is_voter(*id)
            {
                learner.pings.on_sent();
                send(fx, Link::learner(*id), Packet::Ping { zxid, touched: Bytes::new() });
            }
        }
    }

    /// Answers the syncs that wait for nothing any more.
    pub(crate) fn finish_syncs(&mut self, core: &Core, fx: &mut Effects<Zab>) {
        let processed = core.history.processed();
        while let Reign::Broadcasting { broadcast, .. } = &mut self.reign
            && let Some(server) = broadcast.syncs.pop(processed)
        {
            self.answer_sync(core, server, fx);
        }
    }

    /// Answers the syncs that came before `zxid` was proposed, which a quorum has acknowledged and
    /// which is about to be committed.
    pub(crate) fn finish_syncs_before(&mut self, core: &Core, zxid: Zxid, fx: &mut Effects<Zab>) {
        while let Reign::Broadcasting { broadcast, .. } = &mut self.reign
            && let Some(server) = broadcast.syncs.pop_before(zxid)
        {
            self.answer_sync(core, server, fx);
        }
    }

    fn answer_sync(&self, core: &Core, to: ServerId, fx: &mut Effects<Zab>) {
        if to == core.id() {
            fx.output(Output::Synced);
        } else if let Some(learner) = self.learners.get(&to)
            && let Stage::Broadcasting = learner.stage
        {
            send(fx, Link::learner(to), Packet::Sync);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syncs_that_come_during_a_round_wait_for_the_next() {
        let mut syncs = Syncs::default();
        let (one, two, three) = (ServerId(1), ServerId(2), ServerId(3));
        syncs.add(Zxid(5), one);
        assert!(syncs.begin_round());
        syncs.add(Zxid(5), two);
        syncs.add(Zxid(6), three);
        assert!(!syncs.begin_round());
        assert_eq!(syncs.pop(Zxid(6)), None);
        syncs.confirmed = 1;
        assert_eq!([syncs.pop(Zxid(5)), syncs.pop(Zxid(5))], [Some(one), None]);
        assert!(syncs.begin_round());
        syncs.confirmed = 2;
        assert_eq!([syncs.pop(Zxid(5)), syncs.pop(Zxid(5))], [Some(two), None]);
        assert_eq!([syncs.pop(Zxid(6)), syncs.pop(Zxid(6))], [Some(three), None]);
        assert!(!syncs.begin_round());
    }

    #[test]
    fn only_the_answer_to_a_ping_of_the_round_confirms_it() {
        let mut pings = Pings::default();
        pings.on_answer();
        pings.on_up_to_date_acknowledged();
        assert!(!pings.confirms_round());
        pings.on_sent();
        pings.on_sent();
        pings.on_round();
        pings.on_sent();
        pings.on_answer();
        pings.on_answer();
        assert!(!pings.confirms_round());
        pings.on_answer();
        assert!(pings.confirms_round());
    }
}
