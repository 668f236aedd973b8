//! Every request is read by the server's decoders as it was meant.

use super::*;
use alloc::vec;
use zoarium_proto::multi::{MultiRequest, ReadOp, WriteOp};
use zoarium_proto::request::{
    CreateRequest, PathModeRequest, PathVersionRequest, PathWatchRequest, ReconfigRequest,
    RequestHeader, SetAclRequest, SetDataRequest,
};
use zoarium_proto::{AclList, CreateMode, Reader};

/// The record of a request, whose frame and header are as they should be.
fn record(request: &Request<'_>) -> Vec<u8> {
    let mut out = vec![0xEE];
    request.encode(Xid(7), &mut out);
    let (length, frame) = out[1..].split_at(4);
    assert_eq!(i32::from_be_bytes(length.try_into().unwrap()), self::length(frame.len()));
    let header = RequestHeader::decode(&mut Reader::new(frame)).unwrap();
    assert_eq!((header.xid, header.op()), (Xid(7), Some(request.op())));
    assert_eq!(request.clone().into_owned(), *request);
    frame[RequestHeader::WIRE_SIZE..].to_vec()
}

fn create(mode: CreateMode) -> Create<'static> {
    Create { ttl_ms: 99, ..Create::new("/a", b"x").with_mode(mode) }
}

#[test]
fn creates_name_the_operation_that_their_mode_needs() {
    for (mode, op, ttl_ms) in [
        (CreateMode::Persistent, OpCode::Create2, None),
        (CreateMode::EphemeralSequential, OpCode::Create2, None),
        (CreateMode::Container, OpCode::CreateContainer, None),
        (CreateMode::PersistentWithTtl, OpCode::CreateTtl, Some(99)),
    ] {
        let request = Request::Create(create(mode));
        assert_eq!(request.op(), op);
        let record = record(&request);
        let read = CreateRequest::decode(op, &mut Reader::new(&record)).unwrap();
        assert_eq!(read.path.as_deref(), Some("/a"));
        assert_eq!((read.data, read.acl), (Some(&b"x"[..]), Some(AclList::OPEN)));
        assert_eq!((read.flags, read.ttl_ms), (mode as i32, ttl_ms));
    }
}

#[test]
fn reads_say_whether_they_watch() {
    for watch in [false, true] {
        let path = || Cow::Borrowed("/a");
        for request in [
            Request::Exists { path: path(), watch },
            Request::GetData { path: path(), watch },
            Request::GetChildren { path: path(), watch },
        ] {
            let record = record(&request);
            let read = PathWatchRequest::decode(&mut Reader::new(&record)).unwrap();
            assert_eq!(read, PathWatchRequest { path: Some(path()), watch });
        }
    }
}

#[test]
fn no_version_is_minus_one() {
    for (version, wire) in [(None, -1), (Some(3), 3)] {
        let bytes = record(&Request::Delete { path: "/a".into(), version });
        let read = PathVersionRequest::decode(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(read, PathVersionRequest { path: Some("/a".into()), version: wire });

        let set = SetData { path: "/a".into(), data: None, version };
        let bytes = record(&Request::SetData(set));
        let read = SetDataRequest::decode(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(read, SetDataRequest { path: Some("/a".into()), data: None, version: wire });

        let acl = Bytes::from_static(AclList::READ_ONLY.encoded());
        let bytes = record(&Request::SetAcl { path: "/a".into(), acl, version });
        let read = SetAclRequest::decode(&mut Reader::new(&bytes)).unwrap();
        assert_eq!((read.acl, read.version), (Some(AclList::READ_ONLY), wire));
    }
}

#[test]
fn watch_requests_name_their_mode() {
    let add =
        |recursive| Request::AddWatch { path: "/a".into(), recursive, outlives_session: true };
    let kind = WatcherType::Any;
    for (request, mode) in [
        (add(false), 0),
        (add(true), 1),
        (Request::CheckWatches { path: "/a".into(), kind }, 3),
        (Request::CheckWatches { path: "/a".into(), kind: WatcherType::PersistentRecursive }, 5),
    ] {
        let bytes = record(&request);
        let read = PathModeRequest::decode(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(read, PathModeRequest { path: Some("/a".into()), mode });
    }
}

#[test]
fn transactions_keep_the_order_of_their_parts() {
    let bytes = record(&Request::Multi(vec![
        Write::Check { path: "/c".into(), version: Some(1) },
        Write::Create(create(CreateMode::Container)),
        Write::Create(create(CreateMode::PersistentSequentialWithTtl)),
        Write::SetData(SetData { path: "/s".into(), data: Some(b"y"[..].into()), version: None }),
        Write::Delete { path: "/d".into(), version: None },
    ]));
    let read = MultiRequest::decode(&mut Reader::new(&bytes)).unwrap();
    let MultiRequest::Writes(writes) = read else { panic!("{read:?}") };
    let paths: Vec<_> = writes.iter().map(|write| write.path().unwrap()).collect();
    assert_eq!(paths, ["/c", "/a", "/a", "/s", "/d"]);
    assert!(matches!(&writes[1], WriteOp::Create(OpCode::CreateContainer, _)));
    assert!(matches!(&writes[2], WriteOp::Create(OpCode::CreateTtl, _)));

    let reads = vec![Read::GetChildren { path: "/a".into() }, Read::GetData { path: "/b".into() }];
    let bytes = record(&Request::MultiRead(reads));
    let read = MultiRequest::decode(&mut Reader::new(&bytes)).unwrap();
    let MultiRequest::Reads(reads) = read else { panic!("{read:?}") };
    assert!(matches!(&reads[..], [ReadOp::GetChildren(_), ReadOp::GetData(_)]));
    assert_eq!(record(&Request::Multi(vec![])), [255, 255, 255, 255, 1, 255, 255, 255, 255]);
}

#[test]
fn reconfigurations_leave_out_what_is_not_given() {
    let (joining, version) = (Some("server.4=a:1:2".into()), None);
    let request = Request::Reconfig { joining, leaving: None, members: None, version };
    let bytes = record(&request);
    let read = ReconfigRequest::decode(&mut Reader::new(&bytes)).unwrap();
    assert_eq!(read.joining.as_deref(), Some("server.4=a:1:2"));
    assert_eq!((read.leaving, read.new_members, read.current_config), (None, None, -1));
}

#[test]
fn other_requests_are_a_path_or_nothing() {
    for request in [
        Request::GetAcl { path: "/a".into() },
        Request::Sync { path: "/a".into() },
        Request::CountDescendants { path: "/a".into() },
        Request::GetEphemerals { prefix: "/a".into() },
    ] {
        assert_eq!(record(&request), [0, 0, 0, 2, b'/', b'a']);
    }
    assert_eq!(record(&Request::WhoAmI), []);
}
