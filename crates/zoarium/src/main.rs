//! The command line of Zoarium.

mod bench;
mod comfort;
mod dev;
mod four_letter;
mod lab;
mod offline;
mod serve;
mod status;
mod top;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::process::ExitCode;

/// A coordination service that every ZooKeeper client speaks to.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = false)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a server: alone, or as a member of the ensemble in its zoo.cfg.
    Server(ServerArguments),
    /// Run an ensemble on this machine, to try things out. Ctrl-C stops it.
    Dev(DevArguments),
    /// Run, break and look at commit and consensus protocols.
    Lab(lab::LabArguments),
    /// Look at znodes and change them: one command, a script, or as long as you type. `zkcli`, and
    /// the name zkCli.sh, are the same in the manner of Apache's client.
    Shell(Box<zoarium_shell::ShellArguments>),
    /// Look into transaction logs: what happened, who did it, how the tree was.
    Log(offline::LogArguments),
    /// Look into snapshots: what they hold, how large, what differs; pack them otherwise.
    Snapshot(offline::SnapshotArguments),
    /// Find out whether a data directory is sound, and repair what can be.
    Doctor(offline::DoctorArguments),
    /// Remove snapshots and logs that no start needs.
    Purge(offline::PurgeArguments),
    /// Write a completion script for bash, zsh, fish and others.
    Completions(comfort::CompletionsArguments),
    /// Write manual pages.
    Man(comfort::ManArguments),
    /// Say how servers are, and what to do about it. The exit code tells: 0 healthy, 1 degraded, 2 down.
    Status(status::StatusArguments),
    /// Watch servers in the terminal: roles, lag, latencies, connections, what is hot.
    Top(top::TopArguments),
    /// Ask servers a four-letter word, such as srvr or mntr.
    FourLetter(four_letter::FourLetterArguments),
    /// Measure how many operations servers take, and how fast.
    Bench(Box<bench::BenchArguments>),
}

/// As much of [`Cli`] as starts a server, which has no use for what defines all the others: that is
/// a third of the instructions until it serves, and code that would stay in its memory.
#[derive(Debug, Parser)]
#[command(name = "zoarium", version)]
struct ServerCli {
    #[command(subcommand)]
    command: ServerCommand,
}

#[derive(Debug, Subcommand)]
enum ServerCommand {
    /// Run a server: alone, or as a member of the ensemble in its zoo.cfg.
    Server(ServerArguments),
}

/// What kind of ensemble.
#[derive(Args, Debug)]
struct DevArguments {
    /// How many servers vote.
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=9))]
    servers: u8,
    /// How many servers only observe.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=9))]
    observers: u8,
    /// Where the servers keep their configurations and data. What is there is used again.
    #[arg(long, default_value = "zoarium-dev", value_name = "DIR")]
    dir: std::path::PathBuf,
    /// The first server's client port; the others follow it.
    #[arg(long, default_value_t = 2181, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1024..=60_000))]
    port: u16,
    /// Lines for every zoo.cfg, as in --set tickTime=500.
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// What the servers log, as in `zoarium server --help`. Unless set, it is who looks for a leader,
    /// joins and leads, and what is wrong; that connections come and go is left out.
    #[arg(long, env = "ZOARIUM_LOG", default_value = dev::LOG, hide_default_value = true, value_name = "FILTER")]
    log: String,
}

/// How to run a server.
#[derive(Args, Debug)]
struct ServerArguments {
    /// A zoo.cfg; or as in Apache a client port and a data directory, then if wanted the tick time in
    /// milliseconds and the number of connections a client may have.
    /// Without it the server listens on loopback only and keeps its data in ./zoarium-data.
    #[arg(num_args = 0..=4, value_name = "CONFIG")]
    config: Vec<String>,
    /// A Java system property that Apache's server knows, as in -Dzookeeper.snapCount=10000.
    #[arg(short = 'D', value_name = "NAME=VALUE")]
    define: Vec<String>,
    /// Stop when standard input ends, as it does when the process at its other end is gone.
    #[arg(long, hide = true)]
    ends_with_stdin: bool,
    /// How log lines look.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    log_format: LogFormat,
    /// What is logged: error, warn, info, debug, trace, or filters such as zoarium_server=debug.
    #[arg(long, env = "ZOARIUM_LOG", default_value = "info", value_name = "FILTER")]
    log: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

fn main() -> ExitCode {
    // Apache's options have one dash, which is no business of clap's.
    let arguments: Vec<String> =
        std::env::args_os().map(|it| it.to_string_lossy().into_owned()).collect();
    if let Some(words) = zoarium_shell::zkcli_words(&arguments) {
        return zoarium_shell::run_zkcli(&words);
    }
    if arguments.get(1).is_some_and(|word| word == "server") {
        let ServerCommand::Server(arguments) = ServerCli::parse().command;
        return serve::run(&arguments);
    }
    let matches = comfort::grouped(Cli::command()).get_matches();
    // What the definition accepts it can be made of, or this says why.
    let command = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli.command,
        Err(error) => error.exit(),
    };
    match command {
        Some(Command::Server(arguments)) => serve::run(&arguments),
        Some(Command::Dev(arguments)) => dev::run(&arguments),
        Some(Command::Lab(arguments)) => lab::run(&arguments),
        Some(Command::Shell(arguments)) => zoarium_shell::run(&arguments),
        Some(Command::Log(arguments)) => offline::log(&arguments),
        Some(Command::Snapshot(arguments)) => offline::snapshot(&arguments),
        Some(Command::Doctor(arguments)) => offline::doctor(&arguments),
        Some(Command::Purge(arguments)) => offline::purge(&arguments),
        Some(Command::Completions(arguments)) => comfort::completions(&arguments, Cli::command()),
        Some(Command::Man(arguments)) => comfort::man(&arguments, Cli::command()),
        Some(Command::Status(arguments)) => status::run(&arguments),
        Some(Command::Top(arguments)) => top::run(&arguments),
        Some(Command::FourLetter(arguments)) => four_letter::run(&arguments),
        Some(Command::Bench(arguments)) => bench::run(&arguments),
        None => comfort::greet(Cli::command()),
    }
}
