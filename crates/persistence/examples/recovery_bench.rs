//! What a start costs for each znode, from a snapshot and from the log, without disks.
//!
//! `cargo run --release -p zoarium-persistence --example recovery_bench -- 1000000`
//!
//! Znodes are spread over parents of a thousand children each and hold 100 bytes.
#![expect(clippy::print_stdout, reason = "it is what the program is for")]

use anyhow::Context;
use std::time::Instant;
use zoarium_persistence::log::{LogOptions, LogWriter};
use zoarium_persistence::mem_dir::MemDisk;
use zoarium_persistence::names::Compression;
use zoarium_persistence::snapshot::write_snapshot;
use zoarium_persistence::{DataDirs, RecoveryOptions, recover};
use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, Txn, TxnDigest, TxnHeader};
use zoarium_proto::{AclList, SessionId, Zxid};
use zoarium_tree::{Tree, TreeOptions};

const CHILDREN: usize = 1000;
const DATA: [u8; 100] = [7; 100];

fn main() -> anyhow::Result<()> {
    let size = std::env::args().nth(1).map_or(Ok(1_000_000), |size| size.parse());
    let size: usize = size.context("the number of znodes")?;
    let disk = MemDisk::new();
    let (snapshots, logs) = (disk.dir("snapshots"), disk.dir("logs"));
    let options = LogOptions { reserve: 0, ..LogOptions::default() };
    let mut log = LogWriter::new(logs.clone(), Zxid::ZERO, options);
    let mut tree = Tree::new(TreeOptions::default());
    let mut bytes = Vec::new();
    for n in 0..size + size.div_ceil(CHILDREN) {
        let (parent, child) = (n / (CHILDREN + 1), n % (CHILDREN + 1));
        let path = match child {
            0 => format!("/d{parent}"),
            child => format!("/d{parent}/n{child}"),
        };
        let zxid = Zxid(n as u64 + 1);
        let create = CreateTxn {
            path: path.into(),
            data: (child > 0).then_some(&DATA),
            acl: AclList::OPEN,
            kind: CreateKind::Plain { ephemeral: false, with_stat: false },
            parent_cversion: -1,
        };
        let header = TxnHeader { session: SessionId(7), cxid: 1, zxid, time_ms: 1_700_000_000_000 };
        let mut txn = LoggedTxn { header, txn: Txn::Create(create), digest: None };
        tree.apply(&txn, &mut |_| {});
        txn.digest = Some(TxnDigest { version: TxnDigest::VERSION, value: tree.digest() });
        bytes.clear();
        txn.encode(&mut bytes);
        log.append(zxid, &bytes);
        if log.batch_size() > 1 << 20 {
            log.write()?;
        }
    }
    log.write()?;
    let dirs = DataDirs { root: disk.dir("root"), snapshots, logs, logs_apart: true };
    timed("from the log", size, &dirs)?;
    write_snapshot(&dirs.snapshots, &mut tree, Compression::None, true)?;
    drop(tree);
    timed("from a snapshot", size, &dirs)?;
    timed("from a snapshot", size, &dirs)
}

fn timed(
    what: &str,
    size: usize,
    dirs: &DataDirs<zoarium_persistence::mem_dir::MemDir>,
) -> anyhow::Result<()> {
    let options = RecoveryOptions { trust_log_without_snapshot: true, ..Default::default() };
    let (wall, cpu) = (Instant::now(), cpu_ns());
    let recovered = recover(dirs, &options, |_| {})?;
    let wall = wall.elapsed().as_nanos();
    let cpu = cpu.zip(cpu_ns()).map_or(wall, |(begin, end)| u128::from(end - begin));
    let (wall, cpu) = (wall / size as u128, cpu / size as u128);
    println!("  {cpu:>8} ns of the processor and {wall:>8} ns in all for a znode {what}");
    anyhow::ensure!(recovered.stats.digest_mismatches == 0, "the tree is another one");
    Ok(())
}

/// How long this thread has had a processor; `None` where the system does not say.
fn cpu_ns() -> Option<u64> {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    schedstat.split(' ').next()?.parse().ok()
}
