use super::*;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use proptest::prelude::*;
use zoarium_proto::Zxid;

const KINDS: [WatcherType; 5] = [
    WatcherType::Children,
    WatcherType::Data,
    WatcherType::Any,
    WatcherType::Persistent,
    WatcherType::PersistentRecursive,
];

fn change(kind: ChangeKind, path: &str) -> Change<'_> {
    let parent_acl = (path != "/").then_some(AclList::READ_ONLY);
    Change { kind, path, zxid: Zxid(1), acl: AclList::OPEN, parent_acl }
}

/// The events of a change, one a line: connection, event, path.
fn fire(watches: &mut Watches, kind: ChangeKind, path: &str) -> Vec<String> {
    let mut events = Vec::new();
    watches.trigger(&change(kind, path), &mut |conn, event, path, acl| {
        let parents = event == EventType::NodeChildrenChanged;
        assert_eq!(acl, if parents { AclList::READ_ONLY } else { AclList::OPEN });
        events.push(format!("{conn} {event:?} {path}"));
    });
    events
}

#[test]
fn one_shot_watch_fires_once() {
    let mut watches = Watches::new(1);
    watches.register_data(ConnId(1), "/a");
    assert_eq!(fire(&mut watches, ChangeKind::DataChanged, "/a"), ["1 NodeDataChanged /a"]);
    assert!(fire(&mut watches, ChangeKind::DataChanged, "/a").is_empty());
    assert!(watches.is_empty());
}

#[test]
fn delete_tells_a_connection_of_both_tables_once() {
    let mut watches = Watches::new(1);
    watches.register_data(ConnId(2), "/a");
    watches.register_child(ConnId(2), "/a");
    watches.register_child(ConnId(1), "/a");
    watches.register_child(ConnId(3), "/");
    assert_eq!(
        fire(&mut watches, ChangeKind::Deleted, "/a"),
        ["2 NodeDeleted /a", "1 NodeDeleted /a", "3 NodeChildrenChanged /"]
    );
    assert!(watches.is_empty(), "a delete uses up both one-shot watches");
}

#[test]
fn create_leaves_child_watches_of_the_znode_alone() {
    let mut watches = Watches::new(1);
    watches.register_child(ConnId(1), "/a");
    assert!(fire(&mut watches, ChangeKind::Created, "/a").is_empty());
    assert!(watches.contains(ConnId(1), "/a", WatcherType::Children));
}

#[test]
fn recursive_watch_gets_events_of_descendants_but_never_children_changed() {
    let mut watches = Watches::new(1);
    watches.add(ConnId(1), "/a", WatchMode::PersistentRecursive);
    watches.add(ConnId(2), "/", WatchMode::PersistentRecursive);
    assert_eq!(
        fire(&mut watches, ChangeKind::Created, "/a/b"),
        ["1 NodeCreated /a/b", "2 NodeCreated /a/b"]
    );
    assert_eq!(fire(&mut watches, ChangeKind::DataChanged, "/ab"), ["2 NodeDataChanged /ab"]);
    assert_eq!(fire(&mut watches, ChangeKind::DataChanged, "/"), ["2 NodeDataChanged /"]);
}

#[test]
fn recursive_watch_suppresses_the_second_event_of_a_delete() {
    let mut watches = Watches::new(1);
    watches.add(ConnId(1), "/", WatchMode::PersistentRecursive);
    watches.register_child(ConnId(1), "/a/b");
    assert_eq!(fire(&mut watches, ChangeKind::Deleted, "/a/b"), ["1 NodeDeleted /a/b"]);
    assert!(!watches.contains(ConnId(1), "/a/b", WatcherType::Children));
}

#[test]
fn persistent_watch_outlives_its_events_and_a_one_shot_beside_it() {
    let mut watches = Watches::new(1);
    watches.add(ConnId(1), "/a", WatchMode::Persistent);
    watches.register_data(ConnId(1), "/a");
    for _ in 0..2 {
        assert_eq!(fire(&mut watches, ChangeKind::DataChanged, "/a"), ["1 NodeDataChanged /a"]);
    }
    assert!(!watches.contains(ConnId(1), "/a", WatcherType::Data));
    assert_eq!(fire(&mut watches, ChangeKind::Created, "/a/b"), ["1 NodeChildrenChanged /a"]);
    assert!(watches.remove(ConnId(1), "/a", WatcherType::Persistent));
    assert!(!watches.remove(ConnId(1), "/a", WatcherType::Any));
    assert!(watches.is_empty());
}

