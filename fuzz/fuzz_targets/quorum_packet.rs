//! The quorum port: a stream of packets, each read as a leader's and as a learner's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zoarium_proto::Reader;
use zoarium_proto::quorum::{AuthPacket, LeaderMessage, LearnerMessage, QuorumPacket};

const MAX: usize = 4096;

fuzz_target!(|bytes: &[u8]| {
    let mut reader = Reader::new(bytes);
    while let Ok(Some(packet)) = AuthPacket::next(&mut reader) {
        let mut again = Vec::new();
        packet.encode(&mut again);
        assert_eq!(AuthPacket::next(&mut Reader::new(&again)), Ok(Some(packet)));
    }
    while let Ok(Some(packet)) = QuorumPacket::next(&mut reader, MAX) {
        check(&packet);
    }
});

fn check(packet: &QuorumPacket<'_>) {
    let mut again = Vec::new();
    packet.encode(&mut again);
    assert_eq!(QuorumPacket::next(&mut Reader::new(&again), MAX), Ok(Some(*packet)));
    assert!(packet.identities.iter().count() <= MAX);
    // Replacing invalid UTF-8 makes it longer.
    let max = 4 * MAX;
    if let Ok(Some(message)) = LeaderMessage::decode(packet) {
        again.clear();
        message.encode(&mut again);
        let packet = QuorumPacket::next(&mut Reader::new(&again), max).unwrap().unwrap();
        assert_eq!(LeaderMessage::decode(&packet), Ok(Some(message)));
    }
    if let Ok(Some(message)) = LearnerMessage::decode(packet) {
        if let LearnerMessage::Ping { touches, .. } = message {
            assert!(touches.iter().count() <= MAX);
        }
        again.clear();
        message.encode(&mut again);
        let packet = QuorumPacket::next(&mut Reader::new(&again), max).unwrap().unwrap();
        assert_eq!(LearnerMessage::decode(&packet), Ok(Some(message)));
    }
}
