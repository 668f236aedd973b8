//! Draws the dashboard. Everything fits into 80 columns and 24 lines.

mod help;
mod server;
mod servers;

use crate::app::{App, Screen};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use zoarium_monitor::verdict::{Health, Verdict};

/// Draws what is to be seen.
pub fn draw(frame: &mut Frame<'_>, app: &App) {
    let [title, body, keys] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(0), Constraint::Length(1)])
            .areas(frame.area());
    draw_title(frame, app, title);
    match app.screen {
        Screen::Servers => servers::draw(frame, app, body),
        Screen::Connections(_) | Screen::Paths(_) => server::draw(frame, app, body),
    }
    draw_keys(frame, app, keys);
    if app.shows_help {
        help::draw(frame);
    }
}

fn draw_title(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let mut spans = vec![" zoarium top ".reversed(), Span::raw(" ")];
    match &app.verdict {
        None => spans.push("asking the servers".dim()),
        Some(verdict) => spans.extend(health(app, verdict)),
    }
    if app.is_paused {
        spans.push("  paused".yellow().bold());
    }
    frame.render_widget(Line::from(spans), area);
    let every = format!("every {} s ", app.interval.as_secs_f64());
    frame.render_widget(Line::from(every.dim()).right_aligned(), area);
}

fn health<'a>(app: &App, verdict: &Verdict) -> Vec<Span<'a>> {
    let colour = match verdict.health {
        Health::Healthy => Color::Green,
        Health::Degraded => Color::Yellow,
        Health::Down => Color::Red,
    };
    let leader = app.servers_that_lead();
    let leads = match &leader[..] {
        [] => String::new(),
        [row] => {
            let epoch = row.facts.epoch().map(|epoch| format!(" epoch {epoch}"));
            format!("  {} leads{}", row.facts.target, epoch.unwrap_or_default())
        }
        several => format!("  {} servers lead", several.len()),
    };
    let style = Style::new().fg(colour).add_modifier(Modifier::BOLD);
    vec![Span::styled(verdict.health.name(), style), Span::raw(leads)]
}

fn draw_keys(frame: &mut Frame<'_>, app: &App, area: Rect) {
    if app.is_filtering {
        let line = Line::from(vec![" filter: ".bold(), app.filter.clone().into(), "▏".into()]);
        frame.render_widget(line, area);
        return;
    }
    let mut keys: Vec<(&str, &str)> = match app.screen {
        Screen::Servers => vec![("⏎", "look closer"), ("←→", "sort"), ("r", "reverse")],
        Screen::Connections(_) => vec![("w", "watches"), ("←→", "sort"), ("r", "reverse")],
        Screen::Paths(_) => vec![("c", "connections")],
    };
    if app.screen != Screen::Servers {
        keys.insert(0, ("esc", "back"));
    }
    keys.extend([("/", "filter"), ("space", "pause"), ("?", "help")]);
    keys.push(("q", "quit"));
    let mut spans = Vec::new();
    for (key, what) in keys {
        spans.extend([Span::raw(" "), key.bold(), Span::raw(" "), what.dim()]);
    }
    if !app.filter.is_empty() {
        spans.push(format!("  only {:?}", app.filter).yellow());
    }
    frame.render_widget(Line::from(spans), area);
}

/// A heading, with where rows are sorted by it.
fn heading(name: &str, sorted: Option<bool>) -> Line<'static> {
    match sorted {
        None => Line::from(name.to_owned().bold()),
        Some(is_descending) => {
            let sign = if is_descending { '▼' } else { '▲' };
            Line::from(format!("{name}{sign}").bold().cyan())
        }
    }
}

/// A number that people read: `1234`, `56.7k`, `8.9M`.
fn compact(value: f64) -> String {
    match value {
        value if value >= 1e7 => format!("{:.0}M", value / 1e6),
        value if value >= 1e6 => format!("{:.1}M", value / 1e6),
        value if value >= 1e5 => format!("{:.0}k", value / 1e3),
        value if value >= 1e4 => format!("{:.1}k", value / 1e3),
        value => format!("{value:.0}"),
    }
}

fn count(value: Option<u64>) -> String {
    value.map(|value| compact(value as f64)).unwrap_or_default()
}

fn millis(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(ms) if ms >= 100.0 || ms.fract() == 0.0 => compact(ms),
        Some(ms) => format!("{ms:.1}"),
    }
}

/// Time in its largest units: `3d 4h`, `5m 6s`.
fn duration(ms: u64) -> String {
    let (seconds, minutes, hours) = (ms / 1000, ms / 60_000, ms / 3_600_000);
    match hours / 24 {
        0 if hours > 0 => format!("{hours}h {}m", minutes % 60),
        0 if minutes > 0 => format!("{minutes}m {}s", seconds % 60),
        0 => format!("{seconds}s"),
        days => format!("{days}d {}h", hours % 24),
    }
}

#[cfg(test)]
mod tests;
