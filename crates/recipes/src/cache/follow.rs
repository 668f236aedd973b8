//! The task behind a cache: reads everything, then what it is told has changed.

use super::{CachedZnode, Progress, Scope, Shared};
use crate::again::{Pauses, until_answered};
use crate::error::{Error, Lost, may_work_later};
use crate::place::below;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::watch;
use zoarium_client::{Change, Client, Data, Error as ClientError, State, Watch};

/// Reads that are under way at a time.
const PIPELINED_MAX: usize = 100;

pub(super) struct Follower {
    client: Client,
    shared: Arc<Shared>,
    progress: watch::Sender<Progress>,
}

/// What wakes the follower.
enum Wake {
    /// These znodes may have changed.
    Changed(BTreeSet<String>),
    /// Anything may have.
    Gap,
    /// There is no connection.
    Suspended,
    Closed,
}

impl Follower {
    pub(super) fn new(
        client: Client,
        shared: Arc<Shared>,
        progress: watch::Sender<Progress>,
    ) -> Self {
        Self { client, shared, progress }
    }

    pub(super) async fn run(self) {
        if let Err(error) = self.follow().await {
            self.progress.send_replace(Progress::Failed(error));
        }
    }

    async fn follow(&self) -> Result<(), Error> {
        let mut watch = until_answered(|| {
            let watch = self.client.watch(self.shared.path.as_str()).across_sessions();
            match self.shared.scope {
                Scope::Node => watch,
                Scope::Children | Scope::Tree => watch.recursive(),
            }
        })
        .await?;
        self.read_all().await?;
        self.shared.tell_ready();
        loop {
            match self.wait(&mut watch).await {
                Wake::Changed(paths) => self.read(paths).await?,
                Wake::Gap => self.read_all().await?,
                Wake::Suspended => drop(self.progress.send_replace(Progress::Behind)),
                Wake::Closed => return Err(Lost::Closed.into()),
            }
        }
    }

    /// Takes all that has come on the watch, so that a znode that has changed often is read once.
    async fn wait(&self, watch: &mut Watch) -> Wake {
        let change = tokio::select! {
            biased;
            change = watch.next() => change,
            () = self.suspended(), if *self.progress.borrow() == Progress::Current => {
                return Wake::Suspended;
            }
        };
        let mut paths = BTreeSet::new();
        let mut next = change;
        loop {
            match next {
                None if paths.is_empty() => return Wake::Closed,
                // What is left is taken first; the end comes again.
                None => return Wake::Changed(paths),
                Some(Change::Gap) => return Wake::Gap,
                Some(Change::Event(event)) => {
                    paths.extend(self.shared.covers(&event.path).then(|| event.path.to_string()));
                }
            }
            next = match watch.try_next() {
                Some(next) => Some(next),
                None => return Wake::Changed(paths),
            };
        }
    }

    async fn suspended(&self) {
        let mut states = self.client.states();
        while let Some(State::Connected(_)) = states.next().await {}
    }

    async fn read(&self, paths: BTreeSet<String>) -> Result<(), Error> {
        for (path, found) in self.get_each(paths).await? {
            self.shared.apply(&path, found);
        }
        Ok(())
    }

    /// Reads everything again, behind what all servers have done by then: the next session's server
    /// may be behind the last one's.
    async fn read_all(&self) -> Result<(), Error> {
        until_answered(|| self.client.sync()).await?;
        let mut found = BTreeMap::new();
        let mut level = vec![self.shared.path.clone()];
        while !level.is_empty() {
            let mut parents = Vec::new();
            for (path, znode) in self.get_each(level).await? {
                let Some(znode) = znode else { continue };
                if self.shared.covers(&below(&path, "child")) && znode.stat.num_children > 0 {
                    parents.push(path.clone());
                }
                self.shared.apply(&path, Some(znode.clone()));
                found.insert(path, znode);
            }
            level = self.children_of(parents).await?;
        }
        self.shared.keep_only(&found);
        self.progress.send_replace(Progress::Current);
        Ok(())
    }

    async fn get_each(
        &self,
        paths: impl IntoIterator<Item = String>,
    ) -> Result<Vec<(String, Option<CachedZnode>)>, Error> {
        let paths: Vec<String> = paths.into_iter().collect();
        let mut found = Vec::with_capacity(paths.len());
        for some in paths.chunks(PIPELINED_MAX) {
            let reads: Vec<_> =
                some.iter().map(|path| self.client.get(path.as_str()).send()).collect();
            for (path, read) in some.iter().zip(reads) {
                let again = || self.client.get(path.as_str());
                let read = first_or_again(read.await, again).await?;
                let znode = |Data { data, stat }| CachedZnode { path: path.clone(), data, stat };
                found.push((path.clone(), read.map(znode)));
            }
        }
        Ok(found)
    }

    async fn children_of(&self, parents: Vec<String>) -> Result<Vec<String>, Error> {
        let mut paths = Vec::new();
        for some in parents.chunks(PIPELINED_MAX) {
            let lists: Vec<_> =
                some.iter().map(|path| self.client.children(path.as_str()).send()).collect();
            for (path, list) in some.iter().zip(lists) {
                let again = || self.client.children(path.as_str());
                let list = first_or_again(list.await, again).await?;
                let names = list.map(|list| list.names).unwrap_or_default();
                paths.extend(names.iter().map(|name| below(path, name)));
            }
        }
        Ok(paths)
    }
}

/// The result of a read that was sent already, or of another attempt; nothing if there is no such
/// znode.
async fn first_or_again<R, A>(
    first: Result<R, ClientError>,
    again: impl FnMut() -> A,
) -> Result<Option<R>, Error>
where
    A: IntoFuture<Output = Result<R, ClientError>>,
{
    let answer = match first {
        Err(error) if may_work_later(&error) => {
            Pauses::default().pause().await;
            until_answered(again).await
        }
        answer => answer,
    };
    match answer {
        Err(error) if error.is_no_node() => Ok(None),
        answer => Ok(Some(answer?)),
    }
}
