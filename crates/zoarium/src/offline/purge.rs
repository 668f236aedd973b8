//! `zoarium purge`: removes snapshots and logs that no start needs.

use clap::Args;
use std::io::Write;
use std::process::ExitCode;
use std::time::UNIX_EPOCH;
use zoarium_forensics::Error;
use zoarium_forensics::moment::Moment;
use zoarium_persistence::purge::{SNAPSHOTS_KEPT_MIN, purge};

use super::{DataArguments, Outcome, Output, agrees, bytes};

/// Remove snapshots and logs that no start needs, as Apache's zkCleanup.sh. A running server is not
/// disturbed.
#[derive(Args, Debug)]
pub(crate) struct PurgeArguments {
    #[command(flatten)]
    data: DataArguments,
    /// How many of the newest intact snapshots are kept, with the logs since the oldest of them.
    #[arg(short = 'n', long = "keep", value_name = "N", value_parser = clap::value_parser!(u32).range(i64::from(SNAPSHOTS_KEPT_MIN)..), default_value_t = SNAPSHOTS_KEPT_MIN)]
    keep: u32,
    /// Only say what would go.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(arguments: &PurgeArguments, out: &mut Output) -> Outcome {
    let place = arguments.data.place()?;
    // In the sandbox nothing goes, but all is decided as on disk.
    let going = purge(&place.fresh().dirs, arguments.keep)?;
    if going.is_empty() {
        writeln!(
            out,
            "nothing to remove: there are no more than {} intact snapshots, or no logs \
                       before them",
            arguments.keep
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut total = 0;
    for path in &going {
        let metadata = std::fs::metadata(path);
        let size = metadata.as_ref().map_or(0, std::fs::Metadata::len);
        total += size;
        let modified = metadata.and_then(|metadata| metadata.modified()).ok();
        let age = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let ms = age.and_then(|age| i64::try_from(age.as_millis()).ok()).unwrap_or(0);
        writeln!(out, "{}  {:>12}  {path}", Moment(ms), bytes(size))?;
    }
    writeln!(out, "{} files, {}", going.len(), bytes(total))?;
    out.flush()?;
    if arguments.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    if !arguments.yes && !agrees(&format!("Remove these {} files?", going.len())) {
        return Ok(ExitCode::FAILURE);
    }
    let removed = purge(&place.to_change(), arguments.keep).map_err(Error::from)?;
    writeln!(out, "removed {} files", removed.len())?;
    Ok(ExitCode::SUCCESS)
}
