//! The rules of the tree one by one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use zoarium_proto::acl::encode_list;
use zoarium_proto::create::Owner;
use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, Txn, TxnDigest, TxnHeader};
use zoarium_proto::{Acl, AclList, ErrorCode, Perms, RawStat, SessionId, Zxid};
use zoarium_tree::digest;
use zoarium_tree::quota::{Limits, Usage};
use zoarium_tree::{Applied, ChangeKind, Outcome, Progress, SnapshotLoader, Tree, TreeOptions};

const PLAIN: CreateKind = CreateKind::Plain { ephemeral: false, with_stat: false };
const EPHEMERAL: CreateKind = CreateKind::Plain { ephemeral: true, with_stat: false };

/// A tree whose transactions come one millisecond apart, from session 1.
struct Live {
    tree: Tree,
    zxid: u64,
    changes: Vec<(ChangeKind, String)>,
}

impl Live {
    fn new() -> Self {
        let tree = Tree::new(TreeOptions::default());
        Self { tree, zxid: 0, changes: Vec::new() }
    }

    fn apply<'t>(&mut self, txn: &'t LoggedTxn<'_>) -> Applied<'t> {
        let changes = &mut self.changes;
        self.tree.apply(txn, &mut |change| changes.push((change.kind, change.path.into())))
    }

    fn logged<'t>(&mut self, txn: Txn<'t>) -> LoggedTxn<'t> {
        self.zxid += 1;
        let time_ms = i64::try_from(self.zxid).unwrap();
        let header = TxnHeader { session: SessionId(1), cxid: 0, zxid: Zxid(self.zxid), time_ms };
        LoggedTxn { header, txn, digest: None }
    }

    fn run(&mut self, txn: Txn<'_>) {
        let txn = self.logged(txn);
        let outcome = self.apply(&txn).outcome;
        assert!(!matches!(outcome, Outcome::Error(_)), "{txn:?}: {outcome:?}");
    }

    fn create(&mut self, path: &str, kind: CreateKind, data: &[u8]) {
        let parent = path.rsplit_once('/').unwrap().0;
        let parent_cversion = self.tree.find(parent).unwrap().raw().cversion + 1;
        self.run(create(path, kind, data, parent_cversion));
    }

    fn delete(&mut self, path: &str) {
        self.run(Txn::Delete { path: path.into(), reaped: false });
    }

    fn usage(&self, path: &str) -> Usage {
        self.tree.quota(path).unwrap().usage
    }
}

fn create<'t>(path: &'t str, kind: CreateKind, data: &'t [u8], parent_cversion: i32) -> Txn<'t> {
    let path = path.into();
    Txn::Create(CreateTxn { path, data: Some(data), acl: AclList::OPEN, kind, parent_cversion })
}

#[test]
fn tree_can_be_shared_between_threads() {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<Tree>();
}

#[test]
fn containers_go_when_emptied_and_ttls_when_idle() {
    let mut live = Live::new();
    live.create("/used", CreateKind::Container, b"");
    live.create("/used/child", PLAIN, b"");
    live.create("/never", CreateKind::Container, b"");
    live.create("/ttl", CreateKind::Ttl { ttl_ms: 100 }, b"");
    assert_eq!(live.tree.find("/ttl").unwrap().owner(), Owner::Ttl(100));
    let due = |live: &Live, now_ms, never_used_ms| {
        live.tree.reap_candidates(now_ms, never_used_ms).collect::<Vec<_>>()
    };
    assert_eq!(due(&live, 104, None), [""; 0]);
    assert_eq!(due(&live, 105, None), ["/ttl"]);
    live.delete("/used/child");
    assert_eq!(due(&live, 104, None), ["/used"]);
    assert_eq!(due(&live, 104, Some(101)), ["/used"]);
    assert_eq!(due(&live, 104, Some(100)), ["/used", "/never"]);
    live.run(Txn::SetData { path: "/ttl".into(), data: None, version: 1 });
    assert_eq!(due(&live, 105, None), ["/used"]);
    live.create("/ttl/child", PLAIN, b"");
    assert_eq!(due(&live, 9999, None), ["/used"]);
}

