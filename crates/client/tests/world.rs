//! A server in this process, and a wire to it that can be cut.

mod pair;
mod wire;

pub(crate) use pair::ReadOnlyPair;
pub(crate) use wire::Wire;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;
use zoarium_client::{Backoff, Client, ClientBuilder};
use zoarium_server::config::{self, Sources};
use zoarium_server::{Server, ServerError};

/// Longer than anything takes. A test that waits for so long fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

static DIRECTORIES: AtomicU32 = AtomicU32::new(0);

/// A standalone server on a free port of 127.0.0.1, with data of its own.
pub(crate) struct World {
    server: Option<Server>,
    address: SocketAddr,
    data: PathBuf,
}

impl World {
    /// Starts a server. Its sessions live for 200 ms at least.
    pub(crate) async fn start() -> Self {
        let data = empty_directory();
        let server = start(&data, 0).await.unwrap();
        Self { address: server.local_addr(), server: Some(server), data }
    }

    /// Stops the server and starts it again on the same port and data.
    pub(crate) async fn restart(&mut self) {
        self.server.take().unwrap().stop();
        let again = async {
            loop {
                // The port is free when the last connection of the old server is gone.
                match start(&self.data, self.address.port()).await {
                    Ok(server) => break server,
                    Err(ServerError::ClientPort { .. }) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        self.server = Some(soon(Box::pin(again)).await);
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// A client that does not wait long between two attempts.
    pub(crate) fn builder(&self) -> ClientBuilder {
        let (first, longest) = (Duration::from_millis(1), Duration::from_millis(5));
        Client::builder(self.address()).backoff(Backoff { first, longest })
    }

    pub(crate) async fn client(&self) -> Client {
        self.builder().connect().await.unwrap()
    }

    /// A client whose connections go through a wire.
    pub(crate) async fn wired(&self) -> (Client, Wire) {
        let wire = Wire::default();
        let client = self.builder().connector(wire.clone()).connect().await.unwrap();
        (client, wire)
    }

    /// A value of `mntr`.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        stream.write_all(b"mntr").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("zk_{name}\t")));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// Looks again and again until a metric has this value.
    pub(crate) async fn metric_becomes(&self, name: &str, value: f64) {
        let wait = async {
            while self.metric(name).await != value {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, wait).await;
        assert!(in_time.is_ok(), "{name} is {}, not {value}", self.metric(name).await);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
        // The system clears its temporary files when this cannot.
        let _left_over = std::fs::remove_dir_all(&self.data);
    }
}

async fn start(data: &Path, port: u16) -> Result<Server, ServerError> {
    let config = format!(
        "tickTime=100\nminSessionTimeout=200\nmaxSessionTimeout=60000\nclientPort={port}\n\
         clientPortAddress=127.0.0.1\nadmin.enableServer=false\n4lw.commands.whitelist=*\n\
         dataDir={}\n",
        data.display()
    );
    start_with(&config, &[]).await
}

async fn start_with(config: &str, defines: &[String]) -> Result<Server, ServerError> {
    let arguments = ["zoo.cfg".to_owned()];
    let read = |path: &Path| match path.ends_with("zoo.cfg") {
        true => Ok(config.as_bytes().to_owned()),
        false => std::fs::read(path),
    };
    let sources = Sources { arguments: &arguments, defines, variable: &|_| None, read: &read };
    Server::start(config::load(&sources).unwrap()).await
}

fn empty_directory() -> PathBuf {
    let number = DIRECTORIES.fetch_add(1, Relaxed);
    let name = format!("zoarium-client-{}-{number}", std::process::id());
    let data = std::env::temp_dir().join(name);
    std::fs::create_dir(&data).unwrap();
    data
}

/// Waits for something that has to come.
pub(crate) async fn soon<F: IntoFuture>(wait: F) -> F::Output {
    tokio::time::timeout(PATIENCE, wait).await.expect("it did not come")
}
