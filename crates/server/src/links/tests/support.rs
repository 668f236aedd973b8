//! Servers, and peers that follow a script.

use crate::links::hub::{Hub, Members};
use crate::links::listen::Port;
use crate::links::{Batch, LinkEvent, LinkOptions, Links, Sink, election, quorum};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use zoarium_proto::election::{Addresses, Handshake};
use zoarium_proto::membership::HostPort;
use zoarium_proto::{Membership, Reader, ServerId, Zxid};
use zoarium_tree::TreeOptions;
use zoarium_zab::wire::{Direction, Packets, Read, put_notification, put_packet, whole_packets};
use zoarium_zab::{
    Channel, Epoch, LearnerInfo, Link, Message, Notification, Packet, PeerState, Round, Vote,
};

/// How long something that has to come may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long nothing has to come where nothing may.
pub(super) const SILENCE: Duration = Duration::from_millis(200);

pub(super) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("what was waited for did not come")
}

/// Ports of an ensemble on this host, which nobody else gets while this lives.
#[derive(Debug)]
pub(super) struct Seats {
    pub(super) membership: Membership,
    /// Bound and not listening, so that only who asks for the very port can have it.
    _reserved: Vec<TcpSocket>,
}

impl Seats {
    /// For the servers with these ids.
    pub(super) fn of(ids: impl IntoIterator<Item = u64>) -> Self {
        let mut reserved = Vec::new();
        let mut port = || {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_reuseaddr(true).unwrap();
            socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
            let port = socket.local_addr().unwrap().port();
            reserved.push(socket);
            port
        };
        let line = |id| format!("server.{id}=127.0.0.1:{}:{}:participant\n", port(), port());
        let lines: String = ids.into_iter().map(line).collect();
        Self { membership: Membership::parse(&lines).unwrap(), _reserved: reserved }
    }

    /// Without some of the members.
    pub(super) fn without(&self, ids: &[u64]) -> Membership {
        let mut membership = self.membership.clone();
        ids.iter().for_each(|id| drop(membership.members.remove(&ServerId(*id))));
        membership
    }

    pub(super) fn address(&self, id: u64, port: Port) -> SocketAddr {
        let member = &self.membership.members[&ServerId(id)].addresses[0];
        let port = match port {
            Port::Election => member.election_port,
            Port::Quorum => member.quorum_port,
        };
        (Ipv4Addr::LOCALHOST, port).into()
    }

    /// Listens in a server's place.
    pub(super) fn listen(&self, id: u64, port: Port) -> TcpListener {
        crate::server::listen(self.address(id, port), 16).unwrap()
    }
}

pub(super) fn options(id: u64) -> LinkOptions {
    LinkOptions {
        id: ServerId(id),
        init_limit: PATIENCE,
        handshake_timeout: PATIENCE,
        connect_timeout: PATIENCE,
        tcp_keep_alive: true,
        listen_on_all_ips: false,
        bind_attempts: Some(1),
        packet_bytes_max: 1 << 20,
        out_bytes_max: crate::links::OUT_BYTES_MAX,
        tree: TreeOptions::default(),
    }
}

/// A sink for tests that do not look at what comes.
#[derive(Debug)]
pub(super) struct Nowhere;

impl Sink for Nowhere {
    fn tell(&self, _batch: Batch) {}
    fn offer(&self, _batch: Batch) {}
    fn settle(&self) {}
}

#[derive(Debug)]
struct Queue(mpsc::UnboundedSender<Batch>);

impl Sink for Queue {
    fn tell(&self, batch: Batch) {
        // A test that is over reads no more.
        let _over = self.0.send(batch);
    }

    fn offer(&self, batch: Batch) {
        self.tell(batch);
    }

    fn settle(&self) {}
}

/// Why a server refuses somebody who says this and then nothing more.
pub(super) async fn refusal(port: Port, bytes: &[u8]) -> String {
    let seats = Seats::of([2]);
    let handshake_timeout = Duration::from_millis(50);
    let options = LinkOptions { handshake_timeout, init_limit: handshake_timeout, ..options(2) };
    let members = Members::new(ServerId(2), &seats.membership, None);
    let hub = Arc::new(Hub::new(options, Arc::new(Nowhere), members));
    let listener = seats.listen(2, port);
    let mut raw = Raw::connect(seats.address(2, port)).await;
    raw.send(bytes).await;
    let (stream, remote) = listener.accept().await.unwrap();
    let welcomed = match port {
        Port::Election => election::welcome(stream, remote, &hub).await,
        Port::Quorum => quorum::welcome(stream, remote, &hub).await,
    };
    welcomed.unwrap_err().to_string()
}

/// Links, and what has come from them.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) links: Links,
    arrived: mpsc::UnboundedReceiver<Batch>,
    pub(super) batch: Option<Batch>,
    /// Events of election links are passed over.
    quorum_only: bool,
}

impl Server {
    pub(super) async fn start(id: u64, membership: &Membership) -> Self {
        Self::start_with(options(id), membership).await
    }

    pub(super) async fn start_with(options: LinkOptions, membership: &Membership) -> Self {
        let (push, arrived) = mpsc::unbounded_channel();
        let links = Links::start(options, membership, None, Arc::new(Queue(push))).await.unwrap();
        Self { links, arrived, batch: None, quorum_only: false }
    }

    /// For tests that do not care for elections.
    pub(super) const fn quorum_only(mut self) -> Self {
        self.quorum_only = true;
        self
    }

    /// The next event.
    pub(super) async fn next(&mut self) -> LinkEvent {
        loop {
            if let Some(batch) = &mut self.batch {
                let passed = self.quorum_only && batch.connection.link.channel == Channel::Election;
                if let Some(event) = self.links.next(batch)
                    && !passed
                {
                    return event;
                }
            }
            self.batch = None;
            self.batch = Some(soon(self.arrived.recv()).await.unwrap());
        }
    }

