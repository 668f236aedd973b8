//! `zoarium dev`: an ensemble of this program on this machine, each server a process of its own, so
//! that it can be killed like one.

mod leader;
mod plan;

use crate::DevArguments;
use plan::{Planned, check_ports, plan, settings, write_files};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write, stderr};
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::signal::unix::{self, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use zoarium_server::config::{self, ConfigErrors};
use zoarium_server::exit_code::ExitCode as ServerExit;

/// What the servers log unless told otherwise: what the ensemble does. Servers that come up together
/// or are killed cannot reach each other for a while, which is no news here.
pub(crate) const LOG: &str =
    "warn,zoarium_server::links=error,zoarium_server::peer_loop::member=info";

/// How long the servers may take to stop before they are killed.
const STOPPING_MAX: Duration = Duration::from_secs(10);

/// Why there is no ensemble.
#[derive(Debug, thiserror::Error)]
enum DevError {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("port {port} of 127.0.0.1 is taken: {source}; --port moves all ports")]
    Port { port: u16, source: io::Error },
    #[error("--set {setting}: expected NAME=VALUE")]
    Setting { setting: String },
    #[error("--set {key}: each server has its own; --port and --dir choose them")]
    OwnSetting { key: String },
    #[error("{0}")]
    Config(ConfigErrors),
    #[error("this program cannot be started again: {0}")]
    Program(io::Error),
    #[error("signals cannot be waited for: {0}")]
    Signals(io::Error),
    #[error("all servers have ended")]
    Ended,
}

impl DevError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Setting { .. } | Self::OwnSetting { .. } | Self::Config(_) => {
                ServerExit::InvalidInvocation.into()
            }
            Self::File { .. }
            | Self::Port { .. }
            | Self::Program(_)
            | Self::Signals(_)
            | Self::Ended => ExitCode::FAILURE,
        }
    }
}

/// Runs the ensemble until it is told to stop.
pub(crate) fn run(arguments: &DevArguments) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(run_servers(arguments)),
        Err(error) => Err(DevError::Program(error)),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("zoarium dev: {error}"));
            error.exit_code()
        }
    }
}

async fn run_servers(arguments: &DevArguments) -> Result<(), DevError> {
    let settings = settings(&arguments.set)?;
    let planned = plan(arguments)?;
    // Whose ports are taken may be an ensemble with the same files.
    check_ports(&planned)?;
    write_files(&planned, &settings)?;
    check_configuration(&planned)?;
    let mut signals = Signals::new().map_err(DevError::Signals)?;
    let mut servers = Servers::start(planned, arguments)?;
    tokio::select! {
        () = servers.end() => Err(DevError::Ended),
        () = signals.received() => {
            servers.stop(&mut signals).await;
            Ok(())
        }
    }
}

/// What is wrong with one configuration is wrong with all of them, and told once.
fn check_configuration(planned: &[Planned]) -> Result<(), DevError> {
    for server in planned.iter().take(1) {
        let path = server.zoo_cfg().display().to_string();
        config::load_from_process(&[path], &[]).map_err(DevError::Config)?;
    }
    Ok(())
}

/// What asks for the end.
struct Signals([unix::Signal; 3]);

impl Signals {
    fn new() -> io::Result<Self> {
        // Who closes the terminal does not mean to leave servers behind.
        let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
        let [terminate, interrupt, hangup] = kinds.map(signal);
        Ok(Self([terminate?, interrupt?, hangup?]))
    }

    async fn received(&mut self) {
        let [terminate, interrupt, hangup] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// Whether the servers are to end.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    Running,
    Stopped,
    Killed,
}

/// The servers that run.
struct Servers {
    planned: Vec<Planned>,
    /// The client ports of those that run, by id.
    running: BTreeMap<u8, u16>,
    attended: JoinSet<u8>,
    wanted: watch::Sender<Wanted>,
    /// Tells who leads.
    announcing: JoinSet<()>,
}

impl Servers {
    fn start(planned: Vec<Planned>, arguments: &DevArguments) -> Result<Self, DevError> {
        let wanted = watch::Sender::new(Wanted::Running);
        let mut attended = JoinSet::new();
        let mut pids = Vec::new();
        for server in &planned {
            let child = start(server, &arguments.log)?;
            pids.push(child.id().unwrap_or_default());
            attended.spawn(attend(server.id, child, wanted.subscribe()));
        }
        // Before anything that the servers say, as that is read when this task waits.
        say(&table(&planned, &pids));
        let running = planned.iter().map(|server| (server.id, server.client_port)).collect();
        let mut servers = Self { planned, running, attended, wanted, announcing: JoinSet::new() };
        servers.announce();
        Ok(servers)
    }

