//! The connections to the other servers of the ensemble: election port and quorum port, both ways.
//!
//! [`Links`] is what the peer loop holds. It never blocks: what is sent goes into buffers that
//! tasks write out, what arrives comes as [`Batch`]es of [`LinkEvent`]s through a sink. Each
//! connection is one task; `connection.rs` is what it shares with the loop.
//!
//! | file | what it does | Apache's classes |
//! |---|---|---|
//! | `election.rs`, `election/` | one connection with each member, whoever opens it | `QuorumCnxManager` |
//! | `quorum.rs` | learners come in, the leader is dialled, packets are read | `LearnerHandler`, `Learner` |
//! | `snapshot.rs` | SNAP, out and in | the same |
//! | `connection.rs`, `outbox.rs`, `writer.rs`, `reader.rs` | one connection | |
//! | `traffic.rs` | what operators see of an observer's connection | `LearnerHandler` |
//! | `dial.rs`, `listen.rs` | how connections come about | |
//! | `hub.rs` | which connection is a link's | |
//!
//! **One connection at a time.** A [`Link`] may be carried by several connections after another,
//! and what an old one still holds must never be taken for the new one's. Every event of a
//! connection travels with that connection, and [`Links::next`] hands on only those of the
//! connection by which the loop knows the link: it learns it with `Up`, and forgets it with `Down`
//! or its own [`Links::disconnect`].
//!
//! **Notifications are of the moment.** One that cannot be sent at once is not kept for the next
//! connection, nor is the last one repeated there, as Apache's servers do: who is looking for a
//! leader tells its vote by itself when a link comes up, and who is not has nothing to say until it
//! is asked. Kept ones would only be stale.

mod connection;
mod dial;
mod election;
mod hub;
mod listen;
mod outbox;
mod quorum;
mod reader;
pub(crate) mod snapshot;
mod traffic;
mod writer;

pub use listen::ListenError;

use connection::{Connection, Shown};
use hub::{Hub, Members};
use listen::Ports;
pub(crate) use snapshot::{SnapshotSlice, SnapshotSource};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
pub(crate) use traffic::ObserverLink;
use zoarium_proto::{Membership, ServerId, Zxid};
use zoarium_tree::{Tree, TreeOptions};
use zoarium_zab::{Channel, Link, Message, Reason};

/// What may wait for a peer that is slow to read, in bytes, unless configured otherwise.
pub(crate) const OUT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How this server is connected with others.
#[derive(Clone, Debug)]
pub(crate) struct LinkOptions {
    /// This server.
    pub(crate) id: ServerId,
    /// `initLimit` as a time: how long a learner may take to introduce itself, and how long a peer
    /// may take no bytes, or send none of a snapshot.
    pub(crate) init_limit: Duration,
    /// How long a connection to the election port may take to say whose it is: `syncLimit` as a
    /// time, or `zookeeper.quorumCnxnTimeoutMs`.
    pub(crate) handshake_timeout: Duration,
    /// `zookeeper.cnxTimeout`: how long connecting to one address may take.
    pub(crate) connect_timeout: Duration,
    /// `zookeeper.tcpKeepAlive`.
    pub(crate) tcp_keep_alive: bool,
    /// `quorumListenOnAllIPs`.
    pub(crate) listen_on_all_ips: bool,
    /// `zookeeper.electionPortBindRetry`: attempts to open the ports at the start, a second apart;
    /// `None` for ever.
    pub(crate) bind_attempts: Option<u32>,
    /// Greatest length of a packet's data in bytes: `jute.maxbuffer` and its extra size. It must
    /// not be below that of any peer.
    pub(crate) packet_bytes_max: usize,
    /// What may wait for a peer that is slow to read, in bytes; see [`OUT_BYTES_MAX`].
    pub(crate) out_bytes_max: usize,
    /// Of the trees that snapshots make.
    pub(crate) tree: TreeOptions,
}

/// What happens on links.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// A link is up.
    Up(Link),
    /// A link is down, or a leader that was dialled does not answer.
    Down(Link),
    /// A message has come.
    Message {
        /// On which link.
        from: Link,
        /// What it says.
        message: Message,
    },
    /// What [`Links::send_snapshot`] was given has left as a whole.
    SnapshotSent {
        /// Whom for.
        to: ServerId,
    },
    /// The snapshot behind a SNAP has arrived as a whole.
    ///
    /// Nothing more is read from the leader before the batch that has this is dropped, so the loop
    /// may keep it until it is ready for what follows the snapshot.
    SnapshotArrived {
        /// Who sent it.
        leader: ServerId,
        /// The zxid of the SNAP.
        zxid: Zxid,
        /// The tree. It is fuzzy: exact only once the transactions behind it are applied.
        tree: Box<Tree>,
    },
}

/// Events of one connection, in order. They are taken out with [`Links::next`].
///
/// While too many bytes are in batches that are not dropped yet, their connection is not read.
#[derive(Debug)]
pub(crate) struct Batch {
    connection: Arc<Connection>,
    events: std::vec::IntoIter<LinkEvent>,
    /// How much was read for them.
    bytes: usize,
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.connection.release(self.bytes);
    }
}

/// Where batches go. It is called by tasks and must not block.
pub(crate) trait Sink: Debug + Send + Sync {
    /// Takes a batch that has to be seen to at once.
    fn tell(&self, batch: Batch);

