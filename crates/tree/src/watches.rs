//! Watches: which connection is to be told of which change.
//!
//! Two tables, as in Apache's `DataTree`: *data* (set by exists, getData and addWatch) and *child*
//! (set by getChildren and addWatch). In each, a connection may hold several modes on one path at
//! a time, as since 3.9. Watches belong to a connection, not to a session: they die with it, and
//! the client sets them again with setWatches.
//!
//! A path is stored once however many watch it, and a watch costs a few bytes. A change of a
//! znode costs one lookup for itself and one for its parent, and one for each ancestor only while
//! somebody watches recursively. Nothing here depends on the order of a hash table.

mod small_map;

#[cfg(test)]
mod tests;

use crate::hash::Seed;
use crate::index::Index;
use crate::slab::Slab;
use crate::{Change, ChangeKind};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use small_map::SmallMap;
use zoarium_proto::watch::WatcherType;
use zoarium_proto::{AclList, ConnId, EventType, WatchMode, path};

/// What [`Watches::trigger`] calls for each event: the connection to tell, what happened, to which
/// path, and the ACL that must grant READ for the event to be sent. The watch is used up either
/// way, as since 3.9.2.
pub type Deliver<'a> = dyn FnMut(ConnId, EventType, &str, AclList<'_>) + 'a;

/// All watches of one server.
#[derive(Debug)]
pub struct Watches {
    spots: Slab<Spot>,
    spot_of: Index<u32>,
    watchers: Slab<Watcher>,
    watcher_of: HashMap<ConnId, u32, FixedState>,
    /// Entries in both tables.
    entries: usize,
    /// Entries of the data table that cover descendants.
    recursive: usize,
    /// Memory for the receivers of one trigger.
    receivers: [Vec<ConnId>; 2],
}

/// A watched path.
#[derive(Debug, Default)]
struct Spot {
    path: Box<str>,
    data: SmallMap<Modes>,
    child: SmallMap<Modes>,
}

/// A connection that watches something, with the slots of the paths it watches.
#[derive(Debug, Default)]
struct Watcher {
    conn: ConnId,
    spots: SmallMap<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Data,
    Child,
}

const TABLES: [Table; 2] = [Table::Data, Table::Child];

impl Spot {
    const fn table(&self, table: Table) -> &SmallMap<Modes> {
        match table {
            Table::Data => &self.data,
            Table::Child => &self.child,
        }
    }

    const fn table_mut(&mut self, table: Table) -> &mut SmallMap<Modes> {
        match table {
            Table::Data => &mut self.data,
            Table::Child => &mut self.child,
        }
    }
}

/// The modes in which one connection watches one path in one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Modes(u8);

impl Modes {
    const STANDARD: Self = Self::of(WatchMode::Standard);
    const PERSISTENT: Self = Self::of(WatchMode::Persistent);
    const RECURSIVE: Self = Self::of(WatchMode::PersistentRecursive);
    const ALL: Self = Self(0b111);

    const fn of(mode: WatchMode) -> Self {
        match mode {
            WatchMode::Standard => Self(0b001),
            WatchMode::Persistent => Self(0b010),
            WatchMode::PersistentRecursive => Self(0b100),
        }
    }

    const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Figures of the data table, which is the one that Apache's `wchs` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchSummary {
    /// Connections that watch something.
    pub connections: usize,
    /// Paths that are watched.
    pub paths: usize,
    /// Pairs of the two.
    pub total: usize,
}

impl Watches {
    /// No watches. `seed` keeps clients from choosing paths that collide.
    pub fn new(seed: u64) -> Self {
        Self {
            spots: Slab::default(),
            spot_of: Index::new(Seed::new(seed)),
            watchers: Slab::default(),
            watcher_of: HashMap::with_hasher(FixedState::default()),
            entries: 0,
            recursive: 0,
            receivers: [Vec::new(), Vec::new()],
        }
    }

    /// Sets the one-shot data watch of exists and getData.
    pub fn register_data(&mut self, conn: ConnId, path: &str) {
        self.register(conn, path, Table::Data, WatchMode::Standard);
    }

    /// Sets the one-shot child watch of getChildren.
    pub fn register_child(&mut self, conn: ConnId, path: &str) {
        self.register(conn, path, Table::Child, WatchMode::Standard);
    }

    /// Sets the watch of addWatch: a persistent one stands in both tables, a recursive one in the
    /// data table only. [`WatchMode::Standard`], which no addWatch can ask for, is as both
    /// one-shot watches.
    pub fn add(&mut self, conn: ConnId, path: &str, mode: WatchMode) {
        self.register(conn, path, Table::Data, mode);
        if mode != WatchMode::PersistentRecursive {
            self.register(conn, path, Table::Child, mode);
        }
    }