#[test]
fn usage_follows_every_change_below_a_quota() {
    let mut live = Live::new();
    live.create("/q", PLAIN, b"12");
    live.create("/q/old", PLAIN, b"345");
    live.create("/quiet", PLAIN, b"");
    live.create("/zookeeper/quota/q", PLAIN, b"");
    live.create("/zookeeper/quota/q/zookeeper_limits", PLAIN, b"count=3,bytes=-1");
    assert_eq!(live.tree.quota("/q"), None);
    live.create("/zookeeper/quota/q/zookeeper_stats", PLAIN, b"");
    let before = live.tree.find("/zookeeper/quota/q/zookeeper_stats").unwrap().raw();
    assert_eq!(live.usage("/q/old"), Usage { count: 2, bytes: 5 });
    live.create("/q/new", PLAIN, b"6789");
    assert_eq!(live.usage("/q"), Usage { count: 3, bytes: 9 });
    live.run(Txn::SetData { path: "/q".into(), data: None, version: 1 });
    live.delete("/q/old");
    assert_eq!(live.usage("/q"), Usage { count: 2, bytes: 4 });
    assert_eq!(live.tree.quota("/quiet"), None);
    assert_eq!(live.tree.quota("/q").unwrap().limits.count, Some(3));

    let stats = live.tree.find("/zookeeper/quota/q/zookeeper_stats").unwrap();
    assert_eq!(stats.raw(), before);
    assert_eq!(stats.digest(), 0, "it is below /zookeeper");
    let told = live.changes.iter().filter(|(kind, _)| *kind == ChangeKind::DataChanged);
    assert_eq!(told.count(), 1, "only the one of the client");

    let hard = Limits { count_hard: Some(2), ..Limits::default() }.to_string();
    let path = "/zookeeper/quota/q/zookeeper_limits";
    live.run(Txn::SetData { path: path.into(), data: Some(hard.as_bytes()), version: 1 });
    let excess: Vec<_> = live.tree.quota("/q/x").unwrap().excess(1, 0).collect();
    assert!(matches!(excess[..], [excess] if excess.is_hard && excess.value == 3));
    live.delete(path);
    assert_eq!(live.tree.quota("/q"), None);
}

#[test]
fn session_ends_with_its_ephemerals_listed_or_not() {
    let mut live = Live::new();
    live.run(Txn::CreateSession { timeout_ms: 5000 });
    assert_eq!(live.tree.sessions().get(&SessionId(1)), Some(&5000));
    live.create("/listed", EPHEMERAL, b"");
    live.create("/unlisted", EPHEMERAL, b"");
    assert_eq!(live.tree.sessions_with_ephemerals().collect::<Vec<_>>(), [SessionId(1)]);
    live.changes.clear();
    live.run(Txn::CloseSession { paths: vec!["/listed".into(), "/gone".into()] });
    assert_eq!(live.tree.ephemerals_count(), 0);
    assert!(live.tree.sessions().is_empty());
    let deleted = ["/listed", "/unlisted"].map(|path| (ChangeKind::Deleted, path.into()));
    assert_eq!(live.changes, deleted);
    assert_eq!(live.tree.find("/").unwrap().raw().pzxid, Zxid(4));
}

#[test]
fn failed_multi_has_no_effect_and_says_where_it_failed() {
    let mut live = Live::new();
    let digest = live.tree.digest();
    let failed = ErrorCode::BadVersion.to_wire();
    let txn = live.logged(Txn::Multi(vec![
        create("/a", PLAIN, b"", 1),
        Txn::Error { code: failed },
        create("/b", PLAIN, b"", 2),
        Txn::Error { code: ErrorCode::RuntimeInconsistency.to_wire() },
    ]));
    let codes = [0, failed, -2, -2].map(Outcome::Error);
    assert_eq!(live.apply(&txn).outcome, Outcome::Multi(codes.into()));
    assert_eq!((live.changes.len(), live.tree.digest()), (0, digest));
    assert_eq!(live.tree.last_zxid(), Zxid(1));
}

#[test]
fn change_tells_the_acl_from_before_a_delete() {
    let mut live = Live::new();
    let secret = encode_list(&[Acl::new(Perms::READ, "digest", "a:b")]);
    let acl = AclList::from_encoded(&secret).unwrap();
    live.create("/a", PLAIN, b"");
    live.run(Txn::SetAcl { path: "/a".into(), acl, version: 1 });
    let txn = live.logged(Txn::Delete { path: "/a".into(), reaped: false });
    let mut told = false;
    live.tree.apply(&txn, &mut |change| {
        assert_eq!((change.acl, change.parent_acl), (acl, Some(AclList::OPEN)));
        told = true;
    });
    assert!(told);
}

