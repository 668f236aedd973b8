//! The screen with all servers: a table, a chart, what is hot and what is wrong.

use super::{compact, count, heading, millis};
use crate::app::{App, Row, ServerColumn, role_text};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Sparkline, Table, TableState, Wrap};
use zoarium_monitor::facts::State;
use zoarium_monitor::words::srvr::Role;

const CHART_LINES: u16 = 5;
const BOTTOM_LINES: u16 = 7;

/// Wide enough for version and zxid too.
const WIDE: u16 = 110;

pub(super) fn draw(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let [table, chart, bottom] = Layout::vertical([
        Constraint::Min(4),
        Constraint::Length(CHART_LINES),
        Constraint::Length(BOTTOM_LINES),
    ])
    .areas(area);
    draw_table(frame, app, table);
    draw_chart(frame, app, chart);
    let [heat, findings] =
        Layout::horizontal([Constraint::Length(38), Constraint::Min(20)]).spacing(2).areas(bottom);
    draw_heat(frame, app, heat);
    draw_findings(frame, app, findings);
}

fn draw_table(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let is_wide = area.width >= WIDE;
    let mut widths = vec![
        Constraint::Fill(1),
        Constraint::Length(11),
        Constraint::Length(6),
        Constraint::Length(7),
        Constraint::Length(5),
        Constraint::Length(6),
        Constraint::Length(8),
        Constraint::Length(6),
        Constraint::Length(6),
    ];
    let mut headings: Vec<Line<'_>> = ServerColumn::ALL
        .into_iter()
        .map(|column| {
            let by = app.servers_by;
            let line = heading(column.heading(), (by.column == column).then_some(by.is_descending));
            match column {
                ServerColumn::Server | ServerColumn::Role => line,
                ServerColumn::Lag
                | ServerColumn::Rate
                | ServerColumn::Waiting
                | ServerColumn::Clients
                | ServerColumn::Watches
                | ServerColumn::Reads
                | ServerColumn::Writes => line.right_aligned(),
            }
        })
        .collect();
    if is_wide {
        widths.extend([Constraint::Length(19), Constraint::Length(15)]);
        headings.push(heading("version", None).right_aligned());
        headings.push(heading("zxid", None).right_aligned());
    }
    let rows = app.servers().into_iter().map(|row| table_row(row, is_wide));
    let header = ratatui::widgets::Row::new(headings.into_iter().map(Cell::from));
    let table = Table::new(rows, widths)
        .header(header)
        .column_spacing(1)
        .row_highlight_style(Style::new().reversed());
    let mut state = TableState::new().with_selected(app.selected);
    frame.render_stateful_widget(table, area, &mut state);
}

fn table_row(row: &Row, is_wide: bool) -> ratatui::widgets::Row<'static> {
    let facts = &row.facts;
    let right = |text: String| Cell::from(Line::from(text).right_aligned());
    let mut cells = vec![
        Cell::from(facts.target.to_string()),
        Cell::from(Span::styled(role_text(facts), role_style(row))),
        right(count(row.lag)),
        right(row.rates.received.map(compact).unwrap_or_default()),
        right(count(facts.srvr.outstanding)),
        right(count(facts.srvr.connections)),
        right(count(facts.gauges.watches)),
        right(millis(facts.latencies.read_p99)),
        right(millis(facts.latencies.write_p99)),
    ];
    if is_wide {
        cells.push(right(facts.srvr.version.clone().unwrap_or_default()));
        cells.push(right(facts.srvr.zxid.map(|zxid| format!("{zxid:#x}")).unwrap_or_default()));
    }
    ratatui::widgets::Row::new(cells)
}

fn role_style(row: &Row) -> Style {
    match (&row.facts.state, row.facts.role()) {
        (State::Unreachable(_) | State::NotServing, _) => Style::new().fg(Color::Red).bold(),
        (State::Serving, Some(Role::Leader)) => Style::new().fg(Color::Green).bold(),
        (State::Serving, Some(Role::ReadOnly)) => Style::new().fg(Color::Yellow),
        (State::Serving, Some(Role::Follower | Role::Observer | Role::Standalone) | None) => {
            Style::new()
        }
    }
}

fn draw_chart(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let latest = app.history.back().copied().unwrap_or_default();
    let width = usize::from(area.width.saturating_sub(1));
    let shown = app.history.iter().skip(app.history.len().saturating_sub(width)).copied();
    let shown: Vec<u64> = shown.collect();
    let most = shown.iter().copied().max().unwrap_or_default();
    let title = format!(
        " requests a second: {}, at most {} ",
        compact(latest as f64),
        compact(most as f64)
    );
    let block = Block::new().borders(Borders::TOP).title(title.bold());
    let chart = Sparkline::default().block(block).data(&shown).max(most.max(1)).cyan();
    frame.render_widget(chart, area);
}

fn draw_heat(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let block = Block::new().borders(Borders::TOP).title(" hottest paths ".bold());
    if app.heat.is_empty() {
        let why = "nothing yet: servers tell of top-level\nznodes that are read or written (mntr)";
        frame.render_widget(Paragraph::new(why).dim().block(block), area);
        return;
    }
    let rows = app.heat.iter().map(|heat| {
        let right = |value| Cell::from(Line::from(compact(value)).right_aligned());
        ratatui::widgets::Row::new(vec![
            Cell::from(heat.path.clone()),
            right(heat.reads),
            right(heat.writes),
        ])
    });
    let widths = [Constraint::Fill(1), Constraint::Length(8), Constraint::Length(8)];
    let right = |text: &'static str| Cell::from(Line::from(text.bold()).right_aligned());
    let header = ratatui::widgets::Row::new(vec![
        Cell::from("path".bold()),
        right("reads/s"),
        right("writes/s"),
    ]);
    frame.render_widget(Table::new(rows, widths).header(header).block(block), area);
}

fn draw_findings(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let block = Block::new().borders(Borders::TOP).title(" what to know ".bold());
    let findings = app.verdict.iter().flat_map(|verdict| &verdict.findings);
    let lines: Vec<Line<'_>> = findings
        .flat_map(|finding| {
            let what = match finding.is_problem {
                true => Span::from(finding.what.clone()).yellow(),
                false => Span::from(finding.what.clone()),
            };
            [Line::from(what), Line::from(finding.remedy.clone().dim())]
        })
        .collect();
    let text = if lines.is_empty() { Text::from("nothing".dim()) } else { Text::from(lines) };
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }).block(block), area);
}
