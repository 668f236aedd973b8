//! A client's first frame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zoarium_proto::Reader;
use zoarium_proto::connect::ConnectRequest;

fuzz_target!(|bytes: &[u8]| {
    let mut reader = Reader::new(bytes);
    let Ok(request) = ConnectRequest::decode(&mut reader) else { return };
    let mut again = Vec::new();
    request.encode(&mut again);
    assert_eq!(ConnectRequest::decode(&mut Reader::new(&again)), Ok(request));
});