    /// Whether the connection has such a watch on the path (checkWatches).
    pub fn contains(&self, conn: ConnId, path: &str, kind: WatcherType) -> bool {
        let Some((spot, watcher)) = self.slots(conn, path) else { return false };
        let spot = &self.spots[spot];
        let has = |table, modes: Modes| {
            spot.table(table).find(watcher).is_some_and(|found| found.intersects(modes))
        };
        match kind {
            WatcherType::Children => has(Table::Child, Modes::STANDARD),
            WatcherType::Data => has(Table::Data, Modes::STANDARD),
            WatcherType::Any => has(Table::Child, Modes::ALL) || has(Table::Data, Modes::ALL),
            WatcherType::Persistent => has(Table::Data, Modes::PERSISTENT),
            WatcherType::PersistentRecursive => has(Table::Data, Modes::RECURSIVE),
        }
    }

    /// Removes all such watches of the connection on the path; false if there was none
    /// (removeWatches).
    pub fn remove(&mut self, conn: ConnId, path: &str, kind: WatcherType) -> bool {
        let Some((spot, watcher)) = self.slots(conn, path) else { return false };
        let (child, data) = match kind {
            WatcherType::Children => (Modes::STANDARD, Modes::default()),
            WatcherType::Data => (Modes::default(), Modes::STANDARD),
            WatcherType::Any => (Modes::ALL, Modes::ALL),
            WatcherType::Persistent => (Modes::PERSISTENT, Modes::PERSISTENT),
            WatcherType::PersistentRecursive => (Modes::default(), Modes::RECURSIVE),
        };
        let of_child = self.strip(spot, watcher, Table::Child, child);
        let of_data = self.strip(spot, watcher, Table::Data, data);
        self.unlink_if_unused(spot, watcher);
        self.drop_spot_if_unwatched(spot);
        of_child || of_data
    }

    /// Drops all watches of a connection that is gone.
    pub fn remove_connection(&mut self, conn: ConnId) {
        let Some(slot) = self.watcher_of.remove(&conn) else { return };
        let watcher = self.watchers.remove(slot);
        for (spot, ()) in watcher.spots.iter() {
            for table in TABLES {
                self.strip(spot, slot, table, Modes::ALL);
            }
            self.drop_spot_if_unwatched(spot);
        }
    }

    /// Hands the events of one change to `deliver`, each receiver once per path and event, and
    /// uses up the one-shot watches among them.
    ///
    /// The order is Apache's: the znode's data table with all recursive watches on its ancestors,
    /// its child table (a delete, for those not told yet), its parent's child table. Within a
    /// table it is the order of the connections' numbers.
    pub fn trigger(&mut self, change: &Change<'_>, deliver: &mut Deliver<'_>) {
        if self.is_empty() {
            return;
        }
        let [mut told, mut more] = mem::take(&mut self.receivers);
        let event = match change.kind {
            ChangeKind::Created => EventType::NodeCreated,
            ChangeKind::Deleted => EventType::NodeDeleted,
            ChangeKind::DataChanged => EventType::NodeDataChanged,
        };
        self.take_receivers(change.path, Table::Data, &mut told);
        for conn in &told {
            deliver(*conn, event, change.path, change.acl);
        }
        if change.kind == ChangeKind::Deleted {
            self.take_receivers(change.path, Table::Child, &mut more);
            for conn in more.iter().filter(|conn| told.binary_search(conn).is_err()) {
                deliver(*conn, event, change.path, change.acl);
            }
        }
        if change.kind != ChangeKind::DataChanged
            && let Some(acl) = change.parent_acl
            && let Some((parent, _)) = path::split(change.path)
        {
            self.take_receivers(parent, Table::Child, &mut more);
            for conn in &more {
                deliver(*conn, EventType::NodeChildrenChanged, parent, acl);
            }
        }
        self.receivers = [told, more];
    }

    /// Whether nobody watches anything.
    pub const fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Pairs of connection and path, in both tables together (`watch_count` of `mntr`).
    pub const fn len(&self) -> usize {
        self.entries
    }

    /// Figures of the data table. Takes time in proportion to the number of watches.
    pub fn summary(&self) -> WatchSummary {
        let watches_data = |watcher: &&Watcher| {
            let slot = self.watcher_of.get(&watcher.conn);
            slot.is_some_and(|slot| {
                watcher.spots.iter().any(|(spot, ())| self.spots[spot].data.find(*slot).is_some())
            })
        };
        let data = || self.spots.iter().map(|spot| spot.data.len());
        WatchSummary {
            connections: self.watchers.iter().filter(watches_data).count(),
            paths: data().filter(|watchers| *watchers > 0).count(),
            total: data().sum(),
        }
    }

    /// The data table by path, sorted (`wchp`).
    pub fn by_path(&self) -> Vec<(&str, Vec<ConnId>)> {
        let watched = self.spots.iter().filter(|spot| !spot.data.is_empty());
        let mut table: Vec<_> = watched
            .map(|spot| {
                let mut conns: Vec<_> =
                    spot.data.iter().map(|(watcher, _)| self.watchers[watcher].conn).collect();
                conns.sort_unstable();
                (&*spot.path, conns)
            })
            .collect();
        table.sort_unstable();
        table
    }

    /// The data table by connection, sorted (`wchc`).
    pub fn by_connection(&self) -> Vec<(ConnId, Vec<&str>)> {
        let mut pairs: Vec<_> = self
            .by_path()
            .into_iter()
            .flat_map(|(path, conns)| conns.into_iter().map(move |conn| (conn, path)))
            .collect();
        pairs.sort_unstable();
        pairs
            .chunk_by(|one, next| one.0 == next.0)
            .map(|chunk| (chunk[0].0, chunk.iter().map(|(_, path)| *path).collect()))
            .collect()
    }

