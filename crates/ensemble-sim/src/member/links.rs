//! Links with the other servers, each over a connection of its own, as production's link threads
//! keep them.
//!
//! Between two servers there is one connection for elections, which the one with the larger id
//! dials, and one from each learner to its leader. A number tells each from those before it, so
//! nothing of an old connection is taken for the new one's.

use super::codec::Codec;
use super::{Fx, Member};
use crate::bug::Bug;
use crate::participant::{Message, Name, Output, Timer};
use crate::segment::{Carried, Connection, Port, Segment};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use zoarium_process::{Input, Now};
use zoarium_proto::ServerId;
use zoarium_zab::{Channel, Link, Packet};

/// How long a leader may take to answer a dial.
const DIAL_TIME: Duration = Duration::from_millis(1000);

/// How long it takes to find that nobody can be dialled.
const REFUSAL_TIME: Duration = Duration::from_millis(2);

/// How long after its end an election connection is dialled again.
const REDIAL_PAUSE: Duration = Duration::from_millis(100);

/// The connections with other servers.
#[derive(Debug)]
pub(super) struct Links {
    id: u8,
    /// Connections dialled by this server so far.
    dialed: u64,
    /// Servers that can be reached.
    reachable: BTreeSet<u8>,
    /// By peer.
    elections: BTreeMap<u8, Election>,
    leader: Option<Leader>,
    /// By learner.
    learners: BTreeMap<u8, Learner>,
    codec: Codec,
}

#[derive(Debug)]
struct Election {
    connection: Connection,
    is_up: bool,
}

/// The way to the leader.
#[derive(Debug)]
struct Leader {
    peer: u8,
    connection: Connection,
    is_up: bool,
}

/// Connections that a learner has dialled.
#[derive(Debug, Default)]
struct Learner {
    /// The one that it has sent something on.
    up: Option<Connection>,
    /// A newer one that it has not.
    new: Option<Connection>,
}

impl Links {
    pub(super) fn new(id: u8, restarts: u64) -> Self {
        Self {
            id,
            // Servers that have not noticed the restart must not take old for new.
            dialed: restarts << 20,
            reachable: BTreeSet::new(),
            elections: BTreeMap::new(),
            leader: None,
            learners: BTreeMap::new(),
            codec: Codec::default(),
        }
    }

    fn dial(&mut self, port: Port) -> Connection {
        self.dialed += 1;
        Connection { port, dialer: self.id, number: self.dialed }
    }

    /// The connection that a link is, if it is up.
    fn connection(&self, link: Link) -> Option<Connection> {
        let peer = short(link.peer)?;
        match link.channel {
            Channel::Election => {
                self.elections.get(&peer).filter(|it| it.is_up).map(|it| it.connection)
            }
            Channel::Leader => {
                let leader = self.leader.as_ref().filter(|it| it.peer == peer && it.is_up);
                leader.map(|it| it.connection)
            }
            Channel::Learner => self.learners.get(&peer)?.up,
        }
    }

    /// The link that a connection is, if it is up.
    fn link(&self, peer: u8, connection: Connection) -> Option<Link> {
        let id = ServerId(peer.into());
        let all = [Link::election(id), Link::leader(id), Link::learner(id)];
        all.into_iter().find(|link| self.connection(*link) == Some(connection))
    }
}

impl Links {
    /// The link that a connection is or was, whether it is up or a newer one has taken its place.
    fn link_of(&self, peer: u8, connection: Connection) -> Option<Link> {
        let id = ServerId(peer.into());
        let link = match (connection.port, connection.dialer == self.id) {
            (Port::Election, _) => Link::election(id),
            (Port::Quorum, true) => Link::leader(id),
            (Port::Quorum, false) => Link::learner(id),
        };
        self.connection(link).map(|_| link)
    }
}

impl Member {
    pub(super) fn on_server_up(&mut self, _: Now, server: u8, fx: &mut Fx) {
        self.links.reachable.insert(server);
        self.dial_for_elections(server, fx);
    }

    pub(super) fn on_server_down(&mut self, now: Now, server: u8, fx: &mut Fx) {
        self.links.reachable.remove(&server);
        self.break_connections(now, Port::Election, server, fx);
        self.break_connections(now, Port::Quorum, server, fx);
        fx.cancel_timer(Timer::Redial(server));
    }

    pub(super) fn dial_for_elections(&mut self, server: u8, fx: &mut Fx) {
        let is_mine = self.links.id > server && self.links.reachable.contains(&server);
        if is_mine && !self.links.elections.contains_key(&server) {
            let connection = self.links.dial(Port::Election);
            self.links.elections.insert(server, Election { connection, is_up: false });
            send(server, connection, Carried::Open, fx);
        }
    }

