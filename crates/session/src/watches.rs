//! The watches of a client, by path: which of them an event is for, what has to be set again after
//! a reconnection, and what a server may forget.
//!
//! A server keeps at most one watch of a kind for a connection and a path; several here may share
//! it. Before 3.9 it keeps only one of any kind, the last one asked for (ZOOKEEPER-4466,
//! ZOOKEEPER-4472), so a one-shot watch must not be asked for where a persistent one is. It is
//! *covered* then: served by the persistent watch's events.

mod again;

use crate::failure::Failure;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use zoarium_proto::watch::WatcherType;
use zoarium_proto::{ErrorCode, EventType};

/// Names a watch of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(pub u64);

/// What a watch waits for, in the order in which setWatches2 lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// One-shot, by getData, or by exists on a znode that is there.
    Data,
    /// One-shot, by exists on a znode that is not there.
    Exist,
    /// One-shot, by getChildren.
    Child,
    Persistent,
    Recursive,
}

impl Kind {
    const ALL: [Self; 5] =
        [Self::Data, Self::Exist, Self::Child, Self::Persistent, Self::Recursive];

    fn is_one_shot(self) -> bool {
        matches!(self, Self::Data | Self::Exist | Self::Child)
    }

    /// Whether a watch at the path itself gets the event.
    fn hears(self, event: EventType) -> bool {
        match event {
            EventType::NodeCreated | EventType::NodeDataChanged => self != Self::Child,
            EventType::NodeDeleted => true,
            EventType::NodeChildrenChanged => matches!(self, Self::Child | Self::Persistent),
        }
    }

    fn on_server(self) -> OnServer {
        match self {
            Self::Data | Self::Exist => OnServer::DATA,
            Self::Child => OnServer::CHILD,
            Self::Persistent => OnServer::PERSISTENT,
            Self::Recursive => OnServer::RECURSIVE,
        }
    }
}

/// What a server may have at a path: a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OnServer(u8);

impl OnServer {
    const DATA: Self = Self(1);
    const CHILD: Self = Self(2);
    const PERSISTENT: Self = Self(4);
    const RECURSIVE: Self = Self(8);

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    fn remove(&mut self, other: Self) {
        self.0 &= !other.0;
    }

    /// What has persistent watches whose events serve a one-shot watch of this kind.
    fn covering(kind: Kind) -> Self {
        match kind {
            Kind::Data | Kind::Exist => Self(Self::PERSISTENT.0 | Self::RECURSIVE.0),
            Kind::Child => Self::PERSISTENT,
            Kind::Persistent | Kind::Recursive => Self(0),
        }
    }
}

/// A watch that a request under way is to set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) path: Arc<str>,
    /// [`Kind::Exist`] for all requests exists.
    pub(crate) kind: Kind,
    pub(crate) outlives_session: bool,
    /// The server is not asked for it.
    pub(crate) covered: bool,
}

/// What a server should be told to forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Removal {
    pub(crate) path: Arc<str>,
    pub(crate) kind: WatcherType,
    what: OnServer,
}

#[derive(Debug)]
struct Entry {
    id: WatchId,
    kind: Kind,
    outlives_session: bool,
    covered: bool,
}

#[derive(Debug, Default)]
struct AtPath {
    /// In the order in which they were set.
    entries: Vec<Entry>,
    /// Requests under way that are to set one here. Until they are answered nothing is removed: the
    /// server might remove what they have set.
    settings: u32,
    on_server: OnServer,
    /// Whether a read has been sent without a watch because of a persistent watch.
    relied_on: bool,
    /// Whether the server has refused to remove a single kind, as those before 3.9 do.
    all_or_none: bool,
}

/// All watches of a session.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    last: u64,
    count: usize,
    recursive: usize,
    paths: BTreeMap<Arc<str>, AtPath>,
}

impl Watches {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// A request is sent that sets a watch.
    pub(crate) fn setting(&mut self, path: &str, kind: Kind, outlives_session: bool) -> Setting {
        let path = match self.paths.get_key_value(path) {
            Some((path, _)) => Arc::clone(path),
            None => Arc::from(path),
        };
        let here = self.paths.entry(Arc::clone(&path)).or_default();
        here.settings += 1;
        let covered = here.on_server.has(OnServer::covering(kind));
        here.relied_on |= covered;
        if !kind.is_one_shot() {
            // Requests are served in order, so what is sent from here on may rely on it.
            here.on_server.add(kind.on_server());
        }
        Setting { path, kind, outlives_session, covered }
    }

    /// Whether a persistent watch has just been asked for where a recursive one is, which a server
    /// before 3.9 takes for its replacement.
    pub(crate) fn displaces_recursive(&self, setting: &Setting) -> bool {
        let here = self.paths.get(&setting.path);
        setting.kind == Kind::Persistent
            && here.is_some_and(|here| here.on_server.has(OnServer::RECURSIVE))
    }

