//! An ephemeral znode with a number: a place in a line.

use crate::again::{Pauses, until_answered};
use crate::error::{Error, Lost, may_work_later};
use crate::guard::Token;
use tokio::time::Instant;
use zoarium_client::ops::Create;
use zoarium_client::{Client, OneShot, SessionId, WatchEnd, Zxid};

/// What is written into the znode of a holder who is to let go of it: as Curator's `Revoker` does.
pub(crate) const REVOKE: &[u8] = b"__REVOKE__";

/// A znode that this client has made in its present session. Dropped, it is deleted in the
/// background, however often that takes.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) client: Client,
    /// The whole path.
    pub(crate) path: String,
    pub(crate) token: Token,
    pub(crate) owner: SessionId,
    /// Whether the znode is to be left where it is.
    is_left: bool,
}

impl Place {
    /// Makes an ephemeral sequential znode `prefix` below `base`. The parents are containers, which
    /// servers delete when nothing is left in them.
    ///
    /// Dropped while it waits, this leaves no znode: a protected create cleans up behind itself.
    pub(crate) async fn take(
        client: &Client,
        base: &str,
        prefix: &str,
        data: &[u8],
    ) -> Result<Self, Error> {
        let path = below(base, prefix);
        Self::make(client, || client.create(path.as_str()).data(data).sequential()).await
    }

    /// As [`Place::take`], without a number: a member among others.
    pub(crate) async fn member(client: &Client, base: &str) -> Result<Self, Error> {
        let path = below(base, "member");
        Self::make(client, || client.create(path.as_str())).await
    }

    async fn make<'a>(client: &Client, create: impl Fn() -> Create<'a>) -> Result<Self, Error> {
        loop {
            let made = create().ephemeral().protected().container_parents().await?;
            let place = Self {
                client: client.clone(),
                path: made.path,
                token: Token(made.stat.czxid),
                owner: made.stat.ephemeral_owner,
                is_left: false,
            };
            // The session may have been lost since; its znodes go with it.
            if place.is_alive() {
                return Ok(place);
            }
        }
    }

    /// The place of a znode that is to be made in the present session, if there is one.
    pub(crate) fn planned(client: &Client, path: String) -> Option<Self> {
        let (owner, token) = (client.session_id()?, Token(Zxid::ZERO));
        Some(Self { client: client.clone(), path, token, owner, is_left: false })
    }

    /// The place of another znode of the same session.
    pub(crate) fn with_path(&self, path: String) -> Self {
        let client = self.client.clone();
        Self { client, path, token: self.token, owner: self.owner, is_left: false }
    }

    /// The last name of the path.
    pub(crate) fn name(&self) -> &str {
        last_name(&self.path)
    }

    /// Whether the session that made it is this client's and, as far as this client's own clock
    /// can tell, not over.
    pub(crate) fn is_alive(&self) -> bool {
        self.client.session_id() == Some(self.owner)
            && self.client.alive_until().is_some_and(|until| Instant::now() < until)
    }

    /// Resolves when the session that made it is over, or may be over.
    pub(crate) async fn session_lost(&self) -> Lost {
        let mut states = self.client.states();
        while self.is_alive() {
            let until = self.client.alive_until().unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                // Not left to the client's task, which may be starved.
                () = tokio::time::sleep_until(until) => {}
                state = states.next() => if state.is_none() {
                    return Lost::Closed;
                },
            }
        }
        match self.client.state().is_final() {
            true => Lost::Closed,
            false => Lost::Session,
        }
    }

    /// Resolves when the znode is gone, for whatever reason.
    pub(crate) async fn lost(&self) -> Lost {
        tokio::select! {
            biased;
            why = self.session_lost() => why,
            why = self.deleted() => why,
        }
    }

    async fn deleted(&self) -> Lost {
        loop {
            match wait_for_change(&self.client, &self.path).await {
                Ok(Watched::Changed) => {}
                Ok(Watched::Gone) => return Lost::Deleted,
                Ok(Watched::SessionLost) => return Lost::Session,
                // It cannot be watched, but the session can.
                Err(_) => std::future::pending().await,
            }
        }
    }

    /// Resolves when somebody has written [`REVOKE`] into the znode.
    pub(crate) async fn revoked(&self) -> Result<(), Lost> {
        loop {
            let path = self.path.as_str();
            let (read, changed) = match until_answered(|| self.client.get(path).watch()).await {
                Err(error) if error.is_no_node() => return Err(Lost::Deleted),
                // It cannot be watched, but the session can.
                Err(_) => std::future::pending().await,
                Ok(read) => read,
            };
            if read.data == REVOKE {
                return Ok(());
            }
            match event(changed).await {
                Ok(Watched::Changed | Watched::Gone) => {}
                Ok(Watched::SessionLost) => return Err(Lost::Session),
                Err(_) => return Err(Lost::Closed),
            }
        }
    }

    /// Deletes the znode, and waits until that is sure; or until its session is over, with which it
    /// goes.
    pub(crate) async fn leave(mut self) -> Result<(), Error> {
        let mut pauses = Pauses::default();
        loop {
            match self.client.delete(self.path.as_str()).if_exists().await {
                Err(error) if may_work_later(&error) && self.is_alive() => pauses.pause().await,
                Err(error) if may_work_later(&error) => return Ok(()),
                deleted => {
                    self.is_left = true;
                    return Ok(deleted?);
                }
            }
        }
    }

    /// Leaves the znode where it is, for as long as the session lives.
    pub(crate) fn forget(&mut self) {
        self.is_left = true;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_left {
            drop(self.client.delete(std::mem::take(&mut self.path)).guaranteed().send());
        }
    }
}

/// How a wait for a change of a znode ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watched {
    /// The znode has another content, or is gone since it was looked at.
    Changed,
    /// There is no such znode.
    Gone,
    /// The session that watched is over.
    SessionLost,
}

/// Waits until a znode changes. By reading its data, not by asking whether it exists: if it does
/// not, that leaves no watch behind.
pub(crate) async fn wait_for_change(client: &Client, path: &str) -> Result<Watched, Error> {
    match until_answered(|| client.get(path).watch()).await {
        Err(error) if error.is_no_node() => Ok(Watched::Gone),
        Err(error) => Err(error.into()),
        Ok((_, changed)) => event(changed).await,
    }
}

/// Waits for the event of a watch, or for the end of its session.
pub(crate) async fn event(watch: OneShot) -> Result<Watched, Error> {
    match watch.await {
        Ok(_) => Ok(Watched::Changed),
        Err(WatchEnd::SessionLost) => Ok(Watched::SessionLost),
        Err(WatchEnd::Closed) => Err(Lost::Closed.into()),
    }
}

/// Waits until a znode is made, if it is not there.
pub(crate) async fn wait_until_made(client: &Client, path: &str) -> Result<(), Error> {
    match until_answered(|| client.exists(path).watch()).await? {
        (None, made) => event(made).await.map(drop),
        (Some(_), _) => Ok(()),
    }
}

/// The path of a child.
pub(crate) fn below(base: &str, name: &str) -> String {
    format!("{}/{name}", base.trim_end_matches('/'))
}

/// The last name of a path.
pub(crate) fn last_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
