//! What connections, the peer loop, the disk and the operators share.

use crate::client_port::{Connections, Guards};
use crate::clock::Clock;
use crate::disk::Job;
use crate::duties::Duties;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::peer_loop::LoopEvent;
use crate::standing::Standing;
use crate::stats::{ServerStats, SizesTally};
use crate::workers::LoopPlace;
use std::hash::{BuildHasher, RandomState};
use std::ops::DerefMut;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::Notify;
use zoarium_persistence::Lineage;
use zoarium_proto::Zxid;
use zoarium_tree::access::AccessRules;
use zoarium_tree::read::WatchTable;
use zoarium_tree::watches::Watches;
use zoarium_tree::{Applied, Tree};

/// Shared by reference counting between all threads of a server.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The replicated state. Connections read it; the peer loop alone changes it.
    tree: RwLock<Tree>,
    /// Locked after the tree, never before it.
    watches: Mutex<Watches>,
    pub(crate) duties: Duties<LoopEvent, Job>,
    pub(crate) peer_loop: LoopPlace,
    /// Has the guest come: [`crate::workers::visit`].
    pub(crate) guest: Arc<Notify>,
    pub(crate) connections: Connections,
    /// Requests that the peer loop has not answered.
    pub(crate) under_way: AtomicUsize,
    last_zxid: AtomicU64,
    /// How often the tree was replaced. Changed only while it is locked for that.
    lineage: AtomicU64,
    pub(crate) standing: Standing,
    pub(crate) clock: Clock,
    pub(crate) limits: Limits,
    pub(crate) guards: Guards,
    pub(crate) access: AccessRules,
    pub(crate) metrics: Metrics,
    pub(crate) stats: ServerStats,
}

impl Shared {
    pub(crate) fn new(
        tree: Tree,
        standing: Standing,
        limits: Limits,
        guards: Guards,
        access: AccessRules,
        clock: Clock,
    ) -> Self {
        Self {
            last_zxid: AtomicU64::new(tree.last_zxid().0),
            tree: RwLock::new(tree),
            watches: Mutex::new(Watches::new(random())),
            duties: Duties::default(),
            peer_loop: LoopPlace::default(),
            guest: Arc::default(),
            connections: Connections::default(),
            under_way: AtomicUsize::new(0),
            lineage: AtomicU64::new(0),
            standing,
            clock,
            limits,
            guards,
            access,
            metrics: Metrics::default(),
            stats: ServerStats::default(),
        }
    }

    /// The tree, to read.
    ///
    /// # Panics
    /// If a thread panicked while it changed the tree: its state is not to be served.
    pub(crate) fn tree(&self) -> RwLockReadGuard<'_, Tree> {
        self.tree.read().expect("the tree was left half changed")
    }

    /// The tree, to change; for the peer loop and the beginning and end of snapshots.
    ///
    /// # Panics
    /// As [`Shared::tree`].
    pub(crate) fn tree_mut(&self) -> RwLockWriteGuard<'_, Tree> {
        self.tree.write().expect("the tree was left half changed")
    }

    /// Which history the tree is of, as [`zoarium_persistence::Journal`] counts: there is one
    /// replacement for each cut, received snapshot and jump. Means something only while the tree is
    /// locked.
    pub(crate) fn lineage(&self) -> Lineage {
        Lineage(self.lineage.load(Relaxed))
    }

    /// Puts the tree of the next history in the place of the one that is served. The result is that
    /// one, which takes time to drop.
    pub(crate) fn replace_tree(&self, served: &mut Tree, tree: Tree) -> Tree {
        self.lineage.fetch_add(1, Relaxed);
        let before = std::mem::replace(served, tree);
        self.note_applied(served);
        before
    }

    /// The watches.
    pub(crate) fn watches(&self) -> MutexGuard<'_, Watches> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The watches, locked only when a read sets or removes one.
    pub(crate) const fn watch_table(&self) -> LazyWatches<'_> {
        LazyWatches(&self.watches)
    }

    /// The last transaction applied.
    pub(crate) fn last_zxid(&self) -> Zxid {
        Zxid(self.last_zxid.load(Relaxed))
    }

    pub(crate) fn note_applied(&self, tree: &Tree) {
        self.last_zxid.store(tree.last_zxid().0, Relaxed);
    }

    /// Counts the sizes of replies.
    pub(crate) fn note_replies(&self, sizes: &SizesTally) {
        self.stats.client_response_sizes.record_all(sizes);
        self.metrics.response_bytes.add(sizes.sum);
    }

    /// Counts and reports a tree that is not what the leader said it would be.
    pub(crate) fn note_digest(&self, applied: &Applied<'_>, zxid: Zxid) {
        if applied.digest_matches == Some(false) {
            self.metrics.digest_mismatches_count.increment();
            tracing::error!(
                %zxid,
                "the tree differs from the leader's after this transaction; compare the `hash` of \
                 all servers, and restore the one that differs from the others"
            );
        }
    }
}

/// See [`Shared::watch_table`].
#[derive(Debug)]
pub(crate) struct LazyWatches<'a>(&'a Mutex<Watches>);

impl WatchTable for LazyWatches<'_> {
    fn lock(&mut self) -> impl DerefMut<Target = Watches> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number that nobody can guess, from the standard library's source of hash keys.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}

/// A number below `bound`, or 0.
pub(crate) fn random_below(bound: u64) -> u64 {
    random().checked_rem(bound).unwrap_or(0)
}

/// A number drawn evenly from 0 up to but not including 1.
pub(crate) fn random_fraction() -> f64 {
    const BITS: u32 = f64::MANTISSA_DIGITS;
    (random() >> (u64::BITS - BITS)) as f64 / (1_u64 << BITS) as f64
}
