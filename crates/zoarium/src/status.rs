//! `zoarium status`: a health check.

use clap::Args;
use std::io::{Write, stderr, stdout};
use std::process::ExitCode;
use std::time::Duration;
use zoarium_monitor::ensemble::{discover, observe};
use zoarium_monitor::facts::{Asking, Facts};
use zoarium_monitor::report;
use zoarium_monitor::target::Target;
use zoarium_monitor::verdict::judge;

/// Exit code of a check that could not be made. 2, which is what wrong arguments give, is `down`
/// here, so a check that was never right raises the alarm.
const UNKNOWN: u8 = 3;

/// Which servers to look at, and how.
#[derive(Args, Debug)]
pub(crate) struct Watched {
    /// The servers, as HOST or HOST:PORT.
    #[arg(value_name = "HOST", default_value = "127.0.0.1:2181", value_delimiter = ',')]
    pub(crate) hosts: Vec<Target>,
    /// Look at the other members of the ensemble too, where the configuration says how clients find
    /// them.
    #[arg(long, short)]
    pub(crate) all: bool,
    /// How long to wait for an answer, in seconds.
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS", value_parser = patience)]
    pub(crate) timeout: f64,
    /// The port of the admin server, which is asked for metrics where four-letter words refuse them.
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    pub(crate) admin_port: u16,
}

/// What to check.
///
/// The exit code is 0 if all is well, 1 if clients are served and something is wrong, 2 if no server
/// asked serves writes, 3 if nothing could be asked.
#[derive(Args, Debug)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    watched: Watched,
    /// Everything that is known, as JSON.
    #[arg(long)]
    json: bool,
}

/// A time to wait, in seconds.
pub(crate) fn patience(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.01..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "expected 0.01 to 3600".to_owned())
}

impl Watched {
    pub(crate) fn asking(&self) -> Asking {
        let patience = Duration::from_secs_f64(self.timeout);
        Asking { patience, admin_port: self.admin_port }
    }

    /// The servers that are meant.
    pub(crate) async fn targets(&self) -> Vec<Target> {
        match self.all {
            true => discover(&self.hosts, self.asking()).await,
            false => self.hosts.clone(),
        }
    }

    async fn facts(&self) -> Vec<Facts> {
        observe(&self.targets().await, self.asking()).await
    }
}

/// Looks once, says what is found, and ends with it.
pub(crate) fn run(arguments: &StatusArguments) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let servers = match runtime {
        Ok(runtime) => runtime.block_on(arguments.watched.facts()),
        Err(error) => {
            // Who closes standard error has the exit code.
            let _closed = writeln!(stderr(), "zoarium status: {error}");
            return ExitCode::from(UNKNOWN);
        }
    };
    let verdict = judge(&servers);
    let shown = match arguments.json {
        true => format!("{:#}\n", report::document(&servers, &[], &verdict)),
        false => report::table(&servers, &[]) + &report::verdict(&servers, &verdict),
    };
    let _closed = stdout().write_all(shown.as_bytes());
    ExitCode::from(verdict.health.exit_code())
}