    /// Takes a batch. [`Sink::settle`] follows.
    fn offer(&self, batch: Batch);

    /// Has what was offered seen to. The caller is in the middle of nothing.
    fn settle(&self);
}

/// The links of this server, as the peer loop has them.
#[derive(Debug)]
pub(crate) struct Links {
    hub: Arc<Hub>,
    /// The connections by which the loop knows links.
    known: BTreeMap<Link, Arc<Connection>>,
    /// Connections that were sent something since the last flush.
    unflushed: Vec<Arc<Connection>>,
    ports: Ports,
    dialers: election::Dialers,
}

impl Links {
    /// Opens both ports and begins to connect with the members. Must be called on a runtime, which
    /// runs the tasks from then on.
    ///
    /// # Errors
    /// If this server is no member, or its ports cannot be opened.
    pub(crate) async fn start(
        options: LinkOptions,
        membership: &Membership,
        proposed: Option<&Membership>,
        sink: Arc<dyn Sink>,
    ) -> Result<Self, ListenError> {
        let members = Members::new(options.id, membership, proposed);
        let hub = Arc::new(Hub::new(options, sink, members));
        let ports = Ports::open(&hub).await?;
        let mut dialers = election::Dialers::default();
        dialers.follow(&hub);
        let (known, unflushed) = (BTreeMap::new(), Vec::new());
        Ok(Self { hub, known, unflushed, ports, dialers })
    }

    /// The next event of a batch that still counts. The state machine is to hear of it, and what it
    /// says to that carried out, before the next one is taken: that may be void by then.
    pub(crate) fn next(&mut self, batch: &mut Batch) -> Option<LinkEvent> {
        let connection = &batch.connection;
        let link = connection.link;
        loop {
            let event = batch.events.next()?;
            let opens = matches!(event, LinkEvent::Up(_)) && link.channel != Channel::Leader;
            if opens {
                self.known.insert(link, Arc::clone(connection));
                return Some(event);
            }
            // What the loop has dialled it knows already.
            if self.known.get(&link).is_some_and(|known| Arc::ptr_eq(known, connection)) {
                if let LinkEvent::Down(_) = event {
                    self.known.remove(&link);
                }
                return Some(event);
            }
        }
    }

    /// Sends a message; [`Links::flush`] has to follow. On a link that is down it is lost, but an
    /// election link is then dialled at once.
    pub(crate) fn send(&mut self, link: Link, message: &Message) {
        if let Some(connection) = self.known.get(&link) {
            if connection.put(message, self.hub.options.id) {
                self.unflushed.push(Arc::clone(connection));
            }
        } else if link.channel == Channel::Election {
            self.hub.want(link.peer);
        }
        // Another link went down, and the state machine will hear of it.
    }

    /// Has all that was sent since the last time written. To be called once for every batch of
    /// work.
    pub(crate) fn flush(&mut self) {
        for connection in self.unflushed.drain(..) {
            if let Err(ended) = connection.flush() {
                self.hub.retire(&connection, &ended);
            }
        }
    }

    /// The connection of an observer.
    pub(crate) fn observer(&self, id: ServerId) -> Option<ObserverLink> {
        self.known.get(&Link::learner(id)).cloned().map(ObserverLink)
    }

    /// Connects to a leader's quorum port. `Up` or `Down` follows.
    pub(crate) fn dial(&mut self, leader: ServerId) {
        let link = Link::leader(leader);
        let connection = Connection::new(link, &self.hub);
        if let Some(old) = self.known.insert(link, Arc::clone(&connection)) {
            old.finish(&"dialled again");
        }
        self.hub.runtime.spawn(quorum::dial(Arc::clone(&self.hub), connection));
    }

    /// Closes a link when what was sent on it has left. Nothing more comes from it.
    pub(crate) fn disconnect(&mut self, link: Link, why: &Reason) {
        if let Some(connection) = self.known.remove(&link) {
            if why.is_misconduct() {
                tracing::warn!(link = %Shown(link), %why, "refused");
            }
            connection.finish(why);
        }
    }

    /// Sends SNAP with `zxid` and then all of `source`. What was sent before leaves before it, what
    /// is sent afterwards behind it. [`LinkEvent::SnapshotSent`] follows, or the link goes down.
    pub(crate) fn send_snapshot(
        &mut self,
        to: ServerId,
        zxid: Zxid,
        source: Box<dyn SnapshotSource>,
    ) {
        let outgoing = snapshot::Outgoing::new(zxid, source, &self.hub.runtime);
        if let Some(connection) = self.known.get(&Link::learner(to))
            && connection.put_snapshot(outgoing)
        {
            self.unflushed.push(Arc::clone(connection));
        }
    }

    /// Follows the memberships: connects with new members, closes the election links with those
    /// that are no members any more, and opens other ports if this server's addresses have
    /// changed.
    pub(crate) fn set_membership(
        &mut self,
        membership: &Membership,
        proposed: Option<&Membership>,
    ) {
        self.hub.set_members(Members::new(self.hub.options.id, membership, proposed));
        self.ports.follow(&self.hub);
        self.dialers.follow(&self.hub);
    }
}

/// Ports are closed, and links when what was sent on them has left.
impl Drop for Links {
    fn drop(&mut self) {
        self.hub.finish_all(&"the server stops");
        for connection in self.known.values() {
            connection.finish(&"the server stops");
        }
    }
}

#[cfg(test)]
mod tests;
