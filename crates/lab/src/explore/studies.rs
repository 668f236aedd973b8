//! What theory says, protocol by protocol.

use super::{Crashes, Faults, Study};
use crate::judges::rules::{
    AGREEMENT, FRESH_READS, NON_BLOCKING, ONE_CHOSEN, ONE_LEADER, PRIMARY_ORDER, TERMINATION,
    TOTAL_ORDER,
};
use crate::kind::Kind;

/// Datagrams that are late, lost and doubled.
const DATAGRAMS: &str = "jitter=10 loss=5 duplicate=5";

macro_rules! settings {
    ($more:literal) => {
        concat!("jitter=10 loss=5 duplicate=5 ", $more)
    };
}

const STOPS: Faults = Faults { crashes: Crashes::Stop(3), ..Faults::NONE };
const PARTITIONS: Faults = Faults { partitions: true, ..Faults::NONE };
const DELAYS: Faults = Faults { delays: true, ..Faults::NONE };
const RECOVERS: Faults = Faults { crashes: Crashes::Recover, ..Faults::NONE };
const LOG: Faults = Faults { lasts_ms: 2000, settles_ms: 10_000, ..Faults::ALL };
const ENSEMBLE: Faults = Faults { lasts_ms: 3000, settles_ms: 20_000, ..Faults::ALL };

