//! A server with its own runtime and data directory.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
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
    runtime: Runtime,
    server: Option<Server>,
    config: String,
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
        Self { runtime, server, config, data }
    }

    /// Stops it and starts it again on the same data.
    pub(crate) fn restart(&mut self) {
        self.server.take().unwrap().stop();
        self.server = Some(start(&self.runtime, &self.config));
    }

    /// The data directory.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Asks the admin server; the result is the status and the body.
    pub(crate) fn admin(&self, method: &str, command: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream =
            TcpStream::connect(self.server.as_ref().unwrap().admin_addr().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "{method} /commands/{command} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: digest root:pw\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
        (status, answer[end + 4..].to_owned())
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
