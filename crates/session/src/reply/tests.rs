use super::*;
use alloc::vec;
use bytes::BufMut;
use zoarium_proto::acl::encode_list;
use zoarium_proto::jute::{put_buffer, put_text};

fn decode(
    op: OpCode,
    parts: &[OpCode],
    body: &[u8],
) -> Result<Result<Reply, Failure>, DecodeError> {
    let frame = Bytes::copy_from_slice(body);
    let expected = Expected { op, parts: parts.to_vec() };
    expected.decode(0, &mut Reader::new(&frame), &frame)
}

fn stat() -> Stat {
    Stat { version: 3, data_length: 2, ..Stat::default() }
}

/// Replies of every kind, as servers write them.
fn samples() -> Vec<(OpCode, Vec<u8>, Reply)> {
    let body = |fill: &dyn Fn(&mut Vec<u8>)| {
        let mut out = vec![];
        fill(&mut out);
        out
    };
    let with_stat = body(&|out| stat().encode(out));
    let data =
        |data: Option<&'static [u8]>| Data { data: data.map(Bytes::from_static), stat: stat() };
    let names = || vec![String::from("x"), String::from("ü")];
    let put_names = |out: &mut Vec<u8>| {
        out.put_i32(2);
        names().iter().for_each(|name| put_text(out, name));
    };
    vec![
        (OpCode::Exists, with_stat, Reply::Stat(stat())),
        (
            OpCode::GetData,
            body(&|out| {
                put_buffer(out, Some(b"hi"));
                stat().encode(out);
            }),
            Reply::Data(data(Some(b"hi"))),
        ),
        (
            OpCode::GetData,
            body(&|out| {
                put_buffer(out, None);
                stat().encode(out);
            }),
            Reply::Data(data(None)),
        ),
        (
            OpCode::Create2,
            body(&|out| {
                put_text(out, "/a");
                stat().encode(out);
            }),
            Reply::Created(Created { path: "/a".into(), stat: stat() }),
        ),
        (
            OpCode::GetChildren2,
            body(&|out| {
                put_names(out);
                stat().encode(out);
            }),
            Reply::Children(Children { names: names(), stat: stat() }),
        ),
        (
            OpCode::GetAcl,
            body(&|out| {
                out.put_slice(&encode_list(&[Acl::new(Perms::READ, "ip", "::1")]));
                stat().encode(out);
            }),
            Reply::Acl((vec![AclEntry { perms: Perms::READ, id: Id::new("ip", "::1") }], stat())),
        ),
        (OpCode::GetEphemerals, body(&put_names), Reply::Paths(names())),
        (OpCode::GetAllChildrenNumber, vec![0, 0, 0, 9], Reply::Count(9)),
        (
            OpCode::WhoAmI,
            body(&|out| {
                out.put_i32(1);
                put_text(out, "ip");
                put_text(out, "::1");
            }),
            Reply::Identities(vec![Id::new("ip", "::1")]),
        ),
        (OpCode::AddWatch, vec![0; 4], Reply::Done),
        (OpCode::Delete, vec![], Reply::Done),
    ]
}

#[test]
fn replies_are_read_by_what_was_asked() {
    for (op, body, reply) in samples() {
        assert_eq!(decode(op, &[], &body), Ok(Ok(reply)), "{op:?}");
    }
}

#[test]
fn replies_that_end_early_are_refused_wherever_they_end() {
    for (op, body, _) in samples() {
        for end in 0..body.len() {
            assert!(decode(op, &[], &body[..end]).is_err(), "{op:?} cut at {end}");
        }
    }
}

#[test]
fn lists_are_not_believed_to_be_as_long_as_they_say() {
    let huge = i32::MAX.to_be_bytes();
    for op in [OpCode::GetChildren2, OpCode::GetEphemerals, OpCode::GetAcl, OpCode::WhoAmI] {
        assert!(decode(op, &[], &huge).is_err(), "{op:?}");
    }
}

#[test]
fn errors_need_no_body() {
    let expected = Expected { op: OpCode::GetData, parts: vec![] };
    let reply = expected.decode(-101, &mut Reader::new(&[]), &Bytes::new());
    assert_eq!(reply, Ok(Err(Failure::Refused(ErrorCode::NoNode))));
}

