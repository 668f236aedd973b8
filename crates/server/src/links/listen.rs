//! The two ports, and who is let in.

use super::connection::Ended;
use super::hub::Hub;
use super::{dial, election, quorum};
use crate::server::{any_address, listen};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::task::{AbortHandle, JoinSet};
use zoarium_proto::ServerId;
use zoarium_proto::membership::HostPort;

/// Pause between two attempts to open a port.
const BIND_PAUSE: Duration = Duration::from_secs(1);

/// How long to wait after an error that says this process has too many files open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections to one port that have not said whose they are.
const NAMELESS_MAX: usize = 256;

/// Connections that the system may keep for us.
const BACKLOG: u32 = 128;

/// One of the two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// For notifications.
    Election,
    /// For learners.
    Quorum,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Election => "election port",
            Self::Quorum => "quorum port",
        })
    }
}

/// Why a port is not open.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// This server has no address.
    #[error("server {id} has no server.{id} line; expected one with its quorum and election port")]
    NotAMember {
        /// This server.
        id: ServerId,
    },
    /// The address cannot be listened on.
    #[error("{port} {address}: {source}; expected an address of this host and a free port")]
    Bind {
        /// Which port.
        port: Port,
        /// Where.
        address: String,
        /// Why not.
        source: io::Error,
    },
}

/// The open ports.
#[derive(Debug)]
pub(super) struct Ports {
    election: Opened,
    quorum: Opened,
}

#[derive(Debug)]
struct Opened {
    port: Port,
    /// As they are configured.
    addresses: Vec<HostPort>,
    task: AbortHandle,
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Ports {
    /// Opens both ports.
    pub(super) async fn open(hub: &Arc<Hub>) -> Result<Self, ListenError> {
        let election = Opened::open(Port::Election, hub).await?;
        let quorum = Opened::open(Port::Quorum, hub).await?;
        Ok(Self { election, quorum })
    }

    /// Opens them elsewhere if this server's addresses have changed.
    pub(super) fn follow(&mut self, hub: &Arc<Hub>) {
        self.election.follow(hub);
        self.quorum.follow(hub);
    }
}

impl Opened {
    async fn open(port: Port, hub: &Arc<Hub>) -> Result<Self, ListenError> {
        let addresses = own_addresses(port, hub);
        if addresses.is_empty() {
            return Err(ListenError::NotAMember { id: hub.options.id });
        }
        let mut attempts = hub.options.bind_attempts;
        let listeners = loop {
            match bind(port, &addresses, hub).await {
                Ok(listeners) => break listeners,
                Err(error) => {
                    attempts = attempts.map(|left| left.saturating_sub(1));
                    if attempts == Some(0) {
                        return Err(error);
                    }
                    tracing::warn!(%error, "a port cannot be opened; trying again");
                    tokio::time::sleep(BIND_PAUSE).await;
                }
            }
        };
        let task = tokio::spawn(accept_all(port, listeners, Arc::clone(hub))).abort_handle();
        Ok(Self { port, addresses, task })
    }