#[test]
fn reports_are_sorted_and_of_the_data_table_only() {
    let mut watches = Watches::new(1);
    for (conn, path) in [(2, "/b"), (1, "/b"), (2, "/a")] {
        watches.register_data(ConnId(conn), path);
    }
    watches.register_child(ConnId(3), "/c");
    let (one, two) = (ConnId(1), ConnId(2));
    assert_eq!(watches.by_path(), [("/a", vec![two]), ("/b", vec![one, two])]);
    assert_eq!(watches.by_connection(), [(one, vec!["/b"]), (two, vec!["/a", "/b"])]);
    assert_eq!(watches.summary(), WatchSummary { connections: 2, paths: 2, total: 3 });
    assert_eq!(watches.len(), 4);
}

/// The firing matrix, written down as directly as possible.
#[derive(Default)]
struct Model {
    entries: BTreeSet<(Side, String, ConnId, WatchMode)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Data,
    Child,
}

impl Model {
    fn set(&mut self, side: Side, conn: ConnId, path: &str, mode: WatchMode) {
        self.entries.insert((side, path.to_string(), conn, mode));
    }

    fn matching(&self, conn: ConnId, path: &str, kind: WatcherType) -> BTreeSet<(Side, WatchMode)> {
        let wanted = |side, mode| match kind {
            WatcherType::Children => (side, mode) == (Side::Child, WatchMode::Standard),
            WatcherType::Data => (side, mode) == (Side::Data, WatchMode::Standard),
            WatcherType::Any => true,
            WatcherType::Persistent => mode == WatchMode::Persistent,
            WatcherType::PersistentRecursive => mode == WatchMode::PersistentRecursive,
        };
        self.entries
            .iter()
            .filter(|(side, on, by, mode)| on == path && *by == conn && wanted(*side, *mode))
            .map(|(side, _, _, mode)| (*side, *mode))
            .collect()
    }

    fn remove(&mut self, conn: ConnId, path: &str, kind: WatcherType) -> bool {
        let found = self.matching(conn, path, kind);
        for (side, mode) in &found {
            self.entries.remove(&(*side, path.to_string(), conn, *mode));
        }
        !found.is_empty()
    }

    /// One cell of the matrix: who is told of `path` in `side`; the one-shots go.
    fn cell(&mut self, side: Side, path: &str) -> BTreeSet<ConnId> {
        let below = |top: &str| path == top || top == "/" || path.starts_with(&format!("{top}/"));
        let told = self.entries.iter().filter(|(of, on, _, mode)| {
            *of == side && (on == path || (*mode == WatchMode::PersistentRecursive && below(on)))
        });
        let told = told.map(|(_, _, conn, _)| *conn).collect();
        self.entries.retain(|(of, on, _, mode)| {
            !(*of == side && on == path && *mode == WatchMode::Standard)
        });
        told
    }

    fn fire(&mut self, kind: ChangeKind, path: &str) -> Vec<String> {
        let parent = match path.rfind('/') {
            Some(0) => "/",
            Some(at) => &path[..at],
            None => panic!("{path} is absolute"),
        };
        let mut events = Vec::new();
        let mut tell = |conns: BTreeSet<ConnId>, event: &str, path: &str| {
            events.extend(conns.iter().map(|conn| format!("{conn} {event} {path}")));
        };
        match kind {
            ChangeKind::DataChanged => tell(self.cell(Side::Data, path), "NodeDataChanged", path),
            ChangeKind::Created => {
                tell(self.cell(Side::Data, path), "NodeCreated", path);
                tell(self.cell(Side::Child, parent), "NodeChildrenChanged", parent);
            }
            ChangeKind::Deleted => {
                let data = self.cell(Side::Data, path);
                let child = self.cell(Side::Child, path).difference(&data).copied().collect();
                tell(data, "NodeDeleted", path);
                tell(child, "NodeDeleted", path);
                tell(self.cell(Side::Child, parent), "NodeChildrenChanged", parent);
            }
        }
        events
    }

    fn by_path(&self) -> BTreeMap<String, BTreeSet<ConnId>> {
        let mut table: BTreeMap<String, BTreeSet<ConnId>> = BTreeMap::new();
        for (_, path, conn, _) in self.entries.iter().filter(|entry| entry.0 == Side::Data) {
            table.entry(path.clone()).or_default().insert(*conn);
        }
        table
    }