const PARTS: [OpCode; 4] = [OpCode::CreateTtl, OpCode::SetData, OpCode::Delete, OpCode::Check];

#[test]
fn results_of_a_transaction_come_in_its_order() {
    let mut out = vec![];
    MultiHeader::result(OpCode::Create2).encode(&mut out);
    put_text(&mut out, "/a");
    stat().encode(&mut out);
    MultiHeader::result(OpCode::SetData).encode(&mut out);
    stat().encode(&mut out);
    MultiHeader::result(OpCode::Delete).encode(&mut out);
    MultiHeader::result(OpCode::Check).encode(&mut out);
    MultiHeader::END.encode(&mut out);
    let created = Created { path: "/a".into(), stat: stat() };
    let written =
        vec![Written::Created(created), Written::Set(stat()), Written::Deleted, Written::Checked];
    assert_eq!(decode(OpCode::Multi, &PARTS, &out), Ok(Ok(Reply::Written(written))));
    for end in 0..out.len() {
        assert!(decode(OpCode::Multi, &PARTS, &out[..end]).is_err(), "cut at {end}");
    }
    // One result too few, one too many, and one of another kind.
    assert!(decode(OpCode::Multi, &PARTS[..3], &out).is_err());
    assert!(decode(OpCode::Multi, &[&PARTS[..], &[OpCode::Check]].concat(), &out).is_err());
    let others = [OpCode::CreateTtl, OpCode::SetData, OpCode::Check, OpCode::Check];
    assert!(decode(OpCode::Multi, &others, &out).is_err());
}

fn errors(codes: &[i32]) -> Vec<u8> {
    let mut out = vec![];
    codes.iter().for_each(|code| MultiHeader::encode_error(*code, &mut out));
    MultiHeader::END.encode(&mut out);
    out
}

#[test]
fn create_in_a_transaction_of_an_old_server_has_no_stat() {
    let mut out = vec![];
    MultiHeader::result(OpCode::Create).encode(&mut out);
    put_text(&mut out, "/a");
    MultiHeader::END.encode(&mut out);
    let made = Written::Created(Created { path: "/a".into(), stat: Stat::default() });
    let written = Ok(Ok(Reply::Written(vec![made])));
    assert_eq!(decode(OpCode::Multi, &[OpCode::Create2], &out), written);
    assert!(decode(OpCode::Multi, &[OpCode::Delete], &out).is_err());
}

#[test]
fn failed_transaction_names_the_part_that_failed() {
    let failed = decode(OpCode::Multi, &PARTS, &errors(&[0, -103, -2, -2]));
    let code = ErrorCode::BadVersion;
    assert_eq!(failed, Ok(Err(Failure::Aborted { index: 1, code })));
    // Errors without a cause, and an error beside a success.
    assert!(decode(OpCode::Multi, &PARTS, &errors(&[0, 0, 0, 0])).is_err());
    let mut mixed = vec![];
    MultiHeader::result(OpCode::Check).encode(&mut mixed);
    mixed.extend(errors(&[-101]));
    assert!(decode(OpCode::Multi, &[OpCode::Check, OpCode::Delete], &mixed).is_err());
}

#[test]
fn reads_of_a_multi_fail_one_by_one() {
    let mut out = vec![];
    MultiHeader::encode_error(-101, &mut out);
    MultiHeader::result(OpCode::GetChildren).encode(&mut out);
    out.put_i32(1);
    put_text(&mut out, "x");
    MultiHeader::result(OpCode::GetData).encode(&mut out);
    put_buffer(&mut out, Some(b"hi"));
    stat().encode(&mut out);
    MultiHeader::END.encode(&mut out);
    let parts = [OpCode::GetData, OpCode::GetChildren, OpCode::GetData];
    let data = Data { data: Some(Bytes::from_static(b"hi")), stat: stat() };
    let reads = vec![
        Err(Failure::Refused(ErrorCode::NoNode)),
        Ok(ReadResult::Children(vec!["x".into()])),
        Ok(ReadResult::Data(data)),
    ];
    assert_eq!(decode(OpCode::MultiRead, &parts, &out), Ok(Ok(Reply::Reads(reads))));
}
