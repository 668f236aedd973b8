//! What a watch takes, and how long it is until all are told.

use crate::measure::{report, resident_bytes};
use zoarium_proto::{AclList, ConnId, Zxid};
use zoarium_tree::watches::Watches;
use zoarium_tree::{Change, ChangeKind};

/// Connections, each with its share of the watches.
const CONNECTIONS: usize = 1000;

pub(crate) fn run(size: usize) {
    let path = |n: usize| format!("/service-{:04}/instance-{:06}", n / 1000, n % 1000);
    let paths: Vec<String> = (0..size).map(path).collect();
    let conn = |n: usize| ConnId((n % CONNECTIONS) as u64 + 1);
    set("each on a path of its own", &paths, conn);
    let shared: Vec<String> = (0..size).map(|n| path(n / CONNECTIONS)).collect();
    set("each path by a thousand", &shared, conn);
    let one: Vec<String> = vec![path(0); size];
    set("all on one path, each by another connection", &one, |n| ConnId(n as u64 + 1));
}

fn set(what: &str, paths: &[String], conn: impl Fn(usize) -> ConnId) {
    println!("  {what}");
    let before = resident_bytes();
    let mut watches = Watches::new(1);
    report("set", paths.len(), || {
        paths.iter().enumerate().for_each(|(n, path)| watches.register_data(conn(n), path));
    });
    let used = resident_bytes().saturating_sub(before);
    println!("  {:>10} bytes each", used / paths.len());
    let mut told = 0;
    report("tell", paths.len(), || {
        for path in paths {
            let acl = AclList::OPEN;
            let (kind, zxid) = (ChangeKind::DataChanged, Zxid(1));
            let change = Change { kind, path, zxid, acl, parent_acl: Some(acl) };
            watches.trigger(&change, &mut |_, _, _, _| told += 1);
        }
    });
    assert_eq!((told, watches.is_empty()), (paths.len(), true));
}
