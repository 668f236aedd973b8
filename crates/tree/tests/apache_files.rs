//! Files that Apache's server wrote: its logs lead to its digests, its snapshot to its tree.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use serde_json::Value;
use zoarium_proto::txn::{LoggedTxn, Txn};
use zoarium_proto::{SessionId, Zxid};
use zoarium_tree::snapshot::{Loaded, Next};
use zoarium_tree::{Outcome, Progress, SnapshotLoader, Tree, TreeOptions, Znode};

const FIRST_LOG: &[u8] = include_bytes!("fixtures/log.1");
const SECOND_LOG: &[u8] = include_bytes!("fixtures/log.3b");
const SNAPSHOT: &[u8] = include_bytes!("fixtures/snapshot.3a");
const EXPECTED: &str = include_str!("fixtures/expected.json");

/// Bytes before the first entry of a log, and before the sessions of a snapshot.
const FILE_HEADER: usize = 16;
const SEAL: usize = 13;

/// The entries of a log file up to its padding.
fn entries(mut log: &[u8]) -> Vec<&[u8]> {
    log = &log[FILE_HEADER..];
    let mut entries = Vec::new();
    loop {
        let length = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
        if length == 0 {
            return entries;
        }
        entries.push(&log[12..12 + length]);
        log = &log[12 + length + 1..];
    }
}

/// Applies the entries after the tree's last zxid, and asserts that each digest is right. How many
/// were compared.
fn replay(tree: &mut Tree, log: &[u8]) -> usize {
    let mut compared = 0;
    for entry in entries(log) {
        let txn = LoggedTxn::decode(entry).unwrap();
        if txn.header.zxid <= tree.last_zxid() {
            continue;
        }
        let applied = tree.apply(&txn, &mut |_| {});
        assert_ne!(applied.digest_matches, Some(false), "{txn:?}");
        let is_error = matches!(txn.txn, Txn::Error { .. });
        assert_eq!(matches!(applied.outcome, Outcome::Error(_)), is_error, "{txn:?}");
        compared += usize::from(applied.digest_matches == Some(true));
    }
    compared
}

/// Loads a snapshot's body, its bytes arriving `slice` at a time.
fn load(mut body: &[u8], slice: usize, zxid: Zxid) -> Loaded {
    let mut loader = SnapshotLoader::new(TreeOptions::default());
    let mut length = slice.min(body.len());
    loop {
        let fed = loader.feed(&body[..length]).unwrap();
        body = &body[fed.consumed..];
        match fed.next {
            Next::More { needed } => {
                assert!(needed > length - fed.consumed);
                length = (length - fed.consumed + slice).min(body.len());
            }
            Next::Seal => {
                body = &body[SEAL..];
                length = slice.min(body.len());
                if body.is_empty() {
                    return loader.finish(zxid).unwrap();
                }
            }
            Next::End => return loader.finish(zxid).unwrap(),
        }
    }
}

/// A snapshot's body, with empty seals.
fn save(tree: &mut Tree) -> Vec<u8> {
    let mut body = Vec::new();
    let mut cursor = tree.begin_snapshot(true);
    loop {
        match cursor.next(tree, 100, &mut body) {
            Progress::More => {}
            Progress::Seal => body.extend_from_slice(&[0; SEAL]),
            Progress::End => break,
            Progress::Lost => panic!("there is only one tree"),
        }
    }
    tree.end_snapshot(cursor);
    body
}

fn check_expected(tree: &Tree) {
    let expected: serde_json::Map<String, Value> = serde_json::from_str(EXPECTED).unwrap();
    assert_eq!(tree.descendants_count("/").unwrap() + 1, expected.len());
    for (path, expected) in &expected {
        let znode = tree.find(path).unwrap_or_else(|| panic!("{path} is missing"));
        assert_eq!(as_json(&znode), *expected, "{path}");
    }
}

