//! A number of permits.

use crate::again::until_answered;
use crate::error::Error;
use crate::guard::Guard;
use crate::lock::Lock;
use crate::place::{Place, below, event};
use crate::shared_value::SharedCount;
use std::time::Duration;
use zoarium_client::{Client, OneShot};

const LEASE: &str = "lease-";

/// A number of permits; who wants one while all are given waits, in the order of coming.
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::Semaphore;
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let semaphore = Semaphore::new(&client, "/limits/exports", 2);
/// let one = semaphore.acquire().await?;
/// let two = semaphore.acquire().await?;
/// assert!(semaphore.try_acquire().await?.is_none());
///
/// one.release().await?;
/// let three = semaphore.acquire().await?;
/// # drop((two, three));
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Algorithm
///
/// Who wants a permit takes a lock, makes an ephemeral znode among the leases, and waits until there
/// are no more of them than permits; then it lets go of the lock. So only the one whose turn it is
/// looks at the leases, and a permit that is given back wakes nobody else. At no time are there more
/// holders than permits: nobody counts as one before it has seen its own lease among them.
///
/// All must agree on the number of permits, which is written nowhere; or take it from one
/// [`SharedCount`] ([`Semaphore::limited_by`]), as Curator's do from a `SharedCountReader`. The znodes are those of
/// Curator's `InterProcessSemaphoreV2`: `/path/locks` and `/path/leases`; with one permit they are
/// those of its `InterProcessSemaphoreMutex`. What happens when a session is lost is as with
/// [`Lock`].
#[derive(Clone, Debug)]
pub struct Semaphore {
    client: Client,
    turn: Lock,
    leases: String,
    limit: Limit,
    data: Vec<u8>,
}

/// How many permits there are.
#[derive(Clone, Debug)]
enum Limit {
    Fixed(usize),
    /// As many as this says.
    Shared(SharedCount),
}

impl Limit {
    /// How many there are, and when that changes, if it can.
    async fn read(&self) -> Result<(usize, Option<OneShot>), Error> {
        match self {
            Self::Fixed(permits) => Ok((*permits, None)),
            Self::Shared(count) => {
                let (read, changed) = count.watched().await?;
                Ok((usize::try_from(read.value).unwrap_or(0), Some(changed)))
            }
        }
    }
}

impl Semaphore {
    /// The semaphore at a path, with so many permits. Nothing is made before one is acquired; the
    /// parents are made as containers.
    pub fn new(client: &Client, path: impl Into<String>, permits: usize) -> Self {
        Self::of(client, path.into(), Limit::Fixed(permits))
    }

