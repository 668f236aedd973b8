//! Links between servers: FIFO in each direction, lost as a whole.

use alloc::collections::VecDeque;
use std::collections::BTreeSet;
use std::vec::Vec;
use zoarium_proto::ServerId;
use zoarium_zab::{Channel, Link, Message, Txn};

/// What is on the way.
#[derive(Debug)]
pub(super) enum Item {
    Message(Message),
    /// A history.
    Snapshot(Vec<Txn>),
    Down,
}

/// One end of a connection: whose, and how it calls the link.
#[derive(Debug)]
struct End {
    server: ServerId,
    link: Link,
    open: bool,
    /// What is on the way to this end.
    inbox: VecDeque<Item>,
}

#[derive(Debug, Default)]
pub(super) struct Links {
    connections: Vec<[End; 2]>,
    /// Pairs between which nothing moves; what is on the way waits.
    pub(super) held: BTreeSet<(ServerId, ServerId)>,
    /// Pairs that cannot connect.
    pub(super) cut: BTreeSet<(ServerId, ServerId)>,
}

/// The name of a pair, whichever way round.
pub(super) fn pair(a: ServerId, b: ServerId) -> (ServerId, ServerId) {
    (a.min(b), a.max(b))
}

impl Links {
    /// Connects `from`'s link; the result is how the other end calls it.
    pub(super) fn connect(&mut self, from: ServerId, link: Link) -> Link {
        let channel = match link.channel {
            Channel::Election => Channel::Election,
            Channel::Leader => Channel::Learner,
            Channel::Learner => Channel::Leader,
        };
        let back = Link { peer: from, channel };
        let end = |server, link| End { server, link, open: true, inbox: VecDeque::new() };
        self.connections.push([end(from, link), end(link.peer, back)]);
        back
    }

    fn find(&self, server: ServerId, link: Link) -> Option<(usize, usize)> {
        self.connections.iter().enumerate().find_map(|(index, ends)| {
            let is_it = |end: &End| end.server == server && end.link == link && end.open;
            Some((index, ends.iter().position(is_it)?))
        })
    }

    pub(super) fn is_open(&self, server: ServerId, link: Link) -> bool {
        self.find(server, link).is_some()
    }

    /// Sends, if the link is up.
    pub(super) fn send(&mut self, server: ServerId, link: Link, item: Item) {
        if let Some((index, end)) = self.find(server, link) {
            self.connections[index][1 - end].inbox.push_back(item);
        }
    }

    /// Closes one end; the other hears of it behind what was sent.
    pub(super) fn close(&mut self, server: ServerId, link: Link) {
        if let Some((index, end)) = self.find(server, link) {
            self.close_end(index, end);
        }
    }

    /// A server is gone, or two are cut off from each other. What is held is lost.
    pub(super) fn close_all(&mut self, which: impl Fn(ServerId, ServerId) -> bool) {
        for index in 0..self.connections.len() {
            for end in 0..2 {
                let ends = &self.connections[index];
                if ends[end].open && which(ends[end].server, ends[1 - end].server) {
                    self.close_end(index, end);
                }
            }
        }
    }

    fn close_end(&mut self, index: usize, end: usize) {
        let ends = &mut self.connections[index];
        if self.held.contains(&pair(ends[0].server, ends[1].server)) {
            ends[1 - end].inbox.clear();
        }
        ends[end].open = false;
        ends[end].inbox.clear();
        ends[1 - end].inbox.push_back(Item::Down);
    }

    /// The next thing that arrives, and where.
    pub(super) fn take(&mut self) -> Option<(ServerId, Link, Item)> {
        self.connections.retain(|ends| ends.iter().any(|end| end.open));
        let held = &self.held;
        for ends in &mut self.connections {
            if held.contains(&pair(ends[0].server, ends[1].server)) {
                continue;
            }
            if let Some(end) = ends.iter_mut().find(|end| end.open && !end.inbox.is_empty()) {
                let item = end.inbox.pop_front().expect("it is not empty");
                end.open = !matches!(item, Item::Down);
                return Some((end.server, end.link, item));
            }
        }
        None
    }
}
