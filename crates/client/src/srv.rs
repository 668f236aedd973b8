//! Servers found by SRV records (RFC 2782).

use crate::connector::{Connecting, Connector, HostPort};
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RData;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;
use zoarium_session::random::Random;

/// How long a target may take while there is another one to try.
const TARGET_PATIENCE: Duration = Duration::from_secs(2);

/// Looks names that begin with an underscore up as SRV records, on every attempt at a connection;
/// another connector does the rest. The port comes from the record.
///
/// Targets are tried by priority, and at random by weight among those with the same one. Other
/// names go to the other connector as they are.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use zoarium_client::Client;
/// use zoarium_client::connector::Tcp;
/// use zoarium_client::srv::Srv;
///
/// let servers = "_zookeeper._tcp.example.com/app";
/// let client = Client::builder(servers).connector(Srv::new(Tcp)?).connect().await?;
/// # Ok(()) }
/// ```
pub struct Srv<C> {
    inner: C,
    resolver: TokioResolver,
    random: Mutex<Random>,
}

impl<C> fmt::Debug for Srv<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Srv").finish_non_exhaustive()
    }
}

/// One SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    priority: u16,
    weight: u16,
    server: HostPort,
}

impl<C> Srv<C> {
    /// Asks the name servers that the system asks.
    ///
    /// # Errors
    /// If the system's configuration cannot be read.
    pub fn new(inner: C) -> io::Result<Self> {
        let resolver = TokioResolver::builder_tokio().and_then(|builder| builder.build());
        Ok(Self::with_resolver(inner, resolver.map_err(io::Error::other)?))
    }

    /// Asks a resolver of one's own.
    pub fn with_resolver(inner: C, resolver: TokioResolver) -> Self {
        let seed = u128::from(RandomState::new().hash_one(0));
        Self { inner, resolver, random: Mutex::new(Random::new(seed)) }
    }

    async fn targets(&self, name: &str) -> io::Result<Vec<HostPort>> {
        let found = self.resolver.srv_lookup(name).await.map_err(io::Error::other)?;
        let targets = found.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(srv) => {
                let host = srv.target.to_ascii().trim_end_matches('.').to_owned();
                let server = HostPort { host, port: srv.port };
                Some(Target { priority: srv.priority, weight: srv.weight, server })
            }
            _ => None,
        });
        // The root as a target says that there is no such service.
        let targets = targets.filter(|target| !target.server.host.is_empty()).collect();
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(in_order(targets, &mut random))
    }
}

impl<C: Connector> Connector for Srv<C> {
    fn connect<'a>(&'a self, server: &'a HostPort) -> Connecting<'a> {
        if !server.host.starts_with('_') {
            return self.inner.connect(server);
        }
        Box::pin(async move {
            let targets = self.targets(&server.host).await?;
            let Some((last, others)) = targets.split_last() else {
                return Err(io::Error::new(io::ErrorKind::NotFound, "no SRV record"));
            };
            for target in others {
                let connecting = timeout(TARGET_PATIENCE, self.inner.connect(target));
                if let Ok(Ok(stream)) = connecting.await {
                    return Ok(stream);
                }
            }
            self.inner.connect(last).await
        })
    }
}

/// The order in which targets are tried: the lowest priority first, and among equals each with a
/// chance as large as its weight. Those without weight nearly always come last.
fn in_order(mut targets: Vec<Target>, random: &mut Random) -> Vec<HostPort> {
    targets.sort_by_key(|target| target.priority);
    let mut ordered = Vec::new();
    while let Some(first) = targets.first() {
        let equals = targets.partition_point(|target| target.priority == first.priority);
        let chance = |target: &Target| 1 + 100 * u64::from(target.weight);
        let total: u64 = targets[..equals].iter().map(chance).sum();
        let mut drawn = random.bits() % total;
        let chosen = targets[..equals].iter().position(|target| {
            let is_it = drawn < chance(target);
            drawn = drawn.saturating_sub(chance(target));
            is_it
        });
        ordered.push(targets.remove(chosen.unwrap_or(0)).server);
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::Tcp;
    use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
    use hickory_resolver::net::runtime::TokioRuntimeProvider;
    use tokio::net::{TcpListener, UdpSocket};

    fn target(priority: u16, weight: u16, port: u16) -> Target {
        let server = HostPort { host: "a".into(), port };
        Target { priority, weight, server }
    }

    #[test]
    fn targets_are_tried_by_priority_and_then_by_weight() {
        let mut random = Random::new(1);
        let mut first = [0; 5];
        for _ in 0..2000 {
            let targets = vec![target(2, 0, 4), target(1, 3, 1), target(1, 1, 2), target(1, 0, 3)];
            let order = in_order(targets, &mut random);
            assert_eq!((order.len(), order[3].port), (4, 4));
            first[usize::from(order[0].port)] += 1;
        }
        assert!((1400..1600).contains(&first[1]), "{first:?}");
        assert!((400..600).contains(&first[2]) && first[3] < 30, "{first:?}");
    }

    /// A name server that knows two targets of one name: nobody at the first, and `port`.
    async fn name_server(port: u16) -> u16 {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question).await {
                let mut answer = question[..2].to_vec();
                answer.extend([0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0]);
                // The question ends behind the name's last label, its type and its class.
                let name = question[12..length].iter().position(|byte| *byte == 0).unwrap();
                answer.extend(&question[12..12 + name + 5]);
                for (priority, port) in [(1, 1), (2, port)] {
                    answer.extend([0xC0, 12, 0, 33, 0, 1, 0, 0, 0, 0, 0, 17]);
                    answer.extend([0, priority, 0, 0]);
                    answer.extend(u16::to_be_bytes(port));
                    answer.extend(b"\x09localhost\0");
                }
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        address.port()
    }

    #[tokio::test]
    async fn name_with_an_underscore_is_looked_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut udp = ConnectionConfig::udp();
        udp.port = name_server(port).await;
        let mut server = NameServerConfig::udp([127, 0, 0, 1].into());
        server.connections = vec![udp];
        let config = ResolverConfig::from_name_servers(vec![server]);
        let provider = TokioRuntimeProvider::default();
        let resolver = TokioResolver::builder_with_config(config, provider).build().unwrap();
        let srv = Srv::with_resolver(Tcp, resolver);
        let host = "_zookeeper._tcp.example.com".to_owned();
        srv.connect(&HostPort { host, port: 2181 }).await.map(drop).unwrap();
        srv.connect(&HostPort { host: "127.0.0.1".into(), port }).await.map(drop).unwrap();
        listener.accept().await.unwrap();
        listener.accept().await.unwrap();
    }
}