fn as_json(znode: &Znode<'_>) -> Value {
    let mut children: Vec<_> = znode.children().collect();
    children.sort_unstable();
    let hex = |data: &[u8]| data.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let acl = znode
        .acl()
        .iter()
        .map(|acl| serde_json::json!({ "perms": acl.perms.0, "scheme": acl.scheme, "id": acl.id }));
    let stat = znode.stat();
    serde_json::json!({
        "acl": acl.collect::<Vec<_>>(),
        "children": children,
        "data_hex": znode.data().map(hex),
        "err": 0,
        "stat": {
            "czxid": stat.czxid.0,
            "mzxid": stat.mzxid.0,
            "pzxid": stat.pzxid.0,
            "ctime": stat.ctime,
            "mtime": stat.mtime,
            "version": stat.version,
            "cversion": stat.cversion,
            "aversion": stat.aversion,
            "ephemeralOwner": stat.ephemeral_owner.0,
            "dataLength": stat.data_length,
            "numChildren": stat.num_children,
        },
    })
}

#[test]
fn whole_log_gives_every_logged_digest_and_the_tree_a_client_saw() {
    let mut tree = Tree::new(TreeOptions::default());
    let compared = replay(&mut tree, FIRST_LOG) + replay(&mut tree, SECOND_LOG);
    assert!(compared > 40, "{compared} digests compared");
    check_expected(&tree);
}

#[test]
fn snapshot_and_later_log_give_the_same() {
    let Loaded { mut tree, digest_matches, .. } =
        load(&SNAPSHOT[FILE_HEADER..], SNAPSHOT.len(), Zxid(0x3A));
    assert_eq!(digest_matches, Some(true));
    assert_eq!(replay(&mut tree, FIRST_LOG), 0);
    assert!(replay(&mut tree, SECOND_LOG) > 0);
    check_expected(&tree);
}

#[test]
fn snapshot_may_arrive_in_slices_of_any_size() {
    let whole = load(&SNAPSHOT[FILE_HEADER..], SNAPSHOT.len(), Zxid(0x3A)).tree;
    for slice in [1, 2, 7, 100, 1000] {
        let sliced = load(&SNAPSHOT[FILE_HEADER..], slice, Zxid(0x3A)).tree;
        assert_eq!(sliced.digest(), whole.digest(), "slices of {slice}");
        assert_eq!(sliced.sessions(), whole.sessions());
    }
}

#[test]
fn damaged_snapshot_is_an_error_or_a_tree_but_never_a_panic() {
    let body = &SNAPSHOT[FILE_HEADER..];
    for at in 0..body.len() {
        for flip in [0x01, 0x80, 0xFF] {
            let mut damaged = body.to_vec();
            damaged[at] ^= flip;
            let mut loader = SnapshotLoader::new(TreeOptions::default());
            if loader.feed(&damaged).is_ok() {
                drop(loader.finish(Zxid(0x3A)));
            }
        }
        let mut loader = SnapshotLoader::new(TreeOptions::default());
        let fed = loader.feed(&body[..at]).unwrap();
        let is_whole = fed.next == Next::Seal;
        assert_eq!(loader.finish(Zxid(0x3A)).is_ok(), is_whole, "cut at {at}");
    }
}

#[test]
fn own_snapshot_brings_the_same_tree_back() {
    let mut tree = Tree::new(TreeOptions::default());
    replay(&mut tree, FIRST_LOG);
    replay(&mut tree, SECOND_LOG);
    let Loaded { tree: copy, digest_matches, last_zxid } =
        load(&save(&mut tree), 64, tree.last_zxid());
    assert_eq!((digest_matches, last_zxid), (Some(true), Some(tree.last_zxid())));
    assert_eq!(copy.digest(), tree.digest());
    assert_eq!(copy.znode_count(), tree.znode_count());
    assert_eq!(copy.data_size(), tree.data_size());
    assert_eq!(copy.ephemerals_count(), tree.ephemerals_count());
    assert_eq!(copy.sessions(), tree.sessions());
    check_expected(&copy);
}

#[test]
fn untouched_tree_is_that_of_an_empty_server() {
    let tree = Tree::new(TreeOptions::default());
    assert_eq!(tree.digest(), 0x51C6_D660);
    assert_eq!((tree.znode_count(), tree.data_size()), (5, 44));
    assert_eq!(tree.find("/").unwrap().stat().cversion, -1);
    assert_eq!(tree.find("").unwrap().path(), "/");
    assert_eq!(tree.find("/zookeeper/config").unwrap().raw().aversion, -1);
    assert_eq!(tree.ephemerals(SessionId(1)).count(), 0);
}
