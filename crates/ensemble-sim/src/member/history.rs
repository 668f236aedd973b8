//! Going back in history, and reading the log for learners that need what memory does not have.

use super::{Fx, Member};
use crate::disk::read_history;
use crate::participant::{Output, Timer};
use std::collections::VecDeque;
use std::time::Duration;
use zoarium_persistence::{RecoveryOptions, recover};
use zoarium_process::{Input, Now};
use zoarium_proto::Zxid;
use zoarium_zab::ReadId;

/// How long reading the log takes.
const READ_TIME: Duration = Duration::from_millis(3);

/// What is to be read of the log.
#[derive(Debug, Default)]
pub(super) struct Histories {
    asked: VecDeque<(ReadId, Zxid, Zxid)>,
}

impl Member {
    /// The record that the tree waits for is durable: the tree is read back, and the rest of the
    /// step's effects is carried out.
    pub(super) fn pass_barrier(&mut self, now: Now, fx: &mut Fx) {
        let Some(barrier) = self.barrier.take() else { return };
        let to = barrier.to;
        let dirs = self.snapshots.dirs();
        match recover(dirs, &RecoveryOptions::default(), |_| {}) {
            Ok(recovered) => {
                assert!(recovered.last_zxid == to, "{} is left, not {to}", recovered.last_zxid);
                self.abandon_snapshot();
                self.tree = recovered.tree;
            }
            Err(error) => panic!("what is left of the history cannot be read: {error}"),
        }
        fx.output(Output::Truncated(to));
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
            let txns = read_history(self.snapshots.dirs(), from, upto);
            let request = zoarium_peer::Request::HistoryRead { read, txns };
            self.feed(now, Input::Request(request), fx);
        }
    }
}
