//! The port that clients connect to: who is let in, and what becomes of their connections.

mod auth;
mod connection_throttle;
mod frames;
mod guards;
mod handshake;
mod large_requests;
mod request_throttle;
mod required_auth;
mod task;
mod unsent;

pub(crate) use connection_throttle::ConnectionThrottle;
pub(crate) use guards::Guards;

use crate::connection::{Connection, SharedConnection};
use crate::operator::Operator;
use crate::shared::Shared;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use zoarium_proto::ConnId;
use zoarium_tree::access::{Identities, Remote};

/// How long a connection that is about to close may take to read its last replies.
const LAST_WORDS_MAX: Duration = Duration::from_secs(1);

/// How long to wait after an error that says this process has too many files open.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The connections there are, from their acceptance to their end.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    next: AtomicU64,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    by_id: HashMap<ConnId, SharedConnection>,
    per_client: HashMap<IpAddr, Client>,
}

/// All connections from one address.
#[derive(Debug)]
struct Client {
    connections: u32,
    /// Who they are before they authenticate.
    identities: Identities,
}

impl Connections {
    /// All connections, oldest first.
    pub(crate) fn all(&self) -> Vec<SharedConnection> {
        let mut all: Vec<_> = self.open().by_id.values().cloned().collect();
        all.sort_by_key(|connection| connection.id);
        all
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.open().by_id.len()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a client in, unless it or all clients together have too many connections.
    fn admit(&self, shared: &Shared, remote: SocketAddr) -> Option<SharedConnection> {
        let limits = &shared.limits;
        let mut open = self.open();
        let all = open.by_id.len();
        if limits.connections_max.is_some_and(|max| all >= max) {
            tracing::warn!(%remote, max = limits.connections_max, "refused: maxCnxns is reached");
            return None;
        }
        let of_client = open.per_client.entry(remote.ip()).or_insert_with(|| {
            let remote = Remote { address: remote.ip(), certificate: None };
            Client { connections: 0, identities: shared.access.identities_of(&remote) }
        });
        if limits.connections_per_client_max.is_some_and(|max| of_client.connections >= max) {
            tracing::warn!(
                %remote,
                max = limits.connections_per_client_max,
                "refused: the client has maxClientCnxns connections"
            );
            return None;
        }
        of_client.connections += 1;
        let identities = of_client.identities.clone();
        let id = ConnId(self.next.fetch_add(1, Relaxed) + 1);
        let heard_ms = shared.clock.mono_ms();
        let connection = Arc::new(Connection::new(id, remote, identities, heard_ms));
        open.by_id.insert(id, Arc::clone(&connection));
        Some(connection)
    }

    fn remove(&self, connection: &Connection) {
        let mut open = self.open();
        open.by_id.remove(&connection.id);
        let client = connection.remote.ip();
        if let Some(of_client) = open.per_client.get_mut(&client) {
            of_client.connections -= 1;
            if of_client.connections == 0 {
                open.per_client.remove(&client);
            }
        }
    }
}

/// Accepts connections until `stopped` says so.
pub(crate) async fn serve(
    listener: TcpListener,
    operator: Arc<Operator>,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        match accepted {
            Ok((stream, remote)) => accept(stream, remote, &operator, &shared),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

fn accept(stream: TcpStream, remote: SocketAddr, operator: &Arc<Operator>, shared: &Arc<Shared>) {
    let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
    let Some(connection) = shared.connections.admit(shared, remote) else {
        shared.metrics.connection_rejected.increment();
        return;
    };
    tokio::spawn(task::run(stream, connection, Arc::clone(operator), Arc::clone(shared)));
}

/// Writes all of `bytes`.
async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
