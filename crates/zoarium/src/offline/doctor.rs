//! `zoarium doctor`: whether a data directory is sound.

use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};
use zoarium_forensics::doctor::{Report, Severity, compare_members, examine, repair};
use zoarium_forensics::moment::Moment;
use zoarium_forensics::{Error, Place};

use super::bar::Bar;
use super::{DataArguments, FAILED, Outcome, Output, agrees, complain};

/// Find out whether a data directory is sound, and whether Apache's server and Zoarium would start on
/// it.
///
/// Exit code: 0 if nothing is wrong, 1 if there are warnings, 3 if there are errors, 2 if the
/// directory cannot be examined.
#[derive(Args, Debug)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    data: DataArguments,
    /// Another member's data: do the two have one history?
    #[arg(long, value_name = "DATA")]
    member: Vec<PathBuf>,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
    /// Repair what loses nothing, after copying every file that is changed. The server must be
    /// stopped.
    #[arg(long)]
    repair: bool,
    /// Where the copies go; a new directory in the dataDir if absent.
    #[arg(long, value_name = "DIR", requires = "repair")]
    backup: Option<PathBuf>,
    /// Do not ask before repairing.
    #[arg(long, requires = "repair")]
    yes: bool,
}

pub(super) fn run(arguments: &DoctorArguments, out: &mut Output) -> Outcome {
    // Whoever names a single file means the directory that it is in.
    let place = Place { file: None, ..arguments.data.place()? };
    let mut report = examine(&place, &mut Bar::new(false))?;
    for member in &arguments.member {
        report.add(compare_members(&place, &Place::find(member, None)?)?);
    }
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &report)?;
        writeln!(out)?;
    } else {
        write_report(&report, arguments.repair, out)?;
    }
    out.flush()?;
    if arguments.repair && !report.repairs.is_empty() {
        return carry_out(arguments, &place, &report, out);
    }
    Ok(exit_of(&report))
}

fn exit_of(report: &Report) -> ExitCode {
    ExitCode::from(match report.worst() {
        None | Some(Severity::Info) => 0,
        Some(Severity::Warning) => 1,
        Some(Severity::Error) => 3,
    })
}

fn write_report(report: &Report, repairing: bool, out: &mut Output) -> Result<(), Error> {
    let examined = &report.examined;
    writeln!(
        out,
        "{}: {} snapshots, {} logs with {} transactions, {} znodes\n",
        report.directory, examined.snapshots, examined.logs, examined.txns, examined.znodes
    )?;
    for verdict in &report.verdicts {
        match (&verdict.last_zxid, &verdict.why) {
            (_, Some(why)) => writeln!(out, "{:10}  would not start: {why}", verdict.server)?,
            (Some(last), None) => {
                writeln!(out, "{:10}  would start, with zxid {}", verdict.server, last.0)?;
            }
            (None, None) => writeln!(out, "{:10}  would start", verdict.server)?,
        }
    }
    for finding in &report.findings {
        writeln!(out, "\n{} {}: {}", finding.severity.word(), finding.id, finding.what)?;
        for evidence in &finding.evidence {
            writeln!(out, "    {evidence}")?;
        }
        writeln!(out, "    remedy: {}", finding.remedy)?;
    }
    if report.findings.is_empty() {
        writeln!(out, "\nnothing is wrong")?;
    }
    if !report.repairs.is_empty() {
        let hint = if repairing { "" } else { " with --repair" };
        writeln!(out, "\ncan be repaired{hint}, and loses nothing:")?;
        for repair in &report.repairs {
            writeln!(out, "    {}", repair.words())?;
        }
    }
    Ok(())
}

fn carry_out(
    arguments: &DoctorArguments,
    place: &Place,
    report: &Report,
    out: &mut Output,
) -> Outcome {
    let dirs = place.to_change();
    let used = [&dirs.snapshots, &dirs.logs, &dirs.root].into_iter();
    if let Some(user) = used.filter_map(|dir| repair::user_of(dir.path())).next() {
        complain(&format!("zoarium doctor: {user} uses this directory; stop it first"));
        return Ok(ExitCode::from(FAILED));
    }
    let backup = arguments.backup.clone().unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ms = i64::try_from(since.as_millis()).unwrap_or(0);
        dirs.root.path().join(format!("doctor-{}", Moment(ms)).replace(':', "-"))
    });
    let count = report.repairs.len();
    let changes =
        if count == 1 { "this change".to_owned() } else { format!("these {count} changes") };
    let question = format!("Make {changes}, with copies in {}?", backup.display());
    if !arguments.yes && !agrees(&question) {
        return Ok(exit_of(report));
    }
    repair::carry_out(&dirs, &report.repairs, &backup)?;
    let after = examine(&place.fresh(), &mut Bar::new(false))?;
    let left = after.findings.iter().filter(|finding| finding.severity > Severity::Info).count();
    if !arguments.json {
        writeln!(out, "\nmade {changes}; copies are in {}", backup.display())?;
        writeln!(out, "{left} warnings and errors are left")?;
    }
    Ok(exit_of(&after))
}
