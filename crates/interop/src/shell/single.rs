//! Single commands, as scripts call `zkCli.sh`: standard output, standard error and exit code.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::server::Server;
use crate::tools::Tools;
use crate::zkcli::{Client, normal};

/// Commands, in this order.
const COMMANDS: &[&str] = &[
    "ls /",
    "create /a data",
    "create /a/below",
    "create -e /ephemeral x",
    "get -s /a",
    "get /none",
    "nonsense",
    "ls -x /",
    "ls -?",
    "create /b x bogus",
    "create -c -e /c",
    "setquota -n 0 /a",
    "setquota -n 5 /none",
    "setquota -n 5 /zookeeper/quota",
    "setquota -n 5 /a",
    "setquota -n 5 /a/below",
    "listquota /a",
    "listquota /none",
    "reconfig -file a -members b",
    "delquota /a",
    "delquota /a",
    "deleteall /a",
    "history",
    "close",
    "quit",
];

/// Starts of the process that are timed.
const STARTS: u32 = 20;

/// What a command printed, and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended {
    command: String,
    out: String,
    err: String,
    code: Option<i32>,
}

/// Runs every command in a process of its own.
pub(super) fn run_all(tools: &Tools, client: Client, server: &Server) -> Result<Vec<Ended>> {
    COMMANDS.iter().map(|command| run(tools, client, server, command)).collect()
}

fn run(tools: &Tools, client: Client, server: &Server, command: &str) -> Result<Ended> {
    let mut process = client.command(tools, &server.dir)?;
    process.args(["-waitforconnection", "-server", &server.address()]);
    process.args(command.split_whitespace());
    let output = process.output().with_context(|| format!("{client:?}: {command}"))?;
    Ok(Ended {
        command: command.to_owned(),
        out: lines(&output.stdout, server),
        err: lines(&output.stderr, server),
        code: output.status.code(),
    })
}

/// What was printed, without what is chance.
fn lines(printed: &[u8], server: &Server) -> String {
    let text = String::from_utf8_lossy(printed).replace(&server.address(), "SERVER");
    // The event of the end is printed by another thread, or no more.
    let is_kept = |line: &&str| !line.is_empty() && !line.contains("state:Closed");
    let lines: Vec<String> = text.lines().filter(is_kept).map(normal).collect();
    // Between what, the events stand by chance too.
    let (mut events, mut others): (Vec<_>, Vec<_>) = lines
        .into_iter()
        .filter(|line| line != "WATCHER::")
        .partition(|line| line.starts_with("WatchedEvent "));
    events.append(&mut others);
    events.join("\n")
}

/// Fails with all commands that ended in two ways.
pub(super) fn compare(expected: &[Ended], got: &[Ended]) -> Result<()> {
    let differing: Vec<String> = expected
        .iter()
        .zip(got)
        .filter(|(expected, got)| expected != got)
        .map(|(expected, got)| format!("expected {expected:#?}\ngot {got:#?}"))
        .collect();
    match differing.is_empty() {
        true => Ok(()),
        false => bail!("{} commands differ\n{}", differing.len(), differing.join("\n")),
    }
}

/// How long `ls /` takes from start to end of the process: Apache's client and ours, the median.
pub(super) fn start_times(tools: &Tools, server: &Server) -> Result<(Duration, Duration)> {
    let median = |client, count: u32| -> Result<Duration> {
        let mut times = Vec::new();
        for _ in 0..count {
            let start = Instant::now();
            run(tools, client, server, "ls /")?;
            times.push(start.elapsed());
        }
        times.sort_unstable();
        times.get(times.len() / 2).copied().context("no start was timed")
    };
    Ok((median(Client::Apache, 3)?, median(Client::Zoarium, STARTS)?))
}
