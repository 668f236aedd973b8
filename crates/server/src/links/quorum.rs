//! The quorum port: learners come in and say who they are, the leader is dialled, and packets are
//! read from both.

use super::connection::{self, Connection, Ended, Shown};
use super::dial::{connect, remote};
use super::hub::Hub;
use super::listen::{Unwelcome, check_first_bytes};
use super::reader::fill;
use super::{LinkEvent, snapshot};
use bytes::{Buf, Bytes, BytesMut};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use zoarium_proto::Zxid;
use zoarium_proto::membership::HostPort;
use zoarium_zab::wire::{Direction, Introduction, Packets, Read, WireError, whole_packets};
use zoarium_zab::{Link, Message, Packet};

/// Lets a learner in that says who it is.
pub(super) async fn welcome(
    stream: TcpStream,
    remote: SocketAddr,
    hub: &Arc<Hub>,
) -> Result<(), Unwelcome> {
    let mut unread = BytesMut::new();
    let limit = hub.options.init_limit;
    let introduced = tokio::time::timeout(limit, introduction(&stream, &mut unread)).await;
    let silent = Unwelcome::Silent(limit, "FOLLOWERINFO or OBSERVERINFO");
    let Introduction { learner, packet, bytes } = introduced.unwrap_or(Err(silent))?;
    if learner == hub.options.id {
        return Err(Unwelcome::OwnId(learner));
    }
    unread.advance(bytes);
    let link = Link::learner(learner);
    let connection = Connection::new(link, hub);
    let first = LinkEvent::Message { from: link, message: Message::Quorum(packet) };
    hub.establish(&connection, vec![first], bytes)?;
    tracing::info!(link = %Shown(link), %remote, "up");
    hub.runtime.spawn(run(Arc::clone(hub), connection, stream, unread, Direction::ToLeader));
    Ok(())
}

async fn introduction(
    stream: &TcpStream,
    unread: &mut BytesMut,
) -> Result<Introduction, Unwelcome> {
    loop {
        check_first_bytes(unread)?;
        if let Some(introduction) = Introduction::read(unread).map_err(Unwelcome::Introduction)? {
            return Ok(introduction);
        }
        fill(stream, unread).await?;
    }
}

/// Connects to the leader of a link, and serves the connection.
pub(super) async fn dial(hub: Arc<Hub>, connection: Arc<Connection>) {
    let link = connection.link;
    let members = hub.members();
    let addresses = members.others.get(&link.peer).map(Vec::as_slice).unwrap_or_default();
    let addresses: Vec<_> = addresses
        .iter()
        .map(|it| HostPort { host: it.host.clone(), port: it.quorum_port })
        .collect();
    let connected = tokio::select! {
        connected = connect(&addresses, &hub.options) => connected,
        () = connection.ending() => return,
    };
    match connected {
        Ok(stream) => {
            connection.push(vec![LinkEvent::Up(link)], 0);
            tracing::info!(link = %Shown(link), remote = remote(&stream), "up");
            run(hub, connection, stream, BytesMut::new(), Direction::ToLearner).await;
        }
        Err(unreachable) => hub.retire(&connection, &unreachable.into()),
    }
}

/// Runs a connection on which packets come in this direction.
async fn run(
    hub: Arc<Hub>,
    connection: Arc<Connection>,
    stream: TcpStream,
    unread: BytesMut,
    direction: Direction,
) {
    let stream = Arc::new(stream);
    let reading = async {
        let Err(ended) = read(&hub, &connection, &stream, unread, direction).await;
        ended
    };
    connection::run(&hub, &connection, &stream, reading).await;
}

async fn read(
    hub: &Hub,
    connection: &Arc<Connection>,
    stream: &TcpStream,
    mut unread: BytesMut,
    direction: Direction,
) -> Result<Infallible, Ended> {
    loop {
        let whole = whole_packets(&unread, direction, hub.options.packet_bytes_max)?;
        if whole == 0 {
            connection.room(connection::IN_FLIGHT_BYTES_MAX).await;
            fill(stream, &mut unread).await?;
            continue;
        }
        let packets = unread.split_to(whole).freeze();
        let snap = hand_on(connection, packets, direction)?;
        if let Some(zxid) = snap {
            snapshot::receive(connection, stream, &mut unread, zxid, &hub.options).await?;
        }
    }
}

/// Hands packets on, as far as they can be read. The result is the zxid of a SNAP, which is the
/// last then.
fn hand_on(
    connection: &Arc<Connection>,
    bytes: Bytes,
    direction: Direction,
) -> Result<Option<Zxid>, WireError> {
    let from = connection.link;
    let (count, mut snap, mut refused) = (bytes.len(), None, None);
    let mut events = Vec::new();
    for read in Packets::new(bytes, direction) {
        match read {
            Ok(Read::Packet(packet)) => {
                if let (Packet::Snap { zxid }, Direction::ToLearner) = (&packet, direction) {
                    snap = Some(*zxid);
                }
                events.push(LinkEvent::Message { from, message: Message::Quorum(packet) });
            }
            Ok(Read::Skipped { kind }) => {
                tracing::warn!(link = %Shown(from), kind, "packet of an unknown type skipped");
            }
            Err(error) => refused = Some(error),
        }
    }
    connection.push_and_settle(events, count);
    refused.map_or(Ok(snap), Err)
}
