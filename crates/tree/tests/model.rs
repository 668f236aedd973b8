//! Random histories against a reference tree, with a snapshot taken in the middle of each.
//!
//! A failing case prints the smallest history that fails. Its seed is saved beside this file and
//! runs first in the next `cargo test -p zoarium-tree --test model`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "model/reference.rs"]
mod reference;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use proptest::prelude::*;
use reference::Reference;
use zoarium_proto::acl::encode_list;
use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, Txn, TxnDigest, TxnHeader};
use zoarium_proto::{Acl, AclList, Perms, SessionId, Zxid};
use zoarium_tree::snapshot::{Loaded, Next};
use zoarium_tree::{
    Change, ChangeKind, Outcome, Progress, SnapshotCursor, SnapshotLoader, Tree, TreeOptions,
};

const QUOTA_OF: &str = "/a";
const LIMITS: &str = "/zookeeper/quota/a/zookeeper_limits";
const STATS: &str = "/zookeeper/quota/a/zookeeper_stats";

static ACLS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let id = |id| encode_list(&[Acl::new(Perms::ALL, "digest", id)]);
    vec![AclList::OPEN.encoded().into(), id("a:1"), id("b:2"), id("c:3"), id("d:4")]
});

#[derive(Clone, Debug)]
enum Op {
    CreateSession,
    CloseSession,
    Create { path: String, data: Option<Vec<u8>>, acl: usize, kind: CreateKind },
    Delete { path: String },
    SetData { path: String, data: Option<Vec<u8>> },
    SetAcl { path: String, acl: usize },
    Multi(Vec<Self>),
}

#[derive(Clone, Debug)]
struct Step {
    session: SessionId,
    op: Op,
    /// How much of the snapshot is written before this step, in bytes.
    budget: Option<usize>,
}

/// Few enough paths that operations meet, and one parent with enough children to have chunks.
fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "/[abc](/[abc](/[ab])?)?",
        4 => (0..200u32).prop_map(|name| format!("/a/{name}{}", "x".repeat(name as usize % 90))),
        1 => Just(String::from("/zookeeper/config")),
        1 => Just(String::from("/zookeeper/quota/a")),
    ]
}

fn data() -> impl Strategy<Value = Option<Vec<u8>>> {
    proptest::option::weighted(0.9, proptest::collection::vec(any::<u8>(), 0..40))
}

fn kind() -> impl Strategy<Value = CreateKind> {
    prop_oneof![
        4 => any::<bool>().prop_map(|with_stat| CreateKind::Plain { ephemeral: false, with_stat }),
        3 => any::<bool>().prop_map(|with_stat| CreateKind::Plain { ephemeral: true, with_stat }),
        1 => Just(CreateKind::Container),
        1 => (1..9000i64).prop_map(|ttl_ms| CreateKind::Ttl { ttl_ms }),
    ]
}

fn create_quota() -> Op {
    let create = |path: &str| Op::Create {
        path: path.into(),
        data: Some(b"count=9,bytes=-1".into()),
        acl: 0,
        kind: CreateKind::Plain { ephemeral: false, with_stat: false },
    };
    Op::Multi(vec![create(LIMITS), create(STATS)])
}

fn single_op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (path(), data(), 0..ACLS.len(), kind())
            .prop_map(|(path, data, acl, kind)| Op::Create { path, data, acl, kind }),
        4 => path().prop_map(|path| Op::Delete { path }),
        2 => (path(), data()).prop_map(|(path, data)| Op::SetData { path, data }),
        1 => (path(), 0..ACLS.len()).prop_map(|(path, acl)| Op::SetAcl { path, acl }),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        20 => single_op(),
        3 => proptest::collection::vec(single_op(), 0..5).prop_map(Op::Multi),
        1 => Just(Op::CreateSession),
        1 => Just(Op::CloseSession),
        1 => Just(create_quota()),
        1 => Just(Op::Multi(vec![
            Op::Delete { path: LIMITS.into() },
            Op::Delete { path: STATS.into() },
        ])),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let budget = proptest::option::weighted(0.3, 1..900usize);
    ((1..4i64).prop_map(SessionId), op(), budget).prop_map(|(session, op, budget)| Step {
        session,
        op,
        budget,
    })
}

fn crc32(bytes: impl Iterator<Item = u8>) -> u32 {
    !bytes.fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}

fn digest(reference: &Reference) -> u64 {
    let counted = reference.znodes.iter().filter(|(path, _)| !path.starts_with("/zookeeper/"));
    counted.fold(0, |sum, (path, znode)| {
        let path = if path == "/" { "" } else { path };
        let data = znode.data.iter().flatten().copied();
        let bytes = path.bytes().chain(data).chain(znode.stat.to_digest_input());
        sum.wrapping_add(crc32(bytes).into())
    })
}

