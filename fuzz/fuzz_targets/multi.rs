//! The parts of a multi or multiRead.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zoarium_proto::Reader;
use zoarium_proto::multi::MultiRequest;

fuzz_target!(|bytes: &[u8]| {
    // A part takes 9 bytes of header at least, so no request can make many out of few bytes.
    let parts = match MultiRequest::decode(&mut Reader::new(bytes)) {
        Err(_) | Ok(MultiRequest::Empty) => 0,
        Ok(MultiRequest::Writes(writes)) => writes.len(),
        Ok(MultiRequest::Reads(reads)) => reads.len(),
    };
    assert!(parts <= bytes.len() / 9);
});
