//! A server with a data directory of its own, and waiting for what it does.

use crate::client::{Client, Raw};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use zoarium_server::Server;
use zoarium_server::config::{Sources, load};

/// How long anything may take that has to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Settings that most tests want: no other ports, all four letter words, small files.
const SETTINGS: &str = "clientPort=0\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n\
                        4lw.commands.whitelist=*\npreAllocSize=64\n";

pub(crate) struct World {
    dir: PathBuf,
    settings: String,
    defines: Vec<String>,
    running: Option<(Runtime, Server)>,
    pub(crate) address: SocketAddr,
}

impl World {
    /// A server on an empty directory. `settings` are lines of `zoo.cfg`.
    pub(crate) fn start(settings: &str) -> Self {
        Self::start_with(settings, &[])
    }

    /// The same with system properties, without their `-D`.
    pub(crate) fn start_with(settings: &str, defines: &[&str]) -> Self {
        Self::start_in(fresh_dir(), settings, defines)
    }

    pub(crate) fn start_in(dir: PathBuf, settings: &str, defines: &[&str]) -> Self {
        let settings = format!("{SETTINGS}dataDir={}\n{settings}\n", dir.display());
        let defines = defines.iter().map(ToString::to_string).collect();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut world = Self { dir, settings, defines, running: None, address };
        world.resume();
        world
    }

    fn resume(&mut self) {
        let read = |path: &Path| match path.ends_with("zoo.cfg") {
            true => Ok(self.settings.clone().into_bytes()),
            false => Err(io::ErrorKind::NotFound.into()),
        };
        let sources = Sources {
            arguments: &["zoo.cfg".to_owned()],
            defines: &self.defines,
            variable: &|_| None,
            read: &read,
        };
        let loaded = load(&sources).unwrap_or_else(|errors| panic!("{errors:?}"));
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let server = runtime.block_on(Server::start(loaded)).unwrap();
        self.address = server.local_addr();
        self.running = Some((runtime, server));
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// As SIGTERM does.
    pub(crate) fn stop(&mut self) {
        if let Some((runtime, server)) = self.running.take() {
            server.stop();
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }

    /// Stops the server and starts it again on what it left. Its port is another.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.resume();
    }

    /// Waits for the log to fail; the result is the error's text.
    pub(crate) fn failure(&mut self) -> String {
        let (runtime, server) = self.running.as_mut().unwrap();
        let failure = async { tokio::time::timeout(PATIENCE, server.failure()).await };
        runtime.block_on(failure).expect("the log does not fail").to_string()
    }

    /// A client with a session of 30 seconds.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address, 30_000)
    }

    pub(crate) fn raw(&self) -> Raw {
        Raw::connect(self.address)
    }

    /// The answer to a four letter word.
    pub(crate) fn word(&self, word: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(word.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// One value of `mntr`.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let answer = self.word("mntr");
        let line = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('\t'));
        line.unwrap_or_else(|| panic!("no {name} in {answer}")).parse().unwrap()
    }

    /// Waits until this many connections are open, without the one that asks.
    pub(crate) fn wait_for_connections(&self, expected: u64) {
        until(&format!("{expected} connections"), || {
            self.metric("zk_num_alive_connections") == expected + 1
        });
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop();
        // What is left over in a temporary directory does no harm.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A directory that is not there yet.
pub(crate) fn fresh_dir() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("zoarium-hostile-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
    std::env::temp_dir().join(name)
}

/// Waits for a condition.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Memory of this process in use, in bytes.
pub(crate) fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}
