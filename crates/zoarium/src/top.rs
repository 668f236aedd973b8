//! `zoarium top`.

use crate::status::Watched;
use clap::Args;
use std::io::{self, IsTerminal, Write, stderr, stdout};
use std::process::ExitCode;
use std::time::Duration;

/// What to show.
///
/// Metrics come from four-letter words: with 4lw.commands.whitelist=srvr,mntr,conf,cons,wchs in its
/// zoo.cfg, or *, a server tells everything that is shown.
#[derive(Args, Debug)]
pub(crate) struct TopArguments {
    #[command(flatten)]
    watched: Watched,
    /// The time between two looks, in seconds.
    #[arg(long, short, default_value_t = 1.0, value_name = "SECONDS", value_parser = crate::status::patience)]
    interval: f64,
    /// Show it once, as text, and end.
    #[arg(long)]
    once: bool,
    /// Show it once, as JSON.
    #[arg(long)]
    json: bool,
}

/// Shows the dashboard, or what is on it.
pub(crate) fn run(arguments: &TopArguments) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(show(arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Who closes standard error has the exit code.
            let _closed = writeln!(stderr(), "zoarium top: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn show(arguments: &TopArguments) -> io::Result<()> {
    let targets = arguments.watched.targets().await;
    let asking = arguments.watched.asking();
    let interval = Duration::from_secs_f64(arguments.interval);
    if arguments.once || arguments.json {
        let seen = zoarium_top::once::look(&targets, asking, interval).await;
        let text = match arguments.json {
            true => format!("{:#}\n", seen.document()),
            false => seen.text(),
        };
        return stdout().write_all(text.as_bytes());
    }
    if !stdout().is_terminal() {
        return Err(io::Error::other(
            "standard output is no terminal; --once and --json need none",
        ));
    }
    zoarium_top::run(targets, asking, interval).await
}
