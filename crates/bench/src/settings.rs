//! How workloads are run.

use crate::session::Target;
use std::net::ToSocketAddrs;
use std::time::Duration;
use zoarium_session::connect_string::ConnectString;

use crate::error::{BenchError, OpenError};

/// What all runs have in common.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long is measured.
    pub duration: Duration,
    /// How long the workload runs before that.
    pub warm_up: Duration,
    /// Operations a second over all connections; `None` for as many as the servers take.
    pub rate: Option<f64>,
    /// The session timeout asked for.
    pub session_timeout: Duration,
    /// The znode that everything happens below.
    pub root: String,
    /// Who the sessions are: schemes and credentials, as in `digest` and `user:password`.
    pub identities: Vec<(String, String)>,
    /// How many threads ask.
    pub threads: usize,
    /// Whether the znodes stay.
    pub keep: bool,
    /// Whether znodes that stayed are used again, and only those that are missing are made. They
    /// must have had the same size.
    pub reuse: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(10),
            warm_up: Duration::from_secs(2),
            rate: None,
            session_timeout: Duration::from_secs(30),
            root: "/zoarium-bench".to_owned(),
            identities: Vec::new(),
            threads: 1,
            keep: false,
            reuse: false,
        }
    }
}

/// The servers that are measured.
#[derive(Clone, Debug)]
pub struct Side {
    /// What reports call them.
    pub name: String,
    /// Where they are.
    pub servers: ConnectString,
    /// Those of their processes that run here, whose CPU is to be read.
    pub pids: Vec<u32>,
}

impl Side {
    /// The address of each server.
    pub(crate) fn targets(&self) -> Result<Vec<Target>, BenchError> {
        let resolve = |server: &zoarium_proto::membership::HostPort| {
            let name = server.to_string();
            let addresses = (server.host.as_str(), server.port).to_socket_addrs();
            let none = || std::io::Error::other("the name is known and has none");
            match addresses.and_then(|mut found| found.next().ok_or_else(none)) {
                Ok(address) => Ok(Target { name, address }),
                Err(source) => {
                    Err(BenchError::Open { server: name, source: OpenError::Resolve(source) })
                }
            }
        };
        self.servers.servers.iter().map(resolve).collect()
    }
}
