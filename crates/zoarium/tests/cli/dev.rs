//! `zoarium dev`: an ensemble in one command.

use super::{PATIENCE, read_lines, word, zoarium};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

const SERVERS: u16 = 3;

/// How far its four kinds of ports are apart.
const STRIDE: u16 = 1000;

/// An ensemble with its directory, which goes with it.
struct Dev {
    child: Child,
    lines: Receiver<String>,
    dir: PathBuf,
    port: u16,
    /// The processes of its servers.
    pids: Vec<String>,
}

impl Dev {
    fn start(name: &str) -> Self {
        let port = free_ports();
        let dir = scratch(name);
        let mut child = command(port, &dir).stderr(Stdio::piped()).spawn().unwrap();
        let lines = read_lines(child.stderr.take().unwrap());
        let mut dev = Self { child, lines, dir, port, pids: Vec::new() };
        let table = dev.wait_for("connect with ");
        dev.pids = table[1..=usize::from(SERVERS)]
            .iter()
            .map(|row| row.split_whitespace().nth(4).unwrap().to_owned())
            .collect();
        dev
    }

    /// What it says up to a line with this in it.
    fn wait_for(&self, text: &str) -> Vec<String> {
        let mut said = Vec::new();
        while !said.last().is_some_and(|line: &String| line.contains(text)) {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("{text:?} is missing in {said:#?}");
            };
            said.push(line);
        }
        said
    }

    fn word(&self, index: u16, text: &str) -> String {
        word(SocketAddr::from(([127, 0, 0, 1], self.port + index)), text)
    }

    /// What a server says it is.
    fn mode(&self, index: u16) -> String {
        let answer = self.word(index, "srvr");
        let mode = answer.lines().find_map(|line| line.strip_prefix("Mode: "));
        mode.unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It has ended, unless a test has failed.
        let _ended = kill("-TERM", &self.child.id().to_string());
        let _ended = self.child.wait();
        let _removed = std::fs::remove_dir_all(&self.dir);
    }
}

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("zoarium-dev-{}-{name}", std::process::id()))
}

fn command(port: u16, dir: &std::path::Path) -> Command {
    let mut command = zoarium();
    command.args(["dev", "--port", &port.to_string(), "--dir"]).arg(dir);
    command.args(["--set", "tickTime=200", "--set", "preAllocSize=64", "--log", "warn"]);
    command.stdin(Stdio::null());
    command
}

/// A first client port with which all ports are free.
fn free_ports() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let ports = (0..4).flat_map(|kind| (0..SERVERS).map(move |id| kind * STRIDE + id));
        let is_free =
            |offset| port < 60_000 && TcpListener::bind(("127.0.0.1", port + offset)).is_ok();
        if ports.into_iter().all(is_free) {
            return port;
        }
    }
}

/// Whether the signal was sent: the process is there.
fn kill(signal: &str, pid: &str) -> bool {
    Command::new("kill").args([signal, pid]).stderr(Stdio::null()).status().unwrap().success()
}

#[test]
fn ensemble_has_one_leader_and_ends_with_all_its_servers() {
    let mut dev = Dev::start("ends");
    dev.wait_for("the ensemble serves: ");
    let mut modes: Vec<_> = (0..SERVERS).map(|index| dev.mode(index)).collect();
    modes.sort();
    assert_eq!(modes, ["follower", "follower", "leader"]);
    assert!(kill("-TERM", &dev.child.id().to_string()));
    assert_eq!(dev.child.wait().unwrap().code(), Some(0));
    let left: Vec<_> = dev.pids.iter().filter(|pid| kill("-0", pid)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn server_that_is_killed_is_named_and_the_others_go_on() {
    let dev = Dev::start("goes-on");
    dev.wait_for("the ensemble serves: ");
    let leader = (0..SERVERS).find(|index| dev.mode(*index) == "leader").unwrap();
    assert!(kill("-KILL", &dev.pids[usize::from(leader)]));
    let said = dev.wait_for("the ensemble serves: ");
    let ended = format!("[{}] ended: signal: 9", leader + 1);
    assert!(said.iter().any(|line| line.contains(&ended)), "{ended} is missing in {said:#?}");
    for index in (0..SERVERS).filter(|index| *index != leader) {
        assert!(["leader", "follower"].contains(&dev.mode(index).as_str()));
    }
}

#[test]
fn servers_do_not_outlive_a_dev_that_is_killed() {
    let mut dev = Dev::start("killed");
    dev.wait_for("the ensemble serves: ");
    dev.child.kill().unwrap();
    dev.child.wait().unwrap();
    let killed = Instant::now();
    for index in 0..SERVERS {
        let address = SocketAddr::from(([127, 0, 0, 1], dev.port + index));
        while TcpStream::connect(address).is_ok() {
            assert!(killed.elapsed() < PATIENCE, "server {} still listens", index + 1);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn members_count_elections_learners_and_what_they_sent() {
    let dev = Dev::start("counts");
    dev.wait_for("the ensemble serves: ");
    for index in 0..SERVERS {
        let leads = dev.mode(index) == "leader";
        let expected: &[_] = match leads {
            true => &["learners\t2", "synced_followers\t2", "cnt_leader_unavailable_time\t1"],
            false => &["cnt_follower_sync_time\t1", "cnt_leader_unavailable_time\t0"],
        };
        let both = ["quorum_size\t3", "looking_count\t1", "cnt_election_time\t1"];
        let numbers = dev.word(index, "mntr");
        for expected in expected.iter().chain(&both) {
            assert!(numbers.contains(&format!("zk_{expected}\n")), "{expected}: {numbers}");
        }
        let sessions = if leads { "Session Sets (0)/(0):" } else { "Global Sessions(0):" };
        assert!(dev.word(index, "dump").contains(sessions));
    }
}

#[test]
fn taken_port_is_one_line_that_says_what_to_do() {
    let port = free_ports();
    let dir = scratch("taken");
    for offset in [0, STRIDE + 1, 3 * STRIDE + 2] {
        let _holder = TcpListener::bind(("127.0.0.1", port + offset)).unwrap();
        let output = command(port, &dir).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        let expected = format!("zoarium dev: port {} of 127.0.0.1 is taken", port + offset);
        assert!(said.starts_with(&expected) && said.contains("--port"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(!dir.exists(), "files are written before the ports are known to be free");
    }
}

#[test]
fn settings_that_cannot_be_are_told_once_and_start_nothing() {
    let (port, dir) = (free_ports(), scratch("settings"));
    for (setting, expected) in [
        ("tickTime", "--set tickTime: expected NAME=VALUE"),
        ("=5", "--set =5: expected NAME=VALUE"),
        ("clientPort=5", "--set clientPort: each server has its own; --port and --dir choose them"),
        ("syncLimit=x", "syncLimit=x: not a number"),
    ] {
        let output = command(port, &dir).args(["--set", setting]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.starts_with("zoarium dev: ") && said.contains(expected), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    // The last one is read from the files.
    std::fs::remove_dir_all(dir).unwrap();
}
