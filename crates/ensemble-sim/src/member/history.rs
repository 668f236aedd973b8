//! Going back in history, and reading the log for learners that need what memory does not have.

use super::{Fx, Member, NextTree};
use crate::participant::{Output, Timer};
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Duration;
use zoarium_persistence::journal::{HistoryLimits, Logged, read_history};
use zoarium_persistence::log_reader::MAX_TXN_SIZE;
use zoarium_persistence::{RecoveryOptions, recover};
use zoarium_process::{Input, Now};
use zoarium_proto::Zxid;
use zoarium_zab::wire::read_txn;
use zoarium_zab::{ReadId, Txn};

/// How long reading the log takes.
const READ_TIME: Duration = Duration::from_millis(3);

/// What is to be read of the log.
#[derive(Debug, Default)]
pub(super) struct Histories {
    asked: VecDeque<(ReadId, Zxid, Zxid)>,
}

impl Member {
    /// Another history is durable: its tree takes the place of the present one, and the rest of
    /// the step's effects is carried out.
    pub(super) fn pass_barrier(&mut self, now: Now, fx: &mut Fx) {
        let Some(barrier) = self.barrier.take() else { return };
        self.abandon_snapshot();
        self.lineage = self.lineage.next();
        let recovered = recover(self.snapshots.dirs(), &RecoveryOptions::default(), |_| {});
        let recovered = recovered
            .unwrap_or_else(|error| panic!("the new history cannot be read back: {error}"));
        match barrier.tree {
            NextTree::ReadBack(to) => {
                self.tree = recovered.tree;
                fx.output(Output::Truncated(to));
            }
            NextTree::Arrived(zxid) => {
                let arrived = self.handover.arrived.take();
                self.tree = arrived.expect("the peer was told that a snapshot has come");
                // Production does not look; it is for the checkers.
                fx.output(Output::Installed { zxid, on_disk: recovered.last_zxid });
            }
        }
        self.is_stepping = true;
        self.carry_out_all(now, barrier.rest, false, fx);
        self.is_stepping = false;
        self.work(now, fx);
    }

    pub(super) fn ask_for_history(&mut self, now: Now, asked: (ReadId, Zxid, Zxid), fx: &mut Fx) {
        self.histories.asked.push_back(asked);
        fx.set_timer(Timer::HistoryRead, now.mono + READ_TIME);
    }

    pub(super) fn on_history_timer(&mut self, now: Now, fx: &mut Fx) {
        for (read, from, upto) in std::mem::take(&mut self.histories.asked) {
            let limits = HistoryLimits { total: None, txn: MAX_TXN_SIZE };
            let logged = read_history(self.snapshots.dirs(), from, upto, limits);
            let txns = logged.ok().flatten().map(|logged| logged.into_iter().map(txn).collect());
            let request = zoarium_peer::Request::HistoryRead { read, txns };
            self.feed(now, Input::Request(request), fx);
        }
    }
}

/// A txn of the log. It has been applied, so it can be read.
pub(super) fn txn((zxid, bytes): Logged) -> Txn {
    read_txn(Bytes::from(bytes)).unwrap_or_else(|error| panic!("{zxid} of the log: {error}"))
}
