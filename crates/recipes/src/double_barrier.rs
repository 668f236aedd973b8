//! A barrier that a number of members enter together and leave together.

use crate::again::until_answered;
use crate::error::{Error, Lost, may_work_later};
use crate::guard::Token;
use crate::place::{Place, below, event, wait_for_change};
use zoarium_client::{Client, OneShot, Zxid};

const READY: &str = "ready";

/// A barrier that members enter when enough of them have come, and leave when all are done. Curator's
/// `DistributedDoubleBarrier`.
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::DoubleBarrier;
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// let compute = async |client: Client| {
///     let barrier = DoubleBarrier::new(&client, "/barriers/step-1", 2);
///     let inside = barrier.enter().await?; // both are here
///     inside.leave().await // both are done
/// };
/// let (one, two) = tokio::join!(compute(client.clone()), compute(client.clone()));
/// one.and(two)?;
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Algorithm
///
/// Each member makes an ephemeral znode; who finds enough of them makes `ready`, which all others
/// wait for. To leave, each deletes its own and waits for the lowest to go; the lowest waits for the
/// highest, so each leaving wakes one. The last one deletes `ready` along with its own znode.
///
/// It can be used again: who comes while a round is on waits until it is over. Should more members
/// than needed come at the same time, all of them may enter.
///
/// # When a session is lost
///
/// Whoever has lost it while waiting to enter starts over. Who has lost it inside counts as having
/// left: nobody waits for the dead.
#[derive(Clone, Debug)]
pub struct DoubleBarrier {
    client: Client,
    path: String,
    members: usize,
}

impl DoubleBarrier {
    /// The barrier at a path, for so many members.
    pub fn new(client: &Client, path: impl Into<String>, members: usize) -> Self {
        Self { client: client.clone(), path: path.into(), members }
    }

    /// Waits until enough members have come. Dropped, it leaves no znode behind; if the others have
    /// counted on it by then, they enter without it.
    ///
    /// # Errors
    /// If a server refuses what is asked of it, or the client is closed.
    pub async fn enter(&self) -> Result<Inside, Error> {
        loop {
            self.wait_until_nobody_is_inside().await?;
            let place = Place::member(&self.client, &self.path).await?;
            let round = self.wait_until_ready().await?;
            // Otherwise the others have not counted on this one.
            if place.is_alive() && self.members_inside().await?.iter().any(|it| it == place.name())
            {
                return Ok(Inside { barrier: self.clone(), place, round });
            }
        }
    }

    async fn wait_until_nobody_is_inside(&self) -> Result<(), Error> {
        let ready = below(&self.path, READY);
        while let (Some(_), changed) = self.ready().await? {
            // Who was to take it away may have died.
            if self.members_inside().await?.is_empty() {
                until_answered(|| self.client.delete(ready.as_str()).if_exists()).await?;
            } else {
                event(changed).await?;
            }
        }
        Ok(())
    }

    async fn wait_until_ready(&self) -> Result<Zxid, Error> {
        loop {
            let (ready, changed) = self.ready().await?;
            if let Some(round) = ready {
                return Ok(round);
            }
            if self.members_inside().await?.len() >= self.members {
                let ready = below(&self.path, READY);
                match until_answered(|| self.client.create(ready.as_str())).await {
                    Err(error) if !error.is_node_exists() => return Err(error.into()),
                    Ok(_) | Err(_) => continue,
                }
            }
            event(changed).await?;
        }
    }

    /// When the present round began, if one is on, and when that changes.
    async fn ready(&self) -> Result<(Option<Zxid>, OneShot), Error> {
        let path = below(&self.path, READY);
        let (ready, changed) = until_answered(|| self.client.exists(path.as_str()).watch()).await?;
        Ok((ready.map(|stat| stat.czxid), changed))
    }

    /// The names of the members, sorted.
    async fn members_inside(&self) -> Result<Vec<String>, Error> {
        let mut names = match until_answered(|| self.client.children(self.path.as_str())).await {
            Err(error) if error.is_no_node() => Vec::new(),
            children => children?.names,
        };
        names.retain(|name| name != READY);
        names.sort_unstable();
        Ok(names)
    }
}

/// A member that is inside. Dropped, it leaves without waiting for the others.
#[must_use = "a member leaves when this is dropped"]
#[derive(Debug)]
pub struct Inside {
    barrier: DoubleBarrier,
    place: Place,
    /// When the round began.
    round: Zxid,
}

impl Inside {
    /// The fencing token of this member.
    pub const fn token(&self) -> Token {
        self.place.token
    }

    /// Resolves when the session is lost: the others then take this member for having left.
    pub async fn lost(&self) -> Lost {
        self.place.lost().await
    }

    /// Waits until all members want to leave, or are dead.
    ///
    /// # Errors
    /// As [`DoubleBarrier::enter`].
    pub async fn leave(self) -> Result<(), Error> {
        let Self { barrier, place, round } = self;
        let mut place = Some(place);
        loop {
            let (ready, round_changed) = barrier.ready().await?;
            if ready != Some(round) {
                return leave_place(place).await;
            }
            let names = barrier.members_inside().await?;
            let own = place.as_ref().and_then(|own| names.iter().position(|it| it == own.name()));
            let wait_for = match (own, &names[..]) {
                (_, []) | (Some(_), [_]) => {
                    end_round(&barrier, place.as_ref()).await?;
                    if let Some(place) = &mut place {
                        place.forget();
                    }
                    return Ok(());
                }
                (Some(0), [.., highest]) => highest,
                (_, [lowest, ..]) => {
                    leave_place(place.take()).await?;
                    lowest
                }
            };
            let gone = below(&barrier.path, wait_for);
            tokio::select! {
                biased;
                changed = event(round_changed) => changed.map(drop)?,
                changed = wait_for_change(&barrier.client, &gone) => changed.map(drop)?,
            }
        }
    }
}

async fn leave_place(place: Option<Place>) -> Result<(), Error> {
    match place {
        Some(place) => place.leave().await,
        None => Ok(()),
    }
}

/// Takes `ready` away, together with the last member's znode: in between, the members of another
/// round could make it their own.
async fn end_round(barrier: &DoubleBarrier, last: Option<&Place>) -> Result<(), Error> {
    let ready = below(&barrier.path, READY);
    let end = || {
        let end = barrier.client.transaction().delete(ready.as_str());
        match last {
            Some(place) => end.delete(place.path.as_str()),
            None => end,
        }
    };
    match end().await {
        Ok(_) => return Ok(()),
        Err(error) if may_work_later(&error) || error.is_no_node() => {}
        Err(error) => return Err(error.into()),
    }
    // One of the two is gone, or that is not known.
    if let Some(place) = last {
        until_answered(|| barrier.client.delete(place.path.as_str()).if_exists()).await?;
    }
    let (round, _) = barrier.ready().await?;
    let is_over = round.is_none() || !barrier.members_inside().await?.is_empty();
    match is_over {
        true => Ok(()),
        false => Ok(until_answered(|| barrier.client.delete(ready.as_str()).if_exists()).await?),
    }
}
