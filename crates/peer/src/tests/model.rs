//! Random clients over a disk and a driver that lag at random. Whatever they do, the decisions are
//! those of a server that finishes each request before it takes the next: what is outstanding
//! stands in for the tree without a difference.
//!
//! [`World`] checks on the way: zxids are consecutive, each transaction decodes to what was encoded
//! and is short enough, its predicted digest is the tree's, and each connection is answered in the
//! order it asked, with zxids that do not go down.

use super::ask::{Ask, Create, acl_of};
use super::script::handshake;
use super::world::{World, options};
use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::BTreeSet;
use std::format;
use std::hash::{BuildHasher, RandomState};
use std::string::String;
use std::vec::Vec;
use zoarium_proto::txn::{CreateTxn, LoggedTxn, Txn};
use zoarium_proto::{Acl, AclList, ConnId, Id, OpCode, Perms, RawStat, SessionId, Zxid};
use zoarium_tree::{Tree, TreeOptions};

const CLIENTS: u64 = 4;

#[derive(Clone, Debug)]
enum Step {
    Request { client: u64, ask: Ask },
    Persist(usize),
    PersistOnly(usize),
    Deliver(usize),
    Pass(u64),
}

#[test]
fn decisions_do_not_depend_on_how_late_anything_is() {
    let seed = std::env::var("ZOARIUM_SEED").ok().map(|seed| seed.parse().unwrap());
    let seed: u64 = seed.unwrap_or_else(|| RandomState::new().hash_one(0));
    std::eprintln!("ZOARIUM_SEED={seed} cargo test -p zoarium-peer how_late");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let steps = prop::collection::vec(step(), 1..80);
    TestRunner::new_with_rng(config, rng)
        .run(&steps, |steps| {
            let late = run(&steps, Lag::AsTold);
            let prompt = run(&steps, Lag::None);
            let same = late.log.iter().zip(&prompt.log).take_while(|(one, other)| one == other);
            prop_assert_eq!(same.count(), late.log.len().max(prompt.log.len()));
            prop_assert_eq!(contents(&late.front.tree), contents(&prompt.front.tree));
            prop_assert_eq!(contents(&replay(&late.log)), contents(&late.front.tree));
            counters_are_unique(&late.log);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lag {
    AsTold,
    None,
}

fn run(steps: &[Step], lag: Lag) -> World {
    let mut options = options();
    // What is in flight does not count towards a quota.
    options.quota_enforced = false;
    // Some transactions are too long, and some lists of ephemerals.
    options.txn_bytes_max = 260;
    let mut world = World::with(options, Tree::new(TreeOptions::default()));
    for client in 1..=CLIENTS {
        world.connect(handshake(ConnId(client), SessionId::NONE, 40_000));
        world.settle();
        world.front.add_identity(ConnId(client), Id::new("digest", format!("c{client}:h")));
    }
    let mut closed = BTreeSet::new();
    for step in steps {
        match step {
            // What comes after a close is for the scripts: the connection may be there or not.
            Step::Request { client, .. } if closed.contains(client) => {}
            Step::Request { client, ask } => {
                if ask.op == OpCode::CloseSession {
                    closed.insert(*client);
                }
                world.request(ConnId(*client), ask.clone());
            }
            Step::Persist(count) if lag == Lag::AsTold => world.persist(*count),
            Step::PersistOnly(count) if lag == Lag::AsTold => world.persist_only(*count),
            Step::Deliver(count) if lag == Lag::AsTold => world.deliver(*count),
            Step::Persist(_) | Step::PersistOnly(_) | Step::Deliver(_) => {}
            Step::Pass(ms) => world.pass_time(world.mono_ms + ms),
        }
        if lag == Lag::None {
            world.settle();
        }
    }
    world.settle();
    world
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (1..=CLIENTS, ask()).prop_map(|(client, ask)| Step::Request { client, ask }),
        2 => (1..6_usize).prop_map(Step::Persist),
        2 => (1..6_usize).prop_map(Step::PersistOnly),
        2 => (1..6_usize).prop_map(Step::Deliver),
        1 => (1..50_u64).prop_map(Step::Pass),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        12 => write(),
        4 => prop::collection::vec(write(), 0..6).prop_map(|parts| Ask::multi(&parts)),
        1 => write().prop_map(|mut ask| {
            ask.body.pop();
            ask
        }),
        2 => set_acl(),
        2 => path().prop_map(|path| Ask::read(OpCode::GetData, Some(&path), false)),
        1 => path().prop_map(|path| Ask::sync(Some(&path))),
        2 => Just(Ask::close()),
    ]
}

fn write() -> impl Strategy<Value = Ask> {
    let version = || prop_oneof![3 => Just(-1), 1 => 0..3];
    prop_oneof![
        6 => create(),
        3 => (path(), version()).prop_map(|(path, version)| Ask::delete(Some(&path), version)),
        2 => (path(), data(), version())
            .prop_map(|(path, data, version)| Ask::set_data(Some(&path), data.as_deref(), version)),
        1 => (path(), version()).prop_map(|(path, version)| Ask::check(Some(&path), version)),
    ]
}

const CREATES: &[OpCode] =
    &[OpCode::Create, OpCode::Create2, OpCode::CreateContainer, OpCode::CreateTtl];

fn create() -> impl Strategy<Value = Ask> {
    let plain = select(PLAIN).prop_map(String::from);
    (select(CREATES), plain, data(), acl(), prop_oneof![0..7_i32, Just(1), Just(3)]).prop_map(
        |(op, path, data, acl, flags)| {
            let path = if matches!(flags, 2 | 3 | 6) { format!("{path}-") } else { path };
            let acl = Some(AclList::from_encoded(&acl).unwrap());
            let flags = if op == OpCode::CreateTtl && flags < 4 { 5 } else { flags };
            let data = data.as_deref();
            Create { op, data, acl, flags, ..Create::of(Some(&path)) }.ask()
        },
    )
}

fn set_acl() -> impl Strategy<Value = Ask> {
    (path(), acl()).prop_map(|(path, acl)| {
        Ask::set_acl(Some(&path), Some(AclList::from_encoded(&acl).unwrap()), -1)
    })
}

/// Few enough for the clients to get in each other's way.
const PLAIN: &[&str] = &["/", "/a", "/b", "/a/x", "/a/y", "/a/x/1", "/zookeeper/z"];

/// Names that sequential creates may get.
const COUNTED: &[&str] = &["/a-0000000000", "/a/x-0000000000", "/a/x-0000000001", "/-0000000002"];

fn path() -> impl Strategy<Value = String> {
    prop_oneof![4 => select(PLAIN), 1 => select(COUNTED)].prop_map(String::from)
}

fn data() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop::option::weighted(0.9, prop_oneof![9 => 0..20_usize, 1 => 0..300_usize])
        .prop_map(|length| length.map(|length| [b'x'].repeat(length)))
}

fn acl() -> impl Strategy<Value = Vec<u8>> {
    let closed = Acl::new(Perms(31), "digest", "c1:h");
    let auth = Acl::new(Perms(31), "auth", "");
    prop_oneof![
        8 => Just(AclList::OPEN.encoded().to_vec()),
        1 => Just(acl_of(&[closed])),
        1 => Just(acl_of(&[auth])),
    ]
}

type Contents = (Zxid, u64, Vec<SessionId>, Vec<(String, RawStat, Option<Vec<u8>>, Vec<u8>)>);

/// All there is in a tree, in an order of its own.
fn contents(tree: &Tree) -> Contents {
    let mut znodes = Vec::new();
    let mut paths = [String::new()].to_vec();
    while let Some(path) = paths.pop() {
        let znode = tree.find(&path).unwrap();
        paths.extend(znode.children().map(|name| format!("{path}/{name}")));
        let data = znode.data().map(<[u8]>::to_vec);
        znodes.push((path, znode.raw(), data, znode.acl().encoded().to_vec()));
    }
    znodes.sort_by(|one, other| one.0.cmp(&other.0));
    (tree.last_zxid(), tree.digest(), tree.sessions().keys().copied().collect(), znodes)
}

/// The tree of a server that starts from nothing and reads the log.
fn replay(log: &[Bytes]) -> Tree {
    let mut tree = Tree::new(TreeOptions::default());
    for txn in log {
        let txn = LoggedTxn::decode(txn).unwrap();
        let applied = tree.apply(&txn, &mut |_| {});
        assert_eq!(applied.digest_matches, txn.digest.map(|_| true));
    }
    tree
}

/// No counter is used twice under one parent, for as long as that parent lives.
fn counters_are_unique(log: &[Bytes]) {
    let mut tree = Tree::new(TreeOptions::default());
    let mut seen = BTreeSet::new();
    for txn in log {
        let txn = LoggedTxn::decode(txn).unwrap();
        let parts = if let Txn::Multi(parts) = &txn.txn {
            parts.as_slice()
        } else {
            core::slice::from_ref(&txn.txn)
        };
        let failed = parts.iter().any(|part| matches!(part, Txn::Error { .. }));
        tree.apply(&txn, &mut |_| {});
        for create in parts.iter().filter_map(created).filter(|_| !failed) {
            let Some((parent, name)) = create.path.rsplit_once('/') else { continue };
            let Some((_, counter)) = name.rsplit_once('-') else { continue };
            let Some(parent) = tree.find(parent) else { continue };
            let is_new = seen.insert((parent.path(), parent.raw().czxid, String::from(counter)));
            assert!(is_new, "{} has a counter that was used before", create.path);
        }
    }
}

const fn created<'a>(part: &'a Txn<'_>) -> Option<&'a CreateTxn<'a>> {
    if let Txn::Create(create) = part { Some(create) } else { None }
}
