//! Results as a page: one file that needs nothing else, in light and dark.

mod axis;
mod plot;

use crate::plan::Plan;
use crate::report::{number, warning, with_spread};
use crate::result::RunResult;
use crate::summary::{Comparison, Figure};
use crate::workload::{Kind, Workload};
use axis::Axis;
use plot::{Line, Plot, Tone};

const STYLE: &str = "\
:root{color-scheme:light dark;--a:#2166ac;--b:#d6604d;--ink:#1c1e21;--soft:#6b7280;--rule:#d8dbe0;\
--ground:#fff}\
@media(prefers-color-scheme:dark){:root{--a:#7ab8f5;--b:#ff9d88;--ink:#e8eaed;--soft:#9aa0a8;\
--rule:#3c4046;--ground:#17191c}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);max-width:1180px;\
margin:2rem auto;padding:0 1.5rem}\
h1{font-size:1.6rem;margin:0 0 .2rem}h2{font-size:1.2rem;margin:2.4rem 0 .2rem}\
p{margin:.2rem 0 .8rem}.soft{color:var(--soft)}.warn{border-left:4px solid var(--b);padding-left:.8rem}\
table{border-collapse:collapse;margin:.6rem 0;font-variant-numeric:tabular-nums}\
th,td{padding:.2rem .9rem .2rem 0;text-align:right;border-bottom:1px solid var(--rule)}\
th:first-child,td:first-child{text-align:left}th{font-weight:600}\
.a{color:var(--a)}.b{color:var(--b)}\
.plots{display:flex;flex-wrap:wrap;gap:.6rem 1.2rem}svg{display:block;overflow:visible}\
svg text{font:12px system-ui,sans-serif;fill:var(--soft)}svg .title{font-weight:600;fill:var(--ink)}\
svg .grid{stroke:var(--rule);stroke-width:1}svg .one{stroke:var(--soft);stroke-dasharray:4 3}\
svg .line{fill:none;stroke:currentColor;stroke-width:1.6;stroke-linejoin:round}\
svg .faint{stroke-opacity:.45;stroke-dasharray:5 3}svg .whisker{stroke:currentColor;stroke-width:2}\
svg .dot{fill:currentColor}svg .name{fill:var(--ink)}";

/// The page.
pub fn page(plan: &Plan, comparisons: &[Comparison]) -> String {
    let title = match &plan.against {
        Some(against) => format!("{} against {}", plan.side.name, against.name),
        None => plan.side.name.clone(),
    };
    let mut body = format!("<h1>{}</h1>\n{}", escaped(&title), conditions(plan));
    if plan.against.is_some() {
        body += &ratios(plan, comparisons);
    }
    for (workload, comparison) in plan.workloads.iter().zip(comparisons) {
        body += &section(plan, workload, comparison);
    }
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>zoarium bench: {}</title><style>{STYLE}</style></head>\n<body>{body}</body></html>\n",
        escaped(&title)
    )
}

fn conditions(plan: &Plan) -> String {
    let settings = &plan.settings;
    let mut text = format!("<p><span class=\"a\">{}</span>", side_text(&plan.side));
    if let Some(against) = &plan.against {
        text += &format!("; <span class=\"b\">{}</span>", side_text(against));
    }
    let runs = match plan.repeats {
        1 => "one run".to_owned(),
        count if plan.against.is_some() => format!("{count} pairs of runs"),
        count => format!("{count} runs"),
    };
    let rate = settings.rate.map_or_else(
        || "closed loop: a connection sends when a reply has come".to_owned(),
        |rate| {
            format!(
                "{} operations a second are due whatever the servers do, and latencies count from \
                 then",
                number(rate)
            )
        },
    );
    text += &format!(
        "</p>\n<p class=\"soft\">{runs} of {} s each, after {} s of warm-up; {rate}.</p>\n",
        settings.duration.as_secs_f64(),
        settings.warm_up.as_secs_f64()
    );
    text
}

fn side_text(side: &crate::settings::Side) -> String {
    let servers = side.servers.to_string();
    let name = escaped(&side.name);
    if servers == side.name { name } else { format!("{name}: {}", escaped(&servers)) }
}

/// What the second side is to the first, in one picture.
fn ratios(plan: &Plan, comparisons: &[Comparison]) -> String {
    let names = [&plan.side, plan.against.as_ref().unwrap_or(&plan.side)];
    let [ours, theirs] = names.map(|side| escaped(&side.name));
    let row = |comparison: &Comparison| {
        Some((comparison.workload.clone(), comparison.ratio(Figure::Rate)?))
    };
    let rows: Vec<_> = comparisons.iter().filter_map(row).collect();
    format!(
        "<h2>Operations a second, {theirs} / {ours}</h2>\n<p class=\"soft\">Right of the dashed line \
         {theirs} is faster. Dots are medians of pairs, lines go from the least to the greatest.</p>\n{}",
        plot::ratios(&rows)
    )
}

