//! The command line of Zoarium.

mod serve;

use clap::{Args, Parser, Subcommand, ValueEnum};
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
    /// Run a server. This is also what happens without a command.
    Server(ServerArguments),
}

/// How to run a server.
#[derive(Args, Debug, Default)]
struct ServerArguments {
    /// A zoo.cfg; or as in Apache a client port and a data directory, then if wanted the tick time in
    /// milliseconds and the number of connections a client may have.
    /// Without it the server listens on loopback only and keeps its data in ./zoarium-data.
    #[arg(num_args = 0..=4, value_name = "CONFIG")]
    config: Vec<String>,
    /// A Java system property that Apache's server knows, as in -Dzookeeper.snapCount=10000.
    #[arg(short = 'D', value_name = "NAME=VALUE")]
    define: Vec<String>,
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
    match Cli::parse().command {
        Some(Command::Server(arguments)) => serve::run(&arguments),
        None => serve::run(&ServerArguments { log: "info".to_owned(), ..Default::default() }),
    }
}
