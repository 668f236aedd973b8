//! Interoperability tests: real ZooKeeper clients and Apache's server against Zoarium.
//!
//! Every check can also run against Apache's own server (`--server apache`): what does not pass
//! there is a wrong check. Start reading at [`CHECKS`].

mod bad_peers;
mod bench;
mod bytes;
mod chaos;
mod clients;
mod crash;
mod dice;
mod disk;
mod dump;
mod ensemble;
mod failover;
mod faults;
mod hand_over;
mod history;
mod kazoo;
mod migration;
mod mixed;
mod offline;
mod operating;
mod process;
mod recipes;
mod reconfiguration;
mod report;
mod rust;
mod server;
mod session;
mod setup;
mod shell;
mod tools;
mod wire;
mod zkcli;

use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};

use report::{Report, say};
use server::Kind;
use tools::Tools;

const USAGE: &str = "\
usage: interop [NAME…] [--server zoarium|apache] [--rounds N] [--seconds N]
               [--filter TEXT] [--seed N] [--verbose]
       interop setup | list | hand-over | bench …

Runs the named checks, or all, against a server. Installs what is missing. `hand-over` measures how
long locks take from one holder to the next, `bench` how fast servers are (`bench help`).
  --server   the server under test (default zoarium, from $ZOARIUM or target/release)
  --rounds   kills of the crash check (default 50)
  --seconds  how long the chaos lasts (default 30)
  --filter   only scenarios of `bytes` and of ensembles whose name contains TEXT
  --seed     the seed, or range A-B of seeds, of the random scenarios (default 1-3)
  --verbose  print every step of `bytes` with Apache's answer
Ports are taken from $INTEROP_PORT upwards (default 21000).";

struct Options {
    names: Vec<String>,
    server: Kind,
    filter: String,
    verbose: bool,
    rounds: u64,
    seconds: u64,
    seeds: RangeInclusive<u64>,
}

type Check = (&'static str, &'static str, fn(&Tools, &Report, &Options) -> Result<()>);

/// Every check: its name, what it shows, and the function that runs it.
///
/// The longest come first, so that the two workers end together.
const CHECKS: &[Check] = &[
    ("kazoo-suite", "kazoo's own tests", kazoo::run),
    ("mixed", "ensembles of Apache's servers and ours, in every pairing of roles", mixed::run),
    ("faults", "kills, pauses, cut links and full disks in an ensemble under load", faults::run),
    ("reconfig", "changes of membership, led by each implementation", reconfiguration::run),
    ("bad-peers", "garbage on the peer ports and servers set up wrongly", bad_peers::run),
    ("failover", "real clients of an ensemble that loses servers", failover::run),
    ("rust", "our own client, with Apache's servers and ours", rust::run),
    ("chaos", "our recipes on an ensemble whose leader is killed over and over", chaos::run),
    ("migration", "an ensemble under load, replaced server by server and back", migration::run),
    ("recipes", "our recipes, Curator's and kazoo's contending for the same", recipes::run),
    ("disk", "directories written by one server and read by the other", disk::run),
    ("crash", "kill -9 under load, over and over", crash::run),
    ("offline", "logs, snapshots and the doctor on what Apache's servers leave", offline::run),
    ("bytes", "raw requests, answers equal to Apache's byte for byte", bytes::run),
    ("operating", "status, top, four-letter and bench on running ensembles", operating::run),
    ("shell", "our command line beside Apache's, and typed at", shell::run),
    ("zkcli", "Apache's command line, every command", zkcli::run),
    ("java", "Apache's Java client and Curator", clients::java),
    ("c", "Apache's C client and its command line", clients::c),
    ("go", "go-zookeeper", clients::go),
    ("node", "node-zookeeper-client and zookeeper", clients::node),
    ("python", "kazoo", clients::python),
];

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("interop: {error:#}"));
            ExitCode::from(2)
        }
    }
}

fn run(arguments: impl Iterator<Item = String>) -> Result<bool> {
    let arguments: Vec<String> = arguments.collect();
    if let Some(("bench", rest)) = arguments.split_first().map(|(first, rest)| (&**first, rest)) {
        return bench::run(&Tools::new()?, rest);
    }
    let options = parse(arguments.into_iter())?;
    let tools = Tools::new()?;
    match options.names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["help"] => say(USAGE),
        ["list"] => CHECKS.iter().for_each(|(name, what, _)| say(&format!("{name:12} {what}"))),
        ["hand-over"] => hand_over::run(&tools, &options)?,
        ["setup"] => setup::all(&tools)?,
        _ => return checks(&tools, &options),
    }
    Ok(true)
}

/// Runs the wanted checks, two at a time: they mostly wait for JVMs, disks and timeouts.
fn checks(tools: &Tools, options: &Options) -> Result<bool> {
    let report = Report::default();
    let wanted =
        |name: &str| options.names.is_empty() || options.names.iter().any(|wanted| wanted == name);
    let queue: Vec<&Check> = CHECKS.iter().filter(|(name, ..)| wanted(name)).collect();
    let next = AtomicUsize::new(0);
    let worker = || {
        while let Some((name, _, check)) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = check(tools, &report, options) {
                report.result(name, Err(error));
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(worker);
        worker();
    });
    Ok(report.finish())
}

fn seeds(text: &str) -> Result<RangeInclusive<u64>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Ok(first.parse().context("--seed")?..=last.parse().context("--seed")?)
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options {
        names: Vec::new(),
        server: Kind::Zoarium,
        filter: String::new(),
        verbose: false,
        rounds: 50,
        seconds: 30,
        seeds: 1..=3,
    };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_default();
        match argument.as_str() {
            "-h" | "--help" => options.names = vec!["help".to_owned()],
            "--server" => {
                options.server = match value().as_str() {
                    "apache" => Kind::Apache,
                    "apache38" => Kind::Apache38,
                    "zoarium" => Kind::Zoarium,
                    other => bail!("unknown server {other:?}\n{USAGE}"),
                }
            }
            "--verbose" => options.verbose = true,
            "--seed" => options.seeds = seeds(&value())?,
            "--seconds" => options.seconds = value().parse().context("--seconds")?,
            "--rounds" => options.rounds = value().parse().context("--rounds")?,
            "--filter" => options.filter = value(),
            option if option.starts_with('-') => bail!("unknown option {option}\n{USAGE}"),
            name => options.names.push(name.to_owned()),
        }
    }
    let known = |name: &str| CHECKS.iter().any(|(check, ..)| *check == name);
    let special = ["help", "list", "setup", "hand-over"];
    for name in &options.names {
        if !known(name) && !special.contains(&name.as_str()) {
            bail!("unknown check {name:?}\n{USAGE}");
        }
    }
    Ok(options)
}
