//! Virtual connections: FIFO in each direction, lost as a whole.

use crate::world::tree::Tree;
use std::collections::{BTreeSet, VecDeque};
use zoarium_proto::ServerId;
use zoarium_zab::{Channel, Link, Message};

/// What is under way on a connection.
#[derive(Debug)]
pub(crate) enum Item {
    Message(Message),
    Snapshot(Tree),
    Closed,
}

/// One end of a connection: whose, and how it calls the link.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) server: ServerId,
    pub(crate) link: Link,
    pub(crate) open: bool,
    /// What is on the way to this end.
    pub(crate) inbox: VecDeque<Item>,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) ends: [End; 2],
}

#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) connections: Vec<Connection>,
    /// Directions in which nothing is delivered.
    pub(crate) blocked: BTreeSet<(ServerId, ServerId)>,
}

/// A connection's number, and one of its ends.
pub(crate) type Place = (usize, usize);

impl Network {
    /// Connects `from`'s `link` with its other end.
    pub(crate) fn connect(&mut self, from: ServerId, link: Link) -> Link {
        let channel = match link.channel {
            Channel::Election => Channel::Election,
            Channel::Leader => Channel::Learner,
            Channel::Learner => Channel::Leader,
        };
        let back = Link { peer: from, channel };
        let end = |server, link| End { server, link, open: true, inbox: VecDeque::new() };
        self.connections.push(Connection { ends: [end(from, link), end(link.peer, back)] });
        back
    }

    pub(crate) fn is_blocked(&self, a: ServerId, b: ServerId) -> bool {
        self.blocked.contains(&(a, b)) || self.blocked.contains(&(b, a))
    }

    fn find(&self, server: ServerId, link: Link) -> Option<Place> {
        self.connections.iter().enumerate().find_map(|(index, connection)| {
            let end = connection
                .ends
                .iter()
                .position(|end| end.server == server && end.link == link && end.open)?;
            Some((index, end))
        })
    }

    pub(crate) fn is_open(&self, server: ServerId, link: Link) -> bool {
        self.find(server, link).is_some()
    }

    /// Sends, if the link is up.
    pub(crate) fn send(&mut self, server: ServerId, link: Link, item: Item) {
        if let Some((index, end)) = self.find(server, link) {
            self.connections[index].ends[1 - end].inbox.push_back(item);
        }
    }

    /// Closes one end; the other hears of it behind what was sent.
    pub(crate) fn close(&mut self, server: ServerId, link: Link) {
        if let Some((index, end)) = self.find(server, link) {
            let ends = &mut self.connections[index].ends;
            ends[end].open = false;
            ends[end].inbox.clear();
            ends[1 - end].inbox.push_back(Item::Closed);
        }
    }

    /// Ends with something to deliver.
    pub(crate) fn deliverable(&self) -> Vec<Place> {
        let mut places = Vec::new();
        for (index, connection) in self.connections.iter().enumerate() {
            for (number, end) in connection.ends.iter().enumerate() {
                let sender = connection.ends[1 - number].server;
                if end.open
                    && !end.inbox.is_empty()
                    && !self.blocked.contains(&(sender, end.server))
                {
                    places.push((index, number));
                }
            }
        }
        places
    }

    /// From whom to whom.
    pub(crate) fn route(&self, (index, end): Place) -> (ServerId, ServerId) {
        let ends = &self.connections[index].ends;
        (ends[1 - end].server, ends[end].server)
    }

    /// How much is under way from one server to another.
    pub(crate) fn count(&self, from: ServerId, to: ServerId) -> usize {
        let places =
            self.deliverable().into_iter().filter(|place| self.route(*place) == (from, to));
        places.map(|(index, end)| self.connections[index].ends[end].inbox.len()).sum()
    }

    pub(crate) fn take(&mut self, (index, end): Place) -> Option<(ServerId, Link, Item)> {
        let end = &mut self.connections[index].ends[end];
        let item = end.inbox.pop_front()?;
        if let Item::Closed = item {
            end.open = false;
        }
        Some((end.server, end.link, item))
    }

    /// Cuts all connections between two servers at once; the ends that were open.
    pub(crate) fn cut(&mut self, a: ServerId, b: ServerId) -> Vec<(ServerId, Link)> {
        let mut cut = Vec::new();
        for connection in &mut self.connections {
            let [x, y] = &mut connection.ends;
            if (x.server, y.server) == (a, b) || (x.server, y.server) == (b, a) {
                cut.extend([&*x, &*y].iter().filter(|end| end.open).map(|e| (e.server, e.link)));
                (x.open, y.open) = (false, false);
            }
        }
        self.sweep();
        cut
    }

    /// The server is gone; the others find out behind what it had sent, or at once.
    pub(crate) fn crash(&mut self, server: ServerId) {
        for connection in &mut self.connections {
            for end in 0..2 {
                if connection.ends[end].server == server && connection.ends[end].open {
                    connection.ends[end].open = false;
                    connection.ends[end].inbox.clear();
                    connection.ends[1 - end].inbox.push_back(Item::Closed);
                }
            }
        }
    }

    /// Forgets connections of which nothing is left.
    pub(crate) fn sweep(&mut self) {
        self.connections.retain(|connection| connection.ends.iter().any(|end| end.open));
    }
}
