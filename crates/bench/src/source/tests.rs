use super::*;
use std::collections::BTreeMap;
use zoarium_proto::request::{CreateRequest, PathVersionRequest, RequestHeader};

fn source(mix: Mix) -> Source {
    let znodes = Znodes {
        parent: "/b/data".to_owned(),
        keys: (0..10).map(|key| format!("/b/data/{key}")).collect(),
        made: "/b/made".to_owned(),
        value: vec![b'x'; 20],
        size: (10, 20),
    };
    Source::new(Arc::new(znodes), &mix, 0, 2)
}

/// The next request of a connection: its operation and what follows its header.
fn next(source: &mut Source, connection: usize) -> (Op, Vec<u8>) {
    let mut out = Vec::new();
    let op = source.put_next(connection, 7, &mut out);
    let mut reader = Reader::new(&out[4..]);
    assert_eq!(RequestHeader::decode(&mut reader).unwrap().xid, Xid(7));
    (op, reader.rest().to_vec())
}

#[test]
fn operations_come_as_often_as_they_weigh() {
    let mut source = source(Mix { read: 8.0, write: 1.5, exists: 0.5, ..Mix::empty() });
    let mut found = BTreeMap::new();
    for _ in 0..100_000 {
        *found.entry(next(&mut source, 0).0).or_insert(0_i32) += 1;
    }
    for (op, expected) in [(Op::Read, 80_000), (Op::Write, 15_000), (Op::Exists, 5000)] {
        assert!((found[&op] - expected).abs() < 700, "{op}: {}", found[&op]);
    }
    assert_eq!(found.len(), 3);
}

#[test]
fn churn_deletes_its_oldest_when_enough_are_there() {
    let mut source = source(Mix { churn: 1.0, live: 2, ..Mix::empty() });
    let mut seen = Vec::new();
    for connection in [0, 0, 0, 1, 0, 0] {
        let (op, record) = next(&mut source, connection);
        let mut reader = Reader::new(&record);
        let path = if op == Op::Create {
            CreateRequest::decode(OpCode::Create2, &mut reader).unwrap().path
        } else {
            PathVersionRequest::decode(&mut reader).unwrap().path
        };
        seen.push(format!("{op} {}", path.unwrap().trim_start_matches("/b/made/")));
    }
    let expected =
        ["create 0-0-d0", "create 0-0-d1", "delete 0-0-d0", "create 0-1-d0", "create 0-0-d2"];
    assert_eq!(seen[..5], expected);
    assert_eq!(seen[5], "delete 0-0-d1");
    assert_eq!(source.left(), 2);
}

#[test]
fn reads_are_encoded_as_the_session_does() {
    let mut source = source(Mix { read: 1.0, ..Mix::empty() });
    let mut same = source.clone();
    for xid in [7, i32::MAX] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        assert_eq!(source.put_next(0, xid, &mut ours), Op::Read);
        let path = Cow::Borrowed(same.znodes.draw(&mut same.dice));
        Request::GetData { path, watch: false }.encode(Xid(xid), &mut theirs);
        assert_eq!(ours, theirs);
    }
}

#[test]
fn sizes_are_drawn_from_their_range() {
    let mut source = source(Mix { write: 1.0, ..Mix::empty() });
    let draw = |_| source.znodes.draw_size(&mut source.dice);
    let sizes: Vec<usize> = (0..200).map(draw).collect();
    assert_eq!((sizes.iter().min(), sizes.iter().max()), (Some(&10), Some(&20)));
}

#[test]
fn replies_of_another_length_or_with_errors_inside_are_refused() {
    let source = source(Mix { read: 1.0, batch: 1, ..Mix::empty() });
    let mut multi = Vec::new();
    MultiHeader::result(OpCode::SetData).encode(&mut multi);
    multi.extend_from_slice(&[0; STAT]);
    MultiHeader::END.encode(&mut multi);
    let mut failed = Vec::new();
    MultiHeader::encode_error(-101, &mut failed);
    MultiHeader::END.encode(&mut failed);
    for (op, record, good) in [
        (Op::Read, vec![0; 4 + 10 + STAT], true),
        (Op::Read, vec![0; 4 + 9 + STAT], false),
        (Op::Read, vec![0; 4 + 21 + STAT], false),
        (Op::Read, vec![], false),
        (Op::Write, vec![0; STAT], true),
        (Op::Write, vec![0; STAT - 1], false),
        (Op::Children, vec![0, 0, 0, 10], true),
        (Op::Children, vec![255; 4], false),
        (Op::Create, [vec![0, 0, 0, 1, b'/'], vec![0; STAT]].concat(), true),
        (Op::Create, vec![0, 0, 0, 9], false),
        (Op::Delete, vec![], true),
        (Op::Delete, vec![1], false),
        (Op::Multi, multi.clone(), true),
        (Op::Multi, multi[..multi.len() - 9].to_vec(), false),
        (Op::Multi, MultiHeader::END.kind.to_be_bytes().to_vec(), false),
        (Op::Multi, failed, false),
    ] {
        assert_eq!(source.check(op, &record).is_ok(), good, "{op} {record:?}");
    }
}
