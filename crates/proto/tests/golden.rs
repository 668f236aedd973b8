//! What Apache's release put on the wire and into its log, read and written again by this crate.
//! See `captures/README.md`.

#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(clippy::wildcard_enum_match_arm, reason = "other operations are not in the captures")]

use expect_test::expect_file;
use std::collections::HashMap;
use zoarium_proto::acl::Acl;
use zoarium_proto::connect::{ConnectRequest, ConnectResponse};
use zoarium_proto::jute::{length, put_buffer, put_text};
use zoarium_proto::multi::{MultiHeader, MultiRequest};
use zoarium_proto::reply::ReplyHeader;
use zoarium_proto::request::{
    AuthRequest, CreateRequest, PathModeRequest, PathVersionRequest, PathWatchRequest,
    ReconfigRequest, RequestHeader, SetAclRequest, SetDataRequest, SetWatchesRequest,
};
use zoarium_proto::txn::LoggedTxn;
use zoarium_proto::{AclList, DecodeError, OpCode, Reader, SessionId, Stat, WatchedEvent, Xid};

macro_rules! connections {
    ($($name:literal),*) => {
        [$((
            $name,
            include_bytes!(concat!("captures/", $name, ".requests.bin")) as &[u8],
            include_bytes!(concat!("captures/", $name, ".replies.bin")) as &[u8],
        )),*]
    };
}

const CONNECTIONS: [(&str, &[u8], &[u8]); 8] = connections!(
    "client1", "client2", "client3", "client4", "client5", "client6", "client7", "client8"
);

const LOG: &[u8] = include_bytes!("captures/log.1.bin");

fn frames(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut reader = Reader::new(stream);
    std::iter::from_fn(move || {
        (!reader.is_at_end()).then(|| reader.buffer().unwrap().expect("frames have a length"))
    })
}

#[test]
fn requests_are_read_to_their_last_byte() {
    let mut text = String::new();
    for (name, requests, _) in CONNECTIONS {
        let mut frames = frames(requests);
        text += &format!("{name}\n{}\n", connect_request(frames.next().unwrap()));
        for frame in frames {
            let mut reader = Reader::new(frame);
            let header = RequestHeader::decode(&mut reader).unwrap();
            let op = header.op().unwrap();
            let body = request(op, &mut reader).unwrap();
            assert!(reader.is_at_end(), "{op:?} leaves {:?}", reader.rest());
            text += &format!("{} {op:?} {body}\n", header.xid.0);
        }
    }
    expect_file!["captures/requests.txt"].assert_eq(&text);
}

fn connect_request(frame: &[u8]) -> String {
    let mut reader = Reader::new(frame);
    let request = ConnectRequest::decode(&mut reader).unwrap();
    assert!(reader.is_at_end());
    let mut again = Vec::new();
    request.encode(&mut again);
    assert_eq!(again, frame);
    format!("{request:?}")
}

