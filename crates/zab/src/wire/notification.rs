//! Notifications.

use super::WireError;
use crate::ids::{Epoch, Round};
use crate::message::{Notification, PeerState, Vote};
use alloc::string::ToString;
use alloc::sync::Arc;
use bytes::BufMut;
use zoarium_proto::Membership;
use zoarium_proto::election as wire;

/// Appends a notification with its length before it.
///
/// # Panics
/// If the membership's text is 2 GiB or longer.
pub fn put_notification(notification: &Notification, out: &mut impl BufMut) {
    let Notification { state, vote, round, membership } = notification;
    let message = wire::Notification {
        state: match state {
            PeerState::Looking => wire::PeerState::Looking,
            PeerState::Following => wire::PeerState::Following,
            PeerState::Leading => wire::PeerState::Leading,
            PeerState::Observing => wire::PeerState::Observing,
        },
        leader: vote.map(|vote| vote.leader),
        zxid: vote.map(|vote| vote.zxid),
        election_epoch: round.0,
        peer_epoch: vote.map(|vote| vote.epoch.0),
        version: wire::NotificationVersion::V2,
        config: Some(membership.to_string().into()),
    };
    message.encode(out);
}

/// Reads the body of a message, as [`wire::next_message`] gives it.
///
/// # Errors
/// If it is no notification, or one of a release before 3.5. Only the message is of no use then:
/// the connection is to be kept (ZOOKEEPER-3769).
pub fn read_notification(body: &[u8]) -> Result<Notification, WireError> {
    let message = wire::Notification::decode(body).map_err(WireError::Notification)?;
    let text = message.config.ok_or(WireError::OldNotification)?;
    let membership = Membership::parse(&text)
        .map_err(|source| WireError::Membership { what: "a notification", source })?;
    let epoch = message.peer_epoch.map(epoch).transpose()?;
    let vote = (|| Some(Vote { epoch: epoch?, zxid: message.zxid?, leader: message.leader? }))();
    let state = match message.state {
        wire::PeerState::Looking => PeerState::Looking,
        wire::PeerState::Following => PeerState::Following,
        wire::PeerState::Leading => PeerState::Leading,
        wire::PeerState::Observing => PeerState::Observing,
    };
    let (round, membership) = (Round(message.election_epoch), Arc::new(membership));
    Ok(Notification { state, vote, round, membership })
}

fn epoch(value: u32) -> Result<Epoch, WireError> {
    let epoch = Epoch(value);
    if epoch <= Epoch::MAX { Ok(epoch) } else { Err(WireError::Epoch { value }) }
}
