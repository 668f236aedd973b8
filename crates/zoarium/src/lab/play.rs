//! `zoarium lab run`.

use super::{Exit, Fault, write_file};
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;
use zoarium_lab::text::View;
use zoarium_lab::{Changes, Played, Scenario, draw, json, page, text};

/// What to run, and how.
#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    /// The scenario.
    #[arg(value_name = "NAME", required_unless_present = "all", conflicts_with = "all")]
    name: Option<String>,
    /// Every scenario: only what it claims and whether that holds.
    #[arg(long)]
    all: bool,
    /// Another seed: another order of what happens at once, other random pauses.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// A setting of the protocol; `zoarium lab list PROTOCOL` shows which there are.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// One more line of script, such as "at 30ms crash c" or "at 40ms partition p1 | p2 p3".
    #[arg(long, value_name = "LINE")]
    fault: Vec<String>,
    /// Print the trace, and replay the page, as fast as it happens times this: 0.1 is ten times
    /// slower.
    #[arg(long, value_name = "FACTOR")]
    speed: Option<f64>,
    /// Show what is from this time on, in milliseconds.
    #[arg(long, value_name = "MS")]
    from: Option<u64>,
    /// Show what is up to this time, in milliseconds.
    #[arg(long, value_name = "MS")]
    to: Option<u64>,
    /// Show signs of life and connections too.
    #[arg(long)]
    quiet_too: bool,
    /// Draw the run as a space-time diagram.
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    svg: Option<PathBuf>,
    /// Make a page of the run, to step through and replay.
    #[arg(long, value_name = "FILE", conflicts_with = "all")]
    html: Option<PathBuf>,
    /// As JSON: the scenario, what it claims, and all that happened.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &RunArguments, out: &mut dyn Write) -> Result<Exit, Fault> {
    match &arguments.name {
        Some(name) => run_one(arguments, Scenario::find(name).map_err(Fault::Unusable)?, out),
        None => run_all(arguments, out),
    }
}

fn play(arguments: &RunArguments, scenario: &'static Scenario) -> Result<Played, Fault> {
    let changes = Changes {
        seed: arguments.seed,
        settings: arguments.set.join(" "),
        faults: arguments.fault.join("\n"),
    };
    scenario.play(&changes).map_err(|error| Fault::unusable(&error))
}

fn run_one(
    arguments: &RunArguments,
    scenario: &'static Scenario,
    out: &mut dyn Write,
) -> Result<Exit, Fault> {
    if let Some(speed) = arguments.speed.filter(|speed| *speed <= 0.0 || !speed.is_finite()) {
        return Err(bad_speed(speed));
    }
    let played = play(arguments, scenario)?;
    let millis = |ms: Option<u64>, default| ms.map_or(default, Duration::from_millis);
    let default = played.view();
    let view = View {
        from: millis(arguments.from, default.from),
        to: millis(arguments.to, default.to),
        quiet: arguments.quiet_too,
    };
    if let Some(path) = &arguments.svg {
        write_file(path, &draw::scenario(&played, view))?;
    }
    if let Some(path) = &arguments.html {
        let speed = arguments.speed.unwrap_or(page::SPEED);
        write_file(path, &page::html(&played, view, speed))?;
    }
    if arguments.json {
        writeln!(out, "{:#}", json::played(&played))?;
    } else {
        writeln!(out, "{}\n\n{}\n", scenario.title, text::wrapped(scenario.shows, 80))?;
        print_trace(arguments, &played, &view, out)?;
        writeln!(out, "\n{}", text::verdicts(&played.verdicts()))?;
    }
    Ok(if played.holds() { Exit::Held } else { Exit::Failed })
}

/// Prints what happened; if a speed is given, when it did.
fn print_trace(
    arguments: &RunArguments,
    played: &Played,
    view: &View,
    out: &mut dyn Write,
) -> Result<(), Fault> {
    let mut last = view.from;
    for line in text::lines(&played.run, view) {
        if let Some(speed) = arguments.speed {
            let pause = line.time.saturating_sub(last).as_secs_f64() / speed;
            out.flush()?;
            sleep(Duration::try_from_secs_f64(pause).map_err(|_| bad_speed(speed))?);
            last = line.time;
        }
        writeln!(out, "{}", line.text)?;
    }
    Ok(())
}

fn bad_speed(speed: f64) -> Fault {
    Fault::Unusable(format!("--speed {speed}: expected a number above 0, such as 0.1"))
}

fn run_all(arguments: &RunArguments, out: &mut dyn Write) -> Result<Exit, Fault> {
    let mut outcomes = Vec::new();
    let (mut failed, mut claims) = (0, 0);
    for scenario in Scenario::all() {
        let played = play(arguments, scenario)?;
        let verdicts = played.verdicts();
        claims += verdicts.len();
        failed += verdicts.iter().filter(|verdict| verdict.finding.is_err()).count();
        if arguments.json {
            outcomes.push(json::outcome(&played));
        } else {
            writeln!(out, "{}: {}", scenario.name, scenario.title)?;
            writeln!(out, "{}", text::verdicts(&verdicts))?;
        }
    }
    if arguments.json {
        writeln!(out, "{:#}", serde_json::Value::from(outcomes))?;
    } else {
        let scenarios = Scenario::all().count();
        writeln!(out, "{scenarios} scenarios, {claims} claims, {failed} of them do not hold")?;
    }
    Ok(if failed == 0 { Exit::Held } else { Exit::Failed })
}
