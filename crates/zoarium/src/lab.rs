//! `zoarium lab`: the consensus lab on the command line.

mod compare;
mod explore;
mod list;
mod play;

use clap::{Args, Subcommand};
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Run, break and look at commit and consensus protocols.
#[derive(Args, Debug)]
pub(crate) struct LabArguments {
    #[command(subcommand)]
    command: LabCommand,
}

#[derive(Debug, Subcommand)]
enum LabCommand {
    /// Show all protocols and scenarios.
    List(list::ListArguments),
    /// Run scenarios and check what they claim.
    Run(play::RunArguments),
    /// Try thousands of random runs: do just those rules break that theory says do?
    Explore(explore::ExploreArguments),
    /// Measure what the protocols cost and what they stand.
    Compare(compare::CompareArguments),
}

/// What a command comes to, beside what it prints.
pub(crate) enum Exit {
    /// All is as claimed.
    Held,
    /// Something is not as claimed.
    Failed,
}

/// Why a command cannot be carried out.
pub(crate) enum Fault {
    /// What was asked makes no sense.
    Unusable(String),
    /// What is printed cannot be written. A reader that has seen enough is no fault.
    Output(String),
    /// Nobody reads any more.
    Closed,
}

impl Fault {
    /// What was asked makes no sense.
    fn unusable(why: &impl Display) -> Self {
        Self::Unusable(why.to_string())
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::Closed;
        }
        Self::Output(error.to_string())
    }
}

fn write_file(path: &Path, text: &str) -> Result<(), Fault> {
    let why = |error| Fault::Output(format!("cannot write {}: {error}", path.display()));
    std::fs::write(path, text).map_err(why)
}

/// Carries out a command: 0 if all holds, 1 if something does not, 2 if it makes no sense.
pub(crate) fn run(arguments: &LabArguments) -> ExitCode {
    let mut out = io::stdout().lock();
    let result = match &arguments.command {
        LabCommand::List(arguments) => list::run(arguments, &mut out),
        LabCommand::Run(arguments) => play::run(arguments, &mut out),
        LabCommand::Explore(arguments) => explore::run(arguments, &mut out),
        LabCommand::Compare(arguments) => compare::run(arguments, &mut out),
    };
    match result.and_then(|exit| Ok(out.flush().map(|()| exit)?)) {
        Ok(Exit::Held) | Err(Fault::Closed) => ExitCode::SUCCESS,
        Ok(Exit::Failed) => ExitCode::FAILURE,
        Err(Fault::Unusable(why)) => complain(&why, 2),
        Err(Fault::Output(why)) => complain(&why, 1),
    }
}

#[expect(clippy::print_stderr, reason = "the process ends with this")]
fn complain(why: &str, code: u8) -> ExitCode {
    eprintln!("zoarium lab: {why}");
    ExitCode::from(code)
}
