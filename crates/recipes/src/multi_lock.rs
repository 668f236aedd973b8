//! Several locks as one.

use crate::error::{Error, Lost};
use crate::guard::{Guard, Holding};
use crate::lock::Lock;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// Several locks that are had all together or not at all.
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::{Lock, MultiLock};
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let accounts = ["/accounts/7", "/accounts/3"].map(|path| Lock::new(&client, path));
/// let both = MultiLock::new(accounts);
///
/// let guard = both.acquire().await?;
/// guard.run(async { /* move money */ }).await?;
/// guard.release().await?;
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// They are acquired in the order of their paths, whatever the order they were given in, so that two
/// who want some of the same do not wait for each other. When one of them is lost, all count as
/// lost; with the session all of them are. What becomes of it when the session is lost while waiting
/// is as with each [`Lock`].
#[derive(Clone, Debug)]
pub struct MultiLock {
    locks: Vec<Lock>,
}

impl MultiLock {
    /// These locks as one. The same path twice counts once.
    pub fn new(locks: impl IntoIterator<Item = Lock>) -> Self {
        let mut locks: Vec<Lock> = locks.into_iter().collect();
        locks.sort_by(|one, other| one.path().cmp(other.path()));
        locks.dedup_by(|one, other| one.path() == other.path());
        Self { locks }
    }

    /// Waits for all of them. Dropped, it lets go of those it has.
    ///
    /// # Errors
    /// As [`Lock::acquire`]; then none of them is held.
    pub async fn acquire(&self) -> Result<MultiGuard, Error> {
        loop {
            let mut guard = MultiGuard { guards: Vec::new() };
            for lock in &self.locks {
                guard.guards.push(lock.acquire().await?);
            }
            // The first may have been lost while the last was waited for.
            if guard.holding() != Holding::Lost {
                return Ok(guard);
            }
        }
    }

    /// As [`MultiLock::acquire`], but gives up after a time, for all of them together: then there is
    /// no guard.
    ///
    /// # Errors
    /// As [`Lock::acquire`].
    pub async fn acquire_within(&self, patience: Duration) -> Result<Option<MultiGuard>, Error> {
        match tokio::time::timeout(patience, self.acquire()).await {
            Ok(guard) => guard.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Takes all of them if nobody has any of them or waits for it.
    ///
    /// # Errors
    /// As [`Lock::acquire`].
    pub async fn try_acquire(&self) -> Result<Option<MultiGuard>, Error> {
        let mut guard = MultiGuard { guards: Vec::new() };
        for lock in &self.locks {
            match lock.try_acquire().await? {
                Some(held) => guard.guards.push(held),
                None => return guard.release().await.map(|()| None),
            }
        }
        Ok(Some(guard))
    }
}

/// Several locks, held.
#[must_use = "what is held is let go of when its guard is dropped"]
#[derive(Debug)]
pub struct MultiGuard {
    guards: Vec<Guard>,
}

impl MultiGuard {
    /// The guards of the locks, by path; each has its own fencing token.
    pub fn guards(&self) -> &[Guard] {
        &self.guards
    }

    /// How sure it is that all are held: as sure as of the least sure one.
    pub fn holding(&self) -> Holding {
        let mut holding = Holding::Held;
        for guard in &self.guards {
            holding = match (holding, guard.holding()) {
                (Holding::Lost, _) | (_, Holding::Lost) => Holding::Lost,
                (Holding::Suspect { until: one }, Holding::Suspect { until: other }) => {
                    Holding::Suspect { until: one.min(other) }
                }
                (Holding::Held, other) | (other, Holding::Held) => other,
            };
        }
        holding
    }

    /// Resolves when one of them is not held any more, with the reason.
    pub async fn lost(&self) -> Lost {
        let mut all: Vec<_> = self.guards.iter().map(|guard| Box::pin(guard.lost())).collect();
        poll_fn(|cx| {
            let mut lost = all.iter_mut().map(|lost| Pin::new(lost).poll(cx));
            lost.find(Poll::is_ready).unwrap_or(Poll::Pending)
        })
        .await
    }

    /// As [`Guard::run`], for all of them.
    ///
    /// # Errors
    /// If one is lost before the work is done.
    pub async fn run<W: IntoFuture>(&self, work: W) -> Result<W::Output, Lost> {
        tokio::select! {
            biased;
            why = self.lost() => Err(why),
            done = work.into_future() => Ok(done),
        }
    }

    /// Lets go of all of them, the last one first.
    ///
    /// # Errors
    /// As [`Guard::release`]: the first one. The others are let go of all the same.
    pub async fn release(self) -> Result<(), Error> {
        let mut result = Ok(());
        for guard in self.guards.into_iter().rev() {
            result = result.and(guard.release().await);
        }
        result
    }
}