    /// The request was answered; what it has set, if anything.
    ///
    /// # Errors
    /// If the server refuses a watch that others rely on.
    pub(crate) fn settled(
        &mut self,
        setting: &Setting,
        failure: Option<&Failure>,
    ) -> Result<Option<WatchId>, ()> {
        let here = self.paths.entry(Arc::clone(&setting.path)).or_default();
        here.settings = here.settings.saturating_sub(1);
        let kind = match (setting.kind, failure) {
            (Kind::Exist, None) => Kind::Data,
            (Kind::Exist, Some(Failure::Refused(ErrorCode::NoNode))) => Kind::Exist,
            (kind, None) => kind,
            (kind, Some(_)) => {
                let is_set = here.entries.iter().any(|entry| entry.kind == kind);
                if !kind.is_one_shot() && !is_set {
                    here.on_server.remove(kind.on_server());
                    return if here.relied_on { Err(()) } else { Ok(None) };
                }
                return Ok(None);
            }
        };
        if !setting.covered {
            here.on_server.add(kind.on_server());
        }
        self.last += 1;
        let id = WatchId(self.last);
        let Setting { outlives_session, covered, .. } = *setting;
        if here.entries.is_empty() {
            // Nearly always it stays alone.
            here.entries.reserve_exact(1);
        }
        here.entries.push(Entry { id, kind, outlives_session, covered });
        self.count += 1;
        self.recursive += usize::from(kind == Kind::Recursive);
        Ok(Some(id))
    }

    /// Tells `to` each watch that an event is for, and forgets those that are used up.
    pub(crate) fn fire(&mut self, event: EventType, path: &str, mut to: impl FnMut(WatchId)) {
        if let Some(here) = self.paths.get_mut(path) {
            let before = here.entries.len();
            here.entries.retain(|entry| {
                let hears = entry.kind.hears(event);
                if hears {
                    to(entry.id);
                }
                !(hears && entry.kind.is_one_shot())
            });
            self.count -= before - here.entries.len();
            for kind in [Kind::Data, Kind::Child] {
                if kind.hears(event) {
                    here.on_server.remove(kind.on_server());
                }
            }
        }
        if self.recursive > 0 && event != EventType::NodeChildrenChanged {
            for ancestor in ancestors(path) {
                let entries = self.paths.get(ancestor).map(|there| &there.entries);
                let entries = entries.into_iter().flatten();
                entries.filter(|entry| entry.kind == Kind::Recursive).for_each(|it| to(it.id));
            }
        }
    }

    /// Nobody waits for this watch any more.
    pub(crate) fn remove(&mut self, path: &str, id: WatchId) {
        let Some(here) = self.paths.get_mut(path) else { return };
        let Some(index) = here.entries.iter().position(|entry| entry.id == id) else { return };
        let removed = here.entries.remove(index);
        self.count -= 1;
        self.recursive -= usize::from(removed.kind == Kind::Recursive);
    }

    /// What the server should be told to forget at a path, once that is sure.
    pub(crate) fn removal(&mut self, path: &str) -> Option<Removal> {
        let (path, _) = self.paths.get_key_value(path)?;
        let path = Arc::clone(path);
        let here = self.paths.get_mut(&path)?;
        if here.settings > 0 {
            return None;
        }
        if here.entries.is_empty() {
            let what = here.on_server;
            self.paths.remove(&path);
            let kind = WatcherType::Any;
            return if what.is_empty() { None } else { Some(Removal { path, kind, what }) };
        }
        if here.all_or_none || here.entries.iter().any(|entry| entry.covered) {
            return None;
        }
        for (kind, watcher) in [
            (Kind::Persistent, WatcherType::Persistent),
            (Kind::Recursive, WatcherType::PersistentRecursive),
        ] {
            let what = kind.on_server();
            if here.on_server.has(what) && !here.entries.iter().any(|entry| entry.kind == kind) {
                here.on_server.remove(what);
                return Some(Removal { path, kind: watcher, what });
            }
        }
        None
    }

    /// The server did not forget it. A watch that cannot go alone goes with the last one at its
    /// path.
    pub(crate) fn removal_refused(&mut self, removal: &Removal) {
        if removal.kind != WatcherType::Any {
            let here = self.paths.entry(Arc::clone(&removal.path)).or_default();
            here.on_server.add(removal.what);
            here.all_or_none = true;
        }
    }

    /// The connection is gone, and with it what the server had and what was under way.
    pub(crate) fn disconnected(&mut self) {
        self.paths.retain(|_, here| {
            *here = AtPath { entries: core::mem::take(&mut here.entries), ..AtPath::default() };
            !here.entries.is_empty()
        });
    }

    /// The persistent watches, which may have missed events while there was no connection.
    pub(crate) fn persistent(&self) -> impl Iterator<Item = WatchId> + '_ {
        let entries = self.paths.values().flat_map(|here| &here.entries);
        entries.filter(|entry| !entry.kind.is_one_shot()).map(|entry| entry.id)
    }

    /// The recursive watches at a path.
    pub(crate) fn recursive_at(&self, path: &str) -> impl Iterator<Item = WatchId> + '_ {
        let entries = self.paths.get(path).map(|here| &here.entries).into_iter().flatten();
        entries.filter(|entry| entry.kind == Kind::Recursive).map(|entry| entry.id)
    }

    /// The session is over: tells `to` each watch that is over with it, and forgets those.
    pub(crate) fn session_lost(&mut self, mut to: impl FnMut(WatchId)) {
        let (mut count, mut recursive) = (0, 0);
        self.paths.retain(|_, here| {
            here.entries.retain(|entry| {
                if !entry.outlives_session {
                    to(entry.id);
                }
                entry.outlives_session
            });
            count += here.entries.len();
            recursive += here.entries.iter().filter(|it| it.kind == Kind::Recursive).count();
            !here.entries.is_empty()
        });
        (self.count, self.recursive) = (count, recursive);
    }
}

/// The paths above a path, nearest first.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    core::iter::successors(parent(path), |path| parent(path))
}

fn parent(path: &str) -> Option<&str> {
    zoarium_proto::path::split(path).map(|(parent, _)| parent)
}

#[cfg(test)]
mod tests;
