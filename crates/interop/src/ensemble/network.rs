//! The links between the servers of an ensemble: small TCP proxies that can be cut, held or slowed.
//!
//! Each server's configuration names, for every other server, ports of its own proxy to it. So
//! each pair has two one-way links for whatever connection carries the bytes, and a fault in one
//! direction is possible. The proxies also listen: how a leader brings a learner up to date is read
//! off the wire, which no implementation can misreport.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use super::sniff::{Sniffer, SyncSeen};
use super::{Addresses, Sid};

/// Bytes carried at once, and so the grain of a slow link.
const CHUNK_BYTES: usize = 16 << 10;

/// How often a proxy tries to reach a quorum port, and the pause in between.
const QUORUM_DIALS: u32 = 20;
const DIAL_PAUSE: Duration = Duration::from_millis(25);

/// How the bytes from one server to another fare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Link {
    #[default]
    Open,
    /// Every chunk is late by this much.
    Slow(Duration),
    /// Nothing arrives and nothing is lost: connections look alive, and go on when it is over.
    Held,
    /// Connections break, and new ones are closed at once.
    Cut,
}

/// Which of a server's two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Port {
    Quorum,
    Election,
}

/// All proxies of an ensemble.
#[derive(Debug)]
pub(crate) struct Network {
    shared: Arc<Shared>,
    /// The port of the proxy by dialler, target and port.
    ports: BTreeMap<(Sid, Sid, Port), u16>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// By sender and receiver; what is not in it is open.
    links: BTreeMap<(Sid, Sid), Link>,
    /// Both ends of every connection carried, by dialler and target.
    carried: Vec<(Sid, Sid, TcpStream)>,
    syncs: Vec<SyncSeen>,
    closed: bool,
}

