//! What was measured, as tables: in Markdown, and in columns for a terminal.

use super::{Conflict, Cost, Row};

/// A row for each protocol. A cost that is not what its formula says has the formula in brackets.
pub fn table(rows: &[Row]) -> String {
    let mut lines = vec![
        "| protocol | messages | delays | durable writes | survives | blocked | split |".to_owned(),
        "|---|---|---|---|---|---|---|".to_owned(),
    ];
    lines.extend(rows.iter().map(|row| {
        format!(
            "| {} | {} | {}, {} | {} | {} | {} of {} | {} of {} |",
            row.name,
            cell(&row.messages),
            cell(&row.delays_one),
            cell(&row.delays_all),
            cell(&row.writes),
            cell(&row.tolerates),
            row.blocked,
            row.crash_points,
            row.split,
            row.partition_points,
        )
    }));
    lines.join("\n")
}

fn cell(cost: &Cost) -> String {
    match (cost.is_as_expected(), cost.formula) {
        (true, "" | "0") => cost.found.to_string(),
        (true, formula) => format!("{} = {formula}", cost.found),
        (false, formula) => format!("{} [{formula} = {}]", cost.found, cost.expected),
    }
}

/// A row for each share of conflicts.
pub fn conflict_table(rows: &[Conflict]) -> String {
    let mut lines = vec![
        "| conflicts | Fast Paxos, restart | coordinated | uncoordinated | Multi-Paxos |"
            .to_owned(),
        "|---|---|---|---|---|".to_owned(),
    ];
    lines.extend(rows.iter().map(|it| {
        format!(
            "| {} % | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms |",
            it.percent, it.restart_ms, it.coordinated_ms, it.uncoordinated_ms, it.multi_paxos_ms
        )
    }));
    lines.join("\n")
}

/// A table in Markdown as columns for a terminal.
pub fn columns(markdown: &str) -> String {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let rows: Vec<Vec<String>> =
        markdown.lines().filter(|line| !line.starts_with("|---")).map(cells).collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("   ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}
