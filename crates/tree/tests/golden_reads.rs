//! A client's conversation with Apache's release, answered again by this crate: the server's own
//! log is applied step by step, and each reply and event must come out byte for byte. See
//! `crates/proto/tests/captures/README.md`.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::{HashMap, VecDeque};
use zoarium_proto::jute::{length, put_buffer, put_text};
use zoarium_proto::multi::MultiHeader;
use zoarium_proto::request::RequestHeader;
use zoarium_proto::txn::LoggedTxn;
use zoarium_proto::{ConnId, Id, OpCode, Reader, SessionId, Stat, WatchedEvent, Xid, Zxid};
use zoarium_tree::access::{AccessRules, Identities};
use zoarium_tree::read::{ReadContext, answer};
use zoarium_tree::watches::Watches;
use zoarium_tree::{Tree, TreeOptions};

const REQUESTS: &[u8] = include_bytes!("../../proto/tests/captures/client1.requests.bin");
const REPLIES: &[u8] = include_bytes!("../../proto/tests/captures/client1.replies.bin");
const LOG: &[u8] = include_bytes!("../../proto/tests/captures/log.1.bin");

const CONN: ConnId = ConnId(1);

/// The one event that the captured release does not send: until 3.8 a recursive watch replaced the
/// client's one-shot child watch on the same path (ZOOKEEPER-4466), since 3.9 both stay.
const SINCE_3_9: &str = "NodeChildrenChanged /cont";

fn frames(stream: &'static [u8]) -> impl Iterator<Item = &'static [u8]> {
    let mut reader = Reader::new(stream);
    std::iter::from_fn(move || (!reader.is_at_end()).then(|| reader.buffer().unwrap().unwrap()))
}

fn log() -> VecDeque<LoggedTxn<'static>> {
    let mut reader = Reader::new(LOG);
    reader.raw(16).unwrap();
    let mut txns = VecDeque::new();
    while !reader.is_at_end() {
        reader.long().unwrap();
        txns.push_back(LoggedTxn::decode(reader.buffer().unwrap().unwrap()).unwrap());
        reader.byte().unwrap();
    }
    txns
}

struct Server {
    tree: Tree,
    watches: Watches,
    log: VecDeque<LoggedTxn<'static>>,
    /// Events fired and not yet compared.
    events: VecDeque<String>,
}

impl Server {
    fn apply_to(&mut self, zxid: i64) {
        while let Some(txn) = self.log.pop_front_if(|txn| txn.header.zxid.to_wire() <= zxid) {
            let Self { tree, watches, events, .. } = self;
            let applied = tree.apply(&txn, &mut |change| {
                watches.trigger(&change, &mut |conn, event, path, _| {
                    assert_eq!(conn, CONN);
                    events.push_back(format!("{event:?} {path}"));
                });
            });
            assert_ne!(applied.digest_matches, Some(false), "{txn:?}");
        }
    }

    fn answer(&mut self, op: OpCode, body: &[u8], session: SessionId, xid: Xid) -> Vec<u8> {
        let ids = Identities::new([
            Id::new("ip", "127.0.0.1"),
            Id::new("digest", "bob:ikIaKsbtGweaHnb/jKn7OHqbunM="),
        ]);
        let (tree, rules, ids) = (&self.tree, &AccessRules::default(), &ids);
        let ctx = ReadContext { tree, rules, ids, session, conn: CONN, xid };
        let mut out = Vec::new();
        answer(op, body, &ctx, &mut self.watches, &mut out);
        out
    }
}

#[test]
fn reads_and_events_are_those_of_apache() {
    let options = TreeOptions::default();
    let mut server = Server {
        tree: Tree::new(options),
        watches: Watches::new(0),
        log: log(),
        events: VecDeque::new(),
    };
    let mut requests: HashMap<Xid, VecDeque<(OpCode, &[u8])>> = HashMap::new();
    for frame in frames(REQUESTS).skip(1) {
        let mut reader = Reader::new(frame);
        let header = RequestHeader::decode(&mut reader).unwrap();
        let request = (header.op().unwrap(), reader.rest());
        requests.entry(header.xid).or_default().push_back(request);
    }
    let mut replies = frames(REPLIES);
    let session = SessionId(Reader::new(&replies.next().unwrap()[8..]).long().unwrap());
    let mut reads = 0;
    for reply in replies {
        let mut reader = Reader::new(reply);
        let (xid, zxid) = (Xid(reader.int().unwrap()), reader.long().unwrap());
        if xid == Xid::NOTIFICATION {
            reader.int().unwrap();
            expect_event(&mut server, &WatchedEvent::decode(zxid, &mut reader).unwrap());
            continue;
        }
        let (op, body) = requests.get_mut(&xid).unwrap().pop_front().unwrap();
        server.apply_to(zxid);
        let answered_elsewhere =
            matches!(op, OpCode::Sync | OpCode::Ping | OpCode::Sasl | OpCode::Auth);
        if op.is_write() || answered_elsewhere {
            continue;
        }
        let ours = server.answer(op, body, session, xid);
        assert_eq!(canonical(op, &ours[4..]), canonical(op, reply), "{op:?} {body:?}");
        reads += 1;
    }
    assert_eq!(reads, 17);
    assert_eq!(server.events, [SINCE_3_9]);
}

/// The next event that the log fires is this one.
fn expect_event(server: &mut Server, expected: &WatchedEvent<'_>) {
    while server.events.iter().all(|event| event == SINCE_3_9) {
        let next = server.tree.last_zxid().0 + 1;
        assert!(!server.log.is_empty(), "nothing fires {expected:?}");
        server.apply_to(Zxid(next).to_wire());
    }
    let at = server.events.iter().position(|event| event != SINCE_3_9).unwrap();
    let event = server.events.remove(at).unwrap();
    assert_eq!(event, format!("{:?} {}", expected.kind, expected.path));
}

/// A reply with its lists sorted, because their order means nothing.
fn canonical(op: OpCode, reply: &[u8]) -> Vec<u8> {
    let mut reader = Reader::new(reply);
    let mut out = reader.raw(16).unwrap().to_vec();
    if !reader.is_at_end() {
        copy_sorted(op, &mut reader, &mut out);
    }
    out.extend(reader.rest());
    out
}

fn copy_sorted(op: OpCode, reader: &mut Reader<'_>, out: &mut Vec<u8>) {
    let per_element = if op == OpCode::WhoAmI { 2 } else { 1 };
    if matches!(
        op,
        OpCode::GetChildren | OpCode::GetChildren2 | OpCode::GetEphemerals | OpCode::WhoAmI
    ) {
        let count = reader.count().unwrap().unwrap();
        let mut list: Vec<Vec<_>> = (0..count)
            .map(|_| (0..per_element).map(|_| reader.text().unwrap().unwrap()).collect())
            .collect();
        list.sort();
        out.extend(length(list.len()).to_be_bytes());
        list.iter().flatten().for_each(|text| put_text(out, text));
    } else if op == OpCode::MultiRead {
        loop {
            let header = MultiHeader::decode(reader).unwrap();
            header.encode(out);
            match OpCode::from_wire(header.kind) {
                Some(OpCode::GetData) => {
                    put_buffer(out, reader.buffer().unwrap());
                    out.extend(reader.raw(Stat::WIRE_SIZE).unwrap());
                }
                Some(OpCode::GetChildren) => copy_sorted(OpCode::GetChildren, reader, out),
                _ if header.done => return,
                _ => out.extend(reader.raw(4).unwrap()),
            }
        }
    }
}