    /// Dials a leader.
    pub(super) fn dial_leader(&mut self, now: Now, leader: ServerId, fx: &mut Fx) {
        let Some(peer) = short(leader) else { return };
        if let Some(before) = self.links.leader.take() {
            send(before.peer, before.connection, Carried::Close, fx);
        }
        let connection = self.links.dial(Port::Quorum);
        self.links.leader = Some(Leader { peer, connection, is_up: false });
        if self.links.reachable.contains(&peer) {
            send(peer, connection, Carried::Open, fx);
            fx.set_timer(Timer::DialOver, now.mono + DIAL_TIME);
        } else {
            fx.set_timer(Timer::DialOver, now.mono + REFUSAL_TIME);
        }
    }

    /// A leader that was dialled has not answered.
    pub(super) fn on_dial_over(&mut self, now: Now, fx: &mut Fx) {
        if let Some(leader) = self.links.leader.take_if(|leader| !leader.is_up) {
            send(leader.peer, leader.connection, Carried::Close, fx);
            self.feed(now, Input::LinkDown(Link::leader(ServerId(leader.peer.into()))), fx);
        }
    }

    /// Ends the connections of a kind with a server: the other end hears of it, if it can.
    pub(super) fn break_connections(&mut self, now: Now, port: Port, server: u8, fx: &mut Fx) {
        let id = ServerId(server.into());
        match port {
            Port::Election => {
                if let Some(election) = self.links.elections.remove(&server) {
                    send(server, election.connection, Carried::Close, fx);
                    self.on_election_down(now, server, election.is_up, fx);
                }
            }
            Port::Quorum => {
                if let Some(leader) = self.links.leader.take_if(|leader| leader.peer == server) {
                    send(server, leader.connection, Carried::Close, fx);
                    self.on_leader_down(now, server, fx);
                }
                let learner = self.links.learners.remove(&server).unwrap_or_default();
                for connection in [learner.up, learner.new].into_iter().flatten() {
                    send(server, connection, Carried::Close, fx);
                }
                if learner.up.is_some() {
                    self.stop_sending(server);
                    self.feed(now, Input::LinkDown(Link::learner(id)), fx);
                }
            }
        }
    }

    /// Closes a link because the peer said so.
    pub(super) fn disconnect(&mut self, link: Link, fx: &mut Fx) {
        let Some(peer) = short(link.peer) else { return };
        let connection = match link.channel {
            Channel::Election => self.links.elections.remove(&peer).map(|it| it.connection),
            Channel::Leader => {
                self.stop_receiving();
                self.forget_misconduct();
                self.links.leader.take_if(|it| it.peer == peer).map(|it| it.connection)
            }
            Channel::Learner => {
                self.stop_sending(peer);
                self.links.learners.get_mut(&peer).and_then(|learner| learner.up.take())
            }
        };
        if let Some(connection) = connection {
            send(peer, connection, Carried::Close, fx);
        }
    }

    pub(super) fn on_segment(&mut self, now: Now, from: u8, segment: Segment, fx: &mut Fx) {
        let Segment { connection, body, heard } = segment;
        match body {
            Carried::Open => self.on_open(now, from, connection, fx),
            Carried::Accepted => self.on_accepted(now, from, connection, fx),
            Carried::Close => self.on_close(now, from, connection, fx),
            Carried::Message(message) => {
                self.promote(now, from, connection, fx);
                let link = match self.has(Bug::OldConnectionHeard) {
                    true => self.links.link_of(from, connection),
                    false => self.links.link(from, connection),
                };
                if let Some(link) = link {
                    if self.asks_for_unconfirmed_sync(&message) {
                        let sync = zoarium_zab::Message::Quorum(Packet::Sync);
                        return self.send_on_link(now, link, sync, fx);
                    }
                    self.records.told(now.mono, &message, &heard);
                    self.hear(now, link, message, fx);
                }
            }
            Carried::Snapshot { bytes, is_last } => {
                if self.links.link(from, connection).is_some() {
                    self.on_snapshot_bytes(now, &bytes, is_last, fx);
                }
            }
        }
    }

    fn hear(&mut self, now: Now, link: Link, message: zoarium_zab::Message, fx: &mut Fx) {
        let Some(bug) = self.options.bug else {
            return self.feed(now, Input::Message { from: link, message }, fx);
        };
        for input in self.overheard(bug, link, message) {
            self.feed(now, input, fx);
        }
    }

    fn on_open(&mut self, now: Now, from: u8, connection: Connection, fx: &mut Fx) {
        match connection.port {
            Port::Election => {
                // Connections overtake each other, so it may be the newer one.
                if let Some(before) = self.links.elections.remove(&from) {
                    send(from, before.connection, Carried::Close, fx);
                    self.on_election_down(now, from, before.is_up, fx);
                }
                self.links.elections.insert(from, Election { connection, is_up: true });
                send(from, connection, Carried::Accepted, fx);
                self.feed(now, Input::LinkUp(Link::election(ServerId(from.into()))), fx);
            }
            Port::Quorum => {
                self.links.learners.entry(from).or_default().new = Some(connection);
                send(from, connection, Carried::Accepted, fx);
            }
        }
    }

