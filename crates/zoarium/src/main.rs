//! The command line of Zoarium.

mod dev;
mod lab;
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
    /// Run an ensemble on this machine, to try things out. Ctrl-C stops it.
    Dev(DevArguments),
    /// Run, break and look at commit and consensus protocols.
    Lab(lab::LabArguments),
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
        Some(Command::Dev(arguments)) => dev::run(&arguments),
        Some(Command::Lab(arguments)) => lab::run(&arguments),
        None => serve::run(&ServerArguments { log: "info".to_owned(), ..Default::default() }),
    }
}
