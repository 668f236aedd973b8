//! What servers of an ensemble tell each other, as messages: what is read is read again as the same
//! when it is written.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use zoarium_proto::ServerId;
use zoarium_zab::wire::{
    Direction, Introduction, Packets, Read, put_notification, put_packet, read_notification,
    whole_packets,
};

const MAX: usize = 4096;

fuzz_target!(|bytes: &[u8]| {
    for direction in [Direction::ToLeader, Direction::ToLearner] {
        if let Ok(length) = whole_packets(bytes, direction, MAX) {
            check(Bytes::copy_from_slice(&bytes[..length]), direction);
        }
    }
    let _ = Introduction::read(bytes);
    if let Ok(notification) = read_notification(bytes) {
        let mut again = Vec::new();
        put_notification(&notification, &mut again);
        let read = read_notification(&again[4..]).unwrap();
        assert_eq!(read, notification);
    }
});

fn check(bytes: Bytes, direction: Direction) {
    for read in Packets::new(bytes, direction).flatten() {
        let Read::Packet(packet) = read else { continue };
        let mut again = Vec::new();
        put_packet(&packet, direction, ServerId(7), &mut again);
        let read = Packets::new(again.into(), direction).next();
        assert_eq!(read, Some(Ok(Read::Packet(packet))));
    }
}
