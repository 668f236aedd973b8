//! Copies of znodes that follow what happens to them.

mod follow;

use crate::error::{Error, Lost};
use crate::feed::Feed;
use crate::place::below;
use bytes::Bytes;
use follow::Follower;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;
use zoarium_client::{Client, Stat};

/// Events that a [`Cache`] keeps for listeners that are slow.
pub const EVENTS_MAX: usize = 1024;

/// A znode as a cache has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedZnode {
    /// Its path.
    pub path: String,
    /// Its data.
    pub data: Bytes,
    /// Its stat. What it says of the znode's children may be out of date.
    pub stat: Stat,
}

/// What a cache tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheEvent {
    /// A znode is there.
    Added(Arc<CachedZnode>),
    /// A znode's data was set.
    Changed {
        /// Before.
        old: Arc<CachedZnode>,
        /// After.
        new: Arc<CachedZnode>,
    },
    /// A znode is gone.
    Removed(Arc<CachedZnode>),
    /// All that was there when the cache was made has been told. Told once.
    Ready,
    /// Events are missing: the reader was too slow. [`Cache::snapshot`] shows what there is.
    Gap,
}

/// How far down a cache looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Node,
    Children,
    Tree,
}

impl Scope {
    /// Whether it covers what is so many levels below its root.
    const fn covers(self, depth: usize) -> bool {
        match self {
            Self::Node => depth == 0,
            Self::Children => depth <= 1,
            Self::Tree => true,
        }
    }
}

/// A copy of a znode, its children or all that is below it, which follows what happens to them.
///
/// ```
/// use zoarium_client::Client;
/// use zoarium_recipes::{Cache, CacheEvent};
///
/// # mod examples { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/examples.rs")); }
/// # examples::serving(async |servers| {
/// # let client = Client::connect(servers).await?;
/// client.create("/app/flags/dark").data(b"on").parents().await?;
///
/// let cache = Cache::tree(&client, "/app");
/// cache.ready().await?;
/// assert_eq!(cache.get("/app/flags/dark").unwrap().data, "on");
///
/// let mut events = cache.events();
/// client.set("/app/flags/dark", b"off").await?;
/// while let Some(event) = events.next().await {
///     if let CacheEvent::Changed { new, .. } = event {
///         assert_eq!(new.data, "off");
///         break;
///     }
/// }
/// # Ok(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Algorithm
///
/// One persistent watch says which znodes have changed; these are read again. After anything that may
/// have hidden a change, a lost connection above all, everything is read again and compared. What was
/// deleted and made again is told as removed and added, even if its version is the same.
///
/// A cache is behind the servers: it shows a state that was, each znode for itself. When the session
/// is lost it keeps what it has ([`Cache::is_current`] is false then) and catches up with the next
/// one. Dropping it removes the watch.
#[derive(Debug)]
pub struct Cache {
    shared: Arc<Shared>,
    progress: watch::Receiver<Progress>,
    task: AbortHandle,
}

/// How far a cache is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It has not read everything yet.
    Reading,
    /// It has what there is, as far as it was told.
    Current,
    /// It may have missed something, and has not read everything again.
    Behind,
    /// It cannot go on.
    Failed(Error),
}

#[derive(Debug)]
pub(crate) struct Shared {
    path: String,
    scope: Scope,
    view: Mutex<View>,
}

#[derive(Debug)]
struct View {
    znodes: BTreeMap<String, Arc<CachedZnode>>,
    is_ready: bool,
    events: broadcast::Sender<CacheEvent>,
}

impl Cache {
    /// A copy of one znode, which need not be there. Only within a tokio runtime, as the others.
    pub fn node(client: &Client, path: impl Into<String>) -> Self {
        Self::start(client, path.into(), Scope::Node)
    }

    /// A copy of a znode and its children.
    pub fn children(client: &Client, path: impl Into<String>) -> Self {
        Self::start(client, path.into(), Scope::Children)
    }

    /// A copy of a znode and all that is below it.
    pub fn tree(client: &Client, path: impl Into<String>) -> Self {
        Self::start(client, path.into(), Scope::Tree)
    }

    fn start(client: &Client, path: String, scope: Scope) -> Self {
        let events = broadcast::channel(EVENTS_MAX).0;
        let view = View { znodes: BTreeMap::new(), is_ready: false, events };
        let shared = Arc::new(Shared { path, scope, view: Mutex::new(view) });
        let (sender, progress) = watch::channel(Progress::Reading);
        let follower = Follower::new(client.clone(), Arc::clone(&shared), sender);
        let task = tokio::spawn(follower.run()).abort_handle();
        Self { shared, progress, task }
    }

    /// The path of its root.
    pub fn path(&self) -> &str {
        &self.shared.path
    }

