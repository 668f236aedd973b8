//! Short programs with real clients: C, Go, Java, Node.js, Python.
//!
//! Each prints `ok STEP` for every step, and once `restart the server`: then the server is killed
//! and started again, and the program must go on in the same session.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::Options;
use crate::report::{Outcome, Report};
use crate::server::Server;
use crate::setup;
use crate::tools::{Tools, bound, last_lines, run_within};

/// What every program shows, in this order.
const STEPS: &[&str] = &[
    "create",
    "get",
    "set",
    "exists",
    "children",
    "watch",
    "ephemeral",
    "sequential",
    "multi",
    "multi-failing",
    "acl",
    "delete",
    "reconnect",
];
/// The Node.js binding of the C client has no multi.
const STEPS_WITHOUT_MULTI: &[&str] = &[
    "create",
    "get",
    "set",
    "exists",
    "children",
    "watch",
    "ephemeral",
    "sequential",
    "acl",
    "delete",
    "reconnect",
];
const CURATOR_STEPS: &[&str] =
    &["lock", "latch", "counter", "cache", "protected", "recursive-delete"];

/// How long a program may run.
const LIMIT: Duration = Duration::from_secs(180);
/// How long the commands of `cli_mt` may take.
const CLI_LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn c(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    programs(tools, report, options, &["c"])?;
    report_cli_mt(tools, report, options);
    Ok(())
}

pub(crate) fn go(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    programs(tools, report, options, &["go"])
}

pub(crate) fn python(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    programs(tools, report, options, &["python"])
}

pub(crate) fn node(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    programs(tools, report, options, &["node-pure", "node-native"])
}

pub(crate) fn java(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    programs(tools, report, options, &["java", "curator"])
}

/// A program and what it shows.
pub(crate) struct Program {
    command: Command,
    steps: &'static [&'static str],
}

impl Program {
    /// Installs what the program of this name needs.
    pub(crate) fn prepare(tools: &Tools, name: &str) -> Result<Self> {
        let command = match name {
            "c" => {
                setup::c_client(tools)?;
                bound(tools.root.join("c/client"))
            }
            "go" => {
                setup::go_client(tools)?;
                bound(tools.root.join("go/client"))
            }
            "python" => {
                setup::python(tools)?;
                let mut command = bound(tools.python());
                command.arg(tools.source.join("clients/python/client.py"));
                command
            }
            "java" => java_program(tools, "Program.java")?,
            "curator" => java_program(tools, "CuratorProgram.java")?,
            _ => {
                setup::node(tools)?;
                let script = name.trim_start_matches("node-");
                let mut command = bound("node");
                command.arg(tools.source.join(format!("clients/node/{script}.js")));
                command.env("NODE_PATH", tools.root.join("node/node_modules"));
                command
            }
        };
        let steps = match name {
            "curator" => CURATOR_STEPS,
            "node-native" => STEPS_WITHOUT_MULTI,
            _ => STEPS,
        };
        Ok(Self { command, steps })
    }
}

pub(crate) fn java_program(tools: &Tools, source: &str) -> Result<Command> {
    setup::jars(tools)?;
    let mut command = bound("java");
    command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", &tools.class_path()]);
    command.arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn");
    command.arg(tools.source.join("clients/java").join(source));
    Ok(command)
}

/// Runs programs, each against a fresh server, and reports them.
fn programs(tools: &Tools, report: &Report, options: &Options, names: &[&str]) -> Result<()> {
    for name in names {
        let program = Program::prepare(tools, name)?;
        let result = Server::start(tools, options.server, &format!("client-{name}"), &[]).and_then(
            |mut server| {
                let (address, dir) = (server.address(), server.dir.clone());
                program.play(&address, &dir, &mut || {
                    server.kill()?;
                    server.restart()
                })
            },
        );
        report.result(&format!("client/{name}"), result);
    }
    Ok(())
}

