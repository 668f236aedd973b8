//! What is written is read back as it was.

#![expect(clippy::unwrap_used, reason = "a test")]

use proptest::option;
use proptest::prelude::*;
use zoarium_proto::acl::{Acl, encode_list};
use zoarium_proto::connect::ConnectRequest;
use zoarium_proto::jute::{Text, length, put_boolean, put_buffer, put_text};
use zoarium_proto::multi::{MultiHeader, MultiRequest, ReadOp, WriteOp};
use zoarium_proto::request::{
    AuthRequest, CreateRequest, PathModeRequest, PathVersionRequest, PathWatchRequest,
    ReconfigRequest, RequestHeader, SetAclRequest, SetDataRequest, SetWatchesRequest,
};
use zoarium_proto::txn::{CreateKind, CreateTxn, LoggedTxn, Txn, TxnDigest, TxnHeader};
use zoarium_proto::{
    AclList, EventType, OpCode, Perms, RawStat, Reader, SessionId, Stat, WatchedEvent, Xid, Zxid,
};

/// Appends fields in order; the requests have no encoder of their own, because a server reads them.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
    fn int(mut self, value: i32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn long(mut self, value: i64) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn boolean(mut self, value: bool) -> Self {
        put_boolean(&mut self.0, value);
        self
    }

    fn text(self, value: Option<&str>) -> Self {
        self.buffer(value.map(str::as_bytes))
    }

    fn buffer(mut self, value: Option<&[u8]>) -> Self {
        put_buffer(&mut self.0, value);
        self
    }

    fn texts(mut self, values: &[String]) -> Self {
        self.0.extend(length(values.len()).to_be_bytes());
        values.iter().for_each(|value| put_text(&mut self.0, value));
        self
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }
}

fn text(text: Option<&String>) -> Option<Text<'_>> {
    text.map(|text| Text::Borrowed(text.as_str()))
}

fn path() -> impl Strategy<Value = Option<String>> {
    option::weighted(0.9, "(/[a-zü]{0,4}){0,4}")
}

fn data() -> impl Strategy<Value = Option<Vec<u8>>> {
    option::weighted(0.8, prop::collection::vec(any::<u8>(), 0..32))
}

fn acl() -> impl Strategy<Value = Vec<u8>> {
    let entry =
        (any::<i32>(), option::weighted(0.9, "[a-z]{0,6}"), option::weighted(0.9, ".{0,8}"));
    prop::collection::vec(entry, 0..4).prop_map(|entries| {
        let entries: Vec<_> = entries
            .iter()
            .map(|(perms, scheme, id)| Acl {
                perms: Perms(*perms),
                scheme: text(scheme.as_ref()),
                id: text(id.as_ref()),
            })
            .collect();
        let encoded = encode_list(&entries);
        assert!(AclList::from_encoded(&encoded).unwrap().iter().eq(entries));
        encoded
    })
}

