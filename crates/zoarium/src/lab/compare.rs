//! `zoarium lab compare`.

use super::{Exit, Fault};
use clap::Args;
use serde_json::{Value, json};
use std::io::Write;
use zoarium_lab::compare::{
    Conflict, Cost, Row, SIZES, columns, compare, conflict_table, conflicts, table,
};

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
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// As a table in Markdown.
    #[arg(long)]
    markdown: bool,
}

/// What the columns mean, below the table.
const MEANING: &str = "\
messages, durable writes   for one decision without faults, as counted, and their formula
delays                     of messages, until the first and until the last of them knows
survives                   so many may be dead, beside the leader, and the request succeeds
blocked                    of all points after the request at which the leader can die for good:
                           after how many the others do not finish
split                      of all moments at which the network can be cut in two: in how many a
                           rule breaks for good";

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
        let table = table(&rows);
        match arguments.markdown {
            true => writeln!(out, "{table}")?,
            false => {
                let columns = columns(&table);
                writeln!(out, "Measured with n = N = {}.\n\n{columns}\n{MEANING}", arguments.n)?;
            }
        }
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
                    "fast_paxos_restart_ms": it.restart_ms,
                    "fast_paxos_coordinated_ms": it.coordinated_ms,
                    "fast_paxos_uncoordinated_ms": it.uncoordinated_ms,
                    "multi_paxos_ms": it.multi_paxos_ms,
                })
            })
            .collect();
        writeln!(out, "{:#}", Value::from(rows))?;
        return Ok(());
    }
    let table = conflict_table(rows);
    match arguments.markdown {
        true => writeln!(out, "{table}")?,
        false => write!(out, "{}", columns(&table))?,
    }
    Ok(())
}
