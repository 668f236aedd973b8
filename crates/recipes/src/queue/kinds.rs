//! The queues: they differ in what is in the names of items, and so in their order.

use super::{Delivery, Due, Items};
use crate::again::until_answered;
use crate::error::Error;
use crate::place::below;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zoarium_client::{Client, protected};

/// A queue: first in, first out.
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::Queue;
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let queue = Queue::new(&client, "/queues/mail");
/// queue.put(b"to alice").await?;
///
/// let item = queue.take().await?;
/// assert_eq!(item.data(), "to alice");
/// // Work stops if the item is lost.
/// item.claim().run(async { /* send it */ }).await?;
/// item.done().await?;
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What is promised
///
/// What was put is put once, even if answers are lost; if the session is lost before there is an
/// answer, nobody knows, and [`Queue::put`] says so. An item is one taker's at a time, and handed
/// out again only if that one drops it, puts it back, or loses its session: at least once, that is,
/// and with fencing tokens that grow. [`Delivery::done`] removes an item only for the one who has it,
/// so of all who took it one gets through.
///
/// An item that comes wakes one of those who wait.
#[derive(Clone, Debug)]
pub struct Queue(Items);

impl Queue {
    /// The queue at a path. Nothing is made before it is used; the parents are made as persistent
    /// znodes.
    pub fn new(client: &Client, path: impl AsRef<str>) -> Self {
        Self(Items::new(client, path.as_ref(), |key, _| key.is_empty().then_some(Due::Now(0))))
    }

    /// Adds an item. Dropped before it is done, it may be added or not.
    ///
    /// # Errors
    /// If a server refuses what is asked of it, or the client is closed. If the session is lost before
    /// there is an answer, the item may be added ([`Error::may_be_done`]).
    pub async fn put(&self, data: impl AsRef<[u8]>) -> Result<(), Error> {
        self.0.put("", data.as_ref()).await
    }

    /// Takes the first item that nobody has; waits for one if there is none. Dropped, it takes none.
    ///
    /// # Errors
    /// As [`Queue::put`].
    pub async fn take(&self) -> Result<Delivery, Error> {
        self.0.take().await
    }

    /// How many items there are, taken ones among them.
    ///
    /// # Errors
    /// As [`Queue::put`].
    pub async fn count(&self) -> Result<usize, Error> {
        self.0.count().await
    }
}

/// A queue whose items have priorities: lower ones first, and those of one priority in the order of
/// coming. What is promised is as with [`Queue`].
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::PriorityQueue;
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let queue = PriorityQueue::new(&client, "/queues/tickets");
/// queue.put(b"a typo", 9).await?;
/// queue.put(b"an outage", -1).await?;
/// assert_eq!(queue.take().await?.data(), "an outage");
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PriorityQueue(Items);

impl PriorityQueue {
    /// The queue at a path.
    pub fn new(client: &Client, path: impl AsRef<str>) -> Self {
        Self(Items::new(client, path.as_ref(), |key, _| {
            // As Curator writes it: the sign, so that text sorts as numbers do, and the bits.
            let (sign, bits) = key.split_at_checked(1)?;
            let bits = u32::from_str_radix(bits, 16).ok()?;
            matches!(sign, "0" | "1").then_some(Due::Now(bits.cast_signed().into()))
        }))
    }

    /// Adds an item.
    ///
    /// # Errors
    /// As [`Queue::put`].
    pub async fn put(&self, data: impl AsRef<[u8]>, priority: i32) -> Result<(), Error> {
        let sign = u8::from(priority >= 0);
        self.0.put(&format!("{sign}{priority:08X}"), data.as_ref()).await
    }

    /// Takes the first item of the lowest priority; waits for one if there is none.
    ///
    /// # Errors
    /// As [`Queue::put`].
    pub async fn take(&self) -> Result<Delivery, Error> {
        self.0.take().await
    }

    /// How many items there are, taken ones among them.
    ///
    /// # Errors
    /// As [`Queue::put`].
    pub async fn count(&self) -> Result<usize, Error> {
        self.0.count().await
    }
}

/// A queue whose items can be taken from a time on, by the clock of the taker. What is promised is as
/// with [`Queue`].
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use zoarium_client::Client;
/// use zoarium_recipes::DelayQueue;
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let queue = DelayQueue::new(&client, "/queues/reminders");
/// let due = SystemTime::now() + Duration::from_millis(50);
/// queue.put(b"wake up", due).await?;
/// assert_eq!(queue.take().await?.data(), "wake up");
/// assert!(SystemTime::now() >= due);
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct DelayQueue(Items);

