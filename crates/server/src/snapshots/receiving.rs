//! From the leader's snapshot to a tree that may be installed, as the peer loop follows it.
//!
//! ```text
//! Output::ReceiveSnapshot ─► links ─► arrived() ─► snapshot thread ─► LoopEvent::SnapshotStaged
//!                                                                              │ staged()
//! Output::InstallSnapshot ◄── Record::Snapshot ◄── Peer ◄── Request::SnapshotReceived
//!        │ take()
//! ```
//!
//! While the disk is full the snapshot waits, and the leader with it.
//!
//! The tree is nobody else's until it is installed: it is written beside the history before anyone
//! hears of it, so that installing it takes no more than a few changes of names, and what is applied
//! behind it cannot get into its file.

use super::Snapshots;
use zoarium_persistence::StorageError;
use zoarium_tree::Tree;

/// Which of the received snapshots, counted by this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Receipt(pub(super) u64);

/// A received snapshot that is durable beside the history, or why it is not.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) receipt: Receipt,
    pub(crate) tree: Result<Box<Tree>, StorageError>,
}

/// What the peer loop knows of the snapshot it is being sent.
#[derive(Debug, Default)]
pub(crate) struct Receiving {
    awaited: Option<Receipt>,
    staged: Option<(Receipt, Box<Tree>)>,
}

impl Receiving {
    /// The snapshot is here as a whole: has it made durable beside the history.
    pub(crate) fn arrived(&mut self, tree: Box<Tree>, snapshots: &Snapshots) {
        self.staged = None;
        self.awaited = Some(snapshots.stage(tree));
    }

    /// Takes what the snapshot thread has made of it. True if this is the snapshot that is waited
    /// for: the peer is to hear [`SnapshotReceived`](zoarium_peer::Request::SnapshotReceived).
    ///
    /// # Errors
    /// If the one that is waited for could not be written. The leader's link is to be closed then.
    pub(crate) fn staged(&mut self, staged: Staged) -> Result<bool, StorageError> {
        if self.awaited != Some(staged.receipt) {
            return Ok(false);
        }
        self.awaited = None;
        self.staged = Some((staged.receipt, staged.tree?));
        Ok(true)
    }

    /// The tree that is installed. Its file is the journal's from here on.
    ///
    /// # Panics
    /// If none was staged: the peer installs only what it has heard of.
    pub(crate) fn take(&mut self, snapshots: &Snapshots) -> Box<Tree> {
        let staged = self.staged.take();
        let (receipt, tree) = staged.expect("a snapshot is installed after it was staged");
        snapshots.note_installed(receipt);
        tree
    }

    /// The leader is gone; what it has sent is not waited for any more.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}
