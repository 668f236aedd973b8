//! Trees of two shapes: what a znode takes, and what is done with it.

use crate::measure::{Writer, report, resident_bytes, shuffled};
use std::time::{Duration, Instant};
use zoarium_proto::Zxid;
use zoarium_proto::txn::Txn;
use zoarium_tree::snapshot::Next;
use zoarium_tree::{Progress, SnapshotLoader, Tree, TreeOptions};

const SEAL: [u8; 4] = [0; 4];

/// How much of a snapshot is taken under one lock, in bytes: as much as the server does.
const SLICE: usize = 256 << 10;

/// Znodes to be created.
pub(crate) struct Shape {
    parents: Vec<String>,
    paths: Vec<String>,
    data: Vec<u8>,
}

impl Shape {
    /// Parents of a thousand children each, with 100 bytes of data.
    pub(crate) fn spread(size: usize) -> Self {
        let parents = (0..size.div_ceil(1000)).map(|n| format!("/service-{n:04}")).collect();
        let path = |n| format!("/service-{:04}/instance-{:06}", n / 1000, n % 1000);
        Self { parents, paths: (0..size).map(path).collect(), data: vec![7; 100] }
    }

    /// What production has: long paths, short data, and all below one parent.
    pub(crate) fn one_parent(size: usize) -> Self {
        let mut parents = vec![String::new()];
        for name in ["clickhouse", "tables", "production", "shard-01", "analytics"] {
            parents.push(format!("{}/{name}", parents.last().expect("it begins with one")));
        }
        let last = parents.last().expect("it begins with one");
        let blocks = format!("{last}/{:b<width$}", "", width = 90 - last.len() - 1);
        let paths = (0..size).map(|n| format!("{blocks}/{n:024}")).collect();
        parents.remove(0);
        parents.push(blocks);
        Self { parents, paths, data: vec![7; 46] }
    }
}

pub(crate) fn run(shape: &Shape) {
    let Shape { parents, paths, data } = shape;
    let size = paths.len();
    let before = resident_bytes();
    let mut writer = Writer::new();
    parents.iter().for_each(|path| writer.create(path, data));
    report("create", size, || paths.iter().for_each(|path| writer.create(path, data)));
    let used = resident_bytes().saturating_sub(before);
    memory(shape, &writer.tree, used);

    let order = shuffled(size);
    let tree = &writer.tree;
    let found =
        |from: usize| order.iter().filter(|at| tree.find(&paths[**at][from..]).is_some()).count();
    assert_eq!(report("find", size, || found(0)), size);
    assert_eq!(report("find nothing", size, || found(1)), 0);
    report("set data", size, || {
        for at in &order {
            let set = Txn::SetData { path: (&*paths[*at]).into(), data: Some(data), version: 1 };
            writer.apply(set, &mut |_| {});
        }
    });
    let after = resident_bytes().saturating_sub(before);
    println!("  {:>10} bytes a znode after that", after / size);
    let mut listing = Vec::new();
    let parent = parents.last().expect("every shape has a parent");
    for what in ["list children, in new memory", "list children"] {
        listing.clear();
        let start = Instant::now();
        writer.tree.find(parent).into_iter().for_each(|it| it.encode_children(&mut listing));
        println!("  {:>10} ns {what}", start.elapsed().as_nanos());
    }
    drop(listing);
    let sections = report("write snapshot", size, || write_snapshot(&mut writer.tree));
    slowest_slice(&mut writer.tree);
    let loaded = report("load snapshot", size, || load_snapshot(&sections));
    drop(sections);
    report("drop", size, || drop(loaded));
    report("delete", size, || order.iter().for_each(|at| writer.delete(&paths[*at])));
    report("create again", size, || paths.iter().for_each(|path| writer.create(path, data)));
}

/// Prints where the memory is.
fn memory(shape: &Shape, tree: &Tree, used: usize) {
    let size = shape.paths.len();
    let names = shape.paths.iter().map(|path| path.len() - path.rfind('/').map_or(0, |at| at + 1));
    let name = names.sum::<usize>() / size;
    let data = shape.data.len();
    println!("  {:>10} bytes a znode, of which {data} are data and {name} the name", used / size);
    let footprint = tree.footprint();
    for (what, bytes) in footprint.parts() {
        println!("  {:>10.1}   {what}", bytes as f64 / size as f64);
    }
}

fn write_snapshot(tree: &mut Tree) -> Vec<Vec<u8>> {
    let mut cursor = tree.begin_snapshot(true);
    let mut sections = vec![Vec::new()];
    loop {
        let section = sections.last_mut().expect("there is always one");
        match cursor.next(tree, SLICE, section) {
            Progress::More => {}
            Progress::Seal => {
                section.extend_from_slice(&SEAL);
                sections.push(Vec::new());
            }
            Progress::End | Progress::Lost => break,
        }
    }
    tree.end_snapshot(cursor);
    sections
}

/// Prints how long the tree is locked at most while a snapshot is written: of three runs the
/// shortest time for each slice counts.
fn slowest_slice(tree: &mut Tree) {
    let mut shortest: Vec<Duration> = Vec::new();
    let mut slice = Vec::new();
    for _ in 0..3 {
        let mut cursor = tree.begin_snapshot(true);
        for n in 0.. {
            slice.clear();
            let start = Instant::now();
            let progress = cursor.next(tree, SLICE, &mut slice);
            let elapsed = start.elapsed();
            match shortest.get_mut(n) {
                Some(shortest) => *shortest = elapsed.min(*shortest),
                None => shortest.push(elapsed),
            }
            if matches!(progress, Progress::End | Progress::Lost) {
                break;
            }
        }
        tree.end_snapshot(cursor);
    }
    let slowest = shortest.into_iter().max().unwrap_or_default();
    println!("  {:>10} ns the slowest slice of a snapshot", slowest.as_nanos());
}

fn load_snapshot(sections: &[Vec<u8>]) -> Tree {
    let mut loader = SnapshotLoader::new(TreeOptions::default());
    for section in sections.iter().filter(|section| !section.is_empty()) {
        let fed = loader.feed(section).expect("it was written a moment ago");
        assert_eq!((fed.consumed, fed.next), (section.len() - SEAL.len(), Next::Seal));
    }
    loader.finish(Zxid::ZERO).expect("it was read to its end").tree
}
