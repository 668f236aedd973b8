//! Apache's manner: what `zkCli.sh` is called with, and how it begins and ends.

use crate::call::Manner;
use crate::failure::{Exit, Failure};
use crate::link::Target;
use crate::output::Output;
use crate::shell::{Shell, Ways};
use crate::{code, interactive, runtime, script};
use std::ffi::OsStr;
use std::io::{IsTerminal, stderr, stdin, stdout};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Apache's options that `zoarium shell` knows by: who types one means `zkCli.sh`.
const TELLING: &[&str] = &["-server", "-timeout", "-waitforconnection", "-client-configuration"];

/// The words for `zkCli.sh`, if that is what this process was called as: by its own name, or as
/// `shell` or `zkcli` of the program that does everything.
pub fn words_for(arguments: &[String]) -> Option<Vec<String>> {
    let (program, rest) = arguments.split_first()?;
    let name = Path::new(program).file_name().and_then(OsStr::to_str).unwrap_or_default();
    if matches!(name, "zkCli.sh" | "zkCli" | "zkcli") {
        return Some(rest.to_vec());
    }
    match rest.split_first() {
        Some((command, rest)) if command == "zkcli" => Some(rest.to_vec()),
        Some((command, rest)) if command == "shell" => {
            let is_telling = |word: &String| TELLING.contains(&word.as_str());
            rest.iter()
                .take_while(|word| word.starts_with('-'))
                .any(is_telling)
                .then(|| rest.to_vec())
        }
        Some(_) | None => None,
    }
}

/// What `zkCli.sh` was told.
#[derive(Debug, PartialEq, Eq)]
struct Words {
    servers: String,
    timeout: Duration,
    is_read_only: bool,
    waits: bool,
    configuration: Option<String>,
    command: Vec<String>,
    /// An option without its value, which is said and passed over.
    unfinished: Option<String>,
}

/// The first word without a dash is a command. Options that are not known are passed over.
fn read(words: &[String]) -> Result<Words, Failure> {
    let mut read = Words {
        servers: "localhost:2181".to_owned(),
        timeout: Duration::from_secs(30),
        is_read_only: false,
        waits: false,
        configuration: None,
        command: Vec::new(),
        unfinished: None,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-r" => read.is_read_only = true,
            "-waitforconnection" => read.waits = true,
            "-server" | "-timeout" | "-client-configuration" => match words.next() {
                None => read.unfinished = Some(word.clone()),
                Some(value) if word == "-server" => value.clone_into(&mut read.servers),
                Some(value) if word == "-timeout" => {
                    let wrong = |_| Failure::Value { what: word.clone(), text: value.clone() };
                    read.timeout = Duration::from_millis(value.parse().map_err(wrong)?);
                }
                Some(value) => read.configuration = Some(value.clone()),
            },
            option if option.starts_with('-') => {}
            _ => {
                read.command = std::iter::once(word).chain(words.by_ref()).cloned().collect();
            }
        }
    }
    Ok(read)
}

/// Runs a shell in Apache's manner, with the words that `zkCli.sh` would get.
pub fn run(words: &[String]) -> ExitCode {
    let output = Output::new(stdout(), stderr());
    match start(words, &output) {
        Ok(exit) => code(exit),
        Err(failure) => {
            output.err(&format!("{}\n", failure.text(Manner::Apache)));
            code(failure.exit(Manner::Apache))
        }
    }
}

fn start(words: &[String], output: &Output) -> Result<Exit, Failure> {
    let read = read(words)?;
    if let Some(option) = &read.unfinished {
        output.err(&format!("Error: no argument found for option {option}\n"));
    }
    if let Some(path) = &read.configuration {
        check_configuration(path)?;
    }
    let is_interactive = read.command.is_empty() && stdin().is_terminal();
    let ways = Ways { manner: Manner::Apache, is_json: false, is_sure: true, is_interactive };
    output.out(&format!("Connecting to {}\n", read.servers));
    let target = Target {
        servers: read.servers,
        session_timeout: read.timeout,
        patience: read.timeout,
        is_read_only: read.is_read_only,
        retries: false,
        waits: read.waits,
        auths: Vec::new(),
    };
    let runtime = runtime(is_interactive)?;
    let mut shell = Shell::new(ways, target, output.clone());
    {
        let _entered = runtime.enter();
        shell.open()?;
    }
    runtime.spawn(shell.watches.clone().run());
    if read.waits {
        runtime.block_on(shell.ready())?;
    }
    let exit = if read.command.is_empty() {
        output.out("Welcome to ZooKeeper!\n");
        if is_interactive {
            output.out("JLine support is enabled\n");
            interactive::run(&mut shell, &runtime)
        } else {
            output.out("JLine support is disabled\n");
            runtime.block_on(script::run(&mut shell, None, true))
        }
    } else {
        runtime.block_on(shell.run(read.command))
    };
    // As with Apache's client, the session ends with its timeout unless it was closed.
    runtime.block_on(async {
        shell.detach();
        tokio::task::yield_now().await;
    });
    runtime.shutdown_background();
    Ok(exit)
}

/// Reads the properties of Apache's clients as far as they matter here.
fn check_configuration(path: &str) -> Result<(), Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| Failure::File { path: path.into(), source })?;
    let is_secure = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .any(|(key, value)| key.trim() == "zookeeper.client.secure" && value.trim() == "true");
    match is_secure {
        true => Err(Failure::Format {
            path: path.into(),
            why: "zookeeper.client.secure: TLS is not supported".to_owned(),
        }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn zkcli_is_known_by_its_name_and_by_its_options() {
        for (line, expected) in [
            ("/usr/bin/zkCli.sh -server a:1 ls /", Some("-server a:1 ls /")),
            ("zkCli.sh", Some("")),
            ("zoarium zkcli ls /", Some("ls /")),
            ("zoarium shell -server a:1 ls /", Some("-server a:1 ls /")),
            ("zoarium shell -r -server a:1", Some("-r -server a:1")),
            ("zoarium shell --server a:1 ls /", None),
            ("zoarium shell ls -server", None),
            ("zoarium server", None),
            ("zoarium", None),
        ] {
            assert_eq!(words_for(&words(line)), expected.map(words), "{line}");
        }
    }

    #[test]
    fn options_end_with_the_command() {
        let read = read(&words("-foo -server h:1/x -r -timeout 5000 create -e /a x")).unwrap();
        assert_eq!(read.servers, "h:1/x");
        assert_eq!(read.timeout, Duration::from_secs(5));
        assert!(read.is_read_only && !read.waits);
        assert_eq!(read.command, ["create", "-e", "/a", "x"]);
    }

    #[test]
    fn option_without_its_value_is_said() {
        assert_eq!(read(&words("-server")).unwrap().unfinished.as_deref(), Some("-server"));
        assert!(read(&words("-timeout soon")).is_err());
    }
}
