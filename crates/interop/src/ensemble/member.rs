//! One server of an ensemble: its directories, its configuration, its process.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::network::{Network, Port};
use super::{Addresses, Mode, Role, Sid, Status};
use crate::process::Process;
use crate::server::{Kind, command_line};
use crate::session::{SUPER_CFG, Session};
use crate::tools::{Tools, wait_for};

/// How long a server may take until it serves: JVMs on a busy machine, and an election.
const SERVE_LIMIT: Duration = Duration::from_secs(60);
/// The tick of all ensembles, in milliseconds: short, so that faults are noticed soon.
const TICK_MS: u32 = 250;
/// How many ticks a server may be silent, where a plan has no line of its own about it.
const SYNC_LIMIT: &str = "syncLimit=12\n";

/// What Apache's servers log for each client; a failure's message does without.
const NOISE: &[&str] = &[" command from ", "closed the socket", "auth packet", "auth success"];

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) addresses: Addresses,
    pub(crate) kind: Kind,
    pub(crate) role: Role,
    /// Holds `zoo.cfg` and `server.log`.
    pub(crate) dir: PathBuf,
    /// Its data directory.
    pub(crate) data: PathBuf,
    pub(crate) process: Option<Process>,
    pub(crate) is_paused: bool,
    /// How many syncs the network had seen when the process was started.
    pub(crate) syncs_before: usize,
}

impl Member {
    pub(crate) fn sid(&self) -> Sid {
        self.addresses.sid
    }

    /// The server's line in its own configuration and in that of all others if there are no
    /// proxies. `client` adds the client address, as dynamic configurations have it.
    pub(crate) fn server_line(&self, quorum: u16, election: u16, client: bool) -> String {
        let (sid, role) = (self.sid(), self.role.name());
        let line = format!("server.{sid}=127.0.0.1:{quorum}:{election}:{role}");
        if client { format!("{line};127.0.0.1:{}", self.addresses.client) } else { line }
    }

    /// As [`Member::server_line`], with the server's own ports.
    pub(crate) fn own_line(&self, client: bool) -> String {
        self.server_line(self.addresses.quorum, self.addresses.election, client)
    }

    /// The server's line as `reader` has it in its configuration.
    pub(crate) fn line_for(&self, reader: Sid, network: Option<&Network>) -> String {
        match network {
            Some(network) if reader != self.sid() => {
                let port = |port| network.port(reader, self.sid(), port);
                self.server_line(port(Port::Quorum), port(Port::Election), false)
            }
            _ => self.own_line(network.is_none()),
        }
    }

    /// Writes `zoo.cfg` and `myid`. `servers` are the lines of all servers.
    pub(crate) fn configure(&self, servers: &[String], lines: &[&str]) -> Result<()> {
        let client = self.addresses.client;
        let mut text = format!(
            "tickTime={TICK_MS}\ninitLimit=40\ndataDir={}\nmaxClientCnxns=0\n\
             maxSessionTimeout=600000\nadmin.enableServer=false\n4lw.commands.whitelist=*\n\
             preAllocSize=64\n{SUPER_CFG}\n",
            self.data.display()
        );
        if !lines.iter().any(|line| line.starts_with("syncLimit=")) {
            text.push_str(SYNC_LIMIT);
        }
        if !servers.iter().any(|line| line.contains(';')) {
            text.push_str(&format!("clientPort={client}\nclientPortAddress=127.0.0.1\n"));
        }
        if self.role == Role::Observer {
            text.push_str("peerType=observer\n");
        }
        for line in servers.iter().map(String::as_str).chain(lines.iter().copied()) {
            text.push_str(line);
            text.push('\n');
        }
        fs::create_dir_all(&self.data)?;
        fs::write(self.dir.join("zoo.cfg"), text)?;
        fs::write(self.data.join("myid"), format!("{}\n", self.sid()))?;
        Ok(())
    }

    /// Starts the process on the directories as they are.
    pub(crate) fn start(&mut self, tools: &Tools) -> Result<()> {
        ensure!(self.process.is_none(), "server {} runs already", self.sid());
        let program = command_line(tools, self.kind, &self.dir.join("zoo.cfg"), "128m")?;
        self.process = Some(Process::start(&program, &self.dir, &self.log_path())?);
        self.is_paused = false;
        Ok(())
    }

    pub(crate) fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), Process::kill)
    }

    pub(crate) fn stop(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), Process::stop)
    }

    pub(crate) fn pause(&mut self) -> Result<()> {
        self.is_paused = true;
        self.running()?.pause()
    }

    pub(crate) fn resume(&mut self) -> Result<()> {
        self.is_paused = false;
        self.running()?.resume()
    }

    fn running(&self) -> Result<&Process> {
        self.process.as_ref().with_context(|| format!("server {} is down", self.sid()))
    }

    /// Removes all transactions, snapshots and epochs.
    pub(crate) fn wipe(&self) -> Result<()> {
        match fs::remove_dir_all(self.data.join("version-2")) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.process.is_some() && !self.is_paused
    }

    pub(crate) fn status(&self) -> Result<Status> {
        Status::of(self.addresses.client)
    }

    /// Waits until the server serves, in this mode if one is given.
    pub(crate) fn wait_serving(&mut self, mode: Option<Mode>) -> Result<Status> {
        let name = self.name();
        let mut failed = None;
        let found = wait_for(&format!("{name} to serve as {mode:?}"), SERVE_LIMIT, || {
            if let Some(process) = self.process.as_mut()
                && let Err(error) = process.check_running(&name)
            {
                failed = Some(error);
                return Ok(None);
            }
            let status = Status::of(self.addresses.client)?;
            ensure!(mode.is_none_or(|mode| mode == status.mode), "it is {:?}", status.mode);
            Ok(Some(status))
        });
        match (failed, found) {
            (Some(error), _) => Err(error),
            (None, Ok(status)) => status.context("no status"),
            (None, Err(error)) => Err(error.context(self.log_tail())),
        }
    }

    pub(crate) fn session(&self) -> Result<Session> {
        Session::open(self.addresses.client)
            .with_context(|| format!("a session at {}", self.name()))
    }

    /// For messages: `server 2 (apache)`.
    pub(crate) fn name(&self) -> String {
        format!("server {} ({})", self.sid(), self.kind.name())
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.dir.join("server.log")
    }

    pub(crate) fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.log_path())?).into_owned())
    }

    pub(crate) fn log_tail(&self) -> String {
        let log = self.log().unwrap_or_default();
        let is_noise = |line: &str| NOISE.iter().any(|noise| line.contains(noise));
        let lines: Vec<&str> = log.lines().filter(|line| !is_noise(line)).collect();
        let tail = &lines[lines.len().saturating_sub(12)..];
        format!("{}:\n{}", self.name(), tail.join("\n"))
    }

    /// True when the log on disk holds these bytes.
    pub(crate) fn has_logged(&self, needle: &[u8]) -> Result<bool> {
        for entry in fs::read_dir(self.data.join("version-2"))? {
            let path = entry?.path();
            let is_log =
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("log."));
            if is_log && fs::read(path)?.windows(needle.len()).any(|bytes| bytes == needle) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
