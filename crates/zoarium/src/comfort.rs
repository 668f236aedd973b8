//! What makes the command line comfortable: help in groups, completions, manual pages, and what to do
//! next for whoever types `zoarium` alone.

use clap::{Arg, Args, Command};
use clap_complete::Shell;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Write a completion script for a shell to standard output.
///
/// bash: zoarium completions bash > ~/.local/share/bash-completion/completions/zoarium
///
/// zsh: zoarium completions zsh > ~/.zfunc/_zoarium (with ~/.zfunc in fpath)
///
/// fish: zoarium completions fish > ~/.config/fish/completions/zoarium.fish
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct CompletionsArguments {
    /// Which shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Write manual pages, one a command, into a directory.
///
/// Read them with `man -l DIR/zoarium-log.1`, or put them into a directory `man1` of $MANPATH.
#[derive(Args, Debug)]
pub(crate) struct ManArguments {
    /// Where to; it is created.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// The subcommands in the order in which they are told, by what they are for. A command that is in no
/// group comes last.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Run servers", &["server", "dev"]),
    ("Work with a running ensemble", &["shell", "status", "four-letter", "top", "bench"]),
    ("Look into a data directory, Apache's too", &["log", "snapshot", "doctor", "purge"]),
    ("Learn", &["lab"]),
];

/// What to do next.
const FIRST_STEPS: &str = "\
To begin:
  zoarium dev                  an ensemble of three servers on this machine
  zoarium server               one server on 127.0.0.1:2181, data in ./zoarium-data
  zoarium server zoo.cfg       a server with your configuration, Apache's format
  zoarium shell                look at znodes and change them, on localhost:2181 unless told
  zoarium doctor DATADIR       is this data directory sound?
  zoarium COMMAND --help       what a command does, with all its options
";

/// The command line, with its commands shown in groups.
pub(crate) fn grouped(command: Command) -> Command {
    let listing = listing(&command);
    command
        .help_template(
            "{about-with-newline}\n{usage-heading} {usage}{after-help}Options:\n{options}",
        )
        .after_help(listing)
}

/// Carries out `zoarium` alone: says what there is.
pub(crate) fn greet(command: Command) -> ExitCode {
    let mut command = grouped(command);
    let help = command.render_help();
    written(write!(io::stdout(), "{help}\n{FIRST_STEPS}"))
}

/// The subcommands of `command`, one a line, in their groups.
fn listing(command: &Command) -> String {
    let mut text = String::new();
    let mut listed: Vec<&str> = Vec::new();
    let mut group = |heading: &str, names: &[&str]| {
        let mut members = Vec::new();
        for &name in names {
            let known = command.get_subcommands().find(|known| known.get_name() == name);
            members.extend(known.filter(|known| !known.is_hide_set()));
        }
        if !members.is_empty() {
            text.push_str(heading);
            text.push_str(":\n");
        }
        for member in &members {
            let about = member.get_about().map(ToString::to_string).unwrap_or_default();
            // The command's own help says the rest.
            let about = about.split_once(". ").map_or(about.as_str(), |(first, _)| first);
            text.push_str(&format!("  {:13} {about}\n", member.get_name()));
        }
        if !members.is_empty() {
            text.push('\n');
        }
    };
    for (heading, names) in GROUPS {
        group(heading, names);
        listed.extend(names);
    }
    let rest = command.get_subcommands().map(Command::get_name);
    let rest: Vec<_> = rest.filter(|name| !listed.contains(name)).collect();
    group("More", &rest);
    text
}

/// Carries out `zoarium completions`.
pub(crate) fn completions(arguments: &CompletionsArguments, command: Command) -> ExitCode {
    let (mut command, mut script) = (with_zkcli(command), Vec::new());
    clap_complete::generate(arguments.shell, &mut command, "zoarium", &mut script);
    written(io::stdout().write_all(&script))
}

/// Carries out `zoarium man`.
#[expect(clippy::print_stderr, reason = "the process ends with this")]
pub(crate) fn man(arguments: &ManArguments, command: Command) -> ExitCode {
    match write_pages(&arguments.dir, command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("zoarium man: cannot write to {}: {error}", arguments.dir.display());
            ExitCode::FAILURE
        }
    }
}

fn write_pages(dir: &Path, command: Command) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    clap_mangen::generate_to(with_zkcli(command), dir)
}

/// The command line with the one command that is recognized before it is read: its options have one
/// dash, in Apache's manner.
fn with_zkcli(command: Command) -> Command {
    let words = Arg::new("WORDS").num_args(0..).help("Options and a command, as for zkCli.sh");
    let zkcli = Command::new("zkcli")
        .about("Look at znodes and change them in the manner of Apache's zkCli.sh")
        .disable_help_flag(true)
        .arg(words);
    command.subcommand(zkcli)
}

/// A reader that has seen enough is no failure.
fn written(result: io::Result<()>) -> ExitCode {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Ok(()) | Err(_) => ExitCode::SUCCESS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cli;
    use clap::CommandFactory;

    #[test]
    fn every_command_is_in_the_help_once() {
        let command = grouped(Cli::command());
        let help = command.clone().render_help().to_string();
        for known in command.get_subcommands().filter(|known| !known.is_hide_set()) {
            let line = format!("\n  {:13} ", known.get_name());
            assert_eq!(help.matches(&line).count(), 1, "{}: {help}", known.get_name());
        }
    }

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        grouped(Cli::command()).debug_assert();
        with_zkcli(Cli::command()).debug_assert();
    }

    #[test]
    fn every_argument_says_what_it_is_for() {
        let mut waiting = vec![Cli::command()];
        while let Some(command) = waiting.pop() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                let said = argument.get_help().is_some() || argument.get_long_help().is_some();
                assert!(said, "{} {}", command.get_name(), argument.get_id());
            }
            waiting.extend(command.get_subcommands().cloned());
        }
    }
}