pub(super) const STUDIES: &[Study] = &[
    Study {
        name: "2pc-faults",
        kind: Kind::TwoPhaseCommit,
        says: "whatever fails, two-phase commit is never inconsistent, and ends when all are back",
        settings: settings!("cooperative=yes"),
        faults: Faults::ALL,
        breaks: &[],
        may_break: &[],
    },
    Study {
        name: "2pc-stops",
        kind: Kind::TwoPhaseCommit,
        says: "if processes stop for ever, those who are left may be blocked for ever",
        settings: "jitter=5 cooperative=yes",
        faults: STOPS,
        breaks: &[NON_BLOCKING],
        may_break: &[],
    },
    Study {
        name: "2pc-gives-up",
        kind: Kind::TwoPhaseCommit,
        says: "participants that give up waiting make it inconsistent",
        settings: settings!("gives-up=yes"),
        faults: Faults::ALL,
        breaks: &[AGREEMENT],
        may_break: &[],
    },
    Study {
        name: "2pc-forgets",
        kind: Kind::TwoPhaseCommit,
        says: "so do participants that forget their promise",
        settings: "jitter=5 forgets=Prepared",
        faults: RECOVERS,
        breaks: &[AGREEMENT],
        may_break: &[],
    },
    Study {
        name: "3pc-stops",
        kind: Kind::ThreePhaseCommit,
        says: "in a synchronous network, if processes only stop, three-phase commit with Skeen's \
               termination protocol is consistent and nobody is blocked",
        settings: "jitter=5 mode=skeen",
        faults: STOPS,
        breaks: &[],
        may_break: &[],
    },
    Study {
        name: "3pc-simple",
        kind: Kind::ThreePhaseCommit,
        says: "with time-outs alone it is not even that: a crash between two messages splits it",
        settings: "jitter=5 mode=simple",
        faults: STOPS,
        breaks: &[AGREEMENT],
        may_break: &[],
    },
    Study {
        name: "3pc-partitions",
        kind: Kind::ThreePhaseCommit,
        says: "a partition splits the decision",
        settings: "jitter=5 mode=skeen",
        faults: PARTITIONS,
        breaks: &[AGREEMENT],
        may_break: &[],
    },
    Study {
        name: "3pc-delays",
        kind: Kind::ThreePhaseCommit,
        says: "and so does slowness: no time-out tells slow from dead",
        settings: "jitter=5 mode=skeen",
        faults: DELAYS,
        breaks: &[AGREEMENT],
        may_break: &[],
    },
    Study {
        name: "3pc-quorum",
        kind: Kind::ThreePhaseCommit,
        says: "with quorums it is consistent whatever fails, and ends when all are back",
        settings: settings!("mode=quorum"),
        faults: Faults::ALL,
        breaks: &[],
        may_break: &[],
    },
    Study {
        name: "3pc-quorum-stops",
        kind: Kind::ThreePhaseCommit,
        says: "but it can be blocked again, if processes stop for ever",
        settings: "jitter=5 mode=quorum",
        faults: STOPS,
        breaks: &[NON_BLOCKING],
        may_break: &[],
    },
    Study {
        name: "paxos-three",
        kind: Kind::BasicPaxos,
        says: "at most one value is chosen, whatever fails; with a random back-off one is, when \
               faults end",
        settings: settings!("proposers=2 retry=backoff learners-ask=yes"),
        faults: Faults::ALL,
        breaks: &[],
        may_break: &[],
    },
    Study {
        name: "paxos-five",
        kind: Kind::BasicPaxos,
        says: "also with three proposers and five acceptors that tell the learners themselves",
        settings: settings!("proposers=3 acceptors=5 retry=backoff announce=acceptors"),
        faults: Faults::ALL,
        breaks: &[],
        may_break: &[],
    },
    Study {
        name: "paxos-amnesia",
        kind: Kind::BasicPaxos,
        says: "acceptors must not forget",
        settings: settings!("proposers=2 retry=backoff forgets=Accepted,Promised"),
        faults: Faults::ALL,
        breaks: &[ONE_CHOSEN],
        may_break: &[],
    },
    Study {
        name: "paxos-shared-ballots",
        kind: Kind::BasicPaxos,
        says: "ballots must be unique",
        settings: settings!("proposers=2 retry=backoff flaw=shared-ballots"),
        faults: Faults::NONE,
        breaks: &[ONE_CHOSEN],
        may_break: &[],
    },
    Study {
        name: "paxos-small-quorums",
        kind: Kind::BasicPaxos,
        says: "quorums must meet",
        settings: settings!(
            "proposers=2 acceptors=4 prepare-quorum=2 accept-quorum=2 retry=backoff anyway=yes"
        ),
        faults: Faults::ALL,
        breaks: &[ONE_CHOSEN],
        may_break: &[],
    },
    Study {
        name: "paxos-any-value",
        kind: Kind::BasicPaxos,
        says: "a proposer must take the value of the highest ballot",
        settings: settings!("proposers=3 retry=backoff flaw=any-value"),
        faults: Faults::ALL,
        breaks: &[ONE_CHOSEN],
        may_break: &[],
    },
    Study {
        name: "multi-paxos-window",
        kind: Kind::MultiPaxos,
        says: "every slot has one command and all execute them in order; but what a leader made on \
               top of a command may be executed without it",
        settings: settings!("elections=random"),
        faults: LOG,
        breaks: &[PRIMARY_ORDER],
        may_break: &[],
    },
    Study {
        name: "multi-paxos-one-by-one",
        kind: Kind::MultiPaxos,
        says: "with one command under way at a time primary order holds too",
        settings: settings!("elections=random window=1"),
        faults: LOG,
        breaks: &[],
        may_break: &[],
    },
    Study {
        name: "multi-paxos-leases",
        kind: Kind::MultiPaxos,
        says: "leases are safe as long as clocks keep time",
        settings: settings!("elections=random window=1 leases=yes"),
        faults: LOG,
        breaks: &[],
        may_break: &[],
    },
    Study {
        name: "multi-paxos-slow-clock",
        kind: Kind::MultiPaxos,
        says: "and not if they do not",
        settings: settings!("elections=random window=1 leases=yes"),
        faults: Faults {
            partitions: true,
            drifts: true,
            crashes: Crashes::None,
            delays: false,
            ..LOG
        },
        breaks: &[FRESH_READS],
        may_break: &[],
    },
    Study {
        name: "multi-paxos-amnesia",
        kind: Kind::MultiPaxos,
        says: "replicas must not forget what they accepted",
        settings: settings!("elections=random window=1 forgets=Accepted,Promised"),
        faults: LOG,
        breaks: &[ONE_CHOSEN],
        may_break: &[TOTAL_ORDER, PRIMARY_ORDER, TERMINATION],
    },
    Study {
        name: "fast-paxos-four",
        kind: Kind::FastPaxos,
        says: "at most one value is chosen, however clients collide",
        settings: DATAGRAMS,
        faults: Faults::ALL,
        breaks: &[],
        may_break: &[],
    },
    Study {
        name: "fast-paxos-uncoordinated",
        kind: Kind::FastPaxos,
        says: "also if five acceptors resolve collisions by themselves",
        settings: settings!("acceptors=5 clients=3 recovery=uncoordinated"),
        faults: Faults::ALL,
        breaks: &[],
        may_break: &[],
    },
    Study {
        name: "fast-paxos-small-quorum",
        kind: Kind::FastPaxos,
        says: "fast quorums must be larger than majorities",
        settings: settings!("acceptors=5 fast-quorum=3 anyway=yes"),
        faults: Faults::ALL,
        breaks: &[ONE_CHOSEN],
        may_break: &[],
    },
    Study {
        name: "zab-three",
        kind: Kind::Zab,
        says: "one history, in one order, with one leader an epoch, whatever fails",
        settings: "jitter=10",
        faults: ENSEMBLE,
        breaks: &[],
        may_break: &[],
    },
    Study {
        name: "zab-five",
        kind: Kind::Zab,
        says: "also with five voters and an observer, short memories and small epochs",
        settings: "jitter=10 voters=5 observers=1 keeps=3 rollover-at=12",
        faults: ENSEMBLE,
        breaks: &[],
        may_break: &[],
    },
    Study {
        name: "zab-forgets-epoch",
        kind: Kind::Zab,
        says: "promises of epochs must be durable",
        settings: "jitter=10 forgets=acceptedEpoch,currentEpoch",
        faults: ENSEMBLE,
        breaks: &[ONE_LEADER],
        may_break: &[PRIMARY_ORDER, TOTAL_ORDER],
    },
    Study {
        name: "zab-forgets-history",
        kind: Kind::Zab,
        says: "and so must what is acknowledged",
        settings: "jitter=10 forgets=log",
        faults: ENSEMBLE,
        breaks: &[TOTAL_ORDER],
        may_break: &[PRIMARY_ORDER, TERMINATION],
    },
];