    /// Has it told who leads, or that nobody can.
    fn announce(&mut self) {
        // What the last one looks for has changed.
        self.announcing = JoinSet::new();
        let voters: Vec<_> = self.planned.iter().filter(|server| !server.observes).collect();
        let needed = voters.len() / 2 + 1;
        let here = voters.iter().filter(|server| self.running.contains_key(&server.id)).count();
        if here >= needed {
            self.announcing.spawn(leader::announce(self.running.clone()));
        } else {
            say(&format!("no quorum: of the servers that vote {needed} are needed, {here} run"));
        }
    }

    /// Waits until all have ended.
    async fn end(&mut self) {
        while let Some(ended) = self.attended.join_next().await {
            // A task that panicked has no id; its child is killed with it.
            let Ok(id) = ended else { continue };
            self.running.remove(&id);
            if self.running.is_empty() {
                continue;
            }
            if let Some(server) = self.planned.iter().find(|server| server.id == id) {
                say(&format!("`zoarium server {}` starts it again", server.zoo_cfg().display()));
            }
            self.announce();
        }
    }

    /// Stops all, and kills them when they do not or the signal comes again.
    async fn stop(&mut self, signals: &mut Signals) {
        say("stopping");
        self.announcing.abort_all();
        self.wanted.send_replace(Wanted::Stopped);
        let attended = &mut self.attended;
        tokio::select! {
            () = async { while attended.join_next().await.is_some() {} } => return,
            () = signals.received() => say("killing the rest"),
            () = tokio::time::sleep(STOPPING_MAX) => {
                say(&format!("killing what has not stopped in {} s", STOPPING_MAX.as_secs()));
            }
        }
        self.wanted.send_replace(Wanted::Killed);
        while self.attended.join_next().await.is_some() {}
    }
}

fn start(server: &Planned, log: &str) -> Result<Child, DevError> {
    let program = std::env::current_exe().map_err(DevError::Program)?;
    Command::new(program)
        .arg("server")
        .arg(server.zoo_cfg())
        .args(["--log", log])
        // If this process is killed, it can end nobody; but the pipe ends with it.
        .arg("--ends-with-stdin")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C is this process's to pass on.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(DevError::Program)
}

/// Shows what a server says and how it ends, and ends it when that is wanted.
async fn attend(id: u8, mut child: Child, mut wanted: watch::Receiver<Wanted>) -> u8 {
    // Waiting for a child would close it.
    let _lifeline = child.stdin.take();
    let output = child.stderr.take();
    let shown = async {
        if let Some(output) = output {
            show(id, output).await;
        }
    };
    match tokio::join!(shown, wait(&mut child, &mut wanted)).1 {
        Ok(status) => say(&format!("{} ended: {status}", label(id))),
        Err(error) => say(&format!("{} is lost: {error}", label(id))),
    }
    id
}

async fn show(id: u8, output: ChildStderr) {
    let mut lines = BufReader::new(output).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        say(&format!("{} {}", label(id), String::from_utf8_lossy(&line)));
    }
}

async fn wait(child: &mut Child, wanted: &mut watch::Receiver<Wanted>) -> io::Result<ExitStatus> {
    loop {
        tokio::select! {
            status = child.wait() => return status,
            Ok(()) = wanted.changed() => {
                let signal = match *wanted.borrow_and_update() {
                    Wanted::Running => continue,
                    Wanted::Stopped => Signal::TERM,
                    Wanted::Killed => Signal::KILL,
                };
                // It has not been waited for, so the id is its own.
                let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
                // One that has just ended needs no signal.
                let _ended = pid.map(|pid| kill_process(pid, signal));
            }
        }
    }
}

/// Which server it is, in a colour of its own on a terminal.
fn label(id: u8) -> String {
    match stderr().is_terminal() {
        true => format!("\x1b[{}m[{id}]\x1b[0m", 31 + (id - 1) % 6),
        false => format!("[{id}]"),
    }
}

fn table(servers: &[Planned], pids: &[u32]) -> String {
    let mut text = String::from(
        "server  role         clients          admin                   pid      data\n",
    );
    for (server, pid) in servers.iter().zip(pids) {
        let role = if server.observes { "observer" } else { "participant" };
        text += &format!(
            "{:<6}  {role:<11}  127.0.0.1:{:<5}  http://127.0.0.1:{:<5}  {pid:<7}  {}\n",
            server.id,
            server.client_port,
            server.admin_port,
            server.dir.display(),
        );
    }
    let hosts: Vec<_> =
        servers.iter().map(|server| format!("127.0.0.1:{}", server.client_port)).collect();
    text + "connect with " + &hosts.join(",")
}

/// Writes a line for people.
fn say(line: &str) {
    // Who closes standard error does not want to read it.
    let _closed = writeln!(stderr(), "{line}");
}
