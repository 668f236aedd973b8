//! Reading the log for learners, beside everything else.

use super::Disk;
use super::real_dir::RealDir;
use crate::peer_loop::LoopEvent;
use crate::shared::Shared;
use bytes::Bytes;
use std::sync::Arc;
use tokio::runtime::Handle;
use zoarium_peer::Request;
use zoarium_persistence::DataDirs;
use zoarium_persistence::StorageError;
use zoarium_persistence::journal::{HistoryLimits, newest_snapshot_size, read_history};
use zoarium_proto::Zxid;
use zoarium_zab::wire::{WireError, read_txn};
use zoarium_zab::{ReadId, Txn};

/// Answers [`zoarium_peer::Output::ReadHistory`].
#[derive(Clone, Debug)]
pub(crate) struct HistoryReads {
    pub(crate) shared: Arc<Shared>,
    pub(crate) disk: Arc<Disk>,
    pub(crate) dirs: DataDirs<RealDir>,
    /// `zookeeper.snapshotSizeFactor`: how many bytes of the log are read at most, as a share of
    /// the newest snapshot's; 0 for no limit.
    pub(crate) snapshot_share: f64,
    /// The longest transaction, in bytes.
    pub(crate) txn_bytes_max: u32,
    /// Where it is read.
    pub(crate) runtime: Handle,
}

/// Why the log cannot be read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Txn(#[from] WireError),
}

impl HistoryReads {
    /// Reads the log from the last transaction at or before `from` up to `upto`, on a thread of the
    /// runtime. The answer is [`Request::HistoryRead`].
    pub(crate) fn read(&self, read: ReadId, from: Zxid, upto: Zxid) {
        let this = self.clone();
        // It ends by itself, whoever still waits for the answer.
        drop(self.runtime.spawn_blocking(move || {
            let txns = this.txns(from, upto).unwrap_or_else(|error| {
                tracing::warn!(
                    %from, %upto, %error,
                    "the log cannot be read for a learner, which gets a snapshot instead"
                );
                None
            });
            this.shared.duties.tell(LoopEvent::Request(Request::HistoryRead { read, txns }));
        }));
    }

    fn txns(&self, from: Zxid, upto: Zxid) -> Result<Option<Vec<Txn>>, ReadError> {
        // What is committed by others may not be durable here.
        drop(self.disk.wait_for(self.disk.ticket())?);
        let limits = HistoryLimits { total: self.bytes_max()?, txn: self.txn_bytes_max };
        let Some(history) = read_history(&self.dirs, from, upto, limits)? else { return Ok(None) };
        let txns = history.into_iter().map(|(_, bytes)| read_txn(Bytes::from(bytes)));
        Ok(Some(txns.collect::<Result<_, _>>()?))
    }

    fn bytes_max(&self) -> Result<Option<u64>, StorageError> {
        if self.snapshot_share == 0.0 {
            return Ok(None);
        }
        let snapshot = newest_snapshot_size(&self.dirs)?.unwrap_or(0);
        Ok(Some(share(snapshot, self.snapshot_share)))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a limit need not be exact, and a share is not negative"
)]
fn share(size: u64, share: f64) -> u64 {
    (size as f64 * share) as u64
}
