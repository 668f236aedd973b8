//! The files of a member's history, for what is done beside the disk thread: taking in a leader's
//! snapshot, reading the tree back, and reading the log for a learner that lacks older transactions.

use crate::disk::real_dir::RealDir;
use crate::peer_loop::LoopEvent;
use crate::shared::Shared;
use bytes::Bytes;
use std::sync::Arc;
use zoarium_peer::Request;
use zoarium_persistence::journal::{
    HistoryLimits, newest_snapshot_size, read_history, stage_snapshot,
};
use zoarium_persistence::recovery::RecoveryOptions;
use zoarium_persistence::{DataDirs, StorageError, recover};
use zoarium_proto::Zxid;
use zoarium_tree::Tree;
use zoarium_zab::{ReadId, Txn, wire};

/// A member's files, and how they are read and written.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) dirs: DataDirs<RealDir>,
    pub(crate) recovery: RecoveryOptions,
    /// `zookeeper.snapshotSizeFactor`: the part of a snapshot's size up to which the log is sent
    /// instead; 0 for any size.
    pub(crate) size_factor: f64,
}

impl History {
    /// Writes a received tree beside the history and makes it durable.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn stage(&self, tree: &mut Tree) -> Result<(), StorageError> {
        let RecoveryOptions { compression, with_last_zxid, .. } = self.recovery;
        stage_snapshot(&self.dirs, tree, compression, with_last_zxid)
    }

    /// Reads the tree anew.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn reload(&self) -> Result<Tree, StorageError> {
        let recovered = recover(&self.dirs, &self.recovery, |_| {})?;
        recovered.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        Ok(recovered.tree)
    }

    /// Reads a part of the log on a thread of its own. The answer comes as an event.
    pub(crate) fn read(&self, read: ReadId, from: Zxid, upto: Zxid, shared: &Arc<Shared>) {
        let (history, shared) = (self.clone(), Arc::clone(shared));
        let inbox = Arc::clone(&shared);
        let answer = move || {
            let txns = history.txns(from, upto);
            shared.inbox.push(LoopEvent::Request(Request::HistoryRead { read, txns }));
        };
        if let Err(error) = std::thread::Builder::new().name("history".to_owned()).spawn(answer) {
            tracing::warn!(%error, "the log cannot be read for a learner; it is sent all of the state");
            inbox.inbox.push(LoopEvent::Request(Request::HistoryRead { read, txns: None }));
        }
    }

    fn txns(&self, from: Zxid, upto: Zxid) -> Option<Vec<Txn>> {
        let read = || {
            let limits = HistoryLimits { total: self.limit()?, txn: self.recovery.max_txn_size };
            read_history(&self.dirs, from, upto, limits)
        };
        let logged = match read() {
            Ok(logged) => logged?,
            Err(error) => {
                tracing::warn!(%error, "the log cannot be read for a learner; it is sent all of the state");
                return None;
            }
        };
        let txns = logged.into_iter().map(|(_, bytes)| wire::read_txn(Bytes::from(bytes)));
        txns.collect::<Result<_, _>>().ok()
    }

    /// How many bytes of log are worth sending.
    fn limit(&self) -> Result<Option<u64>, StorageError> {
        if self.size_factor == 0.0 {
            return Ok(None);
        }
        let size = newest_snapshot_size(&self.dirs)?.unwrap_or(0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size")]
        Ok(Some((size as f64 * self.size_factor) as u64))
    }
}