    /// The next batch, instead of its events.
    pub(super) async fn next_batch(&mut self) -> Batch {
        soon(self.arrived.recv()).await.unwrap()
    }

    /// Whether no batch comes.
    pub(super) async fn is_silent(&mut self) -> bool {
        tokio::time::timeout(SILENCE, self.arrived.recv()).await.is_err()
    }

    /// The next event, in words.
    pub(super) async fn said(&mut self) -> String {
        shown(&self.next().await)
    }

    /// Passes events up to this one.
    pub(super) async fn until(&mut self, event: &str) {
        while self.said().await != event {}
    }

    pub(super) fn send(&mut self, link: Link, message: impl Into<Sent>) {
        let Sent(message) = message.into();
        self.links.send(link, &message);
        self.links.flush();
    }
}

/// What a test sends.
pub(super) struct Sent(Message);

impl From<Packet> for Sent {
    fn from(packet: Packet) -> Self {
        Self(Message::Quorum(packet))
    }
}

impl From<Notification> for Sent {
    fn from(notification: Notification) -> Self {
        Self(Message::Election(notification))
    }
}

fn shown(event: &LinkEvent) -> String {
    match event {
        LinkEvent::Up(link) => format!("up {}", shown_link(*link)),
        LinkEvent::Down(link) => format!("down {}", shown_link(*link)),
        LinkEvent::Message { from, message: Message::Election(notification) } => {
            format!("{}: {}", shown_link(*from), notification.round)
        }
        LinkEvent::Message { from, message: Message::Quorum(packet) } => {
            format!("{}: {}", shown_link(*from), packet.name())
        }
        LinkEvent::SnapshotSent { to } => format!("snapshot sent to {to}"),
        LinkEvent::SnapshotArrived { leader, zxid, tree } => {
            format!("snapshot {zxid} of {} znodes from {leader}", tree.znode_count())
        }
    }
}

fn shown_link(link: Link) -> String {
    let channel = match link.channel {
        Channel::Election => "election",
        Channel::Leader => "leader",
        Channel::Learner => "learner",
    };
    format!("{channel} {}", link.peer)
}

/// A vote whose round tells it from others.
pub(super) fn notification(round: u64) -> Notification {
    let vote = Some(Vote { epoch: Epoch(0), zxid: Zxid::ZERO, leader: ServerId(1) });
    let membership = Arc::new(Membership::parse("server.1=a:1:2:participant").unwrap());
    Notification { state: PeerState::Looking, vote, round: Round(round), membership }
}

pub(super) const INFO: LearnerInfo =
    LearnerInfo { accepted: Epoch(0), membership_version: Zxid::ZERO };

pub(super) fn election_link(id: u64) -> Link {
    Link::election(ServerId(id))
}

pub(super) fn leader_link(id: u64) -> Link {
    Link::leader(ServerId(id))
}

pub(super) fn learner_link(id: u64) -> Link {
    Link::learner(ServerId(id))
}

/// A peer that follows a script.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) stream: TcpStream,
}

impl Raw {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        let stream = soon(TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    pub(super) async fn accept(listener: &TcpListener) -> Self {
        Self { stream: soon(listener.accept()).await.unwrap().0 }
    }

    /// Connects as a learner would.
    pub(super) async fn learner(address: SocketAddr, id: u64) -> Self {
        let mut raw = Self::connect(address).await;
        raw.send(&packet_bytes(&Packet::FollowerInfo(INFO), Direction::ToLeader, id)).await;
        raw
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        soon(self.stream.write_all(bytes)).await.unwrap();
    }

    pub(super) async fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        soon(self.stream.read_exact(&mut bytes)).await.unwrap();
        bytes
    }

    /// All that comes until the server closes the connection.
    pub(super) async fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read = soon(self.stream.read_to_end(&mut bytes)).await;
        // A reset closes it too.
        assert!(read.is_ok() || bytes.is_empty());
        bytes
    }
}

pub(super) fn packet_bytes(packet: &Packet, direction: Direction, own: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_packet(packet, direction, ServerId(own), &mut bytes);
    bytes
}

/// The names of packets that a learner is sent.
pub(super) fn names(bytes: &[u8]) -> Vec<&'static str> {
    let length = whole_packets(bytes, Direction::ToLearner, 1 << 20).unwrap();
    assert_eq!(length, bytes.len());
    let name = |read| match read {
        Ok(Read::Packet(packet)) => packet.name(),
        other => panic!("{other:?}"),
    };
    Packets::new(bytes.to_vec().into(), Direction::ToLearner).map(name).collect()
}

pub(super) fn notification_bytes(round: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_notification(&notification(round), &mut bytes);
    bytes
}

pub(super) fn handshake_bytes(id: u64, addresses: &[SocketAddr]) -> Vec<u8> {
    let mut addresses: Vec<_> = addresses
        .iter()
        .map(|it| HostPort { host: it.ip().to_string(), port: it.port() })
        .collect();
    let addresses = match addresses.len() {
        0 => Addresses::None,
        1 => Addresses::One(addresses.remove(0)),
        _ => Addresses::Several(addresses),
    };
    let mut bytes = Vec::new();
    Handshake { server: Some(ServerId(id)), addresses }.encode(&mut bytes);
    bytes
}

/// Reads a server's handshake.
pub(super) async fn read_handshake(raw: &mut Raw) -> Handshake {
    let mut bytes = Vec::new();
    loop {
        if let Some(handshake) = Handshake::next(&mut Reader::new(&bytes)).unwrap() {
            return handshake;
        }
        bytes.extend(raw.read(1).await);
    }
}
