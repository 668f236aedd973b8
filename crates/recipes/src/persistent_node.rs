//! An ephemeral znode that is there for as long as its keeper is.

use crate::again::{Pauses, until_answered};
use crate::error::{Error, Lost, may_work_later};
use crate::guard::Token;
use crate::place::{Watched, event};
use std::sync::Arc;
use tokio::sync::{Notify, oneshot, watch};
use zoarium_client::{Client, SessionId, Stat};

/// Whether a [`PersistentNode`] is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is not, or nobody knows.
    Absent,
    /// It is, and it is ours.
    Present(Token),
    /// Somebody else's is there: another client's, or one of an own session that is lost and not
    /// over for the servers yet.
    Taken,
}

/// An ephemeral znode that is made again whenever it is gone: when the session was lost, or somebody
/// has deleted it. Curator's `PersistentNode`.
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::PersistentNode;
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let mut node = PersistentNode::keep(&client, "/hosts/7", b"up");
/// let token = node.present().await?;
/// client.delete("/hosts/7").await?;
///
/// // It comes back.
/// assert!(node.present_after(token).await? > token);
/// node.close().await?;
/// assert!(client.exists("/hosts/7").await?.is_none());
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Where somebody else's znode is, it waits until that is gone: nothing is taken over. Data that
/// somebody else writes into it stays, until the next [`PersistentNode::set`] or the next session.
///
/// When the session is lost the znode goes with it, and is made in the next one, unless somebody else
/// has been faster: [`Presence`] says so. What was asked of the lost session, an update or the
/// delete, is never done to somebody else's znode at that path.
///
/// Dropping it deletes the znode, in the background.
#[derive(Debug)]
pub struct PersistentNode {
    shared: Arc<Shared>,
    presence: watch::Receiver<Kept>,
    /// Resolves when the znode is gone for good.
    closed: Option<oneshot::Receiver<Result<(), Error>>>,
}

/// What the keeper knows.
#[derive(Clone, Copy, Debug)]
struct Kept {
    presence: Presence,
    /// The session that has made the znode, if it is there.
    owner: SessionId,
}

impl Kept {
    const NOT: Self = Self { presence: Presence::Absent, owner: SessionId::NONE };
}

#[derive(Debug)]
struct Shared {
    client: Client,
    path: String,
    data: watch::Sender<Vec<u8>>,
    /// Wakes the keeper when it is to stop.
    stop: Notify,
}

impl PersistentNode {
    /// Keeps a znode at a path. Its parents are made as containers. Only within a tokio runtime.
    pub fn keep(client: &Client, path: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        let (client, path) = (client.clone(), path.into());
        let (data, stop) = (watch::channel(data.into()).0, Notify::new());
        let shared = Arc::new(Shared { client, path, data, stop });
        let (sender, presence) = watch::channel(Kept::NOT);
        let (done, closed) = oneshot::channel();
        tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                let result = shared.keep_until_stopped(&sender).await;
                drop(sender);
                // Nobody may wait for it.
                let _dropped = done.send(result);
            }
        });
        Self { shared, presence, closed: Some(closed) }
    }

    /// The znode's path.
    pub fn path(&self) -> &str {
        &self.shared.path
    }

    /// Whether it is there.
    pub fn presence(&self) -> Presence {
        self.shared.seen(*self.presence.borrow())
    }

    /// Waits until it is there or somebody else's is.
    ///
    /// # Errors
    /// If it cannot be kept: a server refuses what is asked of it, or the client is closed.
    pub async fn settled(&mut self) -> Result<Presence, Error> {
        let is_settled = |kept: &Kept| kept.presence != Presence::Absent;
        let settled = self.presence.wait_for(is_settled).await.map(|kept| kept.presence);
        match settled {
            Ok(presence) => Ok(presence),
            Err(_) => Err(self.failure().await),
        }
    }

    /// Waits until it is there.
    ///
    /// # Errors
    /// As [`PersistentNode::settled`].
    pub async fn present(&mut self) -> Result<Token, Error> {
        self.wait(|_| true).await
    }

    /// Waits until it is there again.
    ///
    /// # Errors
    /// As [`PersistentNode::settled`].
    pub async fn present_after(&mut self, before: Token) -> Result<Token, Error> {
        self.wait(|token| token > before).await
    }

    async fn wait(&mut self, is_it: impl Fn(Token) -> bool) -> Result<Token, Error> {
        loop {
            let kept = *self.presence.borrow_and_update();
            if let Presence::Present(token) = self.shared.seen(kept)
                && is_it(token)
            {
                return Ok(token);
            }
            if self.presence.changed().await.is_err() {
                return Err(self.failure().await);
            }
        }
    }

    /// Why the keeper has ended.
    async fn failure(&mut self) -> Error {
        match self.closed.take() {
            Some(closed) => match closed.await {
                Ok(Err(error)) => error,
                Ok(Ok(())) | Err(_) => Lost::Closed.into(),
            },
            None => Lost::Closed.into(),
        }
    }

    /// Replaces its data, now or when it is there.
    pub fn set(&self, data: impl Into<Vec<u8>>) {
        self.shared.data.send_replace(data.into());
    }

    /// Deletes it, and waits until that is sure.
    ///
    /// # Errors
    /// As [`PersistentNode::settled`].
    pub async fn close(mut self) -> Result<(), Error> {
        self.shared.stop.notify_one();
        match self.closed.take() {
            Some(closed) => closed.await.unwrap_or(Ok(())),
            None => Ok(()),
        }
    }
}