    fn follow(&mut self, hub: &Arc<Hub>) {
        let addresses = own_addresses(self.port, hub);
        if addresses == self.addresses {
            return;
        }
        self.task.abort();
        self.addresses.clone_from(&addresses);
        self.task = hub.runtime.spawn(reopen(self.port, addresses, Arc::clone(hub))).abort_handle();
    }
}

fn own_addresses(port: Port, hub: &Hub) -> Vec<HostPort> {
    let members = hub.members();
    let address = |it: &zoarium_proto::membership::MemberAddress| HostPort {
        host: it.host.clone(),
        port: match port {
            Port::Election => it.election_port,
            Port::Quorum => it.quorum_port,
        },
    };
    members.own.iter().map(address).collect()
}

/// Opens a port elsewhere, however long that takes: the server has to be found there.
async fn reopen(port: Port, addresses: Vec<HostPort>, hub: Arc<Hub>) {
    loop {
        match bind(port, &addresses, &hub).await {
            Ok(listeners) => return accept_all(port, listeners, hub).await,
            Err(error) => tracing::error!(%error, "a port cannot be opened; trying again"),
        }
        tokio::time::sleep(BIND_PAUSE).await;
    }
}

/// Opens a port on all addresses that it stands for. A name may stand for some that are not of this
/// host, as `localhost` does without IPv6; one of them is enough.
///
/// # Errors
/// If one of the addresses as they are configured cannot be opened.
async fn bind(
    port: Port,
    addresses: &[HostPort],
    hub: &Hub,
) -> Result<Vec<TcpListener>, ListenError> {
    let (mut listeners, mut bound) = (Vec::new(), Vec::new());
    for address in addresses {
        let refused = |source| ListenError::Bind { port, address: address.to_string(), source };
        let sockets: Vec<_> = match hub.options.listen_on_all_ips {
            true => vec![any_address(address.port)],
            false => {
                lookup_host((address.host.as_str(), address.port)).await.map_err(refused)?.collect()
            }
        };
        let mut failed = None;
        for socket in &sockets {
            // Several addresses may come to the same.
            if bound.contains(socket) {
                continue;
            }
            match listen(*socket, BACKLOG) {
                Ok(listener) => {
                    listeners.push(listener);
                    bound.push(*socket);
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if !sockets.iter().any(|socket| bound.contains(socket)) {
            let nothing = || io::ErrorKind::AddrNotAvailable.into();
            return Err(refused(failed.unwrap_or_else(nothing)));
        }
        tracing::info!(%address, "{port} open");
    }
    Ok(listeners)
}

async fn accept_all(port: Port, listeners: Vec<TcpListener>, hub: Arc<Hub>) {
    let mut tasks = JoinSet::new();
    for listener in listeners {
        tasks.spawn(accept(port, listener, Arc::clone(&hub)));
    }
    // They do not end; when this is aborted, they are too.
    while tasks.join_next().await.is_some() {}
}

async fn accept(port: Port, listener: TcpListener, hub: Arc<Hub>) {
    let mut nameless = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_done) = nameless.join_next() => continue,
        };
        match accepted {
            Ok((_, remote)) if nameless.len() >= NAMELESS_MAX => {
                let max = NAMELESS_MAX;
                tracing::warn!(%remote, max, "{port}: refused: so many have not said who they are");
            }
            Ok((stream, remote)) => {
                nameless.spawn(welcome(port, stream, remote, Arc::clone(&hub)));
            }
            Err(error) => {
                tracing::warn!(%error, "{port}: a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Why whoever has connected is not served.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unwelcome {
    #[error("it has not said who it is in {0:?}; expected {1}")]
    Silent(Duration, &'static str),
    #[error("{0}")]
    Ended(#[from] Ended),
    #[error("it begins with a TLS handshake, and TLS between servers is not supported")]
    Tls,
    #[error("it begins to authenticate with SASL, which is not supported between servers")]
    Sasl,
    #[error("{0}; expected the handshake of a server since 3.5")]
    Handshake(zoarium_proto::DecodeError),
    #[error("it is no server, or one before 3.5; expected a handshake with an address")]
    OldHandshake,
    #[error("an observer without a server id; expected that of its myid file")]
    NoServerId,
    #[error("{0}")]
    Introduction(zoarium_zab::wire::WireError),
    #[error("it has this server's own id {0}; expected another")]
    OwnId(ServerId),
    #[error("{0}")]
    TooMany(#[from] super::hub::TooManyStrangers),
}

impl Unwelcome {
    /// Whether it was only looked whether the port is open.
    fn is_probe(&self) -> bool {
        let reset = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionReset;
        matches!(self, Self::Ended(Ended::ByPeer))
            || matches!(self, Self::Ended(Ended::Io(error)) if reset(error))
    }
}

async fn welcome(port: Port, stream: TcpStream, remote: SocketAddr, hub: Arc<Hub>) {
    dial::configure(&stream, &hub.options);
    let welcomed = match port {
        Port::Election => election::welcome(stream, remote, &hub).await,
        Port::Quorum => quorum::welcome(stream, remote, &hub).await,
    };
    match welcomed {
        Ok(()) => {}
        Err(why) if why.is_probe() => {
            tracing::debug!(%remote, %why, "{port}: connection without a word");
        }
        Err(why) => tracing::warn!(%remote, %why, "{port}: connection refused"),
    }
}

/// What the first bytes show of somebody who speaks another protocol.
pub(super) fn check_first_bytes(bytes: &[u8]) -> Result<(), Unwelcome> {
    const TLS_HANDSHAKE: [u8; 2] = [0x16, 0x03];
    if bytes.starts_with(&TLS_HANDSHAKE) {
        return Err(Unwelcome::Tls);
    }
    match zoarium_proto::quorum::AuthPacket::is_next(bytes) {
        Some(true) => Err(Unwelcome::Sasl),
        Some(false) | None => Ok(()),
    }
}
