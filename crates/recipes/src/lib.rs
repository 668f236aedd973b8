//! Recipes on a ZooKeeper ensemble: what Curator is to Java.
//!
//! ```
//! use zoarium_client::Client;
//! use zoarium_recipes::Lock;
//!
//! # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
//! # examples::serving(async |servers| {
//! let client = Client::connect(servers).await?;
//! let guard = Lock::new(&client, "/locks/report").acquire().await?;
//! guard.run(async { /* stops here if the lock is lost */ }).await?;
//! guard.release().await?;
//! # Ok(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What all of them promise
//!
//! - **No herd.** A change wakes who has to act on it, and nobody else.
//! - **A fencing token** comes with everything held: [`Token`]. Who holds it later has a greater one,
//!   even if the znodes were deleted and made again.
//! - **Lost sessions.** What is held is bound to the session it was taken in; nothing of an old
//!   session is ever taken for one's own. [`Guard::lost`] resolves, and [`Guard::run`] stops its
//!   work, before the server that answered last gives the session up, as far as clocks can tell;
//!   [`Guard`] says when that may be too late. Each recipe says what it does besides.
//! - **Lost connections.** Reads are repeated until there is an answer. Writes whose answer is lost
//!   are looked for: nothing is made twice, and what is left over is deleted. Where the outcome stays
//!   unknown, the error says so ([`Error::may_be_done`]).
//! - **Anything may be dropped.** A future that waits leaves no znode behind; a guard lets go of what
//!   it holds. Both in the background, through the client, for as long as the session lives.
//! - **No callbacks.** Listeners are streams ([`Feed`]); what reads them slowly keeps nobody waiting.
//!
//! Recipes wait as long as it takes; for less, there are methods that end in `_within`, and
//! `tokio::time::timeout` around all others.
//!
//! # Who else can take part
//!
//! | recipe | znodes as those of |
//! |---|---|
//! | [`Lock`], [`ReentrantLock`], [`MultiLock`] | Curator's `InterProcessMutex`; [kazoo's `Lock`](Lock::like_kazoo) |
//! | [`ReadWriteLock`] | Curator's `InterProcessReadWriteLock` |
//! | [`Semaphore`] | Curator's `InterProcessSemaphoreV2`, `InterProcessSemaphoreMutex` |
//! | [`LeaderLatch`], [`LeaderSelector`] | Curator's classes of these names |
//! | [`SharedValue`], [`SharedCount`], [`AtomicLong`] | Curator's `SharedValue`, `SharedCount`, `DistributedAtomicLong` |
//! | [`Barrier`], [`DoubleBarrier`] | Curator's `DistributedBarrier`, `DistributedDoubleBarrier` |
//! | [`Discovery`](discovery::Discovery) | Curator's `ServiceDiscovery` with JSON |
//! | [`PersistentNode`], [`GroupMember`], [`Cache`] | any |
//! | [`Queue`] and its like, [`Names`], [`Ids`], [`Configuration`] | nobody but this crate |
//!
//! # What is not here
//!
//! The client's own promises, above all what is in order with what: see `zoarium-client`.
//!
//! Start at [`Guard`] for what is held, and at `line.rs` for how it is waited for.

mod again;
mod atomic_long;
mod barrier;
mod cache;
mod configuration;
pub mod discovery;
mod double_barrier;
mod election;
mod error;
mod feed;
mod group;
mod guard;
mod line;
mod lock;
mod multi_lock;
mod naming;
mod persistent_node;
mod place;
mod queue;
mod read_write_lock;
mod reentrant_lock;
mod semaphore;
mod sequence;
mod shared_value;

pub use atomic_long::{AtomicLong, Changed};
pub use barrier::Barrier;
pub use cache::{Cache, CacheEvent, CachedZnode, EVENTS_MAX};
pub use configuration::{Configuration, ConfigurationError, Followed, Version};
pub use double_barrier::{DoubleBarrier, Inside};
pub use election::{LeaderLatch, LeaderSelector, NextTurn};
pub use error::{Error, Lost};
pub use feed::{FEED_MAX, Feed};
pub use group::{GroupEvent, GroupMember};
pub use guard::{Guard, Holding, Token};
pub use line::Contender;
pub use lock::Lock;
pub use multi_lock::{MultiGuard, MultiLock};
pub use naming::{Ids, Names};
pub use persistent_node::{PersistentNode, Presence};
pub use queue::{DelayQueue, Delivery, IdQueue, PriorityQueue, Queue};
pub use read_write_lock::{ReadWriteLock, WriteGuard};
pub use reentrant_lock::{Entry, ReentrantLock};
pub use semaphore::Semaphore;
pub use shared_value::{SharedCount, SharedValue, Versioned};
