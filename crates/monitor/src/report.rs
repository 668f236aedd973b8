//! Facts and verdicts as text and as JSON.

use crate::ensemble::{Rates, lag, leader};
use crate::facts::{Facts, State};
use crate::verdict::Verdict;
use serde_json::{Value, json};

/// A table of servers, one line each.
pub fn table(servers: &[Facts], rates: &[Rates]) -> String {
    let leader = leader(servers);
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    for (index, server) in servers.iter().enumerate() {
        rows.push(row(server, leader, rates.get(index).copied().unwrap_or_default()));
    }
    let has_rates = !rates.is_empty();
    let is_shown = |column: &usize| has_rates || !RATE_COLUMNS.contains(column);
    let columns: Vec<usize> = (0..HEADINGS.len()).filter(is_shown).collect();
    let width = |column: &usize| {
        rows.iter().map(|row| row[*column].chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = columns.iter().map(width).collect();
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, width) in columns.iter().zip(&widths) {
            let cell = &row[*column];
            line += &match column {
                0..=2 => format!("{cell:<width$}  "),
                _ => format!("{cell:>width$}  "),
            };
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

const HEADINGS: [&str; 13] = [
    "server",
    "role",
    "version",
    "zxid",
    "lag",
    "sessions",
    "clients",
    "watches",
    "waiting",
    "req/s",
    "txn/s",
    "read p99",
    "write p99",
];

/// Those that need two looks at a server.
const RATE_COLUMNS: [usize; 2] = [9, 10];

fn row(server: &Facts, leader: Option<&Facts>, rates: Rates) -> [String; HEADINGS.len()] {
    let role = match (&server.state, server.role()) {
        (State::Unreachable(_), _) => "unreachable".to_owned(),
        (State::NotServing, _) => "not serving".to_owned(),
        (State::Serving, Some(role)) => role.to_string(),
        (State::Serving, None) => String::new(),
    };
    let other = leader.filter(|leader| leader.target != server.target);
    let lag = other.and_then(|leader| lag(server, leader));
    [
        server.target.to_string(),
        role,
        server.srvr.version.clone().unwrap_or_default(),
        server.srvr.zxid.map(|zxid| format!("{zxid:#x}")).unwrap_or_default(),
        shown(lag),
        shown(server.gauges.sessions),
        shown(server.srvr.connections),
        shown(server.gauges.watches),
        shown(server.srvr.outstanding),
        rates.received.map(|rate| format!("{rate:.0}")).unwrap_or_default(),
        rates.transactions.map(|rate| format!("{rate:.0}")).unwrap_or_default(),
        millis(server.latencies.read_p99),
        millis(server.latencies.write_p99),
    ]
}

fn shown(count: Option<u64>) -> String {
    count.map(|count| count.to_string()).unwrap_or_default()
}

fn millis(latency: Option<f64>) -> String {
    latency.map(|ms| format!("{ms} ms")).unwrap_or_default()
}

/// A verdict with its findings, and what to do about each.
pub fn verdict(servers: &[Facts], verdict: &Verdict) -> String {
    let serving = servers.iter().filter(|server| server.serves()).count();
    let mut out = format!("{}: {serving} of {} serve", verdict.health.name(), servers.len());
    if let Some(leader) = leader(servers) {
        out += &format!(", {} leads", leader.target);
        if let Some(epoch) = leader.epoch() {
            out += &format!(" epoch {epoch}");
        }
    }
    out.push('\n');
    for finding in &verdict.findings {
        let sign = if finding.is_problem { '!' } else { '-' };
        out += &format!("{sign} {}\n  {}\n", finding.what, finding.remedy);
    }
    out
}

/// All of it, for programs.
pub fn document(servers: &[Facts], rates: &[Rates], verdict: &Verdict) -> Value {
    let leader = leader(servers);
    let server = |(index, server): (usize, &Facts)| {
        let mut document = json!(server);
        if let Some(members) = document.as_object_mut() {
            members.insert("epoch".to_owned(), json!(server.epoch()));
            members.insert("lag".to_owned(), json!(leader.and_then(|leader| lag(server, leader))));
            if let Some(rates) = rates.get(index) {
                members.insert("per_second".to_owned(), json!(rates));
            }
        }
        document
    };
    json!({
        "health": verdict.health,
        "findings": verdict.findings,
        "leader": leader.map(|leader| leader.target.to_string()),
        "servers": servers.iter().enumerate().map(server).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;
    use crate::verdict::judge;
    use crate::word::AskError;
    use std::time::Instant;

    #[test]
    fn table_and_verdict_say_who_leads_and_who_is_missing() {
        let target = |port| Target { host: "zoo".to_owned(), port };
        let srvr = "Zookeeper version: 3.9.5, built on x\nMode: leader\nZxid: 0x20000000a\n";
        let mntr = "zk_p99_readlatency\t3.0\nzk_quorum_size\t3\nzk_synced_followers\t1\n";
        let servers = [
            Facts::from_answers(&target(1), srvr, mntr, "", Instant::now()),
            Facts::from_answers(
                &target(2),
                "Mode: follower\nZxid: 0x200000007",
                "",
                "",
                Instant::now(),
            ),
            Facts::from_failure(&target(3), AskError::NotServing, Instant::now()),
        ];
        let shown = table(&servers, &[]) + &verdict(&servers, &judge(&servers));
        let expected = "\
server  role         version         zxid  lag  sessions  clients  watches  waiting  read p99  write p99
zoo:1   leader       3.9.5    0x20000000a                                                3 ms
zoo:2   follower              0x200000007    3
zoo:3   not serving
degraded: 2 of 3 serve, zoo:1 leads epoch 2
! zoo:3 runs and does not serve
";
        assert!(shown.starts_with(expected), "{shown}");
        let document = document(&servers, &[], &judge(&servers));
        assert_eq!(
            (&document["health"], &document["leader"]),
            (&json!("degraded"), &json!("zoo:1"))
        );
        assert_eq!(
            (&document["servers"][1]["lag"], &document["servers"][1]["epoch"]),
            (&json!(3), &json!(2))
        );
    }

    #[test]
    fn ensemble_without_a_transaction_has_no_epoch_to_tell() {
        let target = Target { host: "zoo".to_owned(), port: 1 };
        let srvr = "Mode: leader\nZxid: 0x0\n";
        let servers = [Facts::from_answers(&target, srvr, "", "", Instant::now())];
        let said = verdict(&servers, &judge(&servers));
        assert!(said.contains(" serve, zoo:1 leads\n"), "{said}");
        let document = document(&servers, &[], &judge(&servers));
        assert_eq!(document["servers"][0]["epoch"], json!(null));
    }
}
