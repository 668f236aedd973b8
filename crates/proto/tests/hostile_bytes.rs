//! No decoder panics, loops or allocates without bound on any bytes: random ones, and real ones
//! that were cut or changed.

#![expect(clippy::unwrap_used, reason = "a test")]

use proptest::prelude::*;
use zoarium_proto::connect::ConnectRequest;
use zoarium_proto::jute::put_buffer;
use zoarium_proto::multi::{MultiHeader, MultiRequest};
use zoarium_proto::request::{
    AuthRequest, CreateRequest, PathModeRequest, PathVersionRequest, PathWatchRequest,
    ReconfigRequest, RequestHeader, SetAclRequest, SetDataRequest, SetWatchesRequest,
};
use zoarium_proto::txn::LoggedTxn;
use zoarium_proto::{AclList, OpCode, RawStat, Reader, Stat, WatchedEvent, path};

const REQUESTS: &[u8] = include_bytes!("captures/client1.requests.bin");
const LOG: &[u8] = include_bytes!("captures/log.1.bin");

/// Tries every decoder there is.
fn decode_all(bytes: &[u8]) {
    let reader = || Reader::new(bytes);
    let _ = ConnectRequest::decode(&mut reader());
    let _ = RequestHeader::decode(&mut reader()).map(|header| header.op());
    for op in OpCode::ALL {
        let _ = CreateRequest::decode(*op, &mut reader());
        if let Ok(request) = SetWatchesRequest::decode(*op, &mut reader()) {
            let lists = [request.data, request.exist, request.child, request.persistent];
            assert!(lists.iter().map(|list| list.iter().count()).sum::<usize>() <= bytes.len());
        }
    }
    let _ = PathWatchRequest::decode(&mut reader());
    let _ = PathVersionRequest::decode(&mut reader());
    let _ = PathModeRequest::decode(&mut reader());
    let _ = SetDataRequest::decode(&mut reader());
    let _ = SetAclRequest::decode(&mut reader());
    let _ = AuthRequest::decode(&mut reader());
    let _ = ReconfigRequest::decode(&mut reader());
    let _ = MultiHeader::decode(&mut reader());
    let _ = MultiRequest::decode(&mut reader());
    let _ = Stat::decode(&mut reader());
    let _ = RawStat::decode(&mut reader());
    let _ = WatchedEvent::decode(0, &mut reader());
    if let Ok(Some(list)) = AclList::decode(&mut reader()) {
        assert!(list.iter().count() <= bytes.len());
        assert_eq!(AclList::from_encoded(list.encoded()), Ok(list));
    }
    let _ = AclList::from_encoded(bytes);
    if let Ok(txn) = LoggedTxn::decode(bytes) {
        let mut again = Vec::new();
        txn.encode(&mut again);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = (path::validate(text), path::split(text));
    }
}

/// Bytes that look like lengths, counts and types more often than chance has it.
fn plausible() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![
        (-2..32_i32).prop_map(|n| n.to_be_bytes().to_vec()),
        any::<i32>().prop_map(|n| n.to_be_bytes().to_vec()),
        any::<i64>().prop_map(|n| n.to_be_bytes().to_vec()),
    ];
    let text = "[a-z/:]{0,12}".prop_map(|text| {
        let mut out = Vec::new();
        put_buffer(&mut out, Some(text.as_bytes()));
        out
    });
    let bytes = prop::collection::vec(any::<u8>(), 0..8);
    prop::collection::vec(prop_oneof![4 => number, 3 => text, 1 => bytes], 0..24)
        .prop_map(|chunks| chunks.concat())
}

/// The bytes of a log's entry or of a request's frame, without the length.
fn real_records() -> Vec<&'static [u8]> {
    let mut records = Vec::new();
    let mut requests = Reader::new(REQUESTS);
    while !requests.is_at_end() {
        let frame = requests.buffer().unwrap().unwrap();
        records.extend([frame, frame.get(8..).unwrap_or_default()]);
    }
    let mut log = Reader::new(LOG);
    log.raw(16).unwrap();
    while !log.is_at_end() {
        log.long().unwrap();
        records.push(log.buffer().unwrap().unwrap());
        log.byte().unwrap();
    }
    records
}

proptest! {
    #[test]
    fn random_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        decode_all(&bytes);
    }

    #[test]
    fn plausible_bytes_are_decoded_or_refused(bytes in plausible()) {
        decode_all(&bytes);
    }

    #[test]
    fn damaged_records_are_decoded_or_refused(
        record in prop::sample::select(real_records()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        length in any::<prop::sample::Index>(),
    ) {
        let mut bytes = record.to_vec();
        for (at, value) in changes {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
        }
        decode_all(&bytes);
        decode_all(&bytes[..length.index(bytes.len() + 1)]);
    }
}

#[test]
fn counts_beyond_the_bytes_cost_nothing() {
    // A vector of 2^31 - 1 elements, in each place where one can be promised.
    for prefix in 0..64 {
        let mut bytes = vec![0; prefix];
        bytes.extend([0x7F, 0xFF, 0xFF, 0xFF]);
        decode_all(&bytes);
        bytes.extend([0; 64]);
        decode_all(&bytes);
    }
}