impl Program {
    /// Runs the program in `dir` against the servers at `address`; `restart` is called when it asks
    /// for a restart.
    pub(crate) fn play(
        self,
        address: &str,
        dir: &Path,
        restart: &mut dyn FnMut() -> Result<()>,
    ) -> Result<String> {
        let Self { mut command, steps } = self;
        let errors_path = dir.join("client.log");
        let errors = std::fs::File::create(&errors_path)?;
        command.arg(address).current_dir(dir);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().with_context(|| format!("start {command:?}"))?;
        let watchdog = Watchdog::over(&child);
        let seen = follow(restart, &mut child);
        let status = child.wait()?;
        let late = watchdog.stop();
        let seen = seen?;
        let log = String::from_utf8_lossy(&std::fs::read(errors_path)?).into_owned();
        if late {
            bail!("not done in {LIMIT:?}, after {seen:?}\n{}", last_lines(&log, 20));
        }
        if !status.success() || seen != steps {
            bail!("{status} after {seen:?}\n{}", last_lines(&log, 20));
        }
        Ok(format!("{} steps", seen.len()))
    }
}

/// Reads the program's lines, calling `restart` when asked; returns the steps it passed.
fn follow(restart: &mut dyn FnMut() -> Result<()>, child: &mut Child) -> Result<Vec<String>> {
    let mut to_child = child.stdin.take().context("stdin of the client")?;
    let from_child = child.stdout.take().context("stdout of the client")?;
    let mut seen = Vec::new();
    for line in BufReader::new(from_child).lines() {
        let line = line?;
        if let Some(step) = line.strip_prefix("ok ") {
            seen.push(step.to_owned());
        } else if line == "restart the server" {
            restart()?;
            to_child.write_all(b"done\n").context("tell the client about the restart")?;
        }
    }
    Ok(seen)
}

/// Kills a program that runs too long, so that reading its output ends.
struct Watchdog {
    stop: std::sync::mpsc::Sender<()>,
    thread: std::thread::JoinHandle<bool>,
}

impl Watchdog {
    fn over(child: &Child) -> Self {
        let (stop, stopped) = std::sync::mpsc::channel();
        let pid = child.id().to_string();
        let thread = std::thread::spawn(move || {
            let late = stopped.recv_timeout(LIMIT).is_err();
            late && Command::new("kill").args(["-KILL", &pid]).status().is_ok()
        });
        Self { stop, thread }
    }

    /// True when the program had to be killed.
    fn stop(self) -> bool {
        // The receiver is gone only when the limit has passed.
        let in_time = self.stop.send(()).is_ok();
        self.thread.join().unwrap_or(!in_time)
    }
}

/// Debian's `cli_mt` with a script of commands on standard input.
fn report_cli_mt(tools: &Tools, report: &Report, options: &Options) {
    const CLI_MT: &str = "/usr/lib/zookeeper/bin/cli_mt";
    if !Path::new(CLI_MT).exists()
        && let Err(error) = setup::apt(&["zookeeper-bin"])
    {
        let reason = format!("no {CLI_MT} in this distribution: {error:#}");
        return report.line("client/cli_mt", &Outcome::Skipped(reason), "");
    }
    let result = Server::start(tools, options.server, "client-cli-mt", &[])
        .and_then(|server| cli_mt(CLI_MT, &server));
    report.result("client/cli_mt", result);
}

fn cli_mt(program: &str, server: &Server) -> Result<String> {
    let commands = "create /cli\nset /cli hello\nget /cli\nls /\nexists /cli\ncreate +e /cli/eph\n\
                    ls2 /cli\ndelete /cli/eph\nsync /cli\ndelete /cli\nexists /cli\n";
    const GONE: &str = "Error -101 for /cli";
    // The program answers asynchronously, line by line, and quits at once: so it is told to when it
    // has answered the last command.
    let script = server.dir.join("script");
    std::fs::write(&script, commands)?;
    let feed = format!(
        "{{ while read -r line; do sleep 0.1; echo \"$line\"; done < {}\n\
         until grep -q '{GONE}' cli_mt.log; do sleep 0.1; done; echo quit; }} | {program} {}",
        script.display(),
        server.address()
    );
    let mut command = bound("sh");
    command.args(["-c", &feed]).current_dir(&server.dir);
    let text = run_within(&mut command, CLI_LIMIT, &server.dir.join("cli_mt.log"))?;
    for expected in ["hello", "zookeeper", "name = /cli/eph", "DELETED_EVENT", GONE] {
        if !text.contains(expected) {
            bail!("no {expected:?} in its output\n{}", last_lines(&text, 60));
        }
    }
    Ok("12 commands".to_owned())
}
