//! The election port: one connection with each other server, which the one with the greater id
//! opens. The other can only ask for it: it connects, says who it is, and is called back (Apache's
//! `QuorumCnxManager`).

mod dialer;

pub(super) use dialer::Dialers;

use super::LinkEvent;
use super::connection::{self, Connection, Ended, Shown};
use super::dial::{are_apart, connect, remote};
use super::hub::{Hub, TooManyStrangers};
use super::listen::{Unwelcome, check_first_bytes};
use super::reader::fill;
use bytes::{Buf, BytesMut};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use zoarium_proto::election::{Addresses, Handshake, next_message};
use zoarium_proto::membership::HostPort;
use zoarium_proto::{Reader, ServerId};
use zoarium_zab::wire::read_notification;
use zoarium_zab::{Link, Message};

/// A connection so young is not given up when the peer asks for one: both have had the same idea at
/// the same time. One that was lost is older, or gone with its process.
pub(super) const CROSSING: Duration = Duration::from_secs(1);

/// Takes a connection of a server with a greater id, and calls one with a smaller id back.
pub(super) async fn welcome(
    mut stream: TcpStream,
    remote: SocketAddr,
    hub: &Arc<Hub>,
) -> Result<(), Unwelcome> {
    let mut unread = BytesMut::new();
    let limit = hub.options.handshake_timeout;
    let shaken = tokio::time::timeout(limit, handshake(&stream, &mut unread)).await;
    let silent = Unwelcome::Silent(limit, "the handshake of a server");
    let Handshake { server, addresses } = shaken.unwrap_or(Err(silent))?;
    let server = server.ok_or(Unwelcome::NoServerId)?;
    if addresses == Addresses::None {
        return Err(Unwelcome::OldHandshake);
    }
    if server == hub.options.id {
        return Err(Unwelcome::OwnId(server));
    }
    let wish = hub.wish(server);
    let addresses = dialable(addresses.as_slice());
    if wish.as_ref().is_some_and(|wish| wish.is_news(&addresses)) {
        hub.runtime.spawn(look_for_double(server, addresses.clone(), remote, Arc::clone(hub)));
    }
    if server > hub.options.id {
        if !hub.is_member(server) {
            tracing::info!(%server, %remote, "a server that is no member connects for election");
        }
        return Ok(serve(stream, unread, Link::election(server), hub)?);
    }
    // The asker does not wait for an answer.
    let _closed = stream.shutdown().await;
    drop(stream);
    match wish {
        Some(wish) => {
            wish.tell(&addresses);
            if let Some(lost) = hub.current(Link::election(server))
                && lost.age() >= CROSSING
            {
                hub.retire(&lost, &Ended::Asked);
            }
            wish.urge();
        }
        None => call_back_stranger(server, addresses, remote, hub).await,
    }
    Ok(())
}

async fn handshake(stream: &TcpStream, unread: &mut BytesMut) -> Result<Handshake, Unwelcome> {
    loop {
        check_first_bytes(unread)?;
        let mut reader = Reader::new(unread);
        let shaken = Handshake::next(&mut reader).map_err(Unwelcome::Handshake)?;
        let passed = reader.offset();
        if let Some(handshake) = shaken {
            unread.advance(passed);
            return Ok(handshake);
        }
        fill(stream, unread).await?;
    }
}

/// Says so when somebody with a member's id is elsewhere than the configuration has that member.
async fn look_for_double(server: ServerId, says: Vec<HostPort>, remote: SocketAddr, hub: Arc<Hub>) {
    let members = hub.members();
    let known = members.others.get(&server).into_iter().flatten();
    let known: Vec<HostPort> =
        known.map(|it| HostPort { host: it.host.clone(), port: it.election_port }).collect();
    if are_apart(&says, &dialable(&known), hub.options.connect_timeout).await {
        tracing::warn!(
            %server, %remote, says = %list(&says), configured = %list(&known),
            "a server with this id is elsewhere than the configuration says: it may be another one \
             with the same myid, or of another ensemble"
        );
    }
}

