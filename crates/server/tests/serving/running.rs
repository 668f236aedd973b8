//! A server with its own runtime and data directory.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use zoarium_server::Server;
use zoarium_server::config::{self, Loaded, Sources};

use crate::client::{Client, PATIENCE};

static DIRECTORIES: AtomicU32 = AtomicU32::new(0);

/// A server on a free port of 127.0.0.1.
pub(crate) struct Running {
    _runtime: Runtime,
    server: Option<Server>,
    data: PathBuf,
}

impl Running {
    /// Starts one with these lines in its `zoo.cfg`, on new data.
    pub(crate) fn start(lines: &str) -> Self {
        let number = DIRECTORIES.fetch_add(1, Relaxed);
        let name = format!("zoarium-serving-{}-{number}", std::process::id());
        let data = std::env::temp_dir().join(name);
        std::fs::create_dir(&data).unwrap();
        let config = format!(
            "clientPort=0\nclientPortAddress=127.0.0.1\nadmin.serverPort=0\n\
             admin.serverAddress=127.0.0.1\n4lw.commands.whitelist=*\ndataDir={}\n{lines}\n",
            data.display()
        );
        let runtime = Runtime::new().unwrap();
        let server = Some(start(&runtime, &config));
        Self { _runtime: runtime, server, data }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.as_ref().unwrap().local_addr()
    }

    /// A client with a new session.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address()).expect("the server closed the connection")
    }

    /// A value of `mntr`.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = crate::client::four_letter_word(self.address(), "mntr");
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("zk_{name}\t")));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }
}

/// Looks again and again until it is so; a test whose condition never comes true fails.
pub(crate) fn until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "it did not come true in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
        // The system clears its temporary files when this cannot.
        let _left_over = std::fs::remove_dir_all(&self.data);
    }
}

fn start(runtime: &Runtime, config: &str) -> Server {
    runtime.block_on(Server::start(load(config))).unwrap()
}

fn load(config: &str) -> Loaded {
    let arguments = ["zoo.cfg".to_owned()];
    let read = |path: &Path| match path.ends_with("zoo.cfg") {
        true => Ok(config.as_bytes().to_owned()),
        false => Err(std::io::ErrorKind::NotFound.into()),
    };
    let sources = Sources { arguments: &arguments, defines: &[], variable: &|_| None, read: &read };
    config::load(&sources).unwrap()
}