fn check_same(tree: &Tree, reference: &Reference) {
    for (path, expected) in &reference.znodes {
        let znode = tree.find(path).unwrap_or_else(|| panic!("{path} is missing"));
        assert_eq!(znode.path(), *path);
        assert_eq!(znode.data(), expected.data.as_deref(), "data of {path}");
        assert_eq!(znode.raw(), expected.stat, "stat of {path}");
        assert_eq!(znode.acl().encoded(), expected.acl, "ACL of {path}");
        let expected: BTreeSet<&str> = reference.children(path).collect();
        assert_eq!(znode.num_children(), expected.len(), "children of {path}");
        assert_eq!(znode.children().collect::<BTreeSet<_>>(), expected, "children of {path}");
        let mut listing = Vec::new();
        znode.encode_children(&mut listing);
        assert_eq!(decode_names(&listing), expected, "listing of {path}");
    }
    assert_eq!(tree.znode_count(), reference.znodes.len() + 1);
    let data = reference.znodes.values().map(|znode| znode.data.as_ref().map_or(0, Vec::len));
    let paths: usize = reference.znodes.keys().map(String::len).sum();
    assert_eq!(tree.data_size(), paths + data.sum::<usize>());
    assert_eq!(*tree.sessions(), reference.sessions);
    let mut ephemerals = 0;
    for session in (0..5).map(SessionId) {
        let owned: BTreeSet<_> = tree.ephemerals(session).collect();
        assert_eq!(owned, reference.owned_by(session).into_iter().collect());
        ephemerals += owned.len();
    }
    assert_eq!(tree.ephemerals_count(), ephemerals);
    assert_eq!(tree.digest(), digest(reference));
}

fn decode_names(mut listing: &[u8]) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut reader = zoarium_proto::Reader::new(listing);
    for _ in 0..reader.count().unwrap().unwrap() {
        let length = reader.buffer().unwrap().unwrap().len();
        let end = reader.offset();
        names.insert(str::from_utf8(&listing[end - length..end]).unwrap());
    }
    listing = &listing[reader.offset()..];
    assert!(listing.is_empty());
    names
}

/// A snapshot that is written while the history goes on.
struct Snapshot {
    cursor: SnapshotCursor,
    sections: Vec<Vec<u8>>,
    section: Vec<u8>,
    complete: bool,
}

impl Snapshot {
    fn begin(tree: &mut Tree) -> Self {
        let cursor = tree.begin_snapshot(true);
        Self { cursor, sections: Vec::new(), section: Vec::new(), complete: false }
    }

    fn advance(&mut self, tree: &Tree, budget: usize) {
        match self.cursor.next(tree, budget, &mut self.section) {
            Progress::More => {}
            Progress::Seal => self.sections.push(std::mem::take(&mut self.section)),
            Progress::End => self.complete = true,
            Progress::Lost => panic!("there is only one tree"),
        }
    }

    fn load(&self, options: TreeOptions) -> Loaded {
        assert_eq!((self.sections.len(), self.section.len()), (3, 0));
        let mut loader = SnapshotLoader::new(options);
        for section in &self.sections {
            // The seal's upper half is what tells a digest from a last zxid.
            let sealed = [&section[..], &[0; 4]].concat();
            let fed = loader.feed(&sealed).unwrap();
            assert_eq!((fed.consumed, fed.next), (section.len(), Next::Seal));
        }
        loader.finish(self.cursor.zxid()).unwrap()
    }
}

fn options(hash_seed: u64) -> TreeOptions {
    TreeOptions { hash_seed, ..TreeOptions::default() }
}

/// Lives through a history, then recovers from the snapshot taken in it.
fn run(before: &[Step], after: &[Step]) {
    let (mut tree, mut reference) = (Tree::new(options(1)), Reference::new());
    let mut log = Vec::new();
    let mut snapshot = None;
    for (at, step) in before.iter().chain(after).enumerate() {
        if at == before.len() {
            snapshot = Some(Snapshot::begin(&mut tree));
        }
        if let (Some(snapshot), Some(budget)) = (&mut snapshot, step.budget) {
            snapshot.advance(&tree, budget);
        }
        let zxid = Zxid(at as u64 + 1);
        let time_ms = 1000 + at as i64;
        let header = TxnHeader { session: step.session, cxid: 7, zxid, time_ms };
        let txn = reference.prepare(step.session, &step.op);
        let existed = reference.clone();
        reference.apply(&header, &txn);
        let digest = Some(TxnDigest { version: TxnDigest::VERSION, value: digest(&reference) });
        let mut changes = Vec::new();
        let logged = LoggedTxn { header, txn, digest };
        let applied = tree.apply(&logged, &mut |change| changes.push(own(change)));
        assert_eq!(applied.digest_matches, Some(true), "{logged:?}");
        check_outcome(&applied.outcome, &logged.txn);
        check_changes(&changes, &existed, &reference);
        let mut entry = Vec::new();
        logged.encode(&mut entry);
        log.push(entry);
    }
    check_same(&tree, &reference);

    let mut snapshot = snapshot.unwrap_or_else(|| Snapshot::begin(&mut tree));
    while !snapshot.complete {
        snapshot.advance(&tree, 200);
    }
    let Loaded { tree: mut copy, .. } = snapshot.load(options(2));
    tree.end_snapshot(snapshot.cursor);
    for entry in &log {
        let txn = LoggedTxn::decode(entry).unwrap();
        if txn.header.zxid > copy.last_zxid() {
            let applied = copy.apply(&txn, &mut |_| {});
            assert_ne!(applied.digest_matches, Some(false), "in replay: {txn:?}");
        }
    }
    check_same(&copy, &reference);
}