#[test]
fn digest_is_compared_and_every_128th_is_kept() {
    let mut live = Live::new();
    for at in 1..=300 {
        let mut txn = live.logged(create("/a", PLAIN, b"", 1));
        let value = live.tree.digest();
        txn.digest = Some(TxnDigest { version: TxnDigest::VERSION, value });
        let is_first = at == 1;
        assert_eq!(live.apply(&txn).digest_matches, Some(!is_first));
    }
    let kept: Vec<u64> = live.tree.digest_history().map(|kept| kept.zxid.0).collect();
    assert_eq!(kept, [128, 256]);
    let mut txn = live.logged(Txn::Error { code: -1 });
    txn.digest = Some(TxnDigest { version: 3, value: 0 });
    assert_eq!(live.apply(&txn).digest_matches, None);
}

#[test]
fn digest_is_not_compared_while_the_tree_is_fuzzy() {
    let mut live = Live::new();
    live.tree.ignore_digests_until(Zxid(2));
    let wrong = Some(TxnDigest { version: TxnDigest::VERSION, value: 1 });
    for matches in [None, Some(false)] {
        let txn = LoggedTxn { digest: wrong, ..live.logged(Txn::Error { code: -1 }) };
        assert_eq!(live.apply(&txn).digest_matches, matches);
    }
}

#[test]
fn tree_of_a_stream_is_compared_from_the_first_digest_that_fits() {
    let mut live = Live::new();
    live.create("/a", PLAIN, b"");
    let mut cursor = live.tree.begin_snapshot(true);
    // What the stream has of "/b" is before its end, and not all of what is done to it.
    live.create("/b", PLAIN, b"");
    let mut stream = Vec::new();
    while cursor.next(&live.tree, 1 << 20, &mut stream) == Progress::More {}
    live.tree.end_snapshot(cursor);
    let mut loader = SnapshotLoader::new(TreeOptions::default());
    loader.feed(&stream).unwrap();
    live.tree = loader.finish(Zxid(1)).unwrap().tree;

    let digest = |value| Some(TxnDigest { version: TxnDigest::VERSION, value });
    let sum = live.tree.digest();
    for (value, matches) in [(1, None), (sum, Some(true)), (1, Some(false))] {
        let txn = live.logged(Txn::Error { code: -1 });
        let txn = LoggedTxn { digest: digest(value), ..txn };
        assert_eq!(live.apply(&txn).digest_matches, matches);
    }
}

#[test]
fn leader_can_foretell_a_digest() {
    let mut live = Live::new();
    let part = |live: &Live, path: &str| {
        let znode = live.tree.find(path).unwrap();
        let digest = digest::of_znode(path, znode.data(), &znode.raw());
        assert_eq!(znode.digest(), digest, "{path}");
        u64::from(digest)
    };
    let (before, root) = (live.tree.digest(), part(&live, "/"));
    live.create("/a", PLAIN, b"data");
    let foretold = before.wrapping_sub(root);
    let foretold = foretold.wrapping_add(part(&live, "/")).wrapping_add(part(&live, "/a"));
    assert_eq!(live.tree.digest(), foretold);
    let (before, znode) = (part(&live, "/a"), live.tree.find("/a").unwrap().raw());
    let moved = RawStat { cversion: 7, pzxid: Zxid(u64::MAX), ..znode };
    let with_stat = digest::with_stat(u32::try_from(before).unwrap(), &znode, &moved);
    assert_eq!(with_stat, digest::of_znode("/a", Some(b"data"), &moved));
    assert_eq!(part(&live, "/zookeeper/config"), 0);
}

#[test]
fn configuration_is_put_without_a_transaction() {
    let mut live = Live::new();
    let digest = live.tree.digest();
    live.tree.put_config(b"server.1=a:1:2", Zxid(0x1_0000_0000), 99);
    let stat = live.tree.find("/zookeeper/config").unwrap().stat();
    assert_eq!((stat.version, stat.mzxid, stat.mtime), (-1, Zxid(0x1_0000_0000), 99));
    assert_eq!((live.tree.digest(), live.tree.last_zxid()), (digest, Zxid::ZERO));
    // What is there already keeps its time, which is its transaction's.
    live.tree.put_config(b"server.1=a:1:2", Zxid(0x1_0000_0000), 100);
    assert_eq!(live.tree.find("/zookeeper/config").unwrap().stat(), stat);
}

#[test]
fn cursor_knows_its_tree_from_another() {
    let mut live = Live::new();
    let mut cursor = live.tree.begin_snapshot(true);
    let mut other = Tree::new(TreeOptions::default());
    assert_eq!(cursor.next(&other, 1, &mut Vec::new()), Progress::Lost);
    other.end_snapshot(cursor);
}
