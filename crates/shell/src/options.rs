//! The options of the shell itself, in our manner.

use crate::failure::Failure;
use crate::link::Target;
use crate::time::duration;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Options of `zoarium shell`.
#[derive(Args, Clone, Debug)]
pub struct ShellArguments {
    /// The servers, and the path below which to stay: host:port,host:port/path.
    #[arg(
        short,
        long,
        env = "ZOARIUM_SERVER",
        default_value = "localhost:2181",
        value_name = "SERVERS"
    )]
    pub server: String,
    /// How long servers keep the session without hearing from it.
    #[arg(long, default_value = "30s", value_parser = time, value_name = "TIME")]
    pub timeout: Duration,
    /// How long a command waits for a connection.
    #[arg(long, default_value = "10s", value_parser = time, value_name = "TIME")]
    pub patience: Duration,
    /// Take a server that only answers reads, if there is no other.
    #[arg(long)]
    pub read_only: bool,
    /// An identity to claim, as in digest:user:password. Others of this machine may see it here; in
    /// ZOARIUM_AUTH they do not.
    #[arg(long, env = "ZOARIUM_AUTH", hide_env_values = true, value_name = "SCHEME:AUTH")]
    pub auth: Vec<String>,
    /// Print JSON, one object a line.
    #[arg(long)]
    pub json: bool,
    /// Do not ask before znodes are deleted or changed in numbers.
    #[arg(short, long)]
    pub yes: bool,
    /// Read commands from a file; - is standard input.
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Go on with a script when a command has failed.
    #[arg(long)]
    pub keep_going: bool,
    /// A command with its arguments. Without one, commands are read from standard input.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

fn time(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "expected a number and a unit, as in 30s or 5m".to_owned())
}

impl ShellArguments {
    /// What to connect to.
    pub(crate) fn target(&self) -> Result<Target, Failure> {
        let auth = |text: &String| match text.split_once(':') {
            Some((scheme, credentials)) => Ok((scheme.to_owned(), credentials.to_owned())),
            None => Err(Failure::Said("--auth: expected SCHEME:AUTH".to_owned())),
        };
        Ok(Target {
            servers: self.server.clone(),
            session_timeout: self.timeout,
            patience: self.patience,
            is_read_only: self.read_only,
            retries: true,
            waits: false,
            auths: self.auth.iter().map(auth).collect::<Result<_, _>>()?,
        })
    }
}
