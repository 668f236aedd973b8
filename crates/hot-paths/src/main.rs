//! The paths that every request takes, without sockets, threads and disks: for counting their
//! instructions, which is exact where time is not.
//!
//! `cargo run --release -p zoarium-hot-paths -- set 1000`
//!
//! `cargo xtask instructions` runs each path under valgrind with two counts of operations, and
//! compares what lies between them with `crates/hot-paths/instructions.txt`. What clients ask is made
//! before, and as much of it in both runs, so that making it does not count.
#![expect(clippy::print_stdout, reason = "it is what the program is for")]

use bytes::Bytes;
use std::iter::zip;
use std::time::Duration;
use zoarium_peer::{
    ClientRequest, Connect, EnsembleOptions, Order, Origin, Output, Peer, PeerOptions, Request,
    Route, answer_delivery,
};
use zoarium_persistence::LogWriter;
use zoarium_persistence::log::LogOptions;
use zoarium_persistence::mem_dir::MemDir;
use zoarium_process::{Effect, Effects, Input, Instant, Now, PersistSeq};
use zoarium_proto::jute::{put_buffer, put_text};
use zoarium_proto::multi::MultiHeader;
use zoarium_proto::reply::{ReplyHeader, put_header_frame};
use zoarium_proto::request::{CreateRequest, RequestHeader};
use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, Txn, TxnDigest, TxnHeader};
use zoarium_proto::{AclList, ConnId, OpCode, Reader, SessionId, Xid, Zxid};
use zoarium_tree::access::{AccessRules, Identities};
use zoarium_tree::read::{self, ReadContext};
use zoarium_tree::watches::Watches;
use zoarium_tree::{Tree, TreeOptions};
use zoarium_zab::Record;

/// Requests that reach the peer together.
const BATCH: usize = 64;

/// How many operations a path can be asked for. As many are made ready in every run.
const OPERATIONS_MAX: usize = 4096;

/// Znodes that are read and written.
const ZNODES: usize = 1000;

const DATA: [u8; 100] = [7; 100];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, count] = &arguments[..] else {
        println!("usage: hot-paths PATH COUNT\npaths: {}", PATHS.map(|(name, _)| name).join(" "));
        return;
    };
    let path = PATHS.iter().find(|(path, _)| path == name);
    let count = count.parse().ok().filter(|count| *count <= OPERATIONS_MAX);
    let (Some((_, run)), Some(count)) = (path, count) else {
        println!("no path {name}, or no number up to {OPERATIONS_MAX}");
        return;
    };
    run(&mut World::new(), count);
}

type Path = fn(&mut World, usize);

/// Each takes the number of operations.
const PATHS: [(&str, Path); 9] = [
    ("codec", codec),
    ("order", order),
    ("read", reads),
    ("set", sets),
    ("create", creates),
    ("create-delete", creates_and_deletes),
    ("multi-10", multis),
    ("session", sessions),
    ("log", log),
];

/// A server that keeps its log nowhere.
struct World {
    tree: Tree,
    peer: Peer,
    watches: Watches,
    identities: Identities,
    access: AccessRules,
    session: SessionId,
    effects: Effects<Peer>,
    outputs: Vec<Output>,
    /// What clients are sent.
    replies: Vec<u8>,
    next_xid: i32,
}

const CONN: ConnId = ConnId(1);
const NOW: Now = Now { mono: Instant::ORIGIN, wall_ms: 1_700_000_000_000 };

impl World {
    /// With [`ZNODES`] znodes and one session.
    fn new() -> Self {
        let tree = Tree::new(TreeOptions::default());
        let mut world = Self {
            peer: Peer::new(options(), &tree, NOW),
            tree,
            watches: Watches::new(1),
            identities: Identities::new([]),
            access: AccessRules::default(),
            session: SessionId::NONE,
            effects: Effects::new(),
            outputs: Vec::new(),
            replies: Vec::new(),
            next_xid: 0,
        };
        world.step([Input::Start]);
        world.session = world.connect(CONN);
        world.write([create("/service")]);
        for n in 0..ZNODES {
            world.write([create(&znode(n))]);
        }
        world
    }

    fn connect(&mut self, conn: ConnId) -> SessionId {
        let connect = Connect {
            conn,
            last_zxid_seen: 0,
            timeout_ms: 10_000,
            session: SessionId::NONE,
            password: Bytes::new(),
            read_only: Some(false),
        };
        self.step([Input::Request(Request::Connect(connect))]);
        self.tree.sessions().keys().next_back().copied().unwrap_or(SessionId::NONE)
    }