impl Drop for PersistentNode {
    fn drop(&mut self) {
        // Not aborted: a create under way would leave a znode.
        self.shared.stop.notify_one();
    }
}

impl Shared {
    async fn keep_until_stopped(&self, kept: &watch::Sender<Kept>) -> Result<(), Error> {
        let ended = self.keep(kept).await;
        if matches!(ended, Err(Error::Client(zoarium_client::Error::Path { .. }))) {
            // Nothing was sent, and nothing is there.
            return ended;
        }
        kept.send_replace(Kept::NOT);
        let deleted = self.delete_own().await;
        ended.and(deleted)
    }

    /// Makes the znode whenever it is not there. To stop is possible only between two requests, so
    /// that no znode is made later that nobody knows of.
    async fn keep(&self, kept: &watch::Sender<Kept>) -> Result<(), Error> {
        let mut data = self.data.subscribe();
        loop {
            let wanted = data.borrow().clone();
            // What is not in a znode that was there already is still to be written.
            if self.make(&wanted).await? && *data.borrow_and_update() != wanted {
                data.mark_changed();
            }
            let exists = || self.client.exists(self.path.as_str()).watch();
            let (stat, changed) = until_answered(exists).await?;
            let Some(stat) = stat else { continue };
            let is_ours = self.is_own(stat.ephemeral_owner);
            let presence = match is_ours {
                true => Presence::Present(Token(stat.czxid)),
                false => Presence::Taken,
            };
            kept.send_replace(Kept { presence, owner: stat.ephemeral_owner });
            tokio::select! {
                biased;
                () = self.stop.notified() => return Ok(()),
                changed = event(changed) => if changed? == Watched::SessionLost {
                    kept.send_replace(Kept::NOT);
                },
                Ok(()) = data.changed(), if is_ours => {
                    let wanted = data.borrow_and_update().clone();
                    if !self.write(&wanted, &stat).await? {
                        data.mark_changed();
                    }
                }
            }
        }
    }

    /// Makes it, unless there is one; whether it has made it.
    async fn make(&self, data: &[u8]) -> Result<bool, Error> {
        let create = || self.client.create(self.path.as_str()).data(data).ephemeral();
        match until_answered(|| create().container_parents()).await {
            Err(error) if error.is_node_exists() => Ok(false),
            made => Ok(made.map(|_| true)?),
        }
    }

    /// Writes to the znode that was seen, and to no other; false if it is to be looked at again.
    async fn write(&self, data: &[u8], seen: &Stat) -> Result<bool, Error> {
        let set = self.client.set(self.path.as_str(), data);
        let set = set.version(seen.version).in_session(seen.ephemeral_owner);
        definite(set.await).await
    }

    /// Deletes it if it is this session's.
    async fn delete_own(&self) -> Result<(), Error> {
        loop {
            until_answered(|| self.client.sync()).await?;
            let stat = match until_answered(|| self.client.exists(self.path.as_str())).await? {
                Some(stat) if self.is_own(stat.ephemeral_owner) => stat,
                Some(_) | None => return Ok(()),
            };
            let delete = self.client.delete(self.path.as_str());
            let delete = delete.version(stat.version).in_session(stat.ephemeral_owner);
            if definite(delete.await).await? {
                return Ok(());
            }
        }
    }

    /// What the keeper knows, unless its session was lost since.
    fn seen(&self, kept: Kept) -> Presence {
        match kept.presence {
            Presence::Present(_) if !self.is_own(kept.owner) => Presence::Absent,
            Presence::Present(_) | Presence::Absent | Presence::Taken => kept.presence,
        }
    }

    fn is_own(&self, owner: SessionId) -> bool {
        self.client.session_id() == Some(owner)
    }
}

/// Whether a change of an own znode was made; false if nobody knows, or the znode is another one by
/// now. It must not be made again before the znode was looked at: in the next session it would reach
/// whoever has been there first.
async fn definite<R>(changed: Result<R, zoarium_client::Error>) -> Result<bool, Error> {
    match changed {
        Ok(_) => Ok(true),
        Err(error) if error.is_no_node() || error.is_bad_version() || error.is_session_lost() => {
            Ok(false)
        }
        Err(error) if may_work_later(&error) => {
            Pauses::default().pause().await;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}
