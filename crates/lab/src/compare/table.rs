//! What was measured, as tables in Markdown.

use super::{Conflict, Cost, Row};

/// A row for each protocol. A cost that is not what its formula says has the formula in brackets.
pub fn table(rows: &[Row]) -> String {
    let mut lines = vec![
        "| protocol | messages | delays until one, all know | durable writes | \
         dead that do not matter | leader's deaths that block | partitions that break a rule |"
            .to_owned(),
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
        "| conflicts | Fast Paxos, coordinated | uncoordinated | Multi-Paxos |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    lines.extend(rows.iter().map(|it| {
        format!(
            "| {} % | {:.1} ms | {:.1} ms | {:.1} ms |",
            it.percent, it.coordinated_ms, it.uncoordinated_ms, it.multi_paxos_ms
        )
    }));
    lines.join("\n")
}
