//! `zoarium dev`: an ensemble of this program on this machine, each server a process of its own, so
//! that it can be killed like one.

use crate::DevArguments;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{self, IsTerminal, Write, stderr};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

/// Why there is no ensemble.
#[derive(Debug, thiserror::Error)]
enum DevError {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("port {port} of 127.0.0.1 is taken: {source}; --port moves all ports")]
    Port { port: u16, source: io::Error },
    #[error("--set {setting}: expected NAME=VALUE")]
    Setting { setting: String },
    #[error("this program cannot be started again: {0}")]
    Program(io::Error),
    #[error("signals cannot be waited for: {0}")]
    Signals(io::Error),
}

/// One server of the ensemble.
struct Planned {
    id: u8,
    observes: bool,
    client_port: u16,
    quorum_port: u16,
    election_port: u16,
    admin_port: u16,
    dir: PathBuf,
}

/// How far the ports between servers are from the client ports, and the admin ports from those.
const PORT_STRIDE: u16 = 1000;

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
            ExitCode::FAILURE
        }
    }
}

async fn run_servers(arguments: &DevArguments) -> Result<(), DevError> {
    if let Some(setting) = arguments.set.iter().find(|setting| !setting.contains('=')) {
        return Err(DevError::Setting { setting: setting.clone() });
    }
    let planned = plan(arguments);
    for server in &planned {
        check_ports(server)?;
        write_files(server, &planned, &arguments.set)?;
    }
    let mut terminate = signal(SignalKind::terminate()).map_err(DevError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(DevError::Signals)?;
    let mut servers = JoinSet::new();
    let mut pids = Vec::new();
    for server in &planned {
        let child = start(server, &arguments.log)?;
        pids.extend(child.id());
        servers.spawn(attend(server.id, child));
    }
    say(&table(&planned, &pids));
    let stopped = tokio::select! {
        () = async { while servers.join_next().await.is_some() {} } => false,
        _ = terminate.recv() => true,
        _ = interrupt.recv() => true,
    };
    if stopped {
        say("stopping");
        for pid in pids {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            // One that has ended before needs no signal.
            let _ended = pid.map(|pid| kill_process(pid, Signal::TERM));
        }
        while servers.join_next().await.is_some() {}
    }
    Ok(())
}

fn plan(arguments: &DevArguments) -> Vec<Planned> {
    let count = arguments.servers + arguments.observers;
    (1..=count)
        .map(|id| {
            let client_port = arguments.port + u16::from(id - 1);
            Planned {
                id,
                observes: id > arguments.servers,
                client_port,
                quorum_port: client_port + PORT_STRIDE,
                election_port: client_port + 2 * PORT_STRIDE,
                admin_port: client_port + 3 * PORT_STRIDE,
                dir: arguments.dir.join(format!("server-{id}")),
            }
        })
        .collect()
}

/// A port that is taken is better told before the servers start than by one of them.
fn check_ports(server: &Planned) -> Result<(), DevError> {
    for port in [server.client_port, server.quorum_port, server.election_port, server.admin_port] {
        TcpListener::bind(("127.0.0.1", port)).map_err(|source| DevError::Port { port, source })?;
    }
    Ok(())
}

fn write_files(server: &Planned, all: &[Planned], settings: &[String]) -> Result<(), DevError> {
    let data = server.dir.join("data");
    std::fs::create_dir_all(&data)
        .map_err(|source| DevError::File { path: data.clone(), source })?;
    write(&data.join("myid"), &format!("{}\n", server.id))?;
    let mut text = format!(
        "dataDir={}\nclientPortAddress=127.0.0.1\nclientPort={}\nadmin.serverAddress=127.0.0.1\n\
         admin.serverPort={}\ntickTime=2000\ninitLimit=10\nsyncLimit=5\nstandaloneEnabled=false\n\
         4lw.commands.whitelist=*\n",
        data.display(),
        server.client_port,
        server.admin_port,
    );
    for Planned { id, observes, quorum_port, election_port, .. } in all {
        let role = if *observes { "observer" } else { "participant" };
        text += &format!("server.{id}=127.0.0.1:{quorum_port}:{election_port}:{role}\n");
    }
    for setting in settings {
        text += &format!("{setting}\n");
    }
    write(&server.dir.join("zoo.cfg"), &text)
}

fn write(path: &Path, text: &str) -> Result<(), DevError> {
    std::fs::write(path, text).map_err(|source| DevError::File { path: path.to_owned(), source })
}

fn start(server: &Planned, log: &str) -> Result<Child, DevError> {
    let program = std::env::current_exe().map_err(DevError::Program)?;
    Command::new(program)
        .arg("server")
        .arg(server.dir.join("zoo.cfg"))
        .args(["--log", log])
        .stderr(Stdio::piped())
        // Ctrl-C is this process's to pass on.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(DevError::Program)
}

/// Shows what a server says, and how it ends.
async fn attend(id: u8, mut child: Child) {
    if let Some(output) = child.stderr.take() {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            say(&format!("{} {line}", label(id)));
        }
    }
    match child.wait().await {
        Ok(status) => say(&format!("{} ended: {status}", label(id))),
        Err(error) => say(&format!("{} is lost: {error}", label(id))),
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