fn own(change: Change<'_>) -> (ChangeKind, String, Vec<u8>, bool) {
    let acl = change.acl.encoded().into();
    (change.kind, change.path.into(), acl, change.parent_acl.is_some())
}

fn check_outcome(outcome: &Outcome<'_>, txn: &Txn<'_>) {
    let fits = match (outcome, txn) {
        (Outcome::Created { path, stat }, Txn::Create(create)) => {
            *path == create.path && stat.version == 0 && stat.num_children == 0
        }
        (Outcome::Multi(outcomes), Txn::Multi(parts)) => {
            let failed = parts.iter().any(|part| matches!(part, Txn::Error { .. }));
            if !failed {
                outcomes.iter().zip(parts).for_each(|(outcome, part)| check_outcome(outcome, part));
            }
            outcomes.len() == parts.len()
                && outcomes.iter().all(|outcome| matches!(outcome, Outcome::Error(_)) == failed)
        }
        (Outcome::Error(code), Txn::Error { code: logged }) => code == logged,
        (Outcome::DataSet { stat }, Txn::SetData { version, .. }) => stat.version == *version,
        (Outcome::AclSet { stat }, Txn::SetAcl { version, .. }) => stat.aversion == *version,
        (Outcome::Deleted, Txn::Delete { .. })
        | (Outcome::SessionCreated, Txn::CreateSession { .. })
        | (Outcome::SessionClosed, Txn::CloseSession { .. }) => true,
        _ => false,
    };
    assert!(fits, "{outcome:?} of {txn:?}");
}

/// The changes told are those that make the one tree into the other.
fn check_changes(
    changes: &[(ChangeKind, String, Vec<u8>, bool)],
    before: &Reference,
    after: &Reference,
) {
    let mut paths: BTreeSet<&str> = before.znodes.keys().map(String::as_str).collect();
    for (kind, path, acl, has_parent) in changes {
        match kind {
            ChangeKind::Created => assert!(paths.insert(path), "{path} created twice"),
            ChangeKind::Deleted => assert!(paths.remove(&**path), "{path} was not there"),
            ChangeKind::DataChanged => assert!(paths.contains(&**path), "{path} is not there"),
        }
        assert!(ACLS.contains(acl) || path == "/zookeeper/config");
        assert_eq!(*has_parent, path != "/");
    }
    assert!(paths.into_iter().eq(after.znodes.keys().map(String::as_str)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_history_and_its_recovery_give_the_reference_tree(
        before in proptest::collection::vec(step(), 0..150),
        after in proptest::collection::vec(step(), 0..150),
    ) {
        run(&before, &after);
    }

    #[test]
    fn transactions_that_do_not_fit_are_harmless(
        txns in proptest::collection::vec(unfit_txn(), 0..80),
    ) {
        let (mut tree, mut reference) = (Tree::new(options(3)), Reference::new());
        for (at, (session, txn)) in txns.into_iter().enumerate() {
            let header = TxnHeader { session, cxid: 0, zxid: Zxid(at as u64), time_ms: 5 };
            reference.apply(&header, &txn);
            tree.apply(&LoggedTxn { header, txn, digest: None }, &mut |_| {});
        }
        check_same(&tree, &reference);
    }
}

fn unfit_txn() -> impl Strategy<Value = (SessionId, Txn<'static>)> {
    let path = prop_oneof![5 => path(), 1 => "[/a]{0,4}"].prop_map(std::borrow::Cow::Owned);
    let bytes = prop_oneof![Just(None), Just(Some(&b""[..])), Just(Some(&b"data"[..]))];
    let acl = (0..ACLS.len()).prop_map(|at| AclList::from_encoded(&ACLS[at]).unwrap());
    let txn = (path, bytes, acl, kind(), 0..20i32, 0..10u32).prop_map(
        |(path, data, acl, kind, version, what)| match what {
            0 => Txn::Delete { path, reaped: true },
            1 => Txn::SetData { path, data, version },
            2 => Txn::SetAcl { path, acl, version },
            3 => Txn::CloseSession { paths: vec![path] },
            4 => Txn::Multi(vec![
                Txn::Delete { path: path.clone(), reaped: false },
                Txn::Check { path, version },
            ]),
            _ => Txn::Create(CreateTxn { path, data, acl, kind, parent_cversion: version }),
        },
    );
    ((1..4i64).prop_map(SessionId), txn)
}
