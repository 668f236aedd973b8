use super::*;
use crate::TreeOptions;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, Txn, TxnHeader};
use zoarium_proto::{Acl, AclList, Id, WatchedEvent, Zxid};

const SESSION: SessionId = SessionId(0x11);
const CONN: ConnId = ConnId(5);

/// A tree, a client of it, and the watch table with a count of how often it was locked.
struct Server {
    tree: Tree,
    rules: AccessRules,
    ids: Identities,
    table: Table,
}

struct Table {
    watches: Watches,
    locks: usize,
}

impl WatchTable for Table {
    fn lock(&mut self) -> impl DerefMut<Target = Watches> {
        self.locks += 1;
        &mut self.watches
    }
}

/// The znodes of [`Server::new`]: path, data, entries of the ACL, whether it is ephemeral.
type Row =
    (&'static str, Option<&'static [u8]>, &'static [(i32, &'static str, &'static str)], bool);

const OPEN: &[(i32, &str, &str)] = &[(31, "world", "anyone")];

const ROWS: [Row; 7] = [
    ("/a", Some(b"data"), OPEN, false),
    ("/a/null", None, OPEN, false),
    ("/a/eph", Some(b""), OPEN, true),
    ("/a/eph2", Some(b""), OPEN, true),
    ("/secret", Some(b"s"), &[(31, "digest", "boss:hash")], false),
    ("/admin", Some(b""), &[(16, "ip", "10.0.0.1"), (31, "digest", "boss:hash")], false),
    ("/reader", Some(b""), &[(1, "ip", "10.0.0.0/8"), (31, "digest", "boss:hash")], false),
];

impl Server {
    fn new() -> Self {
        let ids = Identities::new([Id::new("ip", "10.0.0.1"), Id::new("digest", "u:hash")]);
        let table = Table { watches: Watches::new(1), locks: 0 };
        let tree = Tree::new(TreeOptions::default());
        let mut server = Self { tree, rules: AccessRules::default(), ids, table };
        for (path, data, acl, ephemeral) in ROWS {
            let entries: Vec<_> =
                acl.iter().map(|(perms, scheme, id)| Acl::new(Perms(*perms), scheme, id)).collect();
            let mut buffer = Vec::new();
            let acl = AclList::encode_into(&entries, &mut buffer);
            let kind = CreateKind::Plain { ephemeral, with_stat: false };
            let (path, parent_cversion) = (path.into(), -1);
            server.apply(Txn::Create(CreateTxn { path, data, acl, kind, parent_cversion }));
        }
        server
    }

    fn apply(&mut self, txn: Txn<'_>) {
        let zxid = Zxid(self.tree.last_zxid().0 + 1);
        let header = TxnHeader { session: SESSION, cxid: 0, zxid, time_ms: 1000 };
        self.tree.apply(&LoggedTxn { header, txn, digest: None }, &mut |_| {});
    }

    fn answer(&mut self, op: OpCode, body: &[u8], out: &mut Vec<u8>) {
        let Self { tree, rules, ids, table } = self;
        let ctx = ReadContext { tree, rules, ids, session: SESSION, conn: CONN, xid: Xid(7) };
        answer(op, body, &ctx, table, out);
    }

    /// The answer in words: events and the reply.
    fn ask(&mut self, op: OpCode, body: &[u8]) -> String {
        let mut out = b"before".to_vec();
        self.answer(op, body, &mut out);
        let mut frames = Reader::new(out.strip_prefix(b"before").unwrap());
        let mut lines = Vec::new();
        while !frames.is_at_end() {
            lines.push(frame_text(op, frames.buffer().unwrap().unwrap()));
        }
        lines.join("\n")
    }
}

fn frame_text(op: OpCode, frame: &[u8]) -> String {
    let mut reader = Reader::new(frame);
    let (xid, zxid, error) = (reader.int().unwrap(), reader.long().unwrap(), reader.int().unwrap());
    if xid == Xid::NOTIFICATION.0 {
        let event = WatchedEvent::decode(zxid, &mut reader).unwrap();
        return format!("event {:?} {} {:?}", event.kind, event.path, event.zxid);
    }
    assert_eq!(xid, 7);
    let error = match error {
        0 => "ok".to_string(),
        code => format!("{:?}", ErrorCode::from_wire(code).unwrap()),
    };
    let body = body_text(op, &mut reader);
    assert!(reader.is_at_end(), "{op:?} left {:?}", reader.rest());
    format!("{zxid:#x} {error}{body}")
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all other replies have no body")]
fn body_text(op: OpCode, reader: &mut Reader<'_>) -> String {
    if reader.is_at_end() {
        return String::new();
    }
    match op {
        OpCode::Exists => stat_text(reader),
        OpCode::GetData => data_text(reader) + &stat_text(reader),
        OpCode::GetAcl => acl_text(reader) + &stat_text(reader),
        OpCode::GetChildren | OpCode::GetEphemerals => texts_text(reader),
        OpCode::GetChildren2 => texts_text(reader) + &stat_text(reader),
        OpCode::GetAllChildrenNumber | OpCode::AddWatch => format!(" {}", reader.int().unwrap()),
        OpCode::WhoAmI => {
            let mut text = String::new();
            for _ in 0..reader.count().unwrap().unwrap() {
                let (scheme, user) = (reader.text().unwrap(), reader.text().unwrap());
                text += &format!(" {}:{}", scheme.unwrap(), user.unwrap());
            }
            text
        }
        OpCode::MultiRead => multi_text(reader),
        _ => panic!("{op:?} has a body: {:?}", reader.rest()),
    }
}

fn multi_text(reader: &mut Reader<'_>) -> String {
    let mut text = String::new();
    loop {
        let header = MultiHeader::decode(reader).unwrap();
        if header.done {
            return text + " end";
        }
        let op = OpCode::from_wire(header.kind).unwrap();
        text += &if op == OpCode::Error {
            assert_eq!(reader.int().unwrap(), header.error);
            format!(" [{:?}]", ErrorCode::from_wire(header.error).unwrap())
        } else {
            format!(" [{op:?}{}]", body_text(op, reader))
        };
    }
}

fn stat_text(reader: &mut Reader<'_>) -> String {
    let stat = Stat::decode(reader).unwrap();
    format!(" stat({}, {} bytes, {} children)", stat.mzxid, stat.data_length, stat.num_children)
}

fn data_text(reader: &mut Reader<'_>) -> String {
    let data = reader.buffer().unwrap().map(String::from_utf8_lossy);
    data.map_or_else(|| " null".into(), |data| format!(" {data:?}"))
}

fn texts_text(reader: &mut Reader<'_>) -> String {
    let count = reader.count().unwrap().unwrap();
    let mut texts: Vec<_> = (0..count).map(|_| reader.text().unwrap().unwrap()).collect();
    texts.sort_unstable();
    format!(" {texts:?}")
}

fn acl_text(reader: &mut Reader<'_>) -> String {
    let list = AclList::decode(reader).unwrap().unwrap();
    let entry =
        |acl: Acl<'_>| format!(" {}:{}:{}", acl.scheme.unwrap(), acl.id.unwrap(), acl.perms.0);
    list.iter().map(entry).collect()
}

fn texts(texts: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_i32(length(texts.len()));
    texts.iter().for_each(|text| put_text(&mut out, text));
    out
}

fn with_flag(path: &str, watch: bool) -> Vec<u8> {
    let mut body = Vec::new();
    put_text(&mut body, path);
    body.put_u8(watch.into());
    body
}

fn with_number(path: &str, number: i32) -> Vec<u8> {
    let mut body = Vec::new();
    put_text(&mut body, path);
    body.put_i32(number);
    body
}

/// One line a request.
#[track_caller]
fn check(rows: &[(OpCode, &str)], expected: &Expect) {
    let mut server = Server::new();
    let mut lines = String::new();
    for (op, path) in rows {
        lines += &format!("{op:?} {path:?}: {}\n", server.ask(*op, &with_flag(path, false)));
    }
    assert_eq!(server.table.locks, 0, "reads without watches leave the table alone");
    expected.assert_eq(&lines);
}

#[test]
fn reads_tell_what_is_there() {
    use OpCode::{
        Exists, GetAcl, GetAllChildrenNumber, GetChildren, GetChildren2, GetData, GetEphemerals,
        WhoAmI,
    };
    check(
        &[
            (Exists, "/a"),
            (Exists, ""),
            (GetData, "/a"),
            (GetData, "/a/null"),
            (GetData, ""),
            (GetAcl, "/a"),
            (GetChildren, "/"),
            (GetChildren, ""),
            (GetChildren, "/a/null"),
            (GetChildren2, "/a"),
            (GetEphemerals, ""),
            (GetEphemerals, " / "),
            (GetEphemerals, "/a/eph2"),
            (GetEphemerals, "/a/e"),
            (GetEphemerals, "/b"),
            (GetAllChildrenNumber, "/"),
            (GetAllChildrenNumber, "/a"),
            (GetAllChildrenNumber, "/a/null"),
            (WhoAmI, ""),
        ],
        &expect![[r#"
            Exists "/a": 0x7 ok stat(0x1, 4 bytes, 3 children)
            Exists "": 0x7 ok stat(0x0, 0 bytes, 5 children)
            GetData "/a": 0x7 ok "data" stat(0x1, 4 bytes, 3 children)
            GetData "/a/null": 0x7 ok null stat(0x2, 0 bytes, 0 children)
            GetData "": 0x7 ok "" stat(0x0, 0 bytes, 5 children)
            GetAcl "/a": 0x7 ok world:anyone:31 stat(0x1, 4 bytes, 3 children)
            GetChildren "/": 0x7 ok ["a", "admin", "reader", "secret", "zookeeper"]
            GetChildren "": 0x7 ok ["a", "admin", "reader", "secret", "zookeeper"]
            GetChildren "/a/null": 0x7 ok []
            GetChildren2 "/a": 0x7 ok ["eph", "eph2", "null"] stat(0x1, 4 bytes, 3 children)
            GetEphemerals "": 0x7 ok ["/a/eph", "/a/eph2"]
            GetEphemerals " / ": 0x7 ok ["/a/eph", "/a/eph2"]
            GetEphemerals "/a/eph2": 0x7 ok ["/a/eph2"]
            GetEphemerals "/a/e": 0x7 ok ["/a/eph", "/a/eph2"]
            GetEphemerals "/b": 0x7 ok []
            GetAllChildrenNumber "/": 0x7 ok 10
            GetAllChildrenNumber "/a": 0x7 ok 3
            GetAllChildrenNumber "/a/null": 0x7 ok 0
            WhoAmI "": 0x7 ok ip:10.0.0.1 digest:u
        "#]],
    );
}

#[test]
fn reads_of_what_is_not_there_or_not_allowed_fail() {
    use OpCode::{
        Create, Exists, GetAcl, GetAllChildrenNumber, GetChildren, GetChildren2, GetData, Ping,
    };
    check(
        &[
            (Exists, "/none"),
            (Exists, "a"),
            (Exists, "/a\0"),
            (Exists, "/secret"),
            (GetData, "/none"),
            (GetData, "/a\0"),
            (GetData, "/a/"),
            (GetData, "//"),
            (GetData, "/secret"),
            (GetData, "/admin"),
            (GetChildren, "/secret"),
            (GetChildren2, "/none"),
            (GetAllChildrenNumber, "/secret"),
            (GetAcl, "/secret"),
            (GetAcl, "/none"),
            (GetAcl, "/admin"),
            (GetAcl, "/reader"),
            (Create, "/x"),
            (Ping, ""),
        ],
        &expect![[r#"
            Exists "/none": 0x7 NoNode
            Exists "a": 0x7 NoNode
            Exists "/a\0": 0x7 BadArguments
            Exists "/secret": 0x7 NoAuth
            GetData "/none": 0x7 NoNode
            GetData "/a\0": 0x7 NoNode
            GetData "/a/": 0x7 NoNode
            GetData "//": 0x7 NoNode
            GetData "/secret": 0x7 NoAuth
            GetData "/admin": 0x7 NoAuth
            GetChildren "/secret": 0x7 NoAuth
            GetChildren2 "/none": 0x7 NoNode
            GetAllChildrenNumber "/secret": 0x7 NoAuth
            GetAcl "/secret": 0x7 NoAuth
            GetAcl "/none": 0x7 NoNode
            GetAcl "/admin": 0x7 ok ip:10.0.0.1:16 digest:boss:hash:31 stat(0x6, 0 bytes, 0 children)
            GetAcl "/reader": 0x7 ok ip:10.0.0.0/8:1 digest:boss:x:31 stat(0x7, 0 bytes, 0 children)
            Create "/x": 0x7 Unimplemented
            Ping "": 0x7 Unimplemented
        "#]],
    );
}

#[test]
fn null_and_truncated_requests_are_marshalling_errors() {
    let mut server = Server::new();
    let null = [0xFF; 4];
    let null_and_flag = [0xFF, 0xFF, 0xFF, 0xFF, 0];
    let null_and_number = [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1];
    let mut lines = String::new();
    for op in [
        OpCode::Exists,
        OpCode::GetData,
        OpCode::GetAcl,
        OpCode::GetChildren,
        OpCode::GetChildren2,
        OpCode::GetAllChildrenNumber,
        OpCode::GetEphemerals,
        OpCode::MultiRead,
        OpCode::CheckWatches,
        OpCode::RemoveWatches,
        OpCode::AddWatch,
        OpCode::SetWatches,
        OpCode::SetWatches2,
        OpCode::WhoAmI,
    ] {
        let bodies: [&[u8]; 4] = [&[], &null, &null_and_flag, &null_and_number];
        let answers = bodies.map(|body| {
            let answer = server.ask(op, body);
            answer.strip_prefix("0x7 ").unwrap_or(&answer).to_string()
        });
        lines += &format!("{op:?}: {}\n", answers.join(" | "));
    }
    expect![[r#"
        Exists: MarshallingError | MarshallingError | MarshallingError | MarshallingError
        GetData: MarshallingError | MarshallingError | MarshallingError | MarshallingError
        GetAcl: MarshallingError | MarshallingError | MarshallingError | MarshallingError
        GetChildren: MarshallingError | MarshallingError | MarshallingError | MarshallingError
        GetChildren2: MarshallingError | MarshallingError | MarshallingError | MarshallingError
        GetAllChildrenNumber: MarshallingError | MarshallingError | MarshallingError | MarshallingError
        GetEphemerals: MarshallingError | ok ["/a/eph", "/a/eph2"] | ok ["/a/eph", "/a/eph2"] | ok ["/a/eph", "/a/eph2"]
        MultiRead: MarshallingError | MarshallingError | MarshallingError | MarshallingError
        CheckWatches: MarshallingError | MarshallingError | MarshallingError | NoWatcher
        RemoveWatches: MarshallingError | MarshallingError | MarshallingError | NoWatcher
        AddWatch: MarshallingError | MarshallingError | MarshallingError | MarshallingError
        SetWatches: MarshallingError | MarshallingError | MarshallingError | MarshallingError
        SetWatches2: MarshallingError | MarshallingError | MarshallingError | MarshallingError
        WhoAmI: ok ip:10.0.0.1 digest:u | ok ip:10.0.0.1 digest:u | ok ip:10.0.0.1 digest:u | ok ip:10.0.0.1 digest:u
    "#]].assert_eq(&lines);
}

#[test]
fn a_reply_without_zxid_of_its_own_has_the_last_applied() {
    let mut server = Server::new();
    server.apply(Txn::Delete { path: "/a/eph".into(), reaped: false });
    assert!(server.ask(OpCode::GetData, &with_flag("/a", false)).starts_with("0x8 ok"));
}

/// What the connection watches afterwards.
#[track_caller]
fn check_watch(op: OpCode, path: &str, expected: &[WatcherType]) {
    let mut server = Server::new();
    server.ask(op, &with_flag(path, true));
    let kinds = [
        WatcherType::Children,
        WatcherType::Data,
        WatcherType::Persistent,
        WatcherType::PersistentRecursive,
    ];
    let watches = &server.table.watches;
    let found: Vec<_> =
        kinds.into_iter().filter(|kind| watches.contains(CONN, path, *kind)).collect();
    assert_eq!(found, expected, "{op:?} {path}");
    assert_eq!(watches.len(), expected.len());
}

#[test]
fn successful_reads_set_their_watch_and_exists_also_on_what_is_missing() {
    check_watch(OpCode::GetData, "/a", &[WatcherType::Data]);
    check_watch(OpCode::GetChildren, "/a", &[WatcherType::Children]);
    check_watch(OpCode::GetChildren2, "/a", &[WatcherType::Children]);
    check_watch(OpCode::Exists, "/a", &[WatcherType::Data]);
    check_watch(OpCode::Exists, "/none", &[WatcherType::Data]);
    check_watch(OpCode::GetData, "/none", &[]);
    check_watch(OpCode::GetChildren, "/none", &[]);
    for op in [OpCode::GetData, OpCode::GetChildren, OpCode::Exists] {
        check_watch(op, "/secret", &[]);
    }
}

#[test]
fn watches_are_added_checked_and_removed() {
    let mut server = Server::new();
    let mut lines = String::new();
    for (op, path, number) in [
        (OpCode::CheckWatches, "/a", 3),
        (OpCode::AddWatch, "/a", 0),
        (OpCode::AddWatch, "not a path", 1),
        (OpCode::AddWatch, "/a", 2),
        (OpCode::CheckWatches, "/a", 3),
        (OpCode::CheckWatches, "/a", 2),
        (OpCode::CheckWatches, "/a", 4),
        (OpCode::CheckWatches, "/a", 5),
        (OpCode::CheckWatches, "not a path", 5),
        (OpCode::CheckWatches, "/a", 6),
        (OpCode::RemoveWatches, "/a", 1),
        (OpCode::RemoveWatches, "/a", 0),
        (OpCode::RemoveWatches, "/a", 3),
        (OpCode::RemoveWatches, "/a", 3),
    ] {
        let answer = server.ask(op, &with_number(path, number));
        lines += &format!("{op:?} {path:?} {number}: {answer}\n");
    }
    expect![[r#"
        CheckWatches "/a" 3: 0x7 NoWatcher
        AddWatch "/a" 0: 0x7 ok 0
        AddWatch "not a path" 1: 0x7 ok 0
        AddWatch "/a" 2: 0x7 MarshallingError
        CheckWatches "/a" 3: 0x7 ok
        CheckWatches "/a" 2: 0x7 NoWatcher
        CheckWatches "/a" 4: 0x7 ok
        CheckWatches "/a" 5: 0x7 NoWatcher
        CheckWatches "not a path" 5: 0x7 ok
        CheckWatches "/a" 6: 0x7 MarshallingError
        RemoveWatches "/a" 1: 0x7 NoWatcher
        RemoveWatches "/a" 0: 0x7 MarshallingError
        RemoveWatches "/a" 3: 0x7 ok
        RemoveWatches "/a" 3: 0x7 NoWatcher
    "#]]
    .assert_eq(&lines);
}

#[test]
fn set_watches_makes_up_for_missed_changes_before_it_replies() {
    let mut server = Server::new();
    // Zxid 8; the client knows the state up to 2, when only /a and /a/null were there.
    server.apply(Txn::SetData { path: "/a/null".into(), data: Some(b"x"), version: 1 });
    let mut body = 2_i64.to_be_bytes().to_vec();
    body.extend(texts(&["/gone", "/a/null", "/a", "/secret"]));
    body.extend(texts(&["/admin", "/still-missing"]));
    body.extend(texts(&["/gone", "/a", "/a/null"]));
    expect![[r#"
        event NodeDeleted /gone None
        event NodeDataChanged /a/null None
        event NodeDataChanged /secret None
        event NodeCreated /admin None
        event NodeDeleted /gone None
        event NodeChildrenChanged /a None
        0x8 ok"#]]
    .assert_eq(&server.ask(OpCode::SetWatches, &body));
    body.extend(texts(&["/p"]));
    body.extend(texts(&["/r"]));
    server.ask(OpCode::SetWatches2, &body);
    let watches = &server.table.watches;
    let by_path: Vec<_> = watches.by_path().into_iter().map(|(path, _)| path).collect();
    assert_eq!(by_path, ["/a", "/p", "/r", "/still-missing"]);
    assert!(watches.contains(CONN, "/a/null", WatcherType::Children));
    assert!(watches.contains(CONN, "/p", WatcherType::Persistent));
    assert!(watches.contains(CONN, "/r", WatcherType::PersistentRecursive));
    assert_eq!(watches.len(), 6, "/p is in both tables");
}

fn multi(parts: &[(OpCode, Option<&str>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (op, path) in parts {
        MultiHeader { kind: op.to_wire(), done: false, error: -1 }.encode(&mut body);
        put_buffer(&mut body, path.map(str::as_bytes));
        // A version or a watch flag.
        if *op == OpCode::Delete { body.put_i32(-1) } else { body.put_u8(1) }
    }
    MultiHeader::END.encode(&mut body);
    body
}

#[test]
fn multi_read_answers_each_part_and_sets_no_watch() {
    let mut server = Server::new();
    let mut lines = String::new();
    for parts in [
        vec![],
        vec![
            (OpCode::GetData, Some("/a")),
            (OpCode::GetData, Some("/none")),
            (OpCode::GetChildren, Some("/secret")),
            (OpCode::GetChildren, Some("/a")),
        ],
        vec![(OpCode::GetData, Some("/a")), (OpCode::GetData, None)],
        vec![(OpCode::Delete, Some("/a"))],
        vec![(OpCode::Delete, Some("/a")), (OpCode::GetData, Some("/a"))],
        vec![(OpCode::GetChildren2, Some("/a"))],
    ] {
        lines += &server.ask(OpCode::MultiRead, &multi(&parts));
        lines += "\n";
    }
    assert_eq!(server.table.locks, 0);
    expect![[r#"
        0x7 ok end
        0x7 ok [GetData "data" stat(0x1, 4 bytes, 3 children)] [NoNode] [NoAuth] [GetChildren ["eph", "eph2", "null"]] end
        0x7 MarshallingError [GetData "data" stat(0x1, 4 bytes, 3 children)] end
        0x7 MarshallingError end
        0x7 MarshallingError
        0x7 MarshallingError
    "#]].assert_eq(&lines);
}

#[test]
fn multi_read_cannot_blow_up_the_reply() {
    let mut server = Server::new();
    let large = vec![0; 1 << 20];
    server.apply(Txn::SetData { path: "/a".into(), data: Some(&large), version: 1 });
    let parts = vec![(OpCode::GetData, Some("/a")); 300];
    let mut out = Vec::new();
    server.answer(OpCode::MultiRead, &multi(&parts), &mut out);
    assert_eq!(frame_text(OpCode::MultiRead, &out[4..]), "0x8 MarshallingError");
}

proptest! {
    #[test]
    fn no_request_can_panic_or_leave_half_a_frame(
        op in prop::sample::select(OpCode::ALL.to_vec()),
        body in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(255), any::<u8>()], 0..64),
    ) {
        let mut server = Server::new();
        let mut out = Vec::new();
        server.answer(op, &body, &mut out);
        let mut frames = Reader::new(&out);
        while !frames.is_at_end() {
            let frame = frames.buffer().unwrap().unwrap();
            prop_assert!(frame.len() >= ReplyHeader::WIRE_SIZE);
        }
    }
}