proptest! {
    #[test]
    fn connect_requests(
        (protocol_version, last_zxid_seen, timeout_ms, session) in any::<(i32, i64, i32, i64)>(),
        password in data(),
        read_only in any::<Option<bool>>(),
    ) {
        let request = ConnectRequest {
            protocol_version,
            last_zxid_seen,
            timeout_ms,
            session: SessionId(session),
            password: password.as_deref(),
            read_only,
        };
        let mut bytes = Vec::new();
        request.encode(&mut bytes);
        prop_assert_eq!(ConnectRequest::decode(&mut Reader::new(&bytes)), Ok(request));
    }

    #[test]
    fn create_requests(
        path in path(),
        data in data(),
        acl in option::of(acl()),
        (flags, ttl_ms) in any::<(i32, i64)>(),
        op in prop::sample::select(vec![
            OpCode::Create, OpCode::Create2, OpCode::CreateContainer, OpCode::CreateTtl,
        ]),
    ) {
        let ttl_ms = (op == OpCode::CreateTtl).then_some(ttl_ms);
        let mut fields = Fields::default()
            .text(path.as_deref())
            .buffer(data.as_deref())
            .raw(acl.as_deref().unwrap_or(&[0xFF; 4]))
            .int(flags);
        if let Some(ttl_ms) = ttl_ms {
            fields = fields.long(ttl_ms);
        }
        let request = CreateRequest {
            path: text(path.as_ref()),
            data: data.as_deref(),
            acl: acl.as_deref().map(|acl| AclList::from_encoded(acl).unwrap()),
            flags,
            ttl_ms,
        };
        prop_assert_eq!(CreateRequest::decode(op, &mut Reader::new(&fields.0)), Ok(request));
    }

    #[test]
    fn requests_of_a_path_and_little_else(
        path in path(),
        data in data(),
        acl in option::of(acl()),
        (number, watch) in any::<(i32, bool)>(),
    ) {
        let start = || Fields::default().text(path.as_deref());
        let path = || text(path.as_ref());
        let with_number = start().int(number).0;
        prop_assert_eq!(
            PathVersionRequest::decode(&mut Reader::new(&with_number)),
            Ok(PathVersionRequest { path: path(), version: number })
        );
        prop_assert_eq!(
            PathModeRequest::decode(&mut Reader::new(&with_number)),
            Ok(PathModeRequest { path: path(), mode: number })
        );
        let bytes = start().boolean(watch).0;
        prop_assert_eq!(
            PathWatchRequest::decode(&mut Reader::new(&bytes)),
            Ok(PathWatchRequest { path: path(), watch })
        );
        let bytes = start().buffer(data.as_deref()).int(number).0;
        prop_assert_eq!(
            SetDataRequest::decode(&mut Reader::new(&bytes)),
            Ok(SetDataRequest { path: path(), data: data.as_deref(), version: number })
        );
        let bytes = start().raw(acl.as_deref().unwrap_or(&[0xFF; 4])).int(number).0;
        let acl = acl.as_deref().map(|acl| AclList::from_encoded(acl).unwrap());
        prop_assert_eq!(
            SetAclRequest::decode(&mut Reader::new(&bytes)),
            Ok(SetAclRequest { path: path(), acl, version: number })
        );
    }

    #[test]
    fn set_watches_requests(
        relative_zxid in any::<i64>(),
        lists in prop::array::uniform5(prop::collection::vec("[/a-z]{0,6}", 0..4)),
    ) {
        let mut fields = Fields::default().long(relative_zxid);
        for list in &lists {
            fields = fields.texts(list);
        }
        for (op, count) in [(OpCode::SetWatches, 3), (OpCode::SetWatches2, 5)] {
            let request = SetWatchesRequest::decode(op, &mut Reader::new(&fields.0)).unwrap();
            prop_assert_eq!(request.relative_zxid, relative_zxid);
            let read = [
                &request.data,
                &request.exist,
                &request.child,
                &request.persistent,
                &request.persistent_recursive,
            ];
            for (read, list) in read[..count].iter().zip(&lists) {
                prop_assert!(read.iter().eq(list.iter().map(String::as_str)));
            }
            for read in &read[count..] {
                prop_assert_eq!(read.iter().count(), 0);
            }
        }
    }

    #[test]
    fn headers_auth_and_reconfig(
        (xid, kind, current_config) in any::<(i32, i32, i64)>(),
        texts in prop::array::uniform3(option::of("[a-z=:;,0-9]{0,12}")),
        auth in data(),
    ) {
        prop_assert_eq!(
            RequestHeader::decode(&mut Reader::new(&Fields::default().int(xid).int(kind).0)),
            Ok(RequestHeader { xid: Xid(xid), kind })
        );
        let [joining, leaving, new_members] = &texts;
        let bytes = Fields::default().int(kind).text(joining.as_deref()).buffer(auth.as_deref()).0;
        prop_assert_eq!(
            AuthRequest::decode(&mut Reader::new(&bytes)),
            Ok(AuthRequest { scheme: text(joining.as_ref()), auth: auth.as_deref() })
        );
        let mut fields = Fields::default();
        for text in &texts {
            fields = fields.text(text.as_deref());
        }
        let bytes = fields.long(current_config).0;
        prop_assert_eq!(
            ReconfigRequest::decode(&mut Reader::new(&bytes)),
            Ok(ReconfigRequest {
                joining: text(joining.as_ref()),
                leaving: text(leaving.as_ref()),
                new_members: text(new_members.as_ref()),
                current_config,
            })
        );
    }

    #[test]
    fn multi_requests(parts in prop::collection::vec((path(), any::<i32>(), 0..3_u8), 0..6)) {
        let mut writes = Fields::default();
        let mut reads = Fields::default();
        let mut expected = (Vec::new(), Vec::new());
        for (path, version, kind) in &parts {
            let (op, read) = match kind {
                0 => (OpCode::Delete, OpCode::GetData),
                1 => (OpCode::Check, OpCode::GetChildren),
                _ => (OpCode::SetData, OpCode::GetData),
            };
            let header = |op: OpCode| Fields::default().int(op.to_wire()).boolean(false).int(-1).0;
            let path_text = || text(path.as_ref());
            writes = writes.raw(&header(op)).text(path.as_deref());
            if op == OpCode::SetData {
                writes = writes.buffer(None);
            }
            writes = writes.int(*version);
            reads = reads.raw(&header(read)).text(path.as_deref()).boolean(true);
            let versioned = PathVersionRequest { path: path_text(), version: *version };
            expected.0.push(match kind {
                0 => WriteOp::Delete(versioned),
                1 => WriteOp::Check(versioned),
                _ => {
                    let (path, version) = (path_text(), *version);
                    WriteOp::SetData(SetDataRequest { path, data: None, version })
                }
            });
            let watched = PathWatchRequest { path: path_text(), watch: true };
            expected.1.push(match kind {
                1 => ReadOp::GetChildren(watched),
                _ => ReadOp::GetData(watched),
            });
        }
        for fields in [&mut writes, &mut reads] {
            MultiHeader::END.encode(&mut fields.0);
        }
        let (mut writes, mut reads) = (Reader::new(&writes.0), Reader::new(&reads.0));
        let expected = if parts.is_empty() {
            (MultiRequest::Empty, MultiRequest::Empty)
        } else {
            (MultiRequest::Writes(expected.0), MultiRequest::Reads(expected.1))
        };
        prop_assert_eq!(MultiRequest::decode(&mut writes), Ok(expected.0));
        prop_assert_eq!(MultiRequest::decode(&mut reads), Ok(expected.1));
        prop_assert!(writes.is_at_end() && reads.is_at_end());
    }

    #[test]
    fn stats(longs in any::<[i64; 6]>(), ints in any::<[i32; 5]>()) {
        let stat = Stat {
            czxid: Zxid::from_wire(longs[0]),
            mzxid: Zxid::from_wire(longs[1]),
            ctime: longs[2],
            mtime: longs[3],
            version: ints[0],
            cversion: ints[1],
            aversion: ints[2],
            ephemeral_owner: SessionId(longs[4]),
            data_length: ints[3],
            num_children: ints[4],
            pzxid: Zxid::from_wire(longs[5]),
        };
        prop_assert_eq!(Stat::decode(&mut Reader::new(&stat.to_wire())), Ok(stat));
        let Stat { czxid, mzxid, pzxid, ctime, mtime, version, cversion, aversion, .. } = stat;
        let owner = longs[4];
        let raw =
            RawStat { czxid, mzxid, pzxid, ctime, mtime, version, cversion, aversion, owner };
        let mut bytes = Vec::new();
        raw.encode(&mut bytes);
        prop_assert_eq!(bytes.len(), RawStat::WIRE_SIZE);
        prop_assert_eq!(RawStat::decode(&mut Reader::new(&bytes)), Ok(raw));
    }

    #[test]
    fn events(kind in 1..5_i32, path in "[/a-zü]{0,12}", zxid in option::of(0..u64::MAX)) {
        let kind = EventType::from_wire(kind).unwrap();
        let event = WatchedEvent { kind, path: path.as_str().into(), zxid: zxid.map(Zxid) };
        let mut bytes = Vec::new();
        event.encode(&mut bytes);
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(reader.int(), Ok(-1));
        let zxid = reader.long().unwrap();
        prop_assert_eq!(reader.int(), Ok(0));
        prop_assert_eq!(WatchedEvent::decode(zxid, &mut reader), Ok(event));
        prop_assert!(reader.is_at_end());
    }

    #[test]
    fn transactions(
        (session, cxid, zxid, time_ms) in any::<(i64, i32, u64, i64)>(),
        texts in prop::collection::vec("[/a-zü]{0,8}", 1..4),
        data in data(),
        acl in acl(),
        (number, ttl_ms) in any::<(i32, i64)>(),
        flags in any::<[bool; 3]>(),
        digest in any::<Option<u64>>(),
    ) {
        let header = TxnHeader { session: SessionId(session), cxid, zxid: Zxid(zxid), time_ms };
        let digest = digest.map(|value| TxnDigest { version: TxnDigest::VERSION, value });
        let acl = AclList::from_encoded(&acl).unwrap();
        for txn in all_txns(&texts, data.as_deref(), acl, number, ttl_ms, flags) {
            let logged = LoggedTxn { header, txn, digest };
            let mut bytes = Vec::new();
            logged.encode(&mut bytes);
            prop_assert_eq!(LoggedTxn::decode(&bytes), Ok(logged));
        }
    }
}

