//! A lock that its owner may take again.

use crate::error::Error;
use crate::guard::{Guard, Holding};
use crate::lock::Lock;
use std::ops::Deref;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Mutex;
use zoarium_client::Client;

/// A lock that whoever holds it may take again. The owner is this value and its clones, and not a
/// thread or a task: hand clones to all that may enter together, and make another one with
/// [`ReentrantLock::new`] for everybody else.
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::ReentrantLock;
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let lock = ReentrantLock::new(&client, "/locks/ledger");
///
/// let outer = lock.acquire().await?;
/// let inner = lock.acquire().await?; // at once
/// assert_eq!(outer.token(), inner.token());
///
/// inner.release().await?; // still held
/// outer.release().await?; // free
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Znodes, order and the loss of sessions are as with [`Lock`]. What was lost with a session cannot
/// be entered again: the next acquire waits for the lock anew, with another token.
#[derive(Clone, Debug)]
pub struct ReentrantLock {
    lock: Lock,
    /// What is held, if it is. Locked while somebody acquires, so that those who come meanwhile
    /// enter with it.
    held: Arc<Mutex<Weak<Guard>>>,
}

/// One entry into a [`ReentrantLock`]. The lock is let go of with the last one.
#[must_use = "what is held is let go of when its last entry is dropped"]
#[derive(Clone, Debug)]
pub struct Entry(Arc<Guard>);

impl Deref for Entry {
    type Target = Guard;

    fn deref(&self) -> &Guard {
        &self.0
    }
}

impl ReentrantLock {
    /// The lock at a path, with an owner of its own.
    pub fn new(client: &Client, path: impl Into<String>) -> Self {
        Self { lock: Lock::new(client, path), held: Arc::default() }
    }

    /// Waits for the lock, unless its owner has it.
    ///
    /// # Errors
    /// As [`Lock::acquire`].
    pub async fn acquire(&self) -> Result<Entry, Error> {
        let mut held = self.held.lock().await;
        if let Some(guard) = held.upgrade()
            && guard.holding() != Holding::Lost
        {
            return Ok(Entry(guard));
        }
        let guard = Arc::new(self.lock.acquire().await?);
        *held = Arc::downgrade(&guard);
        Ok(Entry(guard))
    }

    /// As [`ReentrantLock::acquire`], but gives up after a time: then there is no entry.
    ///
    /// # Errors
    /// As [`Lock::acquire`].
    pub async fn acquire_within(&self, patience: Duration) -> Result<Option<Entry>, Error> {
        match tokio::time::timeout(patience, self.acquire()).await {
            Ok(entry) => entry.map(Some),
            Err(_) => Ok(None),
        }
    }
}

impl Entry {
    /// Leaves; the last one to leave lets go of the lock, and waits until others can have it.
    ///
    /// # Errors
    /// As [`Guard::release`].
    pub async fn release(self) -> Result<(), Error> {
        match Arc::into_inner(self.0) {
            Some(guard) => guard.release().await,
            None => Ok(()),
        }
    }
}
