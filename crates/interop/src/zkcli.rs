//! Apache's command-line client with one script against both servers; the outputs are compared.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::Options;
use crate::report::Report;
use crate::server::{Kind, Server};
use crate::setup;
use crate::tools::{Tools, bound, run_within};

/// zoo.cfg lines; reconfig stays disabled, as by default.
const CFG: &[&str] = &["extendedTypesEnabled=true"];
const LIMIT: Duration = Duration::from_secs(90);
/// A read of a znode under this path marks where a command's output begins.
const MARK: &str = "Node does not exist: /-----/";
/// How many differing commands are printed.
const FINDINGS_MAX: usize = 10;

pub(crate) fn run(tools: &Tools, report: &Report, options: &Options) -> Result<()> {
    setup::jars(tools)?;
    let script = script(tools, "zkcli.script")?;
    let commands: Vec<&str> = script.lines().collect();
    let result = std::thread::scope(|scope| {
        let expected = scope
            .spawn(|| session(tools, Kind::Apache, Client::Apache, "zkcli-reference", &commands));
        let got = session(tools, options.server, Client::Apache, "zkcli", &commands);
        let expected = expected.join().map_err(|_| anyhow::anyhow!("the reference failed"))??;
        compare(&commands, &expected, &got?)
    });
    report.result("zkcli", result);
    Ok(())
}

/// The commands of a script, without its comments.
pub(crate) fn script(tools: &Tools, name: &str) -> Result<String> {
    let text = fs::read_to_string(tools.source.join("clients/java").join(name))?;
    let is_command = |line: &&str| !line.starts_with('#') && !line.is_empty();
    Ok(text.lines().filter(is_command).map(|line| format!("{line}\n")).collect())
}

/// Whose command line it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Client {
    Apache,
    /// Ours, in Apache's manner.
    Zoarium,
}

impl Client {
    /// The command line without arguments.
    pub(crate) fn command(self, tools: &Tools, dir: &Path) -> Result<Command> {
        let mut command = match self {
            Self::Apache => {
                let mut java = bound("java");
                java.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]);
                java.args(["-cp", &tools.class_path(), "-Duser.timezone=UTC"]);
                java.arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=off");
                java.arg("org.apache.zookeeper.ZooKeeperMain");
                java
            }
            Self::Zoarium => {
                let mut zoarium = bound(tools.zoarium()?);
                zoarium.arg("zkcli").env("TZ", "UTC");
                zoarium
            }
        };
        command.current_dir(dir);
        Ok(command)
    }
}

/// What one run printed: per command, and the watch events on their own. Events are printed by
/// another thread of the client, so their place between the lines is chance.
pub(crate) struct Transcript {
    outputs: Vec<String>,
    events: Vec<String>,
}

/// Runs commands through a client that reads them from a file.
pub(crate) fn session(
    tools: &Tools,
    kind: Kind,
    client: Client,
    name: &str,
    commands: &[&str],
) -> Result<Transcript> {
    let server = Server::start(tools, kind, name, CFG)?;
    let mut input = String::new();
    for (number, command) in commands.iter().enumerate() {
        // The exit code is that of the last command before `quit`, so no failing read goes there.
        if *command != "quit" {
            input.push_str(&format!("get /-----/{number}\n"));
        }
        input.push_str(&format!("{command}\n"));
    }
    let input_path = server.dir.join("input");
    fs::write(&input_path, input)?;
    let mut command = client.command(tools, &server.dir)?;
    command.args(["-waitforconnection", "-server", &server.address()]);
    command.stdin(fs::File::open(&input_path)?);
    let text = run_within(&mut command, LIMIT, &server.dir.join("zkcli.log"))?;
    transcript(&text, commands.len()).with_context(|| format!("{name}:\n{text}"))
}