    fn write(&mut self, requests: impl IntoIterator<Item = (OpCode, Bytes)>) {
        let (session, identities) = (self.session, self.identities.clone());
        let mut next_xid = self.next_xid;
        let inputs = requests.into_iter().map(|(op, body)| {
            next_xid += 1;
            Input::Request(Request::Client(ClientRequest {
                conn: CONN,
                session,
                xid: Xid(next_xid),
                op,
                body,
                identities: identities.clone(),
            }))
        });
        let inputs: Vec<_> = inputs.collect();
        self.next_xid = next_xid;
        self.step(inputs);
    }

    /// Steps through a batch, makes it durable, and carries out what it has led to.
    fn step(&mut self, inputs: impl IntoIterator<Item = Input<Peer>>) {
        let mut upto = None;
        for input in inputs {
            self.peer.step(NOW, &self.tree, input, &mut self.effects);
            upto = self.sort_effects().or(upto);
        }
        if let Some(upto) = upto {
            self.peer.step(NOW, &self.tree, Input::Persisted { upto }, &mut self.effects);
            self.sort_effects();
        }
        for output in std::mem::take(&mut self.outputs) {
            self.carry_out(&output);
        }
        self.replies.clear();
    }

    fn sort_effects(&mut self) -> Option<PersistSeq> {
        let mut upto = None;
        for effect in self.effects.drain() {
            match effect {
                Effect::Persist { seq, record: Record::Append(_) } => upto = Some(seq),
                Effect::Output(output) => self.outputs.push(output),
                Effect::Persist { .. }
                | Effect::Send { .. }
                | Effect::SetTimer { .. }
                | Effect::CancelTimer(_) => {}
            }
        }
        upto
    }

    fn carry_out(&mut self, output: &Output) {
        let Output::Deliver(delivery) = output else { return };
        let txn = LoggedTxn::decode(&delivery.txn).expect("the peer has written it");
        let watches = &mut self.watches;
        let applied = self.tree.apply_foreseen(&txn, &delivery.foresight, &mut |change| {
            watches.trigger(&change, &mut |_, _, _, _| {});
        });
        if let Some(Origin::Request { xid, op, .. }) = delivery.origin {
            answer_delivery(xid, op, &txn, &applied, &mut self.replies);
        }
    }
}

fn options() -> PeerOptions {
    PeerOptions {
        server_id: 1,
        tick: Duration::from_millis(2000),
        session_timeout_ms_min: 4000,
        session_timeout_ms_max: 40_000,
        ttl_enabled: true,
        quota_enforced: false,
        digest_enabled: true,
        close_session_lists: true,
        reconfig_enabled: false,
        txn_bytes_max: 2 * 0xF_FFFF,
        reaper_interval: Duration::from_secs(60),
        reaper_per_minute_max: 10_000,
        container_never_used_max: None,
        leader_serves: true,
        access: AccessRules::default(),
        ensemble: EnsembleOptions::default(),
    }
}

fn znode(n: usize) -> String {
    format!("/service/instance-{:06}", n % ZNODES)
}

fn create(path: &str) -> (OpCode, Bytes) {
    let mut body = Vec::new();
    put_text(&mut body, path);
    put_buffer(&mut body, Some(&DATA));
    body.extend_from_slice(AclList::OPEN.encoded());
    body.extend_from_slice(&0_i32.to_be_bytes());
    (OpCode::Create, body.into())
}

fn set(path: &str) -> (OpCode, Bytes) {
    let mut body = Vec::new();
    put_text(&mut body, path);
    put_buffer(&mut body, Some(&DATA));
    body.extend_from_slice(&(-1_i32).to_be_bytes());
    (OpCode::SetData, body.into())
}

fn delete(path: &str) -> (OpCode, Bytes) {
    let mut body = Vec::new();
    put_text(&mut body, path);
    body.extend_from_slice(&(-1_i32).to_be_bytes());
    (OpCode::Delete, body.into())
}

fn multi(parts: impl IntoIterator<Item = (OpCode, Bytes)>) -> (OpCode, Bytes) {
    let mut body = Vec::new();
    for (op, part) in parts {
        MultiHeader::result(op).encode(&mut body);
        body.extend_from_slice(&part);
    }
    MultiHeader::END.encode(&mut body);
    (OpCode::Multi, body.into())
}

/// The requests with their bodies in one allocation, as connections cut them from what they read.
fn read_together(requests: impl IntoIterator<Item = (OpCode, Bytes)>) -> Vec<(OpCode, Bytes)> {
    let (ops, bodies): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
    let mut all = Bytes::from(bodies.concat());
    zip(ops, bodies).map(|(op, body)| (op, all.split_to(body.len()))).collect()
}

fn in_batches(count: usize, mut run: impl FnMut(std::ops::Range<usize>)) {
    for start in (0..count).step_by(BATCH) {
        run(start..count.min(start + BATCH));
    }
}