fn section(plan: &Plan, workload: &Workload, comparison: &Comparison) -> String {
    let mut text = format!(
        "<h2>{}</h2>\n<p class=\"soft\">{}</p>\n",
        escaped(&workload.name),
        escaped(&shape(workload))
    );
    for run in comparison.runs.iter().chain(&comparison.against) {
        if let Some(warning) = warning(run) {
            text += &format!("<p class=\"warn\">{}</p>\n", escaped(&warning));
        }
    }
    text += &figures(plan, comparison);
    let plots = [latencies(comparison), rate(comparison), over_time(comparison)];
    text + "<div class=\"plots\">" + &plots.map(|plot| plot.svg()).concat() + "</div>\n"
}

fn shape(workload: &Workload) -> String {
    let size = match workload.size {
        (from, to) if from == to => format!("{to} bytes"),
        (from, to) => format!("{from} to {to} bytes"),
    };
    let Workload { connections, pipeline, keys, .. } = workload;
    match workload.kind {
        Kind::Mix(_) => format!(
            "{connections} connections with up to {pipeline} requests under way each, {keys} znodes \
             of {size}"
        ),
        Kind::Latency => format!("one request at a time, {keys} znodes of {size}"),
        Kind::Watch { .. } => format!("{connections} watchers of a znode of {size}"),
        Kind::Connect => format!("{connections} threads that open and close sessions"),
    }
}

fn figures(plan: &Plan, comparison: &Comparison) -> String {
    let mut text = format!("<table><tr><th></th><th class=\"a\">{}</th>", escaped(&plan.side.name));
    if let Some(against) = &plan.against {
        text +=
            &format!("<th class=\"b\">{}</th><th>ratio (least–most)</th>", escaped(&against.name));
    }
    text += "</tr>\n";
    for figure in Figure::ALL {
        let shown = |runs: &[RunResult]| {
            figure.spread(runs).map(|spread| match runs.len() {
                1 => number(spread.median),
                _ => with_spread(spread),
            })
        };
        let Some(ours) = shown(&comparison.runs) else { continue };
        text += &format!("<tr><td>{}</td><td>{ours}</td>", figure.name());
        if plan.against.is_some() {
            let ratio = comparison
                .ratio(figure)
                .map(|ratio| format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.min, ratio.max));
            text += &format!(
                "<td>{}</td><td>{}</td>",
                shown(&comparison.against).unwrap_or_default(),
                ratio.unwrap_or_default()
            );
        }
        text += "</tr>\n";
    }
    text + "</table>\n"
}

/// A line for each run of both sides.
fn lines(
    comparison: &Comparison,
    is_faint: bool,
    points: impl Fn(&RunResult) -> Vec<(f64, f64)>,
) -> Vec<Line> {
    let ours = comparison.runs.iter().map(|run| (Tone::First, run));
    let theirs = comparison.against.iter().map(|run| (Tone::Second, run));
    let line = |(tone, run)| Line { tone, is_faint, points: points(run) };
    ours.chain(theirs).map(line).collect()
}

fn latencies(comparison: &Comparison) -> Plot {
    let nines = |quantile: f64| -(1.0 - quantile).log10();
    let lines = lines(comparison, false, |run| {
        run.curve.iter().map(|point| (nines(point.quantile), point.us)).collect()
    });
    let most = lines.iter().flat_map(|line| &line.points).map(|point| point.0).fold(1.0, f64::max);
    let y = Axis::latencies(lines.iter().flat_map(|line| &line.points).map(|point| point.1));
    Plot { title: "Latency that this part of all does not exceed", x: Axis::nines(most), y, lines }
}

fn rate(comparison: &Comparison) -> Plot {
    let lines = lines(comparison, false, |run| {
        run.over_time.iter().map(|point| (point.at_s, point.ops_per_s)).collect()
    });
    let y = Axis::from_zero(lines.iter().flat_map(|line| &line.points).map(|point| point.1));
    Plot { title: "Operations a second over time", x: seconds(&lines), y, lines }
}

fn over_time(comparison: &Comparison) -> Plot {
    let of = |is_faint, us: fn(&crate::result::Point) -> f64| {
        lines(comparison, is_faint, |run| {
            run.over_time.iter().map(|point| (point.at_s, us(point))).collect()
        })
    };
    let mut lines = of(true, |point| point.p50_us);
    lines.extend(of(false, |point| point.p99_us));
    let y = Axis::latencies(lines.iter().flat_map(|line| &line.points).map(|point| point.1));
    Plot { title: "Latency over time: p99, and dashed p50", x: seconds(&lines), y, lines }
}

fn seconds(lines: &[Line]) -> Axis {
    Axis::seconds(lines.iter().flat_map(|line| &line.points).map(|point| point.0))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
