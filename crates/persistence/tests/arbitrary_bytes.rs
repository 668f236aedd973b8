//! Whatever bytes lie in a data directory, reading them ends in a result.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use proptest::collection::vec;
use proptest::prelude::*;
use std::borrow::Cow;
use zoarium_persistence::epochs::{EpochFile, read_epoch};
use zoarium_persistence::log_reader::MAX_TXN_SIZE;
use zoarium_persistence::mem_dir::MemDir;
use zoarium_persistence::my_id::read_my_id;
use zoarium_persistence::names::SnapshotName;
use zoarium_persistence::snapshot::{load_snapshot, verify_snapshot, write_snapshot};
use zoarium_persistence::{
    Compression, DataDirs, LogOptions, LogReader, LogWriter, RecoveryOptions, recover,
};
use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, Txn, TxnHeader};
use zoarium_proto::{AclList, SessionId, Zxid};
use zoarium_tree::{Tree, TreeOptions};

/// A change of some bytes of a file.
#[derive(Clone, Debug)]
enum Edit {
    Flip { at: usize, bits: u8 },
    Fill { at: usize, size: usize, with: u8 },
    Insert { at: usize, bytes: Vec<u8> },
    Cut { at: usize },
    Copy { from: usize, size: usize, to: usize },
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = 0..20_000_usize;
    prop_oneof![
        (at.clone(), 1..=u8::MAX).prop_map(|(at, bits)| Edit::Flip { at, bits }),
        (at.clone(), 1..2000_usize, prop_oneof![Just(0), Just(0xff), any::<u8>()])
            .prop_map(|(at, size, with)| Edit::Fill { at, size, with }),
        (at.clone(), vec(any::<u8>(), 1..20)).prop_map(|(at, bytes)| Edit::Insert { at, bytes }),
        at.clone().prop_map(|at| Edit::Cut { at }),
        (at.clone(), 1..600_usize, at).prop_map(|(from, size, to)| Edit::Copy { from, size, to }),
    ]
}

fn edited(mut bytes: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        let place = |at: usize| at % (bytes.len() + 1);
        match edit {
            Edit::Flip { at, bits } => {
                let at = place(*at);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= bits;
                }
            }
            Edit::Fill { at, size, with } => {
                let at = place(*at);
                let end = bytes.len().min(at + size);
                bytes[at..end].fill(*with);
            }
            Edit::Insert { at, bytes: new } => {
                let at = place(*at);
                bytes.splice(at..at, new.iter().copied());
            }
            Edit::Cut { at } => bytes.truncate(place(*at)),
            Edit::Copy { from, size, to } => {
                let (from, to) = (place(*from), place(*to));
                let part = bytes[from..bytes.len().min(from + size)].to_vec();
                bytes.splice(to..to, part);
            }
        }
    }
    bytes
}

fn create(zxid: u64) -> Vec<u8> {
    let data = vec![b'x'; usize::try_from(zxid * 97 % 900).unwrap()];
    let create = CreateTxn {
        path: Cow::Owned(format!("/n{zxid}")),
        data: Some(&data),
        acl: AclList::OPEN,
        kind: CreateKind::Plain { ephemeral: zxid.is_multiple_of(3), with_stat: false },
        parent_cversion: 1,
    };
    let header = TxnHeader { session: SessionId(5), cxid: 1, zxid: Zxid(zxid), time_ms: 1 };
    let mut bytes = Vec::new();
    LoggedTxn { header, txn: Txn::Create(create), digest: None }.encode(&mut bytes);
    bytes
}

/// A log of 30 txns.
fn log() -> Vec<u8> {
    let dir = MemDir::new();
    let options = LogOptions { reserve: 4096, ..LogOptions::default() };
    let mut writer = LogWriter::new(dir.clone(), Zxid::ZERO, options);
    (1..=30).for_each(|zxid| writer.append(Zxid(zxid), &create(zxid)));
    writer.sync().unwrap();
    dir.bytes("log.1").unwrap()
}

/// A snapshot of the tree after those.
fn snapshot(compression: Compression) -> (SnapshotName, Vec<u8>) {
    let dir = MemDir::new();
    let mut tree = Tree::new(TreeOptions::default());
    for zxid in 1..=30 {
        tree.apply(&LoggedTxn::decode(&create(zxid)).unwrap(), &mut |_| {});
    }
    let name = write_snapshot(&dir, &mut tree, compression, true).unwrap();
    (name, dir.bytes(&name.file()).unwrap())
}

fn read_log(bytes: &[u8]) {
    let dir = MemDir::new();
    dir.put("log.1", bytes).unwrap();
    let mut reader = LogReader::open(&dir, Zxid::ZERO, MAX_TXN_SIZE).unwrap();
    let mut last = Zxid::ZERO;
    while let Ok(Some(entry)) = reader.next() {
        assert!(entry.zxid > last);
        last = entry.zxid;
    }
}

fn read_snapshot(name: SnapshotName, bytes: &[u8]) {
    let dir = MemDir::new();
    dir.put(&name.file(), bytes).unwrap();
    let loaded = load_snapshot(&dir, name, TreeOptions::default(), MAX_TXN_SIZE, &mut |_, _| {});
    // What loads fits its last seal; what fits it may still be no tree.
    if loaded.is_ok() {
        verify_snapshot(&dir, name).unwrap();
    }
}

fn compression() -> impl Strategy<Value = Compression> {
    prop_oneof![Just(Compression::None), Just(Compression::Gzip), Just(Compression::Snappy)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn arbitrary_bytes_are_no_log(bytes in vec(any::<u8>(), 0..3000), with_header: bool) {
        let mut file = if with_header { log()[..16].to_vec() } else { Vec::new() };
        file.extend_from_slice(&bytes);
        read_log(&file);
    }

    #[test]
    fn edited_logs_end_in_a_result(edits in vec(edit(), 1..4)) {
        read_log(&edited(log(), &edits));
    }

    #[test]
    fn arbitrary_bytes_are_no_snapshot(bytes in vec(any::<u8>(), 0..3000), how in compression()) {
        let (name, snapshot) = snapshot(how);
        read_snapshot(name, &bytes);
        let headed = [&snapshot[..16], &bytes].concat();
        read_snapshot(name, &headed);
    }

    #[test]
    fn edited_snapshots_end_in_a_result(edits in vec(edit(), 1..4), how in compression()) {
        let (name, bytes) = snapshot(how);
        read_snapshot(name, &edited(bytes, &edits));
    }

    #[test]
    fn edited_directories_end_in_a_result(
        log_edits in vec(edit(), 0..3),
        snapshot_edits in vec(edit(), 0..3),
        how in compression(),
    ) {
        let dir = MemDir::new();
        dir.put("log.1", &edited(log(), &log_edits)).unwrap();
        let (name, bytes) = snapshot(how);
        dir.put(&name.file(), &edited(bytes, &snapshot_edits)).unwrap();
        let (snapshots, logs) = (dir.clone(), dir);
        let dirs = DataDirs { root: MemDir::new(), snapshots, logs, logs_apart: false };
        let recovered = recover(&dirs, &RecoveryOptions::default(), |_| {});
        prop_assert!(!snapshot_edits.is_empty() || !log_edits.is_empty() || recovered.is_ok());
    }

    #[test]
    fn small_files_end_in_a_result(bytes in vec(any::<u8>(), 0..100)) {
        let dir = MemDir::new();
        for name in ["currentEpoch", "myid"] {
            dir.put(name, &bytes).unwrap();
        }
        // Only that there is an answer is of interest.
        let _epoch = read_epoch(&dir, EpochFile::Current);
        let _id = read_my_id(&dir);
    }
}
