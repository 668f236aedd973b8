//! Several conversations over one link: which connection a packet belongs to.

use super::Message;
use std::collections::BTreeMap;
use zoarium_proto::ServerId;
use zoarium_zab::{Channel, Link, Packet};

/// The connections of a server. One that is opened anew takes the place of the old one, and what
/// the old one still brings is nobody's.
#[derive(Debug, Default)]
pub(super) struct Conversations {
    opened: u64,
    /// Servers that the simulator has a link with.
    reachable: Vec<ServerId>,
    /// To a leader.
    dialled: BTreeMap<ServerId, u64>,
    /// From learners. Who is there is known when the first packet has come.
    accepted: BTreeMap<ServerId, Accepted>,
}

#[derive(Clone, Copy, Debug)]
struct Accepted {
    connection: u64,
    is_named: bool,
}

impl Conversations {
    pub(super) fn is_reachable(&self, peer: ServerId) -> bool {
        self.reachable.contains(&peer)
    }

    pub(super) fn link_up(&mut self, peer: ServerId) {
        self.reachable.push(peer);
    }

    /// Everything with that server is over; the links that were up.
    pub(super) fn link_down(&mut self, peer: ServerId) -> Vec<Link> {
        self.reachable.retain(|other| *other != peer);
        let dialled = self.dialled.remove(&peer).map(|_| Link::leader(peer));
        let accepted = self.accepted.remove(&peer).filter(|accepted| accepted.is_named);
        let accepted = accepted.map(|_| Link::learner(peer));
        dialled.into_iter().chain(accepted).chain([Link::election(peer)]).collect()
    }

    /// Opens a connection to a leader.
    pub(super) fn dial(&mut self, peer: ServerId) -> Message {
        self.opened += 1;
        self.dialled.insert(peer, self.opened);
        Message::Open { connection: self.opened }
    }

    /// Takes a learner's connection; whether Zab knows of an earlier one.
    pub(super) fn accept(&mut self, peer: ServerId, connection: u64) -> bool {
        let accepted = Accepted { connection, is_named: false };
        self.accepted.insert(peer, accepted).is_some_and(|earlier| earlier.is_named)
    }

    /// A packet has come on a link; whether it is the first from this learner.
    pub(super) fn name(&mut self, link: Link) -> bool {
        match (link.channel, self.accepted.get_mut(&link.peer)) {
            (Channel::Learner, Some(accepted)) => !std::mem::replace(&mut accepted.is_named, true),
            (Channel::Learner | Channel::Leader | Channel::Election, _) => false,
        }
    }

    /// The packet as it goes over the link; none if there is no such connection.
    pub(super) fn pack(&self, link: Link, packet: Packet) -> Option<Message> {
        let (connection, by_learner) = self.find(link)?;
        Some(Message::Packet { connection, by_learner, packet })
    }

    /// The connection of a link, and whether this server opened it.
    pub(super) fn find(&self, link: Link) -> Option<(u64, bool)> {
        match link.channel {
            Channel::Leader => self.dialled.get(&link.peer).map(|connection| (*connection, true)),
            Channel::Learner => {
                self.accepted.get(&link.peer).map(|accepted| (accepted.connection, false))
            }
            Channel::Election => None,
        }
    }

    /// The link that a connection's message belongs to, if it is the current one.
    pub(super) fn link_of(
        &self,
        peer: ServerId,
        connection: u64,
        by_learner: bool,
    ) -> Option<Link> {
        let link = if by_learner { Link::learner(peer) } else { Link::leader(peer) };
        self.find(link).filter(|(current, _)| *current == connection).map(|_| link)
    }

    /// Closes this end; what to tell the other.
    pub(super) fn close(&mut self, link: Link) -> Option<Message> {
        let (connection, by_learner) = self.find(link)?;
        self.forget(link);
        Some(Message::Close { connection, by_learner })
    }

    /// The other end has closed.
    pub(super) fn forget(&mut self, link: Link) {
        match link.channel {
            Channel::Leader => {
                self.dialled.remove(&link.peer);
            }
            Channel::Learner => {
                self.accepted.remove(&link.peer);
            }
            Channel::Election => {}
        }
    }
}
