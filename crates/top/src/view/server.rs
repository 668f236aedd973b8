//! The screen with one server: its facts, and its connections or watched paths.

use super::{compact, count, duration, heading, millis};
use crate::app::{App, ConnectionColumn, Row, Screen, role_text};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Table, TableState, Wrap};
use zoarium_monitor::facts::State;
use zoarium_monitor::words::connections::Connection;

const FACT_LINES: u16 = 6;

pub(super) fn draw(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let Some(row) = app.looked_at() else {
        frame.render_widget(Line::from("asking the server".dim()), area);
        return;
    };
    let [facts, rest] =
        Layout::vertical([Constraint::Length(FACT_LINES), Constraint::Min(0)]).areas(area);
    draw_facts(frame, app, row, facts);
    match app.screen {
        Screen::Paths(_) => draw_paths(frame, app, rest),
        Screen::Servers | Screen::Connections(_) => draw_connections(frame, app, rest),
    }
}

fn draw_facts(frame: &mut Frame<'_>, app: &App, row: &Row, area: Rect) {
    let facts = &row.facts;
    let name = format!("{} {}", facts.target, role_text(facts)).bold();
    let version = facts.srvr.version.as_deref().unwrap_or_default();
    let title = Line::from(vec![" ".into(), name, format!(" {version} ").into()]);
    if let State::Unreachable(why) = &facts.state {
        let block = Block::new().borders(Borders::TOP).title(title);
        let text = Paragraph::new(why.clone()).red().wrap(Wrap { trim: true });
        frame.render_widget(text.block(block), area);
        return;
    }
    let (gauges, latencies) = (&facts.gauges, &facts.latencies);
    let pair = |(p50, p99)| format!("{} / {}", millis(p50), millis(p99));
    let watched = app.detail().and_then(|detail| detail.summary);
    let watched = watched.map(|it| format!("{} on {} paths", it.watches, it.paths));
    let files = format!("{} of {}", count(gauges.files), count(gauges.files_max));
    let columns = [
        [
            ("id", facts.id.map(|id| id.to_string()).unwrap_or_default()),
            ("state", facts.peer_state.clone().unwrap_or_default()),
            ("zxid", facts.srvr.zxid.map(|zxid| format!("{zxid:#x}")).unwrap_or_default()),
            ("lag", count(row.lag)),
            ("uptime", gauges.uptime_ms.map(duration).unwrap_or_default()),
        ],
        [
            ("requests/s", row.rates.received.map(compact).unwrap_or_default()),
            ("waiting", count(facts.srvr.outstanding)),
            ("sessions", count(gauges.sessions)),
            ("watches", watched.unwrap_or_else(|| count(gauges.watches))),
            ("files", if gauges.files.is_some() { files } else { String::new() }),
        ],
        [
            ("reads p50/p99 ms", pair((latencies.read_p50, latencies.read_p99))),
            ("writes p50/p99 ms", pair((latencies.write_p50, latencies.write_p99))),
            ("fsync avg/max ms", pair((latencies.fsync_avg, latencies.fsync_max))),
            ("znodes", count(facts.srvr.znodes)),
            ("data bytes", count(gauges.data_bytes)),
        ],
    ];
    let block = Block::new().borders(Borders::TOP).title(title);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let widths = [Constraint::Length(29), Constraint::Length(25), Constraint::Fill(1)];
    let areas = Layout::horizontal(widths).split(inner);
    let names = [7, 11, 18];
    for ((column, area), width) in columns.into_iter().zip(areas.iter()).zip(names) {
        let line = |(name, value): (&str, String)| {
            Line::from(vec![format!("{name:<width$}").dim(), Span::raw(value)])
        };
        let lines: Vec<Line<'_>> = column.into_iter().map(line).collect();
        frame.render_widget(Paragraph::new(lines), *area);
    }
}

fn draw_connections(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let shown = app.connections();
    let title = match app.detail().map(|detail| &detail.connections) {
        None => " connections: asking ".to_owned(),
        Some(Ok(all)) if all.len() == shown.len() => format!(" {} connections ", all.len()),
        Some(Ok(all)) => format!(" {} of {} connections ", shown.len(), all.len()),
        Some(Err(_)) => " connections ".to_owned(),
    };
    let block = Block::new().borders(Borders::TOP).title(title.bold());
    if let Some(Err(why)) = app.detail().map(|detail| &detail.connections) {
        frame.render_widget(
            Paragraph::new(why.clone()).wrap(Wrap { trim: true }).block(block),
            area,
        );
        return;
    }
    let by = app.connections_by;
    let headings = ConnectionColumn::ALL.into_iter().map(|column| {
        let sorted = (by.column == column).then_some(by.is_descending);
        let line = heading(column.heading(), sorted);
        let is_text =
            [ConnectionColumn::From, ConnectionColumn::Session, ConnectionColumn::Operation];
        Cell::from(if is_text.contains(&column) { line } else { line.right_aligned() })
    });
    let widths = [
        Constraint::Fill(1),
        Constraint::Length(18),
        Constraint::Length(5),
        Constraint::Length(6),
        Constraint::Length(6),
        Constraint::Length(5),
        Constraint::Length(6),
        Constraint::Length(6),
    ];
    let rows = shown.into_iter().map(connection_row);
    let table = Table::new(rows, widths)
        .header(ratatui::widgets::Row::new(headings))
        .row_highlight_style(Style::new().reversed())
        .block(block);
    let mut state = TableState::new().with_selected(app.selected);
    frame.render_stateful_widget(table, area, &mut state);
}

fn connection_row(connection: &Connection) -> ratatui::widgets::Row<'static> {
    let right = |text: String| Cell::from(Line::from(text).right_aligned());
    let session = connection.session.map(|session| format!("{session:#x}"));
    ratatui::widgets::Row::new(vec![
        Cell::from(connection.from.clone()),
        Cell::from(session.unwrap_or_default()),
        Cell::from(connection.last_operation.clone().unwrap_or_default()),
        right(count(connection.received)),
        right(count(connection.sent)),
        right(count(connection.queued)),
        right(millis(connection.avg_latency_ms)),
        right(millis(connection.max_latency_ms)),
    ])
}

fn draw_paths(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let block = Block::new().borders(Borders::TOP).title(" watched paths ".bold());
    let message = match app.detail().and_then(|detail| detail.paths.as_ref()) {
        None => Some("asking"),
        Some(Err(why)) => Some(why.as_str()),
        Some(Ok(paths)) if paths.is_empty() => Some("no znode's data is watched here"),
        Some(Ok(_)) => None,
    };
    if let Some(message) = message {
        let text = Paragraph::new(message.to_owned()).wrap(Wrap { trim: true });
        frame.render_widget(text.block(block), area);
        return;
    }
    let rows = app.paths().into_iter().map(|it| {
        let sessions = Line::from(it.sessions.to_string()).right_aligned();
        ratatui::widgets::Row::new(vec![Cell::from(it.path.clone()), Cell::from(sessions)])
    });
    let sessions = Cell::from(Line::from("sessions".bold()).right_aligned());
    let table = Table::new(rows, [Constraint::Fill(1), Constraint::Length(9)])
        .header(ratatui::widgets::Row::new(vec![Cell::from("path".bold()), sessions]))
        .row_highlight_style(Style::new().reversed())
        .block(block);
    let mut state = TableState::new().with_selected(app.selected);
    frame.render_stateful_widget(table, area, &mut state);
}
