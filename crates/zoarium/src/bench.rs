//! `zoarium bench`.

mod arguments;

pub(crate) use arguments::BenchArguments;

use std::io::{self, IsTerminal, Write, stderr, stdout};
use std::path::Path;
use std::process::ExitCode;
use zoarium_bench::plan::{Beginning, Plan};
use zoarium_bench::summary::Comparison;
use zoarium_bench::workload::PRESETS;
use zoarium_bench::{html, report};

/// Runs the workloads and shows what came out.
pub(crate) fn run(arguments: &BenchArguments) -> ExitCode {
    if arguments.list {
        return end(show_presets());
    }
    let plan = match arguments.plan() {
        Ok(plan) => plan,
        Err(error) => return fail(&error, ExitCode::from(2)),
    };
    let comparisons = match plan.carry_out(tell) {
        Ok(comparisons) => comparisons,
        Err(error) => return fail(&error, ExitCode::FAILURE),
    };
    end(show(arguments, &plan, &comparisons))
}

/// Which run begins, for who waits.
fn tell(beginning: Beginning<'_>) {
    let Beginning { workload, side, number, count } = beginning;
    if stderr().is_terminal() {
        // Who closes standard error does not want to know.
        let _closed = writeln!(stderr(), "{number}/{count}: {workload} against {side}");
    }
}

fn show_presets() -> io::Result<()> {
    let mut out = stdout().lock();
    for preset in PRESETS {
        writeln!(out, "{:<14}  {}", preset.name, preset.about)?;
    }
    writeln!(out, "{:<14}  what --read, --write, … weigh", "mix")
}

fn show(arguments: &BenchArguments, plan: &Plan, comparisons: &[Comparison]) -> io::Result<()> {
    let document = || report::document(plan, comparisons);
    if let Some(path) = &arguments.html {
        write(path, &html::page(plan, comparisons))?;
    }
    match &arguments.json {
        Some(path) if path.as_os_str() != "-" => write(path, &format!("{}\n", document()))?,
        Some(_) => return writeln!(stdout(), "{}", document()),
        None => {}
    }
    stdout().write_all(report::text(comparisons).as_bytes())
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    std::fs::write(path, text).map_err(named)
}

fn end(shown: io::Result<()>) -> ExitCode {
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        // Who closes the pipe has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(&error, ExitCode::FAILURE),
    }
}

fn fail(error: &dyn std::fmt::Display, code: ExitCode) -> ExitCode {
    let _closed = writeln!(stderr(), "zoarium bench: {error}");
    code
}