impl DelayQueue {
    /// The queue at a path.
    pub fn new(client: &Client, path: impl AsRef<str>) -> Self {
        Self(Items::new(client, path.as_ref(), |key, now_ms| {
            let due_ms = key.strip_prefix('|')?.strip_suffix('|')?;
            let due_ms = u64::from_str_radix(due_ms, 16).ok()?;
            Some(match due_ms.checked_sub(now_ms) {
                Some(ms) if ms > 0 => Due::InMs(ms),
                Some(_) | None => Due::Now(i64::try_from(due_ms).unwrap_or(i64::MAX)),
            })
        }))
    }

    /// Adds an item that can be taken from a time on, exact to a millisecond.
    ///
    /// # Errors
    /// As [`Queue::put`].
    pub async fn put(&self, data: impl AsRef<[u8]>, due: SystemTime) -> Result<(), Error> {
        let since = due.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let due_ms = u64::try_from(since.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        self.0.put(&format!("|{due_ms:X}|"), data.as_ref()).await
    }

    /// Takes the item that is due first; waits until one is.
    ///
    /// # Errors
    /// As [`Queue::put`].
    pub async fn take(&self) -> Result<Delivery, Error> {
        self.0.take().await
    }

    /// How many items there are, taken ones among them.
    ///
    /// # Errors
    /// As [`Queue::put`].
    pub async fn count(&self) -> Result<usize, Error> {
        self.0.count().await
    }
}

/// A queue whose items have ids, by which they can be taken back. What is promised is as with
/// [`Queue`].
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::IdQueue;
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let queue = IdQueue::new(&client, "/queues/orders");
/// queue.put("order-7", b"two teapots").await?;
/// assert_eq!(queue.remove("order-7").await?, 1);
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct IdQueue(Items);

impl IdQueue {
    /// The queue at a path.
    pub fn new(client: &Client, path: impl AsRef<str>) -> Self {
        Self(Items::new(client, path.as_ref(), |key, _| id_of(key).map(|_| Due::Now(0))))
    }

    /// Adds an item. Several may have the same id. An id has no `/`.
    ///
    /// # Errors
    /// As [`Queue::put`].
    pub async fn put(&self, id: &str, data: impl AsRef<[u8]>) -> Result<(), Error> {
        self.0.put(&format!("|{id}|"), data.as_ref()).await
    }

    /// Takes the first item that nobody has; waits for one if there is none.
    ///
    /// # Errors
    /// As [`Queue::put`].
    pub async fn take(&self) -> Result<Delivery, Error> {
        self.0.take().await
    }

    /// Removes the items of an id that nobody has taken; the result is how many.
    ///
    /// # Errors
    /// As [`Queue::put`].
    pub async fn remove(&self, id: &str) -> Result<usize, Error> {
        let items = &self.0;
        let (entries, _) = items.list(&items.entries).await?;
        let mut removed = 0;
        for name in entries.names.iter().filter(|name| has_id(name, id)) {
            let entry = below(&items.entries, name);
            let read = match until_answered(|| items.client.get(entry.as_str())).await {
                Err(error) if error.is_no_node() => continue,
                read => read?,
            };
            let (taken, _) = items.list(&items.taken).await?;
            if taken.names.iter().any(|claim| super::claimed(claim) == Some(name)) {
                continue;
            }
            // Who takes it from here on changes the version.
            let version = read.stat.version;
            let delete = || items.client.delete(entry.as_str()).version(version);
            match until_answered(delete).await {
                Err(error) if error.is_bad_version() || error.is_no_node() => {}
                deleted => {
                    deleted?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }

    /// How many items there are, taken ones among them.
    ///
    /// # Errors
    /// As [`Queue::put`].
    pub async fn count(&self) -> Result<usize, Error> {
        self.0.count().await
    }
}

fn has_id(name: &str, id: &str) -> bool {
    let key = protected::unmarked(name).strip_prefix(super::ITEM);
    let key = key.and_then(|it| it.get(..it.len().checked_sub(super::NUMBER_LENGTH)?));
    key.and_then(id_of) == Some(id)
}

/// The id in a key.
fn id_of(key: &str) -> Option<&str> {
    key.strip_prefix('|')?.strip_suffix('|')
}
