//! A lock.

use crate::error::Error;
use crate::guard::Guard;
use crate::line::{Contender, Line};
use std::time::Duration;
use zoarium_client::Client;

/// Whose znodes a lock stands in line with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Those of Curator's `InterProcessMutex`: `lock-` and the number.
    Curator,
    /// Those of kazoo's `Lock`: `__lock__` and the number.
    Kazoo,
}

impl Layout {
    const fn prefixes(self) -> &'static [&'static str] {
        match self {
            Self::Curator => &["lock-"],
            Self::Kazoo => &["__lock__"],
        }
    }
}

/// A lock that one at a time has, in the order in which they came. It belongs to nobody's thread or
/// task, and is not reentrant: who holds it and asks again waits for itself. See
/// [`ReentrantLock`](crate::ReentrantLock) for one that is.
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::Lock;
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// let client = Client::connect(servers).await?;
/// let lock = Lock::new(&client, "/locks/report");
///
/// let guard = lock.acquire().await?;
/// let pages = guard
///     .run(async {
///         // Stops here if the lock is lost.
///         42
///     })
///     .await?;
/// // A write that is done only if the lock is held.
/// guard.transaction().create("/report").await?;
/// guard.release().await?;
/// # assert_eq!(pages, 42);
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Algorithm
///
/// Everybody makes an ephemeral sequential znode below the path; the lowest number has the lock.
/// Everybody else watches the next lower one. The lock is given on with one event, whoever waits.
///
/// # Wanting it back
///
/// Who waits may ask the holder to let go of the lock, and the holder may heed it:
///
/// ```
/// # use zoarium_client::Client;
/// # use zoarium_recipes::Lock;
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// # let lock = Lock::new(&client, "/locks/report");
/// let guard = lock.acquire().await?;
/// if let Some(holder) = lock.contenders().await?.first() {
///     holder.revoke(&client).await?;
/// }
///
/// guard.revoked().await?;
/// guard.release().await?;
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Others
///
/// The znodes are those of Curator's `InterProcessMutex` (`/path/_c_UUID-lock-0000000000`): processes
/// with Curator 5 and with this exclude each other. With [`Lock::like_kazoo`] they are those of
/// kazoo's `Lock`. One path is for one of the two.
///
/// When the session is lost while waiting, it waits again, at the end of the line, with the next
/// session. When it is lost while held, the lock is lost: see [`Guard`].
#[derive(Clone, Debug)]
pub struct Lock {
    line: Line,
}

impl Lock {
    /// The lock at a path. Nothing is made before it is acquired; the parents are made as
    /// containers.
    pub fn new(client: &Client, path: impl Into<String>) -> Self {
        let waits_for = Layout::Curator.prefixes();
        let prefix = waits_for[0];
        let (client, base, data) = (client.clone(), path.into(), Vec::new());
        Self { line: Line { client, base, prefix, waits_for, data } }
    }

    /// Stands in line with kazoo's locks instead of Curator's.
    #[must_use]
    pub fn like_kazoo(mut self) -> Self {
        self.line.waits_for = Layout::Kazoo.prefixes();
        self.line.prefix = self.line.waits_for[0];
        self
    }

    /// What the own znode says of whoever waits, for [`Lock::contenders`].
    #[must_use]
    pub fn described(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.line.data = data.into();
        self
    }

    /// The lock's path.
    pub fn path(&self) -> &str {
        &self.line.base
    }

    /// Waits for the lock, for as long as it takes: over lost connections and lost sessions. Dropped,
    /// it leaves the line.
    ///
    /// # Errors
    /// If a server refuses what is asked of it, or the client is closed.
    pub async fn acquire(&self) -> Result<Guard, Error> {
        self.line.wait().await.map(Guard::new)
    }

    /// As [`Lock::acquire`], but gives up after a time: then there is no guard.
    ///
    /// # Errors
    /// As [`Lock::acquire`].
    pub async fn acquire_within(&self, patience: Duration) -> Result<Option<Guard>, Error> {
        Ok(self.line.wait_for(patience).await?.map(Guard::new))
    }

    /// Takes the lock if nobody has it or waits for it.
    ///
    /// # Errors
    /// As [`Lock::acquire`].
    pub async fn try_acquire(&self) -> Result<Option<Guard>, Error> {
        Ok(self.line.try_first().await?.map(Guard::new))
    }

    /// Who has the lock, and behind that who waits, in order.
    ///
    /// # Errors
    /// As [`Lock::acquire`].
    pub async fn contenders(&self) -> Result<Vec<Contender>, Error> {
        self.line.contenders().await
    }
}