fn request(op: OpCode, reader: &mut Reader<'_>) -> Result<String, DecodeError> {
    Ok(match op {
        OpCode::Create | OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => {
            let CreateRequest { path, data, acl, flags, ttl_ms } =
                CreateRequest::decode(op, reader)?;
            let acl = acl.map(acl_text);
            format!("{path:?} {} {acl:?} flags {flags} ttl {ttl_ms:?}", data_text(data))
        }
        OpCode::Delete | OpCode::Check => format!("{:?}", PathVersionRequest::decode(reader)?),
        OpCode::Exists | OpCode::GetData | OpCode::GetChildren | OpCode::GetChildren2 => {
            format!("{:?}", PathWatchRequest::decode(reader)?)
        }
        OpCode::SetData => {
            let SetDataRequest { path, data, version } = SetDataRequest::decode(reader)?;
            format!("{path:?} {} version {version}", data_text(data))
        }
        OpCode::SetAcl => {
            let SetAclRequest { path, acl, version } = SetAclRequest::decode(reader)?;
            format!("{path:?} {:?} version {version}", acl.map(acl_text))
        }
        OpCode::GetAcl | OpCode::Sync | OpCode::GetEphemerals | OpCode::GetAllChildrenNumber => {
            format!("{:?}", reader.text()?)
        }
        // The reaper's own operation: a path without a length.
        OpCode::DeleteContainer => data_text(Some(reader.raw(reader.rest().len())?)),
        OpCode::Multi | OpCode::MultiRead => match MultiRequest::decode(reader)? {
            MultiRequest::Empty => "empty".into(),
            MultiRequest::Writes(writes) => format!("{writes:?}"),
            MultiRequest::Reads(reads) => format!("{reads:?}"),
        },
        OpCode::Reconfig => format!("{:?}", ReconfigRequest::decode(reader)?),
        OpCode::CheckWatches | OpCode::RemoveWatches | OpCode::AddWatch => {
            format!("{:?}", PathModeRequest::decode(reader)?)
        }
        OpCode::Auth => {
            let AuthRequest { scheme, auth } = AuthRequest::decode(reader)?;
            format!("{scheme:?} {}", data_text(auth))
        }
        OpCode::SetWatches | OpCode::SetWatches2 => {
            let request = SetWatchesRequest::decode(op, reader)?;
            let lists = [
                &request.data,
                &request.exist,
                &request.child,
                &request.persistent,
                &request.persistent_recursive,
            ];
            let lists = lists.map(|list| list.iter().collect::<Vec<_>>());
            format!("since {:#x} {lists:?}", request.relative_zxid)
        }
        OpCode::Sasl => data_text(reader.buffer()?),
        OpCode::Ping | OpCode::WhoAmI | OpCode::CloseSession => String::new(),
        op => panic!("{op:?} is not in the captures"),
    })
}

fn acl_text(list: AclList<'_>) -> String {
    let entry =
        |acl: Acl<'_>| format!("{}:{}:{}", acl.scheme.unwrap(), acl.id.unwrap(), acl.perms.0);
    list.iter().map(entry).collect::<Vec<_>>().join(" ")
}

fn data_text(data: Option<&[u8]>) -> String {
    data.map_or_else(|| "null".into(), |data| format!("{:?}", String::from_utf8_lossy(data)))
}

#[test]
fn replies_are_written_as_apache_wrote_them() {
    let mut text = String::new();
    for (name, requests, replies) in CONNECTIONS {
        text += &format!("{name}\n");
        let mut frames_in = frames(requests);
        let asked = ConnectRequest::decode(&mut Reader::new(frames_in.next().unwrap())).unwrap();
        let mut ops: HashMap<i32, Vec<OpCode>> = HashMap::new();
        for frame in frames_in {
            let header = RequestHeader::decode(&mut Reader::new(frame)).unwrap();
            ops.entry(header.xid.0).or_default().push(header.op().unwrap());
        }
        let mut frames_out = frames(replies);
        connect_response(frames_out.next().unwrap(), asked.read_only.is_some());
        for frame in frames_out {
            let mut reader = Reader::new(frame);
            let header = reply_header(&mut reader);
            let mut again = Vec::new();
            let line = if header.xid == Xid::NOTIFICATION {
                let event = WatchedEvent::decode(header.zxid, &mut reader).unwrap();
                event.encode(&mut again);
                format!("{event:?}")
            } else {
                let op = ops.get_mut(&header.xid.0).unwrap().remove(0);
                header.encode(&mut again);
                if !reader.is_at_end() {
                    copy_reply(op, &mut reader, &mut again).unwrap();
                }
                let body = frame.len() - ReplyHeader::WIRE_SIZE;
                format!("{op:?} {header:?} and {body} bytes")
            };
            assert!(reader.is_at_end(), "{line} leaves {:?}", reader.rest());
            assert_eq!(again, frame, "{line}");
            text += &format!("{line}\n");
        }
    }
    expect_file!["captures/replies.txt"].assert_eq(&text);
}