/// One of each type, and a multi of all that may be in one.
fn all_txns<'a>(
    texts: &'a [String],
    data: Option<&'a [u8]>,
    acl: AclList<'a>,
    number: i32,
    ttl_ms: i64,
    [ephemeral, with_stat, reaped]: [bool; 3],
) -> Vec<Txn<'a>> {
    let path = || Text::Borrowed(texts[0].as_str());
    let create =
        |kind| Txn::Create(CreateTxn { path: path(), data, acl, kind, parent_cversion: number });
    let parts = vec![
        create(CreateKind::Plain { ephemeral, with_stat }),
        create(CreateKind::Container),
        create(CreateKind::Ttl { ttl_ms }),
        Txn::Delete { path: path(), reaped },
        Txn::SetData { path: path(), data, version: number },
        Txn::SetAcl { path: path(), acl, version: number },
        Txn::Check { path: path(), version: number },
        Txn::Error { code: number },
    ];
    // A check does not occur at top level.
    let top = parts.iter().filter(|txn| txn.kind() != OpCode::Check).cloned();
    let mut txns: Vec<_> = top.collect();
    txns.push(Txn::CreateSession { timeout_ms: number });
    // No path is empty, and two empty ones would be taken for a digest.
    let paths = texts.iter().map(|text| format!("/{text}").into()).collect();
    txns.push(Txn::CloseSession { paths });
    txns.push(Txn::Reconfig { path: path(), data, version: number });
    txns.push(Txn::Multi(parts));
    txns
}
