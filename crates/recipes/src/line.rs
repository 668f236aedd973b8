//! Standing in line: what locks and elections have in common.
//!
//! Everybody makes an ephemeral sequential znode under the same parent. Who has the lowest number
//! is first. Everybody else watches one znode, that of the nearest one before it that it has to
//! wait for, so when somebody leaves, only one is woken.

use crate::again::until_answered;
use crate::error::Error;
use crate::guard::Token;
use crate::place::{Place, REVOKE, below, event, wait_for_change, wait_until_made};
use crate::sequence::Sequence;
use std::time::Duration;
use zoarium_client::{Client, Data, OneShot};

/// Where and as what to stand in line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) client: Client,
    /// The parent.
    pub(crate) base: String,
    /// The prefix of own znodes.
    pub(crate) prefix: &'static str,
    /// The prefixes of all those that have to be waited for.
    pub(crate) waits_for: &'static [&'static str],
    pub(crate) data: Vec<u8>,
}

/// What a place in line looks like from itself.
#[derive(Debug, PartialEq, Eq)]
enum View {
    /// Nobody is before it.
    First,
    /// This znode is before it.
    Behind(String),
    /// Its znode is gone: with its session, or deleted by hand.
    Gone,
}

impl Line {
    /// Takes a place and waits until it is the first.
    pub(crate) async fn wait(&self) -> Result<Place, Error> {
        loop {
            let place = self.take_place().await?;
            if self.come_first(&place).await? {
                return Ok(place);
            }
        }
    }

    /// As [`Line::wait`], but gives up after a time.
    pub(crate) async fn wait_for(&self, patience: Duration) -> Result<Option<Place>, Error> {
        match tokio::time::timeout(patience, self.wait()).await {
            Ok(place) => place.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Takes a place, and leaves again if it is not the first.
    pub(crate) async fn try_first(&self) -> Result<Option<Place>, Error> {
        loop {
            let place = self.take_place().await?;
            match self.look_from(&place).await? {
                View::First => return Ok(Some(place)),
                View::Behind(_) => {
                    place.leave().await?;
                    return Ok(None);
                }
                View::Gone => {}
            }
        }
    }

    async fn take_place(&self) -> Result<Place, Error> {
        Place::take(&self.client, &self.base, self.prefix, &self.data).await
    }

    /// Waits until nobody is before a place; false if the place is gone.
    async fn come_first(&self, place: &Place) -> Result<bool, Error> {
        loop {
            match self.look_from(place).await? {
                View::First => return Ok(true),
                View::Gone => return Ok(false),
                // Who was before it may have given up in the middle of the line, so the way it
                // changed tells nothing: look again.
                View::Behind(before) => wait_for_change(&self.client, &before).await?,
            };
        }
    }

    /// Who is before a place. A server that is behind may show some who have left, never too few:
    /// it has seen this place made, and so all that were made before it.
    async fn look_from(&self, place: &Place) -> Result<View, Error> {
        let names = self.names().await?;
        let is_there = names.iter().any(|name| name == place.name());
        let Some(own) = Sequence::behind(self.prefix, place.name()) else { return Ok(View::Gone) };
        if !is_there || !place.is_alive() {
            return Ok(View::Gone);
        }
        let before = self
            .numbered(&names)
            .map(|(sequence, name)| (sequence.distance_from(own), name))
            .filter(|(distance, _)| *distance < 0)
            .max();
        Ok(before.map_or(View::First, |(_, name)| View::Behind(below(&self.base, name))))
    }

    /// Everybody in the line, or nobody if there is none.
    async fn names(&self) -> Result<Vec<String>, Error> {
        match until_answered(|| self.client.children(self.base.as_str())).await {
            Err(error) if error.is_no_node() => Ok(Vec::new()),
            children => Ok(children?.names),
        }
    }

    /// The znodes that have to be waited for.
    fn numbered<'n>(&self, names: &'n [String]) -> impl Iterator<Item = (Sequence, &'n str)> {
        names.iter().filter_map(|name| {
            let behind = |prefix: &&str| Sequence::behind(prefix, name);
            Some((self.waits_for.iter().find_map(behind)?, name.as_str()))
        })
    }

    /// The paths of those among `names` who stand in line, in order.
    fn in_order(&self, names: &[String]) -> Vec<String> {
        let mut standing: Vec<_> = self.numbered(names).collect();
        if let Some((any, _)) = standing.first().copied() {
            standing.sort_by_key(|(sequence, _)| sequence.distance_from(any));
        }
        standing.into_iter().map(|(_, name)| below(&self.base, name)).collect()
    }

    /// Waits for somebody to be first whose token is greater than `last`.
    pub(crate) async fn next_first(
        &self,
        last: Option<Token>,
    ) -> Result<(Contender, OneShot), Error> {
        loop {
            let Some(path) = self.first_or_wait().await? else { continue };
            let read = match until_answered(|| self.client.get(path.as_str()).watch()).await {
                // It has left since.
                Err(error) if error.is_no_node() => continue,
                read => read?,
            };
            let (first, changed) = (Contender::new(path, read.0), read.1);
            if last.is_none_or(|last| first.token > last) {
                return Ok((first, changed));
            }
            event(changed).await?;
        }
    }

    /// Who is first; if there is nobody, waits until there may be somebody.
    async fn first_or_wait(&self) -> Result<Option<String>, Error> {
        match until_answered(|| self.client.children(self.base.as_str()).watch()).await {
            Err(error) if error.is_no_node() => {
                wait_until_made(&self.client, &self.base).await?;
                Ok(None)
            }
            children => {
                let (children, changed) = children?;
                let first = self.in_order(&children.names).into_iter().next();
                if first.is_none() {
                    event(changed).await?;
                }
                Ok(first)
            }
        }
    }

    /// Those who stand in line, in order, with what they say of themselves.
    pub(crate) async fn contenders(&self) -> Result<Vec<Contender>, Error> {
        let mut contenders = Vec::new();
        for path in self.in_order(&self.names().await?) {
            match until_answered(|| self.client.get(path.as_str())).await {
                // It has left since.
                Err(error) if error.is_no_node() => {}
                read => contenders.push(Contender::new(path, read?)),
            }
        }
        Ok(contenders)
    }
}

/// Somebody who holds something, or waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    /// The znode.
    pub path: String,
    /// What it says of itself.
    pub data: Vec<u8>,
    /// The token it has, or will have.
    pub token: Token,
}

impl Contender {
    /// Asks it to let go of what it holds, or to hold it only briefly once it does: its
    /// [`Guard::revoked`](crate::Guard::revoked) resolves, or the listener of a revocable lock of
    /// Curator's is called. Whether it heeds that is its own affair. What it said of itself is
    /// overwritten.
    ///
    /// # Errors
    /// If a server refuses what is asked of it, or the client is closed. It is no error if it has
    /// left.
    pub async fn revoke(&self, client: &Client) -> Result<(), Error> {
        match until_answered(|| client.set(self.path.as_str(), REVOKE)).await {
            Err(error) if error.is_no_node() => Ok(()),
            asked => Ok(asked.map(drop)?),
        }
    }

    fn new(path: String, read: Data) -> Self {
        Self { path, data: read.data.to_vec(), token: Token(read.stat.czxid) }
    }
}
