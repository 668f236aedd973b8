//! What the tree costs: memory for each znode, time for each operation.
//!
//! `cargo run --release -p zoarium-tree --example tree_bench -- 1000 1000000`
//!
//! Znodes are spread over parents of a thousand children each and hold 100 bytes.
#![expect(clippy::print_stdout, reason = "it is what the program is for")]

use std::time::{Duration, Instant};

use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, Txn, TxnHeader};
use zoarium_proto::{AclList, SessionId, Zxid};
use zoarium_tree::snapshot::Next;
use zoarium_tree::{Progress, SnapshotLoader, Tree, TreeOptions};

const CHILDREN: usize = 1000;
const DATA: [u8; 100] = [7; 100];
const SEAL: [u8; 4] = [0; 4];

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|size| size.parse().ok()).collect();
    for size in if sizes.is_empty() { vec![1000, 1_000_000] } else { sizes } {
        measure(size);
    }
}

fn measure(size: usize) {
    println!("{size} znodes");
    let paths: Vec<String> = (0..size)
        .map(|n| format!("/service-{:04}/instance-{:06}", n / CHILDREN, n % CHILDREN))
        .collect();
    let before = resident_bytes();
    let mut tree = Tree::new(TreeOptions::default());
    let mut writer = Writer::default();
    for n in 0..size.div_ceil(CHILDREN) {
        writer.apply(&mut tree, create(&format!("/service-{n:04}"), n));
    }
    report("create", size, || {
        for (n, path) in paths.iter().enumerate() {
            writer.apply(&mut tree, create(path, n % CHILDREN));
        }
    });
    let used = resident_bytes().saturating_sub(before);
    println!("  {:>8} bytes a znode, {} of them path and data", used / size, 125);
    println!("  {:>8} ns the slowest write", writer.slowest.as_nanos());

    let mut order: Vec<usize> = (0..size).collect();
    shuffle(&mut order);
    let mut found = 0;
    report("lookup", size, || {
        found = order.iter().filter(|at| tree.find(&paths[**at]).is_some()).count();
    });
    assert_eq!(found, size);
    report("lookup of nothing", size, || {
        found = order.iter().filter(|at| tree.find(&paths[**at][1..]).is_some()).count();
    });
    assert_eq!(found, 0);
    report("set data", size, || {
        for at in &order {
            let set = Txn::SetData { path: (&*paths[*at]).into(), data: Some(&DATA), version: 1 };
            writer.apply(&mut tree, set);
        }
    });
    let mut listing = Vec::new();
    let listings = 1000;
    report("list 1000 children", listings, || {
        for n in 0..listings {
            listing.clear();
            let path = format!("/service-{:04}", (n * 37) % size.div_ceil(CHILDREN));
            tree.find(&path).into_iter().for_each(|znode| znode.encode_children(&mut listing));
        }
    });
    let sections = report("write snapshot", size, || write_snapshot(&mut tree));
    report("load snapshot", size, || load_snapshot(&sections));
    report("delete", size, || {
        for at in &order {
            writer.apply(&mut tree, Txn::Delete { path: (&*paths[*at]).into(), reaped: false });
        }
    });
}

fn report<T>(what: &str, count: usize, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    let each = start.elapsed().as_nanos() / count.max(1) as u128;
    println!("  {each:>8} ns {what}");
    result
}

#[derive(Default)]
struct Writer {
    zxid: u64,
    slowest: Duration,
}

impl Writer {
    fn apply(&mut self, tree: &mut Tree, txn: Txn<'_>) {
        self.zxid += 1;
        let zxid = Zxid(self.zxid);
        let header = TxnHeader { session: SessionId(1), cxid: 1, zxid, time_ms: 1 };
        let start = Instant::now();
        tree.apply(&LoggedTxn { header, txn, digest: None }, &mut |_| {});
        self.slowest = self.slowest.max(start.elapsed());
    }
}

fn create(path: &str, cversion: usize) -> Txn<'_> {
    Txn::Create(CreateTxn {
        path: path.into(),
        data: Some(&DATA),
        acl: AclList::OPEN,
        kind: CreateKind::Plain { ephemeral: false, with_stat: false },
        parent_cversion: i32::try_from(cversion).unwrap_or(i32::MAX),
    })
}

fn write_snapshot(tree: &mut Tree) -> Vec<Vec<u8>> {
    let mut cursor = tree.begin_snapshot(true);
    let mut sections = vec![Vec::new()];
    let mut slowest = Duration::ZERO;
    loop {
        let start = Instant::now();
        let section = sections.last_mut().expect("there is always one");
        let progress = cursor.next(tree, 256 << 10, section);
        slowest = slowest.max(start.elapsed());
        match progress {
            Progress::More => {}
            Progress::Seal => {
                section.extend_from_slice(&SEAL);
                sections.push(Vec::new());
            }
            Progress::End | Progress::Lost => break,
        }
    }
    tree.end_snapshot(cursor);
    println!("  {:>8} ns the slowest slice of a snapshot", slowest.as_nanos());
    sections
}

fn load_snapshot(sections: &[Vec<u8>]) -> Tree {
    let mut loader = SnapshotLoader::new(TreeOptions::default());
    for section in sections.iter().filter(|section| !section.is_empty()) {
        let fed = loader.feed(section).expect("it was written a moment ago");
        assert_eq!((fed.consumed, fed.next), (section.len() - SEAL.len(), Next::Seal));
    }
    loader.finish(Zxid::ZERO).expect("it was read to its end").tree
}

/// Fisher and Yates with a fixed sequence.
fn shuffle(order: &mut [usize]) {
    let mut state = 1u64;
    for at in (1..order.len()).rev() {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(at, (state >> 33) as usize % (at + 1));
    }
}

/// What the process takes of memory; 0 where the system does not say.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}
