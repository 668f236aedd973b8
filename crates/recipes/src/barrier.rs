//! A barrier that keeps everybody waiting until it is lifted.

use crate::again::until_answered;
use crate::error::{Error, Lost};
use zoarium_client::{Client, EventType, WatchEnd};

/// A barrier: while it is set, whoever comes to it waits. Curator's `DistributedBarrier`.
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::Barrier;
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let barrier = Barrier::new(&client, "/barriers/migration");
/// barrier.set().await?;
///
/// let waiting = tokio::spawn({
///     let barrier = barrier.clone();
///     async move { barrier.pass().await }
/// });
/// barrier.lift().await?;
/// waiting.await??;
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It is one persistent znode: it stays set when the session of whoever set it is lost, and those
/// who wait go on waiting when theirs is. All are woken when it is lifted, as all may pass. Who comes
/// to it has its server catch up first, so nobody passes because that one is behind.
#[derive(Clone, Debug)]
pub struct Barrier {
    client: Client,
    path: String,
}

impl Barrier {
    /// The barrier at a path. Nothing is made before it is set.
    pub fn new(client: &Client, path: impl Into<String>) -> Self {
        Self { client: client.clone(), path: path.into() }
    }

    /// Sets it, unless it is set.
    ///
    /// # Errors
    /// If a server refuses what is asked of it, or the client is closed.
    pub async fn set(&self) -> Result<(), Error> {
        let create = || self.client.create(self.path.as_str()).container_parents();
        match until_answered(create).await {
            Err(error) if error.is_node_exists() => Ok(()),
            set => Ok(set.map(drop)?),
        }
    }

    /// Lifts it, if it is set.
    ///
    /// # Errors
    /// As [`Barrier::set`].
    pub async fn lift(&self) -> Result<(), Error> {
        Ok(until_answered(|| self.client.delete(self.path.as_str()).if_exists()).await?)
    }

    /// Waits until it is not set. Who was waiting when it was lifted passes, even if it has been set
    /// again at once.
    ///
    /// # Errors
    /// As [`Barrier::set`].
    pub async fn pass(&self) -> Result<(), Error> {
        loop {
            let exists = || async {
                // Both are sent here, so not one on a connection and the other on the next.
                let synced = self.client.sync();
                let exists = self.client.exists(self.path.as_str()).watch().send();
                let ((), exists) = tokio::try_join!(synced, exists)?;
                Ok(exists)
            };
            let (Some(_), changed) = until_answered(exists).await? else { return Ok(()) };
            match changed.await {
                Ok(event) if event.kind == EventType::NodeDeleted => return Ok(()),
                Ok(_) | Err(WatchEnd::SessionLost) => {}
                Err(WatchEnd::Closed) => return Err(Lost::Closed.into()),
            }
        }
    }
}