    /// The first message on a connection that a learner has dialled names the learner: it takes
    /// the place of the one before.
    fn promote(&mut self, now: Now, from: u8, connection: Connection, fx: &mut Fx) {
        let Some(learner) = self.links.learners.get_mut(&from) else { return };
        if learner.new.take_if(|new| *new == connection).is_none() {
            return;
        }
        let link = Link::learner(ServerId(from.into()));
        if let Some(before) = learner.up.replace(connection) {
            send(from, before, Carried::Close, fx);
            self.stop_sending(from);
            self.feed(now, Input::LinkDown(link), fx);
        }
        self.feed(now, Input::LinkUp(link), fx);
    }

    fn on_accepted(&mut self, now: Now, from: u8, connection: Connection, fx: &mut Fx) {
        let id = ServerId(from.into());
        let election = self.links.elections.get_mut(&from);
        if let Some(election) = election.filter(|it| it.connection == connection && !it.is_up) {
            election.is_up = true;
            return self.feed(now, Input::LinkUp(Link::election(id)), fx);
        }
        let leader = self.links.leader.as_mut();
        if let Some(leader) = leader.filter(|it| it.connection == connection && !it.is_up) {
            leader.is_up = true;
            fx.cancel_timer(Timer::DialOver);
            self.feed(now, Input::LinkUp(Link::leader(id)), fx);
        }
    }

    fn on_close(&mut self, now: Now, from: u8, connection: Connection, fx: &mut Fx) {
        let id = ServerId(from.into());
        if self.links.elections.get(&from).is_some_and(|it| it.connection == connection) {
            let was_up = self.links.elections.remove(&from).is_some_and(|it| it.is_up);
            return self.on_election_down(now, from, was_up, fx);
        }
        if self.links.leader.take_if(|it| it.connection == connection).is_some() {
            return self.on_leader_down(now, from, fx);
        }
        let Some(learner) = self.links.learners.get_mut(&from) else { return };
        if learner.new == Some(connection) {
            learner.new = None;
        }
        if learner.up == Some(connection) {
            learner.up = None;
            self.stop_sending(from);
            self.feed(now, Input::LinkDown(Link::learner(id)), fx);
        }
    }

    fn on_election_down(&mut self, now: Now, server: u8, was_up: bool, fx: &mut Fx) {
        if self.links.id > server {
            fx.set_timer(Timer::Redial(server), now.mono + REDIAL_PAUSE);
        }
        if was_up {
            self.feed(now, Input::LinkDown(Link::election(ServerId(server.into()))), fx);
        }
    }

    fn on_leader_down(&mut self, now: Now, server: u8, fx: &mut Fx) {
        fx.cancel_timer(Timer::DialOver);
        self.forget_misconduct();
        self.stop_receiving();
        self.feed(now, Input::LinkDown(Link::leader(ServerId(server.into()))), fx);
    }

    /// Sends what the peer wants sent; dropped if the link is not up.
    pub(super) fn send_on_link(
        &mut self,
        now: Now,
        link: Link,
        message: zoarium_zab::Message,
        fx: &mut Fx,
    ) {
        if let Some(message) = self.spoil(now, link, message)
            && let Some(message) = self.behind_snapshot(link, message)
        {
            let own = ServerId(self.links.id.into());
            match self.links.codec.through_bytes(own, link, &message, self.options.bug) {
                Ok(message) => self.send_carried(link, Carried::Message(message), fx),
                Err(garbled) => fx.output(Output::Garbled(garbled)),
            }
        }
    }

    pub(super) fn send_carried(&mut self, link: Link, body: Carried, fx: &mut Fx) {
        let Some(connection) = self.links.connection(link) else { return };
        let Some(peer) = short(link.peer) else { return };
        let heard = match &body {
            Carried::Message(zoarium_zab::Message::Quorum(Packet::Ping { .. }))
                if link.channel == Channel::Leader =>
            {
                self.records.take_reported()
            }
            Carried::Open
            | Carried::Accepted
            | Carried::Message(_)
            | Carried::Snapshot { .. }
            | Carried::Close => Vec::new(),
        };
        let segment = Segment { connection, body, heard };
        fx.send(Name::Server(peer), Message::Server(segment));
    }
}

fn send(to: u8, connection: Connection, body: Carried, fx: &mut Fx) {
    let segment = Segment { connection, body, heard: Vec::new() };
    fx.send(Name::Server(to), Message::Server(segment));
}

/// The id as servers of a simulation have it.
pub(super) fn short(id: ServerId) -> Option<u8> {
    u8::try_from(id.0).ok()
}
