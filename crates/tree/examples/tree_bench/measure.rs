//! Time, memory, and transactions to spend them on.

use std::fs::read_to_string;
use std::time::Instant;
use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, Txn, TxnHeader};
use zoarium_proto::{AclList, SessionId, Zxid};
use zoarium_tree::{OnChange, Tree, TreeOptions};

/// A tree and who writes to it.
pub(crate) struct Writer {
    pub(crate) tree: Tree,
    zxid: u64,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self { tree: Tree::new(TreeOptions::default()), zxid: 0 }
    }

    pub(crate) fn apply(&mut self, txn: Txn<'_>, on_change: &mut OnChange<'_>) {
        self.zxid += 1;
        let zxid = Zxid(self.zxid);
        let header = TxnHeader { session: SessionId(1), cxid: 1, zxid, time_ms: 1 };
        self.tree.apply(&LoggedTxn { header, txn, digest: None }, on_change);
    }

    pub(crate) fn create(&mut self, path: &str, data: &[u8]) {
        self.apply(create(path, data, false), &mut |_| {});
    }

    pub(crate) fn delete(&mut self, path: &str) {
        self.apply(Txn::Delete { path: path.into(), reaped: false }, &mut |_| {});
    }
}

pub(crate) fn create<'a>(path: &'a str, data: &'a [u8], ephemeral: bool) -> Txn<'a> {
    Txn::Create(CreateTxn {
        path: path.into(),
        data: Some(data),
        acl: AclList::OPEN,
        kind: CreateKind::Plain { ephemeral, with_stat: false },
        parent_cversion: -1,
    })
}

/// Prints how long something takes for each of `count`.
pub(crate) fn report<T>(what: &str, count: usize, work: impl FnOnce() -> T) -> T {
    let (wall, cpu) = (Instant::now(), cpu_ns());
    let result = work();
    let elapsed = match (cpu, cpu_ns()) {
        (Some(begin), Some(end)) => u128::from(end - begin),
        _ => wall.elapsed().as_nanos(),
    };
    println!("  {:>10} ns {what}", elapsed / count.max(1) as u128);
    result
}

/// How long this thread has had a processor; `None` where the system does not say.
fn cpu_ns() -> Option<u64> {
    read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

/// What the process takes of memory; 0 where the system does not say.
pub(crate) fn resident_bytes() -> usize {
    let statm = read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}

/// Fisher and Yates with a fixed sequence.
pub(crate) fn shuffled(count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut state = 1u64;
    for at in (1..order.len()).rev() {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(at, (state >> 33) as usize % (at + 1));
    }
    order
}
