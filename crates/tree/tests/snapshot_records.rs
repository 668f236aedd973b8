//! Snapshots made by hand: what is refused, and where; what is read although nobody writes it.

use bytes::BufMut;
use zoarium_proto::jute::{put_buffer, put_text};
use zoarium_proto::txn::{LoggedTxn, Txn, TxnDigest, TxnHeader};
use zoarium_proto::{AclList, DecodeError, RawStat, SessionId, Zxid};
use zoarium_tree::snapshot::{Fed, LoadError, Next, Progress};
use zoarium_tree::{SnapshotLoader, Tree, TreeOptions};

/// No sessions and one ACL, under key 7.
fn head() -> Vec<u8> {
    let mut out = Vec::new();
    out.put_i32(0);
    out.put_i32(1);
    out.put_i64(7);
    out.put_slice(AclList::READ_ONLY.encoded());
    out
}

fn with_znodes(znodes: &[(&str, i64)]) -> Vec<u8> {
    with_stats(znodes.iter().map(|(path, acl_key)| (*path, *acl_key, RawStat::default())))
}

fn with_stats<'a>(znodes: impl IntoIterator<Item = (&'a str, i64, RawStat)>) -> Vec<u8> {
    let mut out = head();
    for (path, acl_key, stat) in znodes {
        put_text(&mut out, path);
        put_buffer(&mut out, Some(b"data"));
        out.put_i64(acl_key);
        stat.encode(&mut out);
    }
    put_text(&mut out, "/");
    out
}

fn load(bytes: &[u8]) -> Result<Tree, LoadError> {
    let mut loader = SnapshotLoader::new(TreeOptions::default());
    let fed = loader.feed(bytes)?;
    assert_eq!(fed, Fed { consumed: bytes.len(), next: Next::Seal });
    Ok(loader.finish(Zxid(9))?.tree)
}

/// Where the second of these znodes starts.
fn second(first: &str) -> u64 {
    (head().len() + 4 + first.len() + 4 + 4 + 8 + RawStat::WIRE_SIZE) as u64
}

#[test]
fn misplaced_znode_is_refused_with_its_place() {
    let path = || String::from("/a/b");
    let offset = second("");
    let missing = load(&with_znodes(&[("", -1), ("/a/b", -1)])).unwrap_err();
    assert_eq!(missing, LoadError::ParentMissing { offset, path: path() });
    let unknown = load(&with_znodes(&[("", -1), ("/a/b", 8)])).unwrap_err();
    assert_eq!(unknown, LoadError::UnknownAcl { offset, path: path(), key: 8 });
    let twice = load(&with_znodes(&[("", -1), ("", -1)])).unwrap_err();
    assert_eq!(twice, LoadError::Duplicate { offset, path: String::new() });
    for bad in ["a", "/a/", "//", "//a"] {
        let refused = load(&with_znodes(&[("", -1), (bad, -1)])).unwrap_err();
        assert_eq!(refused, LoadError::BadPath { offset, path: bad.into() });
    }
    let rootless = load(&with_znodes(&[("/a", -1)])).unwrap_err();
    let offset = head().len() as u64;
    assert_eq!(rootless, LoadError::ParentMissing { offset, path: "/a".into() });
}

#[test]
fn bad_numbers_are_refused() {
    let negative = load(&[0xFF; 4]).unwrap_err();
    assert_eq!(negative, LoadError::NegativeCount { offset: 0, what: "sessions", count: -1 });
    let mut bytes = head();
    bytes.put_i32(-2);
    let source = DecodeError::NegativeLength { offset: bytes.len() - 4, length: -2 };
    let offset = bytes.len() as u64 - 4;
    assert_eq!(load(&bytes).unwrap_err(), LoadError::Decode { offset, source });
}

#[test]
fn end_inside_the_znodes_is_no_end() {
    let mut bytes = with_znodes(&[("", -1), ("/a", -1)]);
    bytes.truncate(bytes.len() - 1);
    let mut loader = SnapshotLoader::new(TreeOptions::default());
    let fed = loader.feed(&bytes).unwrap();
    assert_eq!(fed.next, Next::More { needed: 5 });
    let offset = fed.consumed as u64;
    assert_eq!(loader.finish(Zxid(9)).unwrap_err(), LoadError::Truncated { offset, znodes: 2 });
}