fn connect_response(frame: &[u8], with_read_only: bool) {
    let mut reader = Reader::new(frame);
    assert_eq!(reader.int().unwrap(), 0);
    let timeout_ms = reader.int().unwrap();
    let session = SessionId(reader.long().unwrap());
    let password = reader.buffer().unwrap().unwrap().try_into().unwrap();
    let read_only = with_read_only.then(|| reader.boolean().unwrap());
    if session != SessionId::NONE {
        assert_eq!(password, session.password());
    }
    let mut again = Vec::new();
    ConnectResponse { timeout_ms, session, password, read_only }.encode(&mut again);
    assert_eq!(again, frame);
}

fn reply_header(reader: &mut Reader<'_>) -> ReplyHeader {
    ReplyHeader {
        xid: Xid(reader.int().unwrap()),
        zxid: reader.long().unwrap(),
        error: reader.int().unwrap(),
    }
}

/// Reads the record that follows a reply header and writes it again.
fn copy_reply(op: OpCode, reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    match op {
        OpCode::Create | OpCode::Sync => copy_text(reader, out),
        OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl => {
            copy_text(reader, out)?;
            copy_stat(reader, out)
        }
        OpCode::Exists | OpCode::SetData | OpCode::SetAcl => copy_stat(reader, out),
        OpCode::GetData => {
            put_buffer(out, reader.buffer()?);
            copy_stat(reader, out)
        }
        OpCode::GetAcl => {
            out.extend(AclList::decode(reader)?.unwrap().encoded());
            copy_stat(reader, out)
        }
        OpCode::GetChildren | OpCode::GetEphemerals => copy_texts(1, reader, out),
        OpCode::GetChildren2 => {
            copy_texts(1, reader, out)?;
            copy_stat(reader, out)
        }
        OpCode::WhoAmI => copy_texts(2, reader, out),
        OpCode::AddWatch | OpCode::GetAllChildrenNumber => {
            out.extend(reader.int()?.to_be_bytes());
            Ok(())
        }
        OpCode::Sasl => {
            put_buffer(out, reader.buffer()?);
            Ok(())
        }
        OpCode::Multi | OpCode::MultiRead => copy_results(reader, out),
        op => panic!("{op:?} has no reply record"),
    }
}

fn copy_results(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    loop {
        let header = MultiHeader::decode(reader)?;
        if header.done {
            assert_eq!(header, MultiHeader::END);
            header.encode(out);
            return Ok(());
        }
        match OpCode::from_wire(header.kind).unwrap() {
            OpCode::Error => {
                assert_eq!(reader.int()?, header.error);
                MultiHeader::encode_error(header.error, out);
            }
            op @ (OpCode::Delete | OpCode::Check) => MultiHeader::result(op).encode(out),
            op => {
                MultiHeader::result(op).encode(out);
                copy_reply(op, reader, out)?;
            }
        }
    }
}

fn copy_text(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    put_text(out, &reader.text_not_null("text")?);
    Ok(())
}

fn copy_texts(
    per_element: u32,
    reader: &mut Reader<'_>,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let count = reader.count()?.unwrap();
    out.extend(length(count as usize).to_be_bytes());
    (0..count * per_element).try_for_each(|_| copy_text(reader, out))
}

fn copy_stat(reader: &mut Reader<'_>, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    Stat::decode(reader)?.encode(out);
    Ok(())
}

/// A log is a 16-byte header, then entries: checksum (8 bytes), buffer, `B`.
#[test]
fn transactions_are_written_as_apache_logged_them() {
    let mut reader = Reader::new(LOG);
    reader.raw(16).unwrap();
    let mut text = String::new();
    while !reader.is_at_end() {
        reader.long().unwrap();
        let entry = reader.buffer().unwrap().unwrap();
        assert_eq!(reader.byte().unwrap(), b'B');
        let txn = LoggedTxn::decode(entry).unwrap();
        let mut again = Vec::new();
        txn.encode(&mut again);
        assert_eq!(again, entry, "{txn:?}");
        let header = txn.header;
        text += &format!("{} {} {:?}\n", header.zxid, header.session, txn.txn.kind());
    }
    expect_file!["captures/log.txt"].assert_eq(&text);
}
