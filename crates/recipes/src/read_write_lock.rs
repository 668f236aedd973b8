//! A lock that many readers have together, or one writer alone.

use crate::again::until_answered;
use crate::error::{Error, Lost, may_work_later};
use crate::guard::{Guard, Token};
use crate::line::{Contender, Line};
use crate::place::Place;
use std::ops::Deref;
use std::time::Duration;
use zoarium_client::{Client, Znode, ops::Lifetime};

const READ: &str = "__READ__";
const WRITE: &str = "__WRIT__";

/// A lock that many readers have together, or one writer alone. Nobody overtakes: a reader that
/// comes after a waiting writer waits for it.
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::ReadWriteLock;
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let lock = ReadWriteLock::new(&client, "/locks/catalogue");
///
/// let writing = lock.write().await?;
/// // Others may read, and no writer has come between.
/// let reading = writing.downgrade().await?;
/// let another = lock.read().await?;
///
/// assert!(lock.try_write().await?.is_none());
/// # drop((reading, another));
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Algorithm
///
/// All stand in one line, as for a [`Lock`](crate::Lock). A writer waits for whoever is before it; a
/// reader for the last writer before it, so readers are woken together and by nobody but a writer.
///
/// A reader cannot become a writer: two that try would wait for each other. It has to let go and
/// ask as a writer.
///
/// The znodes are those of Curator's `InterProcessReadWriteLock` (`…-__READ__0000000000` and
/// `…-__WRIT__0000000000`), and processes with Curator 5 take part. What happens when a session is
/// lost is as with [`Lock`](crate::Lock).
#[derive(Clone, Debug)]
pub struct ReadWriteLock {
    reading: Line,
    writing: Line,
}

impl ReadWriteLock {
    /// The lock at a path. Nothing is made before it is acquired; the parents are made as
    /// containers.
    pub fn new(client: &Client, path: impl Into<String>) -> Self {
        let base = path.into();
        let line = |prefix, waits_for| Line {
            client: client.clone(),
            base: base.clone(),
            prefix,
            waits_for,
            data: Vec::new(),
        };
        Self { reading: line(READ, &[WRITE]), writing: line(WRITE, &[READ, WRITE]) }
    }

    /// Waits until no writer is before, for as long as that takes. Dropped, it leaves the line.
    ///
    /// # Errors
    /// If a server refuses what is asked of it, or the client is closed.
    pub async fn read(&self) -> Result<Guard, Error> {
        self.reading.wait().await.map(Guard::new)
    }

    /// As [`ReadWriteLock::read`], but gives up after a time: then there is no guard.
    ///
    /// # Errors
    /// As [`ReadWriteLock::read`].
    pub async fn read_within(&self, patience: Duration) -> Result<Option<Guard>, Error> {
        Ok(self.reading.wait_for(patience).await?.map(Guard::new))
    }

    /// Takes the lock for reading if no writer has it or waits for it.
    ///
    /// # Errors
    /// As [`ReadWriteLock::read`].
    pub async fn try_read(&self) -> Result<Option<Guard>, Error> {
        Ok(self.reading.try_first().await?.map(Guard::new))
    }

    /// Waits until nobody is before, for as long as that takes. Dropped, it leaves the line.
    ///
    /// # Errors
    /// As [`ReadWriteLock::read`].
    pub async fn write(&self) -> Result<WriteGuard, Error> {
        self.writing.wait().await.map(WriteGuard::new)
    }

    /// As [`ReadWriteLock::write`], but gives up after a time: then there is no guard.
    ///
    /// # Errors
    /// As [`ReadWriteLock::read`].
    pub async fn write_within(&self, patience: Duration) -> Result<Option<WriteGuard>, Error> {
        Ok(self.writing.wait_for(patience).await?.map(WriteGuard::new))
    }

    /// Takes the lock for writing if nobody has it or waits for it.
    ///
    /// # Errors
    /// As [`ReadWriteLock::read`].
    pub async fn try_write(&self) -> Result<Option<WriteGuard>, Error> {
        Ok(self.writing.try_first().await?.map(WriteGuard::new))
    }

    /// All who have the lock or wait for it, in order.
    ///
    /// # Errors
    /// As [`ReadWriteLock::read`].
    pub async fn contenders(&self) -> Result<Vec<Contender>, Error> {
        self.writing.contenders().await
    }
}

/// The lock, held for writing.
#[must_use = "what is held is let go of when its guard is dropped"]
#[derive(Debug)]
pub struct WriteGuard(Guard);

impl Deref for WriteGuard {
    type Target = Guard;

    fn deref(&self) -> &Guard {
        &self.0
    }
}

impl WriteGuard {
    const fn new(place: Place) -> Self {
        Self(Guard::new(place))
    }

    /// Lets go of it, and waits until others can have it.
    ///
    /// # Errors
    /// As [`Guard::release`].
    pub async fn release(self) -> Result<(), Error> {
        self.0.release().await
    }

    /// Goes on as a reader, at the same place in the line: no writer comes between. In one
    /// transaction the reader's znode is made, with the writer's number, and the writer's deleted.
    ///
    /// # Errors
    /// If the lock is lost, or the client's. The lock is let go of then.
    pub async fn downgrade(self) -> Result<Guard, Error> {
        let mut place = self.0.into_place();
        // The writer's own mark, so it can be found again when the answer is lost.
        let path = place.path.replace(WRITE, READ);
        let mut reader = place.with_path(path);
        while !become_reader(&place, &reader).await? {}
        let client = &reader.client;
        let stat = until_answered(|| client.exists(reader.path.as_str())).await?;
        let stat = stat.filter(|_| reader.is_alive()).ok_or(Lost::Session)?;
        reader.token = Token(stat.czxid);
        place.forget();
        Ok(Guard::new(reader))
    }
}

/// Puts the reader's znode in the place of the writer's; false if that has to be tried again.
async fn become_reader(writer: &Place, reader: &Place) -> Result<bool, Error> {
    let client = &writer.client;
    let znode = Znode::new(reader.path.as_str()).lifetime(Lifetime::Ephemeral);
    let turn = client.transaction().create(znode).delete(writer.path.as_str()).await;
    let Err(error) = turn else { return Ok(true) };
    // It may have been done by an attempt whose answer was lost.
    let is_undecided = may_work_later(&error) || error.is_node_exists() || error.is_no_node();
    if !is_undecided {
        return Err(error.into());
    }
    until_answered(|| client.sync()).await?;
    let is_done = until_answered(|| client.exists(reader.path.as_str())).await?.is_some();
    if !is_done && until_answered(|| client.exists(writer.path.as_str())).await?.is_none() {
        return Err(Lost::Deleted.into());
    }
    Ok(is_done)
}