#[test]
fn znodes_need_not_come_depth_first() {
    let paths = ["", "/a", "/b", "/a/x", "/b/x", "/a/x/y", "/a/z", "/c"];
    let tree = load(&with_znodes(&paths.map(|path| (path, 7)))).unwrap();
    for path in paths {
        let znode = tree.find(path).unwrap();
        assert_eq!((znode.data(), znode.acl()), (Some(&b"data"[..]), AclList::READ_ONLY));
    }
    assert_eq!(tree.find("/a").unwrap().children().collect::<Vec<_>>(), ["x", "z"]);
}

#[test]
fn reserved_znodes_that_an_old_snapshot_lacks_are_added() {
    let tree = load(&with_znodes(&[("", -1)])).unwrap();
    assert_eq!((tree.znode_count(), tree.last_zxid()), (5, Zxid(9)));
    assert_eq!(tree.find("/zookeeper/config").unwrap().acl(), AclList::READ_ONLY);
}

#[test]
fn last_zxid_without_a_digest_is_told_from_one() {
    let mut loader = SnapshotLoader::new(TreeOptions::default());
    loader.feed(&with_znodes(&[("", -1)])).unwrap();
    // The zxid, and the seal after it: a checksum in a long and a text.
    let mut part = vec![0, 0, 0, 0, 0, 0, 0, 42];
    assert_eq!(loader.feed(&part).unwrap().next, Next::More { needed: 12 });
    part.put_i64(0xFFFF_FFFF);
    put_text(&mut part, "/");
    assert_eq!(loader.feed(&part).unwrap(), Fed { consumed: 8, next: Next::Seal });
    assert_eq!(loader.feed(&[]).unwrap().next, Next::End);
    assert_eq!(loader.finish(Zxid(9)).unwrap().last_zxid, Some(Zxid(42)));
}

#[test]
fn fuzzy_tree_is_known_by_its_znodes_until_replay_has_caught_up() {
    let mzxid = |zxid: i64| RawStat { mzxid: Zxid::from_wire(zxid), ..RawStat::default() };
    let paths = [("", -1, mzxid(3)), ("/zookeeper", -1, mzxid(-1))];
    let config = ("/zookeeper/config", -1, mzxid(50));
    // Below `/zookeeper` each server has its own.
    let exact = load(&with_stats(paths.into_iter().chain([config]))).unwrap();
    assert_eq!(exact.seen(), Zxid(9));
    let mut fuzzy = load(&with_stats(paths.into_iter().chain([("/a", -1, mzxid(12))]))).unwrap();
    assert_eq!((fuzzy.last_zxid(), fuzzy.seen()), (Zxid(9), Zxid(12)));

    // What is written of it says the same.
    let mut cursor = fuzzy.begin_snapshot(true);
    let mut bytes = Vec::new();
    let mut loader = SnapshotLoader::new(TreeOptions::default());
    while cursor.next(&fuzzy, 1 << 20, &mut bytes) != Progress::End {}
    fuzzy.end_snapshot(cursor);
    while !bytes.is_empty() {
        let Fed { consumed, next } = loader.feed(&bytes).unwrap();
        assert_eq!(next, Next::Seal);
        bytes.drain(..consumed);
    }
    assert_eq!(loader.finish(Zxid(9)).unwrap().tree.seen(), Zxid(12));

    // Nobody knows whether it has seen more, so digests are compared from the first that fits.
    let right = fuzzy.digest();
    for (zxid, value, matches) in
        [(10, 1, None), (11, 1, None), (12, right, Some(true)), (13, 1, Some(false))]
    {
        let header = TxnHeader { session: SessionId(1), cxid: 0, zxid: Zxid(zxid), time_ms: 0 };
        let digest = Some(TxnDigest { version: TxnDigest::VERSION, value });
        let txn = LoggedTxn { header, txn: Txn::Error { code: -1 }, digest };
        assert_eq!(fuzzy.apply(&txn, &mut |_| {}).digest_matches, matches, "{zxid}");
    }
    assert_eq!(fuzzy.seen(), Zxid(13));
}