    /// The semaphore at a path, with as many permits as a number says that can be changed at any
    /// time; with none while it is negative. When it grows, who waits gets what there is more. When it
    /// shrinks, nobody loses a permit, and none is given before enough have come back.
    ///
    /// ```
    /// use zoarium_client::Client;
    /// use zoarium_recipes::{Semaphore, SharedCount};
    ///
    /// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
    /// # examples::serving(async |servers| {
    /// # let client = Client::connect(servers).await?;
    /// let limit = SharedCount::open(&client, "/limits/exports/count", 1).await?;
    /// let semaphore = Semaphore::limited_by(&client, "/limits/exports", &limit);
    /// let one = semaphore.acquire().await?;
    /// assert!(semaphore.try_acquire().await?.is_none());
    ///
    /// limit.set(2).await?;
    /// let two = semaphore.acquire().await?;
    /// # drop((one, two));
    /// # Ok(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn limited_by(client: &Client, path: impl Into<String>, count: &SharedCount) -> Self {
        Self::of(client, path.into(), Limit::Shared(count.clone()))
    }

    fn of(client: &Client, path: String, limit: Limit) -> Self {
        let turn = Lock::new(client, below(&path, "locks"));
        let (client, leases) = (client.clone(), below(&path, "leases"));
        Self { client, turn, leases, limit, data: Vec::new() }
    }

    /// What the own leases say of their holder.
    #[must_use]
    pub fn described(self, data: impl Into<Vec<u8>>) -> Self {
        Self { data: data.into(), ..self }
    }

    /// Waits for a permit, for as long as it takes: over lost connections and lost sessions. Dropped,
    /// it leaves the line.
    ///
    /// # Errors
    /// If a server refuses what is asked of it, or the client is closed; or if the number that limits
    /// it is gone or is none.
    pub async fn acquire(&self) -> Result<Guard, Error> {
        loop {
            let turn = self.turn.acquire().await?;
            if let Some(lease) = self.take_lease(&turn).await? {
                return Ok(lease);
            }
        }
    }

    /// As [`Semaphore::acquire`], but gives up after a time: then there is no guard.
    ///
    /// # Errors
    /// As [`Semaphore::acquire`].
    pub async fn acquire_within(&self, patience: Duration) -> Result<Option<Guard>, Error> {
        match tokio::time::timeout(patience, self.acquire()).await {
            Ok(guard) => guard.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Takes a permit if there is one and nobody waits for it.
    ///
    /// # Errors
    /// As [`Semaphore::acquire`].
    pub async fn try_acquire(&self) -> Result<Option<Guard>, Error> {
        let Some(turn) = self.turn.try_acquire().await? else { return Ok(None) };
        let lease = self.make_lease().await?;
        let room = self.look(&lease).await?;
        turn.release().await?;
        match room {
            Room::Yes => Ok(Some(Guard::new(lease))),
            Room::LostLease => Ok(None),
            Room::No(..) => lease.leave().await.map(|()| None),
        }
    }

    /// Waits for several permits, one after the other: two who want many at the same time may each
    /// get a part and wait for the other's. Dropped, it gives back what it has.
    ///
    /// # Errors
    /// As [`Semaphore::acquire`].
    pub async fn acquire_many(&self, permits: usize) -> Result<Vec<Guard>, Error> {
        let mut guards = Vec::new();
        while guards.len() < permits {
            guards.push(self.acquire().await?);
        }
        Ok(guards)
    }

    /// How many permits are taken, or about to be.
    ///
    /// # Errors
    /// As [`Semaphore::acquire`].
    pub async fn taken(&self) -> Result<usize, Error> {
        match until_answered(|| self.client.children(self.leases.as_str())).await {
            Err(error) if error.is_no_node() => Ok(0),
            leases => Ok(leases?.names.len()),
        }
    }

    /// Makes a lease and waits until there is room for it; nothing if that or the turn is lost
    /// meanwhile. Who went on waiting without its turn, as with a lease of a newer session, would wait
    /// for the lease of whoever has the turn, and that one for this.
    async fn take_lease(&self, turn: &Guard) -> Result<Option<Guard>, Error> {
        let lease = self.make_lease().await?;
        loop {
            let (leases, limit) = match self.look(&lease).await? {
                Room::Yes => return Ok(Some(Guard::new(lease))),
                Room::LostLease => return Ok(None),
                Room::No(leases, limit) => (leases, limit),
            };
            tokio::select! {
                biased;
                _why = turn.lost() => {
                    lease.leave().await?;
                    return Ok(None);
                }
                changed = wait_for_either(leases, limit) => changed?,
            }
        }
    }

    async fn make_lease(&self) -> Result<Place, Error> {
        Place::take(&self.client, &self.leases, LEASE, &self.data).await
    }

    async fn look(&self, lease: &Place) -> Result<Room, Error> {
        let (leases, changed) =
            match until_answered(|| self.client.children(self.leases.as_str()).watch()).await {
                Err(error) if error.is_no_node() => return Ok(Room::LostLease),
                leases => leases?,
            };
        let is_there = leases.names.iter().any(|name| name == lease.name());
        if !is_there || !lease.is_alive() {
            return Ok(Room::LostLease);
        }
        let (permits, limit_changed) = self.limit.read().await?;
        Ok(match leases.names.len() <= permits {
            true => Room::Yes,
            false => Room::No(changed, limit_changed),
        })
    }
}

async fn wait_for_either(leases: OneShot, limit: Option<OneShot>) -> Result<(), Error> {
    let limit = async {
        match limit {
            Some(changed) => event(changed).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        changed = event(leases) => changed.map(drop),
        changed = limit => changed.map(drop),
    }
}

/// Whether there is room for a lease.
#[derive(Debug)]
enum Room {
    Yes,
    /// Not before the leases change, or the limit, if it can.
    No(OneShot, Option<OneShot>),
    /// The lease is gone, with its session or by hand.
    LostLease,
}
