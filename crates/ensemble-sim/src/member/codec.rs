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

/// Room for most packets, in bytes.
const PACKET_BYTES: usize = 256;

/// Where the upper half of a packet's zxid is: behind the type.
const ZXID_UPPER_HALF: Range<usize> = 4..8;

/// Takes a server's messages through their bytes.
#[derive(Debug, Default)]
pub(super) struct Codec {
    /// The notification that was read last, as it was told. Most are told to one after the other.
    told: Option<Notification>,
}

impl Codec {
    /// What a message is when `own` has sent it on a link and its bytes were read.
    ///
    /// # Errors
    /// With what has become of it, if that is not the same.
    pub(super) fn through_bytes(
        &mut self,
        own: ServerId,
        link: Link,
        message: &Message,
        bug: Option<Bug>,
    ) -> Result<Message, String> {
        let read = match message {
            Message::Election(notification) if self.told.as_ref() == Some(notification) => {
                return Ok(message.clone());
            }
            Message::Election(notification) => Message::Election(election(notification)?),
            Message::Quorum(packet) => Message::Quorum(quorum(own, link, packet, bug)?),
        };
        if read != *message {
            return Err(format!("{message:?} is read as {read:?}"));
        }
        if let Message::Election(notification) = &read {
            self.told = Some(notification.clone());
        }
        Ok(read)
    }
}

fn election(notification: &Notification) -> Result<Notification, String> {
    let mut bytes = Vec::new();
    put_notification(notification, &mut bytes);
    let body = next_message(&mut Reader::new(&bytes)).map_err(|error| error.to_string())?;
    let read = read_notification(body.ok_or("a notification is no whole message")?);
    let mut read = read.map_err(|error| error.to_string())?;
    if read.membership == notification.membership {
        // One membership is shared by all who speak of it.
        read.membership = Arc::clone(&notification.membership);
    }
    Ok(read)
}

fn quorum(own: ServerId, link: Link, packet: &Packet, bug: Option<Bug>) -> Result<Packet, String> {
    let direction = match link.channel {
        Channel::Leader => Direction::ToLeader,
        Channel::Learner | Channel::Election => Direction::ToLearner,
    };
    let mut bytes = Vec::with_capacity(PACKET_BYTES);
    put_packet(packet, direction, own, &mut bytes);
    if bug == Some(Bug::ZxidCutOnWire) {
        bytes[ZXID_UPPER_HALF].fill(0);
    }
    // A connection may break it anywhere; then it is not whole yet.
    let whole = |length: usize| whole_packets(&bytes[..length], direction, usize::MAX).ok();
    let (half, all) = (bytes.len() / 2, bytes.len());
    if [whole(half), whole(all)] != [Some(0), Some(all)] {
        return Err(format!("{packet:?} is not one packet"));
    }
    if let Packet::FollowerInfo(_) | Packet::ObserverInfo(_) = packet {
        let read = Introduction::read(&bytes).map_err(|error| error.to_string())?;
        return match read {
            Some(read) if read.learner == own => Ok(read.packet),
            Some(_) | None => Err(format!("{packet:?} does not introduce {own}")),
        };
    }
    let mut read = Packets::new(Bytes::from(bytes), direction);
    match (read.next(), read.next()) {
        (Some(Ok(Read::Packet(read))), None) => Ok(read),
        (read, _) => Err(format!("{packet:?} is read as {read:?}")),
    }
}
