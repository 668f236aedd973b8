//! What each server of the ensemble is given: ports, a directory and a `zoo.cfg`.

use super::DevError;
use crate::DevArguments;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// One server of the ensemble.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) id: u8,
    pub(super) observes: bool,
    pub(super) client_port: u16,
    quorum_port: u16,
    election_port: u16,
    pub(super) admin_port: u16,
    pub(super) dir: PathBuf,
}

impl Planned {
    pub(super) fn zoo_cfg(&self) -> PathBuf {
        self.dir.join("zoo.cfg")
    }

    const fn ports(&self) -> [u16; 4] {
        [self.client_port, self.quorum_port, self.election_port, self.admin_port]
    }
}

/// How far the ports for followers are from the client ports, those for elections from these, and
/// the admin ports from those: further than there are servers.
const PORT_STRIDE: u16 = 1000;

/// Keys that are each server's own.
const OWN_KEYS: [&str; 5] =
    ["clientPort", "admin.serverPort", "dataDir", "dataLogDir", "dynamicConfigFile"];

/// The servers that are asked for; their directories are absolute, so that each `zoo.cfg` can be
/// used from anywhere.
pub(super) fn plan(arguments: &DevArguments) -> Result<Vec<Planned>, DevError> {
    let dir = std::path::absolute(&arguments.dir)
        .map_err(|source| DevError::File { path: arguments.dir.clone(), source })?;
    let count = arguments.servers + arguments.observers;
    let server = |id| {
        let client_port = arguments.port + u16::from(id - 1);
        Planned {
            id,
            observes: id > arguments.servers,
            client_port,
            quorum_port: client_port + PORT_STRIDE,
            election_port: client_port + 2 * PORT_STRIDE,
            admin_port: client_port + 3 * PORT_STRIDE,
            dir: dir.join(format!("server-{id}")),
        }
    };
    Ok((1..=count).map(server).collect())
}

/// A port that is taken is better told before the servers start than by one of them.
pub(super) fn check_ports(servers: &[Planned]) -> Result<(), DevError> {
    for port in servers.iter().flat_map(Planned::ports) {
        TcpListener::bind(("127.0.0.1", port)).map_err(|source| DevError::Port { port, source })?;
    }
    Ok(())
}

/// The settings of `--set`, as names and values.
pub(super) fn settings(given: &[String]) -> Result<Vec<(&str, &str)>, DevError> {
    let split = |setting: &str| DevError::Setting { setting: setting.to_owned() };
    let mut settings = Vec::new();
    for setting in given {
        let (key, value) = setting.split_once('=').ok_or_else(|| split(setting))?;
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() {
            return Err(split(setting));
        }
        if OWN_KEYS.contains(&key) || key.starts_with("server.") {
            return Err(DevError::OwnSetting { key: key.to_owned() });
        }
        settings.push((key, value));
    }
    Ok(settings)
}

/// Writes what the servers read.
pub(super) fn write_files(servers: &[Planned], settings: &[(&str, &str)]) -> Result<(), DevError> {
    for server in servers {
        let data = server.dir.join("data");
        std::fs::create_dir_all(&data)
            .map_err(|source| DevError::File { path: data.clone(), source })?;
        write(&data.join("myid"), &format!("{}\n", server.id))?;
        write(&server.zoo_cfg(), &zoo_cfg(server, &data, servers, settings))?;
    }
    Ok(())
}

fn zoo_cfg(server: &Planned, data: &Path, all: &[Planned], settings: &[(&str, &str)]) -> String {
    let data = data.display().to_string();
    let (client_port, admin_port) = (server.client_port.to_string(), server.admin_port.to_string());
    let ours = [
        ("dataDir", data.as_str()),
        ("clientPortAddress", "127.0.0.1"),
        ("clientPort", &client_port),
        ("admin.serverAddress", "127.0.0.1"),
        ("admin.serverPort", &admin_port),
        ("tickTime", "2000"),
        ("initLimit", "10"),
        ("syncLimit", "5"),
        ("standaloneEnabled", "false"),
        ("4lw.commands.whitelist", "*"),
    ];
    let is_set = |key| settings.iter().any(|(set, _)| *set == key);
    let ours = ours.into_iter().filter(|(key, _)| !is_set(*key));
    let mut text = String::new();
    for (key, value) in ours.chain(settings.iter().copied()) {
        // A backslash in a file of Java's properties takes away the meaning of what follows.
        text += &format!("{key}={}\n", value.replace('\\', r"\\"));
    }
    for Planned { id, observes, quorum_port, election_port, .. } in all {
        let role = if *observes { "observer" } else { "participant" };
        text += &format!("server.{id}=127.0.0.1:{quorum_port}:{election_port}:{role}\n");
    }
    text
}

fn write(path: &Path, text: &str) -> Result<(), DevError> {
    let failed = |source: io::Error| DevError::File { path: path.to_owned(), source };
    std::fs::write(path, text).map_err(failed)
}