/// Bytes only: a create is read, its transaction written and read, and the head of a reply written.
fn codec(world: &mut World, count: usize) {
    let requests = read_together((0..ZNODES).map(|n| create(&znode(n))));
    let mut entry = Vec::new();
    for n in 0..count {
        let (op, body) = &requests[n % ZNODES];
        let request = CreateRequest::decode(*op, &mut Reader::new(body)).expect("it is made here");
        let zxid = Zxid(n as u64);
        let logged = LoggedTxn {
            header: TxnHeader { session: world.session, cxid: 1, zxid, time_ms: NOW.wall_ms },
            txn: Txn::Create(CreateTxn {
                path: request.path.expect("it has one"),
                data: request.data,
                acl: request.acl.expect("it has one"),
                kind: CreateKind::Plain { ephemeral: false, with_stat: false },
                parent_cversion: 1,
            }),
            digest: Some(TxnDigest { version: TxnDigest::VERSION, value: n as u64 }),
        };
        entry.clear();
        logged.encode(&mut entry);
        let read = LoggedTxn::decode(&entry).expect("it was just written");
        put_header_frame(&mut world.replies, ReplyHeader::ok(Xid(1), read.header.zxid));
    }
}

/// What a connection does with the header of each request.
fn order(world: &mut World, count: usize) {
    let mut order = Order::default();
    let requests: Vec<[u8; 8]> = (0..ZNODES)
        .map(|n| {
            let op = if n % 10 == 0 { OpCode::SetData } else { OpCode::GetData };
            (i64::from(op.to_wire())).to_be_bytes()
        })
        .collect();
    let mut sent = 0;
    for n in 0..count {
        let header = RequestHeader::decode(&mut Reader::new(&requests[n % ZNODES]));
        let header = header.expect("it is as long as a header");
        let route = header.op().map(|op| order.route(op));
        sent += u64::from(route == Some(Route::PeerLoop));
        if n % BATCH == 0 {
            order.on_answered(sent);
        }
        put_header_frame(&mut world.replies, ReplyHeader::ok(header.xid, Zxid(n as u64)));
    }
}

fn reads(world: &mut World, count: usize) {
    let bodies: Vec<Vec<u8>> = (0..ZNODES)
        .map(|n| {
            let mut body = Vec::new();
            put_text(&mut body, &znode(n));
            body.push(0);
            body
        })
        .collect();
    in_batches(count, |batch| {
        for n in batch {
            let cx = ReadContext {
                tree: &world.tree,
                rules: &world.access,
                ids: &world.identities,
                session: world.session,
                conn: CONN,
                xid: Xid(1),
            };
            let body = &bodies[n * 7 % ZNODES];
            read::answer(OpCode::GetData, body, &cx, &mut world.watches, &mut world.replies);
        }
        world.replies.clear();
    });
}

fn sets(world: &mut World, count: usize) {
    let requests = read_together((0..ZNODES).map(|n| set(&znode(n))));
    in_batches(count, |batch| world.write(batch.map(|n| requests[n * 7 % ZNODES].clone())));
}

fn new_znode(n: usize) -> String {
    format!("/service/{n:010}")
}

fn creates(world: &mut World, count: usize) {
    let requests = read_together((0..OPERATIONS_MAX).map(|n| create(&new_znode(n))));
    in_batches(count, |batch| world.write(requests[batch].iter().cloned()));
}

fn creates_and_deletes(world: &mut World, count: usize) {
    let creates = read_together((0..OPERATIONS_MAX).map(|n| create(&new_znode(n))));
    let deletes = read_together((0..OPERATIONS_MAX).map(|n| delete(&new_znode(n))));
    in_batches(count, |batch| {
        world.write(creates[batch.clone()].iter().cloned());
        world.write(deletes[batch].iter().cloned());
    });
}

fn multis(world: &mut World, count: usize) {
    let ten = |n: usize| multi((0..10).map(|part| set(&znode(n * 10 + part))));
    let requests = read_together((0..ZNODES / 10).map(ten));
    in_batches(count, |batch| world.write(batch.map(|n| requests[n % requests.len()].clone())));
}

fn sessions(world: &mut World, count: usize) {
    for n in 0..count {
        let conn = ConnId(10 + n as u64);
        let session = world.connect(conn);
        let close = ClientRequest {
            conn,
            session,
            xid: Xid(1),
            op: OpCode::CloseSession,
            body: Bytes::new(),
            identities: world.identities.clone(),
        };
        world.step([Input::Request(Request::Client(close))]);
    }
}

fn log(_: &mut World, count: usize) {
    let options = LogOptions { reserve: 0, ..LogOptions::default() };
    let mut log = LogWriter::new(MemDir::new(), Zxid(0), options);
    in_batches(count, |batch| {
        for n in batch {
            log.append(Zxid(n as u64 + 1), &[7; 160]);
        }
        log.write().expect("memory takes everything");
    });
}
