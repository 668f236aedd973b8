//! `zoarium lab compare`.

use super::{Exit, Fault};
use clap::Args;
use serde_json::{Value, json};
use std::io::Write;
use zoarium_lab::compare::{Conflict, Cost, Row, SIZES, compare, conflict_table, conflicts, table};

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct CompareArguments {
    /// How many participants, acceptors or servers, from 3 to 7.
    #[arg(short, default_value_t = 3, value_name = "COUNT")]
    n: u8,
    /// Measure instead how long decisions take when proposals conflict.
    #[arg(long)]
    conflicts: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &CompareArguments, out: &mut dyn Write) -> Result<Exit, Fault> {
    if !SIZES.contains(&arguments.n) {
        let why = format!("-n {}: expected 3 to 7", arguments.n);
        return Err(Fault::Unusable(why));
    }
    if arguments.conflicts {
        let rows = conflicts().map_err(|error| Fault::unusable(&error))?;
        show_conflicts(arguments, &rows, out)?;
        return Ok(Exit::Held);
    }
    let rows = compare(arguments.n).map_err(|error| Fault::unusable(&error))?;
    if arguments.json {
        let rows: Vec<Value> = rows.iter().map(row_as_json).collect();
        writeln!(out, "{:#}", json!({ "n": arguments.n, "rows": rows }))?;
    } else {
        writeln!(out, "Measured with n = N = {}.\n\n{}", arguments.n, table(&rows))?;
    }
    Ok(if rows.iter().all(Row::is_as_expected) { Exit::Held } else { Exit::Failed })
}

fn row_as_json(row: &Row) -> Value {
    let cost = |cost: &Cost| json!({ "found": cost.found, "formula": cost.formula, "expected": cost.expected });
    json!({
        "name": row.name,
        "protocol": row.kind.key(),
        "messages": cost(&row.messages),
        "delays_one": cost(&row.delays_one),
        "delays_all": cost(&row.delays_all),
        "durable_writes": cost(&row.writes),
        "tolerates": cost(&row.tolerates),
        "blocked": row.blocked,
        "crash_points": row.crash_points,
        "split": row.split,
        "partition_points": row.partition_points,
        "as_expected": row.is_as_expected(),
    })
}

fn show_conflicts(
    arguments: &CompareArguments,
    rows: &[Conflict],
    out: &mut dyn Write,
) -> Result<(), Fault> {
    if arguments.json {
        let rows: Vec<Value> = rows
            .iter()
            .map(|it| {
                json!({
                    "percent": it.percent,
                    "fast_paxos_coordinated_ms": it.coordinated_ms,
                    "fast_paxos_uncoordinated_ms": it.uncoordinated_ms,
                    "multi_paxos_ms": it.multi_paxos_ms,
                })
            })
            .collect();
        writeln!(out, "{:#}", Value::from(rows))?;
        return Ok(());
    }
    writeln!(out, "{}", conflict_table(rows))?;
    Ok(())
}