    fn len(&self) -> usize {
        let pairs: BTreeSet<_> =
            self.entries.iter().map(|(side, path, conn, _)| (side, path, conn)).collect();
        pairs.len()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Data(ConnId, &'static str),
    Child(ConnId, &'static str),
    Add(ConnId, &'static str, WatchMode),
    Remove(ConnId, &'static str, WatcherType),
    Disconnect(ConnId),
    Change(ChangeKind, &'static str),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let conn = || (0..6_u64).prop_map(ConnId);
    let path = || prop::sample::select(vec!["/", "/a", "/b", "/a/b", "/a/b/c", "/ab", "/a/c"]);
    let mode = prop::sample::select(vec![WatchMode::Persistent, WatchMode::PersistentRecursive]);
    let kind = prop::sample::select(vec![
        ChangeKind::Created,
        ChangeKind::Deleted,
        ChangeKind::DataChanged,
    ]);
    let step = prop_oneof![
        4 => (conn(), path()).prop_map(|(conn, path)| Step::Data(conn, path)),
        4 => (conn(), path()).prop_map(|(conn, path)| Step::Child(conn, path)),
        3 => (conn(), path(), mode).prop_map(|(conn, path, mode)| Step::Add(conn, path, mode)),
        2 => (conn(), path(), prop::sample::select(KINDS.to_vec()))
            .prop_map(|(conn, path, kind)| Step::Remove(conn, path, kind)),
        1 => conn().prop_map(Step::Disconnect),
        4 => (kind, path()).prop_map(|(kind, path)| Step::Change(kind, path)),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #[test]
    fn watches_fire_as_the_matrix_says(steps in steps(), seed: u64) {
        let (mut watches, mut model) = (Watches::new(seed), Model::default());
        for step in steps {
            match step {
                Step::Data(conn, path) => {
                    watches.register_data(conn, path);
                    model.set(Side::Data, conn, path, WatchMode::Standard);
                }
                Step::Child(conn, path) => {
                    watches.register_child(conn, path);
                    model.set(Side::Child, conn, path, WatchMode::Standard);
                }
                Step::Add(conn, path, mode) => {
                    watches.add(conn, path, mode);
                    model.set(Side::Data, conn, path, mode);
                    if mode == WatchMode::Persistent {
                        model.set(Side::Child, conn, path, mode);
                    }
                }
                Step::Remove(conn, path, kind) => prop_assert_eq!(
                    watches.remove(conn, path, kind), model.remove(conn, path, kind)
                ),
                Step::Disconnect(conn) => {
                    watches.remove_connection(conn);
                    model.entries.retain(|entry| entry.2 != conn);
                }
                // Nobody creates or deletes the root.
                Step::Change(kind, path) if path != "/" || kind == ChangeKind::DataChanged => {
                    prop_assert_eq!(fire(&mut watches, kind, path), model.fire(kind, path));
                }
                Step::Change(..) => {}
            }
            check(&watches, &model)?;
        }
    }
}

fn check(watches: &Watches, model: &Model) -> Result<(), TestCaseError> {
    prop_assert_eq!(watches.len(), model.len());
    let by_path: BTreeMap<_, BTreeSet<_>> = watches
        .by_path()
        .into_iter()
        .map(|(path, conns)| (path.to_string(), conns.into_iter().collect()))
        .collect();
    prop_assert_eq!(&by_path, &model.by_path());
    let conns: BTreeSet<_> = by_path.values().flatten().collect();
    prop_assert_eq!(
        watches.summary(),
        WatchSummary {
            connections: conns.len(),
            paths: by_path.len(),
            total: by_path.values().map(BTreeSet::len).sum(),
        }
    );
    let recursive =
        |entry: &&(Side, String, ConnId, WatchMode)| entry.3 == WatchMode::PersistentRecursive;
    prop_assert_eq!(watches.recursive, model.entries.iter().filter(recursive).count());
    let all: BTreeSet<_> = model.entries.iter().map(|entry| entry.2).collect();
    prop_assert_eq!(watches.watchers.live(), all.len());
    let paths: BTreeSet<_> = model.entries.iter().map(|entry| &entry.1).collect();
    prop_assert_eq!(watches.spots.live(), paths.len());
    for (conn, path) in all.iter().flat_map(|conn| paths.iter().map(move |path| (conn, path))) {
        for kind in KINDS {
            let expected = !model.matching(*conn, path, kind).is_empty();
            prop_assert_eq!(watches.contains(*conn, path, kind), expected);
        }
    }
    Ok(())
}
