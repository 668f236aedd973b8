//! Messages between servers as the bytes that they are on a real connection, and back: so runs
//! hunt the codec too, and show that nothing needs what the bytes do not say.

use crate::bug::Bug;
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;
use zoarium_proto::election::next_message;
use zoarium_proto::{Reader, ServerId};
use zoarium_zab::wire::{
    Direction, Introduction, Packets, Read, put_notification, put_packet, read_notification,
    whole_packets,
};
use zoarium_zab::{Channel, Link, Message, Notification, Packet};

/// Where the epoch of a packet's zxid is.
const ZXID_UPPER_HALF: Range<usize> = 4..8;

/// What a message is when `own` has sent it on a link and its bytes were read.
///
/// # Panics
/// If it cannot be read back.
pub(super) fn through_bytes(
    own: ServerId,
    link: Link,
    message: &Message,
    bug: Option<Bug>,
) -> Message {
    match message {
        Message::Election(notification) => Message::Election(election(notification)),
        Message::Quorum(packet) => Message::Quorum(quorum(own, link, packet, bug)),
    }
}

fn election(notification: &Notification) -> Notification {
    let mut bytes = Vec::new();
    put_notification(notification, &mut bytes);
    let body = next_message(&mut Reader::new(&bytes)).ok().flatten();
    let read = body.map(read_notification);
    let Some(Ok(mut read)) = read else {
        panic!("{notification:?} is read as {read:?}");
    };
    assert_eq!(read, *notification, "read back");
    // One membership is shared by all who speak of it.
    read.membership = Arc::clone(&notification.membership);
    read
}

fn quorum(own: ServerId, link: Link, packet: &Packet, bug: Option<Bug>) -> Packet {
    let direction = match link.channel {
        Channel::Leader => Direction::ToLeader,
        Channel::Learner | Channel::Election => Direction::ToLearner,
    };
    let mut bytes = Vec::new();
    put_packet(packet, direction, own, &mut bytes);
    if bug == Some(Bug::ZxidCutOnWire) {
        // Behind the type stands the zxid.
        bytes[ZXID_UPPER_HALF].fill(0);
    }
    // A connection may break it anywhere; then it is not whole yet.
    let begun = bytes.len() / 2;
    let whole = |length: usize| whole_packets(&bytes[..length], direction, usize::MAX).ok();
    assert_eq!([whole(begun), whole(bytes.len())], [Some(0), Some(bytes.len())], "{packet:?}");
    if let Packet::FollowerInfo(_) | Packet::ObserverInfo(_) = packet {
        let read = Introduction::read(&bytes).ok().flatten();
        let Some(Introduction { learner, packet: read, .. }) = read else {
            panic!("{packet:?} is no introduction");
        };
        assert_eq!((learner, &read), (own, packet), "read back");
        return read;
    }
    let read: Vec<_> = Packets::new(Bytes::from(bytes), direction).collect();
    match &read[..] {
        [Ok(Read::Packet(read))] => {
            assert_eq!(read, packet, "read back");
            read.clone()
        }
        _ => panic!("{packet:?} is read as {read:?}"),
    }
}