fn list(addresses: &[HostPort]) -> String {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    addresses.join(", ")
}

/// Addresses that do not stand for all of a machine.
fn dialable(addresses: &[HostPort]) -> Vec<HostPort> {
    addresses.iter().filter(|address| !address.is_unspecified()).cloned().collect()
}

/// Connects to a server that is no member yet, at the address it gives, once: it asks again if it
/// needs to.
async fn call_back_stranger(
    server: ServerId,
    addresses: Vec<HostPort>,
    remote: SocketAddr,
    hub: &Arc<Hub>,
) {
    tracing::info!(%server, %remote, "a server that is no member asks to be connected for election");
    match call(&addresses, hub).await {
        Ok(stream) => {
            let link = Link::election(server);
            if let Err(why) = serve(stream, BytesMut::new(), link, hub) {
                tracing::warn!(%server, %why, "not connected");
            }
        }
        Err(why) => tracing::warn!(%server, %why, "it cannot be connected to"),
    }
}

/// Connects and says who this server is.
async fn call(addresses: &[HostPort], hub: &Hub) -> Result<TcpStream, Ended> {
    let mut stream = connect(addresses, &hub.options).await?;
    // In one write: Apache's server takes what a single read gives it for the whole address.
    stream.write_all(&own_handshake(hub)).await?;
    Ok(stream)
}

/// With one address, as servers without `multiAddress.enabled` send it and all since 3.5
/// understand it.
fn own_handshake(hub: &Hub) -> Vec<u8> {
    let members = hub.members();
    let own = members.own.first().map_or_else(
        || HostPort { host: "0.0.0.0".to_owned(), port: 0 },
        |own| HostPort { host: own.host.clone(), port: own.election_port },
    );
    let mut bytes = Vec::new();
    let handshake = Handshake { server: Some(hub.options.id), addresses: Addresses::One(own) };
    handshake.encode(&mut bytes);
    bytes
}

/// Makes a connection that of its link, and serves it from then on.
fn serve(
    stream: TcpStream,
    unread: BytesMut,
    link: Link,
    hub: &Arc<Hub>,
) -> Result<(), TooManyStrangers> {
    let connection = Connection::new(link, hub);
    hub.establish(&connection, Vec::new(), 0)?;
    tracing::info!(link = %Shown(link), remote = remote(&stream), "up");
    let hub = Arc::clone(hub);
    let runtime = hub.runtime.clone();
    let stream = Arc::new(stream);
    runtime.spawn(async move {
        let reading = async {
            let Err(ended) = read(&connection, &stream, unread).await;
            ended
        };
        connection::run(&hub, &connection, &stream, reading).await;
    });
    Ok(())
}

async fn read(
    connection: &Arc<Connection>,
    stream: &TcpStream,
    mut unread: BytesMut,
) -> Result<Infallible, Ended> {
    // A peer that sends rubbish all the time must not fill the log.
    let mut complained = false;
    loop {
        let mut reader = Reader::new(&unread);
        let mut events = Vec::new();
        while let Some(body) = next_message(&mut reader)? {
            let from = connection.link;
            match read_notification(body) {
                Ok(notification) => {
                    let message = Message::Election(notification);
                    events.push(LinkEvent::Message { from, message });
                }
                Err(error) if complained => {
                    tracing::debug!(link = %Shown(from), %error, "message dropped");
                }
                Err(error) => {
                    complained = true;
                    tracing::warn!(link = %Shown(from), %error, "message dropped");
                }
            }
        }
        let passed = reader.offset();
        unread.advance(passed);
        if !events.is_empty() {
            connection.push(events, passed);
        }
        connection.room(connection::IN_FLIGHT_BYTES_MAX).await;
        fill(stream, &mut unread).await?;
    }
}

/// Half closes a connection, which says that it is not kept.
async fn close(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await
}
