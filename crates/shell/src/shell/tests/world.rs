//! A server in this process, and a shell at it.

use super::super::*;
use crate::script::own_line;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;
use zoarium_server::config::{self, Sources};
use zoarium_server::{Server, ServerError};

static DIRECTORIES: AtomicU32 = AtomicU32::new(0);

pub(super) struct World {
    server: tokio::sync::Mutex<Option<Server>>,
    address: SocketAddr,
    data: PathBuf,
    shell: tokio::sync::Mutex<Shell>,
    printed: Printed,
}

/// What was printed, on both streams.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Printed {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl World {
    pub(super) async fn start() -> Self {
        let number = DIRECTORIES.fetch_add(1, Relaxed);
        let name = format!("zoarium-shell-{}-{number}", std::process::id());
        let data = std::env::temp_dir().join(name);
        std::fs::create_dir(&data).unwrap();
        let server = start(&data, 0).await.unwrap();
        let address = server.local_addr();
        let (shell, printed) = open(&address.to_string());
        let (server, shell) =
            (tokio::sync::Mutex::new(Some(server)), tokio::sync::Mutex::new(shell));
        Self { server, address, data, shell, printed }
    }

    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }

    pub(super) async fn stop(&self) {
        self.server.lock().await.take().unwrap().stop();
    }

    /// Stops the server and starts it again on the same port and data.
    pub(super) async fn restart(&mut self) {
        self.stop().await;
        let server = loop {
            // The port is free when the last connection of the old server is gone.
            match start(&self.data, self.address.port()).await {
                Ok(server) => break server,
                Err(ServerError::ClientPort { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        };
        *self.server.lock().await = Some(server);
    }

    /// A path for a local file.
    pub(super) fn file(&self, name: &str) -> String {
        self.data.join(name).display().to_string()
    }

    /// Carries out a line; what it printed, without what is chance.
    pub(super) async fn run(&self, line: &str) -> (Exit, String) {
        let mut shell = self.shell.lock().await;
        let exit = own_line(&mut shell, line).await.unwrap();
        let printed = self.printed.take();
        (exit, masked(&masked(&printed, "zxid: ", "ZXID"), "ephemeral of ", "SESSION"))
    }

    /// Carries out a line that has to succeed.
    pub(super) async fn done(&self, line: &str) {
        let (exit, text) = self.run(line).await;
        assert_eq!(exit, Exit::Done, "{line}: {text}");
    }
}

/// Puts a mask over the number behind each `before`.
fn masked(text: &str, before: &str, mask: &str) -> String {
    let mut parts = text.split(before);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |masked, part| {
        let rest = part.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric());
        masked + before + mask + rest
    })
}

fn open(servers: &str) -> (Shell, Printed) {
    let printed = Printed::default();
    let ways = Ways { manner: Manner::Own, is_json: false, is_sure: false, is_interactive: false };
    let target = Target {
        servers: servers.to_owned(),
        session_timeout: Duration::from_secs(30),
        patience: Duration::from_secs(20),
        is_read_only: false,
        retries: true,
        waits: false,
        auths: Vec::new(),
    };
    let mut shell = Shell::new(ways, target, Output::new(printed.clone(), printed.clone()));
    shell.open().unwrap();
    (shell, printed)
}

/// One command of another shell.
pub(super) async fn other_shell(servers: &str, line: &str) -> (Exit, String) {
    let (mut shell, printed) = open(servers);
    let exit = own_line(&mut shell, line).await.unwrap();
    (exit, printed.take())
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(server) = self.server.get_mut().take() {
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
    let arguments = ["zoo.cfg".to_owned()];
    let read = |path: &Path| match path.ends_with("zoo.cfg") {
        true => Ok(config.as_bytes().to_owned()),
        false => std::fs::read(path),
    };
    let sources = Sources { arguments: &arguments, defines: &[], variable: &|_| None, read: &read };
    Server::start(config::load(&sources).unwrap()).await
}