fn transcript(text: &str, commands: usize) -> Result<Transcript> {
    let mut transcript = Transcript { outputs: vec![String::new(); commands], events: Vec::new() };
    let mut current = None;
    for line in text.lines().filter(|line| !line.is_empty() && *line != "WATCHER::") {
        if let Some(number) = line.strip_prefix(MARK) {
            current = Some(number.parse::<usize>().context("the mark of a command")?);
        } else if line.starts_with("WatchedEvent ") {
            transcript.events.push(line.to_owned());
        } else if let Some(output) = current.and_then(|index| transcript.outputs.get_mut(index)) {
            output.push_str(&normal(line));
            output.push('\n');
        }
    }
    if current.is_none() {
        bail!("no command was read");
    }
    // Whether the event of the end is printed before the process ends is chance.
    transcript.events.pop_if(|last| last.contains("state:Closed"));
    Ok(transcript)
}

/// Takes times, session ids and ports out of a line; sorts a list without an order.
pub(crate) fn normal(line: &str) -> String {
    let field = |name: &str| line.strip_prefix(name).and_then(|rest| rest.strip_prefix(" = "));
    if let Some(value) = field("ctime").or(field("mtime")) {
        let epoch = value.ends_with("1970");
        return if epoch { line.to_owned() } else { format!("{} = DATE", &line[..5]) };
    }
    if line.starts_with("ZooKeeper CLI version: ") {
        return "ZooKeeper CLI version".to_owned();
    }
    match field("ephemeralOwner") {
        Some("0x0") | None => {}
        Some(_) => return "ephemeralOwner = SESSION".to_owned(),
    }
    if let Some(list) = line.strip_prefix("[/").and_then(|rest| rest.strip_suffix(']')) {
        let mut paths: Vec<&str> = list.split(", /").collect();
        paths.sort_unstable();
        return format!("[/{}]", paths.join(", /"));
    }
    line.to_owned()
}

pub(crate) fn compare(
    commands: &[&str],
    expected: &Transcript,
    got: &Transcript,
) -> Result<String> {
    let mut findings = Vec::new();
    for (index, command) in commands.iter().enumerate() {
        let (expected, got) = (&expected.outputs[index], &got.outputs[index]);
        if expected != got {
            findings.push(format!("> {command}\n- expected\n{expected}- got\n{got}"));
        }
    }
    if expected.events != got.events {
        findings.push(format!(
            "> watch events\n- expected\n{}\n- got\n{}\n",
            expected.events.join("\n"),
            got.events.join("\n")
        ));
    }
    if findings.is_empty() {
        return Ok(format!("{} commands, {} events", commands.len(), expected.events.len()));
    }
    let count = findings.len();
    findings.truncate(FINDINGS_MAX);
    bail!("{count} commands differ\n{}", findings.concat())
}

#[cfg(test)]
mod tests {
    use super::{normal, transcript};

    #[test]
    fn events_stand_apart_from_the_outputs_they_interrupt() {
        let text = "Welcome\nNode does not exist: /-----/0\nCreated /a\n\nWATCHER::\n\n\
                    WatchedEvent type:NodeCreated path:/a\nNode does not exist: /-----/1\n[a, b]\n";
        let transcript = transcript(text, 2).unwrap();
        assert_eq!(transcript.outputs, ["Created /a\n", "[a, b]\n"]);
        assert_eq!(transcript.events, ["WatchedEvent type:NodeCreated path:/a"]);
    }

    #[test]
    fn only_what_differs_by_chance_is_taken_out() {
        for (line, kept) in [
            ("ctime = Mon Nov 23 09:45:30 UTC 2026", "ctime = DATE"),
            ("mtime = Thu Jan 01 00:00:00 UTC 1970", "mtime = Thu Jan 01 00:00:00 UTC 1970"),
            ("ephemeralOwner = 0x100002443ec0000", "ephemeralOwner = SESSION"),
            ("ephemeralOwner = 0x0", "ephemeralOwner = 0x0"),
            ("[/b, /a/c, /a]", "[/a, /a/c, /b]"),
            ("[b, a]", "[b, a]"),
            ("cZxid = 0x12f", "cZxid = 0x12f"),
        ] {
            assert_eq!(normal(line), kept);
        }
    }
}
