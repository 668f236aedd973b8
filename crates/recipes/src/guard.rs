//! What stands for something held.

use crate::error::{Error, Lost};
use crate::place::Place;
use std::fmt;
use tokio::time::Instant;
use zoarium_client::ops::Transaction;
use zoarium_client::{State, Zxid};

/// A fencing token: who comes later has a greater one.
///
/// It is the zxid that made the znode of the holder. Give it along with every write to a store
/// outside of ZooKeeper, and let that store refuse what comes with a smaller token than it has seen.
/// It grows even where the numbers in names begin again, when a lock's parent was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub Zxid);

impl Token {
    /// The token as a number.
    pub const fn number(self) -> i64 {
        self.0.to_wire()
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How sure it is that something is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// It is held.
    Held,
    /// There is no connection. It is held until then at least, and lost then if no server is reached
    /// before.
    Suspect {
        /// Until when.
        until: Instant,
    },
    /// It is not held any more, or nobody can say that it is.
    Lost,
}

/// Something held: a lock, a permit of a semaphore, leadership.
///
/// It is held as long as the session lives and nobody deletes its znode. Dropping the guard lets go
/// of it, in the background; [`Guard::release`] waits until others can have it.
///
/// # When the session is lost
///
/// What was held is lost with the session, and somebody else may have it soon. The client knows a
/// time until which the session lives for the server that answered last; at that time at the latest
/// [`Guard::lost`] resolves and [`Guard::run`] stops its work. Three things can make that too late, for
/// any client of ZooKeeper:
///
/// - clocks that do not run equally fast;
/// - a process that is stopped for longer than the session timeout, and goes on for a moment after
///   others have taken over;
/// - a follower that is cut off from its leader and answers for up to `syncLimit` ticks more, while
///   the leader hears nothing of the session ([`Client::alive_until`](zoarium_client::Client::alive_until)).
///
/// So two may *believe* that they hold the same for a while. [`Guard::token`] and
/// [`Guard::transaction`] keep the one that is wrong from doing harm.
#[must_use = "what is held is let go of when its guard is dropped"]
#[derive(Debug)]
pub struct Guard {
    place: Place,
}

impl Guard {
    pub(crate) const fn new(place: Place) -> Self {
        Self { place }
    }

    /// The fencing token.
    pub const fn token(&self) -> Token {
        self.place.token
    }

    /// The path of the znode that stands for it.
    pub fn path(&self) -> &str {
        &self.place.path
    }

    /// How sure it is that it is held. This costs no request, so it does not know of a znode that
    /// was deleted by hand.
    pub fn holding(&self) -> Holding {
        match (self.place.is_alive(), self.place.client.state()) {
            (false, _) | (_, State::Lost { .. }) => Holding::Lost,
            (true, State::Suspended { until, .. }) => Holding::Suspect { until },
            (true, _) => Holding::Held,
        }
    }

    /// Resolves when it is not held any more, with the reason.
    ///
    /// While somebody waits for this, the znode is watched.
    pub async fn lost(&self) -> Lost {
        self.place.lost().await
    }

    /// Resolves when it is not sure any more that it is held: when the connection is gone, which
    /// others may notice earlier than this client, or when it is lost.
    pub async fn doubtful(&self) {
        let connection_lost = async {
            let mut states = self.place.client.states();
            while let Some(State::Connected(_)) = states.next().await {}
        };
        tokio::select! {
            biased;
            () = connection_lost => {}
            _why = self.lost() => {}
        }
    }

    /// Does work as long as it is held: when it is lost, the work is dropped where it stands.
    ///
    /// # Errors
    /// If it is lost before the work is done.
    pub async fn run<W: IntoFuture>(&self, work: W) -> Result<W::Output, Lost> {
        tokio::select! {
            biased;
            why = self.lost() => Err(why),
            done = work.into_future() => Ok(done),
        }
    }

    /// Resolves when somebody wants it back: has called [`Contender::revoke`](crate::Contender::revoke)
    /// on what it looks like from outside, or Curator's `Revoker` on its znode. That is a wish and
    /// takes nothing away; to let go of it is up to the holder.
    ///
    /// While somebody waits for this, the znode is watched. A wish is kept: it is found here also if
    /// it came before anybody waited, or before it was held.
    ///
    /// # Errors
    /// If it is lost before.
    pub async fn revoked(&self) -> Result<(), Lost> {
        tokio::select! {
            biased;
            why = self.place.session_lost() => Err(why),
            revoked = self.place.revoked() => revoked,
        }
    }

    /// Prepares writes that are done only if it is still held then. The first part of the
    /// transaction is the check, so the results of yours begin at 1.
    pub fn transaction(&self) -> Transaction<'static> {
        self.place.client.transaction().check_exists(self.place.path.clone())
    }

    /// Replaces what the znode says of the holder.
    ///
    /// # Errors
    /// If it is lost, or the client's.
    pub async fn describe(&self, data: &[u8]) -> Result<(), Error> {
        let set =
            crate::again::until_answered(|| self.place.client.set(self.place.path.as_str(), data));
        match set.await {
            Err(error) if error.is_no_node() => Err(Lost::Deleted.into()),
            set => Ok(set.map(drop)?),
        }
    }

    /// Lets go of it, and waits until others can have it; or until the session is lost, and with it
    /// what was held.
    ///
    /// # Errors
    /// If the client is closed, or a server refuses what is asked of it.
    pub async fn release(self) -> Result<(), Error> {
        self.place.leave().await
    }

    /// Leaves it held until the session ends.
    pub fn forget(mut self) {
        self.place.forget();
    }

    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn into_place(self) -> Place {
        self.place
    }
}
