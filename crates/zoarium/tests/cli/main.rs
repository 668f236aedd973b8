//! The program as an operator meets it: what it says, and how it ends.

#![expect(
    clippy::unwrap_used,
    reason = "tests may; clippy only sees it in functions marked as tests"
)]

mod dev;
mod lab;
mod offline;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// A directory with a `zoo.cfg`, removed at the end.
struct Scratch {
    dir: PathBuf,
}

impl Scratch {
    /// `settings` come behind what every server needs.
    fn new(settings: &str) -> Self {
        Self::bare(&format!(
            "clientPort=0\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n\
             preAllocSize=64\ndataDir=DATA\n{settings}\n"
        ))
    }

    /// `DATA` stands for a directory that is not there yet.
    fn bare(settings: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("zoarium-cli-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let dir = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        let settings = settings.replace("DATA", dir.join("data").to_str().unwrap());
        std::fs::write(dir.join("zoo.cfg"), settings).unwrap();
        Self { dir }
    }

    fn config(&self) -> PathBuf {
        self.dir.join("zoo.cfg")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left over in a temporary directory does no harm.
        let _removed = std::fs::remove_dir_all(&self.dir);
    }
}

fn zoarium() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zoarium"));
    for variable in ["ZOARIUM_LOG", "JVMFLAGS", "SERVER_JVMFLAGS"] {
        command.env_remove(variable);
    }
    command
}

/// A server that must not start. The result is its exit code and what it says.
fn refused(config: &Path) -> (i32, String) {
    let mut child = zoarium();
    child.arg("server").arg(config).stdin(Stdio::null()).stdout(Stdio::piped());
    let Output { status, stderr, .. } = child.stderr(Stdio::piped()).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

/// A server that runs.
struct Running {
    child: Child,
    lines: Receiver<String>,
    address: SocketAddr,
    /// What it had said when its port was open.
    said: Vec<String>,
}

impl Running {
    fn start(config: &Path) -> Self {
        let mut command = zoarium();
        command.arg("server").arg(config).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = read_lines(child.stderr.take().unwrap());
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut running = Self { child, lines, address, said: Vec::new() };
        while running.address.port() == 0 {
            let line = running.lines.recv_timeout(PATIENCE).expect("the server does not start");
            if let Some((_, rest)) = line.split_once("clients connect to ") {
                running.address = rest.split_whitespace().next().unwrap().parse().unwrap();
            }
            running.said.push(line);
        }
        running
    }

    /// Sends a signal and waits for the end. The result is the exit code and what else was said.
    fn end(mut self, signal: &str) -> (Option<i32>, Vec<String>) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
        let mut rest = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            rest.push(line);
        }
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended unless a test has failed.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// The lines of a child, read by a thread so that they can be waited for.
fn read_lines(stderr: ChildStderr) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn word(address: SocketAddr, word: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(word.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn all_errors_of_a_configuration_are_listed_and_the_exit_code_is_2() {
    let scratch = Scratch::bare("tickTime=abc\nclientPort=70000\ndatadir=/tmp\nsnapCount=x\n");
    let (code, said) = refused(&scratch.config());
    assert_eq!(code, 2, "{said}");
    let file = scratch.config().display().to_string();
    for expected in [
        format!("{file}:1: tickTime=abc: not a number"),
        format!("{file}:2: clientPort=70000: out of range; allowed: 0 to 65535"),
        format!("{file}:4: snapCount=x: not a number"),
        "dataDir".to_owned(),
        r#"unknown key "datadir"; did you mean "dataDir"?"#.to_owned(),
    ] {
        assert!(said.contains(&expected), "{expected} is missing in\n{said}");
    }
    assert!(said.ends_with("\nInvalid config, exiting abnormally\n"), "{said}");
}

#[test]
fn configuration_that_is_not_there_is_named_and_the_exit_code_is_2() {
    let (code, said) = refused(Path::new("/no/such/zoo.cfg"));
    assert_eq!(code, 2);
    assert!(said.contains("/no/such/zoo.cfg: cannot be read"), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[test]
fn data_directory_that_cannot_be_made_is_named_and_the_exit_code_is_3() {
    let scratch = Scratch::new("");
    std::fs::create_dir(scratch.dir.join("data")).unwrap();
    std::fs::write(scratch.dir.join("data/version-2"), "a file").unwrap();
    let (code, said) = refused(&scratch.config());
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("data directory ") && said.contains("/data/version-2: "), "{said}");
}

#[test]
fn busy_port_is_named_with_what_to_do() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let scratch = Scratch::bare(&format!(
        "clientPort={port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\ndataDir=DATA\n"
    ));
    let (code, said) = refused(&scratch.config());
    assert_eq!(code, 1, "{said}");
    for expected in [
        format!("client port 127.0.0.1:{port}: Address already in use"),
        format!("ss -ltnp 'sport = :{port}'"),
    ] {
        assert!(said.contains(&expected), "{expected} is missing in\n{said}");
    }
    assert!(!scratch.dir.join("data/version-2").exists(), "data are made before the port is open");
}

#[test]
fn unknown_key_is_a_warning_with_the_key_that_was_meant() {
    let scratch = Scratch::new("maxClientCnxn=10");
    let server = Running::start(&scratch.config());
    let warning = server.said.iter().find(|line| line.contains("WARN")).expect("no warning");
    assert!(
        warning
            .contains(r#"zoo.cfg:6: unknown key "maxClientCnxn"; did you mean "maxClientCnxns"?"#),
        "{warning}"
    );
    assert_eq!(server.end("-TERM").0, Some(0));
}

#[test]
fn signals_end_a_server_with_clients_and_the_exit_code_is_0() {
    for signal in ["-TERM", "-INT"] {
        let scratch = Scratch::new("");
        let server = Running::start(&scratch.config());
        assert!(word(server.address, "srvr").contains("Mode: standalone"));
        let _half_open = TcpStream::connect(server.address).unwrap();
        let (code, rest) = server.end(signal);
        assert_eq!(code, Some(0), "{signal}: {rest:?}");
        assert!(!rest.iter().any(|line| line.contains("ERROR")), "{rest:?}");
    }
}

#[test]
fn server_that_was_killed_starts_again() {
    let scratch = Scratch::new("");
    for _ in 0..3 {
        let server = Running::start(&scratch.config());
        assert!(word(server.address, "srvr").contains("Mode: standalone"));
        assert_eq!(server.end("-KILL").0, None);
    }
}

#[test]
fn arguments_that_make_no_sense_have_exit_code_2() {
    for arguments in [&["server", "--bogus"][..], &["serve"], &["server", "--log", "x=y=z"]] {
        let output = zoarium().args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(!said.is_empty());
    }
}

#[test]
fn data_directory_of_a_running_server_is_refused_until_it_ends() {
    let scratch = Scratch::new("");
    let running = Running::start(&scratch.config());
    let (code, said) = refused(&scratch.config());
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("another server uses it"), "{said}");
    running.end("-KILL");
    assert_eq!(Running::start(&scratch.config()).end("-TERM").0, Some(0));
}