    fn register(&mut self, conn: ConnId, path: &str, table: Table, mode: WatchMode) {
        let spot = self.spot_or_new(path);
        let watcher = *self.watcher_of.entry(conn).or_insert_with(|| {
            self.watchers.insert(Watcher { conn, spots: SmallMap::default() }, true)
        });
        let entry = self.spots[spot].table_mut(table);
        let old = entry.find(watcher);
        let new = old.unwrap_or_default().union(Modes::of(mode));
        if old == Some(new) {
            return;
        }
        entry.insert(watcher, new);
        self.watchers[watcher].spots.insert(spot, ());
        self.entries += usize::from(old.is_none());
        self.recursive += usize::from(mode == WatchMode::PersistentRecursive);
    }

    /// Removes modes of one entry; whether it had any of them. The caller then calls
    /// [`Self::unlink_if_unused`] and [`Self::drop_spot_if_unwatched`].
    fn strip(&mut self, spot: u32, watcher: u32, table: Table, modes: Modes) -> bool {
        let entry = self.spots[spot].table_mut(table);
        let Some(old) = entry.find(watcher).filter(|old| old.intersects(modes)) else {
            return false;
        };
        let new = old.without(modes);
        if new.is_empty() {
            entry.remove(watcher);
            self.entries -= 1;
        } else {
            entry.insert(watcher, new);
        }
        if old.intersects(Modes::RECURSIVE) && !new.intersects(Modes::RECURSIVE) {
            self.recursive -= 1;
        }
        true
    }

    /// Collects who is to be told of a change, in order and each once, and uses up their one-shot
    /// watches.
    fn take_receivers(&mut self, path: &str, table: Table, receivers: &mut Vec<ConnId>) {
        receivers.clear();
        if let Some(slot) = self.find_spot(path) {
            self.take_receivers_at(slot, table, receivers);
        }
        if table == Table::Data && self.recursive > 0 {
            for ancestor in ancestors(path) {
                if let Some(slot) = self.find_spot(ancestor) {
                    let recursive = self.spots[slot]
                        .data
                        .iter()
                        .filter(|(_, modes)| modes.intersects(Modes::RECURSIVE));
                    receivers.extend(recursive.map(|(watcher, _)| self.watchers[watcher].conn));
                }
            }
        }
        receivers.sort_unstable();
        receivers.dedup();
    }

    fn take_receivers_at(&mut self, slot: u32, table: Table, receivers: &mut Vec<ConnId>) {
        let spot = &mut self.spots[slot];
        let mut used_up = Vec::new();
        let watchers = &self.watchers;
        spot.table_mut(table).retain(|watcher, modes| {
            receivers.push(watchers[watcher].conn);
            *modes = modes.without(Modes::STANDARD);
            if modes.is_empty() {
                used_up.push(watcher);
            }
            !modes.is_empty()
        });
        self.entries -= used_up.len();
        for watcher in used_up {
            self.unlink_if_unused(slot, watcher);
        }
        self.drop_spot_if_unwatched(slot);
    }

    /// Forgets in a watcher a path that no entry of it is left on, and the watcher with its last
    /// path.
    fn unlink_if_unused(&mut self, slot: u32, watcher: u32) {
        let spot = &self.spots[slot];
        if TABLES.into_iter().any(|table| spot.table(table).find(watcher).is_some()) {
            return;
        }
        let spots = &mut self.watchers[watcher].spots;
        spots.remove(slot);
        if spots.is_empty() {
            let watcher = self.watchers.remove(watcher);
            self.watcher_of.remove(&watcher.conn);
        }
    }

    fn drop_spot_if_unwatched(&mut self, slot: u32) {
        let spot = &self.spots[slot];
        if spot.data.is_empty() && spot.child.is_empty() {
            self.spot_of.remove(&spot.path, slot);
            self.spots.remove(slot);
        }
    }

    fn slots(&self, conn: ConnId, path: &str) -> Option<(u32, u32)> {
        Some((self.find_spot(path)?, *self.watcher_of.get(&conn)?))
    }

    fn find_spot(&self, path: &str) -> Option<u32> {
        self.spot_of.find(path, |slot| &*self.spots[slot].path == path)
    }

    fn spot_or_new(&mut self, path: &str) -> u32 {
        let spots = &self.spots;
        let is_it = |slot| &*spots[slot].path == path;
        match self.spot_of.vacancy(path, is_it) {
            Err(slot) => slot,
            Ok(vacancy) => {
                let (data, child) = (SmallMap::default(), SmallMap::default());
                let spot = Spot { path: path.into(), data, child };
                let slot = self.spots.insert(spot, true);
                vacancy.fill(slot);
                slot
            }
        }
    }
}

/// The paths above `path`, nearest first, down to the root.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    core::iter::successors(path::split(path), |(parent, _)| path::split(parent))
        .map(|(parent, _)| parent)
}