impl Network {
    /// One proxy for every pair and port, listening on ports from `first` on.
    pub(crate) fn start(addresses: &[Addresses], first: u16) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let mut ports = BTreeMap::new();
        let mut next = first..;
        for dialler in addresses {
            for target in addresses.iter().filter(|target| target.sid != dialler.sid) {
                for port in [Port::Quorum, Port::Election] {
                    let own = next.next().context("ports")?;
                    ports.insert((dialler.sid, target.sid, port), own);
                }
            }
        }
        let network = Self { shared, ports };
        for (&(dialler, target, port), &own) in &network.ports {
            let target_port = addresses.iter().find(|it| it.sid == target).context("target")?;
            let route = Route {
                dialler,
                target,
                port,
                target_port: target_port.of(port),
                way_back: network.port(target, dialler, Port::Election),
            };
            let listener = TcpListener::bind(("127.0.0.1", own))
                .with_context(|| format!("listen on {own}"))?;
            let shared = Arc::clone(&network.shared);
            std::thread::spawn(move || accept(&shared, &listener, &Arc::new(route)));
        }
        Ok(network)
    }

    /// How many ports [`Network::start`] needs.
    pub(crate) fn port_count(members: usize) -> usize {
        2 * members * members.saturating_sub(1)
    }

    /// Where `dialler` finds `target`.
    pub(crate) fn port(&self, dialler: Sid, target: Sid, port: Port) -> u16 {
        self.ports.get(&(dialler, target, port)).copied().unwrap_or_default()
    }

    /// Changes the link from one server to another, in this direction only.
    pub(crate) fn set(&self, from: Sid, to: Sid, link: Link) {
        let mut state = self.shared.lock();
        state.links.insert((from, to), link);
        if link == Link::Cut {
            let is_hit = |a: Sid, b: Sid| (a, b) == (from, to) || (b, a) == (from, to);
            for (_, _, stream) in state.carried.iter().filter(|(a, b, _)| is_hit(*a, *b)) {
                // It fails when the connection is closed already.
                drop(stream.shutdown(Shutdown::Both));
            }
            state.carried.retain(|(a, b, _)| !is_hit(*a, *b));
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Changes both directions between a server and each of the others.
    pub(crate) fn around(&self, sid: Sid, link: Link) {
        for (from, to) in self.pairs() {
            if from == sid || to == sid {
                self.set(from, to, link);
            }
        }
    }

    /// All links are open again.
    pub(crate) fn heal(&self) {
        for (from, to) in self.pairs() {
            self.set(from, to, Link::Open);
        }
    }

    fn pairs(&self) -> Vec<(Sid, Sid)> {
        self.ports.keys().filter(|key| key.2 == Port::Quorum).map(|key| (key.0, key.1)).collect()
    }

    /// How learners were brought up to date so far, in order.
    pub(crate) fn syncs(&self) -> Vec<SyncSeen> {
        self.shared.lock().syncs.clone()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        for (_, _, stream) in state.carried.drain(..) {
            // It fails when the connection is closed already.
            drop(stream.shutdown(Shutdown::Both));
        }
        drop(state);
        self.shared.changed.notify_all();
        for port in self.ports.values() {
            // Wakes the listener, which then sees that it is over.
            drop(TcpStream::connect(("127.0.0.1", *port)));
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while the link is held, or as long as it is slow; false when it is cut.
    fn pass(&self, from: Sid, to: Sid) -> bool {
        let mut state = self.lock();
        loop {
            if state.closed {
                return false;
            }
            match state.links.get(&(from, to)).copied().unwrap_or_default() {
                Link::Open => return true,
                Link::Cut => return false,
                Link::Held => {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                Link::Slow(delay) => {
                    drop(state);
                    std::thread::sleep(delay);
                    return true;
                }
            }
        }
    }
}

/// What one proxy connects.
struct Route {
    dialler: Sid,
    target: Sid,
    port: Port,
    target_port: u16,
    /// The target's proxy to the dialler's election port.
    way_back: u16,
}

impl Route {
    /// Connects to the target. A learner that finds the leader's port closed tries again, but its
    /// proxy's port is never closed: so the proxy does it instead.
    fn dial(&self) -> std::io::Result<TcpStream> {
        let tries = if self.port == Port::Quorum { QUORUM_DIALS } else { 1 };
        let mut last = TcpStream::connect(("127.0.0.1", self.target_port));
        for _ in 1..tries {
            if last.is_ok() {
                break;
            }
            std::thread::sleep(DIAL_PAUSE);
            last = TcpStream::connect(("127.0.0.1", self.target_port));
        }
        last
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener, route: &Arc<Route>) {
    for incoming in listener.incoming() {
        if shared.lock().closed {
            return;
        }
        if let Ok(incoming) = incoming {
            let (shared, route) = (Arc::clone(shared), Arc::clone(route));
            // A failed connection is the dialler's affair: it sees the close.
            std::thread::spawn(move || drop(carry(&shared, incoming, &route)));
        }
    }
}

/// Connects to the target and starts to pass bytes both ways.
fn carry(shared: &Arc<Shared>, incoming: TcpStream, route: &Route) -> std::io::Result<()> {
    let (dialler, target) = (route.dialler, route.target);
    let is_cut = |state: &State, pair| state.links.get(&pair) == Some(&Link::Cut);
    let state = shared.lock();
    if is_cut(&state, (dialler, target)) || is_cut(&state, (target, dialler)) {
        return Ok(());
    }
    drop(state);
    let outgoing = route.dial()?;
    incoming.set_nodelay(true)?;
    outgoing.set_nodelay(true)?;
    let mut state = shared.lock();
    state.carried.push((dialler, target, incoming.try_clone()?));
    state.carried.push((dialler, target, outgoing.try_clone()?));
    drop(state);

    let there = Pump {
        shared: Arc::clone(shared),
        from: dialler,
        to: target,
        source: incoming.try_clone()?,
        sink: outgoing.try_clone()?,
    };
    let back = Pump {
        shared: Arc::clone(shared),
        from: target,
        to: dialler,
        source: outgoing,
        sink: incoming,
    };
    let way_back = (route.port == Port::Election).then_some(route.way_back);
    let sniffer = (route.port == Port::Quorum).then(|| Sniffer::new(target, dialler));
    std::thread::spawn(move || there.run(way_back, None));
    std::thread::spawn(move || back.run(None, sniffer));
    Ok(())
}

/// One direction of one connection.
struct Pump {
    shared: Arc<Shared>,
    from: Sid,
    to: Sid,
    source: TcpStream,
    sink: TcpStream,
}

impl Pump {
    /// Passes bytes until one end closes or the link is cut. `way_back` is put into the handshake
    /// of an election connection, `sniffer` listens.
    fn run(mut self, mut way_back: Option<u16>, mut sniffer: Option<Sniffer>) {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let len = self.source.read(&mut chunk).unwrap_or(0);
            if !self.shared.pass(self.from, self.to) {
                break;
            }
            if len == 0 {
                // The other direction may still have something to say.
                drop(self.sink.shutdown(Shutdown::Write));
                return;
            }
            if let Some(seen) = sniffer.as_mut().and_then(|sniffer| sniffer.hear(&chunk[..len])) {
                self.shared.lock().syncs.push(seen);
                sniffer = None;
            }
            let sent = match way_back.take() {
                Some(port) => self.sink.write_all(&with_way_back(&chunk[..len], port)),
                None => self.sink.write_all(&chunk[..len]),
            };
            if sent.is_err() {
                break;
            }
        }
        drop(self.sink.shutdown(Shutdown::Both));
        drop(self.source.shutdown(Shutdown::Both));
    }
}

/// The handshake of an election connection with another address of the dialler in it: a server
/// with a larger id dials that address, and would go around its own proxy.
fn with_way_back(bytes: &[u8], port: u16) -> Vec<u8> {
    let address = format!("127.0.0.1:{port}");
    let is_handshake = bytes.first() == Some(&0xff);
    let rest = bytes.get(16..20).and_then(|len| {
        let len = u32::from_be_bytes(len.try_into().ok()?);
        bytes.get(20 + usize::try_from(len).ok()?..)
    });
    match (is_handshake, rest, u32::try_from(address.len())) {
        (true, Some(rest), Ok(len)) => {
            [&bytes[..16], &len.to_be_bytes(), address.as_bytes(), rest].concat()
        }
        _ => bytes.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_replaces_the_address_of_a_handshake_and_nothing_else() {
        let head = [&0xffff_ffff_ffff_0000_u64.to_be_bytes()[..], &3_u64.to_be_bytes()].concat();
        let handshake = |address: &str, rest: &[u8]| {
            let len = u32::try_from(address.len()).unwrap().to_be_bytes();
            [&head[..], &len, address.as_bytes(), rest].concat()
        };
        let got = with_way_back(&handshake("127.0.0.1:3888", b"\0\0\0\x01x"), 25_001);
        assert_eq!(got, handshake("127.0.0.1:25001", b"\0\0\0\x01x"));
        for other in [&b"GET / HTTP/1.0\r\n\r\n and more"[..], &head, b""] {
            assert_eq!(with_way_back(other, 25_001), other);
        }
    }
}
