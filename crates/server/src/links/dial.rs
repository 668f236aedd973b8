//! Connecting to a peer that may have several addresses.

use super::LinkOptions;
use std::collections::VecDeque;
use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use zoarium_proto::membership::HostPort;

/// When the next address is tried while the last one has not answered.
const STAGGER: Duration = Duration::from_millis(250);

/// Addresses of one peer that are tried at most; names may stand for many.
const ADDRESSES_MAX: usize = 16;

/// No address of a peer can be connected to.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text())]
pub(super) struct Unreachable {
    /// Addresses or names, and what is wrong with each.
    tried: Vec<(String, io::Error)>,
}

impl Unreachable {
    fn text(&self) -> String {
        let mut text = String::new();
        for (address, error) in &self.tried {
            let separator = if text.is_empty() { "" } else { "; " };
            // Writing to a string does not fail.
            let _written = write!(text, "{separator}{address}: {error}");
        }
        if text.is_empty() {
            text.push_str("it has no address that can be connected to");
        }
        text
    }
}

/// Connects to the first of some addresses that answers. Names are looked up each time, since what
/// they stand for may have changed.
///
/// # Errors
/// If none answers.
pub(super) async fn connect(
    addresses: &[HostPort],
    options: &LinkOptions,
) -> Result<TcpStream, Unreachable> {
    let mut failed = Unreachable { tried: Vec::new() };
    let mut waiting = look_up(addresses, options.connect_timeout, &mut failed).await;
    let mut attempts = JoinSet::new();
    loop {
        if let Some(address) = waiting.pop_front() {
            attempts.spawn(attempt(address, options.connect_timeout));
        } else if attempts.is_empty() {
            return Err(failed);
        }
        let answered = tokio::select! {
            answered = attempts.join_next() => answered,
            () = tokio::time::sleep(STAGGER), if !waiting.is_empty() => continue,
        };
        match answered {
            Some(Ok((_, Ok(stream)))) => {
                configure(&stream, options);
                return Ok(stream);
            }
            Some(Ok((address, Err(error)))) => failed.tried.push((address.to_string(), error)),
            // An attempt does not panic, and is not aborted while it is waited for.
            Some(Err(_)) | None => {}
        }
    }
}

/// Whether two lists have nothing in common, neither as they are written nor as names and numbers
/// stand for the same. If one of them cannot be looked up, nobody can tell, and they may have.
pub(super) async fn are_apart(one: &[HostPort], other: &[HostPort], limit: Duration) -> bool {
    if one.iter().any(|address| other.contains(address)) {
        return false;
    }
    let mut failed = Unreachable { tried: Vec::new() };
    let one = look_up(one, limit, &mut failed).await;
    let other = look_up(other, limit, &mut failed).await;
    let is_known = failed.tried.is_empty() && !one.is_empty() && !other.is_empty();
    is_known && !one.iter().any(|address| other.contains(address))
}

async fn look_up(
    addresses: &[HostPort],
    limit: Duration,
    failed: &mut Unreachable,
) -> VecDeque<SocketAddr> {
    let mut found = VecDeque::new();
    for address in addresses.iter().filter(|address| !address.is_unspecified()) {
        let looked_up = lookup_host((address.host.as_str(), address.port));
        match tokio::time::timeout(limit, looked_up).await.unwrap_or_else(|_| Err(timed_out())) {
            Ok(these) => {
                for address in these {
                    if found.len() < ADDRESSES_MAX && !found.contains(&address) {
                        found.push_back(address);
                    }
                }
            }
            Err(error) => failed.tried.push((address.to_string(), error)),
        }
    }
    found
}

async fn attempt(address: SocketAddr, limit: Duration) -> (SocketAddr, io::Result<TcpStream>) {
    let connected = tokio::time::timeout(limit, TcpStream::connect(address)).await;
    (address, connected.unwrap_or_else(|_| Err(timed_out())))
}

fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

/// Sets what every connection between servers has.
pub(super) fn configure(stream: &TcpStream, options: &LinkOptions) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    if options.tcp_keep_alive
        && let Err(error) = rustix::net::sockopt::set_socket_keepalive(stream, true)
    {
        tracing::debug!(%error, "SO_KEEPALIVE could not be set");
    }
}

/// The other end of a connection, for logs.
pub(super) fn remote(stream: &TcpStream) -> String {
    stream.peer_addr().map_or_else(|error| error.to_string(), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_and_numbers_of_one_place_are_not_apart() {
        let list = |texts: &[&str]| -> Vec<HostPort> {
            let parts = texts.iter().map(|text| text.rsplit_once(':').unwrap());
            let port = |port: &str| port.parse().unwrap();
            parts.map(|(host, p)| HostPort { host: host.to_owned(), port: port(p) }).collect()
        };
        for (one, other, apart) in [
            (&["127.0.0.1:1"][..], &["127.0.0.1:1"][..], false),
            (&["localhost:1"], &["127.0.0.1:1"], false),
            (&["127.0.0.1:1"], &["127.0.0.1:2"], true),
            (&["127.0.0.1:1"], &["127.0.0.2:1"], true),
            (&["127.0.0.1:1", "127.0.0.1:2"], &["127.0.0.1:2"], false),
            (&["127.0.0.1:1"], &["no.such.name.invalid:1"], false),
            (&[], &["127.0.0.1:1"], false),
        ] {
            let (one, other) = (list(one), list(other));
            let limit = Duration::from_secs(5);
            assert_eq!(are_apart(&one, &other, limit).await, apart, "{one:?} {other:?}");
        }
    }
}