    /// Waits until everything is read.
    ///
    /// # Errors
    /// If a server refuses what is asked of it, or the client is closed.
    pub async fn ready(&self) -> Result<(), Error> {
        let mut progress = self.progress.clone();
        match progress.wait_for(|progress| *progress != Progress::Reading).await.as_deref() {
            Ok(Progress::Failed(error)) => Err(error.clone()),
            Ok(Progress::Reading | Progress::Current | Progress::Behind) => Ok(()),
            Err(_) => Err(Lost::Closed.into()),
        }
    }

    /// Whether it follows the servers right now. It does not while there is no connection, and until
    /// everything is read again after that.
    pub fn is_current(&self) -> bool {
        *self.progress.borrow() == Progress::Current
    }

    /// A znode, if there is one.
    pub fn get(&self, path: &str) -> Option<Arc<CachedZnode>> {
        self.shared.view().znodes.get(path).cloned()
    }

    /// All znodes, by path.
    pub fn snapshot(&self) -> BTreeMap<String, Arc<CachedZnode>> {
        self.shared.view().znodes.clone()
    }

    /// What happens, beginning with what there is, told as added.
    pub fn events(&self) -> Feed<CacheEvent> {
        let view = self.shared.view();
        let (znodes, is_ready) = (view.znodes.clone(), view.is_ready);
        let mut events = view.events.subscribe();
        drop(view);
        Feed::new(|feed| async move {
            for znode in znodes.into_values() {
                feed.put(CacheEvent::Added(znode)).await;
            }
            if is_ready {
                feed.put(CacheEvent::Ready).await;
            }
            loop {
                match events.recv().await {
                    Ok(event) => feed.put(event).await,
                    Err(broadcast::error::RecvError::Lagged(_)) => feed.put(CacheEvent::Gap).await,
                    Err(broadcast::error::RecvError::Closed) => return,
                }
            }
        })
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn view(&self) -> MutexGuard<'_, View> {
        // Nothing in here panics half way.
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many levels below the root a path is; nothing if it is not below it.
    fn depth(&self, path: &str) -> Option<usize> {
        let rest = path.strip_prefix(self.path.trim_end_matches('/'))?;
        match rest {
            "" | "/" => Some(0),
            rest => rest.starts_with('/').then(|| rest.matches('/').count()),
        }
    }

    fn covers(&self, path: &str) -> bool {
        self.depth(path).is_some_and(|depth| self.scope.covers(depth))
    }

    /// Takes over what a znode is at present, and tells of what that changes.
    fn apply(&self, path: &str, found: Option<CachedZnode>) {
        let mut view = self.view();
        let old = view.znodes.get(path).cloned();
        match (old, found.map(Arc::new)) {
            (None, None) => {}
            (None, Some(new)) => view.add(new),
            (Some(old), None) => view.remove(&old),
            // It was deleted and made again.
            (Some(old), Some(new)) if old.stat.czxid != new.stat.czxid => {
                view.remove(&old);
                view.add(new);
            }
            (Some(old), Some(new)) if old.stat.mzxid < new.stat.mzxid => {
                view.znodes.insert(path.to_owned(), Arc::clone(&new));
                view.tell(CacheEvent::Changed { old, new });
            }
            // Nothing new, but for what the stat says of children.
            (Some(_), Some(new)) => drop(view.znodes.insert(path.to_owned(), new)),
        }
    }

    /// Removes what is not among `found`, children before parents.
    fn keep_only(&self, found: &BTreeMap<String, CachedZnode>) {
        let mut view = self.view();
        let is_gone = |path: &&String| !found.contains_key(path.as_str());
        let gone: Vec<String> = view.znodes.keys().filter(is_gone).cloned().collect();
        for path in gone.iter().rev() {
            if let Some(old) = view.znodes.get(path).cloned() {
                view.remove(&old);
            }
        }
    }

    fn tell_ready(&self) {
        let mut view = self.view();
        if !std::mem::replace(&mut view.is_ready, true) {
            view.tell(CacheEvent::Ready);
        }
    }
}

impl View {
    fn add(&mut self, new: Arc<CachedZnode>) {
        self.znodes.insert(new.path.clone(), Arc::clone(&new));
        self.tell(CacheEvent::Added(new));
    }

    /// Removes a znode; before it what is below it, which must be gone too. What was made again there
    /// has its own events.
    fn remove(&mut self, old: &CachedZnode) {
        let below = below(&old.path, "");
        let descendants = self.znodes.range(below.clone()..);
        let descendants = descendants.take_while(|(path, _)| path.starts_with(&below));
        let mut gone: Vec<String> = descendants.map(|(path, _)| path.clone()).collect();
        gone.insert(0, old.path.clone());
        for path in gone.iter().rev() {
            if let Some(old) = self.znodes.remove(path) {
                self.tell(CacheEvent::Removed(old));
            }
        }
    }

    fn tell(&self, event: CacheEvent) {
        // Without listeners there is nobody to tell.
        let _nobody = self.events.send(event);
    }
}
